/* SPDX-License-Identifier: MIT */
/* What the programs with planted bugs share. */
#include "support/planted/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void say(const char *text, int error) __attribute__((noreturn));

static void say(const char *text, int error)
{
	(void)fprintf(stderr, "%s: %s%s%s\n", program_invocation_short_name, text,
		      error ? ": " : "", error ? strerror(error) : "");
	exit(1);
}

void die(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(text, 0);
}

void die_errno(const char *fmt, ...)
{
	int error = errno;
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(text, error);
}

static struct addrinfo *resolve(int type, const char *host, const char *port)
{
	struct addrinfo want = { .ai_family = AF_INET,
				 .ai_socktype = type,
				 .ai_flags = host ? 0 : AI_PASSIVE },
			*found;
	int r = getaddrinfo(host, port, &want, &found);

	if (r != 0)
		die("%s:%s: %s", host ? host : "*", port, gai_strerror(r));
	return found;
}

static int new_socket(const struct addrinfo *a, int flags)
{
	int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | flags, 0);

	if (fd < 0)
		die_errno("socket");
	return fd;
}

int bound_socket(int type, const char *port)
{
	struct addrinfo *a = resolve(type, NULL, port);
	int fd = new_socket(a, 0), on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, a->ai_addr, a->ai_addrlen) < 0 || (type == SOCK_STREAM && listen(fd, 8) < 0))
		die_errno("port %s", port);
	freeaddrinfo(a);
	return fd;
}

int connected_socket(int type, const char *host, const char *port)
{
	struct addrinfo *a = resolve(type, host, port);
	int fd = new_socket(a, 0);

	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0)
		die_errno("%s:%s", host, port);
	freeaddrinfo(a);
	return fd;
}

int connecting_socket(const char *host, const char *port)
{
	struct addrinfo *a = resolve(SOCK_STREAM, host, port);
	int fd = new_socket(a, SOCK_NONBLOCK);

	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
		die_errno("%s:%s", host, port);
	freeaddrinfo(a);
	return fd;
}

void go_to_background(void)
{
	pid_t pid = fork();
	int null;

	if (pid < 0)
		die_errno("fork");
	if (pid > 0)
		_exit(0);
	(void)setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		(void)dup2(null, fd);
}

void append(struct bytes *b, const void *data, size_t len)
{
	if (b->len + len > b->size) {
		size_t size = 2 * (b->len + len);
		uint8_t *more = realloc(b->data, size);

		if (!more)
			die_errno("%zu bytes", size);
		b->data = more;
		b->size = size;
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

uint8_t *read_input(const char *path, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *data;
	size_t len;

	if (fd < 0 || fstat(fd, &st) < 0)
		die_errno("%s", path);
	len = (size_t)st.st_size;
	data = malloc(len + 1);
	if (!data)
		die_errno("%s", path);
	for (size_t done = 0; done < len;) {
		ssize_t n = read(fd, data + done, len - done);

		if (n <= 0)
			die_errno("%s", path);
		done += (size_t)n;
	}
	(void)close(fd);
	*ret_len = len;
	return data;
}

void write_output(const char *path, const void *data, size_t len)
{
	FILE *out = fopen(path, "we");

	if (!out || fwrite(data, 1, len, out) != len || fclose(out) != 0)
		die_errno("%s", path);
}

uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool readable_within(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) > 0;
}
