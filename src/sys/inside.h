/* SPDX-License-Identifier: MIT */
/**
 * @file inside.h
 * Opening and making files in a tree that may be hostile: nothing in it leads out of it (openat2, Linux 5.6).
 */
#ifndef NETLAB_SYS_INSIDE_H
#define NETLAB_SYS_INSIDE_H

#include <sys/types.h>

enum sys_inside_flags {
	SYS_INSIDE_NO_LINKS = 1 << 0, /**< a symbolic link anywhere is -ELOOP */
};

/**
 * Opens a path as if `root_fd` were "/": no symbolic link, no ".." and no magic link of /proc leads out of it.
 * @param[in] flags  open(2)'s; close-on-exec always
 * @param[in] inside set of enum sys_inside_flags
 */
int sys_inside_open(int root_fd, const char *path, int flags, unsigned inside);
/** Makes a directory with its parents (mode 0755, those that are not there), like sys_inside_open().
 *  @return a descriptor (O_PATH); negative errno */
int sys_inside_mkdir(int root_fd, const char *path);
/** Makes an empty file where nothing is, with its parents. @return a descriptor (O_PATH) of what is there; negative errno */
int sys_inside_touch(int root_fd, const char *path);
/**
 * Makes a file anew: what was there is removed (but no directory), its parents are made.
 * @return a descriptor for writing; negative errno, *ret_parent (O_PATH, to be closed) is set whenever the parent is there
 */
int sys_inside_create(int root_fd, const char *path, int *ret_parent);
/** Makes a symbolic link. @return 0, negative errno */
int sys_inside_symlink(int root_fd, const char *target, const char *path);

/**
 * Copies the directories of a directory into another, without any file: names, modes and, where that is allowed, owners.
 * @param[in] depth  how far down; 0 = nothing
 * @param[in] skip   names that are left out at the top, NULL-terminated
 * @param[in,out] room  how many directories at most; counted down
 */
int sys_copy_directories(int from_fd, int to_fd, unsigned depth, const char *const *skip,
			 unsigned *room);
/**
 * Takes over the directories on the way to a path that the caller may not write to, because they belong to somebody whom its
 * user namespace has not: makes them in a layer that is to lie above the tree. In an overlay a directory has the owner and
 * mode of the upper one; here the caller's, and everybody may read it. One that the caller may not read will be empty.
 * Goes as far as there are directories, and follows no symbolic link.
 * @param[in] path  from the tree's root, the last part included
 * @return 0, negative errno
 */
int sys_inside_take_over(int tree_fd, int layer_fd, const char *path);
/** Makes a directory in another with just this mode, whatever the umask. @return 0, negative errno */
int sys_make_directory(int dir_fd, const char *name, mode_t mode);
/** Gives a file its owner and mode; (uid_t)-1, (gid_t)-1 = as it is. @return 0, negative errno */
int sys_dress(int fd, uid_t uid, gid_t gid, mode_t mode);

#endif
