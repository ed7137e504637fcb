/* SPDX-License-Identifier: MIT */
/**
 * @file shrink.h
 * What the parts of `shrink` share: the verb (shrink.c), the runs of candidates (shrink_runs.c), those that replay decisions in
 * place of rules (shrink_replay.c), what is printed and written (shrink_report.c).
 */
#ifndef NETLAB_CLI_SHRINK_H
#define NETLAB_CLI_SHRINK_H

#include <jansson.h>

#include "cli/command.h"
#include "plan/plan.h"
#include "repro/atoms.h"
#include "repro/ddmin.h"
#include "repro/record_dir.h"
#include "repro/replay.h"
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
	struct ddmin ddmin; /**< of the atoms; by_replay: of the decisions */
	bool by_replay;     /**< candidates replay decisions: rules cannot say what makes it fail */
	struct identities all; /**< by_replay: the packets of the recording */
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

/* --- shrink_replay.c --- */

/** From here on candidates are sets of decisions that are replayed. @return 0, or the exit code, reported */
int shrink_replay_begin(struct shrinking *s);
/** What a candidate replays. @param[out] ret  of which only replay_fd() is of use. @return 0; negative errno */
int shrink_replay_new(const struct shrinking *s, const size_t *which, size_t n, struct replay **ret,
		      struct netlab_err *err);
/** Says in words what is left. */
void shrink_replay_describe(struct buf *b, const struct shrinking *s);
/** Writes what is left as a file of decisions. */
void shrink_replay_print(struct buf *b, const struct shrinking *s);
/** Writes the command that replays such a file. */
void shrink_replay_command(struct buf *b, const struct shrinking *s, const char *path);

/* --- shrink_report.c --- */

/** A candidate that fails as often as the whole is taken for one that does not in no more cases, and so is the result for one
 *  that fails by what is left when it failed by chance. */
#define SHRINK_CHANCE_MAX 0.05

/** How often sets failed. */
struct shrink_rates {
	struct shrink_rate whole, none;
	struct shrink_rate result; /**< of == 0: it was interrupted before */
};

/** Where the result is written. */
void shrink_file_name(const struct shrinking *s, char ret[static 4096]);
/** How likely it is that the result failed so often by chance, if without any decision it fails as often as with it. */
double shrink_chance(const struct shrink_rate *result, const struct shrink_rate *none);
/** What came of it: prints, and writes the topology, or the decisions. @return the exit code */
int shrink_report(struct shrinking *s, const struct shrink_rates *rates);

#endif
