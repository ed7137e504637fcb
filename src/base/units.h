/* SPDX-License-Identifier: MIT */
/**
 * @file units.h
 * Quantities as people write them, both ways. The rules are those of topology.md, "Units": times and rates need a
 * unit, sizes may have one, shares are "1%" or 0.01; kbit = 1000 bit, kib = 1024 bytes, nothing else.
 *
 * Parsers take the whole string (no leading or trailing blanks, no sign, decimal fractions allowed, exponents not),
 * leave *ret alone on failure and put into *ret_why (when not NULL) a static sentence that says what to write.
 */
#ifndef NETLAB_BASE_UNITS_H
#define NETLAB_BASE_UNITS_H

#include <stdint.h>

#include "base/buf.h"

/** "20ms" -> ns. Units ns us ms s m h. @return 0, -EINVAL (form) or -ERANGE (above INT64_MAX ns) */
int units_parse_time(const char *text, uint64_t *ret_ns, const char **ret_why);
/** "10mbit" -> bit/s. Units bit kbit mbit gbit (SI) and byte kbyte mbyte gbyte per second. @return 0, -EINVAL, -ERANGE */
int units_parse_rate(const char *text, uint64_t *ret_bps, const char **ret_why);
/** "64kib" -> bytes. Units b kb mb gb (1000), kib mib gib (1024); the unit is needed. @return 0, -EINVAL, -ERANGE */
int units_parse_size(const char *text, uint64_t *ret_bytes, const char **ret_why);
/** "1%" -> 0.01, "0.01" -> 0.01; 0..1. @return 0, -EINVAL, -ERANGE */
int units_parse_share(const char *text, double *ret_share, const char **ret_why);
/** Decimal or 0x-hexadecimal u64, the whole string. @return 0, -EINVAL, -ERANGE */
int units_parse_u64(const char *text, uint64_t *ret);

/** Shortest exact text, e.g. 1500000 -> "1.5ms", 0 -> "0ms". Reads back to the same value. */
void units_format_time(struct buf *b, uint64_t ns);
/** Shortest exact text, e.g. 67108864 -> "64mib", 1500 -> "1500b". Reads back to the same value. */
void units_format_size(struct buf *b, uint64_t bytes);
/** e.g. 10000000 -> "10mbit". Reads back to the same value. */
void units_format_rate(struct buf *b, uint64_t bps);
/** e.g. 0.01 -> "1%". Reads back to the same double. */
void units_format_share(struct buf *b, double share);

#endif
