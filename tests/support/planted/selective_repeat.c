/* SPDX-License-Identifier: MIT */
/*
 * A file over UDP with a window: up to WINDOW blocks on their way at once, each acknowledged by itself, each sent again by
 * itself when its acknowledgement does not come.
 *
 *   selective_repeat receive PORT FILE     goes to the background once it can receive
 *   selective_repeat send HOST PORT FILE
 *
 * A block is 12 bytes of header (number, blocks in all, length) and up to 512 of data; an acknowledgement is the number.
 *
 * The planted bug is the receiver's (take()): a block is a duplicate when its number lies in the window before the one
 * that is expected, and all others are taken into the buffer, at the place that their number has in the window. That
 * is right as long as nothing comes that is older than a window: the sender has nothing older to send. But the network may
 * have: a copy that was made on the way, and took long, lands in the place of a block that is still to come, which then looks
 * like a duplicate itself. The file has its right length, and a block twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/planted/transfer.h"

enum {
	BLOCK_BYTES = 512,
	HEADER_BYTES = 12,
	WINDOW = 2,
	AGAIN_MS = 60, /* longer than any packet takes */
	LINGER_MS =
		2000, /* the receiver repeats acknowledgements for so long after the last block */
	GIVE_UP_MS = 20000,
};

/* --- the sender --- */

struct sender {
	int fd;
	const uint8_t *data;
	size_t len;
	uint32_t blocks, base; /* all before base are acknowledged */
	bool acknowledged[WINDOW];
	uint64_t sent_ms[WINDOW]; /* 0 = not yet */
};

static void send_block(struct sender *s, uint32_t number)
{
	uint8_t packet[HEADER_BYTES + BLOCK_BYTES];
	size_t from = (size_t)number * BLOCK_BYTES,
	       n = s->len - from < BLOCK_BYTES ? s->len - from : BLOCK_BYTES;

	put32(packet, number);
	put32(packet + 4, s->blocks);
	put32(packet + 8, (uint32_t)n);
	memcpy(packet + HEADER_BYTES, s->data + from, n);
	(void)!send(s->fd, packet, HEADER_BYTES + n, 0);
	s->sent_ms[number % WINDOW] = now_ms();
}

/* Sends what is new in the window, and again what was not acknowledged in time. @return ms until there is more to do */
static int send_due(struct sender *s)
{
	uint64_t now = now_ms(), next = now + AGAIN_MS;

	for (uint32_t i = s->base; i < s->base + WINDOW && i < s->blocks; i++) {
		if (s->acknowledged[i % WINDOW])
			continue;
		if (s->sent_ms[i % WINDOW] == 0 || now >= s->sent_ms[i % WINDOW] + AGAIN_MS)
			send_block(s, i);
		else if (s->sent_ms[i % WINDOW] + AGAIN_MS < next)
			next = s->sent_ms[i % WINDOW] + AGAIN_MS;
	}
	return (int)(next - now);
}

static void take_acknowledgement(struct sender *s)
{
	uint8_t ack[4];
	uint32_t number;

	if (recv(s->fd, ack, sizeof(ack), 0) != (ssize_t)sizeof(ack))
		return;
	number = get32(ack);
	if (number < s->base || number >= s->base + WINDOW)
		return;
	s->acknowledged[number % WINDOW] = true;
	while (s->base < s->blocks && s->acknowledged[s->base % WINDOW]) {
		s->acknowledged[s->base % WINDOW] = false;
		s->sent_ms[s->base % WINDOW] = 0;
		s->base++;
	}
}

static void send_file(const char *host, const char *port, const char *path)
{
	struct sender s = { .fd = connected_socket(SOCK_DGRAM, host, port) };
	uint64_t heard_ms = now_ms();
	uint8_t *data = read_input(path, &s.len);

	s.data = data;
	s.blocks = (uint32_t)((s.len + BLOCK_BYTES - 1) / BLOCK_BYTES);
	if (s.blocks == 0)
		die("%s: is empty", path);
	while (s.base < s.blocks) {
		if (readable_within(s.fd, send_due(&s))) {
			take_acknowledgement(&s);
			heard_ms = now_ms();
		} else if (now_ms() - heard_ms > GIVE_UP_MS) {
			die("%s:%s does not answer", host, port);
		}
	}
	free(data);
	(void)close(s.fd);
}

/* --- the receiver --- */

struct receiver {
	uint8_t block[WINDOW][BLOCK_BYTES];
	size_t n[WINDOW]; /* bytes; 0 = has not come */
	uint32_t expected;
	struct bytes got;
};

static void deliver(struct receiver *r)
{
	for (; r->n[r->expected % WINDOW] > 0; r->expected++) {
		size_t *n = &r->n[r->expected % WINDOW];

		append(&r->got, r->block[r->expected % WINDOW], *n);
		*n = 0;
	}
}

static void take(struct receiver *r, uint32_t number, const uint8_t *data, size_t n)
{
	if (number < r->expected && r->expected - number <= WINDOW)
		return; /* a duplicate: its acknowledgement was lost, or it was sent twice */
	if (r->n[number % WINDOW] > 0)
		return; /* likewise */
	memcpy(r->block[number % WINDOW], data, n);
	r->n[number % WINDOW] = n;
	deliver(r);
}

static void receive_file(const char *port, const char *path)
{
	struct receiver r = { .expected = 0 };
	int fd = bound_socket(SOCK_DGRAM, port), wait_ms = -1;

	go_to_background();
	while (readable_within(fd, wait_ms)) {
		uint8_t packet[HEADER_BYTES + BLOCK_BYTES], ack[4];
		struct sockaddr_storage from;
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from,
				     &from_len);

		if (n <= HEADER_BYTES || get32(packet + 8) != (uint32_t)n - HEADER_BYTES)
			continue;
		/* after the last block nothing is taken any more, only acknowledged */
		if (r.expected < get32(packet + 4)) {
			take(&r, get32(packet), packet + HEADER_BYTES, (size_t)n - HEADER_BYTES);
			if (r.expected == get32(packet + 4)) {
				write_output(path, r.got.data, r.got.len);
				wait_ms = LINGER_MS;
			}
		}
		put32(ack, get32(packet));
		(void)!sendto(fd, ack, sizeof(ack), 0, (struct sockaddr *)&from, from_len);
	}
	free(r.got.data);
	(void)close(fd);
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "send") == 0)
		send_file(argv[2], argv[3], argv[4]);
	else if (argc == 4 && strcmp(argv[1], "receive") == 0)
		receive_file(argv[2], argv[3]);
	else
		die("write 'receive PORT FILE' or 'send HOST PORT FILE'");
	return 0;
}
