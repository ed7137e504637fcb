/* SPDX-License-Identifier: MIT */
/*
 * A file over UDP, a block at a time: send, wait for the acknowledgement, send the next; again after a while if none comes.
 *
 *   stop_and_wait receive PORT FILE        goes to the background once it can receive
 *   stop_and_wait send HOST PORT FILE
 *
 * A block is 8 bytes of header (number, and in its highest bit whether it is the last; length) and up to 512 of data; an
 * acknowledgement is the number.
 *
 * The planted bug: the receiver leaves as soon as it has acknowledged the last block. If that one acknowledgement is lost,
 * nobody is there to repeat it, and the sender asks for ever. (TFTP's receiver dallies for this reason: RFC 1350, section
 * 6.)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/planted/transfer.h"

enum {
	BLOCK_BYTES = 512,
	HEADER_BYTES = 8,
	AGAIN_MS = 5, /* much more than the round trip of what this is for */
};

#define LAST UINT32_C(0x80000000)

/* --- the sender --- */

static size_t make_block(uint8_t *packet, const uint8_t *data, size_t len, uint32_t number)
{
	size_t from = (size_t)number * BLOCK_BYTES, n = len - from;
	bool last = n <= BLOCK_BYTES;

	if (!last)
		n = BLOCK_BYTES;
	put32(packet, number | (last ? LAST : 0));
	put32(packet + 4, (uint32_t)n);
	memcpy(packet + HEADER_BYTES, data + from, n);
	return HEADER_BYTES + n;
}

/* Whether the acknowledgement of a block comes in time; others are of blocks that were sent twice. */
static bool is_acknowledged(int fd, uint32_t number)
{
	uint64_t end = now_ms() + AGAIN_MS;

	for (;;) {
		uint64_t now = now_ms();
		uint8_t ack[4];

		if (now >= end || !readable_within(fd, (int)(end - now)))
			return false;
		/* "refused" is an answer to an earlier packet: the receiver may not be there yet */
		if (recv(fd, ack, sizeof(ack), 0) == (ssize_t)sizeof(ack) && get32(ack) == number)
			return true;
	}
}

static void send_file(const char *host, const char *port, const char *path)
{
	uint8_t packet[HEADER_BYTES + BLOCK_BYTES], *data;
	int fd = connected_socket(SOCK_DGRAM, host, port);
	size_t len, blocks;

	data = read_input(path, &len);
	blocks = len / BLOCK_BYTES + 1;
	if (len > 0 && len % BLOCK_BYTES == 0)
		blocks--;
	for (size_t i = 0; i < blocks; i++) {
		size_t n = make_block(packet, data, len, (uint32_t)i);

		do
			(void)!send(fd, packet, n, 0);
		while (!is_acknowledged(fd, (uint32_t)i));
	}
	free(data);
	(void)close(fd);
}

/* --- the receiver --- */

static void receive_file(const char *port, const char *path)
{
	int fd = bound_socket(SOCK_DGRAM, port);
	struct bytes got = { 0 };
	uint32_t expected = 0;

	go_to_background();
	for (bool done = false; !done;) {
		uint8_t packet[HEADER_BYTES + BLOCK_BYTES], ack[4];
		struct sockaddr_storage from;
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from,
				     &from_len);
		uint32_t number;

		if (n < HEADER_BYTES || get32(packet + 4) != (uint32_t)n - HEADER_BYTES)
			continue;
		number = get32(packet) & ~LAST;
		if (number > expected)
			continue; /* of another sender: ours waits */
		if (number == expected) {
			append(&got, packet + HEADER_BYTES, (size_t)n - HEADER_BYTES);
			expected++;
			done = (get32(packet) & LAST) != 0;
			if (done)
				write_output(path, got.data, got.len);
		}
		put32(ack, number);
		(void)!sendto(fd, ack, sizeof(ack), 0, (struct sockaddr *)&from, from_len);
	}
	free(got.data);
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
