/* SPDX-License-Identifier: MIT */
/* Regular expressions of the topology file. */
#include "topo/regex_value.h"

#include <regex.h>
#include <string.h>

enum {
	/* Bounds of {m,n} multiply when they are nested, and regcomp() writes them out: this keeps it small. */
	REGEX_REPEATS_MAX = 1000,
};

/** @return what makes it one that is not compiled here; NULL = nothing */
static const char *regex_too_much(const char *text)
{
	uint64_t repeats = 1;

	if (strlen(text) > TOPO_REGEX_MAX)
		return "it is longer than 256 bytes";
	for (const char *c = text; *c; c++) {
		uint64_t most = 1, n = 0;

		if (*c == '\\' && c[1] >= '0' && c[1] <= '9')
			return "it refers back to a group, which can take for ever";
		if (*c == '\\' && c[1])
			c++;
		if (*c != '{')
			continue;
		for (const char *d = c + 1; *d && *d != '}'; d++) {
			n = *d >= '0' && *d <= '9' && n < 100000 ? n * 10 + (uint64_t)(*d - '0')
								 : 0;
			most = n > most ? n : most;
		}
		repeats *= most;
		if (repeats > REGEX_REPEATS_MAX)
			return "its {...} multiply to more than 1000 repeats";
	}
	return NULL;
}

bool regex_check(struct parser *p, const struct path *at, const char *text)
{
	const char *wrong = regex_too_much(text);
	char why[128];
	regex_t re;
	int r;

	if (!wrong) {
		r = regcomp(&re, text, REG_EXTENDED | REG_NOSUB);
		if (r == 0) {
			regfree(&re);
			return true;
		}
		if (r == REG_ESPACE) {
			p->oom = true;
			return false;
		}
		(void)regerror(r, &re, why, sizeof(why));
		wrong = why;
	}
	diag_error(&p->diags, at, "it is a POSIX extended one, as for grep -E",
		   "\"%s\" is no regular expression that can be used: %s",
		   diag_quote(&p->diags, text), wrong);
	return false;
}

static bool parse_regex(struct parser *p, const struct path *at, const json_t *v,
			const struct field *f, void *out)
{
	const char *text = json_string_value(v);

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "a regular expression, in quotes", NULL);
	if (!regex_check(p, at, text))
		return false;
	*(const char **)out = parser_strdup(p, text);
	return !p->oom;
}

const struct value_type type_regex = {
	parse_regex,
	"regex",
	"{\"description\":\"A regular expression, POSIX extended.\",\"type\":\"string\",\"maxLength\":256}",
	NULL,
};
