/* SPDX-License-Identifier: MIT */
/**
 * @file recording.h
 * The recording of a lab, as the supervisor sees it: it starts the recorder, has the wire tell it about packets, and knows how
 * it ends. Private to src/lab.
 *
 * Theory of operation. Only the wire can be listened to, so every link is the wire's while a lab is recorded: from the
 * beginning (`run --record`), or handed over without loss by `record start` and given back by `record stop`. The recorder
 * may fail (a full disk) or be killed: the wire is told to stop telling, and the lab goes on. When the wire is killed,
 * packets are lost that no record is of: the recording ends there and says so.
 */
#ifndef NETLAB_LAB_RECORDING_H
#define NETLAB_LAB_RECORDING_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "netlab/err.h"

struct supervisor;
struct tape;

/** Zero-initialise with .wake_fd = -1. */
struct lab_recording {
	pid_t pid; /**< of the recorder; 0 = it does not run */
	pid_t host_pid;
	struct tape *
		tape; /**< owned; stays after the end, for its counts; NULL = nothing was recorded yet */
	int tape_fd, wake_fd; /**< owned; -1 = none */
	bool is_told;         /**< the wire tells it */
	bool from_start;      /**< links are the wire's by plan, not handed over */
	bool is_stopping;     /**< it was told to end */
	char error[256];      /**< why it did not end well; "" = it did, or goes on */
	char links_error
		[256]; /**< why not all links went back; "" = they did, or have no need to */
};

/** Starts a recorder before the links are made. @param[in] dir_fd  of the record's directory; the caller's */
int recording_begin(struct supervisor *s, int dir_fd, struct netlab_err *err);
/** The wire has been started: has it tell the recorder, if there is one. */
int recording_attach(struct supervisor *s, struct netlab_err *err);

/**
 * Answers `record start`: all links to the wire, and a recorder.
 * @param[in] dir_fd  empty directory; the caller's
 * @return NULL with *err; -EBUSY: there is a recording; -EOPNOTSUPP: a link that netem carries
 */
json_t *recording_start(struct supervisor *s, const json_t *request, int dir_fd,
			struct netlab_err *err);
/**
 * Answers `record stop`: links go back to what they were, the recorder writes what it has, and ends. Asked again, it gives back
 * the links that could not be the first time.
 * @param[out] ret_fd  pidfd of the recorder, readable when it has ended; -1 = it has
 */
json_t *recording_stop(struct supervisor *s, int *ret_fd, struct netlab_err *err);
/** {"state": "recording|stopping|ended|failed", counts, "error"}, and where links did not go back "links_error"; NULL when
 *  nothing was recorded */
json_t *recording_report(const struct supervisor *s);

/** Has it end, for the lab does. */
void recording_end(struct supervisor *s);
/** The recorder was reaped. @param[in] status  as waitpid() gave it */
void recording_reaped(struct supervisor *s, int status);
/** What has to be done after that, outside of whatever was going on: links go back. */
void recording_settle(struct supervisor *s);
/** The wire died. */
void recording_wire_died(struct supervisor *s);

#endif
