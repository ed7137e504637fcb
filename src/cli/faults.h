/* SPDX-License-Identifier: MIT */
/**
 * @file faults.h
 * Fault rules as people read them.
 */
#ifndef NETLAB_CLI_FAULTS_H
#define NETLAB_CLI_FAULTS_H

#include <jansson.h>

#include "cli/command.h"

/** Prints the rules as a table. @param[in] faults  of lab_faults(), lab_show(), lab_stats(). @return the exit code */
int cli_print_faults(struct cli *c, const json_t *faults);
/** Says on standard error which rules have matched no packet, in no direction. @param[in] faults  may be NULL */
void cli_note_idle_faults(struct cli *c, const json_t *faults);

#endif
