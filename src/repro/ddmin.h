/* SPDX-License-Identifier: MIT */
/**
 * @file ddmin.h
 * Delta debugging: a smallest part of a set that still does what the whole does. Pure: it says what to try, and is told.
 *
 * Theory of operation. Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 28 (2), 2002: the
 * set is cut into chunks; each chunk alone, then each complement of one, is tried; what fails is the new set, and where
 * none does the chunks are halved, down to single elements. At the end no element can be left out (1-minimal). Several
 * candidates are out at a time: those of one round do not depend on each other, and the answers to a round that is over
 * are only remembered. A set that was tried is not tried again.
 */
#ifndef NETLAB_REPRO_DDMIN_H
#define NETLAB_REPRO_DDMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ddmin {
	size_t n;      /**< elements in all */
	size_t *kept;  /**< owned; the set that fails, ascending */
	size_t n_kept; /**< of it */
	/* private */
	size_t chunks, next, told;
	uint64_t round;
	uint64_t *marks;  /* one a element: a set is known by their exclusive or */
	uint64_t *passed; /* sets that did not fail */
	size_t n_passed, passed_size;
	bool is_done;
};

/** A candidate: the elements that are left in it. */
struct ddmin_try {
	uint64_t round;
	uint64_t set; /* private */
	size_t *kept; /**< owned */
	size_t n_kept;
};

/** The set of all n elements, which fails. @return 0; -ENOMEM */
int ddmin_init(struct ddmin *d, size_t n);
void ddmin_deinit(struct ddmin *d);
/**
 * The next candidate that is worth trying.
 * @return 1; 0 when there is none before others were told, or none at all (ddmin_is_done()); -ENOMEM
 */
int ddmin_next(struct ddmin *d, struct ddmin_try *ret);
/** A candidate was tried. @return whether it is the new set: then those that are still out need not be waited for */
bool ddmin_tell(struct ddmin *d, const struct ddmin_try *t, bool fails);
/** @return whether nothing can be left out of `kept` any more */
bool ddmin_is_done(const struct ddmin *d);
void ddmin_try_deinit(struct ddmin_try *t);

#endif
