/* SPDX-License-Identifier: MIT */
/**
 * @file journal.h
 * A file of lines that only grows, of one writer at a time, whole to the last line whenever that dies.
 */
#ifndef NETLAB_SYS_JOURNAL_H
#define NETLAB_SYS_JOURNAL_H

#include <stddef.h>

/**
 * Opens it, makes it where it is not there, and takes its lock, which ends with the calling process and is not inherited
 * by fork.
 * @param[in]  max  bytes that it may have
 * @param[out] ret  what is in it, malloc'ed, NUL-terminated
 * @return a descriptor (close-on-exec); -EAGAIN when another process has the lock; -EISDIR; -EINVAL when it is no
 *         regular file; -EFBIG; other negative errno
 */
int sys_journal_open(const char *path, size_t max, char **ret, size_t *ret_len);

/** Keeps the first len bytes: what comes after them was being written when an earlier writer died. @return 0; negative
 *  errno */
int sys_journal_cut(int fd, size_t len);
/** Appends whole lines. @return 0; negative errno: what was written of them is taken back */
int sys_journal_append(int fd, const void *lines, size_t len);

#endif
