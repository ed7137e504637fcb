/* SPDX-License-Identifier: MIT */
/* A lab's run directory: made, locked, swept. */
#include "lab/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sys/fs.h"
#include "sys/sock.h"

#define LOCK_NAME   "lock"
#define HOLDER_MARK "netlab process "
#define NEW_PREFIX  ".new-"

static void close_all(struct rundir *d)
{
	if (d->fd >= 0)
		close(d->fd);
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	if (d->state_fd >= 0)
		close(d->state_fd);
	d->fd = d->lock_fd = d->state_fd = -1;
}

void rundir_deinit(struct rundir *d)
{
	close_all(d);
	free(d->path);
	d->path = NULL;
}

/** Whether an open lock file is one of ours: a state directory may be a user's own place, with own things in it. */
static bool is_ours(int lock_fd)
{
	char text[sizeof(HOLDER_MARK)] = "";

	return pread(lock_fd, text, sizeof(text) - 1, 0) == sizeof(text) - 1 &&
	       strcmp(text, HOLDER_MARK) == 0;
}

/**
 * Takes the lock of an existing run directory.
 * @return 0 with lock_fd held; -EWOULDBLOCK: a live lab; -ENOENT: no such directory (any more), or not ours
 */
static int take_lock(int state_fd, const char *name, int *ret_dir_fd, int *ret_lock_fd)
{
	int dir_fd = sys_open_dir(state_fd, name), lock_fd, r;

	if (dir_fd < 0)
		return dir_fd == -ENOTDIR || dir_fd == -ELOOP ? -ENOENT : dir_fd;
	lock_fd = sys_open(dir_fd, LOCK_NAME, O_RDWR);
	if (lock_fd < 0) {
		close(dir_fd);
		return lock_fd;
	}
	r = is_ours(lock_fd) ? sys_try_lock(lock_fd) : -ENOENT;
	/* Between opening and locking, its holder may have removed the directory (and a new one may have been made):
	   then what we have locked is nobody's. */
	if (r == 0 && (!sys_is_same_file(dir_fd, state_fd, name) ||
		       !sys_is_same_file(lock_fd, dir_fd, LOCK_NAME)))
		r = -ENOENT;
	if (r < 0) {
		close(lock_fd);
		close(dir_fd);
		return r;
	}
	*ret_dir_fd = dir_fd;
	*ret_lock_fd = lock_fd;
	return 0;
}

/** Removes all but the lock. */
static void empty_locked(int dir_fd)
{
	char **entries;
	size_t n;

	if (sys_list_dir(dir_fd, &entries, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(entries[i], LOCK_NAME) != 0)
			(void)sys_remove_tree(dir_fd, entries[i]);
		free(entries[i]);
	}
	free(entries);
}

/** The lock goes last: whoever finds a directory with our lock in it knows what it is. */
static void remove_locked(int state_fd, const char *name, int dir_fd)
{
	empty_locked(dir_fd);
	(void)sys_remove_tree(state_fd, name);
}

static int name_holder(int state_fd, const char *name, struct netlab_err *err)
{
	char path[NAME_MAX + 16], holder[64] = "";

	snprintf(path, sizeof(path), "%s/" LOCK_NAME, name);
	if (sys_read_value(state_fd, path, holder, sizeof(holder)) <= 0)
		snprintf(holder, sizeof(holder), "a process that is just starting it");
	for (size_t n = strlen(holder); n > 0 && holder[n - 1] == ' '; n--)
		holder[n - 1] = '\0'; /* rundir_note_holder() pads */
	err_set(err, EEXIST, "lab '%s' is already running (held by %s)", name, holder);
	return err_hint(err, "stop it with `netlab down %s`, or give this one another --name",
			name);
}

/** Makes a directory with a held lock and logs/ in it under a name that nobody looks at. */
static int prepare(struct rundir *d, const char *temporary)
{
	int r = sys_mkdir(d->state_fd, temporary);

	if (r < 0)
		return r;
	d->fd = sys_open_dir(d->state_fd, temporary);
	if (d->fd < 0)
		return d->fd;
	d->lock_fd = sys_open(d->fd, LOCK_NAME, O_RDWR | O_CREAT | O_EXCL);
	if (d->lock_fd < 0)
		return d->lock_fd;
	r = sys_try_lock(d->lock_fd);
	if (r == 0)
		r = rundir_note_holder(d, getpid());
	return r < 0 ? r : sys_mkdir(d->fd, RUNDIR_LOGS);
}

/** Gives it its name; a dead lab of that name is swept first. @return 0; -EEXIST: a live one; ... */
static int publish(struct rundir *d, const char *temporary, const char *name)
{
	for (;;) {
		int r = sys_rename_new(d->state_fd, temporary, name), dir_fd, lock_fd;

		if (r != -EEXIST)
			return r;
		r = take_lock(d->state_fd, name, &dir_fd, &lock_fd);
		if (r == -EWOULDBLOCK)
			return -EEXIST;
		if (r < 0 && r != -ENOENT)
			return r;
		if (r == -ENOENT && sys_dir_exists(d->state_fd, name))
			return -ENOTEMPTY; /* there, but not made by netlab */
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
	char temporary[NAME_MAX + 1];
	int r;

	snprintf(temporary, sizeof(temporary), NEW_PREFIX "%d-%s", (int)getpid(), name);
	d.state_fd = sys_open_dir(AT_FDCWD, state_dir);
	if (d.state_fd < 0)
		return err_errno(err, d.state_fd, "opening the state directory '%s'", state_dir);
	if (asprintf(&d.path, "%s/%s", state_dir, name) < 0) {
		d.path = NULL;
		r = err_set(err, ENOMEM, "out of memory");
		goto fail;
	}
	r = prepare(&d, temporary);
	if (r == 0)
		r = publish(&d, temporary, name);
	if (r == 0) {
		*ret = d;
		return 0;
	}
	if (r == -EEXIST) {
		name_holder(d.state_fd, name, err);
	} else {
		err_errno(err, r, "making the run directory '%s'", d.path);
		if (r == -ENOSPC || r == -EDQUOT)
			err_hint(err, "make room there, or use another place with --state-dir");
		else if (r == -ENOTEMPTY)
			err_hint(
				err,
				"it was not made by netlab: remove it, or use another --state-dir");
	}
	(void)sys_remove_tree(d.state_fd, temporary);
fail:
	rundir_deinit(&d);
	return r;
}

void rundir_remove(struct rundir *d, const char *name)
{
	if (d->fd >= 0)
		remove_locked(d->state_fd, name, d->fd);
}

int rundir_note_holder(const struct rundir *d, pid_t pid)
{
	char text[48];
	/* padded: written over in place, so that there is no moment without the mark */
	int n = snprintf(text, sizeof(text), HOLDER_MARK "%-10d\n", (int)pid);
	ssize_t wrote = pwrite(d->lock_fd, text, (size_t)n, 0);

	return wrote == n ? 0 : wrote < 0 ? -errno : -ENOSPC;
}

int rundir_check(const char *state_dir, const char *name)
{
	int state_fd = sys_open_dir(AT_FDCWD, state_dir), dir_fd, lock_fd, r;

	if (state_fd < 0)
		return state_fd == -ENOENT ? RUNDIR_NONE : state_fd;
	r = take_lock(state_fd, name, &dir_fd, &lock_fd);
	if (r == 0) {
		remove_locked(state_fd, name, dir_fd);
		close(lock_fd);
		close(dir_fd);
		r = RUNDIR_DEAD;
	} else if (r == -EWOULDBLOCK) {
		r = RUNDIR_LIVE;
	} else if (r == -ENOENT) {
		/* made by a process that died before it could lock it: goes when it is empty */
		if (strncmp(name, NEW_PREFIX, strlen(NEW_PREFIX)) == 0)
			(void)sys_rmdir(state_fd, name);
		r = RUNDIR_NONE;
	}
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
