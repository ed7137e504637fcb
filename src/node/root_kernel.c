/* SPDX-License-Identifier: MIT */
/* What of a node's file tree is the kernel's: /proc and /sys, as far as they are the node's, and a small /dev. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "node/root_build.h"
#include "sys/inside.h"

/* Devices that work the same for everybody. They are the host's, mounted one by one: without root none can be made. */
static const char *const devices[] = {
	"null", "zero", "full", "random", "urandom", "tty", "net/tun"
};

/* Of /proc, for reading only: settings of the host. */
static const char *const read_only[] = {
	"/proc/sys",  "/proc/sysrq-trigger", "/proc/irq",    "/proc/bus", "/proc/fs",
	"/proc/mtrr", "/proc/acpi",          "/proc/driver", "/proc/scsi"
};

/* Of /proc, not even that: what tells of the host's memory, keys and programs. */
static const char *const hidden[] = { "/proc/kcore",        "/proc/keys",        "/proc/key-users",
				      "/proc/timer_list",   "/proc/sched_debug", "/proc/kmsg",
				      "/proc/latency_stats" };

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

_Static_assert(COUNT(devices) <= ROOT_DEVICES_MAX, "a descriptor for each device");

/** A mount of one device alone. Read-only is its name, mode and owner, which are the host's; not the device. */
static int copy_device(struct root_build *b, int dir_fd, const char *path)
{
	int fd = sys_mount_copy(dir_fd, path, false), r;

	if (fd == -ENOENT)
		return fd;
	r = fd < 0 ? fd
		   : sys_mount_set(fd, "", false,
				   SYS_MOUNT_RDONLY | SYS_MOUNT_NOSUID | SYS_MOUNT_NOEXEC,
				   SYS_MOUNT_NODEV);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return err_errno(b->err, r, "copying the mount of '%s'", path);
	}
	return fd;
}

int root_kernel_gather(struct root_build *b)
{
	const unsigned attrs = SYS_MOUNT_NOSUID | SYS_MOUNT_NODEV | SYS_MOUNT_NOEXEC;

	for (size_t i = 0; i < COUNT(devices); i++) {
		char path[64];

		snprintf(path, sizeof(path), "/dev/%s", devices[i]);
		b->device_fds[i] = copy_device(b, AT_FDCWD, path);
		if (b->device_fds[i] < 0 && b->device_fds[i] != -ENOENT)
			return b->device_fds[i];
	}
	if (!b->tree->rootfs)
		return 0;
	/* Now, for the kernel allows them only where others like them are in sight (mount_too_revealing()). */
	b->proc_fd = sys_mount_new("proc", NULL, 0, attrs, b->err);
	if (b->proc_fd < 0)
		return b->proc_fd;
	b->sys_fd = sys_mount_new("sysfs", NULL, 0, attrs, b->err);
	return b->sys_fd < 0 ? b->sys_fd : 0;
}

/** Mounts a path over itself, with less allowed or more; one that this kernel has not is passed over. */
static int remount(struct root_build *b, const char *path, unsigned set, unsigned clear)
{
	int place = sys_inside_open(b->root_fd, path, O_PATH, SYS_INSIDE_NO_LINKS), fd, r;

	if (place < 0)
		return 0;
	fd = sys_mount_copy(place, "", false);
	r = fd < 0 ? fd : sys_mount_set(fd, "", false, set, clear);
	if (r == 0)
		r = sys_mount_attach(fd, place);
	close(place);
	if (r == 0 && b->n_mounted < ROOT_MOUNTED_MAX)
		b->mounted[b->n_mounted++] = fd;
	else if (fd >= 0)
		close(fd);
	return r < 0 ? err_errno(b->err, r, "mounting '%s' over itself", path) : 0;
}

static int hide(struct root_build *b, const char *path)
{
	int place = sys_inside_open(b->root_fd, path, O_PATH, SYS_INSIDE_NO_LINKS), fd;

	if (place < 0)
		return 0;
	close(place);
	fd = copy_device(b, b->root_fd, "dev/null");
	if (fd < 0)
		return fd;
	return root_attach(b, fd, path, ROOT_FILE, false);
}

static int attach_proc_and_sys(struct root_build *b)
{
	int r = 0;

	if (b->proc_fd >= 0) {
		r = root_attach(b, b->proc_fd, "/proc", ROOT_REAL_DIRECTORY, false);
		b->proc_fd = -1;
	}
	if (r == 0 && b->sys_fd >= 0) {
		r = root_attach(b, b->sys_fd, "/sys", ROOT_REAL_DIRECTORY, false);
		b->sys_fd = -1;
	}
	for (size_t i = 0; i < COUNT(read_only) && r == 0; i++)
		r = remount(b, read_only[i], SYS_MOUNT_RDONLY, 0);
	/* the node's own network, and its interfaces */
	if (r == 0)
		r = remount(b, "/proc/sys/net", 0, SYS_MOUNT_RDONLY);
	if (r == 0)
		r = remount(b, "/sys/devices/virtual/net", 0, SYS_MOUNT_RDONLY);
	if (r < 0)
		return r;
	r = sys_mount_set(b->root_fd, "sys", false, SYS_MOUNT_RDONLY, 0);
	return r < 0 ? err_errno(b->err, r, "making /sys read-only") : 0;
}

static int attach_devices(struct root_build *b)
{
	for (size_t i = 0; i < COUNT(devices); i++) {
		int fd = b->device_fds[i], r;
		char path[64];

		if (fd < 0)
			continue;
		snprintf(path, sizeof(path), "/dev/%s", devices[i]);
		b->device_fds[i] = -1;
		r = root_attach(b, fd, path, ROOT_FILE, false);
		if (r < 0)
			return r;
	}
	return 0;
}

static int attach_links(struct root_build *b)
{
	static const struct {
		const char *path, *target;
	} links[] = {
		{ "/dev/fd", "/proc/self/fd" },       { "/dev/stdin", "/proc/self/fd/0" },
		{ "/dev/stdout", "/proc/self/fd/1" }, { "/dev/stderr", "/proc/self/fd/2" },
		{ "/dev/ptmx", "pts/ptmx" },
	};

	for (size_t i = 0; i < COUNT(links); i++) {
		int r = sys_inside_symlink(b->root_fd, links[i].target, links[i].path);

		if (r < 0)
			return err_errno(b->err, r, "making '%s'", links[i].path);
	}
	return 0;
}

/** Terminals of the node's own. The group of terminals is number 5 on all distributions that have one; without root it may
 *  not be mapped. */
static int new_terminals(struct root_build *b)
{
	static const struct sys_mount_option options[] = {
		{ "newinstance", NULL }, { "ptmxmode", "0666" }, { "mode", "0620" }, { "gid", "5" }
	};
	const unsigned attrs = SYS_MOUNT_NOSUID | SYS_MOUNT_NOEXEC;
	int fd = sys_mount_new("devpts", options, COUNT(options), attrs, NULL);

	return fd == -EINVAL ? sys_mount_new("devpts", options, COUNT(options) - 1, attrs, b->err)
	       : fd < 0      ? err_errno(b->err, fd, "making terminals")
			     : fd;
}

static int attach_dev(struct root_build *b)
{
	static const struct sys_mount_option dev[] = { { "mode", "0755" } },
					     shm[] = { { "mode", "1777" } };
	/* a device that somebody makes there is none */
	int fd = sys_mount_new("tmpfs", dev, 1,
			       SYS_MOUNT_NOSUID | SYS_MOUNT_NODEV | SYS_MOUNT_NOEXEC, b->err),
	    r;

	r = fd < 0 ? fd : root_attach(b, fd, "/dev", ROOT_REAL_DIRECTORY, true);
	if (r == 0)
		r = attach_devices(b);
	if (r == 0)
		r = attach_links(b);
	if (r < 0)
		return r;
	fd = sys_mount_new("tmpfs", shm, 1, SYS_MOUNT_NOSUID | SYS_MOUNT_NODEV, b->err);
	r = fd < 0 ? fd : root_attach(b, fd, "/dev/shm", ROOT_DIRECTORY, true);
	if (r < 0)
		return r;
	fd = new_terminals(b);
	return fd < 0 ? fd : root_attach(b, fd, "/dev/pts", ROOT_DIRECTORY, false);
}

int root_kernel_attach(struct root_build *b)
{
	int r = attach_dev(b);

	if (r == 0)
		r = attach_proc_and_sys(b);
	for (size_t i = 0; i < COUNT(hidden) && r == 0; i++)
		r = hide(b, hidden[i]);
	return r;
}
