/* SPDX-License-Identifier: MIT */
/* Files, directories, locks and mounts. */
#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/gate.h"
#include "sys/mounts.h"

int sys_dir_check(const char *path, uid_t *ret_owner)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? SYS_DIR_MISSING : -errno;
	if (ret_owner)
		*ret_owner = st.st_uid;
	if (!S_ISDIR(st.st_mode))
		return SYS_DIR_NOT_A_DIR;
	if (st.st_uid != geteuid())
		return SYS_DIR_FOREIGN;
	return st.st_mode & (S_IWGRP | S_IWOTH) ? SYS_DIR_OPEN : SYS_DIR_GOOD;
}

int sys_mkdir(int dir_fd, const char *name)
{
	int r = sys_gate("mkdir");

	if (r < 0)
		return r;
	return mkdirat(dir_fd, name, 0700) < 0 ? -errno : 0;
}

int sys_open_dir(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int sys_open(int dir_fd, const char *name, int flags)
{
	int fd, r = sys_gate("open");

	if (r < 0)
		return r;
	fd = openat(dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

int sys_open_output(const char *path, bool *ret_made)
{
	const int flags = O_WRONLY | O_CREAT | O_CLOEXEC;
	int fd, r = sys_gate("open");

	if (r < 0)
		return r;
	fd = open(path, flags | O_EXCL, 0600);
	*ret_made = fd >= 0;
	if (fd < 0 && errno == EEXIST)
		fd = open(path, flags | O_TRUNC, 0600);
	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int sys_write_file(int dir_fd, const char *name, const void *data, size_t len)
{
	char tmp[NAME_MAX + 1];
	int fd, r = sys_gate("write file");

	if (r < 0)
		return r;
	if (snprintf(tmp, sizeof(tmp), "%s.tmp", name) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data, len);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(dir_fd, tmp, dir_fd, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir_fd, tmp, 0);
	return r;
}

int sys_write_all(int fd, const void *data, size_t len)
{
	int r = sys_gate("write");

	return r < 0 ? r : write_all(fd, data, len);
}

int sys_drop_front(int fd, uint64_t len)
{
	int r = sys_gate("fallocate");

	if (r < 0)
		return r;
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)len) < 0 ? -errno
											    : 0;
}

int sys_write_value(const char *path, const char *value)
{
	int fd, r = sys_gate("write value");

	if (r < 0)
		return r;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

ssize_t sys_read_value(int dir_fd, const char *path, char *ret, size_t size)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, ret, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return n;
	if (n > 0 && ret[n - 1] == '\n')
		n--;
	ret[n] = '\0';
	return n;
}

const char *sys_dir_of(const char *file, char *ret, size_t size)
{
	const char *slash = strrchr(file, '/');
	size_t dir_len = slash ? (size_t)(slash - file) + 1 : 0, n = 0;

	if (*file != '/') {
		if (!getcwd(ret, size))
			return NULL;
		n = strlen(ret);
		if (n > 1 && n + 1 < size)
			ret[n++] = '/';
	}
	if (n + dir_len >= size)
		return NULL;
	memcpy(ret + n, file, dir_len);
	ret[n + dir_len] = '\0';
	return ret;
}

int sys_path_check(const char *path, bool directory)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	return directory && !S_ISDIR(st.st_mode) ? -ENOTDIR : 0;
}

bool sys_may_block(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

int sys_read_file(const char *path, size_t max, char **ret, size_t *ret_len)
{
	/* O_NONBLOCK: a FIFO without a writer must not hang us */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r = 0;
	_cleanup_free_ char *data = NULL;
	size_t len = 0, size = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		r = -EISDIR;
	else if (S_ISFIFO(st.st_mode) &&
		 fcntl(fd, F_SETFL, 0) < 0) /* its writer may take its time: <(command) */
		r = -errno;
	if (r == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size > max)
		r = -EFBIG; /* known before it is read */
	while (r == 0) {
		ssize_t n;

		if (len + 1 >= size) {
			char *more;

			size = size ? size * 2 : 4096;
			if (size < (size_t)st.st_size + 2 && (size_t)st.st_size < max)
				size = (size_t)st.st_size + 2;
			more = realloc(data, size);
			if (!more) {
				r = -ENOMEM;
				break;
			}
			data = more;
		}
		n = read(fd, data + len, size - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (len > max)
			r = -EFBIG;
	}
	close(fd);
	if (r < 0)
		return r;
	data[len] = '\0';
	*ret = TAKE_PTR(data);
	*ret_len = len;
	return 0;
}

int sys_remove_tree(int dir_fd, const char *name)
{
	int fd, r = 0;
	char **names = NULL;
	size_t n = 0;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	fd = sys_open_dir(dir_fd, name);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = sys_list_dir(fd, &names, &n);
	if (r == 0) {
		for (size_t i = 0; i < n; i++) {
			int one = sys_remove_tree(fd, names[i]);

			if (one < 0)
				r = one;
			free(names[i]);
		}
		free(names);
	}
	close(fd);
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT && r == 0)
		r = -errno;
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int sys_list_dir(int dir_fd, char ***ret, size_t *ret_n)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	char **names = NULL;
	size_t n = 0, size = 0;
	struct dirent *e;
	DIR *dir;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while ((e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (n == size) {
			char **more;

			size = size ? size * 2 : 16;
			more = realloc(names, size * sizeof(*names));
			if (!more) {
				r = -ENOMEM;
				break;
			}
			names = more;
		}
		names[n] = strdup(e->d_name);
		if (!names[n]) {
			r = -ENOMEM;
			break;
		}
		n++;
	}
	closedir(dir);
	if (r < 0) {
		while (n > 0)
			free(names[--n]);
		free(names);
		return r;
	}
	if (n > 1)
		qsort(names, n, sizeof(*names), by_name);
	*ret = names;
	*ret_n = n;
	return 0;
}

int sys_rmdir(int dir_fd, const char *name)
{
	return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int sys_rename_new(int dir_fd, const char *from, const char *to)
{
	int r = sys_gate("rename");

	if (r < 0)
		return r;
	return renameat2(dir_fd, from, dir_fd, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

bool sys_dir_exists(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int sys_try_lock(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

bool sys_is_same_file(int fd, int dir_fd, const char *name)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(dir_fd, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int sys_mounts_private(void)
{
	int r = sys_gate("mount private");

	if (r < 0)
		return r;
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

int sys_mount(const char *type, const char *target)
{
	int r = sys_gate("mount");

	if (r < 0)
		return r;
	return mount(type, target, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ? -errno : 0;
}

int sys_bind_ro(const char *source, const char *target)
{
	int r = sys_gate("mount bind");

	if (r < 0)
		return r;
	if (mount(source, target, NULL, MS_BIND, NULL) < 0)
		return -errno;
	/* In a second step: mount(2). Not by MS_REMOUNT, which takes away what is not named: what the source's mount has,
	   noexec for one, may be locked (mount_namespaces(7)). */
	return sys_mount_set(AT_FDCWD, target, false,
			     SYS_MOUNT_RDONLY | SYS_MOUNT_NOSUID | SYS_MOUNT_NODEV, 0);
}

int sys_sethostname(const char *name)
{
	int r = sys_gate("sethostname");

	if (r < 0)
		return r;
	return sethostname(name, strlen(name)) < 0 ? -errno : 0;
}

void sys_redirect_stdio(int log_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		(void)dup2(null, 0);
		(void)dup2(log_fd >= 0 ? log_fd : null, 1);
		(void)dup2(log_fd >= 0 ? log_fd : null, 2);
		if (null > 2)
			close(null);
	}
}

int sys_fill_stdio(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* the wrong way round, so that using it fails as it would have */
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return -EBADF;
	}
	return 0;
}
