/* SPDX-License-Identifier: MIT */
/* Who is in a node's namespaces: every process of a /proc is asked for its numbers and its namespace. */
#include "sys/ns_pids.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/fs.h"

enum {
	DEPTH_MAX = 32, /* of PID namespaces: MAX_PID_NS_LEVEL, include/linux/pid_namespace.h */
	STATUS_BYTES = 4096,
};

/** A process's numbers, from the /proc's namespace down to its own: NSpid of /proc/PID/status (proc(5)).
 *  @return how many; 0 when it is gone or a zombie */
static unsigned read_numbers(int proc_fd, const char *name, pid_t ret[static DEPTH_MAX + 1])
{
	char path[64], text[STATUS_BYTES], *at, *end;
	unsigned n = 0;

	snprintf(path, sizeof(path), "%.20s/status", name);
	if (sys_read_value(proc_fd, path, text, sizeof(text)) <= 0)
		return 0;
	at = strstr(text, "\nState:");
	if (!at || strchr("ZX", at[strlen("\nState:\t")]))
		return 0;
	at = strstr(text, "\nNSpid:");
	if (!at)
		return 0;
	for (at += strlen("\nNSpid:"); n <= DEPTH_MAX && *at == '\t'; at = end) {
		ret[n] = (pid_t)strtol(at, &end, 10);
		if (end == at)
			break;
		n++;
	}
	return n;
}

/** The namespace that tells processes from others. */
struct mark {
	const char *kind; /**< "pid" or "net" */
	struct stat ns;
};

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/** @return 0; -ESRCH: the process is gone; ... */
static int find_mark(int proc_fd, pid_t host_pid, struct mark *ret)
{
	struct stat own;
	char path[64];

	*ret = (struct mark){ .kind = "pid" };
	snprintf(path, sizeof(path), "%d/ns/pid", (int)host_pid);
	if (fstatat(proc_fd, path, &ret->ns, 0) < 0 || fstatat(proc_fd, "self/ns/pid", &own, 0) < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	if (!is_same(&ret->ns, &own))
		return 0;
	ret->kind = "net";
	snprintf(path, sizeof(path), "%d/ns/net", (int)host_pid);
	if (fstatat(proc_fd, path, &ret->ns, 0) < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return 0;
}

/** Whether a process's namespace is the one, or was made inside it. */
static bool is_inside(int proc_fd, const char *name, const struct mark *mark)
{
	char path[64];
	struct stat st;
	int fd, up;

	snprintf(path, sizeof(path), "%.20s/ns/%s", name, mark->kind);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	for (unsigned i = 0; fd >= 0 && i <= DEPTH_MAX; i++) {
		if (fstat(fd, &st) == 0 && is_same(&st, &mark->ns)) {
			close(fd);
			return true;
		}
		up = ioctl(fd, NS_GET_PARENT); /* EPERM: above our own; EINVAL: it has none */
		close(fd);
		fd = up;
	}
	if (fd >= 0)
		close(fd);
	return false;
}

int sys_ns_pids(int proc_fd, pid_t host_pid, pid_t **ret, size_t *ret_n)
{
	pid_t numbers[DEPTH_MAX + 1], *pids;
	unsigned level = read_numbers(proc_fd, "self", numbers);
	size_t n_names, n = 0;
	struct mark mark;
	char **names;
	int r = find_mark(proc_fd, host_pid, &mark);

	if (r < 0)
		return r;
	if (level == 0)
		return -ENODATA;
	r = sys_list_dir(proc_fd, &names, &n_names);
	if (r < 0)
		return r;
	pids = calloc(n_names + 1, sizeof(*pids));
	for (size_t i = 0; i < n_names; i++) {
		/* whoever is above our namespace has fewer numbers than we have */
		if (pids && isdigit((unsigned char)names[i][0]) &&
		    read_numbers(proc_fd, names[i], numbers) >= level &&
		    is_inside(proc_fd, names[i], &mark))
			pids[n++] = numbers[level - 1];
		free(names[i]);
	}
	free(names);
	if (!pids)
		return -ENOMEM;
	*ret = pids;
	*ret_n = n;
	return 0;
}

bool sys_pid_ns_above(const char *pid, sys_pid_ns_fn *fn, void *ctx)
{
	bool found = false;
	struct stat own, st;
	char path[64];
	int fd, up;

	snprintf(path, sizeof(path), "/proc/%.20s/ns/pid", pid);
	if (stat("/proc/self/ns/pid", &own) < 0)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (unsigned i = 0; fd >= 0 && i <= DEPTH_MAX && !found; i++) {
		if (fstat(fd, &st) < 0 || is_same(&st, &own))
			break;
		found = i > 0 && fn(ctx, st.st_ino);
		up = ioctl(fd, NS_GET_PARENT);
		close(fd);
		fd = up;
	}
	if (fd >= 0)
		close(fd);
	return found;
}
