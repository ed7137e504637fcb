/* SPDX-License-Identifier: MIT */
/**
 * @file command_keeper.h
 * The process between `run` and its command (ADR 20). For command.c only.
 */
#ifndef NETLAB_SYS_COMMAND_KEEPER_H
#define NETLAB_SYS_COMMAND_KEEPER_H

#include <signal.h>
#include <sys/types.h>

#include "sys/command.h"

/** What the keeper tells when all is over. */
struct keeper_report {
	int error; /**< negative errno: there is no command; then nothing else counts */
	int exec;  /**< errno of the exec that failed; 0 */
	struct sys_command_end end;
	struct netlab_err err; /**< what a child that is a function says */
};

/** What passes signals on: `run` to the keeper, the keeper to the command. */
struct keeper_signals {
	sigset_t set;    /**< blocked, and taken one by one */
	sigset_t before; /**< what was blocked before: the command's */
};

/** Blocks what is to be passed on, and what the keeper itself waits for. */
void keeper_signals_begin(struct keeper_signals *s);

/**
 * Waits for the next signal that concerns somebody: not one that the terminal sent to the whole foreground group, for the
 * command has that already.
 * @param[in] deadline_ns  CLOCK_MONOTONIC; UINT64_MAX = none
 * @return its number; 0 when the time is up
 */
int keeper_next_signal(const struct keeper_signals *s, uint64_t deadline_ns);

/**
 * The keeper's life: starts the command, waits for it and for what it started, tells.
 * @param[in] owner  its parent, whose death ends everything
 * @param[in] fd     the report goes there, in one write
 */
void keeper_main(const struct sys_command *c, pid_t owner, const struct keeper_signals *s, int fd);

#endif
