/* SPDX-License-Identifier: MIT */
/* Numbers on the way from one impairment to another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "topo/ramp.h"

static struct impairment make(const char *settings)
{
	static struct arena texts;
	struct impairment m = { 0 };
	char copy[256], *rest = copy;

	strcpy(copy, settings);
	for (char *one = strsep(&rest, " "); one; one = strsep(&rest, " ")) {
		if (*one)
			assert_int_equal(impairment_parse_setting(one, 0, &m, &texts, NULL), 0);
	}
	return m;
}

static const struct {
	const char *from, *to;
	unsigned percent; /* of the way */
	const char *now;
} cases[] = {
	{ "delay=10ms", "delay=50ms", 0, "delay 10ms" },
	{ "delay=10ms", "delay=50ms", 50, "delay 30ms" },
	{ "delay=10ms", "delay=50ms", 100, "delay 50ms" },
	{ "delay=50ms", "delay=10ms", 25, "delay 40ms" },
	{ "", "delay=40ms", 25, "delay 10ms" },
	/* further than its end: the end */
	{ "delay=10ms", "delay=50ms", 170, "delay 50ms" },
	{ "rate=10mbit", "rate=2mbit", 50, "rate 6mbit" },
	/* from no limit there is no way */
	{ "delay=1ms", "rate=2mbit delay=3ms", 50, "delay 2ms" },
	{ "rate=trace:/t", "rate=2mbit", 50, "" },
	{ "rate=2mbit", "rate=trace:/t", 50, "" },
	{ "loss=1%", "loss=3%", 50, "loss 2%" },
	{ "", "loss=3%", 50, "loss 1.5%" },
	{ "loss=burst:1%,4", "loss=3%", 50, "" },
	{ "loss=1%", "loss=burst:1%,4", 50, "" },
	{ "jitter=2ms duplicate=2% corrupt=4% reorder=8%",
	  "jitter=4ms duplicate=4% corrupt=0% reorder=10%", 50,
	  "jitter 3ms duplicate 3% corrupt 2% reorder 9%" },
	/* what is no number is not on the way, what is not named stays out of it */
	{ "delay=10ms loss=1%",
	  "delay=20ms queue=5packets distribution=normal seed=4 down=true gap=3", 50,
	  "delay 15ms" },
	{ "delay=10ms", "", 50, "" },
};

static void test_way(void **state)
{
	const uint64_t total = 3000000000;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct impairment from = make(cases[i].from), to = make(cases[i].to), now;
		_cleanup_buf_ struct buf b = { 0 };

		print_message("%s -> %s at %u %%\n", cases[i].from, cases[i].to, cases[i].percent);
		now = ramp_at(&from, &to, ramp_keys(&from, &to), total / 100 * cases[i].percent,
			      total);
		impairment_format_text(&b, &now);
		assert_string_equal(b.len ? buf_text(&b) : "", cases[i].now);
	}
}

/* Each step is on the way, none goes back, and only the last is the end. */
static void test_monotone(void **state)
{
	struct impairment from = make("delay=1ns rate=1gbit"), to = make("delay=24h rate=8bit");
	uint32_t keys = ramp_keys(&from, &to);
	uint64_t delay = 0, rate = UINT64_MAX;

	(void)state;
	for (uint64_t t = 0; t <= 1000; t++) {
		struct impairment now = ramp_at(&from, &to, keys, t, 1000);

		assert_true(now.delay_ns >= delay && now.rate_bps <= rate);
		assert_int_equal(now.delay_ns == to.delay_ns, t == 1000);
		assert_int_equal(now.rate_bps == to.rate_bps, t == 1000);
		delay = now.delay_ns;
		rate = now.rate_bps;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_way),
		cmocka_unit_test(test_monotone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
