/* SPDX-License-Identifier: MIT */
/* The order in which a node's file tree is made: see root.h. */
#include "node/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "node/root_build.h"
#include "sys/fs.h"
#include "sys/inside.h"
#include "sys/userns.h"

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; fds && i < n; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

int root_path_error(struct root_build *b, int error, const char *what, const char *path)
{
	int r = err_errno(b->err, error, "%s '%s'", what, path);

	if (r == -EROFS && b->tree->rootfs)
		err_hint(b->err, "leave out \"writable\", or make it in the directory '%s'",
			 b->tree->rootfs);
	else if (r == -EROFS)
		err_hint(
			b->err,
			"the host's tree is read-only in a node: choose a place below /etc, /var, /run or /tmp, "
			"mount a tmpfs or an overlay over the directory (\"mounts\"), or make it on the host");
	else if (r == -EACCES || r == -EPERM) {
		err_hint(
			b->err,
			"it is another user's: mount a tmpfs over the directory (\"mounts\"), or run netlab as root");
		err_class(b->err, NETLAB_EXIT_UNSUPPORTED);
	} else if (r == -ELOOP)
		err_hint(b->err,
			 "a symbolic link on the way leads nowhere, or none is allowed there");
	return r;
}

int root_attach(struct root_build *b, int mount_fd, const char *path, enum root_place_kind kind,
		bool is_private)
{
	int place, r;

	if (kind == ROOT_REAL_DIRECTORY) {
		place = sys_inside_open(b->root_fd, path, O_PATH | O_DIRECTORY,
					SYS_INSIDE_NO_LINKS);
		if (place == -ENOENT)
			place = sys_inside_mkdir(b->root_fd, path);
	} else if (kind == ROOT_FILE) {
		place = sys_inside_touch(b->root_fd, path);
	} else {
		place = sys_inside_mkdir(b->root_fd, path);
	}
	if (place < 0) {
		close(mount_fd);
		return root_path_error(b, place, "no place to mount at", path);
	}
	r = sys_mount_attach(mount_fd, place);
	close(place);
	if (r < 0) {
		close(mount_fd);
		(void)err_errno(b->err, r, "mounting at '%s'", path);
		if (r == -EINVAL || r == -ENOTDIR)
			err_hint(
				b->err,
				"what is mounted and what is there have to be both files, or both directories");
		return r;
	}
	if (is_private)
		b->private_ids[b->n_private++] = sys_mount_id(mount_fd);
	if (b->n_mounted < ROOT_MOUNTED_MAX)
		b->mounted[b->n_mounted++] = mount_fd;
	else
		close(mount_fd);
	return 0;
}

struct layer {
	int lower_fd, upper_fd;
	const char *at; /**< "" = the root */
};

static int take_over(const struct layer *l, const char *path, bool itself)
{
	size_t len = strlen(l->at), end = strlen(path);
	char dir[TOPO_PATH_MAX + 1];

	while (!itself && end > 0 && path[end - 1] != '/')
		end--;
	if (strncmp(path, l->at, len) != 0 || path[len] != '/' || end >= sizeof(dir))
		return 0;
	memcpy(dir, path, end);
	dir[end] = '\0';
	return end > len ? sys_inside_take_over(l->lower_fd, l->upper_fd, dir + len) : 0;
}

/** Without root, what root owns on the host cannot be written to: the directories in which netlab has something to make. */
static int take_over_all(struct root_build *b, const struct layer *l)
{
	const struct topo_tree *t = b->tree;
	int r = 0;

	if ((t->n_files == 0 && t->n_mounts == 0 && !t->rootfs) || sys_has_all_ids())
		return 0;
	for (size_t i = 0; i < t->n_files && r == 0; i++)
		r = take_over(l, t->files[i].path, t->files[i].directory);
	for (size_t i = 0; i < t->n_mounts && r == 0; i++)
		r = take_over(l, t->mounts[i].at, false);
	for (size_t i = 0; i < ROOT_NAMES && r == 0 && t->rootfs; i++)
		r = take_over(l, root_names[i], false);
	return r;
}

int root_overlay(struct root_build *b, int lower_fd, const char *at)
{
	char lower[64], upper[64], work[64];
	const struct sys_mount_option options[] = {
		{ "lowerdir", lower },
		{ "upperdir", upper },
		{ "workdir", work },
		{ "userxattr", NULL }, /* as without root; and so the same in both */
	};
	int store = sys_mount_new("tmpfs", (struct sys_mount_option[]){ { "mode", "0755" } }, 1,
				  SYS_MOUNT_NODEV, b->err);
	struct layer layer = { .lower_fd = lower_fd, .upper_fd = -1, .at = at };
	struct netlab_err why = { 0 };
	struct stat st;
	int fd = -1, r;

	if (store < 0)
		return store;
	r = fstat(lower_fd, &st) < 0 ? -errno
				     : sys_make_directory(store, "upper", st.st_mode & 07777);
	if (r == 0)
		r = sys_make_directory(store, "work", 0700);
	if (r < 0) {
		close(store);
		return err_errno(b->err, r, "making the layers of an overlay");
	}
	sys_known_owner(&st.st_uid, &st.st_gid);
	(void)!fchownat(store, "upper", st.st_uid, st.st_gid, 0);
	layer.upper_fd = sys_open_dir(store, "upper");
	r = layer.upper_fd < 0 ? layer.upper_fd : take_over_all(b, &layer);
	if (layer.upper_fd >= 0)
		close(layer.upper_fd);
	if (r < 0) {
		close(store);
		return err_errno(b->err, r, "making directories in the layer of an overlay");
	}
	snprintf(lower, sizeof(lower), "/proc/self/fd/%d", lower_fd);
	snprintf(upper, sizeof(upper), "/proc/self/fd/%d/upper", store);
	snprintf(work, sizeof(work), "/proc/self/fd/%d/work", store);
	fd = sys_mount_new("overlay", options, sizeof(options) / sizeof(options[0]),
			   SYS_MOUNT_NODEV, &why);
	/* Before 6.15 a layer has to be on a mount of this namespace: there it is for a moment, over the lower one. */
	if (fd == -EINVAL) {
		r = sys_mount_attach(store, lower_fd);
		if (r == 0) {
			fd = sys_mount_new("overlay", options, sizeof(options) / sizeof(options[0]),
					   SYS_MOUNT_NODEV, &why);
			r = sys_mount_detach(store);
		} else if (r != -EINVAL) {
			fd = err_errno(&why, r, "mounting the layer of an overlay");
		}
	}
	close(store);
	if (fd < 0) {
		if (b->err)
			*b->err = why;
		return fd;
	}
	if (r < 0) {
		close(fd);
		return err_errno(b->err, r, "taking the layer of an overlay away");
	}
	return fd;
}

/* --- the root itself --- */

static int open_root(struct root_build *b)
{
	if (b->root_fd >= 0)
		close(b->root_fd);
	b->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return b->root_fd < 0 ? err_errno(b->err, errno, "opening the root") : 0;
}

/** The host's tree stays where it is, and is for reading only: all mounts of it. */
static int restrict_host(unsigned attrs, struct netlab_err *err)
{
	int r = sys_mount_set(AT_FDCWD, "/", true, SYS_MOUNT_RDONLY | attrs, 0);

	return r < 0 ? err_errno(err, r, "making the host's tree read-only") : 0;
}

/** The same when /proc is the node's already. */
static int keep_host(struct root_build *b)
{
	int r = restrict_host(SYS_MOUNT_NODEV, b->err);

	if (r < 0)
		return r;
	r = sys_mount_set(AT_FDCWD, "/proc", false, 0, SYS_MOUNT_RDONLY);
	return r < 0 ? err_errno(b->err, r, "making the node's /proc writable") : 0;
}

/** A copy of the mount that the directory is on. In a user namespace mounts below it cannot be left out (mount
 *  namespaces(7), locked mounts): then they come along. */
static int copy_rootfs(struct root_build *b)
{
	int fd = sys_mount_copy(AT_FDCWD, b->tree->rootfs, false);

	if (fd == -EINVAL)
		fd = sys_mount_copy(AT_FDCWD, b->tree->rootfs, true);
	return fd < 0 ? err_errno(b->err, fd, "copying the mount") : fd;
}

static int enter_rootfs(struct root_build *b)
{
	int dir = open(b->tree->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, r;

	if (dir < 0) {
		r = err_errno(b->err, errno, "opening it");
		err_hint(
			b->err,
			"'rootfs' is a directory of this host; a path that does not begin with '/' "
			"counts from the topology's directory");
		return r;
	}
	fd = b->tree->writable ? copy_rootfs(b) : root_overlay(b, dir, "");
	if (fd < 0) {
		close(dir);
		return fd;
	}
	r = sys_mount_set(fd, "", true, SYS_MOUNT_NODEV, 0);
	if (r == 0)
		r = sys_mount_attach(fd, dir);
	close(dir);
	if (r == 0)
		r = sys_mount_pivot(fd);
	if (r == 0 && !b->tree->writable)
		b->private_ids[b->n_private++] = sys_mount_id(fd);
	close(fd);
	return r < 0 ? err_errno(b->err, r, "making it the root") : 0;
}

static int make_root(struct root_build *b)
{
	int r = b->tree->rootfs ? enter_rootfs(b) : keep_host(b);

	if (r < 0 && b->tree->rootfs)
		return err_wrap(b->err, "root '%s'", b->tree->rootfs);
	return r < 0 ? r : open_root(b);
}

/* --- all of it --- */

int node_root_begin(const struct node_boot *boot, struct netlab_err *err)
{
	const struct topo_node *topo = &boot->plan->topo->nodes[boot->node];
	int r = 0;

	/* until there is a tree: what comes in by other ways than netlab's shall not write to the host either; but its
	   /dev/null is the host's */
	if (!(topo->share & TOPO_NS_MNT) && !node_root_is_wanted(topo))
		r = restrict_host(0, err);
	if (r < 0)
		return r;
	r = sys_mount("proc", "/proc");
	if (r < 0)
		return err_errno(err, r, "mounting /proc");
	r = sys_mount("sysfs", "/sys");
	return r < 0 ? err_errno(err, r, "mounting /sys") : 0;
}

bool node_root_is_wanted(const struct topo_node *node)
{
	const struct topo_tree *t = &node->tree;

	return node->n_services > 0 || node->n_commands > 0 || t->rootfs || t->n_mounts > 0 ||
	       t->n_files > 0;
}

static int build(struct root_build *b)
{
	static int (*const steps[])(struct root_build * b) = {
		root_kernel_gather, root_places_gather, root_mounts_gather,
		root_files_gather,  make_root,          root_kernel_attach,
		root_places_attach, root_mounts_attach, root_files_write,
	};
	int r = open_root(b);

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && r == 0; i++)
		r = steps[i](b);
	return r;
}

int node_root_make(const struct node_boot *boot, struct netlab_err *err)
{
	const struct topo_node *topo = &boot->plan->topo->nodes[boot->node];
	struct root_build b = {
		.boot = boot,
		.topo = topo,
		.tree = &topo->tree,
		.err = err,
		.root_fd = -1,
		.proc_fd = -1,
		.sys_fd = -1,
		.etc_fd = -1,
		.var_fd = -1,
	};
	int r;

	if (topo->share & TOPO_NS_MNT)
		return 0;
	memset(b.device_fds, -1, sizeof(b.device_fds));
	memset(b.caller_fds, -1, sizeof(b.caller_fds));
	memset(b.name_fds, -1, sizeof(b.name_fds));
	b.mount_fds = malloc((topo->tree.n_mounts + 1) * sizeof(*b.mount_fds));
	b.private_ids = calloc(topo->tree.n_mounts + ROOT_PRIVATE_MAX, sizeof(*b.private_ids));
	for (size_t i = 0; b.mount_fds && i < topo->tree.n_mounts; i++)
		b.mount_fds[i] = -1;
	b.from = calloc(topo->tree.n_files + 1, sizeof(*b.from));
	b.from_len = calloc(topo->tree.n_files + 1, sizeof(*b.from_len));
	r = b.mount_fds && b.private_ids && b.from && b.from_len
		    ? build(&b)
		    : err_set(err, ENOMEM, "out of memory");
	for (unsigned i = b.n_mounted; r < 0 && i > 0; i--)
		(void)sys_mount_detach(b.mounted[i - 1]);
	close_all(b.mounted, b.n_mounted);
	close_all((int[]){ b.root_fd, b.proc_fd, b.sys_fd, b.etc_fd, b.var_fd }, 5);
	close_all(b.device_fds, ROOT_DEVICES_MAX);
	close_all(b.caller_fds, ROOT_CALLERS_MAX);
	close_all(b.name_fds, ROOT_NAMES);
	close_all(b.mount_fds, b.mount_fds ? topo->tree.n_mounts : 0);
	for (size_t i = 0; b.from && i < topo->tree.n_files; i++)
		free(b.from[i]);
	free(b.topology_dir);
	free(b.from);
	free(b.from_len);
	free(b.mount_fds);
	free(b.private_ids);
	return r < 0 ? err_wrap(err, "making its file tree") : 0;
}
