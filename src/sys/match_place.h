/* SPDX-License-Identifier: MIT */
/**
 * @file match_place.h
 * Where a pcap expression stops making sense: libpcap says that there is a syntax error, but not where. Private to src/sys.
 */
#ifndef NETLAB_SYS_MATCH_PLACE_H
#define NETLAB_SYS_MATCH_PLACE_H

#include <stdbool.h>
#include <stddef.h>

/** @return whether the first `len` bytes, which end with a word, are an expression */
typedef bool match_place_compiles(void *ctx, const char *text);

/**
 * Finds the first word after which nothing can make an expression of it any more.
 * @param[out] ret_len  of that word; 0: it ends too early
 * @return its offset in bytes; the expression's length where it ends too early
 */
size_t match_place(const char *expression, match_place_compiles *compiles, void *ctx,
		   size_t *ret_len);

#endif
