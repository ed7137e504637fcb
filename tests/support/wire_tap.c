/* SPDX-License-Identifier: MIT */
/* A wire process on a bed of links, and frames by hand. */
#include "support/wire_tap.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct bed tap_bed;
struct wire tap_wire = { .fd = -1 };
struct netlab_err tap_error;

void tap_must(int r)
{
	if (r < 0)
		fail_msg("%s", tap_error.message);
}

void tap_pause(uint64_t ns)
{
	const struct timespec t = { .tv_sec = (time_t)(ns / 1000000000u),
				    .tv_nsec = (long)(ns % 1000000000u) };

	(void)nanosleep(&t, NULL);
}

void tap_start(size_t n_links, uint32_t mtu, bool offload)
{
	bed_make(&tap_bed, n_links, mtu, offload);
	tap_must(wire_start(&tap_wire, n_links, &tap_error));
}

int tap_stop(void **state)
{
	(void)state;
	wire_deinit(&tap_wire);
	bed_destroy(&tap_bed);
	return 0;
}

void tap_add(size_t link, const struct wire_link *l)
{
	tap_must(wire_add(&tap_wire, link, l, &tap_error));
}

void tap_change(size_t link, const struct wire_link *l)
{
	tap_must(wire_change(&tap_wire, link, l, &tap_error));
}

uint64_t tap_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct wire_counters tap_counters(size_t link, unsigned dir, uint64_t offered)
{
	uint64_t until = tap_now_ns() + (uint64_t)WAIT_MS * MS;
	struct wire_counters c;

	/* a worker shows what it has counted after it has sent */
	do {
		wire_read(&tap_wire, link, dir, &c);
		if (c.offered >= offered && c.queued == 0)
			return c;
		tap_pause(MS);
	} while (tap_now_ns() < until);
	fail_msg("%llu offered of %llu, %llu queued", (unsigned long long)c.offered,
		 (unsigned long long)offered, (unsigned long long)c.queued);
	return c;
}

void assert_conserved(const struct wire_counters *c)
{
	assert_int_equal(c->offered + c->duplicated,
			 c->delivered + c->dropped_loss + c->dropped_queue + c->dropped_fault +
				 c->dropped_down + c->dropped_host + c->queued);
}

size_t make_frame(uint8_t *frame, size_t len, uint16_t ethertype, uint32_t number)
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

void send_frame(int fd, const uint8_t *frame, size_t len)
{
	ssize_t n = send(fd, frame, len, 0);

	if (n != (ssize_t)len)
		fail_msg("sending %zu bytes: %s", len, strerror(errno));
}

size_t tap_receive(int fd, uint8_t *frame, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, wait_ms) <= 0)
		return 0;
	n = recv(fd, frame, FRAME_MAX, 0);
	assert_true(n > 0);
	return (size_t)n;
}

uint32_t number_of(const uint8_t *frame)
{
	uint32_t n;

	memcpy(&n, frame + 14, sizeof(n));
	return n;
}

void assert_passes(int from, int to, const uint8_t *frame, size_t len)
{
	static uint8_t got[FRAME_MAX];
	size_t n;

	send_frame(from, frame, len);
	n = tap_receive(to, got, WAIT_MS);
	assert_int_equal(n, len);
	assert_memory_equal(got, frame, len);
}

void tap_patch(size_t link)
{
	uint32_t first = BED_FABRIC + 2 * (uint32_t)link;

	tap_bed.batch.fd = tap_bed.fabric_rtnl;
	tap_must(rt_new_clsact(&tap_bed.batch, first, &tap_error));
	tap_must(rt_new_clsact(&tap_bed.batch, first + 1, &tap_error));
	tap_must(rt_flush(&tap_bed.batch, &tap_error));
	bed_patch(&tap_bed, link, true);
}
