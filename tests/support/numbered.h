/* SPDX-License-Identifier: MIT */
/**
 * @file numbered.h
 * Numbered packets through a pipe (impair/pipe.h); after every call they are conserved.
 */
#ifndef NETLAB_TESTS_SUPPORT_NUMBERED_H
#define NETLAB_TESTS_SUPPORT_NUMBERED_H

#include "impair/pipe.h"

struct numbered {
	int number;
	bool is_copy, corrupted, marked;
	uint64_t damaged_at; /**< a rule's: 1 + the bit or byte; 0 = none */
};

/** What is decided about a packet before the dice; *ret is zero. */
typedef void numbered_rule(int number, const struct pipe_arrival *about, struct pipe_ruling *ret);

enum { NUMBERED_KEPT = 4096 };

struct numbered_pipe {
	struct pipe pipe;
	unsigned live;           /**< packets that are allocated */
	int lost[NUMBERED_KEPT]; /**< the first that were dropped */
	unsigned n_lost;
	enum pipe_cause last_cause;
	bool cannot_mark, cannot_clone;
	numbered_rule *rule; /**< NULL = none */
	struct pipe_fate last_fate;
	unsigned n_fates;
};

void numbered_begin(struct numbered_pipe *f, const struct pipe_setup *setup);
/** With an MTU of 1500, at time 0. */
void numbered_begin_asked(struct numbered_pipe *f, const struct impairment *m);
/** Ends, and the test too if a packet was forgotten. */
void numbered_end(struct numbered_pipe *f);
void numbered_change(struct numbered_pipe *f, const struct pipe_setup *setup);
void numbered_offer(struct numbered_pipe *f, int number, uint64_t now_ns, uint32_t len);
/** Takes what has come by now. @return its number; 0 when there is none */
int numbered_take(struct numbered_pipe *f, uint64_t now_ns, uint64_t *ret_left_ns,
		  struct numbered *ret);
/** Takes the next packet whenever it comes. The last two may be NULL. @return its number; 0 when there is none */
int numbered_next(struct numbered_pipe *f, uint64_t *ret_left_ns, struct numbered *ret);

#endif
