/* SPDX-License-Identifier: MIT */
/**
 * @file timeline.h
 * Events of the timeline while they are parsed, and what a ramp does to numbers.
 */
#ifndef NETLAB_TOPO_TIMELINE_H
#define NETLAB_TOPO_TIMELINE_H

#include "topo/values.h"

enum event_key {
	EVENT_AT,
	EVENT_WHEN,
	EVENT_LINK,
	EVENT_FROM,
	EVENT_RAMP,
	EVENT_UP,
	EVENT_CLEAR,
	EVENT_CARRIER,
	EVENT_EXEC,
};

enum when_key { WHEN_LOG, WHEN_PACKET };

/** What `when` says: names, not resolved. */
struct when_draft {
	uint32_t set; /**< WHEN_* */
	const char *node, *service, *regex;
	const char *link, *match;
	uint64_t nth;
};

enum event_exec_key { EVENT_EXEC_NODE, EVENT_EXEC_RUN };

struct event_exec_draft {
	uint32_t set; /**< EVENT_EXEC_* */
	const char *node;
	const char *const *run;
};

/** What an event's object says. */
struct event_draft {
	uint32_t set; /**< EVENT_* */
	uint64_t at_ns, ramp_ns;
	struct when_draft when;
	const char *link, *from;
	bool up, clear, carrier;
	struct event_exec_draft exec;
	struct impairment keys;
};

#endif
