/* SPDX-License-Identifier: MIT */
/* The plan as a shell script of ip, tc, unshare and nsenter that builds the same lab. */
#include "plan/plan.h"

#include <stdio.h>
#include <string.h>

#include "base/capabilities.h"
#include "plan/build.h"
#include "plan/print_sh.h"

/* What the script is writing at the moment: lines of one kind go to one program at once. */
enum stream { STREAM_NONE, STREAM_FABRIC_IP, STREAM_FABRIC_TC, STREAM_NODE_IP };

struct script {
	struct buf *b;
	const struct plan *p;
	enum stream open;
	uint32_t node; /* of STREAM_NODE_IP */
};

/* One word for the shell. */
static void put_word(struct buf *b, const char *text)
{
	static const char safe[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,/:=@%+-";

	if (text[0] && strspn(text, safe) == strlen(text)) {
		buf_puts(b, text);
		return;
	}
	buf_puts(b, "'");
	for (const char *c = text; *c; c++) {
		if (*c == '\'')
			buf_puts(b, "'\\''");
		else
			buf_add(b, c, 1);
	}
	buf_puts(b, "'");
}

/* A word that was put together; one that is incomplete makes the whole so. */
static void put_buf(struct buf *b, const struct buf *word)
{
	const char *text = buf_text(word);

	if (text)
		put_word(b, text);
	else
		b->failed = true;
}

/* `ip -batch` takes '#' for a comment wherever it stands, and the here-documents of links are read by the shell. */
static const char *unprintable_name(const struct plan *p)
{
	for (size_t n = 0; n < p->topo->n_nodes; n++) {
		for (size_t j = 1; j < p->nodes[n].n_interfaces; j++) {
			const char *name = p->nodes[n].interfaces[j].name;

			if (strpbrk(name, "#$`\\\"'"))
				return name;
		}
	}
	return NULL;
}

/* What of the plan these programs cannot make; NULL = they can make it all. */
static const char *impossible_link(const struct plan *p)
{
	for (size_t l = 0; l < p->topo->n_links; l++) {
		if (p->links[l].join == PLAN_JOIN_WIRE)
			return p->topo->links[l].name;
	}
	return NULL;
}

static const char *uplink_of(const struct plan *p)
{
	for (size_t n = 0; n < p->topo->n_nodes; n++) {
		if (p->topo->nodes[n].kind == TOPO_UPLINK)
			return p->topo->nodes[n].name;
	}
	return NULL;
}

/* A node whose file tree or namespaces are not like the others'. */
static const char *impossible_node(const struct plan *p)
{
	for (size_t n = 0; n < p->topo->n_nodes; n++) {
		const struct topo_node *node = &p->topo->nodes[n];

		if (node->share || node->tree.rootfs || node->tree.n_mounts || node->tree.n_files)
			return node->name;
	}
	return NULL;
}

/* A script that says why it is none. */
static void put_refusal(struct buf *b, const char *why, const char *name)
{
	buf_printf(b, "echo \"$lab: %s: \"", why);
	put_word(b, name);
	buf_puts(b, " >&2\nexit 4\n");
}

/* ---- streams ---- */

static void close_stream(struct script *s)
{
	if (s->open != STREAM_NONE)
		buf_puts(s->b, "END\n");
	s->open = STREAM_NONE;
}

static void open_stream(struct script *s, enum stream stream, uint32_t node)
{
	if (s->open == stream && (stream != STREAM_NODE_IP || s->node == node))
		return;
	close_stream(s);
	switch (stream) {
	case STREAM_NONE:
		break;
	case STREAM_FABRIC_IP: /* not quoted: the nodes' process ids are in it */
		buf_puts(s->b, "\tnet \"$fabric\" ip -batch - <<END\n");
		break;
	case STREAM_FABRIC_TC:
		buf_puts(s->b, "\tnet \"$fabric\" tc -batch - <<END\n");
		break;
	case STREAM_NODE_IP:
		buf_printf(s->b, "\tnet \"$n%u\" ip -batch - <<'END'\n", node);
		break;
	}
	s->open = stream;
	s->node = node;
}

/* ---- nodes ---- */

static void put_sysctl_path(struct buf *b, const char *key)
{
	char path[512];

	if (plan_sysctl_path(key, path, sizeof(path)) == 0)
		buf_puts(b, path);
	else
		buf_puts(b, key); /* no kernel has one of that length: the script fails there */
}

/* Settings that most nodes have in common are written once. */
static size_t common_sysctls(const struct plan *p, enum topo_kind kind,
			     const struct plan_sysctl **ret)
{
	for (size_t n = 0; n < p->topo->n_nodes; n++) {
		const struct topo_node *about = &p->topo->nodes[n];
		size_t own = 0;

		if (about->kind != kind)
			continue;
		for (size_t i = 0; i < about->n_sysctls; i++) {
			const char *name;
			size_t len;

			own += !plan_sysctl_names_interface(about->sysctls[i].key, &name, &len);
		}
		*ret = p->nodes[n].sysctls;
		return p->nodes[n].n_sysctls - own;
	}
	return 0;
}

static void put_common_sysctls(struct script *s)
{
	for (enum topo_kind kind = TOPO_HOST; kind <= TOPO_HUB; kind++) {
		const struct plan_sysctl *settings = NULL;
		size_t n = common_sysctls(s->p, kind, &settings);

		if (n == 0)
			continue;
		buf_printf(s->b, "\nof_%s='\n", topo_kind_name(kind));
		for (size_t i = 0; i < n; i++) {
			buf_puts(s->b, "\t");
			put_sysctl_path(s->b, settings[i].key);
			buf_printf(s->b, "=%s\n", settings[i].value);
		}
		buf_puts(s->b, "'\n");
	}
}

static void put_node(struct script *s, uint32_t n)
{
	const struct topo_node *about = &s->p->topo->nodes[n];
	const struct plan_node *node = &s->p->nodes[n];
	const struct plan_sysctl *common = NULL;
	size_t first = common_sysctls(s->p, about->kind, &common);

	buf_printf(s->b, "\tsettings=$of_%s\n\tnode %s ", topo_kind_name(about->kind), about->name);
	put_word(s->b, about->hostname);
	for (size_t i = first; i < node->n_sysctls; i++) {
		_cleanup_buf_ struct buf setting = { 0 };

		put_sysctl_path(&setting, node->sysctls[i].key);
		buf_printf(&setting, "=%s", node->sysctls[i].value);
		buf_puts(s->b, " \\\n\t\t");
		put_buf(s->b, &setting);
	}
	buf_printf(s->b, "\n\tn%u=$!\n", n);
}

/* ---- the fabric ---- */

static void put_mac(struct buf *b, const uint8_t mac[6])
{
	char text[MAC_TEXT_SIZE];

	buf_printf(b, " address %s", mac_format(mac, text));
}

static void put_veth(struct script *s, const struct plan_op *op)
{
	const struct plan_link *made = &s->p->links[op->link.link];
	const struct plan_fabric_end *end = &made->ends[op->link.end];
	size_t node = s->p->topo->links[op->link.link].ends[op->link.end].node;
	const struct plan_interface *i =
		&s->p->nodes[node].interfaces[made->interface[op->link.end]];

	open_stream(s, STREAM_FABRIC_IP, 0);
	buf_printf(s->b, "link add %s index %u", end->name, end->ifindex);
	put_mac(s->b, end->mac);
	buf_printf(s->b, " mtu %u numtxqueues 1 numrxqueues 1 type veth peer name %s index %u",
		   i->mtu, i->name, i->ifindex);
	put_mac(s->b, i->mac);
	buf_printf(s->b, " mtu %u numtxqueues 1 numrxqueues 1 netns $n%zu\n", i->mtu, node);
}

static void put_redirect(struct script *s, const struct plan_op *op)
{
	const struct plan_fabric_end *ends = s->p->links[op->link.link].ends;

	buf_printf(
		s->b,
		"filter add dev %s ingress protocol all pref 1 u32 match u32 0 0 action mirred egress "
		"redirect dev %s\n",
		ends[op->link.end].name, ends[!op->link.end].name);
}

static void put_clsacts(struct script *s)
{
	for (size_t l = 0; l < s->p->topo->n_links; l++) {
		for (unsigned end = 0; end < 2; end++) {
			open_stream(s, STREAM_FABRIC_TC, 0);
			buf_printf(s->b, "qdisc add dev %s clsact\n",
				   s->p->links[l].ends[end].name);
		}
	}
}

static void put_qdisc(struct script *s, const struct plan_op *op)
{
	const struct plan_link *made = &s->p->links[op->link.link];
	const struct plan_qdisc *q = &made->dir[op->link.end];

	open_stream(s, STREAM_FABRIC_TC, 0);
	buf_printf(s->b, "qdisc replace dev %s root ", made->ends[!op->link.end].name);
	plan_qdisc_print(s->b, q);
	if (q->kind == PLAN_QDISC_NETEM)
		buf_printf(s->b, "${seed:+ seed %llu}", (unsigned long long)q->impairment.seed);
	buf_puts(s->b, "\n");
}

/* ---- inside a node ---- */

static const char *interface_name(const struct script *s, const struct plan_op *op,
				  uint32_t interface)
{
	return s->p->nodes[op->node].interfaces[interface].name;
}

static void put_bridge(struct script *s, const struct plan_op *op)
{
	const struct topo_node *about = &s->p->topo->nodes[op->node];
	const struct plan_node *n = &s->p->nodes[op->node];

	buf_printf(s->b, "link add %s index %u", PLAN_BRIDGE_NAME, n->bridge_ifindex);
	put_mac(s->b, n->bridge_mac);
	/* times in hundredths of a second */
	buf_printf(s->b, " type bridge %s mcast_snooping 0%s\n",
		   about->stp ? "stp_state 1 forward_delay 200 hello_time 100 max_age 600 "
				"ageing_time 400"
			      : "forward_delay 0",
		   about->kind == TOPO_HUB ? " ageing_time 0" : "");
	buf_printf(s->b, "link set dev %s up\n", PLAN_BRIDGE_NAME);
}

static void put_address(struct script *s, const struct plan_op *op)
{
	const struct ip_prefix *p = &op->address.prefix;
	char text[IP_TEXT_MAX];

	buf_printf(s->b, "address add %s dev %s%s\n", ip_format_prefix(p, text),
		   interface_name(s, op, op->address.interface),
		   p->addr.family == IP_V6 ? " nodad"
		   : p->len < 31           ? " broadcast +"
					   : "");
}

static void put_neighbour(struct script *s, const struct plan_op *op)
{
	char text[IP_TEXT_MAX], mac[MAC_TEXT_SIZE];

	buf_printf(s->b, "neighbour replace %s lladdr %s dev %s nud permanent\n",
		   ip_format_addr(&op->neighbour.addr, text), mac_format(op->neighbour.mac, mac),
		   interface_name(s, op, op->neighbour.interface));
}

static void put_route(struct script *s, const struct plan_op *op)
{
	static const char *const types[] = {
		[TOPO_ROUTE_UNICAST] = "",
		[TOPO_ROUTE_BLACKHOLE] = "blackhole ",
		[TOPO_ROUTE_UNREACHABLE] = "unreachable ",
	};
	char text[IP_TEXT_MAX];

	buf_printf(s->b, "route add %s%s", types[op->route.type],
		   ip_format_prefix(&op->route.to, text));
	buf_puts(s->b, " protocol static");
	if (op->route.metric)
		buf_printf(s->b, " metric %u", op->route.metric);
	for (uint32_t i = 0; i < op->route.n_hops; i++) {
		const struct plan_nexthop *hop = &op->route.hops[i];

		if (op->route.n_hops > 1)
			buf_puts(s->b, " nexthop");
		if (hop->via.family)
			buf_printf(s->b, " via %s", ip_format_addr(&hop->via, text));
		buf_printf(s->b, " dev %s", interface_name(s, op, hop->interface));
	}
	buf_puts(s->b, "\n");
}

static void put_late_sysctl(struct script *s, const struct plan_op *op)
{
	close_stream(s);
	buf_printf(s->b, "\tnet \"$n%u\" sh -c 'echo \"$1\" >\"/proc/sys/$2\"' sysctl ", op->node);
	put_word(s->b, op->sysctl.value);
	buf_puts(s->b, " ");
	put_sysctl_path(s->b, op->sysctl.key);
	buf_puts(s->b, "\n");
}

static void put_offload(struct script *s, const struct plan_op *op)
{
	close_stream(s);
	buf_printf(
		s->b,
		"\tnet \"$n%u\" ethtool -K %s gso off tso off gro off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off\n",
		op->node, interface_name(s, op, op->interface));
}

/** What a shell can do of it: the system calls stay. */
static void put_privileges(struct script *s, const struct topo_privileges *p)
{
	if (p->all)
		return;
	buf_puts(s->b, "setpriv --no-new-privs --bounding-set=-all");
	for (unsigned c = 0; c < CAPABILITIES; c++) {
		if (p->kept & CAPABILITY_BIT(c))
			buf_printf(s->b, ",+%s", capability_name(c));
	}
	buf_puts(s->b, " ");
}

/** The node's environment and a service's, user and directory: what stands before a program of the service. */
static void put_surroundings(struct script *s, uint32_t node, const struct topo_service *service)
{
	const struct topo_node *about = &s->p->topo->nodes[node];
	const char *user = service->user ? service->user : about->user;

	buf_printf(s->b, "inside \"$n%u\" ", node);
	put_privileges(s, &about->privileges);
	if (user) {
		buf_puts(s->b, "runuser -u ");
		put_word(s->b, user);
		buf_puts(s->b, " -- ");
	}
	buf_puts(s->b, "env --chdir=");
	put_word(s->b, about->cwd ? about->cwd : "/");
	for (size_t i = 0; i < about->n_env + service->n_env; i++) {
		const struct topo_pair *e = i < about->n_env ? &about->env[i]
							     : &service->env[i - about->n_env];
		_cleanup_buf_ struct buf setting = { 0 };

		buf_printf(&setting, "%s=%s", e->key, e->value);
		buf_puts(s->b, " ");
		put_buf(s->b, &setting);
	}
}

static void put_words(struct script *s, const char *const *words)
{
	for (size_t i = 0; words[i]; i++) {
		buf_puts(s->b, " ");
		put_word(s->b, words[i]);
	}
}

/** Waits at once, not only before what comes after it: a script has nobody to start the others meanwhile. */
static void put_ready(struct script *s, uint32_t node, const struct topo_service *service)
{
	const struct topo_ready *r = &service->ready;
	const char *name = s->p->topo->nodes[node].name;

	if (r->kind == TOPO_READY_STARTED)
		return;
	buf_printf(s->b, "\tready %s/%s %llu ", name, service->name,
		   (unsigned long long)((r->timeout_ns + 999999999) / 1000000000));
	switch (r->kind) {
	case TOPO_READY_STARTED:
		break;
	case TOPO_READY_TCP:
		buf_printf(s->b, "inside \"$n%u\" sh -c 'ss -Hltn \"sport = :%u\" | grep -q .'",
			   node, r->port);
		break;
	case TOPO_READY_LOG:
		buf_puts(s->b, "grep -Eq -e ");
		put_word(s->b, r->regex);
		buf_printf(s->b, " \"$state/%s.%s.log\"", name, service->name);
		break;
	case TOPO_READY_EXEC:
		put_surroundings(s, node, service);
		put_words(s, r->run);
		break;
	case TOPO_READY_FILE:
		buf_printf(s->b, "inside \"$n%u\" test -e ", node);
		put_word(s->b, r->file);
		break;
	}
	buf_puts(s->b, "\n");
}

static bool any_ready(const struct plan *p)
{
	for (const struct plan_op *op = p->ops; op < p->ops + p->n_ops; op++) {
		if (op->kind == PLAN_SERVICE &&
		    p->topo->nodes[op->node].services[op->service].ready.kind != TOPO_READY_STARTED)
			return true;
	}
	return false;
}

static void put_service(struct script *s, const struct plan_op *op)
{
	const struct topo_node *about = &s->p->topo->nodes[op->node];
	const struct topo_service *service = &about->services[op->service];

	if (service->restart.policy != TOPO_RESTART_NEVER)
		buf_puts(s->b, "\t# only 'netlab up' starts this one again when it has ended\n");
	buf_puts(s->b, "\t");
	put_surroundings(s, op->node, service);
	put_words(s, service->run);
	buf_printf(s->b, " </dev/null >\"$state/%s.%s.log\" 2>&1 3>&- &\n", about->name,
		   service->name);
	put_ready(s, op->node, service);
}

static void put_node_op(struct script *s, const struct plan_op *op)
{
	if (op->kind != PLAN_SYSCTL && op->kind != PLAN_OFFLOAD)
		open_stream(s, STREAM_NODE_IP, op->node);
	switch (op->kind) {
	case PLAN_BRIDGE:
		put_bridge(s, op);
		break;
	case PLAN_PORT:
		buf_printf(s->b, "link set dev %s master %s\n",
			   interface_name(s, op, op->interface), PLAN_BRIDGE_NAME);
		break;
	case PLAN_SYSCTL:
		put_late_sysctl(s, op);
		break;
	case PLAN_OFFLOAD:
		put_offload(s, op);
		break;
	case PLAN_ADDRESS:
		put_address(s, op);
		break;
	case PLAN_UP:
		buf_printf(s->b, "link set dev %s up\n", interface_name(s, op, op->interface));
		break;
	case PLAN_NEIGHBOUR:
		put_neighbour(s, op);
		break;
	case PLAN_ROUTE:
		put_route(s, op);
		break;
	case PLAN_UPLINK:
	case PLAN_FABRIC:
	case PLAN_HOSTS:
	case PLAN_NODE:
	case PLAN_VETH:
	case PLAN_REDIRECT:
	case PLAN_FABRIC_UP:
	case PLAN_WIRE:
	case PLAN_QDISC:
	case PLAN_SERVICE:
		break;
	}
}

/* ---- the whole ---- */

typedef void op_fn(struct script *s, const struct plan_op *op);

static void each(struct script *s, enum plan_op_kind kind, op_fn *fn)
{
	for (const struct plan_op *op = s->p->ops; op < s->p->ops + s->p->n_ops; op++) {
		if (op->kind == kind)
			fn(s, op);
	}
	if (kind != PLAN_SERVICE)
		close_stream(s);
}

static void put_fabric_up(struct script *s, const struct plan_op *op)
{
	open_stream(s, STREAM_FABRIC_IP, 0);
	buf_printf(s->b, "link set dev %s up\n",
		   s->p->links[op->link.link].ends[op->link.end].name);
}

static void put_nodes(struct script *s)
{
	buf_puts(s->b, "\n\t# the fabric and the nodes\n\tfabric\n");
	for (uint32_t n = 0; n < s->p->topo->n_nodes; n++)
		put_node(s, n);
	buf_printf(s->b, "\tawait %zu\n", s->p->topo->n_nodes + 1);
}

static void put_links(struct script *s)
{
	buf_puts(
		s->b,
		"\n\t# links: each end is a pair of interfaces, one in the node and one in the fabric\n");
	each(s, PLAN_VETH, put_veth);
	buf_puts(s->b, "\n\t# what comes in at one end in the fabric goes out at the other\n");
	put_clsacts(s);
	each(s, PLAN_REDIRECT, put_redirect);
	each(s, PLAN_FABRIC_UP, put_fabric_up);
}

static void put_insides(struct script *s)
{
	const struct plan_op *last = NULL;

	for (const struct plan_op *op = s->p->ops; op < s->p->ops + s->p->n_ops; op++) {
		if (op->kind < PLAN_BRIDGE || op->kind > PLAN_ROUTE)
			continue;
		if (!last || last->node != op->node) {
			close_stream(s);
			buf_printf(s->b, "\n\t# %s %s\n",
				   topo_kind_name(s->p->topo->nodes[op->node].kind),
				   s->p->topo->nodes[op->node].name);
		}
		put_node_op(s, op);
		last = op;
	}
	close_stream(s);
}

static bool has_op(const struct plan *p, enum plan_op_kind kind)
{
	for (size_t i = 0; i < p->n_ops; i++) {
		if (p->ops[i].kind == kind)
			return true;
	}
	return false;
}

/* Switches with STP forward nothing for the first seconds. */
static void put_settling(struct script *s)
{
	for (uint32_t n = 0; n < s->p->topo->n_nodes; n++) {
		if (s->p->nodes[n].bridge_ifindex && s->p->topo->nodes[n].stp)
			buf_printf(s->b, "\tsettle \"$n%u\"\n", n);
	}
}

static bool uses_netem(const struct plan *p)
{
	for (size_t l = 0; l < p->topo->n_links; l++) {
		for (unsigned dir = 0; dir < 2; dir++) {
			if (p->links[l].dir[dir].kind == PLAN_QDISC_NETEM)
				return true;
		}
	}
	return false;
}

static void put_shaping(struct script *s)
{
	buf_puts(s->b, "\n\t# what the links do to packets\n");
	if (uses_netem(s->p))
		buf_puts(
			s->b,
			"\tseed= # netem's, which tc knows from 6.6 on\n"
			"\tif tc qdisc add dev lo root netem help 2>&1 | grep -q seed; then seed=yes; fi\n");
	each(s, PLAN_QDISC, put_qdisc);
}

static void put_resolvers(struct script *s)
{
	buf_puts(s->b, "\tcat >\"$state/resolv.conf\" <<'END'\n" PLAN_RESOLV_CONF "END\n");
	for (uint32_t n = 0; n < s->p->topo->n_nodes; n++) {
		if (!s->p->nodes[n].resolv_conf)
			continue;
		buf_puts(s->b, "\tprintf %s ");
		put_word(s->b, s->p->nodes[n].resolv_conf);
		buf_printf(s->b, " >\"$state/resolv.conf.%s\"\n", s->p->topo->nodes[n].name);
	}
}

static bool any_limits(const struct topo *t)
{
	for (size_t i = 0; i < t->n_nodes; i++) {
		if (t->nodes[i].limits.given)
			return true;
	}
	return false;
}

void plan_print_sh(struct buf *b, const struct plan *p)
{
	struct script s = { .b = b, .p = p };
	const char *name = p->topo->name, *bad = unprintable_name(p), *wire = impossible_link(p);
	const char *node = impossible_node(p);

	buf_printf(b, sh_head, name, name, name, name, name);
	if (bad) {
		put_refusal(b, "this interface name cannot be written for 'ip -batch'", bad);
		return;
	}
	if (uplink_of(p)) {
		put_refusal(b, "only netlab itself makes a way to the host's network",
			    uplink_of(p));
		return;
	}
	if (wire) {
		buf_puts(
			b,
			"# This lab cannot be built by a script: the programs that it could call know no such\n"
			"# links as netlab's own process, the wire, makes. Use 'netlab up'.\n");
		put_refusal(b, "only netlab itself has the wire that carries this link", wire);
		return;
	}
	if (node) {
		put_refusal(b, "only netlab itself makes the file tree of this node", node);
		return;
	}
	buf_puts(b, "state=${NETLAB_SH_STATE:-/run/netlab-sh}/$lab\n");
	if (p->topo->n_events > 0)
		buf_puts(
			b,
			"# Its timeline is not in here: only 'netlab up' and 'netlab run' follow it.\n");
	if (any_limits(p->topo))
		buf_puts(b, "# Nor are its nodes' limits: only netlab itself makes cgroups.\n");
	put_common_sysctls(&s);
	buf_puts(b, "\n");
	buf_puts(b, sh_functions);
	if (any_ready(p))
		buf_puts(b, sh_ready);
	buf_puts(b, "\nup() {\n\tbegin\n");
	if (p->hosts)
		buf_printf(b, "\tcat >\"$state/hosts\" <<'END'\n%sEND\n", p->hosts);
	put_resolvers(&s);
	if (has_op(p, PLAN_OFFLOAD))
		buf_puts(
			b,
			"\tcommand -v ethtool >/dev/null || die \"links that shape need 'ethtool'\"\n");
	put_nodes(&s);
	if (p->topo->n_links > 0)
		put_links(&s);
	put_insides(&s);
	if (has_op(p, PLAN_QDISC))
		put_shaping(&s);
	put_settling(&s);
	if (has_op(p, PLAN_SERVICE)) {
		buf_puts(b, "\n\t# services, their output kept in the state directory\n");
		each(&s, PLAN_SERVICE, put_service);
	}
	buf_puts(b, sh_tail);
}
