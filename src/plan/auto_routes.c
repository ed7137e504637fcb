/* SPDX-License-Identifier: MIT */
/*
 * Routes that netlab fills in (docs/adr/0003).
 *
 * A node with one link gets a default route. Every other gets the shortest way to each subnet, to the addresses on
 * other nodes' lo, and to single addresses where the way to their subnet would be a detour, or there is none. Then neighbouring
 * prefixes with the same next hops become one, as long as the two are exactly its halves: a table that covers not one
 * address more, and on a large network is hundreds of times shorter.
 */
#include "plan/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan/paths.h"

#define NONE UINT32_MAX

enum destination_kind {
	TO_SUBNET,
	TO_PAIR, /* a subnet of two addresses, both of routers: each may be nearer on its own */
	TO_NODE, /* an address on lo; of an uplink, the world */
};

struct destination {
	plan_u128 key; /* the network, its first bit the highest; the same for both families */
	uint8_t len;
	int16_t enclosing; /* length of the longest destination that strictly contains this; -1 */
	bool repeated;     /* the next one has the same prefix */
	enum destination_kind kind;
	uint32_t index;   /* subnet, or node */
	uint32_t pair[2]; /* TO_PAIR: the nodes of the lower and the upper address */
};

/* A route that is being built, before it is joined with others. */
struct piece {
	plan_u128 key;
	uint8_t len;
	int16_t enclosing;
	uint32_t label;
};

struct prefix_key {
	plan_u128 key;
	uint8_t len;
	bool replaces; /* a route of the kernel's default metric: takes the place of an automatic one */
};

struct family_routes {
	struct paths *paths;
	struct destination *destinations;
	uint32_t n_destinations;
	uint32_t *gateway; /* [subnet] the first member that is a router with another link; NONE */
};

struct routes {
	struct family_routes family[PLAN_FAMILIES];
	bool shared;              /* one search serves both families */
	struct piece *stack;      /* as many as the most destinations, twice */
	struct prefix_key *given; /* explicit destinations of the node at hand, ascending */
	size_t n_given, given_size;
};

/* ---- destinations ---- */

static plan_u128 key_of(const struct ip_addr *a)
{
	plan_u128 key = 0;

	for (unsigned i = 0; i < sizeof(a->bytes); i++)
		key = key << 8 | a->bytes[i];
	return key;
}

static struct ip_prefix prefix_of(unsigned family, plan_u128 key, uint8_t len)
{
	struct ip_prefix p = { .addr.family = (uint8_t)family_of(family), .len = len };

	for (unsigned i = sizeof(p.addr.bytes); i-- > 0; key >>= 8)
		p.addr.bytes[i] = (uint8_t)key;
	return p;
}

/* The bit that tells the halves of a prefix of length len - 1 apart. */
static plan_u128 last_bit(uint8_t len)
{
	return (plan_u128)1 << (128 - len);
}

static int compare_keys(plan_u128 x, uint8_t x_len, plan_u128 y, uint8_t y_len)
{
	if (x != y)
		return x < y ? -1 : 1;
	return (int)x_len - (int)y_len;
}

static int compare_destinations(const void *x, const void *y)
{
	const struct destination *d = x, *e = y;
	int order = compare_keys(d->key, d->len, e->key, e->len);

	if (order)
		return order;
	if (d->kind != e->kind)
		return d->kind < e->kind ? -1 : 1;
	return d->index < e->index ? -1 : d->index > e->index;
}

static bool contains(const struct destination *outer, const struct destination *inner)
{
	return outer->len == 0 || (outer->key ^ inner->key) >> (128 - outer->len) == 0;
}

static bool is_router(const struct build *b, const struct subnet_member *m)
{
	return topo_forwards(node_of(b, m->end));
}

static struct destination subnet_destination(const struct build *b, const struct subnet *s,
					     uint32_t index)
{
	struct destination d = { .key = key_of(&s->net.addr), .len = s->net.len, .index = index };

	if (s->n_members == 2 && s->net.len + 1u == ip_bits(&s->net.addr) &&
	    is_router(b, &s->members[0]) && is_router(b, &s->members[1])) {
		bool swapped = ip_compare(&s->members[0].addr, &s->members[1].addr) > 0;

		d.kind = TO_PAIR;
		for (unsigned i = 0; i < 2; i++)
			d.pair[i] = (uint32_t)topo_end_of(b, s->members[i ^ swapped].end)->node;
	}
	return d;
}

static uint32_t add_lo(const struct build *b, unsigned family, struct destination *to)
{
	uint32_t n = 0;

	for (uint32_t node = 0; node < b->topo->n_nodes; node++) {
		const struct plan_interface *lo = &b->plan->nodes[node].interfaces[0];

		for (size_t k = 0; k < lo->n_addresses; k++) {
			const struct ip_addr *a = &lo->addresses[k].addr;

			if (family_index(a) != family || plan_is_loopback(a) ||
			    ip_is_link_local(a) || !topo_is_ip(&b->topo->nodes[node]))
				continue;
			if (to)
				to[n] = (struct destination){
					.key = key_of(a),
					.len = (uint8_t)ip_bits(a),
					.kind = TO_NODE,
					.index = node,
				};
			n++;
		}
	}
	return n;
}

/* The world is behind an uplink, for IPv4: a prefix that holds everything, at that node. */
static uint32_t add_world(const struct build *b, unsigned family, struct destination *to)
{
	uint32_t n = 0;

	for (uint32_t node = 0; family == 0 && node < b->topo->n_nodes; node++) {
		if (b->topo->nodes[node].kind != TOPO_UPLINK)
			continue;
		if (to)
			to[n] = (struct destination){ .kind = TO_NODE, .index = node };
		n++;
	}
	return n;
}

/* Sorts, and finds for each what lies around it. */
static void arrange(struct destination *d, uint32_t n, uint32_t *open)
{
	bool sorted = true;
	uint32_t depth = 0;

	for (uint32_t i = 1; i < n && sorted; i++)
		sorted = compare_destinations(&d[i - 1], &d[i]) <= 0;
	if (!sorted)
		qsort(d, n, sizeof(*d), compare_destinations);
	for (uint32_t i = 0; i < n; i++) {
		while (depth > 0 && !contains(&d[open[depth - 1]], &d[i]))
			depth--;
		if (depth > 0 && d[open[depth - 1]].len == d[i].len) {
			d[i].enclosing = d[open[depth - 1]].enclosing;
			d[i - 1].repeated = true;
			continue;
		}
		d[i].enclosing = depth > 0 ? d[open[depth - 1]].len : -1;
		open[depth++] = i;
	}
}

static int find_destinations(struct build *b, unsigned family, struct family_routes *f)
{
	const struct subnets *s = &b->subnets[family];
	uint32_t n_lo = add_lo(b, family, NULL);
	uint32_t n = s->n + n_lo + add_world(b, family, NULL);
	uint32_t *open = arena_array(&b->scratch, n, sizeof(*open));

	f->destinations = arena_array(&b->scratch, n, sizeof(*f->destinations));
	f->gateway = arena_array(&b->scratch, s->n, sizeof(*f->gateway));
	if (!open || !f->destinations || !f->gateway)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct subnet *subnet = &s->items[i];

		f->destinations[i] = subnet_destination(b, subnet, i);
		f->gateway[i] = NONE;
		for (uint32_t k = subnet->n_members; k-- > 0;) {
			size_t node = topo_end_of(b, subnet->members[k].end)->node;

			if (is_router(b, &subnet->members[k]) &&
			    (b->plan->nodes[node].n_interfaces > 2 ||
			     b->topo->nodes[node].kind == TOPO_UPLINK))
				f->gateway[i] = k;
		}
	}
	add_lo(b, family, f->destinations + s->n);
	add_world(b, family, f->destinations + s->n + n_lo);
	f->n_destinations = n;
	arrange(f->destinations, n, open);
	return 0;
}

struct routes *plan_routes_new(struct build *b)
{
	struct routes *r = calloc(1, sizeof(*r));
	uint32_t most = 0;

	if (!r)
		return NULL;
	r->shared = paths_same_graph(b);
	for (unsigned f = 0; f < PLAN_FAMILIES; f++) {
		if (find_destinations(b, f, &r->family[f]) < 0)
			goto fail;
		if (r->family[f].n_destinations > most)
			most = r->family[f].n_destinations;
		r->family[f].paths = f && r->shared ? r->family[0].paths : paths_new(b, f);
		if (!r->family[f].paths)
			goto fail;
	}
	r->stack = arena_array(&b->scratch, 2 * (size_t)most, sizeof(*r->stack));
	if (r->stack)
		return r;
fail:
	plan_routes_free(r);
	return NULL;
}

void plan_routes_free(struct routes *r)
{
	if (!r)
		return;
	paths_free(r->family[0].paths);
	if (!r->shared)
		paths_free(r->family[1].paths);
	free(r->given);
	free(r);
}

/* ---- what the file gives for the same destination goes before ---- */

static int compare_given(const void *x, const void *y)
{
	const struct prefix_key *a = x, *c = y;

	return compare_keys(a->key, a->len, c->key, c->len);
}

/* Collects the node's explicit destinations of one family, each once. */
static int find_given(struct build *b, struct routes *r, size_t node, unsigned family)
{
	const struct topo_node *about = &b->topo->nodes[node];
	size_t n = 0;

	r->n_given = 0;
	if (about->n_routes > r->given_size) {
		struct prefix_key *bigger = realloc(r->given, about->n_routes * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		r->given = bigger;
		r->given_size = about->n_routes;
	}
	for (size_t i = 0; i < about->n_routes; i++) {
		const struct topo_route *route = &about->routes[i];
		struct ip_prefix to = ip_network(&route->to);

		if (family_index(&to.addr) == family)
			r->given[n++] = (struct prefix_key){ key_of(&to.addr), to.len,
							     route->metric == 0 };
	}
	if (n > 1)
		qsort(r->given, n, sizeof(*r->given), compare_given);
	for (size_t i = 0; i < n; i++) {
		if (r->n_given > 0 && compare_given(&r->given[r->n_given - 1], &r->given[i]) == 0)
			r->given[r->n_given - 1].replaces |= r->given[i].replaces;
		else
			r->given[r->n_given++] = r->given[i];
	}
	return 0;
}

static const struct prefix_key *given(const struct routes *r, plan_u128 key, uint8_t len)
{
	struct prefix_key wanted = { .key = key, .len = len };

	return r->n_given == 0
		       ? NULL
		       : bsearch(&wanted, r->given, r->n_given, sizeof(wanted), compare_given);
}

static bool is_replaced(const struct routes *r, plan_u128 key, uint8_t len)
{
	const struct prefix_key *g = given(r, key, len);

	return g && g->replaces;
}

/* ---- the table of one node ---- */

struct table {
	struct build *b;
	struct routes *r;
	struct family_routes *f;
	unsigned family;
	uint32_t node;
	size_t depth; /* of r->stack */
	bool failed;
};

static void add_route(struct table *t, plan_u128 key, uint8_t len, uint32_t label)
{
	struct plan_op *op = plan_add_op(t->b, PLAN_ROUTE, t->node);

	op->route.type = TOPO_ROUTE_UNICAST;
	op->route.to = prefix_of(t->family, key, len);
	op->route.hops = paths_hops(t->f->paths, t->b, t->family, label, &op->route.n_hops);
	t->failed = t->failed || !op->route.hops;
}

/* Puts a piece on the stack and joins it with the one below while they are the halves of one prefix. A prefix that is a
 * destination itself, of netlab's or of the file's, is never made this way: it has a route of its own. */
static void push_piece(struct table *t, struct piece p)
{
	struct piece *stack = t->r->stack;

	while (t->depth > 0) {
		const struct piece *below = &stack[t->depth - 1];

		if (below->len != p.len || below->label != p.label || p.len == 0 ||
		    (below->key ^ p.key) != last_bit(p.len) || p.len - 1 <= p.enclosing ||
		    given(t->r, below->key, (uint8_t)(p.len - 1)))
			break;
		p.key = below->key; /* the lower half: its last bit is clear */
		p.len--;
		t->depth--;
	}
	stack[t->depth++] = p;
}

static void push_destination(struct table *t, const struct destination *d, uint32_t label)
{
	push_piece(t, (struct piece){ d->key, d->len, d->enclosing, label });
}

/* Members of a LAN that are better reached on their own: routers that are nearer, or reached elsewhere, than the router
 * that leads to the LAN; all, when none leads there. */
static void add_members(struct table *t, const struct destination *d, uint32_t label)
{
	const struct subnet *s = &t->b->subnets[t->family].items[d->index];

	for (uint32_t k = 0; k < s->n_members; k++) {
		const struct subnet_member *m = &s->members[k];
		uint32_t own = paths_node_label(t->f->paths,
						(uint32_t)topo_end_of(t->b, m->end)->node);
		uint8_t bits = (uint8_t)ip_bits(&m->addr);

		if (own == label || own == PATHS_NO_LABEL ||
		    (label != PATHS_NO_LABEL && !is_router(t->b, m)))
			continue;
		if (!is_replaced(t->r, key_of(&m->addr), bits))
			add_route(t, key_of(&m->addr), bits, own);
	}
}

static void add_pair(struct table *t, const struct destination *d)
{
	uint32_t labels[2];
	uint8_t bits = (uint8_t)(d->len + 1);

	for (unsigned i = 0; i < 2; i++)
		labels[i] = paths_node_label(t->f->paths, d->pair[i]);
	if (labels[0] == labels[1]) {
		push_destination(t, d, labels[0]);
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		plan_u128 key = d->key | (i ? last_bit(bits) : 0);

		if (labels[i] != PATHS_NO_LABEL && !is_replaced(t->r, key, bits))
			push_piece(t, (struct piece){ key, bits, d->enclosing, labels[i] });
	}
}

static void add_destination(struct table *t, const struct destination *d)
{
	uint32_t label;

	if (is_replaced(t->r, d->key, d->len))
		return;
	switch (d->kind) {
	case TO_SUBNET:
		label = paths_subnet_label(t->f->paths, d->index);
		if (label != PATHS_NO_LABEL)
			push_destination(t, d, label);
		add_members(t, d, label);
		break;
	case TO_PAIR:
		if (paths_subnet_label(t->f->paths, d->index) != PATHS_NO_LABEL)
			add_pair(t, d);
		break;
	case TO_NODE:
		label = paths_node_label(t->f->paths, d->index);
		if (label != PATHS_NO_LABEL)
			push_destination(t, d, label);
		break;
	}
}

static bool is_own(const struct table *t, const struct destination *d)
{
	return d->kind == TO_NODE ? d->index == t->node : paths_is_connected(t->f->paths, d->index);
}

static uint64_t cost_of(const struct table *t, const struct destination *d)
{
	return d->kind == TO_NODE ? paths_node_cost(t->f->paths, d->index)
				  : paths_subnet_cost(t->f->paths, d->index);
}

static int add_table(struct table *t)
{
	const struct destination *d = t->f->destinations, *end = d + t->f->n_destinations;

	while (d < end) {
		const struct destination *nearest = d;
		bool own = is_own(t, d);

		/* one prefix in several places: the nearest counts */
		while (d->repeated) {
			d++;
			own = own || is_own(t, d);
			if (cost_of(t, d) < cost_of(t, nearest))
				nearest = d;
		}
		if (!own)
			add_destination(t, nearest);
		d++;
	}
	for (size_t i = 0; i < t->depth; i++)
		add_route(t, t->r->stack[i].key, t->r->stack[i].len, t->r->stack[i].label);
	return t->failed ? -ENOMEM : 0;
}

/* @return whether the node's only link has a router that leads further: then that is the way to everything */
static bool add_default(struct build *b, const struct routes *r, uint32_t node, unsigned family,
			int *ret)
{
	const struct plan_interface *i = &b->plan->nodes[node].interfaces[1];
	uint32_t segment = b->segment_of[i->link];
	const struct subnets *subnets = &b->subnets[family];
	uint32_t low = 0, high = subnets->n;

	/* subnets are in order of their segments */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (subnets->items[middle].segment < segment)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < subnets->n && subnets->items[low].segment == segment; low++) {
		const struct subnet *s = &subnets->items[low];
		uint32_t gateway = r->family[family].gateway[low];
		struct plan_nexthop *hop;
		struct plan_op *op;
		bool member = false;

		for (size_t k = 0; k < i->n_addresses && !member; k++)
			member = i->addresses[k].len == s->net.len &&
				 ip_contains(&s->net, &i->addresses[k].addr);
		if (!member || gateway == NONE)
			continue;
		hop = arena_alloc(&b->plan->arena, sizeof(*hop));
		if (!hop) {
			*ret = -ENOMEM;
			return true;
		}
		*hop = (struct plan_nexthop){ s->members[gateway].addr, 1 };
		op = plan_add_op(b, PLAN_ROUTE, node);
		op->route.type = TOPO_ROUTE_UNICAST;
		op->route.to.addr.family = (uint8_t)family_of(family);
		op->route.hops = hop;
		op->route.n_hops = 1;
		return true;
	}
	return false;
}

int plan_auto_routes(struct build *b, struct routes *r, size_t node)
{
	const struct plan_node *n = &b->plan->nodes[node];
	bool searched = false;

	for (unsigned f = 0; f < PLAN_FAMILIES; f++) {
		struct table t = {
			.b = b, .r = r, .f = &r->family[f], .family = f, .node = (uint32_t)node
		};
		int ret = 0;

		if (b->subnets[f].n == 0 || n->n_interfaces < 2)
			continue;
		if (find_given(b, r, node, f) < 0)
			return plan_no_memory(b);
		/* an uplink has another way to everything */
		if (n->n_interfaces == 2 && b->topo->nodes[node].kind != TOPO_UPLINK &&
		    (is_replaced(r, 0, 0) || add_default(b, r, t.node, f, &ret))) {
			if (ret < 0)
				return plan_no_memory(b);
			continue;
		}
		if (!(searched && r->shared) && paths_from(t.f->paths, t.node) < 0)
			return plan_no_memory(b);
		searched = true;
		if (add_table(&t) < 0)
			return plan_no_memory(b);
	}
	return 0;
}
