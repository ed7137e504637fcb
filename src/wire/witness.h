/* SPDX-License-Identifier: MIT */
/**
 * @file witness.h
 * What a lane tells a recorder: each frame as it comes, and what is decided about it. Costs a test each where nobody records.
 * Private to src/wire.
 */
#ifndef NETLAB_WIRE_WITNESS_H
#define NETLAB_WIRE_WITNESS_H

#include <stdint.h>

#include "wire/lane.h"

/** A frame is about to be offered to the lane's pipe: as it is now, it is recorded. */
void witness_offer(struct lane *l, const struct frame *f, uint64_t arrival_ns);
/** Something was decided about a frame, which is being offered, or was before. */
void witness_fate(struct lane *l, const struct frame *f, const struct pipe_fate *fate);
/** The frame was offered. */
void witness_end(struct lane *l);
/** A frame that had passed could not be sent. */
void witness_unsent(struct lane *l, const struct frame *f, enum pipe_cause cause);

#endif
