/* SPDX-License-Identifier: MIT */
/* cp on the command line: which argument is a path in a node, which one is the host's, against a fake lab. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "support/fake_lab.h"

static void test_arguments(void **state)
{
	static const struct {
		const char *from, *to;
		int code;
		const char *calls, *err; /* err: NULL = nothing is said */
	} cases[] = {
		{ "x", "ring:web:/y", 0, "copy x ring:web:/y\n", NULL },
		{ "ring:web:y/z", ".", 0, "copy ring:web:y/z .\n", NULL },
		{ "-", "ring:web:/y", 0, "copy - ring:web:/y\n", NULL },
		{ "ring:web:/y", "-", 0, "copy ring:web:/y -\n", NULL },
		{ "./a:b", "ring:web:/a:b", 0, "copy ./a:b ring:web:/a:b\n", NULL },
		{ "/a:b", "ring:web:/", 0, "copy /a:b ring:web:/\n", NULL },
		{ "dir/a:b", "ring:web:/", 0, "copy dir/a:b ring:web:/\n", NULL },
		{ "ring:web:a:b", "x", 0, "copy ring:web:a:b x\n", NULL },
		{ "ring:a:/x", "dumbbell:web:/y", 0, "copy ring:a:/x dumbbell:web:/y\n", NULL },
		{ "x", "y", 2, "", "no argument names a node" },
		{ "-", "-", 2, "", "no argument names a node" },
		{ "x", "ring:web:", 2, "", "'ring:web:' has no path" },
		{ "x", "gone:web:/y", 1, "", "lab 'gone' is not running" },
		{ "x", "web:/y", 2, "", "which lab?" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_answer_ struct cli_answer a = { 0 };
		const char *calls;

		fake_lab_reset();
		a = fake_cli("cp", cases[i].from, cases[i].to, NULL);
		if (a.code != cases[i].code)
			fail_msg("%s %s: exit code %d: %s", cases[i].from, cases[i].to, a.code,
				 a.err);
		calls = buf_text(&fake_lab.calls);
		calls = calls ? strstr(calls, "copy ") : NULL;
		assert_string_equal(calls ? calls : "", cases[i].calls);
		if (cases[i].err && !strstr(a.err, cases[i].err))
			fail_msg("no '%s' in: %s", cases[i].err, a.err);
		if (!cases[i].err)
			assert_string_equal(a.err, "");
	}
}

static void test_many_and_streams(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("cp", "a", "b", "ring:web:/dir", NULL);

	(void)state;
	assert_int_equal(a.code, 0);
	assert_non_null(strstr(buf_text(&fake_lab.calls), "copy a b ring:web:/dir\n"));
	cli_answer_deinit(&a);
	a = fake_cli("cp", "a", "-", "ring:web:/dir", NULL);
	assert_int_equal(a.code, 2);
	assert_non_null(strstr(a.err, "'-' goes with one other argument only"));
	cli_answer_deinit(&a);
	a = fake_cli("cp", "a", NULL);
	assert_int_equal(a.code, 2);
	assert_non_null(strstr(a.err, "what to copy, and where to"));
}

static void test_failure(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	fake_lab.fail = "copy";
	a = fake_cli("cp", "x", "ring:web:/y", NULL);
	assert_int_equal(a.code, 1);
	assert_string_equal(a.err, "netlab: the fake fails\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_lab_setup, fake_lab_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(arguments),
		TEST(many_and_streams),
		TEST(failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
