/* SPDX-License-Identifier: MIT */
/* What tc is told for each thing that a link can do: the words, the sizes, and what is refused. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan/plan.h"

enum { MTU = 1500 };

/* "delay=20ms rate=10mbit" as an impairment. */
static struct impairment asked(const char *settings)
{
	struct impairment m = { .set = IMPAIR_BIT(IMPAIR_SEED), .seed = 1 };
	char text[256], *save = NULL;

	snprintf(text, sizeof(text), "%s", settings);
	for (char *s = strtok_r(text, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
		struct netlab_err err = { 0 };

		if (impairment_parse_setting(s, 0, &m, NULL, &err) < 0)
			fail_msg("%s: %s", s, err.message);
	}
	return m;
}

static struct plan_qdisc built(const char *settings)
{
	struct impairment m = asked(settings);
	struct netlab_err err = { 0 };
	struct plan_qdisc q;

	if (plan_qdisc_build(&m, MTU, &q, &err) < 0)
		fail_msg("%s: %s", settings, err.message);
	return q;
}

static void assert_words(const char *settings, const char *want)
{
	struct plan_qdisc q = built(settings);
	_cleanup_buf_ struct buf got = { 0 };

	plan_qdisc_print(&got, &q);
	if (strcmp(buf_text(&got), want) != 0)
		fail_msg("%s:\ngot  '%s'\nwant '%s'", settings, buf_text(&got), want);
}

static void test_words_of_netem(void **state)
{
	static const struct {
		const char *settings, *words;
	} cases[] = {
		{ "", "netem limit 1000" },
		{ "delay=20ms", "netem limit 33127 delay 20000us" },
		{ "delay=1500500ns", "netem limit 2579 delay 1500.500us" },
		{ "delay=1ns", "netem limit 1000 delay 0.001us" },
		/* order kept: by a rate that costs nothing */
		{ "delay=20ms jitter=2ms",
		  "netem limit 36429 delay 20000us 2000us rate 1000000000000bit" },
		{ "delay=20ms jitter=2ms jitter_reorders=true",
		  "netem limit 36429 delay 20000us 2000us" },
		{ "delay=20ms jitter=2ms rate=10mbit",
		  "netem limit 139 delay 20000us 2000us rate 10000000bit" },
		/* no file of that name */
		{ "delay=20ms jitter=2ms distribution=uniform jitter_reorders=true",
		  "netem limit 36429 delay 20000us 2000us" },
		{ "delay=20ms jitter=2ms distribution=normal jitter_reorders=true",
		  "netem limit 46337 delay 20000us 2000us distribution normal" },
		{ "jitter=2ms distribution=pareto jitter_reorders=true",
		  "netem limit 13313 delay 1us 2000us distribution pareto" },
		{ "loss=1%", "netem limit 1000 loss random 1%" },
		{ "loss=0%", "netem limit 1000" },
		{ "loss=100%", "netem limit 1000 loss random 100%" },
		{ "loss=0.0000001%", "netem limit 1000 loss random 0.0000001%" },
		{ "loss=33.333333333%", "netem limit 1000 loss random 33.33333333%" },
		{ "loss=1% ecn=true", "netem limit 1000 loss random 1% ecn" },
		{ "loss=0% ecn=true", "netem limit 1000" },
		{ "loss=burst:1%,4", "netem limit 1000 loss gemodel 0.25252525% 25% 100% 0%" },
		{ "loss=gemodel:1%,10%,70%,0.1%", "netem limit 1000 loss gemodel 1% 10% 70% 0.1%" },
		{ "loss=state:1%,2%,3%,4%,5%", "netem limit 1000 loss state 1% 2% 3% 4% 5%" },
		{ "duplicate=1% corrupt=0.5%", "netem limit 1000 duplicate 1% corrupt 0.5%" },
		{ "delay=10ms reorder=25%", "netem limit 16615 delay 10000us reorder 25%" },
		{ "delay=10ms reorder=25% gap=5",
		  "netem limit 16615 delay 10000us reorder 25% gap 5" },
		{ "rate=10mbit", "netem limit 101 rate 10000000bit" },
		{ "rate=8bit", "netem limit 101 rate 8bit" },
		{ "rate=1mbit overhead=20", "netem limit 101 rate 1000000bit 20 0 0" },
		{ "rate=1mbit overhead=-4 cell=48 cell_overhead=5",
		  "netem limit 101 rate 1000000bit -4 48 5" },
		{ "rate=10mbit queue=50packets", "netem limit 51 rate 10000000bit" },
		{ "rate=10mbit queue=1b", "netem limit 2 rate 10000000bit" },
		{ "rate=10mbit queue=30000b", "netem limit 21 rate 10000000bit" },
		{ "rate=10mbit queue=100ms", "netem limit 84 rate 10000000bit" },
		/* what is in flight comes on top of the queue: 10 Mbit/s x 20 ms is 17 frames */
		{ "rate=10mbit delay=20ms queue=50packets",
		  "netem limit 68 delay 20000us rate 10000000bit" },
		{ "rate=10mbit delay=20ms", "netem limit 135 delay 20000us rate 10000000bit" },
		{ "slot=20ms,30ms", "netem limit 49639 slot 20000us 30000us" },
		{ "down=true", "netem limit 1000" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_words(cases[i].settings, cases[i].words);
}

static void test_words_of_slots(void **state)
{
	static const struct {
		struct impair_slot slot;
		const char *words;
	} cases[] = {
		{ { .min_ns = 5000000 }, " slot 5000us 5000us" },
		{ { .min_ns = 5000000, .max_ns = 6000000, .packets = 3, .bytes = 4000 },
		  " slot 5000us 6000us packets 3 bytes 4000" },
		{ { .distribution = IMPAIR_NORMAL,
		    .dist_delay_ns = 5000000,
		    .dist_jitter_ns = 100500 },
		  " slot distribution normal 5000us 100.500us" },
		{ { .distribution = IMPAIR_UNIFORM,
		    .dist_delay_ns = 5000000,
		    .dist_jitter_ns = 1000000 },
		  " slot 4000us 6000us" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct impairment m = { .set = IMPAIR_BIT(IMPAIR_SLOT), .slot = cases[i].slot };
		_cleanup_buf_ struct buf got = { 0 };
		struct plan_qdisc q;

		assert_int_equal(plan_qdisc_build(&m, MTU, &q, NULL), 0);
		plan_qdisc_print(&got, &q);
		assert_string_equal(strstr(buf_text(&got), " slot"), cases[i].words);
	}
}

static void test_refusals(void **state)
{
	static const struct {
		const char *settings, *message;
	} cases[] = {
		{ "rate=1mbit delay=10ms jitter=1ms jitter_reorders=true",
		  "'jitter_reorders' beside 'rate'" },
		{ "reorder=5% rate=1mbit", "'reorder' without 'delay'" },
		{ "rate=1mbit aqm=codel", "codel" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct impairment m = asked(cases[i].settings);
		struct plan_qdisc q = { .limit_packets = 77 };
		struct netlab_err err = { 0 };

		assert_int_equal(plan_qdisc_build(&m, MTU, &q, &err), -EOPNOTSUPP);
		assert_int_equal(plan_qdisc_build(&m, MTU, &q, NULL), -EOPNOTSUPP);
		assert_int_equal(q.limit_packets, 77); /* untouched */
		assert_int_equal(err.exit, NETLAB_EXIT_UNSUPPORTED);
		if (!strstr(err.message, cases[i].message))
			fail_msg("%s: '%s'", cases[i].settings, err.message);
	}
}

/* What `replace` would leave as it was is turned off by name; what no word turns off is reported. */
static void test_changes(void **state)
{
	static const struct {
		const char *from, *to, *words;
		unsigned left;
	} cases[] = {
		{ "delay=1ms", "loss=1%", "netem limit 1000 loss random 1%", 0 },
		{ "rate=1mbit corrupt=1% delay=1ms", "delay=1ms",
		  "netem limit 1753 delay 1000us corrupt 0% rate 0bit", 0 },
		{ "delay=1ms reorder=1% gap=3", "delay=1ms",
		  "netem limit 1753 delay 1000us reorder 0%", 0 },
		{ "slot=1ms,2ms", "", "netem limit 1000 slot 0us", 0 },
		{ "loss=1% ecn=true", "loss=1%", "netem limit 1000 loss random 1%", PLAN_LEFT_ECN },
		{ "loss=1% ecn=true", "loss=2% ecn=true", "netem limit 1000 loss random 2% ecn",
		  0 },
		{ "delay=1ms jitter=1ms distribution=normal", "delay=1ms",
		  "netem limit 1753 delay 1000us rate 0bit", PLAN_LEFT_TABLE },
		{ "delay=1ms jitter=1ms distribution=normal",
		  "delay=1ms jitter=1ms distribution=pareto",
		  "netem limit 8359 delay 1000us 1000us distribution pareto rate 1000000000000bit",
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan_qdisc from = built(cases[i].from), to = built(cases[i].to);
		_cleanup_buf_ struct buf got = { 0 };

		assert_int_equal(plan_qdisc_print_change(&got, &from, &to), cases[i].left);
		assert_string_equal(buf_text(&got), cases[i].words);
	}
}

/* The words of a share, read as tc reads them, are the nearest that 32 bits can hold. */
static void test_shares_survive_tc(void **state)
{
	uint64_t s = 1;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct impairment m = { .set = IMPAIR_BIT(IMPAIR_LOSS) };
		_cleanup_buf_ struct buf got = { 0 };
		struct plan_qdisc q;

		s = s * 6364136223846793005ull + 1442695040888963407ull;
		m.loss.random = ((double)(s >> 32) + 1) / (UINT32_MAX + 1.0);
		if (i % 3 == 0)
			m.loss.random /= 1e6;
		if (rint(m.loss.random * UINT32_MAX) < 1)
			continue;
		assert_int_equal(plan_qdisc_build(&m, MTU, &q, NULL), 0);
		plan_qdisc_print(&got, &q);
		assert_true(rint(strtod(strstr(buf_text(&got), "random ") + 7, NULL) / 100 *
				 UINT32_MAX) == rint(m.loss.random * UINT32_MAX));
	}
}

static void test_huge_values_do_not_wrap(void **state)
{
	struct impairment m = {
		.set = IMPAIR_BIT(IMPAIR_DELAY) | IMPAIR_BIT(IMPAIR_RATE) |
		       IMPAIR_BIT(IMPAIR_QUEUE),
		.delay_ns = INT64_MAX,
		.rate_bps = UINT64_MAX,
		.queue_unit = IMPAIR_QUEUE_TIME,
		.queue = INT64_MAX,
	};
	struct plan_qdisc q;

	(void)state;
	assert_int_equal(plan_qdisc_build(&m, 65535, &q, NULL), 0);
	assert_int_equal(q.limit_packets, INT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_of_netem),
		cmocka_unit_test(test_words_of_slots),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_shares_survive_tc),
		cmocka_unit_test(test_huge_values_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
