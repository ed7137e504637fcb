/* SPDX-License-Identifier: MIT */
/**
 * @file trace_store.h
 * The traces that a running lab's links follow: read by the supervisor, each kept once, in a memfd for the wire, for as long
 * as a link or the topology mentions it. Private to src/lab.
 */
#ifndef NETLAB_LAB_TRACE_STORE_H
#define NETLAB_LAB_TRACE_STORE_H

#include "lab/supervisor.h"

/** Reads all that the topology and its timeline mention, and lets links[].asked point at what was read. @return 0; negative errno */
int trace_store_load(struct supervisor *s, struct netlab_err *err);
/**
 * Reads the trace that `m` names, anew, and lets m->rate_trace point at the supervisor's copy of the name, which stands
 * for what was read. Nothing where it names none, or is such a copy already.
 * @return 0; negative errno as of lab_trace_read()
 */
int trace_store_read(struct supervisor *s, struct impairment *m, struct netlab_err *err);
/** Lets `m`, a copy of what the topology asks, point at what trace_store_load() read. */
void trace_store_find(const struct supervisor *s, struct impairment *m);
/** @return the memfd of what m->rate_trace stands for, borrowed; -1 = none */
int trace_store_fd(const struct supervisor *s, const struct impairment *m);
/** Forgets what nothing mentions any more. */
void trace_store_sweep(struct supervisor *s);

#endif
