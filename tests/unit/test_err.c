/* SPDX-License-Identifier: MIT */
/* The error object: what it keeps, and that it never overruns. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void test_set(void **state)
{
	struct netlab_err err = { 0 };

	(void)state;
	assert_int_equal(err_set(&err, EPERM, "node '%s'", "a"), -EPERM);
	assert_int_equal(err.code, -EPERM);
	assert_int_equal(err.exit, NETLAB_EXIT_RUNTIME);
	assert_string_equal(err.message, "node 'a'");
	assert_int_equal(err_hint(&err, "do %d", 1), -EPERM);
	assert_int_equal(err_where(&err, "f:%d", 2), -EPERM);
	assert_int_equal(err_class(&err, NETLAB_EXIT_UNSUPPORTED), -EPERM);
	assert_int_equal(err.exit, NETLAB_EXIT_UNSUPPORTED);
	/* a new error starts from nothing */
	assert_int_equal(err_set(&err, -ENOENT, "x"), -ENOENT);
	assert_string_equal(err.hint, "");
	assert_string_equal(err.where, "");
	assert_int_equal(err.exit, NETLAB_EXIT_RUNTIME);
	/* an error must not read as success */
	assert_int_equal(err_set(&err, 0, "x"), -EIO);
	assert_int_equal(err.code, -EIO);
}

static void test_errno(void **state)
{
	struct netlab_err err = { 0 };

	(void)state;
	assert_int_equal(err_errno(&err, ENOENT, "cannot open '%s'", "f"), -ENOENT);
	assert_string_equal(err.message, "cannot open 'f': No such file or directory");
	assert_int_equal(err_wrap(&err, "lab '%s'", "l"), -ENOENT);
	assert_string_equal(err.message, "lab 'l': cannot open 'f': No such file or directory");
}

static void test_long(void **state)
{
	struct netlab_err err = { 0 };
	char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, EIO, "%s", text);
	assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
	err_wrap(&err, "outer");
	assert_memory_equal(err.message, "outer: xxx", 10);
	assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
	err_wrap(&err, "%s", text);
	assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
	err_errno(&err, EIO, "%s", text);
	assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
	err_hint(&err, "%s", text);
	assert_int_equal(strlen(err.hint), sizeof(err.hint) - 1);
	err_where(&err, "%s", text);
	assert_int_equal(strlen(err.where), sizeof(err.where) - 1);
}

static void test_null(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, EPERM, "x"), -EPERM);
	assert_int_equal(err_errno(NULL, EPERM, "x"), -EPERM);
	assert_int_equal(err_wrap(NULL, "x"), 0);
	assert_int_equal(err_hint(NULL, "x"), 0);
	assert_int_equal(err_where(NULL, "x"), 0);
	assert_int_equal(err_class(NULL, NETLAB_EXIT_USAGE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_errno),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
