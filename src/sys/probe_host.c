/* SPDX-License-Identifier: MIT */
/* What is looked at on the host: programs, cgroup controllers, limits. */
#include "sys/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "sys/cgroup.h"
#include "sys/fs.h"
#include "sys/proc.h"

enum {
	ENOUGH_NODES = 1000, /* a host that carries fewer is called limited */
	FDS_PER_NODE = 2,    /* of the supervisor: control socket and rtnetlink socket */
	FDS_APART = 64,
	VERSION_PATIENCE_MS =
		3000, /* an idle host needs 5, one that reads it from a cold disk more */
};

/* --- programs --- */

/* Where netlab itself looks for tc, and a node's commands are found: PATH, then where administrators' programs live. */
static bool find_program(const char *name, char *ret, size_t size)
{
	static const char places[] = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";
	const char *lists[] = { places, getenv("PATH") };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (const char *c = lists[i]; c && *c; c += *c == ':') {
			size_t len = strcspn(c, ":");

			(void)snprintf(ret, size, "%.*s/%s", (int)len, c, name);
			if (len > 0 && access(ret, X_OK) == 0)
				return true;
			c += len;
		}
	}
	return false;
}

/* Runs PROGRAM OPTION and keeps the start of what it prints. */
static int ask_version(const char *path, const char *option, char *ret, size_t size)
{
	char *const argv[] = { (char *)path, (char *)option, NULL };
	char *const env[] = { (char *)"LC_ALL=C", NULL };
	int fd = memfd_create("netlab-version", MFD_CLOEXEC), null, pidfd, status;
	ssize_t n;
	pid_t pid;

	if (fd < 0)
		return -errno;
	pid = sys_clone(0, &pidfd);
	if (pid == 0) {
		sigset_t none;

		(void)sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		(void)sys_die_with_parent(true);
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (dup2(null, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
			_exit(1);
		(void)execve(path, argv, env);
		_exit(127);
	}
	if (pid < 0) {
		(void)close(fd);
		return (int)pid;
	}
	if (sys_wait_readable(pidfd, VERSION_PATIENCE_MS) < 0)
		(void)sys_pidfd_signal(pidfd, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	(void)close(pidfd);
	n = pread(fd, ret, size - 1, 0);
	(void)close(fd);
	ret[n > 0 ? n : 0] = '\0';
	return 0;
}

/* The first word that begins with a digit or, in iproute2's way, has one after a dash: "iproute2-6.1.0,". */
static bool version_in(const char *text, char *ret, size_t size)
{
	for (const char *c = text; *c && *c != '\n'; c++) {
		bool start = c == text || strchr(" -v(", c[-1]);
		size_t len;

		if (!start || *c < '0' || *c > '9')
			continue;
		len = strcspn(c, " ,;)\n");
		(void)snprintf(ret, size, "%.*s", (int)len, c);
		return true;
	}
	return false;
}

void probe_program(struct probe *p, const char *arg, struct probe_result *r)
{
	const char *space = strchr(arg, ' ');
	char name[32], path[PATH_MAX], words[256], version[32];

	(void)p;
	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(arg, " "), arg);
	if (!find_program(name, path, sizeof(path))) {
		probe_fail(r, -ENOENT, "not found in the usual places, nor in PATH");
		return;
	}
	if (space && ask_version(path, space + 1, words, sizeof(words)) == 0 &&
	    version_in(words, version, sizeof(version)))
		(void)snprintf(r->detail, sizeof(r->detail), "%s (%.120s)", version, path);
	else
		(void)snprintf(r->detail, sizeof(r->detail), "%.150s", path);
}

/* --- cgroups --- */

void probe_cgroup(struct probe *p, const char *arg, struct probe_result *r)
{
	struct sys_cgroup_places places;
	struct netlab_err err = { 0 };
	unsigned use = 0;
	int e;

	(void)p;
	while (strcmp(sys_cgroup_use_name(use), arg) != 0)
		use++;
	e = sys_cgroup_find(NULL, SYS_CGROUP_BIT(use), 0, &places, &err);
	if (e < 0) {
		probe_fail(r, e, err.message);
		(void)snprintf(r->remedy, sizeof(r->remedy), "%s", err.hint);
		return;
	}
	(void)snprintf(r->detail, sizeof(r->detail), "%s at %.150s", places.at[0].v2 ? "v2" : "v1",
		       places.at[0].dir);
	sys_cgroup_places_deinit(&places);
}

/* --- limits --- */

static bool read_number(const char *path, uint64_t *ret)
{
	char text[64];

	return sys_read_value(AT_FDCWD, path, text, sizeof(text)) > 0 &&
	       units_parse_u64(text, ret) == 0;
}

static bool has_sys_resource(void)
{
	enum { CAP_SYS_RESOURCE_BIT = 24 }; /* linux/capability.h */
	_cleanup_free_ char *text = NULL;
	const char *line;
	size_t len;

	if (sys_read_file("/proc/self/status", 1 << 16, &text, &len) < 0)
		return false;
	line = strstr(text, "CapEff:");
	return line && (strtoull(line + strlen("CapEff:"), NULL, 16) >> CAP_SYS_RESOURCE_BIT & 1);
}

void probe_open_files(struct probe *p, const char *arg, struct probe_result *r)
{
	struct rlimit l = { 0 };
	uint64_t most = SYS_FDS_MAX, nodes;

	(void)p;
	(void)arg;
	(void)getrlimit(RLIMIT_NOFILE, &l);
	/* sys_raise_nofile(): as far as the hard limit, or beyond it with the capability */
	if (l.rlim_max < most) {
		if (!has_sys_resource())
			most = l.rlim_max;
		else if (read_number("/proc/sys/fs/nr_open", &nodes) && nodes < most)
			most = nodes;
	}
	nodes = most > FDS_APART ? (most - FDS_APART) / FDS_PER_NODE : 0;
	r->limited = nodes < ENOUGH_NODES;
	(void)snprintf(r->detail, sizeof(r->detail),
		       "%" PRIu64 " open files: %" PRIu64 " nodes in a lab", most, nodes);
}

void probe_processes(struct probe *p, const char *arg, struct probe_result *r)
{
	struct rlimit l = { .rlim_cur = RLIM_INFINITY };
	uint64_t most = 0, threads;
	const char *by = "kernel.pid_max";

	(void)arg;
	if (!read_number("/proc/sys/kernel/pid_max", &most)) {
		probe_fail(r, -ENOENT, "no kernel.pid_max");
		return;
	}
	if (read_number("/proc/sys/kernel/threads-max", &threads) && threads < most) {
		most = threads;
		by = "kernel.threads-max";
	}
	(void)getrlimit(RLIMIT_NPROC, &l);
	if (p->rootless && l.rlim_cur < most) { /* root is exempt: fork(2) */
		most = l.rlim_cur;
		by = "limit of processes (ulimit -u)";
	}
	r->limited = most < 2 * ENOUGH_NODES;
	(void)snprintf(r->detail, sizeof(r->detail),
		       "%" PRIu64 " by %s; a node is one process and its services", most, by);
}

void probe_namespace_limits(struct probe *p, const char *arg, struct probe_result *r)
{
	static const char *const kinds[] = { "net", "pid", "mnt", "uts", "ipc" };
	uint64_t least = UINT64_MAX, value;
	const char *which = NULL;

	(void)p;
	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", kinds[i]);
		if (read_number(path, &value) && value < least) {
			least = value;
			which = kinds[i];
		}
	}
	if (!which) {
		probe_fail(r, -ENOENT, "no user.max_*_namespaces");
		return;
	}
	r->limited = least < ENOUGH_NODES;
	(void)snprintf(r->detail, sizeof(r->detail), "user.max_%s_namespaces = %" PRIu64, which,
		       least);
	if (r->limited)
		(void)snprintf(r->remedy, sizeof(r->remedy),
			       "run `sysctl -w user.max_%s_namespaces=100000` as root", which);
}

void probe_neighbours(struct probe *p, const char *arg, struct probe_result *r)
{
	enum { KERNEL_DEFAULT = 1024 };
	uint64_t value;

	(void)p;
	(void)arg;
	if (!read_number("/proc/sys/net/ipv4/neigh/default/gc_thresh3", &value)) {
		/* only the host's own network namespace shows it */
		(void)snprintf(r->detail, sizeof(r->detail), "not visible from here");
		return;
	}
	r->limited = value < KERNEL_DEFAULT;
	(void)snprintf(r->detail, sizeof(r->detail), "gc_thresh3 = %" PRIu64 " for all namespaces",
		       value);
}

void probe_subordinate_ids(struct probe *p, const char *arg, struct probe_result *r)
{
	const struct passwd *pw = getpwuid(geteuid());
	_cleanup_free_ char *text = NULL;
	char by_name[64], by_uid[64];
	size_t len;

	(void)p;
	(void)arg;
	(void)snprintf(by_name, sizeof(by_name), "%s:", pw ? pw->pw_name : "?");
	(void)snprintf(by_uid, sizeof(by_uid), "%u:", (unsigned)geteuid());
	if (geteuid() == 0) {
		(void)snprintf(r->detail, sizeof(r->detail), "root needs none");
		return;
	}
	if (sys_read_file("/etc/subuid", 1 << 20, &text, &len) == 0) {
		for (const char *line = text; line && *line; line = strchr(line, '\n')) {
			line += *line == '\n';
			if (strncmp(line, by_name, strlen(by_name)) == 0 ||
			    strncmp(line, by_uid, strlen(by_uid)) == 0)
				return;
		}
	}
	probe_fail(r, -ENOENT, "/etc/subuid has no line for this user");
	(void)snprintf(
		r->remedy, sizeof(r->remedy),
		"run `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s` as root",
		pw ? pw->pw_name : "USER");
}
