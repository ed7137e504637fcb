/* SPDX-License-Identifier: MIT */
/* Which packets are lost: sch_netem's models. */
#include "impair/loss.h"

#include <math.h>

/* sch_netem's states, from 1 as there */
enum four_state { TX_IN_GAP = 1, TX_IN_BURST, LOST_IN_GAP, LOST_IN_BURST };
enum two_state { GOOD = 1, BAD };

void loss_init(struct loss *l, const struct impair_loss *asked)
{
	struct impair_loss m;

	*l = (struct loss){ .kind = LOSS_NONE };
	if (!asked)
		return;
	m = impair_loss_solve(asked);
	switch (m.model) {
	case IMPAIR_LOSS_RANDOM:
		l->share = impair_share_to_u32(m.random);
		l->kind = l->share ? LOSS_RANDOM : LOSS_NONE;
		break;
	case IMPAIR_LOSS_BURST: /* solved into the next */
	case IMPAIR_LOSS_GEMODEL:
		l->kind = LOSS_GILBERT_ELLIOTT;
		l->state = GOOD;
		l->a[0] = impair_share_to_u32(m.p);
		l->a[1] = impair_share_to_u32(m.r);
		/* the kernel takes h and 1-k: tc turns 1-h round in integers */
		l->a[2] = UINT32_MAX - impair_share_to_u32(m.one_minus_h);
		l->a[3] = impair_share_to_u32(m.one_minus_k);
		break;
	case IMPAIR_LOSS_STATE:
		l->kind = LOSS_FOUR_STATE;
		l->state = TX_IN_GAP;
		l->a[0] = impair_share_to_u32(m.p13);
		l->a[1] = impair_share_to_u32(m.p31);
		l->a[2] = impair_share_to_u32(m.p32);
		l->a[3] = impair_share_to_u32(m.p14);
		l->a[4] = impair_share_to_u32(m.p23);
		break;
	}
}

/* As since Linux commit 732b463449fd; before, a draw that equals a share did nothing (one in 2^32). */
static bool four_state(struct loss *l, struct prng *prng)
{
	const uint32_t *a = l->a;
	uint32_t r = prng_next(prng);

	switch ((enum four_state)l->state) {
	case TX_IN_GAP:
		if (r < a[3]) {
			l->state = LOST_IN_GAP;
			return true;
		}
		if (r < a[0] + a[3]) {
			l->state = LOST_IN_BURST;
			return true;
		}
		return false;
	case TX_IN_BURST:
		if (r < a[4]) {
			l->state = LOST_IN_BURST;
			return true;
		}
		return false;
	case LOST_IN_BURST:
		if (r < a[2])
			l->state = TX_IN_BURST;
		else if (r < a[1] + a[2])
			l->state = TX_IN_GAP;
		else
			return true;
		return false;
	case LOST_IN_GAP:
		l->state = TX_IN_GAP;
		return false;
	}
	return false;
}

static bool gilbert_elliott(struct loss *l, struct prng *prng)
{
	if (l->state == GOOD) {
		if (prng_next(prng) < l->a[0])
			l->state = BAD;
		return prng_next(prng) < l->a[3];
	}
	if (prng_next(prng) < l->a[1])
		l->state = GOOD;
	return prng_next(prng) > l->a[2];
}

bool loss_next(struct loss *l, struct prng *prng)
{
	switch (l->kind) {
	case LOSS_NONE:
		return false;
	case LOSS_RANDOM:
		return l->share >= prng_next(prng);
	case LOSS_FOUR_STATE:
		return four_state(l, prng);
	case LOSS_GILBERT_ELLIOTT:
		return gilbert_elliott(l, prng);
	}
	return false;
}
