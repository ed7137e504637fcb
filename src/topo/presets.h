/* SPDX-License-Identifier: MIT */
/**
 * @file presets.h
 * Ready-made links. The first endpoint of a link is the user's side: "->" is the uplink, "<-" the downlink.
 */
#ifndef NETLAB_TOPO_PRESETS_H
#define NETLAB_TOPO_PRESETS_H

#include "topo/fields.h"

/** Set in `impairment.set` while a file is parsed: `preset` counts. No key of an impairment. */
#define IMPAIR_PRESET_BIT IMPAIR_BIT(IMPAIR_KEY_COUNT)

/** Names and indexes. */
extern const struct choice preset_choices[];

/** The values of a preset: delay, jitter, rate and loss are always among them, so that one preset replaces another.
 *  @param[in] preset  of preset_choices */
const struct impairment *preset_get(int preset, unsigned dir);
/** @return index; -1 when there is none of that name */
int preset_find(const char *name);

#endif
