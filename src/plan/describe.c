/* SPDX-License-Identifier: MIT */
/* Operations in words: one at a time for error messages, all of them for people to read. */
#include "plan/plan.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"

static const char *interface_name(const struct plan *p, const struct plan_op *op,
				  uint32_t interface)
{
	return p->nodes[op->node].interfaces[interface].name;
}

static void describe_veth(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	const struct topo_link *link = &p->topo->links[op->link.link];
	const struct plan_link *made = &p->links[op->link.link];
	size_t node = link->ends[op->link.end].node;
	const struct plan_interface *i = &p->nodes[node].interfaces[made->interface[op->link.end]];
	char mac[MAC_TEXT_SIZE];

	buf_printf(b, "veth %s of node '%s' to %s in the fabric, mac %s, mtu %u (link '%s')",
		   i->name, p->topo->nodes[node].name, made->ends[op->link.end].name,
		   mac_format(i->mac, mac), i->mtu, link->name);
}

static void describe_redirect(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	const struct plan_fabric_end *ends = p->links[op->link.link].ends;

	buf_printf(b, "redirect %s to %s (link '%s')", ends[op->link.end].name,
		   ends[!op->link.end].name, p->topo->links[op->link.link].name);
}

static void describe_qdisc(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	const struct topo_link *link = &p->topo->links[op->link.link];
	const struct plan_link *made = &p->links[op->link.link];
	const struct plan_qdisc *q = &made->dir[op->link.end];

	buf_printf(b, "qdisc on %s, ", made->ends[!op->link.end].name);
	plan_qdisc_print(b, q);
	if (q->kind == PLAN_QDISC_NETEM)
		buf_printf(b, " seed %llu", (unsigned long long)q->impairment.seed);
	buf_printf(b, " (link '%s' from '%s')", link->name,
		   p->topo->nodes[link->ends[op->link.end].node].name);
}

static void describe_wire(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	const struct topo_link *link = &p->topo->links[op->link.link];
	const struct plan_link *made = &p->links[op->link.link];

	buf_printf(b, "wire between %s and %s (link '%s': %s)", made->ends[0].name,
		   made->ends[1].name, link->name, made->reason);
	for (unsigned dir = 0; dir < 2; dir++) {
		_cleanup_buf_ struct buf text = { 0 };

		impairment_format_text(&text, &link->dir[dir]);
		if (!buf_text(&text))
			b->failed = true;
		else if (text.len > 0)
			buf_printf(b, "; from '%s': %s", p->topo->nodes[link->ends[dir].node].name,
				   buf_text(&text));
	}
}

static void describe_route(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	static const char *const types[] = {
		[TOPO_ROUTE_UNICAST] = "",
		[TOPO_ROUTE_BLACKHOLE] = "blackhole ",
		[TOPO_ROUTE_UNREACHABLE] = "unreachable ",
	};
	char text[IP_TEXT_MAX];

	buf_printf(b, "route %s%s", types[op->route.type], ip_format_prefix(&op->route.to, text));
	for (uint32_t i = 0; i < op->route.n_hops; i++) {
		const struct plan_nexthop *hop = &op->route.hops[i];

		if (i > 0)
			buf_puts(b, ",");
		if (hop->via.family)
			buf_printf(b, " via %s", ip_format_addr(&hop->via, text));
		buf_printf(b, " dev %s", interface_name(p, op, hop->interface));
	}
	if (op->route.metric)
		buf_printf(b, " metric %u", op->route.metric);
}

static void describe_ready(struct buf *b, const struct topo_ready *r)
{
	switch (r->kind) {
	case TOPO_READY_STARTED:
		return;
	case TOPO_READY_TCP:
		buf_printf(b, "; ready when it listens on tcp port %u", r->port);
		break;
	case TOPO_READY_LOG:
		buf_printf(b, "; ready when it writes \"%s\"", r->regex);
		break;
	case TOPO_READY_EXEC:
		buf_puts(b, "; ready when this succeeds:");
		for (size_t i = 0; r->run[i]; i++)
			buf_printf(b, " %s", r->run[i]);
		break;
	case TOPO_READY_FILE:
		buf_printf(b, "; ready when it has made %s", r->file);
		break;
	}
	buf_puts(b, ", within ");
	units_format_time(b, r->timeout_ns);
}

/** What becomes of a service besides its being run; nothing where nothing is asked. */
static void describe_supervision(struct buf *b, const struct topo_service *s)
{
	if (s->user)
		buf_printf(b, "; as %s", s->user);
	for (size_t i = 0; i < s->n_after; i++)
		buf_printf(b, "%s%s", i ? ", " : "; after ", s->after[i].text);
	describe_ready(b, &s->ready);
	if (s->restart.policy != TOPO_RESTART_NEVER) {
		buf_printf(b, "; restart %s, after ", topo_restart_name(s->restart.policy));
		units_format_time(b, s->restart.delay_ns);
		buf_puts(b, " to ");
		units_format_time(b, s->restart.max_delay_ns);
		if (s->restart.max)
			buf_printf(b, ", at most %u times in a row", s->restart.max);
	}
	if (s->stop_signal != TOPO_SIGTERM)
		buf_printf(b, "; ends by %s", topo_signal_name(s->stop_signal));
}

static void describe_service(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	const struct topo_service *s = &p->topo->nodes[op->node].services[op->service];

	buf_printf(b, "service '%s':", s->name);
	for (size_t i = 0; s->run[i]; i++)
		buf_printf(b, " %s", s->run[i]);
	describe_supervision(b, s);
}

static void describe_limits(struct buf *b, const struct topo_limits *l)
{
	const char *separator = ", limits: ";

	if (l->memory_bytes) {
		buf_printf(b, "%smemory ", separator);
		units_format_size(b, l->memory_bytes);
		separator = ", ";
	}
	if (l->cpu_milli) {
		buf_printf(b, "%scpu %g", separator, l->cpu_milli / 1000.0);
		separator = ", ";
	}
	if (l->pids)
		buf_printf(b, "%spids %u", separator, (unsigned)l->pids);
}

static void describe_inside(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	char text[IP_TEXT_MAX], mac[18];

	switch (op->kind) {
	case PLAN_FABRIC:
		buf_puts(b, "fabric namespace");
		break;
	case PLAN_HOSTS:
		buf_puts(b, "/etc/hosts of every node");
		break;
	case PLAN_NODE:
		buf_printf(b, "namespaces of node '%s' (%s)", p->topo->nodes[op->node].name,
			   topo_kind_name(p->topo->nodes[op->node].kind));
		if (p->nodes[op->node].resolv_conf)
			buf_puts(b, ", resolv.conf of its own");
		describe_limits(b, &p->topo->nodes[op->node].limits);
		break;
	case PLAN_VETH:
		describe_veth(b, p, op);
		break;
	case PLAN_REDIRECT:
		describe_redirect(b, p, op);
		break;
	case PLAN_FABRIC_UP:
		buf_printf(b, "up %s (link '%s')", p->links[op->link.link].ends[op->link.end].name,
			   p->topo->links[op->link.link].name);
		break;
	case PLAN_WIRE:
		describe_wire(b, p, op);
		break;
	case PLAN_QDISC:
		describe_qdisc(b, p, op);
		break;
	case PLAN_BRIDGE:
		buf_printf(b, "bridge %s%s", PLAN_BRIDGE_NAME,
			   p->topo->nodes[op->node].kind == TOPO_HUB ? " that learns nothing"
			   : p->topo->nodes[op->node].stp            ? " with STP"
								     : "");
		break;
	case PLAN_PORT:
		buf_printf(b, "port %s of %s", interface_name(p, op, op->interface),
			   PLAN_BRIDGE_NAME);
		break;
	case PLAN_SYSCTL:
		buf_printf(b, "sysctl %s = %s", op->sysctl.key, op->sysctl.value);
		break;
	case PLAN_OFFLOAD:
		buf_printf(b, "segmentation offloads off on %s",
			   interface_name(p, op, op->interface));
		break;
	case PLAN_ADDRESS:
		buf_printf(b, "address %s on %s", ip_format_prefix(&op->address.prefix, text),
			   interface_name(p, op, op->address.interface));
		break;
	case PLAN_UP:
		buf_printf(b, "up %s", interface_name(p, op, op->interface));
		break;
	case PLAN_NEIGHBOUR:
		buf_printf(b, "neighbour %s at %s on %s", ip_format_addr(&op->neighbour.addr, text),
			   mac_format(op->neighbour.mac, mac),
			   interface_name(p, op, op->neighbour.interface));
		break;
	case PLAN_UPLINK:
		buf_puts(b, "NAT to the host's network by interface " PLAN_UPLINK_NAME);
		break;
	case PLAN_ROUTE:
		describe_route(b, p, op);
		break;
	case PLAN_SERVICE:
		describe_service(b, p, op);
		break;
	}
}

/* What an operation belongs to: operations of one section stand under one heading. */
enum section {
	SECTION_LAB,
	SECTION_NODES,
	SECTION_LINKS,
	SECTION_NODE,
	SECTION_SHAPING,
	SECTION_SERVICES
};

static const enum section sections[] = {
	[PLAN_FABRIC] = SECTION_LAB,     [PLAN_HOSTS] = SECTION_LAB,
	[PLAN_NODE] = SECTION_NODES,     [PLAN_VETH] = SECTION_LINKS,
	[PLAN_REDIRECT] = SECTION_LINKS, [PLAN_FABRIC_UP] = SECTION_LINKS,
	[PLAN_WIRE] = SECTION_SHAPING,   [PLAN_BRIDGE] = SECTION_NODE,
	[PLAN_PORT] = SECTION_NODE,      [PLAN_SYSCTL] = SECTION_NODE,
	[PLAN_OFFLOAD] = SECTION_NODE,   [PLAN_ADDRESS] = SECTION_NODE,
	[PLAN_UP] = SECTION_NODE,        [PLAN_NEIGHBOUR] = SECTION_NODE,
	[PLAN_ROUTE] = SECTION_NODE,     [PLAN_QDISC] = SECTION_SHAPING,
	[PLAN_UPLINK] = SECTION_NODE,    [PLAN_SERVICE] = SECTION_SERVICES,
};
_Static_assert(sizeof(sections) / sizeof(sections[0]) == PLAN_OP_COUNT,
	       "an operation has no section");

void plan_describe_op(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	describe_inside(b, p, op);
	if (sections[op->kind] == SECTION_NODE || op->kind == PLAN_SERVICE)
		buf_printf(b, " of node '%s'", p->topo->nodes[op->node].name);
}

static void print_heading(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	switch (sections[op->kind]) {
	case SECTION_LAB:
		buf_puts(b, "\nlab\n");
		break;
	case SECTION_NODES:
		buf_puts(b, "\nnodes\n");
		break;
	case SECTION_LINKS:
		buf_puts(b, "\nlinks\n");
		break;
	case SECTION_NODE:
		buf_printf(b, "\n%s %s\n", topo_kind_name(p->topo->nodes[op->node].kind),
			   p->topo->nodes[op->node].name);
		break;
	case SECTION_SHAPING:
		buf_puts(b, "\nshaping\n");
		break;
	case SECTION_SERVICES:
		buf_puts(b, "\nservices\n");
		break;
	}
}

static void print_mount(struct buf *b, const struct topo_mount *m)
{
	switch (m->kind) {
	case TOPO_MOUNT_BIND:
		buf_printf(b, "    mount %s at %s, %s\n", m->source, m->at,
			   m->rw ? "read and write" : "read-only");
		break;
	case TOPO_MOUNT_TMPFS:
		buf_printf(b, "    tmpfs at %s\n", m->at);
		break;
	case TOPO_MOUNT_OVERLAY:
		buf_printf(b, "    overlay of %s at %s\n", m->source, m->at);
		break;
	}
}

static void print_share(struct buf *b, unsigned share)
{
	for (unsigned bit = 1; bit <= TOPO_NS_USER; bit <<= 1) {
		if (share & bit)
			buf_printf(b, "    %s namespace: the lab's\n", topo_namespace_name(bit));
	}
}

/** What of a node is not said by operations of its own. */
static void print_own(struct buf *b, const struct topo_node *about, const struct plan_node *n)
{
	const struct topo_tree *t = &about->tree;

	print_share(b, about->share);
	if (t->rootfs)
		buf_printf(b, "    root %s%s\n", t->rootfs, t->writable ? ", writable" : "");
	for (size_t i = 0; i < t->n_mounts; i++)
		print_mount(b, &t->mounts[i]);
	for (size_t i = 0; i < t->n_files; i++)
		buf_printf(b, "    %s %s\n", t->files[i].directory ? "directory" : "file",
			   t->files[i].path);
	for (size_t i = 0; i < n->n_sysctls; i++)
		buf_printf(b, "    sysctl %s = %s\n", n->sysctls[i].key, n->sysctls[i].value);
}

void plan_print_text(struct buf *b, const struct plan *p)
{
	enum section last_section = SECTION_LAB;
	const struct plan_op *last = NULL;

	buf_printf(b, "%s: %zu node%s, %zu link%s, seed %llu\n", p->topo->name, p->topo->n_nodes,
		   p->topo->n_nodes == 1 ? "" : "s", p->topo->n_links,
		   p->topo->n_links == 1 ? "" : "s", (unsigned long long)p->topo->seed);
	for (const struct plan_op *op = p->ops; op < p->ops + p->n_ops; op++) {
		enum section section = sections[op->kind];

		if (!last || last_section != section ||
		    (section == SECTION_NODE && last->node != op->node))
			print_heading(b, p, op);
		buf_puts(b, "  ");
		describe_inside(b, p, op);
		if (op->kind == PLAN_SERVICE)
			buf_printf(b, " (node '%s')", p->topo->nodes[op->node].name);
		buf_puts(b, "\n");
		if (op->kind == PLAN_NODE)
			print_own(b, &p->topo->nodes[op->node], &p->nodes[op->node]);
		last = op;
		last_section = section;
	}
}
