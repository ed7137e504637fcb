/* SPDX-License-Identifier: MIT */
/**
 * @file shrink.h
 * What the parts of `shrink` share: the verb (shrink.c), the runs of candidates (shrink_runs.c), what is printed and written
 * (shrink_report.c).
 */
#ifndef NETLAB_CLI_SHRINK_H
#define NETLAB_CLI_SHRINK_H

#include <jansson.h>

#include "cli/command.h"
#include "plan/plan.h"
#include "repro/atoms.h"
#include "repro/ddmin.h"
#include "repro/record_dir.h"
#include "sys/pool.h"

struct shrink_slot; /* private to shrink_runs.c */

struct shrinking {
	struct cli *c;
	struct record_dir record;
	struct topo *topo; /**< as recorded; owned */
	struct plan *plan; /**< owned; names addresses */
	struct decisions decisions;
	struct frames frames;
	struct atoms atoms;
	json_t *base;       /**< the topology without dice; owned */
	struct ddmin ddmin; /**< of the atoms */
	/* runs */
	struct cli runner;     /**< the command line that a run has: the command is in its tail */
	const char **recorded; /**< the recording's command; owned (the array) */
	struct sys_pool pool;
	struct shrink_slot *slots; /**< owned; one a job */
	unsigned jobs, tries;
	uint64_t n_started;  /**< runs so far: names them */
	size_t n_candidates; /**< sets that were judged */
	uint64_t start_ns, drawn_ns;
	bool line;      /**< a progress line stands on the terminal */
	bool is_ending; /**< by a signal, or because netlab could not go on */
	int signo;
	int code; /**< of what netlab could not do; 0 = all went well */
};

/** How often a set failed. */
struct shrink_rate {
	unsigned failed, of;
};

/* --- shrink_runs.c --- */

/** The topology of a set, as JSON text. @return malloc'ed; NULL when out of memory */
char *shrink_topology(const struct shrinking *s, const size_t *which, size_t n, size_t flags);
/** Runs a set so often. @param[in] until_fails  no more than until it has failed once. @return 0, or the exit code, reported */
int shrink_measure(struct shrinking *s, const size_t *which, size_t n, unsigned runs,
		   bool until_fails, struct shrink_rate *ret);
/** Shrinks s->ddmin to its end. @return 0, or the exit code, reported */
int shrink_minimise(struct shrinking *s);
void shrink_erase_line(struct shrinking *s);

/* --- shrink_report.c --- */

/** What came of it: prints, and writes the topology. @return the exit code */
int shrink_report(struct shrinking *s, const struct shrink_rate *whole,
		  const struct shrink_rate *result, const struct shrink_rate *none);

#endif
