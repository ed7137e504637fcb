/* SPDX-License-Identifier: MIT */
/**
 * @file recorder.h
 * The process that writes a recording, a child of the supervisor: from the wire's tape (wire/tape.h) to the files of a record's
 * directory (record_dir.h). The wire never waits for it, nor it for the wire; it may be slow, fail or be killed, and the lab
 * goes on.
 */
#ifndef NETLAB_REPRO_RECORDER_H
#define NETLAB_REPRO_RECORDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "topo/model.h"
#include "wire/tape.h"

struct recorder {
	struct tape *tape;
	int wake_fd; /**< eventfd */
	int dir_fd;  /**< of the record */
	int began_fd; /**< of a pipe: gets a byte when the files are made, and is closed then or when they cannot be */
	const struct topo *topo;
	bool replayed; /**< what rules decide is a replay's */
	pid_t parent;  /**< dies with it */
};

/** Runs the process, just forked; it owns the descriptors, and closes all others. Ends when the tape says `stops` and is empty, or it cannot write. */
void recorder_main(const struct recorder *setup) __attribute__((noreturn));

#endif
