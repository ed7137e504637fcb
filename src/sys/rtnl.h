/* SPDX-License-Identifier: MIT */
/**
 * @file rtnl.h
 * rtnetlink in batches. Messages are put together with libnl, collected, and sent many at a time; only the last of a
 * batch asks for an ACK, for the kernel reports every error on its own (netlink_rcv_skb, net/netlink/af_netlink.c).
 * A socket belongs to the network namespace in which it was opened, for good: one is opened inside each namespace
 * and kept, so nothing here ever changes namespaces.
 */
#ifndef NETLAB_SYS_RTNL_H
#define NETLAB_SYS_RTNL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/ip.h"
#include "netlab/err.h"

struct nl_msg;
struct nlattr;
struct nlmsghdr;

enum {
	RT_BATCH_BYTES = 32 * 1024,
	RT_BATCH_MESSAGES =
		256, /**< at most; so that as many errors fit the socket's receive buffer */
};

/** Messages on their way to one socket. Zero-initialise; reusable for other sockets after a flush. */
struct rt_batch {
	int fd;        /**< borrowed; set it before the first message */
	size_t cookie; /**< what an error of the next messages is reported as; set by the caller */
	size_t failed_cookie; /**< set when an operation failed: the cookie of the first message that did */
	uint8_t *data;
	size_t len;
	size_t last;  /**< offset of the last message */
	uint32_t seq; /**< of the next message */
	unsigned n;
	size_t cookies[RT_BATCH_MESSAGES];
	bool may_exist[RT_BATCH_MESSAGES]; /**< EEXIST in answer to it is none */
};

/** Opens a socket in the caller's network namespace. @return fd (close-on-exec), negative errno */
int rt_open(void);
void rt_batch_deinit(struct rt_batch *b);
/**
 * Sends what was collected and waits until the kernel has done it all.
 * @return 0; negative errno with the kernel's own text in *err, b->failed_cookie set
 */
int rt_flush(struct rt_batch *b, struct netlab_err *err);
/**
 * Adds a message (and frees it); flushes when the batch is full, so errors of earlier messages may come out here.
 * @param[in] op   static name for the gate, "rtnl newaddr"
 * @param[in] msg  NULL = out of memory
 */
int rt_add(struct rt_batch *b, const char *op, struct nl_msg *msg, struct netlab_err *err);
/** Begins a message with a family header of the given size. @return NULL when out of memory */
struct nl_msg *rt_message(int type, int flags, const void *header, size_t size);
/** @return the message; NULL, and it is freed, when putting it together failed */
struct nl_msg *rt_checked(struct nl_msg *msg, int failed);

/** Forgets what was collected and not sent. */
void rt_discard(struct rt_batch *b);

typedef int rt_dump_fn(void *ctx, struct nlmsghdr *message);
/** Sends one request with NLM_F_DUMP and calls fn for each answer. @return 0, negative errno of the kernel or of fn */
int rt_dump(int fd, int type, const void *header, size_t size, rt_dump_fn *fn, void *ctx);
/**
 * rt_dump() by a socket that hears of changes (rt_hear_...()). A dump comes in parts, and what is told between two of them is
 * read past: *ret_heard is set then, and what was dumped may be older than what was told.
 */
int rt_dump_hearing(int fd, int type, const void *header, size_t size, rt_dump_fn *fn, void *ctx,
		    bool *ret_heard);
/** Sends a request (and frees it; NULL = out of memory) and calls fn for its one answer.
 *  @return what fn says; negative errno of the kernel */
int rt_ask(int fd, struct nl_msg *msg, rt_dump_fn *fn, void *ctx);

/* --- links (rtnl_link.c) --- */

struct rt_end {
	const char *name;
	uint32_t ifindex;
	uint8_t mac[6];
	pid_t netns_pid; /**< 0 = the socket's own namespace */
};

/** A veth pair, both ends born where they belong, one queue each. ends[0] must be in the socket's namespace. */
int rt_new_veth(struct rt_batch *b, const struct rt_end ends[2], uint32_t mtu,
		struct netlab_err *err);

/** Removes a link; a veth takes its other end along. */
int rt_delete_link(struct rt_batch *b, uint32_t ifindex, struct netlab_err *err);

struct rt_bridge {
	const char *name;
	uint32_t ifindex;
	uint8_t mac[6];
	bool stp;
	bool learn; /**< false: a hub */
};
int rt_new_bridge(struct rt_batch *b, const struct rt_bridge *br, struct netlab_err *err);
int rt_set_master(struct rt_batch *b, uint32_t ifindex, uint32_t master, struct netlab_err *err);
int rt_set_up(struct rt_batch *b, uint32_t ifindex, bool up, struct netlab_err *err);
/** A link that goes to another network namespace, and what it shall be there. It goes down, and loses its addresses. */
struct rt_move {
	uint32_t ifindex; /**< here */
	pid_t netns_pid;  /**< a process of the other one */
	const char *name;
	uint32_t new_ifindex; /**< Linux >= 5.13; free there */
	const uint8_t *mac;   /**< NULL = as it is */
	uint32_t mtu;         /**< 0 = as it is */
};
int rt_move_link(struct rt_batch *b, const struct rt_move *m, struct netlab_err *err);
/** Asks about a link and throws the answer away: RTM_GETLINK runs a pending carrier change of the device first
 *  (linkwatch_sync_dev() in rtnl_getlink(), Linux >= 6.8), so that its qdisc is active when the batch returns. */
int rt_sync_carrier(struct rt_batch *b, uint32_t ifindex, struct netlab_err *err);

struct rt_link_state {
	uint32_t ifindex;
	char name[16];
	uint8_t mac[6];                /**< all 0 = it has none */
	bool up, running;              /**< IFF_UP, IFF_RUNNING */
	int stp_state;                 /**< BR_STATE_* of linux/if_bridge.h, -1 = no bridge port */
	uint64_t rx_packets, rx_bytes; /**< what has come in since it was born */
};
typedef int rt_link_fn(void *ctx, const struct rt_link_state *state);
/** Calls fn for every link of the socket's namespace. */
int rt_each_link(int fd, rt_link_fn *fn, void *ctx);
/** The same for a socket that hears of links. @param[out] ret_heard  as in rt_has_local_route() */
int rt_each_link_hearing(int fd, rt_link_fn *fn, void *ctx, bool *ret_heard);
/** Reads one link. @return 0; -ENODEV; ... */
int rt_get_link(int fd, uint32_t ifindex, struct rt_link_state *ret);
/** Makes a socket hear its namespace's link changes, bridge port states among them: readable means that something
 *  changed; rt_each_link_hearing() reads past it. @return 0, negative errno */
int rt_hear_links(int fd, bool on);

/* --- what ethtool's ioctls do (ethtool.c) --- */

/** rt_sync_carrier() for a device that is up, at once, and at a tenth of the cost, for nothing is told about the device: by asking
 *  for its link state with ethtool (ethtool_op_get_link(), Linux >= 6.8). @param[in] fd  rtnetlink socket of the device's
 *  namespace @return 0, negative errno */
int rt_sync_running(int fd, const char *ifname);
/** Turns all segmentation offloads on or off, and GRO off, through a socket of the device's namespace: off, no frame that
 *  the device sends is larger than its MTU says. @return 0, negative errno */
int rt_set_offloads(int fd, const char *ifname, bool on);

/* --- addresses, neighbours, routes (rtnl_ip.c) --- */

int rt_new_address(struct rt_batch *b, uint32_t ifindex, const struct ip_prefix *p,
		   struct netlab_err *err);
/**
 * Has the kernel's own route to the network of an IPv6 address there, on an interface that is up. The kernel makes it as the
 * interface goes up, with memory that it must not wait for (addrconf_permanent_addr(), net/ipv6/addrconf.c, GFP_ATOMIC: 8
 * bytes a processor, of which it keeps a page or two ready and gets more by a worker), and when there is none it says nothing
 * and goes on without: neighbours are unreachable then, and routes by way of them "No route to host".
 * @param[in] p  the address; host bits may be set
 */
int rt_keep_network(struct rt_batch *b, uint32_t ifindex, const struct ip_prefix *p,
		    struct netlab_err *err);
/** Takes an address away from an interface, at once. @return 0, negative errno */
int rt_delete_address(int fd, uint32_t ifindex, const struct ip_prefix *p, struct netlab_err *err);
/** How many routes of any table share an address with the prefix, default routes and those of one interface left out.
 *  @return >= 0, negative errno */
int rt_count_routes(int fd, const struct ip_prefix *p, uint32_t except);
/** Whether packets for an address are the namespace's own already. An IPv6 address is there when RTM_NEWADDR returns, its
 *  route in the local table is not: a kernel worker puts that in (addrconf_dad_work(), net/ipv6/addrconf.c).
 *  @return 1 yes, 0 not yet, negative errno */
int rt_is_local(int fd, const struct ip_addr *a);
/** Whether the table of local addresses has one, seen as whoever changes that table sees it. A route is told of
 *  (rt_hear_routes()) a moment before rt_is_local() finds it (fib6_add_rt2node(), net/ipv6/ip6_fib.c: RTN_RTINFO comes after
 *  inet6_rt_notify()), both under the table's lock, which a dump takes: so nobody who hears, asks this and waits for what
 *  comes next waits for what was there.
 *  @param[out] ret_heard  set when something was told meanwhile and read past: to be asked again, not waited for
 *  @return 1 yes, 0 not yet, negative errno */
int rt_has_local_route(int fd, const struct ip_addr *a, bool *ret_heard);
/** Makes a socket hear its namespace's IPv6 routes: readable means that something changed; rt_has_local_route() reads past it.
 *  A socket that hears is only asked for dumps: an answer of one message is lost when there is no room for it, and nobody
 *  says so. @return 0, negative errno */
int rt_hear_routes(int fd, bool on);
/** A permanent entry. */
int rt_new_neighbour(struct rt_batch *b, uint32_t ifindex, const struct ip_addr *a,
		     const uint8_t mac[6], struct netlab_err *err);

enum rt_route_type { RT_ROUTE_UNICAST, RT_ROUTE_BLACKHOLE, RT_ROUTE_UNREACHABLE };
struct rt_hop {
	struct ip_addr via; /**< family 0 = on link */
	uint32_t ifindex;
};
struct rt_route {
	enum rt_route_type type;
	struct ip_prefix to;
	uint32_t metric; /**< 0 = the kernel's default */
	const struct rt_hop *hops;
	unsigned n_hops;
};
int rt_new_route(struct rt_batch *b, const struct rt_route *r, struct netlab_err *err);

/* --- qdiscs and filters (rtnl_tc.c) --- */

/** clsact on a device: where redirects hang. */
int rt_new_clsact(struct rt_batch *b, uint32_t ifindex, struct netlab_err *err);
/** Everything that comes in at `from` goes out at `to` (u32 match all, action mirred egress redirect). */
int rt_new_redirect(struct rt_batch *b, uint32_t from, uint32_t to, struct netlab_err *err);
/** Removes that redirect: what comes in at `from` goes nowhere. */
int rt_delete_redirect(struct rt_batch *b, uint32_t from, struct netlab_err *err);

/** How many frames that redirect could not pass on: what the other device's qdisc answered with NET_XMIT_DROP, or the device
 *  itself did (mirred's overlimits, net/sched/act_mirred.c). @return 0; negative errno */
int rt_redirect_failures(int fd, uint32_t from, uint64_t *ret);

/** netem as the kernel reports it (linux/pkt_sched.h; research/netem.md 1.6). */
struct rt_netem {
	uint64_t latency_ns, jitter_ns, rate_bytes, seed;
	uint32_t limit, gap;
	uint32_t loss, duplicate, corrupt, reorder; /**< shares of UINT32_MAX */
	int loss_model;    /**< 0 random, 1 four-state, 2 Gilbert-Elliott */
	uint32_t state[5]; /**< p13 p31 p32 p14 p23 (struct order) */
	uint32_t ge[4];    /**< p r h k1 */
	int32_t overhead, cell_overhead;
	uint32_t cell;
	bool ecn, has_seed, has_slot;
	int64_t slot_min_ns, slot_max_ns, slot_dist_delay_ns, slot_dist_jitter_ns;
	int32_t slot_packets, slot_bytes;
};

struct rt_qdisc {
	uint32_t ifindex;
	char kind[16];
	uint32_t handle;
	uint32_t queued_packets, drops, overlimits;
	uint64_t sent_packets, sent_bytes;
	struct rt_netem netem;        /**< when kind is "netem" */
	const struct nlattr *options; /**< TCA_OPTIONS as dumped; valid during the call */
};
typedef int rt_qdisc_fn(void *ctx, const struct rt_qdisc *q);
/** Calls fn for every root qdisc of the socket's namespace. */
int rt_each_qdisc(int fd, rt_qdisc_fn *fn, void *ctx);
/** What tc cannot say about a netem, or not yet (research/netem.md 1.5). */
struct rt_netem_amendment {
	bool set_times; /**< tc before 6.9 counts in ticks of 64 ns, rounded down */
	uint64_t latency_ns, jitter_ns;
	bool set_seed;
	uint64_t seed;
	bool clear_ecn;     /**< tc can only turn it on */
	bool uniform_delay; /**< a table, once loaded, stays: load one that is uniform over [-1, 1) */
};
/** Amends the netem that `q` shows: sends its own options back with the changes, since a change replaces what it does not
 *  name. Packets that it holds stay. Kernels before 6.6 ignore the seed: read back. */
int rt_amend_netem(struct rt_batch *b, const struct rt_qdisc *q, const struct rt_netem_amendment *a,
		   struct netlab_err *err);
/** Tries netem on lo of the socket's namespace and removes it. @return 0; -ENOENT: the kernel has no sch_netem */
int rt_probe_netem(int fd, struct netlab_err *err);

#endif
