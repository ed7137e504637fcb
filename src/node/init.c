/* SPDX-License-Identifier: MIT */
/* PID 1 of a node: sets up its namespaces from the inside, starts services, reaps, forwards signals. */
#include "node/init.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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
#include "node/names.h"
#include "node/services.h"
#include "node/root.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/rtnl.h"
#include "sys/sock.h"
#include "sys/title.h"

struct init {
	const struct node_boot *boot;
	const struct topo_node *topo;
	const struct plan_node *plan;
	int control_fd, rtnl_fd, signal_fd;
	struct services services;
	bool has_root;  /**< the file tree is made */
	bool unsettled; /**< sysctls were left for NODE_SETTLE */
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

/* Whether a kernel has a setting, a module for a value, and lets a network namespace set it is the host's matter. */
static int explain_sysctl(const char *path, const char *key, const char *value, int r,
			  struct netlab_err *err)
{
	err_errno(err, r, "sysctl '%s' = '%s'", key, value);
	if (r == -EINVAL || r == -ERANGE)
		return err_hint(err, "it takes other values: see the kernel's documentation of it");
	if (r == -ENOENT && sys_path_check(path, false) < 0)
		err_hint(
			err,
			"this kernel has no such setting (see `sysctl -a` in a node), or has it only "
			"for nodes of root's with \"share\": [\"user\"]");
	else if (r == -ENOENT)
		err_hint(
			err,
			"this kernel has the setting, but nothing of that name for it: is a module missing?");
	else if (r == -EACCES || r == -EPERM)
		err_hint(
			err,
			"this kernel lets no node set it, or none of this user's: leave it out, or set it on the host");
	else
		return r;
	return err_class(err, NETLAB_EXIT_UNSUPPORTED);
}

static int write_sysctl(const char *key, const char *value, struct netlab_err *err)
{
	char path[SYSCTL_PATH_BYTES];
	int r = sysctl_path(key, path, err);

	if (r < 0)
		return r;
	r = sys_write_value(path, value);
	if (r == -EINVAL && strcmp(value, PLAN_PING_GROUPS) == 0)
		r = node_allow_ping();
	return r < 0 ? explain_sysctl(path, key, value, r, err) : 0;
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

/** Before anything else, so that all that the node does counts. */
static int join_cgroups(const struct node_boot *boot, struct netlab_err *err)
{
	int r = 0;

	for (size_t i = 0; i < NODE_CGROUPS_MAX; i++) {
		if (boot->cgroups[i] < 0)
			continue;
		if (r == 0)
			r = sys_cgroup_join(boot->cgroups[i]);
		close(boot->cgroups[i]);
	}
	return r < 0 ? err_errno(err, r, "entering its cgroups") : 0;
}

/** Waits for a network namespace. @return a descriptor; negative errno */
static int take_net(int nets_fd, struct netlab_err *err)
{
	struct node_net net = { 0 };
	unsigned n = 1;
	int fd, r;
	ssize_t len = sys_sock_recv(nets_fd, &net, sizeof(net), &fd, &n);

	if (len == (ssize_t)sizeof(net) && n == 1)
		return fd;
	if (len == 0)
		return err_set(err, ECHILD, "the process that makes network namespaces died");
	/* a message without its descriptor: there was no room for it, unix(7) */
	r = len < 0 ? (int)len : net.error < 0 ? net.error : -EMFILE;
	err_errno(err, r, "creating its namespaces");
	sys_hint_limit(r, err);
	return r;
}

static int own_network(const struct node_boot *boot, struct netlab_err *err)
{
	int fd = take_net(boot->nets_fd, err), r;

	close(boot->nets_fd);
	if (fd < 0)
		return fd;
	r = sys_setns(fd, SYS_NS_NET);
	close(fd);
	return r < 0 ? err_errno(err, r, "entering its network namespace") : 0;
}

static int own_namespaces(struct init *n, struct netlab_err *err)
{
	int r = 0;

	if (!(n->topo->share & TOPO_NS_UTS)) {
		r = sys_sethostname(n->topo->hostname);
		if (r < 0)
			return err_errno(err, r, "hostname '%s'", n->topo->hostname);
	}
	/* here, not in the clone: its root is the cgroup that the process is in at this moment */
	if (!(n->topo->share & TOPO_NS_CGROUP)) {
		r = sys_unshare(SYS_NS_CGROUP);
		if (r < 0)
			return err_errno(err, r, "making a cgroup namespace");
	}
	if (n->topo->share & TOPO_NS_PID)
		sys_adopt_orphans();
	return n->boot->nets_fd >= 0 ? own_network(n->boot, err) : 0;
}

/** What programs see, before the first of them is there. */
static int make_root(struct init *n, struct netlab_err *err)
{
	int r = n->has_root ? 0 : node_root_make(n->boot, err);

	n->has_root = r == 0;
	return r;
}

static int set_up(struct init *n, struct netlab_err *err)
{
	int r = join_cgroups(n->boot, err);

	if (r == 0)
		r = own_namespaces(n, err);
	if (r == 0)
		r = node_root_begin(n->boot, err);
	if (r == 0)
		r = node_names_make(n->boot, err);
	if (r == 0)
		r = write_sysctls(n, false, &n->unsettled, err);
	if (r == 0 && node_root_is_wanted(n->topo))
		r = make_root(n, err);
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

static void send_event(struct init *n, const struct node_event *event)
{
	(void)sys_sock_send(n->control_fd, event, sizeof(*event), NULL, 0);
}

static void say_stopped_if_so(struct init *n)
{
	if (n->stopping && !services_any_running(&n->services))
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
	case NODE_STOP_SERVICE:
	case NODE_RESTART:
		services_order(&n->services, &order, &event.err);
		send_event(n, &event);
		break;
	case NODE_ROOT:
		(void)make_root(n, &event.err);
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
		services_stop_all(&n->services);
		say_stopped_if_so(n);
		break;
	}
}

static void reap(struct init *n)
{
	int status;
	pid_t pid;

	/* SIGCHLD coalesces: take all that are there */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		services_reaped(&n->services, pid, status);
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
		services_signal(&n->services, (int)info.ssi_signo);
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
	int keep[4 + NODE_CGROUPS_MAX] = { boot->hello_fd, boot->host_proc_fd, boot->log_dir_fd,
					   boot->nets_fd };

	memcpy(keep + 4, boot->cgroups, sizeof(boot->cgroups));
	sys_close_all_but(3, keep, ARRAY_SIZE(keep));
}

/** Milliseconds, rounded up, until something is due; -1 = nothing is. */
static int patience_ms(const struct init *n)
{
	uint64_t next = services_next(&n->services), now;

	if (next == UINT64_MAX)
		return -1;
	now = sys_monotonic_ns();
	if (next <= now)
		return 0;
	next = (next - now + 999999) / 1000000;
	return next < INT_MAX ? (int)next : INT_MAX;
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
	sys_title_set(NODE_INIT_COMM); /* `pkill -f` in a node means its programs */
	(void)set_up(&n, &err);
	say_hello(&n, &err);
	n.signal_fd = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
	if (n.signal_fd < 0 || services_init(&n.services, boot, n.control_fd) < 0)
		_exit(1);
	for (;;) {
		struct pollfd p[] = { { .fd = n.signal_fd, .events = POLLIN },
				      { .fd = n.control_fd, .events = POLLIN },
				      { .fd = services_fd(&n.services), .events = POLLIN } };

		if (poll(p, ARRAY_SIZE(p), patience_ms(&n)) < 0)
			continue;
		if (p[0].revents)
			on_signal(&n);
		if (p[1].revents)
			on_order(&n);
		services_wake(&n.services);
	}
}
