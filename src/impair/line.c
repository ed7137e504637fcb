/* SPDX-License-Identifier: MIT */
/* The queue before the rate, the rate, and the way after it. */
#include "impair/line.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_SIZE = 64 };

static bool is_rated(const struct pipe *p)
{
	return p->trace || (impair_asks(&p->asked, IMPAIR_RATE) && p->asked.rate_bps);
}

int line_init(struct pipe *p)
{
	p->queue = calloc(FIRST_SIZE, sizeof(*p->queue));
	p->heap = calloc(FIRST_SIZE, sizeof(*p->heap));
	if (!p->queue || !p->heap) {
		line_deinit(p);
		return -ENOMEM;
	}
	p->queue_size = p->heap_size = FIRST_SIZE;
	return 0;
}

void line_deinit(struct pipe *p)
{
	for (size_t i = 0; p->queue && i < p->queue_n; i++)
		p->owner.drop(p->owner.ctx, p->queue[(p->queue_head + i) % p->queue_size].packet,
			      PIPE_HOST);
	for (size_t i = 0; p->heap && i < p->heap_n; i++)
		p->owner.drop(p->owner.ctx, p->heap[i].packet, PIPE_HOST);
	free(p->queue);
	free(p->heap);
	p->queue = p->heap = NULL;
	p->queue_n = p->heap_n = p->queue_size = p->heap_size = 0;
}

/* --- the way: a heap by deadline, then order --- */

static bool before(const struct pipe_entry *a, const struct pipe_entry *b)
{
	if (a->deadline_ns != b->deadline_ns)
		return a->deadline_ns < b->deadline_ns;
	return a->order < b->order;
}

static int reserve_heap(struct pipe *p)
{
	struct pipe_entry *more;

	if (p->heap_n < p->heap_size)
		return 0;
	more = realloc(p->heap, 2 * p->heap_size * sizeof(*more));
	if (!more)
		return -ENOMEM;
	p->heap = more;
	p->heap_size *= 2;
	return 0;
}

/** There is room: reserve_heap() came before. */
static void push(struct pipe *p, const struct pipe_entry *e)
{
	size_t i = p->heap_n++;

	while (i > 0 && before(e, &p->heap[(i - 1) / 2])) {
		p->heap[i] = p->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	p->heap[i] = *e;
}

static struct pipe_entry pop(struct pipe *p)
{
	struct pipe_entry first = p->heap[0], last = p->heap[--p->heap_n];
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
	return first;
}

static bool keeps_order(const struct pipe *p)
{
	return !(impair_asks(&p->asked, IMPAIR_JITTER_REORDERS) && p->asked.jitter_reorders);
}

/** Puts a packet on its way at the time its last byte left the rate. */
static void travel(struct pipe *p, struct pipe_entry *e, uint64_t sent_ns)
{
	int64_t deadline = (int64_t)sent_ns + e->travel_ns;

	/* a draw below zero does not arrive before it left */
	e->deadline_ns = deadline > (int64_t)sent_ns ? (uint64_t)deadline : sent_ns;
	if (keeps_order(p) && e->deadline_ns < p->last_deadline_ns)
		e->deadline_ns = p->last_deadline_ns;
	if (e->deadline_ns > p->last_deadline_ns)
		p->last_deadline_ns = e->deadline_ns;
	e->order = p->next_order++;
	push(p, e);
}

/* --- the rate --- */

/** Bytes as the medium counts them (tc-netem(8): packet overhead, cells). */
static uint64_t charged_bytes(const struct pipe *p, uint32_t len)
{
	int64_t bytes = (int64_t)len +
			(impair_asks(&p->asked, IMPAIR_OVERHEAD) ? p->asked.overhead : 0);
	uint32_t cell = impair_asks(&p->asked, IMPAIR_CELL) ? p->asked.cell : 0;

	if (bytes < 0)
		bytes = 0;
	if (cell) {
		int64_t cells = (bytes + cell - 1) / cell;

		bytes = cells * ((int64_t)cell + (impair_asks(&p->asked, IMPAIR_CELL_OVERHEAD)
							  ? p->asked.cell_overhead
							  : 0));
		if (bytes < 0)
			bytes = 0;
	}
	return (uint64_t)bytes;
}

/** @return when the last byte has left; PIPE_NEVER at the end of a trace */
static uint64_t send(struct pipe *p, uint64_t start_ns, uint32_t len)
{
	uint64_t bytes = charged_bytes(p, len), at;

	if (p->trace) {
		at = trace_send(p->trace, &p->cursor, start_ns - p->trace_start_ns,
				(uint32_t)bytes);
		return at == TRACE_NEVER ? PIPE_NEVER : p->trace_start_ns + at;
	}
	return start_ns + (uint64_t)((__extension__(unsigned __int128) bytes * 8000000000u) /
				     p->asked.rate_bps);
}

static struct pipe_entry *head(struct pipe *p)
{
	return &p->queue[p->queue_head];
}

static void leave_queue(struct pipe *p)
{
	p->queue_bytes -= head(p)->len;
	p->queue_head = (p->queue_head + 1) % p->queue_size;
	p->queue_n--;
}

static void drop_head(struct pipe *p)
{
	void *packet = head(p)->packet;

	leave_queue(p);
	p->stats.held--;
	p->stats.dropped[PIPE_QUEUE]++;
	p->owner.drop(p->owner.ctx, packet, PIPE_QUEUE);
}

/** CoDel at the head, when the rate is ready for it at `at`. @return whether the head is still the same */
static bool passes_codel(struct pipe *p, uint64_t at)
{
	struct pipe_entry *e = head(p);

	if (!p->codel_on || !codel_next(&p->codel, at, at - e->arrival_ns, p->queue_bytes - e->len))
		return true;
	if (impair_asks(&p->asked, IMPAIR_ECN) && p->asked.ecn &&
	    p->owner.mark(p->owner.ctx, e->packet)) {
		p->stats.marked++;
		return true;
	}
	drop_head(p);
	return false;
}

void line_advance(struct pipe *p, uint64_t now_ns)
{
	while (p->queue_n > 0) {
		struct pipe_entry e = *head(p);
		uint64_t start = p->free_ns > e.arrival_ns ? p->free_ns : e.arrival_ns;

		if (start > now_ns || reserve_heap(p) < 0)
			return;
		if (!passes_codel(p, start))
			continue;
		p->free_ns = is_rated(p) ? send(p, start, e.len) : start;
		leave_queue(p);
		if (p->free_ns == PIPE_NEVER) { /* the trace is over: nothing leaves any more */
			p->stats.held--;
			p->stats.dropped[PIPE_QUEUE]++;
			p->owner.drop(p->owner.ctx, e.packet, PIPE_QUEUE);
			continue;
		}
		travel(p, &e, p->free_ns);
	}
}

bool line_is_full(const struct pipe *p, uint64_t now_ns, uint32_t len)
{
	(void)now_ns; /* line_advance() has come before: what is in the queue now, waits now */
	if (!is_rated(p))
		return false;
	return p->by_bytes ? p->queue_bytes + len > p->limit : p->queue_n >= p->limit;
}

static int reserve_queue(struct pipe *p)
{
	struct pipe_entry *more;

	if (p->queue_n < p->queue_size)
		return 0;
	more = calloc(2 * p->queue_size, sizeof(*more));
	if (!more)
		return -ENOMEM;
	for (size_t i = 0; p->queue && i < p->queue_n; i++)
		more[i] = p->queue[(p->queue_head + i) % p->queue_size];
	free(p->queue);
	p->queue = more;
	p->queue_head = 0;
	p->queue_size *= 2;
	return 0;
}

int line_enter(struct pipe *p, const struct pipe_entry *entry, bool overtakes)
{
	struct pipe_entry e = *entry;

	if (reserve_heap(p) < 0 || reserve_queue(p) < 0)
		return -ENOMEM;
	p->stats.held++;
	if (overtakes) {
		e.order = p->next_order++;
		push(p, &e);
		return 0;
	}
	if (!is_rated(p) && p->queue_n == 0) {
		travel(p, &e, e.arrival_ns);
		return 0;
	}
	p->queue[(p->queue_head + p->queue_n) % p->queue_size] = e;
	p->queue_n++;
	p->queue_bytes += e.len;
	line_advance(p, e.arrival_ns);
	return 0;
}

/* --- out --- */

uint64_t pipe_next(const struct pipe *p)
{
	uint64_t next = p->heap_n > 0 ? p->heap[0].deadline_ns : PIPE_NEVER;

	if (p->queue_n > 0 && p->free_ns < next)
		next = p->free_ns;
	return next;
}

void *pipe_take(struct pipe *p, uint64_t now_ns, uint64_t *ret_deadline_ns)
{
	struct pipe_entry e;

	line_advance(p, now_ns);
	if (p->heap_n == 0 || p->heap[0].deadline_ns > now_ns)
		return NULL;
	e = pop(p);
	p->stats.held--;
	p->stats.delivered++;
	p->stats.delivered_bytes += e.len;
	if (ret_deadline_ns)
		*ret_deadline_ns = e.deadline_ns;
	return e.packet;
}
