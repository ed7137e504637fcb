/* SPDX-License-Identifier: MIT */
/* Names of network namespaces. */
#include "sys/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/gate.h"

enum {
	ATTEMPTS = 3, /* somebody may remove what we have just looked at */
	TARGET_BYTES = 64,
};

static void target_of(pid_t pid, char ret[static TARGET_BYTES])
{
	snprintf(ret, TARGET_BYTES, "/proc/%d/ns/net", (int)pid);
}

static int path_of(const char *name, char ret[static PATH_MAX])
{
	return snprintf(ret, PATH_MAX, SYS_NETNS_DIR "/%s", name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/** Whether it is a link into a /proc/PID whose process is gone. */
static bool leads_nowhere(const char *path)
{
	char target[TARGET_BYTES];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	int pid, end = 0;
	struct stat st;

	if (n < 0)
		return false;
	target[n] = '\0';
	return sscanf(target, "/proc/%d/ns/net%n", &pid, &end) == 1 && end == n &&
	       stat(path, &st) < 0 && (errno == ENOENT || errno == ESRCH);
}

int sys_netns_name(const char *name, pid_t pid)
{
	char path[PATH_MAX], target[TARGET_BYTES];
	int r = path_of(name, path);

	if (r == 0)
		r = sys_gate("netns name");
	target_of(pid, target);
	for (unsigned i = 0; i < ATTEMPTS && r == 0; i++) {
		if (mkdir(SYS_NETNS_DIR, 0755) < 0 && errno != EEXIST)
			return -errno;
		if (symlink(target, path) == 0)
			return 0;
		if (errno == EEXIST && leads_nowhere(path))
			(void)unlink(path);
		else if (errno != ENOENT) /* the directory went away */
			r = -errno;
	}
	return r < 0 ? r : -EEXIST;
}

void sys_netns_unname(const char *name, pid_t pid)
{
	char path[PATH_MAX], want[TARGET_BYTES], is[TARGET_BYTES];
	ssize_t n;

	if (path_of(name, path) < 0)
		return;
	target_of(pid, want);
	n = readlink(path, is, sizeof(is));
	if (n == (ssize_t)strlen(want) && memcmp(is, want, (size_t)n) == 0)
		(void)unlink(path);
}
