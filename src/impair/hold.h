/* SPDX-License-Identifier: MIT */
/**
 * @file hold.h
 * Packets that rules hold back until others have come. Private to src/impair.
 */
#ifndef NETLAB_IMPAIR_HOLD_H
#define NETLAB_IMPAIR_HOLD_H

#include "impair/pipe.h"

struct pipe_hold {
	struct pipe_entry entry;
	bool overtakes;
	const uint64_t *counter; /**< borrowed */
	uint64_t until;
};

enum {
	/** Of one direction; the one that has been held for longest goes on for another. Bounds memory: what is held may
	 *  never leave by itself. */
	HOLD_MAX = 4096,
};

/** Makes room for one more. @return 0; -ENOMEM */
int hold_reserve(struct pipe *p);
/** Holds a packet back. There is room. */
void hold_add(struct pipe *p, const struct pipe_hold *h);
/**
 * Takes out the first whose time has come.
 * @param[in] counter  also those that count by this; NULL = none
 * @param[in] all      all of them
 * @return whether there is one
 */
bool hold_take(struct pipe *p, const uint64_t *counter, bool all, struct pipe_hold *ret);
/** Drops (as PIPE_HOST, uncounted) what is held and frees. Idempotent. */
void hold_deinit(struct pipe *p);

#endif
