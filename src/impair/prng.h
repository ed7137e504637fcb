/* SPDX-License-Identifier: MIT */
/**
 * @file prng.h
 * taus113 (LFSR113), seeded and stepped as Linux does for netem: prandom_seed_state(), prandom_u32_state()
 * (include/linux/prandom.h, lib/random32.c; P. L'Ecuyer, "Tables of maximally equidistributed combined LFSR
 * generators", 1999). The same seed draws the same numbers as sch_netem's `seed`.
 */
#ifndef NETLAB_IMPAIR_PRNG_H
#define NETLAB_IMPAIR_PRNG_H

#include <stdint.h>

struct prng {
	uint32_t s[4];
};

void prng_seed(struct prng *p, uint64_t seed);
uint32_t prng_next(struct prng *p);

#endif
