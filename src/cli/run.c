/* SPDX-License-Identifier: MIT */
/*
 * netlab run: up, a command, down.
 *
 * The lab is bound to this process, so whatever ends it ends the lab. From the start of the command to the end of `down`
 * signals are held or passed on (sys/command.h), so that an interrupted run is taken down in good order as well.
 */
#include "cli/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli/bundle.h"
#include "cli/final_stats.h"
#include "cli/output.h"
#include "cli/recording.h"
#include "cli/target.h"
#include "cli/usage.h"
#include "sys/clock.h"

/* What timeout(1) exits with; no class of netlab's own, for the command may use any other code. */
enum { EXIT_TIMED_OUT = 124 };

struct in_node {
	const struct cli_backend *backend;
	struct lab_exec_options exec;
};

/* In the child that waits for the command in the node. */
static int exec_in_node(void *ctx, struct netlab_err *err)
{
	struct in_node *in = ctx;
	int status = NETLAB_EXIT_NETLAB;
	int r = in->backend->exec(&in->exec, &status, err);

	return r < 0 ? NETLAB_EXIT_NETLAB : status;
}

int cli_run_check(struct cli *c, const struct topo *t)
{
	const char *node = c->value[OPT_IN], *near;

	if (!node || topo_find_node(t, node) != SIZE_MAX)
		return 0;
	(void)err_set(&c->err, ENOENT, "--in: lab '%s' has no node '%s'", t->name, node);
	near = t->n_nodes ? name_nearest(node, &t->nodes[0].name, t->n_nodes, sizeof(t->nodes[0]))
			  : NULL;
	if (near)
		(void)err_hint(&c->err, "did you mean '%s'?", near);
	(void)err_class(&c->err, NETLAB_EXIT_USAGE);
	return cli_fail(c, &c->err);
}

/* Runs the command; returns the exit code of the whole. */
static int run_command(struct cli *c, struct cli_run *run)
{
	const struct cli_bring_up *u = &run->up;
	const struct topo *t = u->topology.topo;
	char lab[sizeof("NETLAB_LAB=") + NAME_MAX_BYTES], seed[sizeof("NETLAB_SEED=") + 20],
		dir[sizeof("NETLAB_STATE_DIR=") + sizeof(c->state_dir)];
	const char *const env[] = { lab, seed, dir, NULL };
	struct in_node in = {
		.backend = c->backend,
		.exec = { .state_dir = c->state_dir,
			  .lab = t->name,
			  .node = c->value[OPT_IN],
			  .argv = c->tail,
			  .env = env },
	};
	struct sys_command cmd = { .argv = c->tail, .env = env, .own_group = run->one_of_many };
	struct sys_command_end end = { 0 };

	c->err = (struct netlab_err){ 0 };
	(void)snprintf(lab, sizeof(lab), "NETLAB_LAB=%s", t->name);
	(void)snprintf(seed, sizeof(seed), "NETLAB_SEED=%" PRIu64, t->seed);
	(void)snprintf(dir, sizeof(dir), "NETLAB_STATE_DIR=%s", c->state_dir);
	if (u->timeout_ns) {
		uint64_t used = sys_monotonic_ns() - run->start_ns;

		/* bringing up took it all: the command gets the shortest time there is */
		cmd.timeout_ns = used < u->timeout_ns ? u->timeout_ns - used : 1;
	}
	if (c->value[OPT_IN]) {
		cmd.child = exec_in_node;
		cmd.ctx = &in;
	}
	/* what the child inherits must not be written twice */
	(void)fflush(c->io->out);
	(void)fflush(c->io->err);
	if (c->backend->command_run(&cmd, &end, &c->err) < 0)
		return cli_fail(c, &c->err);
	if (c->err.code)
		(void)cli_fail(c, &c->err);
	if (!c->err.code)
		run->end = CLI_RUN_ENDED;
	else if (end.status == NETLAB_EXIT_NOEXEC || end.status == NETLAB_EXIT_NOTFOUND)
		run->end = CLI_RUN_NO_COMMAND;
	if (end.left)
		cli_note(c,
			 "warning: %u process%s that '%s' started could not be ended, such as %d",
			 end.left, end.left == 1 ? "" : "es", c->tail[0], (int)end.left_pid);
	if (end.timed_out) {
		run->end = CLI_RUN_TIMED_OUT;
		(void)err_set(&c->err, ETIME, "'%s' was ended: the time of --timeout %s is up",
			      c->tail[0], c->value[OPT_TIMEOUT]);
		(void)cli_fail(c, &c->err);
		return EXIT_TIMED_OUT;
	}
	return end.status;
}

/* Events of the timeline that failed: what the command measured was not what the file says. */
/* @return how many */
static unsigned report_timeline(struct cli *c, const struct topo *t)
{
	struct netlab_err err = { 0 };
	json_t *doc = NULL, *event;
	unsigned n = 0;
	size_t i;

	if (t->n_events == 0 || c->backend->show(c->state_dir, t->name, &doc, &err) < 0)
		return 0;
	json_array_foreach(json_object_get(doc, "timeline"), i, event)
	{
		const char *what = cli_json_string(event, "error", NULL);

		n += what != NULL;
		if (what)
			cli_note(c, "timeline: event %zu (%s '%s') failed: %s", i + 1,
				 json_object_get(event, "exec") ? "exec in" : "link",
				 json_object_get(event, "exec")
					 ? cli_json_string(json_object_get(event, "exec"), "node",
							   "?")
					 : cli_json_string(event, "link", "?"),
				 what);
	}
	json_decref(doc);
	return n;
}

/* Takes the lab down; returns the exit code of the whole. */
static int take_down(struct cli *c, struct cli_run *run, int code)
{
	const char *name = run->up.topology.topo->name;
	struct netlab_err err = { 0 };
	bool was_running = false;

	if (c->backend->down(c->state_dir, name, &was_running, &err) == 0) {
		if (was_running)
			return code;
		/* what the command saw from then on was no lab: its verdict is worth nothing */
		(void)err_set(&err, ENOENT, "lab '%s' ended before the command did", name);
	}
	c->err = err;
	run->end = CLI_RUN_FAILED;
	(void)cli_fail(c, &err);
	return NETLAB_EXIT_NETLAB;
}

/* Keeps all there is of a run that failed, and nothing of one that did not. @return the exit code of the whole */
static int bundle(struct cli *c, const struct topo *t, const struct cli_recording *recording,
		  const struct cli_bundle_why *why, int code)
{
	struct netlab_err err = { 0 };

	if (!cli_has(c, OPT_BUNDLE))
		return code;
	if (!cli_bundle_is_failure(why)) {
		cli_recording_remove(recording);
		return code;
	}
	if (cli_bundle_fill(c, t, recording->path, why, &err) < 0) {
		(void)err_wrap(&err, "bundle '%s'", recording->path);
		(void)cli_fail(c, &err);
		return code ? code : NETLAB_EXIT_NETLAB;
	}
	cli_note(c, "what is known of this failure is in %s", recording->path);
	return code;
}

int cli_run(struct cli *c, struct cli_run *run)
{
	const struct topo *t = run->up.topology.topo;
	struct cli_recording recording = { .record.dir_fd = -1 };
	struct cli_bundle_why why = { 0 };
	int command; /* exit code of the command */
	FILE *stats = NULL;
	int code = cli_run_check(c, t);

	run->end = CLI_RUN_FAILED;
	if (code == 0)
		code = cli_final_stats_open(c, &stats);
	if (code == 0)
		code = cli_recording_open(c, &run->up, &recording);
	if (recording.path)
		run->up.record = &recording.record;
	if (code == 0)
		code = cli_bring_up(c, &run->up, true);
	run->up.record = NULL; /* it is ours */
	if (code) {
		cli_recording_discard(&recording);
		if (stats && stats != c->io->out)
			(void)fclose(stats);
		return code;
	}
	if (!run->one_of_many)
		cli_note(c, "lab '%s', seed %" PRIu64, t->name, t->seed);
	/* a bundle that is kept is told of itself, and one that is not is no news */
	recording.quiet = run->one_of_many || cli_has(c, OPT_BUNDLE);
	command = run_command(c, run);
	why.timeline_errors = report_timeline(c, t);
	why.status = command;
	why.timed_out = run->end == CLI_RUN_TIMED_OUT;
	why.lab_ended = cli_has(c, OPT_BUNDLE) && !cli_lab_runs(c, t->name);
	cli_note_out_of_memory(c, t);
	code = cli_recording_close(c, t->name, &recording, command);
	why.incomplete = code != command;
	code = bundle(c, t, &recording, &why, code);
	code = cli_final_stats(c, t->name, stats, run->up.replay != NULL, code);
	if (command == 0 && code)
		run->end = code == NETLAB_EXIT_UNTRUSTED ? CLI_RUN_UNTRUSTED : CLI_RUN_FAILED;
	return take_down(c, run, code);
}

int cmd_run(struct cli *c)
{
	struct cli_run run = { .start_ns = sys_monotonic_ns() };
	int code = cli_bring_up_prepare(c, &run.up);

	if (code == 0)
		code = cli_run(c, &run);
	cli_bring_up_deinit(c, &run.up);
	return code;
}
