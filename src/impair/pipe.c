/* SPDX-License-Identifier: MIT */
/* One direction of a link: decisions, in netem's order. What rules hold: hold.c; the queue: line.c; the way out: way.c. */
#include "impair/pipe.h"

#include <errno.h>
#include <stdlib.h>

#include "impair/hold.h"
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

static void seed_all(struct pipe *p, uint64_t seed)
{
	prng_seed(&p->prng, seed);
	prng_seed(&p->own, ~seed);
	prng_seed(&p->ruled, seed << 32 | seed >> 32);
}

int pipe_init(struct pipe *p, const struct pipe_setup *setup, const struct pipe_owner *owner)
{
	uint64_t seed = impair_asks(setup->asked, IMPAIR_SEED) ? setup->asked->seed : 0;

	*p = (struct pipe){ .owner = *owner };
	seed_all(p, seed);
	loss_init(&p->loss, impair_asks(setup->asked, IMPAIR_LOSS) ? &setup->asked->loss : NULL);
	set_up(p, setup);
	return line_reserve(p);
}

void pipe_deinit(struct pipe *p)
{
	hold_deinit(p);
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

	if (!same_seed)
		seed_all(p, impair_asks(m, IMPAIR_SEED) ? m->seed : 0);
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

/** What dice do to a packet as it comes, in the order of sch_netem's draws. */
static void decide(struct pipe *p, struct pipe_fate *f, void *packet, uint32_t len)
{
	bool lost;

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

/** A fate that is given in place of what dice would decide. */
static void take_fate(struct pipe *p, struct pipe_fate *f, const struct pipe_ruling *r,
		      void *packet, uint32_t len)
{
	if (r->drop) {
		drop_for(f, PIPE_FAULT);
		return;
	}
	f->duplicated = r->duplicate && !f->is_copy;
	f->marked = r->mark && p->owner.mark(p->owner.ctx, packet);
	f->overtakes = r->overtakes;
	f->travel_ns = r->overtakes ? 0 : r->travel_ns;
	if (!r->passes_limit && line_is_full(p, len))
		drop_for(f, PIPE_QUEUE);
}

/* --- one pass --- */

/**
 * Rolls the dice that the rest of the pass would have rolled, after decide(), for a packet (and its copy) that does not pass:
 * those that come later shall have the dice that they have without the rule.
 */
static void roll_on(struct pipe *p, struct pipe_fate *f, void *packet, uint32_t len)
{
	if (f->dropped)
		return;
	if (f->corrupted)
		(void)prng_next(&p->own);
	if (f->duplicated && !f->copy_lost) {
		struct pipe_fate copy = { .index = f->index, .is_copy = true };

		decide(p, &copy, packet, len);
		roll_on(p, &copy, packet, len);
	}
	decide_way(p, f);
}

static void drop(struct pipe *p, void *packet, const struct pipe_fate *f)
{
	p->stats.dropped[f->cause]++;
	if (p->owner.fate)
		p->owner.fate(p->owner.ctx, packet, f);
	p->owner.drop(p->owner.ctx, packet, f->cause);
}

/** Into the queue, or past it: there is room. */
static void go_on(struct pipe *p, struct pipe_entry *e, bool overtakes)
{
	if (overtakes)
		way_overtake(p, e); /* past the queue and the rate, as netem does */
	else
		line_enter(p, e);
}

static void enter(struct pipe *p, const struct pipe_arrival *a, void *packet,
		  const struct pipe_ruling *r, struct pipe_fate *f)
{
	struct pipe_entry e = { .packet = packet,
				.arrival_ns = a->arrival_ns,
				.index = a->index,
				.travel_ns = f->travel_ns,
				.extra_ns = r->extra_ns,
				.len = a->len,
				.is_copy = a->is_copy };

	f->extra_ns = r->extra_ns;
	f->held = r->hold_counter != NULL;
	f->hold_for = f->held ? r->hold_until - *r->hold_counter : 0;
	/* delayed, it is nobody to overtake others */
	f->overtakes = f->overtakes && r->extra_ns == 0;
	p->stats.held++;
	p->stats.reordered += f->overtakes;
	if (p->owner.fate)
		p->owner.fate(p->owner.ctx, packet, f);
	if (f->held)
		hold_add(p, &(struct pipe_hold){ e, f->overtakes, r->hold_counter, r->hold_until });
	else
		go_on(p, &e, f->overtakes);
}

/** Makes room and lets the packet in, or drops it. */
static void enter_or_drop(struct pipe *p, const struct pipe_arrival *a, void *packet,
			  const struct pipe_ruling *r, struct pipe_fate *f)
{
	if (line_reserve(p) < 0 || (r->hold_counter && hold_reserve(p) < 0)) {
		drop_for(f, PIPE_HOST);
		drop(p, packet, f);
		return;
	}
	enter(p, a, packet, r, f);
}

/** The copy that a rule makes: no dice. */
static void pass_untouched(struct pipe *p, const struct pipe_arrival *original, void *packet,
			   uint32_t rule)
{
	const struct pipe_ruling nothing = { 0 };
	struct pipe_arrival a = *original;
	struct pipe_fate f = { .index = a.index, .is_copy = true, .rule = rule };

	a.is_copy = true;
	f.travel_ns = p->delay_ns;
	if (line_is_full(p, a.len)) {
		drop_for(&f, PIPE_QUEUE);
		drop(p, packet, &f);
	} else
		enter_or_drop(p, &a, packet, &nothing, &f);
}

static void corrupt(struct pipe *p, void *packet, const struct pipe_ruling *r, struct pipe_fate *f)
{
	p->stats.corrupted++;
	if (f->corrupted) {
		/* netem takes the place of the bit from an unseeded stream; ours has a seed, apart from the decisions' */
		f->corrupt_random = prng_next(&p->own);
		p->owner.corrupt(p->owner.ctx, packet, f->corrupt_random);
	}
	if (!r->corrupt)
		return;
	f->corrupted = true;
	f->damage = r->damage;
	f->damage_at = r->at;
	if (r->damage == PIPE_DAMAGE_BIT || r->damage == PIPE_DAMAGE_BYTE) {
		p->owner.corrupt_at(p->owner.ctx, packet, r->damage, r->at);
		return;
	}
	f->corrupt_random = r->damage == PIPE_DAMAGE_RANDOM ? (uint32_t)r->at
							    : prng_next(&p->ruled);
	p->owner.corrupt(p->owner.ctx, packet, f->corrupt_random);
}

/** Rolls the dice of a copy that dice would have made, where a rule makes one already. */
static void roll_for_copy(struct pipe *p, const struct pipe_arrival *a, void *packet)
{
	struct pipe_fate copy = { .index = a->index, .is_copy = true };

	decide(p, &copy, packet, a->len);
	roll_on(p, &copy, packet, a->len);
}

/** The owner's word on a packet, and the dice's. @return whether a rule drops it */
static bool rule_and_decide(struct pipe *p, const struct pipe_arrival *a, void *packet,
			    struct pipe_ruling *r, struct pipe_fate *f)
{
	*r = (struct pipe_ruling){ 0 };
	*f = (struct pipe_fate){ .index = a->index, .is_copy = a->is_copy };
	if (p->owner.rule)
		p->owner.rule(p->owner.ctx, packet, a, r);
	f->rule = r->rule;
	if (r->is_whole) {
		take_fate(p, f, r, packet, a->len);
		return false;
	}
	decide(p, f, packet, a->len);
	return r->drop;
}

/** One pass. A copy passes as well, as netem enqueues it again, but is not duplicated twice. */
static void pass(struct pipe *p, const struct pipe_arrival *a, void *packet)
{
	struct pipe_arrival of_copy = *a;
	struct pipe_ruling r;
	struct pipe_fate f;
	bool by_rule, rolled;
	void *copy = NULL;

	if (p->is_down) {
		f = (struct pipe_fate){ .index = a->index, .is_copy = a->is_copy };
		drop_for(&f, PIPE_DOWN);
		drop(p, packet, &f);
		return;
	}
	if (rule_and_decide(p, a, packet, &r, &f)) {
		roll_on(p, &f, packet, a->len);
		f = (struct pipe_fate){ .index = a->index, .is_copy = a->is_copy, .rule = r.rule };
		drop_for(&f, PIPE_FAULT);
		drop(p, packet, &f);
		return;
	}
	by_rule = r.duplicate && !r.is_whole && !a->is_copy;
	rolled = f.duplicated && !f.copy_lost;
	if (by_rule) {
		f.duplicated = true;
		f.copy_lost = false;
	}
	p->stats.duplicated += f.duplicated;
	p->stats.marked += f.marked;
	p->stats.dropped[PIPE_LOSS] += f.copy_lost;
	if (by_rule || (rolled && !f.dropped)) {
		copy = p->owner.clone(p->owner.ctx, packet);
		p->stats.dropped[PIPE_HOST] += !copy;
		f.copy_lost = !copy;
	}
	if (by_rule && copy)
		pass_untouched(p, a, copy, r.rule);
	if (f.dropped) {
		if (rolled && !by_rule)
			p->stats.dropped[f.cause]++; /* its copy as well */
		drop(p, packet, &f);
		return;
	}
	if (f.corrupted || r.corrupt)
		corrupt(p, packet, &r, &f);
	of_copy.is_copy = true;
	if (by_rule && rolled)
		roll_for_copy(p, a, packet);
	else if (!by_rule && copy)
		pass(p, &of_copy, copy);
	if (!r.is_whole)
		decide_way(p, &f);
	enter_or_drop(p, a, packet, &r, &f);
}

/** What rules hold and need not any longer goes on. */
static void let_go(struct pipe *p, const uint64_t *counter, bool all, uint64_t now_ns)
{
	struct pipe_hold h;

	while (hold_take(p, counter, all, &h)) {
		struct pipe_fate f = { .index = h.entry.index,
				       .is_copy = h.entry.is_copy,
				       .held = true };

		p->stats.held--;
		p->stats.reordered -= h.overtakes;
		if (line_is_full(p, h.entry.len))
			drop_for(&f, PIPE_QUEUE);
		else if (line_reserve(p) < 0)
			drop_for(&f, PIPE_HOST);
		if (f.dropped) {
			drop(p, h.entry.packet, &f);
			continue;
		}
		h.entry.arrival_ns = now_ns;
		p->stats.held++;
		p->stats.reordered += h.overtakes;
		go_on(p, &h.entry, h.overtakes);
	}
}

void pipe_let_go(struct pipe *p, const uint64_t *hold_counter, uint64_t now_ns)
{
	if (now_ns > p->last_arrival_ns)
		p->last_arrival_ns = now_ns;
	line_advance(p, p->last_arrival_ns);
	let_go(p, hold_counter, !hold_counter, p->last_arrival_ns);
}

void pipe_offer(struct pipe *p, uint64_t arrival_ns, void *packet, uint32_t len)
{
	struct pipe_arrival a = { .arrival_ns = arrival_ns, .len = len };

	if (a.arrival_ns < p->last_arrival_ns)
		a.arrival_ns = p->last_arrival_ns;
	p->last_arrival_ns = a.arrival_ns;
	p->stats.offered++;
	p->stats.offered_bytes += len;
	a.index = p->stats.offered;
	line_advance(p, a.arrival_ns);
	pass(p, &a, packet);
	if (p->n_holds > 0)
		let_go(p, NULL, false, a.arrival_ns);
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
	return s->held == p->n_holds + p->queue.n + way_count(p) &&
	       s->offered + s->duplicated == s->delivered + dropped + s->held;
}
