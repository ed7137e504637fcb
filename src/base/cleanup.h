/* SPDX-License-Identifier: MIT */
/**
 * @file cleanup.h
 * Scope-owned resources: the attribute runs at every way out of the block and keeps errno.
 */
#ifndef NETLAB_BASE_CLEANUP_H
#define NETLAB_BASE_CLEANUP_H

#include <stdlib.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void cleanup_freep(void *p)
{
	free(*(void **)p); /* glibc >= 2.33 and POSIX.1-2024: free() keeps errno */
}

#define _cleanup_free_ __attribute__((cleanup(cleanup_freep)))

/** Takes the pointer out of a cleanup variable: the caller owns it now. */
#define TAKE_PTR(p)                         \
	__extension__({                     \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

/** The same for a file descriptor; a dead one is -1. */
#define TAKE_FD(fd)                \
	__extension__({            \
		int taken_ = (fd); \
		(fd) = -1;         \
		taken_;            \
	})

#endif
