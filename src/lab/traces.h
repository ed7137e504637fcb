/* SPDX-License-Identifier: MIT */
/**
 * @file traces.h
 * The traces that links' rates follow, as files: read where a lab comes up or is changed, and where a topology is checked.
 */
#ifndef NETLAB_LAB_TRACES_H
#define NETLAB_LAB_TRACES_H

#include "impair/trace.h"
#include "netlab/err.h"
#include "topo/model.h"

enum { LAB_TRACE_MAX_BYTES = 256 * 1024 * 1024 };

/**
 * Reads and parses a trace. The file is not needed any more afterwards: what happens to it later changes nothing.
 * @param[in]  path  absolute, or from the working directory
 * @param[out] ret   looping; free with trace_deinit()
 * @return 0; -EINVAL, -EFBIG, -ENOENT... with *err of class INVALID and its place in err->where (FILE or FILE:LINE); -ENOMEM
 */
int lab_trace_read(const char *path, struct trace *ret, struct netlab_err *err);

/** A trace that cannot be read, or will not behave as it reads (warning). The texts live as long as the call. */
typedef void lab_trace_problem_fn(void *ctx, bool warning, const struct netlab_err *err);

/** Reads all traces of a topology, each once, and tells about each that is no good. @return 0; -EINVAL when any is */
int lab_traces_check(const struct topo *t, lab_trace_problem_fn *tell, void *ctx);

#endif
