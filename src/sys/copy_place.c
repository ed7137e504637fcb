/* SPDX-License-Identifier: MIT */
/* Places that are copied from and to: see copy.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sys/copy.h"

/** Opens a directory by path, for use with the *at() calls only. @return fd, negative errno */
static int open_dir(const char *path, bool in_node)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				.resolve = in_node ? RESOLVE_NO_MAGICLINKS : 0 };
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	if (fd < 0 && errno == ENOSYS) /* before Linux 5.6 */
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

/** Splits a path without slashes at its end. @param[out] ret_parent  malloc'ed. @return 0, negative errno */
static int split(const char *path, char **ret_parent, char ret_name[static NAME_MAX + 1])
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	if (!slash)
		*ret_parent = strdup(".");
	else
		*ret_parent = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (!*ret_parent)
		return -ENOMEM;
	memcpy(ret_name, name, strlen(name) + 1);
	return 0;
}

static bool is_dots(const char *name)
{
	return !name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/** A copy of the path without slashes at its end. @return NULL when out of memory */
static char *trim(const char *path, bool *ret_slash)
{
	size_t len = strlen(path), keep = len;

	while (keep > 1 && path[keep - 1] == '/')
		keep--;
	*ret_slash = keep < len;
	return strndup(path, keep);
}

int sys_place_source(const char *path, const char *shown, bool in_node, struct sys_place *ret,
		     struct netlab_err *err)
{
	struct sys_place p = { .dir_fd = -1, .shown = shown, .in_node = in_node };
	bool slash;
	_cleanup_free_ char *whole = trim(path, &slash);
	_cleanup_free_ char *parent = NULL;
	int r = !whole ? -ENOMEM : !path[0] ? -ENOENT : split(whole, &parent, p.base);

	if (r == 0 && is_dots(p.base)) {
		p.base[0] = '\0';
		slash = true;
	}
	if (r == 0) {
		p.dir_fd = open_dir(slash ? whole : parent, in_node);
		r = p.dir_fd < 0 ? p.dir_fd : 0;
	}
	if (r < 0)
		return err_errno(err, r, "opening '%s'", shown);
	snprintf(p.name, sizeof(p.name), "%s", slash ? "." : p.base);
	*ret = p;
	return 0;
}

int sys_place_dest(const char *path, const char *shown, bool in_node, struct sys_place *ret,
		   struct netlab_err *err)
{
	struct sys_place p = { .dir_fd = -1, .shown = shown, .in_node = in_node, .name = "." };
	_cleanup_free_ char *whole = trim(path, &p.slash);
	_cleanup_free_ char *parent = NULL;
	int r = !whole ? -ENOMEM : !path[0] ? -ENOENT : 0;

	if (r == 0) {
		p.dir_fd = open_dir(path, in_node);
		p.is_dir = p.dir_fd >= 0;
		r = p.is_dir ? 0 : p.dir_fd;
	}
	if (r == -ENOENT || (r == -ENOTDIR && !p.slash)) {
		r = whole && path[0] ? split(whole, &parent, p.name) : -ENOENT;
		if (r == 0 && is_dots(p.name))
			r = -ENOENT;
		if (r == 0) {
			p.dir_fd = open_dir(parent, in_node);
			r = p.dir_fd < 0 ? p.dir_fd : 0;
		}
		if (r == -ENOENT) {
			err_set(err, ENOENT, "'%s': there is no directory to put it into", shown);
			return err_hint(err, "make '%s' first", parent ? parent : path);
		}
	}
	if (r < 0)
		return err_errno(err, r, "opening '%s'", shown);
	*ret = p;
	return 0;
}

void sys_place_close(struct sys_place *p)
{
	if (p->dir_fd >= 0)
		close(p->dir_fd);
	p->dir_fd = -1;
}

int sys_copy_chdir(const char *path)
{
	return chdir(path) < 0 ? -errno : 0;
}
