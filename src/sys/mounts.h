/* SPDX-License-Identifier: MIT */
/**
 * @file mounts.h
 * Mounts as objects: made or copied detached, restricted, and only then attached to a place that was opened before
 * (fsopen, open_tree, mount_setattr, move_mount: Linux 5.12).
 */
#ifndef NETLAB_SYS_MOUNTS_H
#define NETLAB_SYS_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "netlab/err.h"

/** What a mount allows, as a set; each bit takes something away. */
enum sys_mount_attr {
	SYS_MOUNT_RDONLY = 1u << 0,
	SYS_MOUNT_NOSUID = 1u << 1,
	SYS_MOUNT_NODEV = 1u << 2,
	SYS_MOUNT_NOEXEC = 1u << 3,
};

/** An option of a file system: NULL value = a flag. */
struct sys_mount_option {
	const char *key, *value;
};

/**
 * Makes a file system, attached to nothing.
 * @param[in] attrs  set of enum sys_mount_attr
 * @return a descriptor of its root; negative errno with what the kernel says about it in *err
 */
int sys_mount_new(const char *type, const struct sys_mount_option *options, size_t n,
		  unsigned attrs, struct netlab_err *err);
/** Copies the mount that holds a path, from that path on, with (recursive) all mounts below.
 *  @param[in] path  "" = what dir_fd is. @return as above */
int sys_mount_copy(int dir_fd, const char *path, bool recursive);
/** Changes what a mount allows; recursive: all below it too.
 *  @param[in] path  "" = what dir_fd is. @return 0, negative errno */
int sys_mount_set(int dir_fd, const char *path, bool recursive, unsigned set, unsigned clear);
/** Attaches a mount that is attached to nothing to what `place` is: a directory to a directory, a file to a file. */
int sys_mount_attach(int mount_fd, int place_fd);
/** Takes an attached mount away from its place, with all below it. */
int sys_mount_detach(int mount_fd);
/** Makes an attached mount the root of this mount namespace; the old root is detached with all below it. */
int sys_mount_pivot(int mount_fd);
/** @return the kernel's number of the mount that an open file is on; 0 when it does not tell */
uint64_t sys_mount_id(int fd);

#endif
