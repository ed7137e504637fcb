/* SPDX-License-Identifier: MIT */
/* The impairment core: netem's published and computed loss vectors, conservation, rate, order, traces. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "impair/pipe.h"

#define MS 1000000ull

/* --- vectors --- */

struct vector {
	const char *name;
	uint64_t seed;
	struct impair_loss loss;
	unsigned packets;
	int lost[48]; /* 1-based, 0 ends */
};

/* The first is published with the kernel patch that brought the seed (cover letter 20230815092348.1449179-1); the others
   are what sch_netem of a 7.2 kernel does. */
static const struct vector vectors[] = {
	{ "published",
	  42424242,
	  { .model = IMPAIR_LOSS_RANDOM, .random = 0.1 },
	  25,
	  { 5, 12, 24 } },
	{ "random",
	  1,
	  { .model = IMPAIR_LOSS_RANDOM, .random = 0.1 },
	  100,
	  { 1, 2, 4, 9, 10, 16, 23, 29, 43, 55, 62, 74, 78, 81, 85 } },
	{ "gemodel",
	  1,
	  { .model = IMPAIR_LOSS_GEMODEL,
	    .p = 0.05,
	    .r = 0.3,
	    .one_minus_h = 0.7,
	    .one_minus_k = 0.01 },
	  100,
	  { 1,  2,  16, 17, 18, 19, 20, 23, 25, 26, 27, 28, 43,
	    61, 63, 73, 74, 75, 76, 77, 78, 80, 81, 82, 94 } },
	{ "state",
	  1,
	  { .model = IMPAIR_LOSS_STATE,
	    .p13 = 0.05,
	    .p31 = 0.3,
	    .p32 = 0.2,
	    .p23 = 0.5,
	    .p14 = 0.01 },
	  100,
	  { 2,  4,  9,  11, 13, 14, 15, 19, 23, 29, 30, 31, 32, 33, 34, 35,
	    36, 43, 44, 45, 46, 47, 55, 62, 74, 78, 81, 82, 83, 85, 86 } },
};

/* --- packets with numbers --- */

struct fixture {
	struct pipe pipe;
	unsigned live; /* packets that are allocated */
	int lost[4096];
	unsigned n_lost;
	enum pipe_cause last_cause;
};

struct numbered {
	int number;
	bool copy, corrupted, marked;
};

static void *clone_packet(void *ctx, void *packet)
{
	struct fixture *f = ctx;
	struct numbered *n = malloc(sizeof(*n));

	assert_non_null(n);
	*n = *(struct numbered *)packet;
	n->copy = true;
	f->live++;
	return n;
}

static void corrupt_packet(void *ctx, void *packet, uint32_t random)
{
	(void)ctx;
	(void)random;
	((struct numbered *)packet)->corrupted = true;
}

static bool mark_packet(void *ctx, void *packet)
{
	(void)ctx;
	((struct numbered *)packet)->marked = true;
	return true;
}

static void drop_packet(void *ctx, void *packet, enum pipe_cause cause)
{
	struct fixture *f = ctx;
	struct numbered *n = packet;

	f->last_cause = cause;
	if (f->n_lost < ARRAY_SIZE(f->lost))
		f->lost[f->n_lost++] = n->number;
	f->live--;
	free(n);
}

static void begin_setup(struct fixture *f, const struct pipe_setup *setup)
{
	struct pipe_owner owner = { .clone = clone_packet,
				    .corrupt = corrupt_packet,
				    .mark = mark_packet,
				    .drop = drop_packet,
				    .ctx = f };

	memset(f, 0, sizeof(*f));
	assert_int_equal(pipe_init(&f->pipe, setup, &owner), 0);
}

static void begin(struct fixture *f, const struct impairment *m)
{
	begin_setup(f, &(struct pipe_setup){ .asked = m, .mtu = 1500 });
}

static void end(struct fixture *f)
{
	pipe_deinit(&f->pipe);
	assert_int_equal(f->live, 0);
}

static void offer(struct fixture *f, int number, uint64_t now_ns, uint32_t len)
{
	struct numbered *n = calloc(1, sizeof(*n));

	assert_non_null(n);
	n->number = number;
	f->live++;
	pipe_offer(&f->pipe, now_ns, n, len);
	assert_true(pipe_is_conserved(&f->pipe));
}

/** Takes the next packet whenever it comes. @return its number, 0 when there is none */
static int take_next(struct fixture *f, uint64_t *ret_deadline_ns)
{
	uint64_t next;

	while ((next = pipe_next(&f->pipe)) != PIPE_NEVER) {
		struct numbered *n = pipe_take(&f->pipe, next, ret_deadline_ns);
		int number;

		assert_true(pipe_is_conserved(&f->pipe));
		if (!n)
			continue; /* the queue moved on */
		number = n->number;
		f->live--;
		free(n);
		return number;
	}
	return 0;
}

static struct impairment with_loss(const struct vector *v)
{
	return (struct impairment){ .set = IMPAIR_BIT(IMPAIR_LOSS) | IMPAIR_BIT(IMPAIR_SEED),
				    .loss = v->loss,
				    .seed = v->seed };
}

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct impairment m = with_loss(v);
		struct fixture f;
		unsigned n = 0;

		begin(&f, &m);
		for (unsigned k = 1; k <= v->packets; k++)
			offer(&f, (int)k, k * MS, 100);
		while (v->lost[n])
			n++;
		assert_int_equal(f.n_lost, n);
		for (unsigned k = 0; k < n; k++)
			assert_int_equal(f.lost[k], v->lost[k]);
		end(&f);
	}
}

/** Jitter draws from the same stream after the loss: what is lost differs from the plain vector. */
static void test_one_stream(void **state)
{
	struct impairment m = with_loss(&vectors[1]);
	struct fixture f;

	(void)state;
	m.set |= IMPAIR_BIT(IMPAIR_DELAY) | IMPAIR_BIT(IMPAIR_JITTER);
	m.delay_ns = 10 * MS;
	m.jitter_ns = MS;
	begin(&f, &m);
	for (int k = 1; k <= 100; k++)
		offer(&f, k, (uint64_t)k * MS, 100);
	assert_int_equal(f.lost[0],
			 1); /* the first draw is the first packet's, with or without jitter */
	assert_int_equal(f.lost[1], 2);
	assert_false(f.n_lost == 15 && f.lost[14] == 85);
	end(&f);
}

static void test_delay_and_order(void **state)
{
	struct impairment m = { .set = IMPAIR_BIT(IMPAIR_DELAY) | IMPAIR_BIT(IMPAIR_JITTER) |
				       IMPAIR_BIT(IMPAIR_SEED),
				.delay_ns = 10 * MS,
				.jitter_ns = 5 * MS,
				.seed = 3 };
	bool disorder = false;
	struct fixture f;
	int last = 0;

	(void)state;
	for (int reorders = 0; reorders < 2; reorders++) {
		uint64_t before = 0, deadline;
		int number;

		begin(&f, &m);
		for (int k = 1; k <= 1000; k++)
			offer(&f, k, (uint64_t)k * MS / 10, 100);
		disorder = false;
		last = 0;
		while ((number = take_next(&f, &deadline))) {
			assert_true(deadline >= before);
			assert_true(deadline >= (uint64_t)number * MS / 10 + 5 * MS);
			disorder = disorder || number < last;
			last = number;
			before = deadline;
		}
		assert_int_equal(f.pipe.stats.delivered, 1000);
		assert_int_equal(disorder, reorders);
		end(&f);
		m.set |= IMPAIR_BIT(IMPAIR_JITTER_REORDERS);
		m.jitter_reorders = true;
	}
}

static void test_rate_and_queue(void **state)
{
	struct impairment m = { .set = IMPAIR_BIT(IMPAIR_RATE) | IMPAIR_BIT(IMPAIR_QUEUE) |
				       IMPAIR_BIT(IMPAIR_DELAY),
				.rate_bps = 8000000, /* 1000 bytes a millisecond */
				.queue_unit = IMPAIR_QUEUE_PACKETS,
				.queue = 10,
				.delay_ns = 20 * MS };
	struct fixture f;
	uint64_t deadline;

	(void)state;
	begin(&f, &m);
	/* 20 at once: one is being sent, 10 wait, 9 find the queue full */
	for (int k = 1; k <= 20; k++)
		offer(&f, k, MS, 1000);
	assert_int_equal(f.pipe.stats.dropped[PIPE_QUEUE], 9);
	assert_int_equal(f.last_cause, PIPE_QUEUE);
	for (int k = 1; k <= 11; k++) {
		assert_int_equal(take_next(&f, &deadline), k);
		assert_int_equal(deadline, MS + (uint64_t)k * MS + 20 * MS);
	}
	assert_int_equal(take_next(&f, &deadline), 0);
	/* idle: no credit has been saved up */
	offer(&f, 30, 100 * MS, 1000);
	offer(&f, 31, 100 * MS, 1000);
	assert_int_equal(take_next(&f, &deadline), 30);
	assert_int_equal(deadline, 121 * MS);
	assert_int_equal(take_next(&f, &deadline), 31);
	assert_int_equal(deadline, 122 * MS);
	end(&f);
}

static void test_duplicate_corrupt(void **state)
{
	struct impairment m = { .set = IMPAIR_BIT(IMPAIR_DUPLICATE) | IMPAIR_BIT(IMPAIR_CORRUPT) |
				       IMPAIR_BIT(IMPAIR_SEED),
				.duplicate = 0.25,
				.corrupt = 0.25,
				.seed = 9 };
	struct fixture f;

	(void)state;
	begin(&f, &m);
	for (int k = 1; k <= 4000; k++)
		offer(&f, k, (uint64_t)k * MS, 100);
	while (take_next(&f, NULL))
		;
	/* 4000 draws at 0.25: mean 1000, sigma 27; five of them either way. Copies are drawn for as well. */
	assert_in_range(f.pipe.stats.duplicated, 863, 1137);
	assert_in_range(f.pipe.stats.corrupted, 1250 - 160, 1250 + 160);
	assert_int_equal(f.pipe.stats.delivered, 4000 + f.pipe.stats.duplicated);
	end(&f);
}

static void test_change_keeps_what_travels(void **state)
{
	struct impairment m = { .set = IMPAIR_BIT(IMPAIR_DELAY), .delay_ns = 50 * MS };
	struct fixture f;
	uint64_t deadline;

	(void)state;
	begin(&f, &m);
	offer(&f, 1, MS, 100);
	m.delay_ns = 10 * MS;
	pipe_change(&f.pipe, &(struct pipe_setup){ .asked = &m, .mtu = 1500, .now_ns = 2 * MS });
	offer(&f, 2, 2 * MS, 100);
	offer(&f, 3, 60 * MS, 100);
	assert_int_equal(take_next(&f, &deadline), 1);
	assert_int_equal(deadline, 51 * MS);
	assert_int_equal(take_next(&f, &deadline),
			 2); /* in order, though its own delay was over before */
	assert_int_equal(deadline, 51 * MS);
	assert_int_equal(take_next(&f, &deadline), 3);
	assert_int_equal(deadline, 70 * MS);
	m.set |= IMPAIR_BIT(IMPAIR_DOWN);
	m.down = true;
	pipe_change(&f.pipe, &(struct pipe_setup){ .asked = &m, .mtu = 1500, .now_ns = 80 * MS });
	offer(&f, 4, 81 * MS, 100);
	assert_int_equal(f.last_cause, PIPE_DOWN);
	end(&f);
}

/* --- traces --- */

static void test_trace(void **state)
{
	static const char text[] = "1\n1\n5\n10\n";
	struct impairment m = { .set = 0 };
	struct trace t;
	struct fixture f;
	uint64_t deadline;

	(void)state;
	assert_int_equal(trace_parse(text, strlen(text), "t", &t, NULL), 0);
	begin_setup(&f, &(struct pipe_setup){
				.asked = &m, .trace = &t, .mtu = 1500, .now_ns = 1000 * MS });
	for (int k = 1; k <= 5; k++)
		offer(&f, k, 1000 * MS, 1514);
	offer(&f, 6, 1000 * MS, 762);
	offer(&f, 7, 1000 * MS, 762);
	for (int k = 1; k <= 7; k++) {
		static const uint64_t at_ms[] = { 1, 1, 5, 10, 11, 11, 11 };

		assert_int_equal(take_next(&f, &deadline), k);
		assert_int_equal(deadline, (1000 + at_ms[k - 1]) * MS);
	}
	end(&f);
	trace_deinit(&t);
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
	}
}

/* --- anything at all --- */

static void test_conservation(void **state)
{
	struct prng dice;

	(void)state;
	prng_seed(&dice, 2026);
	for (int round = 0; round < 300; round++) {
		struct impairment m = { .set = prng_next(&dice) & ((1u << IMPAIR_KEY_COUNT) - 1) };
		uint64_t now = 0, last = 0, deadline;
		struct fixture f;

		m.delay_ns = prng_next(&dice) % (20 * MS);
		m.jitter_ns = prng_next(&dice) % (10 * MS);
		m.rate_bps = 1 + prng_next(&dice) % 100000000;
		m.queue = 1 + prng_next(&dice) % 50;
		m.loss = vectors[prng_next(&dice) % ARRAY_SIZE(vectors)].loss;
		m.duplicate = m.corrupt = m.reorder = 0.2;
		m.gap = prng_next(&dice) % 5;
		m.cell = prng_next(&dice) % 60;
		m.overhead = (int)(prng_next(&dice) % 40) - 20;
		m.down = prng_next(&dice) % 8 == 0;
		m.set &= ~IMPAIR_BIT(IMPAIR_QUEUE) |
			 (prng_next(&dice) % 2 ? IMPAIR_BIT(IMPAIR_QUEUE) : 0);
		m.aqm = round % 3 == 0 ? IMPAIR_CODEL : IMPAIR_DROPTAIL;
		begin(&f, &m);
		for (int k = 1; k <= 500; k++) {
			struct numbered *n;

			now += prng_next(&dice) % MS;
			offer(&f, k, now, 60 + prng_next(&dice) % 1440);
			while (prng_next(&dice) % 2 && (n = pipe_take(&f.pipe, now, &deadline))) {
				assert_true(deadline <= now);
				f.live--;
				free(n);
			}
			assert_true(pipe_is_conserved(&f.pipe));
		}
		while (take_next(&f, &deadline)) {
			assert_true(deadline >= last);
			last = deadline;
		}
		assert_int_equal(f.pipe.stats.held, 0);
		end(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_one_stream),
		cmocka_unit_test(test_delay_and_order),
		cmocka_unit_test(test_rate_and_queue),
		cmocka_unit_test(test_duplicate_corrupt),
		cmocka_unit_test(test_change_keeps_what_travels),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_bad_traces),
		cmocka_unit_test(test_conservation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
