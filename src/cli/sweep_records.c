/* SPDX-License-Identifier: MIT */
/*
 * The records of a sweep: one directory, in it one per seed that failed.
 *
 * Every seed is recorded while it runs, since one that failed once need not fail again: only a record of that very run
 * shows why. What passes is thrown away. While a seed runs its record has a name that says so; those are what a sweep that
 * was killed leaves, and what the next one removes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/output.h"
#include "cli/sweep.h"
#include "sys/fs.h"

#define PREFIX  "seed-"
#define RUNNING ".running"

static void name_of(uint64_t seed, const char *suffix, char ret[static 64])
{
	(void)snprintf(ret, 64, PREFIX "%" PRIu64 "%s", seed, suffix);
}

static void free_names(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static bool is_left_over(const char *name)
{
	size_t len = strlen(name);

	return strncmp(name, PREFIX, strlen(PREFIX)) == 0 && len > strlen(RUNNING) &&
	       strcmp(name + len - strlen(RUNNING), RUNNING) == 0;
}

/* Removes what a killed sweep left. @return names that are left, or negative errno */
static ssize_t clear(int fd)
{
	char **names = NULL;
	size_t n = 0;
	ssize_t left = 0;
	int r = sys_list_dir(fd, &names, &n);

	for (size_t i = 0; i < n && r == 0; i++) {
		if (is_left_over(names[i]))
			r = sys_remove_tree(fd, names[i]);
		else
			left++;
	}
	free_names(names, n);
	return r < 0 ? r : left;
}

int sweep_records_open(struct sweep_records *s, const char *path, bool go_on,
		       struct netlab_err *err)
{
	int r = sys_mkdir(AT_FDCWD, path);
	ssize_t left;

	*s = (struct sweep_records){ .path = path, .fd = -1 };
	if (r < 0 && r != -EEXIST)
		return err_errno(err, r, "--record: making '%s'", path);
	s->fd = sys_open_dir(AT_FDCWD, path);
	if (s->fd < 0)
		return err_errno(err, s->fd, "--record: opening '%s'", path);
	if (go_on)
		return 0;
	left = clear(s->fd);
	if (left < 0)
		return err_errno(err, (int)left, "--record: '%s'", path);
	if (left == 0)
		return 0;
	(void)err_set(err, ENOTEMPTY, "--record: '%s' is not empty", path);
	(void)err_hint(err, "go on with the sweep in it by --resume %s, or name another directory",
		       path);
	return err_class(err, NETLAB_EXIT_USAGE);
}

void sweep_records_deinit(struct sweep_records *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
}

int sweep_records_clear(struct sweep_records *s, struct netlab_err *err)
{
	ssize_t r = s->fd < 0 ? 0 : clear(s->fd);

	return r < 0 ? err_errno(err, (int)r, "--record: '%s'", s->path) : 0;
}

char *sweep_record_path(const struct sweep_records *s, uint64_t seed, bool running)
{
	char name[64], *path = NULL;

	name_of(seed, running ? RUNNING : "", name);
	return asprintf(&path, "%s/%s", s->path, name) < 0 ? NULL : path;
}

int sweep_record_drop(struct sweep_records *s, uint64_t seed, struct netlab_err *err)
{
	char name[64];
	int r;

	if (s->fd < 0)
		return 0;
	name_of(seed, RUNNING, name);
	r = sys_remove_tree(s->fd, name);
	return r < 0 ? err_errno(err, r, "removing '%s/%s'", s->path, name) : 0;
}

int sweep_record_keep(struct sweep_records *s, uint64_t seed, const struct buf *output,
		      struct netlab_err *err)
{
	char running[64], name[64];
	int fd, r;

	if (s->fd < 0)
		return 0;
	name_of(seed, RUNNING, running);
	name_of(seed, "", name);
	fd = sys_open_dir(s->fd, running);
	r = fd < 0 ? fd
		   : sys_write_file(fd, SWEEP_RECORD_OUTPUT, output->data ? output->data : "",
				    output->len);
	if (fd >= 0)
		(void)close(fd);
	/* one may be there of a sweep that was killed before its journal had it */
	if (r == 0)
		r = sys_remove_tree(s->fd, name);
	if (r == 0)
		r = sys_rename_new(s->fd, running, name);
	return r < 0 ? err_errno(err, r, "keeping the record '%s/%s'", s->path, name) : 0;
}
