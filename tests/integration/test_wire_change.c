/* SPDX-License-Identifier: MIT */
/* The wire engine under change: settings, handovers from and to the kernel's redirects, and its death, under numbered
   frames: none is lost or doubled by the change, and what is lost is counted.
   netlab-test: timeout=300 serial */
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

#include "support/wire_bed.h"
#include "support/world.h"

enum {
	ETHERTYPE_TEST = 0x88b5, /* IEEE 802 local experimental */
	FRAME_LEN = 100,
	FLOOD_MAX = 200 * 1000,
	FLOOD_PAUSE_NS = 40 * 1000, /* some 10,000 to 20,000 frames a second */
	WAIT_MS = 5000,
	QUIET_MS = 300,
	MS = 1000 * 1000,
	ROUNDS = 10,
};

static struct bed bed;
static struct wire wire = { .fd = -1 };
static struct netlab_err error;

static void must(int r)
{
	if (r < 0)
		fail_msg("%s", error.message);
}

static void start(size_t n_links)
{
	bed_make(&bed, n_links, 1500, false);
	must(wire_start(&wire, n_links, &error));
}

/** After each test, also a failed one. */
static int stop(void **state)
{
	(void)state;
	wire_deinit(&wire);
	bed_destroy(&bed);
	return 0;
}

static void pause_ns(long ns)
{
	const struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	(void)nanosleep(&t, NULL);
}

static struct wire_counters counters(size_t link, unsigned dir)
{
	struct wire_counters c;

	wire_read(&wire, link, dir, &c);
	return c;
}

static void assert_conserved(const struct wire_counters *c)
{
	assert_int_equal(c->offered + c->duplicated,
			 c->delivered + c->dropped_loss + c->dropped_queue + c->dropped_fault +
				 c->dropped_down + c->dropped_host + c->queued);
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
			pause_ns(FLOOD_PAUSE_NS);
	}
	_exit(0);
}

static void flood_start(struct flood *f, size_t link, unsigned side)
{
	int from_fd = bed_packet_socket(&bed, link, side, ETHERTYPE_TEST);

	f->to_fd = bed_packet_socket(&bed, link, !side, ETHERTYPE_TEST);
	f->shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(f->shared != MAP_FAILED);
	f->pid = fork();
	if (f->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		flood_run(from_fd, side, f->shared);
	}
	close(from_fd);
	while (f->shared[1] < 100)
		pause_ns(MS);
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

static void patch(size_t link)
{
	uint32_t first = BED_FABRIC + 2 * (uint32_t)link;

	bed.batch.fd = bed.fabric_rtnl;
	must(rt_new_clsact(&bed.batch, first, &error));
	must(rt_new_clsact(&bed.batch, first + 1, &error));
	must(rt_flush(&bed.batch, &error));
	bed_patch(&bed, link, true);
}

/** Patch -> wire -> patch, again and again, under traffic both ways. */
static void test_handover(void **state)
{
	struct flood floods[2];
	struct wire_link l;

	(void)state;
	start(1);
	patch(0);
	flood_start(&floods[0], 0, BED_LEFT);
	flood_start(&floods[1], 0, BED_RIGHT);
	for (int i = 0; i < ROUNDS; i++) {
		l = bed_link(&bed, 0);
		l.from_patch = true;
		must(wire_add(&wire, 0, &l, &error));
		bed_patch(&bed, 0, false);
		must(wire_commit(&wire, 0, &error));
		pause_ns(20 * MS);
		must(wire_release(&wire, 0, 1000 * MS, &error));
		bed_patch(&bed, 0, true);
		must(wire_commit(&wire, 0, &error));
		pause_ns(20 * MS);
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
	start(1);
	patch(0);
	flood_start(&flood, 0, BED_LEFT);
	l = bed_link(&bed, 0);
	l.from_patch = true;
	l.asked[0] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_DELAY), .delay_ns = 30 * MS };
	must(wire_add(&wire, 0, &l, &error));
	bed_patch(&bed, 0, false);
	must(wire_commit(&wire, 0, &error));
	pause_ns(50 * MS);
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
	start(1);
	l = bed_link(&bed, 0);
	must(wire_add(&wire, 0, &l, &error));
	flood_start(&flood, 0, BED_LEFT);
	for (int i = 0; i < ROUNDS; i++) {
		l.asked[0].set = i % 2 ? 0 : IMPAIR_BIT(IMPAIR_DELAY) | IMPAIR_BIT(IMPAIR_RATE);
		l.asked[0].delay_ns = 10 * MS;
		l.asked[0].rate_bps = 100 * 1000 * 1000;
		must(wire_change(&wire, 0, &l, &error));
		pause_ns(20 * MS);
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
	start(1);
	l = bed_link(&bed, 0);
	l.asked[0] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_DELAY), .delay_ns = 50 * MS };
	must(wire_add(&wire, 0, &l, &error));
	flood_start(&flood, 0, BED_LEFT);
	pause_ns(100 * MS);
	kill(wire.pid, SIGKILL);
	{
		struct pollfd p = { .fd = wire.fd, .events = POLLIN };

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	}
	assert_int_equal(waitpid(wire.pid, NULL, 0), wire.pid);
	before = counters(0, 0);
	assert_conserved(&before);
	assert_true(before.queued > 0);
	assert_int_equal(wire_change(&wire, 0, &l, &error), -ECHILD);
	wire_died(&wire);
	assert_int_equal(wire.pid, 0);
	after = counters(0, 0);
	assert_int_equal(after.queued, 0);
	assert_int_equal(after.dropped_host, before.dropped_host + before.queued);
	assert_int_equal(after.delivered, before.delivered);
	assert_conserved(&after);
	assert_int_equal(wire_change(&wire, 0, &l, &error), -ESRCH);

	must(wire_start(&wire, 1, &error));
	assert_int_equal(wire.restarts, 1);
	must(wire_add(&wire, 0, &l, &error));
	pause_ns(100 * MS);
	r = flood_stop(&flood);
	before = after;
	after = counters(0, 0);
	assert_true(r.missing > 0);
	assert_int_equal(r.doubled, 0);
	assert_true(after.delivered > before.delivered);
	assert_int_equal(after.delivered, r.sent - r.missing);
	assert_int_equal(after.queued, 0);
	assert_conserved(&after);
}

/** Orders that make no sense are refused, and the engine goes on. */
static void test_orders(void **state)
{
	struct wire_link l;

	(void)state;
	start(2);
	l = bed_link(&bed, 0);
	assert_int_equal(wire_change(&wire, 0, &l, &error), -ENOENT);
	assert_int_equal(wire_commit(&wire, 1, &error), -ENOENT);
	assert_int_equal(wire_add(&wire, 2, &l, &error), -EINVAL);
	must(wire_add(&wire, 0, &l, &error));
	assert_int_equal(wire_add(&wire, 0, &l, &error), -EEXIST);
	assert_non_null(strstr(error.message, "link 0"));
	assert_int_equal(wire_commit(&wire, 0, &error), -EINVAL);
	/* a trace that is none */
	l.trace_fd[1] = memfd_create("not-a-trace", MFD_CLOEXEC);
	assert_int_equal(wire_change(&wire, 0, &l, &error), -EINVAL);
	close(l.trace_fd[1]);
	l.trace_fd[1] = -1;
	must(wire_change(&wire, 0, &l, &error));
	must(wire_release(&wire, 0, 0, &error));
	must(wire_commit(&wire, 0, &error));
	must(wire_add(&wire, 0, &l, &error));
}

/** A release that has to wait for what is in flight, and one that cannot wait so long. */
static void test_release_waits(void **state)
{
	uint8_t frame[FRAME_LEN] = { 0 };
	struct wire_link l;
	int from, to;

	(void)state;
	start(1);
	from = bed_packet_socket(&bed, 0, BED_LEFT, ETHERTYPE_TEST);
	to = bed_packet_socket(&bed, 0, BED_RIGHT, ETHERTYPE_TEST);
	l = bed_link(&bed, 0);
	l.asked[0] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_DELAY), .delay_ns = 200 * MS };
	must(wire_add(&wire, 0, &l, &error));
	bed_mac(0, BED_RIGHT, frame);
	frame[12] = ETHERTYPE_TEST >> 8;
	frame[13] = ETHERTYPE_TEST & 0xff;
	assert_int_equal(send(from, frame, sizeof(frame), 0), sizeof(frame));
	while (counters(0, 0).queued == 0)
		pause_ns(MS);
	assert_int_equal(wire_release(&wire, 0, 10 * MS, &error), -EBUSY);
	must(wire_release(&wire, 0, 1000 * MS, &error));
	assert_int_equal(recv(to, frame, sizeof(frame), MSG_DONTWAIT), sizeof(frame));
	must(wire_commit(&wire, 0, &error));
	assert_int_equal(wire_commit(&wire, 0, &error), -ENOENT);
	close(from);
	close(to);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test_teardown(test_orders, stop),
		cmocka_unit_test_teardown(test_release_waits, stop),
		cmocka_unit_test_teardown(test_change, stop),
		cmocka_unit_test_teardown(test_handover_order, stop),
		cmocka_unit_test_teardown(test_handover, stop),
		cmocka_unit_test_teardown(test_death, stop),
	};

	return cmocka_run_group_tests_name("wire_change", all, NULL, NULL) ? 1 : 0;
}

int main(void)
{
	return world_run(tests);
}
