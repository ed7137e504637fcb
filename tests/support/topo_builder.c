/* SPDX-License-Identifier: MIT */
/* Topologies made in C. */
#include "support/topo_builder.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct topo *topo_builder_new(const char *name, size_t nodes, size_t links)
{
	struct topo *t = calloc(1, sizeof(*t));

	assert(t);
	t->name = arena_strdup(&t->arena, name);
	t->seed = 1;
	t->hosts = t->ipv4 = t->ipv6 = true;
	assert(ip_parse_prefix("10.0.0.0/8", &t->ipv4_pool) == 0);
	assert(ip_parse_prefix("fd00:6e6c::/32", &t->ipv6_pool) == 0);
	t->nodes = arena_array(&t->arena, nodes, sizeof(*t->nodes));
	t->links = arena_array(&t->arena, links, sizeof(*t->links));
	assert(t->nodes && t->links);
	return t;
}

void topo_builder_free(struct topo *t)
{
	if (!t)
		return;
	arena_deinit(&t->arena);
	free(t);
}

size_t topo_builder_node(struct topo *t, enum topo_kind kind, const char *name)
{
	struct topo_node *n = &t->nodes[t->n_nodes];

	n->name = n->hostname = arena_strdup(&t->arena, name);
	n->kind = kind;
	return t->n_nodes++;
}

static size_t find(const struct topo *t, const char *name, size_t len)
{
	/* the last ones first: generated topologies link what was just made */
	for (size_t n = t->n_nodes; n-- > 0;) {
		if (strlen(t->nodes[n].name) == len && memcmp(t->nodes[n].name, name, len) == 0)
			return n;
	}
	assert(!"no such node");
	return SIZE_MAX;
}

struct topo_link *topo_builder_link(struct topo *t, const char *a, const char *b)
{
	struct topo_link *l = &t->links[t->n_links++];
	const char *ends[2] = { a, b };

	for (unsigned e = 0; e < 2; e++) {
		size_t len = strcspn(ends[e], ":");

		l->ends[e].node = find(t, ends[e], len);
		if (ends[e][len])
			l->ends[e].ifname = arena_strdup(&t->arena, ends[e] + len + 1);
	}
	l->name = arena_printf(&t->arena, "%s--%s", t->nodes[l->ends[0].node].name,
			       t->nodes[l->ends[1].node].name);
	l->cost = 1;
	l->carrier = true;
	for (unsigned d = 0; d < 2; d++)
		l->dir[d] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_SEED), .seed = d };
	return l;
}

static const struct ip_prefix *appended(struct topo *t, const struct ip_prefix *old, size_t n,
					const char *text)
{
	struct ip_prefix *list = arena_array(&t->arena, n + 1, sizeof(*list));

	assert(list);
	if (n)
		memcpy(list, old, n * sizeof(*list));
	assert(ip_parse_prefix(text, &list[n]) == 0);
	return list;
}

void topo_builder_address(struct topo *t, struct topo_link *l, unsigned end, const char *prefix)
{
	struct topo_end *e = &l->ends[end];

	e->addresses = appended(t, e->addresses, e->n_addresses, prefix);
	e->n_addresses++;
}

void topo_builder_lo(struct topo *t, const char *node, const char *prefix)
{
	struct topo_node *n = &t->nodes[find(t, node, strlen(node))];
	struct topo_interface *lo = arena_alloc(&t->arena, sizeof(*lo));

	assert(lo);
	if (n->n_interfaces)
		*lo = n->interfaces[0];
	lo->name = "lo";
	lo->addresses = (struct ip_prefix *)appended(t, lo->addresses, lo->n_addresses, prefix);
	lo->n_addresses++;
	n->interfaces = lo;
	n->n_interfaces = 1;
}

struct topo_route *topo_builder_route(struct topo *t, const char *node, const char *to,
				      const char *via)
{
	struct topo_node *n = &t->nodes[find(t, node, strlen(node))];
	struct topo_route *list = arena_array(&t->arena, n->n_routes + 1, sizeof(*list)), *r;

	assert(list);
	if (n->n_routes)
		memcpy(list, n->routes, n->n_routes * sizeof(*list));
	r = &list[n->n_routes++];
	assert(ip_parse_prefix(to, &r->to) == 0);
	if (via)
		assert(ip_parse_addr(via, &r->via) == 0);
	n->routes = list;
	return r;
}

void topo_builder_sysctl(struct topo *t, const char *node, const char *key, const char *value)
{
	struct topo_node *n = &t->nodes[find(t, node, strlen(node))];
	struct topo_pair *list = arena_array(&t->arena, n->n_sysctls + 1, sizeof(*list));

	assert(list);
	if (n->n_sysctls)
		memcpy(list, n->sysctls, n->n_sysctls * sizeof(*list));
	list[n->n_sysctls++] = (struct topo_pair){ key, value };
	n->sysctls = list;
}

struct topo *topo_builder_ring(size_t n)
{
	struct topo *t = topo_builder_new("ring", n, n);
	char name[2][24];

	for (size_t i = 0; i < n; i++) {
		snprintf(name[0], sizeof(name[0]), "r%zu", i);
		topo_builder_node(t, TOPO_ROUTER, name[0]);
	}
	for (size_t i = 0; i < n; i++) {
		snprintf(name[0], sizeof(name[0]), "r%zu", i);
		snprintf(name[1], sizeof(name[1]), "r%zu", (i + 1) % n);
		topo_builder_link(t, name[0], name[1]);
	}
	return t;
}
