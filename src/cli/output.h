/* SPDX-License-Identifier: MIT */
/**
 * @file output.h
 * What commands print: errors, notes, JSON documents, aligned tables. stdout is the answer, stderr is the talk.
 */
#ifndef NETLAB_CLI_OUTPUT_H
#define NETLAB_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/command.h"

/**
 * Reports an error: "netlab: [where: ]message (hint)" on stderr, with --json also {"error":{...}} on stdout.
 * @return the exit code: the error's class, or 125 for the verbs whose exit code is a command's
 */
int cli_fail(struct cli *c, const struct netlab_err *err);
/** cli_fail() with a class and a message. */
int cli_fail_with(struct cli *c, enum netlab_exit exit_class, const char *hint, const char *fmt,
		  ...) __attribute__((format(printf, 4, 5)));
/** The exit code for an error of that class: see cli_fail(). */
int cli_exit_code(const struct cli *c, enum netlab_exit exit_class);
/** {"code","message","where","hint"}, the last two null when empty. New reference; NULL when out of memory. */
json_t *cli_error_json(const struct netlab_err *err);

/** "netlab: ..." on stderr, unless --quiet. */
void cli_note(struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * Prints one JSON document on stdout and drops the reference.
 * @param[in] doc  stolen; NULL (out of memory while it was made) is reported
 * @return `code`, or the exit code for the failure
 */
int cli_print_json(struct cli *c, json_t *doc, int code);
/** Prints one object on a line of its own (streams) and drops the reference. @return 0 or -ENOMEM */
int cli_print_json_line(struct cli *c, json_t *object);
/** Prints text from a buffer. @return `code`, or the exit code for the failure */
int cli_print_buf(struct cli *c, const struct buf *b, int code);
/** Flushes stdout. @return 0, or negative errno with c->err, when what was printed did not arrive */
int cli_flush(struct cli *c);

/** A JSON string of any bytes: what is not UTF-8 becomes U+FFFD. New reference. */
json_t *cli_json_text(const char *text, size_t len);
/** A JSON number, or, where that would not fit a signed 64-bit integer (which JSON readers stop at), its digits as a
 *  string. New reference. */
json_t *cli_json_u64(uint64_t value);
/** Adds text with control characters written as \xNN, so that a name cannot steer the terminal. */
void cli_add_safe(struct buf *b, const char *text);
/** Adds a word as a shell reads it: quoted where it has to be. */
void cli_add_word(struct buf *b, const char *word);

/** The string at `key` of an object; `otherwise` when it is not there or no string. */
const char *cli_json_string(const json_t *object, const char *key, const char *otherwise);

/** Rows in columns; the last column is not padded. */
struct cli_table {
	const char *const *headers;
	size_t n_columns;
	uint32_t right; /**< bits of the columns that are aligned to the right */
	char **cells;   /**< owned, n of them, row by row */
	size_t n, size;
	bool failed; /**< out of memory */
};

/** Adds the next cell; control characters are made visible. NULL is "-". */
void cli_table_add(struct cli_table *t, const char *text);
void cli_table_addf(struct cli_table *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** Adds the node of a link's end: "node" of the i-th "node:interface". */
void cli_table_add_node(struct cli_table *t, const json_t *ends, size_t i);
/** Adds an integer at `key` of an object, "-" when it is not there. */
void cli_table_add_int(struct cli_table *t, const json_t *object, const char *key);
/** Adds the table's text to a buffer (nothing but the headers when it is empty) and frees the cells. */
void cli_table_render(struct buf *b, struct cli_table *t);
/** Prints the table, its headers bold where that is wanted, and frees it. @return an exit code */
int cli_table_print(struct cli *c, struct cli_table *t);
/** Frees the cells. Idempotent. */
void cli_table_deinit(struct cli_table *t);

#endif
