/* SPDX-License-Identifier: MIT */
/**
 * @file rundir.h
 * A lab's run directory, state_dir/NAME: a `lock` that the supervisor holds while the lab lives, the control socket, and
 * what a lab writes to files (logs, hosts). The lock is the only truth about life and death: whoever gets it, sweeps.
 */
#ifndef NETLAB_LAB_RUNDIR_H
#define NETLAB_LAB_RUNDIR_H

#include <sys/types.h>

#include "netlab/err.h"

#define RUNDIR_CONTROL "control"
#define RUNDIR_LOGS    "logs"
#define RUNDIR_HOSTS   "hosts"
#define RUNDIR_LOG     "supervisor.log"
/** The lab's directories of cgroups, one a line: recorded before they are made, removed by whoever sweeps. */
#define RUNDIR_CGROUPS "cgroups"
/** What their names begin with; the lab's name and a tag follow. */
#define RUNDIR_CGROUP_PREFIX "netlab-"

struct rundir {
	char *path;   /**< owned; absolute */
	int state_fd; /**< the state directory */
	int fd;       /**< the run directory; -1 = none */
	int lock_fd;  /**< holds the flock, as do all copies of it */
};

/** Makes the directory and takes its lock. A dead lab's leftovers are swept first.
 *  @return 0; -EEXIST when a live lab has the name (its holder is named) */
int rundir_create(const char *state_dir, const char *name, struct rundir *ret,
		  struct netlab_err *err);
/** Removes it with all in it; only for the holder of the lock. */
void rundir_remove(struct rundir *d, const char *name);
/** Removes what is in it, but for what whoever sweeps it goes by: the lab stays known until it is gone. Only for the holder
 *  of the lock. */
void rundir_empty(struct rundir *d);
/** Closes the descriptors (and so gives up the lock, unless another process has copies). */
void rundir_deinit(struct rundir *d);
/** Writes into the lock file who holds it. @param[in] proc_fd  the /proc that knows `pid`, or AT_FDCWD for our own */
int rundir_note_holder(const struct rundir *d, int proc_fd, pid_t pid);

enum rundir_state {
	RUNDIR_NONE,
	RUNDIR_DEAD,
	RUNDIR_ENDING, /**< dead, but the kernel is still ending its processes; not swept yet */
	RUNDIR_LIVE,
};
/** Looks whether a lab of that name lives. A dead one is swept. @return enum rundir_state, negative errno */
int rundir_check(const char *state_dir, const char *name);
/** @return a pidfd of the process that holds, or held, the lock; -ESRCH when it is no more (or out of our sight) */
int rundir_open_holder(const char *state_dir, const char *name);

/** Thaws what a lab that is to be killed has frozen: v1 keeps it from dying. */
void rundir_thaw(const char *state_dir, const char *name);

/** Connects to a lab's control socket. @return fd; -ENOENT (no such lab), -ECONNREFUSED (starting or ending) */
int rundir_connect(const char *state_dir, const char *name);

#endif
