/* SPDX-License-Identifier: MIT */
/* The files of a cgroup: limits, what was used, freezing; their names and forms in v1 and v2 (the kernel's
   Documentation/admin-guide/cgroup-v1/ and cgroup-v2.rst). */
#include "sys/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/gate.h"

static int path_of(const struct sys_cgroup *c, const char *file, char ret[static PATH_MAX])
{
	return snprintf(ret, PATH_MAX, "%s/%s", c->dir, file) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static bool is_for(const struct sys_cgroup *c, enum sys_cgroup_use use)
{
	return c->uses & SYS_CGROUP_BIT(use);
}

/* --- limits --- */

static int set_file(const struct sys_cgroup *c, const char *file, const char *value,
		    struct netlab_err *err)
{
	char path[PATH_MAX];
	int r = path_of(c, file, path);

	if (r == 0)
		r = sys_write_value(path, value);
	if (r < 0)
		err_errno(err, r, "writing '%s' to '%.300s'", value, path);
	return r;
}

static int set_number(const struct sys_cgroup *c, const char *file, uint64_t value,
		      struct netlab_err *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return set_file(c, file, text, err);
}

/** Memory with swap: where the kernel has no such file, there is no swap to account. */
static int limit_memory(const struct sys_cgroup *c, uint64_t bytes, struct netlab_err *err)
{
	struct netlab_err no_swap = { 0 };
	int r = set_number(c, c->v2 ? "memory.max" : "memory.limit_in_bytes", bytes, err);

	if (r < 0)
		return r;
	/* v1 counts memory and swap together, v2 swap alone */
	r = set_number(c, c->v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes",
		       c->v2 ? 0 : bytes, &no_swap);
	if (r < 0 && r != -ENOENT) {
		*err = no_swap;
		return r;
	}
	return 0;
}

static int limit_cpu(const struct sys_cgroup *c, uint32_t milli, struct netlab_err *err)
{
	uint64_t period = SYS_CGROUP_CPU_PERIOD_US, quota = period * milli / 1000;
	char both[48];
	int r;

	if (quota < SYS_CGROUP_CPU_QUOTA_MIN_US) {
		quota = SYS_CGROUP_CPU_QUOTA_MIN_US;
		period = quota * 1000 / milli;
	}
	snprintf(both, sizeof(both), "%" PRIu64 " %" PRIu64, quota, period);
	if (c->v2)
		return set_file(c, "cpu.max", both, err);
	r = set_number(c, "cpu.cfs_period_us", period, err);
	return r < 0 ? r : set_number(c, "cpu.cfs_quota_us", quota, err);
}

int sys_cgroup_limit(const struct sys_cgroup *c, const struct sys_cgroup_limits *l,
		     struct netlab_err *err)
{
	int r = 0;

	if (is_for(c, SYS_CGROUP_MEMORY) && l->memory_bytes)
		r = limit_memory(c, l->memory_bytes, err);
	if (r == 0 && is_for(c, SYS_CGROUP_CPU) && l->cpu_milli)
		r = limit_cpu(c, l->cpu_milli, err);
	if (r == 0 && is_for(c, SYS_CGROUP_PIDS) && l->pids)
		r = set_number(c, "pids.max", l->pids, err);
	if (r == -ENOENT) { /* a kernel without CONFIG_CFS_BANDWIDTH, say */
		err_class(err, NETLAB_EXIT_UNSUPPORTED);
		err_hint(err, "this kernel cannot limit that: leave it out, or boot another");
	}
	return r;
}

/* --- usage --- */

/** Reads a number from a file; from the line that begins with `key`, where one is given. */
static void read_number(const struct sys_cgroup *c, const char *file, const char *key,
			int64_t divisor, int64_t *ret)
{
	char path[PATH_MAX], text[4096], *at = text, *end;
	size_t len = key ? strlen(key) : 0;
	uint64_t n;

	if (path_of(c, file, path) < 0 || sys_read_value(AT_FDCWD, path, text, sizeof(text)) < 0)
		return;
	while (key && at && !(strncmp(at, key, len) == 0 && at[len] == ' ')) {
		at = strchr(at, '\n');
		at += at != NULL;
	}
	if (!at)
		return;
	at += len;
	n = strtoull(at, &end, 10);
	if (end != at)
		*ret = (int64_t)(n / (uint64_t)divisor);
}

void sys_cgroup_read_usage(const struct sys_cgroup *c, struct sys_cgroup_usage *u)
{
	enum { NS_PER_US = 1000 };
	const struct {
		enum sys_cgroup_use use;
		bool v2;
		const char *file, *key;
		int64_t divisor;
		int64_t *to;
	} numbers[] = {
		{ SYS_CGROUP_MEMORY, true, "memory.current", NULL, 1, &u->memory_bytes },
		{ SYS_CGROUP_MEMORY, true, "memory.peak", NULL, 1, &u->memory_peak_bytes },
		{ SYS_CGROUP_MEMORY, true, "memory.events", "oom_kill", 1, &u->oom_kills },
		{ SYS_CGROUP_MEMORY, false, "memory.usage_in_bytes", NULL, 1, &u->memory_bytes },
		{ SYS_CGROUP_MEMORY, false, "memory.max_usage_in_bytes", NULL, 1,
		  &u->memory_peak_bytes },
		{ SYS_CGROUP_MEMORY, false, "memory.oom_control", "oom_kill", 1, &u->oom_kills },
		{ SYS_CGROUP_CPU_TIME, true, "cpu.stat", "usage_usec", 1, &u->cpu_us },
		{ SYS_CGROUP_CPU_TIME, false, "cpuacct.usage", NULL, NS_PER_US, &u->cpu_us },
		{ SYS_CGROUP_CPU, true, "cpu.stat", "throttled_usec", 1, &u->throttled_us },
		{ SYS_CGROUP_CPU, false, "cpu.stat", "throttled_time", NS_PER_US,
		  &u->throttled_us },
		{ SYS_CGROUP_PIDS, true, "pids.current", NULL, 1, &u->pids },
		{ SYS_CGROUP_PIDS, false, "pids.current", NULL, 1, &u->pids },
		{ SYS_CGROUP_PIDS, true, "pids.peak", NULL, 1, &u->pids_peak },
		{ SYS_CGROUP_PIDS, false, "pids.peak", NULL, 1, &u->pids_peak },
		{ SYS_CGROUP_PIDS, true, "pids.events", "max", 1, &u->pids_refused },
		{ SYS_CGROUP_PIDS, false, "pids.events", "max", 1, &u->pids_refused },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i].v2 == c->v2 && is_for(c, numbers[i].use))
			read_number(c, numbers[i].file, numbers[i].key, numbers[i].divisor,
				    numbers[i].to);
	}
}

/* --- memory that ran out --- */

void sys_cgroup_die_first(void)
{
	/* proc_pid_oom_score_adj(5): as much as nine tenths of the limit on top of what it has; 1000 would be all */
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) { /* without a /proc it is a matter of luck: no reason to fail */
		(void)!write(fd, "900", 3);
		close(fd);
	}
}

static int open_file(const struct sys_cgroup *c, const char *file, int flags)
{
	char path[PATH_MAX];
	int fd = path_of(c, file, path);

	if (fd == 0)
		fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 && fd != -ENAMETOOLONG ? -errno : fd;
}

static int watch_v1(const struct sys_cgroup *c)
{
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), control = -1, order = -1, r = 0;
	char text[32];

	if (event < 0)
		return -errno;
	control = open_file(c, "memory.oom_control", O_RDONLY);
	order = open_file(c, "cgroup.event_control", O_WRONLY);
	if (control < 0 || order < 0)
		r = control < 0 ? control : order;
	snprintf(text, sizeof(text), "%d %d", event, control);
	if (r == 0 && write(order, text, strlen(text)) < 0)
		r = -errno;
	if (control >= 0)
		close(control);
	if (order >= 0)
		close(order);
	if (r == 0)
		return event;
	close(event);
	return r;
}

int sys_cgroup_watch_memory(const struct sys_cgroup *c)
{
	int fd, r = sys_gate("cgroup watch");

	if (r < 0)
		return r;
	if (!c->v2)
		return watch_v1(c);
	fd = open_file(c, "memory.events", O_RDONLY);
	if (fd >= 0)
		sys_cgroup_watch_read(fd);
	return fd;
}

void sys_cgroup_watch_read(int fd)
{
	char text[512];

	/* an eventfd gives 8 bytes, and cannot be read from a place */
	if (pread(fd, text, sizeof(text), 0) < 0)
		(void)!read(fd, text, sizeof(text));
}

/* --- freezing --- */

static bool has_stopped(const struct sys_cgroup *c, bool on)
{
	char path[PATH_MAX], text[64];
	int64_t frozen = -1;

	if (c->v2) {
		read_number(c, "cgroup.events", "frozen", 1, &frozen);
		return frozen == on;
	}
	return path_of(c, "freezer.state", path) == 0 &&
	       sys_read_value(AT_FDCWD, path, text, sizeof(text)) > 0 &&
	       strcmp(text, on ? "FROZEN" : "THAWED") == 0;
}

int sys_cgroup_freeze(const struct sys_cgroup *c, bool on)
{
	char path[PATH_MAX];
	int r = path_of(c, c->v2 ? "cgroup.freeze" : "freezer.state", path);

	if (r < 0)
		return r;
	return sys_write_value(path, c->v2 ? (on ? "1" : "0") : (on ? "FROZEN" : "THAWED"));
}

int sys_cgroup_wait_frozen(const struct sys_cgroup *c, bool on, int timeout_ms)
{
	enum { LOOK_AGAIN_MS = 50 };
	/* v2 tells when the last has stopped; v1 looks after them only when its state is read */
	const struct timespec between = { .tv_nsec = 1000000 };
	uint64_t deadline_ns = sys_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
	int events = c->v2 ? open_file(c, "cgroup.events", O_RDONLY) : -1, r = 0;

	while (!has_stopped(c, on)) {
		struct pollfd p = { .fd = events, .events = POLLPRI };

		if (sys_monotonic_ns() >= deadline_ns) {
			r = -ETIME;
			break;
		}
		if (events >= 0) {
			(void)!poll(&p, 1, LOOK_AGAIN_MS);
			sys_cgroup_watch_read(events);
		} else {
			(void)nanosleep(&between, NULL);
		}
	}
	if (events >= 0)
		close(events);
	return r;
}
