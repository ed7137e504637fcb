/* SPDX-License-Identifier: MIT */
/* Delay tables from files: found where they are, left aside where they are none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "wire/tables.h"

static char dir[] = "/tmp/netlab-tables-XXXXXX";

static void write_file(const char *below, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, below);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fputs(text, f) < 0, 0);
	assert_int_equal(fclose(f), 0);
}

static int make_files(void **state)
{
	char path[256];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/some-arch", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	write_file("some-arch/normal.dist", "# a table\n 1 2 3\n");
	write_file("pareto.dist", "1 2\nx\n");
	write_file("some-arch/pareto.dist", "4\n");
	return 0;
}

static int remove_files(void **state)
{
	static const char *const files[] = { "some-arch/normal.dist", "pareto.dist",
					     "some-arch/pareto.dist" };
	char path[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/some-arch", dir);
	rmdir(path);
	return rmdir(dir);
}

static void test_files(void **state)
{
	char here[256], below[256];
	const char *const patterns[] = { "/nonexistent/", here, below };
	struct delay_table t;

	(void)state;
	snprintf(here, sizeof(here), "%s/", dir);
	snprintf(below, sizeof(below), "%s/*/", dir);
	assert_int_equal(tables_read(patterns, 3, IMPAIR_NORMAL, &t), 0);
	assert_int_equal(t.n, 3);
	assert_int_equal(t.entries[2], 3);
	delay_table_deinit(&t);
	/* the first counts, and is not one */
	assert_int_equal(tables_read(patterns, 3, IMPAIR_PARETO, &t), -EINVAL);
	assert_int_equal(tables_read(patterns, 3, IMPAIR_PARETONORMAL, &t), -ENOENT);
	assert_int_equal(tables_read(patterns, 0, IMPAIR_NORMAL, &t), -ENOENT);
}

static void test_get(void **state)
{
	(void)state;
	assert_null(tables_get(IMPAIR_UNIFORM));
	for (int d = IMPAIR_NORMAL; d <= IMPAIR_PARETONORMAL; d++) {
		const struct delay_table *t = tables_get((enum impair_distribution)d);
		const struct delay_table *builtin = delay_table_builtin(
			(enum impair_distribution)d);

		/* iproute2's are the same, where they are */
		assert_int_equal(t->n, builtin->n);
		assert_memory_equal(t->entries, builtin->entries, t->n * sizeof(*t->entries));
		assert_ptr_equal(tables_get((enum impair_distribution)d), t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, make_files, remove_files),
		cmocka_unit_test(test_get),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
