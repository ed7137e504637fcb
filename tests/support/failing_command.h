/* SPDX-License-Identifier: MIT */
/**
 * @file failing_command.h
 * Command lines in a lab (failing_lab.h) in which the k-th system operation fails, or somebody is killed at it: for every k there
 * is, and what has to be true afterwards.
 */
#ifndef NETLAB_TESTS_SUPPORT_FAILING_COMMAND_H
#define NETLAB_TESTS_SUPPORT_FAILING_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** What came of a command line. */
struct command {
	int code;       /**< exit code, or 128 + signal as a shell says it */
	size_t out_len; /**< of all that it wrote to standard output */
	char out[8192]; /**< cut when longer */
	char err[8192]; /**< likewise */
};

enum { COMMAND_LINES_MAX = 4 };

/**
 * A command line to try. Words are separated by spaces; '%' stands for the lab's name, '@' for world_dir.
 * `ready`, each of which has to succeed, lead to where it can be carried out; `undo`, which may fail, to where all began.
 */
struct command_case {
	const char *line;
	const char *ready[COMMAND_LINES_MAX], *undo[COMMAND_LINES_MAX];
	/** Looks at what there is after a failure, before `undo`; NULL = nothing more than what follows for all: the error gives the
	 *  cause, links, rules and nodes are as before, packets pass, the next try succeeds, and there is nothing more than then. */
	void (*check)(const struct command *c, unsigned k);
	void (*clean)(void);              /**< after `undo`; NULL = nothing */
	void (*check_murder)(unsigned k); /**< as `check`, after a murder; NULL = nothing more */
	/** Whether a failure may pass unnoticed, for all is as it would be without it; NULL = none may. */
	bool (*may_survive)(const struct command *c);
	int error;      /**< what operations fail with; 0 = ENOMEM */
	int code;       /**< exit code of one that fails; 0 = 1 */
	unsigned every; /**< murders: at one of so many operations; 0 = at each */
};

/** Runs one. */
void command(struct command *ret, const char *line);
/** Runs one. @param[in] victim  of arm(k, FAILING_KILLS); 0 = itself */
void command_with(struct command *ret, const char *line, pid_t victim);
/** Runs one, which has to succeed. */
void must_command(const char *line);
/** The test ends: what the command said, and why that is wrong. */
void command_wrong(const struct command *c, unsigned k, const char *why);

/** The k-th operation of it fails, for every k there is. The lab is up. */
void sweep_command(const struct command_case *c);

/** Who is killed at the k-th operation. */
enum command_victim {
	COMMAND_ACTOR,      /**< whoever comes to it */
	COMMAND_CALLER,     /**< the command line */
	COMMAND_SUPERVISOR, /**< of the lab, with which all of it goes */
	COMMAND_VICTIMS
};
struct snapshot;

/** Kills somebody at the k-th operation, for every k there is: either there is a lab as before, in which the next try succeeds, or
 *  none, and nothing of it. The lab is up.
 *  @param[in] outside  taken before the lab was brought up */
void murder_command(const struct command_case *c, enum command_victim victim,
		    const struct snapshot *outside);
/** Kills each of them at each of n. */
void murder_commands(const struct command_case *cases, size_t n, const struct snapshot *outside);

#endif
