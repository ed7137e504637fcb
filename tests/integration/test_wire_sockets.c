/* SPDX-License-Identifier: MIT */
/* The wire engine under programs' own sockets, whose checksums and segments the kernel leaves to the hardware.
   netlab-test: timeout=700 timed host */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/wire_tap.h"
#include "support/world.h"

enum { PORT = 7777 };

static struct sockaddr_in address(unsigned side, uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(bed_address(0, side)) };
}

static int bound_socket(unsigned side, int type, uint16_t port)
{
	const struct timeval patience = { .tv_sec = WAIT_MS / 1000 };
	struct sockaddr_in a = address(side, port);
	int fd = bed_socket(&tap_bed, side, AF_INET, type, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	return fd;
}

static void connect_to(int fd, unsigned side)
{
	struct sockaddr_in a = address(side, PORT);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
}

/** UDP with the checksum left to do: arrives; corrupted, the receiver's kernel finds out, for the bit was flipped after
 *  the checksum was made. */
static void test_checksum(void **state)
{
	enum { N = 50 };
	char text[100] = "left to the hardware", got[200];
	unsigned arrived = 0, intact = 0;
	struct wire_link l;
	int from, to;

	(void)state;
	tap_start(1, 1500, true);
	l = bed_link(&tap_bed, 0);
	tap_add(0, &l);
	to = bound_socket(BED_RIGHT, SOCK_DGRAM, PORT);
	from = bound_socket(BED_LEFT, SOCK_DGRAM, 0);
	connect_to(from, BED_RIGHT);
	assert_int_equal(send(from, text, sizeof(text), 0), sizeof(text));
	assert_int_equal(recv(to, got, sizeof(got), 0), sizeof(text));
	assert_memory_equal(got, text, sizeof(text));

	l.asked[0] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_CORRUPT), .corrupt = 1 };
	tap_change(0, &l);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(send(from, text, sizeof(text), 0), sizeof(text));
	(void)tap_counters(0, 0, N + 1);
	(void)poll(NULL, 0, QUIET_MS);
	while (recv(to, got, sizeof(got), MSG_DONTWAIT) == sizeof(text)) {
		arrived++;
		intact += memcmp(got, text, sizeof(text)) == 0;
	}
	/* what arrives all the same was hit in a byte that no checksum covers: the source's hardware address, TOS... */
	assert_int_equal(arrived, intact);
	assert_true(arrived < N / 2);
	assert_int_equal(tap_counters(0, 0, N + 1).corrupted, N);
	close(from);
	close(to);
}

/** TCP with all offloads: frames of up to 64 KiB come and go whole, and what they carry is right. */
static void test_gso(void **state)
{
	enum { BYTES = 8 << 20 };
	static uint8_t piece[65536];
	struct wire_counters c;
	struct wire_link l;
	uint64_t until;
	int listener, from, to, status;
	pid_t pid;

	(void)state;
	tap_start(1, 1500, true);
	l = bed_link(&tap_bed, 0);
	l.offload = true;
	tap_add(0, &l);
	listener = bound_socket(BED_RIGHT, SOCK_STREAM, PORT);
	assert_int_equal(listen(listener, 1), 0);
	from = bound_socket(BED_LEFT, SOCK_STREAM, 0);
	connect_to(from, BED_RIGHT);
	to = accept(listener, NULL, NULL);
	assert_true(to >= 0);
	pid = fork();
	if (pid == 0) {
		for (size_t sent = 0; sent < BYTES;) {
			ssize_t n;

			for (size_t i = 0; i < sizeof(piece); i++)
				piece[i] = (uint8_t)((sent + i) * 31 >> 3);
			n = send(from, piece, sizeof(piece), 0);
			if (n <= 0)
				_exit(1);
			sent += (size_t)n;
		}
		_exit(0);
	}
	close(from);
	for (size_t got = 0; got < BYTES;) {
		ssize_t n = recv(to, piece, sizeof(piece), 0);

		assert_true(n > 0);
		for (size_t i = 0; i < (size_t)n; i++) {
			if (piece[i] != (uint8_t)((got + i) * 31 >> 3))
				fail_msg("byte %zu is wrong", got + i);
		}
		got += (size_t)n;
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	until = tap_now_ns() + (uint64_t)WAIT_MS * MS;
	do /* the last batch may be counted after it was received */
		c = tap_counters(0, 0, 1);
	while (c.delivered_bytes < BYTES + BYTES / 1448 * 60 && tap_now_ns() < until);
	/* segments would be 5,800; and on the wire each has headers of its own */
	assert_true(c.delivered < BYTES / 1448 / 2);
	assert_true(c.delivered_bytes > BYTES + BYTES / 1448 * 60);
	assert_conserved(&c);
	close(to);
	close(listener);
}

/** ECN: a capable packet is marked where it would be lost, and arrives with a right checksum; others are lost. */
static void test_mark(void **state)
{
	const int capable = 2, yes = 1;
	struct wire_link l;
	int from, to, tos = 0;
	char control[CMSG_SPACE(sizeof(int))], byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct wire_counters c;

	(void)state;
	tap_start(1, 1500, false);
	l = bed_link(&tap_bed, 0);
	l.asked[0] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_LOSS) | IMPAIR_BIT(IMPAIR_ECN),
					  .loss = { .random = 1 },
					  .ecn = true };
	tap_add(0, &l);
	to = bound_socket(BED_RIGHT, SOCK_DGRAM, PORT);
	assert_int_equal(setsockopt(to, IPPROTO_IP, IP_RECVTOS, &yes, sizeof(yes)), 0);
	from = bound_socket(BED_LEFT, SOCK_DGRAM, 0);
	connect_to(from, BED_RIGHT);
	assert_int_equal(send(from, &byte, 1, 0), 1);
	assert_int_equal(setsockopt(from, IPPROTO_IP, IP_TOS, &capable, sizeof(capable)), 0);
	assert_int_equal(send(from, &byte, 1, 0), 1);
	assert_int_equal(recvmsg(to, &m, 0), 1);
	assert_non_null(CMSG_FIRSTHDR(&m));
	memcpy(&tos, CMSG_DATA(CMSG_FIRSTHDR(&m)), 1);
	assert_int_equal(tos, 3);
	c = tap_counters(0, 0, 2);
	assert_int_equal(c.marked, 1);
	assert_int_equal(c.dropped_loss, 1);
	assert_int_equal(c.delivered, 1);
	close(from);
	close(to);
}

/** UDP in segments (UDP_SEGMENT): one frame with ten datagrams in it. */
static void test_udp_gso(void **state)
{
	enum { SIZE = 1000, N = 10 };
	static char text[N * SIZE], got[2 * SIZE];
	const int size = SIZE;
	struct wire_link l;
	int from, to;

	(void)state;
	tap_start(1, 1500, true);
	l = bed_link(&tap_bed, 0);
	l.offload = true;
	tap_add(0, &l);
	to = bound_socket(BED_RIGHT, SOCK_DGRAM, PORT);
	from = bound_socket(BED_LEFT, SOCK_DGRAM, 0);
	connect_to(from, BED_RIGHT);
	assert_int_equal(setsockopt(from, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7 >> 2);
	assert_int_equal(send(from, text, sizeof(text), 0), sizeof(text));
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(recv(to, got, sizeof(got), 0), SIZE);
		assert_memory_equal(got, text + i * SIZE, SIZE);
	}
	assert_int_equal(tap_counters(0, 0, 1).offered, 1);
	assert_int_equal(tap_counters(0, 0, 1).offered_bytes, N * (SIZE + 42));
	close(from);
	close(to);
}

static pid_t pump(int from, int to)
{
	static uint8_t piece[1 << 18];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (fork() == 0) {
		while (recv(to, piece, sizeof(piece), 0) > 0)
			;
		_exit(0);
	}
	while (send(from, piece, sizeof(piece), MSG_NOSIGNAL) > 0)
		;
	_exit(0);
}

static uint32_t sent_again(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_total_retrans;
}

/** Patch -> wire -> patch under TCP with all offloads: frames of 64 KiB are told from those that the redirect took. */
static void test_tcp_handover(void **state)
{
	enum { ROUNDS = 5 };
	uint32_t n[3] = { 0 }, given = 0, taken = 0;
	struct wire_link l;
	int listener, from, to, status;
	pid_t pid;

	(void)state;
	tap_start(1, 1500, true);
	l = bed_link(&tap_bed, 0);
	l.offload = true;
	l.from_patch = true;
	tap_patch(0);
	listener = bound_socket(BED_RIGHT, SOCK_STREAM, PORT);
	assert_int_equal(listen(listener, 1), 0);
	from = bound_socket(BED_LEFT, SOCK_STREAM, 0);
	connect_to(from, BED_RIGHT);
	to = accept(listener, NULL, NULL);
	assert_true(to >= 0);
	pid = pump(from, to);
	for (unsigned round = 0; round < ROUNDS; round++) {
		tap_pause(30 * MS);
		n[0] = sent_again(from);
		tap_must(wire_add(&tap_wire, 0, &l, &tap_error));
		bed_patch(&tap_bed, 0, false);
		tap_must(wire_commit(&tap_wire, 0, &tap_error));
		tap_pause(30 * MS);
		n[1] = sent_again(from);
		tap_must(wire_release(&tap_wire, 0, 1000 * MS, &tap_error));
		bed_patch(&tap_bed, 0, true);
		tap_must(wire_commit(&tap_wire, 0, &tap_error));
		tap_pause(30 * MS);
		n[2] = sent_again(from);
		taken += n[1] - n[0];
		given += n[2] - n[1];
	}
	/* needlessly: giving lets frames of the redirects overtake those held back, and TCP takes that for losses */
	print_message("%u segments sent again after taking, %u after giving\n", taken, given);
	for (unsigned d = 0; d < 2; d++) {
		struct wire_counters c = tap_counters(0, d, 1);

		assert_int_equal(c.offered, c.delivered);
		assert_conserved(&c);
	}
	shutdown(from, SHUT_RDWR);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(from);
	close(to);
	close(listener);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test_teardown(test_checksum, tap_stop),
		cmocka_unit_test_teardown(test_gso, tap_stop),
		cmocka_unit_test_teardown(test_mark, tap_stop),
		cmocka_unit_test_teardown(test_udp_gso, tap_stop),
		cmocka_unit_test_teardown(test_tcp_handover, tap_stop),
	};

	return cmocka_run_group_tests_name("wire_sockets", all, NULL, NULL) ? 1 : 0;
}

int main(void)
{
	return world_run(tests);
}
