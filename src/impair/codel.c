/* SPDX-License-Identifier: MIT */
/* Controlled delay (RFC 8289, section 5; pseudocode in its appendix). */
#include "impair/codel.h"

#include <math.h>

enum {
	MTU_BYTES = 1514, /* one packet never counts as a standing queue */
};

static const uint64_t target_ns = 5000000;     /* RFC 8289, 4.2 */
static const uint64_t interval_ns = 100000000; /* RFC 8289, 4.3 */

static uint64_t control_law(uint64_t t, uint32_t count)
{
	return t + (uint64_t)((double)interval_ns / sqrt(count));
}

static bool above_for_long(struct codel *c, uint64_t now, uint64_t sojourn, uint64_t more_bytes)
{
	if (sojourn < target_ns || more_bytes <= MTU_BYTES) {
		c->first_above_ns = 0;
		return false;
	}
	if (c->first_above_ns == 0) {
		c->first_above_ns = now + interval_ns;
		return false;
	}
	return now >= c->first_above_ns;
}

bool codel_next(struct codel *c, uint64_t now, uint64_t sojourn, uint64_t more_bytes)
{
	bool above = above_for_long(c, now, sojourn, more_bytes);

	if (c->dropping) {
		if (!above) {
			c->dropping = false;
			return false;
		}
		if (now < c->drop_next_ns)
			return false;
		c->count++;
		c->drop_next_ns = control_law(c->drop_next_ns, c->count);
		return true;
	}
	if (!above)
		return false;
	/* It was dropping not long ago: start near the rate that controlled the queue then. */
	c->dropping = true;
	if (c->count - c->last_count > 1 && now - c->drop_next_ns < 16 * interval_ns)
		c->count = c->count - c->last_count;
	else
		c->count = 1;
	c->drop_next_ns = control_law(now, c->count);
	c->last_count = c->count;
	return true;
}
