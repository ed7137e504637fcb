/* SPDX-License-Identifier: MIT */
/* Who is in a PID namespace: every process of a /proc is asked for its numbers and its namespace. */
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

/** Whether a process's PID namespace is the one, or was made inside it. */
static bool is_inside(int proc_fd, const char *name, const struct stat *ns)
{
	char path[64];
	struct stat st;
	int fd, up;

	snprintf(path, sizeof(path), "%.20s/ns/pid", name);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	for (unsigned i = 0; fd >= 0 && i <= DEPTH_MAX; i++) {
		if (fstat(fd, &st) == 0 && st.st_dev == ns->st_dev && st.st_ino == ns->st_ino) {
			close(fd);
			return true;
		}
		up = ioctl(fd, NS_GET_PARENT); /* EPERM: above our own */
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
	char path[64], **names;
	size_t n_names, n = 0;
	struct stat ns;
	int r;

	snprintf(path, sizeof(path), "%d/ns/pid", (int)host_pid);
	if (fstatat(proc_fd, path, &ns, 0) < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	if (level == 0)
		return -ENODATA;
	r = sys_list_dir(proc_fd, &names, &n_names);
	if (r < 0)
		return r;
	pids = calloc(n_names + 1, sizeof(*pids));
	for (size_t i = 0; i < n_names; i++) {
		/* whoever is below our namespace has a number more than we have */
		if (pids && isdigit((unsigned char)names[i][0]) &&
		    read_numbers(proc_fd, names[i], numbers) > level &&
		    is_inside(proc_fd, names[i], &ns))
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
