/* SPDX-License-Identifier: MIT */
/* A replay: decisions made into a script. What became of it: replay_report.c. */
#include "repro/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/names.h"
#include "repro/replay_private.h"

/* --- decisions to packets --- */

struct finder {
	struct script *script;
	uint32_t *slots; /* 1 + packet, by lane, index and identity; open addressing */
	size_t n_slots;
	size_t n_packets, n_actions;
};

static uint64_t hash(uint32_t lane, uint64_t index, const struct identity *id)
{
	return hash_mix(identity_key(id) ^ hash_mix(index ^ (uint64_t)lane << 40));
}

/** @return the slot of a packet, or the free one where it belongs */
static uint32_t *slot_of(const struct finder *f, uint32_t lane, uint64_t index,
			 const struct identity *id)
{
	const struct script_packet *packets = script_packets(f->script);
	size_t i = (size_t)hash(lane, index, id) & (f->n_slots - 1);

	for (; f->slots[i]; i = (i + 1) & (f->n_slots - 1)) {
		const struct script_packet *p = &packets[f->slots[i] - 1];

		if (p->lane == lane && p->index == index && identity_equal(&p->id, id))
			break;
	}
	return &f->slots[i];
}

static struct script_packet *add_packet(struct finder *f, uint32_t lane, uint64_t index,
					const struct identity *id)
{
	uint32_t *slot = slot_of(f, lane, index, id);
	struct script_packet *p;

	if (*slot)
		return &script_packets(f->script)[*slot - 1];
	p = &script_packets(f->script)[f->n_packets++];
	*slot = (uint32_t)f->n_packets;
	p->lane = lane;
	p->index = index;
	p->id = *id;
	p->action = SCRIPT_NO_ACTION;
	return p;
}

static void set_damage(struct script_part *part, enum pipe_damage damage, uint64_t at)
{
	part->corrupt = true;
	part->damage = damage;
	part->damage_at = at;
}

/** Adds what a decision says to what others have said about the packet. */
static void add_verdict(struct script_action *a, const struct verdict *v, enum decision_cause cause)
{
	if (v->actions & VERDICT_DROP)
		a->drop = true;
	if (v->actions & VERDICT_MARK)
		a->own.mark = true;
	if (v->actions & VERDICT_CORRUPT)
		set_damage(&a->own, PIPE_DAMAGE_RANDOM, v->corrupt);
	if (v->actions & VERDICT_CORRUPT_BIT)
		set_damage(&a->own, PIPE_DAMAGE_BIT, v->corrupt_at);
	if (v->actions & VERDICT_CORRUPT_BYTE)
		set_damage(&a->own, PIPE_DAMAGE_BYTE, v->corrupt_at);
	if (v->actions & VERDICT_AHEAD)
		a->own.overtakes = true;
	if (v->actions & VERDICT_DELAY) {
		a->own.delay_ns = v->delay_ns;
		a->lets_pass = cause == DECISION_FAULT;
	}
	if (v->actions & VERDICT_HOLD)
		a->hold = v->hold;
	if (v->actions & VERDICT_DUPLICATE)
		a->duplicate = true;
	if (v->actions & VERDICT_COPY_CORRUPT)
		set_damage(&a->copy, PIPE_DAMAGE_RANDOM, v->copy_corrupt);
	if (v->actions & VERDICT_COPY_AHEAD)
		a->copy.overtakes = true;
	if (v->actions & VERDICT_COPY_DELAY)
		a->copy.delay_ns = v->copy_delay_ns;
}

/** A packet that is lost while its copy goes on: the copy takes its place, for a script's drop takes both. */
static void settle_lost_originals(struct script_action *a)
{
	if (!a->drop || !a->duplicate)
		return;
	a->own = a->copy;
	a->drop = a->duplicate = a->lets_pass = false;
	a->hold = 0;
}

static int fill(struct replay *r, struct finder *f, const struct identities *all,
		struct netlab_err *err)
{
	const struct decisions *d = r->decisions;
	struct script_action *actions = script_actions(f->script);

	for (size_t i = 0; all && i < all->n; i++) {
		const struct identity_entry *e = &all->items[i];

		if (e->link >= r->topo->n_links || e->dir > 1)
			return err_set(err, EINVAL, "the identities are of another topology");
		(void)add_packet(f, 2 * e->link + e->dir, e->index, &e->id);
	}
	for (size_t i = 0; i < d->n; i++) {
		const struct decision *one = &d->items[i];
		size_t link = topo_find_link(r->topo, one->link);
		struct script_packet *p;

		if (link == SIZE_MAX)
			return err_set(err, EINVAL, "the topology has no link '%s'", one->link);
		p = add_packet(f, (uint32_t)(2 * link + one->dir), one->index, &one->id);
		if (p->action == SCRIPT_NO_ACTION)
			p->action = (uint32_t)f->n_actions++;
		add_verdict(&actions[p->action], &one->verdict, one->cause);
		r->packet_of[i] = (uint32_t)(p - script_packets(f->script));
	}
	for (size_t i = 0; i < f->n_actions; i++)
		settle_lost_originals(&actions[i]);
	return 0;
}

static int build(struct replay *r, const struct identities *all, struct netlab_err *err)
{
	struct script_size size = { .n_lanes = 2 * r->topo->n_links,
				    .n_packets = (all ? all->n : 0) + r->decisions->n,
				    .n_actions = r->decisions->n };
	struct finder f = { .n_slots = 64 };
	int e;

	while (f.n_slots < 2 * size.n_packets)
		f.n_slots *= 2;
	f.slots = calloc(f.n_slots, sizeof(*f.slots));
	r->packet_of = calloc(r->decisions->n + 1, sizeof(*r->packet_of));
	if (!f.slots || !r->packet_of) {
		free(f.slots);
		return err_set(err, ENOMEM, "out of memory");
	}
	e = script_new(&size, &r->script, &r->fd);
	if (e < 0) {
		(void)err_errno(err, e, "memory for the decisions");
	} else {
		f.script = r->script;
		e = fill(r, &f, all, err);
		/* those that decisions and identities share were entered once: what is left over is of no lane */
		for (size_t i = f.n_packets; i < size.n_packets; i++)
			script_packets(r->script)[i].lane = SCRIPT_NO_LANE;
		r->n_packets = f.n_packets;
		script_index(r->script);
	}
	free(f.slots);
	return e;
}

int replay_new(const struct decisions *d, const struct identities *all, const struct topo *t,
	       struct replay **ret, struct netlab_err *err)
{
	struct replay *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return err_set(err, ENOMEM, "out of memory");
	r->fd = -1;
	r->decisions = d;
	r->topo = t;
	e = build(r, all, err);
	if (e < 0) {
		replay_free(r);
		return e;
	}
	*ret = r;
	return 0;
}

struct replay *replay_free(struct replay *r)
{
	if (!r)
		return NULL;
	(void)script_unmap(r->script);
	if (r->fd >= 0)
		close(r->fd);
	free(r->packet_of);
	free(r);
	return NULL;
}

int replay_fd(const struct replay *r)
{
	return r->fd;
}
