/* SPDX-License-Identifier: MIT */
/**
 * @file test_frame.h
 * Frames that measure a link: numbered, stamped, from the interface at one end to the interface at the other, whatever
 * the nodes there are. They are UDP in IPv4 to the multicast address 01:80:c2:00:00:0e, which no bridge forwards (IEEE
 * 802.1Q, 8.6.3), and to 192.0.2.1 (RFC 5737), which no stack takes in. Sent past the interface's own qdisc: it is
 * the link that is measured.
 */
#ifndef NETLAB_SYS_TEST_FRAME_H
#define NETLAB_SYS_TEST_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SYS_TEST_FRAME_MIN = 14 + 20 + 8 + 32, /**< bytes of the shortest one, without checksum */
	SYS_TEST_FRAME_MAX = 9014,
	SYS_TEST_BATCH = 64,
};

/** What is written in a frame. */
struct sys_test_mark {
	uint32_t run;    /**< of whom measures: others' frames are left alone */
	uint32_t stream; /**< which link, direction and kind */
	uint32_t number; /**< in its stream, from 0 */
	uint64_t sent_ns;
};

struct sys_test_frame {
	struct sys_test_mark mark; /**< counts only if it is not damaged */
	bool is_damaged;           /**< a bit of it was flipped on the way */
	uint32_t len;
	uint64_t arrived_ns; /**< CLOCK_MONOTONIC, the kernel's stamp */
};

/** An interface that frames go in and out by. */
struct sys_test_port {
	int fd;
	uint32_t mtu;
	uint8_t mac[6];
	bool is_up, has_carrier;
};

/** Opens an interface of the caller's network namespace. @return 0; negative errno (-ENODEV: no such one) */
int sys_test_open(struct sys_test_port *ret, const char *ifname);
void sys_test_close(struct sys_test_port *p);
/**
 * Sends up to SYS_TEST_BATCH frames of one stream, numbered from mark->number on; each is stamped as it is handed over.
 * @param[in]  len         of each frame
 * @param[out] ret_sent_ns  CLOCK_MONOTONIC before and after; may be NULL
 * @return how many were taken; -EAGAIN when the kernel has no room now; negative errno
 */
int sys_test_send(struct sys_test_port *p, const struct sys_test_mark *mark, unsigned n, size_t len,
		  uint64_t ret_sent_ns[2]);
/** Takes what has come, up to SYS_TEST_BATCH frames. @return how many; 0 = nothing there; negative errno */
int sys_test_receive(struct sys_test_port *p, uint32_t run, struct sys_test_frame *ret);
/** Keeps the caller on the processor that it is on: a veth queues frames per processor of the sender, and two such queues
 *  keep no order. */
void sys_test_stay_on_cpu(void);
/** @return frames that found no room in the socket since the last call */
uint64_t sys_test_overruns(struct sys_test_port *p);

#endif
