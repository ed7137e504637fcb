/* SPDX-License-Identifier: MIT */
/* The wire engine under change: settings, handovers from and to the kernel's redirects, and its death, under numbered
   frames: none is lost or doubled by the change, and what is lost is counted.
   netlab-test: timeout=700 timed host */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/wire_tap.h"
#include "support/world.h"

enum {
	FRAME_LEN = 100,
	FLOOD_MAX = 200 * 1000,
	FLOOD_PAUSE_NS = 40 * 1000, /* some 10,000 to 20,000 frames a second */
	ROUNDS = 10,
	LAST_MOMENT = 5 * 64, /* a round of the worker's loop */
};

static struct wire_counters counters(size_t link, unsigned dir)
{
	struct wire_counters c;

	wire_read(&tap_wire, link, dir, &c);
	return c;
}

/* --- a flood of numbered frames, one process a direction --- */

struct flood {
	pid_t pid;
	int to_fd;                 /**< receiver's packet socket */
	volatile uint32_t *shared; /**< [0] = stop, [1] = sent */
};

static void flood_run(int fd, unsigned side, volatile uint32_t *shared)
{
	uint8_t frame[FRAME_LEN] = { 0 };

	bed_mac(0, !side, frame);
	bed_mac(0, side, frame + 6);
	frame[12] = ETHERTYPE_TEST >> 8;
	frame[13] = ETHERTYPE_TEST & 0xff;
	for (uint32_t i = 0; !shared[0] && i < FLOOD_MAX; i++) {
		memcpy(frame + 14, &i, sizeof(i));
		if (send(fd, frame, sizeof(frame), 0) != sizeof(frame))
			_exit(1);
		shared[1] = i + 1;
		if (i % 4 == 3)
			tap_pause(FLOOD_PAUSE_NS);
	}
	_exit(0);
}

static void flood_start(struct flood *f, size_t link, unsigned side)
{
	int from_fd = bed_packet_socket(&tap_bed, link, side, ETHERTYPE_TEST);

	f->to_fd = bed_packet_socket(&tap_bed, link, !side, ETHERTYPE_TEST);
	f->shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(f->shared != MAP_FAILED);
	f->pid = fork();
	if (f->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		flood_run(from_fd, side, f->shared);
	}
	close(from_fd);
	while (f->shared[1] < 100)
		tap_pause(MS);
}

struct flood_result {
	uint32_t sent, missing, doubled, out_of_order;
};

static struct flood_result flood_stop(struct flood *f)
{
	uint8_t *seen = calloc(FLOOD_MAX, 1), frame[2048];
	struct flood_result r = { 0 };
	uint32_t next = 0;
	int status;

	f->shared[0] = 1;
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	assert_int_equal(status, 0);
	r.sent = f->shared[1];
	assert_non_null(seen);
	for (;;) {
		struct pollfd p = { .fd = f->to_fd, .events = POLLIN };
		uint32_t number;

		if (poll(&p, 1, QUIET_MS) <= 0)
			break;
		assert_int_equal(recv(f->to_fd, frame, sizeof(frame), 0), FRAME_LEN);
		memcpy(&number, frame + 14, sizeof(number));
		assert_true(number < FLOOD_MAX);
		r.doubled += seen[number]++ > 0;
		r.out_of_order += number < next;
		if (number >= next)
			next = number + 1;
	}
	for (uint32_t i = 0; i < r.sent; i++)
		r.missing += !seen[i];
	free(seen);
	munmap((void *)f->shared, 4096);
	close(f->to_fd);
	return r;
}

/* --- tests --- */

/** Patch -> wire -> patch, again and again, under traffic both ways. */
static void test_handover(void **state)
{
	struct flood floods[2];
	struct wire_link l;

	(void)state;
	tap_start(1, 1500, false);
	tap_patch(0);
	flood_start(&floods[0], 0, BED_LEFT);
	flood_start(&floods[1], 0, BED_RIGHT);
	for (int i = 0; i < ROUNDS; i++) {
		l = bed_link(&tap_bed, 0);
		l.from_patch = true;
		tap_must(wire_add(&tap_wire, 0, &l, &tap_error));
		bed_patch(&tap_bed, 0, false);
		tap_must(wire_commit(&tap_wire, 0, &tap_error));
		tap_pause(20 * MS);
		tap_must(wire_release(&tap_wire, 0, 1000 * MS, &tap_error));
		bed_patch(&tap_bed, 0, true);
		tap_must(wire_commit(&tap_wire, 0, &tap_error));
		tap_pause(20 * MS);
	}
	for (unsigned d = 0; d < 2; d++) {
		struct flood_result r = flood_stop(&floods[d]);
		struct wire_counters c = counters(0, d);

		print_message("%u sent, %u missing, %u doubled, %u out of order, %lu by wire\n",
			      r.sent, r.missing, r.doubled, r.out_of_order,
			      (unsigned long)c.delivered);
		assert_int_equal(r.missing, 0);
		assert_int_equal(r.doubled, 0);
		assert_true(c.delivered > 0 && c.delivered < r.sent);
		assert_int_equal(c.offered, c.delivered);
		assert_conserved(&c);
	}
}

/** From patch to wire, frames keep their order: what the redirects took is ahead of what was held back. */
static void test_handover_order(void **state)
{
	struct flood_result r;
	struct flood flood;
	struct wire_link l;

	(void)state;
	tap_start(1, 1500, false);
	tap_patch(0);
	flood_start(&flood, 0, BED_LEFT);
	l = bed_link(&tap_bed, 0);
	l.from_patch = true;
	l.asked[0] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_DELAY), .delay_ns = 30 * MS };
	tap_must(wire_add(&tap_wire, 0, &l, &tap_error));
	bed_patch(&tap_bed, 0, false);
	tap_must(wire_commit(&tap_wire, 0, &tap_error));
	tap_pause(50 * MS);
	r = flood_stop(&flood);
	assert_int_equal(r.missing, 0);
	assert_int_equal(r.doubled, 0);
	assert_int_equal(r.out_of_order, 0);
}

/** Settings change under traffic; packets in flight keep their delays, so a delay that shrinks lets none overtake. */
static void test_change(void **state)
{
	struct flood_result r;
	struct flood flood;
	struct wire_link l;
	struct wire_counters c;

	(void)state;
	tap_start(1, 1500, false);
	l = bed_link(&tap_bed, 0);
	tap_must(wire_add(&tap_wire, 0, &l, &tap_error));
	flood_start(&flood, 0, BED_LEFT);
	for (int i = 0; i < ROUNDS; i++) {
		l.asked[0].set = i % 2 ? 0 : IMPAIR_BIT(IMPAIR_DELAY) | IMPAIR_BIT(IMPAIR_RATE);
		l.asked[0].delay_ns = 10 * MS;
		l.asked[0].rate_bps = 100 * 1000 * 1000;
		tap_must(wire_change(&tap_wire, 0, &l, &tap_error));
		tap_pause(20 * MS);
	}
	r = flood_stop(&flood);
	c = counters(0, 0);
	assert_int_equal(r.missing, 0);
	assert_int_equal(r.doubled, 0);
	assert_int_equal(r.out_of_order, 0);
	assert_int_equal(c.offered, r.sent);
	assert_int_equal(c.delivered, r.sent);
	assert_conserved(&c);
}

/** Killed with -9 while it holds packets: they are counted as lost by this host, the counters go on. */
static void test_death(void **state)
{
	struct wire_counters before, after;
	struct flood_result r;
	struct flood flood;
	struct wire_link l;

	(void)state;
	tap_start(1, 1500, false);
	l = bed_link(&tap_bed, 0);
	l.asked[0] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_DELAY), .delay_ns = 50 * MS };
	tap_must(wire_add(&tap_wire, 0, &l, &tap_error));
	flood_start(&flood, 0, BED_LEFT);
	tap_pause(100 * MS);
	kill(tap_wire.pid, SIGKILL);
	{
		struct pollfd p = { .fd = tap_wire.fd, .events = POLLIN };

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	}
	assert_int_equal(waitpid(tap_wire.pid, NULL, 0), tap_wire.pid);
	before = counters(0, 0);
	assert_conserved(&before);
	assert_true(before.queued > 0);
	assert_int_equal(wire_change(&tap_wire, 0, &l, &tap_error), -ECHILD);
	wire_died(&tap_wire);
	assert_int_equal(tap_wire.pid, 0);
	after = counters(0, 0);
	assert_int_equal(after.queued, 0);
	assert_int_equal(after.dropped_host, before.dropped_host + before.queued);
	assert_int_equal(after.delivered, before.delivered);
	assert_conserved(&after);
	assert_int_equal(wire_change(&tap_wire, 0, &l, &tap_error), -ESRCH);

	tap_must(wire_start(&tap_wire, 1, &tap_error));
	assert_int_equal(tap_wire.restarts, 1);
	tap_must(wire_add(&tap_wire, 0, &l, &tap_error));
	tap_pause(100 * MS);
	r = flood_stop(&flood);
	before = after;
	after = counters(0, 0);
	assert_true(r.missing > 0);
	assert_int_equal(r.doubled, 0);
	assert_true(after.delivered > before.delivered);
	/* what it sent in its last moment it could not count any more: it is among the host's losses */
	assert_true(after.delivered <= r.sent - r.missing);
	assert_true(after.delivered + LAST_MOMENT >= r.sent - r.missing);
	assert_int_equal(after.queued, 0);
	assert_conserved(&after);
}

/** Orders that make no sense are refused, and the engine goes on. */
static void test_orders(void **state)
{
	struct wire_link l;

	(void)state;
	tap_start(2, 1500, false);
	l = bed_link(&tap_bed, 0);
	assert_int_equal(wire_change(&tap_wire, 0, &l, &tap_error), -ENOENT);
	assert_int_equal(wire_commit(&tap_wire, 1, &tap_error), -ENOENT);
	assert_int_equal(wire_add(&tap_wire, 2, &l, &tap_error), -EINVAL);
	tap_must(wire_add(&tap_wire, 0, &l, &tap_error));
	assert_int_equal(wire_add(&tap_wire, 0, &l, &tap_error), -EEXIST);
	assert_non_null(strstr(tap_error.message, "link 0"));
	assert_int_equal(wire_commit(&tap_wire, 0, &tap_error), -EINVAL);
	/* a trace that is none */
	l.trace_fd[1] = memfd_create("not-a-trace", MFD_CLOEXEC);
	assert_int_equal(wire_change(&tap_wire, 0, &l, &tap_error), -EINVAL);
	close(l.trace_fd[1]);
	l.trace_fd[1] = -1;
	tap_must(wire_change(&tap_wire, 0, &l, &tap_error));
	tap_must(wire_release(&tap_wire, 0, 0, &tap_error));
	tap_must(wire_commit(&tap_wire, 0, &tap_error));
	tap_must(wire_add(&tap_wire, 0, &l, &tap_error));
}

/** A release that has to wait for what is in flight, and one that cannot wait so long. */
static void test_release_waits(void **state)
{
	uint8_t frame[FRAME_LEN] = { 0 };
	struct wire_link l;
	int from, to;

	(void)state;
	tap_start(1, 1500, false);
	from = bed_packet_socket(&tap_bed, 0, BED_LEFT, ETHERTYPE_TEST);
	to = bed_packet_socket(&tap_bed, 0, BED_RIGHT, ETHERTYPE_TEST);
	l = bed_link(&tap_bed, 0);
	l.asked[0] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_DELAY), .delay_ns = 200 * MS };
	tap_must(wire_add(&tap_wire, 0, &l, &tap_error));
	bed_mac(0, BED_RIGHT, frame);
	frame[12] = ETHERTYPE_TEST >> 8;
	frame[13] = ETHERTYPE_TEST & 0xff;
	assert_int_equal(send(from, frame, sizeof(frame), 0), sizeof(frame));
	while (counters(0, 0).queued == 0)
		tap_pause(MS);
	assert_int_equal(wire_release(&tap_wire, 0, 10 * MS, &tap_error), -EBUSY);
	tap_must(wire_release(&tap_wire, 0, 1000 * MS, &tap_error));
	assert_int_equal(recv(to, frame, sizeof(frame), MSG_DONTWAIT), sizeof(frame));
	tap_must(wire_commit(&tap_wire, 0, &tap_error));
	assert_int_equal(wire_commit(&tap_wire, 0, &tap_error), -ENOENT);
	close(from);
	close(to);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test_teardown(test_orders, tap_stop),
		cmocka_unit_test_teardown(test_release_waits, tap_stop),
		cmocka_unit_test_teardown(test_change, tap_stop),
		cmocka_unit_test_teardown(test_handover_order, tap_stop),
		cmocka_unit_test_teardown(test_handover, tap_stop),
		cmocka_unit_test_teardown(test_death, tap_stop),
	};

	return cmocka_run_group_tests_name("wire_change", all, NULL, NULL) ? 1 : 0;
}

int main(void)
{
	return world_run(tests);
}
