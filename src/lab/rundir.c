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

#define LOCK_NAME "lock"

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

/**
 * Takes the lock of an existing run directory.
 * @return 0 with lock_fd held; -EWOULDBLOCK: a live lab; -ENOENT: no such directory (any more)
 */
static int take_lock(int state_fd, const char *name, int *ret_dir_fd, int *ret_lock_fd)
{
	int dir_fd = sys_open_dir(state_fd, name), lock_fd, r;

	if (dir_fd < 0)
		return dir_fd;
	lock_fd = sys_open(dir_fd, LOCK_NAME, O_RDWR | O_CREAT);
	if (lock_fd < 0) {
		close(dir_fd);
		return lock_fd;
	}
	r = sys_try_lock(lock_fd);
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

/** The lock goes last, so that a directory without a lock file is an empty one. */
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
	err_set(err, EEXIST, "lab '%s' is already running (held by %s)", name, holder);
	return err_hint(err, "stop it with `netlab down %s`, or give this one another --name", name);
}

int rundir_create(const char *state_dir, const char *name, struct rundir *ret, struct netlab_err *err)
{
	struct rundir d = { .state_fd = -1, .fd = -1, .lock_fd = -1 };
	int r;

	d.state_fd = sys_open_dir(AT_FDCWD, state_dir);
	if (d.state_fd < 0)
		return err_errno(err, d.state_fd, "opening the state directory '%s'", state_dir);
	if (asprintf(&d.path, "%s/%s", state_dir, name) < 0) {
		d.path = NULL;
		r = err_set(err, ENOMEM, "out of memory");
		goto fail;
	}
	for (;;) {
		r = sys_mkdir(d.state_fd, name);
		if (r < 0 && r != -EEXIST) {
			err_errno(err, r, "making the run directory '%s'", d.path);
			goto fail;
		}
		r = take_lock(d.state_fd, name, &d.fd, &d.lock_fd);
		if (r == 0)
			break;
		if (r == -EWOULDBLOCK) {
			r = name_holder(d.state_fd, name, err);
			goto fail;
		}
		if (r != -ENOENT) { /* it went away between the two: make it again */
			err_errno(err, r, "locking the run directory '%s'", d.path);
			goto fail;
		}
	}
	empty_locked(d.fd); /* what a lab that died here left behind */
	r = rundir_note_holder(&d, getpid());
	if (r == 0)
		r = sys_mkdir(d.fd, RUNDIR_LOGS);
	if (r < 0) {
		err_errno(err, r, "writing to the run directory '%s'", d.path);
		remove_locked(d.state_fd, name, d.fd);
		goto fail;
	}
	*ret = d;
	return 0;
fail:
	if (r == -ENOSPC)
		err_hint(err, "make room there, or use another place with --state-dir");
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
	char text[32];
	int n = snprintf(text, sizeof(text), "process %d\n", (int)pid);

	if (ftruncate(d->lock_fd, 0) < 0 || pwrite(d->lock_fd, text, (size_t)n, 0) != n)
		return errno ? -errno : -EIO;
	return 0;
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
	} else if (r == -ENOENT || r == -ENOTDIR) {
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
