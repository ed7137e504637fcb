/* SPDX-License-Identifier: MIT */
/* The pure parts of verify: statistics with values computed by hand, what is expected of probes, verdicts, pictures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/plot_svg.h"
#include "lab/verify_judge.h"
#include "lab/verify_probe.h"

#define MS UINT64_C(1000000)

static void assert_near(double got, double want, double by)
{
	if (!(fabs(got - want) <= by))
		fail_msg("got %.9g, not %.9g within %.3g", got, want, by);
}

/* --- statistics --- */

static void test_share_bounds(void **state)
{
	struct verify_bounds b = verify_share_bounds(0.1, 100, VERIFY_Z_SHOWN);

	(void)state;
	/* 10 of 100: (0.1 + 1.9207/100 -+ 1.96 sqrt(0.0009 + 0.9604/10000)) / (1 + 3.8415/100) */
	assert_near(b.low, 0.05523, 1e-5);
	assert_near(b.high, 0.17437, 1e-5);
	b = verify_share_bounds(0, 10, VERIFY_Z_SHOWN);
	assert_true(b.low == 0);
	assert_near(b.high, 0.27753, 1e-5); /* z^2 / (10 + z^2) */
	b = verify_share_bounds(1, 10, VERIFY_Z_SHOWN);
	assert_near(b.low, 1 - 0.27753, 1e-5);
	assert_true(b.high == 1);
	b = verify_share_bounds(0.5, 0, VERIFY_Z_SHOWN);
	assert_true(b.low == 0 && b.high == 1);
}

static void test_summary(void **state)
{
	double values[] = { 9, 4, 5, 2, 4, 7, 4, 5 }, four[] = { 1, 2, 3, 4 };
	struct verify_summary s;

	(void)state;
	verify_summarise(values, 8, &s);
	assert_near(s.mean, 5, 1e-12);
	assert_near(s.std, sqrt(32.0 / 7), 1e-12);
	assert_true(s.min == 2 && s.max == 9 && s.n == 8);
	assert_near(s.p50, 4.5, 1e-12);
	assert_near(verify_quantile(four, 4, 0.5), 2.5, 1e-12);
	assert_near(verify_quantile(four, 4, 0.99), 3.97, 1e-12);
	assert_true(verify_quantile(four, 4, 0) == 1 && verify_quantile(four, 4, 1) == 4);
	verify_summarise(values, 0, &s);
	assert_true(s.n == 0 && s.mean == 0);
	verify_summarise(four, 1, &s);
	assert_true(s.std == 0 && s.p99 == 1);
}

static void test_loss_models(void **state)
{
	/* Two states with 1 - p - r = l between packets: variance (1 + l) / (1 - l) times that of single losses. */
	const struct impair_loss random = { .model = IMPAIR_LOSS_RANDOM, .random = 0.01 };
	const struct impair_loss burst = { .model = IMPAIR_LOSS_BURST,
					   .burst_rate = 0.05,
					   .burst_length = 4 };
	const struct impair_loss ge = { .model = IMPAIR_LOSS_GEMODEL,
					.p = 0.1,
					.r = 0.3,
					.one_minus_h = 0.8,
					.one_minus_k = 0.2 };
	const struct impair_loss chain = {
		.model = IMPAIR_LOSS_STATE, .p13 = 0.1, .p31 = 1, .p23 = 1
	};
	const struct impair_loss always = { .model = IMPAIR_LOSS_RANDOM, .random = 1 };
	struct verify_loss l = verify_loss_of(&random);

	(void)state;
	assert_true(l.share == 0.01 && l.inflation == 1);
	l = verify_loss_of(&burst); /* r = 0.25, p = 0.25 * 0.05 / 0.95, l = 0.736842 */
	assert_near(l.share, 0.05, 1e-6);
	assert_near(l.inflation, 6.6, 1e-3);
	/* a quarter of the time bad: 0.25 * 0.8 + 0.75 * 0.2; between the states 0.25 * 0.75 * 0.36 of the variance
	   0.35 * 0.65, with l = 0.6: 1 + 2 * 0.29670 * 1.5 */
	l = verify_loss_of(&ge);
	assert_near(l.share, 0.35, 1e-6);
	assert_near(l.inflation, 1.8901, 1e-3);
	/* no two losses in a row: fewer than by chance, l = -0.1 */
	l = verify_loss_of(&chain);
	assert_near(l.share, 0.1 / 1.1, 1e-6);
	assert_near(l.inflation, 0.9 / 1.1, 1e-3);
	l = verify_loss_of(&always);
	assert_true(l.share == 1 && l.inflation == 1);
}

/* --- reading what was asked --- */

static void test_read_asked(void **state)
{
	static const char *const settings[] = {
		"delay=20ms",
		"jitter=5ms",
		"distribution=pareto",
		"jitter_reorders=true",
		"rate=10mbit",
		"queue=50packets",
		"loss=burst:5%,4",
		"duplicate=1%",
		"corrupt=2%",
		"reorder=3%",
		"gap=5",
		"overhead=-4",
		"cell=53",
		"cell_overhead=5",
		"slot=20ms,30ms",
		"down=true",
	};
	struct impairment asked = { .set = 0 }, got;
	_cleanup_buf_ struct buf b = { 0 }, again = { 0 };
	struct netlab_err err;
	json_t *doc;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (impairment_parse_setting(settings[i], 0, &asked, NULL, &err) < 0)
			fail_msg("%s: %s", settings[i], err.message);
	}
	/* what is written, read and written again is the same */
	impairment_format_json(&b, &asked);
	doc = json_loads(buf_text(&b), 0, NULL);
	verify_read_asked(doc, &got);
	impairment_format_json(&again, &got);
	assert_string_equal(buf_text(&again), buf_text(&b));
	json_decref(doc);
	verify_read_asked(NULL, &got);
	assert_int_equal(got.set, 0);
}

/* --- what is expected --- */

enum { N = 2000 };

static uint64_t sent[N], arrived[N];

/* Probes a millisecond apart. */
static void send_all(void)
{
	for (size_t i = 0; i < N; i++)
		sent[i] = 1000 * MS + i * MS;
}

static void test_expectation(void **state)
{
	struct impairment m = { .set = IMPAIR_BIT(IMPAIR_DELAY), .delay_ns = 20 * MS };
	struct verify_expectation e;

	(void)state;
	send_all();
	assert_int_equal(verify_expect(&m, sent, N, 125, &e), 0);
	assert_near(e.delay_p50.mean, 20000, 1e-6);
	assert_near(e.std.mean, 0, 1e-6);
	assert_near(e.reordered.mean, 0, 0);
	/* 125 bytes at 2 Mb/s take half a millisecond more */
	m.set |= IMPAIR_BIT(IMPAIR_RATE);
	m.rate_bps = 2000000;
	assert_int_equal(verify_expect(&m, sent, N, 125, &e), 0);
	assert_near(e.delay_p50.mean, 20500, 1);
	/* a uniform spread of 5 ms has a standard deviation of 5 / sqrt 3, and p90 - p10 of 8 */
	m.set = IMPAIR_BIT(IMPAIR_DELAY) | IMPAIR_BIT(IMPAIR_JITTER) |
		IMPAIR_BIT(IMPAIR_JITTER_REORDERS);
	m.jitter_ns = 5 * MS;
	m.jitter_reorders = true;
	assert_int_equal(verify_expect(&m, sent, N, 125, &e), 0);
	assert_near(e.delay_p50.mean, 20000, 150);
	assert_near(e.std.mean, 5000 / sqrt(3), 30);
	assert_near(e.spread.mean, 8000, 80);
	assert_true(e.reordered.mean > 0.3);
	assert_true(e.delay_p50.std > 0);
	/* in order, each waits for those before it */
	m.set &= ~IMPAIR_BIT(IMPAIR_JITTER_REORDERS);
	m.jitter_reorders = false;
	assert_int_equal(verify_expect(&m, sent, N, 125, &e), 0);
	assert_true(e.delay_p50.mean > 21500);
	assert_true(e.std.mean < 2000);
	assert_near(e.reordered.mean, 0, 0);
}

/* --- verdicts --- */

static struct verify_stream stream(uint64_t delay_ns)
{
	send_all();
	for (size_t i = 0; i < N; i++)
		arrived[i] = sent[i] + delay_ns;
	return (struct verify_stream){
		.n = N, .sent_ns = sent, .arrived_ns = arrived, .len = 100, .copies = N
	};
}

static const struct verify_check *check(const struct verify_result *r, const char *key)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->checks[i].key, key) == 0)
			return &r->checks[i];
	}
	fail_msg("nothing is said of '%s'", key);
	return NULL;
}

static void assert_verdict(const struct verify_result *r, const char *key, enum verify_verdict want)
{
	const struct verify_check *c = check(r, key);

	if (c->verdict != want)
		fail_msg("'%s' is %s (%s), not %s", key, verify_verdict_name(c->verdict), c->why,
			 verify_verdict_name(want));
	assert_int_equal(c->why[0] == '\0', want == VERIFY_OK);
}

static void assert_all_ok(const struct verify_result *r)
{
	for (size_t i = 0; i < r->n; i++)
		assert_verdict(r, r->checks[i].key, VERIFY_OK);
}

static void test_judge_delay(void **state)
{
	const struct impairment m = { .set = IMPAIR_BIT(IMPAIR_DELAY), .delay_ns = 20 * MS };
	struct verify_stream s = stream(20 * MS + MS / 10);
	struct verify_result r;

	(void)state;
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_all_ok(&r);
	assert_near(check(&r, "delay")->achieved, 20100, 1e-6);
	assert_near(check(&r, "delay")->expected, 20000, 1e-6);
	assert_near(r.delay_quantiles[50], 20100, 1e-6);
	/* the tolerance is 2 % + 0.5 ms = 0.9 ms */
	s = stream(20 * MS + 89 * MS / 100);
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_all_ok(&r);
	s = stream(20 * MS + 91 * MS / 100);
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "delay", VERIFY_DIFFERS);
	s = stream(19 * MS);
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "delay", VERIFY_DIFFERS);
	assert_string_equal(check(&r, "delay")->why, "the median is 1.000 ms less than expected");
	/* a host that stops for a while now and then */
	s = stream(20 * MS);
	for (size_t i = 0; i < N; i += 50)
		arrived[i] += MS / 10 + MS;
	for (size_t i = 1; i < N; i++)
		arrived[i] = arrived[i] > arrived[i - 1] ? arrived[i] : arrived[i - 1];
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "delay", VERIFY_OK);
	assert_verdict(&r, "delay_p99", VERIFY_TOO_SLOW);
}

static void test_judge_jitter(void **state)
{
	struct impairment m = { .set = IMPAIR_BIT(IMPAIR_DELAY) | IMPAIR_BIT(IMPAIR_JITTER) |
				       IMPAIR_BIT(IMPAIR_JITTER_REORDERS),
				.delay_ns = 20 * MS,
				.jitter_ns = 5 * MS,
				.jitter_reorders = true };
	struct verify_stream s = stream(15 * MS);
	struct verify_result r;

	(void)state;
	/* evenly over 15..25 ms, in an order that mixes them well: steps of 617 of 2000 */
	for (size_t i = 0; i < N; i++)
		arrived[i] += 10 * MS * (i * 617 % N) / N;
	s.behind = (uint64_t)(0.47 * N);
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "jitter", VERIFY_OK);
	assert_near(check(&r, "jitter")->expected, 5000 / sqrt(3), 30);
	assert_near(check(&r, "jitter")->achieved, 5000 / sqrt(3), 60);
	assert_near(check(&r, "jitter")->asked, 5000, 1e-6);
	/* half the spread */
	s = stream(0);
	for (size_t i = 0; i < N; i++)
		arrived[i] = sent[i] + 17 * MS + MS / 2 + 5 * MS * (i * 617 % N) / N;
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "delay", VERIFY_OK);
	assert_verdict(&r, "jitter", VERIFY_DIFFERS);
}

/* Loses the first of each so many. */
static void lose(struct verify_stream *s, size_t every)
{
	for (size_t i = 0; i < N; i += every) {
		arrived[i] = 0;
		s->copies--;
	}
}

static void test_judge_loss(void **state)
{
	struct impairment none = { .set = 0 };
	struct impairment m = { .set = IMPAIR_BIT(IMPAIR_LOSS),
				.loss = { .model = IMPAIR_LOSS_RANDOM, .random = 0.01 } };
	struct verify_stream s = stream(0);
	struct verify_result r;

	(void)state;
	lose(&s, 100);
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "loss", VERIFY_OK);
	assert_true(r.sent == N && r.lost == 20 && r.received == N - 20);
	assert_near(check(&r, "loss")->achieved, 0.01, 1e-12);
	assert_true(check(&r, "loss")->low < 0.01 && check(&r, "loss")->high > 0.01);
	/* 2.5 % where 1 % is asked: 50 lost, 20 expected, a deviation is 4.4 */
	s = stream(0);
	lose(&s, 40);
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "loss", VERIFY_DIFFERS);
	/* in bursts of 20, those 50 are no surprise: worth 2000 / 39 packets */
	m.loss = (struct impair_loss){ .model = IMPAIR_LOSS_BURST,
				       .burst_rate = 0.01,
				       .burst_length = 20 };
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "loss", VERIFY_OK);
	/* not one may be lost where nothing is asked */
	s = stream(0);
	lose(&s, N);
	assert_int_equal(verify_judge(&none, &s, &r), 0);
	assert_verdict(&r, "loss", VERIFY_DIFFERS);
	/* unless it was this very process that lost it */
	s.overruns = 1;
	assert_int_equal(verify_judge(&none, &s, &r), 0);
	assert_verdict(&r, "loss", VERIFY_TOO_SLOW);
	/* a trace may have gaps in which its queue fills */
	none.set = IMPAIR_BIT(IMPAIR_RATE);
	none.rate_trace = "x";
	s.overruns = 0;
	assert_int_equal(verify_judge(&none, &s, &r), 0);
	assert_verdict(&r, "loss", VERIFY_UNTESTED);
	none = (struct impairment){ .set = 0 };
	/* all lost: nothing can be said of delays */
	s = stream(0);
	lose(&s, 1);
	assert_int_equal(verify_judge(&none, &s, &r), 0);
	assert_verdict(&r, "loss", VERIFY_DIFFERS);
	assert_verdict(&r, "delay", VERIFY_UNTESTED);
	assert_verdict(&r, "corrupt", VERIFY_OK);
	none.set = IMPAIR_BIT(IMPAIR_CORRUPT);
	none.corrupt = 0.1;
	assert_int_equal(verify_judge(&none, &s, &r), 0);
	assert_verdict(&r, "corrupt", VERIFY_UNTESTED);
}

static void test_judge_shares(void **state)
{
	struct impairment none = { .set = 0 };
	struct impairment m = { .set = IMPAIR_BIT(IMPAIR_DUPLICATE) | IMPAIR_BIT(IMPAIR_CORRUPT),
				.duplicate = 0.05,
				.corrupt = 0.02 };
	struct verify_stream s = stream(0);
	struct verify_result r;

	(void)state;
	lose(&s, 50); /* those that are damaged have no number */
	s.damaged = N / 50;
	s.copies += N / 20;
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_all_ok(&r);
	assert_int_equal(r.lost, 0);
	assert_near(check(&r, "duplicate")->achieved, 0.05, 1e-9);
	assert_int_equal(verify_judge(&none, &s, &r), 0);
	assert_verdict(&r, "duplicate", VERIFY_DIFFERS);
	assert_verdict(&r, "corrupt", VERIFY_DIFFERS);
	assert_verdict(&r, "loss", VERIFY_OK);
	s = stream(0);
	s.behind = 1;
	assert_int_equal(verify_judge(&none, &s, &r), 0);
	assert_verdict(&r, "reorder", VERIFY_DIFFERS);
}

static void test_judge_busy(void **state)
{
	static bool doubtful[N];
	struct impairment none = { .set = 0 };
	struct verify_stream s = stream(0);
	struct verify_result r;

	(void)state;
	s.is_doubtful = doubtful;
	for (size_t i = 0; i < N / 20; i++)
		doubtful[i] = true;
	for (size_t i = 0; i < N / 20; i++)
		arrived[i] = sent[i] + 9 * MS; /* they do not count */
	assert_int_equal(verify_judge(&none, &s, &r), 0);
	assert_all_ok(&r);
	for (size_t i = 0; i < N / 5; i++)
		doubtful[i] = true;
	assert_int_equal(verify_judge(&none, &s, &r), 0);
	assert_verdict(&r, "delay", VERIFY_TOO_SLOW);
	memset(doubtful, true, sizeof(doubtful));
	assert_int_equal(verify_judge(&none, &s, &r), 0);
	assert_verdict(&r, "delay", VERIFY_TOO_SLOW);
}

static void test_judge_cut(void **state)
{
	struct impairment m = { .set = IMPAIR_BIT(IMPAIR_DOWN), .down = true };
	struct verify_stream s = stream(0);
	struct verify_result r;

	(void)state;
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_int_equal(r.n, 1);
	assert_verdict(&r, "cut", VERIFY_DIFFERS);
	lose(&s, 1);
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_all_ok(&r);
}

enum { TRAIN = 1000 };

static void test_judge_rate(void **state)
{
	static uint64_t train[TRAIN];
	struct impairment m = { .set = IMPAIR_BIT(IMPAIR_RATE), .rate_bps = 10000000 };
	struct verify_stream s = stream(MS / 10);
	struct verify_result r;

	(void)state;
	/* 1250 bytes a millisecond are 10 Mb/s */
	for (size_t i = 0; i < TRAIN; i++)
		train[i] = 5000 * MS + i * MS;
	s.train_ns = train;
	s.train_n = TRAIN;
	s.train_len = 1250;
	s.train_sent = 1200;
	s.train_sent_ns = 1000 * MS;
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "rate", VERIFY_OK);
	assert_near(check(&r, "rate")->achieved, 1e7, 1);
	assert_near(r.rate_bins[10], 1e7, 1e6);
	/* half of that asked for, though 12 Mb/s were offered */
	m.rate_bps = 20000000;
	s.train_sent = 2400;
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "rate", VERIFY_DIFFERS);
	/* no more was offered */
	s.train_sent = 1000;
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "rate", VERIFY_TOO_SLOW);
	s.train_sent = 2400;
	m.set |= IMPAIR_BIT(IMPAIR_QUEUE);
	m.queue = 5;
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "rate", VERIFY_UNTESTED);
	/* overtakers do not wait for the rate: of 24 Mb/s a twelfth, after two that may not a tenth */
	m = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_RATE) | IMPAIR_BIT(IMPAIR_REORDER) |
					IMPAIR_BIT(IMPAIR_GAP),
				 .rate_bps = 8000000,
				 .reorder = 0.1,
				 .gap = 3 };
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "rate", VERIFY_OK);
	assert_near(check(&r, "rate")->expected, 1e7, 1);
	m.set = IMPAIR_BIT(IMPAIR_RATE);
	/* more than asked is never right */
	m.rate_bps = 9000000;
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "rate", VERIFY_DIFFERS);
	/* unless half of the time it was twice as much as in the other half */
	for (size_t i = 1; i < TRAIN; i++)
		train[i] = train[i - 1] + (i / 100 % 2 ? 2 * MS / 3 : 4 * MS / 3);
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "rate", VERIFY_TOO_SLOW);
	s.train_n = 10;
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	assert_verdict(&r, "rate", VERIFY_UNTESTED);
}

static void test_result_json(void **state)
{
	const struct impairment m = { .set = IMPAIR_BIT(IMPAIR_DELAY), .delay_ns = 20 * MS };
	struct verify_stream s = stream(25 * MS);
	struct verify_result r;
	json_t *doc, *delay;

	(void)state;
	assert_int_equal(verify_judge(&m, &s, &r), 0);
	doc = verify_result_json(&r);
	delay = json_object_get(json_object_get(doc, "checks"), "delay");
	assert_string_equal(json_string_value(json_object_get(delay, "verdict")), "differs");
	assert_true(json_real_value(json_object_get(delay, "asked_us")) == 20000);
	assert_true(json_real_value(json_object_get(delay, "achieved_us")) == 25000);
	assert_non_null(json_object_get(delay, "why"));
	assert_int_equal(json_array_size(json_object_get(doc, "delay_quantiles_us")),
			 VERIFY_QUANTILES);
	assert_int_equal(json_integer_value(json_object_get(doc, "sent")), N);
	json_decref(doc);
}

/* --- how much is sent --- */

static void test_effort(void **state)
{
	struct impairment m = { .set = 0 };
	struct verify_effort e;

	(void)state;
	verify_effort_of(&m, 1500, 400, 3000 * MS, &e);
	assert_int_equal(e.n, 1200);
	assert_int_equal(e.interval_ns, 2500000);
	assert_int_equal(e.train_bps, 0);
	verify_effort_of(&m, 1500, 70, 3000 * MS, &e);
	assert_int_equal(e.n, 210);
	/* 50 losses at 2 % need 2500 probes */
	m.set = IMPAIR_BIT(IMPAIR_LOSS);
	m.loss.random = 0.02;
	verify_effort_of(&m, 1500, 400, 3000 * MS, &e);
	assert_int_equal(e.n, 2500);
	/* what would take too many gets the most */
	m.loss.random = 1e-6;
	verify_effort_of(&m, 1500, 400, 3000 * MS, &e);
	assert_int_equal(e.n, 6000);
	/* a tenth of 80 kb/s are 10 probes of 100 bytes a second; trains of 100-byte frames */
	m = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_RATE), .rate_bps = 80000 };
	verify_effort_of(&m, 1500, 400, 3000 * MS, &e);
	assert_int_equal(e.n, 30);
	assert_int_equal(e.train_bps, 96000);
	assert_int_equal(e.train_len, 100);
	m.rate_bps = 1000000000;
	verify_effort_of(&m, 1500, 400, 3000 * MS, &e);
	assert_int_equal(e.train_len, 1514);
	/* half is lost before it comes to the rate */
	m.set |= IMPAIR_BIT(IMPAIR_LOSS);
	m.loss.random = 0.5;
	verify_effort_of(&m, 1500, 400, 3000 * MS, &e);
	assert_int_equal(e.train_bps, 2400000000);
	m.set |= IMPAIR_BIT(IMPAIR_DOWN);
	m.down = true;
	verify_effort_of(&m, 1500, 400, 3000 * MS, &e);
	assert_int_equal(e.train_bps, 0);
}

/* --- pictures --- */

static void test_plot(void **state)
{
	static const char text[] =
		"{\"name\": \"a<b\", \"links\": {\"x&y\": {\"endpoints\": [\"a:eth0\", \"b:eth0\"],"
		" \"->\": {\"delay_quantiles_us\": [1000, 2000, 3000, 90000],"
		"   \"checks\": {\"delay\": {\"asked_us\": 2000}, \"rate\": {\"asked_bps\": 1e6}},"
		"   \"rate_over_time\": {\"bin_s\": 0.5, \"rates_bps\": [1e6, 1.1e6]}},"
		" \"<-\": {}}}}";
	json_t *doc = json_loads(text, 0, NULL);
	_cleanup_buf_ struct buf b = { 0 }, empty = { 0 };
	const char *svg;

	(void)state;
	assert_non_null(doc);
	plot_svg(&b, doc);
	svg = buf_text(&b);
	assert_non_null(strstr(svg, "lab a&lt;b:"));
	assert_non_null(strstr(svg, "x&amp;y"));
	assert_null(strstr(svg, "nan"));
	assert_null(strstr(svg, "inf"));
	/* delay runs from 1 to 3 ms, without the last packet: 2 ms is in the middle of 56..356 */
	assert_non_null(strstr(svg, "x1=\"206.0\""));
	assert_non_null(strstr(svg, "points=\"56.0,"));
	plot_svg(&empty, NULL);
	assert_non_null(strstr(buf_text(&empty), "</svg>"));
	json_decref(doc);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share_bounds), cmocka_unit_test(test_summary),
		cmocka_unit_test(test_loss_models),  cmocka_unit_test(test_read_asked),
		cmocka_unit_test(test_expectation),  cmocka_unit_test(test_judge_delay),
		cmocka_unit_test(test_judge_jitter), cmocka_unit_test(test_judge_loss),
		cmocka_unit_test(test_judge_shares), cmocka_unit_test(test_judge_busy),
		cmocka_unit_test(test_judge_cut),    cmocka_unit_test(test_judge_rate),
		cmocka_unit_test(test_result_json),  cmocka_unit_test(test_effort),
		cmocka_unit_test(test_plot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
