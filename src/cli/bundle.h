/* SPDX-License-Identifier: MIT */
/**
 * @file bundle.h
 * `run --bundle DIR`: of a run that failed, everything that may tell why, in one directory.
 */
#ifndef NETLAB_CLI_BUNDLE_H
#define NETLAB_CLI_BUNDLE_H

#include "cli/command.h"
#include "topo/model.h"

/** What a run is judged by. */
struct cli_bundle_why {
	int status; /**< exit code of the command */
	bool timed_out;
	unsigned timeline_errors; /**< events of the timeline that failed */
	bool lab_ended;           /**< before the command did */
	bool incomplete;          /**< the recording */
};

/** @return whether a run is to be kept */
bool cli_bundle_is_failure(const struct cli_bundle_why *why);
/**
 * Adds to the directory of a recording repro.json, and what the lab, if it still runs, tells: show.json, nodes/NODE.txt.
 * @param[in] path  of the directory
 * @return 0; negative errno
 */
int cli_bundle_fill(struct cli *c, const struct topo *t, const char *path,
		    const struct cli_bundle_why *why, struct netlab_err *err);

#endif
