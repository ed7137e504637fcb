/* SPDX-License-Identifier: MIT */
/* Controlled delay (RFC 8289, section 5; pseudocode in its appendix). */
#include "impair/codel.h"

#include <math.h>

static const uint64_t target_ns = 5000000;     /* RFC 8289, 4.2 */
static const uint64_t interval_ns = 100000000; /* RFC 8289, 4.3 */

static uint64_t control_law(uint64_t t, uint32_t count)
{
	return t + (uint64_t)((double)interval_ns / sqrt(count));
}

static bool above_for_long(struct codel *c, uint64_t now, uint64_t sojourn, uint64_t more_bytes)
{
	if (sojourn < target_ns || more_bytes <= c->mtu_bytes) {
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
	uint32_t delta;

	if (c->dropping) {
		/* the appendix sets the time of the next drop when it has seen the packet behind the dropped one */
		if (c->owed && above)
			c->drop_next_ns = control_law(c->drop_next_ns, c->count);
		c->owed = false;
		c->dropping = above;
		if (!above || now < c->drop_next_ns)
			return false;
		c->count++;
		c->owed = true;
		return true;
	}
	if (!above)
		return false;
	/* It was dropping not long ago: start near the rate that controlled the queue then. */
	c->dropping = true;
	delta = c->count - c->last_count;
	c->count = delta > 1 && (int64_t)(now - c->drop_next_ns) < (int64_t)(16 * interval_ns)
			   ? delta
			   : 1;
	c->drop_next_ns = control_law(now, c->count);
	c->last_count = c->count;
	return true;
}
