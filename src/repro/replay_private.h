/* SPDX-License-Identifier: MIT */
/**
 * @file replay_private.h
 * A replay's inside. Private to src/repro.
 */
#ifndef NETLAB_REPRO_REPLAY_PRIVATE_H
#define NETLAB_REPRO_REPLAY_PRIVATE_H

#include "repro/replay.h"
#include "wire/script.h"

struct replay {
	const struct decisions *decisions; /**< borrowed */
	const struct topo *topo;           /**< borrowed */
	struct script *script;             /**< owned */
	int fd;                            /**< of the script; owned */
	size_t n_packets;                  /**< of the script that are of a lane */
	uint32_t *packet_of;               /**< of each decision; owned */
};

#endif
