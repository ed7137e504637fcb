/* SPDX-License-Identifier: MIT */
/**
 * @file way.h
 * The part of a pipe after the rate: packets on their way until their time has come. Private to src/impair.
 */
#ifndef NETLAB_IMPAIR_WAY_H
#define NETLAB_IMPAIR_WAY_H

#include "impair/pipe.h"

/** Takes over what pipe_init() or pipe_change() was given. */
void way_set_up(struct pipe *p, const struct pipe_setup *setup);
/** Drops (as PIPE_HOST, uncounted) what is on the way and frees. Idempotent. */
void way_deinit(struct pipe *p);
/** Makes room for one packet more than those on the way and in the queue before it. @return 0; -ENOMEM */
int way_reserve(struct pipe *p);
/** Puts a packet on its way at the time its last byte left the rate. There is room. */
void way_enter(struct pipe *p, struct pipe_entry *e, uint64_t sent_ns);
/** Puts a packet before all others, as netem reorders. There is room. */
void way_overtake(struct pipe *p, struct pipe_entry *e);
/** @return how many packets are on the way */
size_t way_count(const struct pipe *p);
/** @return when the next packet leaves, or a slot for it has to be found; PIPE_NEVER */
uint64_t way_next(const struct pipe *p);
/** Whether packets in the queue may leave before those on the way. */
bool way_may_be_overtaken(const struct pipe *p);
/** Takes out a packet that leaves by `now`. @return whether there is one */
bool way_take(struct pipe *p, uint64_t now_ns, struct pipe_entry *ret, uint64_t *ret_left_ns);

#endif
