/* SPDX-License-Identifier: MIT */
/* Mounts as objects. */
#include "sys/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/gate.h"

static uint64_t kernel_attrs(unsigned attrs)
{
	return (attrs & SYS_MOUNT_RDONLY ? MOUNT_ATTR_RDONLY : 0u) |
	       (attrs & SYS_MOUNT_NOSUID ? MOUNT_ATTR_NOSUID : 0u) |
	       (attrs & SYS_MOUNT_NODEV ? MOUNT_ATTR_NODEV : 0u) |
	       (attrs & SYS_MOUNT_NOEXEC ? MOUNT_ATTR_NOEXEC : 0u);
}

/** Puts the kernel's own words into the error: a context keeps them as lines "e TEXT", newest last (fsopen(2)). */
static int explain(int context_fd, int error, const char *type, struct netlab_err *err)
{
	char text[512];
	ssize_t n = read(context_fd, text, sizeof(text) - 1);

	if (!err)
		return error;
	if (n <= 2 || text[0] != 'e')
		return err_errno(err, error, "file system '%s'", type);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return err_errno(err, error, "file system '%s': %s", type, text + 2);
}

int sys_mount_new(const char *type, const struct sys_mount_option *options, size_t n,
		  unsigned attrs, struct netlab_err *err)
{
	int context, fd = -1, r = sys_gate("mount new");

	if (r < 0)
		return err_errno(err, r, "file system '%s'", type);
	context = fsopen(type, FSOPEN_CLOEXEC);
	if (context < 0)
		return err_errno(err, errno, "file system '%s'", type);
	for (size_t i = 0; i < n && r == 0; i++) {
		r = fsconfig(context, options[i].value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
			     options[i].key, options[i].value, 0) < 0
			    ? -errno
			    : 0;
	}
	if (r == 0 && fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		r = -errno;
	if (r == 0) {
		fd = fsmount(context, FSMOUNT_CLOEXEC, (unsigned)kernel_attrs(attrs));
		r = fd < 0 ? -errno : 0;
	}
	if (r < 0)
		r = explain(context, r, type, err);
	close(context);
	return r < 0 ? r : fd;
}

int sys_mount_copy(int dir_fd, const char *path, bool recursive)
{
	int fd, r = sys_gate("mount copy");

	if (r < 0)
		return r;
	fd = open_tree(dir_fd, path,
		       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
			       (path[0] ? 0u : (unsigned)AT_EMPTY_PATH) |
			       (recursive ? (unsigned)AT_RECURSIVE : 0u));
	return fd < 0 ? -errno : fd;
}

int sys_mount_set(int dir_fd, const char *path, bool recursive, unsigned set, unsigned clear)
{
	struct mount_attr attr = { .attr_set = kernel_attrs(set), .attr_clr = kernel_attrs(clear) };
	int r = sys_gate("mount set");

	if (r < 0)
		return r;
	return mount_setattr(dir_fd, path,
			     (path[0] ? 0u : (unsigned)AT_EMPTY_PATH) |
				     (recursive ? (unsigned)AT_RECURSIVE : 0u),
			     &attr, sizeof(attr)) < 0
		       ? -errno
		       : 0;
}

int sys_mount_attach(int mount_fd, int place_fd)
{
	int r = sys_gate("mount attach");

	if (r < 0)
		return r;
	return move_mount(mount_fd, "", place_fd, "",
			  MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
		       ? -errno
		       : 0;
}

int sys_mount_detach(int mount_fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", mount_fd);
	return umount2(path, MNT_DETACH) < 0 ? -errno : 0;
}

int sys_mount_pivot(int mount_fd)
{
	int r = sys_gate("pivot root");

	if (r < 0)
		return r;
	/* The old root comes to lie over the new one, and is taken away from there: pivot_root(2), NOTES */
	if (fchdir(mount_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

uint64_t sys_mount_id(int fd)
{
	struct statx st;

	/* STATX_MNT_ID: Linux 5.8 */
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0 || !(st.stx_mask & STATX_MNT_ID))
		return 0;
	return st.stx_mnt_id;
}
