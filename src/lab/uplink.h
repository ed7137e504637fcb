/* SPDX-License-Identifier: MIT */
/**
 * @file uplink.h
 * A lab's way to the host's network: a node of kind "uplink". Private to src/lab.
 *
 * Theory of operation. A veth pair joins the node to the host's network namespace, with a /30 that nothing on the host
 * uses. The node masquerades what leaves through it, so that the host sees one address of the lab; a table of netlab's in
 * the host's nftables masquerades that address where it goes on. Nothing of it has to be removed: the host's end dies with
 * the node's, and the table is owned by a socket of the supervisor (sys/nft.h). The host has to forward already: netlab
 * changes no setting of it.
 *   nodes ... uplink node: "uplink" 100.64.x.2 <==veth==> 100.64.x.1 "nlXXXXXX" :host ... the world
 */
#ifndef NETLAB_LAB_UPLINK_H
#define NETLAB_LAB_UPLINK_H

#include <stdint.h>

#include <jansson.h>

#include "netlab/err.h"
#include "topo/model.h"

struct supervisor;

/** Sockets in the host's network namespace. */
struct uplink_host {
	int rtnl_fd, nft_fd;      /**< owned; -1 = the lab has no uplink */
	uint32_t ifindex;         /**< of the host's end, once it is there; 0 */
	struct ip_prefix address; /**< of the node's end, once it has one */
};

#define UPLINK_HOST_INIT                    \
	{                                   \
		.rtnl_fd = -1, .nft_fd = -1 \
	}

/** In the process that brings the lab up, in the host's namespaces: whether it may be, and the sockets for it. Nothing to do
 *  for a lab without an uplink. @return 0; -EPERM, -EOPNOTSUPP (class UNSUPPORTED) */
int uplink_prepare(const struct topo *t, struct uplink_host *ret, struct netlab_err *err);
void uplink_host_deinit(struct uplink_host *h);
/** A phase of realise(). @return 0; negative errno with *err */
int uplink_make(struct supervisor *s, struct netlab_err *err);

/** The same when the node has come back: what was on the host is replaced; its place there may be another.
 *  @return 0; negative errno with *err */
int uplink_make_again(struct supervisor *s, struct netlab_err *err);

/** Removes the host's interface: the kernel would, but not before the lab's end is over. */
void uplink_remove(struct supervisor *s);

/** @return the node's interface to the host as `show` has interfaces, with its "host_interface"; new ref */
json_t *uplink_report(const struct supervisor *s);

/** @return index of the lab's uplink; SIZE_MAX = it has none */
size_t uplink_node(const struct topo *t);

#endif
