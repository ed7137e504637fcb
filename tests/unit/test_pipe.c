/* SPDX-License-Identifier: MIT */
/* A pipe as a whole: order, changes, slots, marks, what its owner hears, anything at all. What netem would do:
   test_netem_decisions.c; the queue and the rate: test_line.c. */
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

static void change(struct numbered_pipe *f, const struct impairment *m, uint64_t now_ns)
{
	numbered_change(f, &(struct pipe_setup){ .asked = m, .mtu = 1500, .now_ns = now_ns });
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

/* --- delay and order --- */

static void test_delay_and_order(void **state)
{
	struct impairment m = { .set = ASKS(DELAY) | ASKS(JITTER) | ASKS(SEED),
				.delay_ns = 10 * ms,
				.jitter_ns = 5 * ms,
				.seed = 3 };
	bool disorder = false;
	struct numbered_pipe f;
	int last = 0;

	(void)state;
	for (int reorders = 0; reorders < 2; reorders++) {
		uint64_t before = 0, left;
		int number;

		numbered_begin_asked(&f, &m);
		for (int k = 1; k <= 1000; k++)
			numbered_offer(&f, k, (uint64_t)k * ms / 10, 100);
		disorder = false;
		last = 0;
		while ((number = numbered_next(&f, &left, NULL))) {
			assert_true(left >= before);
			assert_true(left >= (uint64_t)number * ms / 10 + 5 * ms);
			disorder = disorder || number < last;
			last = number;
			before = left;
		}
		assert_int_equal(f.pipe.stats.delivered, 1000);
		assert_int_equal(disorder, reorders);
		numbered_end(&f);
		m.set |= ASKS(JITTER_REORDERS);
		m.jitter_reorders = true;
	}
}

/** A stamp before the last one counts as the same: the order of coming is that of pipe_offer(). */
static void test_stamps_out_of_order(void **state)
{
	struct impairment m = { .set = ASKS(DELAY), .delay_ns = ms };
	struct numbered_pipe f;

	(void)state;
	numbered_begin_asked(&f, &m);
	numbered_offer(&f, 1, 10 * ms, 100);
	numbered_offer(&f, 2, 9 * ms, 100);
	assert_int_equal(numbered_take(&f, 11 * ms - 1, NULL, NULL), 0);
	expect(&f, 1, 11 * ms);
	expect(&f, 2, 11 * ms);
	/* taken late, offered later still: its own time counts */
	assert_int_equal(numbered_take(&f, 30 * ms, NULL, NULL), 0);
	numbered_offer(&f, 3, 20 * ms, 100);
	expect(&f, 3, 21 * ms);
	numbered_end(&f);
}

static void test_overtaking(void **state)
{
	struct impairment m = { .set = ASKS(DELAY) | ASKS(REORDER) | ASKS(GAP),
				.delay_ns = 10 * ms,
				.reorder = 1,
				.gap = 3 };
	struct numbered_pipe f;

	(void)state;
	numbered_begin_asked(&f, &m);
	for (int k = 1; k <= 6; k++)
		numbered_offer(&f, k, (uint64_t)k * ms, 100);
	/* each third goes at once */
	expect(&f, 3, 3 * ms);
	expect(&f, 6, 6 * ms);
	expect(&f, 1, 11 * ms);
	expect(&f, 2, 12 * ms);
	expect(&f, 4, 14 * ms);
	expect(&f, 5, 15 * ms);
	expect(&f, 0, 0);
	assert_int_equal(f.pipe.stats.reordered, 2);
	numbered_end(&f);
}

/* --- slots --- */

/** Slots that are 10 ms apart: what has come leaves together; a budget leaves the rest to the next. */
static void test_slots(void **state)
{
	struct impairment m = { .set = ASKS(SLOT),
				.slot = { .min_ns = 10 * ms, .max_ns = 10 * ms, .packets = 3 } };
	struct numbered_pipe f;

	(void)state;
	numbered_begin_asked(&f, &m);
	for (int k = 1; k <= 5; k++)
		numbered_offer(&f, k, (100 + (uint64_t)k) * ms, 100);
	assert_int_equal(numbered_take(&f, 105 * ms, NULL, NULL), 0);
	/* the last slot was before the first packet: it waits 10 ms for the next */
	expect(&f, 1, 111 * ms);
	expect(&f, 2, 111 * ms);
	expect(&f, 3, 111 * ms);
	expect(&f, 4, 121 * ms);
	expect(&f, 5, 121 * ms);
	/* the rest of a budget is for those who come in time */
	numbered_offer(&f, 6, 121 * ms, 100);
	expect(&f, 6, 121 * ms);
	numbered_offer(&f, 7, 121 * ms, 100);
	expect(&f, 7, 131 * ms);
	numbered_offer(&f, 8, 150 * ms, 100);
	expect(&f, 8, 160 * ms);
	numbered_end(&f);
}

static void test_slot_bytes(void **state)
{
	struct impairment m = { .set = ASKS(SLOT) | ASKS(DELAY) | ASKS(REORDER) | ASKS(GAP),
				.delay_ns = 2 * ms,
				.reorder = 1,
				.gap = 5,
				.slot = { .min_ns = 4 * ms, .max_ns = 4 * ms, .bytes = 150 } };
	struct numbered_pipe f;

	(void)state;
	numbered_begin_asked(&f, &m);
	for (int k = 1; k <= 5; k++)
		numbered_offer(&f, k, 100 * ms, 100);
	/* what overtakes goes past the slots too, as in netem; the byte that empties a budget still goes */
	expect(&f, 5, 100 * ms);
	expect(&f, 1, 106 * ms);
	expect(&f, 2, 106 * ms);
	expect(&f, 3, 110 * ms);
	expect(&f, 4, 110 * ms);
	numbered_end(&f);
}

/** The time to the next slot is drawn between the two, or from a table; decisions do not change by it. */
static void test_slot_draws(void **state)
{
	struct impairment m = { .set = ASKS(SLOT) | ASKS(LOSS) | ASKS(SEED),
				.loss = { .model = IMPAIR_LOSS_RANDOM, .random = 0.1 },
				.seed = 42424242,
				.slot = { .min_ns = 2 * ms, .max_ns = 6 * ms } };
	uint64_t least = UINT64_MAX, most = 0, left;

	(void)state;
	for (int dist = 0; dist < 2; dist++) {
		struct numbered_pipe f;
		double sum = 0;
		int n = 0;

		numbered_begin_asked(&f, &m);
		for (int k = 1; k <= 2000; k++) {
			uint64_t now = (uint64_t)k * 100 * ms;

			numbered_offer(&f, k, now, 100);
			if (!numbered_next(&f, &left, NULL))
				continue;
			left -= now;
			least = left < least ? left : least;
			most = left > most ? left : most;
			sum += (double)left / (double)ms;
			n++;
		}
		assert_int_equal(f.lost[0], 5);
		assert_int_equal(f.lost[1], 12);
		assert_int_equal(f.lost[2], 24);
		assert_in_range((uint64_t)(sum / n * 1000), dist ? 9950 : 3930,
				dist ? 10050 : 4070);
		assert_in_range(least, dist ? 6 * ms : 2 * ms, dist ? 7 * ms : 2 * ms + ms / 50);
		assert_in_range(most, dist ? 12 * ms : 6 * ms - ms / 50, dist ? 14 * ms : 6 * ms);
		numbered_end(&f);
		m.slot = (struct impair_slot){ .dist_delay_ns = 10 * ms,
					       .dist_jitter_ns = ms,
					       .distribution = IMPAIR_NORMAL };
		least = UINT64_MAX;
		most = 0;
	}
}

/* --- changes --- */

static void test_change_keeps_what_travels(void **state)
{
	struct impairment m = { .set = ASKS(DELAY), .delay_ns = 50 * ms };
	struct numbered_pipe f;

	(void)state;
	numbered_begin_asked(&f, &m);
	numbered_offer(&f, 1, ms, 100);
	m.delay_ns = 10 * ms;
	change(&f, &m, 2 * ms);
	numbered_offer(&f, 2, 2 * ms, 100);
	numbered_offer(&f, 3, 60 * ms, 100);
	expect(&f, 1, 51 * ms);
	expect(&f, 2, 51 * ms); /* in order, though its own delay was over before */
	expect(&f, 3, 70 * ms);
	numbered_end(&f);
}

/** What is on its way arrives, what comes is lost. */
static void test_down(void **state)
{
	struct impairment m = { .set = ASKS(DELAY) | ASKS(DOWN) | ASKS(RATE),
				.delay_ns = 50 * ms,
				.rate_bps = 8000 };
	struct numbered_pipe f;

	(void)state;
	numbered_begin_asked(&f, &m);
	numbered_offer(&f, 1, ms, 1);
	numbered_offer(&f, 2, ms, 1); /* waits for the rate */
	m.down = true;
	change(&f, &m, ms);
	numbered_offer(&f, 3, 2 * ms, 1);
	assert_int_equal(f.pipe.stats.dropped[PIPE_DOWN], 1);
	assert_int_equal(f.last_cause, PIPE_DOWN);
	m.down = false;
	change(&f, &m, 3 * ms);
	numbered_offer(&f, 4, 10 * ms, 1);
	expect(&f, 1, 52 * ms);
	expect(&f, 2, 53 * ms);
	expect(&f, 4, 61 * ms);
	expect(&f, 0, 0);
	numbered_end(&f);
}

/** The stream and the loss model go on where they are, unless they are changed themselves. */
static void test_change_goes_on(void **state)
{
	struct impairment m = { .set = ASKS(LOSS) | ASKS(SEED) | ASKS(DELAY),
				.loss = { .model = IMPAIR_LOSS_GEMODEL,
					  .p = 0.05,
					  .r = 0.3,
					  .one_minus_h = 0.7,
					  .one_minus_k = 0.01 },
				.seed = 1 };
	static const int want[] = { 1, 2, 16, 17, 18, 19, 20, 23, 25, 26 };
	struct numbered_pipe f;

	(void)state;
	numbered_begin_asked(&f, &m);
	for (int k = 1; k <= 26; k++) {
		numbered_offer(&f, k, (uint64_t)k * ms, 100);
		m.delay_ns++;
		change(&f, &m, (uint64_t)k * ms);
	}
	assert_int_equal(f.n_lost, ARRAY_SIZE(want));
	assert_memory_equal(f.lost, want, sizeof(want));
	m.seed = 42424242;
	m.loss = (struct impair_loss){ .model = IMPAIR_LOSS_RANDOM, .random = 0.1 };
	change(&f, &m, 30 * ms);
	for (int k = 1; k <= 25; k++)
		numbered_offer(&f, k, (30 + (uint64_t)k) * ms, 100);
	assert_int_equal(f.n_lost, ARRAY_SIZE(want) + 3);
	assert_int_equal(f.lost[ARRAY_SIZE(want)], 5);
	numbered_end(&f);
}

/** What a slot held back leaves when there are none any more, and is not late by that. */
static void test_change_of_slots(void **state)
{
	struct impairment m = { .set = ASKS(SLOT),
				.slot = { .min_ns = 100 * ms, .max_ns = 100 * ms } };
	struct numbered_pipe f;

	(void)state;
	numbered_begin_asked(&f, &m);
	numbered_offer(&f, 1, ms, 100);
	assert_int_equal(numbered_take(&f, 2 * ms, NULL, NULL), 0);
	m.set = 0;
	change(&f, &m, 20 * ms);
	expect(&f, 1, 20 * ms);
	numbered_offer(&f, 2, 21 * ms, 100);
	expect(&f, 2, 21 * ms);
	numbered_end(&f);
}

/* --- marks, copies, fates --- */

static void test_ecn_with_loss(void **state)
{
	struct impairment m = { .set = ASKS(LOSS) | ASKS(ECN) | ASKS(SEED),
				.loss = { .model = IMPAIR_LOSS_RANDOM, .random = 0.1 },
				.seed = 42424242,
				.ecn = true };
	struct numbered_pipe f;
	struct numbered n;
	unsigned marked = 0;

	(void)state;
	numbered_begin_asked(&f, &m);
	for (int k = 1; k <= 25; k++)
		numbered_offer(&f, k, (uint64_t)k * ms, 100);
	while (numbered_next(&f, NULL, &n)) {
		assert_int_equal(n.marked, n.number == 5 || n.number == 12 || n.number == 24);
		marked += n.marked;
	}
	assert_int_equal(marked, 3);
	assert_int_equal(f.pipe.stats.marked, 3);
	assert_int_equal(f.pipe.stats.delivered, 25);
	numbered_end(&f);
	/* what can carry no mark is lost */
	numbered_begin_asked(&f, &m);
	f.cannot_mark = true;
	for (int k = 1; k <= 25; k++)
		numbered_offer(&f, k, (uint64_t)k * ms, 100);
	assert_int_equal(f.n_lost, 3);
	assert_int_equal(f.pipe.stats.marked, 0);
	numbered_end(&f);
}

/** Everything doubled and lost: one of the two goes on. */
static void test_doubled_and_lost(void **state)
{
	struct impairment m = { .set = ASKS(LOSS) | ASKS(DUPLICATE),
				.loss = { .model = IMPAIR_LOSS_RANDOM, .random = 1 },
				.duplicate = 1 };
	struct numbered_pipe f;

	(void)state;
	numbered_begin_asked(&f, &m);
	numbered_offer(&f, 1, ms, 100);
	assert_true(f.last_fate.duplicated && f.last_fate.copy_lost && !f.last_fate.dropped);
	expect(&f, 1, ms);
	expect(&f, 0, 0);
	assert_int_equal(f.pipe.stats.dropped[PIPE_LOSS], 1);
	assert_int_equal(f.pipe.stats.duplicated, 1);
	numbered_end(&f);
	m.set = ASKS(DUPLICATE);
	numbered_begin_asked(&f, &m);
	f.cannot_clone = true;
	numbered_offer(&f, 1, ms, 100);
	expect(&f, 1, ms);
	assert_int_equal(f.pipe.stats.dropped[PIPE_HOST], 1);
	numbered_end(&f);
}

static void test_fates(void **state)
{
	struct impairment m = { .set = ASKS(DUPLICATE) | ASKS(CORRUPT) | ASKS(DELAY),
				.duplicate = 1,
				.corrupt = 1,
				.delay_ns = 7 * ms };
	struct numbered_pipe f;
	struct numbered n;

	(void)state;
	numbered_begin_asked(&f, &m);
	pipe_count_host_loss(&f.pipe, 2);
	numbered_offer(&f, 1, ms, 100);
	/* the copy's, then the original's: it is the third of the direction, after two that never came here */
	assert_int_equal(f.n_fates, 2);
	assert_int_equal(f.last_fate.index, 3);
	assert_false(f.last_fate.is_copy);
	assert_true(f.last_fate.duplicated && f.last_fate.corrupted && !f.last_fate.copy_lost);
	assert_int_equal(f.last_fate.travel_ns, 7 * ms);
	assert_int_equal(numbered_next(&f, NULL, &n), 1);
	assert_true(n.is_copy && n.corrupted);
	assert_int_equal(numbered_next(&f, NULL, &n), 1);
	assert_true(!n.is_copy && n.corrupted);
	assert_int_equal(f.pipe.stats.dropped[PIPE_HOST], 2);
	m = (struct impairment){ .set = ASKS(LOSS),
				 .loss = { .model = IMPAIR_LOSS_RANDOM, .random = 1 } };
	change(&f, &m, 10 * ms);
	numbered_offer(&f, 2, 10 * ms, 100);
	assert_true(f.last_fate.dropped && f.last_fate.cause == PIPE_LOSS);
	assert_int_equal(f.last_fate.index, 4);
	numbered_end(&f);
}

/* --- anything at all --- */

static const struct impair_loss some_losses[] = {
	{ .model = IMPAIR_LOSS_RANDOM, .random = 0.1 },
	{ .model = IMPAIR_LOSS_BURST, .burst_rate = 0.1, .burst_length = 3 },
	{ .model = IMPAIR_LOSS_GEMODEL, .p = 0.05, .r = 0.3, .one_minus_h = 0.7 },
	{ .model = IMPAIR_LOSS_STATE,
	  .p13 = 0.05,
	  .p31 = 0.3,
	  .p32 = 0.2,
	  .p23 = 0.5,
	  .p14 = 0.01 },
};

static struct impairment anything(struct prng *dice)
{
	struct impairment m = { .set = prng_next(dice) & ((1u << IMPAIR_KEY_COUNT) - 1) };

	m.delay_ns = prng_next(dice) % (20 * ms);
	m.jitter_ns = prng_next(dice) % (10 * ms);
	m.distribution = (enum impair_distribution)(prng_next(dice) % 4);
	m.jitter_reorders = prng_next(dice) % 2;
	m.rate_bps = 1 + prng_next(dice) % 100000000;
	m.queue_unit = (enum impair_queue_unit)(prng_next(dice) % 3);
	m.queue = 1 + prng_next(dice) % 50;
	if (m.queue_unit == IMPAIR_QUEUE_TIME)
		m.queue *= ms;
	m.aqm = (enum impair_aqm)(prng_next(dice) % 2);
	m.ecn = prng_next(dice) % 2;
	m.loss = some_losses[prng_next(dice) % ARRAY_SIZE(some_losses)];
	m.duplicate = m.corrupt = m.reorder = 0.2;
	m.gap = prng_next(dice) % 5;
	m.cell = prng_next(dice) % 60;
	m.overhead = (int)(prng_next(dice) % 40) - 20;
	m.slot.max_ns = prng_next(dice) % (5 * ms);
	m.slot.packets = prng_next(dice) % 4;
	m.down = prng_next(dice) % 8 == 0;
	return m;
}

static void test_conservation(void **state)
{
	struct prng dice;

	(void)state;
	prng_seed(&dice, 2026);
	for (int round = 0; round < 300; round++) {
		struct impairment m = anything(&dice);
		uint64_t now = 0, last = 0, left;
		struct numbered_pipe f;

		numbered_begin_asked(&f, &m);
		for (int k = 1; k <= 500; k++) {
			now += prng_next(&dice) % ms;
			numbered_offer(&f, k, now, 60 + prng_next(&dice) % 1440);
			while (prng_next(&dice) % 2 && numbered_take(&f, now, NULL, NULL))
				;
			if (prng_next(&dice) % 50 == 0) {
				uint64_t held = f.pipe.stats.held;
				uint64_t codel = f.pipe.stats.dropped[PIPE_QUEUE];

				m = anything(&dice);
				change(&f, &m, now);
				/* CoDel may have dropped some until now; the change itself does not */
				codel = f.pipe.stats.dropped[PIPE_QUEUE] - codel;
				assert_int_equal(f.pipe.stats.held + codel, held);
			}
		}
		while (numbered_next(&f, &left, NULL)) {
			assert_true(left >= last);
			last = left;
		}
		assert_int_equal(f.pipe.stats.held, 0);
		numbered_end(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delay_and_order),
		cmocka_unit_test(test_stamps_out_of_order),
		cmocka_unit_test(test_overtaking),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_slot_bytes),
		cmocka_unit_test(test_slot_draws),
		cmocka_unit_test(test_change_keeps_what_travels),
		cmocka_unit_test(test_down),
		cmocka_unit_test(test_change_goes_on),
		cmocka_unit_test(test_change_of_slots),
		cmocka_unit_test(test_ecn_with_loss),
		cmocka_unit_test(test_doubled_and_lost),
		cmocka_unit_test(test_fates),
		cmocka_unit_test(test_conservation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
