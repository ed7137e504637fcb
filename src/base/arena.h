/* SPDX-License-Identifier: MIT */
/**
 * @file arena.h
 * Memory that lives and dies with one object (a topology, a plan): many small allocations, one free.
 */
#ifndef NETLAB_BASE_ARENA_H
#define NETLAB_BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /**< owned */
};

#define ARENA_INIT ((struct arena){ 0 })

/** @return zeroed memory, aligned for any type, owned by the arena; NULL when out of memory */
void *arena_alloc(struct arena *a, size_t size);
/** arena_alloc() of n * size bytes; NULL when that overflows. n = 0 gives a valid pointer. */
void *arena_array(struct arena *a, size_t n, size_t size);
/** @return a copy of the string */
char *arena_strdup(struct arena *a, const char *text);
/** @return a formatted string */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Frees everything. Idempotent. */
void arena_deinit(struct arena *a);

#endif
