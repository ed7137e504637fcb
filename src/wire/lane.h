/* SPDX-License-Identifier: MIT */
/**
 * @file lane.h
 * One direction of a link in the engine: its pipe, its counters, and the one place where the fate of a frame is known.
 * Private to src/wire.
 */
#ifndef NETLAB_WIRE_LANE_H
#define NETLAB_WIRE_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "impair/pipe.h"
#include "wire/actor.h"
#include "wire/agenda.h"
#include "wire/frame.h"
#include "wire/rule_map.h"
#include "wire/stats.h"
#include "wire/tape.h"
#include "wire/trace_map.h"
#include "wire/wire.h"

/** What became of a frame: an enum pipe_cause, or this. */
enum { FATE_DELIVERED = PIPE_CAUSES };

struct frame_list {
	struct frame *first, *last;
	size_t n;
};

struct lane {
	struct agenda_item due; /**< when the pipe has something to do next */
	uint32_t in, out;       /**< ifindexes: frames come in at one and leave by the other */
	uint32_t mtu;
	struct link *link; /**< borrowed: it has this lane */
	struct frame_pool *pool;
	struct pipe pipe;
	struct trace_map *trace;      /**< owned; NULL = none */
	const struct rule_map *rules; /**< of the link; NULL = none */
	unsigned dir;
	struct wire_slot *slot;
	struct tape_writer *tape; /**< the worker's; borrowed */
	struct actor actor;       /**< of a replay */
	struct wire_counters
		base;      /**< of earlier times: before a restart, before the link was a patch */
	uint64_t n_frames; /**< taken in: the last one's number */
	uint64_t last_arrival_ns;
	uint64_t n_read; /**< since the socket's overruns were shared out last */
	/** the pipe had let them out, but they did not get away: PIPE_HOST or PIPE_DOWN */
	uint64_t unsent[PIPE_CAUSES], unsent_bytes;
	bool is_dirty; /**< what is published is not the latest */
	struct lane *next_dirty;
	bool is_holding;        /**< a handover is on: frames go to `held` */
	bool is_leaving;        /**< the link is given back: no more of its frames are wanted */
	struct frame_list held; /**< came while the kernel may have sent them on as well */
};

struct lane_setup {
	uint32_t in, out;
	const struct wire_link *asked;
	unsigned dir;
	struct trace_map *trace; /**< the lane's from now on, also on failure; NULL = none */
	struct wire_slot *slot;
	struct frame_pool *pool;
	struct link *link;
	const struct rule_map
		*rules;           /**< borrowed until the lane is changed or freed; NULL = none */
	struct tape_writer *tape; /**< lane_init() only */
	struct script *script;    /**< lane_init() only; NULL = no replay */
	uint32_t number;          /**< of the link, with it */
	uint64_t now_ns;
};

/** @return 0; -ENOMEM */
int lane_init(struct lane *l, const struct lane_setup *setup);
/** Frees all that it holds. Idempotent on a zeroed lane. */
void lane_deinit(struct lane *l);
/** New impairment; `in` and `out`, `slot`, `pool` and `link` of the setup are not looked at. */
void lane_change(struct lane *l, const struct lane_setup *setup);

/** A frame has come in at `arrival_ns`; it is the lane's. */
void lane_offer(struct lane *l, struct frame *f, uint64_t arrival_ns);
/**
 * The one place where a frame's end is known, whoever decided it: it is counted, and freed.
 * @param[in] fate  enum pipe_cause or FATE_DELIVERED
 */
void lane_settle(struct lane *l, struct frame *f, int fate);
/** The pipe let a frame out that could not be sent. @param[in] cause  PIPE_HOST, PIPE_DOWN */
void lane_settle_unsent(struct lane *l, struct frame *f, enum pipe_cause cause);
/** Frames that were lost before they could be taken in. */
void lane_count_lost(struct lane *l, uint64_t n);
/** Shows the counters to the supervisor. */
void lane_publish(struct lane *l);

void frame_list_add(struct frame_list *list, struct frame *f);
/** @return NULL when empty */
struct frame *frame_list_take(struct frame_list *list);
void frame_list_clear(struct frame_list *list, struct frame_pool *pool);

#endif
