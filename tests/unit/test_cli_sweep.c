/* SPDX-License-Identifier: MIT */
/* netlab sweep: verdicts, the table, JSON and JUnit, the journal and what it refuses, exit codes. */
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
#include "cli/sweep.h"
#include "support/fake_lab.h"

/* A file's name that nobody has; the file is not there. */
static void new_path(char path[static 64])
{
	int fd;

	(void)snprintf(path, 64, "/tmp/netlab-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(unlink(path), 0);
}

static char *read_text(const char *path)
{
	static char text[16384];
	FILE *file = fopen(path, "re");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[n] = '\0';
	return text;
}

/* Labs of a sweep have names of their own: the fake has to be told that they run. */
static void every_lab_runs(void)
{
	fake_lab.any_runs = true;
}

static void test_all_pass(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	every_lab_runs();
	a = fake_cli_input(two_hosts, "sweep", "-", "--seeds", "1..20", "-j", "3", "--", "make",
			   "test", NULL);
	assert_int_equal(a.code, 0);
	assert_contains(a.out, "all 20 seeds passed (95 % sure: fewer than 14 % of seeds fail); ");
	assert_contains(a.out, ", 3 at a time\n");
	assert_null(strstr(a.out, "SEED"));
	assert_string_equal(a.err, "");
	cli_answer_deinit(&a);
	a = fake_cli_input(two_hosts, "sweep", "-", "--seeds", "1..3", "-q", "--", "true", NULL);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.out, "");
}

static void test_some_fail(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	every_lab_runs();
	fake_lab.only_env = "NETLAB_SEED=13";
	fake_lab.status = 42;
	a = fake_cli_input(two_hosts, "sweep", "-", "--seeds", "1..20", "--engine", "wire", "--",
			   "sh", "-c", "it's $NETLAB_SEED", NULL);
	assert_int_equal(a.code, 1);
	assert_contains(a.out, "SEED  EXIT     TIME  LAST WORDS\n  13  42    ");
	assert_contains(a.out, "\n1 of 20 seeds failed (95 % sure: 0.9 % to 24 % of seeds fail); ");
	assert_contains(
		a.out,
		"\nagain: netlab run - --seed 13 --engine wire -- sh -c 'it'\\''s $NETLAB_SEED'\n");
}

static void test_json(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	json_t *doc, *failure;

	(void)state;
	every_lab_runs();
	fake_lab.only_env = "NETLAB_SEED=2";
	fake_lab.timed_out = true;
	fake_lab.status = 143;
	a = fake_cli_input(two_hosts, "--json", "sweep", "-", "--seeds", "2,18446744073709551615",
			   "--timeout", "1s", "--", "true", NULL);
	/* the fake's time is up for both */
	assert_int_equal(a.code, 1);
	doc = json_loads(a.out, 0, NULL);
	assert_non_null(doc);
	assert_string_equal(json_string_value(json_object_get(doc, "lab")), "two");
	assert_int_equal(json_integer_value(json_object_get(doc, "seeds")), 2);
	assert_int_equal(json_integer_value(json_object_get(doc, "timed_out")), 2);
	assert_int_equal(json_integer_value(json_object_get(doc, "passed")), 0);
	assert_true(json_is_null(json_object_get(doc, "interrupted_by")));
	failure = json_array_get(json_object_get(doc, "failures"), 0);
	assert_int_equal(json_integer_value(json_object_get(failure, "seed")), 2);
	assert_string_equal(json_string_value(json_object_get(failure, "verdict")), "timeout");
	failure = json_array_get(json_object_get(doc, "failures"), 1);
	/* more than JSON readers keep: as for `show` */
	assert_string_equal(json_string_value(json_object_get(failure, "seed")),
			    "18446744073709551615");
	json_decref(doc);
}

static void test_until_fail(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	every_lab_runs();
	fake_lab.only_env = "NETLAB_SEED=3";
	fake_lab.status = 1;
	a = fake_cli_input(two_hosts, "sweep", "-", "--seeds", "1..900", "--until-fail", "-j", "1",
			   "--", "true", NULL);
	assert_int_equal(a.code, 1);
	assert_contains(a.out, "\n1 of 3 seeds failed; ");
	assert_contains(a.out, "\n897 were not run: --until-fail\n");
}

static void test_strict(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	every_lab_runs();
	fake_lab.stats[0] = "{\"links\": {\"a--b\": {\"->\": {\"dropped_host\": 5}}}}";
	a = fake_cli_input(two_hosts, "sweep", "-", "--seeds", "1..4", "--strict", "--", "true",
			   NULL);
	assert_int_equal(a.code, 6);
	assert_contains(a.out, "0 of 4 seeds failed ");
	assert_contains(a.out, "\n4 passed on a host that was too slow to trust that (--strict)\n");
}

static void test_usage(void **state)
{
	static const struct {
		const char *args[8];
		int code;
		const char *err;
	} cases[] = {
		{ { "-", "--", "true" },
		  2,
		  "netlab: sweep: the seeds are missing (write --seeds 1..200)\n" },
		{ { "-", "--seeds", "9..1", "--", "true" },
		  2,
		  "netlab: --seeds: '9..1' runs backwards: 9 comes after 1 (write 1..9)\n" },
		{ { "-", "--seeds", "1..2", "-j", "0", "--", "true" },
		  2,
		  "netlab: --jobs: '0' is no whole number from 1 to 1000\n" },
		{ { "-", "--seeds", "1..2", "--jobs", "x", "--", "true" },
		  2,
		  "netlab: --jobs: 'x' is no whole number from 1 to 1000\n" },
		{ { "-", "--seeds", "1..2", "--timeout", "5", "--", "true" },
		  2,
		  "netlab: --timeout: '5' is no time" },
		{ { "-", "--seeds", "1..2", "--in", "alpah", "--", "true" },
		  2,
		  "netlab: --in: lab 'two' has no node 'alpah' (did you mean 'alpha'?)\n" },
		{ { "-", "--seeds", "1..2", "--seed", "3", "--", "true" },
		  2,
		  "netlab: sweep: unknown option '--seed' (did you mean '--seeds'?)\n" },
		{ { "-", "--seeds", "1..2" }, 2, "netlab: sweep: the command to run is missing" },
		{ { "-", "--seeds", "1..2", "--junit", "/nonexistent/x", "--", "true" },
		  125,
		  "netlab: --junit: opening '/nonexistent/x': No such file or directory\n" },
		{ { "-", "--seeds", "1..2", "--resume", "/nonexistent/x", "--", "true" },
		  125,
		  "netlab: opening '/nonexistent/x': No such file or directory\n" },
		{ { "-", "--seeds", "1..2", "--resume", "/tmp", "--", "true" },
		  2,
		  "netlab: --resume: the directory '/tmp' has no sweep in it (begin one with --record DIR)\n" },
		{ { "-", "--seeds", "1..2", "--record", "/tmp", "--", "true" },
		  2,
		  "netlab: --record: '/tmp' is not empty (go on with the sweep in it by --resume /tmp, or name another directory)\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const *p = cases[i].args;
		_cleanup_answer_ struct cli_answer a = fake_cli_input(
			two_hosts, "sweep", p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], NULL);

		assert_contains(a.err, cases[i].err);
		assert_int_equal(a.code, cases[i].code);
		assert_string_equal(a.out, "");
		assert_null(strstr(buf_text(&fake_lab.calls), "up "));
	}
	{
		_cleanup_answer_ struct cli_answer a = fake_cli_input(
			"{\"nodes\": 1}", "sweep", "-", "--seeds", "1", "--", "true", NULL);

		assert_int_equal(a.code, 3);
	}
}

/* What netlab itself cannot do is said once, and ends the sweep. */
static void test_netlab_fails(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	fake_lab.fail = "up";
	a = fake_cli_input(two_hosts, "sweep", "-", "--seeds", "5..900", "-j", "1", "--", "true",
			   NULL);
	assert_int_equal(a.code, 125);
	assert_string_equal(a.err, "netlab: seed 5: the fake fails\n");
	assert_string_equal(a.out, "");
	cli_answer_deinit(&a);

	fake_lab_reset();
	every_lab_runs();
	fake_lab.not_executed = true;
	fake_lab.status = 127;
	for (int in = 0; in < 2; in++) {
		a = in ? fake_cli_input(two_hosts, "sweep", "-", "--seeds", "1..900", "--in",
					"beta", "--", "nothing", NULL)
		       : fake_cli_input(two_hosts, "sweep", "-", "--seeds", "1..900", "--",
					"nothing", NULL);
		assert_int_equal(a.code, 127);
		assert_string_equal(a.err, "netlab: running 'nothing': not found\n");
		assert_string_equal(a.out, "");
		cli_answer_deinit(&a);
	}

	/* its own 127 is a verdict like any other */
	fake_lab.not_executed = false;
	a = fake_cli_input(two_hosts, "sweep", "-", "--seeds", "1..2", "--", "sh", NULL);
	assert_int_equal(a.code, 1);
	assert_string_equal(a.err, "");
}

static void test_junit(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	char path[64];
	const char *text;

	(void)state;
	new_path(path);
	every_lab_runs();
	fake_lab.only_env = "NETLAB_SEED=2";
	fake_lab.status = 9;
	fake_lab.says = "<bad> & \"worse\"\033\xff\n";
	a = fake_cli_input(two_hosts, "sweep", "-", "--seeds", "1..3", "--junit", path, "--",
			   "true", NULL);
	assert_int_equal(a.code, 1);
	text = read_text(path);
	assert_contains(text, "<testsuite name=\"netlab sweep two\" tests=\"3\" failures=\"1\" "
			      "errors=\"0\" skipped=\"0\" time=\"");
	assert_contains(text, "<testcase classname=\"two\" name=\"seed 1\" time=\"");
	assert_contains(text, "><failure type=\"failed\" message=\"exit code 9: &lt;bad&gt; &amp; "
			      "&quot;worse&quot;\xef\xbf\xbd\xef\xbf\xbd\">&lt;bad&gt;");
	assert_int_equal(unlink(path), 0);
}

static void test_resume(void **state)
{
	static const char cut[] = "{\"seed\":9,\"verd";
	_cleanup_answer_ struct cli_answer a = { 0 };
	char path[64];
	FILE *file;

	(void)state;
	new_path(path);
	every_lab_runs();
	fake_lab.only_env = "NETLAB_SEED=2";
	fake_lab.status = 9;
	fake_lab.says = "so it goes\n";
	a = fake_cli_input(two_hosts, "sweep", "-", "--seeds", "1..3", "--resume", path, "--",
			   "true", NULL);
	assert_int_equal(a.code, 1);
	cli_answer_deinit(&a);
	/* the writer was killed in the middle of a line */
	file = fopen(path, "ae");
	assert_non_null(file);
	(void)fputs(cut, file);
	(void)fclose(file);

	/* seed 2 would pass now: it is not asked again, and is told as it was */
	fake_lab.only_env = "NETLAB_SEED=4";
	a = fake_cli_input(two_hosts, "--json", "sweep", "-", "--seeds", "2..5", "--resume", path,
			   "--", "true", NULL);
	assert_int_equal(a.code, 1);
	assert_contains(a.out, "\"resumed\": 2,");
	assert_contains(a.out, "\"passed\": 2,");
	assert_contains(a.out, "\"failed\": 2,");
	assert_contains(a.out, "\"last_words\": \"so it goes\"");
	cli_answer_deinit(&a);

	/* nothing is left to do */
	a = fake_cli_input(two_hosts, "sweep", "-", "--seeds", "1..5", "--resume", path,
			   "--until-fail", "--", "true", NULL);
	assert_int_equal(a.code, 1);
	assert_contains(a.out, "2 of 5 seeds failed\n5 were done before\n");
	assert_int_equal(unlink(path), 0);
}

static void test_resume_refuses(void **state)
{
	static const char other[] =
		"{\"name\": \"two\", \"nodes\": {\"alpha\": {}, \"beta\": {}},\n"
		" \"links\": [{\"endpoints\": [\"alpha\", \"beta\"]}]}\n";
	static const struct {
		const char *topology;
		const char *args[5]; /* from the command's dashes on, or options before */
		const char *err;
	} cases[] = {
		{ two_hosts, { "--", "true", "x" }, "is of a sweep of another command: 'true' (" },
		{ two_hosts, { "--", "false" }, "is of a sweep of another command: 'true' (" },
		{ other,
		  { "--", "true" },
		  "is of a sweep of another topology: 'stdin' as it was then (" },
		{ two_hosts,
		  { "--engine", "wire", "--", "true" },
		  "is of a sweep without --engine, and this one is with --engine wire (" },
		{ two_hosts,
		  { "--in", "alpha", "--", "true" },
		  "is of a sweep without --in, and this one is with --in alpha (" },
		{ two_hosts,
		  { "--timeout", "3s", "--", "true" },
		  "is of a sweep without --timeout, and this one is with --timeout 3s (" },
		{ two_hosts,
		  { "--strict", "--", "true" },
		  "is of a sweep without --strict, and this one is with it (" },
	};
	_cleanup_answer_ struct cli_answer a = { 0 };
	char path[64], damaged[64];
	FILE *file;

	(void)state;
	new_path(path);
	every_lab_runs();
	a = fake_cli_input(two_hosts, "sweep", "-", "--seeds", "1", "--resume", path, "--", "true",
			   NULL);
	assert_int_equal(a.code, 0);
	cli_answer_deinit(&a);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const *p = cases[i].args;

		a = fake_cli_input(cases[i].topology, "sweep", "-", "--seeds", "1..2", "--resume",
				   path, p[0], p[1], p[2], p[3], p[4], NULL);
		assert_int_equal(a.code, 2);
		assert_contains(a.err, cases[i].err);
		cli_answer_deinit(&a);
	}
	/* a line that is none; a file that never was a journal, and is left as it is */
	for (int i = 0; i < 4; i++) {
		static const char *const add[] = { "{\"seed\": 1}\n", "[]\n", "\n", "" };

		new_path(damaged);
		file = fopen(damaged, "we");
		assert_non_null(file);
		(void)fprintf(file, "%s%s", i < 2 ? read_text(path) : "my own notes", add[i]);
		(void)fclose(file);
		a = fake_cli_input(two_hosts, "sweep", "-", "--seeds", "1..2", "--resume", damaged,
				   "--", "true", NULL);
		assert_int_equal(a.code, 2);
		assert_contains(a.err, i < 2 ? "is damaged: line 3 is no result of a seed ("
					     : "is no journal of a sweep (");
		if (i >= 2)
			assert_true(strncmp(read_text(damaged), "my own notes", 12) == 0);
		assert_int_equal(unlink(damaged), 0);
		cli_answer_deinit(&a);
	}
	assert_int_equal(unlink(path), 0);
}

static void test_lab_names(void **state)
{
	char name[NAME_MAX_BYTES + 1], base[NAME_MAX_BYTES + 1], other[NAME_MAX_BYTES + 1];

	(void)state;
	memset(base, 'n', sizeof(base) - 1);
	base[sizeof(base) - 1] = '\0';
	sweep_lab_name(base, UINT64_MAX, name);
	sweep_lab_name(base, UINT64_MAX - 1, other);
	assert_null(name_check(name));
	assert_string_not_equal(name, other);
	sweep_lab_name("two", 7, name);
	(void)snprintf(other, sizeof(other), "two.%d.7", (int)getpid());
	assert_string_equal(name, other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_lab_setup, fake_lab_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(all_pass), TEST(some_fail),      TEST(json),         TEST(until_fail),
		TEST(strict),   TEST(usage),          TEST(netlab_fails), TEST(junit),
		TEST(resume),   TEST(resume_refuses), TEST(lab_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
