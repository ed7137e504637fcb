/* SPDX-License-Identifier: MIT */
/*
 * A file into a store, over TCP: one connection for the data, and when that is there a second one that says "commit", upon
 * which the store keeps it.
 *
 *   store_and_commit serve PORT DIR              goes to the background once it listens
 *   store_and_commit put HOST PORT FILE NAME
 *
 * A request is a line: "data NAME LENGTH" and the bytes, answered by "stored"; or "commit NAME", answered by "committed".
 *
 * The planted bug is the client's (commit()). So that it never waits long for a busy store it connects without blocking and
 * waits for half a second. But what poll() says is hardly looked at: that the time was up, or that the connection was
 * refused or reset, is taken for a connection like any other; what cannot be written then is not missed, and an end without
 * an answer means that the store was in a hurry. So when the first SYN of that connection, or its SYN+ACK, is lost, and the
 * connection takes a second, the client reports success, and the store has nothing.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/planted/transfer.h"

enum { CONNECT_MS = 500, LINE_BYTES = 256, PATH_BYTES = 4096 };

static bool write_whole(int fd, const void *data, size_t len)
{
	for (const char *p = data; len > 0;) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* A line without its end. @return false when there is none */
static bool read_line(int fd, char line[static LINE_BYTES])
{
	size_t n = 0;

	for (; n < LINE_BYTES - 1; n++) {
		if (recv(fd, line + n, 1, 0) != 1)
			return false;
		if (line[n] == '\n')
			break;
	}
	line[n] = '\0';
	return true;
}

/* --- the client --- */

static void put_data(const char *host, const char *port, const char *path, const char *name)
{
	int fd = connected_socket(SOCK_STREAM, host, port);
	char line[LINE_BYTES];
	size_t len;
	uint8_t *data = read_input(path, &len);
	int n = snprintf(line, sizeof(line), "data %s %zu\n", name, len);

	if (!write_whole(fd, line, (size_t)n) || !write_whole(fd, data, len))
		die_errno("sending '%s'", name);
	if (!read_line(fd, line) || strcmp(line, "stored") != 0)
		die("the store did not take '%s'", name);
	free(data);
	(void)close(fd);
}

static void commit(const char *host, const char *port, const char *name)
{
	int fd = connecting_socket(host, port);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	char line[LINE_BYTES];
	int n = snprintf(line, sizeof(line), "commit %s\n", name);

	if (poll(&p, 1, CONNECT_MS) < 0)
		die_errno("%s:%s", host, port);
	(void)write_whole(fd, line, (size_t)n);
	p.events = POLLIN;
	if (poll(&p, 1, CONNECT_MS) > 0 && read_line(fd, line) && strcmp(line, "committed") != 0)
		die("the store says '%s'", line);
	(void)close(fd);
}

/* --- the store --- */

struct store {
	const char *dir;
	char name[LINE_BYTES]; /* what is there, and was not committed yet; "" = nothing */
	uint8_t *data;
	size_t len;
};

static bool take_data(struct store *s, int fd, const char *name, size_t len)
{
	free(s->data);
	s->data = malloc(len + 1);
	s->name[0] = '\0';
	if (!s->data)
		return false;
	for (s->len = 0; s->len < len;) {
		ssize_t n = recv(fd, s->data + s->len, len - s->len, 0);

		if (n <= 0)
			return false;
		s->len += (size_t)n;
	}
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	return true;
}

static void serve_one(struct store *s, int fd)
{
	char line[LINE_BYTES], name[LINE_BYTES], path[PATH_BYTES];
	const char *answer = "what?\n";
	size_t len;

	if (!read_line(fd, line))
		return;
	if (sscanf(line, "data %255s %zu", name, &len) == 2) {
		if (!take_data(s, fd, name, len))
			return;
		answer = "stored\n";
	} else if (sscanf(line, "commit %255s", name) == 1 && strcmp(name, s->name) == 0) {
		(void)snprintf(path, sizeof(path), "%s/%s", s->dir, name);
		write_output(path, s->data, s->len);
		answer = "committed\n";
	}
	(void)write_whole(fd, answer, strlen(answer));
}

static void serve(const char *port, const char *dir)
{
	int listening = bound_socket(SOCK_STREAM, port);
	struct store s = { .dir = dir };

	go_to_background();
	for (;;) {
		int fd = accept(listening, NULL, NULL);

		if (fd < 0)
			continue;
		serve_one(&s, fd);
		(void)close(fd);
	}
}

int main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "put") == 0) {
		put_data(argv[2], argv[3], argv[4], argv[5]);
		commit(argv[2], argv[3], argv[5]);
		(void)printf("'%s' is in the store\n", argv[5]);
	} else if (argc == 4 && strcmp(argv[1], "serve") == 0) {
		serve(argv[2], argv[3]);
	} else {
		die("write 'serve PORT DIR' or 'put HOST PORT FILE NAME'");
	}
	return 0;
}
