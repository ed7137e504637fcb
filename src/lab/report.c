/* SPDX-License-Identifier: MIT */
/* What a lab says about itself, as JSON (cli.md, "--json shapes"). */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "lab/faults.h"
#include "lab/limits.h"
#include "lab/services.h"
#include "lab/shape.h"
#include "lab/privileges.h"
#include "lab/supervisor.h"
#include "lab/timeline.h"
#include "sys/clock.h"

static const char *engine_name(const struct supervisor *s)
{
	switch (s->topo->engine) {
	case TOPO_ENGINE_AUTO:
		return "auto";
	case TOPO_ENGINE_NETEM:
		return "netem";
	case TOPO_ENGINE_WIRE:
		return "wire";
	}
	return "auto";
}

static const char *lab_state(const struct supervisor *s)
{
	if (s->stopping)
		return "stopping";
	if (s->failure[0])
		return "failed";
	for (size_t i = 0; i < s->topo->n_nodes; i++) {
		if (s->nodes[i].pid == 0)
			return "degraded"; /* a node died: its links lead nowhere */
	}
	return "running";
}

static char *started_text(int64_t seconds)
{
	static char text[32];
	time_t t = (time_t)seconds;
	struct tm tm;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	return text;
}

json_t *report_summary(struct supervisor *s)
{
	json_t *o = json_pack("{s:s,s:I,s:I,s:s,s:I,s:s,s:f,s:s}", "name", s->topo->name, "nodes",
			      (json_int_t)s->topo->n_nodes, "links", (json_int_t)s->topo->n_links,
			      "engine", engine_name(s), "pid", (json_int_t)s->host_pid, "started",
			      started_text(s->started_s), "uptime_s",
			      (double)(sys_monotonic_ns() - s->ready_ns) / 1e9, "state",
			      lab_state(s));

	if (s->failure[0])
		json_object_set_new(o, "failure", json_string(s->failure));
	return o;
}

json_t *report_error(const struct netlab_err *err)
{
	return json_pack("{s:i,s:s,s:s,s:s,s:i}", "code", -err->code, "message", err->message,
			 "where", err->where, "hint", err->hint, "exit", (int)err->exit);
}

/* --- nodes --- */

static json_t *report_interface(const struct supervisor *s, const struct plan_interface *in)
{
	json_t *addresses = json_array();
	char mac[MAC_TEXT_SIZE], text[IP_TEXT_MAX];

	for (size_t i = 0; i < in->n_addresses; i++)
		json_array_append_new(addresses,
				      json_string(ip_format_prefix(&in->addresses[i], text)));
	return json_pack("{s:s,s:s,s:o,s:i,s:o}", "name", in->name, "mac", mac_format(in->mac, mac),
			 "addresses", addresses, "mtu", (int)in->mtu, "link",
			 in->link == SIZE_MAX ? json_null()
					      : json_string(s->topo->links[in->link].name));
}

/** Inodes, as the kernel tells them: two nodes with the same share the namespace. */
static json_t *report_namespaces(const struct supervisor *s, size_t index)
{
	static const char *const kinds[] = { "pid", "net", "mnt", "uts", "ipc", "cgroup", "user" };
	json_t *o = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && s->nodes[index].pid; i++) {
		uint64_t inode;

		if (sys_namespace(s->host_proc_fd, s->nodes[index].host_pid, kinds[i], &inode) == 0)
			json_object_set_new(o, kinds[i], json_integer((json_int_t)inode));
	}
	/* the init stays in the lab's: what counts is where the node's programs are */
	if (s->nodes[index].pid && node_nets_confine(s, index))
		json_object_set_new(o, "user", json_integer((json_int_t)s->nets.user_inode));
	return o;
}

static json_t *report_node(struct supervisor *s, size_t index)
{
	const struct topo_node *topo = &s->topo->nodes[index];
	const struct plan_node *plan = &s->plan->nodes[index];
	const struct lab_node *node = &s->nodes[index];
	const char *state = !node->pid ? "dead" : limits_is_frozen(s, index) ? "frozen" : "running";
	json_t *interfaces = json_array(), *services = json_array(), *commands, *o;

	for (size_t i = 0; i < plan->n_interfaces; i++) {
		if (i > 0 || plan->interfaces[0].n_addresses > 0)
			json_array_append_new(interfaces,
					      report_interface(s, &plan->interfaces[i]));
	}
	if (topo->kind == TOPO_UPLINK)
		json_array_append_new(interfaces, uplink_report(s));
	for (size_t i = 0; i < topo->n_services; i++)
		json_array_append_new(services, services_report(s, index, i));
	o = json_pack("{s:s,s:s,s:I,s:s,s:o,s:o}", "kind", topo_kind_name(topo->kind), "hostname",
		      topo->hostname, "pid", (json_int_t)(node->pid ? node->host_pid : 0), "state",
		      state, "interfaces", interfaces, "services", services);
	limits_report(s, index, o);
	if (topo->privileges.all)
		json_object_set_new(o, "privileged", json_true());
	else
		json_object_set_new(o, "capabilities", privileges_report(topo));
	json_object_set_new(o, "namespaces", report_namespaces(s, index));
	if (topo->n_commands == 0)
		return o;
	commands = json_array();
	for (size_t i = 0; i < topo->n_commands; i++)
		json_array_append_new(commands, services_report(s, index, topo->n_services + i));
	json_object_set_new(o, "commands", commands);
	return o;
}

/* --- links --- */

static json_t *from_text(const struct buf *b)
{
	const char *text = buf_text(b);
	json_t *o = text ? json_loads(text, 0, NULL) : NULL;

	return o ? o : json_object();
}

/** The upper half of the u64 does not fit JSON integers as jansson keeps them: those seeds are strings. */
static json_t *seed_json(uint64_t seed)
{
	if (seed <= INT64_MAX)
		return json_integer((json_int_t)seed);
	return json_sprintf("%llu", (unsigned long long)seed);
}

static json_t *report_impairment(const struct impairment *m)
{
	_cleanup_buf_ struct buf b = { 0 };
	struct impairment rest = *m;
	json_t *o;

	rest.set &= ~IMPAIR_BIT(IMPAIR_SEED);
	impairment_format_json(&b, &rest);
	o = from_text(&b);
	if (impair_asks(m, IMPAIR_SEED))
		json_object_set_new(o, "seed", seed_json(m->seed));
	return o;
}

/** Nine digits are what 32 bits can tell: 1 % reads 0.01, not 0.010000000011641532. */
static double share(uint32_t of32)
{
	return rint((double)of32 / UINT32_MAX * 1e9) / 1e9;
}

static json_t *report_netem_loss(const struct rt_netem *n)
{
	switch (n->loss_model) {
	case 1:
		return json_pack("{s:{s:f,s:f,s:f,s:f,s:f}}", "state", "p13", share(n->state[0]),
				 "p31", share(n->state[1]), "p32", share(n->state[2]), "p23",
				 share(n->state[4]), "p14", share(n->state[3]));
	case 2:
		return json_pack("{s:{s:f,s:f,s:f,s:f}}", "gemodel", "p", share(n->ge[0]), "r",
				 share(n->ge[1]), "1-h", 1 - share(n->ge[2]), "1-k",
				 share(n->ge[3]));
	default:
		return json_pack("{s:f}", "random", share(n->loss));
	}
}

static void set_share(json_t *o, const char *key, uint32_t value)
{
	if (value)
		json_object_set_new(o, key, json_real(share(value)));
}

static json_t *report_netem(const struct rt_netem *n)
{
	json_t *o = json_pack("{s:s,s:I}", "qdisc", "netem", "limit_packets", (json_int_t)n->limit);

	if (n->latency_ns)
		json_object_set_new(o, "delay_ns", json_integer((json_int_t)n->latency_ns));
	if (n->jitter_ns)
		json_object_set_new(o, "jitter_ns", json_integer((json_int_t)n->jitter_ns));
	if (n->rate_bytes)
		json_object_set_new(o, "rate_bps", json_integer((json_int_t)(n->rate_bytes * 8)));
	if (n->loss_model || n->loss)
		json_object_set_new(o, "loss", report_netem_loss(n));
	set_share(o, "duplicate", n->duplicate);
	set_share(o, "corrupt", n->corrupt);
	set_share(o, "reorder", n->reorder);
	if (n->gap)
		json_object_set_new(o, "gap", json_integer(n->gap));
	if (n->ecn)
		json_object_set_new(o, "ecn", json_true());
	if (n->overhead || n->cell || n->cell_overhead) {
		json_object_set_new(o, "overhead_bytes", json_integer(n->overhead));
		json_object_set_new(o, "cell_bytes", json_integer(n->cell));
		json_object_set_new(o, "cell_overhead_bytes", json_integer(n->cell_overhead));
	}
	if (n->has_slot && (n->slot_min_ns || n->slot_max_ns || n->slot_dist_delay_ns))
		json_object_set_new(o, "slot",
				    json_pack("{s:I,s:I,s:I,s:I,s:i,s:i}", "min_ns",
					      (json_int_t)n->slot_min_ns, "max_ns",
					      (json_int_t)n->slot_max_ns, "delay_ns",
					      (json_int_t)n->slot_dist_delay_ns, "jitter_ns",
					      (json_int_t)n->slot_dist_jitter_ns, "packets",
					      n->slot_packets, "bytes", n->slot_bytes));
	if (n->has_seed)
		json_object_set_new(o, "seed", seed_json(n->seed));
	return o;
}

static json_t *report_link(const struct supervisor *s, size_t index)
{
	const struct topo_link *topo = &s->topo->links[index];
	const struct lab_link *link = &s->links[index];
	json_t *ends = json_array();

	for (unsigned e = 0; e < 2; e++) {
		size_t node = topo->ends[e].node;
		uint32_t interface = s->plan->links[index].interface[e];

		json_array_append_new(
			ends, json_sprintf("%s:%s", s->topo->nodes[node].name,
					   s->plan->nodes[node].interfaces[interface].name));
	}
	return json_pack("{s:o,s:s,s:s,s:i,s:i,s:b,s:b,s:o,s:o,s:{s:{},s:{}}}", "endpoints", ends,
			 "join", plan_join_name(link->join), "reason", link->reason, "mtu",
			 (int)s->plan->links[index].mtu, "cost", (int)topo->cost, "carrier",
			 link->carrier, "offload", !link->no_offload, "->",
			 report_impairment(&link->asked[0]), "<-",
			 report_impairment(&link->asked[1]), "in_force", "->", "<-");
}

struct in_force {
	const struct supervisor *s;
	json_t *links;
};

/** Adds what the kernel holds to links[NAME].in_force. */
static int add_in_force(void *ctx, const struct rt_qdisc *q)
{
	struct in_force *f = ctx;
	json_t *o, *link;
	size_t index;
	unsigned dir;

	if (!shape_locate(f->s, q->ifindex, &index, &dir))
		return 0;
	if (strcmp(q->kind, "netem") == 0)
		o = report_netem(&q->netem);
	else
		return 0;
	link = json_object_get(f->links, f->s->topo->links[index].name);
	return json_object_set_new(json_object_get(link, "in_force"), topo_arrow(dir), o) < 0 ? -1
											      : 0;
}

/** What is asked but does nothing is not in force. */
static void leave_out_zeros(struct impairment *m)
{
	const uint32_t spread = IMPAIR_BIT(IMPAIR_JITTER) | IMPAIR_BIT(IMPAIR_DISTRIBUTION) |
				IMPAIR_BIT(IMPAIR_JITTER_REORDERS);
	uint32_t zero = 0;

	zero |= m->delay_ns ? 0 : IMPAIR_BIT(IMPAIR_DELAY);
	zero |= m->jitter_ns ? 0 : spread;
	zero |= m->duplicate > 0 ? 0 : IMPAIR_BIT(IMPAIR_DUPLICATE);
	zero |= m->corrupt > 0 ? 0 : IMPAIR_BIT(IMPAIR_CORRUPT);
	zero |= m->reorder > 0 ? 0 : IMPAIR_BIT(IMPAIR_REORDER) | IMPAIR_BIT(IMPAIR_GAP);
	zero |= m->down ? 0 : IMPAIR_BIT(IMPAIR_DOWN);
	if (m->loss.model == IMPAIR_LOSS_RANDOM && !(m->loss.random > 0))
		zero |= IMPAIR_BIT(IMPAIR_LOSS);
	m->set &= ~zero;
}

/** What the wire does in a direction: what is asked, and what it made of it. */
static json_t *report_wire(const struct supervisor *s, size_t link, unsigned dir)
{
	struct impairment m = s->links[link].asked[dir];
	struct wire_counters c;
	json_t *o;

	leave_out_zeros(&m);
	o = report_impairment(&m);

	json_object_set_new(o, "engine", json_string("wire"));
	wire_read(&s->wire, link, dir, &c);
	if (c.queue_limit > 0)
		json_object_set_new(o, c.queue_by_bytes ? "limit_bytes" : "limit_packets",
				    json_integer((json_int_t)c.queue_limit));
	return o;
}

/** Adds what no qdisc tells: the wire's directions, and those that are cut. */
static void add_rest(const struct supervisor *s, json_t *links)
{
	for (size_t i = 0; i < s->topo->n_links; i++) {
		json_t *f = json_object_get(json_object_get(links, s->topo->links[i].name),
					    "in_force");

		for (unsigned d = 0; d < 2; d++) {
			const char *arrow = topo_arrow(d);

			if (s->links[i].join == PLAN_JOIN_WIRE)
				json_object_set_new(f, arrow, report_wire(s, i, d));
			else if (!s->links[i].redirected[d])
				json_object_set_new(json_object_get(f, arrow), "down", json_true());
		}
	}
}

static json_t *report_process(const struct supervisor *s)
{
	return json_pack("{s:I,s:I,s:s}", "pid", (json_int_t)s->wire_host_pid, "restarts",
			 (json_int_t)s->wire.restarts, "state",
			 s->wire.pid > 0 ? "running" : "dead");
}

json_t *report_lab(struct supervisor *s, struct netlab_err *err)
{
	json_t *lab = report_summary(s), *nodes = json_object(), *links = json_object();
	struct in_force force = { s, links };
	int r;

	for (size_t i = 0; i < s->topo->n_nodes; i++)
		json_object_set_new(nodes, s->topo->nodes[i].name, report_node(s, i));
	for (size_t i = 0; i < s->topo->n_links; i++)
		json_object_set_new(links, s->topo->links[i].name, report_link(s, i));
	r = rt_each_qdisc(s->fabric_fd, add_in_force, &force);
	if (r < 0) {
		err_errno(err, r, "reading qdiscs");
		json_decref(lab);
		json_decref(nodes);
		json_decref(links);
		return NULL;
	}
	add_rest(s, links);
	json_object_set_new(lab, "seed", seed_json(s->topo->seed));
	if (s->wire.shared)
		json_object_set_new(lab, "wire", report_process(s));
	json_object_set_new(lab, "nodes", nodes);
	json_object_set_new(lab, "links", links);
	if (s->faults)
		json_object_set_new(lab, "faults", faults_report(s));
	if (s->recording.tape)
		json_object_set_new(lab, "recording", recording_report(s));
	if (s->timeline)
		json_object_set_new(lab, "timeline", timeline_report(s->timeline));
	return lab;
}
