/* SPDX-License-Identifier: MIT */
/**
 * @file names.h
 * Names that reach a path, an interface or a log are checked here first; misspelt ones are met with the nearest.
 */
#ifndef NETLAB_BASE_NAMES_H
#define NETLAB_BASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NAME_MAX_BYTES = 63,   /**< labs, nodes, links, services (topology.md) */
	IFNAME_MAX_BYTES = 15, /**< IFNAMSIZ - 1, linux/if.h */
};

/** @return NULL when the name is good (1..63 of [A-Za-z0-9_.-], starts with a letter or digit, no "--" inside),
 *          else a static sentence that says what is wrong */
const char *name_check(const char *name);
/** The same for a link's name: "--" and one ".N" suffix are what unnamed links carry ("a--b.2"), so 2 * 63 + 2 + 11
 *  bytes and "--" are allowed. */
const char *name_check_link(const char *name);
/** The same for an interface inside a node: 1..15 bytes, none of '/', ':', blanks; not "." or ".." or "all"/"default"
 *  (those are directories of /proc/sys/net). */
const char *name_check_interface(const char *name);

/** @return the candidate nearest to `name` by edit distance when it is near enough to be meant, else NULL.
 *  `stride` is the distance in bytes from one `const char *` to the next (so tables of structs can be searched). */
const char *name_nearest(const char *name, const char *const *candidates, size_t n, size_t stride);

/** FNV-1a over the string, continued from `h` (start with NAME_HASH_INIT). */
uint64_t name_hash(uint64_t h, const char *text);
#define NAME_HASH_INIT 0xcbf29ce484222325ull
/** Folds a hash into a seed that every JSON reader keeps exactly: 53 bits (RFC 8259, section 6). */
static inline uint64_t hash_seed(uint64_t h)
{
	return h >> 11;
}
/** Mixes a 64-bit value (the finaliser of splitmix64): for deriving independent seeds. */
uint64_t hash_mix(uint64_t x);

#endif
