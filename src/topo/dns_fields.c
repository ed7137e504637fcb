/* SPDX-License-Identifier: MIT */
/* A node's `dns`: what its resolv.conf says, as a text or in parts. */
#include "topo/node.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"

enum {
	DNS_SERVERS,
	DNS_SEARCH,
	DNS_OPTIONS,
	SERVERS_MAX = 3, /* resolv.conf(5), MAXNS: resolvers take no notice of a fourth */
	WORDS_MAX = 32,
	WORD_BYTES = 253, /* RFC 1035: a name */
	TEXT_BYTES = 65536,
};

struct words {
	const char *const *items;
	size_t n;
};

struct dns_draft {
	uint32_t set;
	struct words servers, search, options;
};

/** @return whether it is a word for resolv.conf; `more` are the characters besides letters and digits */
static bool is_word(const char *text, const char *more)
{
	size_t n = strlen(text);

	if (n == 0 || n > WORD_BYTES)
		return false;
	for (; *text; text++) {
		if (!(*text >= '0' && *text <= '9') &&
		    !((*text | 0x20) >= 'a' && (*text | 0x20) <= 'z') && !strchr(more, *text))
			return false;
	}
	return true;
}

static const char *wrong_server(const char *text)
{
	struct ip_addr addr;

	return ip_parse_addr(text, &addr) == 0 || !name_check(text)
		       ? NULL
		       : "is neither an address nor the name of a node";
}

static const char *wrong_search(const char *text)
{
	return is_word(text, ".-_") ? NULL : "is no domain";
}

static const char *wrong_option(const char *text)
{
	return is_word(text, "-:") ? NULL : "is no option of resolv.conf";
}

static bool parse_words(struct parser *p, const struct path *at, const json_t *v, size_t max,
			const char *(*wrong)(const char *), const char *why_max, struct words *ret)
{
	size_t n = json_array_size(v);
	const char **items;
	bool good = true;

	if (!json_is_array(v))
		return wrong_kind(p, at, v, "a list of strings",
				  json_is_string(v) ? "write it in brackets" : NULL);
	if (n > max) {
		diag_error(&p->diags, at, why_max, "'%s' has %zu entries, but at most %zu count",
			   at->key, n, max);
		return false;
	}
	items = parser_array(p, n + 1, sizeof(*items));
	for (size_t i = 0; items && i < n; i++) {
		const struct path item = { .up = at, .index = i };
		const json_t *word = json_array_get(v, i);
		const char *why;

		if (!json_is_string(word)) {
			good = wrong_kind(p, &item, word, "a string", NULL);
			continue;
		}
		why = wrong(json_string_value(word));
		if (why) {
			diag_error(&p->diags, &item, NULL, "'%s' %s",
				   diag_quote(&p->diags, json_string_value(word)), why);
			good = false;
		}
		items[i] = parser_strdup(p, json_string_value(word));
	}
	if (good && !p->oom)
		*ret = (struct words){ .items = items, .n = n };
	return good && !p->oom;
}

static bool parse_servers(struct parser *p, const struct path *at, const json_t *v,
			  const struct field *f, void *out)
{
	(void)f;
	return parse_words(p, at, v, SERVERS_MAX, wrong_server,
			   "resolvers ask the first three and take no notice of more", out);
}

static bool parse_search(struct parser *p, const struct path *at, const json_t *v,
			 const struct field *f, void *out)
{
	(void)f;
	return parse_words(p, at, v, WORDS_MAX, wrong_search, NULL, out);
}

static bool parse_options(struct parser *p, const struct path *at, const json_t *v,
			  const struct field *f, void *out)
{
	(void)f;
	return parse_words(p, at, v, WORDS_MAX, wrong_option, NULL, out);
}

static const struct value_type type_servers = {
	parse_servers, "dns-servers",
	"{\"description\":\"Addresses, or names of nodes of this lab.\",\"type\":\"array\",\"items\":{\"type\":\"string\"},"
	"\"maxItems\":3,\"examples\":[[\"10.0.0.53\",\"ns1\"]]}",
	NULL
};

static const struct value_type type_search = {
	parse_search, "dns-search",
	"{\"type\":\"array\",\"items\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9._-]+$\",\"maxLength\":253},"
	"\"maxItems\":32}",
	NULL
};

static const struct value_type type_options = {
	parse_options, "dns-options",
	"{\"type\":\"array\",\"items\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9:-]+$\",\"maxLength\":253},"
	"\"maxItems\":32,\"examples\":[[\"ndots:2\",\"timeout:1\"]]}",
	NULL
};

#define OFFSET(member) .offset = offsetof(struct dns_draft, member)

static const struct field dns_fields[] = {
	{ .name = "servers",
	  .help = "Who is asked, in this order: addresses, or names of nodes.",
	  .type = &type_servers,
	  OFFSET(servers),
	  .bit = DNS_SERVERS },
	{ .name = "search",
	  .help = "Domains that names without dots are tried in.",
	  .type = &type_search,
	  OFFSET(search),
	  .bit = DNS_SEARCH },
	{ .name = "options",
	  .help = "Options of resolv.conf(5), such as ndots:2.",
	  .type = &type_options,
	  OFFSET(options),
	  .bit = DNS_OPTIONS },
};

#undef OFFSET

const struct object_spec dns_spec = {
	.def = "dns-parts",
	.noun = "'dns'",
	.help = "What the node's resolv.conf is made of.",
	.fields = dns_fields,
	.n_fields = ARRAY_SIZE(dns_fields),
};

static bool parse_dns(struct parser *p, const struct path *at, const json_t *v,
		      const struct field *f, void *out)
{
	struct topo_dns *dns = parser_array(p, 1, sizeof(*dns));
	struct dns_draft draft = { 0 };
	size_t before = p->diags.out->n_errors;

	(void)f;
	if (!dns)
		return false;
	if (json_is_string(v)) {
		if (json_string_length(v) > TEXT_BYTES) {
			diag_error(&p->diags, at, NULL, "'dns' is longer than %d bytes",
				   (int)TEXT_BYTES);
			return false;
		}
		dns->text = parser_strdup(p, json_string_value(v));
	} else {
		if (!json_is_object(v))
			return wrong_kind(
				p, at, v, "a text or an object",
				"e.g. {\"servers\": [\"10.0.0.53\"]}, or what /etc/resolv.conf shall hold");
		if (!object_parse(p, at, v, &dns_spec, &draft))
			return false;
		*dns = (struct topo_dns){
			.servers = draft.servers.items,
			.n_servers = draft.servers.n,
			.search = draft.search.items,
			.n_search = draft.search.n,
			.options = draft.options.items,
			.n_options = draft.options.n,
		};
	}
	if (p->oom || p->diags.out->n_errors != before)
		return false;
	*(const struct topo_dns **)out = dns;
	return true;
}

const struct value_type type_dns = {
	parse_dns,
	"dns",
	"{\"description\":\"What /etc/resolv.conf holds, or what it is made of.\",\"oneOf\":[{\"type\":\"string\","
	"\"maxLength\":65536},{\"$ref\":\"#/$defs/dns-parts\"}]}",
	NULL,
};
