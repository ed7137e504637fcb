/* SPDX-License-Identifier: MIT */
/*
 * Out of memory at every single allocation of parsing: -ENOMEM or a true answer, never a crash, a leak or half a
 * topology. The C library's allocator is replaced here, so that all allocations count: ours and jansson's. Under
 * AddressSanitizer, which replaces it too, only jansson's can be counted.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "topo/model.h"

static size_t allocations, fail_at; /* counted from 1; 0 = never fail */
static bool counting, fail_for_good;

/** @return whether this allocation fails: the chosen one, or all from there on */
static bool fails(void)
{
	if (!counting)
		return false;
	allocations++;
	if (fail_at == 0)
		return false;
	return allocations == fail_at || (fail_for_good && allocations > fail_at);
}

#if defined(__SANITIZE_ADDRESS__)
static void *counted_malloc(size_t size)
{
	return fails() ? NULL : malloc(size);
}

static void replace_allocator(void)
{
	json_set_alloc_funcs(counted_malloc, free);
}
#else
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

/* hidden, as the build makes symbols, they would not replace those that jansson calls */
#define REPLACES __attribute__((visibility("default")))

REPLACES void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

REPLACES void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

REPLACES void *realloc(void *p, size_t size)
{
	return fails() ? NULL : __libc_realloc(p, size);
}

static void replace_allocator(void)
{
}
#endif

static const char good[] =
	"{\"name\":\"x\",\"defaults\":{\"node\":{\"env\":{\"A\":\"1\"}},\"link\":{\"delay\":\"1ms\"}},"
	"\"nodes\":{\"a\":{\"kind\":\"router\",\"env\":{\"B\":\"2\"},\"sysctls\":{\"net.ipv4.tcp_ecn\":1},"
	"\"interfaces\":{\"up\":{\"addresses\":[\"10.0.0.1/24\"],\"mac\":\"02:00:00:00:00:01\"},\"lo\":{\"addresses\":"
	"\"10.9.0.1\"}},\"routes\":[{\"to\":\"default\",\"via\":\"10.0.0.2\",\"dev\":\"up\"}],\"hostname\":\"h\",\"cwd\":\"/\","
	"\"user\":\"nobody\",\"services\":[{\"name\":\"s\",\"run\":[\"a\",\"b\"],\"env\":{\"C\":\"3\"}}]},\"b\":{},\"alone\":{}},"
	"\"links\":[{\"endpoints\":[\"a:up\",\"b\"],\"loss\":{\"burst\":{\"rate\":\"1%\",\"length\":4}}},"
	"{\"endpoints\":[\"a\",\"b\"],\"name\":\"l\",\"addresses\":[\"10.1.0.1/24\",[\"10.1.0.2/24\"]],\"rate\":\"10mbit\","
	"\"queue\":\"1packets\",\"preset\":\"lte\",\"<-\":{\"rate\":{\"trace\":\"t\"}}}],"
	"\"timeline\":[{\"at\":\"1s\",\"link\":\"l\",\"from\":\"a\",\"delay\":\"1s\",\"ramp\":\"1s\"},"
	"{\"at\":\"0s\",\"exec\":{\"node\":\"b\",\"run\":[\"y\"]}},"
	"{\"when\":{\"packet\":[\"l\",\"icmp\",2]},\"link\":\"l\",\"clear\":true}]}";

static const char bad[] =
	"{\"nam\":\"x\",\"timeline\":[],\"defaults\":{\"link\":{\"name\":\"x\"}},\"nodes\":{\"a b\":{\"kind\":\"x\"},\"a\":{"
	"\"interfaces\":{\"e\":{\"mac\":\"x\"},\"lo\":{\"addresses\":[\"10.0.0.1\",\"10.0.0.1\"]}},\"routes\":[{\"to\":1}],"
	"\"services\":[{\"name\":\"s\",\"run\":[\"a\"]},{\"name\":\"s\",\"run\":[\"a\"]}]}},\"links\":[{\"endpoints\":[\"a\",\"c\"],"
	"\"delay\":20},{\"endpoints\":[\"a\",\"a\"]}]}";

/* No regular expression: glibc 2.36's own regcomp() frees twice when its memory runs out. */
static const char bad_timeline[] =
	"{\"nodes\":{\"a\":{\"services\":[{\"name\":\"s\",\"run\":[\"a\"]}]},\"b\":{}},\"links\":[{\"endpoints\":[\"a\",\"b\"]}],"
	"\"timeline\":[{\"at\":\"1s\",\"link\":\"a--c\",\"down\":true},{\"when\":{\"packet\":[\"x\"]},\"link\":\"a--b\",\"up\":true},"
	"{\"when\":{\"log\":[\"a\"]},\"exec\":{\"node\":\"c\",\"run\":[]}},{\"at\":\"1s\",\"link\":\"a--b\",\"cell\":3}]}";

static const char broken[] = "{\"nodes\": {\"a\": {},}}";

/** @return whether it got through without running out of memory */
static bool parse_once(const char *text, int expected)
{
	struct topo_diags diags = { 0 };
	struct topo *t = NULL;
	int r;

	allocations = 0;
	counting = true;
	r = topo_parse(text, strlen(text), "t.json", NULL, &diags, &t);
	counting = false;
	if (r != -ENOMEM) {
		assert_int_equal(r, expected);
		assert_false(diags.failed);
	}
	assert_int_equal(t != NULL, r == 0);
	topo_free(t);
	topo_diags_deinit(&diags);
	return r != -ENOMEM;
}

static void sweep(const char *text, int expected)
{
	size_t total, refused = 0;

	fail_at = 0;
	assert_true(parse_once(text, expected));
	total = allocations;
	assert_true(total > 10);
	for (fail_at = 1; fail_at <= total; fail_at++)
		refused += !parse_once(text, expected);
	print_message("%zu allocations, %zu of them end in -ENOMEM\n", total, refused);
	fail_at = 0;
	assert_true(parse_once(text, expected));
}

static void test_one_fails(void **state)
{
	(void)state;
	fail_for_good = false;
	sweep(good, 0);
	sweep(bad, -EINVAL);
	sweep(bad_timeline, -EINVAL);
	sweep(broken, -EINVAL);
}

#if !defined(__SANITIZE_ADDRESS__)
static void test_all_fail(void **state)
{
	static const char *const texts[] = { good, bad, bad_timeline, broken };

	(void)state;
	fail_for_good = true;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		size_t total;

		fail_at = 0;
		assert_true(parse_once(texts[i], i == 0 ? 0 : -EINVAL));
		total = allocations;
		for (fail_at = 1; fail_at <= total; fail_at++) {
			/* not even "it is wrong" can be told */
			assert_false(parse_once(texts[i], -ENOMEM));
		}
	}
	fail_for_good = false;
}
#endif

static void test_schema(void **state)
{
	size_t total;

	(void)state;
	fail_for_good = false;
	for (fail_at = 0, total = 1; fail_at <= total; fail_at++) {
		_cleanup_buf_ struct buf b = { 0 };

		allocations = 0;
		counting = true;
		topo_print_schema(&b);
		counting = false;
		if (fail_at == 0)
			total = allocations;
		/* whole or not at all */
		if (!b.failed)
			assert_memory_equal(buf_text(&b) + b.len - 3, "\n}\n", 3);
	}
	assert_true(total > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_fails),
#if !defined(__SANITIZE_ADDRESS__)
		cmocka_unit_test(test_all_fail),
#endif
		cmocka_unit_test(test_schema),
	};

	replace_allocator();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
