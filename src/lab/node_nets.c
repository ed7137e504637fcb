/* SPDX-License-Identifier: MIT */
/* The nodes' user namespace, and network namespaces that it owns. */
#include "lab/node_nets.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/capabilities.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "lab/supervisor.h"
#include "node/init.h"
#include "sys/proc.h"
#include "sys/sock.h"
#include "sys/userns.h"

/** Maker -> supervisor, with a descriptor of it, if it is new. Struct node_net follow. */
struct made_user {
	int error; /**< 0, or negative errno, and no descriptor */
	uint64_t inode;
};

/** What counts in no user namespace but that of the host, or of the lab's own IPC namespaces. */
static const uint64_t lab_capabilities = CAPABILITY_BIT(CAPABILITY_LINUX_IMMUTABLE) |
					 CAPABILITY_BIT(CAPABILITY_IPC_LOCK) |
					 CAPABILITY_BIT(CAPABILITY_IPC_OWNER) |
					 CAPABILITY_BIT(CAPABILITY_SYS_NICE) |
					 CAPABILITY_BIT(CAPABILITY_SYS_RESOURCE) |
					 CAPABILITY_BIT(CAPABILITY_LEASE);

bool node_nets_confine(const struct supervisor *s, size_t node)
{
	const struct topo_node *n = &s->topo->nodes[node];

	return !s->nets.refused && !(n->share & TOPO_NS_USER) && !n->privileges.all &&
	       !(n->privileges.kept & lab_capabilities);
}

/* --- the maker --- */

/** @param[in] ns  goes with it, and is closed; negative = none */
static void tell(int fd, const void *message, size_t size, int ns)
{
	if (sys_sock_send(fd, message, size, &ns, ns >= 0) < 0)
		_exit(1); /* nobody wants it any more */
	if (ns >= 0)
		close(ns);
}

static void show_user(const struct supervisor *s, int fd)
{
	int ns = sys_own_namespace(s->host_proc_fd, "user");
	struct made_user made = { .error = ns < 0 ? ns : 0 };

	if (ns >= 0)
		made.error = sys_namespace(s->host_proc_fd, sys_pid_seen_from(s->host_proc_fd),
					   "user", &made.inode);
	tell(fd, &made, sizeof(made), made.error < 0 ? -1 : ns);
	if (made.error < 0)
		_exit(1);
}

/** Makes one and tells of it. @return what went wrong, negative errno */
static int make_net(const struct supervisor *s, int fd)
{
	int r = sys_unshare(SYS_NS_NET), ns = r < 0 ? r : sys_own_namespace(s->host_proc_fd, "net");

	if (ns >= 0)
		tell(fd, &(struct node_net){ .error = 0 }, sizeof(struct node_net), ns);
	return ns < 0 ? ns : 0;
}

static void make(const struct supervisor *s, int fd, size_t n) __attribute__((noreturn));
static void make(const struct supervisor *s, int fd, size_t n)
{
	int keep[] = { fd, s->host_proc_fd, s->nets.user_fd }, r = 0;
	char go;

	sys_close_all_but(3, keep, ARRAY_SIZE(keep));
	sys_set_comm("netlab-nets");
	if (s->nets.user_fd >= 0)
		r = sys_setns(s->nets.user_fd, SYS_NS_USER);
	else if (sys_sock_recv(fd, &go, sizeof(go), NULL, NULL) == sizeof(go))
		show_user(s, fd);
	else
		_exit(1); /* it got no ids */
	/* all inits that get none are told why: any of them may be the first to be heard */
	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			r = make_net(s, fd);
		if (r < 0)
			tell(fd, &(struct node_net){ .error = r }, sizeof(struct node_net), -1);
	}
	_exit(r < 0);
}

/* --- the supervisor --- */

/** Whether an error says that the host lets us have no user namespace (in a chroot, by a setting, by a security module, in a
 *  kernel without them), and not that something is wrong. */
static bool is_refusal(int error)
{
	return error == -EPERM || error == -EACCES || error == -ENOSPC || error == -EUSERS ||
	       error == -EINVAL || error == -E2BIG;
}

static int do_without(struct supervisor *s, int error)
{
	s->nets.refused = true;
	supervisor_warn(
		s,
		"the nodes cannot have a user namespace below the lab's (%s): root in a node can "
		"change the lab's links (docs/security.md)",
		strerror(-error));
	return 0;
}

/** Gives the nodes' user namespace, in which the maker waits, its ids. */
static int map_ids(struct supervisor *s, int pidfd)
{
	pid_t host_pid = sys_pidfd_seen_from(s->host_proc_fd, pidfd);
	const char go = 0;
	int r = host_pid < 0 ? host_pid : sys_userns_map_same(s->host_proc_fd, host_pid);

	return r < 0 ? r : sys_sock_send(s->nets.maker_fd, &go, sizeof(go), NULL, 0);
}

static int start_maker(struct supervisor *s, size_t n, struct netlab_err *err)
{
	const bool is_first = s->nets.user_fd < 0;
	int pair[2], pidfd = -1, r = sys_sock_pair(pair);
	pid_t pid;

	if (r < 0)
		return err_errno(err, r, "socket for network namespaces");
	pid = sys_clone(is_first ? SYS_NS_USER : 0, is_first ? &pidfd : NULL);
	if (pid == 0)
		make(s, pair[1], n);
	close(pair[1]);
	s->nets.maker_fd = pair[0];
	r = pid < 0 ? pid : is_first ? map_ids(s, pidfd) : 0;
	if (pidfd >= 0)
		close(pidfd);
	if (r == 0)
		return 0;
	node_nets_end(s);
	if (is_first && is_refusal(r))
		return do_without(s, r);
	(void)err_errno(err, r, "creating the nodes' user namespace");
	sys_hint_limit(r, err);
	return r;
}

int node_nets_begin(struct supervisor *s, size_t node, struct netlab_err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < s->topo->n_nodes; i++)
		n += (node == ALL_NODES || node == i) && node_nets_confine(s, i);
	return n > 0 ? start_maker(s, n, err) : 0;
}

int node_nets_learn_user(struct supervisor *s, struct netlab_err *err)
{
	struct made_user made = { 0 };
	unsigned n = 1;
	ssize_t len;
	int fd, r;

	if (s->nets.maker_fd < 0 || s->nets.user_fd >= 0)
		return 0;
	len = sys_sock_recv(s->nets.maker_fd, &made, sizeof(made), &fd, &n);
	if (len == (ssize_t)sizeof(made) && n == 1) {
		s->nets.user_fd = fd;
		s->nets.user_inode = made.inode;
		return 0;
	}
	if (len == 0)
		return err_set(err, ECHILD, "the process that makes network namespaces died");
	/* a message without its descriptor: there was no room for it, unix(7) */
	r = len < 0 ? (int)len : made.error < 0 ? made.error : -EMFILE;
	return err_errno(err, r, "creating the nodes' user namespace");
}

void node_nets_end(struct supervisor *s)
{
	if (s->nets.maker_fd >= 0)
		close(s->nets.maker_fd);
	s->nets.maker_fd = -1;
}
