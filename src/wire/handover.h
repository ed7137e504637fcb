/* SPDX-License-Identifier: MIT */
/**
 * @file handover.h
 * A link goes from the kernel's redirects to the wire, or back, under traffic: no frame is lost, none doubled. Private to
 * src/wire.
 *
 * Theory of operation. A packet socket sees a frame before the redirect (tc at ingress) takes it, so that during a
 * handover a frame may be ours, the redirect's, or both's. Frames are held back, and an observing socket sees what the
 * kernel sends out of the other end: a held frame that went out is forgotten, what is left is the wire's. After the
 * commit and a grace, no frame that the redirect took is on its way: all of them are in both sockets, or read.
 *
 *   take  add: hold, observe -> (redirects go) -> commit: grace, read both, compare -> the rest is offered, flow
 *   give  release: wait until empty, hold, observe -> (redirects come) -> commit: hear no more, grace, read both,
 *         compare -> the rest is offered, wait until empty -> gone
 */
#ifndef NETLAB_WIRE_HANDOVER_H
#define NETLAB_WIRE_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/lane.h"

struct link;
struct worker;

enum handover_stage {
	HANDOVER_NONE,
	HANDOVER_EMPTYING, /**< give: until nothing is in flight */
	HANDOVER_HOLDING,  /**< until the commit */
	HANDOVER_GRACE,    /**< what is in the kernel just now gets to where we see it */
	HANDOVER_DRAINING, /**< until the socket was empty once */
	HANDOVER_LEAVING,  /**< give: until the last frame is out */
};

struct handover {
	enum handover_stage stage;
	bool gives;
	uint64_t until_ns;                    /**< of the grace */
	uint64_t n_drains, n_observer_drains; /**< of the worker, when draining began */
	struct frame_list
		out[2]; /**< of lane d: what the kernel sent, with no held frame found yet */
};

/** Begins to hold frames back. @return 0; negative errno, nothing is changed then */
int handover_begin(struct worker *w, struct link *l, bool gives);
/** The redirects are gone (or there): begins the end. */
int handover_commit(struct worker *w, struct link *l);
/** Ends it at once; what is held stays with the lanes. */
void handover_end(struct worker *w, struct link *l);
/** Goes on with the worker's handovers. */
void handover_step(struct worker *w);
/** @return when handover_step() has to come back; AGENDA_NEVER */
uint64_t handover_next(const struct worker *w);

#endif
