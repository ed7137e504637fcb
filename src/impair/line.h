/* SPDX-License-Identifier: MIT */
/**
 * @file line.h
 * The part of a pipe in which packets are: the queue before the rate, and the way after it. Private to src/impair.
 */
#ifndef NETLAB_IMPAIR_LINE_H
#define NETLAB_IMPAIR_LINE_H

#include "impair/pipe.h"

int line_init(struct pipe *p);
void line_deinit(struct pipe *p);
/** Lets the rate take from the queue all that it took by `now`. */
void line_advance(struct pipe *p, uint64_t now_ns);
/** @return whether a packet of that length finds no room in the queue */
bool line_is_full(const struct pipe *p, uint64_t now_ns, uint32_t len);
/** Takes a packet in: into the queue, or, where it overtakes or there is no rate, on its way. @return 0; -ENOMEM */
int line_enter(struct pipe *p, const struct pipe_entry *e, bool overtakes);

#endif
