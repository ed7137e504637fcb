/* SPDX-License-Identifier: MIT */
/* Traffic of the benchmarks, numbered and stamped: what was sent, what came, when.

   traffic flood ADDRESS PORT SECONDS BYTES PACKETS_PER_S [SOCKETS]   UDP; 0 = as fast as it goes; socket i sends to PORT + i
   traffic sink PORT SECONDS [WINDOW_MS]       UDP; counts what comes to PORT until nothing came for a second after the
                                               first, with bytes a window of arrival (kernel stamps)
   traffic sinks PORT SECONDS SOCKETS          the same for many ports, without windows
   traffic ping ADDRESS COUNT PACKETS_PER_S    ICMP echo; round-trip times from the stamp before the send to the kernel's
                                               stamp of the arrival: who answers is a kernel, no process has to wake up

   Everything is printed as one JSON object. BYTES are those of the Ethernet frame without its checksum. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEADERS = 14 + 20 + 8, BATCH = 64, FRAME_MAX = 9000, SOCKETS_MAX = 512 };

struct stamp {
	uint64_t sent_ns; /* CLOCK_REALTIME: the kernel's receive stamps are of this clock */
	uint32_t number;
};

static void die(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t monotonic_ns)
{
	struct timespec t = { (time_t)(monotonic_ns / 1000000000u),
			      (long)(monotonic_ns % 1000000000u) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static uint64_t arrival_ns(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec t;

			memcpy(&t, CMSG_DATA(c), sizeof(t));
			return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
		}
	}
	return clock_ns(CLOCK_REALTIME);
}

static int udp_to(const char *address, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die(address);
	return fd;
}

static int udp_at(int port, int buffer)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die("binding");
	return fd;
}

/** Fills a message with its number and the time. */
static void stamp_message(struct stamp *s, uint64_t number)
{
	s->number = (uint32_t)number;
	s->sent_ns = clock_ns(CLOCK_REALTIME);
}

static int flood(const char *address, int port, double seconds, int bytes, double pps, int sockets)
{
	static char padding[FRAME_MAX];
	static int fds[SOCKETS_MAX];
	struct stamp stamps[BATCH] = { 0 };
	struct iovec parts[BATCH][2];
	struct mmsghdr m[BATCH] = { 0 };
	uint64_t start = clock_ns(CLOCK_MONOTONIC), now = start, sent = 0, refused = 0;
	uint64_t end = start + (uint64_t)(seconds * 1e9);
	unsigned batch = pps > 0 && pps < 50000 ? 1 : BATCH;

	if (bytes < HEADERS + (int)sizeof(struct stamp) || bytes > FRAME_MAX ||
	    sockets > SOCKETS_MAX)
		return 2;
	for (int i = 0; i < sockets; i++)
		fds[i] = udp_to(address, port + i);
	for (unsigned i = 0; i < batch; i++) {
		parts[i][0] = (struct iovec){ &stamps[i], sizeof(stamps[i]) };
		parts[i][1] = (struct iovec){ padding,
					      (size_t)bytes - HEADERS - sizeof(stamps[i]) };
		m[i].msg_hdr.msg_iov = parts[i];
		m[i].msg_hdr.msg_iovlen = 2;
	}
	for (; now < end; now = clock_ns(CLOCK_MONOTONIC)) {
		int n;

		if (pps > 0)
			sleep_until(start + (uint64_t)((double)sent * 1e9 / pps));
		for (unsigned i = 0; i < batch; i++)
			stamp_message(&stamps[i], sent + i);
		n = sendmmsg(fds[sent % (uint64_t)sockets], m, batch, 0);
		if (n > 0)
			sent += (uint64_t)n;
		else if (errno == ENOBUFS || errno == ECONNREFUSED)
			refused++;
		else
			die("sending");
	}
	printf("{\"sent\": %llu, \"refused\": %llu, \"seconds\": %.6f}\n", (unsigned long long)sent,
	       (unsigned long long)refused, (double)(now - start) / 1e9);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/** {"n","mean","p50","p99","max"} in microseconds. */
static void print_times(const char *name, int64_t *ns, size_t n)
{
	double sum = 0;

	qsort(ns, n, sizeof(*ns), by_value);
	for (size_t i = 0; i < n; i++)
		sum += (double)ns[i];
	if (n == 0) {
		printf("\"%s\": null", name);
		return;
	}
	printf("\"%s\": {\"n\": %zu, \"mean\": %.2f, \"min\": %.2f, \"p50\": %.2f, \"p99\": %.2f, \"max\": %.2f}",
	       name, n, sum / (double)n / 1e3, (double)ns[0] / 1e3, (double)ns[n / 2] / 1e3,
	       (double)ns[n * 99 / 100] / 1e3, (double)ns[n - 1] / 1e3);
}

/* Room for what one run can see. */
enum { TIMES_MAX = 4000000, WINDOWS_MAX = 100000, RECEIVE_BUFFER = 64 * 1024 * 1024 };

struct sink {
	uint64_t packets, bytes, first_ns, last_ns;
	int64_t *delays;
	size_t n_delays;
	uint64_t *windows;
	uint64_t window_ns;
};

static void take(struct sink *s, const struct stamp *stamp, size_t len, uint64_t at_ns)
{
	if (s->packets++ == 0)
		s->first_ns = at_ns;
	s->bytes += len + HEADERS;
	s->last_ns = at_ns;
	if (s->n_delays < TIMES_MAX)
		s->delays[s->n_delays++] = (int64_t)(at_ns - stamp->sent_ns);
	if (s->window_ns && (at_ns - s->first_ns) / s->window_ns < WINDOWS_MAX)
		s->windows[(at_ns - s->first_ns) / s->window_ns] += len + HEADERS;
}

/** Reads what is there. @return whether anything was */
static bool drain(struct sink *s, int fd)
{
	static char data[BATCH][FRAME_MAX];
	static char control[BATCH][64];
	struct mmsghdr m[BATCH] = { 0 };
	struct iovec v[BATCH];
	int n;

	for (unsigned i = 0; i < BATCH; i++) {
		v[i] = (struct iovec){ data[i], sizeof(data[i]) };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &v[i],
						.msg_iovlen = 1,
						.msg_control = control[i],
						.msg_controllen = sizeof(control[i]) };
	}
	n = recvmmsg(fd, m, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct stamp stamp;

		if (m[i].msg_len < sizeof(stamp))
			continue;
		memcpy(&stamp, data[i], sizeof(stamp));
		take(s, &stamp, m[i].msg_len, arrival_ns(&m[i].msg_hdr));
	}
	return n > 0;
}

static int sink(int port, double seconds, double window_ms, int sockets)
{
	static struct pollfd p[SOCKETS_MAX];
	enum { QUIET_MS = 1000 };
	struct sink s = { .window_ns = (uint64_t)(window_ms * 1e6) };
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
	size_t windows = 0;

	if (sockets > SOCKETS_MAX)
		return 2;
	s.delays = calloc(TIMES_MAX, sizeof(*s.delays));
	s.windows = calloc(WINDOWS_MAX, sizeof(*s.windows));
	if (!s.delays || !s.windows)
		die("memory");
	for (int i = 0; i < sockets; i++)
		p[i] = (struct pollfd){ .fd = udp_at(port + i, RECEIVE_BUFFER), .events = POLLIN };
	fprintf(stderr, "ready\n");
	while (clock_ns(CLOCK_MONOTONIC) < end) {
		int n = poll(p, (nfds_t)sockets, QUIET_MS);

		if (n == 0 && s.packets)
			break;
		for (int i = 0; i < sockets && n > 0; i++) {
			if (p[i].revents)
				(void)drain(&s, p[i].fd);
		}
	}
	printf("{\"packets\": %llu, \"bytes\": %llu, \"seconds\": %.6f, ",
	       (unsigned long long)s.packets, (unsigned long long)s.bytes,
	       (double)(s.last_ns - s.first_ns) / 1e9);
	print_times("delay_us", s.delays, s.n_delays);
	if (s.window_ns && s.packets)
		windows = (size_t)((s.last_ns - s.first_ns) / s.window_ns) + 1;
	printf(", \"windows\": [");
	for (size_t i = 0; i < windows && i < WINDOWS_MAX; i++)
		printf("%s%llu", i ? ", " : "", (unsigned long long)s.windows[i]);
	printf("]}\n");
	return 0;
}

/* --- ping --- */

struct echo {
	struct icmphdr header;
	struct stamp stamp;
	char padding[40];
};

static uint16_t checksum(const void *data, size_t len)
{
	const uint16_t *words = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len / 2; i++)
		sum += words[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/** Takes the answers that are there into times[number]. */
static size_t hear(int fd, int64_t *times, uint32_t count)
{
	char data[256], control[64];
	struct iovec v = { data, sizeof(data) };
	size_t heard = 0;

	for (;;) {
		struct msghdr m = { .msg_iov = &v,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control) };
		struct echo e;

		if (recvmsg(fd, &m, MSG_DONTWAIT) < (ssize_t)(20 + sizeof(e)))
			return heard;
		memcpy(&e, data + 20, sizeof(e)); /* after the IPv4 header */
		if (e.header.type != ICMP_ECHOREPLY || e.stamp.number >= count)
			continue;
		times[e.stamp.number] = (int64_t)(arrival_ns(&m) - e.stamp.sent_ns);
		heard++;
	}
}

static int ping(const char *address, uint32_t count, double pps)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), on = 1, buffer = RECEIVE_BUFFER;
	int64_t *times = calloc(count, sizeof(*times));
	uint64_t start, quiet;
	size_t heard = 0, n = 0;

	if (fd < 0 || !times || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0)
		die(address);
	start = clock_ns(CLOCK_MONOTONIC);
	for (uint32_t i = 0; i < count; i++) {
		struct echo e = { .header = { .type = ICMP_ECHO, .un.echo.id = htons(7) } };

		sleep_until(start + (uint64_t)(i * 1e9 / pps));
		e.header.un.echo.sequence = htons((uint16_t)i);
		stamp_message(&e.stamp, i);
		e.header.checksum = checksum(&e, sizeof(e));
		if (sendto(fd, &e, sizeof(e), 0, (struct sockaddr *)&to, sizeof(to)) < 0 &&
		    errno != ENOBUFS)
			die("sending");
		heard += hear(fd, times, count);
	}
	quiet = clock_ns(CLOCK_MONOTONIC) + 1000000000u;
	while (heard < count && clock_ns(CLOCK_MONOTONIC) < quiet) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		(void)poll(&p, 1, 100);
		heard += hear(fd, times, count);
	}
	for (uint32_t i = 0; i < count; i++) {
		if (times[i])
			times[n++] = times[i];
	}
	printf("{\"sent\": %u, \"answered\": %zu, ", count, n);
	print_times("rtt_us", times, n);
	printf("}\n");
	return 0;
}

int main(int argc, char **argv)
{
	/* The timers of this process are part of what is measured: no slack. */
	(void)prctl(PR_SET_TIMERSLACK, 1);
	if (argc >= 7 && strcmp(argv[1], "flood") == 0)
		return flood(argv[2], atoi(argv[3]), atof(argv[4]), atoi(argv[5]), atof(argv[6]),
			     argc > 7 ? atoi(argv[7]) : 1);
	if (argc >= 4 && strcmp(argv[1], "sink") == 0)
		return sink(atoi(argv[2]), atof(argv[3]), argc > 4 ? atof(argv[4]) : 0, 1);
	if (argc == 5 && strcmp(argv[1], "sinks") == 0)
		return sink(atoi(argv[2]), atof(argv[3]), 0, atoi(argv[4]));
	if (argc == 5 && strcmp(argv[1], "ping") == 0)
		return ping(argv[2], (uint32_t)atoi(argv[3]), atof(argv[4]));
	fprintf(stderr, "traffic: see the beginning of traffic.c for its arguments\n");
	return 2;
}
