/* SPDX-License-Identifier: MIT */
/* The kinds of value that keys about a node's file tree have. */
#include "topo/tree.h"

#include <string.h>

/** Whether a path in a node has a part ".." (or ".", which is harmless but never meant). */
static bool has_dots(const char *path)
{
	for (const char *part = path; part; part = strchr(part, '/')) {
		size_t len;

		part += *part == '/';
		len = strcspn(part, "/");
		if ((len == 1 && part[0] == '.') || (len == 2 && memcmp(part, "..", 2) == 0))
			return true;
		if (*part == '\0')
			break;
	}
	return false;
}

/** Whether `path` is the directory `dir` or below it. */
static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

const char *tree_path(struct parser *p, const struct path *at, const char *text)
{
	size_t len = strlen(text);
	char *copy;

	if (text[0] != '/') {
		diag_error(&p->diags, at, "write the whole path in the node, e.g. \"/etc/frr\"",
			   "'%s' is not an absolute path", diag_quote(&p->diags, text));
		return NULL;
	}
	if (len > TOPO_PATH_MAX || has_dots(text)) {
		diag_error(&p->diags, at, "write the path as it is, at most 4095 bytes",
			   "'%s' cannot be a path in a node: it %s", diag_quote(&p->diags, text),
			   len > TOPO_PATH_MAX ? "is too long" : "has a part \".\" or \"..\"");
		return NULL;
	}
	if (is_below(text, "/proc") || is_below(text, "/sys")) {
		diag_error(&p->diags, at, "kernel settings are for 'sysctls'",
			   "'%s' is the kernel's: nothing can be put there",
			   diag_quote(&p->diags, text));
		return NULL;
	}
	while (len > 1 && text[len - 1] == '/')
		len--;
	if (len == 1) {
		diag_error(&p->diags, at, "a root of the node's own is given by 'rootfs'",
			   "'/' is the node's root: nothing can be put over it");
		return NULL;
	}
	copy = arena_printf(p->arena, "%.*s", (int)len, text);
	p->oom |= !copy;
	return copy;
}

static bool parse_inside(struct parser *p, const struct path *at, const json_t *v,
			 const struct field *f, void *out)
{
	const char *text = json_string_value(v);

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "a path in the node", NULL);
	text = tree_path(p, at, text);
	if (text)
		*(const char **)out = text;
	return text;
}

const struct value_type type_inside = {
	parse_inside,
	"inside",
	"{\"description\":\"Absolute path in the node.\",\"type\":\"string\",\"pattern\":\"^/.\",\"maxLength\":4095}",
	NULL,
};

bool host_path_check(struct parser *p, const struct path *at, const char *path)
{
	if (path[0] == '/')
		return true;
	diag_error(&p->diags, at, "write the whole path",
		   "'%s' cannot be found: there is no directory that it could count from",
		   diag_quote(&p->diags, path));
	return false;
}

static bool parse_mode(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	const char *text = json_string_value(v);
	uint32_t mode = 0;
	size_t len = text ? strlen(text) : 0;

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "an octal mode in quotes, e.g. \"0644\"",
				  json_is_number(v) ? "JSON has no octal numbers: write \"0644\""
						    : NULL);
	if (len < 3 || len > 4 || strspn(text, "01234567") != len) {
		diag_error(&p->diags, at, "three or four octal digits, e.g. \"0644\"",
			   "'%s' cannot be \"%s\"", at->key, diag_quote(&p->diags, text));
		return false;
	}
	for (; *text; text++)
		mode = mode * 8 + (uint32_t)(*text - '0');
	*(uint32_t *)out = mode;
	return true;
}

const struct value_type type_mode = {
	parse_mode,
	"mode",
	"{\"description\":\"Permissions as three or four octal digits.\",\"type\":\"string\",\"pattern\":\"^[0-7]{3,4}$\","
	"\"examples\":[\"0644\"]}",
	NULL,
};

static bool parse_owner(struct parser *p, const struct path *at, const json_t *v,
			const struct field *f, void *out)
{
	const char *text = json_string_value(v), *colon;

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "\"USER\" or \"USER:GROUP\"",
				  json_is_number(v) ? "write the number in quotes" : NULL);
	colon = strchr(text, ':');
	if (strlen(text) > 65 ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789_.-:") != strlen(text) ||
	    text[0] == ':' || text[0] == '\0' || (colon && (!colon[1] || strchr(colon + 1, ':')))) {
		diag_error(&p->diags, at, "e.g. \"frr\", \"frr:frr\" or \"101:101\"",
			   "'%s' names no user", diag_quote(&p->diags, text));
		return false;
	}
	*(const char **)out = parser_strdup(p, text);
	return !p->oom;
}

const struct value_type type_owner = {
	parse_owner,
	"owner",
	"{\"description\":\"User, or user:group, by names or numbers of the node.\",\"type\":\"string\","
	"\"pattern\":\"^[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+)?$\",\"examples\":[\"frr:frr\"]}",
	NULL,
};
