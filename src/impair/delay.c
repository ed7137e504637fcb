/* SPDX-License-Identifier: MIT */
/* How long a packet travels. */
#include "impair/delay.h"

int64_t delay_draw(int64_t mean_ns, int64_t spread_ns, const struct delay_table *table,
		   struct prng *prng)
{
	/* the kernel caps jitter to INT_MAX ns and computes with a 32-bit spread */
	int32_t spread = spread_ns > INT32_MAX ? INT32_MAX : (int32_t)spread_ns;
	int64_t t, x;
	uint32_t r;

	if (spread == 0)
		return mean_ns;
	r = prng_next(prng);
	if (!table)
		return (int64_t)(r % (2 * (uint32_t)spread)) + mean_ns - spread;
	t = table->entries[r % table->n];
	x = (spread % DELAY_TABLE_SCALE) * t;
	x += x >= 0 ? DELAY_TABLE_SCALE / 2 : -(DELAY_TABLE_SCALE / 2);
	return x / DELAY_TABLE_SCALE + (spread / DELAY_TABLE_SCALE) * t + mean_ns;
}
