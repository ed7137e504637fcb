/* SPDX-License-Identifier: MIT */
/**
 * @file traces.h
 * The traces that links' rates follow, as files: read where a lab comes up or is changed, and where a topology is checked.
 */
#ifndef NETLAB_LAB_TRACES_H
#define NETLAB_LAB_TRACES_H

#include "impair/trace.h"
#include "netlab/err.h"

enum { LAB_TRACE_MAX_BYTES = 256 * 1024 * 1024 };

/**
 * Reads and parses a trace. The file is not needed any more afterwards: what happens to it later changes nothing.
 * @param[in]  path  absolute, or from the working directory
 * @param[out] ret   looping; free with trace_deinit()
 * @return 0; -EINVAL, -EFBIG, -ENOENT... with *err of class INVALID and its place in err->where (FILE or FILE:LINE); -ENOMEM
 */
int lab_trace_read(const char *path, struct trace *ret, struct netlab_err *err);

#endif
