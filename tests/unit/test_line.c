/* SPDX-License-Identifier: MIT */
/* The queue and the rate of a pipe: exact times, limits in every unit, traces, changes. CoDel: test_codel.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "support/numbered.h"

static const uint64_t ms = 1000000;

#define ASKS(key) IMPAIR_BIT(IMPAIR_##key)

enum { FULL_FRAME = 1514 /* one line of a trace, as mahimahi counts it */ };

static void change(struct numbered_pipe *f, const struct impairment *m, const struct trace *t,
		   uint64_t now_ns)
{
	numbered_change(
		f, &(struct pipe_setup){ .asked = m, .trace = t, .mtu = 1500, .now_ns = now_ns });
}

/** The next packet is that one, and leaves then. */
static void expect(struct numbered_pipe *f, int number, uint64_t left_ns)
{
	uint64_t got_ns = 0;
	int got = numbered_next(f, &got_ns, NULL);

	if (got != number || (number && got_ns != left_ns))
		fail_msg("packet %d at %llu ns, not %d at %llu", got, (unsigned long long)got_ns,
			 number, (unsigned long long)left_ns);
}

/* --- a constant rate --- */

static void test_rate_and_queue(void **state)
{
	struct impairment m = { .set = ASKS(RATE) | ASKS(QUEUE) | ASKS(DELAY),
				.rate_bps = 8000000, /* 1000 bytes a millisecond */
				.queue_unit = IMPAIR_QUEUE_PACKETS,
				.queue = 10,
				.delay_ns = 20 * ms };
	struct numbered_pipe f;

	(void)state;
	numbered_begin_asked(&f, &m);
	/* 20 at once: one is being sent, 10 wait, 9 find the queue full */
	for (int k = 1; k <= 20; k++)
		numbered_offer(&f, k, ms, 1000);
	assert_int_equal(f.pipe.stats.dropped[PIPE_QUEUE], 9);
	assert_int_equal(f.last_cause, PIPE_QUEUE);
	for (int k = 1; k <= 11; k++)
		expect(&f, k, ms + (uint64_t)k * ms + 20 * ms);
	expect(&f, 0, 0);
	/* idle: no credit has been saved up */
	numbered_offer(&f, 30, 100 * ms, 1000);
	numbered_offer(&f, 31, 100 * ms, 1000);
	expect(&f, 30, 121 * ms);
	expect(&f, 31, 122 * ms);
	numbered_end(&f);
}

/** Fractions of nanoseconds are not lost: many packets take exactly as long as they should. */
static void test_rate_is_exact(void **state)
{
	enum { PACKETS = 100000, AT_ONCE = 100 };
	struct impairment m = { .set = ASKS(RATE), .rate_bps = 7777777777 };
	struct numbered_pipe f;
	uint64_t left = 0;

	(void)state;
	numbered_begin_asked(&f, &m);
	for (int k = 1; k <= PACKETS; k++) {
		numbered_offer(&f, k, 0, 100);
		while (k % AT_ONCE == 0 && numbered_next(&f, &left, NULL))
			;
	}
	/* 100,000 x 800 bits at 7,777,777,777 bit/s, rounded down; each on its own would be 102 ns */
	assert_int_equal(f.pipe.stats.delivered, PACKETS);
	assert_int_equal(left, 10285714);
	numbered_end(&f);
}

static void test_overheads(void **state)
{
	static const struct {
		int32_t overhead;
		uint32_t cell;
		int32_t cell_overhead;
		uint32_t len;
		uint64_t charged;
	} cases[] = {
		{ 0, 0, 0, 100, 100 },  { 24, 0, 0, 100, 124 },   { -14, 0, 0, 100, 86 },
		{ -200, 0, 0, 100, 0 }, { 0, 48, 5, 100, 159 },   { 0, 48, 5, 96, 106 },
		{ 0, 48, 0, 97, 144 },  { 10, 53, -5, 100, 144 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct impairment m = { .set = ASKS(RATE) | ASKS(OVERHEAD) | ASKS(CELL) |
					       ASKS(CELL_OVERHEAD),
					.rate_bps = 8000,
					.overhead = cases[i].overhead,
					.cell = cases[i].cell,
					.cell_overhead = cases[i].cell_overhead };
		struct numbered_pipe f;

		numbered_begin_asked(&f, &m);
		numbered_offer(&f, 1, ms, cases[i].len);
		expect(&f, 1, ms + cases[i].charged * ms);
		numbered_end(&f);
	}
}

/* --- limits --- */

/** How many of `n` packets that come together are kept. */
static unsigned kept(const struct impairment *m, unsigned n, uint32_t len)
{
	struct numbered_pipe f;
	unsigned held;

	numbered_begin_asked(&f, m);
	for (unsigned k = 1; k <= n; k++)
		numbered_offer(&f, (int)k, ms, len);
	held = (unsigned)f.pipe.stats.held;
	assert_int_equal(f.pipe.stats.dropped[PIPE_QUEUE], n - held);
	numbered_end(&f);
	return held;
}

static void test_limits(void **state)
{
	struct impairment m = { .set = ASKS(RATE) | ASKS(QUEUE), .rate_bps = 8000000 };

	(void)state;
	/* what waits, and one that is being sent */
	m.queue_unit = IMPAIR_QUEUE_BYTES;
	m.queue = 5000;
	assert_int_equal(kept(&m, 50, 1000), 1 + 5);
	assert_int_equal(kept(&m, 50, 1001), 1 + 4);
	/* 1000 bytes a millisecond */
	m.queue_unit = IMPAIR_QUEUE_TIME;
	m.queue = 7 * ms;
	assert_int_equal(kept(&m, 50, 1000), 1 + 7);
	assert_int_equal(kept(&m, 50, 3500), 1 + 2);
	/* counted as the rate does */
	m.set |= ASKS(OVERHEAD);
	m.overhead = 400;
	assert_int_equal(kept(&m, 50, 1000), 1 + 5);
	m.queue_unit = IMPAIR_QUEUE_BYTES;
	m.queue = 7000;
	assert_int_equal(kept(&m, 50, 1000), 1 + 7);
	/* a queue smaller than a packet holds one: nothing would come through otherwise */
	m.queue = 10;
	assert_int_equal(kept(&m, 50, 1000), 1 + 1);
	m.queue_unit = IMPAIR_QUEUE_PACKETS;
	m.queue = 1;
	assert_int_equal(kept(&m, 50, 1000), 1 + 1);
	/* rate x (delay + jitter) in full frames, one more, and 100 */
	m.set = ASKS(RATE) | ASKS(DELAY) | ASKS(JITTER);
	m.rate_bps = 1514 * 8 * 1000;
	m.delay_ns = 40 * ms;
	m.jitter_ns = 5 * ms + 1;
	m.loss = (struct impair_loss){ 0 };
	assert_int_equal(kept(&m, 500, 1000), 1 + 146);
	/* without a rate nothing waits */
	m.set = ASKS(QUEUE);
	assert_int_equal(kept(&m, 500, 1000), 500);
}

/* --- changes --- */

static void test_queue_shrinks(void **state)
{
	struct impairment m = { .set = ASKS(RATE) | ASKS(QUEUE), .rate_bps = 8000000, .queue = 10 };
	struct numbered_pipe f;

	(void)state;
	numbered_begin_asked(&f, &m);
	for (int k = 1; k <= 11; k++)
		numbered_offer(&f, k, 0, 1000);
	m.queue = 3;
	change(&f, &m, NULL, ms / 2);
	assert_int_equal(f.pipe.stats.held, 11);
	numbered_offer(&f, 12, ms / 2, 1000);
	assert_int_equal(f.n_lost, 1);
	for (int k = 1; k <= 11; k++)
		expect(&f, k, (uint64_t)k * ms);
	numbered_end(&f);
}

/** What waits leaves at the new rate; what is being sent keeps its time. */
static void test_rate_changes(void **state)
{
	struct impairment m = { .set = ASKS(RATE) | ASKS(DELAY),
				.rate_bps = 8000000,
				.delay_ns = 5 * ms };
	struct numbered_pipe f;

	(void)state;
	numbered_begin_asked(&f, &m);
	for (int k = 1; k <= 6; k++)
		numbered_offer(&f, k, 0, 1000);
	m.rate_bps = 4000000;
	change(&f, &m, NULL, 1500000); /* the second is being sent */
	/* no rate any more: the rest leaves when the fourth, which is being sent, has left */
	m.set = ASKS(DELAY);
	change(&f, &m, NULL, 5 * ms);
	numbered_offer(&f, 7, 5 * ms, 1000);
	expect(&f, 1, 6 * ms);
	expect(&f, 2, 7 * ms);
	expect(&f, 3, 9 * ms);
	numbered_offer(&f, 8, 10 * ms, 1000);
	/* and one appears: not for those that are on their way */
	m.set = ASKS(RATE) | ASKS(DELAY);
	m.rate_bps = 8000;
	change(&f, &m, NULL, 10 * ms);
	numbered_offer(&f, 9, 10 * ms, 2);
	expect(&f, 4, 11 * ms);
	expect(&f, 5, 11 * ms);
	expect(&f, 6, 11 * ms);
	expect(&f, 7, 11 * ms);
	expect(&f, 8, 15 * ms);
	expect(&f, 9, 17 * ms);
	expect(&f, 0, 0);
	assert_int_equal(f.n_lost, 0);
	numbered_end(&f);
}

/* --- traces --- */

static struct trace parse(const char *text)
{
	struct trace t;

	assert_int_equal(trace_parse(text, strlen(text), "t", &t, NULL), 0);
	return t;
}

static void test_trace(void **state)
{
	struct impairment m = { .set = 0 };
	struct trace t = parse("1\n1\n5\n10\n");
	static const uint64_t at_ms[] = { 1, 1, 5, 10, 11, 11, 11 };
	struct numbered_pipe f;

	(void)state;
	numbered_begin(&f, &(struct pipe_setup){
				   .asked = &m, .trace = &t, .mtu = 1500, .now_ns = 1000 * ms });
	for (int k = 1; k <= 5; k++)
		numbered_offer(&f, k, 1000 * ms, FULL_FRAME);
	/* two halves share a line */
	numbered_offer(&f, 6, 1000 * ms, 762);
	numbered_offer(&f, 7, 1000 * ms, 762);
	for (int k = 1; k <= 7; k++)
		expect(&f, k, (1000 + at_ms[k - 1]) * ms);
	/* a line that nobody waits for is lost; the last one of a round is not taken for one that is over */
	numbered_offer(&f, 8, 1012 * ms, FULL_FRAME);
	expect(&f, 8, 1015 * ms);
	numbered_offer(&f, 9, 1020 * ms, FULL_FRAME);
	expect(&f, 9, 1020 * ms);
	/* a packet of several lines */
	numbered_offer(&f, 10, 1030 * ms + 1, 3 * 1504 + 10);
	expect(&f, 10, 1035 * ms);
	/* what is left of a line is for who is there in time */
	numbered_offer(&f, 11, 1038 * ms, 100);
	expect(&f, 11, 1040 * ms);
	numbered_offer(&f, 12, 1040 * ms, 100);
	expect(&f, 12, 1040 * ms);
	numbered_offer(&f, 13, 1040 * ms + 1, 100);
	expect(&f, 13, 1041 * ms);
	numbered_end(&f);
	trace_deinit(&t);
}

/** What waits for a line is in the queue until then, and counts for its limit. */
static void test_trace_queue(void **state)
{
	struct impairment m = { .set = ASKS(QUEUE), .queue = 4 };
	struct trace t = parse("100\n101\n");
	struct numbered_pipe f;

	(void)state;
	numbered_begin(&f, &(struct pipe_setup){ .asked = &m, .trace = &t, .mtu = 1500 });
	for (int k = 1; k <= 10; k++)
		numbered_offer(&f, k, (uint64_t)k * ms, FULL_FRAME);
	assert_int_equal(f.pipe.stats.held, 4);
	expect(&f, 1, 100 * ms);
	expect(&f, 2, 101 * ms);
	expect(&f, 3, 201 * ms);
	numbered_end(&f);
	/* a time is what the trace carries in it in the mean: 2 x 1504 bytes in 101 ms */
	m.queue_unit = IMPAIR_QUEUE_TIME;
	m.queue = 404 * ms;
	numbered_begin(&f, &(struct pipe_setup){ .asked = &m, .trace = &t, .mtu = 1500 });
	for (int k = 1; k <= 50; k++)
		numbered_offer(&f, k, (uint64_t)k * ms, FULL_FRAME);
	assert_int_equal(f.pipe.stats.held, 8);
	assert_true(f.pipe.by_bytes && f.pipe.limit == 8 * 1504);
	numbered_end(&f);
	trace_deinit(&t);
}

/** After the end of a trace that does not loop nothing leaves: the queue fills up. A change sets it free. */
static void test_trace_ends(void **state)
{
	struct impairment m = { .set = ASKS(QUEUE), .queue = 3 };
	struct trace t = parse("1\n2\n");
	struct numbered_pipe f;

	(void)state;
	t.loop = false;
	for (int partly = 0; partly < 2; partly++) {
		numbered_begin(&f, &(struct pipe_setup){ .asked = &m, .trace = &t, .mtu = 1500 });
		numbered_offer(&f, 1, 0, FULL_FRAME);
		/* the next one ends with the trace, or would not quite */
		numbered_offer(&f, 2, ms, FULL_FRAME + (uint32_t)partly);
		expect(&f, 1, ms);
		if (!partly)
			expect(&f, 2, 2 * ms);
		for (int k = 3; k <= 10; k++)
			numbered_offer(&f, k, (uint64_t)k * ms, FULL_FRAME);
		expect(&f, 0, 0);
		assert_int_equal(f.pipe.stats.held, 3);
		change(&f, &(struct impairment){ .set = ASKS(RATE), .rate_bps = FULL_FRAME * 8000 },
		       NULL, 20 * ms);
		assert_int_equal(f.pipe.stats.held, 3);
		if (partly)
			expect(&f, 2, 21 * ms + 660); /* a byte more than a millisecond takes */
		else
			expect(&f, 3, 21 * ms);
		numbered_end(&f);
	}
	trace_deinit(&t);
}

static void test_trace_comes_and_goes(void **state)
{
	struct impairment m = { .set = ASKS(RATE), .rate_bps = FULL_FRAME * 8000 };
	struct trace t = parse("10\n"), other = parse("3\n");
	struct numbered_pipe f;

	(void)state;
	numbered_begin_asked(&f, &m);
	for (int k = 1; k <= 6; k++)
		numbered_offer(&f, k, 0, FULL_FRAME);
	change(&f, &(struct impairment){ 0 }, &t, ms + ms / 2); /* the second is being sent */
	expect(&f, 1, ms);
	expect(&f, 2, 2 * ms);
	expect(&f, 3, 11 * ms + ms / 2);
	/* the same trace goes on, another one begins at the change */
	change(&f, &(struct impairment){ .set = ASKS(DELAY), .delay_ns = ms }, &t, 15 * ms);
	expect(&f, 4, 21 * ms + ms / 2); /* its delay was drawn when it came */
	change(&f, &(struct impairment){ 0 }, &other, 25 * ms);
	expect(&f, 5, 28 * ms);
	/* and without any the rest leaves now, not when it came */
	change(&f, &(struct impairment){ 0 }, NULL, 29 * ms);
	expect(&f, 6, 29 * ms);
	numbered_end(&f);
	trace_deinit(&t);
	trace_deinit(&other);
}

static void test_bad_traces(void **state)
{
	static const char *const bad[] = { "",       "\n",    "0\n",  "5\n3\n",
					   "1\nx\n", "1 2\n", "-1\n", "99999999999\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct netlab_err err = { 0 };
		struct trace t;

		assert_int_equal(trace_parse(bad[i], strlen(bad[i]), "t", &t, &err), -EINVAL);
		assert_true(strncmp(err.where, "t:", 2) == 0);
		assert_int_equal(trace_parse(bad[i], strlen(bad[i]), "t", &t, NULL), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate_and_queue), cmocka_unit_test(test_rate_is_exact),
		cmocka_unit_test(test_overheads),      cmocka_unit_test(test_limits),
		cmocka_unit_test(test_queue_shrinks),  cmocka_unit_test(test_rate_changes),
		cmocka_unit_test(test_trace),          cmocka_unit_test(test_trace_queue),
		cmocka_unit_test(test_trace_ends),     cmocka_unit_test(test_trace_comes_and_goes),
		cmocka_unit_test(test_bad_traces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
