/* SPDX-License-Identifier: MIT */
/* The growing buffer and the arena. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"

static void test_buf(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_string_equal(buf_text(&b), "");
	buf_add(&b, "", 0);
	assert_string_equal(buf_text(&b), "");
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i);
	buf_puts(&b, "end");
	buf_add(&b, "a\0b", 3);
	assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4 + 3 + 3);
	assert_memory_equal(b.data, "0,1,2,3,", 8);
	assert_memory_equal(b.data + b.len - 6, "enda\0b", 7);
	buf_printf(&b, "%s", "");
	assert_false(b.failed);
	buf_deinit(&b);
	assert_null(b.data);
	buf_deinit(&b);
	buf_puts(&b, "again");
	assert_string_equal(buf_text(&b), "again");
	buf_deinit(&b);
}

static void test_buf_failed(void **state)
{
	struct buf b = { .failed = true };

	(void)state;
	buf_puts(&b, "x");
	assert_int_equal(b.len, 0);
	assert_null(buf_text(&b));
	buf_deinit(&b);
	assert_string_equal(buf_text(&b), "");
}

static void test_arena(void **state)
{
	struct arena a = ARENA_INIT;
	unsigned char *p, *before = NULL;
	char *text;

	(void)state;
	for (size_t size = 1; size < 40000; size = size * 2 + 1) {
		p = arena_alloc(&a, size);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
		assert_ptr_not_equal(p, before);
		before = p;
	}
	text = arena_strdup(&a, "hello");
	assert_string_equal(text, "hello");
	assert_string_equal(arena_printf(&a, "%s %d", text, 7), "hello 7");
	assert_string_equal(arena_printf(&a, "%s", ""), "");
	assert_non_null(arena_array(&a, 0, 8));
	assert_null(arena_array(&a, SIZE_MAX / 4, 8));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 8));
	arena_deinit(&a);
	arena_deinit(&a);
	assert_null(a.blocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf),
		cmocka_unit_test(test_buf_failed),
		cmocka_unit_test(test_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
