/* SPDX-License-Identifier: MIT */
/**
 * @file ready.h
 * Finding out when a service is ready, from inside its node.
 *
 * A log is matched as it is written; a file is waited for with inotify; that a port is listened on, and that a program succeeds,
 * no event tells: those are looked at again after a pause that grows from READY_PAUSE_MIN_NS to READY_PAUSE_MAX_NS.
 */
#ifndef NETLAB_NODE_READY_H
#define NETLAB_NODE_READY_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "netlab/err.h"
#include "topo/model.h"

#define READY_PAUSE_MIN_NS 1000000ull
#define READY_PAUSE_MAX_NS 100000000ull

enum { READY_LINE_BYTES = 4096 };

/** What a file was like, to tell whether it has changed. All zero = it was not there. */
struct ready_file {
	uint64_t device, inode;
	int64_t changed_s, changed_ns;
};

/** Starts the program of an `exec`. @return its pid; negative errno */
typedef pid_t ready_exec_fn(void *ctx, const char *const *run);

struct ready {
	const struct topo_ready *about; /**< borrowed; NULL = nothing is waited for */
	bool compiled;
	regex_t regex;
	char *line; /**< owned; of the log, as far as it has come */
	size_t len;
	struct ready_file before;
	int inotify_fd; /**< owned; -1 = none */
	pid_t checker;  /**< of an `exec`; 0 = none */
	int last_code;  /**< how the last checker ended, as a shell counts; -1 = none has */
	uint64_t pause_ns, next_ns;
};

/** Begins to wait, before the service is started. @return 0; -ENOMEM */
int ready_begin(struct ready *w, const struct topo_ready *about, uint64_t now_ns);
/** The service has written something. @return whether it is ready by that */
bool ready_hear(struct ready *w, const char *data, size_t len);
/** Looks, if it is time to. @param[in] exec  starts a checker @return whether the service is ready */
bool ready_look(struct ready *w, uint64_t now_ns, ready_exec_fn *exec, void *ctx);
/** Something has happened to what inotify_fd watches: it is time to look. */
void ready_wake(struct ready *w);
/** A child of this process has ended. @return whether it was the checker; then *ret says whether the service is ready */
bool ready_child(struct ready *w, pid_t pid, int status, uint64_t now_ns, bool *ret);
/** @return when ready_look() shall be called at the latest; UINT64_MAX */
uint64_t ready_next(const struct ready *w);
/** Waits no more: kills a checker. Idempotent, also for one that is all zero. */
void ready_end(struct ready *w);

#endif
