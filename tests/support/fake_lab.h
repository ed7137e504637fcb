/* SPDX-License-Identifier: MIT */
/**
 * @file fake_lab.h
 * A backend of the command line that starts nothing: it remembers what it was asked and answers what the test said.
 */
#ifndef NETLAB_TESTS_FAKE_LAB_H
#define NETLAB_TESTS_FAKE_LAB_H

#include <jansson.h>

#include "base/buf.h"
#include "cli/backend.h"

/** What the fake answers, and what it was asked. Reset by fake_lab_reset(). */
struct fake_lab {
	const char *running[8]; /**< labs that run, NULL-terminated */
	const char *show;       /**< JSON of lab_show() */
	const char *stats
		[4]; /**< JSON of lab_stats(), one look after the other; NULL = the last again */
	int looks;   /**< how often it was asked */
	int ends_after_looks;      /**< the lab has gone after so many; 0 = it stays */
	int waits;                 /**< how often a watch goes on before the user ends it */
	const char *wire;          /**< JSON of doctor_wire() */
	uint64_t moved_bps;        /**< what doctor measured */
	const char *verify;        /**< JSON of lab_verify() */
	int signo;                 /**< that ends it then; 0 = q */
	const char *doctor;        /**< JSON of doctor_run() */
	const char *fail;          /**< name of the function that fails, e.g. "up" */
	struct netlab_err failure; /**< with this */
	int status;                /**< of the command in exec and run */
	bool any_runs;             /**< every lab runs, whatever its name */
	const char *says;          /**< run: what the command writes */
	const char *only_env;      /**< run: that status only where this is in its environment */
	bool not_executed;         /**< exec and run: *err says why, as for 126 and 127 */
	const char *only_program; /**< exec: every other is not found (127); NULL = all are there */
	bool timed_out;           /**< run: the time was up */
	unsigned left;            /**< run: so many processes could not be ended */
	bool ends_early;          /**< down finds no lab although it runs */
	const char *phases[4];    /**< of up, NULL-terminated */
	double phase_ms;          /**< each of them */
	const char *warning;      /**< of up */
	size_t log_gap;          /**< so many bytes of the first are missing behind what it holds */
	const char *log_data[4]; /**< what the files hold, by index */
	struct buf calls;        /**< a line per call */
};

extern struct fake_lab fake_lab;
extern const struct cli_backend fake_lab_backend;

/** A topology of two hosts and a link, named "two"; and the same with two mistakes. */
extern const char two_hosts[], two_broken[];

/** Back to: labs "dumbbell" and "ring" run, everything succeeds, nothing was called. */
void fake_lab_reset(void);
/** The same for cmocka, before and after a test. */
int fake_lab_setup(void **state);
int fake_lab_teardown(void **state);

/** A command line's answer; free with cli_answer_deinit(). */
struct cli_answer {
	int code;
	char *out, *err; /**< owned */
};

/** Calls cli_main() with the fake; the arguments end with NULL. */
struct cli_answer fake_cli(const char *first, ...) __attribute__((sentinel));
/** The same on a terminal. */
struct cli_answer fake_cli_terminal(const char *first, ...) __attribute__((sentinel));
/** The same with something on standard input. */
struct cli_answer fake_cli_input(const char *input, const char *first, ...)
	__attribute__((sentinel));
void cli_answer_deinit(struct cli_answer *a);

/** The calls were these, all of them. */
void assert_calls(const char *expected);
/** The text has that part. */
void assert_contains(const char *text, const char *part);
/** What stands on standard output, which is JSON. New reference. */
json_t *answer_json(const struct cli_answer *a);

#define _cleanup_answer_ __attribute__((cleanup(cli_answer_deinit)))

#endif
