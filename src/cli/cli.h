/* SPDX-License-Identifier: MIT */
/**
 * @file cli.h
 * The command line as a function: arguments in, exit code out, text to the given streams. Nothing here forks or exits, so
 * tests call it like any other function. Contract: netlab(1).
 */
#ifndef NETLAB_CLI_CLI_H
#define NETLAB_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

struct cli_backend;

/** Where a command reads and writes, and what carries its work out. */
struct cli_io {
	FILE *in, *out, *err;
	bool out_is_terminal, err_is_terminal, in_is_terminal;
	const struct cli_backend *backend; /**< cli_backend_real, or a test's */
};

/**
 * Carries out one command line.
 * @param[in] argv  as main() gets it, NULL-terminated; argv[0] is ignored
 * @return the exit code: enum netlab_exit, or for `run` and `exec` the command's own
 */
int cli_main(int argc, char **argv, const struct cli_io *io);

#endif
