/* SPDX-License-Identifier: MIT */
/* Lists the operations in the order in which they are carried out (plan.h, "Theory of operation"). */
#include "plan/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct plan_op *plan_add_op(struct build *b, enum plan_op_kind kind, size_t node)
{
	struct plan *p = b->plan;
	struct plan_op *op;

	if (p->n_ops == b->ops_size) {
		size_t size = b->ops_size ? b->ops_size * 2 : 64;
		struct plan_op *bigger = realloc(p->ops, size * sizeof(*bigger));

		if (!bigger) {
			b->failed = true;
			b->spare = (struct plan_op){ 0 };
			return &b->spare;
		}
		p->ops = bigger;
		b->ops_size = size;
	}
	op = &p->ops[p->n_ops++];
	*op = (struct plan_op){ .kind = kind, .node = (uint32_t)node };
	return op;
}

static void add_link_op(struct build *b, enum plan_op_kind kind, size_t link, unsigned end)
{
	struct plan_op *op = plan_add_op(b, kind, 0);

	op->link.link = (uint32_t)link;
	op->link.end = end;
}

static void add_interface_op(struct build *b, enum plan_op_kind kind, size_t node, size_t interface)
{
	plan_add_op(b, kind, node)->interface = (uint32_t)interface;
}

static void add_fabric(struct build *b)
{
	const struct topo *t = b->topo;

	for (size_t l = 0; l < t->n_links; l++) {
		for (unsigned end = 0; end < 2; end++)
			add_link_op(b, PLAN_VETH, l, end);
	}
	for (size_t l = 0; l < t->n_links; l++) {
		for (unsigned end = 0; end < 2; end++) {
			const struct impairment *m = &t->links[l].dir[end];

			/* What comes in at an end goes the direction of the same number; a cut one goes nowhere. */
			if (b->plan->links[l].join != PLAN_JOIN_WIRE &&
			    !(impair_asks(m, IMPAIR_DOWN) && m->down))
				add_link_op(b, PLAN_REDIRECT, l, end);
		}
		for (unsigned end = 0; end < 2 && t->links[l].carrier; end++)
			add_link_op(b, PLAN_FABRIC_UP, l, end);
	}
}

static void add_interface_sysctls(struct build *b, size_t node)
{
	const struct topo_node *about = &b->topo->nodes[node];

	for (size_t i = 0; i < about->n_sysctls; i++) {
		const char *name;
		size_t len;

		if (plan_sysctl_names_interface(about->sysctls[i].key, &name, &len))
			plan_add_op(b, PLAN_SYSCTL, node)->sysctl = (struct plan_sysctl){
				about->sysctls[i].key,
				about->sysctls[i].value,
			};
	}
}

static bool is_on_link(const struct plan_interface *i, const struct ip_addr *a)
{
	for (size_t k = 0; k < i->n_addresses; k++) {
		if (ip_contains(&i->addresses[k], a))
			return true;
	}
	return false;
}

static void add_neighbours(struct build *b, size_t node, uint32_t j)
{
	const struct plan_interface *i = &b->plan->nodes[node].interfaces[j];
	const struct segment *s = &b->segments[b->segment_of[i->link]];

	if (s->n_ends > PLAN_NEIGHBOUR_MEMBERS_MAX)
		return;
	for (uint32_t k = 0; k < s->n_ends; k++) {
		const struct plan_interface *other = interface_of(b, s->ends[k]);

		if (other == i)
			continue;
		for (size_t a = 0; a < other->n_addresses; a++) {
			const struct ip_addr *addr = &other->addresses[a].addr;
			struct plan_op *op;

			if (ip_is_link_local(addr) || !is_on_link(i, addr))
				continue;
			op = plan_add_op(b, PLAN_NEIGHBOUR, node);
			op->neighbour.interface = j;
			op->neighbour.addr = *addr;
			memcpy(op->neighbour.mac, other->mac, sizeof(op->neighbour.mac));
		}
	}
}

static int add_node(struct build *b, struct routes *r, size_t node)
{
	const struct plan_node *n = &b->plan->nodes[node];
	int ret;

	if (n->bridge_ifindex)
		plan_add_op(b, PLAN_BRIDGE, node);
	for (size_t j = 1; j < n->n_interfaces && n->bridge_ifindex; j++)
		add_interface_op(b, PLAN_PORT, node, j);
	add_interface_sysctls(b, node);
	for (size_t j = 1; j < n->n_interfaces; j++) {
		if (n->interfaces[j].no_offload)
			add_interface_op(b, PLAN_OFFLOAD, node, j);
	}
	for (size_t j = 0; j < n->n_interfaces; j++) {
		for (size_t k = 0; k < n->interfaces[j].n_addresses; k++) {
			struct plan_op *op = plan_add_op(b, PLAN_ADDRESS, node);

			op->address.interface = (uint32_t)j;
			op->address.prefix = n->interfaces[j].addresses[k];
		}
	}
	for (size_t j = 0; j < n->n_interfaces; j++)
		add_interface_op(b, PLAN_UP, node, j);
	if (n->bridge_ifindex)
		return 0;
	for (uint32_t j = 1; j < n->n_interfaces; j++)
		add_neighbours(b, node, j);
	ret = plan_explicit_routes(b, node);
	return ret < 0 || !r ? ret : plan_auto_routes(b, r, node);
}

static int add_nodes(struct build *b)
{
	struct routes *r = NULL;
	int ret = 0;

	if (b->topo->routing == TOPO_ROUTING_AUTO) {
		r = plan_routes_new(b);
		if (!r)
			return plan_no_memory(b);
	}
	for (size_t n = 0; n < b->topo->n_nodes && ret == 0; n++) {
		ret = add_node(b, r, n);
		if (b->topo->nodes[n].kind == TOPO_UPLINK)
			plan_add_op(b, PLAN_UPLINK, n);
	}
	plan_routes_free(r);
	return ret;
}

static void add_rest(struct build *b)
{
	for (size_t l = 0; l < b->topo->n_links; l++) {
		for (unsigned dir = 0; dir < 2; dir++) {
			if (b->plan->links[l].dir[dir].kind != PLAN_QDISC_NONE)
				add_link_op(b, PLAN_QDISC, l, dir);
		}
	}
	for (size_t l = 0; l < b->topo->n_links; l++) {
		if (b->plan->links[l].join == PLAN_JOIN_WIRE)
			add_link_op(b, PLAN_WIRE, l, 0);
	}
	for (size_t i = 0; i < b->topo->n_start_order; i++)
		plan_add_op(b, PLAN_SERVICE, b->topo->start_order[i].node)->service =
			(uint32_t)b->topo->start_order[i].service;
	for (size_t n = 0; !b->topo->start_order && n < b->topo->n_nodes; n++) {
		for (uint32_t s = 0; s < b->topo->nodes[n].n_services; s++)
			plan_add_op(b, PLAN_SERVICE, n)->service = s;
	}
}

int plan_make_ops(struct build *b)
{
	int r;

	plan_add_op(b, PLAN_FABRIC, 0);
	if (b->plan->hosts)
		plan_add_op(b, PLAN_HOSTS, 0);
	for (size_t n = 0; n < b->topo->n_nodes; n++)
		plan_add_op(b, PLAN_NODE, n);
	add_fabric(b);
	r = add_nodes(b);
	if (r < 0)
		return r;
	add_rest(b);
	return b->failed ? plan_no_memory(b) : 0;
}
