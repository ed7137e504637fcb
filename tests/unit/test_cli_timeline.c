/* SPDX-License-Identifier: MIT */
/* What the command line says of a timeline: show's table, run's failures, the logs of its commands, check's findings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/describe.h"
#include "support/fake_lab.h"

static const char shown[] =
	"{\"name\": \"two\", \"engine\": \"auto\", \"seed\": 7,"
	" \"nodes\": {\"alpha\": {\"kind\": \"host\", \"state\": \"running\", \"pid\": 1, \"interfaces\": [], \"services\": [],"
	"   \"commands\": [{\"name\": \"timeline--2\", \"state\": \"exited\", \"exit_code\": 1}]}},"
	" \"links\": {},"
	" \"timeline\": [{\"at_ms\": 1500.0, \"link\": \"ab\", \"from\": \"alpha\", \"state\": \"waiting\", \"done\": false},"
	"  {\"at_ms\": 100.0, \"exec\": {\"node\": \"alpha\", \"run\": [\"sh\", \"-c\", \"exit 1\"], \"log\": \"timeline--2\"},"
	"   \"state\": \"failed\", \"done\": false, \"began_ms\": 101.5, \"exit_code\": 1, \"error\": \"exit code 1\"},"
	"  {\"when\": {\"packet\": [\"ab\", \"icmp\", 3]}, \"link\": \"ab\", \"state\": \"failed\", \"began_ms\": 7.0,"
	"   \"error\": \"no good\"},"
	"  {\"when\": {\"log\": [\"alpha/web\", \"x y\"]}, \"link\": \"ab\", \"state\": \"done\", \"done\": true, \"began_ms\": 9.0}]}";

static const char with_timeline[] =
	"{\"name\": \"two\", \"seed\": 7, \"nodes\": {\"alpha\": {}, \"beta\": {}}, \"links\": [{\"endpoints\": [\"alpha\", \"beta\"]}],"
	" \"timeline\": [{\"at\": \"1s\", \"link\": \"alpha--beta\", \"down\": true}]}";

static int setup(void **state)
{
	(void)state;
	fake_lab_reset();
	fake_lab.running[2] = "two";
	fake_lab.show = shown;
	return 0;
}

static void test_show(void **state)
{
	_cleanup_answer_ struct cli_answer all = fake_cli("show", "two", NULL);
	_cleanup_answer_ struct cli_answer one = fake_cli("show", "two", "alpha", NULL);

	(void)state;
	assert_int_equal(all.code, 0);
	assert_contains(
		all.out,
		"EVENT  WHEN               WHAT                         STATE    BEGAN   ERROR\n"
		"    1  1.500s             link ab from alpha           waiting  -       -\n"
		"    2  0.100s             exec in alpha: sh -c exit 1  failed   0.102s  exit code 1\n"
		"    3  packet ab icmp #3  link ab                      failed   0.007s  no good\n"
		"    4  log alpha/web x y  link ab                      done     0.009s  -\n");
	assert_int_equal(one.code, 0);
	assert_null(strstr(one.out, "EVENT"));
}

static void test_run(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli_input(with_timeline, "run", "-", "--",
							      "true", NULL);
	_cleanup_answer_ struct cli_answer quiet = fake_cli_input(with_timeline, "run", "-", "-q",
								  "--", "true", NULL);

	(void)state;
	assert_int_equal(a.code, 0);
	assert_contains(a.err, "netlab: timeline: event 2 (exec in 'alpha') failed: exit code 1\n");
	assert_contains(a.err, "netlab: timeline: event 3 (link 'ab') failed: no good\n");
	assert_null(strstr(a.err, "event 1"));
	assert_null(strstr(a.err, "event 4"));
	assert_string_equal(a.out, "");
	assert_string_equal(quiet.err, "");
}

static void test_logs(void **state)
{
	_cleanup_answer_ struct cli_answer good = fake_cli("logs", "two:alpha/timeline--2", NULL);
	_cleanup_answer_ struct cli_answer bad = fake_cli("logs", "two:alpha/timeline--3", NULL);

	(void)state;
	assert_int_equal(good.code, 0);
	assert_int_equal(bad.code, 1);
	assert_contains(
		bad.err,
		"node 'alpha' has no service 'timeline--3' (did you mean 'alpha/timeline--2'?)");
}

/* Problems that only the library, or the file system, can tell stand beside the parser's. */
static void test_check(void **state)
{
	static const char bad[] =
		"{\"name\": \"bad\", \"nodes\": {\"a\": {}, \"b\": {}}, \"links\": ["
		" {\"endpoints\": [\"a\", \"b\"], \"delay\": \"1ms\", \"jitter\": \"2ms\"}],"
		" \"timeline\": [{\"when\": {\"packet\": [\"a--b\", \"tpc\"]}, \"link\": \"a--b\", \"down\": true},"
		"  {\"at\": \"1s\", \"link\": \"a--b\", \"rate\": {\"trace\": \"/no/such/trace\"}}]}";
	_cleanup_answer_ struct cli_answer text = fake_cli_input(bad, "check", "-", NULL);
	_cleanup_answer_ struct cli_answer json = fake_cli_input(bad, "check", "-", "--json", NULL);
	json_t *doc = json_loads(json.out, 0, NULL);

	(void)state;
	assert_int_equal(text.code, 3);
	assert_contains(text.out, "stdin: /links/0/jitter: warning: ");
	assert_contains(
		text.out,
		"stdin: /timeline/0/when/packet/1: error: timeline: event 1: 'tpc' is no pcap expression");
	assert_contains(text.out, "/no/such/trace: error: link 'a--b': trace: No such file");
	assert_int_equal(json.code, 3);
	assert_non_null(doc);
	assert_true(json_is_false(json_object_get(doc, "ok")));
	assert_int_equal(json_array_size(json_object_get(doc, "errors")), 2);
	assert_int_equal(json_array_size(json_object_get(doc, "warnings")), 1);
	json_decref(doc);
}

static void test_describe(void **state)
{
	static const struct {
		const char *json, *text;
	} cases[] = {
		{ "{\"delay_ns\": 1000000, \"rate_trace\": {\"trace\": \"/a b\", \"loop\": true}, \"aqm\": \"codel\"}",
		  "delay 1ms rate trace:/a b aqm codel" },
		{ "{\"rate_trace\": {\"trace\": \"/t\", \"loop\": false}}", "rate trace:/t,once" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf b = { 0 };
		json_t *json = json_loads(cases[i].json, 0, NULL);

		cli_describe_impairment(&b, json);
		assert_string_equal(buf_text(&b), cases[i].text);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_show, setup), cmocka_unit_test_setup(test_run, setup),
		cmocka_unit_test_setup(test_logs, setup), cmocka_unit_test_setup(test_check, setup),
		cmocka_unit_test(test_describe),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	fake_lab_reset();
	buf_deinit(&fake_lab.calls);
	return r;
}
