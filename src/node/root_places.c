/* SPDX-License-Identifier: MIT */
/* The places of a file tree that are a node's own, so that two nodes that run the same daemon never meet; and what of the
   lab itself is in sight there. */
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

enum {
	/* of directories that daemons expect to find, e.g. /run/sshd; more than this nobody meant */
	DIRECTORIES_MAX = 200,
	DIRECTORIES_DEPTH = 2,
};

static const struct {
	const char *path, *mode;
	bool directories; /**< begins with the directories, but no file, of what it covers */
	bool always;      /**< also of a root of the node's own, where all is private anyway */
} places[] = {
	{ "/run", "0755", true, true },
	{ "/tmp", "1777", false, true },
	{ "/var/tmp", "1777", false, false },
	{ "/var/log", "0755", true, false },
};

/* What says of the host that it runs systemd, or belongs to the host's own users and containers. */
static const char *const not_the_nodes[] = { "systemd", "user",       "netlab", "netns",
					     "docker",  "containerd", "udev",   NULL };

const char *const root_names[ROOT_NAMES] = { "/etc/hosts", "/etc/resolv.conf",
					     "/etc/nsswitch.conf" };

/* --- before --- */

/** @return whether a directory would be covered by one of the places */
static bool is_covered(const char *path)
{
	static const char *const more[] = { "/dev/shm" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) + 1; i++) {
		const char *place = i < sizeof(places) / sizeof(places[0]) ? places[i].path
									   : more[0];
		size_t len = strlen(place);

		if (strncmp(path, place, len) == 0 && path[len] == '/' && path[len + 1])
			return true;
	}
	return false;
}

/** Whether two paths of directories are the same but for a slash at the end. */
static bool is_same(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	n -= n > 1 && a[n - 1] == '/';
	m -= m > 1 && b[m - 1] == '/';
	return n == m && memcmp(a, b, n) == 0;
}

static bool is_gathered(const struct root_build *b, unsigned n, const char *path)
{
	for (unsigned i = 0; i < n; i++) {
		if (is_same(b->caller_paths[i], path))
			return true;
	}
	return false;
}

/** The caller's directory and the topology's stay in sight, for reading, also where they are below /tmp. The topology's is
 *  known by the path that was given, with symbolic links that may lead to a place that is covered, and by its own. */
static int gather_callers(struct root_build *b)
{
	const char *given = b->boot->plan->topo->dir;
	const char *paths[ROOT_CALLERS_MAX] = { b->boot->caller_dir, NULL, given };
	unsigned n = 0;

	if (given)
		paths[1] = b->topology_dir = realpath(given, NULL);
	for (size_t i = 0; i < ROOT_CALLERS_MAX; i++) {
		int fd, r;

		if (!paths[i] || !is_covered(paths[i]) || is_gathered(b, n, paths[i]))
			continue;
		fd = sys_mount_copy(AT_FDCWD, paths[i], true);
		if (fd == -ENOENT || fd == -EACCES)
			continue; /* it is gone, or not for us: nobody can miss it */
		r = fd < 0 ? fd
			   : sys_mount_set(fd, "", true, SYS_MOUNT_RDONLY | SYS_MOUNT_NODEV, 0);
		if (fd >= 0) {
			b->caller_paths[n] = paths[i];
			b->caller_fds[n++] = fd;
		}
		if (r < 0)
			return err_errno(b->err, r, "copying the mount of '%s'", paths[i]);
	}
	return 0;
}

/** An overlay above a directory of the host's; where this kernel, or what the host's tree is on, allows none, the
 *  directory stays for reading. */
static int gather_overlay(struct root_build *b, const char *path, int *ret)
{
	int lower = sys_inside_open(b->root_fd, path, O_PATH | O_DIRECTORY, 0);

	if (lower == -ENOENT)
		return 0;
	if (lower < 0)
		return err_errno(b->err, lower, "opening '%s'", path);
	*ret = root_overlay(b, lower, path);
	close(lower);
	if (*ret >= 0)
		return 0;
	if (*ret == -ENODEV || *ret == -EINVAL || *ret == -EOPNOTSUPP) {
		*ret = -1;
		*b->err = (struct netlab_err){ 0 };
		return 0;
	}
	return err_wrap(b->err, "overlay of '%s'", path);
}

/** The lab's hosts file and its like, which are mounted over the host's by now (lab/names.h, node/names.h). */
static int gather_names(struct root_build *b)
{
	int etc = sys_inside_open(b->root_fd, "/etc", O_PATH | O_DIRECTORY, 0), r = 0;

	for (size_t i = 0; i < ROOT_NAMES && etc >= 0 && r == 0; i++) {
		int fd = sys_inside_open(b->root_fd, root_names[i], O_PATH, 0);

		if (fd >= 0 && sys_mount_id(fd) != sys_mount_id(etc)) {
			b->name_fds[i] = sys_mount_copy(fd, "", false);
			if (b->name_fds[i] < 0)
				r = err_errno(b->err, b->name_fds[i], "copying the mount of '%s'",
					      root_names[i]);
		}
		if (fd >= 0)
			close(fd);
	}
	if (etc >= 0)
		close(etc);
	return r;
}

int root_places_gather(struct root_build *b)
{
	int r = gather_names(b);

	if (r < 0 || b->tree->rootfs)
		return r;
	r = gather_callers(b);
	if (r == 0)
		r = gather_overlay(b, "/etc", &b->etc_fd);
	if (r == 0)
		r = gather_overlay(b, "/var", &b->var_fd);
	return r;
}

/* --- after --- */

static int attach_tmpfs(struct root_build *b, size_t i)
{
	struct sys_mount_option mode = { "mode", places[i].mode };
	int old = sys_inside_open(b->root_fd, places[i].path, O_RDONLY | O_DIRECTORY, 0), fd, r = 0;

	if (old == -ENOENT && !b->tree->rootfs)
		return 0; /* a host without it has no use for it */
	fd = sys_mount_new("tmpfs", &mode, 1, SYS_MOUNT_NODEV | SYS_MOUNT_NOSUID, b->err);
	if (fd >= 0 && old >= 0 && places[i].directories) {
		unsigned room = DIRECTORIES_MAX;

		r = sys_copy_directories(old, fd, DIRECTORIES_DEPTH, not_the_nodes, &room);
		if (r < 0)
			(void)err_errno(b->err, r, "copying directories");
	}
	if (old >= 0)
		close(old);
	if (fd >= 0 && r == 0)
		r = root_attach(b, fd, places[i].path, ROOT_DIRECTORY, true);
	else if (fd >= 0)
		close(fd);
	return fd < 0 || r < 0 ? err_wrap(b->err, "the node's own '%s'", places[i].path) : 0;
}

/** Where /var/run is no link to /run, it is /run all the same. */
static int attach_var_run(struct root_build *b)
{
	int run = sys_inside_open(b->root_fd, "/run", O_PATH | O_DIRECTORY, 0),
	    var_run = sys_inside_open(b->root_fd, "/var/run", O_PATH | O_DIRECTORY, 0), fd, r = 0;
	struct stat a, c;

	if (run >= 0 && var_run >= 0 && fstat(run, &a) == 0 && fstat(var_run, &c) == 0 &&
	    (a.st_dev != c.st_dev || a.st_ino != c.st_ino)) {
		fd = sys_mount_copy(run, "", false);
		r = fd < 0 ? err_errno(b->err, fd, "copying the mount of '/run'")
			   : root_attach(b, fd, "/var/run", ROOT_DIRECTORY, true);
	}
	if (run >= 0)
		close(run);
	if (var_run >= 0)
		close(var_run);
	return r;
}

/** Takes a descriptor out of the build. */
static int take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static bool gives_file(const struct topo_tree *t, const char *path)
{
	for (size_t i = 0; i < t->n_files; i++) {
		if (strcmp(t->files[i].path, path) == 0)
			return true;
	}
	return false;
}

/** A file about names goes where the host's was. That is often a link to somewhere in /run, which is empty here: in a
 *  directory of the node's own it is replaced. */
static int attach_name(struct root_build *b, size_t i)
{
	int parent, fd;

	if (b->name_fds[i] < 0 || gives_file(b->tree, root_names[i]))
		return 0;
	if (!b->tree->rootfs && !b->has_etc)
		return 0; /* it is still mounted there */
	if (!b->tree->writable) {
		fd = sys_inside_create(b->root_fd, root_names[i], &parent);
		if (parent >= 0)
			close(parent);
		if (fd < 0)
			return root_path_error(b, fd, "making the file", root_names[i]);
		close(fd);
	}
	return root_attach(b, take(&b->name_fds[i]), root_names[i], ROOT_FILE, false);
}

/** Where /etc is the node's own it tells its name, too. */
static int write_hostname(struct root_build *b)
{
	static const char path[] = "/etc/hostname";
	char text[80];
	int parent, fd, r;

	if (gives_file(b->tree, path) || (b->tree->rootfs ? b->tree->writable : !b->has_etc))
		return 0;
	fd = sys_inside_create(b->root_fd, path, &parent);
	if (parent >= 0)
		close(parent);
	if (fd < 0)
		return root_path_error(b, fd, "making the file", path);
	snprintf(text, sizeof(text), "%s\n", b->topo->hostname);
	r = sys_write_all(fd, text, strlen(text));
	if (r == 0)
		r = sys_dress(fd, (uid_t)-1, (gid_t)-1, 0644);
	close(fd);
	return r < 0 ? err_errno(b->err, r, "writing '%s'", path) : 0;
}

/** The lab's own directory, with the socket that controls the lab, is nothing for its nodes. */
static int hide_lab(struct root_build *b)
{
	static const struct sys_mount_option options[] = { { "mode", "0555" }, { "size", "4096" } };
	int place = sys_inside_open(b->root_fd, b->boot->state_dir, O_PATH | O_DIRECTORY, 0), fd;

	if (place < 0)
		return 0; /* out of sight already */
	close(place);
	fd = sys_mount_new("tmpfs", options, 2,
			   SYS_MOUNT_RDONLY | SYS_MOUNT_NODEV | SYS_MOUNT_NOSUID, b->err);
	return fd < 0 ? fd : root_attach(b, fd, b->boot->state_dir, ROOT_DIRECTORY, false);
}

/** Where a directory of the caller's was: nothing to do if a link leads there, now that its end is attached. */
static int attach_caller(struct root_build *b, unsigned i)
{
	const char *path = b->caller_paths[i];
	int there = sys_inside_open(b->root_fd, path, O_PATH | O_DIRECTORY, 0);

	if (there < 0)
		return root_attach(b, take(&b->caller_fds[i]), path, ROOT_DIRECTORY, false);
	close(there);
	return 0;
}

int root_places_attach(struct root_build *b)
{
	int r = 0;

	b->has_etc = b->etc_fd >= 0;
	if (b->has_etc)
		r = root_attach(b, take(&b->etc_fd), "/etc", ROOT_DIRECTORY, true);
	if (r == 0 && b->var_fd >= 0)
		r = root_attach(b, take(&b->var_fd), "/var", ROOT_DIRECTORY, true);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && r == 0; i++) {
		if (places[i].always || !b->tree->rootfs)
			r = attach_tmpfs(b, i);
	}
	if (r == 0)
		r = attach_var_run(b);
	for (unsigned i = 0; i < ROOT_CALLERS_MAX && r == 0; i++) {
		if (b->caller_fds[i] >= 0)
			r = attach_caller(b, i);
	}
	if (r == 0 && !b->tree->rootfs)
		r = hide_lab(b);
	for (size_t i = 0; i < ROOT_NAMES && r == 0; i++)
		r = attach_name(b, i);
	return r < 0 ? r : write_hostname(b);
}
