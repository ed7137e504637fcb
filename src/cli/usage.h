/* SPDX-License-Identifier: MIT */
/**
 * @file usage.h
 * What nodes with limits used, for people.
 */
#ifndef NETLAB_CLI_USAGE_H
#define NETLAB_CLI_USAGE_H

#include "cli/command.h"
#include "topo/model.h"

/** A blank line and a table of the nodes that have limits; nothing where none has. @return an exit code */
int cli_print_usage(struct cli *c, const json_t *nodes);
/** At the end of `run`: says whose memory ran out. */
void cli_note_out_of_memory(struct cli *c, const struct topo *t);

#endif
