/* SPDX-License-Identifier: MIT */
/* A first look at the bytes: limits, and better words for common mistakes. */
#include "topo/scan.h"

#include <stdlib.h>
#include <string.h>

/** A top-level key whose members are counted. */
enum section { SECTION_OTHER, SECTION_NODES, SECTION_LINKS };

struct scan {
	const char *text;
	size_t len, at;
	unsigned depth;
	size_t key_start, key_len; /**< last string seen, without its quotes */
	enum section section;
	size_t members; /**< of the section, so far */
};

static void position(const char *text, size_t offset, unsigned *ret_line, unsigned *ret_column)
{
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			column++; /* characters, not bytes */
		}
	}
	*ret_line = line;
	*ret_column = column;
}

static bool key_is(const struct scan *s, const char *name)
{
	return s->key_len == strlen(name) && memcmp(s->text + s->key_start, name, s->key_len) == 0;
}

static void skip_string(struct scan *s)
{
	s->key_start = s->at + 1;
	for (s->at++; s->at < s->len && s->text[s->at] != '"'; s->at++) {
		if (s->text[s->at] == '\\' && s->at + 1 < s->len)
			s->at++;
	}
	s->key_len = s->at - s->key_start;
}

static void enter(struct scan *s)
{
	s->depth++;
	if (s->depth != 2)
		return;
	s->section = key_is(s, "nodes")   ? SECTION_NODES
		     : key_is(s, "links") ? SECTION_LINKS
					  : SECTION_OTHER;
	s->members = 0;
}

/** @return the limit that the section has passed, 0 when it has not */
static size_t count_member(struct scan *s, char c)
{
	if (s->depth != 2)
		return 0;
	/* nodes are members of an object (comments do not count), links elements of an array */
	if (s->section == SECTION_NODES && c == ':') {
		if (s->key_len < 2 || memcmp(s->text + s->key_start, "//", 2) != 0)
			s->members++;
		return s->members > TOPO_NODES_MAX ? TOPO_NODES_MAX : 0;
	}
	if (s->section == SECTION_LINKS && c == ',') {
		s->members++; /* one less than the links: the last has no comma */
		return s->members >= TOPO_LINKS_MAX ? TOPO_LINKS_MAX : 0;
	}
	return 0;
}

bool scan_limits(struct diag_sink *diags, const char *text, size_t len)
{
	struct scan s = { .text = text, .len = len };
	const struct path root = { 0 };
	unsigned line, column;

	if (len > TOPO_FILE_MAX_BYTES) {
		diag_error_at(diags, NULL, 0, 0,
			      "split the lab, or leave out what repeats by using 'defaults'",
			      "the file has %zu bytes; the limit is %d (16 MiB)", len,
			      (int)TOPO_FILE_MAX_BYTES);
		return false;
	}
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		diag_error_at(diags, NULL, 1, 1, "save it as UTF-8 without a byte order mark",
			      "the file starts with a byte order mark, which JSON does not allow");
		return false;
	}
	for (; s.at < len; s.at++) {
		char c = text[s.at];
		size_t limit;

		switch (c) {
		case '"':
			skip_string(&s);
			break;
		case '{':
		case '[':
			enter(&s);
			if (s.depth <= TOPO_DEPTH_MAX)
				break;
			position(text, s.at, &line, &column);
			diag_error_at(diags, NULL, line, column, NULL,
				      "objects and arrays are nested deeper than the limit of %d",
				      (int)TOPO_DEPTH_MAX);
			return false;
		case '}':
		case ']':
			s.depth -= s.depth > 0;
			break;
		case ',':
		case ':':
			limit = count_member(&s, c);
			if (limit != 0) {
				const char *name = s.section == SECTION_NODES ? "nodes" : "links";
				const struct path at = { .up = &root, .key = name };

				diag_error(diags, &at, "split the lab into several",
					   "there are more %s than the limit of %zu", name, limit);
				return false;
			}
			break;
		default:
			break;
		}
	}
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/** The offset of a parser's position, which may lie one token behind the mistake. */
static const char *guess_hint(const char *text, size_t len, const json_error_t *error)
{
	size_t at = error->position > 0 ? (size_t)error->position : 0;

	if (at > len)
		at = len;
	while (at > 0 && at >= len)
		at--;
	/* a comma before the closing bracket: jansson stops at the bracket */
	if (at > 0 && (text[at - 1] == '}' || text[at - 1] == ']')) {
		size_t before = at - 1;

		while (before > 0 && is_blank(text[before - 1]))
			before--;
		if (before > 0 && text[before - 1] == ',')
			return "JSON has no comma after the last element";
	}
	if (strstr(error->text, "near '/'") || strstr(error->text, "near '#'"))
		return "JSON has no comments; write {\"//\": \"a comment\"} as a member";
	if (strstr(error->text, "near '''"))
		return "JSON strings stand in double quotes";
	return NULL;
}

void scan_syntax_error(struct diag_sink *diags, const char *text, size_t len,
		       const json_error_t *error)
{
	size_t blank = 0;
	const char *hint;

	while (blank < len && is_blank(text[blank]))
		blank++;
	if (blank == len) {
		diag_error_at(diags, NULL, 0, 0,
			      "the smallest topology is {\"nodes\": {\"a\": {}}}",
			      "the file is empty");
		return;
	}
	if (json_error_code(error) == json_error_duplicate_key) {
		diag_error_at(diags, NULL, (unsigned)error->line, (unsigned)error->column,
			      "an object has each key once, and so a lab each node", "%s",
			      diag_quote(diags, error->text));
		return;
	}
	hint = guess_hint(text, len, error);
	if (json_error_code(error) == json_error_numeric_overflow)
		hint = "numbers above 9223372036854775807 have to stand in quotes";
	diag_error_at(diags, NULL, error->line > 0 ? (unsigned)error->line : 0,
		      error->column > 0 ? (unsigned)error->column : 0, hint, "not JSON: %s",
		      diag_quote(diags, error->text));
}
