/* SPDX-License-Identifier: MIT */
/**
 * @file map.h
 * A table from strings to indexes (open addressing). Keys are borrowed: they must outlive the map.
 */
#ifndef NETLAB_BASE_MAP_H
#define NETLAB_BASE_MAP_H

#include <stddef.h>

struct map_slot {
	const char *key; /**< borrowed; NULL = free */
	size_t value;
};

struct map {
	struct map_slot *slots; /**< owned */
	size_t n, size;         /**< used; allocated, a power of two */
};

#define MAP_INIT  \
	{         \
		0 \
	}
/** What map_get() says of an absent key. */
#define MAP_NONE ((size_t)-1)

/**
 * Adds a key. An existing one keeps its value.
 * @param[out] ret_old  value that the key has already; may be NULL
 * @return 0 added; 1 was there; -ENOMEM
 */
int map_add(struct map *m, const char *key, size_t value, size_t *ret_old);
/** @return the key's value or MAP_NONE */
size_t map_get(const struct map *m, const char *key);
/** @return the key's value, to be changed in place (valid until the next map_add()); NULL when absent */
size_t *map_ref(struct map *m, const char *key);
/** Frees the table. Idempotent. */
void map_deinit(struct map *m);

#endif
