/* SPDX-License-Identifier: MIT */
/* A lab's run directory: made, locked, swept. */
#include "lab/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "lab/netns_names.h"
#include "sys/cgroup.h"
#include "sys/fs.h"
#include "sys/proc.h"
#include "sys/sock.h"

#define LOCK_NAME   "lock"
#define HOLDER_MARK "netlab process "
/* Directories that are being made and unmade: no lab's name starts with a dot. */
#define NEW_PREFIX ".new-"
#define OLD_PREFIX ".old-"

enum {
	/* A sweeper may take a directory that is just being made for one that its maker left behind. */
	MAKE_ATTEMPTS = 100,
	HOLDER_BYTES = 64,
	ENDING_PATIENCE_MS = 10000,
};

static void close_dir(struct rundir *d)
{
	if (d->fd >= 0)
		close(d->fd);
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	d->fd = d->lock_fd = -1;
}

void rundir_deinit(struct rundir *d)
{
	close_dir(d);
	if (d->state_fd >= 0)
		close(d->state_fd);
	d->state_fd = -1;
	free(d->path);
	d->path = NULL;
}

static bool is_hidden(const char *name)
{
	return strncmp(name, NEW_PREFIX, strlen(NEW_PREFIX)) == 0 ||
	       strncmp(name, OLD_PREFIX, strlen(OLD_PREFIX)) == 0;
}

/** Whether an open lock file is one of ours: a state directory may be a user's own place, with own things in it. One
 *  whose maker died before it wrote is empty, in a directory that only we would name so. */
static bool is_ours(int lock_fd, const char *dir_name)
{
	char text[sizeof(HOLDER_MARK)] = "";
	ssize_t n = pread(lock_fd, text, sizeof(text) - 1, 0);

	return (n == 0 && is_hidden(dir_name)) ||
	       (n == sizeof(text) - 1 && strcmp(text, HOLDER_MARK) == 0);
}

/** Whether what is open is what the names lead to, and not the removed one of somebody else. */
static bool is_in_place(int state_fd, const char *name, int dir_fd, int lock_fd)
{
	return sys_is_same_file(dir_fd, state_fd, name) &&
	       sys_is_same_file(lock_fd, dir_fd, LOCK_NAME);
}

/**
 * Takes the lock of an existing run directory.
 * @return 0 with lock_fd held; -EWOULDBLOCK: a live lab; -ENOENT: no such directory (any more); -ENODATA: not one of
 *         ours
 */
static int take_lock(int state_fd, const char *name, int *ret_dir_fd, int *ret_lock_fd)
{
	int dir_fd = sys_open_dir(state_fd, name), lock_fd, r;

	if (dir_fd < 0)
		return dir_fd == -ENOTDIR || dir_fd == -ELOOP ? -ENODATA : dir_fd;
	lock_fd = sys_open(dir_fd, LOCK_NAME, O_RDWR);
	if (lock_fd < 0) {
		r = lock_fd == -ENOENT ? -ENODATA : lock_fd;
	} else {
		r = is_ours(lock_fd, name) ? sys_try_lock(lock_fd) : -ENODATA;
	}
	/* Meanwhile its holder may have removed the directory (and a new one may have been made): then what we have
	   opened, or even locked, is nobody's. */
	if ((r == 0 && !is_in_place(state_fd, name, dir_fd, lock_fd)) ||
	    (r == -ENODATA && !sys_is_same_file(dir_fd, state_fd, name)))
		r = -ENOENT;
	if (r < 0) {
		if (lock_fd >= 0)
			close(lock_fd);
		close(dir_fd);
		return r;
	}
	*ret_dir_fd = dir_fd;
	*ret_lock_fd = lock_fd;
	return 0;
}

/* --- cgroups --- */

/** A line of what the lab recorded: a directory that only a lab can have made. */
static bool is_cgroup_of_ours(const char *path)
{
	const char *name = strrchr(path, '/');

	return path[0] == '/' && name && !strstr(path, "/../") &&
	       strncmp(name + 1, RUNDIR_CGROUP_PREFIX, strlen(RUNDIR_CGROUP_PREFIX)) == 0;
}

/** Thaws a lab's cgroups, or removes them. @return 0; negative errno: some are left */
static int each_cgroup(int dir_fd, bool remove)
{
	enum { RECORD_BYTES = 64 * 1024 };
	_cleanup_free_ char *text = malloc(RECORD_BYTES);
	ssize_t n = text ? sys_read_value(dir_fd, RUNDIR_CGROUPS, text, RECORD_BYTES) : -ENOMEM;
	char *save = NULL;
	int r = 0;

	if (n < 0)
		return n == -ENOENT ? 0 : (int)n;
	for (char *path = strtok_r(text, "\n", &save); path; path = strtok_r(NULL, "\n", &save)) {
		int one;

		if (!is_cgroup_of_ours(path))
			continue;
		sys_cgroup_thaw_below(path);
		one = remove ? sys_cgroup_remove(path) : 0;
		r = one < 0 ? one : r;
	}
	return r;
}

void rundir_thaw(const char *state_dir, const char *name)
{
	int state_fd = sys_open_dir(AT_FDCWD, state_dir);
	int dir_fd = state_fd < 0 ? -1 : sys_open_dir(state_fd, name);

	if (dir_fd >= 0) {
		(void)each_cgroup(dir_fd, false);
		close(dir_fd);
	}
	if (state_fd >= 0)
		close(state_fd);
}

/* --- sweeping --- */

/** Removes all but the lock and, where it is still needed, the record of cgroups. */
static void empty_locked(int dir_fd, bool keep_cgroups)
{
	char **entries;
	size_t n;

	netns_names_sweep(dir_fd);
	if (sys_list_dir(dir_fd, &entries, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(entries[i], LOCK_NAME) != 0 &&
		    !(keep_cgroups && strcmp(entries[i], RUNDIR_CGROUPS) == 0))
			(void)sys_remove_tree(dir_fd, entries[i]);
		free(entries[i]);
	}
	free(entries);
}

void rundir_empty(struct rundir *d)
{
	empty_locked(d->fd, true);
}

/** The name is free at once, whole; and the lock goes last: whoever finds a directory with our lock in it knows what
 *  it is. Where cgroups cannot be removed yet (the last of their processes are dying), all is left to the next sweep. */
static void remove_locked(int state_fd, const char *name, int dir_fd)
{
	char old[NAME_MAX + 1];

	snprintf(old, sizeof(old), OLD_PREFIX "%d-%s", (int)getpid(), name);
	if (!is_hidden(name) && sys_rename_new(state_fd, name, old) == 0)
		name = old;
	if (each_cgroup(dir_fd, true) < 0)
		return;
	empty_locked(dir_fd, false);
	(void)sys_remove_tree(state_fd, name);
}

/** Reads who holds the lock. @return 0; negative errno */
static int read_holder(int state_fd, const char *name, char ret[static HOLDER_BYTES])
{
	char path[NAME_MAX + 16];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/" LOCK_NAME, name);
	n = sys_read_value(state_fd, path, ret, HOLDER_BYTES);
	return n < 0 ? (int)n : n == 0 ? -ENODATA : 0;
}

/** @return a pidfd of the process that holds (or held) the lock, if it is still there; -ESRCH */
static int open_holder(int state_fd, const char *name, pid_t *ret_pid)
{
	char text[HOLDER_BYTES];
	uint64_t then = 0, now;
	int pid, pidfd;

	*ret_pid = 0;
	/* the pid may be another process's by now: what it says about its start decides */
	if (read_holder(state_fd, name, text) < 0 ||
	    sscanf(text, HOLDER_MARK "%d started %" SCNu64, &pid, &then) != 2)
		return -ESRCH;
	pidfd = sys_pidfd_open(pid);
	if (pidfd < 0)
		return pidfd == -EINVAL ? -ESRCH : pidfd;
	if (sys_start_time(AT_FDCWD, pid, &now) < 0 || now != then) {
		close(pidfd);
		return -ESRCH;
	}
	*ret_pid = pid;
	return pidfd;
}

/**
 * Of a directory whose lock is held: whether its holder is being killed. Its files are closed one after the other, and a
 * socket may take the kernel 10 ms.
 * @param[in] patience_ms  waits so long for its end
 */
static bool is_ending(int state_fd, const char *name, int patience_ms)
{
	pid_t pid;
	int pidfd = open_holder(state_fd, name, &pid);
	bool ending = pidfd >= 0 && sys_is_exiting(pid);

	if (ending && patience_ms > 0)
		ending = sys_wait_readable(pidfd, patience_ms) == 0;
	if (pidfd >= 0)
		close(pidfd);
	return ending;
}

static int name_holder(int state_fd, const char *name, struct netlab_err *err)
{
	char text[HOLDER_BYTES];
	int pid;

	if (read_holder(state_fd, name, text) == 0 && sscanf(text, HOLDER_MARK "%d", &pid) == 1)
		err_set(err, EEXIST, "lab '%s' is already running (held by " HOLDER_MARK "%d)",
			name, pid);
	else
		err_set(err, EEXIST, "lab '%s' is already running", name);
	return err_hint(err, "stop it with `netlab down %s`, or give this one another --name",
			name);
}

/** Makes a directory with a held lock and logs/ in it under a name that nobody looks at. @return 0; -ESTALE: a sweeper
 *  took it away meanwhile (what is left of it is the sweeper's); ... */
static int prepare(struct rundir *d, const char *temporary)
{
	int r = sys_mkdir(d->state_fd, temporary);

	if (r < 0)
		return r == -EEXIST ? -ESTALE : r;
	d->fd = sys_open_dir(d->state_fd, temporary);
	if (d->fd < 0)
		return d->fd == -ENOENT ? -ESTALE : d->fd;
	d->lock_fd = sys_open(d->fd, LOCK_NAME, O_RDWR | O_CREAT | O_EXCL);
	if (d->lock_fd < 0)
		return d->lock_fd == -ENOENT ? -ESTALE : d->lock_fd;
	r = sys_try_lock(d->lock_fd);
	if (r == -EWOULDBLOCK || !is_in_place(d->state_fd, temporary, d->fd, d->lock_fd))
		return -ESTALE;
	if (r == 0)
		r = rundir_note_holder(d, AT_FDCWD, getpid());
	return r < 0 ? r : sys_mkdir(d->fd, RUNDIR_LOGS);
}

/** Prepares under the first of many names with which that works. */
static int prepare_somewhere(struct rundir *d, const char *name, char ret[static NAME_MAX + 1])
{
	for (unsigned i = 0; i < MAKE_ATTEMPTS; i++) {
		int r;

		snprintf(ret, NAME_MAX + 1, NEW_PREFIX "%d.%u-%s", (int)getpid(), i, name);
		r = prepare(d, ret);
		if (r == 0)
			return 0;
		if (r != -ESTALE) {
			(void)sys_remove_tree(d->state_fd, ret);
			return r;
		}
		close_dir(d);
	}
	return -EBUSY;
}

/** Gives it its name; a dead lab of that name is swept first. @return 0; -EEXIST: a live one; ... */
static int publish(struct rundir *d, const char *temporary, const char *name)
{
	for (;;) {
		int r = sys_rename_new(d->state_fd, temporary, name), dir_fd, lock_fd;

		if (r != -EEXIST)
			return r;
		r = take_lock(d->state_fd, name, &dir_fd, &lock_fd);
		if (r == -EWOULDBLOCK) {
			if (!is_ending(d->state_fd, name, ENDING_PATIENCE_MS))
				return -EEXIST;
			continue;
		}
		if (r == -ENODATA)
			return -ENOTEMPTY; /* there, but not made by netlab */
		if (r < 0 && r != -ENOENT)
			return r;
		if (r == 0) {
			remove_locked(d->state_fd, name, dir_fd);
			close(lock_fd);
			close(dir_fd);
		}
	}
}

int rundir_create(const char *state_dir, const char *name, struct rundir *ret,
		  struct netlab_err *err)
{
	struct rundir d = { .state_fd = -1, .fd = -1, .lock_fd = -1 };
	_cleanup_free_ char *absolute = NULL;
	char temporary[NAME_MAX + 1];
	int r;

	d.state_fd = sys_open_dir(AT_FDCWD, state_dir);
	if (d.state_fd < 0)
		return err_errno(err, d.state_fd, "opening the state directory '%s'", state_dir);
	/* absolute: the supervisor has another working directory */
	absolute = realpath(state_dir, NULL);
	if (!absolute) {
		r = err_errno(err, errno, "state directory '%s'", state_dir);
		goto fail;
	}
	if (asprintf(&d.path, "%s/%s", absolute, name) < 0) {
		d.path = NULL;
		r = err_set(err, ENOMEM, "out of memory");
		goto fail;
	}
	r = prepare_somewhere(&d, name, temporary);
	if (r == 0) {
		r = publish(&d, temporary, name);
		if (r == 0) {
			*ret = d;
			return 0;
		}
		(void)sys_remove_tree(d.state_fd, temporary);
	}
	if (r == -EEXIST) {
		name_holder(d.state_fd, name, err);
		goto fail;
	}
	err_errno(err, r, "making the run directory '%s'", d.path);
	if (r == -ENOSPC || r == -EDQUOT)
		err_hint(err, "make room there, or use another place with --state-dir");
	else if (r == -ENOTEMPTY)
		err_hint(err, "it was not made by netlab: remove it, or use another --state-dir");
fail:
	rundir_deinit(&d);
	return r;
}

void rundir_remove(struct rundir *d, const char *name)
{
	if (d->fd >= 0)
		remove_locked(d->state_fd, name, d->fd);
}

int rundir_note_holder(const struct rundir *d, int proc_fd, pid_t pid)
{
	char text[HOLDER_BYTES];
	uint64_t start;
	ssize_t wrote;
	int n, r = sys_start_time(proc_fd, pid, &start);

	if (r < 0)
		return r;
	/* padded: written over in place, so that there is no moment without the mark */
	n = snprintf(text, sizeof(text), HOLDER_MARK "%-10d started %-20" PRIu64 "\n", (int)pid,
		     start);
	wrote = pwrite(d->lock_fd, text, (size_t)n, 0);
	return wrote == n ? 0 : wrote < 0 ? -errno : -ENOSPC;
}

/** Of a directory whose lock is free: whether its lab is gone to the last process. The lock falls when the supervisor
 *  closes its files, and only then does the kernel kill the nodes. */
static bool is_gone(int state_fd, const char *name)
{
	pid_t pid;
	int pidfd = open_holder(state_fd, name, &pid);
	bool gone = pidfd == -ESRCH || (pidfd >= 0 && sys_wait_readable(pidfd, 0) == 0);

	if (pidfd >= 0)
		close(pidfd);
	return gone;
}

int rundir_check(const char *state_dir, const char *name)
{
	int state_fd = sys_open_dir(AT_FDCWD, state_dir), dir_fd, lock_fd, r;

	if (state_fd < 0)
		return state_fd == -ENOENT ? RUNDIR_NONE : state_fd;
	r = take_lock(state_fd, name, &dir_fd, &lock_fd);
	if (r == 0) {
		/* what is frozen may not be able to die */
		(void)each_cgroup(dir_fd, false);
		r = is_gone(state_fd, name) ? RUNDIR_DEAD : RUNDIR_ENDING;
		if (r == RUNDIR_DEAD)
			remove_locked(state_fd, name, dir_fd);
		close(lock_fd);
		close(dir_fd);
	} else if (r == -EWOULDBLOCK) {
		r = is_ending(state_fd, name, 0) ? RUNDIR_ENDING : RUNDIR_LIVE;
	} else if (r == -ENOENT || r == -ENODATA) {
		/* made, or unmade, by a process that died over it: goes when it is empty */
		if (is_hidden(name))
			(void)sys_rmdir(state_fd, name);
		r = RUNDIR_NONE;
	}
	close(state_fd);
	return r;
}

int rundir_open_holder(const char *state_dir, const char *name)
{
	int state_fd = sys_open_dir(AT_FDCWD, state_dir), r;
	pid_t pid;

	if (state_fd < 0)
		return state_fd == -ENOENT ? -ESRCH : state_fd;
	r = open_holder(state_fd, name, &pid);
	close(state_fd);
	return r;
}

int rundir_connect(const char *state_dir, const char *name)
{
	int state_fd = sys_open_dir(AT_FDCWD, state_dir), dir_fd, fd;
	char path[64];

	if (state_fd < 0)
		return state_fd;
	dir_fd = sys_open_dir(state_fd, name);
	close(state_fd);
	if (dir_fd < 0)
		return dir_fd;
	/* by descriptor: a path may be longer than the 107 bytes of sun_path */
	snprintf(path, sizeof(path), "/proc/self/fd/%d/" RUNDIR_CONTROL, dir_fd);
	fd = sys_sock_connect(path);
	close(dir_fd);
	return fd == -ENOENT ? -ECONNREFUSED : fd;
}
