/* SPDX-License-Identifier: MIT */
/* From a plan to a running lab: the only writer of kernel state. Nothing is undone step by step: when anything fails the
   supervisor exits, and the kernel takes all of it back. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "lab/limits.h"
#include "lab/names.h"
#include "lab/netns_names.h"
#include "lab/services.h"
#include "lab/shape.h"
#include "lab/supervisor.h"
#include "lab/uplink.h"
#include "lab/wired.h"
#include "node/init.h"
#include "sys/fs.h"
#include "sys/sock.h"
#include "sys/clock.h"

/** Puts the failed operation before the kernel's reason. */
static int describe(struct supervisor *s, size_t op, struct netlab_err *err)
{
	_cleanup_buf_ struct buf b = { 0 };

	plan_describe_op(&b, s->plan, &s->plan->ops[op]);
	return err_wrap(err, "%s", buf_text(&b) ? buf_text(&b) : "operation");
}

static int flush(struct supervisor *s, struct netlab_err *err)
{
	int r = rt_flush(&s->batch, err);

	return r < 0 ? describe(s, s->batch.failed_cookie, err) : 0;
}

/** Directs the batch to a socket; what was collected for another one is sent first. */
static int use_socket(struct supervisor *s, int fd, struct netlab_err *err)
{
	int r = 0;

	if (s->batch.fd != fd)
		r = flush(s, err);
	s->batch.fd = fd;
	return r;
}

/* --- nodes --- */

static int spawn(struct supervisor *s, uint32_t node, int hello_fd, struct netlab_err *err)
{
	const struct topo_node *about = &s->topo->nodes[node];
	struct node_boot boot = {
		.plan = s->plan,
		.node = node,
		.hello_fd = hello_fd,
		.host_proc_fd = s->host_proc_fd,
		/* a directory that is open is not gone when it is removed: who is killed last has the work */
		.log_dir_fd = about->n_services + about->n_commands > 0 ? s->log_dir_fd : -1,
		.lab_dir = s->dir->path,
		.caller_dir = s->caller_dir,
		.state_dir = s->state_dir,
		.nofile = s->nofile,
		.filter = &s->filter,
		.confined = node_nets_confine(s, node),
		.nets_fd = -1,
	};
	struct limits_entry entry;
	pid_t pid = limits_enter(s, node, &entry, err);

	if (pid < 0)
		return pid;
	if (boot.confined)
		boot.nets_fd = s->nets.maker_fd;
	memcpy(boot.cgroups, entry.join, sizeof(boot.cgroups));
	/* the mount namespace is the node's own in any case: /proc and /sys have to be (docs/adr 14) */
	pid = sys_clone_into((boot.confined ? 0u : SYS_NS_NET) | SYS_NS_MNT |
				     (about->share & TOPO_NS_PID ? 0u : SYS_NS_PID) |
				     (about->share & TOPO_NS_UTS ? 0u : SYS_NS_UTS) |
				     (about->share & TOPO_NS_IPC ? 0u : SYS_NS_IPC),
			     entry.born_in, NULL);
	if (pid == 0)
		node_init(&boot);
	limits_entered(&entry);
	if (pid < 0) {
		err_errno(err, pid, "node '%s': creating its namespaces",
			  s->topo->nodes[node].name);
		sys_hint_limit(pid, err);
		return pid;
	}
	s->nodes[node].pid = pid;
	return 0;
}

static int take_hello(struct supervisor *s, int fd, struct netlab_err *err)
{
	struct node_hello hello;
	int fds[2];
	unsigned n_fds = 2;
	ssize_t n = sys_sock_recv(fd, &hello, sizeof(hello), fds, &n_fds);
	struct lab_node *node;

	if (n == 0) /* all that have not spoken yet are dead */
		return err_set(err, ECHILD, "hearing from a node: it died");
	if (n != (ssize_t)sizeof(hello) || hello.node >= s->topo->n_nodes)
		return err_errno(err, n < 0 ? (int)n : EPROTO, "hearing from a node");
	node = &s->nodes[hello.node];
	if (n_fds != 2) {
		for (unsigned i = 0; i < n_fds; i++)
			close(fds[i]);
		*err = hello.err;
		node->told_why = hello.err.code < 0;
		if (hello.err.code == 0) {
			/* the kernel leaves out what there is no room for: unix(7), MSG_CTRUNC */
			err_errno(err, EMFILE, "taking its sockets");
			err_class(err, NETLAB_EXIT_UNSUPPORTED);
			err_hint(err,
				 "raise the limit of open files (ulimit -n): a node takes two");
		}
		return err_wrap(err, "node '%s'", s->topo->nodes[hello.node].name);
	}
	node->host_pid = hello.host_pid;
	node->unsettled = hello.unsettled;
	node->control_fd = fds[0];
	node->rtnl_fd = fds[1];
	return 0;
}

/** @return -ECHILD when a part of the lab has died */
static int dead_part(struct supervisor *s, struct netlab_err *err)
{
	if (s->wire_ended) {
		(void)wired_explain_end(s, err);
		(void)err_wrap(err, "while the lab was coming up");
		return -ECHILD;
	}
	for (size_t i = 0; i < s->topo->n_nodes; i++) {
		if (!s->nodes[i].died || s->nodes[i].told_why)
			continue;
		err_set(err, ECHILD, "node '%s' died while the lab was coming up",
			s->topo->nodes[i].name);
		limits_explain(s, i, err);
		return -ECHILD;
	}
	return 0;
}

int supervisor_wait(struct supervisor *s, int fd, struct netlab_err *err)
{
	for (;;) {
		struct pollfd p[] = { { .fd = fd, .events = POLLIN },
				      { .fd = s->signal_fd, .events = POLLIN },
				      { .fd = s->up_fd, .events = 0 } };
		uint64_t now = sys_monotonic_ns();
		int r;

		if (now >= s->deadline_ns)
			return err_set(err, ETIME, "time is up");
		r = poll(p, ARRAY_SIZE(p), (int)((s->deadline_ns - now) / 1000000) + 1);
		if (r < 0 && errno != EINTR)
			return err_errno(err, errno, "poll");
		if (r > 0 && p[0].revents)
			return 0;
		if (r > 0 && p[2].revents)
			return err_set(err, ECANCELED, "the calling process went away");
		if (r > 0 && p[1].revents) {
			struct signalfd_siginfo info;

			if (read(s->signal_fd, &info, sizeof(info)) == sizeof(info) &&
			    info.ssi_signo != SIGCHLD)
				return err_set(err, ECANCELED, "told to stop");
			(void)supervisor_reap(s);
			r = dead_part(s, err);
			if (r < 0) {
				/* its last words tell more than that it died */
				struct pollfd last = { .fd = fd, .events = POLLIN };

				if (poll(&last, 1, 0) > 0)
					return 0;
				return r;
			}
		}
	}
}

/** An init reads about its own node only: the large tables need not be copied, page by page, for each of a thousand. */
static void keep_tables_from_nodes(const struct supervisor *s, bool keep)
{
	sys_keep_from_children(s->topo->links, s->topo->n_links * sizeof(*s->topo->links), keep);
	sys_keep_from_children(s->plan->links, s->topo->n_links * sizeof(*s->plan->links), keep);
	sys_keep_from_children(s->plan->ops, s->plan->n_ops * sizeof(*s->plan->ops), keep);
	sys_keep_from_children(s->links, s->topo->n_links * sizeof(*s->links), keep);
}

static int make_nodes(struct supervisor *s, struct netlab_err *err)
{
	int hello[2], r = limits_begin(s, err);

	if (r < 0)
		return r;
	r = sys_sock_pair(hello);
	if (r < 0)
		return err_errno(err, r, "socket for the nodes");
	sys_trim_memory();
	keep_tables_from_nodes(s, true);
	r = node_nets_learn_user(s, err);
	for (size_t i = 0; i < s->plan->n_ops && r == 0; i++) {
		if (s->plan->ops[i].kind == PLAN_NODE)
			r = spawn(s, s->plan->ops[i].node, hello[1], err);
	}
	keep_tables_from_nodes(s, false);
	close(hello[1]);
	/* All are cloned before the first is heard: descriptors that hello brings would be copied by every clone. */
	for (size_t i = 0; i < s->topo->n_nodes && r == 0; i++) {
		r = supervisor_wait(s, hello[0], err);
		if (r == 0)
			r = take_hello(s, hello[0], err);
	}
	close(hello[0]);
	node_nets_end(s);
	return r;
}

/** Sysctls that contend for RTNL, one node after the other while nothing else wants it. */
static int settle_nodes(struct supervisor *s, struct netlab_err *err)
{
	for (size_t i = 0; i < s->topo->n_nodes; i++) {
		int r = s->nodes[i].unsettled ? supervisor_order(s, i, NODE_SETTLE, 0, err) : 0;

		if (r < 0)
			return err_wrap(err, "node '%s'", s->topo->nodes[i].name);
	}
	return 0;
}

int realise_spawn(struct supervisor *s, size_t node, struct netlab_err *err)
{
	int hello[2], r = sys_sock_pair(hello);

	if (r < 0)
		return err_errno(err, r, "socket for the node");
	r = node_nets_begin(s, node, err);
	if (r == 0)
		r = node_nets_learn_user(s, err);
	if (r == 0)
		r = spawn(s, (uint32_t)node, hello[1], err);
	close(hello[1]);
	if (r == 0)
		r = supervisor_wait(s, hello[0], err);
	if (r == 0)
		r = take_hello(s, hello[0], err);
	close(hello[0]);
	node_nets_end(s);
	if (r == 0 && s->nodes[node].unsettled)
		r = supervisor_order(s, node, NODE_SETTLE, 0, err);
	return r;
}

/* --- links --- */

static int make_veth(struct supervisor *s, const struct plan_op *op, struct netlab_err *err)
{
	const struct topo_end *end = &s->topo->links[op->link.link].ends[op->link.end];
	const struct plan_link *link = &s->plan->links[op->link.link];
	const struct plan_fabric_end *fabric = &link->ends[op->link.end];
	const struct plan_interface *in =
		&s->plan->nodes[end->node].interfaces[link->interface[op->link.end]];
	struct rt_end ends[2] = {
		{ .name = fabric->name, .ifindex = fabric->ifindex },
	};

	memcpy(ends[0].mac, fabric->mac, sizeof(ends[0].mac));
	memcpy(ends[1].mac, in->mac, sizeof(ends[1].mac));
	ends[1].name = in->name;
	ends[1].ifindex = in->ifindex;
	ends[1].netns_pid = s->nodes[end->node].pid;
	return rt_new_veth(&s->batch, ends, in->mtu, err);
}

static int make_redirect(struct supervisor *s, const struct plan_op *op, struct netlab_err *err)
{
	const struct plan_fabric_end *ends = s->plan->links[op->link.link].ends;
	unsigned from = op->link.end;
	int r = rt_new_redirect(&s->batch, ends[from].ifindex, ends[!from].ifindex, err);

	if (r == 0)
		s->links[op->link.link].redirected[from] = true;
	return r;
}

static int make_fabric_op(struct supervisor *s, const struct plan_op *op, struct netlab_err *err)
{
	const struct plan_fabric_end *ends = s->plan->links[op->link.link].ends;

	if (op->kind == PLAN_VETH)
		return make_veth(s, op, err);
	if (op->kind == PLAN_REDIRECT)
		return make_redirect(s, op, err);
	return rt_set_up(&s->batch, ends[op->link.end].ifindex, true, err); /* PLAN_FABRIC_UP */
}

/** Every fabric end gets its clsact, so that a direction can be cut and mended at any time. */
static int make_clsacts(struct supervisor *s, struct netlab_err *err)
{
	int r = 0;

	for (size_t i = 0; i < s->topo->n_links && r == 0; i++) {
		for (unsigned e = 0; e < 2 && r == 0; e++) {
			s->batch.cookie = i;
			r = rt_new_clsact(&s->batch, s->plan->links[i].ends[e].ifindex, err);
		}
	}
	/* flushed here, for here the cookies are links */
	if (r == 0)
		r = rt_flush(&s->batch, err);
	return r < 0 ? err_wrap(err, "link '%s': clsact",
				s->topo->links[s->batch.failed_cookie].name)
		     : 0;
}

static int make_fabric(struct supervisor *s, enum plan_op_kind kind, struct netlab_err *err)
{
	int r = use_socket(s, s->fabric_fd, err);

	for (size_t i = 0; i < s->plan->n_ops && r == 0; i++) {
		if (s->plan->ops[i].kind != kind)
			continue;
		s->batch.cookie = i;
		r = make_fabric_op(s, &s->plan->ops[i], err);
		if (r < 0)
			r = describe(s, s->batch.failed_cookie, err);
	}
	return r == 0 ? flush(s, err) : r;
}

/* --- inside the nodes --- */

static int make_bridge(struct supervisor *s, const struct plan_op *op, struct netlab_err *err)
{
	const struct plan_node *node = &s->plan->nodes[op->node];
	struct rt_bridge br = {
		.name = PLAN_BRIDGE_NAME,
		.ifindex = node->bridge_ifindex,
		.stp = s->topo->nodes[op->node].stp,
		.learn = s->topo->nodes[op->node].kind != TOPO_HUB,
	};
	int r;

	memcpy(br.mac, node->bridge_mac, sizeof(br.mac));
	r = rt_new_bridge(&s->batch, &br, err);
	return r < 0 ? r : rt_set_up(&s->batch, br.ifindex, true, err);
}

static int make_route(struct supervisor *s, const struct plan_op *op, struct netlab_err *err)
{
	static const enum rt_route_type types[] = {
		[TOPO_ROUTE_UNICAST] = RT_ROUTE_UNICAST,
		[TOPO_ROUTE_BLACKHOLE] = RT_ROUTE_BLACKHOLE,
		[TOPO_ROUTE_UNREACHABLE] = RT_ROUTE_UNREACHABLE,
	};
	enum { FEW = 8 };
	struct rt_hop few[FEW], *hops = few;
	struct rt_route route = {
		.type = types[op->route.type],
		.to = op->route.to,
		.metric = op->route.metric,
		.n_hops = op->route.n_hops,
	};
	int r;

	if (route.n_hops > FEW) {
		hops = calloc(route.n_hops, sizeof(*hops));
		if (!hops)
			return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < route.n_hops; i++) {
		const struct plan_nexthop *hop = &op->route.hops[i];

		hops[i] = (struct rt_hop){
			.via = hop->via,
			.ifindex = s->plan->nodes[op->node].interfaces[hop->interface].ifindex,
		};
	}
	route.hops = hops;
	r = rt_new_route(&s->batch, &route, err);
	if (hops != few)
		free(hops);
	return r;
}

/** The init finds a setting in the topology, for it has no copy of the plan's operations (keep_tables_from_nodes()). */
static int write_sysctl(struct supervisor *s, const struct plan_op *op, struct netlab_err *err)
{
	const struct topo_node *about = &s->topo->nodes[op->node];
	uint32_t i = 0;
	int r = rt_flush(&s->batch, err);

	if (r < 0)
		return r;
	while (i < about->n_sysctls && strcmp(about->sysctls[i].key, op->sysctl.key) != 0)
		i++;
	if (i == about->n_sysctls)
		return err_set(err, EINVAL, "the topology has no sysctl '%s' for this node",
			       op->sysctl.key);
	return supervisor_order(s, op->node, NODE_SYSCTL, i, err);
}

/** Goes up, and has its routes to the networks that it is in. */
static int go_up(struct supervisor *s, const struct plan_interface *in, struct netlab_err *err)
{
	int r = rt_set_up(&s->batch, in->ifindex, true, err);

	for (size_t i = 0; i < in->n_addresses && r == 0; i++) {
		const struct ip_prefix *a = &in->addresses[i];

		/* a single address is all local */
		if (a->addr.family == IP_V6 && a->len < ip_bits(&a->addr))
			r = rt_keep_network(&s->batch, in->ifindex, a, err);
	}
	return r;
}

static int make_node_op(struct supervisor *s, size_t index, struct netlab_err *err)
{
	const struct plan_op *op = &s->plan->ops[index];
	const struct plan_node *node = &s->plan->nodes[op->node];
	const struct plan_interface *in = node->interfaces;
	int r;

	switch (op->kind) {
	case PLAN_BRIDGE:
		return make_bridge(s, op, err);
	case PLAN_PORT:
		return rt_set_master(&s->batch, in[op->interface].ifindex, node->bridge_ifindex,
				     err);
	case PLAN_SYSCTL:
		return write_sysctl(s, op, err);
	case PLAN_OFFLOAD:
		r = rt_set_offloads(s->nodes[op->node].rtnl_fd, in[op->interface].name, false);
		return r < 0 ? err_errno(err, r, "turning segmentation offloads off") : 0;
	case PLAN_ADDRESS:
		return rt_new_address(&s->batch, in[op->address.interface].ifindex,
				      &op->address.prefix, err);
	case PLAN_UP:
		return go_up(s, &in[op->interface], err);
	case PLAN_NEIGHBOUR:
		return rt_new_neighbour(&s->batch, in[op->neighbour.interface].ifindex,
					&op->neighbour.addr, op->neighbour.mac, err);
	case PLAN_ROUTE:
		return make_route(s, op, err);
	case PLAN_UPLINK:
	case PLAN_FABRIC:
	case PLAN_HOSTS:
	case PLAN_NODE:
	case PLAN_VETH:
	case PLAN_REDIRECT:
	case PLAN_FABRIC_UP:
	case PLAN_WIRE:
	case PLAN_QDISC:
	case PLAN_SERVICE:
		break;
	}
	return 0;
}

static bool is_node_op(enum plan_op_kind kind)
{
	return kind >= PLAN_BRIDGE && kind <= PLAN_ROUTE;
}

/** @param[in] node  index, or ALL_NODES */
static int configure(struct supervisor *s, size_t node, struct netlab_err *err)
{
	int r = 0;

	for (size_t i = 0; i < s->plan->n_ops && r == 0; i++) {
		const struct plan_op *op = &s->plan->ops[i];

		if (!is_node_op(op->kind) || (node != ALL_NODES && op->node != node))
			continue;
		r = use_socket(s, s->nodes[op->node].rtnl_fd, err);
		if (r < 0)
			return r;
		s->batch.cookie = s->batch.failed_cookie = i;
		r = make_node_op(s, i, err);
		if (r < 0)
			return describe(s, s->batch.failed_cookie, err);
	}
	return flush(s, err);
}

static int configure_nodes(struct supervisor *s, struct netlab_err *err)
{
	return configure(s, ALL_NODES, err);
}

int realise_configure(struct supervisor *s, size_t node, struct netlab_err *err)
{
	return configure(s, node, err);
}

static int all_addresses(struct supervisor *s, struct netlab_err *err)
{
	return settle_addresses(s, ALL_NODES, err);
}

static int all_trees(struct supervisor *s, struct netlab_err *err)
{
	return settle_trees(s, ALL_NODES, err);
}

/**
 * Has every change of a carrier carried out that the kernel would get round to later (linkwatch): the fabric ends went up
 * before their peers did, so their queues are not active yet, and no node end is yet *running*.
 */
static int sync_carriers(struct supervisor *s, struct netlab_err *err)
{
	int r = 0;

	for (size_t i = 0; i < s->plan->n_ops && r == 0; i++) {
		const struct plan_op *op = &s->plan->ops[i];

		if (op->kind == PLAN_FABRIC_UP)
			r = rt_sync_running(s->fabric_fd,
					    s->plan->links[op->link.link].ends[op->link.end].name);
		else if (op->kind == PLAN_UP && op->interface > 0) /* 0 is lo */
			r = rt_sync_running(
				s->nodes[op->node].rtnl_fd,
				s->plan->nodes[op->node].interfaces[op->interface].name);
		if (r < 0) {
			err_errno(err, r, "waiting for its carrier");
			return describe(s, i, err);
		}
	}
	return 0;
}

static int prepare_fabric(struct supervisor *s, struct netlab_err *err)
{
	static const char *const no_ipv6[] = { "/proc/sys/net/ipv6/conf/all/disable_ipv6",
					       "/proc/sys/net/ipv6/conf/default/disable_ipv6" };

	(void)s;
	/* The fabric only moves frames: without IPv6 its devices make no noise and cost less. */
	for (size_t i = 0; i < ARRAY_SIZE(no_ipv6); i++) {
		int r = sys_write_value(no_ipv6[i], "1");

		if (r < 0 && r != -ENOENT)
			return err_errno(err, r, "fabric: turning IPv6 off");
	}
	return 0;
}

/** A part that died meanwhile is the cause of whatever failed, and reason enough to fail when nothing did. */
static int blame_dead_part(struct supervisor *s, int r, struct netlab_err *err)
{
	/* what operations on a dying node fail with; the kernel may need a moment until it can be reaped (-ECHILD is a
	   service's own end, which is no reason to wait) */
	bool suspicious = r == -ESRCH || r == -ENODEV || r == -EPIPE || r == -ECONNRESET;
	uint64_t deadline_ns = sys_monotonic_ns() + 500 * 1000000ull;
	struct netlab_err death = { 0 };

	(void)supervisor_reap(s);
	while (suspicious && dead_part(s, NULL) == 0 && sys_monotonic_ns() < deadline_ns) {
		struct signalfd_siginfo info;

		if (sys_wait_readable(s->signal_fd, 100) == 0)
			(void)!read(s->signal_fd, &info,
				    sizeof(info)); /* one at least may be tc's */
		(void)supervisor_reap(s);
	}
	if (dead_part(s, &death) == 0)
		return r;
	if (r == 0 || r == death.code) {
		*err = death;
		return death.code;
	}
	return err_wrap(err, "%s", death.message);
}

int realise(struct supervisor *s, struct netlab_err *err)
{
	static const struct {
		const char *phase;
		int (*run)(struct supervisor *s, struct netlab_err *err);
	} before_links[] = { { "fabric", prepare_fabric },
			     { "names", names_make },
			     { "nodes", make_nodes },
			     { "settings", settle_nodes } },
	  after_links[] = { { "addresses", configure_nodes }, { "uplink", uplink_make },
			    { "carrier", sync_carriers },     { "validity", all_addresses },
			    { "shaping", shape_all },         { "wire", wired_all },
			    { "spanning-tree", all_trees },   { "netns-names", netns_names_make },
			    { "services", services_up } };
	static const enum plan_op_kind fabric_ops[] = { PLAN_REDIRECT, PLAN_FABRIC_UP };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(before_links) && r == 0; i++) {
		r = before_links[i].run(s, err);
		if (r == 0)
			supervisor_phase(s, before_links[i].phase);
	}
	if (r == 0)
		r = make_fabric(s, PLAN_VETH, err);
	if (r == 0)
		supervisor_phase(s, "links");
	if (r == 0)
		r = make_clsacts(s, err);
	for (size_t i = 0; i < ARRAY_SIZE(fabric_ops) && r == 0; i++)
		r = make_fabric(s, fabric_ops[i], err);
	if (r == 0)
		supervisor_phase(s, "joins");
	for (size_t i = 0; i < ARRAY_SIZE(after_links) && r == 0; i++) {
		r = after_links[i].run(s, err);
		if (r == 0)
			supervisor_phase(s, after_links[i].phase);
	}
	return blame_dead_part(s, r, err);
}
