/* SPDX-License-Identifier: MIT */
/**
 * @file tables.h
 * The delay tables that links draw from: iproute2's where it is installed, so that the wire draws what tc gives to netem.
 */
#ifndef NETLAB_WIRE_TABLES_H
#define NETLAB_WIRE_TABLES_H

#include "impair/delay.h"

/**
 * Reads NAME.dist from the first of the patterns, as of glob(3), that has one ("/usr/lib/tc/", slash at the end).
 * @return 0 with a table for delay_table_deinit(); -ENOENT; -EINVAL: not such a file; -EFBIG; -ENOMEM
 */
int tables_read(const char *const *patterns, size_t n, enum impair_distribution d,
		struct delay_table *ret);
/**
 * The table of a distribution: from iproute2's file, read at the first call, or built in where there is none or what is
 * there is no table. Any thread may call. The environment's TC_LIB_DIR does not count: netlab runs tc without it, too.
 * @return borrowed, for ever; NULL for uniform
 */
const struct delay_table *tables_get(enum impair_distribution d);

#endif
