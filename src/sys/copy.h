/* SPDX-License-Identifier: MIT */
/**
 * @file copy.h
 * Copying files and directories between mount namespaces: what `netlab cp` does.
 *
 * Theory of operation. A place is a directory that is held open, and a name in it. The host's places are opened first;
 * then the process joins a node's mount namespace, where the node's root is its root and nothing leads out of it, and opens
 * the node's. All that follows goes from descriptor to descriptor, one name at a time, and follows no symbolic link: what a
 * node's process puts in the way, before or meanwhile, leads nowhere else. Magic links of /proc are not followed.
 */
#ifndef NETLAB_SYS_COPY_H
#define NETLAB_SYS_COPY_H

#include <limits.h>
#include <stdbool.h>

#include "netlab/err.h"

/** Whose the copies are. */
enum sys_copy_owners {
	SYS_OWNERS_KEPT, /**< as the originals, as far as the process may */
	SYS_OWNERS_KNOWN, /**< the same, but what belongs to SYS_UNKNOWN_ID (userns.h) becomes the process's */
	SYS_OWNERS_CALLER, /**< the process's */
};

struct sys_place {
	int dir_fd;              /**< owned; the directory that it is in, or is */
	char name[NAME_MAX + 1]; /**< in dir_fd; "." = dir_fd itself */
	char base[NAME_MAX +
		  1]; /**< what a copy of it is called; "" = its contents are meant ("DIR/.") */
	const char *shown; /**< what messages call it; borrowed */
	bool in_node;
	bool is_dir;                 /**< of a destination: it is there */
	bool slash;                  /**< of a destination: a slash was at the end */
	enum sys_copy_owners owners; /**< of a destination */
};

/**
 * Finds what shall be copied. A symbolic link is meant itself, unless a slash is behind it.
 * @param[in] in_node  the calling process is in a node's mount namespace
 * @param[out] ret     sys_place_close() it
 * @return 0; -ENOENT and others of open(2)
 */
int sys_place_source(const char *path, const char *shown, bool in_node, struct sys_place *ret,
		     struct netlab_err *err);
/** Finds where to copy to: a directory that is there, or a name in one. Parameters as above. */
int sys_place_dest(const char *path, const char *shown, bool in_node, struct sys_place *ret,
		   struct netlab_err *err);
void sys_place_close(struct sys_place *p);

/**
 * Copies, with all below it, keeping modes, times, symbolic links, and, as far as the process may, owners. To a directory that
 * is there it is copied into that; else it gets the destination's name. What is there already is overwritten, but a
 * directory never replaces anything else, nor is it replaced. Directories that are there keep their modes. Bits of
 * set-user-id and set-group-id do not come out of a node. Devices and sockets are refused, and so are the pseudo
 * filesystems of a node (/proc, /sys, ...) as destinations, where a node's symbolic link could lead to the host's settings.
 * @return 0; negative errno at the first thing that fails, with its path in *err; what was copied before it stays, but
 *         not a part of a file that was not there before
 */
int sys_copy(const struct sys_place *from, const struct sys_place *to, struct netlab_err *err);

/** A file from standard input. @return as above; -EISDIR when a directory is there */
int sys_copy_from_stdin(const struct sys_place *to, struct netlab_err *err);
/** A file to standard output. */
int sys_copy_to_stdout(const struct sys_place *from, struct netlab_err *err);

/** chdir(2), for relative paths in a node. @return 0, negative errno */
int sys_copy_chdir(const char *path);

#endif
