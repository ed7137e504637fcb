/* SPDX-License-Identifier: MIT */
/* The keys of a node's `services`. */
#include "topo/node.h"

#include "base/cleanup.h"

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
	if (!list_fits(p, at, json_array_size(v)))
		return false;
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

const struct value_type type_services = {
	parse_services,
	"services",
	"{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/service\"}}",
	NULL,
};
