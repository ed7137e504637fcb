/* SPDX-License-Identifier: MIT */
/**
 * @file fault_draft.h
 * Fault rules while they are parsed.
 */
#ifndef NETLAB_TOPO_FAULT_DRAFT_H
#define NETLAB_TOPO_FAULT_DRAFT_H

#include "topo/fault.h"
#include "topo/values.h"

enum fault_key {
	FAULT_KEY_LINK,
	FAULT_KEY_FROM,
	FAULT_KEY_MATCH,
	FAULT_KEY_NTH,
	FAULT_KEY_EVERY,
	FAULT_KEY_FIRST,
	FAULT_KEY_AFTER,
	FAULT_KEY_FOR,
	FAULT_KEY_DO,
};

/** What a rule's object says: names, not resolved. */
struct fault_draft {
	uint32_t set; /**< FAULT_KEY_* */
	const char *link, *from, *match;
	uint32_t every, first;
	uint64_t after_ns, for_ns;
	struct fault rule; /**< nth and do */
};

#endif
