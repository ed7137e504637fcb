/* SPDX-License-Identifier: MIT */
/*
 * Included before every file by the preset 'tidy'. The analyzer (clang 14 to 19) does not know that
 * errno is positive after a failure, so that 'return -errno' looks like a success to it and every
 * output of the failed call like garbage. To be removed when it knows.
 */
#if defined(__clang_analyzer__) && !defined(NETLAB_ANALYZER_ERRNO_H)
#define NETLAB_ANALYZER_ERRNO_H

#include <errno.h>

static inline int *analyzer_errno(void)
{
	int *e = __errno_location();

	if (*e <= 0)
		__builtin_unreachable();
	return e;
}

#undef errno
#define errno (*analyzer_errno())

#endif
