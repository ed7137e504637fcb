/* SPDX-License-Identifier: MIT */
/* Files in a tree that may be hostile. */
#include "sys/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sys/fs.h"
#include "sys/gate.h"
#include "sys/userns.h"

int sys_inside_open(int root_fd, const char *path, int flags, unsigned inside)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.mode = flags & O_CREAT ? 0600 : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS |
			   (inside & SYS_INSIDE_NO_LINKS ? RESOLVE_NO_SYMLINKS : 0u),
	};
	enum { TRIES = 16 };
	long fd = -1;

	/* EAGAIN: something was renamed meanwhile, so that a ".." could not be judged (openat2(2)) */
	for (int i = 0; i < TRIES; i++) {
		fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

int sys_inside_mkdir(int root_fd, const char *path)
{
	int at = sys_inside_open(root_fd, "/", O_PATH | O_DIRECTORY, 0),
	    r = sys_gate("mkdir inside");
	char part[PATH_MAX];
	size_t done = 0, len = strlen(path);

	if (r == 0 && len >= sizeof(part))
		r = -ENAMETOOLONG;
	while (r == 0 && at >= 0 && done < len) {
		size_t begin = done + strspn(path + done, "/"), n = strcspn(path + begin, "/");
		char name[NAME_MAX + 1];
		int next;

		if (n == 0)
			break;
		if (n > NAME_MAX) {
			r = -ENAMETOOLONG;
			break;
		}
		done = begin + n;
		memcpy(part, path, done);
		part[done] = '\0';
		next = sys_inside_open(root_fd, part, O_PATH | O_DIRECTORY, 0);
		if (next == -ENOENT) {
			memcpy(name, path + begin, n);
			name[n] = '\0';
			/* EEXIST: a link that leads nowhere; what follows says so */
			if (mkdirat(at, name, 0755) < 0)
				r = errno == EEXIST ? -ELOOP : -errno;
			else
				next = sys_inside_open(root_fd, part, O_PATH | O_DIRECTORY, 0);
		}
		if (r < 0)
			break;
		close(at);
		at = next;
	}
	if (r < 0 && at >= 0)
		close(at);
	return r < 0 ? r : at;
}

/** Opens the directory that a path is in, made when it is missing. */
static int open_parent(int root_fd, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, len);
	dir[len] = '\0';
	*ret_name = slash ? slash + 1 : path;
	return sys_inside_mkdir(root_fd, dir);
}

int sys_inside_touch(int root_fd, const char *path)
{
	int fd = sys_inside_open(root_fd, path, O_PATH, 0), parent, r;
	const char *name;

	if (fd != -ENOENT)
		return fd;
	r = sys_gate("touch inside");
	if (r < 0)
		return r;
	parent = open_parent(root_fd, path, &name);
	if (parent < 0)
		return parent;
	fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	r = fd < 0 ? errno == EEXIST ? -ELOOP : -errno : 0;
	if (fd >= 0)
		close(fd);
	close(parent);
	return r < 0 ? r : sys_inside_open(root_fd, path, O_PATH, 0);
}

int sys_inside_create(int root_fd, const char *path, int *ret_parent)
{
	const char *name;
	int fd, r = sys_gate("create inside");

	*ret_parent = -1;
	if (r < 0)
		return r;
	*ret_parent = open_parent(root_fd, path, &name);
	if (*ret_parent < 0)
		return *ret_parent;
	/* anew, lest a link, a pipe or a name that another directory has too is written through */
	if (unlinkat(*ret_parent, name, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(*ret_parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int sys_inside_symlink(int root_fd, const char *target, const char *path)
{
	const char *name;
	int parent, r = sys_gate("symlink inside");

	if (r < 0)
		return r;
	parent = open_parent(root_fd, path, &name);
	if (parent < 0)
		return parent;
	r = symlinkat(target, parent, name) < 0 ? -errno : 0;
	close(parent);
	return r;
}

static bool is_in(const char *name, const char *const *names)
{
	for (; names && *names; names++) {
		if (strcmp(name, *names) == 0)
			return true;
	}
	return false;
}

/** Copies one directory, and what is below it. What is no directory, or gone meanwhile, is passed over. */
static int copy_directory(int from_fd, int to_fd, const char *name, unsigned depth, unsigned *room)
{
	int from, to, r = 0;
	struct stat st;

	if (fstatat(from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	r = sys_make_directory(to_fd, name, st.st_mode & 07777);
	if (r < 0)
		return r;
	sys_known_owner(&st.st_uid, &st.st_gid);
	(void)!fchownat(to_fd, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW);
	(*room)--;
	if (depth == 0)
		return 0;
	from = sys_open_dir(from_fd, name);
	to = sys_open_dir(to_fd, name);
	if (from >= 0 && to >= 0)
		r = sys_copy_directories(from, to, depth, NULL, room);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return r;
}

int sys_copy_directories(int from_fd, int to_fd, unsigned depth, const char *const *skip,
			 unsigned *room)
{
	char **names;
	size_t n = 0;
	int r = depth > 0 ? sys_list_dir(from_fd, &names, &n) : 0;

	if (r < 0 || depth == 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (r == 0 && *room > 0 && !is_in(names[i], skip))
			r = copy_directory(from_fd, to_fd, names[i], depth - 1, room);
		free(names[i]);
	}
	free(names);
	return r;
}

/* --- taking over --- */

static bool may(int dir_fd, int what)
{
	return faccessat(dir_fd, "", what, AT_EACCESS | AT_EMPTY_PATH) == 0 || errno != EACCES;
}

/** The next directory on the way. @return a descriptor (O_PATH); -1 at the end of what there is of it */
static int step_down(int from_fd, const char **path, char name[static NAME_MAX + 1])
{
	size_t n;

	*path += strspn(*path, "/");
	n = strcspn(*path, "/");
	if (n == 0 || n > NAME_MAX)
		return -1;
	memcpy(name, *path, n);
	name[n] = '\0';
	*path += n;
	return openat(from_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/** How many directories on the way have to be made in the layer. */
static unsigned count_taken(int tree_fd, const char *path)
{
	char name[NAME_MAX + 1];
	int at = -1, next;
	unsigned n = 0, last = 0;

	while ((next = step_down(at < 0 ? tree_fd : at, &path, name)) >= 0) {
		if (at >= 0)
			close(at);
		at = next;
		n++;
		if (!may(at, W_OK | X_OK))
			last = n;
	}
	if (at >= 0)
		close(at);
	return last;
}

/** Makes one directory in the layer for one of the tree. @return a descriptor of it, negative errno */
static int take_one(int dir_fd, int layer_fd, const char *name)
{
	bool foreign = !may(dir_fd, W_OK | X_OK);
	struct stat st;
	int fd, r;

	if (fstat(dir_fd, &st) < 0)
		return -errno;
	r = sys_make_directory(layer_fd, name, (st.st_mode & 07777) | (foreign ? 0755 : 0));
	if (r < 0 && r != -EEXIST)
		return r;
	fd = sys_open_dir(layer_fd, name);
	if (fd < 0 || r == -EEXIST)
		return fd;
	sys_known_owner(&st.st_uid, &st.st_gid);
	(void)!fchown(fd, st.st_uid, st.st_gid);
	/* before Linux 6.6 a tmpfs has no such attribute: then nothing can be made there, which says so itself */
	if (!may(dir_fd, R_OK | X_OK))
		(void)fsetxattr(fd, "user.overlay.opaque", "y", 1, 0);
	return fd;
}

int sys_inside_take_over(int tree_fd, int layer_fd, const char *path)
{
	unsigned n = count_taken(tree_fd, path);
	int tree = -1, layer = -1, next, r = n > 0 ? sys_gate("take over inside") : 0;
	char name[NAME_MAX + 1];

	while (r >= 0 && n-- > 0) {
		next = step_down(tree < 0 ? tree_fd : tree, &path, name);
		if (tree >= 0)
			close(tree);
		tree = next;
		if (tree < 0)
			break; /* gone meanwhile */
		r = take_one(tree, layer < 0 ? layer_fd : layer, name);
		if (layer >= 0)
			close(layer);
		layer = r;
	}
	if (tree >= 0)
		close(tree);
	if (layer >= 0)
		close(layer);
	return r < 0 ? r : 0;
}

int sys_make_directory(int dir_fd, const char *name, mode_t mode)
{
	if (mkdirat(dir_fd, name, mode) < 0)
		return -errno;
	return fchmodat(dir_fd, name, mode, 0) < 0 ? -errno : 0;
}

int sys_dress(int fd, uid_t uid, gid_t gid, mode_t mode)
{
	int r = sys_gate("dress");

	if (r < 0)
		return r;
	/* the owner first: a change of it takes set-id bits away */
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && fchown(fd, uid, gid) < 0)
		return -errno;
	return fchmod(fd, mode) < 0 ? -errno : 0;
}
