/* SPDX-License-Identifier: MIT */
/* Routes that the file gives: the interface is found from the gateway, and what the kernel would refuse is said. */
#include "plan/build.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

static const struct plan_node *plan_node_of(const struct build *b, size_t node)
{
	return &b->plan->nodes[node];
}

static int describe_failure(struct build *b, size_t node, const struct topo_route *route,
			    const char *why)
{
	char to[IP_TEXT_MAX];

	return plan_invalid(b, "route to '%s' of node '%s': %s", ip_format_prefix(&route->to, to),
			    b->topo->nodes[node].name, why);
}

static int gateway_not_on_link(struct build *b, size_t node, const struct topo_route *route)
{
	const struct plan_node *n = plan_node_of(b, node);
	_cleanup_buf_ struct buf have = { 0 };
	char via[IP_TEXT_MAX], why[128];

	snprintf(why, sizeof(why), "gateway '%s' is not in a network of %s%s%s",
		 ip_format_addr(&route->via, via), route->dev ? "interface '" : "its interfaces",
		 route->dev ? route->dev : "", route->dev ? "'" : "");
	describe_failure(b, node, route, why);
	for (size_t j = 1; j < n->n_interfaces; j++) {
		for (size_t k = 0; k < n->interfaces[j].n_addresses && have.len < 300; k++) {
			char text[IP_TEXT_MAX];

			if (n->interfaces[j].addresses[k].addr.family != route->via.family)
				continue;
			buf_printf(&have, "%s%s on %s", have.len ? ", " : "",
				   ip_format_prefix(&n->interfaces[j].addresses[k], text),
				   n->interfaces[j].name);
		}
	}
	if (!buf_text(&have) || !have.len)
		return err_hint(b->err, "the node has no address of that family on a link");
	return err_hint(b->err, "the node has %s: take a neighbour's address", buf_text(&have));
}

/* @return index of the named interface, 0 (lo) when there is none */
static uint32_t find_interface(const struct plan_node *n, const char *name)
{
	for (uint32_t j = 1; j < n->n_interfaces; j++) {
		if (strcmp(n->interfaces[j].name, name) == 0)
			return j;
	}
	return 0;
}

/* The interface whose longest network holds the gateway; 0 when none does. */
static uint32_t interface_towards(const struct plan_node *n, const struct ip_addr *via,
				  uint32_t only)
{
	uint32_t best = 0;
	int best_len = -1;

	for (uint32_t j = 1; j < n->n_interfaces; j++) {
		if (only && j != only)
			continue;
		for (size_t k = 0; k < n->interfaces[j].n_addresses; k++) {
			const struct ip_prefix *p = &n->interfaces[j].addresses[k];

			if (ip_contains(p, via) && p->len > best_len) {
				best = j;
				best_len = p->len;
			}
		}
	}
	return best;
}

static bool is_own_address(const struct plan_node *n, const struct ip_addr *a)
{
	for (size_t j = 0; j < n->n_interfaces; j++) {
		for (size_t k = 0; k < n->interfaces[j].n_addresses; k++) {
			if (ip_equal(&n->interfaces[j].addresses[k].addr, a))
				return true;
		}
	}
	return false;
}

static int make_hop(struct build *b, size_t node, const struct topo_route *route,
		    struct plan_nexthop *ret)
{
	const struct plan_node *n = plan_node_of(b, node);
	uint32_t dev = route->dev ? find_interface(n, route->dev) : 0;

	if (route->dev && !dev && strcmp(route->dev, "lo") != 0) {
		describe_failure(b, node, route, "it has no such interface");
		return err_hint(b->err, "'%s' is not the name of an interface of '%s'", route->dev,
				b->topo->nodes[node].name);
	}
	if (!route->via.family) {
		if (!route->dev) {
			describe_failure(b, node, route, "it says neither 'via' nor 'dev'");
			return err_hint(b->err, "add \"via\": the address of a neighbour");
		}
		*ret = (struct plan_nexthop){ .interface = dev };
		return 0;
	}
	if (route->via.family != route->to.addr.family)
		return describe_failure(b, node, route,
					"gateway and destination are of different families");
	if (ip_is_link_local(&route->via) && dev) {
		*ret = (struct plan_nexthop){ route->via, dev };
		return 0;
	}
	if (is_own_address(n, &route->via))
		return describe_failure(b, node, route,
					"the gateway is an address of the node itself");
	*ret = (struct plan_nexthop){ route->via, interface_towards(n, &route->via, dev) };
	return ret->interface ? 0 : gateway_not_on_link(b, node, route);
}

static int check_unique(struct build *b, size_t node, size_t index)
{
	const struct topo_route *routes = b->topo->nodes[node].routes;

	for (size_t i = 0; i < index; i++) {
		if (routes[i].metric == routes[index].metric &&
		    routes[i].to.len == routes[index].to.len &&
		    ip_equal(&routes[i].to.addr, &routes[index].to.addr)) {
			describe_failure(b, node, &routes[index],
					 "it is there twice with the same metric");
			return err_hint(b->err, "remove one, or give it a \"metric\" of its own");
		}
	}
	return 0;
}

int plan_explicit_routes(struct build *b, size_t node)
{
	const struct topo_node *about = &b->topo->nodes[node];

	for (size_t i = 0; i < about->n_routes; i++) {
		const struct topo_route *route = &about->routes[i];
		struct plan_nexthop *hop = NULL;
		struct plan_op *op;
		int r = check_unique(b, node, i);

		if (r == 0 && route->type == TOPO_ROUTE_UNICAST) {
			hop = arena_alloc(&b->plan->arena, sizeof(*hop));
			if (!hop)
				return plan_no_memory(b);
			r = make_hop(b, node, route, hop);
		}
		if (r < 0) {
			r = plan_note(b, err_where(b->err, "/nodes/%s/routes/%zu", about->name, i));
			if (r < 0)
				return r;
			continue;
		}
		op = plan_add_op(b, PLAN_ROUTE, node);
		op->route.type = route->type;
		op->route.to = ip_network(&route->to);
		op->route.metric = route->metric;
		op->route.hops = hop;
		op->route.n_hops = hop ? 1 : 0;
	}
	return 0;
}
