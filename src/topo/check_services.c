/* SPDX-License-Identifier: MIT */
/* What services come after: found, and free of circles. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/names.h"
#include "topo/parse.h"

enum {
	/* Defaults count for every node, so a small file could ask for any number. */
	AFTER_MAX = 1000000,
	/* Names in a message about a circle. */
	CIRCLE_NAMES_MAX = 10,
};

/* --- finding --- */

static bool has_defaults_services(const struct document *d, size_t node)
{
	return !(d->node_origins[node].set & 1u << NODE_SERVICES);
}

/** Place of a node's `services`: its own, or those of the defaults. */
struct services_path {
	struct path node, services;
};

static const struct path *services_path(const struct document *d, size_t index,
					struct services_path *ret)
{
	if (has_defaults_services(d, index))
		ret->node = (struct path){ .up = &d->top.defaults.at, .key = "node" };
	else
		ret->node = node_path(d, index);
	ret->services = (struct path){ .up = &ret->node, .key = "services" };
	return &ret->services;
}

static bool find(struct document *d, const struct path *at, size_t own, struct topo_after *a)
{
	const char *slash = strchr(a->text, '/'), *name = slash ? slash + 1 : a->text,
		   *nearest = NULL;
	const struct topo_node *node;
	size_t index = own;

	if (slash) {
		char text[NAME_MAX_BYTES + 1];
		size_t len = (size_t)(slash - a->text);

		if (len > NAME_MAX_BYTES)
			len = NAME_MAX_BYTES;
		memcpy(text, a->text, len);
		text[len] = '\0';
		if (!find_node(d, at, text, &index))
			return false;
	}
	node = &d->p.topo->nodes[index];
	a->node = slash ? index : TOPO_OWN_NODE;
	for (a->service = 0; a->service < node->n_services; a->service++) {
		if (strcmp(node->services[a->service].name, name) == 0)
			return true;
	}
	if (node->n_services > 0)
		nearest = name_nearest(name, &node->services[0].name, node->n_services,
				       sizeof(node->services[0]));
	diag_error(&d->p.diags, at,
		   nearest ? diag_hint(&d->p.diags, "did you mean \"%s%s%s\"?",
				       slash ? node->name : "", slash ? "/" : "", nearest)
			   : "another node's is written \"NODE/NAME\"",
		   "node '%s' has no service '%s' to come after", node->name,
		   diag_quote(&d->p.diags, name));
	return false;
}

static bool find_all_of_node(struct document *d, size_t index)
{
	const struct topo_node *node = &d->p.topo->nodes[index];
	struct services_path at_services;
	const struct path *services = services_path(d, index, &at_services);
	bool good = true;

	for (size_t i = 0; i < node->n_services; i++) {
		const struct topo_service *service = &node->services[i];
		const struct path item = { .up = services, .index = i };
		const struct path after = { .up = &item, .key = "after" };

		for (size_t j = 0; j < service->n_after; j++) {
			const struct path at = { .up = &after, .index = j };

			good &= find(d, &at, index, (struct topo_after *)&service->after[j]);
		}
	}
	return good;
}

/* --- circles --- */

enum colour { NEW, OPEN, CLOSED };

/** A service on the way from where the walk began. */
struct stop {
	size_t node, service;
	size_t next; /**< of its `after` */
};

struct walk {
	struct document *d;
	size_t *first;      /**< per node: number of its first service; owned */
	char *colours;      /**< by number; owned */
	struct stop *stops; /**< owned */
	size_t n, size;
	struct topo_place *order; /**< the arena's */
	size_t n_order;
};

static bool enter(struct walk *w, size_t node, size_t service)
{
	if (w->n == w->size) {
		size_t size = w->size ? w->size * 2 : 64;
		struct stop *more = reallocarray(w->stops, size, sizeof(*more));

		if (!more) {
			w->d->p.oom = true;
			return false;
		}
		w->stops = more;
		w->size = size;
	}
	w->stops[w->n++] = (struct stop){ .node = node, .service = service };
	w->colours[w->first[node] + service] = OPEN;
	return true;
}

/** The way comes back to where it has been: names the services of the circle. */
static void say_circle(struct walk *w, size_t node, size_t service)
{
	const struct topo_node *nodes = w->d->p.topo->nodes;
	_cleanup_buf_ struct buf text = { 0 };
	size_t from = 0;
	struct services_path services;
	struct path item, after;

	while (w->stops[from].node != node || w->stops[from].service != service)
		from++;
	for (size_t i = from; i < w->n && i < from + CIRCLE_NAMES_MAX; i++)
		buf_printf(&text, "'%s/%s' after ", nodes[w->stops[i].node].name,
			   nodes[w->stops[i].node].services[w->stops[i].service].name);
	if (w->n - from > CIRCLE_NAMES_MAX)
		buf_printf(&text, "%zu more, after ", w->n - from - CIRCLE_NAMES_MAX);
	buf_printf(&text, "'%s/%s'", nodes[node].name, nodes[node].services[service].name);
	item = (struct path){ .up = services_path(w->d, node, &services), .index = service };
	after = (struct path){ .up = &item, .key = "after" };
	diag_error(&w->d->p.diags, &after, "take one of the 'after' out",
		   "services wait for each other in a circle: %s",
		   buf_text(&text) ? buf_text(&text) : "");
}

/** Follows everything that comes before a service. @return whether there was no circle */
static bool follow(struct walk *w, size_t node, size_t service)
{
	if (w->colours[w->first[node] + service] != NEW)
		return true;
	w->n = 0;
	if (!enter(w, node, service))
		return false;
	while (w->n > 0) {
		struct stop *stop = &w->stops[w->n - 1];
		const struct topo_service *s =
			&w->d->p.topo->nodes[stop->node].services[stop->service];
		const struct topo_after *a;
		size_t before;

		if (stop->next == s->n_after) {
			w->colours[w->first[stop->node] + stop->service] = CLOSED;
			w->order[w->n_order++] = (struct topo_place){ stop->node, stop->service };
			w->n--;
			continue;
		}
		a = &s->after[stop->next++];
		before = a->node == TOPO_OWN_NODE ? stop->node : a->node;
		if (w->colours[w->first[before] + a->service] == OPEN) {
			say_circle(w, before, a->service);
			return false;
		}
		if (w->colours[w->first[before] + a->service] == NEW &&
		    !enter(w, before, a->service))
			return false;
	}
	return true;
}

/** Where no circle is, the order in which walks end is one to start in: each service comes after all that it waits for, and
 *  else they keep the order of the file. */
static void put_in_order(struct document *d)
{
	struct topo *t = d->p.topo;
	struct walk w = { .d = d, .first = calloc(t->n_nodes + 1, sizeof(*w.first)) };
	bool good = true;

	for (size_t i = 0; w.first && i < t->n_nodes; i++)
		w.first[i + 1] = w.first[i] + t->nodes[i].n_services;
	if (w.first)
		w.colours = calloc(w.first[t->n_nodes] + 1, sizeof(*w.colours));
	if (w.colours)
		w.order = parser_array(&d->p, w.first[t->n_nodes], sizeof(*w.order));
	if (!w.first || !w.colours || !w.order)
		d->p.oom = true;
	for (size_t i = 0; !d->p.oom && i < t->n_nodes && good; i++) {
		for (size_t j = 0; j < t->nodes[i].n_services && good; j++)
			good = follow(&w, i, j);
	}
	if (good && !d->p.oom) {
		t->start_order = w.order;
		t->n_start_order = w.n_order;
	}
	free(w.first);
	free(w.colours);
	free(w.stops);
}

void check_services(struct document *d)
{
	const struct topo *t = d->p.topo;
	bool defaults_done = false, good = true;
	size_t n = 0;

	for (size_t i = 0; i < t->n_nodes; i++) {
		for (size_t j = 0; j < t->nodes[i].n_services; j++)
			n += t->nodes[i].services[j].n_after;
	}
	if (n == 0)
		return;
	if (n > AFTER_MAX) {
		diag_error(&d->p.diags, &d->top.nodes.at, "split the lab into several",
			   "services come after %zu others in all; the limit is %d", n,
			   (int)AFTER_MAX);
		return;
	}
	for (size_t i = 0; i < t->n_nodes; i++) {
		/* nodes that have the defaults' services share one list */
		bool shared = has_defaults_services(d, i) && t->nodes[i].n_services > 0;

		if (!(shared && defaults_done))
			good &= find_all_of_node(d, i);
		defaults_done |= shared;
	}
	if (good && !d->p.oom)
		put_in_order(d);
}
