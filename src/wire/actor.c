/* SPDX-License-Identifier: MIT */
/* A lane that carries out a script. */
#include "wire/actor.h"

#include <errno.h>

#include "wire/frame.h"

int actor_init(struct actor *a, struct script *script, uint32_t lane)
{
	*a = (struct actor){ 0 };
	if (!script || lane >= script_size(script)->n_lanes)
		return 0;
	a->seen = identity_table_new();
	if (!a->seen)
		return -ENOMEM;
	a->script = script;
	a->lane = lane;
	return 0;
}

void actor_deinit(struct actor *a)
{
	a->seen = identity_table_free(a->seen);
	a->script = NULL;
}

static void apply(const struct script_part *p, bool lets_pass, int64_t delay_ns,
		  struct pipe_ruling *ret)
{
	ret->mark = p->mark;
	ret->corrupt = p->corrupt;
	ret->damage = p->damage;
	ret->at = p->damage_at;
	ret->overtakes = p->overtakes;
	if (lets_pass && p->delay_ns > 0)
		ret->extra_ns = p->delay_ns;
	else
		ret->travel_ns = delay_ns + p->delay_ns;
	if (ret->travel_ns < 0)
		ret->travel_ns = 0;
}

void actor_rule(struct actor *a, const struct frame *f, const struct pipe_arrival *about,
		int64_t delay_ns, struct pipe_ruling *ret)
{
	const struct script_action *action = a->current;
	struct identity id;

	ret->is_whole = true;
	ret->passes_limit = true; /* what the queue dropped is dropped by the script */
	ret->travel_ns = delay_ns;
	if (about->is_copy) {
		if (action)
			apply(&action->copy, false, delay_ns, ret);
		return;
	}
	a->n++;
	/* out of memory: the packet counts as one that it may not be */
	(void)identify(a->seen, f->data, f->len, &id);
	action = script_meet(a->script, a->lane, a->n, &id);
	a->current = action;
	if (!action)
		return;
	ret->rule = 1; /* in records: not by dice */
	apply(&action->own, action->lets_pass, delay_ns, ret);
	ret->drop = action->drop;
	ret->duplicate = action->duplicate;
	if (action->hold > 0) {
		ret->hold_counter = &a->n;
		ret->hold_until = a->n + action->hold;
	}
}

void actor_tame(struct impairment *asked)
{
	/* dice are not rolled for fates that are given whole; what is left acts where the script cannot forbid it */
	asked->set &= ~(IMPAIR_BIT(IMPAIR_DOWN) | IMPAIR_BIT(IMPAIR_AQM));
}
