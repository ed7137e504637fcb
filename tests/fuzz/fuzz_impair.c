/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what is asked of a pipe, packets that come, what rules do to them, times at which they are taken, and
 * changes of what is asked.
 * After every call: packets are conserved, none is freed twice (the sanitizer says) or forgotten, none leaves before its
 * time or before it came, none that is due is withheld, and order is kept unless it was asked otherwise.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "impair/pipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	CALLS_MAX = 3000,
	/* a trace or a slot without budget may need a call per packet and opportunity */
	DRAIN_CALLS_MAX = 200000,
};

static const uint64_t ns_per_s = 1000000000;

struct packet {
	uint64_t arrival_ns, index;
	uint32_t len;
	bool is_copy, overtakes, told;
	bool held, exempt; /* a rule holds it; of the order, for a rule holds or delays it */
};

struct run {
	const uint8_t *data;
	size_t size;
	struct pipe pipe;
	uint64_t now_ns, last_arrival_ns;
	uint64_t live;     /* packets that are allocated */
	uint64_t offered;  /* what index the next original has, less one */
	bool may_disorder; /* since some time: jitter that reorders was asked */
	uint64_t last_index;
	bool last_was_original;
	struct trace traces[2];
	uint64_t counters[2]; /* what holds count by */
};

/* --- bytes --- */

static uint64_t bytes(struct run *r, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n && r->size > 0; i++, r->data++, r->size--)
		v = v << 8 | *r->data;
	return v;
}

/** A time of up to about a minute, short ones as likely as long ones. */
static uint64_t some_ns(struct run *r)
{
	uint64_t byte = bytes(r, 1);

	return bytes(r, 2) << byte % 21;
}

static double some_share(struct run *r)
{
	return (double)bytes(r, 1) / 255;
}

/* --- the owner of packets --- */

static void *clone_packet(void *ctx, void *packet)
{
	struct run *r = ctx;
	struct packet *copy;

	if (bytes(r, 1) == 0xff)
		return NULL;
	copy = malloc(sizeof(*copy));
	assert(copy);
	*copy = *(struct packet *)packet;
	copy->is_copy = true;
	copy->told = copy->held = copy->exempt = false;
	r->live++;
	return copy;
}

static void corrupt_packet(void *ctx, void *packet, uint32_t random)
{
	(void)ctx;
	((struct packet *)packet)->len += random & 0; /* it is there */
}

static void damage_packet(void *ctx, void *packet, enum pipe_damage damage, uint64_t at)
{
	(void)ctx;
	assert(damage == PIPE_DAMAGE_BIT || damage == PIPE_DAMAGE_BYTE);
	((struct packet *)packet)->len += (uint32_t)at & 0;
}

static void rule_packet(void *ctx, void *packet, const struct pipe_arrival *about,
			struct pipe_ruling *ret)
{
	struct run *r = ctx;
	const struct packet *p = packet;
	uint64_t what = bytes(r, 1);

	assert(about->is_copy == p->is_copy && about->len == p->len);
	assert(about->index == p->index && about->arrival_ns == p->arrival_ns);
	r->counters[what % 2]++;
	if (what < 192) /* most packets meet no rule */
		return;
	ret->drop = what % 8 == 0;
	ret->is_whole = what % 8 == 1;
	ret->duplicate = what % 8 == 2;
	ret->corrupt = what % 8 == 3;
	what = bytes(r, 1);
	ret->damage = (enum pipe_damage)(what % 4);
	ret->at = bytes(r, 2);
	if (what & 4)
		ret->extra_ns = (int64_t)some_ns(r);
	if (what & 8) {
		ret->hold_counter = &r->counters[what >> 4 & 1];
		ret->hold_until = *ret->hold_counter + bytes(r, 1);
	}
	ret->mark = what & 16;
	ret->overtakes = what & 32;
	ret->passes_limit = what & 64;
	if (ret->is_whole)
		ret->travel_ns = (int64_t)some_ns(r) * (what & 128 ? -1 : 1);
}

static bool mark_packet(void *ctx, void *packet)
{
	(void)ctx;
	return ((struct packet *)packet)->index % 2;
}

static void drop_packet(void *ctx, void *packet, enum pipe_cause cause)
{
	struct run *r = ctx;

	assert(cause < PIPE_CAUSES);
	r->live--;
	free(packet);
}

static void hear_fate(void *ctx, void *packet, const struct pipe_fate *f)
{
	struct packet *p = packet;

	(void)ctx;
	assert(f->index == p->index && f->is_copy == p->is_copy);
	/* once as it is offered; again only by CoDel, or where a held packet finds the queue full */
	assert(!p->told || f->dropped || f->marked);
	assert(!p->told || !f->dropped || f->cause == PIPE_QUEUE);
	assert(!f->dropped || f->cause != PIPE_FAULT || !f->duplicated);
	assert(!f->is_copy || !f->duplicated);
	assert(!f->copy_lost || f->duplicated);
	if (!p->told)
		p->overtakes = f->overtakes && !f->dropped;
	p->held = p->held || f->held;
	p->exempt = p->exempt || f->held || f->extra_ns > 0;
	p->told = true;
}

/* --- what is asked --- */

static struct impair_loss some_loss(struct run *r)
{
	struct impair_loss l = { .model = (enum impair_loss_model)(bytes(r, 1) % 4) };

	l.random = some_share(r);
	l.burst_rate = some_share(r) / 2;
	l.burst_length = 1 + (double)bytes(r, 1);
	l.p = l.p13 = some_share(r);
	l.r = l.p31 = some_share(r);
	l.one_minus_h = l.p32 = some_share(r);
	l.one_minus_k = l.p23 = some_share(r);
	l.p14 = some_share(r);
	return l;
}

static void ask(struct run *r, struct impairment *m)
{
	*m = (struct impairment){ .set = (uint32_t)bytes(r, 3) & ((1u << IMPAIR_KEY_COUNT) - 1) };
	m->delay_ns = some_ns(r);
	m->jitter_ns = some_ns(r);
	m->distribution = (enum impair_distribution)(bytes(r, 1) % 4);
	m->jitter_reorders = bytes(r, 1) % 2;
	m->rate_bps = 1 + (bytes(r, 2) << bytes(r, 1) % 32);
	m->queue_unit = (enum impair_queue_unit)(bytes(r, 1) % 3);
	m->queue = m->queue_unit == IMPAIR_QUEUE_TIME ? some_ns(r) : bytes(r, 2);
	m->aqm = (enum impair_aqm)(bytes(r, 1) % 2);
	m->ecn = bytes(r, 1) % 2;
	m->loss = some_loss(r);
	m->duplicate = some_share(r);
	m->corrupt = some_share(r);
	m->reorder = some_share(r);
	m->gap = (uint32_t)bytes(r, 1);
	m->overhead = (int8_t)bytes(r, 1) * (1 << bytes(r, 1) % 24);
	m->cell = (uint32_t)bytes(r, 1);
	m->cell_overhead = (int32_t)bytes(r, 2);
	m->slot.min_ns = some_ns(r);
	m->slot.max_ns = m->slot.min_ns + some_ns(r);
	m->slot.distribution = (enum impair_distribution)(bytes(r, 1) % 4);
	m->slot.dist_delay_ns = bytes(r, 1) % 2 ? some_ns(r) : 0;
	m->slot.dist_jitter_ns = some_ns(r);
	m->slot.packets = (uint32_t)bytes(r, 1);
	m->slot.bytes = (uint32_t)bytes(r, 2);
	m->seed = bytes(r, 2);
	m->down = bytes(r, 1) % 4 == 0;
	if (impair_asks(m, IMPAIR_JITTER_REORDERS) && m->jitter_reorders)
		r->may_disorder = true;
}

static struct pipe_setup setup_of(struct run *r, const struct impairment *m)
{
	uint64_t which = bytes(r, 1) % 8;

	return (struct pipe_setup){ .asked = m,
				    .trace = which < 2 ? &r->traces[which] : NULL,
				    .mtu = 1500,
				    .now_ns = r->now_ns };
}

static void make_trace(struct run *r, struct trace *t)
{
	size_t n = 1 + bytes(r, 1) % 8;
	uint32_t at = 0;

	t->at_ms = calloc(n, sizeof(*t->at_ms));
	assert(t->at_ms);
	t->n = n;
	t->loop = bytes(r, 1) % 2;
	for (size_t i = 0; i < n; i++)
		t->at_ms[i] = at += (uint32_t)bytes(r, 1) % 64;
	t->at_ms[n - 1] += at == 0;
}

/* --- calls --- */

static void check(const struct run *r)
{
	assert(pipe_is_conserved(&r->pipe));
	assert(r->pipe.stats.held == r->live);
}

static void offer(struct run *r)
{
	struct packet *p = calloc(1, sizeof(*p));
	uint64_t early = bytes(r, 1);
	uint64_t stamp = r->now_ns - (early % 2 ? early << early % 16 : 0);

	assert(p);
	/* the host stamps packets before it sees them; the stamps of two may have changed places */
	p->arrival_ns = stamp > r->last_arrival_ns ? stamp : r->last_arrival_ns;
	p->index = ++r->offered;
	p->len = (uint32_t)bytes(r, 2) % 9014;
	r->live++;
	r->last_arrival_ns = p->arrival_ns;
	pipe_offer(&r->pipe, stamp, p, p->len);
	check(r);
}

/** @return whether there was a packet */
static bool take(struct run *r)
{
	uint64_t deadline = PIPE_NEVER;
	struct packet *p = pipe_take(&r->pipe, r->now_ns, &deadline);

	if (!p) {
		assert(pipe_next(&r->pipe) > r->now_ns);
		check(r);
		return false;
	}
	assert(deadline <= r->now_ns && deadline >= p->arrival_ns);
	assert(p->told);
	if (!r->may_disorder && !p->overtakes && !p->exempt) {
		/* a copy goes before its original */
		assert(p->index > r->last_index ||
		       (p->index == r->last_index && !p->is_copy && !r->last_was_original));
		r->last_index = p->index;
		r->last_was_original = !p->is_copy;
	}
	r->live--;
	free(p);
	check(r);
	return true;
}

static void change(struct run *r, struct impairment *m)
{
	uint64_t held = r->pipe.stats.held, queue_drops = r->pipe.stats.dropped[PIPE_QUEUE];
	struct pipe_setup setup;

	ask(r, m);
	setup = setup_of(r, m);
	pipe_change(&r->pipe, &setup);
	check(r);
	/* CoDel may have dropped until now, under the old rules; the change itself loses nothing */
	assert(r->pipe.stats.held + (r->pipe.stats.dropped[PIPE_QUEUE] - queue_drops) == held);
}

static void let_go(struct run *r)
{
	uint64_t which = bytes(r, 1) % 3, now = r->now_ns;

	pipe_let_go(&r->pipe, which < 2 ? &r->counters[which] : NULL, now);
	if (now > r->last_arrival_ns)
		r->last_arrival_ns = now;
	check(r);
}

/** Time passes until nothing is to be done, or for a while. */
static void drain(struct run *r)
{
	uint64_t next;

	for (int i = 0; i < DRAIN_CALLS_MAX && (next = pipe_next(&r->pipe)) != PIPE_NEVER; i++) {
		if (next > r->now_ns)
			r->now_ns = next;
		take(r);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = { .data = data, .size = size, .now_ns = 1000 * ns_per_s };
	const struct pipe_owner owner = { .clone = clone_packet,
					  .corrupt = corrupt_packet,
					  .mark = mark_packet,
					  .drop = drop_packet,
					  .ctx = &r,
					  .rule = rule_packet,
					  .corrupt_at = damage_packet,
					  .fate = hear_fate };
	static const struct impairment nothing = { 0 };
	struct impairment m;
	struct pipe_setup setup;

	make_trace(&r, &r.traces[0]);
	make_trace(&r, &r.traces[1]);
	ask(&r, &m);
	setup = setup_of(&r, &m);
	assert(pipe_init(&r.pipe, &setup, &owner) == 0);
	for (int i = 0; i < CALLS_MAX && r.size > 0; i++) {
		uint64_t what = bytes(&r, 1);

		if (what < 120)
			offer(&r);
		else if (what < 160)
			r.now_ns += some_ns(&r);
		else if (what < 230)
			take(&r);
		else if (what < 240)
			while (take(&r))
				;
		else if (what < 248)
			change(&r, &m);
		else if (what < 252)
			let_go(&r);
		else {
			r.offered++;
			pipe_count_host_loss(&r.pipe, 1);
		}
	}
	/* without anything asked all that is held comes out, also behind a trace that is over */
	if (bytes(&r, 1) % 2 == 0) {
		drain(&r);
		setup = (struct pipe_setup){ .asked = &nothing, .mtu = 1500, .now_ns = r.now_ns };
		pipe_change(&r.pipe, &setup);
		pipe_let_go(&r.pipe, NULL, r.now_ns);
		drain(&r);
		assert(r.live == 0);
	}
	pipe_deinit(&r.pipe);
	assert(r.live == 0);
	trace_deinit(&r.traces[0]);
	trace_deinit(&r.traces[1]);
	return 0;
}
