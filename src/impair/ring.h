/* SPDX-License-Identifier: MIT */
/**
 * @file ring.h
 * Packets in a row: a queue without an allocation per packet.
 */
#ifndef NETLAB_IMPAIR_RING_H
#define NETLAB_IMPAIR_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A packet that a pipe holds. */
struct pipe_entry {
	void *packet;
	uint64_t arrival_ns;
	uint64_t deadline_ns; /**< when it leaves, slots apart; known once it has left the rate */
	uint64_t order;    /**< in which packets went on their way: equal deadlines leave in it */
	uint64_t index;    /**< of the packet in its direction, as in struct pipe_fate */
	int64_t travel_ns; /**< drawn as it came */
	int64_t extra_ns;  /**< what a rule adds: others pass it */
	uint32_t len;
	bool is_copy;
};

/** Zero-initialise. */
struct pipe_ring {
	struct pipe_entry *entries; /**< owned */
	size_t head, n;
	size_t size; /**< a power of two, or 0 */
};

/** Makes room for `more` entries. @return 0; -ENOMEM */
int ring_reserve(struct pipe_ring *r, size_t more);
/** Frees the room, not the packets. Idempotent. */
void ring_deinit(struct pipe_ring *r);

static inline struct pipe_entry *ring_at(const struct pipe_ring *r, size_t i)
{
	return &r->entries[(r->head + i) & (r->size - 1)];
}

/** There is room: ring_reserve() came before. */
static inline void ring_push(struct pipe_ring *r, const struct pipe_entry *e)
{
	*ring_at(r, r->n++) = *e;
}

static inline void ring_pop(struct pipe_ring *r)
{
	r->head = (r->head + 1) & (r->size - 1);
	r->n--;
}

#endif
