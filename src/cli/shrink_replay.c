/* SPDX-License-Identifier: MIT */
/*
 * Candidates that replay decisions: for runs that do not fail by what rules can say. Each is the recorded lab with some of
 * its decisions carried out (repro/replay.h), so that marks, packets that came early and damaged copies are among them, and
 * what a full queue or a cut link dropped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/output.h"
#include "cli/shrink.h"

int shrink_replay_begin(struct shrinking *s)
{
	struct cli *c = s->c;
	const char *engine = cli_json_string(s->record.about, "engine", "");

	if (record_dir_identities(&s->record, &s->all, &c->err) < 0)
		return cli_fail(c, &c->err);
	ddmin_deinit(&s->ddmin);
	if (ddmin_init(&s->ddmin, s->decisions.n) < 0) {
		(void)err_set(&c->err, ENOMEM, "out of memory");
		return cli_fail(c, &c->err);
	}
	if (strcmp(engine, "wire") == 0)
		s->runner.value[OPT_ENGINE] = "wire";
	s->by_replay = true;
	return 0;
}

int shrink_replay_new(const struct shrinking *s, const size_t *which, size_t n, struct replay **ret,
		      struct netlab_err *err)
{
	_cleanup_free_ struct decision *some = calloc(n + 1, sizeof(*some));
	struct decisions d = { .items = some, .n = n };

	if (!some)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		some[i] = s->decisions.items[which[i]];
	/* all packets: one that is known must not be taken for another that a decision is about */
	return replay_new(&d, &s->all, s->topo, ret, err);
}

static void describe(struct buf *b, const struct shrinking *s, const struct decision *d)
{
	atoms_describe_packet(b, d, s->topo, s->plan, &s->frames);
	if (s->topo->n_links > 1)
		buf_printf(b, " on link '%s'", d->link);
	buf_puts(b, " ");
	verdict_describe(b, &d->verdict);
}

void shrink_replay_describe(struct buf *b, const struct shrinking *s)
{
	for (size_t i = 0; i < s->ddmin.n_kept; i++) {
		buf_puts(b, i ? " and " : "");
		describe(b, s, &s->decisions.items[s->ddmin.kept[i]]);
	}
}

void shrink_replay_print(struct buf *b, const struct shrinking *s)
{
	decisions_format_head(b);
	for (size_t i = 0; i < s->ddmin.n_kept; i++) {
		const struct decision *d = &s->decisions.items[s->ddmin.kept[i]];

		buf_puts(b, "# ");
		describe(b, s, d);
		buf_puts(b, "\n");
		decision_format(b, d);
	}
	decisions_format_end(b, s->ddmin.n_kept);
}

static void add_option(struct buf *b, const char *name, const char *value)
{
	if (!value)
		return;
	buf_printf(b, " --%s ", name);
	cli_add_word(b, value);
}

void shrink_replay_command(struct buf *b, const struct shrinking *s, const char *path)
{
	buf_puts(b, "netlab replay ");
	cli_add_word(b, s->record.path);
	add_option(b, "decisions", path);
	add_option(b, "timeout", s->c->value[OPT_TIMEOUT]);
	add_option(b, "in", s->c->value[OPT_IN]);
	if (s->c->tail)
		buf_puts(b, " --");
	for (const char *const *arg = s->c->tail; arg && *arg; arg++) {
		buf_puts(b, " ");
		cli_add_word(b, *arg);
	}
}
