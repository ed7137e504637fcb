/* SPDX-License-Identifier: MIT */
/* link: set, clear, up, down, show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "support/fake_lab.h"

static void test_link(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	json_t *doc;

	(void)state;
	a = fake_cli("link", "set", "ring:a--b", "--from", "a", "delay=20ms", "loss=1%", NULL);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.out, "");
	assert_calls("state_dir default\nlink set ring:a--b from=a delay=20ms loss=1%\n");

	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli("link", "clear", "ring:a--b", "--none", NULL);
	assert_calls("state_dir default\nlink clear ring:a--b from=both none\n");
	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli("link", "down", "ring:a--b", "--json", NULL);
	assert_calls("state_dir default\nlink down ring:a--b from=both\n");
	doc = answer_json(&a);
	assert_string_equal(json_string_value(json_object_get(doc, "link")), "a--b");
	json_decref(doc);
	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli("link", "up", "ring:a--b", NULL);
	assert_calls("state_dir default\nlink up ring:a--b from=both\n");

	cli_answer_deinit(&a);
	a = fake_cli("link", "show", "dumbbell:bottleneck", "--json", NULL);
	doc = answer_json(&a);
	assert_int_equal(json_object_size(doc), 1);
	json_decref(doc);
	cli_answer_deinit(&a);
	a = fake_cli("link", "show", "dumbbell:bottelneck", NULL);
	assert_int_equal(a.code, 1);
	assert_string_equal(
		a.err,
		"netlab: lab 'dumbbell' has no link 'bottelneck' (did you mean 'bottleneck'?)\n");
	fake_lab.running[1] = NULL;
	cli_answer_deinit(&a);
	a = fake_cli("link", "show", NULL);
	assert_contains(a.out, "\nbottleneck  netem");
	assert_contains(a.out, "\nclient--r1  patch");
}

static void test_link_fails(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	fake_lab.fail = "link_change";
	fake_lab.failure = (struct netlab_err){ .code = -ENOENT,
						.exit = NETLAB_EXIT_RUNTIME,
						.message = "no" };
	a = fake_cli("link", "down", "dumbbell:bottlenck", NULL);
	assert_int_equal(a.code, 1);
	assert_string_equal(
		a.err,
		"netlab: lab 'dumbbell' has no link 'bottlenck' (did you mean 'bottleneck'?)\n");
	cli_answer_deinit(&a);
	a = fake_cli("link", "down", "dumbbell:bottleneck", "--from", "wbe", NULL);
	assert_string_equal(a.err,
			    "netlab: lab 'dumbbell' has no node 'wbe' (did you mean 'web'?)\n");
	cli_answer_deinit(&a);
	a = fake_cli("link", "down", "dumbbell:bottleneck", "--from", "web", NULL);
	assert_string_equal(a.err, "netlab: no\n");

	/* a setting that cannot be read is wrong usage */
	fake_lab.failure = (struct netlab_err){ .code = -EINVAL,
						.exit = NETLAB_EXIT_RUNTIME,
						.message = "bad delay" };
	cli_answer_deinit(&a);
	a = fake_cli("link", "set", "dumbbell:bottleneck", "delay=x", NULL);
	assert_int_equal(a.code, 2);
	assert_string_equal(a.err, "netlab: bad delay\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_lab_setup, fake_lab_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(link),
		TEST(link_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
