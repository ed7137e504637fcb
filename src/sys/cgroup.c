/* SPDX-License-Identifier: MIT */
/* Where cgroups may be made, and making and removing them. */
#include "sys/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sys/fs.h"
#include "sys/gate.h"

/* Those that v2 hands to children by cgroup.subtree_control; the other uses every v2 cgroup has. */
#define CONTROLLERS                                                           \
	(SYS_CGROUP_BIT(SYS_CGROUP_MEMORY) | SYS_CGROUP_BIT(SYS_CGROUP_CPU) | \
	 SYS_CGROUP_BIT(SYS_CGROUP_PIDS))

enum {
	MOUNTS_MAX_BYTES = 1 << 20,
	EMPTY_TRIES = 300, /* a millisecond each */
};

static const char *const names[] = {
	[SYS_CGROUP_MEMORY] = "memory",   [SYS_CGROUP_CPU] = "cpu",
	[SYS_CGROUP_PIDS] = "pids",       [SYS_CGROUP_CPU_TIME] = "cpuacct",
	[SYS_CGROUP_FREEZER] = "freezer",
};

const char *sys_cgroup_use_name(enum sys_cgroup_use use)
{
	return names[use];
}

/* --- what the kernel tells --- */

/** A mounted hierarchy. */
struct hierarchy {
	char point[PATH_MAX]; /**< with the root of the tests before it */
	size_t root_len;      /**< how much of `point` that is */
	char own[PATH_MAX];   /**< our cgroup's directory; `point` where that is out of sight */
};

struct search {
	const struct sys_cgroup_host *host;
	char *mounts, *own; /**< owned; the texts */
};

static bool has_word(const char *list, const char *separators, const char *word)
{
	size_t len = strlen(word);

	while (*list && *list != '\n') {
		size_t n = strcspn(list, separators);

		if (n == len && strncmp(list, word, len) == 0)
			return true;
		list += n;
		list += strspn(list, separators);
	}
	return false;
}

/** Turns the \ooo of mountinfo (proc(5)) into the bytes they stand for, in place. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		unsigned byte;

		if (from[0] == '\\' && sscanf(from + 1, "%3o", &byte) == 1) {
			*to = (char)byte;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/** Our path in the hierarchy of a controller, or in v2's (NULL), from /proc/self/cgroup (cgroups(7)). */
static bool own_path(const struct search *s, const char *controller, char ret[static PATH_MAX])
{
	for (const char *line = s->own; line && *line; line = strchr(line, '\n')) {
		const char *first, *path;
		char list[256];

		line += *line == '\n';
		first = strchr(line, ':');
		path = first ? strchr(first + 1, ':') : NULL;
		if (!path)
			continue;
		snprintf(list, sizeof(list), "%.*s", (int)(path - first) - 1, first + 1);
		if (controller ? !has_word(list, ",", controller) : strncmp(line, "0::", 3) != 0)
			continue;
		snprintf(ret, PATH_MAX, "%.*s", (int)strcspn(path + 1, "\n"), path + 1);
		return true;
	}
	return false;
}

/** The directory of our cgroup below the mount point; `root` is what of the hierarchy is mounted there. */
static void place_own(struct hierarchy *h, const char *root, const char *own)
{
	size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);
	int n;

	snprintf(h->own, sizeof(h->own), "%s", h->point);
	/* "/..": outside of our cgroup namespace; another root: outside of what is mounted here */
	if (strstr(own, "/..") || strncmp(own, root, len) != 0 ||
	    (own[len] != '/' && own[len] != '\0') || own[len] == '\0' ||
	    strcmp(own + len, "/") == 0)
		return;
	n = snprintf(h->own, sizeof(h->own), "%s%s", h->point, own + len);
	if (n >= (int)sizeof(h->own) || access(h->own, F_OK) < 0)
		snprintf(h->own, sizeof(h->own), "%s", h->point);
}

/** Finds the mount of v2 (controller NULL), or of v1 with that controller. */
static bool find_mount(const struct search *s, const char *controller, struct hierarchy *ret)
{
	const char *type = controller ? " - cgroup " : " - cgroup2 ";

	for (const char *line = s->mounts; line && *line; line = strchr(line, '\n')) {
		char text[2 * PATH_MAX], root[PATH_MAX], point[PATH_MAX], options[256] = "",
									  own[PATH_MAX] = "/";
		const char *tail;

		line += *line == '\n';
		snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, "\n"), line);
		tail = strstr(text, type);
		if (!tail || sscanf(text, "%*s %*s %*s %4095s %4095s", root, point) != 2)
			continue;
		if (controller && (sscanf(tail, " - cgroup %*s %255s", options) != 1 ||
				   !has_word(options, ",", controller)))
			continue;
		unescape(root);
		unescape(point);
		ret->root_len = strlen(s->host->root);
		if (snprintf(ret->point, sizeof(ret->point), "%s%s", s->host->root, point) >=
		    (int)sizeof(ret->point))
			continue;
		(void)own_path(s, controller, own);
		place_own(ret, root, own);
		return true;
	}
	return false;
}

/** The uses whose controllers a file of v2 lists. */
static unsigned listed(const char *dir, const char *file)
{
	char path[PATH_MAX + 32], list[512];
	unsigned uses = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	if (sys_read_value(AT_FDCWD, path, list, sizeof(list)) < 0)
		return 0;
	for (unsigned u = 0; u < SYS_CGROUP_USES; u++) {
		if (CONTROLLERS & SYS_CGROUP_BIT(u) && has_word(list, " ", names[u]))
			uses |= SYS_CGROUP_BIT(u);
	}
	return uses;
}

/** Whether we may make cgroups there and move processes that are in it, or below it, about. */
static int may_use(const char *dir)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	return access(dir, W_OK) < 0 || access(path, W_OK) < 0 ? -errno : 0;
}

/* --- choosing --- */

static void remedy_for_permission(struct netlab_err *err)
{
	err_class(err, NETLAB_EXIT_UNSUPPORTED);
	err_hint(
		err,
		"run netlab as root; without root, with cgroup2 and systemd, in a cgroup of its own: "
		"`systemd-run --user --scope -p Delegate=yes netlab ...`");
}

static int refuse_use(const char *dir, enum sys_cgroup_use use, int error, struct netlab_err *err)
{
	err_errno(err, error, "the cgroup '%.300s' (for '%s') cannot be used", dir, names[use]);
	if (error == -EROFS) {
		err_class(err, NETLAB_EXIT_UNSUPPORTED);
		return err_hint(err,
				"mount it writable; in a container, start that with its cgroups "
				"writable");
	}
	remedy_for_permission(err);
	return error;
}

static int refuse_missing(enum sys_cgroup_use use, struct netlab_err *err)
{
	err_set(err, ENOENT, "no cgroup hierarchy with the controller '%s' is mounted", names[use]);
	err_class(err, NETLAB_EXIT_UNSUPPORTED);
	if (use == SYS_CGROUP_FREEZER) /* no controller of v2 that anything had to be told of */
		return err_hint(err, "`mount -t cgroup2 cgroup2 /sys/fs/cgroup`");
	return err_hint(err,
			"`mount -t cgroup2 cgroup2 /sys/fs/cgroup`, then `echo +%s "
			">/sys/fs/cgroup/cgroup.subtree_control`; some kernels want "
			"cgroup_enable=%s on their command line",
			names[use], names[use]);
}

static int refuse_not_handed(const struct hierarchy *h, unsigned uses, struct netlab_err *err)
{
	unsigned use = 0;

	while (!(uses & SYS_CGROUP_BIT(use)))
		use++;
	err_set(err, EOPNOTSUPP,
		"the cgroup '%.300s' hands its children no controller '%s', nor does one above it "
		"that we may use",
		h->own, names[use]);
	err_class(err, NETLAB_EXIT_UNSUPPORTED);
	return err_hint(err,
			"`systemd-run --scope -p Delegate=yes netlab ...` (with --user "
			"without root); or as root `echo +%s >%.100s/cgroup.subtree_control`",
			names[use], h->point);
}

static int add_place(struct sys_cgroup_places *places, const char *dir, unsigned uses, bool v2)
{
	for (unsigned i = 0; i < places->n; i++) {
		if (strcmp(places->at[i].dir, dir) == 0) { /* v1: cpu and cpuacct may be one */
			places->at[i].uses |= uses;
			return 0;
		}
	}
	places->at[places->n] = (struct sys_cgroup){ .dir = strdup(dir), .uses = uses, .v2 = v2 };
	if (!places->at[places->n].dir)
		return -ENOMEM;
	places->n++;
	return 0;
}

/** The nearest cgroup from our own upwards that hands on all of `wanted`, and that we may use. */
static int climb(struct hierarchy *h, unsigned wanted, struct netlab_err *err)
{
	char dir[PATH_MAX];
	bool handed = false;
	int r = 0;

	snprintf(dir, sizeof(dir), "%s", h->own);
	for (;;) {
		if ((wanted & ~listed(dir, "cgroup.subtree_control")) == 0) {
			int e = may_use(dir);

			if (e == 0) {
				memcpy(h->own, dir, sizeof(dir));
				return 0;
			}
			r = handed ? r : e;
			handed = true;
		}
		if (strcmp(dir, h->point) == 0)
			break;
		*strrchr(dir, '/') = '\0';
	}
	if (!handed)
		return refuse_not_handed(h, wanted & ~listed(h->own, "cgroup.subtree_control"),
					 err);
	return refuse_use(h->own,
			  wanted & SYS_CGROUP_BIT(SYS_CGROUP_CPU) ? SYS_CGROUP_CPU
								  : SYS_CGROUP_FREEZER,
			  r, err);
}

/** @param[out] ret_why  why there is no place although v2 is mounted, where all of `wanted` may still be had in v1 */
static int find_v2(const struct search *s, unsigned *wanted, unsigned *welcome,
		   struct sys_cgroup_places *places, struct netlab_err *ret_why,
		   struct netlab_err *err)
{
	const unsigned both = *wanted | *welcome;
	unsigned there, free_uses = both & ~CONTROLLERS, must;
	struct hierarchy h;
	int r;

	if (!find_mount(s, NULL, &h))
		return 0;
	there = listed(h.point, "cgroup.controllers");
	must = *wanted & there;
	/* nothing that must be had here: what cannot be had is left to v1, or left out */
	r = climb(&h, must, must ? err : ret_why);
	if (r < 0)
		return must ? r : 0;
	there &= listed(h.own, "cgroup.subtree_control");
	if (((both & there) | free_uses) == 0)
		return 0;
	r = add_place(places, h.own, (both & there) | free_uses, true);
	*wanted &= ~(there | free_uses);
	*welcome &= ~(there | free_uses);
	return r;
}

static int find_v1(const struct search *s, enum sys_cgroup_use use, bool wanted,
		   struct sys_cgroup_places *places, const struct netlab_err *why_not_v2,
		   struct netlab_err *err)
{
	struct hierarchy h;
	int r;

	if (!find_mount(s, names[use], &h)) {
		if (!wanted || !why_not_v2->code || CONTROLLERS & SYS_CGROUP_BIT(use))
			return wanted ? refuse_missing(use, err) : 0;
		if (err)
			*err = *why_not_v2;
		return why_not_v2->code;
	}
	r = may_use(h.own);
	if (r < 0)
		return wanted ? refuse_use(h.own, use, r, err) : 0;
	return add_place(places, h.own, SYS_CGROUP_BIT(use), false);
}

int sys_cgroup_find(const struct sys_cgroup_host *host, unsigned wanted, unsigned welcome,
		    struct sys_cgroup_places *ret, struct netlab_err *err)
{
	static const struct sys_cgroup_host here = { "/proc/self/mountinfo", "/proc/self/cgroup",
						     "" };
	struct search s = { .host = host ? host : &here };
	struct sys_cgroup_places places = { .n = 0 };
	struct netlab_err why = { 0 };
	size_t len;
	int r = sys_read_file(s.host->mountinfo, MOUNTS_MAX_BYTES, &s.mounts, &len);

	if (r == 0)
		r = sys_read_file(s.host->own, MOUNTS_MAX_BYTES, &s.own, &len);
	if (r < 0)
		err_errno(err, r, "reading '%s'", s.mounts ? s.host->own : s.host->mountinfo);
	welcome &= ~wanted;
	if (r == 0)
		r = find_v2(&s, &wanted, &welcome, &places, &why, err);
	for (unsigned u = 0; u < SYS_CGROUP_USES && r == 0; u++) {
		if ((wanted | welcome) & SYS_CGROUP_BIT(u))
			r = find_v1(&s, u, wanted & SYS_CGROUP_BIT(u), &places, &why, err);
	}
	free(s.mounts);
	free(s.own);
	if (r < 0) {
		sys_cgroup_places_deinit(&places);
		return r == -ENOMEM ? err_set(err, ENOMEM, "out of memory") : r;
	}
	*ret = places;
	return 0;
}

void sys_cgroup_places_deinit(struct sys_cgroup_places *p)
{
	for (unsigned i = 0; i < p->n; i++)
		free(p->at[i].dir);
	p->n = 0;
}

/* --- making and removing --- */

int sys_cgroup_make(const struct sys_cgroup *c)
{
	int r = sys_gate("cgroup make");

	if (r < 0)
		return r;
	return mkdir(c->dir, 0755) < 0 ? -errno : 0;
}

int sys_cgroup_make_parent(const struct sys_cgroup *c)
{
	char path[PATH_MAX], text[64] = "";
	int r = sys_cgroup_make(c);

	for (unsigned u = 0; u < SYS_CGROUP_USES; u++) {
		if (c->v2 && c->uses & CONTROLLERS & SYS_CGROUP_BIT(u))
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "+%s ",
				 names[u]);
	}
	if (r < 0 || !text[0])
		return r;
	if (snprintf(path, sizeof(path), "%s/cgroup.subtree_control", c->dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return sys_write_value(path, text);
}

/** Calls a function for each cgroup in a directory. */
static int each_below(const char *dir, int (*fn)(int dir_fd, const char *name))
{
	int fd = sys_open_dir(AT_FDCWD, dir), r;
	char **entries;
	size_t n;

	if (fd < 0)
		return fd;
	r = sys_list_dir(fd, &entries, &n);
	if (r == 0) {
		for (size_t i = 0; i < n; i++) {
			int sub = sys_open_dir(fd, entries[i]);

			/* all else in it are the kernel's files */
			if (sub >= 0) {
				int one;

				close(sub);
				one = fn(fd, entries[i]);
				r = one < 0 ? one : r;
			}
			free(entries[i]);
		}
		free(entries);
	}
	close(fd);
	return r;
}

static int thaw_one(int dir_fd, const char *name)
{
	static const char *const files[] = { "cgroup.freeze", "freezer.state" };
	static const char *const words[] = { "0", "THAWED" };

	for (unsigned i = 0; i < 2; i++) {
		char path[NAME_MAX + 32];
		int fd;

		snprintf(path, sizeof(path), "%s/%s", name, files[i]);
		fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			continue;
		(void)!write(fd, words[i], strlen(words[i]));
		close(fd);
	}
	return 0;
}

void sys_cgroup_thaw_below(const char *dir)
{
	(void)each_below(dir, thaw_one);
}

/**
 * A process that was waited for may still be counted for a moment: the kernel takes it out of its cgroup when it has switched
 * away from it for the last time (kernel/cgroup/cgroup.c, cgroup_task_dead(); nothing tells in version 1).
 */
static int remove_empty(int dir_fd, const char *name)
{
	const struct timespec pause = { .tv_nsec = 1000 * 1000 };
	int r;

	for (unsigned tries = 0; tries < EMPTY_TRIES; tries++) {
		r = unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
		if (r != -EBUSY)
			break;
		(void)nanosleep(&pause, NULL);
	}
	return r;
}

/** rmdir takes no cgroup that has others in it: what users made in a node's comes first. */
static int remove_one(int dir_fd, const char *name)
{
	char path[64 + NAME_MAX];

	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir_fd, name);
	(void)each_below(path, remove_one);
	return remove_empty(dir_fd, name);
}

int sys_cgroup_remove(const char *dir)
{
	if (rmdir(dir) == 0 || errno == ENOENT)
		return 0;
	(void)each_below(dir, remove_one);
	return remove_empty(AT_FDCWD, dir);
}

/* --- processes --- */

int sys_cgroup_open(const char *dir)
{
	char path[PATH_MAX];
	int fd, r = sys_gate("cgroup open");

	if (r < 0)
		return r;
	if (snprintf(path, sizeof(path), "%s/cgroup.procs", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sys_cgroup_join(int fd)
{
	int r = sys_gate("cgroup join");

	if (r < 0)
		return r;
	return write(fd, "0", 1) < 0 ? -errno : 0;
}

int sys_cgroup_add(const char *dir, pid_t pid)
{
	char path[PATH_MAX], text[16];
	int r;

	if (snprintf(path, sizeof(path), "%s/cgroup.procs", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	snprintf(text, sizeof(text), "%d", (int)pid);
	r = sys_write_value(path, text);
	return r == -ESRCH ? 0 : r;
}

int sys_cgroup_members(const char *dir, pid_t **ret, size_t *ret_n)
{
	enum { LIST_MAX_BYTES = 1 << 24 };
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX], *next;
	size_t len, n = 0;
	pid_t *pids;
	int r;

	if (snprintf(path, sizeof(path), "%s/cgroup.procs", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	r = sys_read_file(path, LIST_MAX_BYTES, &text, &len);
	if (r < 0)
		return r;
	pids = calloc(len / 2 + 1, sizeof(*pids)); /* a line is a digit at least */
	if (!pids)
		return -ENOMEM;
	for (char *at = text; *at; at = next) {
		long pid = strtol(at, &next, 10);

		if (next == at)
			break;
		pids[n++] = (pid_t)pid;
		next += *next == '\n';
	}
	*ret = pids;
	*ret_n = n;
	return 0;
}
