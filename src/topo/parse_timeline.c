/* SPDX-License-Identifier: MIT */
/* The timeline of a document: events with their nodes, links and services found. */
#include "topo/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "topo/link.h"
#include "topo/parse.h"
#include "topo/presets.h"

static const struct path *place(const struct path *at, const char *key, struct path *storage)
{
	*storage = (struct path){ .up = at, .key = key };
	return storage;
}

static bool find_service(struct document *d, const struct path *at, size_t node, const char *name,
			 size_t *ret)
{
	const struct topo_node *n = &d->p.topo->nodes[node];
	const char *nearest = NULL;

	for (*ret = 0; *ret < n->n_services; ++*ret) {
		if (strcmp(n->services[*ret].name, name) == 0)
			return true;
	}
	if (n->n_services > 0)
		nearest = name_nearest(name, &n->services[0].name, n->n_services,
				       sizeof(n->services[0]));
	diag_error(&d->p.diags, at,
		   nearest ? diag_hint(&d->p.diags, "did you mean '%s/%s'?", n->name, nearest)
			   : "add it to the node's 'services'",
		   "there is no service '%s' in node '%s'", diag_quote(&d->p.diags, name), n->name);
	return false;
}

/* --- when --- */

static bool resolve_trigger(struct document *d, const struct path *at, const struct event_draft *e,
			    struct topo_event *ret)
{
	struct path when, key, item;

	place(at, "when", &when);
	if (!(e->set & 1u << EVENT_WHEN)) {
		ret->trigger = TOPO_AT;
		ret->at_ns = e->at_ns;
		return true;
	}
	if (e->when.set & 1u << WHEN_PACKET) {
		place(&when, "packet", &key);
		item = (struct path){ .up = &key };
		ret->trigger = TOPO_ON_PACKET;
		ret->match = e->when.match;
		ret->nth = e->when.nth;
		return find_link(d, &item, e->when.link, &ret->packet_link);
	}
	place(&when, "log", &key);
	item = (struct path){ .up = &key };
	ret->trigger = TOPO_ON_LOG;
	ret->regex = e->when.regex;
	return find_node(d, &item, e->when.node, &ret->log_node) &&
	       find_service(d, &item, ret->log_node, e->when.service, &ret->log_service);
}

/* --- link --- */

/** Keys that a ramp can go along, as far as their new value is a number. */
static uint32_t rampable(const struct impairment *m)
{
	uint32_t keys = IMPAIR_BIT(IMPAIR_DELAY) | IMPAIR_BIT(IMPAIR_JITTER) |
			IMPAIR_BIT(IMPAIR_DUPLICATE) | IMPAIR_BIT(IMPAIR_CORRUPT) |
			IMPAIR_BIT(IMPAIR_REORDER);

	if (!m->rate_trace)
		keys |= IMPAIR_BIT(IMPAIR_RATE);
	if (m->loss.model == IMPAIR_LOSS_RANDOM)
		keys |= IMPAIR_BIT(IMPAIR_LOSS);
	return m->set & keys;
}

static bool resolve_change(struct document *d, const struct path *at, const struct event_draft *e,
			   struct topo_event *ret)
{
	const uint32_t other = e->set & (1u << EVENT_UP | 1u << EVENT_CLEAR | 1u << EVENT_CARRIER);
	struct diag_sink *diags = &d->p.diags;
	struct path link, key;
	bool good = find_link(d, place(at, "link", &link), e->link, &ret->link);

	ret->action = TOPO_CHANGE;
	if (good && !find_directions(d, place(at, "from", &key), e->from, ret->link, ret->dirs))
		good = false;
	for (unsigned i = 0; i < 2; i++)
		impairment_put_over(&ret->keys[i], &e->keys, i);
	if (e->set & 1u << EVENT_UP) {
		if (impair_asks(&e->keys, IMPAIR_DOWN)) {
			diag_error(diags, place(at, "up", &key), "leave out one of the two",
				   "'up' and 'down' cannot be in one event");
			good = false;
		}
		for (unsigned i = 0; i < 2; i++) {
			ret->keys[i].set |= IMPAIR_BIT(IMPAIR_DOWN);
			ret->keys[i].down = false;
		}
	}
	if (e->set & 1u << EVENT_CLEAR)
		ret->basis = TOPO_BASIS_FILE;
	if (e->set & 1u << EVENT_CARRIER) {
		ret->carrier = e->carrier ? TOPO_CARRIER_ON : TOPO_CARRIER_OFF;
		if (e->from) {
			diag_error(diags, place(at, "carrier", &key),
				   "leave out 'from', or cut one direction with \"down\": true",
				   "'carrier' is the link's, not a direction's");
			good = false;
		}
	}
	if (good && !ret->keys[0].set && !other) {
		diag_error(diags, at, "e.g. \"delay\": \"50ms\", \"down\": true or \"clear\": true",
			   "the event says nothing to do with link '%s'",
			   d->p.topo->links[ret->link].name);
		good = false;
	}
	ret->ramp_ns = e->ramp_ns;
	if (good && ret->ramp_ns > 0 && !rampable(&ret->keys[0])) {
		diag_error(
			diags, place(at, "ramp", &key),
			"give one of delay, jitter, rate, random loss, duplicate, corrupt, reorder",
			"'ramp' has no number to go to: what else there is changes at once");
		good = false;
	}
	return good;
}

/* --- exec --- */

static bool resolve_exec(struct document *d, const struct path *at, const struct event_draft *e,
			 struct topo_event *ret)
{
	static const struct {
		enum event_key bit;
		const char *name;
	} others[] = {
		{ EVENT_FROM, "from" },   { EVENT_RAMP, "ramp" },       { EVENT_UP, "up" },
		{ EVENT_CLEAR, "clear" }, { EVENT_CARRIER, "carrier" },
	};
	struct path exec, key;
	bool good = true;

	place(at, "exec", &exec);
	ret->action = TOPO_EXEC;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (!(e->set & 1u << others[i].bit))
			continue;
		diag_error(&d->p.diags, place(at, others[i].name, &key),
			   "make it an event of its own", "'%s' is about a link, not about 'exec'",
			   others[i].name);
		good = false;
	}
	if (e->keys.set) {
		diag_error(&d->p.diags, at, "make two events of it",
			   "an event with 'exec' cannot change a link too");
		good = false;
	}
	return find_node(d, place(&exec, "node", &key), e->exec.node, &ret->node) && good;
}

/** Gives the command its place among those of the node: these are counted first, then put in. */
static void add_commands(struct document *d, const struct event_draft *drafts)
{
	struct topo *t = d->p.topo;

	for (size_t i = 0; i < t->n_events; i++) {
		if (t->timeline[i].action == TOPO_EXEC)
			t->nodes[t->timeline[i].node].n_commands++;
	}
	for (size_t i = 0; i < t->n_nodes && !d->p.oom; i++) {
		if (t->nodes[i].n_commands > 0)
			t->nodes[i].commands = parser_array(&d->p, t->nodes[i].n_commands,
							    sizeof(*t->nodes[i].commands));
		t->nodes[i].n_commands = 0;
	}
	for (size_t i = 0; i < t->n_events && !d->p.oom; i++) {
		struct topo_event *event = (struct topo_event *)&t->timeline[i];
		struct topo_node *node = &t->nodes[event->node];
		struct topo_service *command;

		if (event->action != TOPO_EXEC)
			continue;
		event->command = node->n_commands++;
		command = (struct topo_service *)&node->commands[event->command];
		command->run = drafts[i].exec.run;
		command->name = arena_printf(d->p.arena, "timeline--%zu", i + 1);
		if (!command->name)
			d->p.oom = true;
	}
}

/* --- all of it --- */

static bool parse_event(struct document *d, const struct path *at, const json_t *v,
			struct event_draft *e, struct topo_event *ret)
{
	const uint32_t triggers = 1u << EVENT_AT | 1u << EVENT_WHEN,
		       actions = 1u << EVENT_LINK | 1u << EVENT_EXEC;
	size_t errors = d->p.diags.out->n_errors;
	bool good = true;

	if (!object_parse(&d->p, at, v, &event_spec, e) || d->p.oom)
		return false;
	/* a key that was refused is missed by others */
	if (d->p.diags.out->n_errors > errors || d->p.diags.full)
		return false;
	if ((e->set & triggers) == 0 || (e->set & triggers) == triggers) {
		diag_error(&d->p.diags, at, "e.g. \"at\": \"5s\"",
			   "an event has either 'at' or 'when'");
		good = false;
	}
	if ((e->set & actions) == 0 || (e->set & actions) == actions) {
		diag_error(
			&d->p.diags, at,
			"e.g. \"link\": \"a--b\", \"delay\": \"50ms\", or \"exec\": {\"node\": \"a\", \"run\": "
			"[\"ping\", \"-c1\", \"b\"]}",
			"an event has either 'link' or 'exec'");
		return false;
	}
	good &= resolve_trigger(d, at, e, ret);
	if (e->set & 1u << EVENT_EXEC)
		return resolve_exec(d, at, e, ret) && good;
	return resolve_change(d, at, e, ret) && good;
}

void parse_timeline(struct document *d)
{
	const json_t *events = d->top.timeline.value;
	const struct path *where = &d->top.timeline.at;
	struct event_draft *drafts;
	struct topo_event *timeline;
	size_t n = json_array_size(events);
	bool good = true;

	if (!events)
		return;
	if (!json_is_array(events)) {
		wrong_kind(&d->p, where, events, "a list of events",
			   "e.g. [{\"at\": \"5s\", \"link\": \"a--b\", \"down\": true}]");
		return;
	}
	if (n > TOPO_EVENTS_MAX) {
		diag_error(&d->p.diags, where, "let a program of yours call `netlab link set`",
			   "there are more events than the limit of %d", (int)TOPO_EVENTS_MAX);
		return;
	}
	drafts = calloc(n + 1, sizeof(*drafts));
	timeline = parser_array(&d->p, n, sizeof(*timeline));
	if (!drafts)
		d->p.oom = true;
	for (size_t i = 0; i < n && !d->p.oom; i++) {
		const struct path at = { .up = where, .index = i };

		good &= parse_event(d, &at, json_array_get(events, i), &drafts[i], &timeline[i]);
	}
	if (!d->p.oom && good) {
		d->p.topo->timeline = timeline;
		d->p.topo->n_events = n;
		add_commands(d, drafts);
		check_timeline(d);
	}
	free(drafts);
}
