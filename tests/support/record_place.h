/* SPDX-License-Identifier: MIT */
/**
 * @file record_place.h
 * A directory that looks like a recording, whose files a test writes as it likes.
 */
#ifndef NETLAB_TESTS_RECORD_PLACE_H
#define NETLAB_TESTS_RECORD_PLACE_H

#include <stddef.h>

struct record_place {
	char path[64];
	int fd;
};

/** Makes an empty one; aborts where that cannot be. */
void record_place_make(struct record_place *p);
/** Writes a file of a recording (RECORD_*) anew. */
void record_place_put(const struct record_place *p, const char *name, const void *data, size_t len);
/** Removes all files that a recording has. */
void record_place_clear(const struct record_place *p);
/** Removes it with its files. */
void record_place_remove(struct record_place *p);

#endif
