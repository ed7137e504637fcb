/* SPDX-License-Identifier: MIT */
/* A rate that follows a recording in mahimahi's format. */
#include "impair/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define NS_PER_MS 1000000ull

static int bad_line(struct netlab_err *err, const char *file, size_t line, const char *why)
{
	err_set(err, EINVAL, "trace: %s", why);
	err_class(err, NETLAB_EXIT_INVALID);
	err_where(err, "%s:%zu", file, line);
	err_hint(err, "each line is a whole number of milliseconds, not less than the one before");
	return -EINVAL;
}

static size_t count_lines(const char *text, size_t len)
{
	size_t n = 1;

	if (len == 0) /* and memchr() must not see the NULL that may come with it */
		return n;
	for (const char *p = text; (p = memchr(p, '\n', len - (size_t)(p - text))); p++)
		n++;
	return n;
}

int trace_parse(const char *text, size_t len, const char *file, struct trace *ret,
		struct netlab_err *err)
{
	size_t lines = count_lines(text, len), number = 0;
	struct trace t = { .loop = true };
	const char *end = text + len;

	if (lines > TRACE_LINES_MAX)
		return err_set(err, EFBIG, "trace '%s' has %zu lines; %d are the most", file, lines,
			       TRACE_LINES_MAX);
	t.at_ms = calloc(lines, sizeof(*t.at_ms));
	if (!t.at_ms)
		return err_set(err, ENOMEM, "out of memory");
	for (const char *p = text; p < end; number++) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		uint64_t ms = 0;
		const char *c;

		if (!stop)
			stop = end;
		for (c = p; c < stop && *c >= '0' && *c <= '9' && ms <= UINT32_MAX; c++)
			ms = ms * 10 + (uint64_t)(*c - '0');
		if (c < stop && *c == '\r' && c + 1 == stop)
			c++;
		if (c != stop || c == p || ms > UINT32_MAX || (t.n > 0 && ms < t.at_ms[t.n - 1])) {
			trace_deinit(&t);
			return bad_line(err, file, number + 1,
					c == p ? "a line without a number"
					       : "a line out of order or with text");
		}
		t.at_ms[t.n++] = (uint32_t)ms;
		p = stop + 1;
	}
	if (t.n == 0 || t.at_ms[t.n - 1] == 0) {
		trace_deinit(&t);
		return bad_line(err, file, number, "it has no opportunity after millisecond 0");
	}
	*ret = t;
	return 0;
}

void trace_deinit(struct trace *t)
{
	free(t->at_ms);
	*t = (struct trace){ 0 };
}

static uint64_t round_ns(const struct trace *t)
{
	return t->at_ms[t->n - 1] * NS_PER_MS;
}

double trace_mean_bps(const struct trace *t)
{
	return (double)t->n * TRACE_OPPORTUNITY_BYTES * 8e9 / (double)round_ns(t);
}

static uint64_t opportunity_ns(const struct trace *t, const struct trace_cursor *c)
{
	return c->round * round_ns(t) + t->at_ms[c->index] * NS_PER_MS;
}

/** First opportunity of a round at or after a time within it; n when there is none. */
static size_t first_at(const struct trace *t, uint64_t within_ns)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->at_ms[middle] * NS_PER_MS < within_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/** Moves on to the next opportunity. @return false at the end */
static bool advance(const struct trace *t, struct trace_cursor *c)
{
	c->left = TRACE_OPPORTUNITY_BYTES;
	if (++c->index < t->n)
		return true;
	if (!t->loop)
		return false;
	c->index = 0;
	c->round++;
	return true;
}

/** Skips the opportunities that went by unused. @return false at the end */
static bool skip_to(const struct trace *t, struct trace_cursor *c, uint64_t ready_ns)
{
	uint64_t round = ready_ns / round_ns(t), within = ready_ns % round_ns(t);

	if (c->index < t->n && opportunity_ns(t, c) >= ready_ns)
		return c->left > 0 || advance(t, c);
	/* a round ends with its last line: what is ready then can still take that */
	if (round > 0 && within == 0) {
		round--;
		within = round_ns(t);
	}
	if (round > 0 && !t->loop)
		return false;
	c->round = round;
	c->index = first_at(t, within);
	c->left = TRACE_OPPORTUNITY_BYTES;
	return c->index < t->n;
}

uint64_t trace_ready(const struct trace *t, const struct trace_cursor *c, uint64_t ready_ns)
{
	struct trace_cursor ahead = *c;

	return skip_to(t, &ahead, ready_ns) ? opportunity_ns(t, &ahead) : TRACE_NEVER;
}

uint64_t trace_send(const struct trace *t, struct trace_cursor *c, uint64_t ready_ns, uint64_t len)
{
	if (!skip_to(t, c, ready_ns))
		return TRACE_NEVER;
	while (len > c->left) {
		len -= c->left;
		if (!advance(t, c))
			return TRACE_NEVER;
	}
	c->left -= len;
	return opportunity_ns(t, c);
}
