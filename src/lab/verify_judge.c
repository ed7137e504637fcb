/* SPDX-License-Identifier: MIT */
/* Asked against achieved. */
#include "lab/verify_judge.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	P99_PROBES_MIN = 500, /* below, the slowest hundredth is a few unlucky packets */
	DELAY_PROBES_MIN = 10,
	TRAIN_FRAMES_MIN = 50,
	DOUBTFUL_MAX_PERCENT = 10,
	SHORT_QUEUE_PACKETS = 20, /* what a sender's own unevenness may empty */
	PARTS = 10,
};

__attribute__((format(printf, 3, 4))) static void say(struct verify_check *c,
						      enum verify_verdict verdict, const char *fmt,
						      ...)
{
	va_list ap;

	c->verdict = verdict;
	va_start(ap, fmt);
	(void)vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
}

static struct verify_check *add(struct verify_result *r, const char *key, enum verify_unit unit)
{
	struct verify_check *c = &r->checks[r->n++];

	*c = (struct verify_check){ .key = key, .unit = unit };
	return c;
}

/* --- shares: loss, duplicate, corrupt --- */

/* What is expected of n trials that are worth n / inflation independent ones. */
static void judge_share(struct verify_check *c, double expected, double hits, double n,
			double inflation)
{
	double worth = inflation > 0 ? n / inflation : n;
	struct verify_bounds shown, strict;

	c->expected = expected;
	c->achieved = n > 0 ? hits / n : 0;
	shown = verify_share_bounds(c->achieved, worth, VERIFY_Z_SHOWN);
	strict = verify_share_bounds(c->achieved, worth, VERIFY_Z_VERDICT);
	c->low = shown.low;
	c->high = shown.high;
	if (n <= 0)
		say(c, VERIFY_UNTESTED, "no probe got away");
	else if (expected < strict.low || expected > strict.high)
		say(c, VERIFY_DIFFERS, "%.4g %% expected, %.0f of %.0f found", expected * 100, hits,
		    n);
}

/* Chances that a packet arrives not at all, once, twice; netem's order of decisions (impair/pipe.h). */
struct copies {
	double none, one, two;
};

static struct copies copies_of(double loss, double duplicate)
{
	struct copies c = { .none = loss * (1 - duplicate),
			    .two = duplicate * (1 - loss) * (1 - loss) };

	c.one = 1 - c.none - c.two;
	return c;
}

static void judge_shares(const struct impairment *asked, const struct verify_stream *s,
			 struct verify_result *r)
{
	struct verify_loss loss = { .inflation = 1 };
	double duplicate = verify_share(asked, IMPAIR_DUPLICATE, asked->duplicate);
	double corrupt = verify_share(asked, IMPAIR_CORRUPT, asked->corrupt);
	double n = (double)r->sent, all = (double)(s->copies + s->damaged);
	struct verify_check *c;
	struct copies of;

	if (impair_asks(asked, IMPAIR_LOSS))
		loss = verify_loss_of(&asked->loss);
	of = copies_of(loss.share, duplicate);
	c = add(r, "loss", VERIFY_SHARE_OF_1);
	c->asked = loss.share;
	/* a damaged copy says not whose it is: it counts as an arrival, also beside an intact one */
	judge_share(c, fmax(0, of.none - of.two * (2 * corrupt - corrupt * corrupt)),
		    (double)r->lost, n, loss.inflation);
	if (s->overruns && c->verdict == VERIFY_DIFFERS)
		say(c, VERIFY_TOO_SLOW, "verify's own sockets lost %llu frames",
		    (unsigned long long)s->overruns);
	if (asked->rate_trace && c->verdict == VERIFY_DIFFERS && c->achieved > c->expected)
		say(c, VERIFY_UNTESTED,
		    "%zu lost; its rate follows a trace, whose gaps may fill the queue", r->lost);
	c = add(r, "duplicate", VERIFY_SHARE_OF_1);
	c->asked = duplicate;
	judge_share(c, of.two * (1 - corrupt) * (1 - corrupt), (double)(s->copies - r->received), n,
		    1);
	c = add(r, "corrupt", VERIFY_SHARE_OF_1);
	c->asked = corrupt;
	judge_share(c, corrupt, (double)s->damaged, all, 1);
	if (all <= 0 && corrupt > 0)
		say(c, VERIFY_UNTESTED, "no probe arrived");
	else if (all <= 0)
		say(c, VERIFY_OK, "%s", "");
}

/* --- delay, jitter, order --- */

/* 95 % bounds of a median: ranks around the middle (binomial). */
static void median_bounds(const double *sorted, size_t n, struct verify_check *c)
{
	double half = VERIFY_Z_SHOWN / (2 * sqrt((double)n));

	c->low = verify_quantile(sorted, n, fmax(0, 0.5 - half));
	c->high = verify_quantile(sorted, n, fmin(1, 0.5 + half));
}

static void judge_median(struct verify_result *r, const struct impairment *asked,
			 const double *sorted, const struct verify_expectation *e)
{
	struct verify_check *c = add(r, "delay", VERIFY_US);
	double by;

	c->asked = impair_asks(asked, IMPAIR_DELAY) ? (double)asked->delay_ns / 1000 : 0;
	c->expected = e->delay_p50.mean;
	c->achieved = r->delay.p50;
	c->tolerance = VERIFY_DELAY_SHARE * c->expected + VERIFY_DELAY_US;
	median_bounds(sorted, r->delay.n, c);
	by = c->achieved - c->expected;
	if (fabs(by) > c->tolerance + VERIFY_Z_VERDICT * e->delay_p50.std)
		say(c, VERIFY_DIFFERS, "the median is %.3f ms %s than expected", fabs(by) / 1000,
		    by > 0 ? "more" : "less");
}

static void judge_p99(struct verify_result *r, const double *sorted,
		      const struct verify_expectation *e)
{
	double n = (double)r->delay.n, half = VERIFY_Z_SHOWN * sqrt(0.99 * 0.01 / n), by;
	struct verify_check *c;

	if (r->delay.n < P99_PROBES_MIN)
		return;
	c = add(r, "delay_p99", VERIFY_US);
	c->asked = c->expected = e->delay_p99.mean;
	c->achieved = r->delay.p99;
	c->tolerance = fmax(VERIFY_P99_SHARE * c->expected, VERIFY_P99_US);
	c->low = verify_quantile(sorted, r->delay.n, 0.99 - half);
	c->high = verify_quantile(sorted, r->delay.n, fmin(1, 0.99 + half));
	by = c->achieved - c->expected;
	if (by > c->tolerance + VERIFY_Z_VERDICT * e->delay_p99.std)
		say(c, VERIFY_TOO_SLOW, "the slowest hundredth is %.3f ms later than expected",
		    by / 1000);
}

/* From the middle 80 %, which the late packets of a busy host move little. */
static void judge_jitter(struct verify_result *r, const struct impairment *asked,
			 const struct verify_expectation *e)
{
	struct verify_check *c = add(r, "jitter", VERIFY_US);
	double spread = r->delay.p90 - r->delay.p10, chance;

	c->asked = (double)asked->jitter_ns / 1000;
	c->expected = e->std.mean;
	c->achieved = e->spread.mean > 0 ? e->std.mean * spread / e->spread.mean : r->delay.std;
	c->tolerance = VERIFY_JITTER_SHARE * c->expected + VERIFY_JITTER_US;
	chance = e->spread.mean > 0 ? c->achieved * e->spread.std / e->spread.mean : 0;
	c->low = fmax(0, c->achieved - VERIFY_Z_SHOWN * chance);
	c->high = c->achieved + VERIFY_Z_SHOWN * chance;
	if (fabs(c->achieved - c->expected) > c->tolerance + VERIFY_Z_VERDICT * chance)
		say(c, VERIFY_DIFFERS, "a standard deviation of %.3f ms expected, %.3f ms found",
		    c->expected / 1000, c->achieved / 1000);
}

static void judge_order(struct verify_result *r, const struct verify_stream *s,
			const struct impairment *asked, const struct verify_expectation *e)
{
	struct verify_check *c = add(r, "reorder", VERIFY_SHARE_OF_1);
	double n = (double)r->received, chance;
	struct verify_bounds shown;

	c->asked = verify_share(asked, IMPAIR_REORDER, asked->reorder);
	c->expected = e->reordered.mean;
	c->achieved = n > 0 ? (double)s->behind / n : 0;
	c->tolerance = c->expected > 0 ? VERIFY_REORDER_SHARE : 0;
	shown = verify_share_bounds(c->achieved, n, VERIFY_Z_SHOWN);
	c->low = shown.low;
	c->high = shown.high;
	chance = sqrt(e->reordered.std * e->reordered.std +
		      c->expected * (1 - c->expected) / fmax(n, 1));
	if (n <= 0)
		say(c, VERIFY_UNTESTED, "no probe arrived");
	else if (fabs(c->achieved - c->expected) > c->tolerance + VERIFY_Z_VERDICT * chance)
		say(c, VERIFY_DIFFERS, "%.4g %% behind a later one expected, %llu of %.0f found",
		    c->expected * 100, (unsigned long long)s->behind, n);
}

static const char *untestable_delay(const struct impairment *asked)
{
	if (impair_asks(asked, IMPAIR_RATE) && asked->rate_trace)
		return "its rate follows a trace, which may make packets wait";
	return NULL;
}

/* Delays in us of the probes whose stamps can be trusted, sorted, in `delays`. */
static size_t take_delays(const struct verify_stream *s, double *delays, size_t *ret_doubtful)
{
	size_t n = 0;

	*ret_doubtful = 0;
	for (size_t i = 0; i < s->n; i++) {
		if (!s->sent_ns[i] || !s->arrived_ns[i])
			continue;
		if (s->is_doubtful && s->is_doubtful[i]) {
			(*ret_doubtful)++;
			continue;
		}
		delays[n++] = ((double)s->arrived_ns[i] - (double)s->sent_ns[i]) / 1000;
	}
	return n;
}

static int judge_delays(const struct impairment *asked, const struct verify_stream *s,
			double *scratch, uint64_t *sent, struct verify_result *r)
{
	const char *why = untestable_delay(asked);
	struct verify_expectation e;
	size_t n = 0, doubtful;
	int code;

	verify_summarise(scratch, take_delays(s, scratch, &doubtful), &r->delay);
	for (size_t i = 0; i < s->n; i++) {
		if (s->sent_ns[i])
			sent[n++] = s->sent_ns[i];
	}
	if (r->delay.n < DELAY_PROBES_MIN) {
		say(add(r, "delay", VERIFY_US),
		    doubtful >= DELAY_PROBES_MIN ? VERIFY_TOO_SLOW : VERIFY_UNTESTED,
		    doubtful >= DELAY_PROBES_MIN ? "this host was too busy to send probes in time"
						 : "%zu probes arrived, which is too few",
		    r->delay.n);
		return 0;
	}
	for (size_t i = 0; i < VERIFY_QUANTILES; i++)
		r->delay_quantiles[i] = verify_quantile(scratch, r->delay.n,
							(double)i / (VERIFY_QUANTILES - 1));
	code = verify_expect(asked, sent, n, s->len, &e);
	if (code < 0)
		return code;
	judge_median(r, asked, scratch, &e);
	if (doubtful * 100 > r->delay.n * DOUBTFUL_MAX_PERCENT)
		say(&r->checks[r->n - 1], VERIFY_TOO_SLOW,
		    "this host was too busy to send %zu of %zu probes in time", doubtful, n);
	judge_p99(r, scratch, &e);
	if (impair_asks(asked, IMPAIR_JITTER) && asked->jitter_ns)
		judge_jitter(r, asked, &e);
	judge_order(r, s, asked, &e);
	/* all of them are of the delays' making */
	for (size_t i = 0; why && i < r->n; i++) {
		if (r->checks[i].unit == VERIFY_US)
			say(&r->checks[i], VERIFY_UNTESTED, "%s", why);
	}
	return 0;
}

/* --- rate --- */

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static size_t first_from(const uint64_t *sorted, size_t n, uint64_t at)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sorted[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool verify_rate_of(const uint64_t *sorted, size_t n, uint64_t bytes_each, double *ret_bps,
		    struct verify_bounds *ret_bounds, double bins[VERIFY_RATE_BINS],
		    double *ret_bin_s)
{
	const double bits = 8.0 * (double)bytes_each;
	double parts[PARTS], mean, std, half;
	uint64_t begin, width;
	size_t a, b;

	if (n < TRAIN_FRAMES_MIN || sorted[n - 1] == sorted[0])
		return false;
	/* without the start, which a token bucket lets through at once, and the end, where jitter leaves stragglers */
	a = first_from(sorted, n, sorted[0] + (sorted[n - 1] - sorted[0]) / 5);
	b = n - 1 - n / 50;
	if (b <= a + PARTS || sorted[b] == sorted[a])
		return false;
	*ret_bps = bits * (double)(b - a) / ((double)(sorted[b] - sorted[a]) / 1e9);
	/* equal numbers of frames, so that each part is measured between two arrivals, as the whole is */
	for (size_t i = 0; i < PARTS; i++) {
		size_t from = a + (b - a) * i / PARTS, to = a + (b - a) * (i + 1) / PARTS;
		double ns = (double)(sorted[to] - sorted[from]);

		parts[i] = ns > 0 ? bits * (double)(to - from) / (ns / 1e9) : *ret_bps;
	}
	verify_mean_std(parts, PARTS, &mean, &std);
	half = 2.262 * std / sqrt(PARTS); /* Student's t, 9 degrees of freedom, 95 % */
	*ret_bounds = (struct verify_bounds){ fmax(0, *ret_bps - half), *ret_bps + half };
	begin = sorted[0];
	width = (sorted[n - 1] - begin) / VERIFY_RATE_BINS + 1;
	*ret_bin_s = (double)width / 1e9;
	for (size_t i = 0; i < VERIFY_RATE_BINS; i++)
		bins[i] = 0;
	for (size_t i = 0; i < n; i++)
		bins[(sorted[i] - begin) / width] += bits / *ret_bin_s;
	return true;
}

static bool has_short_queue(const struct impairment *m, uint32_t len)
{
	if (!impair_asks(m, IMPAIR_QUEUE))
		return false;
	switch (m->queue_unit) {
	case IMPAIR_QUEUE_PACKETS:
		return m->queue < SHORT_QUEUE_PACKETS;
	case IMPAIR_QUEUE_BYTES:
		return m->queue < (uint64_t)SHORT_QUEUE_PACKETS * len;
	case IMPAIR_QUEUE_TIME:
		return (double)m->queue / 8e9 * (double)m->rate_bps < SHORT_QUEUE_PACKETS * len;
	}
	return false;
}

/* Of all packets, how many overtake: after each of them gap - 1 may not, then each does with the share asked for. */
static double overtaking(const struct impairment *m)
{
	double share = verify_share(m, IMPAIR_REORDER, m->reorder);
	double gap = impair_asks(m, IMPAIR_GAP) && m->gap ? (double)m->gap : 1;

	return share > 0 ? 1 / (gap - 1 + 1 / share) : 0;
}

static void judge_rate(const struct impairment *asked, const struct verify_stream *s,
		       uint64_t *sorted, struct verify_result *r)
{
	struct verify_check *c = add(r, "rate", VERIFY_BPS);
	uint64_t bytes = verify_charged_bytes(asked, s->train_len);
	struct verify_loss loss = { .share = 0 };
	struct verify_bounds bounds = { 0, 0 };
	double offered, by, seconds;

	c->asked = c->expected = (double)verify_rate(asked);
	qsort(sorted, s->train_n, sizeof(*sorted), compare);
	if (impair_asks(asked, IMPAIR_LOSS))
		loss = verify_loss_of(&asked->loss);
	offered = s->train_sent_ns ? 8e9 * (double)bytes * (double)s->train_sent /
					     (double)s->train_sent_ns * (1 - loss.share)
				   : 0;
	/* those that overtake pass by the rate as well, as netem has it */
	c->expected += offered * overtaking(asked);
	c->tolerance = VERIFY_RATE_SHARE * c->expected;
	if (!verify_rate_of(sorted, s->train_n, bytes, &c->achieved, &bounds, r->rate_bins,
			    &r->rate_bin_s)) {
		say(c, VERIFY_UNTESTED, "%zu frames of the train arrived, which is too few",
		    s->train_n);
		return;
	}
	c->low = bounds.low;
	c->high = bounds.high;
	if (asked->rate_trace || c->asked <= 0) {
		say(c, VERIFY_UNTESTED, "it follows a trace");
		return;
	}
	/* jitter moves the ends of what is measured */
	seconds = (double)(sorted[s->train_n - 1] - sorted[0]) / 1e9;
	if (impair_asks(asked, IMPAIR_JITTER) && seconds > 0)
		c->tolerance += c->expected * (double)asked->jitter_ns / 1e9 / seconds;
	by = c->achieved - c->expected;
	if (fabs(by) <= c->tolerance)
		return;
	if (by < 0 && has_short_queue(asked, s->train_len))
		say(c, VERIFY_UNTESTED, "the queue is too short to keep the rate busy");
	/* parts that differ so much among themselves say nothing about the whole */
	else if (fabs(by) <=
		 c->tolerance + VERIFY_Z_VERDICT / VERIFY_Z_SHOWN * (c->high - c->achieved))
		say(c, VERIFY_TOO_SLOW, "this host was too uneven: %.4g Mb/s expected, %.4g found",
		    c->expected / 1e6, c->achieved / 1e6);
	else if (by < 0 && offered < 1.05 * c->expected)
		say(c, VERIFY_TOO_SLOW, "this host could offer only %.4g Mb/s", offered / 1e6);
	else
		say(c, VERIFY_DIFFERS, "%.4g Mb/s expected, %.4g Mb/s found", c->expected / 1e6,
		    c->achieved / 1e6);
}

/* --- all --- */

static void count(const struct verify_stream *s, struct verify_result *r)
{
	for (size_t i = 0; i < s->n; i++) {
		r->sent += s->sent_ns[i] != 0;
		r->received += s->sent_ns[i] && s->arrived_ns[i];
	}
	r->lost = r->sent - r->received;
	r->lost = r->lost > s->damaged ? r->lost - (size_t)s->damaged : 0;
}

static void judge_cut(struct verify_result *r)
{
	struct verify_check *c = add(r, "cut", VERIFY_COUNT);

	c->achieved = c->low = c->high = (double)r->received;
	if (r->received > 0)
		say(c, VERIFY_DIFFERS, "the link is down, and %zu of %zu probes arrived",
		    r->received, r->sent);
}

int verify_judge(const struct impairment *asked, const struct verify_stream *s,
		 struct verify_result *ret)
{
	double *delays = calloc(s->n + 1, sizeof(*delays));
	uint64_t *stamps = calloc(s->n + s->train_n + 1, sizeof(*stamps));
	int r = delays && stamps ? 0 : -ENOMEM;

	*ret = (struct verify_result){ .n = 0 };
	count(s, ret);
	if (r == 0 && verify_is_cut(asked)) {
		judge_cut(ret);
	} else if (r == 0) {
		r = judge_delays(asked, s, delays, stamps, ret);
		judge_shares(asked, s, ret);
		if (s->train_len) {
			for (size_t i = 0; i < s->train_n; i++)
				stamps[i] = s->train_ns[i];
			judge_rate(asked, s, stamps, ret);
		}
	}
	free(delays);
	free(stamps);
	return r;
}

const char *verify_verdict_name(enum verify_verdict v)
{
	switch (v) {
	case VERIFY_OK:
		return "ok";
	case VERIFY_DIFFERS:
		return "differs";
	case VERIFY_TOO_SLOW:
		return "too-slow";
	case VERIFY_UNTESTED:
		return "untested";
	}
	return "?";
}

static json_t *check_json(const struct verify_check *c)
{
	static const char *const suffixes[] = {
		[VERIFY_US] = "_us",
		[VERIFY_BPS] = "_bps",
		[VERIFY_SHARE_OF_1] = "",
		[VERIFY_COUNT] = "_packets",
	};
	const struct {
		const char *name;
		double value;
	} members[] = {
		{ "asked", c->asked }, { "expected", c->expected }, { "achieved", c->achieved },
		{ "low", c->low },     { "high", c->high },         { "tolerance", c->tolerance },
	};
	json_t *o = json_pack("{s:s}", "verdict", verify_verdict_name(c->verdict));
	char key[32];

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		(void)snprintf(key, sizeof(key), "%s%s", members[i].name, suffixes[c->unit]);
		if (json_object_set_new(o, key, json_real(members[i].value)) < 0)
			break;
	}
	if (c->why[0])
		(void)json_object_set_new(o, "why", json_string(c->why));
	return o;
}

static json_t *numbers_json(const double *values, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, json_real(values[i]));
	return list;
}

json_t *verify_result_json(const struct verify_result *r)
{
	json_t *checks = json_object(), *o;

	for (size_t i = 0; i < r->n; i++)
		(void)json_object_set_new(checks, r->checks[i].key, check_json(&r->checks[i]));
	o = json_pack("{s:o, s:I, s:I, s:I}", "checks", checks, "sent", (json_int_t)r->sent,
		      "received", (json_int_t)r->received, "lost", (json_int_t)r->lost);
	if (o && r->delay.n > 0) {
		(void)json_object_set_new(o, "delay_us",
					  json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "mean",
						    r->delay.mean, "std", r->delay.std, "min",
						    r->delay.min, "p50", r->delay.p50, "p99",
						    r->delay.p99, "max", r->delay.max));
		(void)json_object_set_new(o, "delay_quantiles_us",
					  numbers_json(r->delay_quantiles, VERIFY_QUANTILES));
	}
	if (o && r->rate_bin_s > 0)
		(void)json_object_set_new(o, "rate_over_time",
					  json_pack("{s:f, s:o}", "bin_s", r->rate_bin_s,
						    "rates_bps",
						    numbers_json(r->rate_bins, VERIFY_RATE_BINS)));
	return o;
}
