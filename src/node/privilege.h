/* SPDX-License-Identifier: MIT */
/**
 * @file privilege.h
 * What a program of a node may do, and giving up the rest. docs/adr/0015-what-a-node-may.md tells why it is so.
 *
 * | who                            | capabilities          | in the user namespace | system calls          | user          |
 * |--------------------------------|-----------------------|-----------------------|-----------------------|---------------|
 * | supervisor, node's init, wire  | all that they started with | the lab's        | all                   | as started    |
 * | command or service, at its exec | the node's kept set  | the nodes' (lab/node_nets.h) | but for the refused | the node's |
 * | the same, "share": ["user"]    | the node's kept set   | the lab's             | but for the refused   | the node's    |
 * | the same, "privileged"         | all that init has     | the lab's             | all                   | the node's    |
 */
#ifndef NETLAB_NODE_PRIVILEGE_H
#define NETLAB_NODE_PRIVILEGE_H

#include <stdbool.h>
#include <stdint.h>

#include "netlab/err.h"
#include "sys/syscall_filter.h"
#include "sys/user.h"
#include "topo/model.h"

/** What a program of a node starts with. */
struct node_privileges {
	bool all; /**< "privileged": nothing is taken away */
	bool confined; /**< they are for the user namespace that owns the node's network, not for the lab's */
	uint64_t kept; /**< capabilities; those that the host lacks do not come back */
	const struct sys_filter *filter; /**< borrowed; never NULL but with `all` */
};

/** What a topology's node grants. @param[in] filter  borrowed */
struct node_privileges node_privileges_of(const struct topo_privileges *t, bool confined,
					  const struct sys_filter *filter);

/**
 * Becomes the user and gives up all that is not granted, for ever: to be called right before exec. Whoever fails here
 * must not go on.
 * @param[in] user  NULL = as we are
 * @return 0; negative errno with *err
 */
int node_privileges_apply(const struct node_privileges *p, const struct sys_user *user,
			  struct netlab_err *err);

/** Writes net.ipv4.ping_group_range where PLAN_PING_GROUPS is more than the user namespace has: all groups that it has.
 *  @return 0, negative errno */
int node_allow_ping(void);

#endif
