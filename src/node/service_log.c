/* SPDX-License-Identifier: MIT */
/* What a service writes, on its way into its log. */
#include "node/service_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/fs.h"

enum {
	READ_BYTES = 16 * 1024,
	READS_AT_ONCE = 16,
	WRITE_BYTES = 16 * 1024,
	DROP_STEP_BYTES = 64 * 1024, /* sys_drop_front() */
};

const char *service_log_path(const char *node, const char *service,
			     char ret[static SERVICE_LOG_PATH_BYTES])
{
	(void)snprintf(ret, SERVICE_LOG_PATH_BYTES, "%s/%s.log", node, service);
	return ret;
}

void service_log_stamp(uint64_t realtime_ns, char ret[static SERVICE_STAMP_BYTES + 1])
{
	time_t seconds = (time_t)(realtime_ns / 1000000000u);
	struct tm tm;

	(void)gmtime_r(&seconds, &tm);
	(void)snprintf(ret, SERVICE_STAMP_BYTES + 1, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ ",
		       (unsigned)(tm.tm_year + 1900) % 10000u, (unsigned)(tm.tm_mon + 1) % 100u,
		       (unsigned)tm.tm_mday % 100u, (unsigned)tm.tm_hour % 100u,
		       (unsigned)tm.tm_min % 100u, (unsigned)tm.tm_sec % 100u,
		       (unsigned)(realtime_ns / 1000000u % 1000u));
}

/** Of a node that was restarted the log goes on, perhaps from the middle of a line. */
static void measure(struct service_log *l)
{
	off_t size = lseek(l->file_fd, 0, SEEK_END), first = lseek(l->file_fd, 0, SEEK_DATA);
	char last;

	l->size = size > 0 ? (uint64_t)size : 0;
	l->dropped = first > 0 ? (uint64_t)first : 0;
	l->torn = l->in_line = size > 0 && pread(l->file_fd, &last, 1, size - 1) == 1 &&
			       last != '\n';
}

int service_log_open(struct service_log *l, int log_dir_fd, const char *node, const char *service)
{
	char name[SERVICE_LOG_PATH_BYTES];
	int r = sys_mkdir(log_dir_fd, node);

	*l = (struct service_log){ .file_fd = -1, .pipe_fds = { -1, -1 } };
	if (r < 0 && r != -EEXIST)
		return r;
	l->file_fd = sys_open(log_dir_fd, service_log_path(node, service, name),
			      O_RDWR | O_CREAT | O_APPEND);
	if (l->file_fd < 0)
		return l->file_fd;
	measure(l);
	if (pipe2(l->pipe_fds, O_CLOEXEC) < 0 ||
	    fcntl(l->pipe_fds[0], F_SETFL, O_RDONLY | O_NONBLOCK) < 0) {
		r = -errno;
		service_log_close(l);
		return r;
	}
	/* /dev/stdout, which daemons open by name, is this pipe: whatever user a service runs as may write to it */
	(void)fchmod(l->pipe_fds[1], 0622);
	return 0;
}

/** Lines on their way to the file: one write for many. */
struct out {
	size_t n;
	char data[WRITE_BYTES];
};

/** The last thing in a log that can lose nothing. */
static void end_log(struct service_log *l, int why)
{
	char stamp[SERVICE_STAMP_BYTES + 1], text[256];
	int n;

	service_log_stamp(sys_realtime_ns(), stamp);
	n = snprintf(text, sizeof(text),
		     "%s%snetlab: the log ends here, with %d MiB: it cannot lose its front: %s\n",
		     l->torn ? "\n" : "", stamp, SERVICE_LOG_MAX_BYTES >> 20, strerror(-why));
	(void)!write(l->file_fd, text, (size_t)n);
	l->full = true;
}

/** Keeps the log below its bound. */
static void trim(struct service_log *l)
{
	uint64_t upto;
	int r;

	if (l->size - l->dropped <= SERVICE_LOG_MAX_BYTES)
		return;
	upto = (l->size - SERVICE_LOG_KEEP_BYTES) / DROP_STEP_BYTES * DROP_STEP_BYTES;
	r = sys_drop_front(l->file_fd, upto);
	if (r < 0)
		end_log(l, r);
	else
		l->dropped = upto;
}

/** Writes what there is, or counts what was not written. */
static void flush(struct service_log *l, struct out *o)
{
	for (size_t done = 0; done < o->n && !l->full;) {
		ssize_t n = write(l->file_fd, o->data + done, o->n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			l->lost_why = n < 0 ? -errno : -EIO;
			l->lost += o->n - done;
			break;
		}
		done += (size_t)n;
		l->size += (size_t)n;
		l->torn = o->data[done - 1] != '\n';
	}
	o->n = 0;
	trim(l);
}

/** Once something was lost all is, until begin_line() could tell. */
static void add(struct service_log *l, struct out *o, const char *data, size_t len)
{
	while (len > 0 && l->lost == 0) {
		size_t room = sizeof(o->data) - o->n, n = len < room ? len : room;

		memcpy(o->data + o->n, data, n);
		o->n += n;
		data += n;
		len -= n;
		if (o->n == sizeof(o->data))
			flush(l, o);
	}
	l->lost += len;
}

static void begin_line(struct service_log *l, struct out *o, const char *stamp)
{
	uint64_t lost = l->lost;

	if (lost > 0) {
		int n = snprintf(o->data, sizeof(o->data),
				 "%s%snetlab: %llu bytes are missing here: %s\n",
				 l->torn ? "\n" : "", stamp, (unsigned long long)lost,
				 strerror(-l->lost_why));

		o->n = (size_t)n;
		l->lost = 0;
		flush(l, o);
		if (l->lost > 0)
			l->lost = lost; /* it is no better yet */
	}
	add(l, o, stamp, SERVICE_STAMP_BYTES);
}

static void put_lines(struct service_log *l, const char *data, size_t len)
{
	char stamp[SERVICE_STAMP_BYTES + 1];
	struct out o;

	if (l->full)
		return;
	o.n = 0; /* its data is not worth clearing */
	service_log_stamp(sys_realtime_ns(), stamp);
	while (len > 0) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) + 1 : len;

		if (!l->in_line)
			begin_line(l, &o, stamp);
		add(l, &o, data, n);
		l->in_line = !end;
		data += n;
		len -= n;
	}
	flush(l, &o);
}

bool service_log_read(struct service_log *l, service_log_fn *fn, void *ctx)
{
	char data[READ_BYTES];

	for (unsigned i = 0; i < READS_AT_ONCE && l->pipe_fds[0] >= 0; i++) {
		ssize_t n = read(l->pipe_fds[0], data, sizeof(data));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return true;
		if (fn)
			fn(ctx, data, (size_t)n);
		put_lines(l, data, (size_t)n);
	}
	return false;
}

void service_log_new_run(struct service_log *l)
{
	if (l->in_line)
		put_lines(l, "\n", 1);
}

void service_log_close(struct service_log *l)
{
	int *fds[] = { &l->file_fd, &l->pipe_fds[0], &l->pipe_fds[1] };

	for (unsigned i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			(void)close(*fds[i]);
		*fds[i] = -1;
	}
}
