/* SPDX-License-Identifier: MIT */
/* What the events of a timeline make of links, one after the other. */
#include <stdlib.h>

#include "topo/link.h"
#include "topo/parse.h"

/** A link that events change: what is asked of it so far. */
struct state {
	struct impairment asked[2];
};

struct tell {
	struct diag_sink *diags;
	const struct path *event;
	const struct impairment *keys;
	bool said; /* of one direction: of the other it would be the same */
};

static void tell_problem(void *ctx, bool is_warning, enum impair_key key, const char *message,
			 const char *hint)
{
	struct tell *t = ctx;
	const struct path place = { .up = t->event, .key = impair_key_name(key) };

	/* what was so before is not this event's */
	if (is_warning || t->said)
		return;
	t->said = true;
	diag_error(t->diags, impair_asks(t->keys, key) ? &place : t->event, hint,
		   "after this event: %s", message);
}

struct order {
	uint64_t at_ns;
	size_t event;
};

static int by_time(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return x->event < y->event ? -1 : x->event > y->event;
}

static void apply(struct document *d, size_t index, struct state *state)
{
	const struct topo_event *e = &d->p.topo->timeline[index];
	const struct topo_link *link = &d->p.topo->links[e->link];
	const struct path at = { .up = &d->top.timeline.at, .index = index };
	struct tell tell = { .diags = &d->p.diags, .event = &at };

	for (unsigned i = 0; i < 2; i++) {
		if (!e->dirs[i])
			continue;
		if (e->basis == TOPO_BASIS_FILE)
			state->asked[i] = link->dir[i];
		impairment_merge(&state->asked[i], &e->keys[i]);
		tell.keys = &e->keys[i];
		impairment_problems(&state->asked[i], link->mtu, tell_problem, &tell);
	}
}

/**
 * Follows the events that have a time through it. When a trigger comes nobody knows: links that one changes are left to
 * the run time, which refuses what cannot be and says so.
 */
void check_timeline(struct document *d)
{
	const struct topo *t = d->p.topo;
	struct order *orders = calloc(t->n_events + 1, sizeof(*orders));
	struct state *states = calloc(t->n_events + 1, sizeof(*states));
	uint32_t *of_link = calloc(t->n_links + 1, sizeof(*of_link));
	const uint32_t unknown = UINT32_MAX;
	size_t n = 0, n_states = 0;

	if (!orders || !states || !of_link) {
		d->p.oom = true;
		goto out;
	}
	for (size_t i = 0; i < t->n_events; i++) {
		const struct topo_event *e = &t->timeline[i];

		if (e->action != TOPO_CHANGE)
			continue;
		if (e->trigger != TOPO_AT)
			of_link[e->link] = unknown;
		else
			orders[n++] = (struct order){ e->at_ns, i };
	}
	qsort(orders, n, sizeof(*orders), by_time);
	for (size_t i = 0; i < n; i++) {
		size_t link = t->timeline[orders[i].event].link;

		if (of_link[link] == unknown)
			continue;
		if (of_link[link] == 0) {
			of_link[link] = (uint32_t)++n_states;
			states[n_states - 1].asked[0] = t->links[link].dir[0];
			states[n_states - 1].asked[1] = t->links[link].dir[1];
		}
		apply(d, orders[i].event, &states[of_link[link] - 1]);
	}
out:
	free(orders);
	free(states);
	free(of_link);
}
