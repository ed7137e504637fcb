/* SPDX-License-Identifier: MIT */
/* Addresses that the file gives: used twice, or in networks that overlap. */
#include "topo/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Where an address was given. */
struct given {
	struct ip_prefix prefix;
	uint32_t node;
	uint32_t link;    /**< UINT32_MAX: lo, or a node's `interfaces` */
	uint8_t end;      /**< of the link */
	uint32_t entry;   /**< of the node's `interfaces`, where link is UINT32_MAX */
	uint32_t index;   /**< in its list */
	uint32_t count;   /**< of its list */
	uint32_t segment; /**< LAN that it is on; UINT32_MAX: none (lo) */
};

struct given_list {
	struct given *items;
	size_t n, size;
};

/** The path of an address: as many steps as the longest needs. */
struct place {
	struct path steps[5];
	const struct path *at;
};

static void locate(const struct document *d, const struct given *g, struct place *place)
{
	struct path *s = place->steps;
	size_t n;

	if (g->link != UINT32_MAX) {
		s[0] = link_path(d, g->link);
		s[1] = (struct path){ .up = &s[0], .key = "addresses" };
		s[2] = (struct path){ .up = &s[1], .index = g->end };
		n = 3;
	} else {
		s[0] = node_path(d, g->node);
		s[1] = (struct path){ .up = &s[0], .key = "interfaces" };
		s[2] = (struct path){ .up = &s[1], .index = g->entry };
		s[2].key = d->p.topo->nodes[g->node].interfaces[g->entry].name;
		s[3] = (struct path){ .up = &s[2], .key = "addresses" };
		n = 4;
	}
	if (g->count > 1) {
		s[n] = (struct path){ .up = &s[n - 1], .index = g->index };
		n++;
	}
	place->at = &s[n - 1];
}

static void add(struct document *d, struct given_list *list, const struct ip_prefix *prefixes,
		size_t n, struct given common)
{
	for (size_t i = 0; i < n && !d->p.oom; i++) {
		if (list->n == list->size) {
			size_t size = list->size ? list->size * 2 : 256;
			struct given *items = realloc(list->items, size * sizeof(*items));

			if (!items) {
				d->p.oom = true;
				return;
			}
			list->items = items;
			list->size = size;
		}
		common.prefix = prefixes[i];
		common.index = (uint32_t)i;
		common.count = (uint32_t)n;
		list->items[list->n++] = common;
	}
}

/* --- LANs: links joined by switches and hubs --- */

static uint32_t find_root(uint32_t *parents, uint32_t i)
{
	while (parents[i] != i) {
		parents[i] = parents[parents[i]];
		i = parents[i];
	}
	return i;
}

/** @return per link the number of its LAN; NULL when out of memory */
static uint32_t *find_segments(struct document *d)
{
	const struct topo *t = d->p.topo;
	uint32_t *parents = parser_array(&d->p, t->n_links, sizeof(*parents));
	uint32_t *first = parser_array(&d->p, t->n_nodes, sizeof(*first));

	if (d->p.oom)
		return NULL;
	for (uint32_t i = 0; i < t->n_links; i++)
		parents[i] = i;
	for (uint32_t i = 0; i < 2 * t->n_links; i++) {
		size_t node = t->links[i / 2].ends[i % 2].node;

		if (node == MAP_NONE || topo_is_ip(&t->nodes[node]))
			continue;
		if (first[node] == 0)
			first[node] = i / 2 + 1;
		parents[find_root(parents, i / 2)] = find_root(parents, first[node] - 1);
	}
	for (uint32_t i = 0; i < t->n_links; i++)
		parents[i] = find_root(parents, i);
	return parents;
}

static void collect(struct document *d, const uint32_t *segments, struct given_list *list)
{
	const struct topo *t = d->p.topo;

	for (uint32_t i = 0; i < 2 * t->n_links; i++) {
		const struct topo_end *end = &t->links[i / 2].ends[i % 2];

		if (end->node == MAP_NONE)
			continue;
		/* what `interfaces` adds to these comes below */
		add(d, list, end->addresses, d->link_origins[i / 2].n_addresses[i % 2],
		    (struct given){ .node = (uint32_t)end->node,
				    .link = i / 2,
				    .end = i % 2,
				    .segment = segments[i / 2] });
	}
	for (uint32_t i = 0; i < t->n_nodes; i++) {
		const struct topo_node *node = &t->nodes[i];

		for (uint32_t j = 0; j < node->n_interfaces; j++) {
			const struct topo_interface *entry = &node->interfaces[j];
			size_t found = find_interface(d, i, entry->name);
			bool lo = strcmp(entry->name, "lo") == 0;

			if (!lo && found == MAP_NONE)
				continue;
			add(d, list, entry->addresses, entry->n_addresses,
			    (struct given){ .node = i,
					    .link = UINT32_MAX,
					    .entry = j,
					    .segment = lo ? UINT32_MAX : segments[found / 2] });
		}
	}
}

/* --- addresses used twice --- */

/** Addresses that may be there on many nodes: 127.0.0.0/8 and fe80::/10. */
static bool is_local(const struct ip_addr *a)
{
	if (a->family == IP_V4)
		return a->bytes[0] == 127;
	return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

static int compare_places(const struct given *x, const struct given *y)
{
	uint64_t a = x->link == UINT32_MAX ? (uint64_t)x->node << 32 | x->entry
					   : (uint64_t)x->link << 32 | x->end;
	uint64_t b = y->link == UINT32_MAX ? (uint64_t)y->node << 32 | y->entry
					   : (uint64_t)y->link << 32 | y->end;

	/* links after nodes, as files mostly have it */
	if ((x->link == UINT32_MAX) != (y->link == UINT32_MAX))
		return x->link == UINT32_MAX ? -1 : 1;
	if (a != b)
		return a < b ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int compare_addresses(const void *a, const void *b)
{
	const struct given *x = a, *y = b;
	int c = ip_compare(&x->prefix.addr, &y->prefix.addr);

	return c ? c : compare_places(x, y);
}

static void check_twice(struct document *d, struct given_list *list)
{
	const struct topo *t = d->p.topo;

	qsort(list->items, list->n, sizeof(*list->items), compare_addresses);
	for (size_t i = 1; i < list->n; i++) {
		const struct given *one = &list->items[i - 1], *two = &list->items[i];
		char text[IP_TEXT_MAX];
		struct place place;

		if (!ip_equal(&one->prefix.addr, &two->prefix.addr))
			continue;
		if (is_local(&two->prefix.addr) && one->node != two->node)
			continue;
		locate(d, two, &place);
		diag_error(&d->p.diags, place.at, "give one of the two another address",
			   "the address %s is used twice: in node '%s' and in node '%s'",
			   ip_format_addr(&two->prefix.addr, text), t->nodes[one->node].name,
			   t->nodes[two->node].name);
	}
}

/* --- networks that overlap --- */

static int compare_networks(const void *a, const void *b)
{
	const struct given *x = a, *y = b;
	struct ip_prefix nx = ip_network(&x->prefix), ny = ip_network(&y->prefix);
	int c = ip_compare(&nx.addr, &ny.addr);

	if (c)
		return c;
	if (nx.len != ny.len)
		return nx.len < ny.len ? -1 : 1; /* what contains comes before what is contained */
	if (x->segment != y->segment)
		return x->segment < y->segment ? -1 : 1;
	return compare_places(x, y);
}

/** Warns of a network that lies in another one of a different LAN; `list` is sorted by compare_networks(). */
static void warn_overlaps(struct document *d, const struct given_list *list)
{
	const struct given *open[129]; /* each longer than the one before, so there are no more */
	size_t depth = 0;

	for (size_t i = 0; i < list->n; i++) {
		const struct given *g = &list->items[i];
		struct ip_prefix net = ip_network(&g->prefix), outer;
		char inside[IP_TEXT_MAX], outside[IP_TEXT_MAX];
		struct place place;

		while (depth > 0 && !ip_contains(&open[depth - 1]->prefix, &net.addr))
			depth--;
		if (depth == 0) {
			open[depth++] = g;
			continue;
		}
		outer = ip_network(&open[depth - 1]->prefix);
		if (open[depth - 1]->segment != g->segment) {
			locate(d, g, &place);
			diag_warning(
				&d->p.diags, place.at,
				"hosts of one cannot tell which of the two is meant; give each LAN a network of "
				"its own",
				"the network %s overlaps %s of another link (node '%s')",
				ip_format_prefix(&net, inside), ip_format_prefix(&outer, outside),
				d->p.topo->nodes[open[depth - 1]->node].name);
		}
		if (net.len > outer.len)
			open[depth++] = g;
		else
			open[depth - 1] =
				g; /* the same network: what follows is compared with the last of it */
	}
}

static void check_overlaps(struct document *d, struct given_list *list)
{
	size_t n = 0;

	/* lo, single addresses and link-local networks span no LAN */
	for (size_t i = 0; i < list->n; i++) {
		const struct given *g = &list->items[i];

		if (g->segment != UINT32_MAX && g->prefix.len < ip_bits(&g->prefix.addr) &&
		    !is_local(&g->prefix.addr))
			list->items[n++] = *g;
	}
	list->n = n;
	qsort(list->items, list->n, sizeof(*list->items), compare_networks);
	warn_overlaps(d, list);
}

/* --- MAC addresses used twice --- */

static void check_macs(struct document *d)
{
	const struct topo *t = d->p.topo;
	struct map macs = MAP_INIT;

	for (size_t i = 0; i < t->n_nodes && !d->p.oom; i++) {
		const struct topo_node *node = &t->nodes[i];
		const struct path at = node_path(d, i);
		const struct path interfaces = { .up = &at, .key = "interfaces" };

		for (size_t j = 0; j < node->n_interfaces && !d->p.oom; j++) {
			const struct topo_interface *entry = &node->interfaces[j];
			const struct path interface = { .up = &interfaces,
							.key = entry->name,
							.index = j };
			const struct path mac = { .up = &interface, .key = "mac" };
			char printed[MAC_TEXT_SIZE];
			const char *text;
			size_t other;
			int added;

			if (!entry->mac_set || find_interface(d, i, entry->name) == MAP_NONE)
				continue;
			text = arena_strdup(d->p.arena, mac_format(entry->mac, printed));
			added = text ? map_add(&macs, text, i, &other) : -1;
			if (added < 0)
				d->p.oom = true;
			else if (added > 0)
				diag_error(
					&d->p.diags, &mac, "give one of the two another, or none",
					"the MAC address %s is used twice: in node '%s' and in node '%s'",
					text, t->nodes[other].name, node->name);
		}
	}
	map_deinit(&macs);
}

void check_addresses(struct document *d)
{
	struct given_list list = { 0 };
	const uint32_t *segments = find_segments(d);

	if (segments)
		collect(d, segments, &list);
	if (!d->p.oom && list.n > 0) {
		check_twice(d, &list);
		check_overlaps(d, &list);
	}
	free(list.items);
	if (!d->p.oom)
		check_macs(d);
}
