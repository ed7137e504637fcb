/* SPDX-License-Identifier: MIT */
/**
 * @file trace_map.h
 * Traces that came as memfds, mapped. wire_pack_trace() makes one. Private to src/wire.
 */
#ifndef NETLAB_WIRE_TRACE_MAP_H
#define NETLAB_WIRE_TRACE_MAP_H

#include "impair/trace.h"

struct trace_map {
	struct trace trace; /**< at_ms lies in the mapping */
	void *start;
	size_t bytes;
};

/** @param[out] ret  free with trace_map_free(). @return 0; -EINVAL when it is no packed trace; negative errno */
int trace_map_new(int fd, struct trace_map **ret);
struct trace_map *trace_map_free(struct trace_map *m);
/** @return whether both say the same: then a link goes on where it stands in its trace */
bool trace_map_is_same(const struct trace_map *a, const struct trace_map *b);

#endif
