/* SPDX-License-Identifier: MIT */
/**
 * @file plot_svg.h
 * A picture of what `verify` found: for each link the distributions of delay and of jitter, both ways, and the rate over
 * time, with what was asked beside them. Pure: JSON in, SVG text out.
 */
#ifndef NETLAB_CLI_PLOT_SVG_H
#define NETLAB_CLI_PLOT_SVG_H

#include <jansson.h>

#include "base/buf.h"

/** @param[in] verified  what lab_verify() gave */
void plot_svg(struct buf *b, const json_t *verified);

#endif
