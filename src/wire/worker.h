/* SPDX-License-Identifier: MIT */
/**
 * @file worker.h
 * A thread that carries links: one packet socket, their pipes, an agenda. Private to src/wire.
 *
 * Theory of operation. The loop sleeps until a frame comes, something is due, or there is a task. It reads a batch
 * (intake.c), offers each frame to its lane's pipe with the time of its arrival, takes out what is due and sends it in a
 * batch over all links (outlet.c). Everything of a link is touched by its worker only; the process's main thread hands
 * tasks in and waits, so that a change falls between two frames.
 */
#ifndef NETLAB_WIRE_WORKER_H
#define NETLAB_WIRE_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "netlab/err.h"
#include "sys/packet.h"
#include "wire/agenda.h"
#include "wire/frame.h"
#include "wire/handover.h"
#include "wire/lane.h"
#include "wire/lookup.h"
#include "wire/order.h"
#include "wire/rule_map.h"
#include "wire/tape.h"

/** A link and how it is just now. */
struct link {
	size_t number; /**< of the lab */
	struct lane lanes[2];
	struct rule_map *rules; /**< of both lanes; owned; NULL = none */
	struct handover handover;
	struct link *next_handover; /**< in worker.handovers */
};

/** What the main thread wants done; it waits meanwhile. */
struct task {
	const struct order *order;
	struct link *link;           /**< ADD: new, the worker's if it succeeds */
	struct trace_map *traces[2]; /**< ADD, CHANGE: the worker's from now on */
	struct rule_map *rules;      /**< ADD, CHANGE: likewise */
	struct wire_slot *slots;     /**< ADD: of both directions */
	int close_fd; /**< out: to be closed by the main thread, for it takes long; -1 = none */
	struct script *script; /**< ADD: borrowed for ever; NULL = no replay */
	struct tape *tape;     /**< RECORD: borrowed until the next; NULL = nobody records */
	unsigned tape_ring;
	int tape_wake_fd;
	bool link_is_gone;     /**< out: the link was given back, it may be freed */
	uint64_t deadline_ns;  /**< RELEASE */
	struct netlab_err err; /**< out */
	bool is_done;
};

/** A frame on its way out. */
struct sending {
	struct lane *lane;
	struct frame *frame;
	uint64_t deadline_ns;
};

struct worker {
	int fd;      /**< packet socket for all links */
	int wake_fd; /**< eventfd: there is a task */
	int observer_fd; /**< sees what the kernel sends out of ends that are being handed over; -1 = no handover */
	struct frame_pool pool;
	struct agenda agenda;
	struct lookup lookup;
	struct link *handovers;
	size_t n_links;
	/* intake.c */
	struct sys_packet_batch *in;
	struct frame *
		in_frames[SYS_PACKET_BATCH]; /**< where the batch is put; NULL when out of memory */
	uint8_t *in_rest;                    /**< what does not fit there, for each of the batch */
	bool is_full;   /**< no memory for frames: what comes waits in the socket */
	bool is_behind; /**< the last batch was full: there may be more */
	uint64_t n_drains, n_observer_drains; /**< how often a socket was found empty */
	uint64_t drained_ns;
	uint64_t n_read;      /**< since the overruns were looked at last */
	int64_t clock_offset; /**< CLOCK_REALTIME - CLOCK_MONOTONIC */
	/* outlet.c */
	struct sys_packet_batch *out;
	struct sending sending[SYS_PACKET_BATCH];
	unsigned n_sending;
	unsigned retries; /**< of sending, since a frame got through */
	/* both */
	struct tape_writer tape; /**< of a recorder */
	uint64_t now_ns;
	struct lane *dirty;
	/* tasks */
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t done;
	_Atomic(struct task *) task; /**< handed in */
	atomic_bool quits;
	struct task *pending; /**< begun, not done */
};

/** Opens the socket and starts the thread. @param[in] pool_bytes  of frames at most. @return 0; negative errno */
int worker_new(size_t pool_bytes, struct worker **ret);
/** Hands a task in and waits until it is done. */
void worker_do(struct worker *w, struct task *t);

/** Makes the thread close its socket and end, without waiting for it. */
void worker_quit(struct worker *w);

/** Its pipe has changed: when it is due next, and that its counters are to be published. */
void worker_touch(struct worker *w, struct lane *l);
/** Makes the socket hear the worker's links, those apart that are being given back. @return 0; negative errno */
int worker_hear(struct worker *w);
/** Forgets a link that holds nothing; its counters stay. */
void worker_drop_link(struct worker *w, struct link *l);
/** The pending task is done; err is set where it failed. */
void worker_finish(struct worker *w);

/* --- intake.c --- */

int intake_init(struct worker *w);
/** Reads a batch of frames and gives them to their lanes. */
void intake_read(struct worker *w);
/** Reads what the observer has, into the handovers' lists. */
void intake_observe(struct worker *w);

/* --- outlet.c --- */

int outlet_init(struct worker *w);
/** Sends what is due by now_ns. */
void outlet_send_due(struct worker *w);

#endif
