/* SPDX-License-Identifier: MIT */
/**
 * @file root.h
 * The file tree that a node's programs see (docs/adr/0014-what-a-node-sees.md). Used by its init.
 *
 * Theory of operation. The tree is made in the node's own mount namespace, in three steps: everything that comes from
 * the host (copies of mounts, overlays) is made while the host's tree is still there, attached to nothing; then the root
 * is made (the host's tree becomes read-only, or a directory becomes the root and the host's tree is detached); then the
 * pieces are attached to their places, which are looked up so that nothing in the tree leads out of it, and files are
 * written. It is made when the first program comes: a router that runs none pays for none. A node whose topology asks for
 * something in its tree has it before `up` returns, so that `up` fails when it cannot be.
 */
#ifndef NETLAB_NODE_ROOT_H
#define NETLAB_NODE_ROOT_H

#include "node/init.h"

/** Mounts the node's /proc and /sys: all that its init needs. @return 0, negative errno with *err */
int node_root_begin(const struct node_boot *boot, struct netlab_err *err);
/** @return whether the tree has to be there before the node says hello */
bool node_root_is_wanted(const struct topo_node *node);
/** Makes the tree. When it fails, what was mounted is taken away again, but the host's tree stays read-only.
 *  @return 0, negative errno with *err */
int node_root_make(const struct node_boot *boot, struct netlab_err *err);

#endif
