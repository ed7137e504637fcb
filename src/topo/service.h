/* SPDX-License-Identifier: MIT */
/**
 * @file service.h
 * Services while they are parsed.
 */
#ifndef NETLAB_TOPO_SERVICE_H
#define NETLAB_TOPO_SERVICE_H

#include "topo/node.h"

struct after_list {
	struct topo_after *items; /**< not resolved: only the texts */
	size_t n;
};

extern const struct value_type type_ready;   /**< struct topo_ready */
extern const struct value_type type_restart; /**< struct topo_restart */
extern const struct value_type type_after;   /**< struct after_list */

#endif
