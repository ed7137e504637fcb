/* SPDX-License-Identifier: MIT */
/* A worker's way in: batches of frames, with the times of their arrival, to their lanes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "wire/worker.h"
#include "sys/clock.h"

enum {
	REST_BYTES = FRAME_HUGE - FRAME_MEDIUM,
	/* A stamp older than that, counted from when the socket was empty, is one of another clock (somebody set it). */
	STAMP_SLACK_NS = 100 * 1000 * 1000,
	QUICK_SAMPLE_NS = 300,
	FULL_BATCHES = 64, /* under load the overruns are looked at so often */
};

int intake_init(struct worker *w)
{
	w->in = sys_packet_batch_new();
	/* only pages that a large frame was put into are ever used */
	w->in_rest = mmap(NULL, (size_t)SYS_PACKET_BATCH * REST_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (w->in_rest == MAP_FAILED)
		w->in_rest = NULL;
	return w->in && w->in_rest ? 0 : -ENOMEM;
}

/* --- time --- */

/**
 * The kernel stamps frames with a clock that may be set; we count with one that may not. Both are slewed alike, so that
 * what is between them changes only when one is set: a sample that took long (we were preempted in the middle) says
 * nothing new. Of the time that a sample leaves open, the end is taken: no frame shall leave early.
 */
static void sample_clocks(struct worker *w)
{
	uint64_t before = sys_monotonic_ns(), real = sys_realtime_ns(), took;
	int64_t offset, change;

	w->now_ns = sys_monotonic_ns();
	took = w->now_ns - before;
	offset = (int64_t)(real - w->now_ns);
	change = offset - w->clock_offset;
	if (took <= QUICK_SAMPLE_NS || change > (int64_t)took || change < -(int64_t)took)
		w->clock_offset = offset;
}

static uint64_t arrival_of(const struct worker *w, const struct sys_packet_info *info,
			   uint64_t not_before_ns)
{
	uint64_t floor = w->drained_ns > STAMP_SLACK_NS ? w->drained_ns - STAMP_SLACK_NS : 0, at;

	if (info->realtime_ns == 0)
		return w->now_ns;
	at = info->realtime_ns - (uint64_t)w->clock_offset;
	if (floor < not_before_ns)
		floor = not_before_ns;
	/* unsigned: also a stamp from before the clock began is "later than now" */
	if (at > w->now_ns)
		return w->now_ns;
	return at < floor ? floor : at;
}

/* --- frames --- */

/** Gives each place of the batch a frame to be filled. @return how many places, from the first, have one */
static unsigned place_frames(struct worker *w)
{
	for (unsigned i = 0; i < SYS_PACKET_BATCH; i++) {
		if (w->in_frames[i])
			continue;
		w->in_frames[i] = frame_new(&w->pool, FRAME_MEDIUM);
		if (!w->in_frames[i])
			return i;
		sys_packet_place(w->in, i, w->in_frames[i]->data, FRAME_MEDIUM,
				 w->in_rest + (size_t)i * REST_BYTES, REST_BYTES);
	}
	return SYS_PACKET_BATCH;
}

/** Makes a frame of its own of the i-th of the batch. @return NULL when out of memory, or it was cut */
static struct frame *take_frame(struct worker *w, unsigned i, const struct sys_packet_info *info)
{
	struct frame *f = w->in_frames[i];

	if (info->is_cut || info->len == 0)
		return NULL;
	if (info->len > FRAME_SMALL && info->len <= FRAME_MEDIUM) {
		w->in_frames[i] =
			NULL; /* the frame itself goes on its way, place_frames() brings another */
		f->len = info->len;
	} else {
		const uint8_t *first = f->data;
		size_t n = info->len < FRAME_MEDIUM ? info->len : FRAME_MEDIUM;

		f = frame_new(&w->pool, info->len);
		if (!f)
			return NULL;
		memcpy(f->data, first, n);
		if (info->len > n)
			memcpy(f->data + n, w->in_rest + (size_t)i * REST_BYTES, info->len - n);
	}
	f->vnet = info->vnet;
	if (info->has_vlan)
		frame_put_vlan(f, info->vlan_protocol, info->vlan_tci);
	return f;
}

static void accept_frame(struct worker *w, unsigned i)
{
	struct sys_packet_info info;
	struct lane *l;
	struct frame *f;
	uint64_t arrival;

	sys_packet_about(w->in, i, &info);
	l = lookup_find(&w->lookup, info.ifindex);
	if (!l)
		return; /* of a link that was given back */
	l->n_read++;
	w->n_read++;
	arrival = arrival_of(w, &info, l->last_arrival_ns);
	l->last_arrival_ns = arrival;
	f = take_frame(w, i, &info);
	if (!f)
		lane_count_lost(l, 1);
	else if (l->is_holding) {
		f->arrival_ns = arrival;
		frame_list_add(&l->held, f);
	} else
		lane_offer(l, f, arrival);
	worker_touch(w, l);
}

/* --- what was lost before we could read it --- */

/** Gives each lane its share of the overruns by what was read of it since the last time; the last one what is left. */
static void share_out(struct worker *w, uint64_t lost)
{
	uint64_t left = lost, weight_left = w->n_read;

	for (size_t i = 0; i < w->lookup.n && left > 0; i++) {
		struct lane *l = w->lookup.sorted[i];
		bool is_last = i + 1 == w->lookup.n;
		uint64_t share = weight_left ? (uint64_t)((__extension__(unsigned __int128) left *
							   l->n_read) /
							  weight_left)
					     : 0;

		weight_left -= l->n_read;
		if (is_last)
			share = left;
		left -= share;
		if (share == 0)
			continue;
		lane_count_lost(l, share);
		worker_touch(w, l);
	}
}

static void look_at_overruns(struct worker *w)
{
	int64_t lost = sys_packet_overruns(w->fd);

	if (lost > 0)
		share_out(w, (uint64_t)lost);
	for (size_t i = 0; i < w->lookup.n; i++)
		w->lookup.sorted[i]->n_read = 0;
	w->n_read = 0;
}

/* --- reading --- */

void intake_read(struct worker *w)
{
	unsigned room = place_frames(w);
	uint64_t before = w->now_ns;
	int got;

	w->is_full = room == 0;
	if (w->is_full) { /* not even for one: what is held will leave and make room */
		w->is_behind = false;
		w->now_ns = sys_monotonic_ns();
		return;
	}
	got = sys_packet_receive(w->fd, w->in, room);
	sample_clocks(w);
	if (got == -EINVAL) {
		/* a frame whose offloads the kernel cannot describe (virtio_net_hdr_from_skb()): gone, with this error */
		w->is_behind = true;
		share_out(w, 1);
		return;
	}
	for (int i = 0; i < got; i++)
		accept_frame(w, (unsigned)i);
	w->is_behind = got == (int)room;
	if (!w->is_behind) {
		w->n_drains++;
		w->drained_ns = before;
	}
	if (w->n_read > (w->is_behind ? (uint64_t)FULL_BATCHES * SYS_PACKET_BATCH : 0))
		look_at_overruns(w);
}

static void accept_observed(struct worker *w, unsigned i)
{
	struct sys_packet_info info;
	struct lane *l;
	struct frame *f;

	sys_packet_about(w->in, i, &info);
	l = lookup_find(&w->lookup, info.ifindex);
	if (!l || l->link->handover.stage == HANDOVER_NONE)
		return;
	f = take_frame(w, i, &info);
	/* it left by the end where this lane's frames come in: it is of the other one */
	if (f)
		frame_list_add(&l->link->handover.out[l == &l->link->lanes[0]], f);
}

void intake_observe(struct worker *w)
{
	for (unsigned batches = 0; batches < FULL_BATCHES; batches++) {
		unsigned room = place_frames(w);
		int got = sys_packet_receive(w->observer_fd, w->in, room);

		for (int i = 0; i < got; i++)
			accept_observed(w, (unsigned)i);
		if (got == -EINVAL)
			continue;
		if (got < (int)room) {
			w->n_observer_drains++;
			return;
		}
	}
}
