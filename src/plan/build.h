/* SPDX-License-Identifier: MIT */
/**
 * @file build.h
 * Inside plan_build(): what the steps of planning share while they work. Not for other modules: they see plan.h.
 *
 * The steps, in order, each a file: interfaces.c (names, indexes, MACs), segments.c (which interfaces hear each
 * other), addresses.c, joins.c (what each link does to packets), nodes.c (sysctls, /etc/hosts), subnets.c (the
 * network layer's view), then ops.c, which lists the operations and asks routes.c for each node's routes.
 */
#ifndef NETLAB_PLAN_BUILD_H
#define NETLAB_PLAN_BUILD_H

#include "plan/plan.h"

/** Both ends of all links have one numbering: link * 2 + end. */
typedef uint32_t end_id;

/** Address arithmetic: a pool of either family fits. */
__extension__ typedef unsigned __int128 plan_u128;

/** Interfaces of hosts and routers that hear each other's broadcasts: one link, or links joined by switches and hubs. */
struct segment {
	end_id *ends; /**< in file order */
	uint32_t n_ends;
	uint32_t link; /**< the first in file order: it names the segment in errors */
	bool pair;     /**< one link between two hosts or routers */
};

struct subnet_member {
	end_id end;
	struct ip_addr addr;
};

/** A network prefix on a segment, and who has an address in it: what a next hop is found in. */
struct subnet {
	struct ip_prefix net;
	uint32_t segment;
	struct subnet_member *members;
	uint32_t n_members;
};

/** The network layer's view of one family. */
struct subnets {
	struct subnet *items;
	uint32_t n;
};

struct build {
	const struct topo *topo;
	const struct plan_host *host;
	struct netlab_err *err; /**< never NULL */
	struct plan *plan;
	struct arena scratch; /**< freed when the plan is made */
	uint32_t *segment_of; /**< [link] index into segments, UINT32_MAX before segments.c */
	struct segment *segments;
	uint32_t n_segments;
	struct subnets subnets[2]; /**< [0] IPv4, [1] IPv6 */
	bool any_ipv6;             /**< some interface of the lab has an IPv6 address */
	plan_problem_fn *tell;     /**< may be NULL */
	void *tell_ctx;
	size_t n_problems;
	struct netlab_err first; /**< of the problems */
	bool unaddressed; /**< a pool was too small: what follows from that is no problem of its own */
	size_t ops_size;
	struct plan_op spare; /**< where an operation goes that could not be stored */
	bool failed;          /**< an op could not be stored: out of memory */
};

enum { PLAN_FAMILIES = 2 };

/** @return 0 for IPv4, 1 for IPv6: the index of per-family arrays */
static inline unsigned family_index(const struct ip_addr *a)
{
	return a->family == IP_V6;
}

static inline enum ip_family family_of(unsigned index)
{
	return index ? IP_V6 : IP_V4;
}

static inline const char *family_name(unsigned index)
{
	return index ? "IPv6" : "IPv4";
}

static inline const struct topo_end *topo_end_of(const struct build *b, end_id end)
{
	return &b->topo->links[end / 2].ends[end % 2];
}

static inline const struct topo_node *node_of(const struct build *b, end_id end)
{
	return &b->topo->nodes[topo_end_of(b, end)->node];
}

static inline struct plan_interface *interface_of(const struct build *b, end_id end)
{
	return &b->plan->nodes[topo_end_of(b, end)->node]
			.interfaces[b->plan->links[end / 2].interface[end % 2]];
}

/** IPv6 link-local addresses may repeat from link to link, and nothing is routed to them. */
static inline bool ip_is_link_local(const struct ip_addr *a)
{
	return a->family == IP_V6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/** 127.0.0.0/8 and ::1 mean the node itself. */
bool plan_is_loopback(const struct ip_addr *a);

/** Fills in b->err as "the topology is invalid". @return -EINVAL */
int plan_invalid(struct build *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/**
 * After a part of a step: a problem of the topology's is told, and planning goes on without that part, to find others.
 * @param[in] r  what the part returned, with b->err
 * @return 0: go on; r where it is no such problem, or one too many
 */
int plan_note(struct build *b, int r);
/** @return -ENOMEM with b->err filled in */
int plan_no_memory(struct build *b);

int plan_make_interfaces(struct build *b);
int plan_make_segments(struct build *b);
int plan_make_addresses(struct build *b);
int plan_make_joins(struct build *b);
int plan_make_nodes(struct build *b);
/** resolv.conf of nodes with `dns`. */
int plan_make_resolvers(struct build *b);
int plan_make_subnets(struct build *b);
int plan_make_ops(struct build *b);

/** @return whether the sysctl belongs to one interface ("net.ipv4.conf.eth0.rp_filter"), which must exist first; then
 *  *ret_name and *ret_len are the interface's name inside the key */
bool plan_sysctl_names_interface(const char *key, const char **ret_name, size_t *ret_len);

/**
 * Appends an operation. Out of memory is remembered in b->failed and the caller gets a spare one to fill in.
 * @param[in] node  0 where the kind has none
 */
struct plan_op *plan_add_op(struct build *b, enum plan_op_kind kind, size_t node);

/** Appends the routes that the file gives to a host or router. */
int plan_explicit_routes(struct build *b, size_t node);

struct routes;
/** Prepares what the automatic routes of all nodes share. @return NULL when out of memory */
struct routes *plan_routes_new(struct build *b);
void plan_routes_free(struct routes *r);
/** Appends the automatic routes of a host or router. */
int plan_auto_routes(struct build *b, struct routes *r, size_t node);

#endif
