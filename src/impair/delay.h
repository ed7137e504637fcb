/* SPDX-License-Identifier: MIT */
/**
 * @file delay.h
 * How long a packet travels: tabledist() of net/sched/sch_netem.c, draw for draw.
 */
#ifndef NETLAB_IMPAIR_DELAY_H
#define NETLAB_IMPAIR_DELAY_H

#include <stddef.h>
#include <stdint.h>

#include "impair/prng.h"

enum { DELAY_TABLE_SCALE = 8192 /* NETEM_DIST_SCALE, linux/pkt_sched.h */ };

/** A distribution: entries are standard deviations times DELAY_TABLE_SCALE, as in iproute2's .dist files. */
struct delay_table {
	const int16_t *entries; /**< borrowed */
	size_t n;
};

/**
 * Draws a delay; with a spread of 0 nothing is drawn.
 * @param[in] table  NULL = uniform in [mean - spread, mean + spread)
 * @return ns; may be negative, which netem sends at once
 */
int64_t delay_draw(int64_t mean_ns, int64_t spread_ns, const struct delay_table *table,
		   struct prng *prng);

#endif
