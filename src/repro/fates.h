/* SPDX-License-Identifier: MIT */
/**
 * @file fates.h
 * From what a pipe decided about a packet to a decision, as files have it, and to what a recording says of it. Pure.
 */
#ifndef NETLAB_REPRO_FATES_H
#define NETLAB_REPRO_FATES_H

#include <stdbool.h>

#include "repro/decisions.h"
#include "wire/tape.h"

/** How the comment of a packet ends that is told of for a second time: its end came later than it did. */
#define FATE_LATE_COMMENT "(it had come before: this is its end)"

/** What happened to packets of one direction, counted from records. */
struct fate_counts {
	uint64_t packets, bytes;
	uint64_t dropped[PIPE_CAUSES];
	uint64_t duplicated, corrupted, reordered, marked;
};

/**
 * @param[in]  replayed  fates that a rule gave are a replay's
 * @param[out] ret       what happened to it; actions is 0 when it passed untouched
 * @param[out] ret_cause who decided, unless it passed untouched
 */
void fate_verdict(const struct tape_record *r, bool replayed, struct verdict *ret,
		  enum decision_cause *ret_cause);
/** Writes "netlab: VERDICT CAUSE", and what that leaves out; nothing when the packet passed untouched. */
void fate_comment(struct buf *b, const struct tape_record *r, const struct verdict *v,
		  enum decision_cause cause);
void fate_count(struct fate_counts *c, const struct tape_record *r);

#endif
