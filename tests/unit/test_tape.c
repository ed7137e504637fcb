/* SPDX-License-Identifier: MIT */
/* The tape: rings in shared memory, whose end is their beginning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/tape.h"

/** Records of all sizes through a small ring, the reader always a bit behind. */
static void test_lengths(void **state)
{
	enum { RING = 1 << 14, RECORDS = 20000 };
	struct tape *t = NULL;
	struct tape_writer w = { 0 };
	unsigned next = 0, lost = 0;
	int fd = -1;

	(void)state;
	assert_int_equal(tape_new(1, RING, &t, &fd), 0);
	tape_attach(&w, t, 0, -1);
	for (unsigned i = 0; i < RECORDS; i++) {
		uint32_t len = i * 37 % 1500;
		struct tape_record *r = tape_begin(&w, TAPE_PACKET, len);

		if (!r) {
			lost++;
			assert_int_equal(tape_lost(t), lost);
		} else {
			r->number = i;
			memset(r->frame, (int)i, len);
			tape_commit(&w);
		}
		for (unsigned k = 0; k < (i % 7 ? 1 : 3); k++) {
			const struct tape_record *read = tape_peek(t, 0);

			if (!read)
				break;
			assert_true(read->number >= next && read->len == read->number * 37 % 1500);
			for (uint32_t at = 0; at < read->len; at++)
				assert_int_equal(read->frame[at], (uint8_t)read->number);
			next = (unsigned)read->number + 1;
			tape_drop(t, 0);
		}
	}
	assert_true(lost < RECORDS / 2);
	while (tape_peek(t, 0))
		tape_drop(t, 0);
	/* nobody reads: what has room is kept, the rest is counted */
	while (tape_begin(&w, TAPE_PACKET, 100))
		tape_commit(&w);
	assert_int_equal(tape_lost(t), lost + 1);
	assert_null(tape_unmap(t));
	close(fd);
}

enum { SMALL = 1 << 13, MANY = 200000 };

static void *write_tape(void *arg)
{
	struct tape_writer w = { 0 };

	tape_attach(&w, arg, 0, -1);
	for (uint32_t i = 0; i < MANY;) {
		uint32_t len = i * 37 % 1500;
		struct tape_record *r = tape_begin(&w, TAPE_PACKET, len);

		if (!r) {
			sched_yield();
			continue;
		}
		r->number = i++;
		memset(r->frame, (int)r->number, len);
		tape_commit(&w);
	}
	return NULL;
}

/** A writer and a reader side by side: each record comes once, whole, whether the reader keeps up or not. */
static void test_threads(void **state)
{
	struct tape *t = NULL;
	pthread_t writer;
	int fd = -1;

	(void)state;
	assert_int_equal(tape_new(1, SMALL, &t, &fd), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_tape, t), 0);
	for (uint32_t next = 0; next < MANY;) {
		const struct tape_record *r = tape_peek(t, 0);

		if (!r) {
			sched_yield();
			continue;
		}
		assert_int_equal(r->number, next);
		assert_int_equal(r->len, next * 37 % 1500);
		for (uint32_t at = 0; at < r->len; at++)
			assert_int_equal(r->frame[at], (uint8_t)next);
		tape_drop(t, 0);
		next++;
	}
	pthread_join(writer, NULL);
	assert_null(tape_peek(t, 0));
	assert_null(tape_unmap(t));
	close(fd);
}

/** A reader that keeps up leaves most of the memory untouched. */
static void test_memory(void **state)
{
	enum { RING = 1 << 20, LEN = 1500, PAGE = 4096 };
	struct tape *t = NULL;
	struct tape_writer w = { 0 };
	struct stat st;
	int fd = -1;

	(void)state;
	assert_int_equal(tape_new(1, RING, &t, &fd), 0);
	tape_attach(&w, t, 0, -1);
	for (unsigned i = 0; i < 10 * RING / LEN; i++) {
		assert_non_null(tape_begin(&w, TAPE_PACKET, LEN));
		tape_commit(&w);
		assert_int_equal(tape_peek(t, 0)->len, LEN);
		tape_drop(t, 0);
	}
	assert_int_equal(fstat(fd, &st), 0);
	assert_in_range(st.st_blocks * 512, 1, 4 * PAGE); /* the head, and a record */
	assert_null(tape_unmap(t));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests_name("tape", tests, NULL, NULL);
}
