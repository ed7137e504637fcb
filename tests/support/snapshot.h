/* SPDX-License-Identifier: MIT */
/**
 * @file snapshot.h
 * What a lab must not leave behind, written down as sorted lines of text: processes, namespaces (those that lsns(8) would
 * show), network interfaces, IPv4 routes, tables of nftables, mounts, named unix sockets, netlab's cgroups, files below given
 * directories and this process's descriptors. Two snapshots are compared line by line. To be used inside a world (world.h),
 * where nobody else starts or ends anything.
 */
#ifndef NETLAB_TESTS_SUPPORT_SNAPSHOT_H
#define NETLAB_TESTS_SUPPORT_SNAPSHOT_H

#include <stddef.h>

struct snapshot {
	char **lines; /**< sorted */
	size_t n, size;
};

/** cgroups are the one thing here that has no namespace: only those are listed in whose path this word occurs, such as a
 *  lab's name that no other test uses. Set it first. */
extern const char *snapshot_cgroup_word;

/** What is there now. Files are those below `dir` (NULL = none). Ends the test when it cannot look. */
struct snapshot *snapshot_take(const char *dir);
void snapshot_free(struct snapshot *s);

/** @return NULL when equal; else a malloc'ed text with a line "+ ..." for each thing that came and "- ..." for each
 *  that went */
char *snapshot_difference(const struct snapshot *before, const struct snapshot *after);

/**
 * Waits until things are as before. Killing is asynchronous in the kernel: while there are processes that were not, it
 * looks again when one of them ends; at other things, every few milliseconds until the time is over. All children of the
 * caller that have ended are reaped.
 * @return as snapshot_difference()
 */
char *snapshot_wait(const struct snapshot *before, const char *dir, int timeout_ms);

#endif
