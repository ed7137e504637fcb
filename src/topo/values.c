/* SPDX-License-Identifier: MIT */
/* The kinds of value that keys have: numbers, words, quantities, names. */
#include "topo/values.h"

#include <errno.h>
#include <string.h>

#include "base/names.h"
#include "base/units.h"

static bool parse_bool(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	(void)f;
	if (!json_is_boolean(v))
		return wrong_kind(p, at, v, "true or false", NULL);
	*(bool *)out = json_is_true(v);
	return true;
}

const struct value_type type_bool = { parse_bool, "bool", "{\"type\":\"boolean\"}", NULL };

static bool parse_integer(struct parser *p, const struct path *at, const json_t *v,
			  const struct field *f, void *out)
{
	const struct range *range = f->arg;
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v)) {
		if (json_is_real(v)) {
			diag_error(&p->diags, at, NULL,
				   "'%s' is %g, but has to be a whole number from %lld to %lld",
				   f->name, json_real_value(v), (long long)range->min,
				   (long long)range->max);
			return false;
		}
		return wrong_kind(p, at, v, "a whole number",
				  json_is_string(v) ? "write it without quotes" : NULL);
	}
	if (n < range->min || n > range->max) {
		diag_error(&p->diags, at, NULL, "'%s' is %lld, but has to be from %lld to %lld",
			   f->name, (long long)n, (long long)range->min, (long long)range->max);
		return false;
	}
	*(uint32_t *)out = (uint32_t)n;
	return true;
}

const struct value_type type_integer = { parse_integer, NULL, NULL, NULL };

static bool parse_choice(struct parser *p, const struct path *at, const json_t *v,
			 const struct field *f, void *out)
{
	const struct choice *choices = f->arg, *c;
	const char *text = json_string_value(v), *nearest;
	size_t n = 0;

	if (!text)
		return wrong_kind(p, at, v, "a string", NULL);
	for (c = choices; c->name; c++, n++) {
		if (strcmp(c->name, text) != 0)
			continue;
		if (c->later) {
			diag_error(&p->diags, at,
				   diag_hint(&p->diags, "use \"%s\", or leave '%s' out",
					     choices->name, f->name),
				   "'%s' \"%s\" (%s) is not in this version of netlab", f->name,
				   text, c->later);
			return false;
		}
		*(int *)out = c->value;
		return true;
	}
	nearest = name_nearest(text, &choices->name, n, sizeof(*choices));
	if (nearest) {
		diag_error(&p->diags, at, diag_hint(&p->diags, "did you mean \"%s\"?", nearest),
			   "'%s' cannot be \"%s\"", f->name, diag_quote(&p->diags, text));
		return false;
	}
	{
		_cleanup_buf_ struct buf known = { 0 };

		for (c = choices; c->name; c++) {
			if (!c->later)
				buf_printf(&known, "%s\"%s\"", known.len ? ", " : "", c->name);
		}
		diag_error(&p->diags, at,
			   diag_hint(&p->diags, "it is one of %s",
				     buf_text(&known) ? buf_text(&known) : ""),
			   "'%s' cannot be \"%s\"", f->name, diag_quote(&p->diags, text));
	}
	return false;
}

const struct value_type type_choice = { parse_choice, NULL, NULL, NULL };

typedef int units_fn(const char *text, uint64_t *ret, const char **ret_why);

static bool parse_unit(struct parser *p, const struct path *at, const json_t *v, const char *what,
		       const char *example, units_fn *parse, uint64_t *out)
{
	const char *text = json_string_value(v), *why = NULL;

	if (json_is_integer(v)) {
		diag_error(&p->diags, at,
			   diag_hint(&p->diags,
				     "write it with its unit and in quotes, e.g. \"%lld%s\"",
				     (long long)json_integer_value(v), example),
			   "'%s' is %lld, which has no unit", at->key,
			   (long long)json_integer_value(v));
		return false;
	}
	if (json_is_real(v)) {
		diag_error(&p->diags, at,
			   diag_hint(&p->diags,
				     "write it with its unit and in quotes, e.g. \"%g%s\"",
				     json_real_value(v), example),
			   "'%s' is %g, which has no unit", at->key, json_real_value(v));
		return false;
	}
	if (!text)
		return wrong_kind(p, at, v, what, NULL);
	if (parse(text, out, &why) < 0) {
		if (text[0] == '-')
			why = "it cannot be negative";
		diag_error(&p->diags, at, why, "'%s' cannot be \"%s\"", at->key,
			   diag_quote(&p->diags, text));
		return false;
	}
	return true;
}

static bool parse_time(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	(void)f;
	return parse_unit(p, at, v, "a time, e.g. \"20ms\"", "ms", units_parse_time, out);
}

const struct value_type type_time = {
	parse_time,
	"time",
	"{\"description\":\"A number and a unit: ns, us, ms, s, m or h.\",\"type\":\"string\","
	"\"pattern\":\"^[0-9]+([.][0-9]+)?(ns|us|ms|s|m|h)$\",\"examples\":[\"20ms\"]}",
	NULL,
};

static bool parse_rate(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	(void)f;
	return parse_unit(p, at, v, "a rate, e.g. \"10mbit\"", "mbit", units_parse_rate, out);
}

const struct value_type type_rate = {
	parse_rate,
	"rate",
	"{\"description\":\"A number and a unit per second: bit, kbit, mbit, gbit, byte, kbyte, mbyte or gbyte, in steps "
	"of 1000.\",\"type\":\"string\",\"pattern\":\"^[0-9]+([.][0-9]+)?[kmg]?(bit|byte)$\",\"examples\":[\"10mbit\"]}",
	NULL,
};

static bool parse_size(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	uint64_t bytes = 0;

	if (!parse_unit(p, at, v, "a size, e.g. \"1500b\"", "b", units_parse_size, &bytes))
		return false;
	if (bytes > UINT32_MAX) {
		diag_error(&p->diags, at, "the largest is 4gib less 1b", "'%s' is too large",
			   f->name);
		return false;
	}
	*(uint32_t *)out = (uint32_t)bytes;
	return true;
}

const struct value_type type_size = {
	parse_size,
	"size",
	"{\"description\":\"A number and a unit: b, kb, mb, gb (steps of 1000) or kib, mib, gib (steps of 1024).\","
	"\"type\":\"string\",\"pattern\":\"^[0-9]+([.][0-9]+)?([kmg]?b|[kmg]ib)$\",\"examples\":[\"1500b\"]}",
	NULL,
};

static bool parse_room(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	uint64_t bytes = 0;

	if (!parse_unit(p, at, v, "a size, e.g. \"64mib\"", "b", units_parse_size, &bytes))
		return false;
	if (bytes == 0 || bytes > INT64_MAX) {
		diag_error(&p->diags, at, "leave it out to have the default",
			   bytes ? "'%s' is too large" : "'%s' is 0, which leaves no room at all",
			   f->name);
		return false;
	}
	*(uint64_t *)out = bytes;
	return true;
}

const struct value_type type_room = {
	parse_room,
	"room",
	"{\"description\":\"A number above 0 and a unit: b, kb, mb, gb (steps of 1000) or kib, mib, gib (steps of 1024).\","
	"\"type\":\"string\",\"pattern\":\"^[0-9]+([.][0-9]+)?([kmg]?b|[kmg]ib)$\",\"examples\":[\"64mib\"]}",
	NULL,
};

static bool parse_share(struct parser *p, const struct path *at, const json_t *v,
			const struct field *f, void *out)
{
	const char *text = json_string_value(v), *why = NULL;
	double n = json_number_value(v);

	(void)f;
	if (json_is_number(v)) {
		if (n >= 0 && n <= 1) {
			*(double *)out = n;
			return true;
		}
		diag_error(&p->diags, at,
			   n > 1 && n <= 100
				   ? diag_hint(&p->diags, "write \"%g%%\" for per cent", n)
				   : NULL,
			   "'%s' is %g, but a share as a number lies between 0 and 1", at->key, n);
		return false;
	}
	if (!text)
		return wrong_kind(p, at, v, "a share, e.g. \"1%\" or 0.01", NULL);
	if (units_parse_share(text, out, &why) < 0) {
		const char *second = strchr(text, ' ');

		if (second && second[1] >= '0' && second[1] <= '9')
			why = "one share only: netem's second number, the correlation, is not offered because it does not "
			      "do what it says; for losses in bursts write \"loss\": {\"burst\": {\"rate\": \"1%\", "
			      "\"length\": 4}}";
		else if (text[0] == '-')
			why = "it cannot be negative";
		diag_error(&p->diags, at, why, "'%s' cannot be \"%s\"", at->key,
			   diag_quote(&p->diags, text));
		return false;
	}
	return true;
}

const struct value_type type_share = {
	parse_share,
	"share",
	"{\"description\":\"A percentage, or a number from 0 to 1.\",\"oneOf\":[{\"type\":\"string\",\"pattern\":"
	"\"^[0-9]+([.][0-9]+)?%?$\"},{\"type\":\"number\",\"minimum\":0,\"maximum\":1}],\"examples\":[\"1%\",0.01]}",
	NULL,
};

static bool parse_count(struct parser *p, const struct path *at, const json_t *v,
			const struct field *f, void *out)
{
	double n = json_number_value(v);

	if (!json_is_number(v))
		return wrong_kind(p, at, v, "a number, 1 or more",
				  json_is_string(v) ? "write it without quotes" : NULL);
	if (n < 1 || n > 1e9) {
		diag_error(&p->diags, at, NULL, "'%s' is %g, but has to be from 1 to 1000000000",
			   f->name, n);
		return false;
	}
	*(double *)out = n;
	return true;
}

const struct value_type type_count = { parse_count, "count",
				       "{\"type\":\"number\",\"minimum\":1,\"maximum\":1000000000}",
				       NULL };

static bool parse_seed(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	const char *text = json_string_value(v);

	(void)f;
	if (json_is_integer(v) && json_integer_value(v) >= 0) {
		*(uint64_t *)out = (uint64_t)json_integer_value(v);
		return true;
	}
	if (text && units_parse_u64(text, out) == 0)
		return true;
	diag_error(&p->diags, at,
		   "e.g. 42, or \"0x2a\"; above 9223372036854775807 it has to stand in quotes",
		   "'%s' has to be a whole number from 0 to 18446744073709551615", at->key);
	return false;
}

const struct value_type type_seed = {
	parse_seed,
	"seed",
	"{\"oneOf\":[{\"type\":\"integer\",\"minimum\":0},{\"type\":\"string\","
	"\"pattern\":\"^([0-9]+|0[xX][0-9a-fA-F]+)$\"}]}",
	NULL,
};

static bool parse_text(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	(void)f;
	if (!json_is_string(v))
		return wrong_kind(p, at, v, "a string", NULL);
	*(const char **)out = parser_strdup(p, json_string_value(v));
	return !p->oom;
}

const struct value_type type_text = { parse_text, "text", "{\"type\":\"string\"}", NULL };

static bool parse_name(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	const char *text = json_string_value(v), *wrong;

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "a string", NULL);
	wrong = name_check(text);
	if (wrong) {
		diag_error(&p->diags, at, wrong, "'%s' is no name that can be used",
			   diag_quote(&p->diags, text));
		return false;
	}
	*(const char **)out = parser_strdup(p, text);
	return !p->oom;
}

const struct value_type type_name = {
	parse_name,
	"name",
	"{\"description\":\"1 to 63 letters, digits, '_', '.' and '-', a letter or digit first, no '--' inside.\","
	"\"type\":\"string\",\"pattern\":\"^(?!.*--)[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$\"}",
	NULL,
};
