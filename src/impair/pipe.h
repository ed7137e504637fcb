/* SPDX-License-Identifier: MIT */
/**
 * @file pipe.h
 * One direction of a link: what happens to each packet that is offered, and when it comes out.
 *
 * Theory of operation. Pure: the caller brings the clock and owns the packets; a pipe only decides. A packet passes, in
 * this order (that of sch_netem's enqueue, with its draws from one random stream, so that the same seed gives the same
 * fates):
 *
 *   decide    down -> duplicate -> loss -> corrupt            pipe_offer(), at once
 *   queue     waits for the rate; droptail, or CoDel as it leaves
 *   rate      serialisation: constant, or along a trace
 *   travel    delay and jitter, drawn in pipe_offer(); order is kept unless asked otherwise
 *   out       pipe_take()
 *
 * Time is lazy: the queue is advanced to `now` at each call, with exact times, whenever the call comes. After every call
 *   offered + duplicated = delivered + dropped (all causes) + held
 * in packets, which pipe_is_conserved() checks.
 */
#ifndef NETLAB_IMPAIR_PIPE_H
#define NETLAB_IMPAIR_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "impair/codel.h"
#include "impair/delay.h"
#include "impair/loss.h"
#include "impair/trace.h"
#include "topo/impairment.h"

#define PIPE_NEVER UINT64_MAX

enum pipe_cause {
	PIPE_LOSS,  /**< the loss model */
	PIPE_QUEUE, /**< the queue was full, or CoDel dropped it */
	PIPE_FAULT, /**< a fault rule */
	PIPE_DOWN,  /**< the direction is cut */
	PIPE_HOST,  /**< this machine could not: no memory, or the caller says so */
	PIPE_CAUSES
};

/** What a pipe does to packets through their owner. `packet` is what pipe_offer() was given. */
struct pipe_owner {
	/** A copy to be delivered as well; NULL = cannot, which counts as PIPE_HOST. */
	void *(*clone)(void *ctx, void *packet);
	/** Flip one bit; `random` says which. */
	void (*corrupt)(void *ctx, void *packet, uint32_t random);
	/** Set the congestion mark. @return false when the packet cannot carry one (it is dropped then) */
	bool (*mark)(void *ctx, void *packet);
	/** The packet is lost: free it. */
	void (*drop)(void *ctx, void *packet, enum pipe_cause cause);
	void *ctx;
};

struct pipe_stats {
	uint64_t offered, offered_bytes;
	uint64_t delivered, delivered_bytes;
	uint64_t dropped[PIPE_CAUSES];
	uint64_t duplicated, corrupted, reordered, marked;
	uint64_t held; /**< in the queue and on the way */
};

struct pipe_entry {
	void *packet;
	uint64_t arrival_ns, deadline_ns;
	uint64_t order; /**< of entry: ties of deadlines leave in it */
	int64_t travel_ns;
	uint32_t len;
};

struct pipe {
	struct impairment asked;
	const struct trace *trace; /**< borrowed; NULL = constant rate or none */
	const struct delay_table
		*table; /**< borrowed; of the distribution asked for, NULL = uniform */
	struct pipe_owner owner;
	struct pipe_stats stats;
	struct prng prng;
	struct prng own; /**< for what netem draws unseeded: the corrupted bit, slots */
	struct loss loss;
	uint32_t duplicate, corrupt, reorder;
	uint32_t gap, since_reorder;
	/* queue: a ring; first in, first out */
	struct pipe_entry *queue;
	size_t queue_head, queue_n, queue_size;
	uint64_t queue_bytes;
	uint64_t limit; /**< in packets, or bytes if by_bytes */
	bool by_bytes, codel_on;
	struct codel codel;
	uint64_t free_ns; /**< when the rate has finished what it is sending */
	uint64_t trace_start_ns;
	struct trace_cursor cursor;
	/* on the way: a heap by deadline */
	struct pipe_entry *heap;
	size_t heap_n, heap_size;
	uint64_t last_deadline_ns, next_order;
};

struct pipe_setup {
	const struct impairment *asked;
	const struct trace *trace;       /**< instead of asked->rate_bps; may be NULL */
	const struct delay_table *table; /**< may be NULL */
	bool codel;
	uint32_t mtu;    /**< bytes, for the default queue */
	uint64_t now_ns; /**< a trace begins here */
};

/** @return 0; -ENOMEM */
int pipe_init(struct pipe *p, const struct pipe_setup *setup, const struct pipe_owner *owner);
/** Drops (as PIPE_HOST, uncounted) what it holds and frees. Idempotent. */
void pipe_deinit(struct pipe *p);
/**
 * Changes what is asked; packets on their way keep their delays, those that wait stay in the queue. The random stream and
 * the loss model go on where they are unless the seed or the model changes.
 */
void pipe_change(struct pipe *p, const struct pipe_setup *setup);

/**
 * Offers a packet, which is the pipe's from now on (dropped or held).
 * @param[in] arrival_ns  when it came, not before that of the packet offered before
 * @param[in] len         bytes on the wire, without preamble and checksum
 */
void pipe_offer(struct pipe *p, uint64_t arrival_ns, void *packet, uint32_t len);
/** The caller lost a packet before it could offer it. */
void pipe_count_host_loss(struct pipe *p, uint64_t n);
/** @return when there is something to do next; PIPE_NEVER */
uint64_t pipe_next(const struct pipe *p);
/** @return a packet whose time has come (it is the caller's again), with its deadline; NULL when none has */
void *pipe_take(struct pipe *p, uint64_t now_ns, uint64_t *ret_deadline_ns);
bool pipe_is_conserved(const struct pipe *p);

#endif
