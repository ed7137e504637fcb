/* SPDX-License-Identifier: MIT */
/* up, down and run: what they ask of the backend, what they print where, and their exit codes. */
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

#include "support/fake_lab.h"

/* A file of the test's own; removed by the caller. */
static void write_file(char path[static 64], const char *text)
{
	int fd;

	(void)snprintf(path, 64, "/tmp/netlab-test-XXXXXX.json");
	fd = mkstemps(path, 5);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

/* --- up, down --- */

static void test_up(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	json_t *doc;

	(void)state;
	a = fake_cli_input(two_hosts, "up", "-", "--timeout", "3s", NULL);
	assert_int_equal(a.code, 0);
	assert_calls(
		"state_dir default\nup two in /fake seed=7 timeout=3000000000\nhandle_deinit 4711\n");
	assert_true(strncmp(a.out, "lab 'two' is up: 2 nodes, 1 link, seed 7 (", 41) == 0);
	assert_string_equal(a.err, "");

	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli_input(two_hosts, "up", "-", "--name=n", "--seed=18446744073709551615",
			   "--json", "--engine=netem", NULL);
	assert_int_equal(a.code, 0);
	assert_calls(
		"state_dir default\nup n in /fake seed=18446744073709551615 timeout=0\nhandle_deinit 4711\n");
	doc = answer_json(&a);
	assert_string_equal(json_string_value(json_object_get(doc, "name")), "n");
	/* above what JSON readers take for an integer: as its digits, never rounded */
	assert_string_equal(json_string_value(json_object_get(doc, "seed")),
			    "18446744073709551615");
	assert_int_equal(json_integer_value(json_object_get(doc, "nodes")), 2);
	assert_int_equal(json_integer_value(json_object_get(doc, "links")), 1);
	json_decref(doc);
}

static void test_up_talk(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	fake_lab.phases[0] = "links";
	fake_lab.phases[1] = "addresses";
	fake_lab.phase_ms = 400;
	fake_lab.warning = "the moon is full";
	a = fake_cli_input(two_hosts, "up", "-", "-v", NULL);
	assert_contains(a.err, "links ");
	assert_contains(a.err, "400.00 ms\n");
	assert_contains(a.err, "netlab: warning: the moon is full\n");

	cli_answer_deinit(&a);
	a = fake_cli_input(two_hosts, "up", "-", "-q", NULL);
	assert_string_equal(a.err, "");
	assert_string_equal(a.out, "");

	/* not on a terminal: no progress line, however long it takes */
	cli_answer_deinit(&a);
	a = fake_cli_input(two_hosts, "up", "-", NULL);
	assert_null(strchr(a.err, '\r'));

	/* on a terminal only once half a second is over, and wiped away at the end */
	cli_answer_deinit(&a);
	a = fake_cli_terminal("up", "/dev/null", NULL);
	assert_int_equal(a.code, 3);
	{
		char path[64];

		write_file(path, two_hosts);
		cli_answer_deinit(&a);
		a = fake_cli_terminal("up", path, NULL);
		assert_int_equal(a.code, 0);
		assert_null(strstr(a.err, "1 phases done"));
		assert_contains(a.err, "netlab: 2 phases done, last 'addresses', 0.8 s");
		assert_contains(a.err, "\r\033[K");
		(void)unlink(path);
	}
}

static void test_up_fails(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	json_t *error;

	(void)state;
	fake_lab.fail = "up";
	fake_lab.failure = (struct netlab_err){ .code = -EPERM,
						.exit = NETLAB_EXIT_UNSUPPORTED,
						.where = "node 'alpha'",
						.message = "making a namespace: not permitted",
						.hint = "run as root" };
	a = fake_cli_input(two_hosts, "--json", "up", "-", NULL);
	assert_int_equal(a.code, 4);
	assert_string_equal(
		a.err, "netlab: node 'alpha': making a namespace: not permitted (run as root)\n");
	error = answer_json(&a);
	assert_string_equal(
		a.out, "{\"error\":{\"code\":4,\"message\":\"making a namespace: not permitted\","
		       "\"where\":\"node 'alpha'\",\"hint\":\"run as root\"}}\n");
	json_decref(error);
	assert_null(strstr(buf_text(&fake_lab.calls), "handle_deinit"));
}

static void test_up_invalid(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli_input(two_broken, "up", "-", "--json",
							      NULL);
	json_t *doc = answer_json(&a), *error = json_object_get(doc, "error");

	(void)state;
	assert_int_equal(a.code, 3);
	assert_int_equal(json_integer_value(json_object_get(error, "code")), 3);
	assert_string_equal(json_string_value(json_object_get(error, "message")),
			    "the topology is invalid: 2 errors");
	assert_int_equal(json_array_size(json_object_get(doc, "errors")), 2);
	json_decref(doc);
	assert_calls("");
}

static void test_down(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	json_t *doc;

	(void)state;
	a = fake_cli("down", "ring", "gone", NULL);
	assert_int_equal(a.code, 0);
	assert_calls("state_dir default\ndown ring in /fake\ndown gone in /fake\n");
	assert_string_equal(a.out, "lab 'ring' is down\nlab 'gone' was not running\n");

	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli("down", "--all", "--json", NULL);
	assert_int_equal(a.code, 0);
	assert_calls("state_dir default\ndown dumbbell in /fake\ndown ring in /fake\n");
	doc = answer_json(&a);
	assert_int_equal(json_array_size(doc), 2);
	assert_true(json_is_true(json_object_get(json_array_get(doc, 1), "was_running")));
	json_decref(doc);

	/* no argument: the only one; several: which? none: fine */
	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli("down", NULL);
	assert_int_equal(a.code, 2);
	assert_string_equal(a.err, "netlab: which lab? 2 are running: dumbbell, ring (name one)\n");
	fake_lab.running[1] = NULL;
	cli_answer_deinit(&a);
	a = fake_cli("down", NULL);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.out, "lab 'dumbbell' is down\n");
	fake_lab.running[0] = NULL;
	cli_answer_deinit(&a);
	a = fake_cli("down", NULL);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.err, "netlab: no lab is running\n");
}

static void test_down_files(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	char path[64], call[128];

	(void)state;
	/* its name, although the file has since been edited into something invalid */
	write_file(path, "{\"name\": \"ring\", \"nodes\": 17}");
	a = fake_cli("down", path, NULL);
	assert_int_equal(a.code, 0);
	assert_calls("state_dir default\ndown ring in /fake\n");
	(void)unlink(path);

	/* without a name: the file's */
	fake_lab_reset();
	write_file(path, "{}");
	cli_answer_deinit(&a);
	a = fake_cli("down", path, NULL);
	assert_int_equal(a.code, 0);
	(void)snprintf(call, sizeof(call), "state_dir default\ndown %.*s in /fake\n",
		       (int)strlen(path) - 10, path + 5);
	assert_calls(call);
	(void)unlink(path);

	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli("down", "./nothing.json", "ring", NULL);
	assert_int_equal(a.code, 3);
	assert_contains(a.err, "./nothing.json");
	assert_calls(
		"state_dir default\ndown ring in /fake\n"); /* the other one is stopped all the same */

	fake_lab_reset();
	/* one that is not there is no lab that is not running; but a lab may be named like one */
	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli("down", "nope.json", NULL);
	assert_int_equal(a.code, 3);
	assert_string_equal(a.err, "netlab: nope.json: reading the topology: No such file or "
				   "directory (name the lab instead, see 'netlab ls')\n");
	assert_null(strstr(buf_text(&fake_lab.calls), "down nope"));
	fake_lab_reset();
	fake_lab.running[2] = "nope.json";
	cli_answer_deinit(&a);
	a = fake_cli("down", "nope.json", NULL);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.out, "lab 'nope.json' is down\n");

	cli_answer_deinit(&a);
	a = fake_cli("down", "a b", NULL);
	assert_int_equal(a.code, 2);
	assert_contains(a.err, "'a b' is no name of a lab: ");
}

static void test_down_incomplete(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	fake_lab.fail = "down";
	fake_lab.failure = (struct netlab_err){ .code = -ETIME,
						.exit = NETLAB_EXIT_TEARDOWN,
						.message = "left: process 12" };
	a = fake_cli("down", "ring", NULL);
	assert_int_equal(a.code, 5);
	assert_string_equal(a.err, "netlab: left: process 12\n");
}

/* --- run --- */

static void test_run(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	fake_lab.running[2] = "two";
	fake_lab.status = 42;
	a = fake_cli_input(two_hosts, "run", "-", "--", "make", "test", NULL);
	assert_int_equal(a.code, 42);
	assert_calls(
		"state_dir default\nup two in /fake seed=7 timeout=0 bound\n"
		"command env=[NETLAB_LAB=two|NETLAB_SEED=7|NETLAB_STATE_DIR=/fake] argv=[make|test]\n"
		"stats two\n"
		"down two in /fake\nhandle_deinit 4711\n");
	assert_string_equal(a.out, "");
	assert_string_equal(a.err, "netlab: lab 'two', seed 7\n");

	fake_lab_reset();
	fake_lab.running[2] = "two";
	cli_answer_deinit(&a);
	a = fake_cli_input(two_hosts, "run", "-", "-q", "--in", "beta", "--timeout", "9s", "--",
			   "ping", NULL);
	assert_int_equal(a.code, 0);
	assert_contains(buf_text(&fake_lab.calls), " timeout\n");
	assert_contains(
		buf_text(&fake_lab.calls),
		"exec two:beta user=- cwd=- env=[NETLAB_LAB=two|NETLAB_SEED=7|NETLAB_STATE_DIR=/fake] "
		"argv=[ping]\n");
	assert_string_equal(a.err, "");
}

static void test_run_fails(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	fake_lab.running[2] = "two";
	/* the lab does not come up: nothing is run, nothing is taken down */
	fake_lab.fail = "up";
	a = fake_cli_input(two_hosts, "run", "-", "--", "true", NULL);
	assert_int_equal(a.code, 125);
	assert_calls("state_dir default\nup two in /fake seed=7 timeout=0 bound\n");

	/* no such node: nothing is brought up */
	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli_input(two_hosts, "run", "-", "--in", "alpah", "--", "true", NULL);
	assert_int_equal(a.code, 125);
	assert_contains(a.err,
			"netlab: --in: lab 'two' has no node 'alpah' (did you mean 'alpha'?)\n");
	assert_null(strstr(buf_text(&fake_lab.calls), "up "));

	/* no such command: said, and the lab is taken down */
	fake_lab_reset();
	fake_lab.running[2] = "two";
	fake_lab.not_executed = true;
	fake_lab.status = 127;
	for (int in = 0; in < 2; in++) {
		buf_deinit(&fake_lab.calls);
		cli_answer_deinit(&a);
		a = in ? fake_cli_input(two_hosts, "run", "-", "-q", "--in", "beta", "--",
					"nothing", NULL)
		       : fake_cli_input(two_hosts, "run", "-", "-q", "--", "nothing", NULL);
		assert_int_equal(a.code, 127);
		assert_string_equal(a.err, "netlab: running 'nothing': not found\n");
		assert_contains(buf_text(&fake_lab.calls), "down two in /fake\n");
	}

	/* no child at all */
	fake_lab_reset();
	fake_lab.running[2] = "two";
	fake_lab.fail = "command_run";
	cli_answer_deinit(&a);
	a = fake_cli_input(two_hosts, "run", "-", "--", "true", NULL);
	assert_int_equal(a.code, 125);
	assert_contains(buf_text(&fake_lab.calls), "down two in /fake\n");

	/* the time is up */
	fake_lab_reset();
	fake_lab.running[2] = "two";
	fake_lab.timed_out = true;
	fake_lab.status = 143;
	cli_answer_deinit(&a);
	a = fake_cli_input(two_hosts, "run", "-", "-q", "--timeout", "2s", "--", "sleepy", NULL);
	assert_int_equal(a.code, 124);
	assert_string_equal(a.err, "netlab: 'sleepy' was ended: the time of --timeout 2s is up\n");

	/* something of it is still there: its exit code stands */
	fake_lab_reset();
	fake_lab.running[2] = "two";
	fake_lab.left = 2;
	cli_answer_deinit(&a);
	a = fake_cli_input(two_hosts, "run", "-", "--", "undying", NULL);
	assert_int_equal(a.code, 0);
	assert_contains(a.err, "netlab: warning: 2 processes that 'undying' started could not be "
			       "ended, such as 4711\n");

	/* the lab died under the command: its success is worth nothing */
	fake_lab_reset();
	fake_lab.ends_early = true;
	cli_answer_deinit(&a);
	a = fake_cli_input(two_hosts, "run", "-", "-q", "--", "true", NULL);
	assert_int_equal(a.code, 125);
	assert_string_equal(a.err, "netlab: lab 'two' ended before the command did\n");

	/* the lab does not go away */
	fake_lab_reset();
	fake_lab.fail = "down";
	cli_answer_deinit(&a);
	a = fake_cli_input(two_hosts, "run", "-", "-q", "--", "true", NULL);
	assert_int_equal(a.code, 125);
	assert_string_equal(a.err, "netlab: the fake fails\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_lab_setup, fake_lab_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(up),        TEST(up_talk),    TEST(up_fails),        TEST(up_invalid),
		TEST(down),      TEST(down_files), TEST(down_incomplete), TEST(run),
		TEST(run_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
