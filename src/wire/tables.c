/* SPDX-License-Identifier: MIT */
/* Delay tables from iproute2's files. */
#include "wire/tables.h"

#include <errno.h>
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/fs.h"

enum { FILE_BYTES_MAX = 1 << 20, PATH_BYTES = 256 };

/* LIBDIR/tc, for what distributions have as LIBDIR */
static const char *const places[] = { "/usr/lib/tc/", "/usr/lib/*/tc/", "/usr/lib64/tc/",
				      "/lib/tc/", "/usr/local/lib/tc/" };

static struct delay_table read_tables[IMPAIR_PARETONORMAL + 1];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int read_file(const char *path, struct delay_table *ret)
{
	size_t len;
	char *text;
	int r = sys_read_file(path, FILE_BYTES_MAX, &text, &len);

	if (r < 0)
		return r;
	r = delay_table_parse(text, len, path, ret, NULL);
	free(text);
	return r;
}

int tables_read(const char *const *patterns, size_t n, enum impair_distribution d,
		struct delay_table *ret)
{
	for (size_t i = 0; i < n; i++) {
		char pattern[PATH_BYTES];
		glob_t found = { 0 };
		int r;

		if (snprintf(pattern, sizeof(pattern), "%s%s.dist", patterns[i],
			     impair_distribution_name(d)) >= (int)sizeof(pattern))
			continue;
		if (glob(pattern, 0, NULL, &found) == 0) {
			r = read_file(found.gl_pathv[0], ret);
			globfree(&found);
			return r;
		}
		globfree(&found);
	}
	return -ENOENT;
}

static void read_all(void)
{
	for (int d = IMPAIR_NORMAL; d <= IMPAIR_PARETONORMAL; d++) {
		if (tables_read(places, sizeof(places) / sizeof(places[0]),
				(enum impair_distribution)d, &read_tables[d]) < 0)
			read_tables[d] = *delay_table_builtin((enum impair_distribution)d);
	}
}

const struct delay_table *tables_get(enum impair_distribution d)
{
	if (d == IMPAIR_UNIFORM)
		return NULL;
	pthread_once(&once, read_all);
	return &read_tables[d];
}
