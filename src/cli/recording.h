/* SPDX-License-Identifier: MIT */
/**
 * @file recording.h
 * What `run --record` and `record stop` make of a recording's directory.
 */
#ifndef NETLAB_CLI_RECORDING_H
#define NETLAB_CLI_RECORDING_H

#include "cli/run.h"
#include "lab/lab.h"
#include "repro/record_dir.h"

/** A directory that `run` records to. Zero-initialise with .record.dir_fd = -1. */
struct cli_recording {
	const char *path; /**< of --record or --bundle; NULL = none */
	struct lab_record record;
	bool made;  /**< the directory was not there before */
	bool quiet; /**< what was recorded is not told; what is missing is */
};

/** Makes the directory of --record, if given. @return 0, or the exit code, reported */
int cli_recording_open(struct cli *c, const struct cli_bring_up *u, struct cli_recording *ret);
/** Removes a recording that is not to be kept, after cli_recording_close(). */
void cli_recording_remove(const struct cli_recording *r);
/** The lab did not come up: what was made goes. */
void cli_recording_discard(struct cli_recording *r);
/**
 * Ends the recording of the lab, while it runs still, puts its statistics and output beside it, and says what there is.
 * @param[in] status  exit code so far
 * @return the exit code of the whole: `status`, or where that is 0 and the recording is incomplete 125
 */
int cli_recording_close(struct cli *c, const char *lab, struct cli_recording *r, int status);

/**
 * Takes the command that was recorded, and the node that it ran in unless --in says another, for the command line's.
 * @param[out] ret_argv  free it once c->tail is not used any more
 * @return 0; -EINVAL with c->err: there is none (class USAGE), or it is damaged; -ENOMEM
 */
int cli_recorded_command(struct cli *c, const struct record_dir *d, const char ***ret_argv);

/** Ends a recording and says what there is; `dir` as for people. @return 0, or the exit code, reported */
int cli_recording_stop(struct cli *c, const char *lab, const char *dir, bool quiet);
/** Writes the lab's statistics and what its services wrote into a record's directory. @return 0; negative errno */
int cli_recording_keep(struct cli *c, const char *lab, int dir_fd, struct netlab_err *err);

#endif
