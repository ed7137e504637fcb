/* SPDX-License-Identifier: MIT */
/* The one point that all changes of kernel state pass. */
#include "sys/gate.h"

sys_gate_fn *sys_gate_hook;
