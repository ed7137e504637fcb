/* SPDX-License-Identifier: MIT */
/**
 * @file tree.h
 * The kinds of value that keys about a node's file tree have.
 */
#ifndef NETLAB_TOPO_TREE_H
#define NETLAB_TOPO_TREE_H

#include "topo/values.h"

extern const struct value_type type_inside; /**< const char *: see tree_path() */
extern const struct value_type type_mode;   /**< uint32_t: permissions */
extern const struct value_type type_owner;  /**< const char *: "USER" or "USER:GROUP" */

/** Checks a path in a node: absolute, no "..", not the kernel's, not the root.
 *  @return a copy without slashes at the end; NULL after a diagnostic */
const char *tree_path(struct parser *p, const struct path *at, const char *text);
/** A relative path of the host's needs something to count from: a topology that is read from a pipe has no directory.
 *  @return whether it is absolute by now; if not, a diagnostic was added */
bool host_path_check(struct parser *p, const struct path *at, const char *path);

#endif
