/* SPDX-License-Identifier: MIT */
/* taus113, as Linux seeds and steps it. */
#include "impair/prng.h"

/* Each part has low bits that must not all be zero: below this a seed is raised by it. */
static const uint32_t part_min[4] = { 2, 8, 16, 128 };

void prng_seed(struct prng *p, uint64_t seed)
{
	uint32_t i = (uint32_t)((seed >> 32) ^ (seed << 10) ^ seed);

	for (int k = 0; k < 4; k++)
		p->s[k] = i < part_min[k] ? i + part_min[k] : i;
}

static uint32_t step(uint32_t s, unsigned a, unsigned b, uint32_t keep, unsigned d)
{
	return ((s & keep) << d) ^ (((s << a) ^ s) >> b);
}

uint32_t prng_next(struct prng *p)
{
	p->s[0] = step(p->s[0], 6, 13, 4294967294u, 18);
	p->s[1] = step(p->s[1], 2, 27, 4294967288u, 2);
	p->s[2] = step(p->s[2], 13, 21, 4294967280u, 7);
	p->s[3] = step(p->s[3], 3, 12, 4294967168u, 13);
	return p->s[0] ^ p->s[1] ^ p->s[2] ^ p->s[3];
}
