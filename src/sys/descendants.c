/* SPDX-License-Identifier: MIT */
/*
 * All that descends from the caller.
 *
 * The tree is read from every /proc/PID/stat: /proc/PID/task/TID/children would be less to read, but not every kernel has
 * it. A number that was read may be another process's when it is used: it is opened as a pidfd first and looked at again.
 */
#include "sys/descendants.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/fs.h"
#include "sys/proc.h"

/* proc_pid_stat(5): as many bytes as a line has with room to spare */
enum { STAT_BYTES = 1024 };

struct process {
	pid_t pid, parent, session;
	char state;
	uint64_t start; /* clock ticks */
};

/* @return whether there is such a process */
static bool read_process(int proc_fd, const char *pid, struct process *ret)
{
	char path[64], text[STAT_BYTES];
	const char *at;
	int parent, session;

	(void)snprintf(path, sizeof(path), "%.20s/stat", pid);
	if (sys_read_value(proc_fd, path, text, sizeof(text)) <= 0)
		return false;
	/* field 2 is the name and may hold anything but ends at the last ')' */
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %c %d %*d %d", &ret->state, &parent, &session) != 3)
		return false;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, " %" SCNu64, &ret->start) != 1)
		return false;
	ret->pid = (pid_t)strtol(pid, NULL, 10);
	ret->parent = parent;
	ret->session = session;
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct process *p = a, *q = b;

	return (p->pid > q->pid) - (p->pid < q->pid);
}

/* All that are to be seen, in order of their numbers; to be freed. */
static int read_all(int proc_fd, struct process **ret, size_t *ret_n)
{
	size_t n_names, n = 0;
	struct process *all;
	char **names;
	int r = sys_list_dir(proc_fd, &names, &n_names);

	if (r < 0)
		return r;
	all = calloc(n_names + 1, sizeof(*all));
	for (size_t i = 0; i < n_names; i++) {
		if (all && isdigit((unsigned char)names[i][0]))
			n += read_process(proc_fd, names[i], &all[n]);
		free(names[i]);
	}
	free(names);
	if (!all)
		return -ENOMEM;
	qsort(all, n, sizeof(*all), compare);
	*ret = all;
	*ret_n = n;
	return 0;
}

static bool descends(const struct process *all, size_t n, const struct process *p, pid_t from)
{
	/* a tree that changes while it is read may have a circle in it */
	for (size_t depth = 0; p && depth < n; depth++) {
		if (p->parent == from)
			return true;
		p = bsearch(&(struct process){ .pid = p->parent }, all, n, sizeof(*all), compare);
	}
	return false;
}

/* @return 0; -ESRCH: it is gone; -EPERM */
static int send_signal(int proc_fd, const struct process *p, int signo)
{
	int pidfd = sys_pidfd_open(p->pid), r = -ESRCH;
	struct process now;
	char name[24];

	if (pidfd < 0)
		return pidfd;
	(void)snprintf(name, sizeof(name), "%d", (int)p->pid);
	if (read_process(proc_fd, name, &now) && now.start == p->start)
		r = sys_pidfd_signal(pidfd, signo);
	(void)close(pidfd);
	return r;
}

static void count(struct sys_descendants *d, const struct process *p, int r)
{
	if (r == -ESRCH)
		return;
	d->n++;
	d->denied += r < 0;
	/* the one that matters most, should only some be out of reach */
	if (d->one == 0 || r < 0)
		d->one = p->pid;
}

int sys_descendants_signal(pid_t session, int signo, struct sys_descendants *ret)
{
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	pid_t self = getpid();
	struct process *all;
	size_t n;

	if (proc_fd < 0)
		return -errno;
	r = sys_pid_seen_from(proc_fd) == self ? read_all(proc_fd, &all, &n) : -ENXIO;
	if (r < 0) {
		(void)close(proc_fd);
		return r;
	}
	*ret = (struct sys_descendants){ 0 };
	for (size_t i = 0; i < n; i++) {
		const struct process *p = &all[i];

		if (strchr("ZXx", p->state) || !descends(all, n, p, self) ||
		    (session != SYS_ANY_SESSION && p->session != session))
			continue;
		count(ret, p, signo ? send_signal(proc_fd, p, signo) : 0);
	}
	free(all);
	(void)close(proc_fd);
	return 0;
}
