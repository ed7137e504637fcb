/* SPDX-License-Identifier: MIT */
/**
 * @file show.h
 * The table of links that `show` and `link show` print.
 */
#ifndef NETLAB_CLI_SHOW_H
#define NETLAB_CLI_SHOW_H

#include <jansson.h>

#include "cli/command.h"

/** Prints the "links" of a lab_show() document, a row per direction. @return an exit code */
int cli_print_links(struct cli *c, const json_t *links);

/** Prints the services of nodes as a table; nothing when there are none. @return the exit code */
int cli_print_services(struct cli *c, const json_t *nodes);

#endif
