/* SPDX-License-Identifier: MIT */
/* The keys of an event of the timeline. */
#include "topo/timeline.h"

#include <string.h>

#include "base/cleanup.h"
#include "topo/link.h"
#include "topo/regex_value.h"

/** Takes the strings out of a list. @return how many; SIZE_MAX when one is none */
static bool is_string_at(const json_t *list, size_t i)
{
	return json_is_string(json_array_get(list, i));
}

/* ["NODE/SERVICE", "REGEX"] */
static bool parse_log(struct parser *p, const struct path *at, const json_t *v,
		      const struct field *f, void *out)
{
	const struct path place = { .up = at, .index = 0 }, second = { .up = at, .index = 1 };
	struct when_draft *w = out;
	const char *slash;
	char *copy;

	(void)f;
	if (!json_is_array(v) || json_array_size(v) != 2 || !is_string_at(v, 0) ||
	    !is_string_at(v, 1)) {
		diag_error(
			&p->diags, at, "e.g. [\"web/http\", \"GET /index\"]",
			"'log' has to be a list of two: \"NODE/SERVICE\" and a regular expression");
		return false;
	}
	copy = parser_strdup(p, json_string_value(json_array_get(v, 0)));
	if (!copy)
		return false;
	slash = strchr(copy, '/');
	if (!slash) {
		diag_error(&p->diags, &place, "e.g. \"web/http\"",
			   "\"%s\" names no service of a node", diag_quote(&p->diags, copy));
		return false;
	}
	copy[slash - copy] = '\0';
	if (!regex_check(p, &second, json_string_value(json_array_get(v, 1))))
		return false;
	w->node = copy;
	w->service = slash + 1;
	w->regex = parser_strdup(p, json_string_value(json_array_get(v, 1)));
	return !p->oom;
}

/* ["LINK", "MATCH", N] */
static bool parse_packet(struct parser *p, const struct path *at, const json_t *v,
			 const struct field *f, void *out)
{
	struct when_draft *w = out;
	const json_t *match = json_array_get(v, 1), *nth = json_array_get(v, 2);
	size_t n = json_array_size(v);

	(void)f;
	if (!json_is_array(v) || n < 1 || n > 3 || !is_string_at(v, 0) ||
	    (match && !json_is_string(match) && !json_is_null(match)) ||
	    (nth && (!json_is_integer(nth) || json_integer_value(nth) < 1))) {
		diag_error(
			&p->diags, at, "e.g. [\"bottleneck\", \"tcp dst port 80\", 3]",
			"'packet' has to be a list: a link, a pcap expression (or null for every packet), and which "
			"packet that matches, from 1 (default: 1)");
		return false;
	}
	w->link = parser_strdup(p, json_string_value(json_array_get(v, 0)));
	w->match = parser_strdup(p, json_is_string(match) ? json_string_value(match) : "");
	w->nth = nth ? (uint64_t)json_integer_value(nth) : 1;
	return !p->oom;
}

static const struct value_type type_log = {
	parse_log,
	"when-log",
	"{\"description\":\"A service, and what a line of its log has to match (POSIX extended).\",\"type\":\"array\","
	"\"prefixItems\":[{\"type\":\"string\",\"pattern\":\"/\"},{\"type\":\"string\",\"maxLength\":256}],\"minItems\":2,"
	"\"maxItems\":2,\"examples\":[[\"web/http\",\"GET /\"]]}",
	NULL,
};

static const struct value_type type_packet = {
	parse_packet,
	"when-packet",
	"{\"description\":\"A link, a pcap expression, and which of the packets that match.\",\"type\":\"array\","
	"\"prefixItems\":[{\"type\":\"string\"},{\"type\":[\"string\",\"null\"]},{\"type\":\"integer\",\"minimum\":1}],"
	"\"minItems\":1,\"maxItems\":3,\"examples\":[[\"bottleneck\",\"tcp dst port 80\",3]]}",
	NULL,
};

static const struct field when_fields[] = {
	{ .name = "log",
	  .help = "When a line of a service's log matches.",
	  .type = &type_log,
	  .offset = 0,
	  .bit = WHEN_LOG },
	{ .name = "packet",
	  .help = "When the Nth packet that matches has come into a link, from either side.",
	  .type = &type_packet,
	  .offset = 0,
	  .bit = WHEN_PACKET },
};

const struct object_spec when_spec = {
	.def = "when",
	.noun = "'when'",
	.help = "What an event waits for.",
	.fields = when_fields,
	.n_fields = ARRAY_SIZE(when_fields),
};

static bool parse_when(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	size_t errors = p->diags.out->n_errors;
	struct when_draft w = { 0 };

	(void)f;
	if (!object_parse(p, at, v, &when_spec, &w) || p->diags.out->n_errors > errors)
		return false;
	if (w.set != 1u << WHEN_LOG && w.set != 1u << WHEN_PACKET) {
		diag_error(
			&p->diags, at,
			"e.g. {\"log\": [\"web/http\", \"GET\"]} or {\"packet\": [\"a--b\", \"icmp\", 3]}",
			"'when' has to have one of 'log' and 'packet'");
		return false;
	}
	*(struct when_draft *)out = w;
	return true;
}

static const struct value_type type_when = { parse_when, NULL, NULL, &when_spec };

static const struct field exec_fields[] = {
	{ .name = "node",
	  .help = "Where it runs.",
	  .type = &type_text,
	  .offset = offsetof(struct event_exec_draft, node),
	  .bit = EVENT_EXEC_NODE },
	{ .name = "run",
	  .help = "The program and its arguments.",
	  .type = &type_argv,
	  .offset = offsetof(struct event_exec_draft, run),
	  .bit = EVENT_EXEC_RUN },
};

static const char *const exec_required[] = { "node", "run", NULL };

const struct object_spec event_exec_spec = {
	.def = "event-exec",
	.noun = "'exec'",
	.help = "A command of the timeline. Its output goes to the lab's logs, as NODE/timeline--N.",
	.fields = exec_fields,
	.n_fields = ARRAY_SIZE(exec_fields),
	.required = exec_required,
};

static bool parse_exec(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	const uint32_t both = 1u << EVENT_EXEC_NODE | 1u << EVENT_EXEC_RUN;
	struct event_exec_draft *e = out;

	(void)f;
	return object_parse(p, at, v, &event_exec_spec, e) && e->set == both;
}

static const struct value_type type_exec = { parse_exec, NULL, NULL, &event_exec_spec };

/** A word that is only ever said. */
static bool parse_true(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	if (!json_is_true(v)) {
		diag_error(&p->diags, at, NULL, "'%s' has to be true, or left out", f->name);
		return false;
	}
	*(bool *)out = true;
	return true;
}

static const struct value_type type_true = { parse_true, "true", "{\"const\":true}", NULL };

#define OFFSET(member) .offset = offsetof(struct event_draft, member)

static const struct field event_fields[] = {
	{ .name = "at",
	  .help = "Time since the lab became ready.",
	  .type = &type_time,
	  OFFSET(at_ns),
	  .bit = EVENT_AT },
	{ .name = "when",
	  .help = "What the event waits for, in place of a time. It happens once.",
	  .type = &type_when,
	  OFFSET(when),
	  .bit = EVENT_WHEN },
	{ .name = "link",
	  .help = "The link that changes; the impairment keys beside it say how.",
	  .type = &type_text,
	  OFFSET(link),
	  .bit = EVENT_LINK },
	{ .name = "from",
	  .help = "Only the direction that begins at this node. Default: both.",
	  .type = &type_text,
	  OFFSET(from),
	  .bit = EVENT_FROM },
	{ .name = "ramp",
	  .help = "Go there evenly in this time: delay, jitter, rate, random loss, duplicate, corrupt, reorder.",
	  .type = &type_time,
	  OFFSET(ramp_ns),
	  .bit = EVENT_RAMP },
	{ .name = "up",
	  .help = "The end of \"down\": packets pass again.",
	  .type = &type_true,
	  OFFSET(up),
	  .bit = EVENT_UP },
	{ .name = "clear",
	  .help = "Back to what the link's own object says; keys beside it count from there.",
	  .type = &type_true,
	  OFFSET(clear),
	  .bit = EVENT_CLEAR },
	{ .name = "carrier",
	  .help = "false: the cable is cut, and both ends see it; true: mended.",
	  .type = &type_bool,
	  OFFSET(carrier),
	  .bit = EVENT_CARRIER },
	{ .name = "exec",
	  .help = "A command to run in a node.",
	  .type = &type_exec,
	  OFFSET(exec),
	  .bit = EVENT_EXEC },
};

const struct object_spec event_spec = {
	.def = "event",
	.noun = "an event",
	.help = "What happens at a time, or when something else has happened: a link changes, or a command runs.",
	.fields = event_fields,
	.n_fields = ARRAY_SIZE(event_fields),
	.inner = &impairment_spec,
	.inner_offset = offsetof(struct event_draft, keys),
	.elsewhere = &link_spec,
	.elsewhere_text = "belongs to the link's own object: it cannot change while the lab runs",
};
