/* SPDX-License-Identifier: MIT */
/* The plan as JSON: one object a line inside "ops", so that two plans compare line by line. */
#include "plan/plan.h"

#include <stdio.h>
#include <string.h>

static void put_string(struct buf *b, const char *text)
{
	buf_puts(b, "\"");
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_printf(b, "\\%c", *c);
		else if (*c == '\n')
			buf_puts(b, "\\n");
		else if ((unsigned char)*c < ' ')
			buf_printf(b, "\\u%04x", (unsigned)(unsigned char)*c);
		else
			buf_add(b, c, 1);
	}
	buf_puts(b, "\"");
}

static void put_member(struct buf *b, const char *key, const char *value)
{
	buf_printf(b, ",\"%s\":", key);
	put_string(b, value);
}

static void put_number(struct buf *b, const char *key, uint64_t value)
{
	buf_printf(b, ",\"%s\":%llu", key, (unsigned long long)value);
}

static void put_mac(struct buf *b, const uint8_t mac[6])
{
	char text[MAC_TEXT_SIZE];

	buf_printf(b, ",\"mac\":\"%s\"", mac_format(mac, text));
}

static const char *fabric_name(const struct plan *p, const struct plan_op *op, unsigned end)
{
	return p->links[op->link.link].ends[end].name;
}

static void put_interface(struct buf *b, const struct plan *p, const struct plan_op *op,
			  uint32_t interface)
{
	put_member(b, "interface", p->nodes[op->node].interfaces[interface].name);
}

static void put_mount(struct buf *b, const struct topo_mount *m)
{
	static const char *const kinds[] = { [TOPO_MOUNT_BIND] = "bind",
					     [TOPO_MOUNT_TMPFS] = "tmpfs",
					     [TOPO_MOUNT_OVERLAY] = "overlay" };

	buf_printf(b, "{\"kind\":\"%s\"", kinds[m->kind]);
	if (m->source)
		put_member(b, "source", m->source);
	put_member(b, "at", m->at);
	if (m->kind == TOPO_MOUNT_BIND)
		buf_printf(b, ",\"rw\":%s", m->rw ? "true" : "false");
	buf_puts(b, "}");
}

/* Of a node that has nothing of it, nothing. */
static void put_tree(struct buf *b, const struct topo_node *about)
{
	const struct topo_tree *t = &about->tree;
	const char *comma = "";

	if (about->share) {
		buf_puts(b, ",\"share\":[");
		for (unsigned bit = 1; bit <= TOPO_NS_USER; bit <<= 1) {
			if (!(about->share & bit))
				continue;
			buf_printf(b, "%s\"%s\"", comma, topo_namespace_name(bit));
			comma = ",";
		}
		buf_puts(b, "]");
	}
	if (t->rootfs)
		put_member(b, "rootfs", t->rootfs);
	for (size_t i = 0; i < t->n_mounts; i++) {
		buf_puts(b, i ? "," : ",\"mounts\":[");
		put_mount(b, &t->mounts[i]);
	}
	if (t->n_mounts)
		buf_puts(b, "]");
	for (size_t i = 0; i < t->n_files; i++) {
		buf_puts(b, i ? "," : ",\"files\":[");
		put_string(b, t->files[i].path);
	}
	if (t->n_files)
		buf_puts(b, "]");
}

static void put_node(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	const struct topo_node *about = &p->topo->nodes[op->node];
	const struct plan_node *n = &p->nodes[op->node];

	put_member(b, "kind", topo_kind_name(about->kind));
	put_member(b, "hostname", about->hostname);
	if (n->resolv_conf)
		put_member(b, "resolv_conf", n->resolv_conf);
	buf_puts(b, ",\"sysctls\":[");
	for (size_t i = 0; i < n->n_sysctls; i++) {
		buf_puts(b, i ? ",[" : "[");
		put_string(b, n->sysctls[i].key);
		buf_puts(b, ",");
		put_string(b, n->sysctls[i].value);
		buf_puts(b, "]");
	}
	buf_puts(b, "]");
	put_tree(b, about);
	if (!about->limits.given)
		return;
	buf_printf(b, ",\"limits\":{\"memory_bytes\":%llu,\"cpu\":%g,\"pids\":%u}",
		   (unsigned long long)about->limits.memory_bytes, about->limits.cpu_milli / 1000.0,
		   (unsigned)about->limits.pids);
}

static void put_veth(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	const struct plan_link *made = &p->links[op->link.link];
	const struct plan_fabric_end *end = &made->ends[op->link.end];
	size_t node = p->topo->links[op->link.link].ends[op->link.end].node;
	const struct plan_interface *i = &p->nodes[node].interfaces[made->interface[op->link.end]];

	put_member(b, "node", p->topo->nodes[node].name);
	put_member(b, "interface", i->name);
	put_number(b, "ifindex", i->ifindex);
	put_mac(b, i->mac);
	put_number(b, "mtu_bytes", i->mtu);
	buf_puts(b, ",\"fabric\":{\"name\":");
	put_string(b, end->name);
	put_number(b, "ifindex", end->ifindex);
	put_mac(b, end->mac);
	buf_puts(b, "}");
}

static void put_bridge(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	const struct topo_node *about = &p->topo->nodes[op->node];
	const struct plan_node *n = &p->nodes[op->node];

	put_member(b, "interface", PLAN_BRIDGE_NAME);
	put_number(b, "ifindex", n->bridge_ifindex);
	put_mac(b, n->bridge_mac);
	buf_printf(b, ",\"stp\":%s,\"learning\":%s", about->stp ? "true" : "false",
		   about->kind == TOPO_HUB ? "false" : "true");
}

static void put_route(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	static const char *const types[] = {
		[TOPO_ROUTE_UNICAST] = "unicast",
		[TOPO_ROUTE_BLACKHOLE] = "blackhole",
		[TOPO_ROUTE_UNREACHABLE] = "unreachable",
	};
	char text[IP_TEXT_MAX];

	put_member(b, "type", types[op->route.type]);
	put_member(b, "to", ip_format_prefix(&op->route.to, text));
	if (op->route.metric)
		put_number(b, "metric", op->route.metric);
	buf_puts(b, ",\"hops\":[");
	for (uint32_t i = 0; i < op->route.n_hops; i++) {
		const struct plan_nexthop *hop = &op->route.hops[i];

		buf_puts(b, i ? ",{\"interface\":" : "{\"interface\":");
		put_string(b, p->nodes[op->node].interfaces[hop->interface].name);
		if (hop->via.family)
			put_member(b, "via", ip_format_addr(&hop->via, text));
		buf_puts(b, "}");
	}
	buf_puts(b, "]");
}

static void put_qdisc(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	const struct plan_link *made = &p->links[op->link.link];
	const struct plan_qdisc *q = &made->dir[op->link.end];
	size_t from = p->topo->links[op->link.link].ends[op->link.end].node;
	_cleanup_buf_ struct buf words = { 0 };

	put_member(b, "from", p->topo->nodes[from].name);
	put_member(b, "device", fabric_name(p, op, !op->link.end));
	plan_qdisc_print(&words, q);
	if (!buf_text(&words))
		b->failed = true;
	else
		put_member(b, "tc", buf_text(&words));
	if (q->kind == PLAN_QDISC_NETEM)
		put_number(b, "seed", q->impairment.seed);
	buf_puts(b, ",\"impairment\":");
	impairment_format_json(b, &q->impairment);
}

static void put_wire(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	const struct topo_link *link = &p->topo->links[op->link.link];

	put_member(b, "reason", p->links[op->link.link].reason);
	buf_puts(b, ",\"devices\":[");
	put_string(b, fabric_name(p, op, 0));
	buf_puts(b, ",");
	put_string(b, fabric_name(p, op, 1));
	buf_puts(b, "],\"->\":");
	impairment_format_json(b, &link->dir[0]);
	buf_puts(b, ",\"<-\":");
	impairment_format_json(b, &link->dir[1]);
}

static void put_words(struct buf *b, const char *key, const char *const *words)
{
	buf_printf(b, ",\"%s\":[", key);
	for (size_t i = 0; words[i]; i++) {
		buf_puts(b, i ? "," : "");
		put_string(b, words[i]);
	}
	buf_puts(b, "]");
}

static void put_ready(struct buf *b, const struct topo_ready *r)
{
	buf_printf(b, ",\"ready\":{\"timeout_ns\":%llu", (unsigned long long)r->timeout_ns);
	switch (r->kind) {
	case TOPO_READY_STARTED:
		break;
	case TOPO_READY_TCP:
		put_number(b, "tcp", r->port);
		break;
	case TOPO_READY_LOG:
		put_member(b, "log", r->regex);
		break;
	case TOPO_READY_EXEC:
		put_words(b, "exec", r->run);
		break;
	case TOPO_READY_FILE:
		put_member(b, "file", r->file);
		break;
	}
	buf_puts(b, "}");
}

/** What becomes of a service besides its being run; nothing where nothing is asked. */
static void put_supervision(struct buf *b, const struct topo_service *s)
{
	if (s->user)
		put_member(b, "user", s->user);
	for (size_t i = 0; i < s->n_after; i++) {
		buf_puts(b, i ? "," : ",\"after\":[");
		put_string(b, s->after[i].text);
	}
	buf_puts(b, s->n_after ? "]" : "");
	if (s->ready.kind != TOPO_READY_STARTED)
		put_ready(b, &s->ready);
	if (s->restart.policy != TOPO_RESTART_NEVER)
		buf_printf(
			b,
			",\"restart\":{\"policy\":\"%s\",\"delay_ns\":%llu,\"max_delay_ns\":%llu,"
			"\"max\":%u}",
			topo_restart_name(s->restart.policy),
			(unsigned long long)s->restart.delay_ns,
			(unsigned long long)s->restart.max_delay_ns, s->restart.max);
	if (s->stop_signal != TOPO_SIGTERM)
		put_member(b, "stop_signal", topo_signal_name(s->stop_signal));
}

static void put_service(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	const struct topo_service *s = &p->topo->nodes[op->node].services[op->service];

	put_member(b, "name", s->name);
	put_words(b, "run", s->run);
	buf_puts(b, ",\"env\":{");
	for (size_t i = 0; i < s->n_env; i++) {
		buf_puts(b, i ? "," : "");
		put_string(b, s->env[i].key);
		buf_puts(b, ":");
		put_string(b, s->env[i].value);
	}
	buf_puts(b, "}");
	put_supervision(b, s);
}

/* What an operation is about, besides itself. */
enum about { ABOUT_LAB, ABOUT_NODE, ABOUT_LINK };

static const struct {
	const char *name;
	enum about about;
} kinds[] = {
	[PLAN_FABRIC] = { "fabric", ABOUT_LAB },
	[PLAN_HOSTS] = { "hosts", ABOUT_LAB },
	[PLAN_NODE] = { "node", ABOUT_NODE },
	[PLAN_VETH] = { "veth", ABOUT_LINK },
	[PLAN_REDIRECT] = { "redirect", ABOUT_LINK },
	[PLAN_FABRIC_UP] = { "fabric-up", ABOUT_LINK },
	[PLAN_WIRE] = { "wire", ABOUT_LINK },
	[PLAN_BRIDGE] = { "bridge", ABOUT_NODE },
	[PLAN_PORT] = { "port", ABOUT_NODE },
	[PLAN_SYSCTL] = { "sysctl", ABOUT_NODE },
	[PLAN_OFFLOAD] = { "offload", ABOUT_NODE },
	[PLAN_ADDRESS] = { "address", ABOUT_NODE },
	[PLAN_UP] = { "up", ABOUT_NODE },
	[PLAN_NEIGHBOUR] = { "neighbour", ABOUT_NODE },
	[PLAN_ROUTE] = { "route", ABOUT_NODE },
	[PLAN_UPLINK] = { "uplink", ABOUT_NODE },
	[PLAN_QDISC] = { "qdisc", ABOUT_LINK },
	[PLAN_SERVICE] = { "service", ABOUT_NODE },
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == PLAN_OP_COUNT, "an operation has no name");

static void put_inside(struct buf *b, const struct plan *p, const struct plan_op *op)
{
	char text[IP_TEXT_MAX];

	switch (op->kind) {
	case PLAN_FABRIC:
		break;
	case PLAN_HOSTS:
		put_member(b, "text", p->hosts);
		break;
	case PLAN_NODE:
		put_node(b, p, op);
		break;
	case PLAN_VETH:
		put_veth(b, p, op);
		break;
	case PLAN_REDIRECT:
		put_member(b, "from", fabric_name(p, op, op->link.end));
		put_member(b, "to", fabric_name(p, op, !op->link.end));
		break;
	case PLAN_FABRIC_UP:
		put_member(b, "name", fabric_name(p, op, op->link.end));
		break;
	case PLAN_WIRE:
		put_wire(b, p, op);
		break;
	case PLAN_BRIDGE:
		put_bridge(b, p, op);
		break;
	case PLAN_PORT:
		put_interface(b, p, op, op->interface);
		put_member(b, "bridge", PLAN_BRIDGE_NAME);
		break;
	case PLAN_SYSCTL:
		put_member(b, "key", op->sysctl.key);
		put_member(b, "value", op->sysctl.value);
		break;
	case PLAN_OFFLOAD:
		put_interface(b, p, op, op->interface);
		buf_puts(b, ",\"on\":false");
		break;
	case PLAN_UP:
		put_interface(b, p, op, op->interface);
		break;
	case PLAN_ADDRESS:
		put_interface(b, p, op, op->address.interface);
		put_member(b, "address", ip_format_prefix(&op->address.prefix, text));
		break;
	case PLAN_NEIGHBOUR:
		put_interface(b, p, op, op->neighbour.interface);
		put_member(b, "address", ip_format_addr(&op->neighbour.addr, text));
		put_mac(b, op->neighbour.mac);
		break;
	case PLAN_UPLINK:
		put_member(b, "interface", PLAN_UPLINK_NAME);
		break;
	case PLAN_ROUTE:
		put_route(b, p, op);
		break;
	case PLAN_QDISC:
		put_qdisc(b, p, op);
		break;
	case PLAN_SERVICE:
		put_service(b, p, op);
		break;
	}
}

void plan_print_json(struct buf *b, const struct plan *p)
{
	buf_puts(b, "{\"name\":");
	put_string(b, p->topo->name);
	put_number(b, "seed", p->topo->seed);
	buf_puts(b, ",\"ops\":[");
	for (size_t i = 0; i < p->n_ops; i++) {
		const struct plan_op *op = &p->ops[i];

		buf_printf(b, "%s\n{\"op\":\"%s\"", i ? "," : "", kinds[op->kind].name);
		switch (kinds[op->kind].about) {
		case ABOUT_LAB:
			break;
		case ABOUT_NODE:
			put_member(b, "node", p->topo->nodes[op->node].name);
			break;
		case ABOUT_LINK:
			put_member(b, "link", p->topo->links[op->link.link].name);
			break;
		}
		put_inside(b, p, op);
		buf_puts(b, "}");
	}
	buf_puts(b, "\n]}\n");
}
