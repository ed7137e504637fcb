/* SPDX-License-Identifier: MIT */
/* Values that are maps or lists of strings: environment, sysctls, argument vectors. */
#include "topo/values.h"

#include <string.h>

enum {
	/* Defaults are merged into every node: without a bound a small file could ask for any amount of memory. */
	PAIRS_MAX = 256,
};

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_';
}

/** @return NULL when the variable's name is good, else what is wrong */
static const char *env_wrong(const char *key, const char **ret_hint)
{
	*ret_hint = "a variable's name has letters, digits and '_', and no digit first";
	if (key[0] == '\0' || (key[0] >= '0' && key[0] <= '9'))
		return "is no name of an environment variable";
	for (; *key; key++) {
		if (!is_word(*key))
			return "is no name of an environment variable";
	}
	return NULL;
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* What is a namespace's own, and so a node's. Everything else under /proc/sys is the whole host's. */
static bool sysctl_is_namespaced(const char *key)
{
	static const char *const own[] = {
		"net.",       /* network namespace */
		"fs.mqueue.", /* IPC namespace: mq_overview(7) */
		"kernel.shm", /* IPC namespace: shmmax, shmall, shmmni, shm_rmid_forced, shm_next_id */
		"kernel.msg",        /* IPC namespace: msgmax, msgmnb, msgmni, msg_next_id */
		"kernel.sem",        /* IPC namespace: sem, sem_next_id */
		"kernel.domainname", /* UTS namespace */
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (starts_with(key, own[i]))
			return true;
	}
	return false;
}

static const char *sysctl_wrong(const char *key, const char **ret_hint)
{
	*ret_hint = "write it with dots, e.g. \"net.ipv4.ip_forward\"";
	if (key[0] == '.' || key[0] == '\0' || key[strlen(key) - 1] == '.' || strstr(key, ".."))
		return "is no name of a sysctl";
	for (const char *c = key; *c; c++) {
		if (!is_word(*c) && *c != '.' && *c != '-')
			return "is no name of a sysctl";
	}
	if (strcmp(key, "kernel.hostname") == 0) {
		*ret_hint = "use the node's key 'hostname'";
		return "has a key of its own";
	}
	if (!sysctl_is_namespaced(key)) {
		*ret_hint =
			"a node may set net.*, fs.mqueue.*, kernel.shm*, kernel.msg*, kernel.sem* and "
			"kernel.domainname";
		return "is not a node's own: setting it would change the whole host";
	}
	return NULL;
}

typedef const char *key_check_fn(const char *key, const char **ret_hint);

/** @return the value as text, owned by the topology; NULL after a diagnostic or out of memory */
static const char *pair_value(struct parser *p, const struct path *at, const json_t *v,
			      bool integers)
{
	const char *text = json_string_value(v);

	if (text)
		return parser_strdup(p, text);
	if (integers && json_is_integer(v)) {
		text = arena_printf(p->arena, "%lld", (long long)json_integer_value(v));
		p->oom |= !text;
		return text;
	}
	wrong_kind(p, at, v, integers ? "a string or a whole number" : "a string",
		   json_is_number(v) ? "write it in quotes" : NULL);
	return NULL;
}

static bool parse_pair_list(struct parser *p, const struct path *at, const json_t *v,
			    key_check_fn *check, bool integers, struct pair_list *ret)
{
	struct pair_list list = { 0 };
	size_t index = 0;
	bool good = true;
	const char *key;
	json_t *value;

	if (!json_is_object(v))
		return wrong_kind(p, at, v, "an object of names and values", NULL);
	if (json_object_size(v) > PAIRS_MAX) {
		diag_error(&p->diags, at, NULL, "'%s' has %zu entries; the limit is %d", at->key,
			   json_object_size(v), (int)PAIRS_MAX);
		return false;
	}
	list.items = parser_array(p, json_object_size(v), sizeof(*list.items));
	if (!list.items)
		return false;
	json_object_foreach((json_t *)v, key, value)
	{
		const struct path item = { .up = at, .key = key, .index = index++ };
		const char *wrong, *hint, *text;

		if (is_comment(key))
			continue;
		wrong = check(key, &hint);
		if (wrong) {
			diag_error(&p->diags, &item, hint, "'%s' %s", diag_quote(&p->diags, key),
				   wrong);
			good = false;
			continue;
		}
		text = pair_value(p, &item, value, integers);
		if (!text) {
			good = false;
			continue;
		}
		if (integers && strpbrk(text, "\r\n")) {
			diag_error(&p->diags, &item, NULL,
				   "the value of '%s' has more than one line", key);
			good = false;
			continue;
		}
		list.items[list.n++] = (struct topo_pair){ parser_strdup(p, key), text };
	}
	if (good && !p->oom)
		*ret = list;
	return good && !p->oom;
}

static bool parse_env(struct parser *p, const struct path *at, const json_t *v,
		      const struct field *f, void *out)
{
	(void)f;
	return parse_pair_list(p, at, v, env_wrong, false, out);
}

const struct value_type type_pairs = {
	parse_env,
	"env",
	"{\"description\":\"Environment variables.\",\"type\":\"object\",\"patternProperties\":{\"^//\":true,"
	"\"^[A-Za-z_][A-Za-z0-9_]*$\":{\"type\":\"string\"}},\"additionalProperties\":false}",
	NULL,
};

static bool parse_sysctls(struct parser *p, const struct path *at, const json_t *v,
			  const struct field *f, void *out)
{
	(void)f;
	return parse_pair_list(p, at, v, sysctl_wrong, true, out);
}

const struct value_type type_sysctls = {
	parse_sysctls,
	"sysctls",
	"{\"description\":\"Kernel settings of the node, by name with dots.\",\"type\":\"object\",\"patternProperties\":{"
	"\"^//\":true,\"^(net[.]|fs[.]mqueue[.]|kernel[.](shm|msg|sem|domainname))[A-Za-z0-9_.-]*$\":{\"type\":"
	"[\"string\",\"integer\"]}},\"additionalProperties\":false}",
	NULL,
};

static bool parse_argv(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	size_t n = json_array_size(v);
	const char **argv;
	bool good = true;

	(void)f;
	if (!json_is_array(v))
		return wrong_kind(
			p, at, v, "a list of strings",
			json_is_string(v)
				? "no shell reads it: write [\"prog\", \"argument\"], or [\"sh\", "
				  "\"-c\", \"...\"] to have one"
				: NULL);
	if (n == 0) {
		diag_error(&p->diags, at, "e.g. [\"python3\", \"-m\", \"http.server\"]",
			   "'%s' names no program", at->key);
		return false;
	}
	argv = parser_array(p, n + 1, sizeof(*argv));
	if (!argv)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct path item = { .up = at, .index = i };
		const json_t *word = json_array_get(v, i);

		if (!json_is_string(word)) {
			good = wrong_kind(p, &item, word, "a string",
					  json_is_number(word) ? "write it in quotes" : NULL);
			continue;
		}
		if (i == 0 && json_string_length(word) == 0) {
			diag_error(&p->diags, &item, NULL, "the name of the program is empty");
			good = false;
		}
		argv[i] = parser_strdup(p, json_string_value(word));
	}
	if (good && !p->oom)
		*(const char *const **)out = argv;
	return good && !p->oom;
}

const struct value_type type_argv = {
	parse_argv,
	"argv",
	"{\"description\":\"A program and its arguments.\",\"type\":\"array\",\"items\":{\"type\":\"string\"},"
	"\"minItems\":1,\"examples\":[[\"python3\",\"-m\",\"http.server\"]]}",
	NULL,
};
