/* SPDX-License-Identifier: MIT */
/* The network layer's view of the segments: which addresses can reach which without a router. */
#include "plan/build.h"

#include <string.h>

/* The members of one segment's subnets in one family, in file order of the segment's ends. */
struct found {
	struct ip_prefix net;
	struct subnet_member member;
};

static uint32_t collect(const struct build *b, const struct segment *s, unsigned family,
			struct found *found)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_ends; i++) {
		const struct plan_interface *on = interface_of(b, s->ends[i]);

		for (size_t k = 0; k < on->n_addresses; k++) {
			const struct ip_prefix *p = &on->addresses[k];

			if (family_index(&p->addr) != family || ip_is_link_local(&p->addr))
				continue;
			found[n++] = (struct found){ ip_network(p), { s->ends[i], p->addr } };
		}
	}
	return n;
}

static uint32_t count_addresses(const struct build *b, unsigned family)
{
	uint32_t n = 0;

	for (end_id e = 0; e < 2 * b->topo->n_links; e++) {
		const struct plan_interface *on = interface_of(b, e);

		for (size_t k = 0; k < on->n_addresses; k++)
			n += family_index(&on->addresses[k].addr) == family;
	}
	return n;
}

static bool same_net(const struct ip_prefix *p, const struct ip_prefix *q)
{
	return p->len == q->len && ip_equal(&p->addr, &q->addr);
}

/* One subnet for each network found, in order of appearance. `members` is where the next one's go. */
static uint32_t make_subnets(struct subnets *to, uint32_t segment, struct found *found, uint32_t n,
			     struct subnet_member *members)
{
	uint32_t placed = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct subnet *s;

		if (!found[i].net.addr.family)
			continue; /* taken by an earlier subnet */
		s = &to->items[to->n++];
		*s = (struct subnet){ .net = found[i].net,
				      .segment = segment,
				      .members = members + placed };
		for (uint32_t k = i; k < n; k++) {
			if (!same_net(&found[k].net, &s->net))
				continue;
			s->members[s->n_members++] = found[k].member;
			found[k].net.addr.family = 0;
		}
		placed += s->n_members;
	}
	return placed;
}

int plan_make_subnets(struct build *b)
{
	for (unsigned family = 0; family < PLAN_FAMILIES; family++) {
		uint32_t n = count_addresses(b, family);
		struct subnet_member *members = arena_array(&b->scratch, n, sizeof(*members));
		struct found *found = arena_array(&b->scratch, n, sizeof(*found));

		b->subnets[family].items = arena_array(&b->scratch, n, sizeof(struct subnet));
		if (!members || !found || !b->subnets[family].items)
			return plan_no_memory(b);
		for (uint32_t s = 0; s < b->n_segments; s++) {
			n = collect(b, &b->segments[s], family, found);
			members += make_subnets(&b->subnets[family], s, found, n, members);
		}
	}
	return 0;
}
