/* SPDX-License-Identifier: MIT */
/**
 * @file limits.h
 * The cgroups of a lab's nodes: limits, what was used, memory that ran out, freezing. Private to src/lab.
 *
 * Theory of operation. Only what is asked for is made: a node with `limits` gets its cgroups before it is cloned and is in
 * them before it does anything (in v2 it is born there); any other gets one when it is frozen first. A lab has one
 * directory in each place (sys/cgroup.h), PLACE/netlab-LAB-TAG, with PLACE/netlab-LAB-TAG/node-NODE in it; the tag is
 * random, so that labs of one name do not meet whatever their state directories and containers. The run directory
 * records the directories before they are made, and whoever sweeps it (rundir.c) removes them once their processes are
 * gone: a supervisor cannot, for its nodes end with it.
 */
#ifndef NETLAB_LAB_LIMITS_H
#define NETLAB_LAB_LIMITS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lab/supervisor.h"
#include "node/init.h"
#include "sys/cgroup.h"

/** Makes the cgroups of all nodes that have limits. Nothing where none has. @return 0; negative errno with *err */
int limits_begin(struct supervisor *s, struct netlab_err *err);

/** How a node's first process gets into its cgroups. */
struct limits_entry {
	int born_in;                /**< for sys_clone_into(); -1 = none */
	int join[NODE_CGROUPS_MAX]; /**< for the init, node_boot.cgroup_fds */
};
/** Opens what that takes; nothing for a node without limits. @return 0; negative errno with *err */
int limits_enter(struct supervisor *s, size_t node, struct limits_entry *ret,
		 struct netlab_err *err);
/** Closes it. */
void limits_entered(struct limits_entry *e);

/** Directories of the cgroups that a process from outside has to join: an array of strings. New ref; NULL: no memory. */
json_t *limits_directories(const struct supervisor *s, size_t node);

/** Adds "limits" and "usage" to what `show` says of a node, where it has cgroups. */
void limits_report(struct supervisor *s, size_t node, json_t *o);

/** An epoll that can be read when the memory of a node ran out; -1 = there is nothing to watch. */
int limits_fd(const struct supervisor *s);
/** Looks which node it was, and says so in the lab's log. */
void limits_on_event(struct supervisor *s);
/** Adds, to why a node died, that its memory had run out, if that is so. */
void limits_explain(struct supervisor *s, size_t node, struct netlab_err *err);

/** Before the nodes are killed: what v1 has frozen takes no signal. */
void limits_thaw_all(struct supervisor *s);
/** Where cgroups are in use: ends all nodes and waits for it, so that the sweep of the run directory finds them empty. */
void limits_end_nodes(struct supervisor *s);
void limits_free(struct supervisor *s);

/* --- freeze.c --- */

bool limits_is_frozen(const struct supervisor *s, size_t node);
/** @return 0; -EBUSY with *err where the node is frozen: it would not answer */
int limits_refuse_frozen(const struct supervisor *s, size_t node, struct netlab_err *err);
/** Freezes or thaws all processes of a node. @return 0; negative errno with *err, and the node as before */
int limits_freeze(struct supervisor *s, size_t node, bool on, struct netlab_err *err);

/* --- between the two files --- */

/** A directory of the lab, in one place. */
struct limits_parent {
	struct sys_cgroup cgroup; /**< `dir` owned */
	bool made;
};

struct limits_node {
	unsigned made;     /**< bits by index of limits.parents */
	int memory_fd;     /**< sys_cgroup_watch_memory(); -1 = none */
	int64_t oom_kills; /**< that were told of */
	unsigned looks;    /**< left to look for a kill that v1 has announced */
	bool frozen;
};

struct limits {
	struct limits_parent parents[2 * SYS_CGROUP_USES];
	unsigned n_parents;
	struct limits_node *nodes; /**< owned; by node */
	char tag[17];
	int epoll_fd, timer_fd;
};

/** Makes s->limits, empty, where there is none yet. */
int limits_new(struct supervisor *s, struct netlab_err *err);
/** Finds places and notes, in the run directory, the directories that shall be made there. */
int limits_add_parents(struct supervisor *s, unsigned wanted, unsigned welcome,
		       struct netlab_err *err);
/** Makes a node's cgroup in a parent, and the parent where it is not there. */
int limits_make(struct supervisor *s, size_t node, unsigned parent, struct netlab_err *err);
/** The cgroup of a node in a parent. Its `dir` is malloc'ed, NULL: no memory. */
struct sys_cgroup limits_cgroup(const struct supervisor *s, size_t node, unsigned parent);

#endif
