/* SPDX-License-Identifier: MIT */
/* The keys of the top level, of `defaults` and of `addressing`. */
#include "topo/parse.h"

#include <string.h>

#include "base/cleanup.h"

/* Nodes need the defaults and links need the nodes, in whichever order the file has them: kept for later. */
static bool keep_section(struct parser *p, const struct path *at, const json_t *v,
			 const struct field *f, void *out)
{
	(void)p;
	(void)f;
	*(struct section *)out = (struct section){ .value = v, .at = *at };
	return true;
}

static const struct value_type type_defaults = { keep_section, NULL, NULL, &defaults_spec };

static const struct value_type type_nodes = {
	keep_section,
	"nodes",
	"{\"description\":\"The nodes by name.\",\"type\":\"object\",\"patternProperties\":{\"^//\":true,"
	"\"^(?!.*--)[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$\":{\"$ref\":\"#/$defs/node\"}},\"additionalProperties\":false,"
	"\"minProperties\":1}",
	NULL,
};

static const struct value_type type_links = {
	keep_section,
	"links",
	"{\"description\":\"The links, in an order that names and addresses follow.\",\"type\":\"array\",\"items\":{"
	"\"$ref\":\"#/$defs/link\"},\"maxItems\":100000}",
	NULL,
};

static const struct value_type type_timeline = {
	keep_section,
	"timeline",
	"{\"description\":\"Changes of links and commands, at times counted from when the lab is ready, or on triggers.\","
	"\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/event\"},\"maxItems\":10000}",
	NULL,
};

static const struct value_type type_faults = {
	keep_section,
	"faults",
	"{\"description\":\"Rules for chosen packets; tried in this order, before anything random.\",\"type\":\"array\","
	"\"items\":{\"$ref\":\"#/$defs/fault\"},\"maxItems\":1000}",
	NULL,
};

static const struct choice engines[] = {
	{ "auto", TOPO_ENGINE_AUTO, NULL },
	{ "netem", TOPO_ENGINE_NETEM, NULL },
	{ "wire", TOPO_ENGINE_WIRE, NULL },
	{ 0 },
};

static const struct choice routings[] = {
	{ "auto", TOPO_ROUTING_AUTO, NULL },
	{ "none", TOPO_ROUTING_NONE, NULL },
	{ 0 },
};

static bool parse_version(struct parser *p, const struct path *at, const json_t *v,
			  const struct field *f, void *out)
{
	(void)f;
	(void)out;
	if (json_is_integer(v) && json_integer_value(v) == 1)
		return true;
	diag_error(&p->diags, at, "write \"netlab\": 1, or leave it out",
		   "this version of netlab reads version 1 of the file format only");
	return false;
}

static const struct value_type type_version = { parse_version, "version", "{\"const\":1}", NULL };

/** The pool that one family is addressed from. */
struct pool {
	bool on;
	struct ip_prefix prefix;
};

struct addressing_draft {
	uint32_t set;
	struct pool ipv4, ipv6;
};

static const char *pool_wrong(const struct ip_prefix *p)
{
	const uint8_t *b = p->addr.bytes;

	if (p->addr.family == IP_V4) {
		if (b[0] == 0 || b[0] == 127 || b[0] >= 224)
			return "hosts cannot have addresses out of it";
		return NULL;
	}
	if (b[0] == 0xff || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) || b[0] == 0)
		return "hosts cannot have addresses out of it";
	return NULL;
}

static bool parse_pool(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	enum ip_family family = strcmp(f->name, "ipv4") == 0 ? IP_V4 : IP_V6;
	const char *example = family == IP_V4 ? "10.0.0.0/8" : "fd00:6e6c::/32";
	const char *text = json_string_value(v), *wrong;
	struct ip_prefix prefix, network;
	char good[IP_TEXT_MAX];

	if (json_is_false(v)) {
		*(struct pool *)out = (struct pool){ 0 };
		return true;
	}
	if (!text)
		return wrong_kind(p, at, v, "a network to take addresses from, or false",
				  diag_hint(&p->diags, "e.g. \"%s\"", example));
	if (ip_parse_prefix(text, &prefix) < 0 || !strchr(text, '/') ||
	    prefix.addr.family != (uint8_t)family) {
		diag_error(&p->diags, at, diag_hint(&p->diags, "e.g. \"%s\"", example),
			   "\"%s\" is no %s network", diag_quote(&p->diags, text),
			   family == IP_V4 ? "IPv4" : "IPv6");
		return false;
	}
	network = ip_network(&prefix);
	if (!ip_equal(&network.addr, &prefix.addr)) {
		diag_error(&p->diags, at,
			   diag_hint(&p->diags, "write \"%s\"", ip_format_prefix(&network, good)),
			   "\"%s\" has bits set beyond its prefix length", text);
		return false;
	}
	wrong = pool_wrong(&prefix);
	if (wrong) {
		diag_error(&p->diags, at, diag_hint(&p->diags, "e.g. \"%s\"", example),
			   "\"%s\" cannot be used: %s", text, wrong);
		return false;
	}
	*(struct pool *)out = (struct pool){ true, prefix };
	return true;
}

static const struct value_type type_pool = {
	parse_pool,
	"pool",
	"{\"description\":\"A network to take addresses from, or false.\",\"oneOf\":[{\"type\":\"string\"},{\"const\":"
	"false}]}",
	NULL,
};

static const struct field addressing_fields[] = {
	{ .name = "ipv4",
	  .help = "IPv4 addresses are taken from this network; false: none are given. Default: 10.0.0.0/8.",
	  .type = &type_pool,
	  .offset = offsetof(struct addressing_draft, ipv4),
	  .bit = 0 },
	{ .name = "ipv6",
	  .help = "IPv6 addresses are taken from this network; false: none are given. Default: fd00:6e6c::/32.",
	  .type = &type_pool,
	  .offset = offsetof(struct addressing_draft, ipv6),
	  .bit = 1 },
};

const struct object_spec addressing_spec = {
	.def = "addressing",
	.noun = "'addressing'",
	.help = "Where addresses that netlab gives are taken from.",
	.fields = addressing_fields,
	.n_fields = ARRAY_SIZE(addressing_fields),
};

static bool parse_addressing(struct parser *p, const struct path *at, const json_t *v,
			     const struct field *f, void *out)
{
	struct addressing_draft draft = { 0 };
	struct topo *t = p->topo;

	(void)f;
	(void)out;
	if (!object_parse(p, at, v, &addressing_spec, &draft))
		return false;
	if (draft.set & 1u << 0) {
		t->ipv4 = draft.ipv4.on;
		t->ipv4_pool = draft.ipv4.prefix;
	}
	if (draft.set & 1u << 1) {
		t->ipv6 = draft.ipv6.on;
		t->ipv6_pool = draft.ipv6.prefix;
	}
	return true;
}

static const struct value_type type_addressing = { parse_addressing, NULL, NULL, &addressing_spec };

static bool parse_node_defaults(struct parser *p, const struct path *at, const json_t *v,
				const struct field *f, void *out)
{
	(void)f;
	return object_parse(p, at, v, &node_spec, out) && node_check_privileges(p, at, out);
}

static bool parse_link_defaults(struct parser *p, const struct path *at, const json_t *v,
				const struct field *f, void *out)
{
	(void)f;
	return object_parse(p, at, v, &link_defaults_spec, out);
}

static const struct value_type type_node_defaults = {
	parse_node_defaults,
	"node-defaults",
	"{\"$ref\":\"#/$defs/node\"}",
	NULL,
};

static const struct value_type type_link_defaults = { parse_link_defaults, NULL, NULL,
						      &link_defaults_spec };

static const struct field defaults_fields[] = {
	{ .name = "node",
	  .help = "Keys that every node has which does not give them itself.",
	  .type = &type_node_defaults,
	  .offset = offsetof(struct defaults_draft, node),
	  .bit = 0 },
	{ .name = "link",
	  .help = "Keys that every link has which does not give them itself.",
	  .type = &type_link_defaults,
	  .offset = offsetof(struct defaults_draft, link),
	  .bit = 1 },
};

const struct object_spec defaults_spec = {
	.def = "defaults",
	.noun = "'defaults'",
	.help = "Keys for all nodes and all links.",
	.fields = defaults_fields,
	.n_fields = ARRAY_SIZE(defaults_fields),
};

#define OFFSET(member) .offset = offsetof(struct top_draft, member)

static const struct field top_fields[] = {
	{ .name = "netlab",
	  .help = "Version of the file format: 1.",
	  .type = &type_version,
	  OFFSET(version),
	  .bit = TOP_VERSION },
	{ .name = "name",
	  .help = "Name of the lab. Default: the file's name without its extension.",
	  .type = &type_name,
	  OFFSET(name),
	  .bit = TOP_NAME },
	{ .name = "seed",
	  .help = "Seed of everything random. Default: from the name.",
	  .type = &type_seed,
	  OFFSET(seed),
	  .bit = TOP_SEED },
	{ .name = "engine",
	  .help = "What carries impairments out. Default: auto.",
	  .type = &type_choice,
	  .arg = engines,
	  OFFSET(engine),
	  .bit = TOP_ENGINE },
	{ .name = "addressing",
	  .help = "Where addresses are taken from.",
	  .type = &type_addressing,
	  .bit = TOP_ADDRESSING },
	{ .name = "routing",
	  .help = "auto: shortest paths by cost; none: only what the file says. Default: auto.",
	  .type = &type_choice,
	  .arg = routings,
	  OFFSET(routing),
	  .bit = TOP_ROUTING },
	{ .name = "ecmp",
	  .help = "Use all paths of equal cost, not the first. Default: false.",
	  .type = &type_bool,
	  OFFSET(ecmp),
	  .bit = TOP_ECMP },
	{ .name = "hosts",
	  .help = "Write /etc/hosts in every node. Default: true.",
	  .type = &type_bool,
	  OFFSET(hosts),
	  .bit = TOP_HOSTS },
	{ .name = "defaults",
	  .help = "Keys for all nodes and all links.",
	  .type = &type_defaults,
	  OFFSET(defaults),
	  .bit = TOP_DEFAULTS },
	{ .name = "nodes",
	  .help = "The nodes by name.",
	  .type = &type_nodes,
	  OFFSET(nodes),
	  .bit = TOP_NODES },
	{ .name = "links",
	  .help = "The links.",
	  .type = &type_links,
	  OFFSET(links),
	  .bit = TOP_LINKS },
	{ .name = "timeline",
	  .help = "What changes at given times, or when something happens.",
	  .type = &type_timeline,
	  OFFSET(timeline),
	  .bit = TOP_TIMELINE },
	{ .name = "faults",
	  .help = "What is done to chosen packets, by rule.",
	  .type = &type_faults,
	  OFFSET(faults),
	  .bit = TOP_FAULTS },
};

static const char *const top_required[] = { "nodes", NULL };

const struct object_spec top_spec = {
	.def = "topology",
	.noun = "a topology",
	.help = "A netlab topology: see netlab-topology(5).",
	.fields = top_fields,
	.n_fields = ARRAY_SIZE(top_fields),
	.required = top_required,
};
