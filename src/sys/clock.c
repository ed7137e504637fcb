/* SPDX-License-Identifier: MIT */
/* The clocks, in nanoseconds. */
#include "sys/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t sys_monotonic_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t sys_realtime_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}
