/* SPDX-License-Identifier: MIT */
/* What came of shrinking: words, and a topology that fails. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/output.h"
#include "cli/shrink.h"
#include "sys/clock.h"

/** Of a share that was seen, the least that it can be with 95 % confidence, in per cent. @source Wilson's score interval */
static double at_least(const struct shrink_rate *r)
{
	const double z = 1.959964, n = r->of, p = r->failed / n;

	return 100 * (p + z * z / (2 * n) - z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))) /
	       (1 + z * z / n);
}

/** Of a sweep's lab, which is called NAME.PID.SEED, the length of NAME; of another the whole. */
static size_t plain_length(const char *lab, uint64_t seed)
{
	size_t len = strlen(lab), n, end;
	char suffix[24];

	(void)snprintf(suffix, sizeof(suffix), ".%" PRIu64, seed);
	n = strlen(suffix);
	if (len <= n || strcmp(lab + len - n, suffix) != 0)
		return len;
	for (end = len - n; end > 0 && lab[end - 1] >= '0' && lab[end - 1] <= '9'; end--)
		;
	return end > 1 && end < len - n && lab[end - 1] == '.' ? end - 1 : len;
}

void shrink_file_name(const struct shrinking *s, char ret[static 4096])
{
	const char *lab = s->topo->name;

	if (s->c->value[OPT_OUTPUT])
		(void)snprintf(ret, 4096, "%s", s->c->value[OPT_OUTPUT]);
	else
		(void)snprintf(ret, 4096, "%.*s-shrunk.%s", (int)plain_length(lab, s->record.seed),
			       lab, s->by_replay ? "decisions" : "json");
}

double shrink_chance(const struct shrink_rate *result, const struct shrink_rate *none)
{
	double p = 1;

	/* Fisher's exact test, one-sided, where none of none->of failed: that all failures are among the result's runs */
	for (unsigned i = 0; i < result->failed; i++)
		p *= (double)(result->of - i) / (result->of + none->of - i);
	return p;
}

/** The topology with the rules that are left, what it is standing first in it. @return malloc'ed; NULL: no memory */
static char *topology_text(struct shrinking *s, const char *words)
{
	json_t *about = json_object();

	json_object_set_new(about, "//", json_string(words));
	json_object_update(about, s->base);
	json_object_set_new(about, "//", json_string(words));
	json_object_set_new(about, "seed",
			    s->record.seed <= INT64_MAX
				    ? json_integer((json_int_t)s->record.seed)
				    : json_sprintf("%llu", (unsigned long long)s->record.seed));
	json_decref(s->base);
	s->base = about;
	return shrink_topology(s, s->ddmin.kept, s->ddmin.n_kept, JSON_INDENT(2));
}

static char *decisions_text(const struct shrinking *s)
{
	_cleanup_buf_ struct buf b = { 0 };

	shrink_replay_print(&b, s);
	if (b.len > 0 && b.data[b.len - 1] == '\n')
		b.data[--b.len] = '\0'; /* it is written with one */
	return buf_text(&b) ? strdup(buf_text(&b)) : NULL;
}

static int write_result(struct shrinking *s, const char *path, const char *words)
{
	struct cli *c = s->c;
	_cleanup_free_ char *text = s->by_replay ? decisions_text(s) : topology_text(s, words);
	FILE *out;
	int e = 0;

	if (!text) {
		(void)err_set(&c->err, ENOMEM, "out of memory");
		return cli_fail(c, &c->err);
	}
	out = fopen(path, "we");
	if (!out)
		e = errno;
	else if (fprintf(out, "%s\n", text) < 0)
		e = EIO;
	if (out && fclose(out) != 0)
		e = errno;
	if (e == 0)
		return 0;
	(void)err_errno(&c->err, e, "writing '%s'", path);
	return cli_fail(c, &c->err);
}

static json_t *rate_json(const struct shrink_rate *r)
{
	return json_pack("{s:i,s:i}", "failed", (int)r->failed, "runs", (int)r->of);
}

static json_t *faults_json(const struct shrinking *s)
{
	_cleanup_buf_ struct buf b = { 0 };
	json_t *faults;

	if (s->by_replay)
		return json_null();
	atoms_print(&b, &s->atoms, s->ddmin.kept, s->ddmin.n_kept, s->topo);
	faults = buf_text(&b) ? json_loads(buf_text(&b), 0, NULL) : NULL;
	return faults ? faults : json_array();
}

static json_t *replay_json(const struct shrinking *s, const char *path)
{
	_cleanup_buf_ struct buf b = { 0 };

	if (!s->by_replay)
		return json_null();
	shrink_replay_command(&b, s, path);
	return buf_text(&b) ? cli_json_text(buf_text(&b), b.len) : NULL;
}

static int print_json(struct shrinking *s, const char *path, const char *words,
		      const struct shrink_rates *r)
{
	return cli_print_json(s->c,
			      json_pack("{s:o,s:s,s:i,s:i,s:i,s:i,s:o,s:o,s:i,s:i,s:f,s:o,s:o,s:o}",
					"file", cli_json_text(path, strlen(path)), "words", words,
					"decisions", (int)s->ddmin.n, "left", (int)s->ddmin.n_kept,
					"unsaid", s->by_replay ? 0 : (int)s->atoms.n_unsaid,
					"by_itself", s->by_replay ? 0 : (int)s->atoms.n_by_itself,
					"faults", faults_json(s), "replay", replay_json(s, path),
					"candidates", (int)s->n_candidates, "tries", (int)s->tries,
					"elapsed_s",
					(double)(sys_monotonic_ns() - s->start_ns) / 1e9, "whole",
					rate_json(&r->whole), "result", rate_json(&r->result),
					"none", rate_json(&r->none)),
			      NETLAB_EXIT_OK);
}

/** What the answer leaves out. */
static void note_rest(const struct shrinking *s)
{
	if (s->by_replay)
		return;
	if (s->atoms.n_unsaid)
		cli_note(
			s->c,
			"left out, for no rule can say it: %zu of what happened (marks, packets that came early)",
			s->atoms.n_unsaid);
	if (s->atoms.n_by_itself)
		cli_note(
			s->c,
			"left to happen by itself: %zu of what happened (a full queue, a link that was cut)",
			s->atoms.n_by_itself);
}

/** What the figures do not show. */
static void note_doubt(const struct shrinking *s, const struct shrink_rates *r)
{
	double chance = shrink_chance(&r->result, &r->none);

	if (chance > SHRINK_CHANCE_MAX)
		cli_note(
			s->c,
			"warning: that may be chance: if it failed as often without them, %.0f of 100 such "
			"comparisons would come out like this; give it more --tries",
			100 * chance);
	else if (s->ddmin.n_kept > 1 && r->result.failed < r->result.of && !s->c->value[OPT_TRIES])
		cli_note(
			s->c,
			"it fails now and then: with more --tries (now %u) fewer decisions may be left",
			s->tries);
}

static void print_text(const struct shrinking *s, const char *words, const struct shrink_rates *r)
{
	bool one = s->ddmin.n_kept == 1;
	FILE *out = s->c->io->out;

	(void)fprintf(out, "%s\n\n%zu of %zu decisions %s left", words, s->ddmin.n_kept, s->ddmin.n,
		      one ? "is" : "are");
	if (r->result.of == 0) {
		(void)fprintf(out, ", and fewer might do: it was interrupted.");
	} else {
		(void)fprintf(
			out,
			". With %s %u of %u runs failed (95 %% sure: at least %.0f %% do), with all %u of %u,\n"
			"with none %u of %u.",
			one ? "it" : "them", r->result.failed, r->result.of, at_least(&r->result),
			r->whole.failed, r->whole.of, r->none.failed, r->none.of);
	}
	(void)fprintf(out, " %zu candidate%s in %.1f s.\n", s->n_candidates,
		      s->n_candidates == 1 ? "" : "s",
		      (double)(sys_monotonic_ns() - s->start_ns) / 1e9);
}

int shrink_report(struct shrinking *s, const struct shrink_rates *rates)
{
	_cleanup_buf_ struct buf b = { 0 }, again = { 0 };
	const char *words;
	char path[4096];
	int code;

	shrink_file_name(s, path);
	buf_puts(&b, "It fails when ");
	if (s->by_replay)
		shrink_replay_describe(&b, s);
	else
		atoms_describe(&b, &s->atoms, s->ddmin.kept, s->ddmin.n_kept, s->topo, s->plan,
			       &s->frames);
	buf_puts(&b, ".");
	words = buf_text(&b) ? buf_text(&b) : "";
	code = write_result(s, path, words);
	note_rest(s);
	if (rates->result.of > 0)
		note_doubt(s, rates);
	if (s->c->json)
		return code ? code : print_json(s, path, words, rates);
	/* it took its time: that it cannot be written is no reason to keep it back */
	print_text(s, words, rates);
	if (code)
		return code;
	(void)fprintf(s->c->io->out, "Written to %s.\n", path);
	if (s->by_replay) {
		shrink_replay_command(&again, s, path);
		(void)fprintf(s->c->io->out, "again: %s\n",
			      buf_text(&again) ? buf_text(&again) : "");
	}
	return NETLAB_EXIT_OK;
}
