/* SPDX-License-Identifier: MIT */
/* Counters in shared memory, the histogram of lateness, the agenda and the look-up of lanes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire/agenda.h"
#include "wire/lane.h"
#include "wire/lookup.h"
#include "wire/stats.h"

/** Every value is in a bucket whose top is not below it, and at most an eighth above. */
static void test_buckets(void **state)
{
	unsigned last = 0;

	(void)state;
	for (uint64_t v = 0; v < 1ull << 36; v += 1 + v / 50) {
		unsigned b = stats_bucket(v);

		assert_true(b >= last && b < STATS_BUCKETS);
		assert_true(stats_bucket_top(b) >= v);
		assert_true(stats_bucket_top(b) <= v + v / 8);
		assert_int_equal(stats_bucket(stats_bucket_top(b)), b);
		last = b;
	}
	assert_int_equal(stats_bucket(UINT64_MAX), STATS_BUCKETS - 1);
}

static void test_quantiles(void **state)
{
	struct wire_shared *s = stats_new(1);
	struct wire_counters c;

	(void)state;
	assert_non_null(s);
	stats_read(&s->slots[0], &c);
	assert_int_equal(c.late_n, 0);
	assert_int_equal(c.late_p50_ns, 0);
	for (uint64_t i = 1; i <= 1000; i++)
		stats_late(&s->slots[1], i * 1000, 1);
	stats_read(&s->slots[1], &c);
	assert_int_equal(c.late_n, 1000);
	assert_in_range(c.late_p50_ns, 500000, 500000 * 9 / 8);
	assert_in_range(c.late_p99_ns, 990000, 1000000); /* never above the maximum */
	assert_int_equal(c.late_max_ns, 1000000);
	stats_free(s);
}

/** A writer in another process, killed in the middle: what is read always belongs together. */
static void test_consistency(void **state)
{
	enum { ROUNDS = 20, READS = 20000 };

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct wire_shared *s = stats_new(1);
		struct wire_counters c = { 0 };
		uint64_t last = 0;
		pid_t pid;

		assert_non_null(s);
		pid = fork();
		if (pid == 0) {
			for (uint64_t i = 1;; i++) {
				c.offered = c.offered_bytes = c.delivered = c.queue_limit = i;
				stats_publish(&s->slots[0], &c);
			}
		}
		do
			stats_read(&s->slots[0], &c);
		while (c.offered == 0);
		for (int i = 0; i < READS; i++) {
			if (i == READS / 2) {
				kill(pid, SIGKILL);
				assert_int_equal(waitpid(pid, NULL, 0), pid);
			}
			stats_read(&s->slots[0], &c);
			assert_int_equal(c.offered, c.offered_bytes);
			assert_int_equal(c.offered, c.delivered);
			assert_int_equal(c.offered, c.queue_limit);
			assert_true(c.offered >= last);
			last = c.offered;
		}
		stats_free(s);
	}
}

static void test_agenda(void **state)
{
	enum { N = 100, STEPS = 20000 };
	struct agenda_item items[N] = { 0 };
	struct agenda a = { 0 };

	(void)state;
	srand(1);
	assert_int_equal(agenda_reserve(&a, N), 0);
	for (int step = 0; step < STEPS; step++) {
		struct agenda_item *item = &items[rand() % N];
		uint64_t at = rand() % 4 ? (uint64_t)(rand() % 1000) : AGENDA_NEVER;
		const struct agenda_item *first;
		uint64_t earliest = AGENDA_NEVER;
		size_t n = 0;

		agenda_set(&a, item, at);
		assert_int_equal(item->place != 0, at != AGENDA_NEVER);
		for (size_t i = 0; i < N; i++) {
			if (!items[i].place)
				continue;
			n++;
			assert_ptr_equal(a.items[items[i].place - 1], &items[i]);
			if (items[i].at_ns < earliest)
				earliest = items[i].at_ns;
		}
		first = agenda_first(&a);
		assert_int_equal(a.n, n);
		assert_int_equal(first ? first->at_ns : AGENDA_NEVER, earliest);
	}
	agenda_deinit(&a);
}

static void test_lookup(void **state)
{
	enum { N = 300, BASE = 1 << 20 };
	static struct lane lanes[N];
	struct sys_ifrange ranges[N];
	struct lookup t = { 0 };

	(void)state;
	assert_null(lookup_find(&t, BASE));
	for (size_t i = 0; i < N; i++) {
		/* from both ends */
		size_t at = i % 2 ? N - 1 - i / 2 : i / 2;

		lanes[at].in = BASE + (uint32_t)at;
		assert_int_equal(lookup_add(&t, &lanes[at]), 0);
	}
	for (size_t i = 0; i < N; i++)
		assert_ptr_equal(lookup_find(&t, BASE + (uint32_t)i), &lanes[i]);
	assert_null(lookup_find(&t, BASE + N));
	assert_int_equal(lookup_ranges(&t, ranges), 1);
	assert_int_equal(ranges[0].first, BASE);
	assert_int_equal(ranges[0].last, BASE + N - 1);
	/* one that leaves is still found, but not asked for any more */
	lanes[10].is_leaving = true;
	assert_int_equal(lookup_ranges(&t, ranges), 2);
	assert_int_equal(ranges[0].last, BASE + 9);
	assert_int_equal(ranges[1].first, BASE + 11);
	assert_ptr_equal(lookup_find(&t, BASE + 10), &lanes[10]);
	for (size_t i = 0; i < N; i += 2)
		lookup_remove(&t, &lanes[i]);
	for (size_t i = 0; i < N; i++)
		assert_ptr_equal(lookup_find(&t, BASE + (uint32_t)i), i % 2 ? &lanes[i] : NULL);
	lookup_deinit(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),     cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_consistency), cmocka_unit_test(test_agenda),
		cmocka_unit_test(test_lookup),
	};

	return cmocka_run_group_tests_name("wire_stats", tests, NULL, NULL);
}
