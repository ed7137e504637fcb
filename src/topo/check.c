/* SPDX-License-Identifier: MIT */
/* Checks that only the whole document allows: references between its parts, and what will not behave as it reads. */
#include "topo/parse.h"

#include <string.h>

enum {
	IPV6_MTU_MIN = 1280, /* RFC 8200, 5; the kernel has no IPv6 on an interface below it */
};

/** Place of a top-level key. */
static struct path top_path(const struct document *d, const char *key)
{
	struct path at = { .up = &d->root, .key = key };
	const char *other;
	json_t *value;

	json_object_foreach((json_t *)d->json, other, value)
	{
		if (strcmp(other, key) == 0)
			break;
		at.index++;
	}
	return at;
}

static void check_routing(struct document *d)
{
	static const char why[] = "nothing is routed automatically: \"routing\" is \"none\"";
	const struct path ecmp = top_path(d, "ecmp");

	if (d->p.topo->routing != TOPO_ROUTING_NONE)
		return;
	if (d->p.topo->ecmp)
		diag_warning(&d->p.diags, &ecmp, NULL, "'ecmp' has no effect: %s", why);
	if (d->defaults.link.set & 1u << LINK_COST) {
		const struct path link = { .up = &d->top.defaults.at, .key = "link" };
		const struct path cost = { .up = &link, .key = "cost" };

		diag_warning(&d->p.diags, &cost, NULL, "'cost' has no effect: %s", why);
	}
	for (size_t i = 0; i < d->p.topo->n_links; i++) {
		const struct path at = link_path(d, i);
		const struct path cost = { .up = &at, .key = "cost" };

		if (d->link_origins[i].set & 1u << LINK_COST)
			diag_warning(&d->p.diags, &cost, NULL, "'cost' has no effect: %s", why);
	}
}

static void check_route_devices(struct document *d)
{
	const struct topo *t = d->p.topo;

	for (size_t i = 0; i < t->n_nodes; i++) {
		const struct topo_node *node = &t->nodes[i];
		const struct path at = node_path(d, i);
		const struct path routes = { .up = &at, .key = "routes" };

		for (size_t j = 0; j < node->n_routes; j++) {
			const struct path route = { .up = &routes, .index = j };
			const struct path dev = { .up = &route, .key = "dev" };
			const char *name = node->routes[j].dev;

			if (!name || strcmp(name, "lo") == 0 ||
			    find_interface(d, i, name) != MAP_NONE)
				continue;
			/* a default is for those nodes that have the interface, but a route cannot be left out */
			diag_error(
				&d->p.diags, &dev,
				"a link makes it: name it there, as in \"endpoints\": [\"NODE:INTERFACE\", "
				"...]",
				"node '%s' has no interface '%s'", node->name, name);
		}
	}
}

static void check_lone_nodes(struct document *d)
{
	const struct topo *t = d->p.topo;
	bool *linked;

	/* one node needs no link; links that could not be read say nothing about who is alone */
	if (t->n_nodes < 2 || json_array_size(d->top.links.value) != t->n_links ||
	    (d->top.links.value && !json_is_array(d->top.links.value)))
		return;
	linked = parser_array(&d->p, t->n_nodes, sizeof(*linked));
	if (!linked)
		return;
	for (size_t i = 0; i < 2 * t->n_links; i++) {
		if (t->links[i / 2].ends[i % 2].node == MAP_NONE)
			return; /* a link with a misspelt node: who is alone cannot be said */
		linked[t->links[i / 2].ends[i % 2].node] = true;
	}
	for (size_t i = 0; i < t->n_nodes; i++) {
		const struct path at = node_path(d, i);

		if (!linked[i])
			diag_warning(&d->p.diags, &at, NULL, "no link reaches the node '%s'",
				     t->nodes[i].name);
	}
}

static bool has_ipv6(const struct topo_end *end)
{
	for (size_t i = 0; i < end->n_addresses; i++) {
		if (end->addresses[i].addr.family == IP_V6)
			return true;
	}
	return false;
}

static void small_mtu(struct document *d, const struct path *at, const struct topo_end *end,
		      uint32_t mtu)
{
	const struct path place = { .up = at, .key = "mtu" };

	if (end && has_ipv6(end))
		diag_error(&d->p.diags, &place,
			   "make it 1280 or more, or take the IPv6 address out",
			   "an MTU of %u is too small for IPv6, which needs %d", (unsigned)mtu,
			   (int)IPV6_MTU_MIN);
	else if (d->p.topo->ipv6)
		diag_warning(
			&d->p.diags, &place,
			"make it 1280 or more, or say \"addressing\": {\"ipv6\": false}",
			"an MTU of %u is too small for IPv6, which needs %d: there will be IPv4 only",
			(unsigned)mtu, (int)IPV6_MTU_MIN);
}

static bool is_small(uint32_t mtu)
{
	return mtu != 0 && mtu < IPV6_MTU_MIN;
}

static void check_mtus(struct document *d)
{
	const struct topo *t = d->p.topo;
	const struct path link = { .up = &d->top.defaults.at, .key = "link" };

	if (is_small(d->defaults.link.mtu))
		small_mtu(d, &link, NULL, d->defaults.link.mtu);
	for (size_t i = 0; i < t->n_links; i++) {
		const struct topo_end *ends = t->links[i].ends;
		const struct path at = link_path(d, i);

		if (!is_small(t->links[i].mtu))
			continue;
		if (has_ipv6(&ends[0]) || has_ipv6(&ends[1]))
			small_mtu(d, &at, has_ipv6(&ends[0]) ? &ends[0] : &ends[1],
				  t->links[i].mtu);
		else if (d->link_origins[i].set & 1u << LINK_MTU)
			small_mtu(d, &at, NULL, t->links[i].mtu);
	}
	for (size_t i = 0; i < t->n_nodes; i++) {
		const struct topo_node *node = &t->nodes[i];
		const struct path at = node_path(d, i);
		const struct path interfaces = { .up = &at, .key = "interfaces" };

		for (size_t j = 0; j < node->n_interfaces; j++) {
			const struct topo_interface *entry = &node->interfaces[j];
			const struct path place = { .up = &interfaces,
						    .key = entry->name,
						    .index = j };
			size_t found = find_interface(d, i, entry->name);

			if (is_small(entry->mtu) && found != MAP_NONE)
				small_mtu(d, &place, &t->links[found / 2].ends[found % 2],
					  entry->mtu);
		}
	}
}

/* Two ways out would be two defaults, and nobody could say which is taken. */
static void check_uplinks(struct document *d)
{
	const struct topo *t = d->p.topo;
	size_t first = SIZE_MAX;

	for (size_t i = 0; i < t->n_nodes; i++) {
		const struct path at = node_path(d, i);
		const struct path kind = { .up = &at, .key = "kind" };

		if (t->nodes[i].kind != TOPO_UPLINK)
			continue;
		if (first == SIZE_MAX)
			first = i;
		else
			diag_error(&d->p.diags, &kind, "make it a \"router\"",
				   "a lab has one uplink at most, and '%s' is one",
				   t->nodes[first].name);
	}
}

void check_document(struct document *d)
{
	check_routing(d);
	check_route_devices(d);
	check_lone_nodes(d);
	check_mtus(d);
	check_dns(d);
	check_names(d);
	check_uplinks(d);
	if (!d->p.oom)
		check_addresses(d);
}
