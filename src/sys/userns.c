/* SPDX-License-Identifier: MIT */
/* User namespaces for callers without root, and those below. */
#include "sys/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/units.h"
#include "sys/fs.h"
#include "sys/gate.h"
#include "sys/proc.h"

enum { SUBIDS_FILE_MAX_BYTES = 1 << 20 };

/* --- subordinate ids --- */

/** One line, "NAME:START:COUNT" with the newline cut; NAME may be a number. */
static bool read_subids(char *line, const char *name, uid_t uid, struct sys_subids *ret)
{
	char *start = strchr(line, ':'), *count = start ? strchr(start + 1, ':') : NULL;
	uint64_t number, first, n;

	if (!count)
		return false;
	*start++ = *count++ = '\0';
	if (!(name && strcmp(line, name) == 0) &&
	    !(units_parse_u64(line, &number) == 0 && number == uid))
		return false;
	/* user_namespaces(7): 4294967295 is no id, and 1 + count is what we make of it */
	if (units_parse_u64(start, &first) < 0 || units_parse_u64(count, &n) < 0 || n == 0 ||
	    n >= UINT32_MAX - 1 || first > UINT32_MAX - n)
		return false;
	*ret = (struct sys_subids){ .start = (uint32_t)first, .count = (uint32_t)n };
	return true;
}

int sys_subids_find(const char *file, const char *name, uid_t uid, struct sys_subids *ret)
{
	_cleanup_free_ char *text = NULL;
	char *save = NULL;
	size_t len;
	int r = sys_read_file(file, SUBIDS_FILE_MAX_BYTES, &text, &len);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return -ENOENT;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (read_subids(line, name, uid, ret))
			return 0;
	}
	return -ENOENT;
}

/* --- maps --- */

static int write_one(pid_t pid, const char *file, unsigned id)
{
	char path[64], map[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	(void)snprintf(map, sizeof(map), "0 %u 1\n", id);
	return sys_write_value(path, map);
}

static int write_one_group(pid_t pid)
{
	char path[64];
	int r;

	/* user_namespaces(7): or else a group that denies could be left */
	(void)snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
	r = sys_write_value(path, "deny");
	return r < 0 ? r : write_one(pid, "gid_map", getegid());
}

/** Whether a map of the caller's has all ids: nothing shows as another's then. */
static bool is_whole(const char *path)
{
	uint64_t n = 0;
	unsigned count;
	FILE *f = fopen(path, "re");

	if (!f)
		return true; /* no user namespaces in this kernel */
	while (fscanf(f, "%*u %*u %u", &count) == 1)
		n += count;
	(void)fclose(f);
	return n >= UINT32_MAX; /* -1 is nobody's id */
}

bool sys_has_all_ids(void)
{
	return is_whole("/proc/self/uid_map") && is_whole("/proc/self/gid_map");
}

void sys_known_owner(uid_t *uid, gid_t *gid)
{
	if ((*uid != SYS_UNKNOWN_ID && *gid != SYS_UNKNOWN_ID) || sys_has_all_ids())
		return;
	*uid = *uid == SYS_UNKNOWN_ID ? 0 : *uid;
	*gid = *gid == SYS_UNKNOWN_ID ? 0 : *gid;
}

int sys_userns_map_one(pid_t pid)
{
	int r = write_one_group(pid);

	return r < 0 ? r : write_one(pid, "uid_map", geteuid());
}

/** A setuid program of shadow's at work. */
struct helper {
	const char *path, *name;
	unsigned own; /**< the caller's id, which becomes 0 */
	struct sys_subids more;
	int output_fd;
	pid_t pid; /**< or negative errno */
};

static void start_helper(struct helper *h, pid_t target)
{
	char words[5][16];
	char *const argv[] = { (char *)h->name, words[0], (char *)"0", words[1], (char *)"1",
			       (char *)"1",     words[2], words[3],    NULL };
	char *const env[] = { (char *)"LC_ALL=C", NULL };

	(void)snprintf(words[0], sizeof(words[0]), "%d", (int)target);
	(void)snprintf(words[1], sizeof(words[1]), "%u", h->own);
	(void)snprintf(words[2], sizeof(words[2]), "%" PRIu32, h->more.start);
	(void)snprintf(words[3], sizeof(words[3]), "%" PRIu32, h->more.count);
	h->output_fd = memfd_create(h->name, MFD_CLOEXEC);
	h->pid = h->output_fd < 0 ? -errno : sys_clone(0, NULL);
	if (h->pid != 0)
		return;
	(void)sys_die_with_parent(true);
	if (dup2(h->output_fd, STDOUT_FILENO) >= 0 && dup2(h->output_fd, STDERR_FILENO) >= 0)
		(void)execve(h->path, argv, env);
	_exit(127);
}

/** @return whether it wrote the map; if not, `why` says what it said */
static bool end_helper(struct helper *h, char *why, size_t size)
{
	int status = -1;
	char text[256];
	ssize_t n = 0;

	if (h->pid > 0) {
		while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
			;
		n = pread(h->output_fd, text, sizeof(text) - 1, 0);
	}
	if (h->output_fd >= 0)
		(void)close(h->output_fd);
	if (h->pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (h->pid < 0)
		(void)snprintf(why, size, "%s: %s", h->name, strerror(-h->pid));
	else
		(void)snprintf(why, size, "%s: %s", h->path, text[0] ? text : "it failed");
	return false;
}

static const char *find_helper(const char *const paths[])
{
	for (; *paths; paths++) {
		if (access(*paths, X_OK) == 0)
			return *paths;
	}
	return NULL;
}

/** @return whether the caller may have more ids than its own */
static bool find_helpers(struct helper ret[2])
{
	/* fixed places: they are setuid programs, which PATH should not choose */
	static const char *const uid[] = { "/usr/bin/newuidmap", "/bin/newuidmap", NULL };
	static const char *const gid[] = { "/usr/bin/newgidmap", "/bin/newgidmap", NULL };
	const struct passwd *pw;
	const char *name;

	ret[0] = (struct helper){ .path = find_helper(uid), .name = "newuidmap", .own = geteuid() };
	ret[1] = (struct helper){ .path = find_helper(gid), .name = "newgidmap", .own = getegid() };
	if (!ret[0].path || !ret[1].path)
		return false;
	pw = getpwuid(geteuid());
	name = pw ? pw->pw_name : NULL;
	return sys_subids_find("/etc/subuid", name, geteuid(), &ret[0].more) == 0 &&
	       sys_subids_find("/etc/subgid", name, geteuid(), &ret[1].more) == 0;
}

int sys_userns_map(pid_t pid, char *why, size_t size, struct netlab_err *err)
{
	bool written[2] = { false, false };
	struct helper helpers[2];
	int r = sys_gate("userns map");

	why[0] = '\0';
	if (r == 0 && find_helpers(helpers)) {
		start_helper(&helpers[0], pid);
		start_helper(&helpers[1], pid);
		written[0] = end_helper(&helpers[0], why, size);
		written[1] = end_helper(&helpers[1], why, size);
	}
	if (r == 0 && !written[1])
		r = write_one_group(pid);
	if (r == 0 && !written[0])
		r = write_one(pid, "uid_map", geteuid());
	return r < 0 ? err_errno(err, r, "writing the user namespace's maps") : 0;
}

/* --- below the caller's own --- */

enum {
	MAP_MAX_BYTES = 4096, /* user_namespaces(7): one write, of less than a page */
	MAP_SHOWN_MAX_BYTES =
		16384, /* 340 lines, which the kernel shows wider than we write them */
};

/** Each range of our map as one that leaves it as it is. */
static int same_map(char *shown, char ret[static MAP_MAX_BYTES])
{
	size_t used = 0;
	char *save = NULL;

	for (char *line = strtok_r(shown, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned first, outside, count;
		int n;

		if (sscanf(line, "%u %u %u", &first, &outside, &count) != 3)
			return -EPROTO;
		n = snprintf(ret + used, MAP_MAX_BYTES - used, "%u %u %u\n", first, first, count);
		if (n < 0 || (size_t)n >= MAP_MAX_BYTES - used)
			return -E2BIG;
		used += (size_t)n;
	}
	return 0;
}

static int copy_map(int proc_fd, pid_t pid, const char *file)
{
	char path[64], shown[MAP_SHOWN_MAX_BYTES], map[MAP_MAX_BYTES] = "";
	ssize_t r;
	int fd;

	(void)snprintf(path, sizeof(path), "self/%s", file);
	r = sys_read_value(proc_fd, path, shown, sizeof(shown));
	if (r >= 0)
		r = same_map(shown, map);
	if (r < 0)
		return (int)r;
	(void)snprintf(path, sizeof(path), "%d/%s", (int)pid, file);
	fd = openat(proc_fd, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write(fd, map, strlen(map)) < 0 ? -errno : 0;
	close(fd);
	return (int)r;
}

int sys_userns_map_same(int proc_fd, pid_t pid)
{
	int r = sys_gate("userns same map");

	if (r == 0)
		r = copy_map(proc_fd, pid, "gid_map");
	return r < 0 ? r : copy_map(proc_fd, pid, "uid_map");
}

/** By descriptors alone: at this time /proc is the node's. @return a descriptor, negative errno */
static int owner_of_netns(void)
{
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), net, user;

	if (sock < 0)
		return -errno;
	net = ioctl(sock, SIOCGSKNS);
	user = net < 0 ? -errno : ioctl(net, NS_GET_USERNS);
	if (net >= 0 && user < 0)
		user = -errno;
	close(sock);
	if (net >= 0)
		close(net);
	return user;
}

int sys_enter_netns_owner(void)
{
	int r = sys_gate("enter owner"), fd = r < 0 ? r : owner_of_netns();

	if (fd < 0)
		return fd;
	r = sys_setns(fd, SYS_NS_USER);
	close(fd);
	return r;
}

/* --- hosts that allow none --- */

void sys_userns_remedy(const char *sysctls, char *ret, size_t size)
{
	static const struct {
		const char *path, *blocks, *remedy;
	} knobs[] = {
		{ "kernel/unprivileged_userns_clone", "0",
		  "run `sysctl -w kernel.unprivileged_userns_clone=1` as root" },
		{ "user/max_user_namespaces", "0",
		  "run `sysctl -w user.max_user_namespaces=15000` as root" },
		{ "kernel/apparmor_restrict_unprivileged_userns", "1",
		  "run `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` as root, or give netlab an "
		  "AppArmor profile with the rule 'userns,'" },
	};
	char path[PATH_MAX], value[32];

	for (size_t i = 0; i < ARRAY_SIZE(knobs); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", sysctls, knobs[i].path);
		if (sys_read_value(AT_FDCWD, path, value, sizeof(value)) > 0 &&
		    strcmp(value, knobs[i].blocks) == 0) {
			(void)snprintf(ret, size, "%s; or run netlab as root", knobs[i].remedy);
			return;
		}
	}
	(void)snprintf(
		ret, size,
		"run netlab as root; in a container, allow it CAP_SYS_ADMIN and CAP_NET_ADMIN, "
		"or user namespaces (its seccomp filter may refuse clone and unshare; a chroot "
		"has none)");
}
