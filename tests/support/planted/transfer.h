/* SPDX-License-Identifier: MIT */
/**
 * @file transfer.h
 * What the programs with planted bugs share: sockets by name and port, files, time, going to the background. These are the
 * programs under test of tests/integration/test_reproduce.py: they know nothing of netlab.
 */
#ifndef NETLAB_TESTS_TRANSFER_H
#define NETLAB_TESTS_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** "PROGRAM: message[: errno's text]" on stderr, exit code 1. */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void die_errno(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/** A socket of the given type (SOCK_DGRAM, SOCK_STREAM), IPv4, bound to a port; a stream one listens. */
int bound_socket(int type, const char *port);
/** A socket that talks to HOST:PORT; a stream one waits for its connection. */
int connected_socket(int type, const char *host, const char *port);
/** The same, not connected yet and non-blocking; connect() was called. */
int connecting_socket(const char *host, const char *port);

/** The parent exits with 0: who started us knows that we are ready. */
void go_to_background(void);

/** Bytes that grow. Zero-initialise; free data. */
struct bytes {
	uint8_t *data;
	size_t len, size;
};

/** Adds some. */
void append(struct bytes *b, const void *data, size_t len);

/** All that a file holds. */
uint8_t *read_input(const char *path, size_t *ret_len);
/** Writes a file whole. */
void write_output(const char *path, const void *data, size_t len);

/** Milliseconds of a clock that is never set. */
uint64_t now_ms(void);
/** @return whether there is something to read within so many milliseconds */
bool readable_within(int fd, int ms);

static inline void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

#endif
