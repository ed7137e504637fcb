/* SPDX-License-Identifier: MIT */
/**
 * @file run.h
 * A lab, a command, and the end of the lab: what `run` does once, and `sweep` once per seed.
 */
#ifndef NETLAB_CLI_RUN_H
#define NETLAB_CLI_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/bring_up.h"

/** How it ended, beyond the exit code, which may be the command's own. */
enum cli_run_end {
	CLI_RUN_FAILED,     /**< netlab could not do its part; what was reported is in c->err */
	CLI_RUN_ENDED,      /**< the command ended by itself: its exit code is the verdict */
	CLI_RUN_NO_COMMAND, /**< it cannot be executed, or is not found; c->err */
	CLI_RUN_TIMED_OUT,  /**< it was ended: the time of --timeout was up */
	CLI_RUN_UNTRUSTED,  /**< it succeeded, but the host was too slow to trust that (--strict) */
};

struct cli_run {
	struct cli_bring_up up; /**< prepared; the caller ends it */
	uint64_t start_ns;      /**< CLOCK_MONOTONIC: --timeout counts from here */
	bool one_of_many;       /**< its name and seed are not told */
	enum cli_run_end end;   /**< out */
};

/** Checks --in before anything is started. @return 0, or the exit code, reported */
int cli_run_check(struct cli *c, const struct topo *t);

/**
 * Brings the lab up, bound to this process, runs c->tail outside the nodes or in that of --in, looks at the statistics,
 * and takes the lab down. Signals stay held back afterwards (sys/command.h).
 * @return the exit code of the whole, reported
 */
int cli_run(struct cli *c, struct cli_run *run);

#endif
