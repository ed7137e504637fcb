/* SPDX-License-Identifier: MIT */
/**
 * @file program.h
 * A program as a child that has no copy of our memory. For command_keeper.c only.
 *
 * fork() copies the page tables of all that is mapped, parent and child then copy the pages that they write to, and exec
 * throws it away. Here the child runs in our memory, on a stack of its own, while we stand still: as posix_spawn() does, which
 * has no death signal.
 */
#ifndef NETLAB_SYS_PROGRAM_H
#define NETLAB_SYS_PROGRAM_H

#include <signal.h>
#include <sys/types.h>

#include "sys/command.h"

/**
 * Starts c->argv. Returns when it is executed, or cannot be: then it ends with SYS_COMMAND_NOTFOUND or SYS_COMMAND_NOEXEC.
 * @param[in]  mask       its blocked signals
 * @param[out] ret_error  errno of the exec that failed, as sys_exec_error() puts it; 0
 * @return its pid; negative errno
 */
pid_t sys_program_start(const struct sys_command *c, const sigset_t *mask, int *ret_error);

#endif
