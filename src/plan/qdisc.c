/* SPDX-License-Identifier: MIT */
/* One direction of a link as a queueing discipline: the choice, its sizes, and tc's words for it. */
#include "plan/plan.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/headers.h"

__extension__ typedef unsigned __int128 u128;

enum {
	QUEUE_EXTRA_PACKETS = 100, /* impairment.md, `queue` */
	UNRATED_LIMIT_MIN = 1000,  /* what tc takes when it is not told */
	TABLE_SPREAD = 4,          /* the tables of iproute2 end at 4 sigma (research: netem 1.4) */
};

#define NS_PER_S 1000000000ull
/* What an unrated link is taken to carry, when its delay line is sized. */
#define UNRATED_BPS 10000000000ull
/* netem keeps packets in order when it has a rate; this one adds 12 ns to a full frame. */
#define ORDERING_BPS 1000000000000ull

/* Frames that `ns` of sending at a rate makes, rounded up. */
static u128 frames_in(uint64_t bps, u128 ns, uint32_t frame)
{
	u128 per_frame = (u128)8 * NS_PER_S * frame;

	return (bps * ns + per_frame - 1) / per_frame;
}

static uint64_t clamp(u128 n, uint64_t max)
{
	return n < max ? (uint64_t)n : max;
}

/* The longest that netem may hold a packet apart from its rate. */
static u128 hold_ns(const struct impairment *m)
{
	u128 ns = 0;

	if (impair_asks(m, IMPAIR_DELAY))
		ns += m->delay_ns;
	if (impair_asks(m, IMPAIR_JITTER)) {
		bool table = impair_asks(m, IMPAIR_DISTRIBUTION) &&
			     m->distribution != IMPAIR_UNIFORM;

		ns += (u128)m->jitter_ns * (table ? TABLE_SPREAD : 1);
	}
	if (impair_asks(m, IMPAIR_SLOT)) {
		ns += m->slot.max_ns;
		ns += m->slot.dist_delay_ns + (u128)m->slot.dist_jitter_ns * TABLE_SPREAD;
	}
	return ns;
}

/* Frames that may wait for the rate. */
static u128 queue_frames(const struct impairment *m, uint64_t bps, uint32_t frame)
{
	u128 n = 0;

	if (!impair_asks(m, IMPAIR_QUEUE))
		return frames_in(bps, hold_ns(m), frame) + QUEUE_EXTRA_PACKETS;
	switch (m->queue_unit) {
	case IMPAIR_QUEUE_PACKETS:
		n = m->queue;
		break;
	case IMPAIR_QUEUE_BYTES:
		n = ((u128)m->queue + frame - 1) / frame;
		break;
	case IMPAIR_QUEUE_TIME:
		n = frames_in(bps, m->queue, frame);
		break;
	}
	return n ? n : 1;
}

int plan_qdisc_build(const struct impairment *m, uint32_t mtu, struct plan_qdisc *ret,
		     struct netlab_err *err)
{
	struct plan_qdisc q = { .kind = PLAN_QDISC_NETEM, .impairment = *m };
	uint32_t frame = mtu + ETHERNET_HEADER;
	bool rated = impair_asks(m, IMPAIR_RATE);
	uint64_t bps = rated ? m->rate_bps : UNRATED_BPS;
	const char *beyond = impairment_beyond_netem(m);
	u128 limit;

	if (beyond) {
		err_set(err, EOPNOTSUPP, "netem cannot do %s", beyond);
		err_class(err, NETLAB_EXIT_UNSUPPORTED);
		return -EOPNOTSUPP;
	}
	if (impair_asks(m, IMPAIR_LOSS))
		q.impairment.loss = impair_loss_solve(&m->loss);
	if (!rated && impair_asks(m, IMPAIR_JITTER) && m->jitter_ns &&
	    !(impair_asks(m, IMPAIR_JITTER_REORDERS) && m->jitter_reorders)) {
		q.impairment.set |= IMPAIR_BIT(IMPAIR_RATE);
		q.impairment.rate_bps = ORDERING_BPS;
	}
	/* One more for the frame that is being sent. */
	limit = queue_frames(m, bps, frame) + frames_in(bps, hold_ns(m), frame) + 1;
	if (!rated && limit < UNRATED_LIMIT_MIN)
		limit = UNRATED_LIMIT_MIN;
	q.limit_packets = clamp(limit, INT32_MAX);
	*ret = q;
	return 0;
}

/* tc before 6.9 reads delays in microseconds and knows no "ns"; later ones keep the fraction. */
static void print_time(struct buf *b, uint64_t ns)
{
	if (ns % 1000 == 0)
		buf_printf(b, " %lluus", (unsigned long long)(ns / 1000));
	else
		buf_printf(b, " %llu.%03uus", (unsigned long long)(ns / 1000),
			   (unsigned)(ns % 1000));
}

/* As few digits as give the same 32-bit share when tc reads them. */
static void print_share(struct buf *b, double share)
{
	double want = rint(share * UINT32_MAX);
	char text[32];

	for (int digits = 0; digits <= 12; digits++) {
		snprintf(text, sizeof(text), "%.*f", digits, share * 100);
		if (rint(strtod(text, NULL) / 100 * UINT32_MAX) == want)
			break;
	}
	buf_printf(b, " %s%%", text);
}

static bool is_lossy(const struct impairment *m)
{
	return impair_asks(m, IMPAIR_LOSS) &&
	       (m->loss.model != IMPAIR_LOSS_RANDOM || rint(m->loss.random * UINT32_MAX) > 0);
}

/* tc takes "ecn" beside a loss only. */
static bool marks(const struct impairment *m)
{
	return is_lossy(m) && impair_asks(m, IMPAIR_ECN) && m->ecn;
}

static void print_loss(struct buf *b, const struct impair_loss *loss)
{
	switch (loss->model) {
	case IMPAIR_LOSS_RANDOM:
		buf_puts(b, " loss random");
		print_share(b, loss->random);
		break;
	case IMPAIR_LOSS_BURST: /* solved by plan_qdisc_build() */
	case IMPAIR_LOSS_GEMODEL:
		buf_puts(b, " loss gemodel");
		print_share(b, loss->p);
		print_share(b, loss->r);
		print_share(b, loss->one_minus_h);
		print_share(b, loss->one_minus_k);
		break;
	case IMPAIR_LOSS_STATE:
		buf_puts(b, " loss state");
		print_share(b, loss->p13);
		print_share(b, loss->p31);
		print_share(b, loss->p32);
		print_share(b, loss->p23);
		print_share(b, loss->p14);
		break;
	}
}

static bool uses_table(const struct impairment *m)
{
	return impair_asks(m, IMPAIR_JITTER) && m->jitter_ns &&
	       impair_asks(m, IMPAIR_DISTRIBUTION) && m->distribution != IMPAIR_UNIFORM;
}

static void print_delay(struct buf *b, const struct impairment *m)
{
	uint64_t delay = impair_asks(m, IMPAIR_DELAY) ? m->delay_ns : 0;
	uint64_t jitter = impair_asks(m, IMPAIR_JITTER) ? m->jitter_ns : 0;

	/* tc refuses a table without a delay that it can see, and reordering as well. */
	if ((uses_table(m) || (impair_asks(m, IMPAIR_REORDER) && m->reorder > 0)) && delay < 1000)
		delay = 1000;
	if (!delay && !jitter)
		return;
	buf_puts(b, " delay");
	print_time(b, delay);
	if (jitter)
		print_time(b, jitter);
	/* "uniform" is what netem does without a table; tc has no file of that name. */
	if (uses_table(m))
		buf_printf(b, " distribution %s", impair_distribution_name(m->distribution));
}

static void print_slot(struct buf *b, const struct impair_slot *s)
{
	buf_puts(b, " slot");
	if (s->dist_delay_ns && s->dist_jitter_ns && s->distribution != IMPAIR_UNIFORM) {
		buf_printf(b, " distribution %s", impair_distribution_name(s->distribution));
		print_time(b, s->dist_delay_ns);
		print_time(b, s->dist_jitter_ns);
	} else if (s->dist_delay_ns) {
		/* uniform around a middle: the same as between two ends */
		uint64_t jitter = s->dist_jitter_ns;

		print_time(b, s->dist_delay_ns > jitter ? s->dist_delay_ns - jitter : 0);
		print_time(b, s->dist_delay_ns + jitter);
	} else {
		print_time(b, s->min_ns);
		print_time(b, s->max_ns > s->min_ns ? s->max_ns : s->min_ns);
	}
	if (s->packets)
		buf_printf(b, " packets %u", s->packets);
	if (s->bytes)
		buf_printf(b, " bytes %u", s->bytes);
}

static void print_rate(struct buf *b, const struct impairment *m)
{
	int overhead = impair_asks(m, IMPAIR_OVERHEAD) ? m->overhead : 0;
	unsigned cell = impair_asks(m, IMPAIR_CELL) ? m->cell : 0;
	int cell_overhead = impair_asks(m, IMPAIR_CELL_OVERHEAD) ? m->cell_overhead : 0;

	buf_printf(b, " rate %llubit", (unsigned long long)m->rate_bps);
	if (overhead || cell || cell_overhead)
		buf_printf(b, " %d %u %d", overhead, cell, cell_overhead);
}

/* `from`, when not NULL, is in force: what netem would keep of it is turned off by name. */
static void print_netem(struct buf *b, const struct plan_qdisc *q, const struct impairment *from)
{
	const struct impairment *m = &q->impairment;

	buf_printf(b, "netem limit %llu", (unsigned long long)q->limit_packets);
	print_delay(b, m);
	if (is_lossy(m))
		print_loss(b, &m->loss);
	if (marks(m))
		buf_puts(b, " ecn");
	if (impair_asks(m, IMPAIR_DUPLICATE) && m->duplicate > 0) {
		buf_puts(b, " duplicate");
		print_share(b, m->duplicate);
	}
	if (impair_asks(m, IMPAIR_CORRUPT) && m->corrupt > 0) {
		buf_puts(b, " corrupt");
		print_share(b, m->corrupt);
	} else if (from && impair_asks(from, IMPAIR_CORRUPT)) {
		buf_puts(b, " corrupt 0%");
	}
	if (impair_asks(m, IMPAIR_REORDER) && m->reorder > 0) {
		buf_puts(b, " reorder");
		print_share(b, m->reorder);
		if (impair_asks(m, IMPAIR_GAP) && m->gap)
			buf_printf(b, " gap %u", m->gap);
	} else if (from && impair_asks(from, IMPAIR_REORDER)) {
		buf_puts(b, " reorder 0%");
	}
	if (impair_asks(m, IMPAIR_RATE))
		print_rate(b, m);
	else if (from && impair_asks(from, IMPAIR_RATE))
		buf_puts(b, " rate 0bit");
	if (impair_asks(m, IMPAIR_SLOT))
		print_slot(b, &m->slot);
	else if (from && impair_asks(from, IMPAIR_SLOT))
		buf_puts(b, " slot 0us");
}

void plan_qdisc_print(struct buf *b, const struct plan_qdisc *q)
{
	switch (q->kind) {
	case PLAN_QDISC_NONE:
		break;
	case PLAN_QDISC_NETEM:
		print_netem(b, q, NULL);
		break;
	}
}

unsigned plan_qdisc_print_change(struct buf *b, const struct plan_qdisc *from,
				 const struct plan_qdisc *to)
{
	const struct impairment *was = &from->impairment, *now = &to->impairment;
	unsigned left = 0;

	if (to->kind != PLAN_QDISC_NETEM) {
		plan_qdisc_print(b, to);
		return 0;
	}
	print_netem(b, to, was);
	if (uses_table(was) && !uses_table(now))
		left |= PLAN_LEFT_TABLE;
	if (marks(was) && !marks(now))
		left |= PLAN_LEFT_ECN;
	return left;
}
