/* SPDX-License-Identifier: MIT */
/**
 * @file without_dice.h
 * A topology whose links leave nothing to chance: what happened by chance, or by rule, in a recorded run is put in by rules.
 */
#ifndef NETLAB_REPRO_WITHOUT_DICE_H
#define NETLAB_REPRO_WITHOUT_DICE_H

#include <jansson.h>

#include "topo/model.h"

/**
 * Takes loss, duplication, damage, reordering and jitter out of all links, and of the events of the timeline; fault rules too.
 * Delays, rates, queues and cuts stay.
 * @param[in] source_dir  what relative paths in it count from; they are made absolute. NULL = they stay
 * @return a new reference; NULL when out of memory
 */
json_t *without_dice(const char *text, size_t len, const struct topo *t, const char *source_dir);

#endif
