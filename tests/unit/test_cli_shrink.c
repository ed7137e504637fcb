/* SPDX-License-Identifier: MIT */
/* What the figures of a shrunk run are worth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "cli/shrink.h"

/** Fisher's exact test by hand: of all ways to place the failures among the runs, those that place them all in the result's. */
static void test_chance(void **state)
{
	static const struct {
		struct shrink_rate result, none;
		double chance;
	} cases[] = {
		{ { 10, 10 }, { 0, 2 }, 1.0 / 66 },      /* 1 of C(12, 10) */
		{ { 5, 10 }, { 0, 2 }, 252.0 / 792 },    /* C(10, 5) of C(12, 5) */
		{ { 5, 10 }, { 0, 12 }, 252.0 / 26334 }, /* ... of C(22, 5) */
		{ { 1, 10 }, { 0, 10 }, 0.5 },           { { 0, 10 }, { 0, 10 }, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double p = shrink_chance(&cases[i].result, &cases[i].none);

		if (fabs(p - cases[i].chance) > 1e-12)
			fail_msg("%zu: %.15f, not %.15f", i, p, cases[i].chance);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_chance) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
