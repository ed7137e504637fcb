/* SPDX-License-Identifier: MIT */
/* The keys of a fault rule. */
#include "topo/fault_draft.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"

static bool parse_match(struct parser *p, const struct path *at, const json_t *v,
			const struct field *f, void *out)
{
	(void)f;
	if (!json_is_string(v))
		return wrong_kind(p, at, v, "a pcap expression",
				  "e.g. \"tcp dst port 80\"; leave it out to mean every packet");
	if (json_string_length(v) > FAULT_MATCH_MAX) {
		diag_error(&p->diags, at, NULL, "'match' is longer than %d bytes",
			   (int)FAULT_MATCH_MAX);
		return false;
	}
	*(const char **)out = parser_strdup(p, json_string_value(v));
	return !p->oom;
}

/* --- nth --- */

static bool read_number(const char **text, uint64_t *ret)
{
	uint64_t n = 0;

	if (**text < '1' || **text > '9')
		return false;
	for (; **text >= '0' && **text <= '9'; ++*text) {
		n = n * 10 + (uint64_t)(**text - '0');
		if (n > FAULT_COUNT_MAX)
			return false;
	}
	*ret = n;
	return true;
}

/** "3", "3-5". */
static bool read_range(const char *text, struct fault_range *ret)
{
	if (!read_number(&text, &ret->first))
		return false;
	ret->last = ret->first;
	if (*text == '-') {
		text++;
		if (!read_number(&text, &ret->last))
			return false;
	}
	return *text == '\0' && ret->first <= ret->last;
}

static bool add_range(struct parser *p, const struct path *at, const json_t *v, struct fault *f)
{
	struct fault_range range;
	bool good = false;

	if (json_is_integer(v)) {
		range.first = range.last = (uint64_t)json_integer_value(v);
		good = json_integer_value(v) >= 1 && json_integer_value(v) <= FAULT_COUNT_MAX;
	} else if (json_is_string(v)) {
		good = read_range(json_string_value(v), &range);
	} else if (!json_is_real(v)) {
		return wrong_kind(p, at, v, "a number or a range", "e.g. 3 or \"3-5\"");
	}
	if (!good) {
		if (json_is_integer(v))
			diag_error(&p->diags, at, "e.g. 3 or \"3-5\"; the first is 1",
				   "%lld is no number of a packet",
				   (long long)json_integer_value(v));
		else if (json_is_real(v))
			diag_error(&p->diags, at, "e.g. 3 or \"3-5\"; the first is 1",
				   "%g is no number of a packet", json_real_value(v));
		else
			diag_error(&p->diags, at, "e.g. 3 or \"3-5\"; the first is 1",
				   "\"%s\" is no number of a packet, and no range of them",
				   diag_quote(&p->diags, json_string_value(v)));
		return false;
	}
	f->nth[f->n_nth++] = range;
	return true;
}

static bool parse_nth(struct parser *p, const struct path *at, const json_t *v,
		      const struct field *f, void *out)
{
	struct fault *fault = out;
	size_t n = json_array_size(v);
	bool good = true;

	(void)f;
	fault->n_nth = 0;
	if (!json_is_array(v))
		return add_range(p, at, v, fault);
	if (n == 0 || n > FAULT_RANGES_MAX) {
		diag_error(&p->diags, at,
			   n ? "write a second rule for the rest" : "e.g. [1, \"3-5\"]",
			   "'nth' has %zu entries, but has to have from 1 to %d", n,
			   (int)FAULT_RANGES_MAX);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		const struct path item = { .up = at, .index = i };

		good &= add_range(p, &item, json_array_get(v, i), fault);
	}
	return good;
}

/* --- do --- */

static const char action_forms[] =
	"it is one of \"drop\", \"duplicate\", \"corrupt\", {\"corrupt\": {\"byte\": 60}}, "
	"{\"delay\": \"200ms\"}, {\"hold_until\": 3}";

static bool parse_word(struct parser *p, const struct path *at, const char *word, struct fault *f)
{
	static const struct {
		const char *name;
		enum fault_action action;
	} words[] = { { "drop", FAULT_DROP },
		      { "duplicate", FAULT_DUPLICATE },
		      { "corrupt", FAULT_CORRUPT } };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i].name, word) != 0)
			continue;
		f->action = words[i].action;
		f->place = FAULT_ANYWHERE;
		return true;
	}
	diag_error(&p->diags, at, action_forms, "'do' cannot be \"%s\"",
		   diag_quote(&p->diags, word));
	return false;
}

/* Comments do not count. */
static size_t count_keys(const json_t *object)
{
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach((json_t *)object, key, value) n += !is_comment(key);
	return n;
}

static bool parse_place(struct parser *p, const struct path *at, const json_t *v, struct fault *f)
{
	const json_t *bit = json_object_get(v, "bit"), *byte = json_object_get(v, "byte"),
		     *at_value = bit ? bit : byte;
	int64_t max = bit ? (int64_t)FAULT_PLACE_MAX * 8 + 7 : FAULT_PLACE_MAX;

	f->action = FAULT_CORRUPT;
	f->place = bit ? FAULT_BIT : FAULT_BYTE;
	if (count_keys(v) != 1 || !at_value || !json_is_integer(at_value) ||
	    json_integer_value(at_value) < 0 || json_integer_value(at_value) > max) {
		diag_error(
			&p->diags, at,
			"e.g. {\"byte\": 60} or {\"bit\": 480}, counted from the frame's first, the "
			"Ethernet header's; \"corrupt\" alone means a bit that the seed chooses",
			"'corrupt' has to say one place: a bit from 0 to %d, or a byte to %d",
			FAULT_PLACE_MAX * 8 + 7, (int)FAULT_PLACE_MAX);
		return false;
	}
	f->at = (uint64_t)json_integer_value(at_value);
	return true;
}

static bool parse_delay(struct parser *p, const struct path *at, const json_t *v, struct fault *f)
{
	static const struct field as_delay = { .name = "delay" };

	f->action = FAULT_DELAY;
	if (!type_time.parse(p, at, v, &as_delay, &f->delay_ns))
		return false;
	if (f->delay_ns > 0)
		return true;
	diag_error(&p->diags, at, "e.g. \"200ms\"", "'delay' of 0 does nothing");
	return false;
}

static bool parse_hold(struct parser *p, const struct path *at, const json_t *v, struct fault *f)
{
	json_int_t n = json_integer_value(v);

	f->action = FAULT_HOLD;
	if (!json_is_integer(v) || n < 1 || n > FAULT_HOLD_MAX) {
		diag_error(&p->diags, at, "e.g. 3: it goes on after the next 3 that match",
			   "'%s' has to be a number of packets from 1 to %d", at->key,
			   (int)FAULT_HOLD_MAX);
		return false;
	}
	f->hold = (uint64_t)n;
	return true;
}

static bool parse_do(struct parser *p, const struct path *at, const json_t *v,
		     const struct field *f, void *out)
{
	static const struct {
		const char *key;
		bool (*parse)(struct parser *p, const struct path *at, const json_t *v,
			      struct fault *f);
	} actions[] = { { "corrupt", parse_place },
			{ "delay", parse_delay },
			{ "hold_until", parse_hold },
			{ "hold", parse_hold } };
	struct fault *fault = out;

	(void)f;
	if (json_is_string(v))
		return parse_word(p, at, json_string_value(v), fault);
	for (size_t i = 0; i < ARRAY_SIZE(actions) && count_keys(v) == 1; i++) {
		const struct path place = { .up = at, .key = actions[i].key };
		const json_t *value = json_object_get(v, actions[i].key);

		if (value)
			return actions[i].parse(p, &place, value, fault);
	}
	diag_error(&p->diags, at, action_forms, "'do' says nothing that can be done to a packet");
	return false;
}

/* --- the table --- */

static const struct value_type type_match = {
	parse_match,
	"match",
	"{\"description\":\"A pcap expression, see pcap-filter(7).\",\"type\":\"string\",\"maxLength\":4096,"
	"\"examples\":[\"tcp dst port 80\"]}",
	NULL,
};

static const struct value_type type_nth = {
	parse_nth,
	"nth",
	"{\"description\":\"Numbers of packets, from 1, and ranges of them.\",\"oneOf\":[{\"type\":\"integer\","
	"\"minimum\":1},{\"type\":\"string\",\"pattern\":\"^[1-9][0-9]*(-[1-9][0-9]*)?$\"},{\"type\":\"array\","
	"\"items\":{\"oneOf\":[{\"type\":\"integer\",\"minimum\":1},{\"type\":\"string\",\"pattern\":"
	"\"^[1-9][0-9]*(-[1-9][0-9]*)?$\"}]},\"minItems\":1,\"maxItems\":64}],\"examples\":[[1,\"3-5\"]]}",
	NULL,
};

static const struct value_type type_do = {
	parse_do,
	"fault-do",
	"{\"description\":\"What is done to a packet.\",\"oneOf\":[{\"enum\":[\"drop\",\"duplicate\",\"corrupt\"]},"
	"{\"type\":\"object\",\"properties\":{\"corrupt\":{\"type\":\"object\",\"properties\":{\"bit\":{\"type\":"
	"\"integer\",\"minimum\":0,\"maximum\":524287},\"byte\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":65535}},"
	"\"additionalProperties\":false,\"minProperties\":1,\"maxProperties\":1},\"delay\":{\"$ref\":\"#/$defs/time\"},"
	"\"hold_until\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000},\"hold\":{\"type\":\"integer\","
	"\"minimum\":1,\"maximum\":1000}},\"additionalProperties\":false,\"minProperties\":1,\"maxProperties\":1}],"
	"\"examples\":[\"drop\",{\"delay\":\"200ms\"}]}",
	NULL,
};

static const struct range counts = { 1, FAULT_COUNT_MAX };

#define OFFSET(member) .offset = offsetof(struct fault_draft, member)

static const struct field fault_fields[] = {
	{ .name = "link",
	  .help = "The link whose packets are meant.",
	  .type = &type_text,
	  OFFSET(link),
	  .bit = FAULT_KEY_LINK },
	{ .name = "from",
	  .help = "Only the direction that begins at this node. Default: both, each counted by itself.",
	  .type = &type_text,
	  OFFSET(from),
	  .bit = FAULT_KEY_FROM },
	{ .name = "match",
	  .help = "Which packets: a pcap expression. Default: every packet.",
	  .type = &type_match,
	  OFFSET(match),
	  .bit = FAULT_KEY_MATCH },
	{ .name = "nth",
	  .help = "Which of those that match, counted from 1. Default: all.",
	  .type = &type_nth,
	  OFFSET(rule),
	  .bit = FAULT_KEY_NTH },
	{ .name = "every",
	  .help = "Every so many-th of those that match, in place of 'nth'.",
	  .type = &type_integer,
	  .arg = &counts,
	  OFFSET(every),
	  .bit = FAULT_KEY_EVERY },
	{ .name = "first",
	  .help = "The first so many of those that match, in place of 'nth'.",
	  .type = &type_integer,
	  .arg = &counts,
	  OFFSET(first),
	  .bit = FAULT_KEY_FIRST },
	{ .name = "after",
	  .help = "Only packets that come so long after the lab became ready match.",
	  .type = &type_time,
	  OFFSET(after_ns),
	  .bit = FAULT_KEY_AFTER },
	{ .name = "for",
	  .help = "Packets match for so long only.",
	  .type = &type_time,
	  OFFSET(for_ns),
	  .bit = FAULT_KEY_FOR },
	{ .name = "do",
	  .help = "What is done to them.",
	  .type = &type_do,
	  OFFSET(rule),
	  .bit = FAULT_KEY_DO },
};

static const char *const fault_required[] = { "link", "do", NULL };

const struct object_spec fault_spec = {
	.def = "fault",
	.noun = "a fault rule",
	.help = "What is done to chosen packets of a link, before anything random.",
	.fields = fault_fields,
	.n_fields = ARRAY_SIZE(fault_fields),
	.required = fault_required,
};
