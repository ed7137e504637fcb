/* SPDX-License-Identifier: MIT */
/**
 * @file topo_file.h
 * Topologies from files, for tests.
 */
#ifndef NETLAB_TESTS_SUPPORT_TOPO_FILE_H
#define NETLAB_TESTS_SUPPORT_TOPO_FILE_H

#include <stddef.h>

#include "topo/model.h"

/** Reads a whole file. @return its bytes, NUL-terminated, to be freed; NULL when it cannot be read */
char *read_whole_file(const char *path, size_t *ret_len);
/** Parses a topology file; the test fails, with the diagnostics printed, when it has an error. Free with topo_free(). */
struct topo *topo_from_file(const char *path);
/** The same for a text, called "test.json". */
struct topo *topo_from_text(const char *text);
/** The topologies of real networks lie beside the project. Skips the test when not,
 *  unless NETLAB_MUST_WORK is set, which makes it fail. */
void need_zoo(void);
/** The zoo's files, NULL-terminated. */
extern const char *const zoo_files[];

#endif
