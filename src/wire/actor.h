/* SPDX-License-Identifier: MIT */
/**
 * @file actor.h
 * A lane that carries out a script (script.h) in place of dice and rules. Private to src/wire.
 */
#ifndef NETLAB_WIRE_ACTOR_H
#define NETLAB_WIRE_ACTOR_H

#include "impair/identity.h"
#include "impair/pipe.h"
#include "wire/script.h"

struct frame;

/** Of one lane; zeroed = it has no script. */
struct actor {
	struct script *script;       /**< borrowed */
	uint32_t lane;               /**< as the script numbers it */
	struct identity_table *seen; /**< owned */
	const struct script_action
		*current; /**< of the packet that is being offered; NULL = nothing */
	uint64_t n;       /**< packets offered: what holds wait for */
};

/** @return 0; -ENOMEM */
int actor_init(struct actor *a, struct script *script, uint32_t lane);
/** Idempotent. */
void actor_deinit(struct actor *a);
/** What the script says of a packet: as pipe_owner.rule has it. @param[in] delay_ns  the link's own */
void actor_rule(struct actor *a, const struct frame *f, const struct pipe_arrival *about,
		int64_t delay_ns, struct pipe_ruling *ret);
/** What is asked of a link, without that which would act besides the script. */
void actor_tame(struct impairment *asked);

#endif
