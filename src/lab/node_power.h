/* SPDX-License-Identifier: MIT */
/**
 * @file node_power.h
 * Nodes that are switched off and on while the lab runs. Private to src/lab.
 *
 * Theory of operation (docs/adr/0016). The links of a node that dies are not lost with it: its ends of them are put aside, into
 * the fabric, where they are down. So the fabric's side of each link, with its joins, impairments, packets on their way and
 * counters, stays as it is, and the far end keeps its carrier. A node that comes back gets its ends again, and then what
 * `up` once put into it, from the same plan.
 */
#ifndef NETLAB_LAB_NODE_POWER_H
#define NETLAB_LAB_NODE_POWER_H

#include "lab/supervisor.h"

/** Puts a node's ends of links aside, as far as they are there. The node is dead, or shall be. */
void node_links_aside(struct supervisor *s, size_t node);
/** Cuts a node's power: it falls silent first, so that none of its processes can say goodbye, and then all of it dies. */
int node_kill(struct supervisor *s, size_t node, struct netlab_err *err);
/** Brings a node back, dead or alive. Its services start in their order: wait for them. On failure the node is dead. */
int node_restart(struct supervisor *s, size_t node, struct netlab_err *err);

#endif
