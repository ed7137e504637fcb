/* SPDX-License-Identifier: MIT */
/* What is done to nodes of running labs: exec, shell, freeze, service, kill, restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "support/fake_lab.h"

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
		{ "nope.json:web", "netlab: lab 'nope.json' is not running (a lab is named here, "
				   "not a file: see 'netlab ls')\n" },
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
	/* a node that does not have it */
	(void)setenv("SHELL", "/bin/fish", 1);
	fake_lab.only_program = "/bin/sh";
	fake_lab.status = 3;
	cli_answer_deinit(&a);
	a = fake_cli_terminal("shell", "ring:web", NULL);
	assert_int_equal(a.code, 3);
	assert_string_equal(a.err, "");
	assert_contains(buf_text(&fake_lab.calls), "SHELL=/bin/fish] argv=[/bin/fish|-i]\n");
	assert_contains(buf_text(&fake_lab.calls), "SHELL=/bin/bash] argv=[/bin/bash|-c|");
	assert_contains(buf_text(&fake_lab.calls), "SHELL=/bin/sh] argv=[/bin/sh|-i]\n");

	/* nor any other */
	fake_lab_reset();
	fake_lab.only_program = "/bin/busybox";
	cli_answer_deinit(&a);
	a = fake_cli_terminal("shell", "ring:web", NULL);
	assert_int_equal(a.code, 127);
	assert_contains(a.err, "cannot run '/bin/sh': not found (`netlab exec ring:web -- PROGRAM` "
			       "runs one that the node has)\n");

	/* its input from a pipe: no terminal, no prompt */
	(void)setenv("SHELL", "/bin/sh", 1);
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
	doc = answer_json(&a);
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
	doc = answer_json(&a);
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

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_lab_setup, fake_lab_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(exec),    TEST(targets),       TEST(freeze),           TEST(shell),
		TEST(service), TEST(service_fails), TEST(kill_and_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
