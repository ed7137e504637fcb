/* SPDX-License-Identifier: MIT */
/* Verdicts as words. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/units.h"
#include "repro/decisions.h"

enum value { VALUE_NONE, VALUE_U32, VALUE_DELAY };

/* In the order in which they are written. */
static const struct {
	unsigned action;
	const char *word;
	enum value value;
	size_t at; /* of the value, in struct verdict */
} words[] = {
	{ VERDICT_DROP, "drop", VALUE_NONE, 0 },
	{ VERDICT_MARK, "mark", VALUE_NONE, 0 },
	{ VERDICT_CORRUPT, "corrupt", VALUE_U32, offsetof(struct verdict, corrupt) },
	{ VERDICT_CORRUPT_BIT, "corrupt-bit", VALUE_U32, offsetof(struct verdict, corrupt_at) },
	{ VERDICT_CORRUPT_BYTE, "corrupt-byte", VALUE_U32, offsetof(struct verdict, corrupt_at) },
	{ VERDICT_AHEAD, "ahead", VALUE_NONE, 0 },
	{ VERDICT_DELAY, "delay", VALUE_DELAY, offsetof(struct verdict, delay_ns) },
	{ VERDICT_HOLD, "hold", VALUE_U32, offsetof(struct verdict, hold) },
	{ VERDICT_DUPLICATE, "dup", VALUE_NONE, 0 },
	{ VERDICT_COPY_CORRUPT, "copy-corrupt", VALUE_U32, offsetof(struct verdict, copy_corrupt) },
	{ VERDICT_COPY_AHEAD, "copy-ahead", VALUE_NONE, 0 },
	{ VERDICT_COPY_DELAY, "copy-delay", VALUE_DELAY, offsetof(struct verdict, copy_delay_ns) },
};
enum { N_WORDS = sizeof(words) / sizeof(words[0]) };

void verdict_format(struct buf *b, const struct verdict *v)
{
	bool any = false;

	for (unsigned i = 0; i < N_WORDS; i++) {
		const char *value = (const char *)v + words[i].at;
		uint32_t number;
		int64_t delay;

		if (!(v->actions & words[i].action))
			continue;
		buf_printf(b, "%s%s", any ? "," : "", words[i].word);
		any = true;
		switch (words[i].value) {
		case VALUE_NONE:
			break;
		case VALUE_U32:
			memcpy(&number, value, sizeof(number));
			buf_printf(b, "=%" PRIu32, number);
			break;
		case VALUE_DELAY:
			memcpy(&delay, value, sizeof(delay));
			buf_printf(b, "=%+" PRId64 "ns", delay);
			break;
		}
	}
}

/** "5ms late" */
static void describe_delay(struct buf *b, int64_t delay_ns)
{
	units_format_time(b, (uint64_t)(delay_ns < 0 ? -delay_ns : delay_ns));
	buf_puts(b, delay_ns < 0 ? " early" : " late");
}

static void describe_copy(struct buf *b, const struct verdict *v)
{
	buf_puts(b, v->actions & VERDICT_DROP ? "a copy of it comes" : "it comes twice");
	if (v->actions & VERDICT_COPY_CORRUPT)
		buf_puts(b, ", the copy damaged");
	if (v->actions & VERDICT_COPY_AHEAD)
		buf_puts(b, ", the copy before all others");
	if (v->actions & VERDICT_COPY_DELAY) {
		buf_puts(b, ", the copy ");
		describe_delay(b, v->copy_delay_ns);
	}
}

void verdict_describe(struct buf *b, const struct verdict *v)
{
	static const struct {
		unsigned actions;
		const char *words;
	} plain[] = {
		{ VERDICT_DROP, "is lost" },
		{ VERDICT_MARK, "is marked (Congestion Experienced)" },
		{ VERDICT_CORRUPT | VERDICT_CORRUPT_BIT | VERDICT_CORRUPT_BYTE, "is damaged" },
		{ VERDICT_AHEAD, "comes before all others" },
	};
	const char *and = "";

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (!(v->actions & plain[i].actions))
			continue;
		buf_printf(b, "%s%s", and, plain[i].words);
		and = " and ";
	}
	if (v->actions & VERDICT_DELAY) {
		buf_printf(b, "%scomes ", and);
		describe_delay(b, v->delay_ns);
		and = " and ";
	}
	if (v->actions & VERDICT_HOLD) {
		buf_printf(b, "%scomes behind the next %" PRIu32, and, v->hold);
		and = " and ";
	}
	if (v->actions & VERDICT_DUPLICATE) {
		buf_puts(b, and);
		describe_copy(b, v);
	}
}

/** Reads digits. @return what follows; NULL when there are none, or the number is above `max` */
static const char *read_number(const char *at, uint64_t max, uint64_t *ret)
{
	const char *from = at;
	uint64_t n = 0;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (at > from && *from == '0')
			return NULL;
		n = n * 10 + (uint64_t)(*at - '0');
		if (n > max)
			return NULL;
	}
	*ret = n;
	return at > from ? at : NULL;
}

/** Reads "=VALUE". @return what follows; NULL when it is none */
static const char *read_value(const char *at, unsigned i, struct verdict *v)
{
	char *place = (char *)v + words[i].at;
	uint64_t n = 0;
	uint32_t number;
	int64_t delay;
	bool earlier;

	if (words[i].value == VALUE_NONE)
		return at;
	if (*at++ != '=')
		return NULL;
	if (words[i].value == VALUE_U32) {
		at = read_number(at, UINT32_MAX, &n);
		number = (uint32_t)n;
		memcpy(place, &number, sizeof(number));
		return at;
	}
	if (*at != '+' && *at != '-')
		return NULL;
	earlier = *at == '-';
	at = read_number(at + 1, VERDICT_DELAY_MAX_NS, &n);
	if (!at || n == 0 || strncmp(at, "ns", 2) != 0)
		return NULL;
	delay = earlier ? -(int64_t)n : (int64_t)n;
	memcpy(place, &delay, sizeof(delay));
	return at + 2;
}

static const char *check(const struct verdict *v)
{
	const unsigned of_copy = VERDICT_COPY_CORRUPT | VERDICT_COPY_AHEAD | VERDICT_COPY_DELAY;

	if ((v->actions & VERDICT_DROP) &&
	    (v->actions & ~(VERDICT_DROP | VERDICT_DUPLICATE | of_copy)))
		return "what is dropped cannot be anything else";
	if ((v->actions & VERDICT_CORRUPT_BIT) && (v->actions & VERDICT_CORRUPT_BYTE))
		return "either a bit or a byte is corrupted at a place";
	if ((v->actions & of_copy) && !(v->actions & VERDICT_DUPLICATE))
		return "there is a copy only with 'dup'";
	if ((v->actions & VERDICT_AHEAD) && (v->actions & (VERDICT_DELAY | VERDICT_HOLD)))
		return "what goes ahead is neither delayed nor held";
	if ((v->actions & VERDICT_COPY_AHEAD) && (v->actions & VERDICT_COPY_DELAY))
		return "a copy that goes ahead is not delayed";
	if ((v->actions & VERDICT_HOLD) && v->hold == 0)
		return "hold=N needs at least 1 packet to wait for";
	return NULL;
}

int verdict_parse(const char *text, struct verdict *ret, const char **ret_why)
{
	struct verdict v = { 0 };
	const char *at = text, *why = NULL;

	for (unsigned i = 0; i < N_WORDS && at; i++) {
		const char *from = v.actions && *at == ',' ? at + 1 : at;
		size_t n = strlen(words[i].word);

		if (strncmp(from, words[i].word, n) != 0 || (v.actions && from == at) ||
		    strchr("=,", from[n]) == NULL) /* finds the NUL as well */
			continue;
		v.actions |= words[i].action;
		at = read_value(from + n, i, &v);
	}
	if (!at || *at || !v.actions)
		why = "it is some of drop mark corrupt=N corrupt-bit=N corrupt-byte=N ahead delay=+Nns hold=N dup copy-corrupt=N copy-ahead "
		      "copy-delay=+Nns, in this order";
	else
		why = check(&v);
	if (why) {
		if (ret_why)
			*ret_why = why;
		return -EINVAL;
	}
	*ret = v;
	return 0;
}
