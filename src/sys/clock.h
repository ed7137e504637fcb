/* SPDX-License-Identifier: MIT */
/**
 * @file clock.h
 * The clocks, in nanoseconds.
 */
#ifndef NETLAB_SYS_CLOCK_H
#define NETLAB_SYS_CLOCK_H

#include <stdint.h>

/** @return CLOCK_MONOTONIC: what intervals and deadlines are counted by */
uint64_t sys_monotonic_ns(void);
/** @return CLOCK_REALTIME: what the kernel stamps packets with; it may be set */
uint64_t sys_realtime_ns(void);

#endif
