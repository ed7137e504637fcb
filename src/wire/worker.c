/* SPDX-License-Identifier: MIT */
/* A thread that carries links: its loop, and the tasks that the main thread hands in. */
#include "wire/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sys/clock.h"

enum {
	/* At 300,000 small packets a second, which the kernel charges with 768 bytes each: a quarter of a second. */
	SOCKET_BUFFER = 64 << 20,
};

/* --- what others need --- */

void worker_touch(struct worker *w, struct lane *l)
{
	agenda_set(&w->agenda, &l->due, pipe_next(&l->pipe));
	if (l->is_dirty)
		return;
	l->is_dirty = true;
	l->next_dirty = w->dirty;
	w->dirty = l;
}

static void publish(struct worker *w)
{
	while (w->dirty) {
		struct lane *l = w->dirty;

		w->dirty = l->next_dirty;
		l->is_dirty = false;
		lane_publish(l);
	}
}

int worker_hear(struct worker *w)
{
	_cleanup_free_ struct sys_ifrange *ranges = calloc(w->lookup.n + 1, sizeof(*ranges));

	if (!ranges)
		return -ENOMEM;
	return sys_packet_hear(w->fd, SYS_PACKET_INCOMING, ranges,
			       lookup_ranges(&w->lookup, ranges));
}

void worker_drop_link(struct worker *w, struct link *l)
{
	for (unsigned d = 0; d < 2; d++)
		agenda_set(&w->agenda, &l->lanes[d].due, AGENDA_NEVER);
	publish(w); /* none of its lanes is in the list after that */
	for (unsigned d = 0; d < 2; d++) {
		lookup_remove(&w->lookup, &l->lanes[d]);
		lane_deinit(&l->lanes[d]);
	}
	l->rules = rule_map_free(l->rules);
	w->n_links--;
}

void worker_finish(struct worker *w)
{
	struct task *t = w->pending;

	publish(w); /* whoever is answered sees what has been counted */
	w->pending = NULL;
	pthread_mutex_lock(&w->mutex);
	t->is_done = true;
	pthread_cond_signal(&w->done);
	pthread_mutex_unlock(&w->mutex);
}

/* --- tasks, in the thread --- */

static struct lane_setup lane_setup_of(struct worker *w, struct task *t, unsigned dir)
{
	const struct wire_link *asked = &t->order->link;
	struct trace_map *trace = t->traces[dir];

	t->traces[dir] = NULL;
	return (struct lane_setup){
		.in = asked->ifindex[dir],
		.out = asked->ifindex[!dir],
		.asked = asked,
		.dir = dir,
		.trace = trace,
		.slot = t->slots ? &t->slots[dir] : NULL,
		.pool = &w->pool,
		.link = t->link,
		.rules = t->link->rules,
		.tape = &w->tape,
		.script = t->script,
		.number = (uint32_t)t->link->number,
		.now_ns = w->now_ns,
	};
}

static int add_lane(struct worker *w, struct task *t, unsigned dir)
{
	struct lane_setup setup = lane_setup_of(w, t, dir);
	struct lane *l = &t->link->lanes[dir];
	int r = lane_init(l, &setup);

	if (r == 0)
		r = lookup_add(&w->lookup, l);
	return r;
}

static int add_link(struct worker *w, struct task *t)
{
	struct link *l = t->link;
	int r = agenda_reserve(&w->agenda, 2 * (w->n_links + 1));

	w->n_links++;
	l->rules = t->rules;
	t->rules = NULL;
	for (unsigned d = 0; d < 2 && r == 0; d++)
		r = add_lane(w, t, d);
	/* the observer first: what the socket hears, and the redirects take, must not go unseen */
	if (r == 0 && t->order->link.from_patch)
		r = handover_begin(w, l, false);
	if (r == 0) {
		r = worker_hear(w);
		if (r < 0 && l->handover.stage != HANDOVER_NONE)
			handover_end(w, l);
	}
	for (unsigned d = 0; d < 2 && r == 0; d++)
		worker_touch(w, &l->lanes[d]);
	if (r < 0)
		worker_drop_link(w, l);
	return r;
}

static void change_link(struct worker *w, struct task *t)
{
	struct rule_map *before = t->link->rules;

	t->link->rules = t->rules;
	t->rules = NULL;
	for (unsigned d = 0; d < 2; d++) {
		struct lane_setup setup = lane_setup_of(w, t, d);

		lane_change(&t->link->lanes[d], &setup);
		worker_touch(w, &t->link->lanes[d]);
	}
	rule_map_free(before);
}

static void begin_task(struct worker *w, struct task *t)
{
	bool later = false;
	int r = 0;

	w->pending = t;
	switch (t->order->kind) {
	case ORDER_ADD:
		if (t->slots)
			r = add_link(w, t);
		else { /* it is here, and was about to be given back */
			change_link(w, t);
			r = handover_begin(w, t->link, false);
		}
		break;
	case ORDER_CHANGE:
		change_link(w, t);
		break;
	case ORDER_COMMIT:
		r = handover_commit(w, t->link);
		later = r == 0;
		break;
	case ORDER_RELEASE:
		r = handover_begin(w, t->link, true);
		later = r == 0 && t->link->handover.stage == HANDOVER_EMPTYING;
		break;
	case ORDER_RECORD:
		tape_attach(&w->tape, t->tape, t->tape_ring, t->tape_wake_fd);
		break;
	case ORDER_REPLAY:
		break; /* the main thread's */
	}
	t->err.code = r;
	if (!later)
		worker_finish(w);
}

static void take_task(struct worker *w)
{
	struct task *t = atomic_exchange_explicit(&w->task, NULL, memory_order_acquire);

	if (t)
		begin_task(w, t);
}

/* --- the loop --- */

static void sleep_until(struct worker *w, uint64_t at_ns)
{
	struct pollfd fds[] = {
		{ .fd = w->is_full ? -1 : w->fd, .events = POLLIN },
		{ .fd = w->wake_fd, .events = POLLIN },
		{ .fd = w->observer_fd, .events = POLLIN }, /* a -1 is passed over */
	};
	uint64_t wait = at_ns > w->now_ns ? at_ns - w->now_ns : 0, wakes;
	struct timespec timeout = { .tv_sec = (time_t)(wait / 1000000000u),
				    .tv_nsec = (long)(wait % 1000000000u) };
	int n = ppoll(fds, ARRAY_SIZE(fds), at_ns == AGENDA_NEVER ? NULL : &timeout, NULL);

	if (n > 0 && fds[1].revents)
		(void)!read(w->wake_fd, &wakes, sizeof(wakes));
}

static uint64_t next_of(const struct worker *w)
{
	const struct agenda_item *first = agenda_first(&w->agenda);
	uint64_t next = first ? first->at_ns : AGENDA_NEVER, handover = handover_next(w);

	return handover < next ? handover : next;
}

static void *run(void *arg)
{
	struct worker *w = arg;

	w->now_ns = sys_monotonic_ns();
	while (!atomic_load_explicit(&w->quits, memory_order_relaxed)) {
		if (atomic_load_explicit(&w->task, memory_order_relaxed))
			take_task(w);
		if (w->handovers)
			intake_observe(w);
		intake_read(w);
		outlet_send_due(w);
		if (w->handovers)
			handover_step(w);
		publish(w);
		if (w->tape.tape)
			tape_wake(&w->tape);
		if (!w->is_behind && next_of(w) > w->now_ns)
			sleep_until(w, next_of(w));
	}
	close(w->fd);
	return NULL;
}

/* --- in the main thread --- */

static void wake(struct worker *w)
{
	const uint64_t one = 1;

	(void)!write(w->wake_fd, &one, sizeof(one));
}

void worker_quit(struct worker *w)
{
	atomic_store_explicit(&w->quits, true, memory_order_relaxed);
	wake(w);
}

void worker_do(struct worker *w, struct task *t)
{
	t->is_done = false;
	t->close_fd = -1;
	atomic_store_explicit(&w->task, t, memory_order_release);
	wake(w);
	pthread_mutex_lock(&w->mutex);
	while (!t->is_done)
		pthread_cond_wait(&w->done, &w->mutex);
	pthread_mutex_unlock(&w->mutex);
}

static void dispose(struct worker *w)
{
	for (unsigned i = 0; i < SYS_PACKET_BATCH; i++) {
		if (w->in_frames[i])
			frame_free(&w->pool, w->in_frames[i]);
	}
	frame_pool_deinit(&w->pool);
	w->in = sys_packet_batch_free(w->in);
	w->out = sys_packet_batch_free(w->out);
	if (w->fd >= 0)
		close(w->fd);
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	free(w);
}

int worker_new(size_t pool_bytes, struct worker **ret)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	frame_pool_init(&w->pool, pool_bytes);
	w->observer_fd = -1;
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = w->wake_fd < 0 ? -errno : 0;
	w->fd = sys_packet_open(SYS_PACKET_INCOMING, SOCKET_BUFFER);
	if (r == 0 && w->fd < 0)
		r = w->fd;
	if (r == 0)
		r = intake_init(w);
	if (r == 0)
		r = outlet_init(w);
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->done, NULL);
	if (r == 0)
		r = -pthread_create(&w->thread, NULL, run, w);
	if (r < 0) {
		dispose(w);
		return r;
	}
	*ret = w;
	return 0;
}
