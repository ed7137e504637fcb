/* SPDX-License-Identifier: MIT */
/**
 * @file bring_up.h
 * What `up` and `run` share: the topology, the options, the phases as they end.
 */
#ifndef NETLAB_CLI_BRING_UP_H
#define NETLAB_CLI_BRING_UP_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"
#include "cli/topology.h"

struct cli_bring_up {
	struct cli_topology topology;
	struct lab_handle handle;
	uint64_t timeout_ns;             /**< of --timeout; 0 = not given */
	const struct lab_replay *replay; /**< what it replays; NULL = nothing */
	const struct lab_record *record; /**< where it is recorded to; NULL = it is not */
	double elapsed_ms;
	bool is_up;
};

/** Reads and checks TOPO (c->args[0]) and the options. @return 0, or the exit code, reported */
int cli_bring_up_prepare(struct cli *c, struct cli_bring_up *u);
/** Brings the lab up; `bound`: it ends with this process. @return 0, or the exit code, reported */
int cli_bring_up(struct cli *c, struct cli_bring_up *u, bool bound);
/** The lab goes on. */
void cli_bring_up_deinit(struct cli *c, struct cli_bring_up *u);

#endif
