/* SPDX-License-Identifier: MIT */
/* Each verb, good and bad: what it asks of the backend, what it prints where, and its exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "support/fake_lab.h"

static const char two[] =
	"{\"name\": \"two\", \"seed\": 7, \"nodes\": {\"alpha\": {}, \"beta\": {}},\n"
	" \"links\": [{\"endpoints\": [\"alpha\", \"beta\"]}]}\n";
static const char broken[] = "{\"name\": \"two\", \"nodes\": {\"alpha\": {\"knid\": 1}},\n"
			     " \"links\": [{\"endpoints\": [\"alpha\", \"gamma\"]}]}\n";

static void assert_calls(const char *expected)
{
	assert_string_equal(buf_text(&fake_lab.calls), expected);
}

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in:\n%s", part, text);
}

static json_t *parse(const struct cli_answer *a)
{
	json_error_t where;
	json_t *doc = json_loads(a->out, 0, &where);

	if (!doc)
		fail_msg("no JSON (%s): %s", where.text, a->out);
	return doc;
}

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

/* --- check, plan, schema --- */

static void test_check(void **state)
{
	_cleanup_answer_ struct cli_answer good = fake_cli_input(two, "check", "-", NULL);
	_cleanup_answer_ struct cli_answer quiet = fake_cli_input(two, "check", "-", "-q", NULL);
	_cleanup_answer_ struct cli_answer bad = fake_cli_input(broken, "check", "-", NULL);

	(void)state;
	assert_int_equal(good.code, 0);
	assert_string_equal(good.out, "stdin: ok: lab 'two', 2 nodes, 1 link\n");
	assert_string_equal(good.err, "");
	assert_int_equal(quiet.code, 0);
	assert_string_equal(quiet.out, "");
	assert_int_equal(bad.code, 3);
	/* both problems, not the first */
	assert_contains(bad.out, "knid");
	assert_contains(bad.out, "gamma");
	assert_contains(bad.out, ": error: ");
	assert_true(strncmp(bad.out, "stdin:", 6) == 0);
	assert_string_equal(bad.err, "");
	assert_calls("");
}

static void test_check_json(void **state)
{
	_cleanup_answer_ struct cli_answer good = fake_cli_input(two, "check", "-", "--json", NULL);
	_cleanup_answer_ struct cli_answer bad = fake_cli_input(broken, "--json", "check", "-",
								NULL);
	json_t *doc, *item;
	size_t i;

	(void)state;
	assert_int_equal(good.code, 0);
	doc = parse(&good);
	assert_true(json_is_true(json_object_get(doc, "ok")));
	assert_int_equal(json_array_size(json_object_get(doc, "errors")), 0);
	assert_true(json_is_array(json_object_get(doc, "warnings")));
	json_decref(doc);

	assert_int_equal(bad.code, 3);
	doc = parse(&bad);
	assert_true(json_is_false(json_object_get(doc, "ok")));
	assert_int_equal(json_array_size(json_object_get(doc, "errors")), 2);
	json_array_foreach(json_object_get(doc, "errors"), i, item)
	{
		assert_true(json_is_string(json_object_get(item, "where")));
		assert_true(json_is_string(json_object_get(item, "message")));
		assert_non_null(json_object_get(item, "hint"));
		assert_int_equal(json_object_size(item), 3);
	}
	json_decref(doc);
}

/* What the file checker cannot see, the planner does: it is said by `check` as well. */
static void test_check_plans(void **state)
{
	static const char full[] =
		"{\"name\": \"full\", \"addressing\": {\"ipv4\": \"10.0.0.0/31\", \"ipv6\": false},\n"
		" \"nodes\": {\"a\": {}, \"b\": {}},\n"
		" \"links\": [{\"endpoints\": [\"a\", \"b\"]}, {\"endpoints\": [\"a\", \"b\"]}]}\n";
	_cleanup_answer_ struct cli_answer a = fake_cli_input(full, "check", "-", NULL);
	_cleanup_answer_ struct cli_answer json = fake_cli_input(full, "check", "-", "--json",
								 NULL);
	json_t *doc;

	(void)state;
	assert_int_equal(a.code, 3);
	assert_contains(a.out, ": error: ");
	assert_int_equal(json.code, 3);
	doc = parse(&json);
	assert_int_equal(json_array_size(json_object_get(doc, "errors")), 1);
	json_decref(doc);
}

static void test_unreadable_files(void **state)
{
	static const char *const paths[] = { "/nonexistent/x.json", "/", "/proc/self/mem",
					     "/dev/zero" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_answer_ struct cli_answer check = fake_cli("check", paths[i], NULL);
		_cleanup_answer_ struct cli_answer up = fake_cli("up", paths[i], "--json", NULL);
		_cleanup_answer_ struct cli_answer run = fake_cli("run", paths[i], "--", "true",
								  NULL);
		json_t *doc;

		assert_int_equal(check.code, 3);
		assert_contains(check.out, paths[i]);
		assert_contains(check.out, ": error: ");
		assert_int_equal(up.code, 3);
		assert_contains(up.err, "netlab: ");
		assert_contains(up.err, paths[i]);
		doc = parse(&up);
		assert_string_equal(
			json_string_value(json_object_get(json_object_get(doc, "error"), "where")),
			paths[i]);
		json_decref(doc);
		assert_int_equal(run.code, 125);
	}
	assert_calls("");
}

/* What `netlab check <(generator)` is: a pipe whose writer is slower than we are. */
static void test_pipe(void **state)
{
	enum { BLANKS = 1 << 20 };
	char path[32];
	int fds[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		bool good = true;

		(void)close(fds[0]);
		for (int i = 0; i < BLANKS; i++)
			good = good && write(fds[1], i == 0 ? "\n" : " ", 1) == 1;
		_exit(good && write(fds[1], two, strlen(two)) == (ssize_t)strlen(two) ? 0 : 1);
	}
	(void)close(fds[1]);
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
	{
		_cleanup_answer_ struct cli_answer a = fake_cli("check", path, NULL);

		assert_int_equal(a.code, 0);
	}
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_plan(void **state)
{
	_cleanup_answer_ struct cli_answer text = fake_cli_input(two, "plan", "-", NULL);
	_cleanup_answer_ struct cli_answer json = fake_cli_input(two, "plan", "-", "--json", NULL);
	_cleanup_answer_ struct cli_answer sh = fake_cli_input(two, "plan", "-", "--format=sh",
							       NULL);
	_cleanup_answer_ struct cli_answer named = fake_cli_input(
		two, "plan", "-", "--name", "other", "--format", "json", NULL);
	_cleanup_answer_ struct cli_answer bad = fake_cli_input(broken, "plan", "-", NULL);
	json_t *doc;

	(void)state;
	assert_int_equal(text.code, 0);
	assert_contains(text.out, "alpha");
	doc = parse(&json);
	assert_string_equal(json_string_value(json_object_get(doc, "name")), "two");
	json_decref(doc);
	assert_int_equal(sh.code, 0);
	assert_true(strncmp(sh.out, "#!", 2) == 0);
	doc = parse(&named);
	assert_string_equal(json_string_value(json_object_get(doc, "name")), "other");
	json_decref(doc);
	assert_int_equal(bad.code, 3);
	assert_string_equal(bad.out, "");
	assert_contains(bad.err, "knid");
	assert_contains(bad.err, "netlab: stdin: the topology is invalid: 2 errors\n");
	assert_calls("");
}

static void test_schema(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("schema", NULL);
	json_t *doc = parse(&a);

	(void)state;
	assert_int_equal(a.code, 0);
	assert_true(json_is_object(json_object_get(doc, "properties")));
	json_decref(doc);
}

/* --- up, down --- */

static void test_up(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	json_t *doc;

	(void)state;
	a = fake_cli_input(two, "up", "-", "--timeout", "3s", NULL);
	assert_int_equal(a.code, 0);
	assert_calls(
		"state_dir default\nup two in /fake seed=7 timeout=3000000000\nhandle_deinit 4711\n");
	assert_true(strncmp(a.out, "lab 'two' is up: 2 nodes, 1 link, seed 7 (", 41) == 0);
	assert_string_equal(a.err, "");

	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli_input(two, "up", "-", "--name=n", "--seed=18446744073709551615", "--json",
			   "--engine=netem", NULL);
	assert_int_equal(a.code, 0);
	assert_calls(
		"state_dir default\nup n in /fake seed=18446744073709551615 timeout=0\nhandle_deinit 4711\n");
	doc = parse(&a);
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
	a = fake_cli_input(two, "up", "-", "-v", NULL);
	assert_contains(a.err, "links ");
	assert_contains(a.err, "400.00 ms\n");
	assert_contains(a.err, "netlab: warning: the moon is full\n");

	cli_answer_deinit(&a);
	a = fake_cli_input(two, "up", "-", "-q", NULL);
	assert_string_equal(a.err, "");
	assert_string_equal(a.out, "");

	/* not on a terminal: no progress line, however long it takes */
	cli_answer_deinit(&a);
	a = fake_cli_input(two, "up", "-", NULL);
	assert_null(strchr(a.err, '\r'));

	/* on a terminal only once half a second is over, and wiped away at the end */
	cli_answer_deinit(&a);
	a = fake_cli_terminal("up", "/dev/null", NULL);
	assert_int_equal(a.code, 3);
	{
		char path[64];

		write_file(path, two);
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
	a = fake_cli_input(two, "--json", "up", "-", NULL);
	assert_int_equal(a.code, 4);
	assert_string_equal(
		a.err, "netlab: node 'alpha': making a namespace: not permitted (run as root)\n");
	error = parse(&a);
	assert_string_equal(
		a.out, "{\"error\":{\"code\":4,\"message\":\"making a namespace: not permitted\","
		       "\"where\":\"node 'alpha'\",\"hint\":\"run as root\"}}\n");
	json_decref(error);
	assert_null(strstr(buf_text(&fake_lab.calls), "handle_deinit"));
}

static void test_up_invalid(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli_input(broken, "up", "-", "--json", NULL);
	json_t *doc = parse(&a), *error = json_object_get(doc, "error");

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
	doc = parse(&a);
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
	a = fake_cli_input(two, "run", "-", "--", "make", "test", NULL);
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
	a = fake_cli_input(two, "run", "-", "-q", "--in", "beta", "--timeout", "9s", "--", "ping",
			   NULL);
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
	a = fake_cli_input(two, "run", "-", "--", "true", NULL);
	assert_int_equal(a.code, 125);
	assert_calls("state_dir default\nup two in /fake seed=7 timeout=0 bound\n");

	/* no such node: nothing is brought up */
	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli_input(two, "run", "-", "--in", "alpah", "--", "true", NULL);
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
		a = in ? fake_cli_input(two, "run", "-", "-q", "--in", "beta", "--", "nothing",
					NULL)
		       : fake_cli_input(two, "run", "-", "-q", "--", "nothing", NULL);
		assert_int_equal(a.code, 127);
		assert_string_equal(a.err, "netlab: running 'nothing': not found\n");
		assert_contains(buf_text(&fake_lab.calls), "down two in /fake\n");
	}

	/* no child at all */
	fake_lab_reset();
	fake_lab.running[2] = "two";
	fake_lab.fail = "command_run";
	cli_answer_deinit(&a);
	a = fake_cli_input(two, "run", "-", "--", "true", NULL);
	assert_int_equal(a.code, 125);
	assert_contains(buf_text(&fake_lab.calls), "down two in /fake\n");

	/* the time is up */
	fake_lab_reset();
	fake_lab.running[2] = "two";
	fake_lab.timed_out = true;
	fake_lab.status = 143;
	cli_answer_deinit(&a);
	a = fake_cli_input(two, "run", "-", "-q", "--timeout", "2s", "--", "sleepy", NULL);
	assert_int_equal(a.code, 124);
	assert_string_equal(a.err, "netlab: 'sleepy' was ended: the time of --timeout 2s is up\n");

	/* the lab died under the command: its success is worth nothing */
	fake_lab_reset();
	fake_lab.ends_early = true;
	cli_answer_deinit(&a);
	a = fake_cli_input(two, "run", "-", "-q", "--", "true", NULL);
	assert_int_equal(a.code, 125);
	assert_string_equal(a.err, "netlab: lab 'two' ended before the command did\n");

	/* the lab does not go away */
	fake_lab_reset();
	fake_lab.fail = "down";
	cli_answer_deinit(&a);
	a = fake_cli_input(two, "run", "-", "-q", "--", "true", NULL);
	assert_int_equal(a.code, 125);
	assert_string_equal(a.err, "netlab: the fake fails\n");
}

/* --- exec, shell, and what NODE means --- */

static void test_exec(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	fake_lab.status = 3;
	a = fake_cli("exec", "dumbbell:web", "false", NULL);
	assert_int_equal(a.code, 3);
	assert_string_equal(a.err, "");
	/* asked of the lab once, and only the command: no look-up when all goes well */
	assert_calls("state_dir default\nexec dumbbell:web user=- cwd=- env=[] argv=[false]\n");

	/* NETLAB_LAB and NETLAB_STATE_DIR, as `run` sets them */
	fake_lab_reset();
	(void)setenv("NETLAB_LAB", "ring", 1);
	(void)setenv("NETLAB_STATE_DIR", "/there", 1);
	cli_answer_deinit(&a);
	a = fake_cli("exec", "web", "true", NULL);
	assert_int_equal(a.code, 0);
	assert_calls("state_dir /there\nexec ring:web user=- cwd=- env=[] argv=[true]\n");
	(void)setenv("NETLAB_LAB", "gone", 1);
	cli_answer_deinit(&a);
	a = fake_cli("exec", "web", "true", NULL);
	assert_int_equal(a.code, 125);
	assert_string_equal(
		a.err,
		"netlab: lab 'gone' (from NETLAB_LAB) is not running (running: dumbbell, ring)\n");

	/* the command itself exits with 127: nothing to add */
	fake_lab_reset();
	fake_lab.status = 127;
	cli_answer_deinit(&a);
	a = fake_cli("exec", "ring:web", "sh", NULL);
	assert_int_equal(a.code, 127);
	assert_string_equal(a.err, "");
	fake_lab.not_executed = true;
	cli_answer_deinit(&a);
	a = fake_cli("exec", "ring:web", "nothing", NULL);
	assert_int_equal(a.code, 127);
	assert_string_equal(a.err, "netlab: running 'nothing': not found\n");
}

static void test_targets(void **state)
{
	static const struct {
		const char *node, *err;
	} cases[] = {
		{ "web", "netlab: which lab? 2 are running: dumbbell, ring (name one)\n" },
		{ "dumbell:web",
		  "netlab: lab 'dumbell' is not running (did you mean 'dumbbell'?)\n" },
		{ "dumbbell:wbe",
		  "netlab: lab 'dumbbell' has no node 'wbe' (did you mean 'web'?)\n" },
		{ "dumbbell:zzzzzz",
		  "netlab: lab 'dumbbell' has no node 'zzzzzz' (its nodes: client, r1, web)\n" },
		{ "dumbbell:web", "netlab: the fake fails\n" },
		{ "../etc:web", "*'../etc' is no name of a lab: " },
		{ ":web", "*'' is no name of a lab: " },
	};

	(void)state;
	fake_lab.fail = "exec";
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_answer_ struct cli_answer a = fake_cli("exec", cases[i].node, "true",
								NULL);

		assert_int_equal(a.code, 125);
		if (cases[i].err[0] == '*')
			assert_contains(a.err, cases[i].err + 1);
		else
			assert_string_equal(a.err, cases[i].err);
	}
	fake_lab.running[0] = NULL;
	{
		_cleanup_answer_ struct cli_answer a = fake_cli("exec", "web", "true", NULL);
		_cleanup_answer_ struct cli_answer named = fake_cli("exec", "ring:web", "true",
								    NULL);

		assert_string_equal(
			a.err, "netlab: no lab is running (start one with 'netlab up TOPO')\n");
		assert_string_equal(
			named.err,
			"netlab: lab 'ring' is not running (no lab is; start one with 'netlab up TOPO')\n");
	}
}

static void test_shell(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	(void)setenv("SHELL", "/bin/bash", 1);
	a = fake_cli_terminal("shell", "ring:web", "-u", "nobody", NULL);
	assert_int_equal(a.code, 0);
	assert_contains(buf_text(&fake_lab.calls),
			"exec ring:web user=nobody cwd=- terminal env=[NETLAB_PROMPT=ring:web|"
			"PS1=[ring:web] ");
	assert_contains(buf_text(&fake_lab.calls), "argv=[/bin/bash|-c|exec \"$BASH\" --rcfile ");

	fake_lab_reset();
	(void)setenv("SHELL", "/nonexistent/fish", 1);
	cli_answer_deinit(&a);
	a = fake_cli_terminal("shell", "ring:web", NULL);
	assert_contains(buf_text(&fake_lab.calls), "SHELL=/bin/sh] argv=[/bin/sh|-i]\n");

	/* its input from a pipe: no terminal, no prompt */
	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli("shell", "ring:web", NULL);
	assert_contains(buf_text(&fake_lab.calls), "exec ring:web user=- cwd=- env=[");
	assert_contains(buf_text(&fake_lab.calls), "argv=[/bin/sh]\n");
}

/* --- freeze, thaw --- */

static void test_freeze(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("freeze", "ring:web", NULL);
	json_t *doc;

	(void)state;
	assert_int_equal(a.code, 0);
	assert_string_equal(a.out, "");
	assert_contains(buf_text(&fake_lab.calls), "freeze ring:web\n");
	cli_answer_deinit(&a);
	a = fake_cli("--json", "thaw", "ring:web", NULL);
	doc = parse(&a);
	assert_string_equal(json_string_value(json_object_get(doc, "state")), "running");
	json_decref(doc);
	assert_contains(buf_text(&fake_lab.calls), "thaw ring:web\n");
	/* the fake says no more than that it failed; that there is no such node is found here */
	fake_lab.fail = "freeze";
	cli_answer_deinit(&a);
	a = fake_cli("freeze", "ring:wob", NULL);
	assert_int_equal(a.code, 1);
	assert_contains(a.err, "did you mean 'web'?");
	cli_answer_deinit(&a);
	a = fake_cli("freeze", NULL);
	assert_int_equal(a.code, 2);
}

/* --- ls, ps, show, logs --- */

static const char limited_show[] =
	"{\"name\": \"dumbbell\", \"seed\": 42, \"engine\": \"netem\", \"links\": {}, \"nodes\": {"
	" \"a\": {\"kind\": \"host\", \"state\": \"frozen\", \"pid\": 1, \"interfaces\": [],"
	"   \"limits\": {\"memory_bytes\": 67108864, \"cpu\": 0.5, \"pids\": 64},"
	"   \"usage\": {\"memory_bytes\": 13500000, \"memory_peak_bytes\": 67108864, \"oom_kills\": 2,"
	"     \"cpu_s\": 1.25, \"cpu_throttled_s\": 0.5, \"pids\": 3, \"pids_peak\": 64, \"pids_refused\": 7}},"
	" \"b\": {\"kind\": \"host\", \"state\": \"running\", \"pid\": 2, \"interfaces\": [], \"limits\": {},"
	"   \"usage\": {\"memory_bytes\": 1048576, \"memory_peak_bytes\": null, \"oom_kills\": 0, \"cpu_s\": null,"
	"     \"cpu_throttled_s\": null, \"pids\": 1, \"pids_peak\": null, \"pids_refused\": null}},"
	" \"c\": {\"kind\": \"host\", \"state\": \"running\", \"pid\": 3, \"interfaces\": []}}}";

static void test_usage(void **state)
{
	static const char table[] =
		"\n"
		"LIMITED         MEMORY     PEAK  OOM KILLS  CPU TIME  CPUS  PIDS  PEAK  REFUSED\n"
		"a        12.9mib/64mib  64.0mib          2    1.250s   0.5  3/64    64        7\n"
		"b               1.0mib        -          0         -     -     1     -        -\n";
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	fake_lab.show = limited_show;
	a = fake_cli("show", "dumbbell", NULL);
	assert_contains(a.out, "a     host  frozen     1");
	assert_contains(a.out, table);
	cli_answer_deinit(&a);
	a = fake_cli("ps", "dumbbell", NULL);
	assert_int_equal(a.code, 0);
	assert_contains(a.out, table);
}

/* `run` says whose memory ran out: where a limit of memory is asked, and only there. */
static void test_run_out_of_memory(void **state)
{
	static const char with[] =
		"{\"name\": \"dumbbell\", \"nodes\": {\"a\": {\"limits\": {\"memory\": \"64mib\"}}, \"b\": {}, \"c\": {}}}";
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	fake_lab.show = limited_show;
	a = fake_cli_input(with, "run", "-", "--", "true", NULL);
	assert_int_equal(a.code, 0);
	assert_contains(
		a.err,
		"netlab: node 'a' ran out of memory (its limit is 64mib): 2 processes were killed\n");
	cli_answer_deinit(&a);
	a = fake_cli_input("{\"name\": \"dumbbell\", \"nodes\": {\"a\": {}}}", "run", "-", "--",
			   "true", NULL);
	assert_null(strstr(a.err, "memory"));
}

static void test_ls(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("ls", NULL),
					   json = fake_cli("ls", "--json", NULL);
	json_t *doc = parse(&json);

	(void)state;
	assert_string_equal(a.out, "NAME      NODES  LINKS  ENGINE  STATE   PID  UPTIME\n"
				   "dumbbell      5      4  netem   up     4711  2 min 5 s\n"
				   "ring          5      4  netem   up     4711  2 min 5 s\n");
	assert_int_equal(json_array_size(doc), 2);
	assert_int_equal(json_object_size(json_array_get(doc, 0)), 8);
	json_decref(doc);
	fake_lab.running[0] = NULL;
	cli_answer_deinit(&json);
	json = fake_cli("ls", "--json", NULL);
	assert_string_equal(json.out, "[]\n");
	cli_answer_deinit(&json);
	fake_lab.fail = "names";
	json = fake_cli("ls", "--json", NULL);
	assert_int_equal(json.code, 1);
}

static void test_ls_color(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli_terminal("ls", NULL);

	(void)state;
	assert_true(strncmp(a.out, "\033[1mNAME", 8) == 0);
	cli_answer_deinit(&a);
	(void)setenv("NO_COLOR", "1", 1);
	a = fake_cli_terminal("ls", NULL);
	assert_null(strchr(a.out, '\033'));
	cli_answer_deinit(&a);
	a = fake_cli("ls", "--color", "always", NULL);
	assert_non_null(strchr(a.out, '\033'));
	cli_answer_deinit(&a);
	(void)unsetenv("NO_COLOR");
	a = fake_cli_terminal("--color=never", "ls", NULL);
	assert_null(strchr(a.out, '\033'));
}

static void test_ps(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("ps", "ring", NULL);

	(void)state;
	assert_int_equal(a.code, 0);
	/* a command's own bytes do not steer the terminal */
	assert_string_equal(a.out, "NODE   PID  PPID  USER  STATE  COMMAND\n"
				   "web   5000  4711  root  S      http \\x1b[31m server\n");
	cli_answer_deinit(&a);
	a = fake_cli("ps", "rong", NULL);
	assert_int_equal(a.code, 1);
	assert_string_equal(a.err, "netlab: lab 'rong' is not running (did you mean 'ring'?)\n");
}

static void test_show(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("show", "dumbbell", NULL);

	(void)state;
	assert_int_equal(a.code, 0);
	assert_string_equal(
		a.out,
		"lab 'dumbbell', engine netem, seed 42\n"
		"\n"
		"NODE    KIND    STATE    PID  INTERFACE  MAC                LINK        ADDRESSES\n"
		"client  host    running  101  eth0       02:00:00:00:00:01  client--r1  10.0.0.0/31 fd00::/127\n"
		"r1      router  dead     102  eth0       02:00:00:00:00:02  client--r1  -\n"
		"                              eth1       02:00:00:00:00:03  bottleneck  -\n"
		"web     host    running  103  -          -                  -           -\n"
		"\n"
		"SERVICE   STATE    PID IN NODE  RESTARTS  LAST EXIT\n"
		"r1/bgp    running            -         -          -\n"
		"r1/ospf   running            -         -          -\n"
		"web/http  exited             -         -          3\n"
		"\n"
		"LINK        JOIN    MTU  FROM         TO           ASKED               IN FORCE\n"
		"client--r1  patch  1500  client:eth0  r1:eth0      -                   -\n"
		"                         r1:eth0      client:eth0  -                   -\n"
		"bottleneck  netem  1400  r1:eth1      web:eth0     delay 20ms loss 1%  "
		"delay 20ms loss 1% limit 1000 packets\n"
		"                         web:eth0     r1:eth1      rate 10mbit         rate 10mbit\n");
}

static void test_show_parts(void **state)
{
	static const struct {
		const char *args[2];
		const char *calls;
		size_t nodes, links;
	} cases[] = {
		{ { "dumbbell", NULL }, "show dumbbell in /fake\n", 3, 2 },
		{ { "dumbbell", "r1" }, "show dumbbell in /fake\n", 1, 2 },
		{ { "dumbbell", "client" }, "show dumbbell in /fake\n", 1, 1 },
		{ { "dumbbell", "bottleneck" }, "show dumbbell in /fake\n", 0, 1 },
		{ { "ring:web", NULL }, "show ring in /fake\n", 1, 1 },
	};
	_cleanup_answer_ struct cli_answer a = { 0 };
	json_t *doc;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_answer_ struct cli_answer part = fake_cli(
			"show", "--json", cases[i].args[0], cases[i].args[1], NULL);

		assert_int_equal(part.code, 0);
		doc = parse(&part);
		assert_contains(buf_text(&fake_lab.calls), cases[i].calls);
		assert_int_equal(json_object_size(json_object_get(doc, "nodes")), cases[i].nodes);
		assert_int_equal(json_object_size(json_object_get(doc, "links")), cases[i].links);
		json_decref(doc);
	}
	a = fake_cli("show", "dumbbell", "clinet", NULL);
	assert_int_equal(a.code, 1);
	assert_string_equal(
		a.err,
		"netlab: lab 'dumbbell' has no node or link 'clinet' (did you mean 'client'?)\n");
	cli_answer_deinit(&a);
	a = fake_cli("show", "dumbbell", "client--r2", NULL);
	assert_string_equal(
		a.err,
		"netlab: lab 'dumbbell' has no link 'client--r2' (did you mean 'client--r1'?)\n");
	cli_answer_deinit(&a);
	a = fake_cli("show", NULL);
	assert_int_equal(a.code, 2);

	/* one lab runs: what it is need not be said */
	fake_lab.running[1] = NULL;
	cli_answer_deinit(&a);
	a = fake_cli("show", "bottleneck", NULL);
	assert_int_equal(a.code, 0);
	assert_contains(a.out, "\nbottleneck  netem");
	assert_contains(a.out, "\njoin: the kernel has it\n");
	assert_null(strstr(a.out, "client--r1"));
}

#define STAMP_1 "2026-11-22T05:13:44.123Z "
#define STAMP_2 "2026-11-22T05:13:45.000Z "

static void test_logs(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	json_t *doc;

	(void)state;
	/* one service: its bytes as they are */
	fake_lab.log_data[0] = STAMP_1 "hello\n" STAMP_2 "wor\001ld";
	a = fake_cli("logs", "dumbbell:web", NULL);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.out, "hello\nwor\001ld");
	assert_contains(buf_text(&fake_lab.calls), "follow until=0 /fake/dumbbell/log/web/http\n");

	/* and with the times at which it wrote them */
	cli_answer_deinit(&a);
	a = fake_cli("logs", "dumbbell:web", "--times", NULL);
	assert_string_equal(a.out, STAMP_1 "hello\n" STAMP_2 "wor\001ld");

	/* several: a prefix on each line, and a newline where the last one has none */
	fake_lab_reset();
	fake_lab.running[1] = NULL;
	fake_lab.log_data[0] = STAMP_1 "one\n" STAMP_2 "two";
	fake_lab.log_data[1] = STAMP_1 "\n";
	fake_lab.log_data[2] = STAMP_2 "three\n";
	cli_answer_deinit(&a);
	a = fake_cli("logs", NULL);
	assert_string_equal(a.out, "r1/bgp | one\nr1/ospf | \nweb/http | three\nr1/bgp | two\n");
	cli_answer_deinit(&a);
	a = fake_cli("logs", "--times", NULL);
	assert_string_equal(a.out, "r1/bgp | " STAMP_1 "one\nr1/ospf | " STAMP_1
				   "\nweb/http | " STAMP_2 "three\nr1/bgp | " STAMP_2 "two\n");

	fake_lab_reset();
	fake_lab.log_data[0] = STAMP_2 "caf\xe9\n";
	cli_answer_deinit(&a);
	a = fake_cli("logs", "dumbbell:r1/ospf", "-f", "--json", NULL);
	assert_contains(buf_text(&fake_lab.calls),
			"follow until=4711 /fake/dumbbell/log/r1/ospf\n");
	doc = parse(&a);
	assert_string_equal(json_string_value(json_object_get(doc, "node")), "r1");
	assert_string_equal(json_string_value(json_object_get(doc, "service")), "ospf");
	assert_string_equal(json_string_value(json_object_get(doc, "time")),
			    "2026-11-22T05:13:45.000Z");
	assert_string_equal(json_string_value(json_object_get(doc, "line")), "caf\xef\xbf\xbd");
	json_decref(doc);
}

static void test_logs_unknown(void **state)
{
	static const struct {
		const char *arg, *err;
		int code;
	} cases[] = {
		{ "dumbbell:r1/bpg",
		  "netlab: node 'r1' has no service 'bpg' (did you mean 'r1/bgp'?)\n", 1 },
		{ "dumbbell:client/x", "netlab: node 'client' has no service 'x' (it has none)\n",
		  1 },
		{ "dumbbell:client", "netlab: there are no services in node dumbbell:client\n", 0 },
		{ "dumbbell:wed/http",
		  "netlab: lab 'dumbbell' has no node 'wed' (did you mean 'web'?)\n", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_answer_ struct cli_answer a = fake_cli("logs", cases[i].arg, NULL);

		assert_int_equal(a.code, cases[i].code);
		assert_string_equal(a.err, cases[i].err);
		assert_string_equal(a.out, "");
	}
}

/* --- service, kill, restart --- */

static void test_service(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	json_t *doc;

	(void)state;
	a = fake_cli("service", "restart", "dumbbell:web/http", "--timeout", "3s", NULL);
	assert_int_equal(a.code, 0);
	assert_contains(buf_text(&fake_lab.calls),
			"service restart dumbbell:web/http timeout=3000000000\n");
	assert_contains(a.out, "web/http  ready            7         2          -\n");
	cli_answer_deinit(&a);
	a = fake_cli("service", "stop", "dumbbell:web", "--json", NULL);
	assert_contains(buf_text(&fake_lab.calls), "service stop dumbbell:web/* timeout=0\n");
	doc = parse(&a);
	assert_string_equal(json_string_value(json_object_get(doc, "lab")), "dumbbell");
	assert_string_equal(json_string_value(json_object_get(doc, "node")), "web");
	assert_int_equal(json_array_size(json_object_get(doc, "services")), 1);
	json_decref(doc);
}

static void test_service_fails(void **state)
{
	static const struct {
		const char *words[4], *err;
		int code;
	} cases[] = {
		{ { "service", "start" }, "service: ", 2 },
		{ { "service", "begin", "web/http" }, "'begin' is none of", 2 },
		{ { "service", "start", "dumbbell:web/http", "--timeout=x" }, "--timeout: 'x'", 2 },
		{ { "restart", "dumbbell:web", "--timeout=0s" }, "--timeout: '0s'", 2 },
		{ { "kill" }, "kill: ", 2 },
	};
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cli_answer_deinit(&a);
		a = fake_cli(cases[i].words[0], cases[i].words[1], cases[i].words[2],
			     cases[i].words[3], NULL);
		assert_int_equal(a.code, cases[i].code);
		assert_contains(a.err, cases[i].err);
	}
	fake_lab.fail = "service";
	cli_answer_deinit(&a);
	a = fake_cli("service", "start", "dumbbell:web/http", NULL);
	assert_int_equal(a.code, 1);
	assert_true(a.err[0] != '\0');
}

static void test_kill_and_restart(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	a = fake_cli("kill", "dumbbell:r1", NULL);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.out, "");
	assert_contains(buf_text(&fake_lab.calls), "kill dumbbell:r1\n");
	cli_answer_deinit(&a);
	a = fake_cli("restart", "dumbbell:r1", "--timeout", "2s", NULL);
	assert_int_equal(a.code, 0);
	assert_contains(buf_text(&fake_lab.calls), "restart dumbbell:r1 timeout=2000000000\n");
	fake_lab.fail = "node_kill";
	cli_answer_deinit(&a);
	a = fake_cli("kill", "dumbbell:r1", NULL);
	assert_int_equal(a.code, 1);
	fake_lab.fail = "node_restart";
	cli_answer_deinit(&a);
	a = fake_cli("restart", "dumbbell:r1", "--json", NULL);
	assert_int_equal(a.code, 1);
}

/* --- link --- */

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
	doc = parse(&a);
	assert_string_equal(json_string_value(json_object_get(doc, "link")), "a--b");
	json_decref(doc);
	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli("link", "up", "ring:a--b", NULL);
	assert_calls("state_dir default\nlink up ring:a--b from=both\n");

	cli_answer_deinit(&a);
	a = fake_cli("link", "show", "dumbbell:bottleneck", "--json", NULL);
	doc = parse(&a);
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

static void test_doctor(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("doctor", NULL);
	json_t *doc, *wire;

	(void)state;
	assert_int_equal(a.code, 0);
	assert_string_equal(a.out,
			    "         KIND         NAME        NEEDED FOR  DETAIL\n"
			    "ok       kernel       namespaces  labs        6.18\n"
			    "missing  kernel       sch_netem   delay       \n"
			    "ok       measurement  wire-speed  the wire    300000 packets/s\n"
			    "\nRemedies:\n  sch_netem: modprobe sch_netem\n");
	assert_calls("state_dir default\ndoctor_wire /fake\n");
	fake_lab.doctor =
		"[{\"name\": \"tc\", \"kind\": \"program\", \"present\": false, \"required\": true,"
		" \"needed_for\": \"shaping\", \"remedy\": \"install iproute2\", \"detail\": \"\"}]";
	cli_answer_deinit(&a);
	a = fake_cli("doctor", "--json", NULL);
	assert_int_equal(a.code, 4);
	doc = parse(&a);
	assert_int_equal(json_array_size(doc), 2);
	wire = json_object_get(json_array_get(doc, 1), "wire");
	assert_true(json_real_value(json_object_get(wire, "gbit_per_s")) == 4.1);
	json_decref(doc);

	/* where nothing can be kept, it is measured all the same */
	fake_lab_reset();
	fake_lab.fail = "state_dir";
	cli_answer_deinit(&a);
	a = fake_cli("doctor", NULL);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.err, "netlab: what is measured is not kept: the fake fails\n");
	assert_contains(buf_text(&fake_lab.calls), "doctor_wire -\n");
	fake_lab.fail = "doctor_wire";
	cli_answer_deinit(&a);
	a = fake_cli("doctor", NULL);
	assert_int_equal(a.code, 1);
}

/* What doctor measured is what check and up warn of. */
static void test_rates(void **state)
{
	static const char fast[] =
		"{\"name\": \"two\", \"seed\": 7, \"nodes\": {\"a\": {}, \"b\": {}},\n"
		" \"links\": [{\"endpoints\": [\"a\", \"b\"], \"rate\": \"10gbit\"}]}\n";
	static const char why[] =
		"link 'a--b': its 'rate' of 10gbit is above the 4gbit that this host moved";
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	a = fake_cli_input(fast, "check", "-", NULL);
	assert_null(strstr(a.out, why));
	cli_answer_deinit(&a);
	fake_lab.moved_bps = 4000000000;
	a = fake_cli_input(fast, "check", "-", NULL);
	assert_int_equal(a.code, 0);
	assert_contains(a.out, why);
	cli_answer_deinit(&a);
	a = fake_cli_input(fast, "up", "-", NULL);
	assert_int_equal(a.code, 0);
	assert_contains(a.err, "netlab: warning: link 'a--b': its 'rate' of 10gbit");
	cli_answer_deinit(&a);
	fake_lab.moved_bps = 10000000000;
	a = fake_cli_input(fast, "up", "-", NULL);
	assert_string_equal(a.err, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_lab_setup, fake_lab_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(check),
		TEST(check_json),
		TEST(check_plans),
		TEST(unreadable_files),
		TEST(pipe),
		TEST(plan),
		TEST(schema),
		TEST(up),
		TEST(up_talk),
		TEST(up_fails),
		TEST(up_invalid),
		TEST(down),
		TEST(down_files),
		TEST(down_incomplete),
		TEST(run),
		TEST(run_fails),
		TEST(exec),
		TEST(targets),
		TEST(freeze),
		TEST(usage),
		TEST(run_out_of_memory),
		TEST(shell),
		TEST(ls),
		TEST(ls_color),
		TEST(ps),
		TEST(show),
		TEST(show_parts),
		TEST(logs),
		TEST(logs_unknown),
		TEST(link),
		TEST(link_fails),
		TEST(service),
		TEST(service_fails),
		TEST(kill_and_restart),
		TEST(doctor),
		TEST(rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
