/* SPDX-License-Identifier: MIT */
/* Numbered UDP packets from one node to another: which arrived, in which order, how late, how damaged. */
#include "probe.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	PORT = 4242,
	MAGIC = 0x6e6c7064,
	SIZE_MAX_BYTES = 9000,
	ECN_MASK = 3,
};

struct options {
	int from, to;
	const char *dest;
	uint32_t count; /* with until_eof the most */
	uint64_t gap_ns, drain_ns;
	size_t size;
	int tos;
	bool until_eof, raw;
};

/* What is at the front of a packet; the rest is filled from the index, so that damage shows. */
struct head {
	uint32_t magic, index, index_again, zero;
	uint64_t sent_ns;
};

struct arrival {
	uint32_t index;
	uint64_t sent_ns, got_ns;
};

struct stream {
	const struct options *o;
	int in, out;
	uint32_t sent;
	uint64_t first_sent_ns, last_sent_ns;
	uint8_t *seen; /* copies, by index */
	struct arrival *arrivals;
	size_t n_arrivals, distinct, reordered, corrupted, marked;
	uint32_t highest;
	bool eof;
};

static uint8_t filling(uint32_t index, size_t at)
{
	return (uint8_t)(index * 31 + at);
}

static void open_sockets(struct stream *s)
{
	const struct options *o = s->o;
	struct sockaddr_storage dest, any;
	socklen_t len = parse_address(o->dest, PORT, &dest);
	const int on = 1;

	memset(&any, 0, sizeof(any));
	any = dest;
	s->in = socket_in(o->to, dest.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	want_stamps(s->in);
	if (bind(s->in, (struct sockaddr *)&any, len) < 0)
		die("binding to '%s': %s", o->dest, strerror(errno));
	s->out = socket_in(o->from, dest.ss_family, SOCK_DGRAM, 0);
	if (connect(s->out, (struct sockaddr *)&dest, len) < 0)
		die("connecting to '%s': %s", o->dest, strerror(errno));
	if (dest.ss_family == AF_INET6) {
		setsockopt(s->out, IPPROTO_IPV6, IPV6_TCLASS, &o->tos, sizeof(o->tos));
		setsockopt(s->in, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on));
		return;
	}
	/* without a checksum the damaged ones arrive too */
	setsockopt(s->out, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on));
	setsockopt(s->out, IPPROTO_IP, IP_TOS, &o->tos, sizeof(o->tos));
	setsockopt(s->in, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
}

static void send_one(struct stream *s)
{
	uint8_t packet[SIZE_MAX_BYTES];
	struct head h = { .magic = MAGIC, .index = s->sent, .index_again = s->sent };

	for (size_t i = sizeof(h); i < s->o->size; i++)
		packet[i] = filling(s->sent, i);
	h.sent_ns = now_ns();
	memcpy(packet, &h, sizeof(h));
	if (send(s->out, packet, s->o->size, 0) < 0)
		die("sending packet %u: %s", s->sent, strerror(errno));
	if (s->sent == 0)
		s->first_sent_ns = h.sent_ns;
	s->last_sent_ns = h.sent_ns;
	s->sent++;
}

static bool is_marked(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		int class = 0;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			class = *(uint8_t *)CMSG_DATA(c);
		else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS)
			memcpy(&class, CMSG_DATA(c), sizeof(class));
		else
			continue;
		return (class & ECN_MASK) == ECN_MASK;
	}
	return false;
}

static void account(struct stream *s, const uint8_t *packet, size_t len, struct msghdr *msg)
{
	struct head h = { 0 };
	bool damaged;

	memcpy(&h, packet, len < sizeof(h) ? len : sizeof(h));
	damaged = len != s->o->size || h.magic != MAGIC || h.index != h.index_again || h.zero;
	for (size_t i = sizeof(h); i < len && !damaged; i++)
		damaged = packet[i] != filling(h.index, i);
	s->corrupted += damaged;
	s->marked += is_marked(msg);
	if (h.index != h.index_again || h.index >= s->sent)
		return; /* whose it was cannot be known */
	if (s->n_arrivals == 2 * (size_t)s->o->count)
		die("more than two copies of each packet arrived");
	s->arrivals[s->n_arrivals++] = (struct arrival){ h.index, h.sent_ns, stamp_of(msg) };
	if (s->seen[h.index] < UINT8_MAX)
		s->seen[h.index]++;
	if (s->seen[h.index] > 1)
		return;
	s->distinct++;
	if (s->distinct > 1 && h.index < s->highest)
		s->reordered++;
	else
		s->highest = h.index;
}

static bool receive(struct stream *s)
{
	uint8_t packet[SIZE_MAX_BYTES];
	union {
		char bytes[256];
		struct cmsghdr align;
	} control;
	bool any = false;

	for (;;) {
		struct iovec iov = { packet, sizeof(packet) };
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = &control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(s->in, &msg, 0);

		if (n < 0 && errno == EAGAIN)
			return any;
		if (n < 0)
			die("receiving: %s", strerror(errno));
		account(s, packet, (size_t)n, &msg);
		any = true;
	}
}

/* Until `deadline`, or until something arrives. */
static bool wait_until(struct stream *s, uint64_t deadline)
{
	struct pollfd fds[2] = { { .fd = s->in, .events = POLLIN },
				 { .fd = s->o->until_eof && !s->eof ? 0 : -1, .events = POLLIN } };
	uint64_t now = now_ns(), left = deadline > now ? deadline - now : 0;
	struct timespec t = { (time_t)(left / NS_PER_S), (long)(left % NS_PER_S) };
	char byte;

	if (ppoll(fds, 2, &t, NULL) < 0 && errno != EINTR)
		die("poll: %s", strerror(errno));
	if (fds[1].revents && read(0, &byte, 1) <= 0)
		s->eof = true;
	return receive(s);
}

static void run(struct stream *s)
{
	const struct options *o = s->o;
	uint64_t next = now_ns(), quiet;

	while (s->sent < o->count && !s->eof) {
		while (now_ns() < next && !s->eof)
			wait_until(s, next);
		send_one(s);
		next += o->gap_ns;
		receive(s);
	}
	/* what is late: until all are there, or nothing has come for a while */
	for (quiet = now_ns(); now_ns() < quiet + o->drain_ns;) {
		if (wait_until(s, quiet + o->drain_ns))
			quiet = now_ns();
	}
}

static int by_value(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void print_delays(const struct stream *s)
{
	size_t n = s->n_arrivals;
	int64_t *delays = calloc(n + 1, sizeof(*delays));
	double sum = 0, squares = 0, mean, variance;

	if (!delays)
		die("out of memory");
	for (size_t i = 0; i < n; i++) {
		delays[i] = (int64_t)(s->arrivals[i].got_ns - s->arrivals[i].sent_ns);
		sum += (double)delays[i];
	}
	mean = n ? sum / (double)n : 0;
	for (size_t i = 0; i < n; i++)
		squares += ((double)delays[i] - mean) * ((double)delays[i] - mean);
	variance = n > 1 ? squares / (double)(n - 1) : 0;
	qsort(delays, n, sizeof(*delays), by_value);
	printf(",\n \"delay_ns\": {\"min\": %lld, \"p10\": %lld, \"p50\": %lld, \"p90\": %lld, "
	       "\"max\": %lld, \"mean\": %.0f, \"variance\": %.0f}",
	       (long long)delays[0], (long long)delays[n / 10], (long long)delays[n / 2],
	       (long long)delays[n * 9 / 10], (long long)delays[n ? n - 1 : 0], mean, variance);
	free(delays);
}

static void print_indexes(const struct stream *s, const char *name, bool lost)
{
	const char *separator = "";

	printf(",\n \"%s\": [", name);
	for (uint32_t i = 0; i < s->sent; i++) {
		if (lost ? s->seen[i] == 0 : s->seen[i] > 1) {
			printf("%s%u", separator, i + 1);
			separator = ", ";
		}
	}
	printf("]");
}

static void print(const struct stream *s)
{
	printf("{\"sent\": %u, \"arrived\": %zu, \"copies\": %zu, \"reordered\": %zu, "
	       "\"corrupted\": %zu, \"marked\": %zu, \"sending_ns\": %llu",
	       s->sent, s->distinct, s->n_arrivals, s->reordered, s->corrupted, s->marked,
	       (unsigned long long)(s->last_sent_ns - s->first_sent_ns));
	print_delays(s);
	print_indexes(s, "lost", true);
	print_indexes(s, "duplicated", false);
	if (s->o->raw) {
		printf(",\n \"arrivals\": [");
		for (size_t i = 0; i < s->n_arrivals; i++) {
			const struct arrival *a = &s->arrivals[i];

			printf("%s[%u, %lld, %lld]", i ? ", " : "", a->index + 1,
			       (long long)(a->sent_ns - s->first_sent_ns),
			       (long long)(a->got_ns - s->first_sent_ns));
		}
		printf("]");
	}
	printf("}\n");
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "from", required_argument, NULL, 'f' },
		{ "to", required_argument, NULL, 't' },
		{ "dest", required_argument, NULL, 'd' },
		{ "count", required_argument, NULL, 'c' },
		{ "gap-us", required_argument, NULL, 'g' },
		{ "size", required_argument, NULL, 's' },
		{ "tos", required_argument, NULL, 'o' },
		{ "drain-ms", required_argument, NULL, 'w' },
		{ "until-eof", no_argument, NULL, 'e' },
		{ "raw", no_argument, NULL, 'r' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		unsigned long n = optarg ? strtoul(optarg, NULL, 0) : 0;

		switch (c) {
		case 'f':
			o->from = (int)n;
			break;
		case 't':
			o->to = (int)n;
			break;
		case 'd':
			o->dest = optarg;
			break;
		case 'c':
			o->count = (uint32_t)n;
			break;
		case 'g':
			o->gap_ns = n * NS_PER_US;
			break;
		case 's':
			o->size = n;
			break;
		case 'o':
			o->tos = (int)n;
			break;
		case 'w':
			o->drain_ns = n * NS_PER_MS;
			break;
		case 'e':
			o->until_eof = true;
			break;
		case 'r':
			o->raw = true;
			break;
		default:
			exit(2);
		}
	}
	if (!o->from || !o->to || !o->dest || !o->count || optind != argc)
		die("udp: --from PID --to PID --dest ADDRESS --count N are needed");
	if (o->size < sizeof(struct head) || o->size > SIZE_MAX_BYTES)
		die("udp: --size is %zu to %d", sizeof(struct head), SIZE_MAX_BYTES);
}

int probe_udp(int argc, char **argv)
{
	struct options o = { .size = 100, .gap_ns = NS_PER_MS, .drain_ns = 500 * NS_PER_MS };
	struct stream s = { .o = &o };

	parse(argc, argv, &o);
	s.seen = calloc(o.count, 1);
	s.arrivals = calloc(2 * (size_t)o.count, sizeof(*s.arrivals));
	if (!s.seen || !s.arrivals)
		die("out of memory");
	open_sockets(&s);
	run(&s);
	print(&s);
	free(s.seen);
	free(s.arrivals);
	return 0;
}
