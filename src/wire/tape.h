/* SPDX-License-Identifier: MIT */
/**
 * @file tape.h
 * What the workers tell a recorder about packets, through shared memory: a ring for each worker, in one memfd.
 *
 * Theory of operation. A worker (the only writer of its ring) puts the whole frame in as it is offered, then what was
 * decided about it, then makes it visible. Nothing that it does waits: where there is no room the record is lost, and
 * counted. The recorder (the only reader) sleeps when all rings are empty, having said so in `sleeps`; a worker that then
 * has something wakes it by an eventfd. Whichever of them is killed, the other goes on: a record that is not whole was
 * never made visible.
 *
 * Below the rings is what both tell the supervisor, which maps it as well.
 */
#ifndef NETLAB_WIRE_TAPE_H
#define NETLAB_WIRE_TAPE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "impair/pipe.h"
#include "sys/packet.h"

enum {
	TAPE_ALIGN = 8,
	TAPE_CACHE_LINE = 64,
	TAPE_REASON_MAX = 256,
};

enum tape_kind {
	TAPE_PACKET, /**< was offered, with what was decided about it */
	TAPE_LATE,   /**< of a packet that was told of before: lost or marked later than that */
	TAPE_SKIP,   /**< nothing: the rest of the ring, before it begins again */
};

struct tape_record {
	uint32_t bytes; /**< of all of it, to the next; a multiple of TAPE_ALIGN */
	uint32_t link;  /**< of the lab */
	uint8_t dir;
	uint8_t kind; /**< enum tape_kind */
	bool has_copy;
	bool has_codel;      /**< the direction's queue is managed by CoDel */
	uint32_t len;        /**< of the frame, which follows */
	uint64_t number;     /**< of the frame in its direction, since this wire took the link on */
	uint64_t arrival_ns; /**< CLOCK_MONOTONIC; LATE: when it happened */
	int64_t delay_ns;    /**< the link's own, without jitter */
	struct sys_vnet vnet;
	struct pipe_fate fate;
	struct pipe_fate copy; /**< if has_copy */
	uint8_t frame[];
};

struct tape_ring {
	_Alignas(TAPE_CACHE_LINE) _Atomic uint64_t head; /**< bytes written so far */
	_Atomic uint64_t base;   /**< the position that is at the beginning of the memory */
	_Atomic uint64_t n_lost; /**< records that found no room */
	_Alignas(TAPE_CACHE_LINE) _Atomic uint64_t tail; /**< bytes read so far */
};

enum tape_state {
	TAPE_RUNS,
	TAPE_DONE,   /**< the recorder has written all, the summary too */
	TAPE_FAILED, /**< it could not; `reason` says why */
};

/** The beginning of the memfd. */
struct tape {
	size_t bytes, ring_bytes;
	unsigned n_rings;
	_Atomic bool stops;     /**< supervisor -> recorder: write what is there, and end */
	_Atomic bool sleeps;    /**< the recorder waits for its eventfd */
	_Atomic uint32_t state; /**< enum tape_state */
	_Atomic uint64_t n_packets, n_decisions, n_bytes; /**< recorded so far; bytes of frames */
	char reason[TAPE_REASON_MAX];                     /**< written before the state is */
	/** supervisor -> recorder: why the recording misses something whatever it does; "" = it does not */
	char flaw[TAPE_REASON_MAX];
	struct tape_ring rings[];
};

/**
 * Makes a tape. Pages are taken from the system as they are used first.
 * @param[in]  ring_bytes  of each ring, a power of two
 * @param[out] ret_fd      memfd for tape_map()
 * @return 0; negative errno
 */
int tape_new(unsigned n_rings, size_t ring_bytes, struct tape **ret, int *ret_fd);
/** Maps a tape that another process has made. @return 0; -EINVAL; ... */
int tape_map(int fd, struct tape **ret);
/** @return NULL */
struct tape *tape_unmap(struct tape *t);
/** How many records found no room. */
uint64_t tape_lost(const struct tape *t);

/** A worker's end; .tape NULL = nobody records. */
struct tape_writer {
	struct tape *tape; /**< borrowed */
	unsigned ring;
	int wake_fd;  /**< eventfd of the recorder; borrowed */
	uint64_t end; /**< of what was begun; at and below it all is written */
	struct tape_record
		*open; /**< the caller's: of the frame that is being offered; NULL = none */
	bool has_news;
};

/** Goes to a tape's ring. */
void tape_attach(struct tape_writer *w, struct tape *t, unsigned ring, int wake_fd);
/** @return a record for a frame of `len` bytes, kind and len set, the rest zero; NULL: no room, it is counted as lost */
struct tape_record *tape_begin(struct tape_writer *w, enum tape_kind kind, uint32_t len);
/** Makes visible what was begun. */
void tape_commit(struct tape_writer *w);
/** Wakes the recorder if it sleeps and there is something new. */
void tape_wake(struct tape_writer *w);

/** @return the ring's oldest record, valid until tape_drop(); NULL when it is empty */
const struct tape_record *tape_peek(struct tape *t, unsigned ring);
/** Forgets the record that tape_peek() gave. */
void tape_drop(struct tape *t, unsigned ring);

#endif
