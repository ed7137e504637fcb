/* SPDX-License-Identifier: MIT */
/**
 * @file regex_value.h
 * Regular expressions of the topology file: POSIX extended ones that can be compiled, and are not too much to match.
 */
#ifndef NETLAB_TOPO_REGEX_VALUE_H
#define NETLAB_TOPO_REGEX_VALUE_H

#include "topo/values.h"

extern const struct value_type type_regex; /**< const char * */

/** Says why a text cannot be used as one. @return whether it can */
bool regex_check(struct parser *p, const struct path *at, const char *text);

#endif
