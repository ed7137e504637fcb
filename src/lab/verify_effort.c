/* SPDX-License-Identifier: MIT */
/* How many probes a direction needs and bears. */
#include "lab/verify_probe.h"

#include <math.h>

#include "sys/test_frame.h"

#define SECOND_NS UINT64_C(1000000000)

enum {
	PROBE_LEN = 100,
	HITS_WANTED = 50, /* of the rarest event that is asked for */
	PROBES_PER_S_MAX = 2000,
	PROBES_PER_S_TRACE = 100, /* a trace may be slow at times */
	PROBES_MIN = 10,
	TRAIN_FRAMES_WANTED = 300,
	TRAIN_FRAME_MIN = 100,
	TRAIN_ARRIVALS_MAX = 1 << 20,
};

#define PROBE_LOAD      0.1 /* of the rate: the queue stays empty */
#define TRAIN_EXCESS    1.2 /* the rate is kept busy, and what queues up is gone soon after */
#define TRAIN_TIMES     4.0 /* at most, where much is lost before the rate */
#define TRAIN_MIN_NS    (SECOND_NS / 2)
#define TRAIN_MAX_NS    (5 * SECOND_NS)
#define LINGER_MORE_NS  (3 * SECOND_NS / 10)
#define TRACE_LINGER_NS (3 * SECOND_NS)

static double rarest(const struct impairment *m)
{
	double shares[] = {
		impair_asks(m, IMPAIR_LOSS) ? verify_loss_of(&m->loss).share : 0,
		verify_share(m, IMPAIR_DUPLICATE, m->duplicate),
		verify_share(m, IMPAIR_CORRUPT, m->corrupt),
		verify_share(m, IMPAIR_REORDER, m->reorder),
	};
	double least = 0;

	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		if (shares[i] > 0 && (least <= 0 || shares[i] < least))
			least = shares[i];
	}
	return least;
}

static double probes_per_s(const struct impairment *m, double per_s, double seconds)
{
	double share = rarest(m), rate = (double)verify_rate(m);

	if (share > 0 && HITS_WANTED / share / seconds > per_s)
		per_s = HITS_WANTED / share / seconds;
	if (per_s > PROBES_PER_S_MAX)
		per_s = PROBES_PER_S_MAX;
	if (m->rate_trace && per_s > PROBES_PER_S_TRACE)
		per_s = PROBES_PER_S_TRACE;
	if (rate > 0)
		per_s = fmin(per_s, PROBE_LOAD * rate /
					    (8.0 * (double)verify_charged_bytes(m, PROBE_LEN)));
	return per_s;
}

/* How long the last probe may be on its way. */
static uint64_t linger(const struct impairment *m)
{
	uint64_t ns = LINGER_MORE_NS, rate = verify_rate(m);

	if (impair_asks(m, IMPAIR_DELAY))
		ns += m->delay_ns;
	/* netem's tables end at 4 deviations of the normal distribution; pareto's tail goes on a little */
	if (impair_asks(m, IMPAIR_JITTER))
		ns += 4 * m->jitter_ns;
	if (impair_asks(m, IMPAIR_SLOT))
		ns += m->slot.max_ns + m->slot.dist_delay_ns + 4 * m->slot.dist_jitter_ns;
	/* it may have gaps; the waiting ends when all have come */
	if (impair_asks(m, IMPAIR_RATE) && m->rate_trace)
		ns += TRACE_LINGER_NS;
	if (rate)
		ns += 8 * SECOND_NS * PROBE_LEN / rate;
	return ns;
}

static void plan_train(const struct impairment *m, uint32_t mtu, uint64_t duration_ns,
		       struct verify_effort *e)
{
	double rate = (double)verify_rate(m), seconds, len, loss = 0, times;
	const uint32_t longest = mtu + 14 < SYS_TEST_FRAME_MAX ? mtu + 14 : SYS_TEST_FRAME_MAX;

	if (rate <= 0)
		return;
	e->train_ns = duration_ns / 3;
	e->train_ns = e->train_ns < TRAIN_MIN_NS ? TRAIN_MIN_NS : e->train_ns;
	e->train_ns = e->train_ns > TRAIN_MAX_NS ? TRAIN_MAX_NS : e->train_ns;
	seconds = (double)e->train_ns / 1e9;
	len = rate * seconds / 8 / TRAIN_FRAMES_WANTED;
	e->train_len = len < TRAIN_FRAME_MIN ? TRAIN_FRAME_MIN
		       : len > longest       ? longest
					     : (uint32_t)len;
	if (impair_asks(m, IMPAIR_LOSS))
		loss = verify_loss_of(&m->loss).share;
	times = loss < 1 ? fmin(TRAIN_EXCESS / (1 - loss), TRAIN_TIMES) : TRAIN_TIMES;
	e->train_bps = (uint64_t)(rate * times);
	/* duplicates come on top of what was sent */
	len = 2 * (double)e->train_bps * seconds /
		      (8.0 * (double)verify_charged_bytes(m, e->train_len) + 1) +
	      TRAIN_FRAMES_WANTED;
	e->train_max = len < TRAIN_ARRIVALS_MAX ? (size_t)len : TRAIN_ARRIVALS_MAX;
}

void verify_effort_of(const struct impairment *asked, uint32_t mtu, double per_s,
		      uint64_t duration_ns, struct verify_effort *ret)
{
	double seconds = (double)duration_ns / 1e9;

	per_s = probes_per_s(asked, per_s, seconds);
	*ret = (struct verify_effort){ .len = PROBE_LEN, .linger_ns = linger(asked) };
	ret->n = (size_t)(per_s * seconds);
	if (ret->n < PROBES_MIN)
		ret->n = PROBES_MIN;
	ret->interval_ns = (uint64_t)(1e9 / fmax(per_s, PROBES_MIN / seconds));
	if (!verify_is_cut(asked))
		plan_train(asked, mtu, duration_ns, ret);
}
