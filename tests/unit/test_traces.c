/* SPDX-License-Identifier: MIT */
/* Traces as files: each way in which one is no good is told with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "lab/check.h"
#include "lab/traces.h"
#include "support/topo_file.h"

struct fixture {
	char dir[32], file[64];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	strcpy(f->dir, "/tmp/netlab-test-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->file, sizeof(f->file), "%s/t.trace", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)unlink(f->file);
	(void)rmdir(f->dir);
	free(f);
	return 0;
}

static void put(const struct fixture *f, const char *text)
{
	FILE *file = fopen(f->file, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_read(void **state)
{
	const struct fixture *f = *state;
	struct netlab_err err = { 0 };
	struct trace t = { 0 };

	put(f, "0\n3\n3\r\n10");
	assert_int_equal(lab_trace_read(f->file, &t, &err), 0);
	assert_int_equal(err.code, 0);
	assert_int_equal(t.n, 4);
	assert_true(t.loop);
	assert_int_equal(t.at_ms[2], 3);
	assert_int_equal(t.at_ms[3], 10);
	trace_deinit(&t);
}

static void test_bad_content(void **state)
{
	static const struct {
		const char *text;
		unsigned line; /* 0 = the file as a whole */
		const char *message;
	} cases[] = {
		{ "1\n2\nthree\n4\n", 3, "without a number" },
		{ "# a comment\n1\n", 1, "without a number" },
		{ "1\n2\n\n4\n", 3, "without a number" },
		{ "5\n4\n", 2, "out of order" },
		{ "-1\n", 1, "without a number" },
		{ "1.5\n", 1, "with text" },
		{ "1 2\n", 1, "with text" },
		{ "4294967296\n", 1, "out of order or with text" },
		{ "99999999999999999999999999\n", 1, "out of order or with text" },
		{ "", 0, "no opportunity" },
		{ "0\n0\n", 0, "no opportunity" },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct trace t = { .n = 77 };
		struct netlab_err err = { 0 };
		char where[96];

		put(f, cases[i].text);
		assert_int_equal(lab_trace_read(f->file, &t, &err), -EINVAL);
		assert_int_equal(lab_trace_read(f->file, &t, NULL), -EINVAL);
		assert_int_equal(t.n, 77); /* untouched */
		assert_int_equal(err.exit, NETLAB_EXIT_INVALID);
		if (!strstr(err.message, cases[i].message))
			fail_msg("'%s': %s", cases[i].text, err.message);
		snprintf(where, sizeof(where), cases[i].line ? "%s:%u" : "%s", f->file,
			 cases[i].line);
		if (cases[i].line ? strcmp(err.where, where) != 0 : !strstr(err.where, where))
			fail_msg("'%s': at %s, not %s", cases[i].text, err.where, where);
	}
}

static void test_bad_files(void **state)
{
	const struct fixture *f = *state;
	struct netlab_err err = { 0 };
	struct trace t = { 0 };

	(void)unlink(f->file);
	assert_int_equal(lab_trace_read(f->file, &t, &err), -ENOENT);
	assert_int_equal(err.exit, NETLAB_EXIT_INVALID);
	assert_string_equal(err.where, f->file);
	assert_non_null(strstr(err.hint, "relative path"));
	assert_int_equal(lab_trace_read(f->dir, &t, &err), -EISDIR);
	assert_non_null(strstr(err.message, "directory"));
	/* two gigabytes of nothing: refused by its size, not read */
	put(f, "1\n");
	assert_int_equal(truncate(f->file, 1ll << 31), 0);
	assert_int_equal(lab_trace_read(f->file, &t, &err), -EFBIG);
	assert_int_equal(err.exit, NETLAB_EXIT_INVALID);
	assert_non_null(strstr(err.message, "256 MiB"));
}

struct told {
	unsigned n;
	char last[1300];
};

static void tell(void *ctx, bool warning, const char *pointer, const struct netlab_err *err)
{
	struct told *told = ctx;

	assert_null(pointer); /* the trace's place is its own */

	assert_false(warning);
	told->n++;
	snprintf(told->last, sizeof(told->last), "%s: %s", err->where, err->message);
}

static void test_check(void **state)
{
	const struct fixture *f = *state;
	struct told told = { 0 };
	struct topo *t;
	char text[512];

	put(f, "1\n2\n");
	snprintf(text, sizeof(text),
		 "{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": ["
		 "{\"endpoints\": [\"a\", \"b\"], \"rate\": {\"trace\": \"%s\"}},"
		 "{\"endpoints\": [\"a\", \"b\"], \"->\": {\"rate\": {\"trace\": \"%s/x\"}},"
		 "                                \"<-\": {\"rate\": {\"trace\": \"%s/y\"}}},"
		 "{\"endpoints\": [\"a\", \"b\"], \"rate\": {\"trace\": \"%s/x\"}}]}",
		 f->file, f->dir, f->dir, f->dir);
	t = topo_from_text(text);
	/* every one that is no good, each once */
	assert_int_equal(lab_check(t, 0, tell, &told), -EINVAL);
	assert_int_equal(told.n, 2);
	assert_non_null(strstr(told.last, "link 'a--b.2'"));
	assert_non_null(strstr(told.last, "/y: "));
	topo_free(t);

	t = topo_from_text(
		"{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"]}]}");
	assert_int_equal(lab_check(t, 0, tell, &told), 0);
	assert_int_equal(told.n, 2);
	topo_free(t);
}

static void count(void *ctx, bool warning, const char *pointer, const struct netlab_err *err)
{
	struct told *told = ctx;

	told->n += warning ? 100 : 1;
	snprintf(told->last, sizeof(told->last), "%s: %s (%s)", pointer ? pointer : "",
		 err->message, err->hint);
}

/* Warnings about this host, and what only a library can tell. */
static void test_check_more(void **state)
{
	struct topo *t = topo_from_text(
		"{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": ["
		"{\"endpoints\": [\"a\", \"b\"], \"rate\": \"1gbit\"}, {\"endpoints\": [\"a\", \"b\"]},"
		"{\"endpoints\": [\"a\", \"b\"], \"<-\": {\"rate\": \"2gbit\"}}],"
		"\"timeline\": [{\"when\": {\"packet\": [\"a--b\", \"tcp port 80\"]}, \"link\": \"a--b\", \"down\": true}]}");
	struct told told = { 0 };

	(void)state;
	assert_int_equal(lab_check(t, 0, count, &told), 0);
	assert_int_equal(told.n, 0);
	assert_int_equal(lab_check(t, 2000000000, count, &told), 0);
	assert_int_equal(told.n, 0);
	assert_int_equal(lab_check(t, 1500000000, count, &told), 0);
	assert_int_equal(told.n, 100);
	assert_non_null(
		strstr(told.last, "link 'a--b.3': its 'rate' of 2gbit is above the 1.5gbit"));
	topo_free(t);

	told = (struct told){ 0 };
	t = topo_from_text(
		"{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"]}], \"timeline\": ["
		"{\"when\": {\"packet\": [\"a--b\", \"tcp prot 80\"]}, \"link\": \"a--b\", \"down\": true},"
		"{\"at\": \"1s\", \"link\": \"a--b\", \"rate\": {\"trace\": \"/no/such/trace\"}},"
		"{\"at\": \"2s\", \"link\": \"a--b\", \"rate\": {\"trace\": \"/no/such/trace\"}}]}");
	assert_int_equal(lab_check(t, 0, count, &told), -EINVAL);
	assert_int_equal(told.n, 2); /* the trace, in two events, once */
	topo_free(t);

	told = (struct told){ 0 };
	t = topo_from_text(
		"{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"]}], \"faults\": ["
		"{\"link\": \"a--b\", \"do\": \"drop\"},"
		"{\"link\": \"a--b\", \"match\": \"tcp prot 80\", \"do\": \"drop\"}]}");
	assert_int_equal(lab_check(t, 0, count, &told), -EINVAL);
	assert_int_equal(told.n, 1);
	assert_non_null(strstr(told.last, "/faults/1/match: faults: rule 2: 'tcp prot 80'"));
	topo_free(t);
}

/* What a node is given of the host's may come until the lab does. */
static void test_check_paths(void **state)
{
	const struct fixture *f = *state;
	struct told told = { 0 };
	struct topo *t;
	char text[1024];

	put(f, "x");
	snprintf(
		text, sizeof(text),
		"{\"defaults\": {\"node\": {\"rootfs\": \"%s/nowhere\"}}, \"nodes\": {"
		"\"a\": {\"rootfs\": \"%s\"}, \"b\": {}, \"c\": {},"
		"\"d\": {\"mounts\": [{\"bind\": \"%s\"}, {\"tmpfs\": \"/x\"}, {\"bind\": \"%s/1\"}]},"
		"\"e\": {\"mounts\": [{\"overlay\": \"%s\"}, {\"overlay\": \"%s\"}]},"
		"\"f\": {\"files\": {\"/etc/x\": {\"from\": \"%s/2\"}, \"/etc/y\": \"y\"}}}}",
		f->dir, f->dir, f->dir, f->dir, f->dir, f->file, f->dir);
	t = topo_from_text(text);
	assert_int_equal(lab_check(t, 0, count, &told), 0);
	assert_int_equal(told.n, 400); /* nowhere (of three nodes), 1, the file as a directory, 2 */
	assert_non_null(strstr(told.last, "node 'f': its file from '"));
	topo_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_content, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_check, setup, teardown),
		cmocka_unit_test(test_check_more),
		cmocka_unit_test_setup_teardown(test_check_paths, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
