/* SPDX-License-Identifier: MIT */
/**
 * @file output.h
 * A file that is written in large pieces, through a buffer that others format into. Private to src/repro.
 */
#ifndef NETLAB_REPRO_OUTPUT_H
#define NETLAB_REPRO_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/** Zero-initialise with .fd = -1, or output_open() it. */
struct output {
	const char *name; /**< borrowed; for messages */
	int fd;           /**< owned */
	struct buf buf;   /**< what is not written yet; format into it, then output_flush() */
	uint64_t written; /**< bytes */
	int error; /**< of the first write that failed; nothing is written after it. 0 = none */
};

/** Makes the file, new or emptied. @return 0; negative errno */
int output_open(struct output *o, int dir_fd, const char *name);
void output_add(struct output *o, const void *data, size_t len);
/** Writes what is in the buffer, if that is much, or all of it. @return o->error */
int output_flush(struct output *o, bool all);
/** Closes it; what is in the buffer is forgotten. Idempotent. */
void output_close(struct output *o);

#endif
