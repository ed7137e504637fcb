/* SPDX-License-Identifier: MIT */
/* Names, indexes and MACs: all are functions of positions in the file, so that a plan never depends on chance. */
#include "plan/build.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Locally administered unicast addresses: the second-lowest bit of the first byte is set, the lowest is not. */
enum { MAC_NODE = 0x02, MAC_FABRIC = 0x06, MAC_BRIDGE = 0x0a };

static void make_mac(uint8_t mac[6], uint8_t kind, uint32_t number)
{
	const uint8_t bytes[6] = {
		kind, 'n', 'l', (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number,
	};

	memcpy(mac, bytes, sizeof(bytes));
}

static void make_fabric_ends(struct plan_link *link, uint32_t number)
{
	for (uint32_t end = 0; end < 2; end++) {
		struct plan_fabric_end *e = &link->ends[end];

		snprintf(e->name, sizeof(e->name), "L%u.%c", number, end ? 'b' : 'a');
		e->ifindex = PLAN_FABRIC_IFINDEX + number * 2 + end;
		make_mac(e->mac, MAC_FABRIC, number * 2 + end);
	}
}

/* The number in "eth7"; UINT32_MAX when the name is not one that netlab would give. */
static uint32_t eth_number(const char *name)
{
	uint32_t n = 0;

	if (strncmp(name, "eth", 3) != 0 || name[3] == '\0' || (name[3] == '0' && name[4] != '\0'))
		return UINT32_MAX;
	for (const char *c = name + 3; *c; c++) {
		if (*c < '0' || *c > '9' || n >= 100000000)
			return UINT32_MAX;
		n = n * 10 + (uint32_t)(*c - '0');
	}
	return n;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void place_end(struct build *b, end_id id)
{
	const struct topo_link *link = &b->topo->links[id / 2];
	const struct topo_end *end = &link->ends[id % 2];
	struct plan_node *node = &b->plan->nodes[end->node];
	struct plan_interface *i = &node->interfaces[node->n_interfaces];

	i->ifindex = PLAN_NODE_IFINDEX - 1 + (uint32_t)node->n_interfaces;
	i->link = id / 2;
	i->end = id % 2;
	i->name = end->ifname;
	i->mtu = end->mtu ? end->mtu : link->mtu ? link->mtu : PLAN_MTU_DEFAULT;
	if (end->mac_set)
		memcpy(i->mac, end->mac, sizeof(i->mac));
	else
		make_mac(i->mac, MAC_NODE, id);
	b->plan->links[id / 2].interface[id % 2] = (uint32_t)node->n_interfaces++;
}

/* Gives "eth0", "eth1", ... to the interfaces that the file does not name, around those that it does. */
static int name_interfaces(struct build *b, size_t index)
{
	const struct topo_node *about = &b->topo->nodes[index];
	struct plan_node *node = &b->plan->nodes[index];
	uint32_t degree = (uint32_t)node->n_interfaces - 1, next = 0;
	bool *used = arena_array(&b->scratch, degree, sizeof(*used));
	int r = 0;

	if (!used)
		return plan_no_memory(b);
	for (size_t j = 1; j <= degree; j++) {
		const char *name = node->interfaces[j].name;
		uint32_t number = name ? eth_number(name) : UINT32_MAX;

		if (number < degree)
			used[number] = true;
		if (name && (strcmp(name, "lo") == 0 ||
			     (!topo_is_ip(about) && strcmp(name, PLAN_BRIDGE_NAME) == 0)))
			r = plan_note(b, plan_invalid(b,
						      "interface name '%s' of node '%s' is taken "
						      "by netlab",
						      name, about->name));
		if (r < 0)
			return r;
	}
	for (size_t j = 1; j <= degree; j++) {
		struct plan_interface *i = &node->interfaces[j];

		if (i->name)
			continue;
		while (next < degree && used[next])
			next++;
		i->name = arena_printf(&b->plan->arena, "eth%u", next++);
		if (!i->name)
			return plan_no_memory(b);
	}
	return 0;
}

int plan_make_interfaces(struct build *b)
{
	const struct topo *t = b->topo;
	struct plan *p = b->plan;
	size_t n_ends = 2 * t->n_links;
	struct plan_interface *pool = arena_array(&p->arena, t->n_nodes + n_ends, sizeof(*pool));
	size_t *degree = arena_array(&b->scratch, t->n_nodes, sizeof(*degree));

	p->nodes = arena_array(&p->arena, t->n_nodes, sizeof(*p->nodes));
	p->links = arena_array(&p->arena, t->n_links, sizeof(*p->links));
	if (!pool || !degree || !p->nodes || !p->links)
		return plan_no_memory(b);
	for (end_id id = 0; id < n_ends; id++)
		degree[topo_end_of(b, id)->node]++;
	for (size_t n = 0; n < t->n_nodes; n++) {
		struct plan_node *node = &p->nodes[n];

		node->interfaces = pool;
		pool += 1 + degree[n];
		node->interfaces[0] = (struct plan_interface){
			.name = "lo",
			.ifindex = PLAN_LO_IFINDEX,
			.mtu = 65536,
			.link = SIZE_MAX,
		};
		node->n_interfaces = 1;
		if (!topo_is_ip(&t->nodes[n])) {
			node->bridge_ifindex = (uint32_t)(PLAN_NODE_IFINDEX + degree[n]);
			make_mac(node->bridge_mac, MAC_BRIDGE, (uint32_t)n);
		}
	}
	for (end_id id = 0; id < n_ends; id++)
		place_end(b, id);
	for (uint32_t l = 0; l < t->n_links; l++) {
		struct plan_link *link = &p->links[l];

		make_fabric_ends(link, l);
		/* The fabric lets through whatever either end may send. */
		link->mtu = larger(interface_of(b, l * 2)->mtu, interface_of(b, l * 2 + 1)->mtu);
	}
	for (size_t n = 0; n < t->n_nodes; n++) {
		int r = name_interfaces(b, n);

		if (r < 0)
			return r;
	}
	return 0;
}
