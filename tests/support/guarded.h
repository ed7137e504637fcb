/* SPDX-License-Identifier: MIT */
/**
 * @file guarded.h
 * Bytes that end where the mapped memory ends: reading one too many is a SIGSEGV, in every build.
 */
#ifndef NETLAB_TESTS_SUPPORT_GUARDED_H
#define NETLAB_TESTS_SUPPORT_GUARDED_H

#include <stddef.h>

struct guarded {
	char *text;   /**< the bytes; no NUL after them */
	void *map;    /**< what munmap() wants */
	size_t bytes; /**< of the map */
};

/** A copy of the bytes in front of a page that cannot be read. Free with guarded_deinit(). */
struct guarded guarded_copy(const void *data, size_t len);
void guarded_deinit(struct guarded *g);

#endif
