/* SPDX-License-Identifier: MIT */
/**
 * @file pool.h
 * Functions of ours in children, several side by side: what each wrote, what it reports, how it ended. None outlives
 * this process.
 */
#ifndef NETLAB_SYS_POOL_H
#define NETLAB_SYS_POOL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "netlab/err.h"

enum {
	SYS_POOL_OUTPUT_MAX = 64 << 10, /**< bytes that are kept of what a child wrote: the last */
	SYS_POOL_REPORT_MAX = 64 << 10, /**< bytes that are kept of its report: the first */
};

/**
 * What a child does: stdin is /dev/null, stdout and stderr are one pipe to us, signals are as they were before
 * sys_pool_init(). The report is what it writes to report_fd (close-on-exec).
 * @return its exit code
 */
typedef int sys_pool_fn(void *ctx, int report_fd);

struct sys_pool_child; /* private */

struct sys_pool {
	struct sys_pool_child *children; /**< owned, `size` of them */
	unsigned n, size;                /**< that run; that may run */
	/* private */
	void *fds;
	int signal_fd;
	sigset_t old_mask;
};

/** How a child ended. Free with sys_pool_end_deinit(). */
struct sys_pool_end {
	void *mark;  /**< as given to sys_pool_start() */
	int status;  /**< exit code, 128 + N for signal N */
	bool killed; /**< by a signal */
	uint64_t elapsed_ns;
	struct buf output, report; /**< owned; the first may have lost its beginning */
};

enum sys_pool_event {
	SYS_POOL_END, /**< a child has ended */
	SYS_POOL_SIGNAL, /**< SIGTERM, SIGHUP, SIGINT or SIGQUIT came to us (those that were not ignored) */
	SYS_POOL_TIME, /**< the deadline has come */
};

/** @param[in] size  children at once, at least 1. @return 0; negative errno with *err */
int sys_pool_init(struct sys_pool *p, unsigned size, struct netlab_err *err);
/** Kills the children that still run, waits for them, and gives signals back. Idempotent. */
void sys_pool_deinit(struct sys_pool *p);

/**
 * Starts a child; p->n must be below p->size. Buffers of stdio must be empty, or it writes them as well.
 * @param[in] mark  what its end shall be known by
 * @return 0; negative errno with *err
 */
int sys_pool_start(struct sys_pool *p, sys_pool_fn *fn, void *ctx, void *mark,
		   struct netlab_err *err);

/**
 * Waits for what comes first. A signal that came to the whole group (Ctrl-C) is told before the ends that it caused.
 * @param[in]  deadline_ns  CLOCK_MONOTONIC
 * @param[out] ret          END
 * @param[out] ret_signo    SIGNAL
 * @return enum sys_pool_event; negative errno
 */
int sys_pool_wait(struct sys_pool *p, uint64_t deadline_ns, struct sys_pool_end *ret,
		  int *ret_signo);
/** Sends a signal to all that run. */
void sys_pool_signal(struct sys_pool *p, int signo);

void sys_pool_end_deinit(struct sys_pool_end *end);

#endif
