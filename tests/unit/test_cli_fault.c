/* SPDX-License-Identifier: MIT */
/* netlab fault: what it asks of the lab, what it prints, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "support/fake_lab.h"

static void assert_asked(const char *expected)
{
	if (!strstr(buf_text(&fake_lab.calls), expected))
		fail_msg("'%s' is not in:\n%s", expected, buf_text(&fake_lab.calls));
}

/* Every option, and every way to say what is done. */
static void test_add(void **state)
{
	static const struct {
		const char *action, *json;
	} actions[] = {
		{ "drop", "\"drop\"" },
		{ "duplicate", "\"duplicate\"" },
		{ "corrupt", "\"corrupt\"" },
		{ "corrupt=bit:480", "{\"corrupt\":{\"bit\":480}}" },
		{ "corrupt=byte:60", "{\"corrupt\":{\"byte\":60}}" },
		{ "delay=200ms", "{\"delay\":\"200ms\"}" },
		{ "hold=3", "{\"hold_until\":3}" },
		{ "hold_until=3", "{\"hold_until\":3}" },
	};
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		char wanted[200];

		fake_lab_reset();
		cli_answer_deinit(&a);
		a = fake_cli("fault", "add", "ring:a--b", "--do", actions[i].action, NULL);
		assert_int_equal(a.code, 0);
		assert_string_equal(a.out, "3\n");
		(void)snprintf(wanted, sizeof(wanted),
			       "fault add ring {\"do\":%s,\"link\":\"a--b\"}\n", actions[i].json);
		assert_asked(wanted);
	}
	cli_answer_deinit(&a);
	a = fake_cli("fault", "add", "ring:a--b", "--from", "b", "--match", "tcp port 80", "--nth",
		     "1,3-5", "--after", "2s", "--for", "500ms", "--do", "drop", "--json", NULL);
	assert_int_equal(a.code, 0);
	assert_non_null(strstr(a.out, "\"id\": 3"));
	assert_asked(
		"fault add ring {\"after\":\"2s\",\"do\":\"drop\",\"for\":\"500ms\",\"from\":\"b\","
		"\"link\":\"a--b\",\"match\":\"tcp port 80\",\"nth\":[\"1\",\"3-5\"]}\n");
	cli_answer_deinit(&a);
	a = fake_cli("fault", "add", "ring:a--b", "--every", "10", "--first", "2", "--do", "drop",
		     NULL);
	assert_asked("{\"do\":\"drop\",\"every\":10,\"first\":2,\"link\":\"a--b\"}");
}

static void test_list(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("fault", "ls", "ring", NULL);

	(void)state;
	assert_int_equal(a.code, 0);
	assert_string_equal(a.out,
			    "ID  LINK         MATCH         PACKETS  DO         MATCHED  ACTED\n"
			    " 1  a--b from b  icmp          1,3-5    drop             4      2\n"
			    " 2  a--b         every packet  all      delay 1ms    7 + 0  7 + 0\n");
	cli_answer_deinit(&a);
	a = fake_cli("fault", "ls", "ring", "--json", NULL);
	assert_int_equal(a.out[0], '[');
}

static void test_remove(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("fault", "rm", "ring:2", NULL);

	(void)state;
	assert_int_equal(a.code, 0);
	assert_asked("fault rm ring 2\n");
	cli_answer_deinit(&a);
	a = fake_cli("fault", "rm", "--all", "ring", "--json", NULL);
	assert_asked("fault rm ring 0\n");
	assert_non_null(strstr(a.out, "\"removed\": 2"));
}

static void test_refused(void **state)
{
	static const struct {
		const char *args[6];
		const char *err;
	} cases[] = {
		{ { "add", "ring:a--b" }, "fault add: --do is missing" },
		{ { "add", "--do", "drop" }, "fault add: the link is missing" },
		{ { "add", "ring:a--b", "--do", "corrupt=word:3" },
		  "'--do corrupt=word:3' is nothing" },
		{ { "add", "ring:a--b", "--do", "hold=x" }, "'--do hold=x' is nothing" },
		{ { "add", "ring:a--b", "--do", "delay" }, "'--do delay' is nothing" },
		{ { "add", "ring:a--b", "--do", "lose" }, "one of drop, duplicate, corrupt," },
		{ { "add", "ring:a--b", "--do", "drop", "--every", "x" },
		  "--every 'x' is no number" },
		{ { "add", "ring:a--b", "--do", "drop", "--all" }, "it does not take --all" },
		{ { "ls", "--nth", "1" }, "fault ls: it does not take --nth" },
		{ { "rm" }, "fault rm: which rule is missing" },
		{ { "rm", "ring:x" }, "'ring:x' is no number of a rule" },
		{ { "rm", "ring:1", "2" }, "'2' is one too many" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const *w = cases[i].args;
		_cleanup_answer_ struct cli_answer a = fake_cli("fault", w[0], w[1], w[2], w[3],
								w[4], w[5], NULL);

		assert_int_equal(a.code, 2);
		if (!strstr(a.err, cases[i].err))
			fail_msg("'%s' is not in '%s'", cases[i].err, a.err);
	}
	assert_null(strstr(buf_text(&fake_lab.calls) ? buf_text(&fake_lab.calls) : "", "fault "));
}

/* A rule that matched nothing is named; one that did is not. */
static void test_idle(void **state)
{
	static const char stats[] =
		"{\"name\": \"ring\", \"links\": {}, \"faults\": ["
		"{\"id\": 1, \"link\": \"a--b\", \"match\": \"icmp\", \"->\": {\"matched\": 0, \"acted\": 0}},"
		"{\"id\": 2, \"link\": \"a--b\", \"->\": {\"matched\": 0, \"acted\": 0}, \"<-\": {\"matched\": 1, "
		"\"acted\": 0}}]}";
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	fake_lab.stats[0] = stats;
	a = fake_cli("stats", "ring", NULL);
	assert_string_equal(a.err,
			    "netlab: warning: fault 1 (link 'a--b', icmp) has matched no packet\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add, fake_lab_setup, fake_lab_teardown),
		cmocka_unit_test_setup_teardown(test_list, fake_lab_setup, fake_lab_teardown),
		cmocka_unit_test_setup_teardown(test_remove, fake_lab_setup, fake_lab_teardown),
		cmocka_unit_test_setup_teardown(test_refused, fake_lab_setup, fake_lab_teardown),
		cmocka_unit_test_setup_teardown(test_idle, fake_lab_setup, fake_lab_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
