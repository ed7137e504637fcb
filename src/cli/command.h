/* SPDX-License-Identifier: MIT */
/**
 * @file command.h
 * The command line's own vocabulary: the one table of verbs, the one table of options, and the parsed command line that
 * every verb's function gets. Usage, --help, suggestions and the check of the man page all derive from these tables.
 */
#ifndef NETLAB_CLI_COMMAND_H
#define NETLAB_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/names.h"
#include "cli/backend.h"
#include "cli/cli.h"
#include "netlab/err.h"

/** Every option of every verb; the same option means the same wherever it is taken. */
enum cli_option_id {
	OPT_JSON, /* the global ones come first */
	OPT_QUIET,
	OPT_VERBOSE,
	OPT_COLOR,
	OPT_STATE_DIR,
	OPT_HELP,
	OPT_VERSION,
	OPT_IN,
	OPT_NAME,
	OPT_SEED,
	OPT_ENGINE,
	OPT_TIMEOUT,
	OPT_FORMAT,
	OPT_ALL,
	OPT_USER,
	OPT_WORKDIR,
	OPT_ENV,
	OPT_TERMINAL,
	OPT_FOLLOW,
	OPT_FROM,
	OPT_NONE,
	OPT_WATCH,
	OPT_INTERVAL,
	OPT_STRICT,
	OPT_STATS,
	OPT_DURATION,
	OPT_PLOT,
	OPT_SEEDS,
	OPT_JOBS,
	OPT_UNTIL_FAIL,
	OPT_RESUME,
	OPT_JUNIT,
	OPT_NETNS_NAMES,
	OPT_MATCH,
	OPT_NTH,
	OPT_EVERY,
	OPT_FIRST,
	OPT_AFTER,
	OPT_FOR,
	OPT_DO,
	OPT_RECORD,
	OPT_TIMES,
	OPT_DECISIONS,
	OPT_TRIES,
	OPT_OUTPUT,
	OPT_BUNDLE,
	OPT_WRITE,
	OPT_PACKETS,
	OPT_RING,
	OPT_COUNT
};

#define OPT_BIT(id) (UINT64_C(1) << (id))
#define OPT_GLOBAL  (OPT_BIT(OPT_IN) - 1)

struct cli_option {
	const char *name;
	const char *value; /**< what --help calls its value; NULL = a flag */
	const char *help;
	const char *const *choices; /**< NULL-terminated; NULL = any value */
	char letter;                /**< 0 = none */
};

extern const struct cli_option cli_options[OPT_COUNT];

/** Where the words of a command to run are found. */
enum cli_tail {
	CLI_NO_TAIL,
	CLI_TAIL_AFTER_DASHES, /**< after "--" (run) */
	CLI_TAIL_IF_DASHES,    /**< likewise, or there is none (replay, shrink) */
	CLI_TAIL_AFTER_ARGS,   /**< after "--", or after the arguments and options (exec) */
};

struct cli;

struct cli_command {
	const char *name;
	int (*run)(struct cli *c); /**< returns the exit code */
	const char *synopsis;      /**< what follows the name */
	const char *purpose;       /**< one line */
	const char *details;       /**< more lines; NULL = none */
	const char *example;
	const char *const *actions;  /**< words that the first argument may be (link); NULL = any */
	uint64_t options;            /**< OPT_BIT()s besides the global ones */
	unsigned min_args, max_args; /**< max_args: UINT_MAX = any number */
	const char *missing;         /**< what is missing when there are fewer than min_args */
	enum cli_tail tail;
	bool own_codes; /**< exit codes are netlab's although a command is run; 125 for 1, which the verb uses itself */
};

extern const struct cli_command cli_commands[];
extern const size_t cli_n_commands;

/** One parsed command line, and what its verb needs while it runs. */
struct cli {
	const struct cli_io *io;
	const struct cli_backend *backend;
	const struct cli_command *command; /**< NULL = none given */
	bool json, quiet, color_out, color_err;
	unsigned verbose;
	const char *value[OPT_COUNT]; /**< as given last; NULL = not given, "" for a flag */
	const char **args;            /**< without the verb; owned (the array) */
	size_t n_args;
	const char **env; /**< values of --env, NULL-terminated; owned (the array) */
	size_t n_env;
	const char *const *tail; /**< the command to run, NULL-terminated; NULL = none */
	char state_dir[4096];    /**< "" until cli_state_dir() */
	struct netlab_err err;   /**< scratch for the verb */
};

/**
 * Parses a command line into *c (zeroed but for io and backend).
 * @return 0; -EINVAL with c->err of class USAGE; -ENOMEM. The members given before the fault are set.
 */
int cli_parse(struct cli *c, int argc, char **argv);
void cli_deinit(struct cli *c);

static inline bool cli_has(const struct cli *c, enum cli_option_id id)
{
	return c->value[id] != NULL;
}

/** Arguments beyond the last are NULL. */
static inline const char *cli_arg(const struct cli *c, size_t i)
{
	return i < c->n_args ? c->args[i] : NULL;
}

/** @return the verb of that name or NULL */
const struct cli_command *cli_find_command(const char *name);
/** Reports an unknown verb with the nearest one. @return -EINVAL */
int cli_unknown_command(const char *name, struct netlab_err *err);

/* help.c */
/** `netlab help`: the verbs and the global options. */
void cli_print_help(FILE *out);
/** `netlab VERB --help`. */
void cli_print_command_help(FILE *out, const struct cli_command *cmd);

/* The verbs, one file each. */
int cmd_check(struct cli *c);
int cmd_plan(struct cli *c);
int cmd_up(struct cli *c);
int cmd_down(struct cli *c);
int cmd_run(struct cli *c);
int cmd_sweep(struct cli *c);
int cmd_shrink(struct cli *c);
int cmd_exec(struct cli *c);
int cmd_shell(struct cli *c);
int cmd_cp(struct cli *c);
int cmd_ls(struct cli *c);
int cmd_ps(struct cli *c);
int cmd_show(struct cli *c);
int cmd_logs(struct cli *c);
int cmd_link(struct cli *c);
int cmd_service(struct cli *c);
int cmd_kill(struct cli *c);
int cmd_restart(struct cli *c);
int cmd_fault(struct cli *c);
int cmd_freeze(struct cli *c);
int cmd_thaw(struct cli *c);
int cmd_stats(struct cli *c);
int cmd_verify(struct cli *c);
int cmd_record(struct cli *c);
int cmd_capture(struct cli *c);
int cmd_replay(struct cli *c);
int cmd_doctor(struct cli *c);
int cmd_schema(struct cli *c);
int cmd_help(struct cli *c);

#endif
