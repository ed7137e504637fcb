/* SPDX-License-Identifier: MIT */
/* netlab replay: a recorded run again, its decisions in place of dice. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/recording.h"
#include "cli/run.h"
#include "cli/target.h"
#include "repro/record_dir.h"
#include "repro/replay.h"
#include "sys/clock.h"
#include "sys/fs.h"

struct replaying {
	struct record_dir dir;
	struct decisions decisions;
	struct identities all;
	struct replay *replay;
	struct lab_replay of_lab;
	struct cli_run run;
	const char **recorded; /* the command of the record; owned (the array) */
};

static void deinit(struct cli *c, struct replaying *r)
{
	r->run.up.topology.text = NULL; /* the record's */
	cli_bring_up_deinit(c, &r->run.up);
	r->replay = replay_free(r->replay);
	identities_deinit(&r->all);
	decisions_deinit(&r->decisions);
	record_dir_deinit(&r->dir);
	free(r->recorded);
}

/* --decisions FILE, in place of the record's. */
static int read_decisions(struct cli *c, struct replaying *r)
{
	const char *file = c->value[OPT_DECISIONS];
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int e;

	if (!file)
		return record_dir_decisions(&r->dir, &r->decisions, &c->err);
	e = sys_read_file(file, TOPO_FILE_MAX_BYTES * 64, &text, &len);
	if (e < 0) {
		(void)err_errno(&c->err, e, "--decisions: reading '%s'", file);
		return e;
	}
	e = decisions_parse(text, len, file, &r->decisions, &c->err);
	if (e == 0 && !r->decisions.is_complete) {
		e = err_set(&c->err, ENODATA,
			    "--decisions: '%s' is cut off: its last line, 'end %zu', is missing",
			    file, r->decisions.n);
		decisions_deinit(&r->decisions);
	}
	return e;
}

static int open_record(struct cli *c, struct replaying *r)
{
	struct cli_bring_up *u = &r->run.up;
	const char *name = c->value[OPT_NAME], *why = name ? name_check(name) : NULL;
	int e;

	if (why) {
		(void)err_set(&c->err, EINVAL, "--name: '%s' is no name for a lab: %s", name, why);
		return err_class(&c->err, NETLAB_EXIT_USAGE);
	}
	e = record_dir_open(c->args[0], &r->dir, &c->err);
	if (e == 0)
		e = record_dir_topology(&r->dir, name, &u->topology.diags, &u->topology.topo,
					&c->err);
	if (e == 0)
		e = read_decisions(c, r);
	if (e == 0)
		e = record_dir_match(&r->decisions, u->topology.topo, &c->err);
	if (e == 0)
		e = record_dir_identities(&r->dir, &r->all, &c->err);
	if (e < 0)
		return e;
	u->topology.text = r->dir.source;
	u->topology.len = r->dir.source_len;
	u->topology.file = r->dir.source_dir ? r->dir.source_dir : "";
	return c->tail ? 0 : cli_recorded_command(c, &r->dir, &r->recorded);
}

static int prepare(struct cli *c, struct replaying *r)
{
	int e = open_record(c, r);

	if (e == 0)
		e = replay_new(&r->decisions, &r->all, r->run.up.topology.topo, &r->replay,
			       &c->err);
	if (e == 0)
		e = cli_timeout(c, &r->run.up.timeout_ns, &c->err);
	if (e == 0)
		e = cli_state_dir(c);
	if (e < 0)
		return cli_fail(c, &c->err);
	/* the table has them now */
	identities_deinit(&r->all);
	r->of_lab.script_fd = replay_fd(r->replay);
	r->run.up.replay = &r->of_lab;
	if (r->dir.n_lost > 0)
		cli_note(c, "warning: %llu packets are missing in the recording",
			 (unsigned long long)r->dir.n_lost);
	if (!r->dir.from_start)
		cli_note(c,
			 "warning: the recording began while its lab ran: packets before that are "
			 "not in it");
	return 0;
}

static int report(struct cli *c, const struct replaying *r, int code)
{
	_cleanup_buf_ struct buf b = { 0 };
	json_t *doc;

	if (c->json) {
		doc = replay_report(r->replay);
		if (doc)
			json_object_set_new(doc, "exit_code", json_integer(code));
		return cli_print_json(c, doc, code);
	}
	replay_print(&b, r->replay);
	if (!c->quiet && buf_text(&b))
		(void)fprintf(c->io->err, "netlab: %s", buf_text(&b));
	return code;
}

int cmd_replay(struct cli *c)
{
	struct replaying r = { .dir.fd = -1,
			       .run = { .start_ns = sys_monotonic_ns(),
					.up.handle.pidfd = -1,
					.up.handle.up_fd = -1 } };
	int code = prepare(c, &r);

	if (code == 0) {
		code = cli_run(c, &r.run);
		if (r.run.up.is_up)
			code = report(c, &r, code);
	}
	deinit(c, &r);
	return code;
}
