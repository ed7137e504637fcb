/* SPDX-License-Identifier: MIT */
/**
 * @file final_stats.h
 * What `run` makes of a lab's statistics before it takes the lab down: --stats, --strict, -v, and the warning when this
 * host lost packets.
 */
#ifndef NETLAB_CLI_FINAL_STATS_H
#define NETLAB_CLI_FINAL_STATS_H

#include <stdio.h>

#include "cli/command.h"

/**
 * Opens the file of --stats, so that a path that cannot be written is told of before the lab is up.
 * @param[out] ret  NULL when there is none
 * @return 0, or the exit code, reported
 */
int cli_final_stats_open(struct cli *c, FILE **ret);

/**
 * Looks at the statistics of a lab whose command has ended.
 * @param[in] out       of cli_final_stats_open()
 * @param[in] replayed  fault rules do nothing in this lab, so none is missed
 * @param[in] status    exit code of the command
 * @return the exit code of the whole: `status`, unless that is 0 and --strict finds that the host was too slow (6), or
 *         netlab itself failed at what was asked of it (125)
 */
int cli_final_stats(struct cli *c, const char *lab, FILE *out, bool replayed, int status);

#endif
