/* SPDX-License-Identifier: MIT */
/* One direction of a link: decisions, in netem's order. The queue: line.c; the way out: way.c. */
#include "impair/pipe.h"

#include <errno.h>
#include <stdlib.h>

#include "impair/line.h"
#include "impair/way.h"

static uint32_t asked_share(const struct impairment *m, enum impair_key key, double share)
{
	return impair_asks(m, key) ? impair_share_to_u32(share) : 0;
}

/** What is asked, but the seed and the loss model, which have a state. */
static void set_up(struct pipe *p, const struct pipe_setup *setup)
{
	const struct impairment *m = setup->asked;

	p->duplicate = asked_share(m, IMPAIR_DUPLICATE, m->duplicate);
	p->corrupt = asked_share(m, IMPAIR_CORRUPT, m->corrupt);
	p->reorder = asked_share(m, IMPAIR_REORDER, m->reorder);
	/* tc writes a gap of 1 where reorder is asked without one: every packet may overtake */
	p->gap = impair_asks(m, IMPAIR_GAP) && m->gap ? m->gap : p->reorder ? 1 : 0;
	p->is_down = impair_asks(m, IMPAIR_DOWN) && m->down;
	p->ecn = impair_asks(m, IMPAIR_ECN) && m->ecn;
	p->delay_ns = impair_asks(m, IMPAIR_DELAY) ? (int64_t)m->delay_ns : 0;
	p->jitter_ns = impair_asks(m, IMPAIR_JITTER) ? (int64_t)m->jitter_ns : 0;
	p->table = setup->table;
	if (!p->table && impair_asks(m, IMPAIR_DISTRIBUTION))
		p->table = delay_table_builtin(m->distribution);
	line_set_up(p, setup);
	way_set_up(p, setup);
	p->asked = *m;
}

int pipe_init(struct pipe *p, const struct pipe_setup *setup, const struct pipe_owner *owner)
{
	uint64_t seed = impair_asks(setup->asked, IMPAIR_SEED) ? setup->asked->seed : 0;

	*p = (struct pipe){ .owner = *owner };
	prng_seed(&p->prng, seed);
	prng_seed(&p->own, ~seed);
	loss_init(&p->loss, impair_asks(setup->asked, IMPAIR_LOSS) ? &setup->asked->loss : NULL);
	set_up(p, setup);
	return line_reserve(p);
}

void pipe_deinit(struct pipe *p)
{
	line_deinit(p);
	way_deinit(p);
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
	/* what has left the queue by now left it under the old rules */
	line_advance(p, setup->now_ns);
	set_up(p, setup);
}

/* --- decisions --- */

/** netem's share tests: at or above the draw, and no draw where nothing is asked. */
static bool hit(struct pipe *p, uint32_t share)
{
	return share && share >= prng_next(&p->prng);
}

static void drop_for(struct pipe_fate *f, enum pipe_cause cause)
{
	f->dropped = true;
	f->cause = cause;
}

/**
 * What happens to a packet as it comes, in the order of sch_netem's draws. Rules for chosen packets belong here, before
 * the dice.
 */
static void decide(struct pipe *p, struct pipe_fate *f, void *packet, uint32_t len)
{
	bool lost;

	if (p->is_down) {
		drop_for(f, PIPE_DOWN);
		return;
	}
	f->duplicated = !f->is_copy && hit(p, p->duplicate);
	lost = loss_next(&p->loss, &p->prng);
	f->marked = lost && p->ecn && p->owner.mark(p->owner.ctx, packet);
	lost = lost && !f->marked;
	if (lost && !f->duplicated) {
		drop_for(f, PIPE_LOSS);
		return;
	}
	/* duplicated and lost: one of the two goes on */
	f->copy_lost = lost;
	f->corrupted = hit(p, p->corrupt);
	if (line_is_full(p, len))
		drop_for(f, PIPE_QUEUE);
}

/** The second half, which netem draws after all that it does to the copy. */
static void decide_way(struct pipe *p, struct pipe_fate *f)
{
	f->overtakes = p->gap > 0 && p->since_reorder >= p->gap - 1 &&
		       p->reorder >= prng_next(&p->prng);
	if (f->overtakes) {
		p->since_reorder = 0;
		return;
	}
	p->since_reorder++;
	f->travel_ns = delay_draw(p->delay_ns, p->jitter_ns, p->table, &p->prng);
}

static void drop(struct pipe *p, void *packet, const struct pipe_fate *f)
{
	p->stats.dropped[f->cause]++;
	/* its copy as well */
	if (f->duplicated && !f->copy_lost)
		p->stats.dropped[f->cause]++;
	if (p->owner.fate)
		p->owner.fate(p->owner.ctx, packet, f);
	p->owner.drop(p->owner.ctx, packet, f->cause);
}

static void enter(struct pipe *p, uint64_t arrival_ns, void *packet, uint32_t len,
		  const struct pipe_fate *f)
{
	struct pipe_entry e = { .packet = packet,
				.arrival_ns = arrival_ns,
				.index = f->index,
				.travel_ns = f->travel_ns,
				.len = len,
				.is_copy = f->is_copy };

	p->stats.held++;
	p->stats.reordered += f->overtakes;
	if (p->owner.fate)
		p->owner.fate(p->owner.ctx, packet, f);
	if (f->overtakes)
		way_overtake(p, &e); /* past the queue and the rate, as netem does */
	else
		line_enter(p, &e);
}

/** One pass. A copy passes as well, as netem enqueues it again, but is not duplicated twice. */
static void pass(struct pipe *p, uint64_t arrival_ns, void *packet, uint32_t len, bool is_copy)
{
	struct pipe_fate f = { .index = p->stats.offered, .is_copy = is_copy };
	void *copy;

	decide(p, &f, packet, len);
	p->stats.duplicated += f.duplicated;
	p->stats.marked += f.marked;
	p->stats.dropped[PIPE_LOSS] += f.copy_lost;
	if (f.dropped) {
		drop(p, packet, &f);
		return;
	}
	copy = f.duplicated && !f.copy_lost ? p->owner.clone(p->owner.ctx, packet) : NULL;
	if (f.duplicated && !f.copy_lost && !copy) {
		p->stats.dropped[PIPE_HOST]++;
		f.copy_lost = true;
	}
	if (f.corrupted) {
		/* netem takes the place of the bit from an unseeded stream; ours has a seed, apart from the decisions' */
		p->owner.corrupt(p->owner.ctx, packet, prng_next(&p->own));
		p->stats.corrupted++;
	}
	if (copy)
		pass(p, arrival_ns, copy, len, true);
	decide_way(p, &f);
	if (line_reserve(p) < 0) {
		f.copy_lost = true; /* the copy has gone its own way */
		drop_for(&f, PIPE_HOST);
		drop(p, packet, &f);
		return;
	}
	enter(p, arrival_ns, packet, len, &f);
}

void pipe_offer(struct pipe *p, uint64_t arrival_ns, void *packet, uint32_t len)
{
	if (arrival_ns < p->last_arrival_ns)
		arrival_ns = p->last_arrival_ns;
	p->last_arrival_ns = arrival_ns;
	p->stats.offered++;
	p->stats.offered_bytes += len;
	line_advance(p, arrival_ns);
	pass(p, arrival_ns, packet, len, false);
}

uint64_t pipe_next(const struct pipe *p)
{
	uint64_t next = way_next(p), line;

	/* What is in the queue leaves after what is on the way: until then it need not be looked at. */
	if (p->queue.n == 0 || !way_may_be_overtaken(p))
		return next;
	line = line_next(p);
	return line < next ? line : next;
}

void *pipe_take(struct pipe *p, uint64_t now_ns, uint64_t *ret_deadline_ns)
{
	struct pipe_entry e;
	uint64_t left_ns;

	line_advance(p, now_ns);
	if (!way_take(p, now_ns, &e, &left_ns))
		return NULL;
	p->stats.held--;
	p->stats.delivered++;
	p->stats.delivered_bytes += e.len;
	if (ret_deadline_ns)
		*ret_deadline_ns = left_ns;
	return e.packet;
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
	return s->held == p->queue.n + way_count(p) &&
	       s->offered + s->duplicated == s->delivered + dropped + s->held;
}
