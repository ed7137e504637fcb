/* SPDX-License-Identifier: MIT */
/* A link's `rate`: a number with a unit, or a trace to follow. */
#include "topo/link.h"

#include <string.h>

#include "base/cleanup.h"

struct trace_draft {
	uint32_t set;
	const char *file;
	bool loop;
};

enum { TRACE_FILE, TRACE_LOOP };

/** A path, taken from the directory of the topology file. It is not opened here: the parser reads nothing but its text. */
static bool parse_path(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	const char *text = json_string_value(v), *file;

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "the path of a file", NULL);
	if (*text == '\0') {
		diag_error(&p->diags, at, NULL, "'%s' is empty, but has to be the path of a file",
			   at->key);
		return false;
	}
	if (*text == '/' || !p->dir)
		file = parser_strdup(p, text);
	else
		file = arena_printf(p->arena, "%.*s%s", (int)p->dir_len, p->dir, text);
	if (!file) {
		p->oom = true;
		return false;
	}
	*(const char **)out = file;
	return true;
}

const struct value_type type_path = {
	parse_path,
	"host-path",
	"{\"description\":\"Path of a file; a relative one counts from the directory of the topology file.\","
	"\"type\":\"string\",\"minLength\":1}",
	NULL,
};

static const struct field trace_fields[] = {
	{ .name = "trace",
	  .help = "File in mahimahi's format: a line is the millisecond of an opportunity to send 1504 bytes.",
	  .type = &type_path,
	  .offset = offsetof(struct trace_draft, file),
	  .bit = TRACE_FILE },
	{ .name = "loop",
	  .help = "Start again at the trace's end; otherwise nothing is sent after it. Default: true.",
	  .type = &type_bool,
	  .offset = offsetof(struct trace_draft, loop),
	  .bit = TRACE_LOOP },
};

static const char *const trace_required[] = { "trace", NULL };

const struct object_spec trace_spec = {
	.def = "trace",
	.noun = "a rate along a trace",
	.help = "A rate that follows a recording.",
	.fields = trace_fields,
	.n_fields = ARRAY_SIZE(trace_fields),
	.required = trace_required,
};

static bool parse_link_rate(struct parser *p, const struct path *at, const json_t *v,
			    const struct field *f, void *out)
{
	struct impairment *m = out;
	struct trace_draft t = { .loop = true };

	if (!json_is_object(v)) {
		if (!type_rate.parse(p, at, v, f, &m->rate_bps))
			return false;
		m->rate_trace = NULL;
		return true;
	}
	if (!object_parse(p, at, v, &trace_spec, &t) || !(t.set & 1u << TRACE_FILE))
		return false;
	m->rate_bps = 0;
	m->rate_trace = t.file;
	m->rate_trace_loop = t.loop;
	return true;
}

const struct value_type type_link_rate = {
	parse_link_rate,
	"link-rate",
	"{\"oneOf\":[{\"$ref\":\"#/$defs/rate\"},{\"$ref\":\"#/$defs/trace\"}]}",
	NULL,
};
