/* SPDX-License-Identifier: MIT */
/**
 * @file proc.h
 * Processes and namespaces: clone3, pidfds, setns, signals, waiting.
 */
#ifndef NETLAB_SYS_PROC_H
#define NETLAB_SYS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "netlab/err.h"

/** Namespaces by name; values are this header's own, not the kernel's. */
enum sys_ns {
	SYS_NS_MNT = 1u << 0,
	SYS_NS_UTS = 1u << 1,
	SYS_NS_IPC = 1u << 2,
	SYS_NS_PID = 1u << 3,
	SYS_NS_NET = 1u << 4,
	SYS_NS_USER = 1u << 5,
	SYS_NS_CGROUP = 1u << 6,
};

enum sys_limits {
	SYS_FDS_MAX = 1 << 20, /**< what the supervisor asks for as RLIMIT_NOFILE where it may */
};

struct sys_nofile {
	uint64_t soft, hard;
};

/**
 * clone3 with new namespaces (a set of enum sys_ns).
 * @param[out] ret_pidfd  a pidfd of the child (close-on-exec); NULL = not wanted
 * @return in the parent the child's pid, in the child 0; negative errno
 */
pid_t sys_clone(unsigned namespaces, int *ret_pidfd);
/** The same; the child is born in the v2 cgroup of that directory. @param[in] cgroup_fd  -1 = in the caller's */
pid_t sys_clone_into(unsigned namespaces, int cgroup_fd, int *ret_pidfd);
/** @return a pidfd (close-on-exec), negative errno */
int sys_pidfd_open(pid_t pid);
/** The process of a pidfd as the procfs at `proc_fd` numbers it. @return > 0; -ESRCH; ... */
pid_t sys_pidfd_seen_from(int proc_fd, int pidfd);
/** Joins namespaces of the process behind a pidfd; or the one of a namespace's descriptor. @return 0, negative errno */
int sys_setns(int fd, unsigned namespaces);
/** @return 0, negative errno; a process that is gone is -ESRCH */
int sys_pidfd_signal(int pidfd, int signo);
/** Waits until a descriptor can be read: a pidfd when its process has exited (any process, not only a child), a socket
 *  also when its other end is closed. @return 0; -ETIME after timeout_ms (-1 = for ever) */
int sys_wait_readable(int fd, int timeout_ms);
/** When a process started, in clock ticks since boot: with its pid, what no other process has.
 *  @param[in] proc_fd  the /proc to look in; AT_FDCWD = our own. @return 0; -ESRCH; ... */
int sys_start_time(int proc_fd, pid_t pid, uint64_t *ret);
/** Whether a process is on its way out of the kernel, or gone: it does nothing more, but may yet have files open. */
bool sys_is_exiting(pid_t pid);
/** The pid as the procfs at `proc_fd` numbers it, e.g. from outside our PID namespace. @return > 0, negative errno */
pid_t sys_pid_seen_from(int proc_fd);

/** The inode of a process's namespace. @param[in] kind  "pid", "net", "mnt", "uts", "ipc", "cgroup" or "user"
 *  @return 0; -ENOENT (no such process, or kind); ... */
int sys_namespace(int proc_fd, pid_t pid, const char *kind, uint64_t *ret);
/** A descriptor of the caller's own namespace of a kind. @param[in] proc_fd  any /proc that shows the caller
 *  @return a close-on-exec descriptor, negative errno */
int sys_own_namespace(int proc_fd, const char *kind);
/** Says in *err, of a clone or an unshare that failed with r, which limit of the host's is to be raised, if it was one. */
void sys_hint_limit(int r, struct netlab_err *err);
/** Gives the caller new namespaces; a PID or user namespace is for sys_clone(). @return 0, negative errno */
int sys_unshare(unsigned namespaces);
/** Makes the caller the parent of descendants whose parent ends, as PID 1 of a namespace is by nature. */
void sys_adopt_orphans(void);
/** Makes the caller die by SIGKILL when its parent dies; false undoes it. @return 0, negative errno */
int sys_die_with_parent(bool on);
/** Has the kernel send the caller a signal when its parent dies; 0 undoes it. @return 0, negative errno */
int sys_signal_with_parent(int signo);
/** Names the calling process for ps and top (cut to 15 bytes). */
void sys_set_comm(const char *name);
/** How many processors the caller may run on; at least 1. */
unsigned sys_cpus_allowed(void);
/** Makes the calling thread's timeouts, and those of threads that it starts, end when they should, not up to 50 us
 *  later (PR_SET_TIMERSLACK). */
void sys_exact_timeouts(void);
/** Asks the scheduler to run the calling thread, and those that it starts, soon after they wake up, also when others
 *  want the processors: a higher priority, where that is allowed. @param[in] nice  -20 (first) to 19 */
void sys_prefer_me(int nice);
/** Gives the calling process a share of the processors of its own, apart from its session's: a session of its own, for the
 *  kernel divides them among sessions first, then among processes by `nice` (sched(7), autogroup). */
void sys_own_share(void);
/** Closes all descriptors from `first` on but those in keep[], which is put in order; -1 in it means nothing. */
void sys_close_all_but(int first, int *keep, unsigned n_keep);
/** Has all descriptors from `first` on closed by the next exec. */
void sys_close_on_exec(int first);
/**
 * Takes memory that children need not see out of what clone copies, or puts it back; only whole pages within count. A
 * clone costs some 0.1 us for each page that it copies. A child that touches such memory dies by SIGSEGV.
 */
void sys_keep_from_children(const void *start, size_t len, bool keep);
/** Gives memory that was freed back to the kernel, so that clone does not copy it. */
void sys_trim_memory(void);
/** Raises RLIMIT_NOFILE as far as allowed, up to SYS_FDS_MAX. @param[out] ret_before  for sys_restore_nofile() */
void sys_raise_nofile(struct sys_nofile *ret_before);
void sys_restore_nofile(const struct sys_nofile *before);
/** Exit code in the shell's convention: code, or 128 + signal. @param[in] wait_status  as waitpid() gives it */
int sys_exit_code(int wait_status);

#endif
