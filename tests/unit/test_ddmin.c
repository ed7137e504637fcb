/* SPDX-License-Identifier: MIT */
/* Delta debugging against oracles whose answer is known: it ends, with a set that fails and of which nothing can be left
   out, in a bounded number of tries, one at a time and several, with failures that come only now and then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "impair/prng.h"
#include "repro/ddmin.h"

enum { OUT_MAX = 8, CAUSES_MAX = 8 };

/* Fails when all causes are there, or all of the others. */
struct oracle {
	size_t causes[CAUSES_MAX], n;
	size_t others[CAUSES_MAX], n_others;
	unsigned fails_of_16; /* how often it fails when it may; 0 = always */
	unsigned tries;       /* for one that may fail now and then */
	struct prng dice;
	unsigned asked;
};

static bool holds(const struct ddmin_try *t, const size_t *wanted, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool found = false;

		for (size_t j = 0; j < t->n_kept; j++)
			found = found || t->kept[j] == wanted[i];
		if (!found)
			return false;
	}
	return n > 0;
}

static bool ask(struct oracle *o, const struct ddmin_try *t)
{
	bool fails = holds(t, o->causes, o->n) || holds(t, o->others, o->n_others);

	o->asked++;
	if (!fails || o->fails_of_16 == 0)
		return fails;
	for (unsigned i = 0; i < o->tries; i++) {
		if (prng_next(&o->dice) % 16 < o->fails_of_16)
			return true;
	}
	return false;
}

/** Keeps `out` candidates out at a time, and tells of them in any order. */
static void shrink(struct ddmin *d, struct oracle *o, size_t out)
{
	struct ddmin_try tries[OUT_MAX];
	size_t n = 0;

	while (!ddmin_is_done(d) || n > 0) {
		size_t which;

		while (n < out && ddmin_next(d, &tries[n]) == 1)
			n++;
		if (n == 0) {
			assert_true(ddmin_is_done(d));
			return;
		}
		which = prng_next(&o->dice) % n;
		(void)ddmin_tell(d, &tries[which], ask(o, &tries[which]));
		ddmin_try_deinit(&tries[which]);
		tries[which] = tries[--n];
		assert_true(o->asked < 100000);
	}
}

static void assert_kept(const struct ddmin *d, const size_t *wanted, size_t n)
{
	assert_int_equal(d->n_kept, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(d->kept[i], wanted[i]);
}

static void test_finds_the_cause(void **state)
{
	static const struct {
		size_t n, causes[CAUSES_MAX], n_causes;
		unsigned most; /* tries */
	} cases[] = {
		{ 1, { 0 }, 1, 0 },
		{ 2, { 1 }, 1, 4 },
		{ 2, { 0, 1 }, 2, 4 },
		{ 200, { 0 }, 1, 20 },
		{ 200, { 199 }, 1, 40 },
		{ 200, { 3, 150 }, 2, 130 },
		{ 200, { 0, 50, 100, 150, 199 }, 5, 500 },
		{ 1000, { 17, 18, 19 }, 3, 300 },
		{ 7, { 0, 1, 2, 3, 4, 5, 6 }, 7, 60 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t out = 1; out <= OUT_MAX; out++) {
			struct oracle o = { .n = cases[i].n_causes };
			struct ddmin d;

			prng_seed(&o.dice, out);
			memcpy(o.causes, cases[i].causes, sizeof(o.causes));
			assert_int_equal(ddmin_init(&d, cases[i].n), 0);
			shrink(&d, &o, out);
			assert_kept(&d, cases[i].causes, cases[i].n_causes);
			if (out == 1 && o.asked > cases[i].most)
				fail_msg("case %zu: %u tries", i, o.asked);
			ddmin_deinit(&d);
		}
	}
}

/** Of two causes that are each enough one is left, whole. */
static void test_two_causes(void **state)
{
	(void)state;
	for (size_t out = 1; out <= OUT_MAX; out++) {
		struct oracle o = { .causes = { 5, 90 }, .n = 2, .others = { 40 }, .n_others = 1 };
		struct ddmin d;

		prng_seed(&o.dice, out);
		assert_int_equal(ddmin_init(&d, 100), 0);
		shrink(&d, &o, out);
		if (d.n_kept == 1)
			assert_kept(&d, o.others, 1);
		else
			assert_kept(&d, o.causes, 2);
		ddmin_deinit(&d);
	}
}

/** What fails in half of the runs is found with enough tries; with too few it never ends up with a set that cannot fail. */
static void test_flaky(void **state)
{
	unsigned found = 0;

	(void)state;
	for (unsigned seed = 1; seed <= 100; seed++) {
		struct oracle o = { .causes = { 20, 70 }, .n = 2, .fails_of_16 = 8, .tries = 10 };
		struct ddmin_try kept;
		struct ddmin d;

		prng_seed(&o.dice, seed);
		if (seed > 50)
			o.tries = 1;
		assert_int_equal(ddmin_init(&d, 100), 0);
		shrink(&d, &o, 1 + seed % 4);
		kept = (struct ddmin_try){ .kept = d.kept, .n_kept = d.n_kept };
		assert_true(holds(&kept, o.causes, o.n));
		found += seed <= 50 && d.n_kept == 2;
		ddmin_deinit(&d);
	}
	/* ten tries miss one of a thousand; some forty candidates a search */
	assert_true(found >= 45);
}

/** No set is asked for twice. */
static void test_nothing_twice(void **state)
{
	static uint64_t asked[4096];
	struct oracle o = { .causes = { 3, 40, 41, 77 }, .n = 4 };
	struct ddmin_try t;
	struct ddmin d;
	size_t n = 0;

	(void)state;
	assert_int_equal(ddmin_init(&d, 100), 0);
	while (ddmin_next(&d, &t) == 1) {
		for (size_t i = 0; i < n; i++)
			assert_true(asked[i] != t.set);
		asked[n++] = t.set;
		(void)ddmin_tell(&d, &t, ask(&o, &t));
		ddmin_try_deinit(&t);
	}
	assert_true(ddmin_is_done(&d));
	assert_int_equal(d.n_kept, 4);
	ddmin_deinit(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_the_cause),
		cmocka_unit_test(test_two_causes),
		cmocka_unit_test(test_flaky),
		cmocka_unit_test(test_nothing_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
