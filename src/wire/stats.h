/* SPDX-License-Identifier: MIT */
/**
 * @file stats.h
 * What the workers count, in memory that the supervisor shares and that outlives them.
 *
 * Theory of operation. A direction's slot holds two copies of its counters. Its worker, the only writer, fills the copy
 * that is not in use and then makes it the one in use; so a reader gets counters that belong together, and so does whoever
 * comes after a worker that was killed in the middle.
 */
#ifndef NETLAB_WIRE_STATS_H
#define NETLAB_WIRE_STATS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

enum {
	STATS_SUB_BITS = 3, /**< 8 buckets an octave: a quantile is right within 12.5 % */
	STATS_SUBS = 1 << STATS_SUB_BITS,
	STATS_OCTAVES = 36, /**< up to a minute and more; what is later counts as that */
	STATS_BUCKETS = (STATS_OCTAVES - STATS_SUB_BITS + 1) * STATS_SUBS,
};

struct wire_slot {
	_Atomic uint32_t generation; /**< copy[generation % 2] is in use */
	struct wire_counters copy[2];
	_Atomic uint64_t late[STATS_BUCKETS]; /**< packets by how late they left */
	_Atomic uint64_t late_max_ns;
};

struct wire_shared {
	size_t n_links, bytes;
	struct wire_slot slots[]; /**< of link l, direction d: 2 * l + d */
};

/** Shared with processes that are forked from now on; zeroed. @return NULL when out of memory */
struct wire_shared *stats_new(size_t n_links);
struct wire_shared *stats_free(struct wire_shared *s);

/** Makes counters the slot's; its quantiles are made when read. The caller is the only writer. */
void stats_publish(struct wire_slot *slot, const struct wire_counters *c);
/** Counts `n` packets that left `late_ns` after their time. The caller is the only writer. */
void stats_late(struct wire_slot *slot, uint64_t late_ns, uint64_t n);
/** @param[out] ret  counters that belong together, with quantiles */
void stats_read(const struct wire_slot *slot, struct wire_counters *ret);
/** The upper end of the bucket that a lateness falls into: what a quantile says. */
uint64_t stats_bucket_top(unsigned bucket);
unsigned stats_bucket(uint64_t late_ns);

#endif
