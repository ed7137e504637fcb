/* SPDX-License-Identifier: MIT */
/* One direction of a link: decisions, in netem's order. The queue and the way out: line.c. */
#include "impair/pipe.h"

#include <errno.h>
#include <stdlib.h>

#include "impair/line.h"

enum { QUEUE_EXTRA_PACKETS = 100 /* impairment.md, `queue` */ };

static uint32_t asked_share(const struct impairment *m, enum impair_key key, double share)
{
	return impair_asks(m, key) ? impair_share_to_u32(share) : 0;
}

static uint64_t frames(double bps, double ns, uint32_t frame)
{
	return (uint64_t)(bps * ns / 8e9 / frame) + 1;
}

/** What may wait for the rate. */
static void set_limit(struct pipe *p, const struct pipe_setup *setup)
{
	enum { ETHERNET_HEADER = 14 };
	const struct impairment *m = setup->asked;
	uint32_t frame = setup->mtu + ETHERNET_HEADER;
	double hold_ns = (impair_asks(m, IMPAIR_DELAY) ? (double)m->delay_ns : 0) +
			 (impair_asks(m, IMPAIR_JITTER) ? (double)m->jitter_ns : 0);
	double bps = setup->trace ? trace_mean_bps(setup->trace) : (double)m->rate_bps;

	p->by_bytes = impair_asks(m, IMPAIR_QUEUE) && m->queue_unit == IMPAIR_QUEUE_BYTES;
	if (!impair_asks(m, IMPAIR_QUEUE))
		p->limit = frames(bps, hold_ns, frame) + QUEUE_EXTRA_PACKETS;
	else if (m->queue_unit == IMPAIR_QUEUE_TIME)
		p->limit = frames(bps, (double)m->queue, frame);
	else
		p->limit = m->queue ? m->queue : 1;
}

static void set_up(struct pipe *p, const struct pipe_setup *setup)
{
	const struct impairment *m = setup->asked;

	p->asked = *m;
	p->table = setup->table;
	p->codel_on = setup->codel;
	p->duplicate = asked_share(m, IMPAIR_DUPLICATE, m->duplicate);
	p->corrupt = asked_share(m, IMPAIR_CORRUPT, m->corrupt);
	p->reorder = asked_share(m, IMPAIR_REORDER, m->reorder);
	/* tc writes a gap of 1 where reorder is asked without one: every packet may overtake */
	p->gap = impair_asks(m, IMPAIR_GAP) && m->gap ? m->gap : p->reorder ? 1 : 0;
	if (p->trace != setup->trace) {
		p->trace = setup->trace;
		p->trace_start_ns = setup->now_ns;
		p->cursor = (struct trace_cursor){ .left = TRACE_OPPORTUNITY_BYTES };
	}
	set_limit(p, setup);
}

int pipe_init(struct pipe *p, const struct pipe_setup *setup, const struct pipe_owner *owner)
{
	uint64_t seed = impair_asks(setup->asked, IMPAIR_SEED) ? setup->asked->seed : 0;

	*p = (struct pipe){ .owner = *owner };
	prng_seed(&p->prng, seed);
	prng_seed(&p->own, ~seed);
	loss_init(&p->loss, impair_asks(setup->asked, IMPAIR_LOSS) ? &setup->asked->loss : NULL);
	set_up(p, setup);
	return line_init(p);
}

void pipe_deinit(struct pipe *p)
{
	line_deinit(p);
}

static bool is_same_loss(const struct loss *a, const struct impairment *asked)
{
	struct loss b;

	loss_init(&b, impair_asks(asked, IMPAIR_LOSS) ? &asked->loss : NULL);
	if (a->kind != b.kind || a->share != b.share)
		return false;
	for (size_t i = 0; i < sizeof(b.a) / sizeof(b.a[0]); i++) {
		if (a->a[i] != b.a[i])
			return false;
	}
	return true;
}

void pipe_change(struct pipe *p, const struct pipe_setup *setup)
{
	const struct impairment *m = setup->asked;
	bool same_seed = impair_asks(m, IMPAIR_SEED) == impair_asks(&p->asked, IMPAIR_SEED) &&
			 m->seed == p->asked.seed;

	if (!same_seed) {
		prng_seed(&p->prng, impair_asks(m, IMPAIR_SEED) ? m->seed : 0);
		prng_seed(&p->own, ~(impair_asks(m, IMPAIR_SEED) ? m->seed : 0));
	}
	if (!is_same_loss(&p->loss, m))
		loss_init(&p->loss, impair_asks(m, IMPAIR_LOSS) ? &m->loss : NULL);
	line_advance(
		p, setup->now_ns); /* what has left the queue by now left it under the old rules */
	set_up(p, setup);
}

/* --- decisions --- */

static void drop(struct pipe *p, void *packet, enum pipe_cause cause)
{
	p->stats.dropped[cause]++;
	p->owner.drop(p->owner.ctx, packet, cause);
}

/** netem's share tests: at or above the draw, and no draw where nothing is asked. */
static bool hit(struct pipe *p, uint32_t share)
{
	return share && share >= prng_next(&p->prng);
}

static void corrupt(struct pipe *p, void *packet)
{
	/* netem takes the place of the bit from an unseeded stream; ours has a seed, apart from the decisions' */
	p->owner.corrupt(p->owner.ctx, packet, prng_next(&p->own));
	p->stats.corrupted++;
}

static bool may_reorder(struct pipe *p)
{
	if (p->gap == 0 || p->since_reorder < p->gap - 1)
		return false;
	return p->reorder >= prng_next(&p->prng);
}

static int64_t draw_travel(struct pipe *p)
{
	const struct impairment *m = &p->asked;

	return delay_draw(impair_asks(m, IMPAIR_DELAY) ? (int64_t)m->delay_ns : 0,
			  impair_asks(m, IMPAIR_JITTER) ? (int64_t)m->jitter_ns : 0, p->table,
			  &p->prng);
}

static void enter(struct pipe *p, uint64_t arrival_ns, void *packet, uint32_t len)
{
	struct pipe_entry e = { .packet = packet, .arrival_ns = arrival_ns, .len = len };
	bool overtakes = may_reorder(p);

	if (overtakes) {
		/* at once, past the queue and the rate, as netem does */
		p->since_reorder = 0;
		p->stats.reordered++;
		e.deadline_ns = arrival_ns;
	} else {
		p->since_reorder++;
		e.travel_ns = draw_travel(p);
	}
	if (line_enter(p, &e, overtakes) < 0)
		drop(p, packet, PIPE_HOST);
}

/**
 * One pass through the decisions. A duplicate passes them again, as netem re-enqueues it, but is not duplicated twice.
 */
static void decide(struct pipe *p, uint64_t arrival_ns, void *packet, uint32_t len, bool is_copy)
{
	int count = 1 + (!is_copy && hit(p, p->duplicate));
	bool lost = loss_next(&p->loss, &p->prng);
	void *copy = NULL;

	if (count > 1)
		p->stats.duplicated++;
	if (lost && impair_asks(&p->asked, IMPAIR_ECN) && p->asked.ecn &&
	    p->owner.mark(p->owner.ctx, packet)) {
		p->stats.marked++;
		lost = false;
	}
	if (lost) {
		/* duplicated and lost: one of the two goes on */
		count--;
		if (count > 0)
			p->stats.dropped[PIPE_LOSS]++;
	}
	if (count == 0) {
		drop(p, packet, PIPE_LOSS);
		return;
	}
	if (count > 1) {
		copy = p->owner.clone(p->owner.ctx, packet);
		if (!copy)
			p->stats.dropped[PIPE_HOST]++;
	}
	if (hit(p, p->corrupt))
		corrupt(p, packet);
	if (line_is_full(p, arrival_ns, len)) {
		drop(p, packet, PIPE_QUEUE);
		if (copy)
			drop(p, copy, PIPE_QUEUE);
		return;
	}
	if (copy)
		decide(p, arrival_ns, copy, len, true);
	enter(p, arrival_ns, packet, len);
}

void pipe_offer(struct pipe *p, uint64_t arrival_ns, void *packet, uint32_t len)
{
	p->stats.offered++;
	p->stats.offered_bytes += len;
	line_advance(p, arrival_ns);
	if (impair_asks(&p->asked, IMPAIR_DOWN) && p->asked.down) {
		drop(p, packet, PIPE_DOWN);
		return;
	}
	decide(p, arrival_ns, packet, len, false);
}

void pipe_count_host_loss(struct pipe *p, uint64_t n)
{
	p->stats.offered += n;
	p->stats.dropped[PIPE_HOST] += n;
}

bool pipe_is_conserved(const struct pipe *p)
{
	const struct pipe_stats *s = &p->stats;
	uint64_t dropped = 0;

	for (int i = 0; i < PIPE_CAUSES; i++)
		dropped += s->dropped[i];
	return s->held == p->queue_n + p->heap_n &&
	       s->offered + s->duplicated == s->delivered + dropped + s->held;
}
