/* SPDX-License-Identifier: MIT */
/* Running a command in a node: ask the lab for the node, join its namespaces, start, wait, pass signals on. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "lab/client.h"
#include "node/command.h"
#include "sys/proc.h"
#include "sys/pty.h"
#include "sys/relay.h"

/** All that the processes between us and the command need; memory is shared by fork. */
struct job {
	const struct lab_exec_options *options;
	struct node_command command;
	int node_fd; /**< pidfd of the node's init */
	bool rootless;
	int failure_fd; /**< struct netlab_err when the command could not be executed; closed by exec */
	struct sys_pty *pty;
};

static void fail(const struct job *j, const struct netlab_err *err, int code)
{
	(void)!write(j->failure_fd, err, sizeof(*err));
	_exit(code);
}

static void explain_joining(const struct job *j, int r, struct netlab_err *err)
{
	err_errno(err, r, "joining node '%s'", j->options->node);
	if (r == -EPERM)
		err_hint(err, "run as the user that started the lab, or as root");
	else if (r == -ESRCH)
		err_hint(err, "the node died meanwhile");
}

/** The command's own process: inside all namespaces, PID included. */
static void run_command(struct job *j, const int alive[2])
{
	struct netlab_err err = { 0 };
	int r;

	close(alive[0]);
	j->command.dies_with_parent = true;
	j->command.parent_fd = alive[1];
	r = sys_setns(j->node_fd, SYS_NS_NET | SYS_NS_MNT | SYS_NS_UTS | SYS_NS_IPC);
	if (r < 0) {
		explain_joining(j, r, &err);
		fail(j, &err, NETLAB_EXIT_NETLAB);
	}
	if (j->pty && (r = sys_pty_attach(j->pty)) < 0) {
		err_errno(&err, r, "taking the terminal");
		fail(j, &err, NETLAB_EXIT_NETLAB);
	}
	r = node_exec(&j->command, &err);
	fail(j, &err, node_exec_exit_code(r));
}

/**
 * Joins the node's PID namespace, which takes effect for children only; so the command is one more fork away, and only
 * it joins the other namespaces: this process outlives the node by a moment, and would keep them for as long.
 */
static void enter_node(struct job *j, pid_t parent)
{
	struct netlab_err err = { 0 };
	int alive[2], r;
	pid_t pid;

	(void)sys_die_with_parent(true);
	if (getppid() != parent)
		_exit(NETLAB_EXIT_NETLAB); /* it died before it could have taken us along */
	r = sys_setns(j->node_fd, SYS_NS_PID | (j->rootless ? SYS_NS_USER : 0));
	if (r < 0) {
		explain_joining(j, r, &err);
		fail(j, &err, NETLAB_EXIT_NETLAB);
	}
	/* with another user namespace came other credentials, which ends it: prctl(2) */
	(void)sys_die_with_parent(true);
	if (pipe2(alive, O_CLOEXEC) < 0) {
		err_errno(&err, errno, "pipe");
		fail(j, &err, NETLAB_EXIT_NETLAB);
	}
	pid = sys_clone(0, NULL);
	if (pid == 0)
		run_command(j, alive);
	if (pid == -ENOMEM && sys_wait_readable(j->node_fd, 0) == 0)
		pid = -ESRCH; /* what the kernel says of a PID namespace without its init */
	if (pid < 0) {
		explain_joining(j, pid, &err);
		fail(j, &err, NETLAB_EXIT_NETLAB);
	}
	close(alive[1]);
	close(j->failure_fd);
	_exit(sys_relay_wait(pid, j->pty ? 0 : SYS_RELAY_SIGNALS));
}

static int run_job(struct job *j, int *ret_status, struct netlab_err *err)
{
	struct netlab_err failure = { 0 };
	struct sys_relay relay;
	int pair[2];
	ssize_t n;
	pid_t self = getpid(), pid;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	j->failure_fd = pair[1];
	/* blocked from before the fork on, so that no signal falls between the processes */
	sys_relay_begin(&relay);
	pid = sys_clone(0, NULL);
	if (pid == 0) {
		close(pair[0]);
		enter_node(j, self);
	}
	close(pair[1]);
	if (pid < 0) {
		sys_relay_end(&relay);
		close(pair[0]);
		return err_errno(err, pid, "fork");
	}
	if (j->pty)
		*ret_status = sys_pty_relay(j->pty, pid);
	else
		*ret_status = sys_relay_wait(pid, SYS_RELAY_SIGNALS);
	sys_relay_end(&relay);
	n = read(pair[0], &failure, sizeof(failure));
	close(pair[0]);
	if (n == (ssize_t)sizeof(failure)) {
		if (err)
			*err = failure;
		return *ret_status == NETLAB_EXIT_NETLAB ? failure.code : 0;
	}
	return 0;
}

/** Node's settings, then those of the lab itself, then the caller's: later ones win. */
static const char **merge_env(const json_t *reply, const struct lab_exec_options *o, char *own[2])
{
	const json_t *node_env = json_object_get(reply, "env"), *item;
	size_t n = 0, extra = 0, i;
	const char **env;

	while (o->env && o->env[extra])
		extra++;
	env = calloc(json_array_size(node_env) + extra + 3, sizeof(*env));
	if (!env)
		return NULL;
	env[n++] = own[0];
	env[n++] = own[1];
	json_array_foreach(node_env, i, item) env[n++] = json_string_value(item);
	for (i = 0; i < extra; i++)
		env[n++] = o->env[i];
	return env;
}

int lab_exec(const struct lab_exec_options *o, int *ret_status, struct netlab_err *err)
{
	_cleanup_free_ char *lab_env = NULL, *node_env = NULL;
	_cleanup_free_ const char **env = NULL;
	struct job j = { .options = o, .node_fd = -1 };
	struct sys_pty pty;
	json_t *reply = NULL;
	int r;

	r = lab_request(o->state_dir, o->lab, json_pack("{s:s,s:s}", "op", "exec", "node", o->node),
			&reply, &j.node_fd, err);
	if (r < 0)
		return r;
	if (asprintf(&lab_env, "NETLAB_LAB=%s", o->lab) < 0)
		lab_env = NULL;
	if (asprintf(&node_env, "NETLAB_NODE=%s", o->node) < 0)
		node_env = NULL;
	env = lab_env && node_env ? merge_env(reply, o, (char *[]){ lab_env, node_env }) : NULL;
	if (!env) {
		r = err_set(err, ENOMEM, "out of memory");
		goto out;
	}
	j.command = (struct node_command){
		.argv = o->argv,
		.env = env,
		.cwd = o->cwd ? o->cwd : json_string_value(json_object_get(reply, "cwd")),
		.user = o->user ? o->user : json_string_value(json_object_get(reply, "user")),
	};
	j.rootless = json_is_true(json_object_get(reply, "rootless")) && geteuid() != 0;
	if (o->terminal) {
		r = sys_pty_open(&pty);
		if (r < 0) {
			err_errno(err, r, "opening a terminal");
			goto out;
		}
		j.pty = &pty;
	}
	r = run_job(&j, ret_status, err);
	if (j.pty)
		sys_pty_close(&pty);
out:
	if (j.node_fd >= 0)
		close(j.node_fd);
	json_decref(reply);
	return r;
}
