/* SPDX-License-Identifier: MIT */
/* Impairments as values: settings, merging, loss models, text and JSON, what cannot be together. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "topo/impairment.h"

/* Settings that are good, and the two forms in which they are shown. */
static const struct {
	const char *setting, *text, *json;
} goods[] = {
	{ "delay=20ms", "delay 20ms", "{\"delay_ns\":20000000}" },
	{ "jitter=1.5ms", "jitter 1.5ms", "{\"jitter_ns\":1500000}" },
	{ "distribution=paretonormal", "distribution paretonormal",
	  "{\"distribution\":\"paretonormal\"}" },
	{ "distribution=uniform", "distribution uniform", "{\"distribution\":\"uniform\"}" },
	{ "jitter_reorders=true", "jitter_reorders true", "{\"jitter_reorders\":true}" },
	{ "rate=10mbit", "rate 10mbit", "{\"rate_bps\":10000000}" },
	{ "rate=trace:/a b/c.trace", "rate trace:/a b/c.trace",
	  "{\"rate_trace\":{\"trace\":\"/a b/c.trace\",\"loop\":true}}" },
	{ "rate=trace:/a,b\"\\\t,once", "rate trace:/a,b\"\\\t,once",
	  "{\"rate_trace\":{\"trace\":\"/a,b\\\"\\\\\\u0009\",\"loop\":false}}" },
	{ "rate=trace:/t,loop", "rate trace:/t",
	  "{\"rate_trace\":{\"trace\":\"/t\",\"loop\":true}}" },
	{ "rate=trace:/t,once,loop", "rate trace:/t,once,loop",
	  "{\"rate_trace\":{\"trace\":\"/t,once\",\"loop\":true}}" },
	{ "rate=trace:/t,loop,once", "rate trace:/t,loop,once",
	  "{\"rate_trace\":{\"trace\":\"/t,loop\",\"loop\":false}}" },
	{ "rate=trace:,once", "rate trace:,once",
	  "{\"rate_trace\":{\"trace\":\",once\",\"loop\":true}}" },
	{ "queue=50packets", "queue 50packets", "{\"queue_packets\":50}" },
	{ "queue=1packet", "queue 1packets", "{\"queue_packets\":1}" },
	{ "queue=64kib", "queue 65536b", "{\"queue_bytes\":65536}" },
	{ "queue=100ms", "queue 100ms", "{\"queue_ns\":100000000}" },
	{ "ecn=true", "ecn true", "{\"ecn\":true}" },
	{ "loss=1%", "loss 1%", "{\"loss\":{\"random\":0.01}}" },
	{ "loss=0.01", "loss 1%", "{\"loss\":{\"random\":0.01}}" },
	{ "loss=random:0.3%", "loss 0.3%", "{\"loss\":{\"random\":0.003}}" },
	{ "loss=burst:0.5%,4", "loss burst:0.5%,4",
	  "{\"loss\":{\"burst\":{\"rate\":0.005,\"length\":4}}}" },
	{ "loss=burst:0.5%,2.5", "loss burst:0.5%,2.5",
	  "{\"loss\":{\"burst\":{\"rate\":0.005,\"length\":2.5}}}" },
	{ "loss=gemodel:1%,10%,70%,0.1%", "loss gemodel:1%,10%,70%,0.1%",
	  "{\"loss\":{\"gemodel\":{\"p\":0.01,\"r\":0.1,\"1-h\":0.7,\"1-k\":0.001}}}" },
	{ "loss=gemodel:1%", "loss gemodel:1%,99%,100%,0%",
	  "{\"loss\":{\"gemodel\":{\"p\":0.01,\"r\":0.99,\"1-h\":1,\"1-k\":0}}}" },
	{ "loss=state:5%", "loss state:5%,95%,0%,100%,0%",
	  "{\"loss\":{\"state\":{\"p13\":0.05,\"p31\":0.95,\"p32\":0,\"p23\":1,\"p14\":0}}}" },
	{ "loss=state:5%,30%,20%,50%,1%", "loss state:5%,30%,20%,50%,1%",
	  "{\"loss\":{\"state\":{\"p13\":0.05,\"p31\":0.3,\"p32\":0.2,\"p23\":0.5,\"p14\":0.01}}}" },
	{ "duplicate=2%", "duplicate 2%", "{\"duplicate\":0.02}" },
	{ "corrupt=0.1%", "corrupt 0.1%", "{\"corrupt\":0.001}" },
	{ "reorder=25%", "reorder 25%", "{\"reorder\":0.25}" },
	{ "gap=5", "gap 5", "{\"gap\":5}" },
	{ "overhead=-14", "overhead -14", "{\"overhead_bytes\":-14}" },
	{ "cell=53", "cell 53", "{\"cell_bytes\":53}" },
	{ "cell_overhead=5", "cell_overhead 5", "{\"cell_overhead_bytes\":5}" },
	{ "slot=20ms,30ms", "slot 20ms,30ms",
	  "{\"slot\":{\"min_ns\":20000000,\"max_ns\":30000000}}" },
	{ "slot=20ms", "slot 20ms,20ms", "{\"slot\":{\"min_ns\":20000000,\"max_ns\":20000000}}" },
	{ "slot=20ms,30ms,packets=4,bytes=3kb", "slot 20ms,30ms,packets=4,bytes=3000b",
	  "{\"slot\":{\"min_ns\":20000000,\"max_ns\":30000000,\"packets\":4,\"bytes\":3000}}" },
	{ "slot=normal:20ms,2ms,bytes=1b", "slot normal:20ms,2ms,bytes=1b",
	  "{\"slot\":{\"distribution\":\"normal\",\"delay_ns\":20000000,\"jitter_ns\":2000000,\"bytes\":1}}" },
	{ "seed=18446744073709551615", "seed 18446744073709551615",
	  "{\"seed\":18446744073709551615}" },
	{ "seed=0x2a", "seed 42", "{\"seed\":42}" },
	{ "down=true", "down true", "{\"down\":true}" },
	{ "down=false", "down false", "{\"down\":false}" },
	{ "aqm=codel", "aqm codel", "{\"aqm\":\"codel\"}" },
	{ "aqm=droptail", "aqm droptail", "{\"aqm\":\"droptail\"}" },
};

static struct arena texts;

static void test_settings(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(goods); i++) {
		_cleanup_buf_ struct buf text = { 0 }, json = { 0 }, again = { 0 };
		struct impairment m = { 0 }, shown = { 0 };
		struct netlab_err err = { 0 };
		char *space;

		print_message("%s\n", goods[i].setting);
		assert_int_equal(impairment_parse_setting(goods[i].setting, 0, &m, &texts, &err),
				 0);
		assert_int_equal(err.code, 0);
		impairment_format_text(&text, &m);
		impairment_format_json(&json, &m);
		assert_string_equal(buf_text(&text), goods[i].text);
		assert_string_equal(buf_text(&json), goods[i].json);
		/* what is shown can be typed again */
		space = strchr(text.data, ' ');
		*space = '=';
		assert_int_equal(impairment_parse_setting(buf_text(&text), 0, &shown, &texts, NULL),
				 0);
		impairment_format_json(&again, &shown);
		assert_string_equal(buf_text(&again), goods[i].json);
		arena_deinit(&texts);
	}
}

static const struct {
	const char *setting, *message, *hint;
} bads[] = {
	{ "", "is no setting", "key=value" },
	{ "delay", "is no setting", "key=value" },
	{ "=20ms", "is no setting", "key=value" },
	{ "lose=1%", "no setting 'lose'", "did you mean 'loss'?" },
	{ "xyz=1", "no setting 'xyz'", "" },
	{ "delay=20", "'delay' cannot be \"20\"", "write \"20ms\"" },
	{ "delay=-1ms", "'delay' cannot be", "negative" },
	{ "delay=", "'delay' cannot be \"\"", "number and a unit" },
	{ "rate=10mbps", "'rate' cannot be", "megabytes" },
	{ "rate=trace:", "'rate' cannot be", "rate=trace:FILE" },
	{ "rate=trace:/t", "'rate' cannot be", "cannot be given here" },
	{ "queue=50", "'queue' cannot be", "50packets" },
	{ "queue=packets", "'queue' cannot be", "50packets" },
	{ "queue=0packets", "'queue' cannot be", "nothing" },
	{ "queue=4294967296packets", "'queue' cannot be", "at most" },
	{ "queue=99999999999999999999999999packets", "'queue' cannot be", "at most" },
	{ "queue=9999999999999999h", "'queue' cannot be", "292 years" },
	{ "loss=120%", "'loss' cannot be", "100 %" },
	{ "loss=-1%", "'loss' cannot be", "negative" },
	{ "loss=1% 25%", "'loss' cannot be", "burst:1%,4" },
	{ "loss=1%,25%", "'loss' cannot be", "burst:1%,4" },
	{ "loss=bursty:1%,4", "'loss' cannot be", "gemodel:P,R" },
	{ "loss=burst:1%", "'loss' cannot be", "burst:RATE,LENGTH" },
	{ "loss=burst:1%,4,5", "'loss' cannot be", "burst:RATE,LENGTH" },
	{ "loss=burst:1%,nan", "'loss' cannot be", "burst:RATE,LENGTH" },
	{ "loss=burst:1%,0.5", "'loss' cannot be", "1 or more" },
	{ "loss=burst:1%,1.1.1", "'loss' cannot be", "1 or more" },
	{ "loss=burst:x,4", "'loss' cannot be", "share" },
	{ "loss=gemodel:", "'loss' cannot be", "share" },
	{ "loss=gemodel:1%,1%,1%,1%,1%", "'loss' cannot be", "1 to 4" },
	{ "loss=state:1%,1%,1%,1%,1%,1%", "'loss' cannot be", "1 to 5" },
	{ "loss=random:1%,2%", "'loss' cannot be", "random has 1" },
	{ "distribution=gauss", "'distribution' cannot be", "pareto" },
	{ "ecn=yes", "'ecn' cannot be", "true or false" },
	{ "down=1", "'down' cannot be", "true or false" },
	{ "aqm=red", "'aqm' cannot be", "droptail or codel" },
	{ "gap=0", "'gap' cannot be", "from 1" },
	{ "gap=x", "'gap' cannot be", "whole number" },
	{ "gap=4294967296", "'gap' cannot be", "from 1" },
	{ "overhead=-15", "'overhead' cannot be", "from -14" },
	{ "overhead=--1", "'overhead' cannot be", "whole number" },
	{ "cell=0", "'cell' cannot be", "from 1" },
	{ "slot=", "'slot' cannot be", "number and a unit" },
	{ "slot=packets=3", "'slot' cannot be", "MIN,MAX" },
	{ "slot=1ms,2ms,3ms", "'slot' cannot be", "packets=N" },
	{ "slot=1ms,packets=0", "'slot' cannot be", "packets=N" },
	{ "slot=1ms,2ms,packets=1,bytes=1b,packets=2,bytes=2b", "'slot' cannot be", "MIN,MAX" },
	{ "slot=uniform:1ms,2ms", "'slot' cannot be", "slot=MIN,MAX" },
	{ "slot=normal:1ms", "'slot' cannot be", "normal:DELAY,JITTER" },
	{ "slot=normal:0ms,1ms", "'slot' cannot be", "normal:DELAY,JITTER" },
	{ "preset=4g", "'preset' cannot be", "3g, lte, 5g" },
	{ "preset=", "'preset' cannot be", "lan, wifi" },
	{ "presets=lte", "no setting 'presets'", "did you mean 'preset'?" },
	{ "seed=-1", "'seed' cannot be", "whole number" },
	{ "seed=18446744073709551616", "'seed' cannot be", "whole number" },
};

static void test_bad_settings(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bads); i++) {
		struct impairment m = { .set = IMPAIR_BIT(IMPAIR_GAP), .gap = 3 }, before = m;
		struct netlab_err err = { 0 };

		print_message("%s\n", bads[i].setting);
		assert_int_equal(impairment_parse_setting(bads[i].setting, 0, &m, NULL, &err),
				 -EINVAL);
		assert_int_equal(err.code, -EINVAL);
		assert_int_equal(err.exit, NETLAB_EXIT_USAGE);
		if (!strstr(err.message, bads[i].message) || !strstr(err.hint, bads[i].hint))
			fail_msg("%s (%s)", err.message, err.hint);
		assert_memory_equal(&m, &before, sizeof(m));
		assert_int_equal(impairment_parse_setting(bads[i].setting, 0, &m, NULL, NULL),
				 -EINVAL);
	}
}

static struct impairment make(const char *settings)
{
	struct impairment m = { 0 };
	char copy[256], *rest = copy;

	strcpy(copy, settings);
	for (char *one = strsep(&rest, " "); one; one = strsep(&rest, " ")) {
		if (*one)
			assert_int_equal(impairment_parse_setting(one, 0, &m, NULL, NULL), 0);
	}
	return m;
}

static void test_merge(void **state)
{
	static const struct {
		const char *into, *from, *merged;
	} cases[] = {
		{ "", "", "" },
		{ "delay=20ms", "", "delay 20ms" },
		{ "", "delay=20ms", "delay 20ms" },
		{ "delay=20ms loss=1%", "delay=0ms", "delay 0ms loss 1%" },
		{ "loss=burst:1%,4", "loss=2%", "loss 2%" },
		{ "queue=50packets", "queue=64kib", "queue 65536b" },
		{ "down=true ecn=true", "down=false", "ecn true down false" },
		{ "",
		  "delay=1ms jitter=1ms distribution=normal jitter_reorders=true rate=1mbit queue=1s ecn=true loss=1% "
		  "duplicate=1% corrupt=1% reorder=1% gap=2 overhead=1 cell=2 cell_overhead=3 slot=1ms seed=4 down=true aqm=codel",
		  "delay 1ms jitter 1ms distribution normal jitter_reorders true rate 1mbit queue 1s ecn true loss 1% "
		  "duplicate 1% corrupt 1% reorder 1% gap 2 overhead 1 cell 2 cell_overhead 3 slot 1ms,1ms seed 4 down true aqm codel" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct impairment into = make(cases[i].into), from = make(cases[i].from);
		_cleanup_buf_ struct buf b = { 0 };

		impairment_merge(&into, &from);
		impairment_format_text(&b, &into);
		assert_string_equal(buf_text(&b), cases[i].merged);
	}
}

static void test_shaping(void **state)
{
	static const struct {
		const char *settings;
		bool shaping;
	} cases[] = {
		{ "", false },
		{ "delay=0ms jitter=0ms loss=0% duplicate=0% corrupt=0% reorder=0% slot=0ms",
		  false },
		{ "down=true seed=3 ecn=true distribution=normal gap=3 overhead=4", false },
		{ "loss=burst:0%,4", false },
		{ "loss=gemodel:0%,10%", false },
		{ "loss=state:0%", false },
		{ "delay=1ns", true },
		{ "jitter=1ms", true },
		{ "loss=0.0001%", true },
		{ "loss=burst:1%,4", true },
		{ "loss=gemodel:0%,1%,1%,1%", true },
		{ "loss=gemodel:1%", true },
		{ "loss=state:0%,1%,1%,1%,1%", true },
		{ "duplicate=1%", true },
		{ "corrupt=1%", true },
		{ "reorder=1%", true },
		{ "slot=1ms", true },
		{ "slot=normal:1ms,0ms", true },
		{ "queue=5packets", true },
		{ "rate=1mbit", true },
		{ "rate=1mbit queue=5packets seed=1 delay=0ms", true },
		{ "rate=1mbit delay=1ms", true },
		{ "rate=1mbit overhead=4", true },
		{ "rate=1mbit cell=53", true },
		{ "rate=1mbit loss=1%", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct impairment m = make(cases[i].settings);

		print_message("%s\n", cases[i].settings);
		assert_int_equal(impairment_is_shaping(&m), cases[i].shaping);
	}
}

static void test_solve(void **state)
{
	static const struct {
		double rate, length;
	} cases[] = { { 0.005, 4 }, { 0.01, 1 }, { 0.3, 10 }, { 0.5, 1 }, { 0, 3 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct impair_loss burst = { .model = IMPAIR_LOSS_BURST,
					     .burst_rate = cases[i].rate,
					     .burst_length = cases[i].length };
		struct impair_loss ge = impair_loss_solve(&burst);

		assert_int_equal(ge.model, IMPAIR_LOSS_GEMODEL);
		/* the model's stationary loss and its mean time in the bad state are what was asked */
		assert_true(fabs(ge.p / (ge.p + ge.r) - cases[i].rate) < 1e-12);
		assert_true(fabs(1 / ge.r - cases[i].length) < 1e-12);
		assert_true(ge.one_minus_h == 1 && ge.one_minus_k == 0);
		assert_true(ge.p >= 0 && ge.p <= 1);
	}
	for (size_t i = 0; i < 3; i++) {
		static const enum impair_loss_model models[] = { IMPAIR_LOSS_RANDOM,
								 IMPAIR_LOSS_GEMODEL,
								 IMPAIR_LOSS_STATE };
		struct impair_loss loss = {
			.model = models[i], .random = 0.5, .p = 0.25, .p13 = 0.125
		};
		struct impair_loss same = impair_loss_solve(&loss);

		assert_memory_equal(&loss, &same, sizeof(loss));
	}
}

static void test_check(void **state)
{
	static const struct {
		const char *settings, *message; /* NULL = good */
	} cases[] = {
		{ "", NULL },
		{ "delay=20ms jitter=5ms distribution=normal rate=10mbit queue=50packets loss=burst:1%,4 ecn=true",
		  NULL },
		{ "delay=10ms reorder=25% gap=5", NULL },
		{ "delay=24h", NULL },
		{ "jitter=2.147483647s delay=3s", NULL },
		{ "loss=burst:50%,1", NULL },
		{ "loss=burst:75%,3", NULL },
		{ "rate=8bit", NULL },
		{ "jitter=5ms", NULL }, /* only a warning */
		{ "delay=25h", "24h" },
		{ "jitter=2.147483648s delay=3s", NULL },
		{ "jitter=25h delay=24h", "24h" },
		{ "distribution=normal", "needs 'jitter'" },
		{ "jitter_reorders=true", "needs 'jitter'" },
		{ "jitter_reorders=false", NULL },
		{ "jitter=1ms delay=1ms jitter_reorders=true rate=1mbit", NULL },
		{ "jitter=0ms jitter_reorders=true rate=1mbit", NULL },
		{ "reorder=25%", "needs 'delay'" },
		{ "delay=0ms jitter=0ms reorder=25%", "needs 'delay'" },
		{ "rate=1mbit reorder=25%", NULL },
		{ "jitter=1ms reorder=25%", NULL },
		{ "delay=1ms gap=5", "needs 'reorder'" },
		{ "rate=7bit", "below 8bit" },
		{ "overhead=4", "'overhead' needs 'rate'" },
		{ "cell=53", "'cell' needs 'rate'" },
		{ "rate=1mbit cell_overhead=5", "needs 'cell'" },
		{ "queue=100ms", "needs 'rate'" },
		{ "ecn=true", "needs 'loss'" },
		{ "rate=1mbit ecn=true", "needs 'loss'" },
		{ "rate=1mbit aqm=droptail ecn=true", "needs 'loss'" },
		{ "rate=1mbit aqm=codel ecn=true", NULL },
		{ "aqm=codel", NULL }, /* only a warning */
		{ "loss=burst:100%,4", "no end" },
		{ "loss=burst:75%,2", "cannot be reached" },
		{ "loss=state:60%,1%,1%,1%,60%", "'p13' and 'p14'" },
		{ "loss=state:1%,60%,60%", "'p31' and 'p32'" },
		{ "slot=2ms,1ms", "above its 'max'" },
		{ "slot=25h", "24h" },
		{ "slot=normal:10s,3s", NULL },
		{ "slot=normal:10s,25h", "24h" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct impairment m = make(cases[i].settings);
		struct netlab_err err = { 0 };

		print_message("%s\n", cases[i].settings);
		assert_int_equal(impairment_check(&m, &err), cases[i].message ? -EINVAL : 0);
		assert_int_equal(impairment_check(&m, NULL), cases[i].message ? -EINVAL : 0);
		if (!cases[i].message) {
			assert_int_equal(err.code, 0);
			continue;
		}
		assert_int_equal(err.exit, NETLAB_EXIT_INVALID);
		if (!strstr(err.message, cases[i].message))
			fail_msg("%s", err.message);
	}
}

/* One preset over another leaves nothing of it; each direction has its own values. */
static void test_presets(void **state)
{
	static const char *const names[] = { "lan", "wifi", "bad-wifi", "dsl", "cable",
					     "3g",  "lte",  "5g",       "leo", "geo" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_buf_ struct buf setting = { 0 };
		struct impairment m[2] = {
			make("loss=50% jitter=1s delay=2s rate=8bit gap=3 seed=5"), make("")
		};

		buf_printf(&setting, "preset=%s", names[i]);
		for (unsigned d = 0; d < 2; d++) {
			assert_int_equal(
				impairment_parse_setting(buf_text(&setting), d, &m[d], NULL, NULL),
				0);
			assert_true(m[d].delay_ns > 0 && m[d].delay_ns < 1000000000);
			assert_true(m[d].jitter_ns < m[d].delay_ns);
			assert_true(m[d].rate_bps >= 100000);
			assert_true(m[d].loss.random <= 0.01);
			assert_true(m[d].set < IMPAIR_BIT(IMPAIR_KEY_COUNT));
			assert_null(impairment_beyond_netem(&m[d]));
		}
		assert_int_equal(m[0].gap, 3); /* of no preset: kept */
		assert_int_equal(impairment_check(&m[1], NULL), 0);
		/* the first end is the user's: up is never faster than down */
		assert_true(m[0].rate_bps <= m[1].rate_bps);
		assert_int_equal(m[0].delay_ns, m[1].delay_ns);
	}
}

/* What another engine has to do. */
static void test_beyond_netem(void **state)
{
	static const struct {
		const char *settings, *key; /* NULL = netem can */
	} cases[] = {
		{ "", NULL },
		{ "delay=20ms jitter=5ms distribution=normal rate=10mbit queue=50packets loss=burst:1%,4 ecn=true "
		  "duplicate=1% corrupt=1% reorder=1% gap=2 overhead=1 cell=2 cell_overhead=3 slot=1ms seed=4 down=true "
		  "aqm=droptail",
		  NULL },
		{ "jitter=2.147483647s delay=3s", NULL },
		{ "jitter=2.147483648s delay=3s", "'jitter' above" },
		{ "jitter=1ms delay=1ms jitter_reorders=true", NULL },
		{ "jitter=1ms delay=1ms jitter_reorders=true rate=1mbit", "'jitter_reorders'" },
		{ "jitter=0ms jitter_reorders=true rate=1mbit", NULL },
		{ "reorder=1% rate=1mbit", "'reorder'" },
		{ "reorder=0% rate=1mbit", NULL },
		{ "rate=1mbit aqm=codel", "'aqm'" },
		{ "slot=normal:10s,2s", NULL },
		{ "slot=normal:10s,3s", "'jitter' of 'slot'" },
	};
	struct impairment trace = { .set = IMPAIR_BIT(IMPAIR_RATE), .rate_trace = "/t" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct impairment m = make(cases[i].settings);
		const char *why = impairment_beyond_netem(&m);

		if (cases[i].key ? !why || !strstr(why, cases[i].key) : why != NULL)
			fail_msg("%s: %s", cases[i].settings, why ? why : "(netem can)");
	}
	assert_non_null(strstr(impairment_beyond_netem(&trace), "trace"));
	assert_int_equal(impairment_check(&trace, NULL), 0);
}

static void test_all_json(void **state)
{
	struct impairment m = make(
		"delay=1ms jitter=1ms distribution=normal jitter_reorders=true rate=1mbit queue=1s ecn=true "
		"loss=gemodel:33.3% duplicate=1% corrupt=1% reorder=1% gap=2 overhead=1 cell=2 "
		"cell_overhead=3 slot=1ms seed=4 down=true aqm=codel");
	_cleanup_buf_ struct buf b = { 0 };
	json_error_t error;
	json_t *json;

	(void)state;
	impairment_format_json(&b, &m);
	json = json_loads(buf_text(&b), JSON_REJECT_DUPLICATES, &error);
	assert_non_null(json);
	assert_int_equal(json_object_size(json), IMPAIR_KEY_COUNT);
	assert_true(json_real_value(json_object_get(
			    json_object_get(json_object_get(json, "loss"), "gemodel"), "p")) ==
		    0.333);
	json_decref(json);
	b.len = 0;
	m = (struct impairment){ 0 };
	impairment_format_json(&b, &m);
	assert_string_equal(buf_text(&b), "{}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings), cmocka_unit_test(test_bad_settings),
		cmocka_unit_test(test_merge),    cmocka_unit_test(test_shaping),
		cmocka_unit_test(test_solve),    cmocka_unit_test(test_check),
		cmocka_unit_test(test_presets),  cmocka_unit_test(test_beyond_netem),
		cmocka_unit_test(test_all_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
