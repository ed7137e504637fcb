/* SPDX-License-Identifier: MIT */
/**
 * @file node_nets.h
 * The nodes' user namespace, and network namespaces that it owns. Private to src/lab.
 *
 * Theory of operation. Who has CAP_NET_ADMIN over the user namespace that owns a network namespace can change what is in it,
 * and rtnetlink carries requests to the far end of a veth (IFLA_TARGET_NETNSID). So the fabric and the nodes have different
 * owners (docs/adr 19): the fabric the lab's user namespace, nodes one below it. A namespace belongs to the user namespace
 * that its maker is in: the maker is a child of the supervisor's that enters the nodes' and makes one network namespace after
 * the other while the supervisor plans and clones inits; each init waits for one. Inits stay in the lab's user namespace; programs enter the other right
 * before exec (node/privilege.h).
 */
#ifndef NETLAB_LAB_NODE_NETS_H
#define NETLAB_LAB_NODE_NETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlab/err.h"

struct supervisor;

struct node_nets {
	int user_fd;         /**< the nodes' user namespace; -1 = there is none yet */
	uint64_t user_inode; /**< its number */
	bool refused;        /**< there can be none here: nodes are in the lab's */
	int maker_fd;        /**< to the maker; -1 = none is at work */
};

#define NODE_NETS_INIT                        \
	{                                     \
		.user_fd = -1, .maker_fd = -1 \
	}

/** Whether a node's network and programs belong to the nodes' user namespace: unless the topology, or the host, says
 *  otherwise. Certain from node_nets_begin() on. */
bool node_nets_confine(const struct supervisor *s, size_t node);

/**
 * Has network namespaces made for all nodes that need one, or for a single node; warns where the host does not allow it.
 * @param[in] node  index, or ALL_NODES
 * @return 0; negative errno with *err
 */
int node_nets_begin(struct supervisor *s, size_t node, struct netlab_err *err);
/** Before the first init is cloned: it takes its namespace (struct node_net) from the maker's socket itself. @return 0;
 *  negative errno with *err */
int node_nets_learn_user(struct supervisor *s, struct netlab_err *err);
/** When all inits have theirs, or after a failure. */
void node_nets_end(struct supervisor *s);

#endif
