/* SPDX-License-Identifier: MIT */
/* What came of shrinking: words, and a topology that fails. */
#include <errno.h>
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

static void file_name(const struct shrinking *s, char *ret, size_t size)
{
	if (s->c->value[OPT_OUTPUT])
		(void)snprintf(ret, size, "%s", s->c->value[OPT_OUTPUT]);
	else
		(void)snprintf(ret, size, "%s-shrunk.json", s->topo->name);
}

static int write_topology(struct shrinking *s, const char *path, const char *words)
{
	struct cli *c = s->c;
	_cleanup_free_ char *text = NULL;
	json_t *about = json_object();
	FILE *out;
	int e = 0;

	/* what it is stands first in the file */
	json_object_set_new(about, "//", json_string(words));
	json_object_update(about, s->base);
	json_object_set_new(about, "//", json_string(words));
	json_object_set_new(about, "seed",
			    s->record.seed <= INT64_MAX
				    ? json_integer((json_int_t)s->record.seed)
				    : json_sprintf("%llu", (unsigned long long)s->record.seed));
	json_decref(s->base);
	s->base = about;
	text = shrink_topology(s, s->ddmin.kept, s->ddmin.n_kept, JSON_INDENT(2));
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

static int print_json(struct shrinking *s, const char *path, const char *words,
		      const struct shrink_rate *whole, const struct shrink_rate *result,
		      const struct shrink_rate *none)
{
	_cleanup_buf_ struct buf faults = { 0 };

	atoms_print(&faults, &s->atoms, s->ddmin.kept, s->ddmin.n_kept, s->topo);
	return cli_print_json(
		s->c,
		json_pack("{s:s,s:s,s:i,s:i,s:i,s:i,s:o,s:i,s:i,s:f,s:o,s:o,s:o}", "file", path,
			  "words", words, "decisions", (int)s->atoms.n, "left",
			  (int)s->ddmin.n_kept, "unsaid", (int)s->atoms.n_unsaid, "by_itself",
			  (int)s->atoms.n_by_itself, "faults",
			  json_loads(buf_text(&faults) ? buf_text(&faults) : "[]", 0, NULL),
			  "candidates", (int)s->n_candidates, "tries", (int)s->tries, "elapsed_s",
			  (double)(sys_monotonic_ns() - s->start_ns) / 1e9, "whole",
			  rate_json(whole), "result", rate_json(result), "none", rate_json(none)),
		NETLAB_EXIT_OK);
}

/** What the answer leaves out. */
static void note_rest(const struct shrinking *s)
{
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

int shrink_report(struct shrinking *s, const struct shrink_rate *whole,
		  const struct shrink_rate *result, const struct shrink_rate *none)
{
	_cleanup_buf_ struct buf words = { 0 };
	char path[4096];
	int code;

	file_name(s, path, sizeof(path));
	buf_puts(&words, "It fails when ");
	atoms_describe(&words, &s->atoms, s->ddmin.kept, s->ddmin.n_kept, s->topo, s->plan,
		       &s->frames);
	buf_puts(&words, ".");
	code = write_topology(s, path, buf_text(&words) ? buf_text(&words) : "");
	note_rest(s);
	if (code)
		return code;
	if (s->c->json)
		return print_json(s, path, buf_text(&words), whole, result, none);
	(void)fprintf(
		s->c->io->out,
		"%s\n\n%zu of %zu decisions %s left. With %s %u of %u runs failed (95 %% sure: at least %.0f %% do), "
		"with all %u of %u,\nwith none 0 of %u. %zu candidates in %.1f s.\nWritten to %s.\n",
		buf_text(&words) ? buf_text(&words) : "", s->ddmin.n_kept, s->atoms.n,
		s->ddmin.n_kept == 1 ? "is" : "are", s->ddmin.n_kept == 1 ? "it" : "them",
		result->failed, result->of, at_least(result), whole->failed, whole->of, none->of,
		s->n_candidates, (double)(sys_monotonic_ns() - s->start_ns) / 1e9, path);
	return NETLAB_EXIT_OK;
}
