/* SPDX-License-Identifier: MIT */
/* The files that the topology gives a node. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/units.h"
#include "node/root_build.h"
#include "sys/fs.h"
#include "sys/inside.h"

enum {
	FROM_MAX_BYTES = 64 * 1024 * 1024,    /* of a file that is copied */
	ACCOUNTS_MAX_BYTES = 4 * 1024 * 1024, /* of /etc/passwd, /etc/group */
};

/** Whether a file may be made in that directory: nothing that netlab writes lands on the host. */
static bool is_private(const struct root_build *b, int dir_fd)
{
	uint64_t id = sys_mount_id(dir_fd);

	for (unsigned i = 0; i < b->n_private; i++) {
		if (id != 0 && b->private_ids[i] == id)
			return true;
	}
	return false;
}

/* --- owners --- */

/**
 * Looks a name up in a table of the node's: NAME:x:NUMBER:... By hand, for the C library's way would load modules from
 * the node's tree into its init, and that tree may be anybody's.
 */
static int find_number(struct root_build *b, const char *table, const char *name, size_t len,
		       unsigned *ret, char **ret_line)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	char path[64];
	size_t size;
	int fd = sys_inside_open(b->root_fd, table, O_RDONLY | O_NONBLOCK, 0), r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -ENOENT;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = sys_read_file(path, ACCOUNTS_MAX_BYTES, &text, &size);
	close(fd);
	if (r < 0)
		return r;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *colon = strchr(line, ':'), *field = colon ? strchr(colon + 1, ':') : NULL;
		char *end;
		unsigned long number;

		if (!field || (size_t)(colon - line) != len || memcmp(line, name, len) != 0)
			continue;
		number = strtoul(field + 1, &end, 10);
		if (end == field + 1 || number > UINT32_MAX - 1)
			continue;
		*ret = (unsigned)number;
		if (ret_line && !(*ret_line = strdup(end)))
			return -ENOMEM;
		return 0;
	}
	return -ENOENT;
}

static int find_account(struct root_build *b, const char *table, const char *kind, const char *name,
			size_t len, unsigned *ret, char **ret_rest)
{
	char text[80];
	uint64_t number;
	int r;

	snprintf(text, sizeof(text), "%.*s", (int)len, name);
	r = find_number(b, table, name, len, ret, ret_rest);
	if (r == 0)
		return 0;
	if (units_parse_u64(text, &number) == 0 && number < UINT32_MAX) {
		*ret = (unsigned)number;
		return 0;
	}
	if (r != -ENOENT)
		return err_errno(b->err, r, "reading '%s'", table);
	err_set(b->err, EINVAL, "%s '%s': no such %s in the node", kind, text, kind);
	return err_hint(b->err, "name one of the node's %s, or give a number", table);
}

/** The owner that a file asks for; the group of a user named alone is the user's. */
static int find_owner(struct root_build *b, const char *owner, uid_t *ret_uid, gid_t *ret_gid)
{
	_cleanup_free_ char *rest = NULL;
	const char *colon = owner ? strchr(owner, ':') : NULL;
	size_t len = owner ? strcspn(owner, ":") : 0;
	int r;

	*ret_uid = 0;
	*ret_gid = 0;
	if (!owner)
		return 0;
	r = find_account(b, "/etc/passwd", "user", owner, len, ret_uid, &rest);
	if (r < 0)
		return r;
	if (colon)
		return find_account(b, "/etc/group", "group", colon + 1, strlen(colon + 1), ret_gid,
				    NULL);
	if (rest && rest[0] == ':')
		*ret_gid = (gid_t)strtoul(rest + 1, NULL, 10);
	return 0;
}

/* --- files --- */

static int dress(struct root_build *b, int fd, const struct topo_file *f)
{
	uid_t uid;
	gid_t gid;
	int r = find_owner(b, f->owner, &uid, &gid);

	if (r < 0)
		return r;
	r = sys_dress(fd, f->owner ? uid : (uid_t)-1, f->owner ? gid : (gid_t)-1, f->mode);
	if (r < 0) {
		r = err_errno(b->err, r, "giving it its owner and mode");
		if (r == -EINVAL && f->owner) {
			err_hint(b->err, "this user namespace has no user or group of that number: "
					 "run netlab as root, or leave 'owner' out");
			err_class(b->err, NETLAB_EXIT_UNSUPPORTED);
		}
	}
	return r;
}

static int refuse(struct root_build *b, const char *path)
{
	return root_path_error(b, EROFS, "no file can be made at", path);
}

static int make_directory(struct root_build *b, const struct topo_file *f)
{
	int place = sys_inside_mkdir(b->root_fd, f->path), fd, r;

	if (place < 0)
		return root_path_error(b, place, "making the directory", f->path);
	r = is_private(b, place) ? 0 : refuse(b, f->path);
	close(place);
	if (r < 0)
		return r;
	fd = sys_inside_open(b->root_fd, f->path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return root_path_error(b, fd, "opening the directory", f->path);
	r = dress(b, fd, f);
	close(fd);
	return r;
}

/** Before anything is made: what is there of the way to the file has to be the node's own. (A directory may be the root of
 *  something of the node's in a place that is not, as /tmp is.) */
static int check_way(struct root_build *b, const char *path, bool directory)
{
	char dir[TOPO_PATH_MAX + 1];

	snprintf(dir, sizeof(dir), "%s", path);
	for (;; directory = false) {
		char *slash = directory ? dir + strlen(dir) : strrchr(dir, '/');
		int fd, r;

		*slash = '\0';
		fd = sys_inside_open(b->root_fd, dir[0] ? dir : "/", O_PATH | O_DIRECTORY, 0);
		if (dir[0] && (fd == -ENOENT || (fd == -ENOTDIR && directory)))
			continue;
		if (fd < 0)
			return root_path_error(b, fd, "no way to", path);
		r = is_private(b, fd) ? 0 : refuse(b, path);
		close(fd);
		return r;
	}
}

static int write_file(struct root_build *b, const struct topo_file *f, const char *data, size_t len)
{
	int parent, fd = sys_inside_create(b->root_fd, f->path, &parent), r;

	if (parent >= 0)
		close(parent);
	if (fd < 0)
		return root_path_error(b, fd, "making the file", f->path);
	r = sys_write_all(fd, data, len);
	if (r < 0)
		r = err_errno(b->err, r, "writing '%s'", f->path);
	else
		r = dress(b, fd, f);
	close(fd);
	return r;
}

int root_files_write(struct root_build *b)
{
	for (size_t i = 0; i < b->tree->n_files; i++) {
		const struct topo_file *f = &b->tree->files[i];
		const char *data = b->from[i] ? b->from[i] : f->content;
		int r = check_way(b, f->path, f->directory);

		if (r == 0 && f->directory)
			r = make_directory(b, f);
		else if (r == 0)
			r = write_file(b, f, data, b->from[i] ? b->from_len[i] : strlen(data));
		if (r < 0)
			return err_wrap(b->err, "file '%s'", f->path);
	}
	return 0;
}

int root_files_gather(struct root_build *b)
{
	for (size_t i = 0; i < b->tree->n_files; i++) {
		const struct topo_file *f = &b->tree->files[i];
		int r;

		if (!f->from)
			continue;
		if (sys_may_block(f->from)) {
			err_set(b->err, EINVAL, "'%s' is no file that could be copied", f->from);
			return err_wrap(b->err, "file '%s'", f->path);
		}
		r = sys_read_file(f->from, FROM_MAX_BYTES, &b->from[i], &b->from_len[i]);
		if (r < 0) {
			(void)err_errno(b->err, r, "reading '%s'", f->from);
			return err_wrap(b->err, "file '%s'", f->path);
		}
	}
	return 0;
}
