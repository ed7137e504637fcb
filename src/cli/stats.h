/* SPDX-License-Identifier: MIT */
/**
 * @file stats.h
 * The statistics of a lab as a table, with rates between two looks at them; and whether they are such that a run can be
 * trusted.
 */
#ifndef NETLAB_CLI_STATS_H
#define NETLAB_CLI_STATS_H

#include <jansson.h>

#include "base/buf.h"
#include "cli/output.h"

/** What is shown. All borrowed. */
struct stats_view {
	const json_t *now;    /**< a lab_stats() document */
	const json_t *before; /**< an earlier one; NULL = none: rates are not known */
	double seconds;       /**< between the two */
	bool with_rates;
	const json_t *links; /**< "links" of a lab_show() document: names the ends */
};

/** Fills a table, a row per direction, and one of sums where there is more than one link. Print it or free it. */
void stats_view_table(struct cli_table *t, const struct stats_view *v);
/** Adds to each direction of now's links "rates": {"delivered_per_s", "delivered_bps", "dropped_per_s"}, null where there
 *  is nothing to tell. @return 0; -ENOMEM */
int stats_add_rates(json_t *now, const json_t *before, double seconds);

/**
 * Says what in the statistics of a lab shows that this host was too slow to keep what its links promise: packets lost by
 * the host, a wire that had to be started again, packets that left late. A sentence each, on a line of its own.
 * @param[in] stats  a lab_stats() document
 * @param[in] links  "links" of a lab_show() document: what was asked
 * @return how many sentences
 */
size_t stats_judge(struct buf *b, const json_t *stats, const json_t *links);
/** How late the slowest hundredth of a link's packets may be, in us: a twentieth of the delay asked for, at least
 *  1 ms, twice what an idle host of two cores makes (docs/performance.md). */
double stats_lateness_bound_us(double delay_us);
/** Packets that the host lost, over all links; the link with most in *ret_worst (NULL when none). */
uint64_t stats_host_losses(const json_t *stats, const char **ret_worst);

#endif
