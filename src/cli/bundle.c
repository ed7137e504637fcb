/* SPDX-License-Identifier: MIT */
/* What is kept of a run that failed. */
#include "cli/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/output.h"
#include "netlab/version.h"
#include "sys/fs.h"

#define BUNDLE_NODES "nodes"
#define BUNDLE_SHOW  "show.json"
#define BUNDLE_REPRO "repro.json"

/* What is asked of every node. */
static const char *const questions[][6] = {
	{ "ip", "-s", "address", NULL },
	{ "ip", "route", "show", "table", "all", NULL },
	{ "ip", "-6", "route", "show", NULL },
	{ "ip", "neighbour", NULL },
	{ "tc", "-s", "qdisc", NULL },
	{ "ss", "-tuan", NULL },
	{ "ps", "-ef", NULL },
};

bool cli_bundle_is_failure(const struct cli_bundle_why *why)
{
	return why->status != 0 || why->timed_out || why->timeline_errors > 0 || why->lab_ended ||
	       why->incomplete;
}

static const char *reason(const struct cli_bundle_why *why)
{
	return why->timed_out             ? "timeout"
	       : why->status != 0         ? "exit code"
	       : why->lab_ended           ? "the lab ended"
	       : why->timeline_errors > 0 ? "timeline"
					  : "recording";
}

/* Asks a node, with our standard output and error at a file. */
static int ask(struct cli *c, const char *lab, const char *node, const char *const *argv, int fd)
{
	const struct lab_exec_options o = {
		.state_dir = c->state_dir, .lab = lab, .node = node, .argv = argv, .user = "0"
	};
	struct netlab_err err = { 0 };
	int status = 0, out = dup(STDOUT_FILENO), errors = dup(STDERR_FILENO), r = -EMFILE;

	for (const char *const *arg = argv; *arg; arg++)
		(void)dprintf(fd, "%s%s", arg == argv ? "\n$ " : " ", *arg);
	(void)dprintf(fd, "\n");
	if (out >= 0 && errors >= 0) {
		(void)dup2(fd, STDOUT_FILENO);
		(void)dup2(fd, STDERR_FILENO);
		r = c->backend->exec(&o, &status, &err);
		(void)dup2(out, STDOUT_FILENO);
		(void)dup2(errors, STDERR_FILENO);
	}
	if (out >= 0)
		close(out);
	if (errors >= 0)
		close(errors);
	if (r < 0 || err.code < 0)
		(void)dprintf(fd, "(%s)\n", err.message);
	return r;
}

static int ask_nodes(struct cli *c, const struct topo *t, int dir_fd, struct netlab_err *err)
{
	int made = sys_mkdir(dir_fd, BUNDLE_NODES), r = 0;
	int nodes_fd = made < 0 && made != -EEXIST ? made : sys_open_dir(dir_fd, BUNDLE_NODES);

	if (nodes_fd < 0)
		return err_errno(err, nodes_fd, "making '" BUNDLE_NODES "'");
	(void)fflush(c->io->out);
	(void)fflush(c->io->err);
	for (size_t i = 0; i < t->n_nodes && r == 0; i++) {
		char file[NAME_MAX_BYTES + sizeof(".txt")];
		int fd;

		(void)snprintf(file, sizeof(file), "%s.txt", t->nodes[i].name);
		fd = sys_open(nodes_fd, file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
		if (fd < 0) {
			r = err_errno(err, fd, "making '" BUNDLE_NODES "/%s'", file);
			break;
		}
		(void)dprintf(fd, "node '%s'\n", t->nodes[i].name);
		/* a node that cannot tell is part of the story */
		for (size_t q = 0; q < ARRAY_SIZE(questions); q++)
			(void)ask(c, t->name, t->nodes[i].name, questions[q], fd);
		close(fd);
	}
	close(nodes_fd);
	return r;
}

static int write_json(int dir_fd, const char *file, json_t *doc, struct netlab_err *err)
{
	_cleanup_free_ char *text = doc ? json_dumps(doc, JSON_INDENT(2)) : NULL;
	int r;

	json_decref(doc);
	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	r = sys_write_file(dir_fd, file, text, strlen(text));
	return r < 0 ? err_errno(err, r, "writing '%s'", file) : 0;
}

static json_t *repro(struct cli *c, const struct topo *t, const struct cli_bundle_why *why)
{
	json_t *command = json_array(), *replay = json_pack("[s,s,s]", "netlab", "replay", ".");

	for (const char *const *arg = c->tail; arg && *arg; arg++)
		json_array_append_new(command, cli_json_text(*arg, strlen(*arg)));
	/* what hung would hang again */
	if (c->value[OPT_TIMEOUT]) {
		json_array_append_new(replay, json_string("--timeout"));
		json_array_append_new(replay, json_string(c->value[OPT_TIMEOUT]));
	}
	return json_pack("{s:i, s:s, s:s, s:i, s:i, s:s, s:o, s:o, s:s?, s:o}", "format", 1,
			 "netlab", NETLAB_VERSION, "why", reason(why), "exit_code", why->status,
			 "timeline_errors", (int)why->timeline_errors, "lab", t->name, "seed",
			 cli_json_u64(t->seed), "command", command, "in", c->value[OPT_IN],
			 "replay", replay);
}

int cli_bundle_fill(struct cli *c, const struct topo *t, const char *path,
		    const struct cli_bundle_why *why, struct netlab_err *err)
{
	json_t *shown = NULL;
	int fd = sys_open_dir(AT_FDCWD, path), r;

	if (fd < 0)
		return err_errno(err, fd, "opening '%s'", path);
	r = write_json(fd, BUNDLE_REPRO, repro(c, t, why), err);
	if (r == 0 && !why->lab_ended)
		r = c->backend->show(c->state_dir, t->name, &shown, err);
	if (r == 0 && !why->lab_ended)
		r = write_json(fd, BUNDLE_SHOW, shown, err);
	if (r == 0 && !why->lab_ended)
		r = ask_nodes(c, t, fd, err);
	close(fd);
	return r;
}
