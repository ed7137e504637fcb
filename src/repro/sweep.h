/* SPDX-License-Identifier: MIT */
/**
 * @file sweep.h
 * One command, many seeds: which seeds, which is next, what became of each, and what that says about the command. Pure:
 * the processes are cli/sweep.c's.
 */
#ifndef NETLAB_REPRO_SWEEP_H
#define NETLAB_REPRO_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "netlab/err.h"

enum {
	SWEEP_RANGES_MAX = 64,
	SWEEP_SEEDS_MAX = 1000000,
	SWEEP_LAST_WORDS_MAX = 200, /**< bytes of a command's last line that are kept */
};

struct sweep_range {
	uint64_t first, last;
};

/** Seeds in the order in which they were given, none twice. */
struct sweep_seeds {
	struct sweep_range ranges[SWEEP_RANGES_MAX];
	size_t n_ranges;
	size_t n; /**< seeds, 1 .. SWEEP_SEEDS_MAX */
};

/** "1..200", "17", "1..10,17,20..30". @return 0; -EINVAL with *err of class USAGE */
int sweep_seeds_parse(const char *text, struct sweep_seeds *ret, struct netlab_err *err);
/** @param[in] i  below s->n. @return the i-th seed */
uint64_t sweep_seed(const struct sweep_seeds *s, size_t i);
/** @return the seed's place in the order; SIZE_MAX when it is none of them */
size_t sweep_seed_place(const struct sweep_seeds *s, uint64_t seed);

/** What became of a seed. */
enum sweep_verdict {
	SWEEP_NOT_RUN,
	SWEEP_PASSED,    /**< exit code 0 */
	SWEEP_FAILED,    /**< any other */
	SWEEP_TIMED_OUT, /**< its time was up: failed as well */
	SWEEP_UNTRUSTED, /**< it passed, but the host was too slow to tell (--strict) */
	SWEEP_VERDICTS
};

/** "passed", "failed", "timeout", "untrusted"; "not run". */
const char *sweep_verdict_name(enum sweep_verdict v);
/** @return the verdict of that name; SWEEP_NOT_RUN for any other */
enum sweep_verdict sweep_verdict_of(const char *name);

struct sweep_result {
	enum sweep_verdict verdict;
	bool resumed; /**< of an earlier sweep that this one goes on with */
	int exit;     /**< of the command, 128 + N for signal N */
	double time_s;
	char *last_words; /**< owned; last line that a failing command wrote; NULL = none */
	char *output;     /**< owned; the end of what it wrote; NULL = not kept */
	size_t output_len;
};

/** A sweep as far as it has come. */
struct sweep {
	struct sweep_seeds seeds;
	struct sweep_result *results; /**< owned; by place */
	size_t next;                  /**< place from which on none was started */
	size_t n_resumed;
	size_t count[SWEEP_VERDICTS]; /**< results by verdict */
	size_t output_kept;           /**< bytes of all results' outputs */
};

/** @param[in] seeds  copied. @return 0; -ENOMEM */
int sweep_init(struct sweep *s, const struct sweep_seeds *seeds);
/** Idempotent. */
void sweep_deinit(struct sweep *s);
/** Takes the next seed that has no result. @return its place; SIZE_MAX when there is none */
size_t sweep_next(struct sweep *s);
/**
 * Notes what became of a seed. Of failing ones the output is kept while all of them together are below 64 MiB.
 * @param[in] result  its texts are not looked at
 * @param[in] output  what the command wrote, or the end of it
 * @return 0; -ENOMEM
 */
int sweep_note(struct sweep *s, size_t place, const struct sweep_result *result, const char *output,
	       size_t output_len);
/** The same for one of an earlier sweep. @param[in] last_words  may be NULL. @return 0; -ENOMEM */
int sweep_note_resumed(struct sweep *s, size_t place, const struct sweep_result *result,
		       const char *last_words);
/** @return seeds that failed, in time or not */
size_t sweep_failures(const struct sweep *s);
/** @return seeds that have a result */
size_t sweep_done(const struct sweep *s);

/**
 * What the counts say of the next seed, in words: "95 % sure: 0.3 % to 4.3 % of seeds fail", or "... fewer than 1.5 % of
 * seeds fail"; nothing below 2 results.
 * @source Wilson's score interval (as verify has it); none failed: 1 - 0.05^(1/n), Clopper and Pearson 1934
 */
void sweep_describe_share(struct buf *b, size_t failed, size_t of);

/** The last line of an output that is not blank, at most SWEEP_LAST_WORDS_MAX bytes. @return its length; 0 = none */
size_t sweep_last_line(const char *output, size_t len, const char **ret);

#endif
