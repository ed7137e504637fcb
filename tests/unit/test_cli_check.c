/* SPDX-License-Identifier: MIT */
/* check, plan, schema and doctor: what they say of topologies and of this host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "support/fake_lab.h"

/* --- check, plan, schema --- */

static void test_check(void **state)
{
	_cleanup_answer_ struct cli_answer good = fake_cli_input(two_hosts, "check", "-", NULL);
	_cleanup_answer_ struct cli_answer quiet = fake_cli_input(two_hosts, "check", "-", "-q",
								  NULL);
	_cleanup_answer_ struct cli_answer bad = fake_cli_input(two_broken, "check", "-", NULL);

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
	_cleanup_answer_ struct cli_answer good = fake_cli_input(two_hosts, "check", "-", "--json",
								 NULL);
	_cleanup_answer_ struct cli_answer bad = fake_cli_input(two_broken, "--json", "check", "-",
								NULL);
	json_t *doc, *item;
	size_t i;

	(void)state;
	assert_int_equal(good.code, 0);
	doc = answer_json(&good);
	assert_true(json_is_true(json_object_get(doc, "ok")));
	assert_int_equal(json_array_size(json_object_get(doc, "errors")), 0);
	assert_true(json_is_array(json_object_get(doc, "warnings")));
	json_decref(doc);

	assert_int_equal(bad.code, 3);
	doc = answer_json(&bad);
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
	doc = answer_json(&json);
	assert_int_equal(json_array_size(json_object_get(doc, "errors")), 1);
	json_decref(doc);
}

/* All that only planning finds, by whatever asks for a plan. */
static void test_all_problems_of_plans(void **state)
{
	static const char bad[] =
		"{\"name\": \"bad\", \"nodes\": {\"b\": {}, \"a\": {\"routes\": [\n"
		" {\"to\": \"203.0.113.0/24\", \"via\": \"192.0.2.1\"},\n"
		" {\"to\": \"198.51.100.0/24\", \"via\": \"192.0.2.2\"}]}},\n"
		" \"links\": [{\"endpoints\": [\"a\", \"b\"]}]}\n";
	static const char *const verbs[] = { "check", "plan", "up" };
	_cleanup_answer_ struct cli_answer json = { 0 };
	json_t *doc;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		_cleanup_answer_ struct cli_answer a = { 0 };

		fake_lab.fail = "up";
		fake_lab.failure = (struct netlab_err){ .code = -EINVAL,
							.exit = NETLAB_EXIT_INVALID,
							.message = "the first" };
		a = fake_cli_input(bad, verbs[i], "-", NULL);
		assert_int_equal(a.code, 3);
		assert_contains(i ? a.err : a.out, "stdin: /nodes/a/routes/0: error: route to ");
		assert_contains(i ? a.err : a.out, "stdin: /nodes/a/routes/1: error: route to ");
		if (i)
			assert_contains(a.err,
					"netlab: stdin: the topology is invalid: 2 errors\n");
	}
	json = fake_cli_input(bad, "plan", "-", "--json", NULL);
	assert_int_equal(json.code, 3);
	doc = answer_json(&json);
	assert_int_equal(json_array_size(json_object_get(doc, "errors")), 2);
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
		doc = answer_json(&up);
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
		_exit(good && write(fds[1], two_hosts, strlen(two_hosts)) ==
					      (ssize_t)strlen(two_hosts)
			      ? 0
			      : 1);
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
	_cleanup_answer_ struct cli_answer text = fake_cli_input(two_hosts, "plan", "-", NULL);
	_cleanup_answer_ struct cli_answer json = fake_cli_input(two_hosts, "plan", "-", "--json",
								 NULL);
	_cleanup_answer_ struct cli_answer sh = fake_cli_input(two_hosts, "plan", "-",
							       "--format=sh", NULL);
	_cleanup_answer_ struct cli_answer named = fake_cli_input(
		two_hosts, "plan", "-", "--name", "other", "--format", "json", NULL);
	_cleanup_answer_ struct cli_answer bad = fake_cli_input(two_broken, "plan", "-", NULL);
	json_t *doc;

	(void)state;
	assert_int_equal(text.code, 0);
	assert_contains(text.out, "alpha");
	doc = answer_json(&json);
	assert_string_equal(json_string_value(json_object_get(doc, "name")), "two");
	json_decref(doc);
	assert_int_equal(sh.code, 0);
	assert_true(strncmp(sh.out, "#!", 2) == 0);
	doc = answer_json(&named);
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
	json_t *doc = answer_json(&a);

	(void)state;
	assert_int_equal(a.code, 0);
	assert_true(json_is_object(json_object_get(doc, "properties")));
	json_decref(doc);
}

/* --- doctor --- */

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
	doc = answer_json(&a);
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
		TEST(all_problems_of_plans),
		TEST(unreadable_files),
		TEST(pipe),
		TEST(plan),
		TEST(schema),
		TEST(doctor),
		TEST(rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
