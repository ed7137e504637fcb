/* SPDX-License-Identifier: MIT */
/**
 * @file cgroup.h
 * Control groups of both versions: where this process may make some, making and removing them, limits, what was used,
 * freezing.
 *
 * Theory of operation. Version 2 is one hierarchy for everything; version 1 is one per controller, and a host may have
 * both. A *place* is a directory of a hierarchy in which this process may make cgroups: its own cgroup, or, where that
 * hands no controllers to its children (v2 forbids it to a cgroup that has processes), the nearest one above that does.
 * Nothing of anybody else's is ever changed: a host where no such place exists is told apart, with the remedy. In each
 * place a lab makes one directory, with one for each node in it.
 */
#ifndef NETLAB_SYS_CGROUP_H
#define NETLAB_SYS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "netlab/err.h"

/** What a cgroup is wanted for. */
enum sys_cgroup_use {
	SYS_CGROUP_MEMORY,
	SYS_CGROUP_CPU,
	SYS_CGROUP_PIDS,
	SYS_CGROUP_CPU_TIME, /**< accounting only; every v2 cgroup does it, v1's 'cpuacct' */
	SYS_CGROUP_FREEZER,  /**< every v2 cgroup does it (Linux 5.2), v1's 'freezer' */
	SYS_CGROUP_USES,
};
#define SYS_CGROUP_BIT(use) (1u << (use))

/** A directory that cgroups may be made in, or a cgroup that was made. */
struct sys_cgroup {
	char *dir;     /**< absolute; owned */
	unsigned uses; /**< SYS_CGROUP_BIT()s */
	bool v2;
};

struct sys_cgroup_places {
	struct sys_cgroup at[SYS_CGROUP_USES];
	unsigned n;
};

/** Where the kernel tells about cgroups; tests have files of their own. */
struct sys_cgroup_host {
	const char *mountinfo; /**< "/proc/self/mountinfo" */
	const char *own;       /**< "/proc/self/cgroup" */
	const char *root;      /**< put before the mount points: "" */
};

/**
 * Finds a place for each use, v2 rather than v1.
 * @param[in]  host      NULL = this one
 * @param[in]  wanted    uses without which it fails; of class UNSUPPORTED, with the remedy
 * @param[in]  welcome   uses that may be left out; a place has those of them that it can
 * @param[out] ret       only set on success; to be freed with sys_cgroup_places_deinit()
 */
int sys_cgroup_find(const struct sys_cgroup_host *host, unsigned wanted, unsigned welcome,
		    struct sys_cgroup_places *ret, struct netlab_err *err);
/** Idempotent. */
void sys_cgroup_places_deinit(struct sys_cgroup_places *p);
/** "memory", "cpu", "pids", "cpuacct", "freezer": what v1 calls the controller. */
const char *sys_cgroup_use_name(enum sys_cgroup_use use);

/** Makes a directory for cgroups of ours, which in v2 hands the controllers of `uses` on. @return 0, negative errno */
int sys_cgroup_make_parent(const struct sys_cgroup *c);
/** Makes a cgroup. @return 0, negative errno */
int sys_cgroup_make(const struct sys_cgroup *c);
/** Thaws the cgroups in a directory of ours: what is frozen in v1 cannot even be killed. A missing one is no error. */
void sys_cgroup_thaw_below(const char *dir);
/** Removes a directory of ours with all cgroups in it; not their processes. @return 0 (also: gone); -EBUSY: there are
 *  processes in it; ... */
int sys_cgroup_remove(const char *dir);

/** @return the descriptor for sys_cgroup_join(), which other processes may inherit; negative errno */
int sys_cgroup_open(const char *dir);
/** Moves the calling process into the cgroup. @return 0, negative errno */
int sys_cgroup_join(int fd);
/** Moves another process, by its number in our PID namespace; one that is gone is no error. @return 0, negative errno */
int sys_cgroup_add(const char *dir, pid_t pid);
/** The processes in it by their numbers in our PID namespace, not sorted; a 0 is one that we do not see.
 *  @param[out] ret  malloc'ed. @return 0, negative errno */
int sys_cgroup_members(const char *dir, pid_t **ret, size_t *ret_n);

/** Zero = no limit. */
struct sys_cgroup_limits {
	uint64_t memory_bytes; /**< with swap: what is limited cannot move there */
	uint32_t cpu_milli;    /**< thousandths of a processor */
	uint32_t pids;
};

enum {
	/* v1's cfs_quota_us and v2's cpu.max: what a cgroup may use is handed out by the period. The kernel's own 100 ms
	   would stop half a processor's worth for 50 ms at a stretch, which protocols notice; it takes no quota below 1 ms. */
	SYS_CGROUP_CPU_PERIOD_US = 20000,
	SYS_CGROUP_CPU_QUOTA_MIN_US = 1000,
};

/** Sets the limits that this cgroup is for. @return 0; negative errno with *err naming the file and value */
int sys_cgroup_limit(const struct sys_cgroup *c, const struct sys_cgroup_limits *l,
		     struct netlab_err *err);

/** Makes the calling process, and what it starts, die before others when memory runs out. Takes no privilege; the other
 *  way round, sparing somebody, takes CAP_SYS_RESOURCE on the host. */
void sys_cgroup_die_first(void);

/** What was used; -1 = this kernel does not tell, or the cgroup is not for it. */
struct sys_cgroup_usage {
	int64_t memory_bytes, memory_peak_bytes;
	int64_t oom_kills; /**< processes that the kernel killed because the limit was reached */
	int64_t cpu_us;
	int64_t throttled_us; /**< time that the limit kept it from running */
	int64_t pids, pids_peak;
	int64_t pids_refused; /**< forks that failed at the limit */
};
#define SYS_CGROUP_USAGE_UNKNOWN                                                            \
	(struct sys_cgroup_usage)                                                           \
	{                                                                                   \
		.memory_bytes = -1, .memory_peak_bytes = -1, .oom_kills = -1, .cpu_us = -1, \
		.throttled_us = -1, .pids = -1, .pids_peak = -1, .pids_refused = -1,        \
	}

/** Fills in what this cgroup can tell, and leaves the rest. */
void sys_cgroup_read_usage(const struct sys_cgroup *c, struct sys_cgroup_usage *u);

/** A descriptor that an epoll tells of (EPOLLIN, EPOLLPRI) when the memory ran out: v1 a little before somebody is
 *  killed, v2 after. @return fd; negative errno */
int sys_cgroup_watch_memory(const struct sys_cgroup *c);
/** To be called after it told, or it tells again at once (v2: or never again). */
void sys_cgroup_watch_read(int fd);

/** Freezes or thaws a cgroup with all below it: those that come to it as well. @return 0, negative errno */
int sys_cgroup_freeze(const struct sys_cgroup *c, bool on);
/** Waits until the last of them has stopped, or the first goes on. @return 0; -ETIME */
int sys_cgroup_wait_frozen(const struct sys_cgroup *c, bool on, int timeout_ms);

#endif
