/* SPDX-License-Identifier: MIT */
/* Addresses that netlab fills in, and the check that no address is there twice. */
#include "plan/build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum {
	V6_LAN_BITS = 64,     /* SLAAC and most software expect /64 on a LAN (RFC 4291, 2.5.1) */
	V6_LAN_POOL_MAX = 56, /* a smaller pool holds too few /64 */
	V6_MTU_MIN = 1280,    /* RFC 8200, 5: below, the kernel has no IPv6 on an interface */
};

/* A prefix that was given to a segment; they are made in ascending order. */
struct grant {
	struct ip_prefix net;
	uint32_t segment;
};

/* An address that the file gives. */
struct given {
	struct ip_prefix prefix;
	uint32_t node;
	uint32_t interface;
};

static const struct ip_prefix *pool_of(const struct topo *t, unsigned family)
{
	return family ? &t->ipv6_pool : &t->ipv4_pool;
}

/* Bits of the prefix that a segment gets. */
static unsigned host_bits(const struct segment *s, const struct ip_prefix *pool)
{
	bool v6 = pool->addr.family == IP_V6;
	/* IPv4: the network and broadcast addresses; IPv6: the anycast address of routers. */
	uint64_t need = (uint64_t)s->n_ends + (v6 ? 1 : 2);
	unsigned bits = 1;

	if (s->pair)
		return 1; /* RFC 3021, RFC 6164: both addresses count */
	if (v6 && pool->len <= V6_LAN_POOL_MAX)
		return V6_LAN_BITS;
	while (((uint64_t)1 << bits) < need)
		bits++;
	return bits;
}

static struct ip_addr pool_address(const struct ip_prefix *pool, plan_u128 offset)
{
	struct ip_addr a = ip_network(pool).addr;

	for (unsigned i = ip_len_bytes(&a); i-- > 0; offset >>= 8)
		a.bytes[i] |= (uint8_t)offset;
	return a;
}

static bool has_family(const struct topo_end *end, unsigned family)
{
	for (size_t i = 0; i < end->n_addresses; i++) {
		if (family_index(&end->addresses[i].addr) == family)
			return true;
	}
	return false;
}

/* Addresses given by hand on any end of a segment leave the whole of it to the hand. */
static bool is_by_hand(const struct build *b, const struct segment *s, unsigned family)
{
	for (uint32_t i = 0; i < s->n_ends; i++) {
		if (has_family(topo_end_of(b, s->ends[i]), family))
			return true;
	}
	return false;
}

/* A segment on which the kernel would refuse an address of the family (the checker has warned). */
static bool is_too_narrow(struct build *b, const struct segment *s, unsigned family)
{
	for (uint32_t i = 0; family && i < s->n_ends; i++) {
		if (interface_of(b, s->ends[i])->mtu < V6_MTU_MIN)
			return true;
	}
	return false;
}

static int pool_too_small(struct build *b, unsigned family, plan_u128 needed)
{
	const struct ip_prefix *pool = pool_of(b->topo, family);
	struct ip_prefix enough = *pool;
	unsigned bits = ip_bits(&pool->addr), power = 0;
	char have[IP_TEXT_MAX], write[IP_TEXT_MAX];

	while (power < bits && ((plan_u128)1 << power) < needed)
		power++;
	enough.len = (uint8_t)(bits - power);
	enough = ip_network(&enough);
	ip_format_prefix(pool, have);
	ip_format_prefix(&enough, write);
	if (needed <= UINT64_MAX)
		plan_invalid(
			b,
			"the %s pool '%s' is too small: it has 2^%u addresses, the links need %llu",
			family_name(family), have, bits - pool->len, (unsigned long long)needed);
	else
		plan_invalid(
			b,
			"the %s pool '%s' is too small: it has 2^%u addresses, the links need 2^%u",
			family_name(family), have, bits - pool->len, power);
	err_where(b->err, "/addressing/ipv%c", family ? '6' : '4');
	return err_hint(b->err, "write \"addressing\": {\"ipv%c\": \"%s\"} or a larger pool",
			family ? '6' : '4', write);
}

static int give(struct build *b, const struct segment *s, unsigned family, plan_u128 base,
		unsigned bits)
{
	const struct ip_prefix *pool = pool_of(b->topo, family);
	/* A pair uses both addresses of its prefix, a LAN starts after the network's own. */
	plan_u128 next = base + !s->pair;

	for (uint32_t i = 0; i < s->n_ends; i++) {
		struct plan_interface *on = interface_of(b, s->ends[i]);

		on->addresses[on->n_addresses++] = (struct ip_prefix){
			.addr = pool_address(pool, next++),
			.len = (uint8_t)(ip_bits(&pool->addr) - bits),
		};
	}
	return 0;
}

/* One cursor walks the pool in order of each segment's first link. A segment that was addressed by hand uses its turn
 * up all the same: giving one link addresses does not move those of the others. */
static int fill_in(struct build *b, unsigned family, struct grant *grants, size_t *n_grants)
{
	const struct ip_prefix *pool = pool_of(b->topo, family);
	unsigned pool_bits = ip_bits(&pool->addr) - pool->len;
	plan_u128 size = pool_bits < 128 ? (plan_u128)1 << pool_bits : ~(plan_u128)0;
	plan_u128 cursor = 0, needed = 0;

	for (uint32_t i = 0; i < b->n_segments; i++) {
		const struct segment *s = &b->segments[i];
		unsigned bits = host_bits(s, pool);
		plan_u128 step = (plan_u128)1 << bits, base = (cursor + step - 1) / step * step;

		if (s->n_ends == 0)
			continue;
		cursor = base + step;
		if (is_by_hand(b, s, family) || is_too_narrow(b, s, family))
			continue;
		needed = cursor;
		if (cursor > size)
			continue; /* go on counting, for the error to say how many are needed */
		give(b, s, family, base, bits);
		grants[(*n_grants)++] = (struct grant){
			.net = { pool_address(pool, base), (uint8_t)(ip_bits(&pool->addr) - bits) },
			.segment = i,
		};
	}
	return needed > size ? pool_too_small(b, family, needed) : 0;
}

static const char *describe_given(const struct build *b, const struct given *g, char *text,
				  size_t size)
{
	snprintf(text, size, "interface '%s' of node '%s'",
		 b->plan->nodes[g->node].interfaces[g->interface].name,
		 b->topo->nodes[g->node].name);
	return text;
}

static int compare_given(const void *x, const void *y)
{
	const struct given *a = x, *c = y;
	int order = ip_compare(&a->prefix.addr, &c->prefix.addr);

	if (order)
		return order;
	if (a->node != c->node)
		return a->node < c->node ? -1 : 1;
	return a->interface < c->interface ? -1 : a->interface > c->interface;
}

static int check_grant(struct build *b, const struct given *g, const struct grant *grant)
{
	char where[192], address[IP_TEXT_MAX], net[IP_TEXT_MAX];

	if (!ip_overlaps(&g->prefix, &grant->net))
		return 0;
	plan_invalid(b, "address '%s' on %s lies where netlab takes '%s' for link '%s'",
		     ip_format_prefix(&g->prefix, address),
		     describe_given(b, g, where, sizeof(where)), ip_format_prefix(&grant->net, net),
		     b->topo->links[b->segments[grant->segment].link].name);
	return err_hint(b->err,
			"choose another pool, as \"addressing\": {\"ipv%c\": \"%s\"}, or give that "
			"link addresses too",
			g->prefix.addr.family == IP_V6 ? '6' : '4',
			g->prefix.addr.family == IP_V6 ? "fd42::/32" : "172.16.0.0/12");
}

/* Grants do not overlap and ascend: only the last that starts at or before the address and the one after can meet it. */
static int check_grants(struct build *b, const struct given *g, const struct grant *grants,
			size_t n)
{
	struct ip_addr start = ip_network(&g->prefix).addr;
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ip_compare(&grants[middle].net.addr, &start) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0 && check_grant(b, g, &grants[low - 1]) < 0)
		return -EINVAL;
	return low < n ? check_grant(b, g, &grants[low]) : 0;
}

static int check_given(struct build *b, struct given *given, size_t n,
		       struct grant *const grants[PLAN_FAMILIES],
		       const size_t n_grants[PLAN_FAMILIES])
{
	if (n > 1)
		qsort(given, n, sizeof(*given), compare_given);
	for (size_t i = 0; i < n; i++) {
		unsigned family = family_index(&given[i].prefix.addr);
		char first[192], second[192], text[IP_TEXT_MAX];
		int r = 0;

		if (ip_is_link_local(&given[i].prefix.addr))
			continue;
		if (i + 1 < n && ip_equal(&given[i].prefix.addr, &given[i + 1].prefix.addr)) {
			plan_invalid(b, "address '%s' is used twice: on %s and on %s",
				     ip_format_addr(&given[i].prefix.addr, text),
				     describe_given(b, &given[i], first, sizeof(first)),
				     describe_given(b, &given[i + 1], second, sizeof(second)));
			r = plan_note(b, err_hint(b->err, "give one of them another address"));
		}
		if (r == 0)
			r = plan_note(b,
				      check_grants(b, &given[i], grants[family], n_grants[family]));
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct topo_interface *find_lo(const struct topo_node *node)
{
	for (size_t i = 0; i < node->n_interfaces; i++) {
		if (strcmp(node->interfaces[i].name, "lo") == 0)
			return &node->interfaces[i];
	}
	return NULL;
}

/* Copies what the file gives, with room for an automatic address of each family on link ends. */
static int copy_addresses(struct build *b, struct plan_interface *to, const struct ip_prefix *from,
			  size_t n, bool room)
{
	to->addresses = arena_array(&b->plan->arena, n + (room ? PLAN_FAMILIES : 0),
				    sizeof(*to->addresses));
	if (!to->addresses)
		return plan_no_memory(b);
	if (n)
		memcpy(to->addresses, from, n * sizeof(*from));
	to->n_addresses = n;
	for (size_t i = 0; i < n; i++)
		b->any_ipv6 = b->any_ipv6 || from[i].addr.family == IP_V6;
	return 0;
}

static int copy_given(struct build *b, struct given **ret, size_t *ret_n)
{
	size_t n = 0, at = 0;

	for (size_t node = 0; node < b->topo->n_nodes; node++) {
		const struct topo_interface *lo = find_lo(&b->topo->nodes[node]);
		struct plan_node *p = &b->plan->nodes[node];
		int r = 0;

		if (lo)
			r = copy_addresses(b, &p->interfaces[0], lo->addresses, lo->n_addresses,
					   false);
		n += p->interfaces[0].n_addresses;
		for (size_t j = 1; j < p->n_interfaces && r == 0; j++) {
			const struct plan_interface *i = &p->interfaces[j];
			const struct topo_end *end = &b->topo->links[i->link].ends[i->end];

			r = copy_addresses(b, &p->interfaces[j], end->addresses, end->n_addresses,
					   topo_is_ip(&b->topo->nodes[node]));
			n += p->interfaces[j].n_addresses;
		}
		if (r < 0)
			return r;
	}
	*ret = arena_array(&b->scratch, n, sizeof(**ret));
	if (!*ret)
		return plan_no_memory(b);
	for (uint32_t node = 0; node < b->topo->n_nodes; node++) {
		const struct plan_node *p = &b->plan->nodes[node];

		for (uint32_t j = 0; j < p->n_interfaces; j++) {
			for (size_t k = 0; k < p->interfaces[j].n_addresses; k++)
				(*ret)[at++] = (struct given){ p->interfaces[j].addresses[k], node,
							       j };
		}
	}
	*ret_n = n;
	return 0;
}

int plan_make_addresses(struct build *b)
{
	struct grant *grants[PLAN_FAMILIES] = { 0 };
	size_t n_grants[PLAN_FAMILIES] = { 0 }, n_given = 0;
	struct given *given = NULL;
	int r = copy_given(b, &given, &n_given);

	for (unsigned family = 0; family < PLAN_FAMILIES && r == 0; family++) {
		if (family ? !b->topo->ipv6 : !b->topo->ipv4)
			continue;
		grants[family] = arena_array(&b->scratch, b->n_segments, sizeof(**grants));
		if (!grants[family])
			return plan_no_memory(b);
		r = fill_in(b, family, grants[family], &n_grants[family]);
		b->unaddressed = b->unaddressed || r < 0;
		r = plan_note(b, r);
		b->any_ipv6 = b->any_ipv6 || (family && n_grants[family]);
	}
	return r < 0 ? r : check_given(b, given, n_given, grants, n_grants);
}
