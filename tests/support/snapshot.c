/* SPDX-License-Identifier: MIT */
/* What a lab must not leave behind, as sorted lines of text. */
#include "support/snapshot.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "support/world.h"

const char *snapshot_cgroup_word = "netlab-snapshot";

static void die(const char *what)
{
	perror(what);
	abort();
}

__attribute__((format(printf, 2, 3))) static void add(struct snapshot *s, const char *fmt, ...)
{
	va_list ap;

	if (s->n == s->size) {
		s->size = s->size ? 2 * s->size : 256;
		s->lines = realloc(s->lines, s->size * sizeof(*s->lines));
		if (!s->lines)
			die("snapshot");
	}
	va_start(ap, fmt);
	if (vasprintf(&s->lines[s->n], fmt, ap) < 0)
		die("snapshot");
	va_end(ap);
	s->n++;
}

/** Reads a link or a small file's first line; empty when it is gone. */
static void read_text(const char *path, bool link, char *ret, size_t size)
{
	ssize_t n = -1;

	if (link) {
		n = readlink(path, ret, size - 1);
	} else {
		FILE *f = fopen(path, "re");

		if (f) {
			n = fgets(ret, (int)size, f) ? (ssize_t)strcspn(ret, "\n") : 0;
			fclose(f);
		}
	}
	ret[n > 0 ? n : 0] = '\0';
}

static void add_namespaces(struct snapshot *s, const char *pid)
{
	static const char *const kinds[] = { "mnt", "net", "pid",    "user",
					     "uts", "ipc", "cgroup", "time" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char path[300], text[64];

		snprintf(path, sizeof(path), "/proc/%s/ns/%s", pid, kinds[i]);
		read_text(path, true, text, sizeof(text));
		if (text[0])
			add(s, "namespace %s", text);
	}
}

static void add_processes(struct snapshot *s)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;

	if (!proc)
		die("/proc");
	while ((e = readdir(proc))) {
		char path[300], comm[64];

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		read_text(path, false, comm, sizeof(comm));
		add(s, "process %s %s", e->d_name, comm);
		add_namespaces(s, e->d_name);
	}
	closedir(proc);
}

static void add_interfaces(struct snapshot *s)
{
	struct if_nameindex *all = if_nameindex();

	if (!all)
		die("if_nameindex");
	for (struct if_nameindex *i = all; i->if_index; i++)
		add(s, "interface %s", i->if_name);
	if_freenameindex(all);
}

/** Each line of a file, after a word; with `only`, lines that contain it, from there on. */
static void add_lines(struct snapshot *s, const char *word, const char *path, const char *only)
{
	char *line = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "re");

	if (!f)
		die(path);
	while (getline(&line, &size, f) > 0) {
		const char *at = only ? strstr(line, only) : line;

		line[strcspn(line, "\n")] = '\0';
		if (at)
			add(s, "%s %s", word, at);
	}
	free(line);
	fclose(f);
}

/** nftables' tables: by netlink, for there may be no program nft. A kernel without them has none. */
static void add_tables(struct snapshot *s)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg which;
	} ask = {
		.head = { .nlmsg_len = sizeof(ask),
			  .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	bool done = fd < 0 || send(fd, &ask, sizeof(ask), 0) < 0;

	while (!done) {
		_Alignas(struct nlmsghdr) char buffer[16384];
		struct nlmsghdr *h = (struct nlmsghdr *)buffer;
		int left = (int)recv(fd, buffer, sizeof(buffer), 0);

		done = left <= 0;
		for (; !done && nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
			struct nlattr *name;

			done = h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR;
			name = done ? NULL
				    : nlmsg_find_attr(h, sizeof(struct nfgenmsg), NFTA_TABLE_NAME);
			if (name)
				add(s, "table %s", nla_get_string(name));
		}
	}
	if (fd >= 0)
		close(fd);
}

static struct snapshot *walking; /* nftw() has no context */

static int on_file(const char *path, const struct stat *st, int flag, struct FTW *where)
{
	(void)flag;
	if (where->level > 0) /* the directory itself is the test's own */
		add(walking, "file %s %o", path, (unsigned)st->st_mode);
	return 0;
}

static int on_cgroup(const char *path, const struct stat *st, int flag, struct FTW *where)
{
	(void)st;
	(void)where;
	if (flag == FTW_D && strstr(path, snapshot_cgroup_word))
		add(walking, "cgroup %s", path);
	return 0;
}

static void add_descriptors(struct snapshot *s)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;

	if (!dir)
		die("/proc/self/fd");
	while ((e = readdir(dir))) {
		char path[300], text[256];

		if (!isdigit((unsigned char)e->d_name[0]) || atoi(e->d_name) == dirfd(dir))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
		read_text(path, true, text, sizeof(text));
		add(s, "descriptor %s %s", e->d_name, text);
	}
	closedir(dir);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/** Namespaces are seen once per process. */
static void sort_unique(struct snapshot *s)
{
	size_t kept = 0;

	qsort(s->lines, s->n, sizeof(*s->lines), by_text);
	for (size_t i = 0; i < s->n; i++) {
		if (kept > 0 && strcmp(s->lines[i], s->lines[kept - 1]) == 0)
			free(s->lines[i]);
		else
			s->lines[kept++] = s->lines[i];
	}
	s->n = kept;
}

struct snapshot *snapshot_take(const char *dir)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (!s)
		die("snapshot");
	add_processes(s);
	add_interfaces(s);
	add_descriptors(s);
	add_lines(s, "mount", "/proc/self/mountinfo", NULL);
	add_lines(s, "socket", "/proc/net/unix", " /");
	add_lines(s, "route", "/proc/net/route", NULL);
	add_tables(s);
	walking = s;
	if (dir)
		(void)nftw(dir, on_file, 16, FTW_PHYS);
	(void)nftw("/sys/fs/cgroup", on_cgroup, 16, FTW_PHYS);
	sort_unique(s);
	return s;
}

void snapshot_free(struct snapshot *s)
{
	for (size_t i = 0; s && i < s->n; i++)
		free(s->lines[i]);
	if (s)
		free(s->lines);
	free(s);
}

char *snapshot_difference(const struct snapshot *before, const struct snapshot *after)
{
	char *text = NULL;
	size_t len = 0, i = 0, j = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		die("snapshot");
	while (i < before->n || j < after->n) {
		int order = i == before->n  ? 1
			    : j == after->n ? -1
					    : strcmp(before->lines[i], after->lines[j]);

		if (order < 0)
			fprintf(f, "- %s\n", before->lines[i]);
		if (order > 0)
			fprintf(f, "+ %s\n", after->lines[j]);
		i += order <= 0;
		j += order >= 0;
	}
	fclose(f);
	if (len > 0)
		return text;
	free(text);
	return NULL;
}

static int ms_until(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int)((end->tv_sec - now.tv_sec) * 1000 + (end->tv_nsec - now.tv_nsec) / 1000000);
}

/** Waits for the end of the first process that is new, else for a moment; and not for long, for that end may wait for us:
 *  as the world's PID 1 we have orphans to reap. */
static void wait_for_change(const char *difference, int left_ms)
{
	static const char word[] = "+ process ";
	const char *found = strstr(difference, word);
	struct pollfd p = { .fd = -1, .events = POLLIN };
	int moment_ms = found ? 20 : 5;

	if (found)
		p.fd = (int)syscall(SYS_pidfd_open, atoi(found + strlen(word)), 0);
	(void)poll(&p, 1, moment_ms < left_ms ? moment_ms : left_ms);
	if (p.fd >= 0)
		close(p.fd);
}

char *snapshot_wait(const struct snapshot *before, const char *dir, int timeout_ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout_ms / 1000;
	for (;;) {
		struct snapshot *now;
		char *difference;
		int left;

		(void)world_reap();
		now = snapshot_take(dir);
		difference = snapshot_difference(before, now);
		left = ms_until(&end);
		snapshot_free(now);
		if (!difference || left <= 0)
			return difference;
		wait_for_change(difference, left);
		free(difference);
	}
}
