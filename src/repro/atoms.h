/* SPDX-License-Identifier: MIT */
/**
 * @file atoms.h
 * What was decided in a recorded run, taken apart: each single thing that happened to a packet, said as a fault rule for that
 * packet. What `shrink` leaves out one after the other.
 */
#ifndef NETLAB_REPRO_ATOMS_H
#define NETLAB_REPRO_ATOMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "netlab/err.h"
#include "plan/plan.h"
#include "repro/decisions.h"
#include "repro/frames.h"
#include "topo/fault.h"
#include "topo/model.h"

enum { ATOMS_MAX = TOPO_FAULTS_MAX /**< of rules a lab takes no more */ };

struct atom {
	struct topo_fault fault;         /**< nth has one number */
	const struct decision *decision; /**< borrowed */
	const struct frame_kept *frame;  /**< borrowed */
};

/** Zero-initialise. Borrows from the decisions and frames that it was made of. */
struct atoms {
	struct atom *items; /**< owned */
	size_t n, size;
	bool with_data; /**< packets are known by their data, where they have any */
	/** what no rule can say, or what happens by itself (a full queue, a link that is cut) */
	size_t n_unsaid, n_by_itself;
	struct arena texts;
};

/**
 * Makes them; where there are more than ATOMS_MAX it ends with one too many.
 * @param[in] with_data  packets are known by the beginning of their payload as well: this holds when there are more or
 *                       fewer before them, but not when payloads differ from run to run
 * @return 0; -EINVAL: a decision's packet is not among the frames, or its link not in the topology; -ENOMEM
 */
int atoms_make(const struct decisions *d, const struct frames *f, const struct topo *t,
	       bool with_data, struct atoms *ret, struct netlab_err *err);
void atoms_deinit(struct atoms *a);
/** Writes some of them as the topology's `faults`: a JSON array, those that differ by their number only as one rule. */
void atoms_print(struct buf *b, const struct atoms *a, const size_t *which, size_t n,
		 const struct topo *t);
/** Says in words what they are: "the 1st SYN+ACK from b to a is lost and ...". @param[in] plan  names the addresses */
void atoms_describe(struct buf *b, const struct atoms *a, const size_t *which, size_t n,
		    const struct topo *t, const struct plan *plan, const struct frames *f);
/** Says which packet a decision is about: by the beginning of its payload, where that is among the frames. */
void atoms_describe_packet(struct buf *b, const struct decision *d, const struct topo *t,
			   const struct plan *plan, const struct frames *f);

#endif
