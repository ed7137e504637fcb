/* SPDX-License-Identifier: MIT */
/* netlab_probe: what the measurements of the integration tests share. */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("probe: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

int socket_in(int pid, int family, int type, int protocol)
{
	char path[64];
	int ns, fd;

	/* an ordinary user's lab: its user namespace is where we may enter the others */
	if (geteuid() != 0) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
		ns = open(path, O_RDONLY | O_CLOEXEC);
		if (ns < 0 || setns(ns, CLONE_NEWUSER) < 0)
			die("entering '%s': %s", path, strerror(errno));
		close(ns);
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
		die("entering '%s': %s", path, strerror(errno));
	close(ns);
	fd = socket(family, type | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		die("socket in '%s': %s", path, strerror(errno));
	return fd;
}

void want_stamps(int fd)
{
	const int on = 1, bytes = 32 << 20;

	/* beyond the host's limit needs its root; up to it is what others get */
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
	    (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0 &&
	     (errno != EPERM || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) < 0)))
		die("options of a socket: %s", strerror(errno));
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t stamp_of(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct timespec t;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&t, CMSG_DATA(c), sizeof(t));
		return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	}
	return now_ns();
}

socklen_t parse_address(const char *text, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return sizeof(*v6);
	}
	die("'%s' is not an address", text);
}

/* One processor sends, delays and receives: two may swap packets that are microseconds apart, on any Linux, and on a
 * busy machine further ones. That is not what is measured here. */
static void stay_here(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		die("staying on one processor: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	struct rlimit files = { 65536, 65536 };

	stay_here();
	setrlimit(RLIMIT_NOFILE, &files);
	if (argc >= 2 && strcmp(argv[1], "udp") == 0)
		return probe_udp(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "pairs") == 0)
		return probe_pairs(argc - 1, argv + 1);
	die("usage: %s udp|pairs [OPTION]...", argv[0]);
}
