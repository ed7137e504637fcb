/* SPDX-License-Identifier: MIT */
/**
 * @file line.h
 * The part of a pipe before the way: the queue, and the rate that it waits for. Private to src/impair.
 */
#ifndef NETLAB_IMPAIR_LINE_H
#define NETLAB_IMPAIR_LINE_H

#include "impair/pipe.h"

/** Takes over what pipe_init() or pipe_change() was given; the queue was advanced to that time. */
void line_set_up(struct pipe *p, const struct pipe_setup *setup);
/** Drops (as PIPE_HOST, uncounted) what waits and frees. Idempotent. */
void line_deinit(struct pipe *p);
/** Lets the rate take from the queue all that it took by `now`. */
void line_advance(struct pipe *p, uint64_t now_ns);
/** The queue was advanced to now. @return whether a packet of that length finds no room */
bool line_is_full(const struct pipe *p, uint32_t len);
/** Makes room for a packet, in the queue and on the way. @return 0; -ENOMEM */
int line_reserve(struct pipe *p);
/** Takes a packet in: into the queue, or, where there is no rate, on its way. There is room. */
void line_enter(struct pipe *p, struct pipe_entry *e);
/** @return when the rate takes the next packet from the queue; PIPE_NEVER */
uint64_t line_next(const struct pipe *p);

#endif
