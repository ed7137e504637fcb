/* SPDX-License-Identifier: MIT */
/**
 * @file describe.h
 * The JSON that labs answer with, in words for people.
 */
#ifndef NETLAB_CLI_DESCRIBE_H
#define NETLAB_CLI_DESCRIBE_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"

/** An impairment as impairment_format_json() writes it: "delay 20ms loss 1% queue 50 packets"; units come from the
 *  suffixes of the keys. "-" when nothing is in it, or when it is no object. */
void cli_describe_impairment(struct buf *b, const json_t *impairment);
/** "3 s", "2 min 5 s", "1 h 4 min", "3 d 2 h". */
void cli_describe_uptime(struct buf *b, double seconds);
/** The strings of an array, joined. */
void cli_describe_list(struct buf *b, const json_t *strings, const char *separator);

/** "1,234,567": digits in groups of three. */
void cli_describe_count(struct buf *b, uint64_t n);
/** "1.23 GB": three digits and an SI unit. */
void cli_describe_bytes(struct buf *b, uint64_t bytes);

#endif
