/* SPDX-License-Identifier: MIT */
/**
 * @file verify_asked.h
 * What a direction was asked, read back from the JSON that a lab shows, and what may be expected of it: the model
 * (impair/pipe.h) run on paper, over the very times at which probes were sent.
 */
#ifndef NETLAB_LAB_VERIFY_ASKED_H
#define NETLAB_LAB_VERIFY_ASKED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/verify_math.h"
#include "topo/impairment.h"

/** Reads what impairment_format_json() wrote. Keys that it does not know are passed over. `rate_trace` is borrowed. */
void verify_read_asked(const json_t *direction, struct impairment *ret);

/** A figure as it comes out over many runs on paper. */
struct verify_figure {
	double mean, std; /**< over the runs */
};

struct verify_expectation {
	struct verify_figure delay_p50, delay_mean, delay_p99; /**< us */
	struct verify_figure spread;                           /**< p90 - p10 of the delay, us */
	struct verify_figure std;                              /**< of the delay, us */
	struct verify_figure reordered; /**< share of packets that arrive behind a later one */
};

/**
 * Runs the model without its losses, duplicates and damage, and without a trace.
 * @param[in] sent_ns  when each probe was sent, ascending
 * @param[in] len      bytes of each
 * @return 0; -ENOMEM
 */
int verify_expect(const struct impairment *asked, const uint64_t *sent_ns, size_t n, uint32_t len,
		  struct verify_expectation *ret);

/** Bytes of a frame as the rate counts them. */
uint64_t verify_charged_bytes(const struct impairment *asked, uint32_t len);

/** The share that a key asks for, 0 where it does not. */
static inline double verify_share(const struct impairment *m, enum impair_key key, double share)
{
	return impair_asks(m, key) ? share : 0;
}
static inline bool verify_is_cut(const struct impairment *m)
{
	return impair_asks(m, IMPAIR_DOWN) && m->down;
}
/** @return the constant rate asked for; 0 = none, or along a trace */
static inline uint64_t verify_rate(const struct impairment *m)
{
	return impair_asks(m, IMPAIR_RATE) && !m->rate_trace ? m->rate_bps : 0;
}

#endif
