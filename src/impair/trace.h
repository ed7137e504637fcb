/* SPDX-License-Identifier: MIT */
/**
 * @file trace.h
 * A rate that follows a recording, in mahimahi's format: a line is the millisecond, since the beginning, of one
 * opportunity to deliver 1504 bytes; lines do not decrease; the last one is also the length of a round
 * (mm-link(1)).
 */
#ifndef NETLAB_IMPAIR_TRACE_H
#define NETLAB_IMPAIR_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlab/err.h"

enum {
	TRACE_OPPORTUNITY_BYTES = 1504,
	/** What mahimahi counts besides the packet of the network layer (a TUN header): one of 1500 bytes takes a line. */
	TRACE_PACKET_HEADER = 4,
	TRACE_LINES_MAX = 50 * 1000 * 1000,
};

struct trace {
	uint32_t *at_ms; /**< owned */
	size_t n;
	bool loop; /**< start again at the end; otherwise nothing is delivered after it */
};

/** Reads a trace. @return 0; -EINVAL with FILE:LINE in err->where; -EFBIG; -ENOMEM */
int trace_parse(const char *text, size_t len, const char *file, struct trace *ret,
		struct netlab_err *err);
void trace_deinit(struct trace *t);
/** @return the mean of a round, bit/s */
double trace_mean_bps(const struct trace *t);

/** Where a link stands in its trace; begin with { .left = TRACE_OPPORTUNITY_BYTES }. */
struct trace_cursor {
	uint64_t round, index; /**< the opportunity that is being used */
	uint32_t left;         /**< bytes left of it */
};

#define TRACE_NEVER UINT64_MAX

/** @return when the first byte of what is ready at `ready_ns` leaves; TRACE_NEVER at the end */
uint64_t trace_ready(const struct trace *t, const struct trace_cursor *c, uint64_t ready_ns);
/**
 * Sends `len` bytes that are ready at `ready_ns` (since the trace's beginning): uses opportunities from then on, several
 * for a long packet, and what is left of one for the next packet if that is ready in time.
 * @return when the last byte leaves; TRACE_NEVER at the end of a trace that does not loop
 */
uint64_t trace_send(const struct trace *t, struct trace_cursor *c, uint64_t ready_ns, uint64_t len);

#endif
