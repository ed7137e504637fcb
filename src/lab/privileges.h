/* SPDX-License-Identifier: MIT */
/**
 * @file privileges.h
 * What the programs of a lab's nodes may do, from the topology to the process that starts one. Private to src/lab.
 */
#ifndef NETLAB_LAB_PRIVILEGES_H
#define NETLAB_LAB_PRIVILEGES_H

#include <jansson.h>

#include "lab/supervisor.h"
#include "node/privilege.h"

/**
 * Refuses what this host cannot grant, and makes the filter of system calls when a program of some node will need it.
 * @return 0; -EPERM (class UNSUPPORTED): a capability is asked that we have not, or "privileged" without being root
 */
int privileges_prepare(struct supervisor *s, struct netlab_err *err);

/** For the answer to `exec`: a new reference; NULL with *err. */
json_t *privileges_pack(struct supervisor *s, size_t node, struct netlab_err *err);
/**
 * Reads that answer.
 * @param[out] filter  what *ret points to; free with sys_filter_deinit()
 * @return 0; -EPROTO when there is no sense in it; -ENOMEM
 */
int privileges_unpack(const json_t *v, struct node_privileges *ret, struct sys_filter *filter,
		      struct netlab_err *err);
/** For `show`: the names of the capabilities that a node keeps; a new reference. */
json_t *privileges_report(const struct topo_node *node);

#endif
