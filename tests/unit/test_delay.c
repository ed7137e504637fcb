/* SPDX-License-Identifier: MIT */
/* Delay tables: the built-in ones against iproute2's files, the reader of such files, tabledist(). */
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "impair/delay.h"

static const struct known_table {
	enum impair_distribution d;
	const char *name;
	int first, middle, last;
	uint64_t digest; /* FNV-1a of the entries, of two bytes each, low one first */
} tables[] = {
	/* from the .dist files of Debian's iproute2 6.1.0-3 */
	{ IMPAIR_NORMAL, "normal", -32768, 0, 28858, 0x3f198b6014c3b3b8 },
	{ IMPAIR_PARETO, "pareto", -5461, -2622, 32767, 0x209e1d3c861819fa },
	{ IMPAIR_PARETONORMAL, "paretonormal", -12305, -1966, 31789, 0x468ce9c962a5ecf9 },
};

static uint64_t digest(const struct delay_table *t)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < t->n; i++) {
		h = (h ^ ((uint16_t)t->entries[i] & 0xff)) * 0x100000001b3;
		h = (h ^ ((uint16_t)t->entries[i] >> 8)) * 0x100000001b3;
	}
	return h;
}

static void test_builtin(void **state)
{
	(void)state;
	assert_null(delay_table_builtin(IMPAIR_UNIFORM));
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct delay_table *t = delay_table_builtin(tables[i].d);

		assert_int_equal(t->n, 4096);
		assert_int_equal(t->entries[0], tables[i].first);
		assert_int_equal(t->entries[2048], tables[i].middle);
		assert_int_equal(t->entries[4095], tables[i].last);
		assert_int_equal(digest(t), tables[i].digest);
	}
}

/** iproute2's file of a table, where it is installed. */
static FILE *open_installed(const char *name)
{
	static const char *const patterns[] = { "/usr/lib/tc/%s.dist", "/usr/lib*/*/tc/%s.dist",
						"/usr/share/tc/%s.dist", "/lib/tc/%s.dist" };
	const char *dir = getenv("TC_LIB_DIR");
	char path[512];
	FILE *f = NULL;

	if (dir) {
		snprintf(path, sizeof(path), "%s/%s.dist", dir, name);
		f = fopen(path, "r");
	}
	for (size_t i = 0; !f && i < ARRAY_SIZE(patterns); i++) {
		glob_t found = { 0 };

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(path, sizeof(path), patterns[i], name);
#pragma GCC diagnostic pop
		if (glob(path, 0, NULL, &found) == 0)
			f = fopen(found.gl_pathv[0], "r");
		globfree(&found);
	}
	return f;
}

static void test_installed(void **state)
{
	static char text[1 << 20];
	unsigned compared = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct delay_table *ours = delay_table_builtin(tables[i].d);
		FILE *f = open_installed(tables[i].name);
		struct delay_table t;
		size_t n;

		if (!f)
			continue;
		n = fread(text, 1, sizeof(text), f);
		fclose(f);
		assert_int_equal(delay_table_parse(text, n, tables[i].name, &t, NULL), 0);
		assert_int_equal(t.n, ours->n);
		assert_memory_equal(t.entries, ours->entries, t.n * sizeof(*t.entries));
		delay_table_deinit(&t);
		delay_table_deinit(&t);
		compared++;
	}
	if (compared == 0) /* the digests of test_builtin() are of these files */
		print_message("iproute2's .dist files are not installed: not compared\n");
}

static void test_parse(void **state)
{
	static const char text[] = "# a comment\r\n 1 -2\t32767\n#\n-32768\n";
	static const int16_t want[] = { 1, -2, 32767, -32768 };
	struct delay_table t;

	(void)state;
	assert_int_equal(delay_table_parse(text, strlen(text), "t", &t, NULL), 0);
	assert_int_equal(t.n, ARRAY_SIZE(want));
	assert_memory_equal(t.entries, want, sizeof(want));
	delay_table_deinit(&t);
	/* the end of the bytes is the end, whatever comes after */
	assert_int_equal(delay_table_parse(text, 16, "t", &t, NULL), 0);
	assert_int_equal(t.n, 1);
	delay_table_deinit(&t);
}

static void test_bad_files(void **state)
{
	static const struct {
		const char *text, *where;
	} bad[] = {
		{ "", "t:1" },
		{ "# only\n#\n", "t:3" },
		{ "1\n2\nx\n", "t:3" },
		{ "1\n32768\n", "t:2" },
		{ "-32769", "t:1" },
		{ "1.5", "t:1" },
		{ "-", "t:1" },
		{ "1 #\n", "t:1" },
		{ "99999999999999999999", "t:1" },
		{ "+1", "t:1" },
	};
	char *many = malloc(2 * DELAY_TABLE_ENTRIES_MAX + 2);
	struct netlab_err err = { 0 };
	struct delay_table t;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(delay_table_parse(bad[i].text, strlen(bad[i].text), "t", &t, &err),
				 -EINVAL);
		assert_string_equal(err.where, bad[i].where);
		assert_int_equal(delay_table_parse(bad[i].text, strlen(bad[i].text), "t", &t, NULL),
				 -EINVAL);
	}
	assert_non_null(many);
	for (int i = 0; i <= DELAY_TABLE_ENTRIES_MAX; i++)
		memcpy(many + 2 * i, "1 ", 2);
	assert_int_equal(delay_table_parse(many, 2 * DELAY_TABLE_ENTRIES_MAX, "t", &t, NULL), 0);
	assert_int_equal(t.n, DELAY_TABLE_ENTRIES_MAX);
	delay_table_deinit(&t);
	assert_int_equal(delay_table_parse(many, 2 * DELAY_TABLE_ENTRIES_MAX + 2, "t", &t, NULL),
			 -EFBIG);
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builtin),
		cmocka_unit_test(test_installed),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_bad_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
