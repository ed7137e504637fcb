/* SPDX-License-Identifier: MIT */
/**
 * @file process.h
 * The wire process: its main thread takes orders and hands them to the workers. Private to src/wire.
 */
#ifndef NETLAB_WIRE_PROCESS_H
#define NETLAB_WIRE_PROCESS_H

#include <sys/types.h>

struct wire_shared;

/** Runs the process, just forked from one with a single thread. @param[in] parent  dies with it */
void process_main(int order_fd, struct wire_shared *shared, pid_t parent) __attribute__((noreturn));

#endif
