/* SPDX-License-Identifier: MIT */
/* A file of lines that only grows. */
#include "sys/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/fs.h"
#include "sys/gate.h"

/* A lock of this process: children that it forks, and what they leave behind, do not hold it. */
static int lock(int fd)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_SETLK, &l) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno; /* POSIX leaves open which of the two it is */
}

static int read_all(int fd, char *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, data + done, len - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO; /* it shrank under our lock */
		done += (size_t)n;
	}
	return 0;
}

static int take(int fd, size_t max, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *data = NULL;
	struct stat st;
	size_t len;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	r = lock(fd);
	if (r < 0)
		return r;
	/* again: before the lock was ours it may have grown */
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	len = (size_t)st.st_size;
	data = malloc(len + 1);
	if (!data)
		return -ENOMEM;
	r = read_all(fd, data, len);
	if (r < 0)
		return r;
	data[len] = '\0';
	*ret_len = len;
	*ret = TAKE_PTR(data);
	return 0;
}

int sys_journal_open(const char *path, size_t max, char **ret, size_t *ret_len)
{
	/* O_NONBLOCK: a FIFO must not hang us */
	int fd = sys_open(AT_FDCWD, path, O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK), r;

	if (fd < 0)
		return fd;
	r = take(fd, max, ret, ret_len);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	return fd;
}

int sys_journal_cut(int fd, size_t len)
{
	int r = sys_gate("journal cut");

	if (r < 0)
		return r;
	return ftruncate(fd, (off_t)len) < 0 ? -errno : 0;
}

int sys_journal_append(int fd, const void *lines, size_t len)
{
	off_t end = lseek(fd, 0, SEEK_END);
	const char *data = lines;
	int r = end < 0 ? -errno : sys_gate("journal append");

	while (r == 0 && len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = -errno;
			(void)!ftruncate(fd, end);
			break;
		}
		data += n;
		len -= (size_t)n;
	}
	return r;
}
