/* SPDX-License-Identifier: MIT */
/**
 * @file names.h
 * Who is called what, in one node: what of lab/names.h is its own.
 */
#ifndef NETLAB_NODE_NAMES_H
#define NETLAB_NODE_NAMES_H

#include "base/buf.h"
#include "netlab/err.h"
#include "node/init.h"

/** Files in the lab's run directory; a node's own has "." and its number behind. */
#define NODE_RESOLV_CONF "resolv.conf"
#define NODE_NSSWITCH    "nsswitch.conf"

enum { NODE_NSSWITCH_MAX_BYTES = 65536 };

/** Gives the node its own resolv.conf, if it has one. @return 0, negative errno with *err */
int node_names_make(const struct node_boot *boot, struct netlab_err *err);

/** Of a resolv.conf what is of use in a node with a way out: loopback servers, which only the host reaches, are left out.
 *  @return how many servers there are */
unsigned node_host_resolver(const char *text, struct buf *ret);
/** An nsswitch.conf with names of hosts looked up in /etc/hosts and by DNS only. @param[in] text  the one that there is */
void node_nsswitch(const char *text, struct buf *ret);

#endif
