/* SPDX-License-Identifier: MIT */
/* The services of one node, seen from its init. */
#include "node/services.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "node/command.h"
#include "sys/fs.h"

/** What starts with the lab, and then what the timeline starts. */
static size_t count_services(const struct services *s)
{
	return s->topo->n_services + s->topo->n_commands;
}

static const struct topo_service *service_at(const struct services *s, uint32_t index)
{
	return index < s->topo->n_services ? &s->topo->services[index]
					   : &s->topo->commands[index - s->topo->n_services];
}

int services_init(struct services *s, const struct node_boot *boot)
{
	*s = (struct services){ .boot = boot, .topo = &boot->plan->topo->nodes[boot->node] };
	s->pids = calloc(count_services(s) + 1, sizeof(*s->pids));
	return s->pids ? 0 : -ENOMEM;
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

static int open_log(struct services *s, const struct topo_service *service)
{
	char name[160];
	int r = sys_mkdir(s->boot->log_dir_fd, s->topo->name);

	if (r < 0 && r != -EEXIST)
		return r;
	snprintf(name, sizeof(name), "%s/%s.log", s->topo->name, service->name);
	return sys_open(s->boot->log_dir_fd, name, O_WRONLY | O_CREAT | O_APPEND);
}

/** In the child: becomes the service, or tells why not through `failure_fd` and exits. */
static void run_service(struct services *s, const struct topo_service *service, int failure_fd)
{
	size_t room = s->topo->n_env + service->n_env + 1, used = 0;
	char **env = calloc(room, sizeof(*env));
	struct netlab_err err = { 0 };
	int log_fd, r;

	setsid();
	log_fd = open_log(s, service);
	if (log_fd < 0) {
		(void)err_errno(&err, log_fd, "opening its log");
		goto fail;
	}
	sys_redirect_stdio(log_fd);
	r = env ? 0 : -ENOMEM;
	if (r == 0)
		r = add_env(env, &used, s->topo->env, s->topo->n_env);
	if (r == 0)
		r = add_env(env, &used, service->env, service->n_env);
	if (r < 0) {
		err_set(&err, ENOMEM, "out of memory");
		goto fail;
	}
	sys_restore_nofile(&s->boot->nofile);
	(void)node_exec(&(struct node_command){ .argv = service->run,
						.env = (const char *const *)env,
						.cwd = s->topo->cwd,
						.user = s->topo->user,
						.privileges = node_privileges_of(
							&s->topo->privileges, s->boot->filter) },
			&err);
	if (err.exit == NETLAB_EXIT_NETLAB) /* that is for commands whose exit code is told */
		(void)err_class(&err, NETLAB_EXIT_RUNTIME);
fail:
	(void)!write(failure_fd, &err, sizeof(err));
	_exit(NETLAB_EXIT_NOTFOUND);
}

void services_start(struct services *s, uint32_t index, struct node_event *event)
{
	const struct topo_service *service = service_at(s, index);
	int failure[2];
	ssize_t got;
	pid_t pid;

	if (pipe2(failure, O_CLOEXEC) < 0) {
		err_errno(&event->err, errno, "pipe");
		return;
	}
	pid = sys_clone(0, NULL);
	if (pid == 0) {
		close(failure[0]);
		run_service(s, service, failure[1]);
	}
	close(failure[1]);
	if (pid < 0) {
		err_errno(&event->err, pid, "fork");
		close(failure[0]);
		return;
	}
	/* end-of-file: exec closed the other end, the program runs */
	do
		got = read(failure[0], &event->err, sizeof(event->err));
	while (got < 0 && errno == EINTR);
	close(failure[0]);
	if (got > 0)
		return; /* it exits by itself and is reaped like any other */
	s->pids[index] = pid;
	event->pid = pid;
}

bool services_any_running(const struct services *s)
{
	for (size_t i = 0; i < count_services(s); i++) {
		if (s->pids[i])
			return true;
	}
	return false;
}

void services_signal(struct services *s, int signo)
{
	for (size_t i = count_services(s); i > 0; i--) {
		if (s->pids[i - 1])
			(void)kill(-s->pids[i - 1], signo); /* each is a process group: setsid() */
	}
}

bool services_ended(struct services *s, pid_t pid, int status, struct node_event *ret)
{
	for (size_t i = 0; i < count_services(s); i++) {
		if (s->pids[i] != pid)
			continue;
		s->pids[i] = 0;
		*ret = (struct node_event){
			.kind = NODE_EXITED, .service = (uint32_t)i, .pid = pid, .status = status
		};
		return true;
	}
	return false;
}
