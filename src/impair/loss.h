/* SPDX-License-Identifier: MIT */
/**
 * @file loss.h
 * Which packets are lost: sch_netem's three models, decision for decision (net/sched/sch_netem.c: loss_event(),
 * loss_4state(), loss_gilb_ell()).
 */
#ifndef NETLAB_IMPAIR_LOSS_H
#define NETLAB_IMPAIR_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#include "impair/prng.h"
#include "topo/impairment.h"

enum loss_kind { LOSS_NONE, LOSS_RANDOM, LOSS_FOUR_STATE, LOSS_GILBERT_ELLIOTT };

struct loss {
	enum loss_kind kind;
	uint32_t share; /**< RANDOM: of UINT32_MAX */
	uint32_t a[5];  /**< the models' transitions, in sch_netem's names a1..a5 */
	int state;
};

/** Sets the model up and at its first state. `asked` NULL = no loss. A burst model is solved here. */
void loss_init(struct loss *l, const struct impair_loss *asked);
/** Decides for the next packet; draws from the stream as often as sch_netem does. @return whether it is lost */
bool loss_next(struct loss *l, struct prng *prng);

#endif
