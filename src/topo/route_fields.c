/* SPDX-License-Identifier: MIT */
/* The keys of a node's `routes`. */
#include "topo/node.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"

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
	if (!list_fits(p, at, json_array_size(v)))
		return false;
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

const struct value_type type_routes = {
	parse_routes,
	"routes",
	"{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/route\"}}",
	NULL,
};
