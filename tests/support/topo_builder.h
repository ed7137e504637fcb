/* SPDX-License-Identifier: MIT */
/**
 * @file topo_builder.h
 * Topologies made in C, for tests of what comes after parsing. Wrong use ends the test.
 */
#ifndef NETLAB_TESTS_SUPPORT_TOPO_BUILDER_H
#define NETLAB_TESTS_SUPPORT_TOPO_BUILDER_H

#include "topo/model.h"

/** An empty topology with the file format's defaults and room for so many; free with topo_builder_free(). */
struct topo *topo_builder_new(const char *name, size_t nodes, size_t links);
void topo_builder_free(struct topo *t);

/** @return the new node's index */
size_t topo_builder_node(struct topo *t, enum topo_kind kind, const char *name);
/** Links two nodes by name, "node" or "node:interface". @return the link, for changes */
struct topo_link *topo_builder_link(struct topo *t, const char *a, const char *b);
/** Gives an end of a link one more address. */
void topo_builder_address(struct topo *t, struct topo_link *l, unsigned end, const char *prefix);
/** Gives a node an address on lo. */
void topo_builder_lo(struct topo *t, const char *node, const char *prefix);
/** Gives a node a unicast route. @return it, for changes */
struct topo_route *topo_builder_route(struct topo *t, const char *node, const char *to,
				      const char *via);
/** Gives a node a sysctl. */
void topo_builder_sysctl(struct topo *t, const char *node, const char *key, const char *value);

/** n routers r0, r1, ... in a ring. */
struct topo *topo_builder_ring(size_t n);

#endif
