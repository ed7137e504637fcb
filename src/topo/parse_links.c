/* SPDX-License-Identifier: MIT */
/* The links of a document: ends, names, impairments, interfaces. */
#include "topo/parse.h"

#include <stdio.h>
#include <string.h>

#include "base/names.h"

struct path link_path(const struct document *d, size_t link)
{
	return (struct path){ .up = &d->top.links.at, .index = d->link_origins[link].index };
}

/** @return whether both ends are nodes */
static bool resolve_ends(struct document *d, const struct path *at, const struct link_draft *draft,
			 struct topo_link *link)
{
	const struct path endpoints = { .up = at, .key = "endpoints" };
	const struct topo_node *node;
	bool good = true;

	for (size_t i = 0; i < 2; i++) {
		const struct path end = { .up = &endpoints, .index = i };

		if (!find_node(d, &end, draft->node[i], &link->ends[i].node))
			good = false;
		link->ends[i].ifname = draft->ifname[i];
		link->ends[i].addresses = draft->addresses[i].items;
		link->ends[i].n_addresses = draft->addresses[i].n;
		d->link_origins[link - d->p.topo->links].n_addresses[i] =
			(uint32_t)draft->addresses[i].n;
	}
	if (!good)
		return false;
	node = &d->p.topo->nodes[link->ends[0].node];
	if (link->ends[0].node == link->ends[1].node && topo_is_ip(node)) {
		diag_error(&d->p.diags, &endpoints,
			   "a loop makes sense on a switch or hub only; for more addresses use "
			   "the node's 'interfaces': {\"lo\": ...}",
			   "both ends of the link are in the %s '%s'", topo_kind_name(node->kind),
			   node->name);
		return false;
	}
	for (size_t i = 0; i < 2; i++) {
		const struct path addresses = { .up = at, .key = "addresses" };
		const struct path end = { .up = &addresses, .index = i };

		node = &d->p.topo->nodes[link->ends[i].node];
		if (!topo_is_ip(node) && link->ends[i].n_addresses > 0)
			diag_error(
				&d->p.diags, &end, "write null in its place",
				"the end at the %s '%s' cannot have addresses: it forwards frames, and has no IP stack",
				topo_kind_name(node->kind), node->name);
	}
	return true;
}

/** Names an unnamed link "a--b", "a--b.2", ...: the number counts the unnamed ones between the same two nodes. */
static const char *default_name(struct document *d, struct map *pairs, const struct topo_link *link)
{
	const struct topo_node *nodes = d->p.topo->nodes;
	size_t a = link->ends[0].node, b = link->ends[1].node, low = a < b ? a : b,
	       high = a < b ? b : a;
	char pair[48];
	size_t *count;

	snprintf(pair, sizeof(pair), "%zu %zu", low, high);
	count = map_ref(pairs, pair);
	if (!count) {
		const char *key = parser_strdup(&d->p, pair);

		if (!key || map_add(pairs, key, 1, NULL) < 0) {
			d->p.oom = true;
			return NULL;
		}
		return arena_printf(d->p.arena, "%s--%s", nodes[a].name, nodes[b].name);
	}
	++*count;
	return arena_printf(d->p.arena, "%s--%s.%zu", nodes[a].name, nodes[b].name, *count);
}

static void name_link(struct document *d, const struct path *at, const struct link_draft *draft,
		      struct map *pairs, struct topo_link *link)
{
	const struct path name = { .up = at, .key = "name" };
	size_t other;
	int added;

	link->name = draft->name ? draft->name : default_name(d, pairs, link);
	if (!link->name) {
		d->p.oom = true;
		return;
	}
	added = map_add(&d->links, link->name, (size_t)(link - d->p.topo->links), &other);
	if (added < 0)
		d->p.oom = true;
	else if (added > 0)
		diag_error(&d->p.diags, draft->name ? &name : at,
			   "give one of the two another name",
			   "the link name '%s' is used twice (see /links/%u)", link->name,
			   d->link_origins[other].index);
}

/** Where problems of a direction are reported. */
struct tell {
	struct diag_sink *diags;
	const struct path *link, *dir;
	uint32_t common, own; /**< keys that the link's object gives, and that of the direction */
	uint32_t told[2];   /**< errors and warnings so far that are not a direction's own: keys */
	uint32_t before[2]; /**< the same when this direction began: said once is enough */
};

static void tell_problem(void *ctx, bool is_warning, enum impair_key key, const char *message,
			 const char *hint)
{
	struct tell *tell = ctx;
	bool own = (tell->own & IMPAIR_BIT(key)) != 0,
	     common = !own && (tell->common & IMPAIR_BIT(key)) != 0;
	const struct path place = { .up = own ? tell->dir : tell->link,
				    .key = impair_key_name(key) };
	/* given by the defaults, or not at all: the link as a whole */
	const struct path *at = own || common ? &place : tell->link;

	if (!own) {
		if (tell->before[is_warning] & IMPAIR_BIT(key))
			return;
		tell->told[is_warning] |= IMPAIR_BIT(key);
	}
	if (is_warning)
		diag_warning(tell->diags, at, hint, "%s", message);
	else
		diag_error(tell->diags, at, hint, "%s", message);
}

static void check_impairments(struct document *d, const struct path *at,
			      const struct link_draft *draft, const struct topo_link *link)
{
	struct tell tell = { .diags = &d->p.diags, .link = at, .common = draft->common.set };

	for (size_t i = 0; i < 2; i++) {
		const struct path dir = { .up = at, .key = topo_arrow(i) };

		memcpy(tell.before, tell.told, sizeof(tell.before));
		tell.dir = &dir;
		tell.own = draft->dir[i].set;
		impairment_problems(&link->dir[i], link->mtu, tell_problem, &tell);
	}
	if (draft->common.set & IMPAIR_BIT(IMPAIR_SEED)) {
		const struct path seed = { .up = at, .key = "seed" };

		if (!((draft->dir[0].set | draft->dir[1].set) & IMPAIR_BIT(IMPAIR_SEED)))
			diag_warning(
				&d->p.diags, &seed, "give it in \"->\" and \"<-\", or leave it out",
				"both directions have the same seed, so that they lose the same packets by number");
	}
}

static void seed_directions(const struct topo *t, struct topo_link *link)
{
	for (size_t i = 0; i < 2; i++) {
		/* of the name, not of the index: appending or removing other links changes nothing */
		if (!(link->dir[i].set & IMPAIR_BIT(IMPAIR_SEED)))
			link->dir[i].seed = hash_seed(
				hash_mix(name_hash(hash_mix(t->seed), link->name) + i));
		link->dir[i].set |= IMPAIR_BIT(IMPAIR_SEED);
	}
}

static void parse_link(struct document *d, const struct path *at, const json_t *v,
		       struct map *pairs, struct topo_link *link)
{
	struct link_draft draft = { 0 };
	const struct link_draft *defaults = &d->defaults.link;
	size_t errors = d->p.diags.out->n_errors;
	struct impairment own[2];

	for (size_t i = 0; i < 2; i++)
		link->ends[i].node = MAP_NONE;
	(void)object_parse(&d->p, at, v, &link_spec, &draft);
	if (d->p.oom)
		return;
	d->link_origins[link - d->p.topo->links].set = draft.set;
	own[0] = draft.dir[0];
	own[1] = draft.dir[1];
	link_merge(&draft, defaults);
	link->mtu = draft.mtu;
	link->cost = draft.cost;
	link->offload = draft.offload;
	link->carrier = draft.carrier;
	link->join = (enum topo_join)draft.join;
	memcpy(link->dir, draft.dir, sizeof(link->dir));
	draft.dir[0] = own[0];
	draft.dir[1] = own[1];
	/* a key that was refused is missed by others: "needs 'delay'" would be said of a misspelt one */
	if (d->p.diags.out->n_errors == errors)
		check_impairments(d, at, &draft, link);
	if (link->join == TOPO_JOIN_PATCH &&
	    (impairment_is_shaping(&link->dir[0]) || impairment_is_shaping(&link->dir[1])))
		diag_error(
			&d->p.diags, at, "take \"join\": \"patch\" out, or the impairments",
			"a link joined by \"patch\" cannot do what is asked of it: nothing would be delayed or lost");
	if (!(draft.set & 1u << LINK_ENDPOINTS) || !resolve_ends(d, at, &draft, link))
		return;
	name_link(d, at, &draft, pairs, link);
	if (!d->p.oom)
		seed_directions(d->p.topo, link);
}

void parse_links(struct document *d)
{
	const json_t *links = d->top.links.value;
	struct topo *t = d->p.topo;
	struct map pairs = MAP_INIT;
	size_t n = json_array_size(links);

	if (!links)
		return;
	if (!json_is_array(links)) {
		wrong_kind(&d->p, &d->top.links.at, links, "a list of links",
			   "e.g. [{\"endpoints\": [\"a\", \"b\"]}]");
		return;
	}
	if (n > TOPO_LINKS_MAX) {
		diag_error(&d->p.diags, &d->top.links.at, "split the lab into several",
			   "there are more links than the limit of %d", (int)TOPO_LINKS_MAX);
		return;
	}
	t->links = parser_array(&d->p, n, sizeof(*t->links));
	d->link_origins = parser_array(&d->p, n, sizeof(*d->link_origins));
	for (size_t i = 0; i < n && !d->p.oom; i++) {
		const struct path at = { .up = &d->top.links.at, .index = i };

		d->link_origins[i].index = (uint32_t)i;
		t->n_links = i + 1;
		parse_link(d, &at, json_array_get(links, i), &pairs, &t->links[i]);
	}
	map_deinit(&pairs);
}

/* --- interfaces --- */

static const char *interface_key(char key[static 48], size_t node, const char *ifname)
{
	snprintf(key, 48, "%zu:%s", node, ifname);
	return key;
}

size_t find_interface(const struct document *d, size_t node, const char *ifname)
{
	char key[48];

	return map_get(&d->interfaces, interface_key(key, node, ifname));
}

/** @return 0 added; 1 the node has an interface of that name; -ENOMEM */
static int add_interface(struct document *d, size_t link, unsigned end, const char *ifname,
			 size_t *ret_other)
{
	size_t node = d->p.topo->links[link].ends[end].node;
	char key[48];
	const char *copy = parser_strdup(&d->p, interface_key(key, node, ifname));
	int r = copy ? map_add(&d->interfaces, copy, 2 * link + end, ret_other) : -1;

	if (r < 0)
		d->p.oom = true;
	return r;
}

static void add_given(struct document *d, size_t link, unsigned end)
{
	const struct topo *t = d->p.topo;
	const struct topo_end *e = &t->links[link].ends[end];
	const struct path at = link_path(d, link);
	const struct path endpoints = { .up = &at, .key = "endpoints" };
	const struct path where = { .up = &endpoints, .index = end };
	size_t other;

	if (!topo_is_ip(&t->nodes[e->node]) && strcmp(e->ifname, "br0") == 0)
		diag_error(
			&d->p.diags, &where, "take another name, or none",
			"the interface name 'br0' is taken in the %s '%s': it is the bridge itself",
			topo_kind_name(t->nodes[e->node].kind), t->nodes[e->node].name);
	if (t->nodes[e->node].kind == TOPO_UPLINK && strcmp(e->ifname, "uplink") == 0)
		diag_error(
			&d->p.diags, &where, "take another name, or none",
			"the interface name 'uplink' is taken in the uplink '%s': it leads to the host",
			t->nodes[e->node].name);
	if (add_interface(d, link, end, e->ifname, &other) == 1)
		diag_error(&d->p.diags, &where, "give one of the two another name, or none",
			   "the interface '%s' of node '%s' is used by two links (see /links/%u)",
			   e->ifname, t->nodes[e->node].name, d->link_origins[other / 2].index);
}

static void add_default(struct document *d, size_t link, unsigned end, uint32_t *next)
{
	struct topo_end *e = &d->p.topo->links[link].ends[end];
	char name[16];
	int r;

	do {
		snprintf(name, sizeof(name), "eth%u", (unsigned)next[e->node]++);
		r = add_interface(d, link, end, name, NULL);
	} while (r == 1); /* the file gives that name to another end */
	e->ifname = r == 0 ? parser_strdup(&d->p, name) : NULL;
}

/** Puts what a node's `interfaces` says of an interface into the link's end. */
static void apply_entry(struct document *d, size_t node, const struct topo_interface *entry,
			const struct path *at)
{
	struct topo *t = d->p.topo;
	size_t found = find_interface(d, node, entry->name), n;
	struct topo_end *end;
	struct ip_prefix *all;

	if (found == MAP_NONE) {
		/* an entry of the defaults is for those nodes that have the interface */
		if (d->node_origins[node].set & 1u << NODE_INTERFACES)
			diag_error(
				&d->p.diags, at,
				"a link makes it: name it there, as in \"endpoints\": [\"NODE:INTERFACE\", ...]; only lo is "
				"always there",
				"no link attaches to interface '%s' of node '%s'", entry->name,
				t->nodes[node].name);
		return;
	}
	end = &t->links[found / 2].ends[found % 2];
	end->mac_set = entry->mac_set;
	memcpy(end->mac, entry->mac, sizeof(end->mac));
	end->mtu = entry->mtu;
	if (entry->n_addresses == 0)
		return;
	n = end->n_addresses + entry->n_addresses;
	all = parser_array(&d->p, n, sizeof(*all));
	if (!all)
		return;
	if (end->n_addresses > 0)
		memcpy(all, end->addresses, end->n_addresses * sizeof(*all));
	memcpy(all + end->n_addresses, entry->addresses, entry->n_addresses * sizeof(*all));
	end->addresses = all;
	end->n_addresses = n;
}

void resolve_interfaces(struct document *d)
{
	struct topo *t = d->p.topo;
	uint32_t *next = parser_array(&d->p, t->n_nodes, sizeof(*next));

	/* the given names first: the others go round them */
	for (size_t pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < 2 * t->n_links && !d->p.oom; i++) {
			const struct topo_end *end = &t->links[i / 2].ends[i % 2];

			if (end->node == MAP_NONE || (pass == 0) != (end->ifname != NULL))
				continue;
			if (pass == 0)
				add_given(d, i / 2, i % 2);
			else
				add_default(d, i / 2, i % 2, next);
		}
	}
	for (size_t i = 0; i < t->n_nodes && !d->p.oom; i++) {
		const struct topo_node *node = &t->nodes[i];
		const struct path at = node_path(d, i);
		const struct path interfaces = { .up = &at, .key = "interfaces" };

		for (size_t j = 0; j < node->n_interfaces; j++) {
			const struct path entry = { .up = &interfaces,
						    .key = node->interfaces[j].name,
						    .index = j };

			if (strcmp(node->interfaces[j].name, "lo") != 0)
				apply_entry(d, i, &node->interfaces[j], &entry);
		}
	}
}
