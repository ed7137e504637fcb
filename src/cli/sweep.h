/* SPDX-License-Identifier: MIT */
/**
 * @file sweep.h
 * What the parts of `sweep` share: the verb (sweep.c), the process that runs one seed (sweep_worker.c), the journal
 * (sweep_journal.c), and what is printed (sweep_report.c, sweep_junit.c).
 */
#ifndef NETLAB_CLI_SWEEP_H
#define NETLAB_CLI_SWEEP_H

#include <stdio.h>

#include "cli/command.h"
#include "cli/run.h"
#include "cli/topology.h"
#include "repro/sweep.h"

/* --- one seed --- */

/** What a worker needs; it is a copy of this process, so nothing of it is sent. */
struct sweep_job {
	const struct cli *c;                 /**< the sweep's */
	const struct cli_topology *topology; /**< its text is read again, with the seed */
	uint64_t seed;
	char name[NAME_MAX_BYTES + 1];   /**< of the lab */
	const char *record;              /**< directory to record to; NULL = none */
	const struct lab_replay *replay; /**< what it replays; NULL = nothing */
};

/** What a worker tells; followed by what netlab itself said. */
struct sweep_told {
	enum cli_run_end end;
	int exit;              /**< of the whole, as `run` would have it */
	struct netlab_err err; /**< FAILED, NO_COMMAND */
};

/** A lab's name that no other has: NAME.PID.SEED, the first cut where that is too long. */
void sweep_lab_name(const char *base, uint64_t seed, char ret[static NAME_MAX_BYTES + 1]);
/** Runs the command in a lab of that seed, in a child (sys_pool_fn). @param[in] ctx  a struct sweep_job */
int sweep_worker(void *ctx, int report_fd);

/* --- the records --- */

#define SWEEP_RECORD_OUTPUT "command.log" /* in a record: the end of what the command wrote */

struct sweep_records {
	const char *path; /**< of the directory; borrowed */
	int fd;           /**< -1 = nothing is recorded: keeping and dropping do nothing */
};

/**
 * Makes or opens the directory.
 * @param[in] go_on  it may have records in it
 * @return 0; -ENOTEMPTY (class USAGE); other negative errno
 */
int sweep_records_open(struct sweep_records *s, const char *path, bool go_on,
		       struct netlab_err *err);
/** Removes what a sweep that was killed left of seeds that had not ended: for who holds the journal. */
int sweep_records_clear(struct sweep_records *s, struct netlab_err *err);
/** Idempotent. */
void sweep_records_deinit(struct sweep_records *s);
/** Where a seed's record is, while it runs or once it is kept; free it. NULL when out of memory. */
char *sweep_record_path(const struct sweep_records *s, uint64_t seed, bool running);
/** Throws the record of a seed away. @return 0 (also when there is none); negative errno */
int sweep_record_drop(struct sweep_records *s, uint64_t seed, struct netlab_err *err);
/** Keeps it, with what the command wrote. @return 0; negative errno */
int sweep_record_keep(struct sweep_records *s, uint64_t seed, const struct buf *output,
		      struct netlab_err *err);

/* --- the journal --- */

/** What a sweep is: two that differ in any of it are not one sweep. */
struct sweep_what {
	const char *topology, *in, *engine, *timeout; /**< as given; NULL = not given */
	const char *const *command;
	uint64_t digest; /**< of the topology's text */
	bool strict, recorded;
};

void sweep_what(const struct cli *c, const struct cli_topology *t, struct sweep_what *ret);
/** The first line. */
void sweep_journal_head(struct buf *b, const struct sweep_what *w);
/** A result. */
void sweep_journal_line(struct buf *b, uint64_t seed, const struct sweep_result *r);
/**
 * Notes the results that a journal holds; those of seeds that are not asked for are passed over.
 * @param[in]  path       for messages
 * @param[out] ret_whole  bytes of its whole lines: the rest was being written when an earlier sweep was killed
 * @return 0; -EINVAL with *err (class USAGE): of another sweep, and in what; no journal
 */
int sweep_journal_read(const char *text, size_t len, const char *path, const struct sweep_what *w,
		       struct sweep *s, size_t *ret_whole, struct netlab_err *err);

/* --- what is printed --- */

/** How a sweep went. All borrowed. */
struct sweep_account {
	const struct sweep *sweep;
	const struct sweep_what *what;
	const char *lab;
	const struct sweep_records *records; /**< fd -1: none */
	unsigned jobs;
	size_t warned; /**< seeds of which netlab itself had something to say */
	double elapsed_s;
	int signo;       /**< that ended it early; 0 = none */
	bool stopped;    /**< by --until-fail */
	const char *cut; /**< why it ended early otherwise; NULL */
};

/** The table of failing seeds and the summary in words, or the JSON. @return an exit code */
int sweep_print(struct cli *c, const struct sweep_account *a);
/** JUnit's XML (a case per seed), as CI servers read it. */
void sweep_junit(struct buf *b, const struct sweep_account *a);

#endif
