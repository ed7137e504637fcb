/* SPDX-License-Identifier: MIT */
/* A service's `ready`, `restart` and `after`. */
#include "topo/service.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "topo/regex_value.h"

#define MS_NS 1000000ull

static const uint64_t default_timeout_ns = 30000 * MS_NS, default_delay_ns = 100 * MS_NS,
		      default_max_delay_ns = 10000 * MS_NS;

/* --- ready --- */

enum ready_key { READY_TCP, READY_LOG, READY_EXEC, READY_FILE, READY_TIMEOUT };

struct ready_draft {
	uint32_t set; /**< READY_* */
	struct topo_ready ready;
};

/** The node sees it, not the parser: only its form can be wrong here. */
static bool parse_file(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	const char *text = json_string_value(v);

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "the path of a file in the node", NULL);
	if (text[0] != '/' || text[1] == '\0' || strlen(text) >= 4096) {
		diag_error(&p->diags, at, "write the whole path, e.g. \"/run/daemon.pid\"",
			   "'%s' is not the absolute path of a file", diag_quote(&p->diags, text));
		return false;
	}
	*(const char **)out = parser_strdup(p, text);
	return !p->oom;
}

static const struct value_type type_file = {
	parse_file, "node-file", "{\"type\":\"string\",\"pattern\":\"^/.\",\"maxLength\":4095}",
	NULL
};

static const struct range ports = { 1, 65535 };

#define OFFSET(member) .offset = offsetof(struct ready_draft, ready.member)

static const struct field ready_fields[] = {
	{ .name = "tcp",
	  .help = "Something in the node listens on this TCP port.",
	  .type = &type_integer,
	  .arg = &ports,
	  OFFSET(port),
	  .bit = READY_TCP },
	{ .name = "log",
	  .help = "A line that the service writes matches.",
	  .type = &type_regex,
	  OFFSET(regex),
	  .bit = READY_LOG },
	{ .name = "exec",
	  .help = "This program, run again and again beside the service, ends with exit code 0.",
	  .type = &type_argv,
	  OFFSET(run),
	  .bit = READY_EXEC },
	{ .name = "file",
	  .help = "This file is there that was not, or has changed since the service was started.",
	  .type = &type_file,
	  OFFSET(file),
	  .bit = READY_FILE },
	{ .name = "timeout",
	  .help = "How long that may take. Default: 30s.",
	  .type = &type_time,
	  OFFSET(timeout_ns),
	  .bit = READY_TIMEOUT },
};

#undef OFFSET

const struct object_spec ready_spec = {
	.def = "ready",
	.noun = "'ready'",
	.help = "When a service can be used: one of tcp, log, exec and file.",
	.fields = ready_fields,
	.n_fields = ARRAY_SIZE(ready_fields),
};

static bool parse_ready(struct parser *p, const struct path *at, const json_t *v,
			const struct field *f, void *out)
{
	static const enum topo_ready_kind kinds[] = {
		[READY_TCP] = TOPO_READY_TCP,
		[READY_LOG] = TOPO_READY_LOG,
		[READY_EXEC] = TOPO_READY_EXEC,
		[READY_FILE] = TOPO_READY_FILE,
	};
	struct ready_draft draft = { .ready = { .timeout_ns = default_timeout_ns } };
	const struct path timeout = { .up = at, .key = "timeout" };
	size_t errors = p->diags.out->n_errors;
	uint32_t which;

	(void)f;
	if (!object_parse(p, at, v, &ready_spec, &draft) || p->diags.out->n_errors > errors)
		return false;
	which = draft.set & ~(1u << READY_TIMEOUT);
	if (which == 0 || (which & (which - 1)) != 0) {
		diag_error(&p->diags, at,
			   "e.g. {\"tcp\": 80}, {\"log\": \"listening\"}, "
			   "{\"file\": \"/run/daemon.pid\"}",
			   "'ready' has to have one of 'tcp', 'log', 'exec' and 'file'");
		return false;
	}
	if (draft.ready.timeout_ns == 0) {
		diag_error(&p->diags, &timeout, "leave it out for 30s, or leave out 'ready'",
			   "'timeout' is 0: nothing is ready at once");
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (which == 1u << i)
			draft.ready.kind = kinds[i];
	}
	*(struct topo_ready *)out = draft.ready;
	return true;
}

const struct value_type type_ready = { parse_ready, NULL, NULL, &ready_spec };

/* --- restart --- */

enum restart_key { RESTART_POLICY, RESTART_DELAY, RESTART_MAX_DELAY, RESTART_MAX };

struct restart_draft {
	uint32_t set; /**< RESTART_* */
	int policy;
	uint64_t delay_ns, max_delay_ns;
	uint32_t max;
};

static const struct choice policies[] = {
	{ "never", TOPO_RESTART_NEVER, NULL },
	{ "on-failure", TOPO_RESTART_ON_FAILURE, NULL },
	{ "always", TOPO_RESTART_ALWAYS, NULL },
	{ 0 },
};

const char *topo_restart_name(enum topo_restart_policy policy)
{
	return choice_name(policies, (int)policy);
}

static const struct range counts = { 1, 1000000 };

#define OFFSET(member) .offset = offsetof(struct restart_draft, member)

static const struct field restart_fields[] = {
	{ .name = "policy",
	  .help = "never, on-failure (a signal, an exit code other than 0, not ready in time) or always. Default: on-failure.",
	  .type = &type_choice,
	  .arg = policies,
	  OFFSET(policy),
	  .bit = RESTART_POLICY },
	{ .name = "delay",
	  .help = "Before the first time; each further time in a row takes twice as long. Default: 100ms.",
	  .type = &type_time,
	  OFFSET(delay_ns),
	  .bit = RESTART_DELAY },
	{ .name = "max_delay",
	  .help = "It takes no longer than this; after running for so long it is the first time again. Default: 10s.",
	  .type = &type_time,
	  OFFSET(max_delay_ns),
	  .bit = RESTART_MAX_DELAY },
	{ .name = "max",
	  .help = "How many times in a row; then the service has failed. Default: any number.",
	  .type = &type_integer,
	  .arg = &counts,
	  OFFSET(max),
	  .bit = RESTART_MAX },
};

#undef OFFSET

const struct object_spec restart_spec = {
	.def = "restart-how",
	.noun = "'restart'",
	.help = "When and how often a service that has ended is started again.",
	.fields = restart_fields,
	.n_fields = ARRAY_SIZE(restart_fields),
};

static bool parse_restart_object(struct parser *p, const struct path *at, const json_t *v,
				 struct restart_draft *d)
{
	const uint32_t rest = 1u << RESTART_DELAY | 1u << RESTART_MAX_DELAY | 1u << RESTART_MAX;
	const struct path delay = { .up = at, .key = "delay" };
	size_t errors = p->diags.out->n_errors;

	d->policy = TOPO_RESTART_ON_FAILURE;
	if (!object_parse(p, at, v, &restart_spec, d) || p->diags.out->n_errors > errors)
		return false;
	if (d->policy == TOPO_RESTART_NEVER && (d->set & rest)) {
		diag_error(&p->diags, at, "say \"on-failure\" or \"always\", or leave out the rest",
			   "'restart' is \"never\", so there is no delay and no number of times");
		return false;
	}
	if (d->delay_ns == 0) {
		diag_error(
			&p->diags, &delay, "e.g. \"10ms\"",
			"'delay' is 0: a service that cannot run would be started without a pause");
		return false;
	}
	if (d->set & 1u << RESTART_DELAY && !(d->set & 1u << RESTART_MAX_DELAY) &&
	    d->max_delay_ns < d->delay_ns)
		d->max_delay_ns = d->delay_ns;
	if (d->max_delay_ns < d->delay_ns) {
		diag_error(&p->diags, &delay, "make 'max_delay' the larger of the two",
			   "'delay' is longer than 'max_delay'");
		return false;
	}
	return true;
}

static bool parse_restart(struct parser *p, const struct path *at, const json_t *v,
			  const struct field *f, void *out)
{
	static const struct field word = { .name = "restart", .arg = policies };
	struct restart_draft d = { .delay_ns = default_delay_ns,
				   .max_delay_ns = default_max_delay_ns };

	(void)f;
	if (!json_is_object(v) && !json_is_string(v))
		return wrong_kind(p, at, v, "a string or an object", "e.g. \"on-failure\"");
	if (json_is_object(v) ? !parse_restart_object(p, at, v, &d)
			      : !type_choice.parse(p, at, v, &word, &d.policy))
		return false;
	*(struct topo_restart *)out = (struct topo_restart){
		.policy = (enum topo_restart_policy)d.policy,
		.delay_ns = d.delay_ns,
		.max_delay_ns = d.max_delay_ns,
		.max = d.max,
	};
	return true;
}

const struct value_type type_restart = {
	parse_restart,
	"restart",
	"{\"oneOf\":[{\"enum\":[\"never\",\"on-failure\",\"always\"]},{\"$ref\":\"#/$defs/restart-how\"}]}",
	NULL,
};

/* --- after --- */

static bool parse_after(struct parser *p, const struct path *at, const json_t *v,
			const struct field *f, void *out)
{
	struct after_list list = { 0 };
	bool good = true;

	(void)f;
	if (!json_is_array(v))
		return wrong_kind(p, at, v, "a list of services", "e.g. [\"db\", \"a/router\"]");
	if (!list_fits(p, at, json_array_size(v)))
		return false;
	list.items = parser_array(p, json_array_size(v), sizeof(*list.items));
	for (size_t i = 0; list.items && i < json_array_size(v); i++) {
		const struct path item = { .up = at, .index = i };
		const char *text = json_string_value(json_array_get(v, i));
		const char *slash = text ? strchr(text, '/') : NULL;

		if (!text || !*text || (slash && (slash == text || !slash[1]))) {
			diag_error(&p->diags, &item,
				   "e.g. \"db\", or \"a/router\" for another node's",
				   "this is not the name of a service");
			good = false;
			continue;
		}
		list.items[list.n++] = (struct topo_after){ .text = parser_strdup(p, text) };
	}
	if (good && !p->oom)
		*(struct after_list *)out = list;
	return good && !p->oom;
}

const struct value_type type_after = {
	parse_after,
	"after",
	"{\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":1},\"examples\":[[\"db\",\"a/router\"]]}",
	NULL,
};
