/* SPDX-License-Identifier: MIT */
/**
 * @file frames.h
 * The beginnings of a recording's packets, read back: what tells packets apart, for expressions to be tried on.
 */
#ifndef NETLAB_REPRO_FRAMES_H
#define NETLAB_REPRO_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "netlab/err.h"
#include "repro/record_dir.h"

enum {
	FRAMES_KEPT_BYTES =
		192, /**< of each: Ethernet, VLAN, IP and TCP with options, and some data */
	FRAMES_MAX = 4 * 1000 * 1000,
};

struct frame_kept {
	uint32_t link, dir;
	uint64_t index; /**< in its direction, from 1 */
	size_t at;      /**< of its bytes, in struct frames */
	uint32_t len;   /**< of those that are kept */
	uint32_t wire_len;
};

/** In the order of recording. Zero-initialise. */
struct frames {
	struct frame_kept *items; /**< owned */
	size_t n, size;
	uint8_t *bytes; /**< owned */
	size_t n_bytes, bytes_size;
};

/** @return 0; -EINVAL: packets.pcapng is none, or damaged (class INVALID); -EFBIG; -ENOMEM; ... */
int frames_read(const struct record_dir *d, struct frames *ret, struct netlab_err *err);
void frames_deinit(struct frames *f);

#endif
