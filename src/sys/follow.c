/* SPDX-License-Identifier: MIT */
/*
 * Following files. The directories are watched, not the files: a file may be born later, and one watch tells of all
 * that are in it. The watch is set before the first read, so nothing falls between the two.
 */
#include "sys/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sys/proc.h"

struct file {
	const char *path;
	const char *base; /* last part of path */
	int fd;           /* -1 = not there yet */
	int watch;        /* of its directory */
	off_t at;         /* what comes next */
	size_t missing;   /* bytes that were gone, and of which fn has not heard */
};

struct follow {
	struct file *files;
	size_t n;
	int inotify, pidfd;
	sys_follow_fn *fn;
	void *ctx;
	struct netlab_err *err;
};

static void follow_deinit(struct follow *f)
{
	for (size_t i = 0; f->files && i < f->n; i++) {
		if (f->files[i].fd >= 0)
			(void)close(f->files[i].fd);
	}
	if (f->inotify >= 0)
		(void)close(f->inotify);
	if (f->pidfd >= 0)
		(void)close(f->pidfd);
	free(f->files);
}

static int open_file(struct follow *f, struct file *file)
{
	file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (file->fd >= 0 || errno == ENOENT)
		return 0;
	return err_errno(f->err, errno, "opening '%s'", file->path);
}

/*
 * What was read is right if it is still there: fronts only grow. @return whether it is; if not, what comes next is behind
 * what is gone
 */
static bool is_there(struct file *file)
{
	off_t data = lseek(file->fd, file->at, SEEK_DATA);

	if (data <= file->at) /* also < 0: nothing is ever gone in such a file system */
		return true;
	file->missing += (size_t)(data - file->at);
	file->at = data;
	return false;
}

/* After a gap: passes over the rest of a line. @return how many bytes */
static size_t find_line(const char *data, size_t len)
{
	const char *end = memchr(data, '\n', len);

	return end ? (size_t)(end - data) + 1 : len;
}

static int hand_over(struct follow *f, size_t i, const char *data, size_t len)
{
	struct file *file = &f->files[i];
	size_t skip = 0;
	int r = 0;

	if (file->missing > 0) {
		skip = find_line(data, len);
		file->missing += skip;
		if (data[skip - 1] == '\n') {
			r = f->fn(f->ctx, i, NULL, file->missing);
			file->missing = 0;
		}
	}
	if (r == 0 && skip < len)
		r = f->fn(f->ctx, i, data + skip, len - skip);
	return r;
}

/* Hands over what a file has more than before. */
static int drain(struct follow *f, size_t i)
{
	struct file *file = &f->files[i];
	char data[65536];
	int r = file->fd < 0 ? open_file(f, file) : 0;

	while (r == 0 && file->fd >= 0) {
		ssize_t n = pread(file->fd, data, sizeof(data), file->at);

		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(f->err, errno, "reading '%s'", file->path);
		if (!is_there(file))
			continue;
		file->at += n;
		r = hand_over(f, i, data, (size_t)n);
	}
	return r;
}

static int drain_all(struct follow *f)
{
	int r = 0;

	for (size_t i = 0; i < f->n && r == 0; i++)
		r = drain(f, i);
	return r;
}

static int watch_directories(struct follow *f)
{
	f->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (f->inotify < 0)
		return err_errno(f->err, errno, "asking for file notifications");
	for (size_t i = 0; i < f->n; i++) {
		_cleanup_free_ char *copy = strdup(f->files[i].path);

		if (!copy)
			return err_errno(f->err, ENOMEM, "following '%s'", f->files[i].path);
		/* the same directory gives the same watch */
		f->files[i].watch = inotify_add_watch(f->inotify, dirname(copy),
						      IN_MODIFY | IN_CREATE | IN_MOVED_TO);
		if (f->files[i].watch < 0)
			return err_errno(f->err, errno, "watching the directory of '%s'",
					 f->files[i].path);
	}
	return 0;
}

/* Reads the notifications that wait and drains the files that they name. */
static int on_notify(struct follow *f)
{
	_Alignas(struct inotify_event) char data[16384];
	ssize_t n = read(f->inotify, data, sizeof(data));
	const struct inotify_event *event;

	for (const char *p = data; n > 0 && p < data + n; p += sizeof(*event) + event->len) {
		event = (const struct inotify_event *)(const void *)p;
		if (event->mask & IN_Q_OVERFLOW)
			return drain_all(f);
		for (size_t i = 0; i < f->n; i++) {
			int r;

			if (f->files[i].watch != event->wd || event->len == 0 ||
			    strcmp(f->files[i].base, event->name) != 0)
				continue;
			r = drain(f, i);
			if (r)
				return r;
		}
	}
	return 0;
}

static int loop(struct follow *f, int out_fd)
{
	struct pollfd fds[] = {
		{ .fd = f->inotify, .events = POLLIN },
		{ .fd = f->pidfd, .events = POLLIN },
		{ .fd = out_fd, .events = 0 }, /* only POLLERR: the reader has gone */
	};

	for (;;) {
		int r;

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			return err_errno(f->err, errno, "waiting for file notifications");
		}
		if (fds[2].revents & (POLLERR | POLLNVAL))
			return 0;
		r = fds[0].revents ? on_notify(f) : 0;
		if (r)
			return r;
		if (fds[1].revents)
			return drain_all(f);
	}
}

int sys_follow(const char *const *paths, size_t n, pid_t until, int out_fd, sys_follow_fn *fn,
	       void *ctx, struct netlab_err *err)
{
	struct follow f = { .n = n, .inotify = -1, .pidfd = -1, .fn = fn, .ctx = ctx, .err = err };
	int r = 0;

	f.files = calloc(n ? n : 1, sizeof(*f.files));
	if (!f.files)
		return err_errno(err, ENOMEM, "following %zu files", n);
	for (size_t i = 0; i < n; i++) {
		const char *slash = strrchr(paths[i], '/');

		f.files[i] = (struct file){ .path = paths[i],
					    .base = slash ? slash + 1 : paths[i],
					    .fd = -1 };
	}
	if (until > 0) {
		f.pidfd = sys_pidfd_open(until);
		/* it has just ended: what is there is all there will be */
		if (f.pidfd < 0 && f.pidfd != -ESRCH)
			r = err_errno(err, f.pidfd, "watching process %d", (int)until);
		if (r == 0 && f.pidfd >= 0)
			r = watch_directories(&f);
	}
	if (r == 0)
		r = drain_all(&f);
	if (r == 0 && f.pidfd >= 0)
		r = loop(&f, out_fd);
	follow_deinit(&f);
	return r;
}
