/* SPDX-License-Identifier: MIT */
/**
 * @file fs.h
 * Files, directories, locks and mounts. Paths are relative to a directory descriptor where one is taken.
 */
#ifndef NETLAB_SYS_FS_H
#define NETLAB_SYS_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** What a directory is to its user: see sys_dir_check(). */
enum sys_dir_state {
	SYS_DIR_GOOD,
	SYS_DIR_MISSING,
	SYS_DIR_NOT_A_DIR, /**< a symlink or another kind of file */
	SYS_DIR_FOREIGN,   /**< owned by another user */
	SYS_DIR_OPEN,      /**< group or others may write */
};

/** @return enum sys_dir_state, or negative errno; *ret_owner (may be NULL) is the owner's uid */
int sys_dir_check(const char *path, uid_t *ret_owner);
/** mkdir mode 0700. @return 0, -EEXIST, ... */
int sys_mkdir(int dir_fd, const char *name);
/** @return an O_PATH-free directory descriptor (O_DIRECTORY | O_NOFOLLOW), negative errno */
int sys_open_dir(int dir_fd, const char *name);
/** Opens a file. `flags` are open(2)'s; close-on-exec and no symlink in the last part always. Mode 0600. */
int sys_open(int dir_fd, const char *name, int flags);
/**
 * Opens a file that a user names for output, emptied; symbolic links are followed. Mode 0600.
 * @param[out] ret_made  whether it was not there before
 * @return descriptor (close-on-exec), negative errno
 */
int sys_open_output(const char *path, bool *ret_made);
/** Writes a whole file: NAME.tmp, then rename, so that a reader sees all or nothing. @return 0, negative errno */
int sys_write_file(int dir_fd, const char *name, const void *data, size_t len);
/** Writes all of it to an open file. @return 0, negative errno */
int sys_write_all(int fd, const void *data, size_t len);
/** Gives back what the first bytes of a file occupy; all others stay where they are, and readers find out where the first is
 *  with SEEK_DATA. @param[in] len  a multiple of 64 KiB: file systems drop whole blocks
 *  @return 0; -EOPNOTSUPP: this file system cannot; other negative errno */
int sys_drop_front(int fd, uint64_t len);
/** Writes to an existing file in one write (sysctls, maps). @return 0, negative errno */
int sys_write_value(const char *path, const char *value);
/** Reads a small file whole, NUL-terminated, trailing newline cut. @return length, negative errno */
ssize_t sys_read_value(int dir_fd, const char *path, char *ret, size_t size);
/**
 * The directory that a file is in, absolute and ending in a slash, symbolic links left as they are: for paths that count
 * from it and outlive a chdir().
 * @return ret; NULL when there is none (the working directory is gone) or it is too long
 */
const char *sys_dir_of(const char *file, char *ret, size_t size);
/** Reads a file, at most `max` bytes. @param[out] ret  malloc'ed, NUL-terminated. @return 0; -EFBIG; -EISDIR; ... */
int sys_read_file(const char *path, size_t max, char **ret, size_t *ret_len);
/** Whether something is there. @param[in] directory  it has to be one. @return 0; -ENOENT, -ENOTDIR, -EACCES... */
int sys_path_check(const char *path, bool directory);
/** @return whether it is a pipe, socket or device: reading it may take for ever */
bool sys_may_block(const char *path);
/** Removes a directory's entry `name` with all below it, never following a symlink. @return 0 (also: gone), errno */
int sys_remove_tree(int dir_fd, const char *name);
/** Names in a directory, sorted, without "." and "..". Free each and the array. @return 0, negative errno */
int sys_list_dir(int dir_fd, char ***ret, size_t *ret_n);

/** Removes an empty directory. @return 0, negative errno */
int sys_rmdir(int dir_fd, const char *name);
/** Renames within a directory, never over something that is there. @return 0; -EEXIST */
int sys_rename_new(int dir_fd, const char *from, const char *to);
bool sys_dir_exists(int dir_fd, const char *name);

/** Takes an exclusive flock without waiting. @return 0; -EWOULDBLOCK when held */
int sys_try_lock(int fd);
/** @return whether the open file is still what `name` in the directory names (it was not unlinked meanwhile) */
bool sys_is_same_file(int fd, int dir_fd, const char *name);

/** Makes every mount of this namespace private. */
int sys_mounts_private(void);
/** Mounts a filesystem of a kind. @return 0, negative errno */
int sys_mount(const char *type, const char *target);
/** Binds a file or directory over another, read-only. @return 0, negative errno */
int sys_bind_ro(const char *source, const char *target);
/** @return 0, negative errno */
int sys_sethostname(const char *name);

/** Opens /dev/null where this process was started without stdin, stdout or stderr, so that nothing else gets their
 *  numbers. @return 0, negative errno */
int sys_fill_stdio(void);
/** stdin, stdout, stderr of this process: /dev/null, and a log file (a negative fd: /dev/null). */
void sys_redirect_stdio(int log_fd);

#endif
