/* SPDX-License-Identifier: MIT */
/**
 * @file agenda.h
 * When which direction has something to do next: a heap by time, each entry knowing its place. Private to src/wire.
 */
#ifndef NETLAB_WIRE_AGENDA_H
#define NETLAB_WIRE_AGENDA_H

#include <stddef.h>
#include <stdint.h>

#define AGENDA_NEVER UINT64_MAX

/** Embedded in what is to be done. Zero-initialise. */
struct agenda_item {
	uint64_t at_ns;
	size_t place; /**< 1 + index in the heap; 0 = not in it */
};

struct agenda {
	struct agenda_item **items; /**< owned; the items are borrowed */
	size_t n, size;
};

/** Makes room for as many items, so that agenda_set() cannot fail. @return 0; -ENOMEM */
int agenda_reserve(struct agenda *a, size_t n);
void agenda_deinit(struct agenda *a);
/** Enters, moves or (AGENDA_NEVER) takes out an item. */
void agenda_set(struct agenda *a, struct agenda_item *item, uint64_t at_ns);
/** @return the earliest; NULL when there is none */
static inline struct agenda_item *agenda_first(const struct agenda *a)
{
	return a->n > 0 ? a->items[0] : NULL;
}

#endif
