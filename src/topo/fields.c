/* SPDX-License-Identifier: MIT */
/* Parsing an object by the table of its keys. */
#include "topo/fields.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"

char *parser_strdup(struct parser *p, const char *text)
{
	char *copy = arena_strdup(p->arena, text);

	if (!copy)
		p->oom = true;
	return copy;
}

void *parser_array(struct parser *p, size_t n, size_t size)
{
	void *array = arena_array(p->arena, n, size);

	if (!array)
		p->oom = true;
	return array;
}

const char *json_kind(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	case JSON_NULL:
		return "null";
	}
	return "nothing";
}

bool wrong_kind(struct parser *p, const struct path *at, const json_t *v, const char *wanted,
		const char *hint)
{
	if (at->key)
		diag_error(&p->diags, at, hint, "'%s' is %s, but has to be %s",
			   diag_quote(&p->diags, at->key), json_kind(v), wanted);
	else
		diag_error(&p->diags, at, hint, "this is %s, but has to be %s", json_kind(v),
			   wanted);
	return false;
}

bool list_fits(struct parser *p, const struct path *at, size_t n)
{
	if (!p->in_defaults || n <= DEFAULTS_LIST_MAX)
		return true;
	diag_error(&p->diags, at, "give them to the nodes that need them",
		   "'%s' has %zu entries; the limit for a default is %d", at->key, n,
		   (int)DEFAULTS_LIST_MAX);
	return false;
}

const char *choice_name(const struct choice *choices, int value)
{
	for (; choices->name; choices++) {
		if (choices->value == value)
			return choices->name;
	}
	return "?";
}

static const struct field *find_field(const struct object_spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->n_fields; i++) {
		if (strcmp(spec->fields[i].name, key) == 0)
			return &spec->fields[i];
	}
	return NULL;
}

/* Words that other tools have for the same thing; edit distance does not find those. */
static const struct {
	const char *other, *ours;
} synonyms[] = {
	{ "latency", "delay" },    { "bandwidth", "rate" },  { "bw", "rate" },
	{ "speed", "rate" },       { "limit", "queue" },     { "buffer", "queue" },
	{ "type", "kind" },        { "role", "kind" },       { "ip", "addresses" },
	{ "ips", "addresses" },    { "ipv4", "addresses" },  { "ipv6", "addresses" },
	{ "command", "run" },      { "cmd", "run" },         { "exec", "run" },
	{ "gateway", "via" },      { "nexthop", "via" },     { "dst", "to" },
	{ "interface", "dev" },    { "environment", "env" }, { "workdir", "cwd" },
	{ "nodes", "endpoints" },  { "ends", "endpoints" },  { "metric", "cost" },
	{ "weight", "cost" },      { "edges", "links" },     { "hosts", "nodes" },
	{ "packet_loss", "loss" },
};

static const struct field *find_any(const struct object_spec *spec, const char *key)
{
	const struct field *f = find_field(spec, key);

	return f || !spec->inner ? f : find_field(spec->inner, key);
}

static const char *nearest_field(const struct object_spec *spec, const char *key)
{
	const char *names[64];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(synonyms); i++) {
		if (strcmp(synonyms[i].other, key) == 0 && find_any(spec, synonyms[i].ours))
			return synonyms[i].ours;
	}
	for (; spec; spec = spec->inner) {
		for (size_t i = 0; i < spec->n_fields && n < ARRAY_SIZE(names); i++)
			names[n++] = spec->fields[i].name;
	}
	return name_nearest(key, names, n, sizeof(names[0]));
}

static void unknown_key(struct parser *p, const struct path *at, const struct object_spec *spec)
{
	const char *nearest, *quoted = diag_quote(&p->diags, at->key);

	if (p->diags.full)
		return;
	if (p->in_defaults && strcmp(at->key, "defaults") == 0) {
		diag_error(&p->diags, at,
			   "there is one set of defaults, at the top level of the file",
			   "defaults cannot have defaults of their own");
		return;
	}
	if (spec->elsewhere && find_field(spec->elsewhere, at->key)) {
		diag_error(&p->diags, at, NULL, "'%s' %s", quoted, spec->elsewhere_text);
		return;
	}
	nearest = nearest_field(spec, at->key);
	diag_error(
		&p->diags, at,
		nearest ? diag_hint(&p->diags, "did you mean '%s'?", nearest)
			: "see netlab-topology(5) for the keys; one that starts with '//' is a comment",
		"%s has no key '%s'", spec->noun, quoted);
}

static void refuse_later(struct parser *p, const struct path *at, const struct field *f)
{
	diag_error(&p->diags, at, "take it out: netlab never ignores what it cannot do",
		   "'%s' (%s) is not in this version of netlab", f->name, f->later);
}

static void parse_member(struct parser *p, const struct path *at, const json_t *v,
			 const struct object_spec *spec, void *target)
{
	const struct field *f = find_field(spec, at->key);
	size_t base = 0;

	if (!f && spec->inner) {
		f = find_field(spec->inner, at->key);
		base = spec->inner_offset;
	}
	if (!f) {
		unknown_key(p, at, spec);
		return;
	}
	if (f->later) {
		refuse_later(p, at, f);
		return;
	}
	if (f->own && p->in_defaults) {
		diag_error(&p->diags, at, "give it where it belongs, in the object itself",
			   "'%s' cannot be a default: it belongs to one object only", f->name);
		return;
	}
	if (f->type->parse(p, at, v, f, (char *)target + base + f->offset))
		*(uint32_t *)(void *)((char *)target + base) |= 1u << f->bit;
}

bool object_parse(struct parser *p, const struct path *at, const json_t *v,
		  const struct object_spec *spec, void *target)
{
	const char *key;
	json_t *value;
	size_t index = 0;

	if (!json_is_object(v))
		return wrong_kind(p, at, v, "an object", NULL);
	json_object_foreach((json_t *)v, key, value)
	{
		const struct path member = { .up = at, .key = key, .index = index++ };

		if (!is_comment(key))
			parse_member(p, &member, value, spec, target);
		if (p->oom)
			return false;
	}
	for (const char *const *name = spec->required; name && *name; name++) {
		if (!json_object_get(v, *name))
			diag_error(&p->diags, at, NULL, "%s needs the key '%s'", spec->noun, *name);
	}
	return true;
}
