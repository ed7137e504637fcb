/* SPDX-License-Identifier: MIT */
/**
 * @file follow.h
 * Reading files that others append to, as `tail -f` does: woken by the kernel, never by a clock.
 */
#ifndef NETLAB_SYS_FOLLOW_H
#define NETLAB_SYS_FOLLOW_H

#include <stddef.h>
#include <sys/types.h>

#include "netlab/err.h"

/** Bytes of file number `file`, in its order. `data` NULL: the file has lost its front (sys_drop_front()) before it could be read;
 *  `len` bytes are missing here, and the next are the beginning of a line. @return 0 to go on; anything else ends sys_follow(), which returns it */
typedef int sys_follow_fn(void *ctx, size_t file, const char *data, size_t len);

/**
 * Hands over what n files hold; a file that does not exist is empty. With `until` > 0 goes on with what is appended
 * until that process has ended, or until nobody reads `out_fd` any more.
 * @param[in] until   0 = what is there now, and return
 * @param[in] out_fd  watched for a reader that has gone; -1 = none
 * @return 0; what fn returned; negative errno
 */
int sys_follow(const char *const *paths, size_t n, pid_t until, int out_fd, sys_follow_fn *fn,
	       void *ctx, struct netlab_err *err);

#endif
