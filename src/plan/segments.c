/* SPDX-License-Identifier: MIT */
/* Segments: links that meet in a switch or hub are one, as far as addresses go. */
#include "plan/build.h"

#include <string.h>

/* Union-find over links; the smaller link is the root, so that roots appear in file order. */
static uint32_t find(uint32_t *parent, uint32_t l)
{
	while (parent[l] != l) {
		parent[l] = parent[parent[l]];
		l = parent[l];
	}
	return l;
}

static void join(uint32_t *parent, uint32_t l, uint32_t m)
{
	uint32_t a = find(parent, l), c = find(parent, m);

	if (a < c)
		parent[c] = a;
	else
		parent[a] = c;
}

static void join_at_switches(const struct build *b, uint32_t *parent)
{
	for (size_t n = 0; n < b->topo->n_nodes; n++) {
		const struct plan_node *node = &b->plan->nodes[n];

		if (topo_is_ip(&b->topo->nodes[n]))
			continue;
		for (size_t j = 2; j < node->n_interfaces; j++)
			join(parent, (uint32_t)node->interfaces[1].link,
			     (uint32_t)node->interfaces[j].link);
	}
}

int plan_make_segments(struct build *b)
{
	uint32_t n_links = (uint32_t)b->topo->n_links;
	uint32_t *parent = arena_array(&b->scratch, n_links, sizeof(*parent));
	end_id *pool = arena_array(&b->scratch, 2 * (size_t)n_links, sizeof(*pool));

	b->segment_of = arena_array(&b->scratch, n_links, sizeof(*b->segment_of));
	b->segments = arena_array(&b->scratch, n_links, sizeof(*b->segments));
	if (!parent || !pool || !b->segment_of || !b->segments)
		return plan_no_memory(b);
	for (uint32_t l = 0; l < n_links; l++)
		parent[l] = l;
	join_at_switches(b, parent);
	for (uint32_t l = 0; l < n_links; l++) {
		uint32_t root = find(parent, l);

		if (root == l) {
			b->segments[b->n_segments].link = l;
			b->segment_of[l] = b->n_segments++;
		} else {
			b->segment_of[l] = b->segment_of[root];
		}
	}
	/* First count, then place: each segment's ends are contiguous and in file order. */
	for (end_id e = 0; e < 2 * n_links; e++) {
		if (topo_is_ip(node_of(b, e)))
			b->segments[b->segment_of[e / 2]].n_ends++;
	}
	for (uint32_t s = 0; s < b->n_segments; s++) {
		b->segments[s].ends = pool;
		pool += b->segments[s].n_ends;
		b->segments[s].n_ends = 0;
	}
	for (end_id e = 0; e < 2 * n_links; e++) {
		struct segment *s = &b->segments[b->segment_of[e / 2]];

		if (topo_is_ip(node_of(b, e)))
			s->ends[s->n_ends++] = e;
	}
	for (uint32_t s = 0; s < b->n_segments; s++) {
		struct segment *seg = &b->segments[s];

		seg->pair = seg->n_ends == 2 && seg->ends[0] / 2 == seg->ends[1] / 2;
	}
	return 0;
}
