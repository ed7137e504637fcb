/* SPDX-License-Identifier: MIT */
/* pcap expressions: compiled, refused, and counted where frames really pass (with the privilege for it). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/match.h"

static void test_compile(void **state)
{
	static const struct {
		const char *expression, *message; /* NULL = good */
	} cases[] = {
		{ "", NULL },
		{ "icmp", NULL },
		{ "tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)", NULL },
		{ "udp dst port 4433 and greater 100", NULL },
		{ "ip6 host 2001:db8::1", NULL },
		{ "tpc port 80", "'tpc port 80' is no pcap expression" },
		{ "udp dst port 99999", "no pcap expression" },
		{ "(icmp", "syntax error" },
		{ "inbound", "'inbound' asks for what is not in a packet" },
		{ "udp and not outbound", "which way it goes" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sys_match m = { 0 };
		struct netlab_err err = { 0 };
		int r = sys_match_compile(cases[i].expression, &m, &err);

		print_message("%s\n", cases[i].expression);
		assert_int_equal(r, cases[i].message ? -EINVAL : 0);
		assert_int_equal(m.insns != NULL, r == 0);
		if (r < 0 && !strstr(err.message, cases[i].message))
			fail_msg("%s", err.message);
		assert_int_equal(err.exit, r < 0 ? NETLAB_EXIT_INVALID : 0);
		sys_match_deinit(&m);
		sys_match_deinit(&m);
	}
}

/** libpcap says that there is a syntax error; where, is found out. */
static void test_place(void **state)
{
	static const struct {
		const char *expression, *hint;
	} cases[] = {
		{ "tcp prt 80", "at 'prt', character 5;" },
		{ "tcp dst port 80 adn udp", "at 'adn', character 17;" },
		{ "tcp port 1 and (udp prot 5)", "at 'prot', character 21;" },
		{ "tcp[13 & 3 != 0", "at '!=', character 12;" },
		{ "tcp[13] & tcp-syn !== 0", "at '!==', character 19;" },
		{ "tcp[tcpflags] & (tcp-syn|tcp-akc) != 0", "at 'tcp-akc', character 26;" },
		{ "tcp)", "at ')', character 4;" },
		{ "tcp port", "at its end" },
		{ "(icmp", "at its end" },
		{ "ether[0]", "at its end" },
		{ "udp dst port 99999", "see pcap-filter(7)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sys_match m = { 0 };
		struct netlab_err err = { 0 };

		assert_int_equal(sys_match_compile(cases[i].expression, &m, &err), -EINVAL);
		if (!strstr(err.hint, cases[i].hint))
			fail_msg("%s: %s: %s", cases[i].expression, err.message, err.hint);
	}
}

/* A datagram to ourselves: it comes into the loopback interface. */
static void send_datagram(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to)), 1);
	assert_int_equal(close(fd), 0);
}

static void test_count(void **state)
{
	enum { LOOPBACK = 1, PORT = 9 /* discard */, PATIENCE_MS = 5000 };
	struct sys_match m = { 0 };
	struct pollfd p = { .events = POLLIN };

	(void)state;
	assert_int_equal(sys_match_compile("udp dst port 9", &m, NULL), 0);
	p.fd = sys_match_listen(&m, LOOPBACK);
	sys_match_deinit(&m);
	if (p.fd == -EPERM)
		skip();
	assert_true(p.fd >= 0);
	(void)sys_match_count(p.fd); /* another's */
	send_datagram(PORT + 1);
	for (int i = 0; i < 3; i++)
		send_datagram(PORT);
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	/* the loopback interface delivers before sendto() returns; each went out and came in once */
	assert_int_equal(sys_match_count(p.fd), 3);
	assert_int_equal(sys_match_count(p.fd), 0);
	assert_int_equal(sys_match_mute(p.fd), 0);
	send_datagram(PORT);
	assert_int_equal(sys_match_count(p.fd), 0);
	(void)close(p.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compile),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
