/* SPDX-License-Identifier: MIT */
/* The wire engine on real interfaces: what goes in comes out, as it was and when it should, and is counted.
   netlab-test: timeout=300 serial */
#include <arpa/inet.h>
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
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/wire_bed.h"
#include "support/world.h"

enum {
	ETHERTYPE_TEST = 0x88b5, /* IEEE 802 local experimental */
	WAIT_MS = 5000,
	QUIET_MS = 300,
	MS = 1000 * 1000,
	FRAME_MAX = 70000,
};

static struct bed bed;
static struct wire wire = { .fd = -1 };
static struct netlab_err error;

/* --- around a test --- */

static void start(size_t n_links, uint32_t mtu, bool offload)
{
	bed_make(&bed, n_links, mtu, offload);
	if (wire_start(&wire, n_links, &error) < 0)
		fail_msg("%s", error.message);
}

/** After each test, also a failed one. */
static int stop(void **state)
{
	(void)state;
	wire_deinit(&wire);
	bed_destroy(&bed);
	return 0;
}

static void add(size_t link, const struct wire_link *l)
{
	if (wire_add(&wire, link, l, &error) < 0)
		fail_msg("%s", error.message);
}

static void change(size_t link, const struct wire_link *l)
{
	if (wire_change(&wire, link, l, &error) < 0)
		fail_msg("%s", error.message);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct wire_counters counters(size_t link, unsigned dir)
{
	struct wire_counters c;

	wire_read(&wire, link, dir, &c);
	return c;
}

/** offered + duplicated = delivered + dropped + queued */
static void assert_conserved(const struct wire_counters *c)
{
	assert_int_equal(c->offered + c->duplicated,
			 c->delivered + c->dropped_loss + c->dropped_queue + c->dropped_fault +
				 c->dropped_down + c->dropped_host + c->queued);
}

/* --- frames by hand --- */

static size_t make_frame(uint8_t *frame, size_t len, uint16_t ethertype, uint32_t number)
{
	bed_mac(0, BED_RIGHT, frame);
	bed_mac(0, BED_LEFT, frame + 6);
	frame[12] = (uint8_t)(ethertype >> 8);
	frame[13] = (uint8_t)ethertype;
	for (size_t i = 14; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + number);
	memcpy(frame + 14, &number, sizeof(number));
	return len;
}

static void send_frame(int fd, const uint8_t *frame, size_t len)
{
	ssize_t n = send(fd, frame, len, 0);

	if (n != (ssize_t)len)
		fail_msg("sending %zu bytes: %s", len, strerror(errno));
}

/** @return length; 0 when nothing came in time */
static size_t receive(int fd, uint8_t *frame, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, wait_ms) <= 0)
		return 0;
	n = recv(fd, frame, FRAME_MAX, 0);
	assert_true(n > 0);
	return (size_t)n;
}

static uint32_t number_of(const uint8_t *frame)
{
	uint32_t n;

	memcpy(&n, frame + 14, sizeof(n));
	return n;
}

static void assert_passes(int from, int to, const uint8_t *frame, size_t len)
{
	static uint8_t got[FRAME_MAX];
	size_t n;

	send_frame(from, frame, len);
	n = receive(to, got, WAIT_MS);
	assert_int_equal(n, len);
	assert_memory_equal(got, frame, len);
}

/* --- tests --- */

static void test_frames(void **state)
{
	static const size_t sizes[] = { 60, 14 + 4, 192, 193, 1000, 1514 };
	static uint8_t frame[FRAME_MAX];
	struct wire_link l;
	int left, right;

	(void)state;
	start(1, 1500, false);
	l = bed_link(&bed, 0);
	left = bed_packet_socket(&bed, 0, BED_LEFT, 3);
	right = bed_packet_socket(&bed, 0, BED_RIGHT, 3);
	add(0, &l);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		make_frame(frame, sizes[i], ETHERTYPE_TEST, (uint32_t)i);
		assert_passes(left, right, frame, sizes[i]);
		assert_passes(right, left, frame, sizes[i]);
	}
	{
		struct wire_counters c = counters(0, 0);

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
	start(1, 1500, false);
	l = bed_link(&bed, 0);
	l.asked[0] = (struct impairment){
		.set = IMPAIR_BIT(IMPAIR_LOSS) | IMPAIR_BIT(IMPAIR_SEED),
		.loss = { .model = IMPAIR_LOSS_RANDOM, .random = 0.1 },
		.seed = 42424242,
	};
	left = bed_packet_socket(&bed, 0, BED_LEFT, ETHERTYPE_TEST);
	right = bed_packet_socket(&bed, 0, BED_RIGHT, ETHERTYPE_TEST);
	add(0, &l);
	for (uint32_t i = 1; i <= 25; i++) {
		make_frame(frame, 100, ETHERTYPE_TEST, i);
		send_frame(left, frame, 100);
	}
	while (receive(right, frame, QUIET_MS) > 0) {
		while (expect == 5 || expect == 12 || expect == 24)
			expect++;
		assert_int_equal(number_of(frame), expect);
		expect++;
	}
	assert_int_equal(expect, 26);
	{
		struct wire_counters c = counters(0, 0);

		assert_int_equal(c.offered, 25);
		assert_int_equal(c.dropped_loss, 3);
		assert_conserved(&c);
	}
	close(left);
	close(right);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test_teardown(test_frames, stop),
		cmocka_unit_test_teardown(test_loss_vector, stop),
	};

	(void)now_ns;
	(void)change;
	return cmocka_run_group_tests_name("wire", all, NULL, NULL) ? 1 : 0;
}

int main(void)
{
	return world_run(tests);
}
