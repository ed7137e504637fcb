/* SPDX-License-Identifier: MIT */
/* The seeds of a sweep, and what became of them. */
#include "repro/sweep.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/units.h"

/* Of all results together: a thousand times what one may keep. */
#define OUTPUT_KEPT_MAX ((size_t)64 << 20)
#define Z_95            1.959964 /* two-sided 95 % of a normal distribution */

/* --- seeds --- */

static int wrong(struct netlab_err *err, const char *text, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int wrong(struct netlab_err *err, const char *text, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	(void)err_set(err, EINVAL, "--seeds: '%s' %s", text, why);
	(void)err_hint(err, "write 1..200, or single seeds: 3,17,40..60");
	return err_class(err, NETLAB_EXIT_USAGE);
}

/* "A" or "A..B", len bytes of it. */
static int parse_range(const char *all, const char *text, size_t len, struct sweep_range *ret,
		       struct netlab_err *err)
{
	char first[64];
	char *dots;

	if (len == 0)
		return wrong(err, all, *all ? "has a part with nothing in it" : "names no seed");
	if (len >= sizeof(first))
		return wrong(err, all, "has a part that is no number and no range");
	memcpy(first, text, len);
	first[len] = '\0';
	dots = strstr(first, "..");
	if (dots)
		*dots = '\0';
	if (units_parse_u64(first, &ret->first) < 0)
		return wrong(err, all, "has '%s', which is no whole number from 0 to %" PRIu64,
			     first, UINT64_MAX);
	ret->last = ret->first;
	if (dots && units_parse_u64(dots + 2, &ret->last) < 0)
		return wrong(err, all, "has '%s', which is no whole number from 0 to %" PRIu64,
			     dots + 2, UINT64_MAX);
	if (ret->last < ret->first) {
		(void)wrong(err, all, "runs backwards: %" PRIu64 " comes after %" PRIu64,
			    ret->first, ret->last);
		(void)err_hint(err, "write %" PRIu64 "..%" PRIu64, ret->last, ret->first);
		return -EINVAL;
	}
	return 0;
}

/* Whether the range may be added to those before it. */
static int check_range(const char *all, const struct sweep_seeds *s, const struct sweep_range *r,
		       struct netlab_err *err)
{
	if (r->last - r->first >= SWEEP_SEEDS_MAX - s->n)
		return wrong(err, all, "is more than %d seeds at once", SWEEP_SEEDS_MAX);
	for (size_t i = 0; i < s->n_ranges; i++) {
		if (r->first <= s->ranges[i].last && s->ranges[i].first <= r->last)
			return wrong(err, all, "names seed %" PRIu64 " twice",
				     r->first > s->ranges[i].first ? r->first : s->ranges[i].first);
	}
	if (s->n_ranges == SWEEP_RANGES_MAX)
		return wrong(err, all, "has more than %d parts", SWEEP_RANGES_MAX);
	return 0;
}

int sweep_seeds_parse(const char *text, struct sweep_seeds *ret, struct netlab_err *err)
{
	struct sweep_seeds s = { .n = 0 };

	for (const char *p = text;; p++) {
		size_t len = strcspn(p, ",");
		struct sweep_range range = { 0 };
		int r = parse_range(text, p, len, &range, err);

		if (r == 0)
			r = check_range(text, &s, &range, err);
		if (r < 0)
			return r;
		s.ranges[s.n_ranges++] = range;
		s.n += (size_t)(range.last - range.first) + 1;
		p += len;
		if (!*p)
			break;
	}
	*ret = s;
	return 0;
}

uint64_t sweep_seed(const struct sweep_seeds *s, size_t i)
{
	const struct sweep_range *r = s->ranges;

	for (; i > r->last - r->first; r++)
		i -= (size_t)(r->last - r->first) + 1;
	return r->first + i;
}

size_t sweep_seed_place(const struct sweep_seeds *s, uint64_t seed)
{
	size_t before = 0;

	for (size_t i = 0; i < s->n_ranges; i++) {
		const struct sweep_range *r = &s->ranges[i];

		if (seed >= r->first && seed <= r->last)
			return before + (size_t)(seed - r->first);
		before += (size_t)(r->last - r->first) + 1;
	}
	return SIZE_MAX;
}

/* --- results --- */

static const char *const verdict_names[SWEEP_VERDICTS] = {
	[SWEEP_NOT_RUN] = "not run",   [SWEEP_PASSED] = "passed",       [SWEEP_FAILED] = "failed",
	[SWEEP_TIMED_OUT] = "timeout", [SWEEP_UNTRUSTED] = "untrusted",
};

const char *sweep_verdict_name(enum sweep_verdict v)
{
	return verdict_names[v];
}

enum sweep_verdict sweep_verdict_of(const char *name)
{
	for (int v = SWEEP_PASSED; v < SWEEP_VERDICTS; v++) {
		if (strcmp(verdict_names[v], name) == 0)
			return (enum sweep_verdict)v;
	}
	return SWEEP_NOT_RUN;
}

int sweep_init(struct sweep *s, const struct sweep_seeds *seeds)
{
	*s = (struct sweep){ .seeds = *seeds };
	s->results = calloc(seeds->n, sizeof(*s->results));
	if (!s->results)
		return -ENOMEM;
	s->count[SWEEP_NOT_RUN] = seeds->n;
	return 0;
}

void sweep_deinit(struct sweep *s)
{
	for (size_t i = 0; s->results && i < s->seeds.n; i++) {
		free(s->results[i].last_words);
		free(s->results[i].output);
	}
	free(s->results);
	*s = (struct sweep){ 0 };
}

size_t sweep_next(struct sweep *s)
{
	while (s->next < s->seeds.n && s->results[s->next].verdict != SWEEP_NOT_RUN)
		s->next++;
	return s->next < s->seeds.n ? s->next++ : SIZE_MAX;
}

static struct sweep_result *put(struct sweep *s, size_t place, const struct sweep_result *result)
{
	struct sweep_result *r = &s->results[place];

	s->count[r->verdict]--;
	s->count[result->verdict]++;
	*r = (struct sweep_result){
		.verdict = result->verdict,
		.resumed = result->resumed,
		.exit = result->exit,
		.time_s = result->time_s,
	};
	return r;
}

int sweep_note(struct sweep *s, size_t place, const struct sweep_result *result, const char *output,
	       size_t output_len)
{
	struct sweep_result *r = put(s, place, result);
	const char *line;
	size_t len;

	if (r->verdict == SWEEP_PASSED)
		return 0;
	len = sweep_last_line(output, output_len, &line);
	if (len > 0) {
		r->last_words = strndup(line, len);
		if (!r->last_words)
			return -ENOMEM;
	}
	if (output_len == 0 || output_len > OUTPUT_KEPT_MAX - s->output_kept)
		return 0;
	r->output = malloc(output_len);
	if (!r->output)
		return -ENOMEM;
	memcpy(r->output, output, output_len);
	r->output_len = output_len;
	s->output_kept += output_len;
	return 0;
}

int sweep_note_resumed(struct sweep *s, size_t place, const struct sweep_result *result,
		       const char *last_words)
{
	struct sweep_result *r = put(s, place, result);

	r->resumed = true;
	s->n_resumed++;
	if (!last_words)
		return 0;
	r->last_words = strndup(last_words, SWEEP_LAST_WORDS_MAX);
	return r->last_words ? 0 : -ENOMEM;
}

size_t sweep_failures(const struct sweep *s)
{
	return s->count[SWEEP_FAILED] + s->count[SWEEP_TIMED_OUT];
}

size_t sweep_done(const struct sweep *s)
{
	return s->seeds.n - s->count[SWEEP_NOT_RUN];
}

/* --- what it says --- */

static void add_percent(struct buf *b, double share)
{
	/* two digits: more would say more than there is to know */
	buf_printf(b, "%.*f %%", share < 0.0995 ? 1 : 0, 100 * share);
}

void sweep_describe_share(struct buf *b, size_t failed, size_t of)
{
	double n = (double)of, p = (double)failed / n, low, high, centre, half;

	if (of < 2)
		return;
	if (failed == 0 || failed == of) {
		double bound = 1 - pow(0.05, 1 / n);

		buf_printf(b, "95 %% sure: %s than ", failed ? "more" : "fewer");
		add_percent(b, failed ? 1 - bound : bound);
		buf_puts(b, " of seeds fail");
		return;
	}
	centre = (p + Z_95 * Z_95 / (2 * n)) / (1 + Z_95 * Z_95 / n);
	half = Z_95 * sqrt(p * (1 - p) / n + Z_95 * Z_95 / (4 * n * n)) / (1 + Z_95 * Z_95 / n);
	low = centre - half;
	high = centre + half;
	buf_puts(b, "95 % sure: ");
	add_percent(b, low);
	buf_puts(b, " to ");
	add_percent(b, high);
	buf_puts(b, " of seeds fail");
}

static bool is_blank(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n';
}

size_t sweep_last_line(const char *output, size_t len, const char **ret)
{
	size_t end = len, start;

	while (end > 0 && is_blank(output[end - 1]))
		end--;
	start = end;
	while (start > 0 && output[start - 1] != '\n')
		start--;
	while (start < end && is_blank(output[start]))
		start++;
	*ret = output + start;
	len = end - start;
	return len < SWEEP_LAST_WORDS_MAX ? len : SWEEP_LAST_WORDS_MAX;
}
