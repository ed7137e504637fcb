/* SPDX-License-Identifier: MIT */
/**
 * @file failing_lab.h
 * A lab in a world of its own (world.h) in which the k-th system operation fails, and what has to be true afterwards.
 *
 * Operations pass sys_gate() (sys/gate.h). The hook is inherited by the supervisor and the nodes' inits and counts in
 * memory that all of them share, so "the k-th" is counted over the whole lab.
 */
#ifndef NETLAB_TESTS_SUPPORT_FAILING_LAB_H
#define NETLAB_TESTS_SUPPORT_FAILING_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab/lab.h"
#include "support/snapshot.h"
#include "support/world.h"

enum {
	FAILING_DIES =
		-1, /**< instead of an errno: the process that comes to the operation ends there */
	/** ... or nothing fails, but whoever comes to the operation waits there until disarm(): time to kill somebody else */
	FAILING_KILLS = -2,
	FAILING_OPS_MAX = 4096,
	FAILING_PATIENCE_MS = 15000,
};

/** Where labs are kept; the topology that up() brings up, whose name is of no other test, and its text; whether its node "b" has
 *  cgroups. */
extern char failing_state_dir[256];
extern struct topo *failing_topo;
extern const char *failing_source;
extern bool failing_limited;

/** Runs the tests in their world. @param[in] text  another topology than the usual one, without a name; NULL = the usual:
 *  a switch, a router, services, file trees of all kinds, both address families, sysctls, and links that shape: one by the
 *  kernel where it has netem ("shaped"), one by the wire ("far"), and one that does not ("plain"). @return exit code */
int failing_run(const char *text, const struct CMUnitTest *tests, size_t n);

/** The tests run several times side by side, each in a world of its own, for most of the time is spent waiting for the kernel
 *  to end things: one of them tries operation `failing_first`, and every `failing_step` from there. */
extern unsigned failing_first, failing_step;

/* --- the gate --- */

/** From now on the k-th operation fails, counted anew. @param[in] k  0 = none @param[in] error  errno, FAILING_DIES or _KILLS */
void arm(unsigned k, int error);
/** None fails any more, and who waits goes on. @return whether one has failed */
bool disarm(void);
/** Whether somebody has come to the operation, of FAILING_KILLS. */
bool somebody_waits(void);
/** How many operations there were since. */
unsigned operations(void);
/** Whether the one has failed; its name. */
bool has_failed(void);
const char *failed_op(void);
/** What was given to arm(). */
int failed_with(void);

/** Whether operation k of those counted since arm(0, 0) has a name that several before it had, and one after it has: for errors
 *  that are told apart by the place that meets them, not by how often it does. */
bool is_one_more(unsigned k);
/** Whether this is the VM, which is slow and whose host has tried operation k, and k is neither the first nor the last of its
 *  name: with each name is tried what only that kernel has. */
bool is_left_to_host(unsigned k);

/* --- the lab --- */

int up(struct netlab_err *err);
void must_be_up(void);
void must_go_down(void);
/** Brings it up, nothing being armed. @return what there was before, for lab_end() */
struct snapshot *lab_begin(void);
/** Takes it down: there is nothing that was not before. */
void lab_end(struct snapshot *before);
/** Its topology as lab.json in world_dir, for command lines. */
void write_topology(void);
/** Runs a command in a node, which has to end so. */
void run_in(const char *node, const char *const *argv, int want);
/** A packet gets from a to b and back: an echo is asked for until it comes, for some are lost on purpose, and one may be
 *  where the kernel puts in the first qdisc of a device (docs/adr 11). */
void packets_pass(void);
/** Everything about the lab but the time, what was used meanwhile, and what was recorded, as text; free it. */
char *describe(void);
/** The state of a node is that one. */
void check_state(const char *node, const char *want);

/* --- what has to be true after a failure --- */

/** Nothing is there that was not before. */
void nothing_left(const struct snapshot *before, unsigned k);
/** No name in /run/netns is a node's. */
void no_names(unsigned k);
/** The message gives the cause that was planted, and as what it came. */
void true_cause(const struct netlab_err *err, unsigned k);
/** Ends the test: the operation failed, and nobody said so. */
void unnoticed(const char *what, unsigned k);

/** How many things there are of each kind, descriptors of the supervisor among them: of a running lab whose processes may have
 *  changed. */
struct tally {
	struct {
		char kind[16];
		size_t n;
	} kinds[16];
	size_t n;
};
/** Taken when it does not change any more. */
struct tally tally_take(void);
/** There are as many as then, at the latest after a while. */
void same_tally(const struct tally *before, unsigned k);

double seconds(void);

#endif
