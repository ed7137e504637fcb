/* SPDX-License-Identifier: MIT */
/**
 * @file root_build.h
 * What the parts of making a node's file tree share. Private to src/node/root*.c.
 */
#ifndef NETLAB_NODE_ROOT_BUILD_H
#define NETLAB_NODE_ROOT_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "node/root.h"
#include "sys/mounts.h"

enum {
	ROOT_DEVICES_MAX = 16,
	ROOT_MOUNTED_MAX = 64, /* of netlab's own; mounts of the topology are not counted */
	ROOT_PRIVATE_MAX = 16, /* likewise */
	ROOT_CALLERS_MAX = 3,
	ROOT_NAMES = 3,
};

/** A tree that is being made. Descriptors are -1 where there is nothing. */
struct root_build {
	const struct node_boot *boot;
	const struct topo_node *topo;
	const struct topo_tree *tree;
	struct netlab_err *err;
	int root_fd; /**< O_PATH */

	/* made from the host's tree, attached to nothing yet */
	int proc_fd, sys_fd;      /**< of a node with a root of its own */
	int etc_fd, var_fd;       /**< overlays, of one without */
	bool has_etc;             /**< the overlay of /etc is there */
	int name_fds[ROOT_NAMES]; /**< files about names that others have mounted */
	int device_fds[ROOT_DEVICES_MAX];
	int caller_fds[ROOT_CALLERS_MAX]; /**< directories of the caller's that stay in sight */
	const char *caller_paths[ROOT_CALLERS_MAX];
	char *topology_dir; /**< owned; its path without symbolic links */
	int *mount_fds;     /**< owned; of the topology's mounts */
	char **from; /**< owned, as are the texts; of the topology's files, NULL where they are not copies */
	size_t *from_len; /**< owned */

	/* attached */
	int mounted[ROOT_MOUNTED_MAX]; /**< in this order */
	unsigned n_mounted;
	uint64_t *private_ids; /**< owned; numbers of mounts that are the node's own */
	unsigned n_private;
};

enum root_place_kind {
	ROOT_DIRECTORY,
	ROOT_FILE,
	ROOT_REAL_DIRECTORY, /**< no symbolic link may lead to it */
};

/**
 * Attaches a mount to a path of the new tree; the place is made where it is missing. Takes the descriptor.
 * @param[in] is_private  files may be written there
 */
int root_attach(struct root_build *b, int mount_fd, const char *path, enum root_place_kind kind,
		bool is_private);
/** Says what cannot be done with a path, and what to do about it when that is because the tree is read-only. */
int root_path_error(struct root_build *b, int error, const char *what, const char *path);
/**
 * Makes an overlay above a directory with a layer in memory of its own. Without root, directories in it where netlab has
 * something to make become the lab's.
 * @param[in] at  where it will be in the node
 * @return a mount; negative errno with b->err
 */
int root_overlay(struct root_build *b, int lower_fd, const char *at);
/** The files about names that a node has, of netlab's making. */
extern const char *const root_names[ROOT_NAMES];

/* --- root_places.c: what is private to a node --- */
int root_places_gather(struct root_build *b);
int root_places_attach(struct root_build *b);

/* --- root_kernel.c: /proc, /sys, /dev --- */
int root_kernel_gather(struct root_build *b);
int root_kernel_attach(struct root_build *b);

/* --- root_mounts.c: what the topology mounts --- */
int root_mounts_gather(struct root_build *b);
int root_mounts_attach(struct root_build *b);

/* --- root_files.c: what the topology writes --- */
int root_files_gather(struct root_build *b);
int root_files_write(struct root_build *b);

#endif
