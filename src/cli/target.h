/* SPDX-License-Identifier: MIT */
/**
 * @file target.h
 * What LAB, NODE and LINK arguments mean: the only lab where none is named, `LAB:node`, and the nearest name where one
 * is unknown.
 */
#ifndef NETLAB_CLI_TARGET_H
#define NETLAB_CLI_TARGET_H

#include <jansson.h>

#include "cli/command.h"

/** A lab and something in it. */
struct cli_target {
	char lab[NAME_MAX_BYTES + 1];
	const char *name; /**< points into the argument; NULL = none given */
};

/** --state-dir, else NETLAB_STATE_DIR; NULL = the default. */
const char *cli_state_dir_given(const struct cli *c);
/** Makes c->state_dir, once. @return 0; negative errno with c->err */
int cli_state_dir(struct cli *c);

/**
 * Finds the lab that is meant.
 * @param[in] given  as typed; NULL = NETLAB_LAB, else the only one that runs
 * @return 0; negative errno with c->err: not running (with the nearest that is), none runs, several run
 */
int cli_lab(struct cli *c, const char *given, char ret[static NAME_MAX_BYTES + 1]);

/** Splits "name" or "LAB:name" and finds the lab. The name is not looked up. @return 0; negative errno with c->err */
int cli_target(struct cli *c, const char *arg, struct cli_target *ret);

/**
 * What a verb is about whose arguments are [LAB [NAME]]: `X` alone is a lab, or a node or link of the only lab; `LAB:X` and
 * `LAB X` are X of LAB. The name is not looked up. @return 0; negative errno with c->err
 */
int cli_subject(struct cli *c, struct cli_target *ret);

/** Whether a lab of that name runs. True as well where that cannot be found out: whoever asks it something next will hear why. */
bool cli_lab_runs(struct cli *c, const char *lab);

/** Everything about a lab (lab_show). @return 0; negative errno with c->err */
int cli_show(struct cli *c, const char *lab, json_t **ret);

/**
 * Looks a name up among the "nodes" or "links" of a cli_show() document.
 * @param[in] what  "node" or "link"
 * @return 0; -ENOENT with c->err: the nearest name, or the names there are
 */
int cli_find(struct cli *c, const json_t *doc, const char *lab, const char *what, const char *name);

/** Runs a command in the node that is meant, and reports why it could not. The rest of *o is the caller's.
 *  @return the exit code (exec.c) */
int cli_exec(struct cli *c, const struct cli_target *at, struct lab_exec_options *o);
/** The same, but says nothing when the program could not be executed.
 *  @param[out] ret_status  the exit code @return false then, with the reason in c->err */
bool cli_try_exec(struct cli *c, const struct cli_target *at, struct lab_exec_options *o,
		  int *ret_status);

/**
 * After a backend call failed with c->err: if what was named is not there, says that instead, with the nearest name.
 * Costs nothing when all goes well.
 * @param[in] node  may be NULL
 * @param[in] link  may be NULL
 */
void cli_explain(struct cli *c, const char *lab, const char *node, const char *link);

#endif
