/* SPDX-License-Identifier: MIT */
/* The queue and the rate. */
#include "impair/line.h"

#include <errno.h>

#include "base/headers.h"
#include "impair/way.h"

enum {
	QUEUE_EXTRA_PACKETS = 100, /* impairment.md, `queue` */
	CHARGE_MAX = 1 << 24,      /* bytes: whatever a medium adds to a frame */
};

/** Bytes as the medium counts them (tc-netem(8): packet overhead, cells). */
static uint64_t charged_bytes(const struct pipe *p, uint32_t len)
{
	int64_t bytes = (int64_t)len + p->overhead;

	if (bytes < 0)
		bytes = 0;
	if (p->cell) {
		int64_t cells = (bytes + p->cell - 1) / p->cell;

		bytes = cells * (p->cell + p->cell_overhead);
		if (bytes < 0)
			bytes = 0;
	}
	return (uint64_t)(bytes < CHARGE_MAX ? bytes : CHARGE_MAX);
}

/* --- what is asked --- */

static uint64_t frames(double bps, double ns, uint32_t frame)
{
	return (uint64_t)(bps * ns / 8e9 / frame) + 1;
}

/** What may wait for the rate. */
static void set_limit(struct pipe *p, const struct pipe_setup *setup)
{
	const struct impairment *m = setup->asked;
	double hold_ns = (impair_asks(m, IMPAIR_DELAY) ? (double)m->delay_ns : 0) +
			 (impair_asks(m, IMPAIR_JITTER) ? (double)m->jitter_ns : 0);
	double bps = setup->trace ? trace_mean_bps(setup->trace) : (double)p->rate_bps;

	p->by_bytes = p->by_time = false;
	if (!impair_asks(m, IMPAIR_QUEUE)) {
		p->limit = frames(bps, hold_ns, setup->mtu + ETHERNET_HEADER) + QUEUE_EXTRA_PACKETS;
	} else if (m->queue_unit == IMPAIR_QUEUE_TIME) {
		/* what the rate, or the trace in the mean, sends in that time */
		p->by_bytes = p->by_time = true;
		p->limit = (uint64_t)(bps * (double)m->queue / 8e9);
	} else {
		p->by_bytes = m->queue_unit == IMPAIR_QUEUE_BYTES;
		p->limit = m->queue;
	}
}

static void set_charge(struct pipe *p, const struct impairment *m)
{
	p->overhead = impair_asks(m, IMPAIR_OVERHEAD) ? m->overhead : 0;
	p->cell = impair_asks(m, IMPAIR_CELL) ? m->cell : 0;
	p->cell_overhead = impair_asks(m, IMPAIR_CELL_OVERHEAD) ? m->cell_overhead : 0;
	if (p->trace)
		p->overhead += TRACE_PACKET_HEADER - ETHERNET_HEADER;
	p->queue_charged = 0;
	for (size_t i = 0; i < p->queue.n; i++)
		p->queue_charged += charged_bytes(p, ring_at(&p->queue, i)->len);
}

void line_set_up(struct pipe *p, const struct pipe_setup *setup)
{
	const struct impairment *m = setup->asked;
	bool codel_on = impair_asks(m, IMPAIR_AQM) && m->aqm == IMPAIR_CODEL;
	uint64_t bps = !setup->trace && impair_asks(m, IMPAIR_RATE) ? m->rate_bps : 0;

	/* What waits at a change, and did not find its time under the old rate, cannot leave before now. */
	if (p->free_ns == PIPE_NEVER || (p->queue.n > 0 && p->free_ns < setup->now_ns))
		p->free_ns = setup->now_ns;
	if (p->trace != setup->trace) {
		p->trace = setup->trace;
		p->trace_start_ns = setup->now_ns;
		p->cursor = (struct trace_cursor){ .left = TRACE_OPPORTUNITY_BYTES };
	}
	if (p->rate_bps != bps)
		p->rate_carry = 0;
	p->rate_bps = bps;
	p->rated = p->trace || bps;
	if (codel_on != p->codel_on)
		p->codel = (struct codel){ 0 };
	p->codel_on = codel_on;
	p->codel.mtu_bytes = setup->mtu + ETHERNET_HEADER;
	set_charge(p, m);
	set_limit(p, setup);
}

/* --- the rate --- */

/** When the rate takes up a packet that is at the head of the queue. */
static uint64_t start_of(const struct pipe *p, const struct pipe_entry *e)
{
	uint64_t start = p->free_ns > e->arrival_ns ? p->free_ns : e->arrival_ns, at;

	if (!p->trace || start == PIPE_NEVER)
		return start;
	if (start < p->trace_start_ns)
		start = p->trace_start_ns;
	at = trace_ready(p->trace, &p->cursor, start - p->trace_start_ns);
	return at == TRACE_NEVER ? PIPE_NEVER : p->trace_start_ns + at;
}

/** @return when the last byte has left; PIPE_NEVER when the trace ends before */
static uint64_t send(struct pipe *p, uint64_t start_ns, uint32_t len)
{
	uint64_t work, ns;

	if (!p->rated) /* the rate vanished while this packet waited */
		return start_ns;
	if (p->trace) {
		ns = trace_send(p->trace, &p->cursor, start_ns - p->trace_start_ns,
				charged_bytes(p, len));
		return ns == TRACE_NEVER ? PIPE_NEVER : p->trace_start_ns + ns;
	}
	/* Fractions of nanoseconds add up while the rate is busy. */
	if (start_ns != p->free_ns)
		p->rate_carry = 0;
	work = charged_bytes(p, len) * 8000000000u + p->rate_carry;
	p->rate_carry = work % p->rate_bps;
	return start_ns + work / p->rate_bps;
}

static void leave_queue(struct pipe *p)
{
	uint32_t len = ring_at(&p->queue, 0)->len;

	p->queue_bytes -= len;
	p->queue_charged -= charged_bytes(p, len);
	ring_pop(&p->queue);
}

static void tell_codel(struct pipe *p, const struct pipe_entry *e, bool dropped)
{
	struct pipe_fate f = { .index = e->index,
			       .is_copy = e->is_copy,
			       .dropped = dropped,
			       .marked = !dropped,
			       .cause = PIPE_QUEUE };

	if (p->owner.fate)
		p->owner.fate(p->owner.ctx, e->packet, &f);
}

/** CoDel at the head, when the rate is ready for it at `at`. @return whether the head is still the same */
static bool passes_codel(struct pipe *p, uint64_t at)
{
	struct pipe_entry e = *ring_at(&p->queue, 0);

	if (!p->codel_on || !codel_next(&p->codel, at, at - e.arrival_ns, p->queue_bytes - e.len))
		return true;
	if (p->ecn && p->owner.mark(p->owner.ctx, e.packet)) {
		p->stats.marked++;
		tell_codel(p, &e, false);
		return true;
	}
	tell_codel(p, &e, true);
	leave_queue(p);
	p->stats.held--;
	p->stats.dropped[PIPE_QUEUE]++;
	p->owner.drop(p->owner.ctx, e.packet, PIPE_QUEUE);
	return false;
}

void line_advance(struct pipe *p, uint64_t now_ns)
{
	while (p->queue.n > 0) {
		struct pipe_entry e = *ring_at(&p->queue, 0);
		uint64_t start = start_of(p, &e), sent;

		if (start > now_ns)
			return;
		if (!passes_codel(p, start))
			continue;
		sent = send(p, start, e.len);
		p->free_ns = sent;
		if (sent ==
		    PIPE_NEVER) /* the trace is over: it stays where it is, until a change */
			return;
		leave_queue(p);
		way_enter(p, &e, sent);
	}
}

uint64_t line_next(const struct pipe *p)
{
	return p->queue.n > 0 ? start_of(p, ring_at(&p->queue, 0)) : PIPE_NEVER;
}

/* --- the queue --- */

bool line_is_full(const struct pipe *p, uint32_t len)
{
	/* an empty queue takes any packet: it would never get through otherwise */
	if (!p->rated || p->queue.n == 0)
		return false;
	if (p->by_time)
		return p->queue_charged + charged_bytes(p, len) > p->limit;
	return p->by_bytes ? p->queue_bytes + len > p->limit : p->queue.n >= p->limit;
}

int line_reserve(struct pipe *p)
{
	if ((p->rated || p->queue.n > 0) && ring_reserve(&p->queue, 1) < 0)
		return -ENOMEM;
	return way_reserve(p);
}

void line_enter(struct pipe *p, struct pipe_entry *e)
{
	if (!p->rated && p->queue.n == 0) {
		/* what a rate that has vanished since is still sending comes first */
		way_enter(p, e, p->free_ns > e->arrival_ns ? p->free_ns : e->arrival_ns);
		return;
	}
	ring_push(&p->queue, e);
	p->queue_bytes += e->len;
	p->queue_charged += charged_bytes(p, e->len);
	line_advance(p, e->arrival_ns);
}

void line_deinit(struct pipe *p)
{
	for (size_t i = 0; i < p->queue.n; i++)
		p->owner.drop(p->owner.ctx, ring_at(&p->queue, i)->packet, PIPE_HOST);
	ring_deinit(&p->queue);
}
