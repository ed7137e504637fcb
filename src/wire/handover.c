/* SPDX-License-Identifier: MIT */
/* A link goes from the kernel's redirects to the wire, or back, under traffic. */
#include "wire/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/worker.h"
#include "sys/clock.h"

enum {
	OBSERVER_BUFFER = 64 << 20,
	/* From the tap at ingress to the device is one pass of a softirq, which may be preempted by another's turn. */
	GRACE_NS = 2 * 1000 * 1000,
};

/* --- the observer: one for all handovers of a worker --- */

static int by_first(const void *a, const void *b)
{
	const struct sys_ifrange *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/** Hears the ends of the links that are being handed over, but no more of those where all that matters is there. */
static int observe(struct worker *w)
{
	struct sys_ifrange *ranges;
	size_t n = 0;
	int r;

	for (struct link *l = w->handovers; l; l = l->next_handover)
		n++;
	ranges = calloc(2 * n + 1, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	n = 0;
	for (struct link *l = w->handovers; l; l = l->next_handover) {
		for (unsigned d = 0; d < 2 && l->handover.stage < HANDOVER_DRAINING; d++)
			ranges[n++] = (struct sys_ifrange){ l->lanes[d].in, l->lanes[d].in };
	}
	qsort(ranges, n, sizeof(*ranges), by_first);
	r = sys_packet_hear(w->observer_fd, SYS_PACKET_OUTGOING, ranges, n);
	free(ranges);
	return r;
}

static void add_handover(struct worker *w, struct link *l)
{
	l->next_handover = w->handovers;
	w->handovers = l;
}

static void remove_handover(struct worker *w, struct link *l)
{
	struct link **at = &w->handovers;

	while (*at && *at != l)
		at = &(*at)->next_handover;
	if (*at)
		*at = l->next_handover;
}

static void hold(struct link *l, bool on)
{
	l->lanes[0].is_holding = l->lanes[1].is_holding = on;
}

static bool is_empty(const struct link *l)
{
	return l->lanes[0].pipe.stats.held == 0 && l->lanes[1].pipe.stats.held == 0;
}

static int start_holding(struct worker *w, struct link *l)
{
	int r = 0;

	if (w->observer_fd < 0) {
		w->observer_fd = sys_packet_open(SYS_PACKET_OUTGOING, OBSERVER_BUFFER);
		if (w->observer_fd < 0) {
			r = w->observer_fd;
			w->observer_fd = -1;
			return r;
		}
	}
	r = observe(w);
	if (r < 0)
		return r;
	hold(l, true);
	l->handover.stage = HANDOVER_HOLDING;
	return 0;
}

int handover_begin(struct worker *w, struct link *l, bool gives)
{
	int r = 0;

	if (l->handover.stage != HANDOVER_NONE) {
		/* the other way round: it is holding already */
		if (l->handover.stage != HANDOVER_HOLDING)
			return -EBUSY;
		l->handover.gives = gives;
		return 0;
	}
	l->handover = (struct handover){ .stage = HANDOVER_EMPTYING, .gives = gives };
	add_handover(w, l);
	if (!gives)
		r = start_holding(w, l);
	if (r < 0)
		handover_end(w, l);
	return r;
}

int handover_commit(struct worker *w, struct link *l)
{
	struct handover *h = &l->handover;
	int r;

	if (h->stage != HANDOVER_HOLDING)
		return -EINVAL;
	h->stage = HANDOVER_GRACE;
	h->until_ns = sys_monotonic_ns() + GRACE_NS;
	if (!h->gives)
		return 0;
	/* what comes from now on is the redirects' alone */
	l->lanes[0].is_leaving = l->lanes[1].is_leaving = true;
	r = worker_hear(w);
	if (r < 0) { /* the supervisor can still turn back */
		l->lanes[0].is_leaving = l->lanes[1].is_leaving = false;
		h->stage = HANDOVER_HOLDING;
	}
	return r;
}

/* --- comparing --- */

static bool is_same(const struct frame *a, const struct frame *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/** Forgets the frames of a lane that the kernel has sent. Both lists are in order, so it goes on where it found the last
 *  one; and from the beginning again when that does not find it. */
static void compare(struct lane *lane, struct frame_list *out)
{
	struct frame_list unmatched = { 0 };
	struct frame **at = &lane->held.first, *sent;

	while ((sent = frame_list_take(out))) {
		struct frame **begin = at, *found;

		while (*at && !is_same(*at, sent))
			at = &(*at)->next;
		if (!*at) {
			for (at = &lane->held.first; at != begin && !is_same(*at, sent);)
				at = &(*at)->next;
			if (at == begin) {
				frame_list_add(&unmatched, sent);
				continue;
			}
		}
		found = *at;
		*at = found->next;
		lane->held.n--;
		frame_free(lane->pool, found);
		frame_free(lane->pool, sent);
	}
	*out = unmatched;
	/* the last one may have gone */
	lane->held.last = NULL;
	for (struct frame *f = lane->held.first; f; f = f->next)
		lane->held.last = f;
}

static void compare_both(struct link *l)
{
	for (unsigned d = 0; d < 2; d++) {
		if (l->handover.out[d].n > 0 && l->lanes[d].held.n > 0)
			compare(&l->lanes[d], &l->handover.out[d]);
	}
}

/* --- the end --- */

void handover_end(struct worker *w, struct link *l)
{
	for (unsigned d = 0; d < 2; d++)
		frame_list_clear(&l->handover.out[d], l->lanes[d].pool);
	hold(l, false);
	l->handover = (struct handover){ 0 };
	remove_handover(w, l);
	if (w->handovers) {
		(void)observe(w); /* it may hear too much, which costs and does no harm */
		return;
	}
	if (w->pending)
		w->pending->close_fd = w->observer_fd;
	w->observer_fd = -1;
}

static void let_go(struct worker *w, struct link *l)
{
	compare_both(l);
	hold(l, false);
	for (unsigned d = 0; d < 2; d++) {
		struct lane *lane = &l->lanes[d];
		struct frame *f;

		while ((f = frame_list_take(&lane->held)))
			lane_offer(lane, f, f->arrival_ns);
		worker_touch(w, lane);
	}
}

/** @return whether all that was in both sockets when the grace was over has been read */
static bool is_drained(const struct worker *w, const struct handover *h)
{
	return w->n_drains != h->n_drains && w->n_observer_drains != h->n_observer_drains;
}

/** @return whether the link's handover is over */
static bool step(struct worker *w, struct link *l)
{
	struct handover *h = &l->handover;

	switch (h->stage) {
	case HANDOVER_NONE:
		break;
	case HANDOVER_EMPTYING:
		if (is_empty(l)) {
			w->pending->err.code = start_holding(w, l);
			if (w->pending->err.code < 0)
				handover_end(w, l);
			return true;
		}
		if (sys_monotonic_ns() < w->pending->deadline_ns)
			break;
		w->pending->err.code = -EBUSY;
		handover_end(w, l);
		return true;
	case HANDOVER_HOLDING:
		break;
	case HANDOVER_GRACE:
		if (sys_monotonic_ns() < h->until_ns)
			break;
		h->stage = HANDOVER_DRAINING;
		h->n_drains = w->n_drains;
		h->n_observer_drains = w->n_observer_drains;
		(void)observe(w); /* hearing on would do no harm, but cost */
		break;
	case HANDOVER_DRAINING:
		if (!is_drained(w, h))
			break;
		let_go(w, l);
		h->stage = HANDOVER_LEAVING;
		if (h->gives)
			return step(w, l); /* nothing may be left that would wake us */
		handover_end(w, l);
		return true;
	case HANDOVER_LEAVING:
		if (!is_empty(l))
			break;
		handover_end(w, l);
		worker_drop_link(w, l);
		w->pending->link_is_gone = true;
		return true;
	}
	return false;
}

void handover_step(struct worker *w)
{
	struct link *of_task = w->pending ? w->pending->link : NULL;

	for (struct link *l = w->handovers; l; l = l->next_handover)
		compare_both(l);
	/* only what the main thread waits for has a next step */
	if (of_task && of_task->handover.stage != HANDOVER_NONE && step(w, of_task))
		worker_finish(w);
}

uint64_t handover_next(const struct worker *w)
{
	const struct link *l = w->pending ? w->pending->link : NULL;

	if (!l)
		return AGENDA_NEVER;
	switch (l->handover.stage) {
	case HANDOVER_NONE:
	case HANDOVER_HOLDING:
	case HANDOVER_LEAVING:
		break;
	case HANDOVER_EMPTYING:
		return w->pending->deadline_ns;
	case HANDOVER_GRACE:
		return l->handover.until_ns;
	case HANDOVER_DRAINING:
		return 0;
	}
	return AGENDA_NEVER;
}
