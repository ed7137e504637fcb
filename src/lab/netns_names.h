/* SPDX-License-Identifier: MIT */
/**
 * @file netns_names.h
 * Names of the nodes' network namespaces for `ip netns`: LAB--NODE, the one thing of a lab that the host sees, and only
 * when asked for. ("--" is in no name, so that no two pairs share one.)
 *
 * What is named is written into the run directory before the names are made: whoever sweeps a lab, however it ended,
 * removes them.
 */
#ifndef NETLAB_LAB_NETNS_NAMES_H
#define NETLAB_LAB_NETNS_NAMES_H

#include "netlab/err.h"

struct supervisor;

#define NETNS_NAMES_FILE "netns"

/** Names all nodes, if the options of `up` ask for it; a phase of realise(). Names that were made before, for processes
 *  that are no more, are made anew. @return 0; -EEXIST: a name is in use; ... */
int netns_names_make(struct supervisor *s, struct netlab_err *err);
/** Removes the names that a run directory tells of. */
void netns_names_sweep(int run_dir_fd);

#endif
