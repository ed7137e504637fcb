/* SPDX-License-Identifier: MIT */
/**
 * @file check.h
 * What is wrong with a topology that the parser, which reads nothing but its text, cannot know: files that it names,
 * expressions that libraries compile, rates that this host does not move.
 */
#ifndef NETLAB_LAB_CHECK_H
#define NETLAB_LAB_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "netlab/err.h"
#include "topo/model.h"

/**
 * A problem; the texts live as long as the call.
 * @param[in] pointer  JSON Pointer of its place in the topology; NULL = err->where says it, or it has none
 */
typedef void lab_problem_fn(void *ctx, bool warning, const char *pointer,
			    const struct netlab_err *err);

/**
 * Reads all traces, each once, compiles all pcap expressions, and tells about everything that is no good. Files of the
 * host's that nodes are given need not be there yet: that is a warning.
 * @param[in] max_rate_bps  what this host moved when it was measured: a link that asks for more gets a warning; 0 = unknown
 * @return 0; -EINVAL when there is an error; -ENOMEM
 */
int lab_check(const struct topo *t, uint64_t max_rate_bps, lab_problem_fn *tell, void *ctx);

/** Only the warnings about rates. @param[in] max_rate_bps  0 = unknown: nothing is said */
void lab_check_rates(const struct topo *t, uint64_t max_rate_bps, lab_problem_fn *tell, void *ctx);

#endif
