/* SPDX-License-Identifier: MIT */
/*
 * Packets on their way.
 *
 * Deadlines mostly do not decrease: such packets are in a ring. One that is earlier than the last of the ring is in a heap
 * (sch_netem's tfifo is made the same way, of a list and a tree). Those that overtake leave at once, past the slots, and
 * are in a ring of their own.
 */
#include "impair/way.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_HEAP_SIZE = 64 };

/* --- what leaves out of order: a heap by deadline, then order --- */

static bool before(const struct pipe_entry *a, const struct pipe_entry *b)
{
	if (a->deadline_ns != b->deadline_ns)
		return a->deadline_ns < b->deadline_ns;
	return a->order < b->order;
}

static bool heap_push(struct pipe *p, const struct pipe_entry *e)
{
	size_t i = p->heap_n;

	if (p->heap_n == p->heap_size) {
		size_t size = p->heap_size ? 2 * p->heap_size : FIRST_HEAP_SIZE;
		struct pipe_entry *more = realloc(p->heap, size * sizeof(*more));

		if (!more)
			return false;
		p->heap = more;
		p->heap_size = size;
	}
	p->heap_n++;
	while (i > 0 && before(e, &p->heap[(i - 1) / 2])) {
		p->heap[i] = p->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	p->heap[i] = *e;
	return true;
}

static void heap_pop(struct pipe *p)
{
	struct pipe_entry last = p->heap[--p->heap_n];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < p->heap_n) {
		if (child + 1 < p->heap_n && before(&p->heap[child + 1], &p->heap[child]))
			child++;
		if (!before(&p->heap[child], &last))
			break;
		p->heap[i] = p->heap[child];
		i = child;
	}
	p->heap[i] = last;
}

/* --- slots --- */

static bool is_same_slot(const struct impair_slot *a, const struct impair_slot *b)
{
	return a->min_ns == b->min_ns && a->max_ns == b->max_ns &&
	       a->distribution == b->distribution && a->dist_delay_ns == b->dist_delay_ns &&
	       a->dist_jitter_ns == b->dist_jitter_ns && a->packets == b->packets &&
	       a->bytes == b->bytes;
}

/** The next slot comes a while after `from`. */
static void open_slot(struct pipe *p, uint64_t from_ns)
{
	const struct impair_slot *s = &p->asked.slot;
	int64_t wait;

	/* netem takes these from an unseeded stream, or out of the middle of the decisions': ours are apart from both */
	if (s->dist_delay_ns)
		wait = delay_draw((int64_t)s->dist_delay_ns, (int64_t)s->dist_jitter_ns,
				  p->slot_table, &p->own);
	else
		wait = (int64_t)(s->min_ns + (uint64_t)((__extension__(unsigned __int128)(
								 s->max_ns - s->min_ns) *
							 prng_next(&p->own)) >>
							32));
	p->slot_ns = from_ns + (uint64_t)(wait > 0 ? wait : 0);
	p->slot_packets_left = s->packets ? s->packets : INT32_MAX;
	p->slot_bytes_left = s->bytes ? s->bytes : INT32_MAX;
}

static void use_slot(struct pipe *p, const struct pipe_entry *e)
{
	p->slot_packets_left--;
	p->slot_bytes_left -= e->len;
	if (p->slot_packets_left <= 0 || p->slot_bytes_left <= 0)
		open_slot(p, p->slot_ns);
}

void way_set_up(struct pipe *p, const struct pipe_setup *setup)
{
	const struct impairment *m = setup->asked;
	const struct impair_slot *s = &m->slot;
	bool slotted = impair_asks(m, IMPAIR_SLOT) &&
		       (s->min_ns || s->max_ns || s->dist_delay_ns || s->dist_jitter_ns);

	p->keeps_order = !(impair_asks(m, IMPAIR_JITTER_REORDERS) && m->jitter_reorders);
	p->slot_table = setup->slot_table ? setup->slot_table
					  : delay_table_builtin(m->slot.distribution);
	if (slotted == p->slotted && (!slotted || is_same_slot(s, &p->asked.slot)))
		return;
	/* what a slot held back leaves now, at the earliest: it is not late for that */
	if (p->slotted)
		p->not_before_ns = setup->now_ns;
	p->slotted = slotted;
	p->slot_ns = setup->now_ns;
	p->slot_packets_left = s->packets ? s->packets : INT32_MAX;
	p->slot_bytes_left = s->bytes ? s->bytes : INT32_MAX;
}

/* --- in --- */

int way_reserve(struct pipe *p)
{
	if ((p->gap > 0 || p->owner.rule) && ring_reserve(&p->ahead, 1) < 0)
		return -ENOMEM;
	return ring_reserve(&p->way, p->queue.n + 1);
}

/**
 * A packet that a rule delays has its place in the order as if it were not, and leaves it. @return whether there was
 * memory for that
 */
static bool enter_delayed(struct pipe *p, struct pipe_entry *e)
{
	struct pipe_entry later = *e;

	later.deadline_ns += (uint64_t)e->extra_ns;
	if (!heap_push(p, &later))
		return false;
	p->n_delayed++;
	if (e->deadline_ns > p->last_deadline_ns)
		p->last_deadline_ns = e->deadline_ns;
	return true;
}

void way_enter(struct pipe *p, struct pipe_entry *e, uint64_t sent_ns)
{
	/* a draw below zero does not arrive before it left */
	e->deadline_ns = e->travel_ns > 0 ? sent_ns + (uint64_t)e->travel_ns : sent_ns;
	if (p->keeps_order && e->deadline_ns < p->last_deadline_ns)
		e->deadline_ns = p->last_deadline_ns;
	e->order = p->next_order++;
	if (e->extra_ns > 0 && enter_delayed(p, e))
		return;
	e->extra_ns = 0;
	if (p->way.n > 0 && e->deadline_ns < ring_at(&p->way, p->way.n - 1)->deadline_ns) {
		if (heap_push(p, e))
			return;
		/* no memory: in order is better than not at all */
		e->deadline_ns = ring_at(&p->way, p->way.n - 1)->deadline_ns;
	}
	if (e->deadline_ns > p->last_deadline_ns)
		p->last_deadline_ns = e->deadline_ns;
	ring_push(&p->way, e);
}

void way_overtake(struct pipe *p, struct pipe_entry *e)
{
	e->deadline_ns = e->arrival_ns;
	ring_push(&p->ahead, e);
}

/* --- out --- */

size_t way_count(const struct pipe *p)
{
	return p->way.n + p->heap_n + p->ahead.n;
}

static const struct pipe_entry *first(const struct pipe *p)
{
	const struct pipe_entry *e = p->way.n > 0 ? ring_at(&p->way, 0) : NULL;

	if (p->heap_n > 0 && (!e || before(&p->heap[0], e)))
		return &p->heap[0];
	return e;
}

/** When a packet leaves, if the slot that is known is the one for it. */
static uint64_t leaves_at(const struct pipe *p, const struct pipe_entry *e)
{
	uint64_t at = e->deadline_ns > p->not_before_ns ? e->deadline_ns : p->not_before_ns;

	return p->slotted && p->slot_ns > at ? p->slot_ns : at;
}

uint64_t way_next(const struct pipe *p)
{
	const struct pipe_entry *e = first(p);
	uint64_t next = e ? leaves_at(p, e) : PIPE_NEVER;

	if (p->ahead.n > 0 && ring_at(&p->ahead, 0)->deadline_ns < next)
		next = ring_at(&p->ahead, 0)->deadline_ns;
	return next;
}

bool way_may_be_overtaken(const struct pipe *p)
{
	return !p->keeps_order || p->n_delayed > 0 || (p->way.n == 0 && p->heap_n == 0);
}

bool way_take(struct pipe *p, uint64_t now_ns, struct pipe_entry *ret, uint64_t *ret_left_ns)
{
	const struct pipe_entry *e = first(p);
	uint64_t at = e ? leaves_at(p, e) : PIPE_NEVER;

	/* the last slot was before this packet: it waits for a new one */
	if (e && p->slotted && at <= now_ns && p->slot_ns < at) {
		open_slot(p, at);
		at = p->slot_ns;
	}
	if (p->ahead.n > 0 && ring_at(&p->ahead, 0)->deadline_ns <= at) {
		*ret = *ring_at(&p->ahead, 0);
		if (ret->deadline_ns > now_ns)
			return false;
		ring_pop(&p->ahead);
		*ret_left_ns = ret->deadline_ns;
		return true;
	}
	if (at > now_ns || !e)
		return false;
	*ret = *e;
	if (p->heap_n > 0 && e == p->heap) {
		p->n_delayed -= ret->extra_ns > 0;
		heap_pop(p);
	} else
		ring_pop(&p->way);
	if (p->slotted)
		use_slot(p, ret);
	*ret_left_ns = at;
	return true;
}

void way_deinit(struct pipe *p)
{
	for (size_t i = 0; i < p->way.n; i++)
		p->owner.drop(p->owner.ctx, ring_at(&p->way, i)->packet, PIPE_HOST);
	for (size_t i = 0; i < p->ahead.n; i++)
		p->owner.drop(p->owner.ctx, ring_at(&p->ahead, i)->packet, PIPE_HOST);
	for (size_t i = 0; i < p->heap_n; i++)
		p->owner.drop(p->owner.ctx, p->heap[i].packet, PIPE_HOST);
	ring_deinit(&p->way);
	ring_deinit(&p->ahead);
	free(p->heap);
	p->heap = NULL;
	p->heap_n = p->heap_size = 0;
}
