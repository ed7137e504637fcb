/* SPDX-License-Identifier: MIT */
/*
 * Out of memory, everywhere: the k-th allocation of a plan fails, for every k. Each time plan_build() says -ENOMEM and
 * leaves nothing behind, and a printer marks its text as incomplete.
 */
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan/plan.h"
#include "support/topo_file.h"

static struct {
	bool counting;
	size_t n, fail_at; /* 1 = the first; 0 = none */
	long live;
} allocations;

static bool fails(void)
{
	return allocations.counting && ++allocations.n == allocations.fail_at;
}

static void *next_symbol(const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (!symbol)
		abort();
	return symbol;
}

/* These stand before the C library's, or the sanitizer's, which do the work. */
void *calloc(size_t n, size_t size)
{
	static void *(*next)(size_t, size_t);
	static bool looking;
	static char early[4096]; /* dlsym() may allocate itself */
	void *p;

	if (!next) {
		if (looking)
			return n * size <= sizeof(early) ? early : NULL;
		looking = true;
		*(void **)&next = next_symbol("calloc");
	}
	if (fails())
		return NULL;
	p = next(n, size);
	allocations.live += allocations.counting && p;
	return p;
}

void *realloc(void *old, size_t size)
{
	static void *(*next)(void *, size_t);
	void *p;

	if (!next)
		*(void **)&next = next_symbol("realloc");
	if (fails())
		return NULL;
	p = next(old, size);
	allocations.live += allocations.counting && p && !old;
	return p;
}

void free(void *p)
{
	static void (*next)(void *);

	if (!next)
		*(void **)&next = next_symbol("free");
	allocations.live -= allocations.counting && p;
	next(p);
}

static void start_counting(size_t fail_at)
{
	allocations.n = 0;
	allocations.live = 0;
	allocations.fail_at = fail_at;
	allocations.counting = true;
}

static size_t stop_counting(void)
{
	allocations.counting = false;
	return allocations.n;
}

static void sweep(const struct topo *t)
{
	size_t last;

	for (size_t k = 1;; k++) {
		struct netlab_err err = { 0 };
		struct plan *p = NULL;
		int r;

		start_counting(k);
		r = plan_build(t, NULL, &p, &err);
		last = stop_counting();
		if (r == 0) {
			/* it ended before the k-th */
			assert_int_equal(last, k - 1);
			plan_free(p);
			break;
		}
		assert_int_equal(r, -ENOMEM);
		assert_int_equal(err.code, -ENOMEM);
		assert_null(p);
		if (allocations.live != 0)
			fail_msg("allocation %zu fails: %ld are left", k, allocations.live);
	}
	assert_true(last > 3); /* the sweep swept */
}

static void test_build(void **state)
{
	static const char *const files[] = {
		"tests/golden/everything.json",
		"topologies/leaf-spine.json",
		"topologies/two-routers-ipv6.json",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct topo *t = topo_from_file(files[i]);

		sweep(t);
		topo_free(t);
	}
}

static void test_print(void **state)
{
	static void (*const printers[])(struct buf *, const struct plan *) = {
		plan_print_text,
		plan_print_json,
		plan_print_sh,
	};
	struct topo *t = topo_from_file("tests/golden/everything.json");
	struct plan *p = NULL;

	(void)state;
	assert_int_equal(plan_build(t, NULL, &p, NULL), 0);
	for (size_t i = 0; i < sizeof(printers) / sizeof(printers[0]); i++) {
		for (size_t k = 1;; k++) {
			struct buf b = { 0 };
			size_t n;

			start_counting(k);
			printers[i](&b, p);
			n = stop_counting();
			if (n < k) {
				assert_non_null(buf_text(&b));
				buf_deinit(&b);
				break;
			}
			assert_null(buf_text(&b));
			buf_deinit(&b);
		}
	}
	plan_free(p);
	topo_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
