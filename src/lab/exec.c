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
#include "lab/enter.h"
#include "lab/privileges.h"
#include "sys/cgroup.h"
#include "sys/proc.h"
#include "sys/pty.h"
#include "sys/relay.h"
#include "sys/sock.h"

static void pass_on(void *ctx, int signo)
{
	const int *link_fd = ctx;

	(void)sys_sock_send(*link_fd, &signo, sizeof(signo), NULL, 0);
}

/** What is said at the end, and what went wrong before. */
static int take_reports(int link_fd, int *ret_status, struct netlab_err *err)
{
	struct enter_report m = { 0 };
	struct netlab_err why = { 0 };

	/* should nobody say: it was killed, and all around it */
	*ret_status = 128 + SIGKILL;
	while (!m.last && sys_sock_recv(link_fd, &m, sizeof(m), NULL, NULL) == sizeof(m)) {
		if (m.err.code)
			why = m.err;
		if (m.last)
			*ret_status = m.status;
	}
	if (!why.code)
		return 0;
	if (err)
		*err = why;
	return *ret_status == NETLAB_EXIT_NETLAB ? why.code : 0;
}

/** With a terminal: takes its master, if it could be opened, and relays until the command ends. */
static int relay_terminal(int link_fd, struct sys_relay *relay, int *ret_status,
			  struct netlab_err *err)
{
	struct enter_report m = { 0 };
	unsigned n = 1;
	int master;

	if (sys_sock_recv(link_fd, &m, sizeof(m), &master, &n) != sizeof(m) || n != 1) {
		*ret_status = m.last ? m.status : 128 + SIGKILL;
		if (m.err.code && err)
			*err = m.err;
		return m.err.code;
	}
	sys_pty_relay(master, relay, link_fd, pass_on, &link_fd);
	return take_reports(link_fd, ret_status, err);
}

static int run_job(struct enter_job *j, int *ret_status, struct netlab_err *err)
{
	struct sys_relay relay;
	int pair[2], r = sys_sock_pair(pair);
	pid_t pid;

	if (r < 0)
		return err_errno(err, r, "socket for the command");
	/* from before the fork on, so that no signal falls between the processes */
	r = sys_relay_begin(&relay);
	if (r < 0) {
		close(pair[0]);
		close(pair[1]);
		return err_errno(err, r, "signalfd");
	}
	pid = sys_clone(0, NULL);
	if (pid == 0) {
		close(pair[0]); /* held by us alone: its end is our death */
		j->link_fd = pair[1];
		enter_node(j);
	}
	close(pair[1]);
	if (pid > 0) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		if (j->terminal) {
			r = relay_terminal(pair[0], &relay, ret_status, err);
		} else {
			sys_relay_until(&relay, pair[0], pass_on, &pair[0]);
			r = take_reports(pair[0], ret_status, err);
		}
	} else {
		r = err_errno(err, pid, "fork");
	}
	sys_relay_end(&relay);
	close(pair[0]);
	return r;
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

/** The node's cgroups, opened as the caller: it moves a process of its own. */
static int open_cgroups(struct enter_job *j, const json_t *list, struct netlab_err *err)
{
	json_t *dir;
	size_t i;

	for (i = 0; i < NODE_CGROUPS_MAX; i++)
		j->cgroups[i] = -1;
	json_array_foreach(list, i, dir)
	{
		int fd = i < NODE_CGROUPS_MAX ? sys_cgroup_open(json_string_value(dir)) : -E2BIG;

		if (fd < 0) {
			err_errno(err, fd, "node '%s': opening its cgroup '%.300s'", j->node,
				  json_string_value(dir));
			if (fd == -EACCES || fd == -EPERM)
				err_hint(err, "run as the user that started the lab, or as root");
			return fd;
		}
		j->cgroups[i] = fd;
	}
	return 0;
}

static void close_cgroups(const struct enter_job *j)
{
	for (unsigned i = 0; i < NODE_CGROUPS_MAX; i++) {
		if (j->cgroups[i] >= 0)
			close(j->cgroups[i]);
	}
}

int lab_exec(const struct lab_exec_options *o, int *ret_status, struct netlab_err *err)
{
	_cleanup_free_ char *lab_env = NULL, *node_env = NULL;
	_cleanup_free_ const char **env = NULL;
	struct enter_job j = { .node = o->node, .node_fd = -1 };
	struct sys_filter filter = { 0 };
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
	r = privileges_unpack(json_object_get(reply, "privileges"), &j.command.privileges, &filter,
			      err);
	if (r < 0)
		goto out;
	j.rootless = json_is_true(json_object_get(reply, "rootless")) && geteuid() != 0;
	j.terminal = o->terminal;
	j.memory_limit = json_is_true(json_object_get(reply, "memory_limit"));
	r = open_cgroups(&j, json_object_get(reply, "cgroups"), err);
	if (r == 0)
		r = run_job(&j, ret_status, err);
	close_cgroups(&j);
out:
	sys_filter_deinit(&filter);
	if (j.node_fd >= 0)
		close(j.node_fd);
	json_decref(reply);
	return r;
}
