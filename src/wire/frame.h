/* SPDX-License-Identifier: MIT */
/**
 * @file frame.h
 * Frames in memory: pooled by size, and what may be done to their bytes. Private to src/wire.
 */
#ifndef NETLAB_WIRE_FRAME_H
#define NETLAB_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/packet.h"

enum {
	FRAME_HEADROOM =
		16, /**< for the VLAN tag that the kernel took out, and SYS_PACKET_HEADROOM */
	FRAME_SMALL = 192,
	FRAME_MEDIUM = 2048 - FRAME_HEADROOM, /**< an Ethernet frame of MTU 1500 and then some */
	FRAME_LARGE = 10 * 1024,              /**< jumbo */
	FRAME_HUGE = 68 * 1024,               /**< MTU 65535; a GSO frame with its headers */
};

enum frame_class { CLASS_SMALL, CLASS_MEDIUM, CLASS_LARGE, CLASS_HUGE, FRAME_CLASSES };

struct frame {
	struct frame *next; /**< in a list of whoever holds it */
	uint8_t *data;      /**< in room[] */
	uint32_t len;
	enum frame_class class;
	uint64_t
		number; /**< its place among the frames of its direction, from 1; a copy has its original's */
	uint64_t arrival_ns; /**< while it is held back */
	struct sys_vnet vnet;
	uint8_t room[];
};

/** Frames of one thread. */
struct frame_pool {
	struct frame *free[FRAME_CLASSES];
	size_t n_free[FRAME_CLASSES];
	size_t bytes, max_bytes; /**< taken from the system; no more than that */
};

void frame_pool_init(struct frame_pool *p, size_t max_bytes);
void frame_pool_deinit(struct frame_pool *p);
/** @return a frame with room for `len` bytes after its headroom, len set; NULL when out of memory */
struct frame *frame_new(struct frame_pool *p, size_t len);
void frame_free(struct frame_pool *p, struct frame *f);
/** @return NULL when out of memory */
struct frame *frame_clone(struct frame_pool *p, const struct frame *f);

/** Puts a VLAN tag back where it was; what counts from the frame's start moves with it. */
void frame_put_vlan(struct frame *f, uint16_t protocol, uint16_t tci);
/** Bytes that it makes on the wire: a GSO frame is cut, and each part has headers of its own. */
uint32_t frame_wire_len(const struct frame *f);
/**
 * Flips one bit. A checksum that was left to the hardware is made first, as netem does (skb_checksum_help()), so that
 * the receiver can find out.
 */
void frame_corrupt(struct frame *f, uint32_t random);
/** Flips the bits of a mask in a byte, from 0; one past the end is nothing. Checksums as by frame_corrupt(). */
void frame_damage(struct frame *f, uint64_t at, uint8_t mask);
/** Makes a checksum that was left to the hardware, in a frame's bytes. */
void frame_make_checksum(uint8_t *data, size_t len, const struct sys_vnet *vnet);
/** Sets Congestion Experienced. @return false when the frame is not of an ECN-capable transport */
bool frame_mark(struct frame *f);

#endif
