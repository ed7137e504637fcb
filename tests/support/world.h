/* SPDX-License-Identifier: MIT */
/**
 * @file world.h
 * A world of its own for a test that counts what is there: new PID, mount, network, UTS and IPC namespaces, with the
 * test as PID 1 and an own /proc. To netlab this world is the host. Other tests, other users' processes and their labs
 * are not in it, so "unchanged" can be meant literally; and whatever the test leaves dies with it.
 */
#ifndef NETLAB_TESTS_SUPPORT_WORLD_H
#define NETLAB_TESTS_SUPPORT_WORLD_H

#include <stdbool.h>

/** Where the world's empty tmpfs is mounted; a test's state directories and files go below. */
extern const char *world_dir;

/**
 * Runs the test in a new world and returns its exit code. Where the world cannot be made: 77 (skip) with the reason on
 * stdout, or 1 when NETLAB_MUST_WORK is set.
 */
int world_run(int (*test)(void));

/** Leaves a message and gives up the whole test program as skipped (77), or failed under NETLAB_MUST_WORK. */
int world_skip(const char *why);

/** Waits for all children that have ended, orphans of the world among them. @return whether there was one */
bool world_reap(void);

#endif
