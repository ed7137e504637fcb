/* SPDX-License-Identifier: MIT */
/* One direction of a link in the engine. */
#include "wire/lane.h"

#include <string.h>

#include "wire/tables.h"
#include "wire/witness.h"

/* --- what the pipe does to frames --- */

static void *on_clone(void *ctx, void *packet)
{
	struct lane *l = ctx;

	return frame_clone(l->pool, packet);
}

static void on_corrupt(void *ctx, void *packet, uint32_t random)
{
	(void)ctx;
	frame_corrupt(packet, random);
}

static void on_corrupt_at(void *ctx, void *packet, enum pipe_damage damage, uint64_t at)
{
	(void)ctx;
	if (damage == PIPE_DAMAGE_BIT)
		frame_damage(packet, at / 8, (uint8_t)(0x80u >> at % 8));
	else
		frame_damage(packet, at, 0xff);
}

/* --- rules --- */

struct tried {
	const struct lane *lane;
	const struct frame *frame;
};

static bool matches(void *ctx, size_t i)
{
	const struct tried *t = ctx;

	return sys_match_frame(&t->lane->rules->matches[t->lane->dir][i], t->frame->data,
			       t->frame->len);
}

static void on_rule(void *ctx, void *packet, const struct pipe_arrival *about,
		    struct pipe_ruling *ret)
{
	struct lane *l = ctx;
	struct tried t = { l, packet };

	if (l->actor.script)
		actor_rule(&l->actor, packet, about, l->pipe.delay_ns, ret);
	else if (l->rules)
		rules_decide(l->rules->rules[l->dir], l->rules->n[l->dir], about, matches, &t, ret);
}

/** Rules that stay go on with their counts and with what they hold; those that go let go of it. */
static void change_rules(struct lane *l, const struct rule_map *new, uint64_t now_ns)
{
	const struct rule_map *old = l->rules;

	for (size_t i = 0; old && i < old->n[l->dir]; i++) {
		const struct rule *was = &old->rules[l->dir][i],
				  *is = rule_map_find(new, l->dir, was->id);

		if (is) {
			rule_write(&is->counts->matched, was->counts->matched);
			rule_write(&is->counts->acted, was->counts->acted);
			pipe_recount(&l->pipe, &was->counts->matched, &is->counts->matched);
		} else {
			pipe_let_go(&l->pipe, &was->counts->matched, now_ns);
		}
	}
	l->rules = new;
}

static bool on_mark(void *ctx, void *packet)
{
	(void)ctx;
	return frame_mark(packet);
}

static void on_fate(void *ctx, void *packet, const struct pipe_fate *fate)
{
	witness_fate(ctx, packet, fate);
}

static void on_drop(void *ctx, void *packet, enum pipe_cause cause)
{
	lane_settle(ctx, packet, (int)cause);
}

void lane_settle(struct lane *l, struct frame *f, int fate)
{
	(void)fate; /* the pipe has counted it; here it is known with the frame, its lane and its number */
	frame_free(l->pool, f);
}

void lane_settle_unsent(struct lane *l, struct frame *f, enum pipe_cause cause)
{
	witness_unsent(l, f, cause);
	l->unsent[cause]++;
	l->unsent_bytes += frame_wire_len(f);
	lane_settle(l, f, (int)cause);
}

/* --- life --- */

/** @param[out] m  what the setup points to */
static struct pipe_setup pipe_setup_of(const struct lane *l, const struct lane_setup *setup,
				       const struct trace_map *trace, struct impairment *m)
{
	*m = setup->asked->asked[setup->dir];
	if (l->actor.script)
		actor_tame(m);
	return (struct pipe_setup){
		.asked = m,
		.trace = trace ? &trace->trace : NULL,
		.table = impair_asks(m, IMPAIR_DISTRIBUTION) ? tables_get(m->distribution) : NULL,
		.slot_table = impair_asks(m, IMPAIR_SLOT) ? tables_get(m->slot.distribution) : NULL,
		.mtu = setup->asked->mtu,
		.now_ns = setup->now_ns,
	};
}

int lane_init(struct lane *l, const struct lane_setup *setup)
{
	const struct pipe_owner owner = {
		.clone = on_clone,
		.corrupt = on_corrupt,
		.mark = on_mark,
		.drop = on_drop,
		.fate = on_fate,
		.ctx = l,
		.rule = on_rule,
		.corrupt_at = on_corrupt_at,
	};
	struct pipe_setup of_pipe;
	struct impairment asked;
	int r;

	*l = (struct lane){
		.in = setup->in,
		.out = setup->out,
		.mtu = setup->asked->mtu,
		.link = setup->link,
		.pool = setup->pool,
		.trace = setup->trace,
		.rules = setup->rules,
		.dir = setup->dir,
		.slot = setup->slot,
		.tape = setup->tape,
	};
	stats_read(l->slot, &l->base);
	r = actor_init(&l->actor, setup->script, 2 * setup->number + setup->dir);
	if (r < 0)
		return r;
	of_pipe = pipe_setup_of(l, setup, setup->trace, &asked);
	return pipe_init(&l->pipe, &of_pipe, &owner);
}

void lane_deinit(struct lane *l)
{
	if (l->pool) {
		pipe_deinit(&l->pipe);
		frame_list_clear(&l->held, l->pool);
	}
	l->trace = trace_map_free(l->trace);
	actor_deinit(&l->actor);
	l->pool = NULL;
}

void lane_change(struct lane *l, const struct lane_setup *setup)
{
	struct trace_map *old = l->trace, *new = setup->trace;
	struct pipe_setup of_pipe;
	struct impairment asked;

	if (trace_map_is_same(old, new)) {
		/* the link goes on where it stands in its trace */
		if (new != old)
			trace_map_free(new);
		new = old;
		old = NULL;
	}
	l->mtu = setup->asked->mtu;
	of_pipe = pipe_setup_of(l, setup, new, &asked);
	pipe_change(&l->pipe, &of_pipe);
	change_rules(l, setup->rules, setup->now_ns);
	l->trace = new;
	trace_map_free(old);
}

void lane_offer(struct lane *l, struct frame *f, uint64_t arrival_ns)
{
	f->number = ++l->n_frames;
	witness_offer(l, f, arrival_ns);
	pipe_offer(&l->pipe, arrival_ns, f, frame_wire_len(f));
	witness_end(l);
}

void lane_count_lost(struct lane *l, uint64_t n)
{
	l->n_frames += n;
	pipe_count_host_loss(&l->pipe, n);
}

/* --- counters --- */

void lane_publish(struct lane *l)
{
	const struct pipe_stats *s = &l->pipe.stats;
	struct wire_counters c = l->base;

	c.offered += s->offered;
	c.offered_bytes += s->offered_bytes;
	c.delivered += s->delivered - l->unsent[PIPE_HOST] - l->unsent[PIPE_DOWN];
	c.delivered_bytes += s->delivered_bytes - l->unsent_bytes;
	c.dropped_loss += s->dropped[PIPE_LOSS];
	c.dropped_queue += s->dropped[PIPE_QUEUE];
	c.dropped_fault += s->dropped[PIPE_FAULT];
	c.dropped_down += s->dropped[PIPE_DOWN] + l->unsent[PIPE_DOWN];
	c.dropped_host += s->dropped[PIPE_HOST] + l->unsent[PIPE_HOST];
	c.duplicated += s->duplicated;
	c.corrupted += s->corrupted;
	c.reordered += s->reordered;
	c.marked += s->marked;
	c.queued = s->held;
	c.queue_limit = l->pipe.rated ? l->pipe.limit : 0;
	c.queue_by_bytes = l->pipe.by_bytes || l->pipe.by_time;
	stats_publish(l->slot, &c);
}

/* --- lists --- */

void frame_list_add(struct frame_list *list, struct frame *f)
{
	f->next = NULL;
	if (list->last)
		list->last->next = f;
	else
		list->first = f;
	list->last = f;
	list->n++;
}

struct frame *frame_list_take(struct frame_list *list)
{
	struct frame *f = list->first;

	if (!f)
		return NULL;
	list->first = f->next;
	if (!list->first)
		list->last = NULL;
	list->n--;
	return f;
}

void frame_list_clear(struct frame_list *list, struct frame_pool *pool)
{
	struct frame *f;

	while ((f = frame_list_take(list)))
		frame_free(pool, f);
}
