/* SPDX-License-Identifier: MIT */
/*
 * netlab-test: timeout=300
 *
 * Routes, judged by walking: packets go hop by hop through the planned tables, as a kernel would send them, and the
 * way that they take is compared with shortest paths found here by other means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan/plan.h"
#include "support/topo_builder.h"
#include "support/topo_file.h"

#define FAR UINT64_MAX

/* ---- the network as the test sees it ---- */

struct owned {
	struct ip_addr addr;
	uint32_t node, interface;
};

struct entry {
	struct ip_prefix to;
	const struct plan_op *op; /* NULL = connected */
	uint32_t interface;       /* of a connected one */
};

struct table {
	struct entry *entries; /* longest prefix first; of equal ones the first counts */
	size_t n;
};

struct world {
	const struct topo *topo;
	struct plan *plan;
	uint32_t *island;    /* [link] the same for links that switches join */
	struct owned *owned; /* sorted by address */
	size_t n_owned;
	struct table *tables;
	uint64_t *cost; /* [from * n_nodes + to] */
	uint64_t *way;  /* [node] what walk() found, + 1; 0 = not walked yet */
};

static int compare_owned(const void *x, const void *y)
{
	return ip_compare(&((const struct owned *)x)->addr, &((const struct owned *)y)->addr);
}

static int compare_entries(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	if (a->to.len != b->to.len)
		return (int)b->to.len - (int)a->to.len;
	return (a->op != NULL) - (b->op != NULL);
}

/* The dullest way: spread the lowest number until nothing changes. */
static void find_islands(struct world *w)
{
	const struct topo *t = w->topo;
	bool changed = true;

	w->island = calloc(t->n_links + 1, sizeof(*w->island));
	for (uint32_t l = 0; l < t->n_links; l++)
		w->island[l] = l;
	while (changed) {
		changed = false;
		for (size_t a = 0; a < t->n_links; a++) {
			for (unsigned e = 0; e < 2; e++) {
				size_t node = t->links[a].ends[e].node;

				for (size_t j = 1; j < w->plan->nodes[node].n_interfaces &&
						   !topo_is_ip(&t->nodes[node]);
				     j++) {
					size_t b = w->plan->nodes[node].interfaces[j].link;

					if (w->island[b] < w->island[a]) {
						w->island[a] = w->island[b];
						changed = true;
					}
				}
			}
		}
	}
}

static void find_owned(struct world *w)
{
	size_t size = 0;

	for (size_t n = 0; n < w->topo->n_nodes; n++) {
		for (size_t j = 0; j < w->plan->nodes[n].n_interfaces; j++)
			size += w->plan->nodes[n].interfaces[j].n_addresses;
	}
	w->owned = calloc(size + 1, sizeof(*w->owned));
	for (uint32_t n = 0; n < w->topo->n_nodes; n++) {
		for (uint32_t j = 0; j < w->plan->nodes[n].n_interfaces; j++) {
			const struct plan_interface *i = &w->plan->nodes[n].interfaces[j];

			for (size_t k = 0; k < i->n_addresses; k++)
				w->owned[w->n_owned++] = (struct owned){ i->addresses[k].addr, n,
									 j };
		}
	}
	qsort(w->owned, w->n_owned, sizeof(*w->owned), compare_owned);
}

static void fill_tables(struct world *w)
{
	size_t *size = calloc(w->topo->n_nodes, sizeof(*size));

	w->tables = calloc(w->topo->n_nodes, sizeof(*w->tables));
	for (size_t i = 0; i < w->plan->n_ops; i++)
		size[w->plan->ops[i].node] += w->plan->ops[i].kind == PLAN_ROUTE ||
					      w->plan->ops[i].kind == PLAN_ADDRESS;
	for (size_t n = 0; n < w->topo->n_nodes; n++)
		w->tables[n].entries = calloc(size[n] + 1, sizeof(struct entry));
	for (size_t i = 0; i < w->plan->n_ops; i++) {
		const struct plan_op *op = &w->plan->ops[i];
		struct table *t = &w->tables[op->node];

		if (op->kind == PLAN_ADDRESS && op->address.interface != 0)
			t->entries[t->n++] = (struct entry){
				ip_network(&op->address.prefix),
				NULL,
				op->address.interface,
			};
		else if (op->kind == PLAN_ROUTE)
			t->entries[t->n++] = (struct entry){ op->route.to, op, 0 };
	}
	for (size_t n = 0; n < w->topo->n_nodes; n++)
		qsort(w->tables[n].entries, w->tables[n].n, sizeof(struct entry), compare_entries);
	free(size);
}

static uint64_t leaving_cost(const struct world *w, uint32_t node, size_t j)
{
	(void)node;
	return w->topo->links[w->plan->nodes[node].interfaces[j].link].cost;
}

/* A step that a packet can take: out of one of the node's interfaces, to a node on that wire. */
struct edge {
	uint32_t to;
	uint64_t cost;
};

static struct edge *edges_of(const struct world *w, uint32_t node, size_t *ret_n)
{
	const struct plan_node *p = &w->plan->nodes[node];
	struct edge *edges = NULL;
	size_t n = 0;

	for (size_t j = 1; j < p->n_interfaces; j++) {
		for (size_t m = 0; m < w->topo->n_links; m++) {
			if (w->island[m] != w->island[p->interfaces[j].link])
				continue;
			edges = realloc(edges, (n + 2) * sizeof(*edges));
			for (unsigned e = 0; e < 2; e++) {
				uint32_t to = (uint32_t)w->topo->links[m].ends[e].node;

				if (topo_is_ip(&w->topo->nodes[to]))
					edges[n++] = (struct edge){ to, leaving_cost(w, node, j) };
			}
		}
	}
	*ret_n = n;
	return edges;
}

/* Dijkstra without a heap. */
static void find_costs_from(struct world *w, uint32_t s, struct edge *const *edges,
			    const size_t *n_edges)
{
	size_t n_nodes = w->topo->n_nodes;
	uint64_t *cost = w->cost + (size_t)s * n_nodes;
	bool *done = calloc(n_nodes, sizeof(*done));

	for (size_t n = 0; n < n_nodes; n++)
		cost[n] = n == s ? 0 : FAR;
	for (;;) {
		size_t best = SIZE_MAX;

		for (size_t n = 0; n < n_nodes; n++) {
			if (!done[n] && cost[n] != FAR &&
			    (best == SIZE_MAX || cost[n] < cost[best]))
				best = n;
		}
		if (best == SIZE_MAX)
			break;
		done[best] = true;
		if (best != s && w->topo->nodes[best].kind != TOPO_ROUTER)
			continue;
		for (size_t k = 0; k < n_edges[best]; k++) {
			const struct edge *e = &edges[best][k];

			if (cost[best] + e->cost < cost[e->to])
				cost[e->to] = cost[best] + e->cost;
		}
	}
	free(done);
}

static void find_costs(struct world *w)
{
	size_t n_nodes = w->topo->n_nodes;
	struct edge **edges = calloc(n_nodes, sizeof(*edges));
	size_t *n_edges = calloc(n_nodes, sizeof(*n_edges));

	w->cost = malloc(n_nodes * n_nodes * sizeof(*w->cost));
	for (uint32_t n = 0; n < n_nodes; n++) {
		if (topo_is_ip(&w->topo->nodes[n]))
			edges[n] = edges_of(w, n, &n_edges[n]);
	}
	for (uint32_t n = 0; n < n_nodes; n++)
		find_costs_from(w, n, edges, n_edges);
	for (uint32_t n = 0; n < n_nodes; n++)
		free(edges[n]);
	free(edges);
	free(n_edges);
}

static struct world world_new(const struct topo *t)
{
	struct world w = { .topo = t };
	struct netlab_err err = { 0 };

	if (plan_build(t, NULL, &w.plan, &err) < 0)
		fail_msg("%s: %s", t->name, err.message);
	find_islands(&w);
	find_owned(&w);
	fill_tables(&w);
	find_costs(&w);
	w.way = calloc(t->n_nodes, sizeof(*w.way));
	return w;
}

static void world_free(struct world *w)
{
	for (size_t n = 0; n < w->topo->n_nodes; n++)
		free(w->tables[n].entries);
	free(w->tables);
	free(w->island);
	free(w->owned);
	free(w->cost);
	free(w->way);
	plan_free(w->plan);
}

/* ---- walking ---- */

static const struct owned *owner_of(const struct world *w, const struct ip_addr *a)
{
	struct owned key = { .addr = *a };

	return bsearch(&key, w->owned, w->n_owned, sizeof(key), compare_owned);
}

static const struct entry *look_up(const struct world *w, uint32_t node, const struct ip_addr *to)
{
	const struct table *t = &w->tables[node];

	for (size_t i = 0; i < t->n; i++) {
		if (ip_contains(&t->entries[i].to, to))
			return &t->entries[i];
	}
	return NULL;
}

static bool is_own(const struct world *w, uint32_t node, const struct ip_addr *a)
{
	const struct owned *o = owner_of(w, a);

	return o && o->node == node;
}

/* The next node on the way, out of `interface`; UINT32_MAX when the packet stops here. */
static uint32_t step(const struct world *w, uint32_t node, const struct ip_addr *to, uint32_t hop,
		     uint32_t *ret_interface)
{
	const struct entry *e = look_up(w, node, to);
	const struct ip_addr *next = to;
	const struct owned *o;

	if (!e || (e->op && hop >= e->op->route.n_hops))
		return UINT32_MAX;
	*ret_interface = e->interface;
	if (e->op) {
		*ret_interface = e->op->route.hops[hop].interface;
		if (e->op->route.hops[hop].via.family)
			next = &e->op->route.hops[hop].via;
	}
	o = owner_of(w, next);
	if (!o || o->interface == 0 || topo_is_ip(&w->topo->nodes[o->node]) == false)
		return UINT32_MAX;
	/* a neighbour answers only on the wire that it hangs on */
	if (w->island[w->plan->nodes[o->node].interfaces[o->interface].link] !=
	    w->island[w->plan->nodes[node].interfaces[*ret_interface].link])
		return UINT32_MAX;
	return o->node;
}

/* Walks the first of equal ways, remembering in w->way what is found on it.
 * @return the cost, FAR when the packet is lost or circles */
static uint64_t walk_on(struct world *w, uint32_t from, uint32_t node, const struct ip_addr *to,
			size_t hops)
{
	uint32_t interface = 0, next;
	uint64_t rest;

	if (is_own(w, node, to))
		return 0;
	if (hops > w->topo->n_nodes || (node != from && w->topo->nodes[node].kind != TOPO_ROUTER))
		return FAR;
	if (w->way[node])
		return w->way[node] - 1;
	next = step(w, node, to, 0, &interface);
	rest = next == UINT32_MAX ? FAR : walk_on(w, from, next, to, hops + 1);
	if (rest != FAR)
		rest += leaving_cost(w, node, interface);
	w->way[node] = rest == FAR ? 0 : rest + 1;
	return rest;
}

static void forget_ways(struct world *w)
{
	memset(w->way, 0, w->topo->n_nodes * sizeof(*w->way));
}

static uint64_t walk(struct world *w, uint32_t from, const struct ip_addr *to)
{
	forget_ways(w);
	return walk_on(w, from, from, to, 0);
}

static bool is_connected(const struct world *w, uint32_t node, const struct ip_addr *to)
{
	const struct entry *e = look_up(w, node, to);

	return e != NULL && e->op == NULL;
}

static uint64_t cost_between(const struct world *w, uint32_t from, uint32_t to)
{
	return w->cost[(size_t)from * w->topo->n_nodes + to];
}

static void check_way(struct world *w, uint32_t from, const struct owned *o, bool cheapest)
{
	uint64_t want = cost_between(w, from, o->node), got = walk_on(w, from, from, &o->addr, 0);
	bool may_be_longer = !cheapest || is_connected(w, from, &o->addr) ||
			     (o->interface != 0 && w->topo->nodes[o->node].kind != TOPO_ROUTER);
	char text[IP_TEXT_MAX];

	if ((want == FAR) != (got == FAR) || (got != want && !may_be_longer))
		fail_msg("%s: from '%s' to %s of '%s': cost %lld, not %lld", w->topo->name,
			 w->topo->nodes[from].name, ip_format_addr(&o->addr, text),
			 w->topo->nodes[o->node].name, (long long)got, (long long)want);
}

/* Every node to every address: reached where a way exists; with `cheapest`, a router and every lo by a cheapest one. */
static void check_all_ways(struct world *w, bool cheapest)
{
	for (size_t i = 0; i < w->n_owned; i++) {
		forget_ways(w);
		for (uint32_t from = 0; from < w->topo->n_nodes; from++) {
			if (topo_is_ip(&w->topo->nodes[from]) &&
			    w->plan->nodes[from].address[w->owned[i].addr.family == IP_V6].family !=
				    0)
				check_way(w, from, &w->owned[i], cheapest);
		}
	}
}

static size_t count_routes(const struct plan *p, uint32_t node)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_ops; i++)
		n += p->ops[i].kind == PLAN_ROUTE && (node == UINT32_MAX || p->ops[i].node == node);
	return n;
}

/* The route of a node to exactly that prefix; NULL when it has none. */
static const struct plan_op *find_route(const struct plan *p, const char *node, const char *to)
{
	struct ip_prefix want;

	assert_int_equal(ip_parse_prefix(to, &want), 0);
	for (size_t i = 0; i < p->n_ops; i++) {
		const struct plan_op *op = &p->ops[i];

		if (op->kind == PLAN_ROUTE && strcmp(p->topo->nodes[op->node].name, node) == 0 &&
		    op->route.to.len == want.len && ip_equal(&op->route.to.addr, &want.addr))
			return op;
	}
	return NULL;
}

static void assert_via(const struct plan *p, const char *node, const char *to, const char *via)
{
	const struct plan_op *op = find_route(p, node, to);
	char text[IP_TEXT_MAX];

	if (!op)
		fail_msg("'%s' has no route to %s", node, to);
	assert_int_equal(op->route.n_hops, 1);
	assert_string_equal(ip_format_addr(&op->route.hops[0].via, text), via);
}

/* ---- real networks ---- */

static void test_zoo_pings_follow_lowest_cost(void **state)
{
	(void)state;
	need_zoo();
	for (size_t i = 0; zoo_files[i]; i++) {
		struct topo *t = topo_from_file(zoo_files[i]);
		struct world w = world_new(t);

		check_all_ways(&w, true);
		world_free(&w);
		topo_free(t);
	}
}

/* A joined route covers what was routed one by one and nothing else: the networks inside fill it. */
static void test_joined_routes_are_exact(void **state)
{
	(void)state;
	need_zoo();
	for (size_t z = 0; zoo_files[z]; z++) {
		struct topo *t = topo_from_file(zoo_files[z]);
		struct world w = world_new(t);
		size_t joined = 0;

		for (size_t i = 0; i < w.plan->n_ops; i++) {
			const struct plan_op *op = &w.plan->ops[i];
			uint64_t inside = 0;

			if (op->kind != PLAN_ROUTE || op->route.to.addr.family != IP_V4 ||
			    op->route.to.len == 0 || i % 17 != 0)
				continue;
			for (size_t k = 0; k < w.n_owned; k++)
				inside += ip_contains(&op->route.to, &w.owned[k].addr);
			assert_int_equal(inside, 1ull << (32 - op->route.to.len));
			joined += op->route.to.len < 31;
		}
		assert_true(joined > 0);
		world_free(&w);
		topo_free(t);
	}
}

static void test_ring_of_thousand_stays_small(void **state)
{
	struct topo *t = topo_builder_ring(1000);
	struct plan *p = NULL;

	(void)state;
	assert_int_equal(plan_build(t, NULL, &p, NULL), 0);
	/* one by one they would be 1,994,000 */
	assert_in_range(count_routes(p, UINT32_MAX), 2000, 50000);
	plan_free(p);
	topo_builder_free(t);
}

/* ---- small ones ---- */

static struct topo *line(void)
{
	struct topo *t = topo_builder_new("line", 8, 8);

	topo_builder_node(t, TOPO_HOST, "a");
	topo_builder_node(t, TOPO_ROUTER, "r1");
	topo_builder_node(t, TOPO_ROUTER, "r2");
	topo_builder_node(t, TOPO_HOST, "b");
	topo_builder_link(t, "a", "r1");
	topo_builder_link(t, "r1", "r2");
	topo_builder_link(t, "r2", "b");
	return t;
}

static void test_one_link_means_a_default_route(void **state)
{
	struct topo *t = line();
	struct world w = world_new(t);

	(void)state;
	assert_via(w.plan, "a", "0.0.0.0/0", "10.0.0.1");
	assert_via(w.plan, "a", "::/0", "fd00:6e6c::1");
	assert_int_equal(count_routes(w.plan, 0), 2);
	assert_via(w.plan, "r1", "10.0.0.4/31", "10.0.0.3");
	assert_int_equal(count_routes(w.plan, 1), 2);
	check_all_ways(&w, true);
	world_free(&w);
	topo_builder_free(t);
}

static void test_hosts_do_not_forward(void **state)
{
	struct topo *t = topo_builder_new("hosts", 3, 2);
	struct world w;

	(void)state;
	topo_builder_node(t, TOPO_HOST, "a");
	topo_builder_node(t, TOPO_HOST, "b");
	topo_builder_node(t, TOPO_HOST, "c");
	topo_builder_link(t, "a", "b");
	topo_builder_link(t, "b", "c");
	w = world_new(t);
	/* a reaches b's other address over b itself, but not c, for b does not forward */
	assert_via(w.plan, "a", "10.0.0.2/32", "10.0.0.1");
	assert_int_equal(count_routes(w.plan, UINT32_MAX), 4);
	check_all_ways(&w, true);
	world_free(&w);
	topo_builder_free(t);
}

static void test_routing_none(void **state)
{
	struct topo *t = line();
	struct plan *p = NULL;

	(void)state;
	t->routing = TOPO_ROUTING_NONE;
	topo_builder_route(t, "a", "192.168.0.0/16", "10.0.0.1");
	assert_int_equal(plan_build(t, NULL, &p, NULL), 0);
	assert_int_equal(count_routes(p, UINT32_MAX), 1);
	assert_via(p, "a", "192.168.0.0/16", "10.0.0.1");
	plan_free(p);
	topo_builder_free(t);
}

static void test_cost_beats_hops(void **state)
{
	struct topo *t = topo_builder_ring(3);
	struct world w;

	(void)state;
	t->links[0].cost = 10; /* r0--r1 */
	topo_builder_lo(t, "r1", "192.168.0.1/32");
	w = world_new(t);
	assert_via(w.plan, "r0", "192.168.0.1/32", "10.0.0.4"); /* r2 */
	assert_int_equal(walk(&w, 0, &(struct ip_addr){ IP_V4, { 192, 168, 0, 1 } }), 2);
	world_free(&w);
	topo_builder_free(t);
}

static void test_equal_ways_in_file_order_or_all(void **state)
{
	struct topo *t = topo_builder_ring(4);
	struct plan *p = NULL;
	const struct plan_op *op;

	(void)state;
	topo_builder_lo(t, "r2", "192.168.0.2/32");
	assert_int_equal(plan_build(t, NULL, &p, NULL), 0);
	assert_via(p, "r0", "192.168.0.2/32", "10.0.0.1"); /* over r1: link 0 */
	plan_free(p);
	t->ecmp = true;
	assert_int_equal(plan_build(t, NULL, &p, NULL), 0);
	op = find_route(p, "r0", "192.168.0.2/32");
	assert_non_null(op);
	assert_int_equal(op->route.n_hops, 2);
	assert_int_equal(op->route.hops[0].interface, 1);
	assert_int_equal(op->route.hops[1].interface, 2);
	plan_free(p);
	topo_builder_free(t);
}

/* All of a node's first hops on shortest paths, and no other: from every node to every lo of a grid. */
static void test_ecmp_takes_exactly_the_shortest(void **state)
{
	enum { SIDE = 5 };
	struct topo *t = topo_builder_new("grid", SIDE * SIDE, 2 * SIDE * SIDE);
	char name[2][24], lo[32];
	struct world w;

	(void)state;
	t->ecmp = true;
	for (int i = 0; i < SIDE * SIDE; i++) {
		snprintf(name[0], sizeof(name[0]), "r%d", i);
		snprintf(lo, sizeof(lo), "192.168.%d.1/32", i);
		topo_builder_node(t, TOPO_ROUTER, name[0]);
		topo_builder_lo(t, name[0], lo);
	}
	for (int i = 0; i < SIDE * SIDE; i++) {
		snprintf(name[0], sizeof(name[0]), "r%d", i);
		snprintf(name[1], sizeof(name[1]), "r%d", i + 1);
		if (i % SIDE + 1 < SIDE)
			topo_builder_link(t, name[0], name[1])->cost = 1 + (uint32_t)i % 2;
		snprintf(name[1], sizeof(name[1]), "r%d", i + SIDE);
		if (i + SIDE < SIDE * SIDE)
			topo_builder_link(t, name[0], name[1])->cost = 1 + (uint32_t)i / SIDE % 2;
	}
	w = world_new(t);
	for (uint32_t from = 0; from < SIDE * SIDE; from++) {
		for (uint32_t to = 0; to < SIDE * SIDE; to++) {
			struct ip_addr a = { IP_V4, { 192, 168, (uint8_t)to, 1 } };
			const struct entry *e = look_up(&w, from, &a);
			uint32_t want = 0;

			if (from == to)
				continue;
			assert_non_null(e);
			for (uint32_t h = 0; h < e->op->route.n_hops; h++) {
				uint32_t interface = 0, next = step(&w, from, &a, h, &interface);

				assert_int_not_equal(next, UINT32_MAX);
				assert_int_equal(leaving_cost(&w, from, interface) +
							 cost_between(&w, next, to),
						 cost_between(&w, from, to));
			}
			for (uint32_t j = 1; j < w.plan->nodes[from].n_interfaces; j++) {
				const struct plan_interface *i = &w.plan->nodes[from].interfaces[j];
				uint32_t next = (uint32_t)t->links[i->link].ends[!i->end].node;

				want += leaving_cost(&w, from, j) + cost_between(&w, next, to) ==
					cost_between(&w, from, to);
			}
			assert_int_equal(e->op->route.n_hops, want);
		}
	}
	world_free(&w);
	topo_builder_free(t);
}

static void test_explicit_routes_win(void **state)
{
	struct topo *t = line();
	struct plan *p = NULL;
	const struct plan_op *op;

	(void)state;
	topo_builder_node(t, TOPO_ROUTER, "r3");
	topo_builder_link(t, "r1", "r3"); /* 10.0.0.6/31 */
	topo_builder_link(t, "r2", "r3"); /* 10.0.0.8/31 */
	topo_builder_route(t, "r1", "10.0.0.4/31", "10.0.0.7");
	topo_builder_route(t, "a", "0.0.0.0/0", NULL)->type = TOPO_ROUTE_UNREACHABLE;
	assert_int_equal(plan_build(t, NULL, &p, NULL), 0);
	assert_via(p, "r1", "10.0.0.4/31", "10.0.0.7");
	op = find_route(p, "a", "0.0.0.0/0");
	assert_int_equal(op->route.type, TOPO_ROUTE_UNREACHABLE);
	assert_int_equal(count_routes(p, 0), 2); /* that and ::/0 */
	plan_free(p);
	topo_builder_free(t);
}

/* 10.0.0.4/31 and 10.0.0.6/31 go one way and would be 10.0.0.4/30, were that not the file's. */
static void test_joining_respects_explicit_routes(void **state)
{
	struct topo *t = topo_builder_ring(8);
	struct plan *p = NULL;
	char to[IP_TEXT_MAX];

	(void)state;
	assert_int_equal(plan_build(t, NULL, &p, NULL), 0);
	assert_via(p, "r0", "10.0.0.4/30", "10.0.0.1");
	plan_free(p);
	topo_builder_route(t, "r0", "10.0.0.4/30", "10.0.0.14");
	assert_int_equal(plan_build(t, NULL, &p, NULL), 0);
	assert_via(p, "r0", "10.0.0.4/30", "10.0.0.14");
	assert_via(p, "r0", "10.0.0.4/31", "10.0.0.1");
	assert_via(p, "r0",
		   ip_format_prefix(&(struct ip_prefix){ { IP_V4, { 10, 0, 0, 6 } }, 31 }, to),
		   "10.0.0.1");
	plan_free(p);
	topo_builder_free(t);
}

/* No prefix twice in a table, nor a route where the node is connected: the kernel would refuse the second. */
static void check_tables(const struct world *w)
{
	for (uint32_t n = 0; n < w->topo->n_nodes; n++) {
		const struct table *t = &w->tables[n];

		for (size_t i = 0; i < t->n; i++) {
			for (size_t k = 0; k < i; k++) {
				const struct entry *a = &t->entries[i], *b = &t->entries[k];

				if ((a->op || b->op) && a->to.len == b->to.len &&
				    ip_equal(&a->to.addr, &b->to.addr))
					fail_msg("%s: '%s' has a prefix of length %u twice",
						 w->topo->name, w->topo->nodes[n].name, a->to.len);
			}
		}
	}
}

static void give(struct topo *t, struct topo_link *l, const char *a, const char *b)
{
	topo_builder_address(t, l, 0, a);
	topo_builder_address(t, l, 1, b);
}

static struct topo *routers(size_t n)
{
	struct topo *t = topo_builder_new("given", n, 2 * n);
	char name[24];

	t->ipv6 = false;
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "r%zu", i);
		topo_builder_node(t, TOPO_ROUTER, name);
	}
	return t;
}

/* Two halves that go one way are not joined when the whole is a network that lies elsewhere. */
static void test_joining_respects_networks_around(void **state)
{
	struct topo *t = routers(6);
	struct world w;

	(void)state;
	topo_builder_link(t, "r0", "r1");
	give(t, topo_builder_link(t, "r1", "r2"), "10.9.0.1/25", "10.9.0.2/25");
	give(t, topo_builder_link(t, "r1", "r3"), "10.9.0.129/25", "10.9.0.130/25");
	topo_builder_link(t, "r0", "r4");
	give(t, topo_builder_link(t, "r4", "r5"), "10.9.0.200/24", "10.9.0.201/24");
	w = world_new(t);
	assert_via(w.plan, "r0", "10.9.0.0/25", "10.0.0.1");
	assert_via(w.plan, "r0", "10.9.0.128/25", "10.0.0.1");
	assert_via(w.plan, "r0", "10.9.0.0/24", "10.0.0.7");
	check_tables(&w);
	world_free(&w);
	topo_builder_free(t);
}

/* One network in two places: the nearer counts, and who is in one of them has no route to the other. */
static void test_a_network_in_two_places(void **state)
{
	struct topo *t = routers(6);
	struct world w;

	(void)state;
	topo_builder_link(t, "r0", "r1");
	topo_builder_link(t, "r0", "r2");
	topo_builder_link(t, "r2", "r3");
	give(t, topo_builder_link(t, "r3", "r4"), "10.9.0.3/24", "10.9.0.4/24");
	give(t, topo_builder_link(t, "r1", "r5"), "10.9.0.1/24", "10.9.0.5/24");
	w = world_new(t);
	assert_via(w.plan, "r0", "10.9.0.0/24", "10.0.0.1");
	assert_via(w.plan, "r2", "10.9.0.0/24", "10.0.0.5");
	assert_null(find_route(w.plan, "r1", "10.9.0.0/24"));
	assert_null(find_route(w.plan, "r3", "10.9.0.0/24"));
	assert_null(find_route(w.plan, "r1", "10.9.0.5/32"));
	check_tables(&w);
	world_free(&w);
	topo_builder_free(t);
}

/* ---- any network ---- */

static uint32_t next_random(uint64_t *s)
{
	*s = *s * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*s >> 33);
}

static struct topo *random_topo(uint64_t seed, bool with_lans)
{
	uint64_t s = seed * 977 + 1;
	uint32_t nodes = 3 + next_random(&s) % 14, links = nodes + next_random(&s) % (2 * nodes);
	struct topo *t = topo_builder_new("random", nodes, links);
	char name[2][24];

	for (uint32_t n = 0; n < nodes; n++) {
		uint32_t dice = next_random(&s) % 10;

		snprintf(name[0], sizeof(name[0]), "n%u", n);
		topo_builder_node(t,
				  dice < 6                 ? TOPO_ROUTER
				  : dice < 8 || !with_lans ? TOPO_HOST
							   : TOPO_SWITCH,
				  name[0]);
		if (dice < 3) {
			char lo[32];

			snprintf(lo, sizeof(lo), "192.168.%u.1/32", n);
			topo_builder_lo(t, name[0], lo);
		}
	}
	for (uint32_t l = 0; l < links; l++) {
		uint32_t a = next_random(&s) % nodes, b = next_random(&s) % nodes;

		if (a == b)
			continue;
		snprintf(name[0], sizeof(name[0]), "n%u", a);
		snprintf(name[1], sizeof(name[1]), "n%u", b);
		topo_builder_link(t, name[0], name[1])->cost = seed % 2 ? 1
									: 1 + next_random(&s) % 4;
	}
	t->ecmp = seed % 3 == 0;
	return t;
}

static void test_random_networks(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		struct topo *t = random_topo(seed, seed % 4 < 2);
		struct world w = world_new(t);

		/* With LANs or costs, a single gateway and a subnet's own wire may be a detour: reaching is what counts. */
		check_all_ways(&w, seed % 4 == 3);
		check_tables(&w);
		world_free(&w);
		topo_builder_free(t);
	}
}

/* ---- what is wrong is said ---- */

static void test_bad_routes(void **state)
{
	static const struct {
		const char *name, *to, *via, *dev, *message;
	} cases[] = {
		{ "off link", "192.168.0.0/16", "10.9.9.9", NULL,
		  "route to '192.168.0.0/16' of node 'a': gateway '10.9.9.9' is not in a network of its interfaces" },
		{ "wrong dev", "192.168.0.0/16", "10.0.0.1", "eth7", "it has no such interface" },
		{ "itself", "192.168.0.0/16", "10.0.0.0", NULL,
		  "the gateway is an address of the node itself" },
		{ "families", "192.168.0.0/16", "fd00:6e6c::1", NULL, "different families" },
		{ "nothing", "192.168.0.0/16", NULL, NULL, "neither 'via' nor 'dev'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct topo *t = line();
		struct netlab_err err = { 0 };
		struct plan *p = NULL;

		topo_builder_route(t, "a", cases[i].to, cases[i].via)->dev = cases[i].dev;
		assert_int_equal(plan_build(t, NULL, &p, &err), -22);
		assert_int_equal(err.exit, NETLAB_EXIT_INVALID);
		if (!strstr(err.message, cases[i].message))
			fail_msg("%s: '%s'", cases[i].name, err.message);
		assert_null(p);
		topo_builder_free(t);
	}
}

static void test_route_twice(void **state)
{
	struct topo *t = line();
	struct netlab_err err = { 0 };
	struct plan *p = NULL;

	(void)state;
	topo_builder_route(t, "a", "192.168.0.0/16", "10.0.0.1");
	topo_builder_route(t, "a", "192.168.0.0/16", "10.0.0.1")->metric = 5;
	assert_int_equal(plan_build(t, NULL, &p, &err), 0);
	plan_free(p);
	topo_builder_route(t, "a", "192.168.0.0/16", "10.0.0.1");
	assert_int_equal(plan_build(t, NULL, &p, &err), -22);
	assert_non_null(strstr(err.message, "twice"));
	topo_builder_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zoo_pings_follow_lowest_cost),
		cmocka_unit_test(test_joined_routes_are_exact),
		cmocka_unit_test(test_ring_of_thousand_stays_small),
		cmocka_unit_test(test_one_link_means_a_default_route),
		cmocka_unit_test(test_hosts_do_not_forward),
		cmocka_unit_test(test_routing_none),
		cmocka_unit_test(test_cost_beats_hops),
		cmocka_unit_test(test_equal_ways_in_file_order_or_all),
		cmocka_unit_test(test_ecmp_takes_exactly_the_shortest),
		cmocka_unit_test(test_explicit_routes_win),
		cmocka_unit_test(test_joining_respects_explicit_routes),
		cmocka_unit_test(test_joining_respects_networks_around),
		cmocka_unit_test(test_a_network_in_two_places),
		cmocka_unit_test(test_random_networks),
		cmocka_unit_test(test_bad_routes),
		cmocka_unit_test(test_route_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
