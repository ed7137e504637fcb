/* SPDX-License-Identifier: MIT */
/*
 * CoDel: drops at the times that RFC 8289's control law gives by hand, and packet by packet what the pseudocode of its
 * appendix does with the same packets at the same rate.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "impair/codel.h"
#include "support/numbered.h"

static const uint64_t ms = 1000000;

#define ASKS(key) IMPAIR_BIT(IMPAIR_##key)

/* --- by hand --- */

/**
 * A packet each millisecond that has waited 20 ms, with more behind it: the first is dropped an interval (100 ms) after the
 * first was seen, and then after 100 ms / sqrt(1), / sqrt(2), / sqrt(3)...: at 100, 200, 270.7, 328.4, 378.4, 423.2, 464.0,
 * 501.8 ms, which packets see at the next millisecond.
 */
static void test_control_law(void **state)
{
	static const uint64_t want_ms[] = { 100, 200, 271, 329, 379, 424, 464, 502 };
	struct codel c = { .mtu_bytes = 1514 };
	size_t n = 0;

	(void)state;
	for (uint64_t t = 0; t <= 510; t++) {
		uint64_t now = t * ms;
		bool drop = codel_next(&c, now, 20 * ms, 10000);

		if (!drop)
			continue;
		assert_true(n < ARRAY_SIZE(want_ms));
		assert_int_equal(t, want_ms[n++]);
		/* the one behind it is asked about as well, and goes */
		assert_false(codel_next(&c, now, 20 * ms, 10000));
	}
	assert_int_equal(n, ARRAY_SIZE(want_ms));
	/* below target once: not dropping any more; above again: an interval to wait; but it goes on near the last rate */
	assert_false(codel_next(&c, 511 * ms, 5 * ms - 1, 10000));
	assert_false(codel_next(&c, 512 * ms, 20 * ms, 10000));
	assert_false(codel_next(&c, 611 * ms, 20 * ms, 10000));
	assert_true(codel_next(&c, 612 * ms, 20 * ms, 10000));
	assert_int_equal(c.count, 7); /* 8 drops less the 1 it began with */
}

/**
 * The queue is good again behind the third drop, at 271 ms: the law stands where that drop was due, at 270.7, and its rate
 * is remembered for 16 intervals from there, to 1870.7 ms.
 */
static void test_memory_of_the_rate(void **state)
{
	static const struct {
		uint64_t again_ms;
		uint32_t count;
	} cases[] = { { 1870, 2 }, { 1871, 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct codel c = { .mtu_bytes = 1514 };
		unsigned drops = 0;

		for (uint64_t t = 0; t <= 271; t++)
			drops += codel_next(&c, t * ms, 20 * ms, 10000);
		assert_int_equal(drops, 3);
		assert_false(codel_next(&c, 271 * ms, 0, 10000));
		assert_false(codel_next(&c, (cases[i].again_ms - 100) * ms, 20 * ms, 10000));
		assert_true(codel_next(&c, cases[i].again_ms * ms, 20 * ms, 10000));
		assert_int_equal(c.count, cases[i].count);
	}
}

static void test_no_standing_queue(void **state)
{
	struct codel c = { .mtu_bytes = 1514 };

	(void)state;
	for (uint64_t t = 0; t < 1000; t++) {
		/* just below the target */
		assert_false(codel_next(&c, t * ms, 5 * ms - 1, 100000));
	}
	for (uint64_t t = 1000; t < 2000; t++) {
		/* no more than a packet waits */
		assert_false(codel_next(&c, t * ms, 50 * ms, 1514));
	}
	assert_false(codel_next(&c, 2000 * ms, 50 * ms, 1515));
	assert_true(codel_next(&c, 2100 * ms, 50 * ms, 1515));
}

/* --- the pseudocode --- */

enum { PACKETS = 20000, RATE_BYTES_PER_MS = 1000 };

struct offered {
	uint64_t at_ns;
	uint32_t len;
	bool dropped, marked;
};

/** A queue that a rate serves, as the appendix of RFC 8289 has it. */
struct reference {
	struct offered *packets;
	size_t head, n;
	uint64_t first_above, drop_next;
	uint32_t count, last_count;
	bool dropping, marks;
};

struct dequeued {
	struct offered *packet; /* NULL = the queue is empty */
	bool may_drop;
};

static const uint64_t target = 5000000, interval = 100000000;

static struct dequeued do_dequeue(struct reference *r, uint64_t now)
{
	struct dequeued d = { 0 };
	uint64_t bytes = 0;

	if (r->head == r->n || r->packets[r->head].at_ns > now) {
		r->first_above = 0;
		return d;
	}
	d.packet = &r->packets[r->head++];
	for (size_t i = r->head; i < r->n && r->packets[i].at_ns <= now; i++)
		bytes += r->packets[i].len;
	if (now - d.packet->at_ns < target || bytes <= 1514) {
		r->first_above = 0;
	} else if (r->first_above == 0) {
		r->first_above = now + interval;
	} else if (now >= r->first_above) {
		d.may_drop = true;
	}
	return d;
}

static uint64_t control_law(uint64_t t, uint32_t count)
{
	return t + (uint64_t)((double)interval / sqrt(count));
}

static struct offered *dequeue(struct reference *r, uint64_t now)
{
	struct dequeued d = do_dequeue(r, now);
	uint32_t delta;

	if (r->dropping) {
		if (!d.may_drop)
			r->dropping = false;
		while (now >= r->drop_next && r->dropping) {
			if (r->marks) { /* Linux: a marked packet goes on its way */
				d.packet->marked = true;
				r->count++;
				r->drop_next = control_law(r->drop_next, r->count);
				break;
			}
			d.packet->dropped = true;
			r->count++;
			d = do_dequeue(r, now);
			if (!d.may_drop)
				r->dropping = false;
			else
				r->drop_next = control_law(r->drop_next, r->count);
		}
	} else if (d.may_drop) {
		if (r->marks) {
			d.packet->marked = true;
		} else {
			d.packet->dropped = true;
			d = do_dequeue(r, now);
		}
		r->dropping = true;
		delta = r->count - r->last_count;
		r->count = 1;
		if (delta > 1 && now < r->drop_next + 16 * interval)
			r->count = delta;
		r->drop_next = control_law(now, r->count);
		r->last_count = r->count;
	}
	return d.packet;
}

static void serve(struct reference *r)
{
	uint64_t free_at = 0;

	while (r->head < r->n) {
		uint64_t at = r->packets[r->head].at_ns;
		struct offered *p = dequeue(r, at > free_at ? at : free_at);

		free_at = at > free_at ? at : free_at;
		if (p)
			free_at += (uint64_t)p->len * ms / RATE_BYTES_PER_MS;
	}
}

/** Phases of too much and of too little, with packets of all sizes. */
static void fill(struct offered *packets, uint64_t seed)
{
	struct prng dice;
	uint64_t now = ms;

	prng_seed(&dice, seed);
	for (int i = 0; i < PACKETS; i++) {
		unsigned phase = (unsigned)(i / 1000) % 4;
		static const unsigned mean_us[] = { 500, 1100, 700, 2500 };

		now += (prng_next(&dice) % (2 * mean_us[phase])) * 1000;
		packets[i] = (struct offered){ .at_ns = now, .len = 60 + prng_next(&dice) % 1455 };
	}
}

static void run_both(bool marks)
{
	static struct offered packets[PACKETS];
	struct impairment m = { .set = ASKS(RATE) | ASKS(AQM) | ASKS(ECN) | ASKS(QUEUE),
				.rate_bps = RATE_BYTES_PER_MS * 8000ull,
				.aqm = IMPAIR_CODEL,
				.ecn = marks,
				.queue = PACKETS };
	struct reference r = { .packets = packets, .n = PACKETS, .marks = marks };
	unsigned dropped = 0, marked = 0, different = 0;
	struct numbered_pipe f;
	struct numbered n;
	static bool came[PACKETS], was_marked[PACKETS];

	fill(packets, marks ? 11 : 12);
	serve(&r);
	memset(came, 0, sizeof(came));
	numbered_begin_asked(&f, &m);
	for (int i = 0; i < PACKETS; i++) {
		numbered_offer(&f, i + 1, packets[i].at_ns, packets[i].len);
		while (numbered_take(&f, packets[i].at_ns, NULL, &n)) {
			came[n.number - 1] = true;
			was_marked[n.number - 1] = n.marked;
		}
	}
	while (numbered_next(&f, NULL, &n)) {
		came[n.number - 1] = true;
		was_marked[n.number - 1] = n.marked;
	}
	for (int i = 0; i < PACKETS; i++) {
		dropped += packets[i].dropped;
		marked += packets[i].marked;
		different += came[i] == packets[i].dropped ||
			     (came[i] && was_marked[i] != packets[i].marked);
	}
	assert_int_equal(different, 0);
	assert_int_equal(f.pipe.stats.dropped[PIPE_QUEUE], dropped);
	assert_int_equal(f.pipe.stats.marked, marked);
	/* it has had something to do, and a fate is told twice for what it drops or marks */
	assert_in_range(dropped + marked, 100, 5000);
	assert_int_equal(f.n_fates, PACKETS + dropped + marked);
	numbered_end(&f);
}

static void test_against_the_pseudocode(void **state)
{
	(void)state;
	run_both(false);
}

static void test_marks(void **state)
{
	(void)state;
	run_both(true);
}

/** CoDel keeps a queue near its target that droptail lets grow. */
static void test_keeps_the_queue_short(void **state)
{
	double mean_ms[2];

	(void)state;
	for (int codel = 0; codel < 2; codel++) {
		struct impairment m = { .set = ASKS(RATE) | ASKS(AQM) | ASKS(QUEUE),
					.rate_bps = RATE_BYTES_PER_MS * 8000ull,
					.aqm = codel ? IMPAIR_CODEL : IMPAIR_DROPTAIL,
					.queue = 1000 };
		struct numbered_pipe f;
		uint64_t left;
		double sum = 0;
		int n = 0, number;

		numbered_begin_asked(&f, &m);
		/* 2 % too much for 20 s */
		for (int k = 1; k <= 20400; k++) {
			uint64_t now = (uint64_t)k * ms * 100 / 102;

			numbered_offer(&f, k, now, 1000);
			while ((number = numbered_take(&f, now, &left, NULL))) {
				sum += (double)(left - (uint64_t)number * ms * 100 / 102) / 1e6;
				n++;
			}
		}
		mean_ms[codel] = sum / n;
		numbered_end(&f);
	}
	assert_true(mean_ms[0] > 150);
	assert_true(mean_ms[1] < 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control_law),
		cmocka_unit_test(test_memory_of_the_rate),
		cmocka_unit_test(test_no_standing_queue),
		cmocka_unit_test(test_against_the_pseudocode),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_keeps_the_queue_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
