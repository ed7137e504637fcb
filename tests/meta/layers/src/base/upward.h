/* SPDX-License-Identifier: MIT */
/* Planted: the lowest layer includes a higher one. */
#ifndef UPWARD_H
#define UPWARD_H
#include "topo/model.h"
#endif
