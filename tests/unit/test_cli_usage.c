/* SPDX-License-Identifier: MIT */
/* Right and wrong usage: what is understood, what is refused, what is suggested, with which exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "support/fake_lab.h"

struct usage_case {
	const char *name;
	const char *argv[12]; /* NULL-terminated */
	int code;
	const char *err; /* the whole of stderr, or with a leading '*' a part of it */
};

/* Wrong usage: nothing is asked of the backend. */
static const struct usage_case wrong[] = {
	{ "nothing", { NULL }, 2, "netlab: no verb given (see 'netlab help')\n" },
	{ "unknown verb",
	  { "chekc", "x" },
	  2,
	  "netlab: unknown verb 'chekc' (did you mean 'check'?)\n" },
	{ "far verb",
	  { "xyzzyplugh" },
	  2,
	  "netlab: unknown verb 'xyzzyplugh' (see 'netlab help')\n" },
	{ "verb by prefix", { "chec", "x" }, 2, "*unknown verb 'chec'" },
	{ "unknown option",
	  { "up", "--nmae", "x", "t" },
	  2,
	  "netlab: up: unknown option '--nmae' (did you mean '--name'?)\n" },
	{ "option by prefix", { "up", "--nam", "x", "t" }, 2, "*unknown option '--nam'" },
	{ "option of another verb", { "ls", "--seed", "1" }, 2, "*ls: unknown option '--seed'" },
	{ "unknown global option",
	  { "--jsno" },
	  2,
	  "netlab: unknown option '--jsno' (did you mean '--json'?)\n" },
	{ "verb's option before the verb", { "--seed", "1", "up" }, 2, "*unknown option '--seed'" },
	{ "unknown letter",
	  { "up", "-x", "t" },
	  2,
	  "netlab: up: unknown option '-x' (see 'netlab up --help')\n" },
	{ "letter before the verb",
	  { "-f" },
	  2,
	  "netlab: unknown option '-f' (see 'netlab help')\n" },
	{ "letter within a bundle", { "ls", "-qx" }, 2, "*unknown option '-x'" },
	{ "value missing",
	  { "up", "t", "--name" },
	  2,
	  "netlab: up: --name: its value N is missing (see 'netlab up --help')\n" },
	{ "value of a letter missing",
	  { "exec", "a", "-u" },
	  125,
	  "*-u: its value USER is missing" },
	{ "value for a flag",
	  { "ls", "--json=yes" },
	  2,
	  "netlab: ls: --json takes no value (see 'netlab ls --help')\n" },
	{ "bad choice",
	  { "plan", "t", "--format", "jsn" },
	  2,
	  "netlab: plan: --format: 'jsn' is none of text, json, sh (did you mean 'json'?)\n" },
	{ "bad engine",
	  { "up", "t", "--engine=turbo" },
	  2,
	  "*--engine: 'turbo' is none of auto, netem, wire" },
	{ "bad color",
	  { "--color", "blue", "ls" },
	  2,
	  "*--color: 'blue' is none of auto, always, never" },
	{ "check: no file",
	  { "check" },
	  2,
	  "netlab: check: the topology file is missing (usage: netlab check TOPO)\n" },
	{ "check: two files",
	  { "check", "a", "b" },
	  2,
	  "netlab: check: unexpected argument 'b' (usage: netlab check TOPO)\n" },
	{ "ls: argument", { "ls", "x" }, 2, "*ls: unexpected argument 'x'" },
	{ "ps: two labs", { "ps", "x", "y" }, 2, "*ps: unexpected argument 'y'" },
	{ "show: three", { "show", "x", "y", "z" }, 2, "*show: unexpected argument 'z'" },
	{ "doctor: argument", { "doctor", "x" }, 2, "*doctor: unexpected argument 'x'" },
	{ "schema: argument", { "schema", "x" }, 2, "*schema: unexpected argument 'x'" },
	{ "help: unknown verb",
	  { "help", "shwo" },
	  2,
	  "netlab: unknown verb 'shwo' (did you mean 'show'?)\n" },
	{ "up: bad seed", { "up", "-", "--seed", "12x" }, 2, "*--seed: '12x' is no whole number" },
	{ "up: negative seed", { "up", "-", "--seed=-1" }, 2, "*--seed: '-1' is no whole number" },
	{ "up: bad time", { "up", "-", "--timeout", "30" }, 2, "*--timeout: '30' is no time: " },
	{ "up: no time", { "up", "-", "--timeout", "0s" }, 2, "*--timeout: '0s' leaves no time" },
	{ "up: bad name",
	  { "up", "-", "--name", "../x" },
	  2,
	  "*--name: '../x' is no name for a lab: " },
	{ "run: no command", { "run", "t" }, 125, "*run: the command to run is missing" },
	{ "run: nothing after --",
	  { "run", "t", "--" },
	  125,
	  "*run: the command to run is missing" },
	{ "run: no --",
	  { "run", "t", "ping" },
	  125,
	  "netlab: run: unexpected argument 'ping' (write '--' before the command)\n" },
	{ "run: no file", { "run", "--", "true" }, 125, "*run: the topology file is missing" },
	{ "exec: nothing", { "exec" }, 125, "*exec: the node is missing" },
	{ "exec: no command", { "exec", "a" }, 125, "*exec: the command to run is missing" },
	{ "exec: bad env",
	  { "exec", "a", "-e", "FOO", "true" },
	  125,
	  "netlab: exec: --env 'FOO' is not of the form NAME=VALUE\n" },
	{ "exec: empty env name",
	  { "exec", "a", "-e", "=1", "true" },
	  125,
	  "*--env '=1' is not of the form" },
	{ "shell: nothing", { "shell" }, 2, "*shell: the node is missing" },
	{ "link: nothing",
	  { "link" },
	  2,
	  "*link: what to do (show, set, clear, down, up) is missing" },
	{ "link: unknown action", { "link", "sett", "x" }, 2, "*(did you mean 'link set'?)" },
	{ "link: no link", { "link", "set" }, 2, "*link set: the link is missing" },
	{ "link: no settings", { "link", "set", "a--b" }, 2, "*link set: what to set is missing" },
	{ "link: settings for down",
	  { "link", "down", "a--b", "delay=1ms" },
	  2,
	  "*link down: it takes no settings" },
	{ "link: --none for set",
	  { "link", "set", "a--b", "delay=1ms", "--none" },
	  2,
	  "*it does not take --none" },
	{ "link show: two",
	  { "link", "show", "a--b", "b--c" },
	  2,
	  "*link show: it takes one link" },
	{ "down: --all and a lab",
	  { "down", "--all", "ring" },
	  2,
	  "*down: --all and 'ring' together" },
	{ "control characters",
	  { "\033[31m" },
	  2,
	  "netlab: unknown verb '\\x1b[31m' (see 'netlab help')\n" },
	{ "control characters beyond ASCII, and what is none",
	  { "\xc2\x9b"
	    "31m\xc2\xa0\xc3\x9b" },
	  2,
	  "netlab: unknown verb '\\x9b31m\xc2\xa0\xc3\x9b' (see 'netlab help')\n" },
};

static struct cli_answer call(const char *const *argv)
{
	return fake_cli_input(
		"{\"name\":\"two\",\"nodes\":{\"a\":{},\"b\":{}},\"links\":[{\"endpoints\":[\"a\",\"b\"]}]}",
		argv[0], argv[0] ? argv[1] : NULL, argv[1] ? argv[2] : NULL,
		argv[2] ? argv[3] : NULL, argv[3] ? argv[4] : NULL, argv[4] ? argv[5] : NULL,
		argv[5] ? argv[6] : NULL, argv[6] ? argv[7] : NULL, argv[7] ? argv[8] : NULL, NULL);
}

static void test_wrong_usage(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		const struct usage_case *t = &wrong[i];
		struct cli_answer a;

		fake_lab_reset();
		a = call(t->argv);
		if (a.code != t->code)
			fail_msg("%s: exit code %d, expected %d; stderr: %s", t->name, a.code,
				 t->code, a.err);
		if (t->err[0] == '*' ? !strstr(a.err, t->err + 1) : strcmp(a.err, t->err) != 0)
			fail_msg("%s: stderr is\n%s expected\n%s", t->name, a.err, t->err);
		if (strchr(a.err, '\n') != a.err + strlen(a.err) - 1)
			fail_msg("%s: more than one line on stderr:\n%s", t->name, a.err);
		assert_string_equal(a.out, "");
		if (fake_lab.calls.len > 0 &&
		    strcmp(buf_text(&fake_lab.calls), "state_dir default\n") != 0)
			fail_msg("%s: acted: %s", t->name, buf_text(&fake_lab.calls));
		cli_answer_deinit(&a);
	}
}

static void test_json_errors(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	json_t *doc, *error;

	(void)state;
	for (int place = 0; place < 2; place++) {
		cli_answer_deinit(&a);
		/* also where --json comes after what is wrong */
		a = place == 0 ? fake_cli("--json", "up", "--nmae", "x", NULL)
			       : fake_cli("up", "--nmae", "--json", NULL);
		assert_int_equal(a.code, 2);
		assert_non_null(strstr(a.err, "did you mean '--name'?"));
		doc = json_loads(a.out, 0, NULL);
		assert_non_null(doc);
		error = json_object_get(doc, "error");
		assert_int_equal(json_integer_value(json_object_get(error, "code")), 2);
		assert_string_equal(json_string_value(json_object_get(error, "message")),
				    "up: unknown option '--nmae'");
		assert_string_equal(json_string_value(json_object_get(error, "hint")),
				    "did you mean '--name'?");
		assert_true(json_is_null(json_object_get(error, "where")));
		json_decref(doc);
	}
	/* the command's --json is not ours */
	cli_answer_deinit(&a);
	a = fake_cli("run", "--nmae", "--", "tool", "--json", NULL);
	assert_int_equal(a.code, 125);
	assert_string_equal(a.out, "");
}

/* Global options mean the same before and after the verb; values may be joined or apart; the last one counts. */
static void test_option_forms(void **state)
{
	static const char *const forms[][8] = {
		{ "--state-dir", "/s", "ls" },     { "--state-dir=/s", "ls" },
		{ "ls", "--state-dir", "/s" },     { "ls", "--state-dir=/s" },
		{ "-qv", "ls", "--state-dir=/s" }, { "ls", "--state-dir=/x", "--state-dir=/s" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct cli_answer a;

		fake_lab_reset();
		a = call(forms[i]);
		assert_int_equal(a.code, 0);
		assert_string_equal(buf_text(&fake_lab.calls), "state_dir /s\n");
		cli_answer_deinit(&a);
	}
	fake_lab_reset();
}

static void test_exec_words(void **state)
{
	static const struct {
		const char *argv[12];
		const char *call;
	} cases[] = {
		{ { "exec", "ring:a", "ping", "-c1", "b" },
		  "exec ring:a user=- cwd=- env=[] argv=[ping|-c1|b]\n" },
		{ { "exec", "ring:a", "--", "ping", "-c1" },
		  "exec ring:a user=- cwd=- env=[] argv=[ping|-c1]\n" },
		{ { "exec", "ring:a", "-t", "-u", "nobody", "ls", "-t" },
		  "exec ring:a user=nobody cwd=- terminal env=[] argv=[ls|-t]\n" },
		{ { "exec", "-wroot", "-e", "A=1", "--env=B=2", "ring:a", "env" },
		  "exec ring:a user=- cwd=root env=[A=1|B=2] argv=[env]\n" },
		{ { "exec", "ring:a", "grep", "--", "-x" },
		  "exec ring:a user=- cwd=- env=[] argv=[grep|--|-x]\n" },
		{ { "exec", "ring:a", "tool", "--json", "--help" },
		  "exec ring:a user=- cwd=- env=[] argv=[tool|--json|--help]\n" },
		{ { "exec", "ring:a", "--", "-odd" },
		  "exec ring:a user=- cwd=- env=[] argv=[-odd]\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cli_answer a;

		fake_lab_reset();
		a = call(cases[i].argv);
		if (a.code != 0 || !strstr(buf_text(&fake_lab.calls), cases[i].call))
			fail_msg("case %zu: exit code %d, calls:\n%s%s", i, a.code,
				 buf_text(&fake_lab.calls), a.err);
		cli_answer_deinit(&a);
	}
	fake_lab_reset();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_wrong_usage, fake_lab_setup,
						fake_lab_teardown),
		cmocka_unit_test_setup_teardown(test_json_errors, fake_lab_setup,
						fake_lab_teardown),
		cmocka_unit_test_setup_teardown(test_option_forms, fake_lab_setup,
						fake_lab_teardown),
		cmocka_unit_test_setup_teardown(test_exec_words, fake_lab_setup, fake_lab_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
