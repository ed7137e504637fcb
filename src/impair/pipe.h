/* SPDX-License-Identifier: MIT */
/**
 * @file pipe.h
 * One direction of a link: what happens to each packet that is offered, and when it comes out.
 *
 * Theory of operation. Pure: the caller brings the clock and owns the packets; a pipe only decides. A packet passes, in
 * this order (that of sch_netem's enqueue, with its draws from one random stream, so that the same seed gives the same
 * fates):
 *
 *   decide    down -> rules -> duplicate -> loss -> corrupt -> full queue -> reorder, delay    pipe_offer(), at once
 *   hold      only what a rule holds until others have come                             hold.c
 *   queue     waits for the rate; droptail, or CoDel as it leaves                       line.c
 *   rate      serialisation: constant, or along a trace
 *   way       delay and jitter; order is kept unless asked otherwise; slots             way.c
 *   out       pipe_take()
 *
 * Time is lazy: the queue is advanced to `now` at each call, with exact times, whenever the call comes. After every call
 *   offered + duplicated = delivered + dropped (all causes) + held
 * in packets, which pipe_is_conserved() checks.
 *
 * Rules come before the dice: the owner is asked about each packet (struct pipe_ruling). What a rule does shifts no dice:
 * the packet's own are rolled as if there were no rule, also when it is dropped, and a copy that a rule makes rolls none. So
 * every other packet has, by its index, the fate that it has without the rule. Only a fate that is given whole (a replay)
 * rolls nothing at all.
 *
 * Everything that is decided about a packet is in a struct pipe_fate, made in one place (decide() in pipe.c; CoDel, which
 * decides later, in line.c), and told to the owner.
 */
#ifndef NETLAB_IMPAIR_PIPE_H
#define NETLAB_IMPAIR_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "impair/codel.h"
#include "impair/delay.h"
#include "impair/loss.h"
#include "impair/ring.h"
#include "impair/trace.h"
#include "topo/impairment.h"

#define PIPE_NEVER UINT64_MAX

enum pipe_cause {
	PIPE_LOSS,  /**< the loss model */
	PIPE_QUEUE, /**< the queue was full, or CoDel dropped it */
	PIPE_FAULT, /**< a fault rule, or a replay */
	PIPE_DOWN,  /**< the direction is cut */
	PIPE_HOST,  /**< this machine could not: no memory, or the caller says so */
	PIPE_CAUSES
};

/** Where a rule damages a packet. */
enum pipe_damage {
	PIPE_DAMAGE_SEEDED, /**< one bit, which the pipe draws (not from the decisions' stream) */
	PIPE_DAMAGE_RANDOM, /**< one bit, `at` being what was drawn: pipe_fate.corrupt_random of another run */
	PIPE_DAMAGE_BIT, /**< flips bit `at`, counted as on the wire: 0 is the first byte's most significant */
	PIPE_DAMAGE_BYTE, /**< inverts byte `at`, from 0 */
};

/** What became of a packet, and why. */
struct pipe_fate {
	uint64_t index; /**< of the packet among those offered, from 1; a copy has its original's */
	bool is_copy;
	bool dropped;
	enum pipe_cause cause; /**< if dropped */
	bool duplicated;       /**< a copy goes on as well, unless: */
	bool copy_lost; /**< one of the two was lost, or found the queue full: there is no copy */
	bool marked, corrupted;
	bool overtakes;    /**< goes before all others, at once */
	int64_t travel_ns; /**< the delay that was drawn, if it goes on and does not overtake */
	uint32_t
		corrupt_random; /**< if corrupted by dice, or by a rule without a place: what said which bit */
	uint32_t rule;     /**< as the ruling said: the rule that acted on it, from 1; 0 = none */
	int64_t extra_ns;  /**< what a rule added to the delay */
	bool held;         /**< a rule holds it: it goes on later, see pipe_ruling.hold_counter */
	uint64_t hold_for; /**< if held: how many have to be counted until then */
	/** if a rule corrupted it: where; see struct pipe_ruling. PIPE_DAMAGE_SEEDED otherwise */
	enum pipe_damage damage;
	uint64_t damage_at;
};

/** What the owner has decided about a packet before the dice. Zero = nothing. */
struct pipe_ruling {
	uint32_t rule;  /**< for pipe_fate.rule */
	bool drop;      /**< and nothing else of the below */
	bool duplicate; /**< a copy goes as well, by the constant delay, untouched by dice */
	bool corrupt;
	enum pipe_damage damage; /**< if corrupt; of the original only */
	uint64_t at;
	/** Comes out so much later (>= 0), the others passing it; their order is kept. */
	int64_t extra_ns;
	/**
	 * Not NULL: is held, before the queue, until *hold_counter, which the owner counts up in this call for later packets,
	 * is at least hold_until; then goes on after the packet that was offered last. Borrowed until pipe_let_go().
	 */
	const uint64_t *hold_counter;
	uint64_t hold_until;
	/**
	 * The fate is given whole: no dice are rolled, and besides the above these count. The copy, if any, is asked about
	 * by itself; only an original is ever duplicated.
	 */
	bool is_whole;
	bool mark, overtakes;
	bool passes_limit; /**< goes into the queue even if it is full */
	int64_t travel_ns; /**< in place of a drawn delay */
};

/** A packet that comes, as the owner is asked about it. */
struct pipe_arrival {
	uint64_t arrival_ns;
	uint64_t index; /**< as in struct pipe_fate */
	uint32_t len;
	bool is_copy; /**< one that the pipe made, by dice or as the ruling of its original said */
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
	/**
	 * Asked about each packet that is not cut off, in the order of their coming, and about copies: rules, replay. Fills in
	 * *ret, which is zero. May be NULL.
	 */
	void (*rule)(void *ctx, void *packet, const struct pipe_arrival *about,
		     struct pipe_ruling *ret);
	/** Damages at a place; needed where rules ask for PIPE_DAMAGE_BIT or _BYTE. A place past the end is nothing. */
	void (*corrupt_at)(void *ctx, void *packet, enum pipe_damage damage, uint64_t at);
	/**
	 * Hears what was decided about a packet, before it is dropped and after it was marked or corrupted; a copy's fate comes
	 * before its original's. Once as it is offered, and once more if CoDel drops or marks it later, or if it was held and
	 * finds the queue full when it goes on. May be NULL.
	 */
	void (*fate)(void *ctx, void *packet, const struct pipe_fate *fate);
};

struct pipe_stats {
	uint64_t offered, offered_bytes;
	uint64_t delivered, delivered_bytes;
	uint64_t dropped[PIPE_CAUSES];
	uint64_t duplicated, corrupted, reordered, marked;
	uint64_t held; /**< by a rule, in the queue and on the way */
};

struct pipe_hold; /* hold.h */

struct pipe {
	struct impairment asked;
	struct pipe_owner owner;
	struct pipe_stats stats;
	uint64_t last_arrival_ns;
	/* decisions: pipe.c */
	struct prng prng;
	struct prng own;   /**< for what netem draws unseeded: the corrupted bit, slots */
	struct prng ruled; /**< for bits that rules corrupt */
	struct loss loss;
	uint32_t duplicate, corrupt, reorder;
	uint32_t gap, since_reorder;
	bool is_down, ecn;
	int64_t delay_ns, jitter_ns;
	const struct delay_table *table; /**< borrowed; NULL = uniform */
	/* held by rules: hold.c */
	struct pipe_hold *holds; /**< owned; as they came */
	size_t n_holds, holds_size;
	/* the queue and the rate: line.c */
	struct pipe_ring queue;
	uint64_t queue_bytes, queue_charged;
	uint64_t limit;         /**< of the queue: in packets, or bytes if by_bytes */
	bool by_bytes, by_time; /**< by_time: bytes as the rate charges them */
	bool rated, codel_on;
	struct codel codel;
	uint64_t rate_bps,
		rate_carry; /**< the fraction of a nanosecond, in 1/rate_bps, that was not charged yet */
	int64_t overhead, cell, cell_overhead;
	uint64_t free_ns;          /**< when the rate has finished what it is sending */
	const struct trace *trace; /**< borrowed; NULL = constant rate or none */
	uint64_t trace_start_ns;
	struct trace_cursor cursor;
	/* on the way: way.c */
	bool keeps_order;
	struct pipe_ring way, ahead; /**< by deadline; those that overtake */
	struct pipe_entry *heap;     /**< those before the last of `way` */
	size_t heap_n, heap_size;
	size_t n_delayed; /**< of the heap: those that a rule delayed, which others pass */
	uint64_t last_deadline_ns, next_order;
	bool slotted;
	uint64_t slot_ns; /**< when the slot is, or was, that packets leave in */
	int64_t slot_packets_left, slot_bytes_left;
	const struct delay_table *slot_table; /**< borrowed; NULL = uniform */
	uint64_t not_before_ns; /**< when slots were changed: what waited for one leaves after it */
};

struct pipe_setup {
	const struct impairment *asked;
	/** Instead of asked->rate_bps; may be NULL. Borrowed until it is changed; another one has another address. */
	const struct trace *trace;
	/** Of the delay's and the slot's distribution; borrowed; NULL = the built-in one, or none for uniform. */
	const struct delay_table *table, *slot_table;
	uint32_t mtu;    /**< bytes, for the default queue and CoDel */
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
 * @param[in] arrival_ns  when it came; one before that of the packet offered before counts as the same
 * @param[in] len         bytes on the wire, without preamble and checksum
 */
void pipe_offer(struct pipe *p, uint64_t arrival_ns, void *packet, uint32_t len);
/**
 * Lets go of what rules hold: of those that count by this counter, or, with NULL, of all. As if their time had come.
 * @param[in] now_ns  when that is
 */
void pipe_let_go(struct pipe *p, const uint64_t *hold_counter, uint64_t now_ns);
/** What is held by one counter is held by another from now on, which is as far. */
void pipe_recount(struct pipe *p, const uint64_t *hold_counter, const uint64_t *new_counter);
/** The caller lost a packet before it could offer it. */
void pipe_count_host_loss(struct pipe *p, uint64_t n);
/** @return when pipe_take() is to be called next: it moves what is inside, and may yet have no packet; PIPE_NEVER */
uint64_t pipe_next(const struct pipe *p);
/** @return a packet whose time has come (it is the caller's again), with its deadline; NULL when none has */
void *pipe_take(struct pipe *p, uint64_t now_ns, uint64_t *ret_deadline_ns);
bool pipe_is_conserved(const struct pipe *p);

#endif
