/* SPDX-License-Identifier: MIT */
/**
 * @file delay.h
 * How long a packet travels: tabledist() of net/sched/sch_netem.c, draw for draw, and the tables that it draws from.
 */
#ifndef NETLAB_IMPAIR_DELAY_H
#define NETLAB_IMPAIR_DELAY_H

#include <stddef.h>
#include <stdint.h>

#include "impair/prng.h"
#include "netlab/err.h"
#include "topo/impairment.h"

enum {
	DELAY_TABLE_SCALE = 8192,        /* NETEM_DIST_SCALE, linux/pkt_sched.h */
	DELAY_TABLE_ENTRIES_MAX = 16384, /* NETEM_DIST_MAX */
};

/** A distribution: entries are standard deviations times DELAY_TABLE_SCALE, as in iproute2's .dist files. */
struct delay_table {
	const int16_t *entries; /**< borrowed; owned where delay_table_parse() made it */
	size_t n;
};

/**
 * The table of a distribution, as iproute2 computes it for its NAME.dist (netem/normal.c, pareto.c, paretonormal.c;
 * from NISTnet, in the public domain). Computed at the first call; any thread may call.
 * @return borrowed, for ever; NULL for uniform, which has no table
 */
const struct delay_table *delay_table_builtin(enum impair_distribution d);
/**
 * Reads a .dist file: whole numbers of 16 bits between white space; a line that begins with '#' is a comment.
 * @param[in] file  for messages
 * @param[out] ret  for delay_table_deinit()
 * @return 0; -EINVAL with FILE:LINE in err->where; -EFBIG; -ENOMEM
 */
int delay_table_parse(const char *text, size_t len, const char *file, struct delay_table *ret,
		      struct netlab_err *err);
/** Frees a table that was parsed. Idempotent. */
void delay_table_deinit(struct delay_table *t);

/**
 * Draws a delay; with a spread of 0 nothing is drawn.
 * @param[in] table  NULL = uniform in [mean - spread, mean + spread)
 * @return ns; may be negative, which netem sends at once
 */
int64_t delay_draw(int64_t mean_ns, int64_t spread_ns, const struct delay_table *table,
		   struct prng *prng);

#endif
