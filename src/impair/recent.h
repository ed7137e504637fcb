/* SPDX-License-Identifier: MIT */
/**
 * @file recent.h
 * A table from 64-bit hashes to two numbers that forgets what has not been asked for of late, so that its size is bounded.
 * Private to src/impair.
 *
 * Theory of operation. Entries are added to the younger of two generations. When that has RECENT_MAX entries it becomes the
 * older one, and what was in the older one is forgotten; an entry that is found there moves to the younger one. So an entry is
 * kept for at least RECENT_MAX others, and what is forgotten depends on what was asked for only, not on time.
 */
#ifndef NETLAB_IMPAIR_RECENT_H
#define NETLAB_IMPAIR_RECENT_H

#include <stddef.h>
#include <stdint.h>

struct recent_entry {
	uint64_t key; /**< 0 = free */
	uint32_t a, b;
};

struct recent_generation {
	struct recent_entry *slots; /**< open addressing, at most half full; owned */
	size_t n, size;             /**< used; allocated, a power of two or 0 */
};

/** Zero-initialise, set `max`. */
struct recent {
	struct recent_generation younger, older;
	size_t max; /**< entries of a generation */
};

/**
 * Finds an entry, or adds one with a = b = 0.
 * @param[in] key  not 0
 * @return valid until the next call; NULL when out of memory
 */
struct recent_entry *recent_get(struct recent *r, uint64_t key);
/** Frees it. Idempotent. */
void recent_deinit(struct recent *r);

#endif
