/* SPDX-License-Identifier: MIT */
/**
 * @file paths.h
 * Shortest paths from one node over the subnets of one family.
 *
 * The graph has nodes and subnets, so that a LAN of n routers costs n edges and not n squared: leaving a node into a
 * subnet costs what that link says, arriving from it costs nothing. Only routers are passed through.
 *
 * What a destination gets is a label: a set of first hops. Every pair (own interface, neighbour on it) has a number, in
 * file order; without ecmp a label is the smallest number of all shortest paths, with it the set of all.
 */
#ifndef NETLAB_PLAN_PATHS_H
#define NETLAB_PLAN_PATHS_H

#include "plan/build.h"

#define PATHS_NO_LABEL UINT32_MAX
#define PATHS_FAR      UINT64_MAX

struct paths;

/** @return NULL when out of memory; free with paths_free() */
struct paths *paths_new(const struct build *b, unsigned family);
void paths_free(struct paths *p);
/** Finds the paths from a node. @return 0 or -ENOMEM */
int paths_from(struct paths *p, uint32_t node);

/** Cost from the source; PATHS_FAR when it cannot be reached. */
uint64_t paths_node_cost(const struct paths *p, uint32_t node);
/** The label of a node; PATHS_NO_LABEL for the source itself and what cannot be reached. */
uint32_t paths_node_label(const struct paths *p, uint32_t node);
uint64_t paths_subnet_cost(const struct paths *p, uint32_t subnet);
/** The label of the nearest router of a subnet that the source is not in. */
uint32_t paths_subnet_label(const struct paths *p, uint32_t subnet);
/** @return whether the source has an address in the subnet */
bool paths_is_connected(const struct paths *p, uint32_t subnet);

/** Writes the next hops of a label, of the same graph in either family. @return NULL when out of memory */
const struct plan_nexthop *paths_hops(struct paths *p, struct build *b, unsigned family,
				      uint32_t label, uint32_t *ret_n);
/** @return whether both families' graphs are the same, so that one run serves both */
bool paths_same_graph(const struct build *b);

#endif
