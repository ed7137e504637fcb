/* SPDX-License-Identifier: MIT */
/**
 * @file tc.h
 * iproute2's tc, once per set of changes, in the caller's network namespace.
 */
#ifndef NETLAB_SYS_TC_H
#define NETLAB_SYS_TC_H

#include <stddef.h>

#include "netlab/err.h"

/**
 * Runs `tc -batch -` with the given lines.
 * @param[out] ret_line  number (from 1) of the line that failed, 0 where tc did not say; may be NULL
 * @return 0; -ENOENT (class UNSUPPORTED) when there is no tc; -EIO with tc's own words in *err
 */
int tc_batch(const char *lines, size_t len, unsigned *ret_line, struct netlab_err *err);

#endif
