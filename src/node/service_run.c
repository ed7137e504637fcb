/* SPDX-License-Identifier: MIT */
/* The process of a service. */
#include "node/service_run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "node/command.h"
#include "sys/fs.h"

int service_signal_number(enum topo_signal signal)
{
	static const int numbers[] = {
		[TOPO_SIGTERM] = SIGTERM, [TOPO_SIGHUP] = SIGHUP,     [TOPO_SIGINT] = SIGINT,
		[TOPO_SIGQUIT] = SIGQUIT, [TOPO_SIGKILL] = SIGKILL,   [TOPO_SIGUSR1] = SIGUSR1,
		[TOPO_SIGUSR2] = SIGUSR2, [TOPO_SIGWINCH] = SIGWINCH,
	};

	return numbers[signal];
}

/** Appends "K=V" strings of a table to a NULL-terminated vector. */
static int add_env(char **vector, size_t *n, const struct topo_pair *pairs, size_t n_pairs)
{
	for (size_t i = 0; i < n_pairs; i++) {
		if (asprintf(&vector[*n], "%s=%s", pairs[i].key, pairs[i].value) < 0)
			return -ENOMEM;
		(*n)++;
	}
	return 0;
}

/** In the child: becomes the program, or tells why not through `failure_fd` and exits. */
static void run(const struct service_run *r, int failure_fd)
{
	const struct topo_node *node = &r->boot->plan->topo->nodes[r->boot->node];
	const struct topo_service *service = r->service;
	size_t room = node->n_env + service->n_env + 1, used = 0;
	char **env = calloc(room, sizeof(*env));
	struct netlab_err err = { 0 };

	setsid();
	sys_redirect_stdio(r->out_fd);
	if (!env || add_env(env, &used, node->env, node->n_env) < 0 ||
	    add_env(env, &used, service->env, service->n_env) < 0) {
		err_set(&err, ENOMEM, "out of memory");
		goto fail;
	}
	if (node->limits.memory_bytes)
		sys_cgroup_die_first(); /* before the init, with which the node would go */
	sys_restore_nofile(&r->boot->nofile);
	(void)node_exec(
		&(struct node_command){ .argv = r->argv,
					.env = (const char *const *)env,
					.cwd = node->cwd,
					.user = service->user ? service->user : node->user,
					.privileges = node_privileges_of(&node->privileges,
									 r->boot->confined,
									 r->boot->filter),
					/* in a PID namespace of its own the kernel sees to it */
					.dies_with = node->share & TOPO_NS_PID ? getppid() : 0 },
		&err);
	if (err.exit == NETLAB_EXIT_NETLAB) /* that is for commands whose exit code is told */
		(void)err_class(&err, NETLAB_EXIT_RUNTIME);
fail:
	(void)!write(failure_fd, &err, sizeof(err));
	_exit(NETLAB_EXIT_NOTFOUND);
}

static int explain_clone(const struct service_run *r, int error, struct netlab_err *err)
{
	const struct topo_node *node = &r->boot->plan->topo->nodes[r->boot->node];

	(void)err_errno(err, error, "starting a process");
	/* no hint: where this is told later there is room for the message alone */
	if (error == -EAGAIN && node->limits.pids)
		(void)err_set(err, EAGAIN, "no more processes: the node may have %u (limits.pids)",
			      node->limits.pids);
	return err->code;
}

pid_t service_run(const struct service_run *r, struct netlab_err *err)
{
	int failure[2];
	ssize_t got;
	pid_t pid;

	if (pipe2(failure, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	pid = sys_clone(0, NULL);
	if (pid == 0) {
		close(failure[0]);
		run(r, failure[1]);
	}
	close(failure[1]);
	if (pid < 0) {
		close(failure[0]);
		return explain_clone(r, pid, err);
	}
	/* end-of-file: exec closed the other end, the program runs */
	do
		got = read(failure[0], err, sizeof(*err));
	while (got < 0 && errno == EINTR);
	close(failure[0]);
	if (got == 0)
		return pid;
	/* it exits by itself and is reaped like any other */
	return got == (ssize_t)sizeof(*err) && err->code < 0 ? err->code
							     : err_errno(err, EIO, "exec");
}
