/* SPDX-License-Identifier: MIT */
/**
 * @file probe.h
 * A helper of the integration tests: one process with sockets in several nodes, so that clocks and arrivals need no
 * agreement between programs. Prints JSON.
 */
#ifndef NETLAB_TESTS_PROBE_H
#define NETLAB_TESTS_PROBE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define NS_PER_S  1000000000ull
#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull

struct msghdr;

/** Says why and ends the program with status 2, which no measurement does. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/** Makes a socket in the network namespace of a process; it stays there. */
int socket_in(int pid, int family, int type, int protocol);

/** Has the kernel stamp what arrives, and keeps what it drops at zero. */
void want_stamps(int fd);

/** @return CLOCK_REALTIME, the clock of the kernel's stamps */
uint64_t now_ns(void);

/** @return the kernel's stamp of a message, or the time now if it has none */
uint64_t stamp_of(struct msghdr *msg);

/** Reads an address of either family. */
socklen_t parse_address(const char *text, uint16_t port, struct sockaddr_storage *ret);

/** Numbered packets from one node to another. */
int probe_udp(int argc, char **argv);

/** Routed paths and round trips of many pairs of nodes. */
int probe_pairs(int argc, char **argv);

#endif
