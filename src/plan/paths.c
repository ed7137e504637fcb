/* SPDX-License-Identifier: MIT */
/* Shortest paths: level by level where all links cost the same, Dijkstra's algorithm with a heap otherwise. */
#include "plan/paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* A node's place in a subnet. */
struct adjacency {
	uint32_t subnet;
	uint32_t interface;
	uint32_t cost;
};

struct node_state {
	uint64_t cost;
	uint32_t label;
};

struct subnet_state {
	uint64_t cost;
	uint32_t label;  /* of the routers that enter it at that cost */
	uint32_t direct; /* the source's own adjacency that does; NONE */
};

struct waiting {
	uint64_t cost;
	uint32_t subnet;
};

/* A label of more than one first hop: `n` numbers in ascending order. */
struct hop_set {
	uint32_t offset, n;
};

struct paths {
	const struct build *b;
	const struct subnets *subnets;
	bool uniform, ecmp;
	uint32_t *start; /* [node] first of its adjacencies; [n_nodes] their number */
	struct adjacency *adjacent;
	bool *router;          /* [node]: dense, for the inner loop */
	uint32_t *member_node; /* all subnets' members' nodes, and where each subnet's begin */
	uint32_t *member_start;

	uint32_t source;
	struct node_state *nodes;
	struct subnet_state *states;
	uint32_t *connected; /* [subnet] 1 + the last source that has an address in it */
	uint32_t *hop_base;  /* [adjacency of the source] number of its first neighbour */
	uint32_t n_hops;
	struct waiting *heap; /* or, when uniform, the level that is being filled */
	size_t n_heap;
	struct waiting *level;
	size_t n_level;
	uint32_t *fresh;
	size_t n_fresh;

	struct hop_set *sets; /* label n_hops + i */
	uint32_t n_sets, sets_size;
	uint32_t *pool;
	size_t pool_used, pool_size;
	bool failed;
};

/* ---- labels ---- */

/* A view of a label's first hops; `single` holds the only one of a plain label. */
static uint32_t view(const struct paths *p, uint32_t label, uint32_t *single, const uint32_t **ret)
{
	if (label < p->n_hops) {
		*single = label;
		*ret = single;
		return 1;
	}
	*ret = p->pool + p->sets[label - p->n_hops].offset;
	return p->sets[label - p->n_hops].n;
}

static bool grow(void **array, size_t *size, size_t need, size_t item)
{
	size_t bigger = *size ? *size : 64;
	void *moved;

	while (bigger < need)
		bigger *= 2;
	if (bigger == *size)
		return true;
	moved = realloc(*array, bigger * item);
	if (!moved)
		return false;
	*array = moved;
	*size = bigger;
	return true;
}

static uint32_t unite(struct paths *p, uint32_t a, uint32_t c)
{
	uint32_t one, other, at;
	size_t sets_size = p->sets_size, n_a, n_c;
	const uint32_t *x, *y;
	struct hop_set *s;

	n_a = view(p, a, &one, &x);
	n_c = view(p, c, &other, &y);
	if (!grow((void **)&p->sets, &sets_size, p->n_sets + 1, sizeof(*p->sets)) ||
	    !grow((void **)&p->pool, &p->pool_size, p->pool_used + n_a + n_c, sizeof(*p->pool))) {
		p->failed = true;
		return a;
	}
	p->sets_size = (uint32_t)sets_size;
	/* the pool may have moved */
	n_a = view(p, a, &one, &x);
	n_c = view(p, c, &other, &y);
	s = &p->sets[p->n_sets];
	*s = (struct hop_set){ .offset = (uint32_t)p->pool_used };
	at = s->offset;
	for (size_t i = 0, j = 0; i < n_a || j < n_c;) {
		uint32_t next;

		if (j == n_c || (i < n_a && x[i] < y[j]))
			next = x[i++];
		else
			next = y[j++];
		if (at == s->offset || p->pool[at - 1] != next)
			p->pool[at++] = next;
	}
	s->n = at - s->offset;
	for (uint32_t i = 0; i < p->n_sets; i++) {
		if (p->sets[i].n == s->n && memcmp(p->pool + p->sets[i].offset, p->pool + s->offset,
						   s->n * sizeof(*p->pool)) == 0)
			return p->n_hops + i;
	}
	p->pool_used = at;
	return p->n_hops + p->n_sets++;
}

static uint32_t merge(struct paths *p, uint32_t a, uint32_t c)
{
	if (a == c || c == PATHS_NO_LABEL)
		return a;
	if (a == PATHS_NO_LABEL)
		return c;
	if (!p->ecmp)
		return a < c ? a : c;
	return unite(p, a, c);
}

/* ---- the queue of subnets ---- */

static void push(struct paths *p, uint64_t cost, uint32_t subnet)
{
	size_t i = p->n_heap++;

	if (!p->uniform) {
		for (size_t up = (i - 1) / 2; i > 0 && p->heap[up].cost > cost; up = (i - 1) / 2) {
			p->heap[i] = p->heap[up];
			i = up;
		}
	}
	p->heap[i] = (struct waiting){ cost, subnet };
}

static struct waiting pop(struct paths *p)
{
	struct waiting top = p->heap[0], last = p->heap[--p->n_heap];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= p->n_heap)
			break;
		if (child + 1 < p->n_heap && p->heap[child + 1].cost < p->heap[child].cost)
			child++;
		if (p->heap[child].cost >= last.cost)
			break;
		p->heap[i] = p->heap[child];
		i = child;
	}
	p->heap[i] = last;
	return top;
}

/* Moves all subnets of the least cost into the level. @return whether there were any */
static bool next_level(struct paths *p)
{
	p->n_level = 0;
	if (p->uniform) {
		struct waiting *filled = p->heap;

		p->heap = p->level;
		p->level = filled;
		p->n_level = p->n_heap;
		p->n_heap = 0;
		return p->n_level > 0;
	}
	while (p->n_heap > 0 && (p->n_level == 0 || p->heap[0].cost == p->level[0].cost)) {
		struct waiting w = pop(p);

		/* a cheaper way was found since */
		if (w.cost == p->states[w.subnet].cost)
			p->level[p->n_level++] = w;
	}
	return p->n_level > 0;
}

/* ---- the search ---- */

static void offer(struct paths *p, uint32_t subnet, uint64_t cost, uint32_t label, uint32_t direct)
{
	struct subnet_state *s = &p->states[subnet];

	if (cost < s->cost) {
		*s = (struct subnet_state){ cost, label, direct };
		push(p, cost, subnet);
	} else if (cost == s->cost) {
		s->label = merge(p, s->label, label);
		/* two own interfaces in one LAN: the first serves */
		if (s->direct == NONE)
			s->direct = direct;
	}
}

static void arrive(struct paths *p, uint32_t subnet)
{
	const struct subnet_state *s = &p->states[subnet];
	uint32_t first = p->member_start[subnet], end = p->member_start[subnet + 1];

	for (uint32_t k = first; k < end; k++) {
		uint32_t n = p->member_node[k], label = s->label;
		struct node_state *node = &p->nodes[n];

		if (n == p->source || s->cost > node->cost ||
		    (k > first && p->member_node[k - 1] == n))
			continue;
		if (s->direct != NONE)
			label = merge(p, p->hop_base[s->direct] + (k - first), label);
		if (s->cost < node->cost) {
			*node = (struct node_state){ s->cost, label };
			p->fresh[p->n_fresh++] = n;
		} else {
			node->label = merge(p, node->label, label);
		}
	}
}

int paths_from(struct paths *p, uint32_t source)
{
	size_t n_nodes = p->b->topo->n_nodes;
	uint32_t own = p->start[source], n_own = p->start[source + 1] - own;

	p->source = source;
	p->n_hops = p->n_sets = 0;
	p->pool_used = p->n_heap = 0;
	for (size_t n = 0; n < n_nodes; n++)
		p->nodes[n] = (struct node_state){ PATHS_FAR, PATHS_NO_LABEL };
	for (uint32_t s = 0; s < p->subnets->n; s++)
		p->states[s] = (struct subnet_state){ PATHS_FAR, PATHS_NO_LABEL, NONE };
	p->nodes[source].cost = 0;
	for (uint32_t a = 0; a < n_own; a++) {
		const struct adjacency *adj = &p->adjacent[own + a];

		p->connected[adj->subnet] = source + 1;
		p->hop_base[a] = p->n_hops;
		p->n_hops += p->subnets->items[adj->subnet].n_members;
		offer(p, adj->subnet, adj->cost, PATHS_NO_LABEL, a);
	}
	while (next_level(p)) {
		p->n_fresh = 0;
		for (size_t i = 0; i < p->n_level; i++)
			arrive(p, p->level[i].subnet);
		for (size_t i = 0; i < p->n_fresh; i++) {
			uint32_t n = p->fresh[i];

			if (!p->router[n])
				continue;
			for (uint32_t a = p->start[n]; a < p->start[n + 1]; a++)
				offer(p, p->adjacent[a].subnet,
				      p->nodes[n].cost + p->adjacent[a].cost, p->nodes[n].label,
				      NONE);
		}
	}
	return p->failed ? -ENOMEM : 0;
}

uint64_t paths_node_cost(const struct paths *p, uint32_t node)
{
	return p->nodes[node].cost;
}

uint32_t paths_node_label(const struct paths *p, uint32_t node)
{
	return p->nodes[node].label;
}

uint64_t paths_subnet_cost(const struct paths *p, uint32_t subnet)
{
	return p->states[subnet].cost;
}

uint32_t paths_subnet_label(const struct paths *p, uint32_t subnet)
{
	return p->states[subnet].label;
}

bool paths_is_connected(const struct paths *p, uint32_t subnet)
{
	return p->connected[subnet] == p->source + 1;
}

const struct plan_nexthop *paths_hops(struct paths *p, struct build *b, unsigned family,
				      uint32_t label, uint32_t *ret_n)
{
	uint32_t single, n, own = p->start[p->source], a = 0;
	const uint32_t *numbers;
	struct plan_nexthop *hops;

	n = view(p, label, &single, &numbers);
	hops = arena_array(&b->plan->arena, n, sizeof(*hops));
	if (!hops)
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		const struct subnet *s;

		/* numbers ascend, and so do the bases */
		while (own + a + 1 < p->start[p->source + 1] && p->hop_base[a + 1] <= numbers[i])
			a++;
		s = &b->subnets[family].items[p->adjacent[own + a].subnet];
		hops[i] = (struct plan_nexthop){
			.via = s->members[numbers[i] - p->hop_base[a]].addr,
			.interface = p->adjacent[own + a].interface,
		};
	}
	*ret_n = n;
	return hops;
}

bool paths_same_graph(const struct build *b)
{
	const struct subnets *v4 = &b->subnets[0], *v6 = &b->subnets[1];

	if (v4->n != v6->n)
		return false;
	for (uint32_t i = 0; i < v4->n; i++) {
		const struct subnet *s = &v4->items[i], *t = &v6->items[i];

		if (s->n_members != t->n_members)
			return false;
		for (uint32_t k = 0; k < s->n_members; k++) {
			if (s->members[k].end != t->members[k].end)
				return false;
		}
	}
	return true;
}

/* ---- the graph ---- */

/* The source's interfaces are tried in file order; subnets are met in that order almost always. */
static void sort_adjacencies(struct adjacency *a, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		struct adjacency moving = a[i];
		uint32_t k = i;

		for (; k > 0 && a[k - 1].interface > moving.interface; k--)
			a[k] = a[k - 1];
		a[k] = moving;
	}
}

static void fill_graph(struct paths *p, uint32_t *placed)
{
	const struct build *b = p->b;
	uint32_t at = 0;

	for (uint32_t s = 0; s < p->subnets->n; s++) {
		const struct subnet *subnet = &p->subnets->items[s];

		p->member_start[s] = at;
		for (uint32_t k = 0; k < subnet->n_members; k++) {
			end_id end = subnet->members[k].end;
			uint32_t n = (uint32_t)topo_end_of(b, end)->node;

			p->member_node[at++] = n;
			p->adjacent[p->start[n] + placed[n]++] = (struct adjacency){
				.subnet = s,
				.interface = b->plan->links[end / 2].interface[end % 2],
				.cost = b->topo->links[end / 2].cost ? b->topo->links[end / 2].cost
								     : 1,
			};
		}
	}
	p->member_start[p->subnets->n] = at;
	for (uint32_t n = 0; n < b->topo->n_nodes; n++) {
		p->router[n] = topo_forwards(&b->topo->nodes[n]);
		sort_adjacencies(p->adjacent + p->start[n], placed[n]);
	}
	p->uniform = true;
	for (uint32_t a = 1; a < p->start[b->topo->n_nodes]; a++)
		p->uniform = p->uniform && p->adjacent[a].cost == p->adjacent[0].cost;
}

static uint32_t count_members(struct paths *p)
{
	uint32_t n = 0;

	for (uint32_t s = 0; s < p->subnets->n; s++) {
		const struct subnet *subnet = &p->subnets->items[s];

		n += subnet->n_members;
		for (uint32_t k = 0; k < subnet->n_members; k++)
			p->start[topo_end_of(p->b, subnet->members[k].end)->node + 1]++;
	}
	for (size_t i = 0; i < p->b->topo->n_nodes; i++)
		p->start[i + 1] += p->start[i];
	return n;
}

struct paths *paths_new(const struct build *b, unsigned family)
{
	size_t n_nodes = b->topo->n_nodes, n_subnets = b->subnets[family].n, n;
	struct paths *p = calloc(1, sizeof(*p));
	uint32_t *placed = calloc(n_nodes + 1, sizeof(*placed));

	if (!p || !placed)
		goto fail;
	p->b = b;
	p->subnets = &b->subnets[family];
	p->ecmp = b->topo->ecmp;
	p->start = calloc(n_nodes + 1, sizeof(*p->start));
	if (!p->start)
		goto fail;
	n = count_members(p);
	p->adjacent = calloc(n + 1, sizeof(*p->adjacent));
	p->member_node = calloc(n + 1, sizeof(*p->member_node));
	p->member_start = calloc(n_subnets + 1, sizeof(*p->member_start));
	p->router = calloc(n_nodes + 1, sizeof(*p->router));
	p->nodes = calloc(n_nodes + 1, sizeof(*p->nodes));
	p->states = calloc(n_subnets + 1, sizeof(*p->states));
	p->hop_base = calloc(n + 1, sizeof(*p->hop_base));
	p->connected = calloc(n_subnets + 1, sizeof(*p->connected));
	/* every member may offer its subnet once at a cost of its own */
	p->heap = calloc(n + 1, sizeof(*p->heap));
	p->level = calloc(n + 1, sizeof(*p->level));
	p->fresh = calloc(n_nodes + 1, sizeof(*p->fresh));
	if (!p->adjacent || !p->member_node || !p->member_start || !p->router || !p->nodes ||
	    !p->states || !p->hop_base || !p->connected || !p->heap || !p->level || !p->fresh)
		goto fail;
	fill_graph(p, placed);
	free(placed);
	return p;
fail:
	free(placed);
	paths_free(p);
	return NULL;
}

void paths_free(struct paths *p)
{
	if (!p)
		return;
	free(p->start);
	free(p->adjacent);
	free(p->member_node);
	free(p->member_start);
	free(p->router);
	free(p->nodes);
	free(p->states);
	free(p->hop_base);
	free(p->connected);
	free(p->heap);
	free(p->level);
	free(p->fresh);
	free(p->sets);
	free(p->pool);
	free(p);
}
