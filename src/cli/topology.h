/* SPDX-License-Identifier: MIT */
/**
 * @file topology.h
 * The TOPO argument: a file (or standard input) as a checked topology, its diagnostics as text or JSON.
 */
#ifndef NETLAB_CLI_TOPOLOGY_H
#define NETLAB_CLI_TOPOLOGY_H

#include <jansson.h>

#include "cli/command.h"
#include "topo/model.h"

struct cli_topology {
	const char *file; /**< the argument; "stdin" for "-" */
	char *text;       /**< owned */
	size_t len;
	struct topo *topo; /**< owned; NULL when there were errors */
	struct topo_diags diags;
};

/**
 * After a plan of it could not be made, with c->err: says every problem where they are the topology's and several, else
 * c->err. @return the exit code
 */
int cli_topology_no_plan(struct cli *c, const struct cli_topology *t);
/** Whether an argument reads as a file's name: it has a '/' in it, or ends in .json. A lab may be named so as well. */
bool cli_topology_reads_as_file(const char *arg);
/** Whether an argument that may also be a lab's name means a topology: it is "-", or reads as a file's name; one that is only
 *  by its .json and is not there means the lab of that name, should it run. */
bool cli_topology_is_file(struct cli *c, const char *arg);
/** Reads the file. @return 0; negative errno with *err of class INVALID */
int cli_topology_read(struct cli *c, const char *arg, struct cli_topology *ret,
		      struct netlab_err *err);
/**
 * Reads the overrides from --name, --seed and --engine and parses what cli_topology_read() read.
 * @return 0; -EINVAL when there are errors in t->diags (err->message is empty then) or the options are wrong; -ENOMEM
 */
int cli_topology_parse(struct cli *c, struct cli_topology *t, struct netlab_err *err);
/**
 * Both, for verbs that go on with the topology: prints warnings, and on failure all errors, on stderr (--json: on
 * stdout too).
 * @return 0 and t->topo; else the exit code
 */
int cli_topology_load(struct cli *c, const char *arg, struct cli_topology *t);
/** What this host moved when `doctor` measured it, as far as it concerns the topology's links; 0 = unknown. */
uint64_t cli_moved_bps(const struct cli *c, const struct topo *t);
void cli_topology_deinit(struct cli_topology *t);

/** "FILE:1:2: error: message (hint)". */
void cli_print_diag(FILE *out, const struct topo_diag *d, bool color);
/** [{"where","message","hint"}] of the errors, or of the warnings. New reference; NULL when out of memory. */
json_t *cli_diags_json(const struct topo_diags *diags, bool warnings);

/**
 * The name of the lab that a topology file means, without checking the rest of it: the file may have been edited since
 * the lab came up.
 * @return 0; negative errno with *err
 */
int cli_topology_lab_name(struct cli *c, const char *arg, char ret[static NAME_MAX_BYTES + 1],
			  struct netlab_err *err);

/** The time of --timeout, 0 when not given. @return 0; -EINVAL with *err of class USAGE */
int cli_timeout(const struct cli *c, uint64_t *ret_ns, struct netlab_err *err);

#endif
