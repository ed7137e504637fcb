/* SPDX-License-Identifier: MIT */
/**
 * @file timeline.h
 * The timeline of a running lab: what the topology's `timeline` says happens, at its time or on its trigger. Private to
 * src/lab.
 *
 * Theory of operation. Everything that can wake it is behind one descriptor, which the supervisor's loop watches: a timer,
 * an inotify instance for the logs, packet sockets on the fabric ends of the links. An event happens once. A ramp is a
 * change every TIMELINE_STEP_MS, the last of them exactly what was asked; a later change of the same key of the same
 * direction ends it for that key. What happened and what failed goes to the lab's log and into `show`.
 */
#ifndef NETLAB_LAB_TIMELINE_H
#define NETLAB_LAB_TIMELINE_H

#include <jansson.h>
#include <stddef.h>

#include "netlab/err.h"

struct supervisor;
struct timeline;

enum { TIMELINE_STEP_MS = 50 };

/**
 * Prepares the topology's timeline: compiles what is matched, listens to links and logs.
 * @param[out] ret  NULL when there is no timeline
 * @return 0; -EINVAL (class INVALID) for a pcap expression that is none; other negative errno
 */
int timeline_new(struct supervisor *s, struct timeline **ret, struct netlab_err *err);
/** Time 0 is the supervisor's ready_ns. NULL is nothing. */
void timeline_start(struct timeline *t);
/** @return a descriptor that is readable when timeline_run() has something to do; borrowed */
int timeline_fd(const struct timeline *t);
/** Does what is due. */
void timeline_run(struct timeline *t);
/** A command that an event started has ended. @param[in] status  as waitpid() gave it */
void timeline_command_ended(struct timeline *t, size_t node, size_t command, int status);
/**
 * An object per event, in file order: "at_ms" or "when"; "link" and "from" or "exec"; "state" (waiting, running, done,
 * failed), "done", "began_ms" once it began, "exit_code", "error". New reference.
 */
json_t *timeline_report(const struct timeline *t);

#endif
