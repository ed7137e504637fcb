/* SPDX-License-Identifier: MIT */
/* Processes and namespaces. */
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/units.h"
#include "sys/fs.h"
#include "sys/gate.h"

static uint64_t clone_flags(unsigned namespaces)
{
	static const struct {
		unsigned ns;
		uint64_t flag;
	} map[] = {
		{ SYS_NS_MNT, CLONE_NEWNS },        { SYS_NS_UTS, CLONE_NEWUTS },
		{ SYS_NS_IPC, CLONE_NEWIPC },       { SYS_NS_PID, CLONE_NEWPID },
		{ SYS_NS_NET, CLONE_NEWNET },       { SYS_NS_USER, CLONE_NEWUSER },
		{ SYS_NS_CGROUP, CLONE_NEWCGROUP },
	};
	uint64_t flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		if (namespaces & map[i].ns)
			flags |= map[i].flag;
	}
	return flags;
}

pid_t sys_clone(unsigned namespaces, int *ret_pidfd)
{
	return sys_clone_into(namespaces, -1, ret_pidfd);
}

pid_t sys_clone_into(unsigned namespaces, int cgroup_fd, int *ret_pidfd)
{
	int pidfd = -1, r;
	struct clone_args args = {
		.flags = clone_flags(namespaces) | (ret_pidfd ? CLONE_PIDFD : 0) |
			 (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = cgroup_fd >= 0 ? (uint64_t)cgroup_fd : 0,
	};
	long pid;

	r = sys_gate(namespaces & SYS_NS_USER ? "clone user" : "clone");
	if (r < 0)
		return r;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return -errno;
	if (pid > 0 && ret_pidfd)
		*ret_pidfd = pidfd;
	return (pid_t)pid;
}

int sys_pidfd_open(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : (int)fd;
}

pid_t sys_pidfd_seen_from(int proc_fd, int pidfd)
{
	char path[64], text[1024];
	const char *line;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "self/fdinfo/%d", pidfd);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	line = strstr(text, "\nPid:");
	n = line ? strtol(line + strlen("\nPid:"), NULL, 10) : -1;
	return n > 0 ? (pid_t)n : -ESRCH;
}

int sys_setns(int fd, unsigned namespaces)
{
	int r = sys_gate("setns");

	if (r < 0)
		return r;
	return setns(fd, (int)clone_flags(namespaces)) < 0 ? -errno : 0;
}

int sys_namespace(int proc_fd, pid_t pid, const char *kind, uint64_t *ret)
{
	char path[64], text[64];
	const char *bracket;
	ssize_t n;

	snprintf(path, sizeof(path), "%d/ns/%s", (int)pid, kind);
	n = readlinkat(proc_fd, path, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	/* "net:[4026531840]": namespaces(7) */
	bracket = strchr(text, '[');
	return bracket && sscanf(bracket, "[%" SCNu64 "]", ret) == 1 ? 0 : -EPROTO;
}

int sys_own_namespace(int proc_fd, const char *kind)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "self/ns/%s", kind);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sys_unshare(unsigned namespaces)
{
	int r = sys_gate("unshare");

	if (r < 0)
		return r;
	return unshare((int)clone_flags(namespaces)) < 0 ? -errno : 0;
}

void sys_hint_limit(int r, struct netlab_err *err)
{
	if (r == -ENOSPC || r == -EUSERS) {
		(void)err_class(err, NETLAB_EXIT_UNSUPPORTED);
		(void)err_hint(err, "raise user.max_*_namespaces (sysctl)");
	} else if (r == -EAGAIN) {
		(void)err_hint(err, "raise kernel.pid_max or the limit of processes (ulimit -u)");
	}
}

void sys_adopt_orphans(void)
{
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int sys_pidfd_signal(int pidfd, int signo)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0) < 0 ? -errno : 0;
}

int sys_wait_readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int r;

	do
		r = poll(&p, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIME : 0;
}

/** A number of /proc/PID/stat: `field` counts from 1, as proc_pid_stat(5) does, and is above 3. */
static int read_stat(int proc_fd, pid_t pid, int field, uint64_t *ret)
{
	char path[64], text[1024];
	const char *at;
	ssize_t n;

	snprintf(path, sizeof(path), "%s%d/stat", proc_fd == AT_FDCWD ? "/proc/" : "", (int)pid);
	n = sys_read_value(proc_fd, path, text, sizeof(text));
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	/* field 2 is the name and may hold anything but ends at the last ')' */
	at = strrchr(text, ')');
	for (int i = 2; at && i < field; i++)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, " %" SCNu64, ret) == 1 ? 0 : -EPROTO;
}

int sys_start_time(int proc_fd, pid_t pid, uint64_t *ret)
{
	return read_stat(proc_fd, pid, 22, ret);
}

bool sys_is_exiting(pid_t pid)
{
	const uint64_t pf_exiting = 0x4; /* PF_EXITING, include/linux/sched.h */
	uint64_t flags;

	return read_stat(AT_FDCWD, pid, 9, &flags) < 0 || (flags & pf_exiting);
}

pid_t sys_pid_seen_from(int proc_fd)
{
	char text[32];
	ssize_t n = readlinkat(proc_fd, "self", text, sizeof(text) - 1);
	uint64_t pid;

	if (n < 0)
		return -errno;
	text[n] = '\0';
	return units_parse_u64(text, &pid) < 0 ? -EPROTO : (pid_t)pid;
}

int sys_die_with_parent(bool on)
{
	return sys_signal_with_parent(on ? SIGKILL : 0);
}

int sys_signal_with_parent(int signo)
{
	return prctl(PR_SET_PDEATHSIG, signo) < 0 ? -errno : 0;
}

void sys_set_comm(const char *name)
{
	(void)prctl(PR_SET_NAME, name);
}

unsigned sys_cpus_allowed(void)
{
	cpu_set_t set;

	/* more processors than a cpu_set_t counts are more than anybody here asks for */
	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (unsigned)CPU_COUNT(&set);
}

void sys_exact_timeouts(void)
{
	(void)prctl(PR_SET_TIMERSLACK, 1);
}

void sys_prefer_me(int nice)
{
	(void)setpriority(PRIO_PROCESS, 0, nice); /* needs CAP_SYS_NICE, or RLIMIT_NICE */
}

void sys_own_share(void)
{
	(void)setsid(); /* fails for the leader of a group, who has what was asked for */
}

static int compare_fds(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

void sys_close_all_but(int first, int *keep, unsigned n_keep)
{
	unsigned from = (unsigned)first;

	qsort(keep, n_keep, sizeof(*keep), compare_fds);
	for (unsigned i = 0; i < n_keep; i++) {
		if (keep[i] < (int)from)
			continue;
		if (keep[i] > (int)from)
			(void)syscall(SYS_close_range, from, keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	(void)syscall(SYS_close_range, from, ~0u, 0);
}

void sys_close_on_exec(int first)
{
	if (syscall(SYS_close_range, (unsigned)first, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	/* before Linux 5.11 */
	for (int fd = first, most = (int)sysconf(_SC_OPEN_MAX); fd < most; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void sys_keep_from_children(const void *start, size_t len, bool keep)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)start + page - 1) / page * page,
		  to = ((uintptr_t)start + len) / page * page;

	if (len > 0 && to > from)
		(void)madvise((void *)from, to - from, keep ? MADV_DONTFORK : MADV_DOFORK);
}

void sys_trim_memory(void)
{
	(void)malloc_trim(0);
}

void sys_raise_nofile(struct sys_nofile *ret_before)
{
	struct rlimit l = { 0 };

	(void)getrlimit(RLIMIT_NOFILE, &l);
	*ret_before = (struct sys_nofile){ .soft = l.rlim_cur, .hard = l.rlim_max };
	if (l.rlim_max < SYS_FDS_MAX) {
		struct rlimit more = { .rlim_cur = SYS_FDS_MAX, .rlim_max = SYS_FDS_MAX };

		if (setrlimit(RLIMIT_NOFILE, &more) == 0) /* needs CAP_SYS_RESOURCE */
			return;
	}
	l.rlim_cur = l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l);
}

void sys_restore_nofile(const struct sys_nofile *before)
{
	struct rlimit l = { .rlim_cur = before->soft, .rlim_max = before->hard };

	(void)setrlimit(RLIMIT_NOFILE, &l);
}

int sys_exit_code(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}
