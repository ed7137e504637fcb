/* SPDX-License-Identifier: MIT */
/**
 * @file counters.h
 * What lab_stats() counts for one direction of a link, as numbers. Pure.
 */
#ifndef NETLAB_CLI_COUNTERS_H
#define NETLAB_CLI_COUNTERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum counter {
	COUNT_OFFERED,
	COUNT_DELIVERED,
	COUNT_LOSS, /* the causes of drops, one after the other */
	COUNT_QUEUE,
	COUNT_FAULT,
	COUNT_DOWN,
	COUNT_HOST,
	COUNT_DUPLICATED, /* what happened to packets otherwise */
	COUNT_CORRUPTED,
	COUNT_REORDERED,
	COUNT_MARKED,
	COUNT_BYTES_OFFERED,
	COUNT_BYTES_DELIVERED,
	COUNT_QUEUED,
	COUNT_N
};

#define COUNT_DROP_FIRST COUNT_LOSS
#define COUNT_DROP_LAST  COUNT_HOST

struct counters {
	uint64_t n[COUNT_N];
	uint32_t known; /**< bits of those that the engine can tell; the others are 0 */
	bool has_lateness;
	double late_p50_us, late_p99_us, late_max_us;
};

/** Reads one direction of a lab_stats() document. Never fails: what is not there is not known. */
void counters_read(struct counters *ret, const json_t *direction);
/** Adds; known is what either knows, lateness the worst of both. */
void counters_add(struct counters *into, const struct counters *from);
static inline bool counters_know(const struct counters *c, enum counter which)
{
	return c->known & (1u << which);
}
/** Packets dropped, whatever the cause. */
uint64_t counters_dropped(const struct counters *c);
/** "loss 12, queue 3"; nothing when no packet was dropped. */
void counters_describe_drops(struct buf *b, const struct counters *c);
/** "duplicated 3, reordered 1"; nothing when nothing is counted. */
void counters_describe_other(struct buf *b, const struct counters *c);

/** What happens in a second, from two looks. */
struct counter_rates {
	double packets_per_s, bps, dropped_per_s; /**< delivered, delivered, dropped */
};
/** @return false when there is nothing to tell: no time between the two, or counters that began anew */
bool counters_rates(const struct counters *now, const struct counters *before, double seconds,
		    struct counter_rates *ret);

#endif
