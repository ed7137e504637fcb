/* SPDX-License-Identifier: MIT */
/* The keys of a link, and how defaults fill in the ones that are not given. */
#include "topo/link.h"
#include "topo/presets.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"

/** Parses "node" or "node:interface". */
static bool parse_endpoint(struct parser *p, const struct path *at, const json_t *v,
			   const char **ret_node, const char **ret_ifname)
{
	const char *text = json_string_value(v), *colon, *wrong;
	char *node;

	if (!text)
		return wrong_kind(p, at, v, "\"node\" or \"node:interface\"", NULL);
	colon = strchr(text, ':');
	wrong = colon ? name_check_interface(colon + 1) : NULL;
	if (!wrong && colon && strcmp(colon + 1, "lo") == 0)
		wrong = "'lo' is every node's loopback: no link can attach to it";
	if (wrong) {
		diag_error(&p->diags, at, wrong, "'%s' is no interface name that can be used",
			   diag_quote(&p->diags, colon + 1));
		return false;
	}
	node = parser_strdup(p, text);
	if (!node)
		return false;
	*ret_node = node;
	if (colon) {
		node[colon - text] = '\0';
		*ret_ifname = node + (colon - text) + 1;
	}
	return true;
}

static bool parse_endpoints(struct parser *p, const struct path *at, const json_t *v,
			    const struct field *f, void *out)
{
	struct link_draft *link = out;
	bool good = true;

	(void)f;
	if (!json_is_array(v))
		return wrong_kind(p, at, v, "a list of two nodes",
				  "e.g. [\"a\", \"b\"] or [\"a:eth0\", \"b\"]");
	if (json_array_size(v) != 2) {
		diag_error(
			&p->diags, at,
			json_array_size(v) > 2
				? "to join more than two nodes make one of kind \"switch\" and a link from "
				  "each of them to it"
				: "e.g. [\"a\", \"b\"] or [\"a:eth0\", \"b\"]",
			"a link has two endpoints, but here are %zu", json_array_size(v));
		return false;
	}
	for (size_t i = 0; i < 2; i++) {
		const struct path item = { .up = at, .index = i };

		good &= parse_endpoint(p, &item, json_array_get(v, i), &link->node[i],
				       &link->ifname[i]);
	}
	return good;
}

static const struct value_type type_endpoints = {
	parse_endpoints,
	"endpoints",
	"{\"description\":\"The two ends, each \\\"node\\\" or \\\"node:interface\\\".\",\"type\":\"array\",\"items\":{"
	"\"type\":\"string\"},\"minItems\":2,\"maxItems\":2,\"examples\":[[\"a\",\"b:eth0\"]]}",
	NULL,
};

static bool parse_link_addresses(struct parser *p, const struct path *at, const json_t *v,
				 const struct field *f, void *out)
{
	struct address_list *lists = out;
	bool good = true;

	(void)f;
	if (!json_is_array(v) || json_array_size(v) != 2) {
		diag_error(
			&p->diags, at,
			"e.g. [\"10.0.1.1/24\", \"10.0.1.2/24\"]; each may be a list of addresses, or null for none",
			"'addresses' has to be a list of two: those of the first endpoint and those of the second");
		return false;
	}
	for (size_t i = 0; i < 2; i++) {
		const struct path item = { .up = at, .index = i };

		good &= addresses_parse(p, &item, json_array_get(v, i), false, &lists[i]);
	}
	return good;
}

static const struct value_type type_link_addresses = {
	parse_link_addresses,
	"link-addresses",
	"{\"description\":\"Addresses of the first endpoint and of the second.\",\"type\":\"array\",\"items\":{\"$ref\":"
	"\"#/$defs/addresses\"},\"minItems\":2,\"maxItems\":2,\"examples\":[[\"10.0.1.1/24\",\"10.0.1.2/24\"]]}",
	NULL,
};

static bool parse_direction(struct parser *p, const struct path *at, const json_t *v,
			    const struct field *f, void *out)
{
	(void)f;
	return object_parse(p, at, v, &direction_spec, out);
}

static const struct value_type type_direction = { parse_direction, NULL, NULL, &direction_spec };

static const struct choice joins[] = {
	{ "auto", TOPO_JOIN_AUTO, NULL },
	{ "patch", TOPO_JOIN_PATCH, NULL },
	{ "netem", TOPO_JOIN_NETEM, NULL },
	{ "wire", TOPO_JOIN_WIRE, NULL },
	{ 0 },
};

static const struct range mtu_range = { TOPO_MTU_MIN, TOPO_MTU_MAX };
static const struct range cost_range = { 1, TOPO_COST_MAX };

#define OFFSET(member) .offset = offsetof(struct link_draft, member)

static const struct field link_fields[] = {
	{ .name = "endpoints",
	  .help = "The two ends, each \"node\" or \"node:interface\".",
	  .type = &type_endpoints,
	  .bit = LINK_ENDPOINTS,
	  .own = true },
	{ .name = "name",
	  .help = "Name. Default: a--b for endpoints a and b, a--b.2 for the second link between them.",
	  .type = &type_name,
	  OFFSET(name),
	  .bit = LINK_NAME,
	  .own = true },
	{ .name = "addresses",
	  .help = "Addresses of the first endpoint and of the second. Default: given by netlab.",
	  .type = &type_link_addresses,
	  OFFSET(addresses),
	  .bit = LINK_ADDRESSES,
	  .own = true },
	{ .name = "mtu",
	  .help = "MTU of both ends, in bytes. Default: 1500.",
	  .type = &type_integer,
	  .arg = &mtu_range,
	  OFFSET(mtu),
	  .bit = LINK_MTU },
	{ .name = "cost",
	  .help = "Cost for automatic routing. Default: 1.",
	  .type = &type_integer,
	  .arg = &cost_range,
	  OFFSET(cost),
	  .bit = LINK_COST },
	{ .name = "offload",
	  .help = "Keep segmentation offloads on although the link shapes. Default: false.",
	  .type = &type_bool,
	  OFFSET(offload),
	  .bit = LINK_OFFLOAD },
	{ .name = "carrier",
	  .help = "false: a cut cable that both ends see. Default: true.",
	  .type = &type_bool,
	  OFFSET(carrier),
	  .bit = LINK_CARRIER },
	{ .name = "join",
	  .help = "How the two ends are joined. Default: auto.",
	  .type = &type_choice,
	  .arg = joins,
	  OFFSET(join),
	  .bit = LINK_JOIN },
	{ .name = "->",
	  .help = "From the first endpoint to the second.",
	  .type = &type_direction,
	  OFFSET(dir[0]),
	  .bit = LINK_FORWARD },
	{ .name = "<-",
	  .help = "From the second endpoint to the first.",
	  .type = &type_direction,
	  OFFSET(dir[1]),
	  .bit = LINK_BACKWARD },
};

static const char *const link_required[] = { "endpoints", NULL };

const struct object_spec link_spec = {
	.def = "link",
	.noun = "a link",
	.help = "A cable between two nodes, and what it does to packets in both directions.",
	.fields = link_fields,
	.n_fields = ARRAY_SIZE(link_fields),
	.inner = &impairment_spec,
	.inner_offset = offsetof(struct link_draft, common),
	.required = link_required,
};

/* The schema leaves out the keys marked `own`. */
const struct object_spec link_defaults_spec = {
	.def = "link-defaults",
	.noun = "a link",
	.help = "What a link may leave out.",
	.fields = link_fields,
	.n_fields = ARRAY_SIZE(link_fields),
	.inner = &impairment_spec,
	.inner_offset = offsetof(struct link_draft, common),
	.is_default = true,
};

void impairment_put_over(struct impairment *into, const struct impairment *object, unsigned dir)
{
	if (object->set & IMPAIR_PRESET_BIT)
		impairment_merge(into, preset_get(object->preset, dir));
	impairment_merge(into, object);
	into->set &= ~IMPAIR_PRESET_BIT;
}

void link_merge(struct link_draft *draft, const struct link_draft *defaults)
{
	for (unsigned i = 0; i < 2; i++) {
		struct impairment merged = { 0 };

		impairment_put_over(&merged, &defaults->common, i);
		impairment_put_over(&merged, &defaults->dir[i], i);
		impairment_put_over(&merged, &draft->common, i);
		impairment_put_over(&merged, &draft->dir[i], i);
		draft->dir[i] = merged;
	}
	if (!(draft->set & 1u << LINK_MTU))
		draft->mtu = defaults->mtu;
	if (!(draft->set & 1u << LINK_COST))
		draft->cost = defaults->set & 1u << LINK_COST ? defaults->cost : 1;
	if (!(draft->set & 1u << LINK_OFFLOAD))
		draft->offload = defaults->offload;
	if (!(draft->set & 1u << LINK_CARRIER))
		draft->carrier = defaults->set & 1u << LINK_CARRIER ? defaults->carrier : true;
	if (!(draft->set & 1u << LINK_JOIN))
		draft->join = defaults->join;
}
