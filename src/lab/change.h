/* SPDX-License-Identifier: MIT */
/**
 * @file change.h
 * Changing a link of a running lab: what `link set|clear|down|up` asks by the control socket, and the timeline by itself.
 * Private to src/lab.
 */
#ifndef NETLAB_LAB_CHANGE_H
#define NETLAB_LAB_CHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lab/supervisor.h"

/** What the keys of a change are put over. */
enum link_basis {
	LINK_PRESENT, /**< what is asked now: only the keys named change */
	LINK_FILE,    /**< what the topology says */
	LINK_NOTHING, /**< nothing but the seed */
};

enum link_carrier { LINK_CARRIER_KEEP, LINK_CARRIER_OFF, LINK_CARRIER_ON };

struct link_change {
	size_t link;  /**< of the topology */
	bool dirs[2]; /**< which directions are meant; the others stay as they are */
	enum link_basis basis;
	/** Keys to change of each direction, `set` telling which (IMPAIR_DOWN among them). A rate_trace is borrowed for the
	 *  call: absolute. */
	struct impairment keys[2];
	enum link_carrier carrier;
};

/**
 * Carries a change out: all of it, or nothing. No packet is lost or doubled by it.
 * @return 0; -EINVAL (what would be asked makes no sense as a whole); -EOPNOTSUPP (class UNSUPPORTED: no engine can do
 *         it); what the kernel or the wire answered. *err names the link
 */
int link_apply(struct supervisor *s, const struct link_change *c, struct netlab_err *err);
/** The same for a request as lab_link_change() sends it. */
int link_change(struct supervisor *s, const json_t *request, struct netlab_err *err);

#endif
