/* SPDX-License-Identifier: MIT */
/**
 * @file lookup.h
 * From the interface that a frame came in at to its lane. Private to src/wire.
 */
#ifndef NETLAB_WIRE_LOOKUP_H
#define NETLAB_WIRE_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#include "sys/packet.h"

struct lane;

struct lookup {
	struct lane **sorted; /**< by ifindex; owned, the lanes are borrowed */
	size_t n, size;
	struct lane **slots; /**< open addressing, at most half full; owned */
	size_t n_slots;      /**< a power of two */
};

/** @return 0; -ENOMEM, nothing is changed then */
int lookup_add(struct lookup *t, struct lane *l);
void lookup_remove(struct lookup *t, struct lane *l);
/** @return the lane whose frames come in at an interface; NULL = none */
struct lane *lookup_find(const struct lookup *t, uint32_t ifindex);
/** The interfaces as ranges, without those of lanes that are leaving. @param[out] ret  room for t->n. @return how many ranges */
size_t lookup_ranges(const struct lookup *t, struct sys_ifrange *ret);
void lookup_deinit(struct lookup *t);

#endif
