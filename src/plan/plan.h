/* SPDX-License-Identifier: MIT */
/**
 * @file plan.h
 * From a checked topology to everything that is created: names, indexes, MACs, addresses, routes, neighbours, sysctls,
 * qdiscs, in order. Pure and deterministic: the same topology gives a byte-identical plan.
 *
 * Theory of operation. A plan is a set of tables (nodes with their interfaces, links with their two fabric ends) and
 * one array of typed operations that refer to them, in the order in which they are carried out:
 *
 *   lab        PLAN_FABRIC, PLAN_HOSTS
 *   nodes      PLAN_NODE for each node (its own sysctls from nodes[i].sysctls before any interface is born, so that
 *              interfaces inherit conf/default)
 *   links      PLAN_VETH x 2 per link: fabric end and node end in one message, both in their final namespace
 *   fabric     PLAN_REDIRECT x 2 per patched or netem link (clsact ingress -> mirred egress of the other end),
 *              PLAN_FABRIC_UP per fabric end (not where the link's carrier is false)
 *   per node   contiguous: PLAN_BRIDGE, PLAN_PORT (switches); PLAN_SYSCTL that need the interfaces;
 *              PLAN_OFFLOAD; PLAN_ADDRESS; PLAN_UP (lo first); PLAN_NEIGHBOUR; PLAN_ROUTE
 *   shaping    PLAN_QDISC per direction that netem shapes: all of them one tc -batch; PLAN_WIRE per wire link. Only now, so
 *              that what interfaces send as they come up is not drawn for
 *   services   PLAN_SERVICE
 *
 * The node end of a link goes up after the fabric end, so that it has its carrier at once and IPv6 addresses are valid
 * when the message returns.
 */
#ifndef NETLAB_PLAN_PLAN_H
#define NETLAB_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/ip.h"
#include "netlab/err.h"
#include "topo/model.h"

enum {
	PLAN_MTU_DEFAULT = 1500,
	PLAN_LO_IFINDEX = 1,
	/* Where a module of fallback tunnels is loaded (ipip, sit, gre...), every new namespace is born with such a
	   device or several, numbered from 2 on (net.core.fb_tunnels_only_for_init_net): nodes' own come after. */
	PLAN_NODE_IFINDEX = 101,
	/* Far from the nodes' own: a veth end whose peer has the same number elsewhere looks like no veth to linkwatch,
	   which then takes up to a second over its carrier (linkwatch_urgent_event(), net/core/link_watch.c). */
	PLAN_FABRIC_IFINDEX = 1 << 20,
	/* A LAN of more members than this uses ARP and ND: permanent entries grow with the square (docs/adr). */
	PLAN_NEIGHBOUR_MEMBERS_MAX = 64,
};

#define PLAN_BRIDGE_NAME "br0"

enum plan_join { PLAN_JOIN_PATCH, PLAN_JOIN_NETEM, PLAN_JOIN_WIRE };

enum plan_qdisc_kind { PLAN_QDISC_NONE, PLAN_QDISC_NETEM };

/** What sits as root qdisc on the fabric end that faces the receiver of a direction. */
struct plan_qdisc {
	enum plan_qdisc_kind kind;
	uint64_t limit_packets; /**< netem: computed queue, see plan_qdisc_build() */
	/** what it carries out; burst loss already solved into gemodel */
	struct impairment impairment;
};

/** The fabric end of a link: named L<link>.a or .b, ifindex PLAN_FABRIC_IFINDEX + 2 * link + end. */
struct plan_fabric_end {
	char name[16];
	uint32_t ifindex;
	uint8_t mac[6];
};

struct plan_link {
	struct plan_fabric_end ends[2];
	uint32_t interface[2]; /**< of the end's node: index into its interfaces */
	uint32_t mtu;          /**< the larger of the two ends' */
	enum plan_join join;
	const char *reason; /**< for the join; static */
	bool no_offload;    /**< its interfaces' */
	/** why the wire takes it where a netem would do now: its timeline will ask for what netem cannot do, and a netem
	 *  cannot become a wire while it runs; static; NULL = it need not */
	const char *needs_wire;
	/** netem: dir[0], "->", is the root qdisc of ends[1]; dir[1] that of ends[0] */
	struct plan_qdisc dir[2];
};

/** An interface of a node; a bridge's ifindex comes after the last. */
struct plan_interface {
	const char *name;
	uint32_t ifindex;
	uint8_t mac[6];
	uint32_t mtu;
	size_t link;     /**< SIZE_MAX for lo */
	unsigned end;    /**< which end of that link */
	bool no_offload; /**< segmentation offloads are turned off */
	struct ip_prefix *addresses;
	size_t n_addresses;
};

struct plan_sysctl {
	const char *key; /**< with dots: net.ipv4.ip_forward */
	const char *value;
};

struct plan_node {
	/** [0] is lo, then one per link end in file order: interface j is [j] and has ifindex
	 *  PLAN_NODE_IFINDEX - 1 + j */
	struct plan_interface *interfaces;
	size_t n_interfaces;
	uint32_t bridge_ifindex; /**< 0 = none */
	uint8_t bridge_mac[6];
	struct plan_sysctl *sysctls; /**< written before the interfaces are born */
	size_t n_sysctls;
	/** first IPv4 and IPv6 address (what /etc/hosts says); family 0 = none */
	struct ip_addr address[2];
	const char *resolv_conf; /**< content of its /etc/resolv.conf; NULL = PLAN_RESOLV_CONF */
};

/** The interface of an uplink that leads to the host; no link makes it. */
#define PLAN_UPLINK_NAME "uplink"

/** No server, so that nothing of the host's is asked: resolvers then try the node itself (resolv.conf(5)), and hear at
 *  once that nobody listens there. */
#define PLAN_RESOLV_CONF                                                                            \
	"# No server. Names of the lab are in /etc/hosts; \"dns\" in the topology gives servers.\n" \
	"options timeout:1 attempts:1\n"

struct plan_nexthop {
	struct ip_addr via; /**< family 0 = on link */
	uint32_t interface; /**< index into the node's interfaces */
};

enum plan_op_kind {
	PLAN_FABRIC,
	PLAN_HOSTS,
	PLAN_NODE,
	PLAN_VETH,
	PLAN_REDIRECT,
	PLAN_FABRIC_UP,
	PLAN_BRIDGE,
	PLAN_PORT,
	PLAN_SYSCTL,
	PLAN_OFFLOAD,
	PLAN_ADDRESS,
	PLAN_UP,
	PLAN_NEIGHBOUR,
	PLAN_ROUTE,
	PLAN_UPLINK,
	PLAN_QDISC,
	PLAN_WIRE,
	PLAN_SERVICE /* the last */
};
#define PLAN_OP_COUNT (PLAN_SERVICE + 1)

/** One operation. Which members count: see the comment of each. */
struct plan_op {
	enum plan_op_kind kind;
	uint32_t node; /**< NODE, BRIDGE..UPLINK, SERVICE */
	union {
		struct {
			uint32_t link;
			/** VETH, FABRIC_UP: which; REDIRECT: from ingress of end to egress of
			 * !end; QDISC: the *direction* (0 = "->"); WIRE: none */
			unsigned end;
		} link;             /**< VETH, REDIRECT, FABRIC_UP, WIRE, QDISC */
		uint32_t interface; /**< PORT, OFFLOAD, UP: index into the node's interfaces */
		struct plan_sysctl sysctl; /**< SYSCTL */
		struct {
			uint32_t interface;
			struct ip_prefix prefix;
		} address; /**< ADDRESS */
		struct {
			uint32_t interface;
			struct ip_addr addr;
			uint8_t mac[6];
		} neighbour; /**< NEIGHBOUR: permanent */
		struct {
			enum topo_route_type type;
			struct ip_prefix to;
			uint32_t metric;
			const struct plan_nexthop *hops; /**< more than one: ECMP */
			uint32_t n_hops;                 /**< 0 for blackhole, unreachable */
		} route;
		uint32_t service; /**< SERVICE: index into the topology node's services */
	};
};

struct plan {
	struct arena arena;
	const struct topo *topo; /**< borrowed: must outlive the plan */
	struct plan_node *nodes; /**< topo->n_nodes */
	struct plan_link *links; /**< topo->n_links */
	struct plan_op *ops;
	size_t n_ops;
	/** content of every node's /etc/hosts; NULL when the topology says "hosts": false */
	const char *hosts;
};

/** net.ipv4.ping_group_range of every host and router: all users may ping. ping's own ways to become able to, a setuid
 *  bit or a capability of the file, mean nothing in a node. */
#define PLAN_PING_GROUPS "0 2147483647"

/** What the host can do, as far as the plan depends on it. */
struct plan_host {
	/** the kernel has no sch_netem: links that shape are the wire's */
	bool no_netem;
	bool recorded; /**< every link is the wire's, so that it can be recorded or replayed */
};

/**
 * Makes the plan.
 * @param[in] host  may be NULL: a host that can do everything
 * @return 0; -EINVAL (class INVALID: pool too small for the nodes, address used twice, route's gateway not on link...),
 *         -EOPNOTSUPP (class UNSUPPORTED: a link needs what the host has not), -ENOMEM
 */
int plan_build(const struct topo *topo, const struct plan_host *host, struct plan **ret,
	       struct netlab_err *err);

/** One problem: class INVALID, `where` a JSON Pointer where there is one. Its text is borrowed for the call. */
typedef void plan_problem_fn(void *ctx, const struct netlab_err *problem);
enum { PLAN_PROBLEMS_MAX = 1000 /**< are told; nobody reads on */ };

/**
 * Tells every problem of a topology that only planning finds; plan_build() answers the first.
 * @return as plan_build(), with the first in *err
 */
int plan_check(const struct topo *topo, const struct plan_host *host, plan_problem_fn *tell,
	       void *ctx, struct netlab_err *err);
void plan_free(struct plan *p);

/** For people: a line per operation, grouped as carried out. */
void plan_print_text(struct buf *b, const struct plan *p);
/** {"name","seed","ops":[{"op":"veth","link":..,...}]} */
void plan_print_json(struct buf *b, const struct plan *p);
/** A plain sh script of ip, tc, unshare, nsenter, sysctl that builds the same lab (`up`) and removes it (`down`); of a lab
 *  with wire links, which no such programs make, a script that says so and fails. */
void plan_print_sh(struct buf *b, const struct plan *p);
/** One operation in words, for error messages: "address 10.0.0.1/31 on eth0 of node 'a'". */
void plan_describe_op(struct buf *b, const struct plan *p, const struct plan_op *op);
/**
 * The file of a sysctl below /proc/sys: "net/ipv4/conf/eth0.100/forwarding" for "net.ipv4.conf.eth0.100.forwarding".
 * Dots separate, but those in an interface's name stay; a slash stands for a dot, as in sysctl(8).
 * @return 0; -ENAMETOOLONG
 */
int plan_sysctl_path(const char *key, char *ret, size_t size);
/** "patch", "netem", "wire" */
const char *plan_join_name(enum plan_join join);

/** Why a link with fault rules is the wire's. */
extern const char plan_fault_rules[];

/** How a link is joined, and why. */
struct plan_choice {
	enum plan_join join;
	const char *reason; /**< static */
};

/**
 * Chooses how the ends of a link meet: a patch where nothing is asked; netem where the kernel has it and it can do what is
 * asked; otherwise the wire. Also used by `link set` at run time.
 * @param[in] wish    the link's own; PATCH counts as AUTO
 * @param[in] engine  the lab's
 * @param[in] needs_wire  what else is asked that only the wire can do, plan_fault_rules; NULL = nothing
 * @param[in] host    may be NULL: a host that can do everything
 * @return 0; -EOPNOTSUPP with class UNSUPPORTED: netem is asked for and cannot do it
 */
int plan_choose_join(enum topo_join wish, enum topo_engine engine, const struct impairment asked[2],
		     const char *needs_wire, const struct plan_host *host, struct plan_choice *ret,
		     struct netlab_err *err);

/**
 * Decides the qdisc of one direction that netem can do; also used by `link set` at run time.
 *
 * netem's limit counts the delay line too (research/netem.md F3), so it is queue + what rate x (delay + jitter) keeps in
 * flight; without a rate the flight is counted at 10 Gbit/s. Ordered jitter (the default) without a rate is had by a rate
 * of 1 Tbit/s, for netem keeps order when it has one (research/netem.md 1.2).
 * @param[in] m    as asked
 * @param[in] mtu  of the link, bytes
 * @return 0; -EOPNOTSUPP with class UNSUPPORTED (impairment_beyond_netem())
 */
int plan_qdisc_build(const struct impairment *m, uint32_t mtu, struct plan_qdisc *ret,
		     struct netlab_err *err);
/** The words after `tc qdisc replace dev IF root `: "netem limit 1100 delay 20ms ..."; without the seed. */
void plan_qdisc_print(struct buf *b, const struct plan_qdisc *q);
/** What netem keeps although no word of tc takes it away. */
enum plan_leftover {
	PLAN_LEFT_ECN = 1 << 0,   /**< the mark that `ecn` sets */
	PLAN_LEFT_TABLE = 1 << 1, /**< the table of the delay's distribution */
};
/**
 * The words that turn the qdisc `from`, in force, into `to`, of the same kind, by `tc qdisc replace dev IF root `: what
 * netem would otherwise keep (rate, corrupt, reorder, slot) is turned off by name where `to` has it no more.
 * @return enum plan_leftover of what has to be taken away by netlink afterwards; 0 = nothing
 */
unsigned plan_qdisc_print_change(struct buf *b, const struct plan_qdisc *from,
				 const struct plan_qdisc *to);

#endif
