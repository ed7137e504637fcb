/* SPDX-License-Identifier: MIT */
/**
 * @file diag.h
 * Collecting what is wrong with a file: where in the JSON document we are, and the list of findings.
 */
#ifndef NETLAB_TOPO_DIAG_H
#define NETLAB_TOPO_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topo/model.h"

/** A place in the document: lives on the stack of the code that walks it, and costs nothing until it is printed. */
struct path {
	const struct path *up; /**< NULL for the root */
	const char *key;       /**< member of an object; NULL for an element of an array */
	size_t index; /**< element of an array, or how many members of the object come before this one */
};

enum {
	/* A file with more problems than this gets no longer list: nobody reads on, and memory has an end. */
	DIAG_ERRORS_MAX = 1000,
	DIAG_WARNINGS_MAX = 200,
	DIAG_DEPTH_MAX = 10,
	/* A value is quoted in a message up to so many bytes. */
	QUOTE_MAX = 60,
	/* ... and a key in a pointer. */
	POINTER_KEY_MAX = 256,
};

/** Place of a finding as numbers, for sorting: how many members come before it on each level. */
struct diag_order {
	uint32_t at[DIAG_DEPTH_MAX];
	uint32_t seq; /**< in which order they were found */
};

/** Where findings go. Zero-initialise, set `out` and `file`. */
struct diag_sink {
	struct topo_diags *out;
	const char *file;
	struct diag_order *orders; /**< parallel to out->items; owned */
	bool full;                 /**< DIAG_ERRORS_MAX reached: what comes now is not listed */
	bool warnings_full;        /**< the same for warnings */
};

/** Adds an error at a JSON place. A NULL hint means none; hint texts are copied. */
void diag_error(struct diag_sink *s, const struct path *at, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/** Adds a warning at a JSON place. */
void diag_warning(struct diag_sink *s, const struct path *at, const char *hint, const char *fmt,
		  ...) __attribute__((format(printf, 4, 5)));
/** Adds an error at a position of the text (both from 1; 0, 0: none), or of what `option` names, such as
 *  one of the command line, when not NULL. */
void diag_error_at(struct diag_sink *s, const char *option, unsigned line, unsigned column,
		   const char *hint, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/** A formatted hint, owned by the sink; NULL when out of memory. */
const char *diag_hint(struct diag_sink *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** Text made fit for a message: control characters escaped, cut at QUOTE_MAX bytes with "...". Owned by the sink. */
const char *diag_quote(struct diag_sink *s, const char *text);
/** Puts the findings into file order and frees what only sorting needed. */
void diag_finish(struct diag_sink *s);

#endif
