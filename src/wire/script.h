/* SPDX-License-Identifier: MIT */
/**
 * @file script.h
 * Decisions to be carried out again, in memory that the wire shares with whoever made them: packets of an earlier run by their
 * identity (impair/identity.h), with what happened to each. Lanes look their packets up, and note which they met.
 *
 * Theory of operation. A packet whose payload is known in its direction is looked up by class and payload, any other by
 * class alone, unless payloads between the same hosts and ports have been found before; each packet of the script is met
 * once. What the script does not know passes untouched. One table of open addressing holds four kinds of hashes of each
 * packet: class and count; class, payload and count; class and payload; hosts and ports.
 *
 * A stream of TCP is cut into segments anew in each run. So what happens to a segment with bytes happens to whatever segment
 * has its first byte, the nth time that this byte comes (struct script_point).
 */
#ifndef NETLAB_WIRE_SCRIPT_H
#define NETLAB_WIRE_SCRIPT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "impair/identity.h"
#include "impair/pipe.h"

/** What happens to a packet, or to its copy, besides being lost. */
struct script_part {
	bool mark, corrupt, overtakes;
	enum pipe_damage damage; /**< if corrupt */
	uint64_t damage_at;
	int64_t delay_ns; /**< besides the link's own */
};

struct script_action {
	bool drop, duplicate;
	bool lets_pass; /**< who comes later passes it while it is delayed (a rule's delay); else order is kept as asked */
	struct script_part own, copy;
	uint32_t hold; /**< until so many have come; 0 = not */
};

#define SCRIPT_NO_ACTION UINT32_MAX
#define SCRIPT_NO_LANE   UINT32_MAX /* of a packet that is none */

/** The first byte of a TCP segment to which something happens. Filled by script_index(). */
struct script_point {
	uint64_t flow; /**< hash, of the lane as well */
	uint32_t seq, nth;
	uint32_t packet; /**< of the script */
	uint32_t came;   /**< how often the byte came; of the first point of a byte */
};

struct script_packet {
	uint32_t lane;   /**< 2 * link + direction */
	uint32_t action; /**< index; SCRIPT_NO_ACTION = it passed untouched */
	uint64_t index;  /**< in its direction, of the earlier run */
	struct identity id;
	_Atomic uint32_t is_met;
};

/** What a direction has met; written by its worker. */
struct script_lane {
	_Atomic uint64_t n_seen, n_new; /**< packets offered; those that the script does not know */
	_Atomic uint32_t has_new;       /**< the two below are valid */
	uint64_t new_index;             /**< the first of them */
	struct identity new_id;
};

struct script;

struct script_size {
	size_t n_lanes, n_packets, n_actions;
};

/** Makes an empty one. @param[out] ret_fd  memfd for script_map(). @return 0; -ENOMEM; ... */
int script_new(const struct script_size *size, struct script **ret, int *ret_fd);
/** @return 0; -EINVAL; ... */
int script_map(int fd, struct script **ret);
/** @return NULL */
struct script *script_unmap(struct script *s);

/** To be filled before the script is used; then script_index(). */
struct script_packet *script_packets(struct script *s);
struct script_action *script_actions(struct script *s);
struct script_lane *script_lanes(struct script *s);
const struct script_size *script_size(const struct script *s);
/** Makes the table. Of packets that look the same the first counts. */
void script_index(struct script *s);

/**
 * Finds the packet that this one is, and notes that it was met.
 * @param[in] index  of the packet in its direction, from 1
 * @return what happens to it; NULL = nothing
 */
const struct script_action *script_meet(struct script *s, uint32_t lane, uint64_t index,
					const struct identity *id);

#endif
