/* SPDX-License-Identifier: MIT */
/* The seeds of a sweep: as written, one after the other, what became of them and what that comes to in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "repro/sweep.h"

static void test_seeds(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		uint64_t first, last;
	} good[] = {
		{ "1..200", 200, 1, 200 },
		{ "17", 1, 17, 17 },
		{ "0..0", 1, 0, 0 },
		{ "30..40,1,3..5", 15, 30, 5 },
		{ "0x10..0x11", 2, 16, 17 },
		{ "18446744073709551614..18446744073709551615", 2, UINT64_MAX - 1, UINT64_MAX },
		{ "1..1000000", 1000000, 1, 1000000 },
		{ "1..999999,0", 1000000, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct sweep_seeds s;
		struct netlab_err err = { 0 };

		if (sweep_seeds_parse(good[i].text, &s, &err) != 0)
			fail_msg("'%s': %s", good[i].text, err.message);
		assert_int_equal(s.n, good[i].n);
		assert_int_equal(sweep_seed(&s, 0), good[i].first);
		assert_int_equal(sweep_seed(&s, s.n - 1), good[i].last);
		for (size_t k = 0; k < s.n; k += 1 + s.n / 7)
			assert_int_equal(sweep_seed_place(&s, sweep_seed(&s, k)), k);
		assert_int_equal(sweep_seed_place(&s, 123456789), SIZE_MAX);
	}
}

static void test_bad_seeds(void **state)
{
	static const struct {
		const char *text, *message, *hint;
	} bad[] = {
		{ "", "--seeds: '' names no seed", NULL },
		{ ",", "--seeds: ',' has a part with nothing in it", NULL },
		{ "1,", "--seeds: '1,' has a part with nothing in it", NULL },
		{ "9..3", "--seeds: '9..3' runs backwards: 9 comes after 3", "write 3..9" },
		{ "..3",
		  "--seeds: '..3' has '', which is no whole number from 0 to 18446744073709551615",
		  NULL },
		{ "1..",
		  "--seeds: '1..' has '', which is no whole number from 0 to 18446744073709551615",
		  NULL },
		{ "1...3",
		  "--seeds: '1...3' has '.3', which is no whole number from 0 to 18446744073709551615",
		  NULL },
		{ "-1",
		  "--seeds: '-1' has '-1', which is no whole number from 0 to 18446744073709551615",
		  NULL },
		{ "1..18446744073709551616",
		  "--seeds: '1..18446744073709551616' has '18446744073709551616', which is no whole number from 0 to 18446744073709551615",
		  NULL },
		{ "0..18446744073709551615",
		  "--seeds: '0..18446744073709551615' is more than 1000000 seeds at once", NULL },
		{ "1..1000001", "--seeds: '1..1000001' is more than 1000000 seeds at once", NULL },
		{ "1..999999,1000000..1000001",
		  "--seeds: '1..999999,1000000..1000001' is more than 1000000 seeds at once",
		  NULL },
		{ "5..9,1..5", "--seeds: '5..9,1..5' names seed 5 twice", NULL },
		{ "1..9,3", "--seeds: '1..9,3' names seed 3 twice", NULL },
	};
	char many[1024] = "0";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct sweep_seeds s = { .n = 4711 };
		struct netlab_err err = { 0 };

		assert_int_equal(sweep_seeds_parse(bad[i].text, &s, &err), -EINVAL);
		assert_string_equal(err.message, bad[i].message);
		assert_string_equal(err.hint,
				    bad[i].hint ? bad[i].hint
						: "write 1..200, or single seeds: 3,17,40..60");
		assert_int_equal(err.exit, NETLAB_EXIT_USAGE);
		assert_int_equal(s.n, 4711); /* not touched */
	}
	for (int i = 1; i <= SWEEP_RANGES_MAX; i++)
		(void)snprintf(many + strlen(many), sizeof(many) - strlen(many), ",%d", i);
	{
		struct sweep_seeds s;
		struct netlab_err err = { 0 };

		assert_int_equal(sweep_seeds_parse(many, &s, &err), -EINVAL);
		assert_non_null(strstr(err.message, "has more than 64 parts"));
	}
}

static void start(struct sweep *s, const char *seeds)
{
	struct sweep_seeds which;

	assert_int_equal(sweep_seeds_parse(seeds, &which, NULL), 0);
	assert_int_equal(sweep_init(s, &which), 0);
}

static void test_results(void **state)
{
	static const char output[] = "one\n  two \n\n";
	const struct sweep_result passed = { .verdict = SWEEP_PASSED, .time_s = 0.5 },
				  failed = { .verdict = SWEEP_FAILED, .exit = 3 },
				  late = { .verdict = SWEEP_TIMED_OUT, .exit = 124 };
	struct sweep s;

	(void)state;
	start(&s, "7..9,1..3");
	/* two are known from before: they are not run again */
	assert_int_equal(sweep_note_resumed(&s, 0, &passed, NULL), 0);
	assert_int_equal(sweep_note_resumed(&s, 2, &failed, "as before"), 0);
	assert_int_equal(sweep_next(&s), 1);
	assert_int_equal(sweep_next(&s), 3);
	assert_int_equal(sweep_note(&s, 3, &late, output, strlen(output)), 0);
	assert_int_equal(sweep_note(&s, 1, &passed, output, strlen(output)), 0);
	assert_int_equal(sweep_done(&s), 4);
	assert_int_equal(sweep_failures(&s), 2);
	assert_int_equal(s.n_resumed, 2);
	assert_int_equal(s.count[SWEEP_NOT_RUN], 2);
	assert_string_equal(s.results[2].last_words, "as before");
	assert_true(s.results[2].resumed);
	assert_string_equal(s.results[3].last_words, "two");
	assert_int_equal(s.results[3].output_len, strlen(output));
	assert_null(s.results[1].output); /* nobody asks what a good one wrote */
	assert_int_equal(sweep_next(&s), 4);
	assert_int_equal(sweep_next(&s), 5);
	assert_int_equal(sweep_next(&s), SIZE_MAX);
	assert_int_equal(sweep_next(&s), SIZE_MAX);
	sweep_deinit(&s);
	sweep_deinit(&s);
}

static void test_verdict_names(void **state)
{
	(void)state;
	for (int v = SWEEP_PASSED; v < SWEEP_VERDICTS; v++)
		assert_int_equal(sweep_verdict_of(sweep_verdict_name((enum sweep_verdict)v)), v);
	assert_int_equal(sweep_verdict_of("not run"), SWEEP_NOT_RUN);
	assert_int_equal(sweep_verdict_of(""), SWEEP_NOT_RUN);
}

static void test_last_line(void **state)
{
	static const struct {
		const char *output, *line;
	} cases[] = {
		{ "", "" },
		{ "\n \r\n\t", "" },
		{ "one", "one" },
		{ "one\n", "one" },
		{ "one\ntwo", "two" },
		{ "one\n\r\n  two words\t\r\n", "two words" },
	};
	char long_line[SWEEP_LAST_WORDS_MAX + 50];
	const char *line;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = sweep_last_line(cases[i].output, strlen(cases[i].output), &line);

		assert_int_equal(n, strlen(cases[i].line));
		assert_memory_equal(line, cases[i].line, n);
	}
	memset(long_line, 'x', sizeof(long_line));
	assert_int_equal(sweep_last_line(long_line, sizeof(long_line), &line),
			 SWEEP_LAST_WORDS_MAX);
}

/* Bounds as R's binom.test() (none, all) and prop.test(correct = FALSE) have them. */
static void test_share(void **state)
{
	static const struct {
		size_t failed, of;
		const char *words;
	} cases[] = {
		{ 0, 0, "" },
		{ 1, 1, "" },
		{ 0, 200, "95 % sure: fewer than 1.5 % of seeds fail" },
		{ 0, 2, "95 % sure: fewer than 78 % of seeds fail" },
		{ 200, 200, "95 % sure: more than 99 % of seeds fail" },
		{ 3, 200, "95 % sure: 0.5 % to 4.3 % of seeds fail" },
		{ 50, 100, "95 % sure: 40 % to 60 % of seeds fail" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf b = { 0 };

		sweep_describe_share(&b, cases[i].failed, cases[i].of);
		assert_string_equal(buf_text(&b), cases[i].words);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seeds),     cmocka_unit_test(test_bad_seeds),
		cmocka_unit_test(test_results),   cmocka_unit_test(test_verdict_names),
		cmocka_unit_test(test_last_line), cmocka_unit_test(test_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
