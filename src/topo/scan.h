/* SPDX-License-Identifier: MIT */
/**
 * @file scan.h
 * A first look at the bytes, before memory is spent on them: limits, and mistakes that deserve a better word than a
 * JSON parser has for them.
 */
#ifndef NETLAB_TOPO_SCAN_H
#define NETLAB_TOPO_SCAN_H

#include <jansson.h>

#include "topo/diag.h"

/**
 * Enforces the limits on size, depth, nodes and links in one pass without allocation.
 * @return whether the text may be parsed; if not, a diagnostic was added
 */
bool scan_limits(struct diag_sink *diags, const char *text, size_t len);

/** Adds the diagnostic for a syntax error of the JSON parser. @param[in] error  as jansson gave it */
void scan_syntax_error(struct diag_sink *diags, const char *text, size_t len,
		       const json_error_t *error);

#endif
