/* SPDX-License-Identifier: MIT */
/* The keys of a node's `services`. */
#include "topo/service.h"

#include "base/cleanup.h"

enum {
	SERVICE_NAME,
	SERVICE_RUN,
	SERVICE_ENV,
	SERVICE_USER,
	SERVICE_READY,
	SERVICE_AFTER,
	SERVICE_RESTART,
	SERVICE_STOP_SIGNAL,
};

struct service_draft {
	uint32_t set;
	const char *name;
	const char *const *run;
	struct pair_list env;
	const char *user;
	struct topo_ready ready;
	struct after_list after;
	struct topo_restart restart;
	int stop_signal;
};

static const struct choice signals[] = {
	{ "SIGTERM", TOPO_SIGTERM, NULL },
	{ "SIGHUP", TOPO_SIGHUP, NULL },
	{ "SIGINT", TOPO_SIGINT, NULL },
	{ "SIGQUIT", TOPO_SIGQUIT, NULL },
	{ "SIGKILL", TOPO_SIGKILL, NULL },
	{ "SIGUSR1", TOPO_SIGUSR1, NULL },
	{ "SIGUSR2", TOPO_SIGUSR2, NULL },
	{ "SIGWINCH", TOPO_SIGWINCH, NULL },
	{ "TERM", TOPO_SIGTERM, NULL },
	{ "HUP", TOPO_SIGHUP, NULL },
	{ "INT", TOPO_SIGINT, NULL },
	{ "QUIT", TOPO_SIGQUIT, NULL },
	{ "KILL", TOPO_SIGKILL, NULL },
	{ "USR1", TOPO_SIGUSR1, NULL },
	{ "USR2", TOPO_SIGUSR2, NULL },
	{ "WINCH", TOPO_SIGWINCH, NULL },
	{ 0 },
};

const char *topo_signal_name(enum topo_signal signal)
{
	return choice_name(signals, (int)signal);
}

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
	{ .name = "user",
	  .help = "User that it runs as. Default: the node's.",
	  .type = &type_user,
	  OFFSET(user),
	  .bit = SERVICE_USER },
	{ .name = "ready",
	  .help = "How it shows that it can be used; 'up' and services that come after it wait. Default: it runs.",
	  .type = &type_ready,
	  OFFSET(ready),
	  .bit = SERVICE_READY },
	{ .name = "after",
	  .help = "Services that have to be ready first: names of this node, or \"NODE/NAME\".",
	  .type = &type_after,
	  OFFSET(after),
	  .bit = SERVICE_AFTER },
	{ .name = "restart",
	  .help = "When to start it again. Default: never.",
	  .type = &type_restart,
	  OFFSET(restart),
	  .bit = SERVICE_RESTART },
	{ .name = "stop_signal",
	  .help = "Signal that asks it to end. Default: SIGTERM.",
	  .type = &type_choice,
	  .arg = signals,
	  OFFSET(stop_signal),
	  .bit = SERVICE_STOP_SIGNAL },
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
			.user = draft.user,
			.after = draft.after.items,
			.n_after = draft.after.n,
			.ready = draft.ready,
			.restart = draft.restart,
			.stop_signal = (enum topo_signal)draft.stop_signal,
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
