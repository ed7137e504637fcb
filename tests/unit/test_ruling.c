/* SPDX-License-Identifier: MIT */
/* What a pipe's owner decides about packets before the dice: it happens, and it shifts no dice. */
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

/* What the rule of a test does, and to which packet; 0 = every one. */
static int ruled_number;
static struct pipe_ruling ruling;
static uint64_t seen; /* originals: what holds count by */

static void rule_one(int number, const struct pipe_arrival *about, struct pipe_ruling *ret)
{
	if (about->is_copy)
		return;
	seen++;
	if (ruled_number == 0 || number == ruled_number)
		*ret = ruling;
}

static void begin(struct numbered_pipe *f, const struct impairment *m, int number,
		  const struct pipe_ruling *r)
{
	numbered_begin_asked(f, m);
	ruled_number = number;
	ruling = *r;
	ruling.rule = 7;
	seen = 0;
	f->rule = rule_one;
}

static void expect(struct numbered_pipe *f, int number, uint64_t left_ns, struct numbered *ret)
{
	uint64_t got_ns = 0;
	int got = numbered_next(f, &got_ns, ret);

	if (got != number || (number && got_ns != left_ns))
		fail_msg("packet %d at %llu ns, not %d at %llu", got, (unsigned long long)got_ns,
			 number, (unsigned long long)left_ns);
}

static const struct impairment delayed = { .set = ASKS(DELAY), .delay_ns = 10000000 };

static void test_drop(void **state)
{
	struct numbered_pipe f;

	(void)state;
	begin(&f, &delayed, 2, &(struct pipe_ruling){ .drop = true });
	for (int k = 1; k <= 3; k++)
		numbered_offer(&f, k, (uint64_t)k * ms, 100);
	assert_int_equal(f.n_lost, 1);
	assert_int_equal(f.lost[0], 2);
	assert_int_equal(f.last_cause, PIPE_FAULT);
	assert_int_equal(f.pipe.stats.dropped[PIPE_FAULT], 1);
	expect(&f, 1, 11 * ms, NULL);
	expect(&f, 3, 13 * ms, NULL);
	ruled_number = 4;
	numbered_offer(&f, 4, 20 * ms, 100);
	assert_true(f.last_fate.dropped && f.last_fate.cause == PIPE_FAULT);
	assert_int_equal(f.last_fate.rule, 7);
	numbered_end(&f);
}

/** A direction that is cut drops before any rule is asked. */
static void test_down_comes_first(void **state)
{
	struct impairment m = { .set = ASKS(DOWN), .down = true };
	struct numbered_pipe f;

	(void)state;
	begin(&f, &m, 0, &(struct pipe_ruling){ .duplicate = true });
	numbered_offer(&f, 1, ms, 100);
	assert_int_equal(seen, 0);
	assert_int_equal(f.pipe.stats.dropped[PIPE_DOWN], 1);
	numbered_end(&f);
}

static void test_duplicate(void **state)
{
	struct numbered_pipe f;
	struct numbered n;

	(void)state;
	begin(&f, &delayed, 1,
	      &(struct pipe_ruling){ .duplicate = true, .corrupt = true, .extra_ns = 5000000 });
	numbered_offer(&f, 1, ms, 100);
	assert_int_equal(f.n_fates, 2);
	assert_true(f.last_fate.duplicated && f.last_fate.corrupted && !f.last_fate.is_copy);
	assert_int_equal(f.last_fate.extra_ns, 5 * ms);
	/* the copy is neither damaged nor delayed */
	expect(&f, 1, 11 * ms, &n);
	assert_true(n.is_copy && !n.corrupted);
	expect(&f, 1, 16 * ms, &n);
	assert_true(!n.is_copy && n.corrupted);
	assert_int_equal(f.pipe.stats.duplicated, 1);
	/* no memory for the copy */
	f.cannot_clone = true;
	ruled_number = 2;
	numbered_offer(&f, 2, 20 * ms, 100);
	assert_true(f.last_fate.duplicated && f.last_fate.copy_lost);
	assert_int_equal(f.pipe.stats.dropped[PIPE_HOST], 1);
	numbered_end(&f);
}

/** The copy that a rule makes lives where dice lose the original, and is the only one where dice double it as well. */
static void test_duplicate_beside_dice(void **state)
{
	struct impairment lossy = { .set = ASKS(LOSS),
				    .loss = { .model = IMPAIR_LOSS_RANDOM, .random = 1 } };
	struct impairment doubled = { .set = ASKS(DUPLICATE), .duplicate = 1 };
	struct numbered_pipe f;
	struct numbered n;

	(void)state;
	begin(&f, &lossy, 0, &(struct pipe_ruling){ .duplicate = true });
	numbered_offer(&f, 1, ms, 100);
	assert_int_equal(f.pipe.stats.dropped[PIPE_LOSS], 1);
	expect(&f, 1, ms, &n);
	assert_true(n.is_copy);
	expect(&f, 0, 0, NULL);
	numbered_end(&f);
	begin(&f, &doubled, 0, &(struct pipe_ruling){ .duplicate = true });
	numbered_offer(&f, 1, ms, 100);
	expect(&f, 1, ms, NULL);
	expect(&f, 1, ms, NULL);
	expect(&f, 0, 0, NULL);
	assert_int_equal(f.pipe.stats.duplicated, 1);
	numbered_end(&f);
}

/** A full queue takes neither the original nor a rule's copy. */
static void test_duplicate_into_a_full_queue(void **state)
{
	struct impairment m = { .set = ASKS(RATE) | ASKS(QUEUE),
				.rate_bps = 8000,
				.queue_unit = IMPAIR_QUEUE_PACKETS,
				.queue = 1 };
	struct numbered_pipe f;

	(void)state;
	begin(&f, &m, 3, &(struct pipe_ruling){ .duplicate = true });
	for (int k = 1; k <= 3; k++)
		numbered_offer(&f, k, ms, 100);
	assert_int_equal(f.pipe.stats.dropped[PIPE_QUEUE], 2);
	assert_int_equal(f.pipe.stats.held, 2);
	numbered_end(&f);
}

static void test_corrupt(void **state)
{
	struct numbered_pipe f;
	struct numbered n;

	(void)state;
	begin(&f, &delayed, 1,
	      &(struct pipe_ruling){ .corrupt = true, .damage = PIPE_DAMAGE_BYTE, .at = 60 });
	numbered_offer(&f, 1, ms, 100);
	expect(&f, 1, 11 * ms, &n);
	assert_int_equal(n.damaged_at, 61);
	assert_int_equal(f.pipe.stats.corrupted, 1);
	ruling = (struct pipe_ruling){ .corrupt = true, .damage = PIPE_DAMAGE_RANDOM, .at = 99 };
	ruled_number = 2;
	numbered_offer(&f, 2, 20 * ms, 100);
	assert_int_equal(f.last_fate.corrupt_random, 99);
	expect(&f, 2, 30 * ms, &n);
	assert_true(n.corrupted && n.damaged_at == 0);
	numbered_end(&f);
}

/** A delayed packet is passed by others, which keep their order and leave when they would. */
static void test_delay(void **state)
{
	struct impairment m = { .set = ASKS(DELAY) | ASKS(RATE),
				.delay_ns = 10 * ms,
				.rate_bps = 800000 }; /* 100 bytes a ms */
	struct numbered_pipe f;

	(void)state;
	begin(&f, &m, 1, &(struct pipe_ruling){ .extra_ns = 100000000 });
	for (int k = 1; k <= 3; k++)
		numbered_offer(&f, k, ms, 100);
	expect(&f, 2, 13 * ms, NULL);
	expect(&f, 3, 14 * ms, NULL);
	expect(&f, 1, 112 * ms, NULL);
	numbered_end(&f);
}

static void test_hold(void **state)
{
	struct numbered_pipe f;

	(void)state;
	begin(&f, &delayed, 2,
	      &(struct pipe_ruling){ .hold_counter = &seen, .hold_until = 4, .duplicate = true });
	for (int k = 1; k <= 3; k++)
		numbered_offer(&f, k, (uint64_t)k * ms, 100);
	assert_int_equal(f.pipe.stats.held, 4);
	numbered_offer(&f, 4, 20 * ms, 100);
	expect(&f, 1, 11 * ms, NULL);
	expect(&f, 2, 12 * ms, NULL); /* the copy is not held */
	expect(&f, 3, 13 * ms, NULL);
	expect(&f, 4, 30 * ms, NULL);
	/* goes on when the fourth has, with its delay from then */
	expect(&f, 2, 30 * ms, NULL);
	expect(&f, 0, 0, NULL);
	numbered_end(&f);
}

static void test_hold_is_let_go(void **state)
{
	static uint64_t other;
	struct numbered_pipe f;

	(void)state;
	begin(&f, &delayed, 0, &(struct pipe_ruling){ .hold_counter = &seen, .hold_until = 1000 });
	numbered_offer(&f, 1, ms, 100);
	assert_true(f.last_fate.held);
	assert_int_equal(pipe_next(&f.pipe), PIPE_NEVER);
	pipe_let_go(&f.pipe, &other, 2 * ms);
	assert_int_equal(pipe_next(&f.pipe), PIPE_NEVER);
	pipe_let_go(&f.pipe, &seen, 3 * ms);
	expect(&f, 1, 13 * ms, NULL);
	numbered_offer(&f, 2, 20 * ms, 100);
	pipe_let_go(&f.pipe, NULL, 21 * ms);
	expect(&f, 2, 31 * ms, NULL);
	/* what is held at the end is freed */
	numbered_offer(&f, 3, 40 * ms, 100);
	numbered_end(&f);
}

/** So many are held at a time: then the first go, although their time has not come. */
static void test_holds_are_bounded(void **state)
{
	enum { MANY = 5000, KEPT = 4096 };
	static const struct impairment nothing = { 0 };
	struct numbered_pipe f;

	(void)state;
	begin(&f, &nothing, 0,
	      &(struct pipe_ruling){ .hold_counter = &seen, .hold_until = UINT64_MAX });
	for (int k = 1; k <= MANY; k++)
		numbered_offer(&f, k, (uint64_t)k * ms, 100);
	for (int k = 1; k <= MANY - KEPT; k++)
		expect(&f, k, (uint64_t)(k + KEPT) * ms, NULL);
	expect(&f, 0, 0, NULL);
	assert_int_equal(f.pipe.stats.held, KEPT);
	numbered_end(&f);
}

/** A held packet that finds the queue full when it may go on is lost there, and that is told. */
static void test_hold_into_a_full_queue(void **state)
{
	struct impairment m = { .set = ASKS(RATE) | ASKS(QUEUE),
				.rate_bps = 8000,
				.queue_unit = IMPAIR_QUEUE_PACKETS,
				.queue = 1 };
	struct numbered_pipe f;

	(void)state;
	begin(&f, &m, 1, &(struct pipe_ruling){ .hold_counter = &seen, .hold_until = 3 });
	for (int k = 1; k <= 3; k++)
		numbered_offer(&f, k, ms, 100);
	assert_int_equal(f.n_fates, 4);
	assert_true(f.last_fate.held && f.last_fate.dropped);
	assert_int_equal(f.last_fate.index, 1);
	assert_int_equal(f.last_cause, PIPE_QUEUE);
	numbered_end(&f);
}

/* --- dice --- */

struct told {
	uint64_t there, dropped, duplicated, corrupted, overtakes,
		random; /* of one size: compared as bytes */
	int64_t travel_ns;
};

enum { PACKETS = 2000, RULED_EVERY = 7 };

static struct told fates[2][PACKETS + 1];

static void rule_some(int number, const struct pipe_arrival *about, struct pipe_ruling *ret)
{
	static const struct pipe_ruling rulings[] = {
		{ .drop = true },        { .duplicate = true },
		{ .corrupt = true },     { .corrupt = true, .damage = PIPE_DAMAGE_BIT, .at = 3 },
		{ .extra_ns = 1000000 }, { .hold_counter = &seen, .hold_until = 1 },
	};

	if (number % RULED_EVERY == 0 && !about->is_copy)
		*ret = rulings[(size_t)number / RULED_EVERY % ARRAY_SIZE(rulings)];
}

static void note_fates(const struct impairment *m, bool ruled, struct told *ret)
{
	struct numbered_pipe f;

	memset(ret, 0, (PACKETS + 1) * sizeof(*ret));
	numbered_begin_asked(&f, m);
	f.rule = ruled ? rule_some : NULL;
	seen = 1;
	for (int k = 1; k <= PACKETS; k++) {
		unsigned before = f.n_fates;

		numbered_offer(&f, k, (uint64_t)k * ms, 100);
		assert_true(f.n_fates > before);
		if (f.last_fate.index == (uint64_t)k && k % RULED_EVERY != 0)
			ret[k] = (struct told){ .there = 1,
						.dropped = f.last_fate.dropped,
						.duplicated = f.last_fate.duplicated,
						.corrupted = f.last_fate.corrupted,
						.overtakes = f.last_fate.overtakes,
						.random = f.last_fate.corrupt_random,
						.travel_ns = f.last_fate.travel_ns };
	}
	numbered_end(&f);
}

/** Whatever rules do to some packets, the others have the dice that they have without. */
static void test_dice_are_not_shifted(void **state)
{
	static const struct impair_loss losses[] = {
		{ .model = IMPAIR_LOSS_RANDOM, .random = 0.1 },
		{ .model = IMPAIR_LOSS_GEMODEL, .p = 0.05, .r = 0.3, .one_minus_h = 0.7 },
		{ .model = IMPAIR_LOSS_STATE, .p13 = 0.05, .p31 = 0.3, .p32 = 0.2, .p23 = 0.5 },
	};
	struct impairment m = { .set = ASKS(LOSS) | ASKS(DUPLICATE) | ASKS(CORRUPT) |
				       ASKS(REORDER) | ASKS(DELAY) | ASKS(JITTER) | ASKS(SEED),
				.duplicate = 0.2,
				.corrupt = 0.2,
				.reorder = 0.2,
				.delay_ns = 10 * ms,
				.jitter_ns = 5 * ms };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++) {
		for (m.seed = 1; m.seed <= 3; m.seed++) {
			m.loss = losses[i];
			note_fates(&m, false, fates[0]);
			note_fates(&m, true, fates[1]);
			for (int k = 1; k <= PACKETS; k++)
				assert_memory_equal(&fates[0][k], &fates[1][k],
						    sizeof(fates[0][k]));
		}
	}
}

/* --- fates given whole --- */

static void give_all(int number, const struct pipe_arrival *about, struct pipe_ruling *ret)
{
	ret->is_whole = true;
	ret->travel_ns = (about->is_copy ? 20 : 5) * 1000000;
	ret->drop = number == 2;
	ret->duplicate = number == 3; /* also said of the copy: it makes no more */
	ret->mark = number == 4;
	ret->overtakes = number == 5;
	ret->passes_limit = true;
	if (number == 6) {
		ret->corrupt = true;
		ret->damage = PIPE_DAMAGE_RANDOM;
		ret->at = 42;
	}
}

static void test_whole_fates(void **state)
{
	/* dice that would do everything to everyone */
	struct impairment m = { .set = ASKS(LOSS) | ASKS(DUPLICATE) | ASKS(CORRUPT) | ASKS(DELAY) |
				       ASKS(JITTER) | ASKS(JITTER_REORDERS) | ASKS(SEED) |
				       ASKS(REORDER),
				.loss = { .model = IMPAIR_LOSS_RANDOM, .random = 1 },
				.duplicate = 1,
				.corrupt = 1,
				.reorder = 1,
				.delay_ns = 50 * ms,
				.jitter_ns = 5 * ms,
				.jitter_reorders = true,
				.seed = 9 };
	struct prng before;
	struct numbered_pipe f;
	struct numbered n;

	(void)state;
	numbered_begin_asked(&f, &m);
	f.rule = give_all;
	before = f.pipe.prng;
	for (int k = 1; k <= 6; k++)
		numbered_offer(&f, k, (uint64_t)k * ms, 100);
	assert_memory_equal(&before, &f.pipe.prng, sizeof(before));
	assert_int_equal(f.last_fate.corrupt_random, 42);
	expect(&f, 5, 5 * ms, &n);
	expect(&f, 1, 6 * ms, &n);
	assert_true(!n.corrupted && !n.marked);
	expect(&f, 3, 8 * ms, &n);
	assert_false(n.is_copy);
	expect(&f, 4, 9 * ms, &n);
	assert_true(n.marked);
	expect(&f, 6, 11 * ms, &n);
	assert_true(n.corrupted);
	expect(&f, 3, 23 * ms, &n);
	assert_true(n.is_copy);
	expect(&f, 0, 0, NULL);
	assert_int_equal(f.pipe.stats.dropped[PIPE_FAULT], 1);
	assert_int_equal(f.pipe.stats.duplicated, 1);
	numbered_end(&f);
}

static void test_whole_fates_and_a_full_queue(void **state)
{
	struct impairment m = { .set = ASKS(RATE) | ASKS(QUEUE),
				.rate_bps = 8000,
				.queue_unit = IMPAIR_QUEUE_PACKETS,
				.queue = 1 };
	struct numbered_pipe f;

	(void)state;
	for (int passes = 0; passes < 2; passes++) {
		begin(&f, &m, 0,
		      &(struct pipe_ruling){
			      .is_whole = true, .duplicate = true, .passes_limit = passes });
		f.rule = rule_one;
		for (int k = 1; k <= 3; k++)
			numbered_offer(&f, k, ms, 100);
		assert_int_equal(f.pipe.stats.duplicated, 3);
		/* the copies, of which no ruling was given, find it full: two are in */
		assert_int_equal(f.pipe.stats.dropped[PIPE_QUEUE], passes ? 2 : 4);
		numbered_end(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_down_comes_first),
		cmocka_unit_test(test_duplicate),
		cmocka_unit_test(test_duplicate_beside_dice),
		cmocka_unit_test(test_duplicate_into_a_full_queue),
		cmocka_unit_test(test_corrupt),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_hold_is_let_go),
		cmocka_unit_test(test_holds_are_bounded),
		cmocka_unit_test(test_hold_into_a_full_queue),
		cmocka_unit_test(test_dice_are_not_shifted),
		cmocka_unit_test(test_whole_fates),
		cmocka_unit_test(test_whole_fates_and_a_full_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
