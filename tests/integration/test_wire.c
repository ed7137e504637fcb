/* SPDX-License-Identifier: MIT */
/* The wire engine on real interfaces: what goes in comes out, as it was and when it should, and is counted.
   netlab-test: timeout=700 timed host */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/wire_tap.h"
#include "support/world.h"

static void test_frames(void **state)
{
	static const size_t sizes[] = { 60, 14 + 4, 192, 193, 1000, 1514 };
	static uint8_t frame[FRAME_MAX];
	struct wire_link l;
	int left, right;

	(void)state;
	tap_start(1, 1500, false);
	l = bed_link(&tap_bed, 0);
	left = bed_packet_socket(&tap_bed, 0, BED_LEFT, 3);
	right = bed_packet_socket(&tap_bed, 0, BED_RIGHT, 3);
	tap_add(0, &l);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		make_frame(frame, sizes[i], ETHERTYPE_TEST, (uint32_t)i);
		assert_passes(left, right, frame, sizes[i]);
		assert_passes(right, left, frame, sizes[i]);
	}
	{
		struct wire_counters c = tap_counters(0, 0, 6);

		assert_int_equal(c.delivered, 6);
		assert_int_equal(c.offered_bytes, 60 + 18 + 192 + 193 + 1000 + 1514);
		assert_int_equal(c.late_n, 6);
		assert_conserved(&c);
	}
	close(left);
	close(right);
}

/** The losses that tc-netem's seed 42424242 gives at 10 %: published with the kernel's patch. */
static void test_loss_vector(void **state)
{
	static uint8_t frame[FRAME_MAX];
	struct wire_link l;
	int left, right;
	uint32_t expect = 1;

	(void)state;
	tap_start(1, 1500, false);
	l = bed_link(&tap_bed, 0);
	l.asked[0] = (struct impairment){
		.set = IMPAIR_BIT(IMPAIR_LOSS) | IMPAIR_BIT(IMPAIR_SEED),
		.loss = { .model = IMPAIR_LOSS_RANDOM, .random = 0.1 },
		.seed = 42424242,
	};
	left = bed_packet_socket(&tap_bed, 0, BED_LEFT, ETHERTYPE_TEST);
	right = bed_packet_socket(&tap_bed, 0, BED_RIGHT, ETHERTYPE_TEST);
	tap_add(0, &l);
	for (uint32_t i = 1; i <= 25; i++) {
		make_frame(frame, 100, ETHERTYPE_TEST, i);
		send_frame(left, frame, 100);
	}
	while (tap_receive(right, frame, QUIET_MS) > 0) {
		while (expect == 5 || expect == 12 || expect == 24)
			expect++;
		assert_int_equal(number_of(frame), expect);
		expect++;
	}
	assert_int_equal(expect, 26);
	{
		struct wire_counters c = tap_counters(0, 0, 25);

		assert_int_equal(c.offered, 25);
		assert_int_equal(c.dropped_loss, 3);
		assert_conserved(&c);
	}
	close(left);
	close(right);
}

/** Tags of a VLAN, which the kernel takes out of a frame and tells apart, two of them, ethertypes nobody knows. */
static void test_vlan(void **state)
{
	static uint8_t frame[FRAME_MAX], got[FRAME_MAX];
	static const uint8_t tags[] = { 0x88, 0xa8, 0x20, 0x05, 0x81, 0x00, 0x60, 0x07 };
	struct wire_link l;
	int left, right;

	(void)state;
	tap_start(1, 1500, false);
	l = bed_link(&tap_bed, 0);
	left = bed_packet_socket(&tap_bed, 0, BED_LEFT, 3);
	right = bed_packet_socket(&tap_bed, 0, BED_RIGHT, 3);
	tap_add(0, &l);
	for (size_t outer = 0; outer <= sizeof(tags); outer += 4) {
		size_t len = make_frame(frame, 200, ETHERTYPE_TEST, 1);
		const uint8_t *taken = tags + sizeof(tags) - outer;
		size_t got_len;

		memmove(frame + 12 + outer, frame + 12, len - 12);
		memcpy(frame + 12, taken, outer);
		len += outer;
		send_frame(left, frame, len);
		got_len = tap_receive(right, got, WAIT_MS);
		if (outer == 0)
			assert_int_equal(got_len, len);
		else {
			/* this socket does not ask for the tag that the kernel took out: the rest is as it was */
			assert_int_equal(got_len, len - 4);
			memmove(got + 16, got + 12, got_len - 12);
			memcpy(got + 12, frame + 12, 4);
		}
		assert_memory_equal(got, frame, len);
	}
	/* the fabric's end saw it whole: bytes count with the tag */
	assert_int_equal(tap_counters(0, 0, 3).offered_bytes, 200 + 204 + 208);
	/* a tag does not count against the MTU */
	make_frame(frame, 1518, 0x8100, 0);
	frame[14] = 0;
	frame[15] = 9;
	send_frame(left, frame, 1518);
	assert_int_equal(tap_receive(right, got, WAIT_MS), 1514);
	close(left);
	close(right);
}

static void test_jumbo(void **state)
{
	static const size_t sizes[] = { 14 + 9000, 2044, 2045, 14 + 65535 };
	static uint8_t frame[FRAME_MAX];
	struct wire_link l;
	int left, right;

	(void)state;
	tap_start(1, 65535, false);
	l = bed_link(&tap_bed, 0);
	left = bed_packet_socket(&tap_bed, 0, BED_LEFT, ETHERTYPE_TEST);
	right = bed_packet_socket(&tap_bed, 0, BED_RIGHT, ETHERTYPE_TEST);
	tap_add(0, &l);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		make_frame(frame, sizes[i], ETHERTYPE_TEST, (uint32_t)i);
		assert_passes(left, right, frame, sizes[i]);
	}
	close(left);
	close(right);
}

static uint64_t realtime_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/** When a frame came, by the kernel. */
static uint64_t receive_stamped(int fd, uint8_t *frame)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct timespec))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { frame, FRAME_MAX };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct timespec at;

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_true(recvmsg(fd, &m, 0) > 0);
	assert_non_null(CMSG_FIRSTHDR(&m));
	memcpy(&at, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(at));
	return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/** A delay is never too short, and not much too long, both ways with their own. */
static void test_delay(void **state)
{
	enum { N = 101, SLACK_MS = 5 };
	static uint8_t frame[FRAME_MAX];
	const int yes = 1;
	struct wire_link l;
	int ends[2];

	(void)state;
	tap_start(1, 1500, false);
	l = bed_link(&tap_bed, 0);
	for (unsigned d = 0; d < 2; d++) {
		l.asked[d] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_DELAY),
						  .delay_ns = (uint64_t)(d + 1) * 10 * MS };
		ends[d] = bed_packet_socket(&tap_bed, 0, d, ETHERTYPE_TEST);
		assert_int_equal(setsockopt(ends[d], SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof(yes)),
				 0);
	}
	tap_add(0, &l);
	for (unsigned d = 0; d < 2; d++) {
		uint64_t took[N];

		for (unsigned i = 0; i < N; i++) {
			uint64_t sent;

			make_frame(frame, 100, ETHERTYPE_TEST, i);
			sent = realtime_ns();
			send_frame(ends[d], frame, 100);
			took[i] = receive_stamped(ends[!d], frame) - sent;
		}
		qsort(took, N, sizeof(took[0]), by_value);
		assert_true(took[0] >= l.asked[d].delay_ns);
		/* a busy machine may hold up one, not half of them */
		assert_true(took[N / 2] < l.asked[d].delay_ns + SLACK_MS * MS);
		assert_int_equal(tap_counters(0, d, N).late_n, N);
		assert_true(tap_counters(0, d, N).late_p50_ns < SLACK_MS * MS);
	}
	close(ends[0]);
	close(ends[1]);
}

/** Jitter keeps the order, at a rate that fills the link. */
static void test_order(void **state)
{
	enum { N = 2000 };
	static uint8_t frame[FRAME_MAX];
	struct wire_link l;
	int left, right;

	(void)state;
	tap_start(1, 1500, false);
	l = bed_link(&tap_bed, 0);
	l.asked[0] = (struct impairment){
		.set = IMPAIR_BIT(IMPAIR_DELAY) | IMPAIR_BIT(IMPAIR_JITTER),
		.delay_ns = 20 * MS,
		.jitter_ns = 10 * MS,
	};
	left = bed_packet_socket(&tap_bed, 0, BED_LEFT, ETHERTYPE_TEST);
	right = bed_packet_socket(&tap_bed, 0, BED_RIGHT, ETHERTYPE_TEST);
	tap_add(0, &l);
	for (uint32_t i = 0; i < N; i++) {
		make_frame(frame, 100, ETHERTYPE_TEST, i);
		send_frame(left, frame, 100);
	}
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(tap_receive(right, frame, WAIT_MS), 100);
		assert_int_equal(number_of(frame), i);
	}
	close(left);
	close(right);
}

/** Cut by order, and by a receiver that is down: both are counted as that, not as the host's losses. */
static void test_down(void **state)
{
	static uint8_t frame[FRAME_MAX];
	struct wire_counters c;
	struct wire_link l;
	int left, right;

	(void)state;
	tap_start(1, 1500, false);
	l = bed_link(&tap_bed, 0);
	l.asked[0] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_DOWN), .down = true };
	left = bed_packet_socket(&tap_bed, 0, BED_LEFT, ETHERTYPE_TEST);
	right = bed_packet_socket(&tap_bed, 0, BED_RIGHT, ETHERTYPE_TEST);
	tap_add(0, &l);
	make_frame(frame, 100, ETHERTYPE_TEST, 0);
	send_frame(left, frame, 100);
	assert_int_equal(tap_receive(right, frame, QUIET_MS), 0);
	assert_int_equal(tap_counters(0, 0, 1).dropped_down, 1);
	make_frame(frame, 100, ETHERTYPE_TEST, 0);
	assert_passes(right, left, frame, 100); /* the other direction is not cut */
	l.asked[0].down = false;
	tap_change(0, &l);
	assert_passes(left, right, frame, 100);

	l.asked[0] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_DELAY), .delay_ns = 100 * MS };
	tap_change(0, &l);
	send_frame(left, frame, 100);
	bed_set_up(&tap_bed, BED_RIGHT, 0, false);
	c = tap_counters(0, 0, 3);
	assert_int_equal(c.dropped_down, 2);
	assert_int_equal(c.dropped_host, 0);
	assert_int_equal(c.delivered, 1);
	assert_conserved(&c);
	close(left);
	close(right);
}

/** A rate along a trace: one frame of 1500 bytes a line. */
static void test_trace(void **state)
{
	enum { N = 20 };
	static uint8_t frame[FRAME_MAX];
	uint32_t at_ms[] = { 5, 10 };
	struct trace trace = { .at_ms = at_ms, .n = 2, .loop = true };
	uint64_t began;
	struct wire_link l;
	int left, right;

	(void)state;
	tap_start(1, 1500, false);
	l = bed_link(&tap_bed, 0);
	l.asked[0] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_RATE), .rate_trace_loop = true };
	l.trace_fd[0] = wire_pack_trace(&trace);
	assert_true(l.trace_fd[0] >= 0);
	left = bed_packet_socket(&tap_bed, 0, BED_LEFT, ETHERTYPE_TEST);
	right = bed_packet_socket(&tap_bed, 0, BED_RIGHT, ETHERTYPE_TEST);
	tap_add(0, &l);
	tap_change(0, &l); /* the same trace: it goes on where it is */
	close(l.trace_fd[0]);
	began = tap_now_ns();
	for (uint32_t i = 0; i < N; i++) {
		make_frame(frame, 1500, ETHERTYPE_TEST, i);
		send_frame(left, frame, 1500);
	}
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(tap_receive(right, frame, WAIT_MS), 1500);
		assert_int_equal(number_of(frame), i);
	}
	/* 19 pauses of 5 ms between 20 frames */
	assert_true(tap_now_ns() - began >= (N - 1) * 5 * (uint64_t)MS);
	assert_true(tap_now_ns() - began < (N + 1) * 2 * 5 * (uint64_t)MS);
	close(left);
	close(right);
}

/** Many links in one process: each gets its own frames, with its own delay. */
static void test_many(void **state)
{
	enum { LINKS = 200 };
	static uint8_t frame[FRAME_MAX];
	static int left[LINKS], right[LINKS];

	(void)state;
	tap_start(LINKS, 1500, false);
	for (size_t i = 0; i < LINKS; i++) {
		struct wire_link l = bed_link(&tap_bed, i);

		l.asked[0] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_DELAY),
						  .delay_ns = i % 7 * MS };
		tap_add(i, &l);
		left[i] = bed_packet_socket(&tap_bed, i, BED_LEFT, ETHERTYPE_TEST);
		right[i] = bed_packet_socket(&tap_bed, i, BED_RIGHT, ETHERTYPE_TEST);
	}
	for (uint32_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < LINKS; i++) {
			make_frame(frame, 100, ETHERTYPE_TEST, round * LINKS + (uint32_t)i);
			send_frame(left[i], frame, 100);
		}
		for (size_t i = 0; i < LINKS; i++) {
			assert_int_equal(tap_receive(right[i], frame, WAIT_MS), 100);
			assert_int_equal(number_of(frame), round * LINKS + i);
		}
	}
	for (size_t i = 0; i < LINKS; i++) {
		struct wire_counters c = tap_counters(i, 0, 3);

		assert_int_equal(c.delivered, 3);
		assert_int_equal(tap_receive(right[i], frame, 0), 0);
		close(left[i]);
		close(right[i]);
	}
}

/** Resident pages of a process. */
static long resident(pid_t pid)
{
	char path[64];
	long size = 0, pages = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &size, &pages), 2);
	fclose(f);
	return pages;
}

/** What frames of all sizes took is given back or used again: 100,000 frames do not need more than 10,000. */
static void test_memory(void **state)
{
	enum { WARM_UP = 10000, N = 100000, BURST = 50, PAGES = 256 };
	static uint8_t frame[FRAME_MAX];
	struct wire_link l;
	long before = 0;
	int left, right;

	(void)state;
	tap_start(1, 9000, false);
	l = bed_link(&tap_bed, 0);
	l.asked[0] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_DELAY) |
						 IMPAIR_BIT(IMPAIR_DUPLICATE) |
						 IMPAIR_BIT(IMPAIR_LOSS),
					  .delay_ns = MS,
					  .loss = { .random = 0.2 },
					  .duplicate = 0.2 };
	left = bed_packet_socket(&tap_bed, 0, BED_LEFT, ETHERTYPE_TEST);
	right = bed_packet_socket(&tap_bed, 0, BED_RIGHT, ETHERTYPE_TEST);
	tap_add(0, &l);
	for (uint32_t i = 0; i < N; i++) {
		size_t len = 60 + (size_t)i * 97 % 8900;

		make_frame(frame, len, ETHERTYPE_TEST, i);
		send_frame(left, frame, len);
		if (i % BURST == BURST - 1) {
			(void)tap_counters(0, 0, i + 1);
			while (tap_receive(right, frame, 0) > 0)
				;
		}
		if (i == WARM_UP)
			before = resident(tap_wire.pid);
		if (i % 1000 == 0)
			tap_change(0, &l);
	}
	assert_true(resident(tap_wire.pid) <= before + PAGES);
	{
		struct wire_counters c = tap_counters(0, 0, N);

		assert_int_equal(c.offered, N);
		assert_int_equal(c.dropped_host, 0);
		assert_conserved(&c);
	}
	close(left);
	close(right);
}

static uint64_t rmem_max(void)
{
	FILE *f = fopen("/proc/sys/net/core/rmem_max", "r");
	unsigned long n = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &n), 1);
	fclose(f);
	return n;
}

/** What finds no room while the engine does not get to read is counted, frame by frame. */
static void test_overrun(void **state)
{
	/* what the kernel charges for a small frame at least; it allows twice what was asked for */
	enum { CHARGE = 512, BUFFER_MAX = 64 << 20 };
	uint64_t room = 2 * (rmem_max() < BUFFER_MAX ? rmem_max() : BUFFER_MAX);
	uint32_t n = (uint32_t)(room / CHARGE) + 1000;
	static uint8_t frame[FRAME_MAX];
	struct wire_counters c[2];
	struct wire_link l;
	uint64_t until;
	int ends[2];

	(void)state;
	tap_start(1, 1500, false);
	l = bed_link(&tap_bed, 0);
	for (unsigned d = 0; d < 2; d++)
		ends[d] = bed_packet_socket(&tap_bed, 0, d, ETHERTYPE_TEST);
	tap_add(0, &l);
	assert_int_equal(kill(tap_wire.pid, SIGSTOP), 0);
	for (uint32_t i = 0; i < 2 * n; i++) {
		make_frame(frame, 100, ETHERTYPE_TEST, i);
		send_frame(ends[i % 2], frame, 100);
	}
	assert_int_equal(kill(tap_wire.pid, SIGCONT), 0);
	until = tap_now_ns() + (uint64_t)WAIT_MS * MS;
	do {
		for (unsigned d = 0; d < 2; d++)
			c[d] = tap_counters(0, d, 1);
	} while (c[0].offered + c[1].offered < 2 * n && tap_now_ns() < until);
	assert_int_equal(c[0].offered + c[1].offered, 2 * n);
	for (unsigned d = 0; d < 2; d++) {
		/* both came at the same rate, so they lost about the same */
		assert_true(c[d].offered > n - n / 20);
		assert_true(c[d].dropped_host > n / 4);
		assert_conserved(&c[d]);
	}
	close(ends[0]);
	close(ends[1]);
}

/** All of it again without root: in a user namespace nothing of the host's may be raised or read. */
static int as_nobody(void)
{
	const struct CMUnitTest some[] = {
		cmocka_unit_test_teardown(test_frames, tap_stop),
		cmocka_unit_test_teardown(test_delay, tap_stop),
		cmocka_unit_test_teardown(test_down, tap_stop),
		cmocka_unit_test_teardown(test_overrun, tap_stop),
	};

	return cmocka_run_group_tests_name("wire, in a user namespace", some, NULL, NULL) ? 1 : 0;
}

static void write_map(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void test_rootless(void **state)
{
	enum { SOME_UID = 54321 };
	pid_t pid;
	int status;

	(void)state;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		char map[64];

		snprintf(map, sizeof(map), "0 %d 1", SOME_UID);
		if (setgid(SOME_UID) < 0 || setuid(SOME_UID) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0 ||
		    unshare(CLONE_NEWUSER) < 0)
			_exit(2);
		write_map("/proc/self/setgroups", "deny");
		write_map("/proc/self/uid_map", map);
		write_map("/proc/self/gid_map", map);
		if (unshare(CLONE_NEWNET) < 0)
			_exit(3);
		status = as_nobody();
		fflush(NULL);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test_teardown(test_frames, tap_stop),
		cmocka_unit_test_teardown(test_loss_vector, tap_stop),
		cmocka_unit_test_teardown(test_vlan, tap_stop),
		cmocka_unit_test_teardown(test_jumbo, tap_stop),
		cmocka_unit_test_teardown(test_delay, tap_stop),
		cmocka_unit_test_teardown(test_order, tap_stop),
		cmocka_unit_test_teardown(test_down, tap_stop),
		cmocka_unit_test_teardown(test_trace, tap_stop),
		cmocka_unit_test_teardown(test_many, tap_stop),
		cmocka_unit_test_teardown(test_memory, tap_stop),
		cmocka_unit_test(test_rootless),
	};

	return cmocka_run_group_tests_name("wire", all, NULL, NULL) ? 1 : 0;
}

int main(void)
{
	return world_run(tests);
}
