/* SPDX-License-Identifier: MIT */
/* Numbers between two impairments. */
#include "topo/ramp.h"

#include <math.h>

static const enum impair_key always[] = { IMPAIR_DELAY, IMPAIR_JITTER, IMPAIR_DUPLICATE,
					  IMPAIR_CORRUPT, IMPAIR_REORDER };

static bool has_random_loss(const struct impairment *m)
{
	return !impair_asks(m, IMPAIR_LOSS) || m->loss.model == IMPAIR_LOSS_RANDOM;
}

uint32_t ramp_keys(const struct impairment *from, const struct impairment *to)
{
	uint32_t keys = 0;

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		keys |= IMPAIR_BIT(always[i]);
	if (impair_asks(from, IMPAIR_RATE) && !from->rate_trace && !to->rate_trace)
		keys |= IMPAIR_BIT(IMPAIR_RATE);
	if (has_random_loss(from) && has_random_loss(to))
		keys |= IMPAIR_BIT(IMPAIR_LOSS);
	return keys & to->set;
}

static double between(double from, double to, double share)
{
	return from + (to - from) * share;
}

/** Half way from 1 % to 3 % reads 2 %, not 1.9999999999999997 %. */
static double tidy(double share)
{
	return rint(share * 1e12) / 1e12;
}

static uint64_t between_u64(bool has_from, uint64_t from, uint64_t to, double share)
{
	return (uint64_t)(between(has_from ? (double)from : 0, (double)to, share) + 0.5);
}

struct impairment ramp_at(const struct impairment *from, const struct impairment *to, uint32_t keys,
			  uint64_t elapsed_ns, uint64_t total_ns)
{
	double share = (double)elapsed_ns / (double)total_ns;
	struct impairment m = { .set = keys };

	if (elapsed_ns >= total_ns) {
		m = *to;
		m.set = keys;
		return m;
	}
#define SHARE(key, member) \
	m.member = tidy(between(impair_asks(from, key) ? from->member : 0, to->member, share))
	m.delay_ns = between_u64(impair_asks(from, IMPAIR_DELAY), from->delay_ns, to->delay_ns,
				 share);
	m.jitter_ns = between_u64(impair_asks(from, IMPAIR_JITTER), from->jitter_ns, to->jitter_ns,
				  share);
	m.rate_bps = between_u64(impair_asks(from, IMPAIR_RATE), from->rate_bps, to->rate_bps,
				 share);
	SHARE(IMPAIR_LOSS, loss.random);
	SHARE(IMPAIR_DUPLICATE, duplicate);
	SHARE(IMPAIR_CORRUPT, corrupt);
	SHARE(IMPAIR_REORDER, reorder);
#undef SHARE
	m.loss.model = IMPAIR_LOSS_RANDOM;
	return m;
}
