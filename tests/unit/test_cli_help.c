/* SPDX-License-Identifier: MIT */
/*
 * What --help says, against tests/golden/help/, and the man page against the tables of verbs and options.
 * To accept new texts: NETLAB_UPDATE_GOLDEN=1 build/dev/tests/unit_cli_help, then look at the difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/command.h"
#include "netlab/version.h"
#include "support/fake_lab.h"

enum { WIDTH_MAX = 110 };

static const char *top(void)
{
	const char *dir = getenv("NETLAB_TOP");

	return dir ? dir : ".";
}

/* The file's text, owned by the caller; NULL when it cannot be read. */
static char *read_text(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (!in)
		return NULL;
	if (getdelim(&text, &size, '\0', in) < 0) {
		free(text);
		text = NULL;
	}
	(void)fclose(in);
	return text;
}

static void compare(const char *name, const char *text)
{
	_cleanup_free_ char *golden = NULL;
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/tests/golden/help/%s", top(), name);
	if (getenv("NETLAB_UPDATE_GOLDEN")) {
		FILE *out = fopen(path, "w");

		assert_non_null(out);
		assert_true(fputs(text, out) >= 0);
		assert_int_equal(fclose(out), 0);
		return;
	}
	golden = read_text(path);
	if (!golden)
		fail_msg("no golden file '%s'", path);
	if (strcmp(golden, text) != 0)
		fail_msg("'%s' differs from what --help prints:\n%s", path, text);
}

static void check_width(const char *name, const char *text)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		if (len > WIDTH_MAX)
			fail_msg("help of '%s': a line of %zu bytes: %.*s", name, len, (int)len,
				 line);
		line += len + (line[len] == '\n');
	}
}

static void test_goldens(void **state)
{
	_cleanup_answer_ struct cli_answer all = fake_cli("help", NULL),
					   again = fake_cli("-h", NULL);

	(void)state;
	assert_int_equal(all.code, 0);
	assert_string_equal(all.err, "");
	assert_string_equal(all.out, again.out);
	compare("netlab", all.out);
	for (size_t i = 0; i < cli_n_commands; i++) {
		const char *name = cli_commands[i].name;
		_cleanup_answer_ struct cli_answer by_option = fake_cli(name, "--help", NULL);
		_cleanup_answer_ struct cli_answer by_verb = fake_cli("help", name, NULL);

		assert_int_equal(by_option.code, 0);
		assert_string_equal(by_option.err, "");
		assert_string_equal(by_option.out, by_verb.out);
		check_width(name, by_option.out);
		compare(name, by_option.out);
		if (!strstr(all.out, cli_commands[i].purpose))
			fail_msg("'netlab help' does not list '%s'", name);
	}
	assert_string_equal(buf_text(&fake_lab.calls), "");
}

static void test_version(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("--version", NULL),
					   json = fake_cli("--version", "--json", NULL);

	(void)state;
	assert_int_equal(a.code, 0);
	assert_string_equal(a.out, "netlab " NETLAB_VERSION "\n");
	assert_string_equal(json.out, "{\"version\": \"" NETLAB_VERSION "\"}\n");
}

/* A letter may stand for two options, -w of exec and of capture, where no verb has both. */
static void check_apart(int a, int b)
{
	for (size_t i = 0; i < cli_n_commands; i++) {
		uint64_t options = OPT_GLOBAL | cli_commands[i].options;

		if ((options & OPT_BIT(a)) && (options & OPT_BIT(b)))
			fail_msg("%s: '-%c' is two options", cli_commands[i].name,
				 cli_options[a].letter);
	}
}

/* Whether the page defines a flag: "Fl Fl name" for long ones, as mdoc(7) writes them. */
static void check_flag(const char *page, const struct cli_option *o)
{
	char word[64];

	(void)snprintf(word, sizeof(word), "Fl -%s", o->name);
	if (!strstr(page, word))
		fail_msg("netlab(1) does not mention '--%s'", o->name);
	if (!o->letter)
		return;
	(void)snprintf(word, sizeof(word), "Fl %c", o->letter);
	if (!strstr(page, word))
		fail_msg("netlab(1) does not mention '-%c'", o->letter);
}

/* The verb of a line that begins an entry (".It Nm netlab VERB" or ".It Xo Nm netlab VERB"); NULL for other lines. */
static const char *entry_of(const char *line)
{
	static const char *const starts[] = { ".It Nm netlab ", ".It Xo Nm netlab " };

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		if (strncmp(line, starts[i], strlen(starts[i])) == 0)
			return line + strlen(starts[i]);
	}
	return NULL;
}

/* Each verb has one entry, in the order of the table, and each option is there; no entry is for what is no verb. */
static void test_man_page(void **state)
{
	_cleanup_free_ char *page = NULL;
	char path[4096];
	size_t n = 0;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/docs/man/netlab.1", top());
	page = read_text(path);
	if (!page)
		fail_msg("cannot read '%s'", path);
	for (const char *line = page; line;
	     line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		const char *verb = entry_of(line);
		int len = verb ? (int)strcspn(verb, " \n") : 0;

		if (!verb)
			continue;
		if (n == cli_n_commands || (int)strlen(cli_commands[n].name) != len ||
		    strncmp(verb, cli_commands[n].name, (size_t)len) != 0)
			fail_msg("entry %zu of netlab(1) is for '%.*s', not for '%s'", n, len, verb,
				 n == cli_n_commands ? "" : cli_commands[n].name);
		n++;
	}
	assert_int_equal(n, cli_n_commands);
	for (int id = 0; id < OPT_COUNT; id++)
		check_flag(page, &cli_options[id]);
}

/* Faults of the tables themselves. */
static void test_tables(void **state)
{
	(void)state;
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct cli_option *o = &cli_options[id];

		assert_non_null(o->name);
		assert_non_null(o->help);
		for (int other = 0; other < id; other++) {
			assert_string_not_equal(o->name, cli_options[other].name);
			if (o->letter && o->letter == cli_options[other].letter)
				check_apart(id, other);
		}
	}
	for (size_t i = 0; i < cli_n_commands; i++) {
		const struct cli_command *cmd = &cli_commands[i];

		assert_non_null(cmd->run);
		assert_true(cmd->min_args <= cmd->max_args);
		assert_true(cmd->min_args == 0 || cmd->missing);
		assert_int_equal(cmd->options & OPT_GLOBAL, 0);
		assert_true(strncmp(cmd->example, "netlab ", 7) == 0);
		/* the synopsis names each option */
		for (int id = 0; id < OPT_COUNT; id++) {
			char by_name[64], by_letter[8];

			if (!(cmd->options & OPT_BIT(id)))
				continue;
			(void)snprintf(by_name, sizeof(by_name), "--%s", cli_options[id].name);
			(void)snprintf(by_letter, sizeof(by_letter), "-%c", cli_options[id].letter);
			if (!strstr(cmd->synopsis, by_name) &&
			    !(cli_options[id].letter && strstr(cmd->synopsis, by_letter)))
				fail_msg("the synopsis of '%s' does not name --%s", cmd->name,
					 cli_options[id].name);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_goldens, fake_lab_setup, fake_lab_teardown),
		cmocka_unit_test_setup_teardown(test_version, fake_lab_setup, fake_lab_teardown),
		cmocka_unit_test(test_man_page),
		cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
