/* SPDX-License-Identifier: MIT */
/* verify on the command line: what is measured, the table, the JSON, the picture, the exit codes, against a fake lab. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "support/fake_lab.h"

static const char bad[] =
	"{\"name\": \"dumbbell\", \"ok\": false, \"links\": {"
	" \"bottleneck\": {\"endpoints\": [\"r1:eth1\", \"web:eth0\"], \"ok\": false, \"->\": {\"checks\": {"
	"   \"loss\": {\"verdict\": \"differs\", \"asked\": 0.0, \"expected\": 0.0, \"achieved\": 0.1, \"low\": 0.08, \"high\": 0.12,"
	"     \"why\": \"0 % expected, 120 of 1200 found\"}}}, \"<-\": {\"checks\": {}}},"
	" \"client--r1\": {\"endpoints\": [\"client:eth0\", \"r1:eth0\"], \"ok\": false, \"error\": \"node 'r1' is dead\"}}}";

static void test_table(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("verify", "dumbbell", NULL);
	_cleanup_answer_ struct cli_answer all = { 0 };

	(void)state;
	assert_int_equal(a.code, 0);
	assert_string_equal(
		a.out,
		"LINK        FROM    TO   WHAT       ASKED   EXPECTED   ACHIEVED  95 % BOUNDS             VERDICT  \n"
		"bottleneck  r1      web  delay  20.000 ms  20.002 ms  20.060 ms  20.050 ms .. 20.070 ms  ok       \n"
		"                         loss         1 %        1 %     1.25 %  0.8 % .. 2 %            ok       \n"
		"            web     r1   rate     10 Mb/s    10 Mb/s  9.99 Mb/s  9.98 Mb/s .. 10 Mb/s    ok       \n"
		"client--r1  client  r1                                                                   ok       "
		"no carrier, as asked\n");
	assert_string_equal(a.err, "");
	assert_calls("state_dir default\nverify dumbbell duration=0\n");
	/* what was not asked for and did not happen is said when asked */
	assert_null(strstr(a.out, "corrupt"));
	all = fake_cli("verify", "dumbbell", "-v", NULL);
	assert_contains(all.out, "corrupt");
}

static void test_links(void **state)
{
	static const struct {
		const char *args[3];
		bool one_runs;
		int code;
		const char *expected;
	} cases[] = {
		{ { "dumbbell", "bottleneck", "--duration=1s" },
		  false,
		  0,
		  "verify dumbbell duration=1000000000 bottleneck\n" },
		{ { "dumbbell:bottleneck", "client--r1", NULL },
		  false,
		  0,
		  "verify dumbbell duration=0 bottleneck client--r1\n" },
		{ { "bottleneck", "client--r1", NULL },
		  true,
		  0,
		  "verify dumbbell duration=0 bottleneck client--r1\n" },
		{ { NULL, NULL, NULL }, true, 0, "verify dumbbell duration=0\n" },
		{ { "dumbbell", "bottelneck", NULL },
		  false,
		  1,
		  "netlab: lab 'dumbbell' has no link 'bottelneck' (did you mean 'bottleneck'?)\n" },
		{ { "dumbell", NULL, NULL },
		  false,
		  1,
		  "netlab: lab 'dumbell' is not running (did you mean 'dumbbell'?)\n" },
		{ { "nope.json", NULL, NULL },
		  false,
		  3,
		  "netlab: nope.json: reading the topology: No such file or directory" },
		{ { "dumbbell", "--duration=3", NULL },
		  false,
		  2,
		  "netlab: verify: --duration '3' is no time: " },
		{ { "dumbbell", "--duration=1h", NULL },
		  false,
		  2,
		  "netlab: verify: --duration '1h' is not within 100ms and 10m\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_answer_ struct cli_answer a = { 0 };

		fake_lab_reset();
		if (cases[i].one_runs)
			fake_lab.running[1] = NULL;
		a = fake_cli("verify", cases[i].args[0], cases[i].args[0] ? cases[i].args[1] : NULL,
			     cases[i].args[1] ? cases[i].args[2] : NULL, NULL);
		assert_int_equal(a.code, cases[i].code);
		assert_contains(cases[i].code ? a.err : buf_text(&fake_lab.calls),
				cases[i].expected);
	}
}

static void test_differs(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	json_t *doc;

	(void)state;
	fake_lab.verify = bad;
	a = fake_cli("verify", "dumbbell", NULL);
	assert_int_equal(a.code, 6);
	assert_contains(a.out, "differs  0 % expected, 120 of 1200 found\n");
	assert_contains(a.out, "differs  node 'r1' is dead\n");
	assert_contains(a.err, "netlab: lab 'dumbbell': 2 of 2 links are not as asked (");
	cli_answer_deinit(&a);
	a = fake_cli("verify", "dumbbell", "--json", NULL);
	assert_int_equal(a.code, 6);
	doc = json_loads(a.out, 0, NULL); /* one document */
	assert_true(json_is_false(json_object_get(doc, "ok")));
	json_decref(doc);
	cli_answer_deinit(&a);
	fake_lab.fail = "verify";
	a = fake_cli("verify", "dumbbell", NULL);
	assert_int_equal(a.code, 1);
	assert_string_equal(a.err, "netlab: the fake fails\n");
}

static void test_topology(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	a = fake_cli_input(two_hosts, "verify", "-", "--seed", "8", NULL);
	assert_int_equal(a.code, 0);
	assert_calls("state_dir default\nup two in /fake seed=8 timeout=0 bound\n"
		     "verify two duration=0\ndown two in /fake\nhandle_deinit 4711\n");
	/* whatever is found, it is taken down */
	fake_lab_reset();
	fake_lab.verify = bad;
	cli_answer_deinit(&a);
	a = fake_cli_input(two_hosts, "verify", "-", NULL);
	assert_int_equal(a.code, 6);
	assert_contains(buf_text(&fake_lab.calls), "down two in /fake\n");
	fake_lab_reset();
	fake_lab.fail = "verify";
	cli_answer_deinit(&a);
	a = fake_cli_input(two_hosts, "verify", "-", NULL);
	assert_int_equal(a.code, 1);
	assert_contains(buf_text(&fake_lab.calls), "down two in /fake\n");
	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli_input("{", "verify", "-", NULL);
	assert_int_equal(a.code, 3);
	assert_null(strstr(buf_text(&fake_lab.calls), "up "));
}

static void test_plot(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	char path[] = "/tmp/netlab-test-XXXXXX";
	int fd = mkstemp(path);
	char data[64] = "";

	(void)state;
	assert_true(fd >= 0);
	a = fake_cli("verify", "dumbbell", "--plot", path, NULL);
	assert_int_equal(a.code, 0);
	assert_true(read(fd, data, sizeof(data) - 1) > 0);
	assert_int_equal(strncmp(data, "<?xml ", 6), 0);
	(void)close(fd);
	(void)unlink(path);
	cli_answer_deinit(&a);
	a = fake_cli("verify", "dumbbell", "--plot", "/dev/full", NULL);
	assert_int_equal(a.code, 1);
	assert_contains(a.err, "--plot: writing '/dev/full': No space left on device");
	/* told before anything is measured */
	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli("verify", "dumbbell", "--plot", "/nonexistent/x.svg", NULL);
	assert_int_equal(a.code, 1);
	assert_string_equal(
		a.err, "netlab: --plot: opening '/nonexistent/x.svg': No such file or directory\n");
	assert_calls("");
}

static void test_progress(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli_terminal("verify", "dumbbell", NULL);
	_cleanup_answer_ struct cli_answer quiet = fake_cli_terminal("-q", "verify", "dumbbell",
								     NULL);

	(void)state;
	assert_string_equal(a.err, "netlab: measuring, 0 of 2 links done, 0 s\r\033[K");
	assert_string_equal(quiet.err, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_lab_setup, fake_lab_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(table), TEST(links), TEST(differs), TEST(topology), TEST(plot), TEST(progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
