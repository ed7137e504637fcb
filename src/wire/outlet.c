/* SPDX-License-Identifier: MIT */
/* A worker's way out: what is due is sent, a batch over all links at a time. */
#include <errno.h>
#include <time.h>

#include "wire/worker.h"
#include "sys/clock.h"

enum {
	/* The kernel's queue of what arrives on this processor is full (net.core.netdev_max_backlog): it empties within
	   microseconds once we let it. The frame is still ours, so it is tried again. */
	RETRIES = 40,
	RETRY_PAUSE_NS = 25 * 1000,
	BATCHES_PER_ROUND = 4, /* then it is time to read again */
	STUCK_PAUSE_NS = 100 * 1000,
	FRAME_OVER_MTU =
		14 + 4, /* what a veth lets pass: is_skb_forwardable(), include/linux/netdevice.h */
};

int outlet_init(struct worker *w)
{
	w->out = sys_packet_batch_new();
	return w->out ? 0 : -ENOMEM;
}

static bool is_too_long(const struct sending *s)
{
	return s->frame->vnet.gso_size == 0 && s->frame->len > s->lane->mtu + FRAME_OVER_MTU;
}

/** @return whether the frame is to be tried again; otherwise the cause of its loss */
static bool is_worth_retry(struct worker *w, const struct sending *s, int error,
			   enum pipe_cause *ret_cause)
{
	const struct timespec pause = { .tv_nsec = RETRY_PAUSE_NS };

	*ret_cause = PIPE_HOST;
	if (error == -ENETDOWN || error == -ENXIO || error == -ENODEV) {
		*ret_cause = PIPE_DOWN; /* as with a cable whose other end is not plugged in */
		return false;
	}
	/* the kernel says ENOBUFS also where a frame is too long for the receiver's end, or that end is down */
	if ((error != -ENOBUFS && error != -EAGAIN) || is_too_long(s))
		return false;
	if (sys_packet_carrier(w->fd, s->lane->out) < 0) {
		*ret_cause = PIPE_DOWN;
		return false;
	}
	/* once it did not help, there is no more waiting until a frame got through */
	if (w->retries >= RETRIES)
		return false;
	w->retries++;
	(void)nanosleep(&pause, NULL);
	return true;
}

static void settle_sent(struct worker *w, unsigned first, unsigned n)
{
	/* also the time that the loop goes on with: sending is what takes long, and a sleep is counted from there */
	w->now_ns = sys_monotonic_ns();
	for (unsigned i = first; i < first + n; i++) {
		struct sending *s = &w->sending[i];

		stats_late(s->lane->slot,
			   w->now_ns > s->deadline_ns ? w->now_ns - s->deadline_ns : 0, 1);
		lane_settle(s->lane, s->frame, FATE_DELIVERED);
	}
}

static void flush(struct worker *w)
{
	unsigned first = 0;

	while (first < w->n_sending) {
		int sent = sys_packet_send(w->fd, w->out, first, w->n_sending - first);
		struct sending *failed = &w->sending[first];
		enum pipe_cause cause;

		if (sent > 0) {
			settle_sent(w, first, (unsigned)sent);
			first += (unsigned)sent;
			w->retries = 0;
			continue;
		}
		if (is_worth_retry(w, failed, sent, &cause))
			continue;
		lane_settle_unsent(failed->lane, failed->frame, cause);
		worker_touch(w, failed->lane);
		first++;
	}
	w->n_sending = 0;
}

static void add(struct worker *w, struct lane *l, struct frame *f, uint64_t deadline_ns)
{
	w->sending[w->n_sending] =
		(struct sending){ .lane = l, .frame = f, .deadline_ns = deadline_ns };
	sys_packet_put(w->out, w->n_sending, l->out, &f->vnet, f->data, f->len);
	w->n_sending++;
}

void outlet_send_due(struct worker *w)
{
	for (unsigned batches = 0; batches < BATCHES_PER_ROUND;) {
		struct agenda_item *item = agenda_first(&w->agenda);
		struct lane *l = (struct lane *)item; /* its first member */
		uint64_t deadline;
		struct frame *f;

		if (!item || item->at_ns > w->now_ns)
			break;
		while (w->n_sending < SYS_PACKET_BATCH &&
		       (f = pipe_take(&l->pipe, w->now_ns, &deadline)))
			add(w, l, f, deadline);
		worker_touch(w, l);
		if (l->due.place && l->due.at_ns <= w->now_ns && w->n_sending < SYS_PACKET_BATCH)
			/* due, and nothing comes out: it has no memory to go on with */
			agenda_set(&w->agenda, &l->due, w->now_ns + STUCK_PAUSE_NS);
		if (w->n_sending == SYS_PACKET_BATCH) {
			flush(w);
			batches++;
		}
	}
	flush(w);
}
