/* SPDX-License-Identifier: MIT */
/* PID 1 of a node: sets up its namespaces from the inside, starts services, reaps, forwards signals. */
#include "node/init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "node/command.h"
#include "sys/fs.h"
#include "sys/rtnl.h"
#include "sys/sock.h"

struct init {
	const struct node_boot *boot;
	const struct topo_node *topo;
	const struct plan_node *plan;
	int control_fd, rtnl_fd, signal_fd;
	pid_t *service_pids; /**< 0 = not running; by service index */
	bool unsettled;      /**< sysctls were left for NODE_SETTLE */
	bool stopping;
};

enum { SYSCTL_PATH_BYTES = 512 };

static int sysctl_path(const char *key, char ret[static SYSCTL_PATH_BYTES], struct netlab_err *err)
{
	static const char root[] = "/proc/sys/";
	const size_t used = sizeof(root) - 1;

	memcpy(ret, root, used);
	if (plan_sysctl_path(key, ret + used, SYSCTL_PATH_BYTES - used) < 0)
		return err_set(err, ENAMETOOLONG, "sysctl '%s': name too long", key);
	return 0;
}

static int write_sysctl(const char *key, const char *value, struct netlab_err *err)
{
	char path[SYSCTL_PATH_BYTES];
	int r = sysctl_path(key, path, err);

	if (r < 0)
		return r;
	r = sys_write_value(path, value);
	if (r < 0) {
		err_errno(err, r, "sysctl '%s' = '%s'", key, value);
		if (r == -ENOENT)
			err_hint(err,
				 "this kernel has no such setting (see `sysctl -a` in a node)");
	}
	return r;
}

static bool has_value(const char *key, const char *value)
{
	char path[SYSCTL_PATH_BYTES], now[64];

	return sysctl_path(key, path, NULL) == 0 &&
	       sys_read_value(AT_FDCWD, path, now, sizeof(now)) >= 0 && strcmp(now, value) == 0;
}

/**
 * Settings that the kernel changes under RTNL, for which it does not wait but tries again and again (restart_syscall() in
 * net/ipv4/devinet.c, net/ipv6/addrconf.c). With a thousand nodes coming up at once, all the processors would do nothing
 * else: such a setting is left until the supervisor says NODE_SETTLE, to one node at a time.
 */
static bool contends_for_rtnl(const char *key)
{
	static const char *const last[] = { "ip_forward",    "forwarding",
					    "disable_ipv6",  "proxy_ndp",
					    "addr_gen_mode", "ignore_routes_with_linkdown" };
	const char *dot = strrchr(key, '.');

	for (size_t i = 0; dot && i < ARRAY_SIZE(last); i++) {
		if (strcmp(dot + 1, last[i]) == 0)
			return true;
	}
	return false;
}

/** Writes all sysctls that contend for RTNL, or all others; of the former those that are there already do not count.
 *  @return 0 with *ret_left set when some were left; negative errno */
static int write_sysctls(struct init *n, bool contending, bool *ret_left, struct netlab_err *err)
{
	for (size_t i = 0; i < n->plan->n_sysctls; i++) {
		const struct plan_sysctl *s = &n->plan->sysctls[i];
		int r = 0;

		if (contends_for_rtnl(s->key) == contending)
			r = write_sysctl(s->key, s->value, err);
		else if (!contending && !has_value(s->key, s->value))
			*ret_left = true;
		if (r < 0)
			return r;
	}
	return 0;
}

static int set_up(struct init *n, struct netlab_err *err)
{
	int r = sys_sethostname(n->topo->hostname);

	if (r < 0)
		return err_errno(err, r, "hostname '%s'", n->topo->hostname);
	r = sys_mount("proc", "/proc");
	if (r < 0)
		return err_errno(err, r, "mounting /proc");
	r = sys_mount("sysfs", "/sys");
	if (r < 0)
		return err_errno(err, r, "mounting /sys");
	r = write_sysctls(n, false, &n->unsettled, err);
	if (r < 0)
		return r;
	n->rtnl_fd = rt_open();
	if (n->rtnl_fd < 0)
		return err_errno(err, n->rtnl_fd, "rtnetlink socket");
	return 0;
}

/** Says hello, with the error if there is one. Does not return when there is. */
static void say_hello(struct init *n, struct netlab_err *err)
{
	struct node_hello hello = { .node = n->boot->node, .unsettled = n->unsettled, .err = *err };
	int pair[2] = { -1, -1 }, r;

	hello.host_pid = sys_pid_seen_from(n->boot->host_proc_fd);
	if (hello.err.code == 0) {
		r = hello.host_pid < 0 ? hello.host_pid : sys_sock_pair(pair);
		if (r < 0)
			err_errno(&hello.err, r, "control socket");
	}
	if (hello.err.code < 0) {
		(void)sys_sock_send(n->boot->hello_fd, &hello, sizeof(hello), NULL, 0);
		_exit(1);
	}
	r = sys_sock_send(n->boot->hello_fd, &hello, sizeof(hello), (int[]){ pair[0], n->rtnl_fd },
			  2);
	if (r < 0)
		_exit(1);
	n->control_fd = pair[1];
	close(pair[0]);
	/* The supervisor holds it now; a copy here would only keep the namespace's memory a little longer. */
	close(n->rtnl_fd);
	close(n->boot->hello_fd);
	close(n->boot->host_proc_fd);
}

/* --- services --- */

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

static int open_log(struct init *n, const struct topo_service *service)
{
	char name[160];
	int r = sys_mkdir(n->boot->log_dir_fd, n->topo->name);

	if (r < 0 && r != -EEXIST)
		return r;
	snprintf(name, sizeof(name), "%s/%s.log", n->topo->name, service->name);
	return sys_open(n->boot->log_dir_fd, name, O_WRONLY | O_CREAT | O_APPEND);
}

/** In the child: becomes the service, or tells why not through `failure_fd` and exits. */
static void run_service(struct init *n, const struct topo_service *service, int failure_fd)
{
	size_t room = n->topo->n_env + service->n_env + 1, used = 0;
	char **env = calloc(room, sizeof(*env));
	struct netlab_err err = { 0 };
	int log_fd, r;

	setsid();
	log_fd = open_log(n, service);
	if (log_fd < 0) {
		(void)err_errno(&err, log_fd, "opening its log");
		goto fail;
	}
	sys_redirect_stdio(log_fd);
	r = env ? 0 : -ENOMEM;
	if (r == 0)
		r = add_env(env, &used, n->topo->env, n->topo->n_env);
	if (r == 0)
		r = add_env(env, &used, service->env, service->n_env);
	if (r < 0) {
		err_set(&err, ENOMEM, "out of memory");
		goto fail;
	}
	sys_restore_nofile(&n->boot->nofile);
	(void)node_exec(&(struct node_command){ .argv = service->run,
						.env = (const char *const *)env,
						.cwd = n->topo->cwd,
						.user = n->topo->user },
			&err);
fail:
	(void)!write(failure_fd, &err, sizeof(err));
	_exit(NETLAB_EXIT_NOTFOUND);
}

/** What starts with the lab, and then what the timeline starts. */
static size_t count_services(const struct init *n)
{
	return n->topo->n_services + n->topo->n_commands;
}

static const struct topo_service *service_at(const struct init *n, uint32_t index)
{
	return index < n->topo->n_services ? &n->topo->services[index]
					   : &n->topo->commands[index - n->topo->n_services];
}

static void start_service(struct init *n, uint32_t index, struct node_event *event)
{
	const struct topo_service *service = service_at(n, index);
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
		run_service(n, service, failure[1]);
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
	n->service_pids[index] = pid;
	event->pid = pid;
}

static bool any_running(const struct init *n)
{
	for (size_t i = 0; i < count_services(n); i++) {
		if (n->service_pids[i])
			return true;
	}
	return false;
}

static void send_event(struct init *n, const struct node_event *event)
{
	(void)sys_sock_send(n->control_fd, event, sizeof(*event), NULL, 0);
}

static void signal_services(struct init *n, int signo)
{
	for (size_t i = count_services(n); i > 0; i--) {
		if (n->service_pids[i - 1])
			(void)kill(-n->service_pids[i - 1],
				   signo); /* each is a process group: setsid() */
	}
}

static void say_stopped_if_so(struct init *n)
{
	if (n->stopping && !any_running(n))
		send_event(n, &(struct node_event){ .kind = NODE_STOPPED });
}

static void on_order(struct init *n)
{
	struct node_event event = { .kind = NODE_DONE };
	struct node_order order;

	if (sys_sock_recv(n->control_fd, &order, sizeof(order), NULL, NULL) != sizeof(order))
		_exit(1); /* the supervisor is gone: so shall the node be */
	switch (order.kind) {
	case NODE_START:
		event.service = order.index;
		start_service(n, order.index, &event);
		send_event(n, &event);
		break;
	case NODE_SETTLE:
		(void)write_sysctls(n, true, NULL, &event.err);
		send_event(n, &event);
		break;
	case NODE_SYSCTL:
		(void)write_sysctl(n->topo->sysctls[order.index].key,
				   n->topo->sysctls[order.index].value, &event.err);
		send_event(n, &event);
		break;
	case NODE_STOP:
		n->stopping = true;
		signal_services(n, SIGTERM);
		say_stopped_if_so(n);
		break;
	}
}

static void reap(struct init *n)
{
	int status;
	pid_t pid;

	/* SIGCHLD coalesces: take all that are there */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < count_services(n); i++) {
			if (n->service_pids[i] != pid)
				continue;
			n->service_pids[i] = 0;
			send_event(n, &(struct node_event){ .kind = NODE_EXITED,
							    .service = (uint32_t)i,
							    .pid = pid,
							    .status = status });
		}
	}
	say_stopped_if_so(n);
}

static void on_signal(struct init *n)
{
	struct signalfd_siginfo info;

	if (read(n->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		reap(n);
	else
		signal_services(n, (int)info.ssi_signo);
}

static void block_signals(sigset_t *ret_handled)
{
	/* what a user may want to reach the services through their init; job control and faults stay out of it */
	static const int handled[] = { SIGCHLD, SIGTERM, SIGINT,  SIGHUP,
				       SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(ret_handled);
	for (size_t i = 0; i < ARRAY_SIZE(handled); i++)
		sigaddset(ret_handled, handled[i]);
}

static void close_inherited(const struct node_boot *boot)
{
	int keep[] = { boot->hello_fd, boot->host_proc_fd, boot->log_dir_fd };

	sys_close_all_but(3, keep, ARRAY_SIZE(keep));
}

void node_init(const struct node_boot *boot)
{
	struct init n = {
		.boot = boot,
		.topo = &boot->plan->topo->nodes[boot->node],
		.plan = &boot->plan->nodes[boot->node],
		.control_fd = -1,
		.rtnl_fd = -1,
		.signal_fd = -1,
	};
	struct netlab_err err = { 0 };
	sigset_t handled;

	block_signals(&handled);
	close_inherited(boot);
	sys_set_comm(NODE_INIT_COMM);
	(void)set_up(&n, &err);
	say_hello(&n, &err);
	n.signal_fd = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
	n.service_pids = calloc(count_services(&n) + 1, sizeof(*n.service_pids));
	if (n.signal_fd < 0 || !n.service_pids)
		_exit(1);
	for (;;) {
		struct pollfd p[] = { { .fd = n.signal_fd, .events = POLLIN },
				      { .fd = n.control_fd, .events = POLLIN } };

		if (poll(p, ARRAY_SIZE(p), -1) < 0)
			continue;
		if (p[0].revents)
			on_signal(&n);
		if (p[1].revents)
			on_order(&n);
	}
}
