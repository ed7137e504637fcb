/* SPDX-License-Identifier: MIT */
/* The keys of a node, and how defaults fill in the ones that are not given. */
#include "topo/node.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"

static const struct choice kinds[] = {
	{ "host", TOPO_HOST, NULL },
	{ "router", TOPO_ROUTER, NULL },
	{ "switch", TOPO_SWITCH, NULL },
	{ "hub", TOPO_HUB, NULL },
	{ "uplink", -1, "a node that leads out of the lab" },
	{ 0 },
};

const char *topo_kind_name(enum topo_kind kind)
{
	return choice_name(kinds, (int)kind);
}

/* --- interfaces --- */

enum { INTERFACE_ADDRESSES, INTERFACE_MAC, INTERFACE_MTU };

struct interface_draft {
	uint32_t set;
	struct address_list addresses;
	uint8_t mac[6];
	uint32_t mtu;
};

static const struct range mtu_range = { TOPO_MTU_MIN, TOPO_MTU_MAX };

static const struct field interface_fields[] = {
	{ .name = "addresses",
	  .help = "Addresses of the interface, with prefix length.",
	  .type = &type_addresses,
	  .offset = offsetof(struct interface_draft, addresses),
	  .bit = INTERFACE_ADDRESSES },
	{ .name = "mac",
	  .help = "MAC address. Default: from the topology, the same every time.",
	  .type = &type_mac,
	  .offset = offsetof(struct interface_draft, mac),
	  .bit = INTERFACE_MAC },
	{ .name = "mtu",
	  .help = "MTU in bytes. Default: the link's.",
	  .type = &type_integer,
	  .arg = &mtu_range,
	  .offset = offsetof(struct interface_draft, mtu),
	  .bit = INTERFACE_MTU },
};

const struct object_spec interface_spec = {
	.def = "interface",
	.noun = "an interface",
	.help = "Settings of an interface that a link makes, or of lo.",
	.fields = interface_fields,
	.n_fields = ARRAY_SIZE(interface_fields),
};

static bool parse_interfaces(struct parser *p, const struct path *at, const json_t *v,
			     const struct field *f, void *out)
{
	struct interface_list list = { 0 };
	size_t index = 0;
	const char *key;
	json_t *value;

	(void)f;
	if (!json_is_object(v))
		return wrong_kind(p, at, v, "an object of interfaces by name",
				  "e.g. {\"eth0\": {\"addresses\": [\"10.0.1.1/24\"]}}");
	list.items = parser_array(p, json_object_size(v), sizeof(*list.items));
	if (!list.items)
		return false;
	json_object_foreach((json_t *)v, key, value)
	{
		const struct path item = { .up = at, .key = key, .index = index++ };
		struct interface_draft draft = { 0 };
		const char *wrong;

		if (is_comment(key))
			continue;
		wrong = name_check_interface(key);
		if (wrong) {
			diag_error(&p->diags, &item, wrong,
				   "'%s' is no interface name that can be used",
				   diag_quote(&p->diags, key));
			continue;
		}
		if (!object_parse(p, &item, value, &interface_spec, &draft))
			continue;
		if (strcmp(key, "lo") == 0 && draft.set & 1u << INTERFACE_MAC) {
			diag_error(&p->diags, &item, NULL, "'lo' has no MAC address");
			continue;
		}
		list.items[list.n] = (struct topo_interface){
			.name = parser_strdup(p, key),
			.addresses = draft.addresses.items,
			.n_addresses = draft.addresses.n,
			.mac_set = (draft.set & 1u << INTERFACE_MAC) != 0,
			.mtu = draft.mtu,
		};
		memcpy(list.items[list.n++].mac, draft.mac, sizeof(draft.mac));
	}
	*(struct interface_list *)out = list;
	return !p->oom;
}

static const struct value_type type_interfaces = {
	parse_interfaces,
	"interfaces",
	"{\"description\":\"Interfaces by name.\",\"type\":\"object\",\"patternProperties\":{\"^//\":true,"
	"\"^[^/:% ]{1,15}$\":{\"$ref\":\"#/$defs/interface\"}},\"additionalProperties\":false}",
	NULL,
};

/* --- routes --- */

enum { ROUTE_TO, ROUTE_VIA, ROUTE_DEV, ROUTE_METRIC, ROUTE_BLACKHOLE, ROUTE_UNREACHABLE };

struct route_draft {
	uint32_t set;
	struct ip_prefix to; /* family 0: "default" */
	struct ip_addr via;
	const char *dev;
	uint32_t metric;
	bool blackhole, unreachable;
};

static bool parse_to(struct parser *p, const struct path *at, const json_t *v,
		     const struct field *f, void *out)
{
	const char *text = json_string_value(v);
	struct ip_prefix to, network;

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "a network or \"default\"", "e.g. \"10.0.2.0/24\"");
	if (strcmp(text, "default") == 0) {
		*(struct ip_prefix *)out = (struct ip_prefix){ 0 };
		return true;
	}
	if (ip_parse_prefix(text, &to) < 0) {
		diag_error(&p->diags, at,
			   "write it like \"10.0.2.0/24\", \"2001:db8::/64\" or \"default\"",
			   "\"%s\" is no network", diag_quote(&p->diags, text));
		return false;
	}
	network = ip_network(&to);
	if (!ip_equal(&network.addr, &to.addr)) {
		char good[IP_TEXT_MAX];

		diag_error(&p->diags, at,
			   diag_hint(&p->diags, "write \"%s\" for the network",
				     ip_format_prefix(&network, good)),
			   "\"%s\" has bits set beyond its prefix length", text);
		return false;
	}
	*(struct ip_prefix *)out = to;
	return true;
}

static const struct value_type type_to = {
	parse_to,
	"network",
	"{\"description\":\"A network with prefix length, or \\\"default\\\".\",\"type\":\"string\",\"examples\":"
	"[\"10.0.2.0/24\",\"default\"]}",
	NULL,
};

static bool parse_via(struct parser *p, const struct path *at, const json_t *v,
		      const struct field *f, void *out)
{
	const char *text = json_string_value(v);
	struct ip_addr via;

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "an address", "e.g. \"10.0.1.254\"");
	if (ip_parse_addr(text, &via) < 0) {
		diag_error(&p->diags, at,
			   "write one address without a prefix length, e.g. \"10.0.1.254\"",
			   "\"%s\" is no address of a gateway", diag_quote(&p->diags, text));
		return false;
	}
	*(struct ip_addr *)out = via;
	return true;
}

static const struct value_type type_via = {
	parse_via,
	"gateway",
	"{\"description\":\"The address of a gateway.\",\"type\":\"string\",\"examples\":[\"10.0.1.254\"]}",
	NULL,
};

static bool parse_dev(struct parser *p, const struct path *at, const json_t *v,
		      const struct field *f, void *out)
{
	const char *text = json_string_value(v), *wrong;

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "the name of an interface", NULL);
	wrong = name_check_interface(text);
	if (wrong) {
		diag_error(&p->diags, at, wrong, "'%s' is no interface name that can be used",
			   diag_quote(&p->diags, text));
		return false;
	}
	*(const char **)out = parser_strdup(p, text);
	return !p->oom;
}

static const struct value_type type_dev = {
	parse_dev,
	"interface-name",
	"{\"type\":\"string\",\"minLength\":1,\"maxLength\":15}",
	NULL,
};

static const struct range metric_range = { 1, UINT32_MAX };

#define OFFSET(member) .offset = offsetof(struct route_draft, member)

static const struct field route_fields[] = {
	{ .name = "to",
	  .help = "The network that the route leads to, or \"default\".",
	  .type = &type_to,
	  OFFSET(to),
	  .bit = ROUTE_TO },
	{ .name = "via", .help = "The gateway.", .type = &type_via, OFFSET(via), .bit = ROUTE_VIA },
	{ .name = "dev",
	  .help = "The interface. Default: the one whose network holds the gateway.",
	  .type = &type_dev,
	  OFFSET(dev),
	  .bit = ROUTE_DEV },
	{ .name = "metric",
	  .help = "The route with the lowest metric wins. Default: the kernel's.",
	  .type = &type_integer,
	  .arg = &metric_range,
	  OFFSET(metric),
	  .bit = ROUTE_METRIC },
	{ .name = "blackhole",
	  .help = "true: drop what goes there, in silence.",
	  .type = &type_bool,
	  OFFSET(blackhole),
	  .bit = ROUTE_BLACKHOLE },
	{ .name = "unreachable",
	  .help = "true: refuse what goes there, with an ICMP error.",
	  .type = &type_bool,
	  OFFSET(unreachable),
	  .bit = ROUTE_UNREACHABLE },
};

#undef OFFSET

static const char *const route_required[] = { "to", NULL };

const struct object_spec route_spec = {
	.def = "route",
	.noun = "a route",
	.help = "A route of the node, besides the automatic ones.",
	.fields = route_fields,
	.n_fields = ARRAY_SIZE(route_fields),
	.required = route_required,
};

/** What the members of a route say together. @return NULL when it makes sense */
static const char *route_wrong(const struct route_draft *r, const char **ret_hint)
{
	bool nowhere = r->blackhole || r->unreachable, via = (r->set & 1u << ROUTE_VIA) != 0;

	*ret_hint = NULL;
	if (r->blackhole && r->unreachable)
		return "a route is either 'blackhole' or 'unreachable'";
	if (nowhere && (via || r->dev))
		return "a route that is 'blackhole' or 'unreachable' has neither 'via' nor 'dev'";
	if (!nowhere && !via && !r->dev) {
		*ret_hint = "e.g. {\"to\": \"default\", \"via\": \"10.0.1.254\"}";
		return "a route needs 'via' or 'dev' (or 'blackhole' or 'unreachable')";
	}
	if (r->to.addr.family == 0 && !via) {
		*ret_hint = "write \"0.0.0.0/0\" or \"::/0\"";
		return "\"default\" without 'via' does not say whether IPv4 or IPv6 is meant";
	}
	if (r->to.addr.family != 0 && via && r->to.addr.family != r->via.family)
		return "'to' and 'via' are of different families";
	if (via && !r->dev && r->via.family == IP_V6 && r->via.bytes[0] == 0xfe &&
	    (r->via.bytes[1] & 0xc0) == 0x80)
		return "a link-local gateway needs 'dev'";
	return NULL;
}

static bool parse_routes(struct parser *p, const struct path *at, const json_t *v,
			 const struct field *f, void *out)
{
	struct route_list list = { 0 };

	(void)f;
	if (!json_is_array(v))
		return wrong_kind(p, at, v, "a list of routes",
				  "e.g. [{\"to\": \"default\", \"via\": \"10.0.1.254\"}]");
	list.items = parser_array(p, json_array_size(v), sizeof(*list.items));
	if (!list.items)
		return false;
	for (size_t i = 0; i < json_array_size(v); i++) {
		const struct path item = { .up = at, .index = i };
		struct route_draft draft = { 0 };
		struct topo_route *route = &list.items[i];
		const char *wrong, *hint;
		size_t errors = p->diags.out->n_errors;

		list.n = i + 1;
		if (!object_parse(p, &item, json_array_get(v, i), &route_spec, &draft) ||
		    p->diags.out->n_errors > errors || p->diags.full)
			continue;
		wrong = route_wrong(&draft, &hint);
		if (wrong) {
			diag_error(&p->diags, &item, hint, "%s", wrong);
			continue;
		}
		if (draft.to.addr.family == 0)
			draft.to.addr.family =
				draft.via.family; /* all zeros otherwise: the default route */
		*route = (struct topo_route){
			.type = draft.blackhole     ? TOPO_ROUTE_BLACKHOLE
				: draft.unreachable ? TOPO_ROUTE_UNREACHABLE
						    : TOPO_ROUTE_UNICAST,
			.to = draft.to,
			.via = draft.via,
			.dev = draft.dev,
			.metric = draft.metric,
		};
	}
	*(struct route_list *)out = list;
	return !p->oom;
}

static const struct value_type type_routes = {
	parse_routes,
	"routes",
	"{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/route\"}}",
	NULL,
};

/* --- services --- */

enum { SERVICE_NAME, SERVICE_RUN, SERVICE_ENV };

struct service_draft {
	uint32_t set;
	const char *name;
	const char *const *run;
	struct pair_list env;
};

#define OFFSET(member) .offset = offsetof(struct service_draft, member)

static const struct field service_fields[] = {
	{ .name = "name",
	  .help = "Name, for logs.",
	  .type = &type_name,
	  OFFSET(name),
	  .bit = SERVICE_NAME },
	{ .name = "run",
	  .help = "The program and its arguments.",
	  .type = &type_argv,
	  OFFSET(run),
	  .bit = SERVICE_RUN },
	{ .name = "env",
	  .help = "Environment variables, besides the node's.",
	  .type = &type_pairs,
	  OFFSET(env),
	  .bit = SERVICE_ENV },
	{ .name = "user", .help = "User.", .later = "a user for one service" },
	{ .name = "ready",
	  .help = "When the service is ready.",
	  .later = "waiting until a service is ready" },
	{ .name = "after",
	  .help = "Services to wait for.",
	  .later = "an order of services other than the file's" },
	{ .name = "restart",
	  .help = "When to start it again.",
	  .later = "restarting a service that ended" },
	{ .name = "stop_signal",
	  .help = "Signal that stops it.",
	  .later = "a signal that stops a service" },
};

#undef OFFSET

static const char *const service_required[] = { "name", "run", NULL };

const struct object_spec service_spec = {
	.def = "service",
	.noun = "a service",
	.help = "A program that runs in the node as long as the lab.",
	.fields = service_fields,
	.n_fields = ARRAY_SIZE(service_fields),
	.required = service_required,
};

static bool parse_services(struct parser *p, const struct path *at, const json_t *v,
			   const struct field *f, void *out)
{
	struct service_list list = { 0 };
	struct map names = MAP_INIT;
	bool good = true;

	(void)f;
	if (!json_is_array(v))
		return wrong_kind(
			p, at, v, "a list of services",
			"e.g. [{\"name\": \"web\", \"run\": [\"python3\", \"-m\", \"http.server\"]}]");
	list.items = parser_array(p, json_array_size(v), sizeof(*list.items));
	for (size_t i = 0; list.items && i < json_array_size(v); i++) {
		const struct path item = { .up = at, .index = i };
		struct service_draft draft = { 0 };
		size_t other;
		int added;

		if (!object_parse(p, &item, json_array_get(v, i), &service_spec, &draft) ||
		    !draft.name || !draft.run) {
			good = false;
			continue;
		}
		added = map_add(&names, draft.name, i, &other);
		if (added < 0) {
			p->oom = true;
			break;
		}
		if (added > 0) {
			diag_error(
				&p->diags, &item, "give one of the two another name",
				"the service name '%s' is used twice in this node (see /services/%zu)",
				draft.name, other);
			good = false;
			continue;
		}
		list.items[list.n++] = (struct topo_service){
			.name = draft.name,
			.run = draft.run,
			.env = draft.env.items,
			.n_env = draft.env.n,
		};
	}
	map_deinit(&names);
	if (good && !p->oom)
		*(struct service_list *)out = list;
	return good && !p->oom;
}

static const struct value_type type_services = {
	parse_services,
	"services",
	"{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/service\"}}",
	NULL,
};

/* --- the node --- */

/** Text of 1 to `max` bytes of [A-Za-z0-9_.-], first one a letter or digit. */
static bool is_word(const char *text, size_t max)
{
	return strlen(text) <= max && name_check(text) == NULL;
}

static bool parse_hostname(struct parser *p, const struct path *at, const json_t *v,
			   const struct field *f, void *out)
{
	const char *text = json_string_value(v);

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "a string", NULL);
	/* sethostname(2): at most 64 bytes, of which name_check() leaves 63; RFC 1123 labels are shorter still */
	if (!is_word(text, NAME_MAX_BYTES) || text[strlen(text) - 1] == '-' || strstr(text, "..")) {
		diag_error(&p->diags, at,
			   "1 to 63 letters, digits, '.', '_' and '-', a letter or digit first",
			   "'%s' is no host name", diag_quote(&p->diags, text));
		return false;
	}
	*(const char **)out = parser_strdup(p, text);
	return !p->oom;
}

static const struct value_type type_hostname = {
	parse_hostname,
	"hostname",
	"{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$\"}",
	NULL,
};

static bool parse_cwd(struct parser *p, const struct path *at, const json_t *v,
		      const struct field *f, void *out)
{
	const char *text = json_string_value(v);

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "a string", NULL);
	if (text[0] != '/' || strlen(text) >= 4096) {
		diag_error(&p->diags, at, "write the whole path, e.g. \"/srv/www\"",
			   "'%s' is not an absolute path", diag_quote(&p->diags, text));
		return false;
	}
	*(const char **)out = parser_strdup(p, text);
	return !p->oom;
}

static const struct value_type type_cwd = {
	parse_cwd, "path", "{\"type\":\"string\",\"pattern\":\"^/\",\"maxLength\":4095}", NULL
};

static bool parse_user(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	const char *text = json_string_value(v);

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "a string",
				  json_is_number(v) ? "write the number in quotes" : NULL);
	/* useradd(8): 32 bytes; '_' first is usual for daemons */
	if (!is_word(text + (text[0] == '_'), 31)) {
		diag_error(&p->diags, at, "the name or number of a user, e.g. \"nobody\"",
			   "'%s' is no user", diag_quote(&p->diags, text));
		return false;
	}
	*(const char **)out = parser_strdup(p, text);
	return !p->oom;
}

static const struct value_type type_user = {
	parse_user, "user",
	"{\"type\":\"string\",\"pattern\":\"^_?[A-Za-z0-9][A-Za-z0-9_.-]{0,30}$\"}", NULL
};

#define OFFSET(member) .offset = offsetof(struct node_draft, member)

static const struct field node_fields[] = {
	{ .name = "kind",
	  .help = "host, router (forwards), switch (learning bridge) or hub (bridge that floods). Default: host.",
	  .type = &type_choice,
	  .arg = kinds,
	  OFFSET(kind),
	  .bit = NODE_KIND },
	{ .name = "stp",
	  .help = "Spanning tree, for a switch. Default: false.",
	  .type = &type_bool,
	  OFFSET(stp),
	  .bit = NODE_STP },
	{ .name = "interfaces",
	  .help = "Settings of the interfaces that links make, and of lo.",
	  .type = &type_interfaces,
	  OFFSET(interfaces),
	  .bit = NODE_INTERFACES },
	{ .name = "routes",
	  .help = "Routes besides the automatic ones.",
	  .type = &type_routes,
	  OFFSET(routes),
	  .bit = NODE_ROUTES },
	{ .name = "sysctls",
	  .help = "Kernel settings, written in the node.",
	  .type = &type_sysctls,
	  OFFSET(sysctls),
	  .bit = NODE_SYSCTLS },
	{ .name = "env",
	  .help = "Environment variables of all processes of the node.",
	  .type = &type_pairs,
	  OFFSET(env),
	  .bit = NODE_ENV },
	{ .name = "hostname",
	  .help = "Host name. Default: the node's name.",
	  .type = &type_hostname,
	  OFFSET(hostname),
	  .bit = NODE_HOSTNAME },
	{ .name = "cwd",
	  .help = "Working directory of its processes. Default: /.",
	  .type = &type_cwd,
	  OFFSET(cwd),
	  .bit = NODE_CWD },
	{ .name = "user",
	  .help = "User that its processes run as. Default: the node's root.",
	  .type = &type_user,
	  OFFSET(user),
	  .bit = NODE_USER },
	{ .name = "services",
	  .help = "Programs, started in this order.",
	  .type = &type_services,
	  OFFSET(services),
	  .bit = NODE_SERVICES },
	{ .name = "mounts", .help = "Mounts.", .later = "mounts of a node's own" },
	{ .name = "files", .help = "Files.", .later = "files given in the topology" },
	{ .name = "rootfs", .help = "Root.", .later = "a root file system of a node's own" },
	{ .name = "limits", .help = "Limits.", .later = "limits by cgroup" },
	{ .name = "capabilities",
	  .help = "Capabilities.",
	  .later = "choosing a node's capabilities" },
	{ .name = "dns", .help = "Resolver.", .later = "resolv.conf of a node's own" },
	{ .name = "share", .help = "Shared namespaces.", .later = "sharing namespaces" },
	{ .name = "privileged",
	  .help = "All capabilities.",
	  .later = "choosing a node's capabilities" },
};

#undef OFFSET

const struct object_spec node_spec = {
	.def = "node",
	.noun = "a node",
	.help = "A machine of the lab.",
	.fields = node_fields,
	.n_fields = ARRAY_SIZE(node_fields),
};

/* The defaults' pairs, with the node's own in place of those of the same name. */
static void merge_pairs(struct parser *p, const struct pair_list *own,
			const struct pair_list *defaults, const struct topo_pair **ret,
			size_t *ret_n)
{
	struct topo_pair *merged;
	size_t n = 0;

	*ret = own->items;
	*ret_n = own->n;
	if (defaults->n == 0)
		return;
	merged = parser_array(p, own->n + defaults->n, sizeof(*merged));
	if (!merged)
		return;
	for (size_t i = 0; i < defaults->n; i++) {
		bool overridden = false;

		for (size_t j = 0; j < own->n && !overridden; j++)
			overridden = strcmp(own->items[j].key, defaults->items[i].key) == 0;
		if (!overridden)
			merged[n++] = defaults->items[i];
	}
	for (size_t j = 0; j < own->n; j++)
		merged[n++] = own->items[j];
	*ret = merged;
	*ret_n = n;
}

bool node_merge(struct parser *p, const struct node_draft *draft, const struct node_draft *defaults,
		struct topo_node *ret)
{
	static const struct node_draft nothing;
	/* Defaults that make no sense on a switch are meant for the other nodes. */
	const struct node_draft *d = defaults;
	struct topo_node node = { 0 };

	node.kind = (enum topo_kind)(draft->set & 1u << NODE_KIND ? draft->kind : d->kind);
	if (draft->set & 1u << NODE_STP)
		node.stp = draft->stp;
	else if (node.kind == TOPO_SWITCH)
		node.stp = d->stp;
	if (!topo_is_ip(&node))
		d = &nothing;
	node.interfaces = draft->set & 1u << NODE_INTERFACES ? draft->interfaces.items
							     : d->interfaces.items;
	node.n_interfaces = draft->set & 1u << NODE_INTERFACES ? draft->interfaces.n
							       : d->interfaces.n;
	node.routes = draft->set & 1u << NODE_ROUTES ? draft->routes.items : d->routes.items;
	node.n_routes = draft->set & 1u << NODE_ROUTES ? draft->routes.n : d->routes.n;
	merge_pairs(p, &draft->sysctls, &d->sysctls, &node.sysctls, &node.n_sysctls);
	merge_pairs(p, &draft->env, &d->env, &node.env, &node.n_env);
	node.hostname = draft->hostname ? draft->hostname : d->hostname;
	node.cwd = draft->cwd ? draft->cwd : d->cwd;
	node.user = draft->user ? draft->user : d->user;
	node.services = draft->set & 1u << NODE_SERVICES ? draft->services.items
							 : d->services.items;
	node.n_services = draft->set & 1u << NODE_SERVICES ? draft->services.n : d->services.n;
	*ret = node;
	return !p->oom;
}
