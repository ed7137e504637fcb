/* SPDX-License-Identifier: MIT */
/* What a sweep found: a row per seed that failed, and what it comes to in words; or all of it as JSON. */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/describe.h"
#include "cli/output.h"
#include "cli/sweep.h"

/* Rows of the table; more are summed up. JSON has them all. */
enum { ROWS_MAX = 50 };

static void add_time(struct cli_table *t, double s)
{
	cli_table_addf(t, s < 9.9995 ? "%.3f s" : "%.1f s", s);
}

static void add_exit(struct cli_table *t, const struct sweep_result *r)
{
	if (r->verdict == SWEEP_FAILED && r->exit > 128 && r->exit <= 128 + 64)
		cli_table_addf(t, "%d (signal %d)", r->exit, r->exit - 128);
	else if (r->verdict == SWEEP_FAILED)
		cli_table_addf(t, "%d", r->exit);
	else
		cli_table_add(t, sweep_verdict_name(r->verdict));
}

static size_t add_rows(struct cli_table *t, const struct sweep *s)
{
	size_t shown = 0, left = 0;

	for (size_t i = 0; i < s->seeds.n; i++) {
		const struct sweep_result *r = &s->results[i];

		if (r->verdict == SWEEP_NOT_RUN || r->verdict == SWEEP_PASSED)
			continue;
		if (shown++ >= ROWS_MAX) {
			left++;
			continue;
		}
		cli_table_addf(t, "%" PRIu64, sweep_seed(&s->seeds, i));
		add_exit(t, r);
		add_time(t, r->time_s);
		cli_table_add(t, r->last_words ? r->last_words : "-");
	}
	return left;
}

static void add_option(struct buf *b, const char *name, const char *value)
{
	if (!value)
		return;
	buf_printf(b, " --%s ", name);
	cli_add_word(b, value);
}

/* The command that runs a seed again. */
static void add_again(struct buf *b, const struct sweep_what *w, uint64_t seed)
{
	buf_puts(b, "netlab run ");
	cli_add_word(b, strcmp(w->topology, "stdin") == 0 ? "-" : w->topology);
	buf_printf(b, " --seed %" PRIu64, seed);
	add_option(b, "in", w->in);
	add_option(b, "engine", w->engine);
	add_option(b, "timeout", w->timeout);
	if (w->strict)
		buf_puts(b, " --strict");
	buf_puts(b, " --");
	for (const char *const *arg = w->command; *arg; arg++) {
		buf_puts(b, " ");
		cli_add_word(b, *arg);
	}
}

/* The command that runs what was recorded of it. */
static void add_replay(struct buf *b, const struct sweep_account *a, uint64_t seed)
{
	_cleanup_free_ char *path = sweep_record_path(a->records, seed, false);

	if (!path) {
		b->failed = true;
		return;
	}
	buf_puts(b, "netlab replay ");
	cli_add_word(b, path);
	add_option(b, "timeout", a->what->timeout);
	if (a->what->strict)
		buf_puts(b, " --strict");
}

/* The first seed that failed. */
static size_t first_failure(const struct sweep *s)
{
	for (size_t i = 0; i < s->seeds.n; i++) {
		if (s->results[i].verdict == SWEEP_FAILED ||
		    s->results[i].verdict == SWEEP_TIMED_OUT)
			return i;
	}
	return SIZE_MAX;
}

static double rate_of(const struct sweep_account *a)
{
	size_t ran = sweep_done(a->sweep) - a->sweep->n_resumed;

	return a->elapsed_s > 0 ? (double)ran / a->elapsed_s : 0;
}

/* Why it ended before the last seed. */
static void add_cut(struct buf *b, const struct sweep_account *a)
{
	size_t left = a->sweep->count[SWEEP_NOT_RUN];

	if (left == 0)
		return;
	cli_describe_count(b, left);
	buf_puts(b, left == 1 ? " was not run" : " were not run");
	if (a->signo)
		buf_printf(b, ": interrupted by signal %d", a->signo);
	else if (a->cut)
		buf_printf(b, ": %s", a->cut);
	else if (a->stopped)
		buf_puts(b, ": --until-fail");
	if (a->records->fd >= 0 && !a->stopped) {
		buf_puts(b, "; --resume ");
		cli_add_word(b, a->records->path);
		buf_puts(b, " goes on");
	}
	buf_puts(b, "\n");
}

static void add_summary(struct buf *b, const struct sweep_account *a)
{
	const struct sweep *s = a->sweep;
	size_t done = sweep_done(s), failed = sweep_failures(s);
	uint64_t first = failed ? sweep_seed(&s->seeds, first_failure(s)) : 0;

	if (failed == 0 && done == s->seeds.n && s->count[SWEEP_UNTRUSTED] == 0) {
		buf_puts(b, done == 1 ? "the seed passed" : "all ");
		if (done > 1) {
			cli_describe_count(b, done);
			buf_puts(b, " seeds passed");
		}
	} else {
		cli_describe_count(b, failed);
		buf_puts(b, " of ");
		cli_describe_count(b, done);
		buf_puts(b, done == 1 ? " seed failed" : " seeds failed");
	}
	if (done > 1 && !a->stopped) { /* where the first failure ends it, the share says nothing */
		buf_puts(b, " (");
		sweep_describe_share(b, failed, done);
		buf_puts(b, ")");
	}
	if (done > s->n_resumed)
		buf_printf(b, "; %.*f s, %.*f a second, %u at a time", a->elapsed_s < 10 ? 2 : 0,
			   a->elapsed_s, rate_of(a) < 10 ? 2 : 0, rate_of(a), a->jobs);
	buf_puts(b, "\n");
	if (s->count[SWEEP_UNTRUSTED])
		buf_printf(b, "%zu passed on a host that was too slow to trust that (--strict)\n",
			   s->count[SWEEP_UNTRUSTED]);
	if (a->warned)
		buf_printf(b, "netlab had warnings for %zu of them (-v shows them)\n", a->warned);
	if (s->n_resumed) {
		cli_describe_count(b, s->n_resumed);
		buf_puts(b, s->n_resumed == 1 ? " was done before\n" : " were done before\n");
	}
	add_cut(b, a);
	if (failed && a->records->fd >= 0) {
		buf_printf(b, "recorded: %s/seed-%" PRIu64 "%s\nreplay: ", a->records->path, first,
			   failed > 1 ? " and others" : "");
		add_replay(b, a, first);
		buf_puts(b, "\n");
	}
	if (failed) {
		buf_puts(b, "again: ");
		add_again(b, a->what, first);
		buf_puts(b, "\n");
	}
}

static int print_text(struct cli *c, const struct sweep_account *a)
{
	static const char *const headers[] = { "SEED", "EXIT", "TIME", "LAST WORDS" };
	struct cli_table t = { .headers = headers, .n_columns = 4, .right = 1u << 0 | 1u << 2 };
	_cleanup_buf_ struct buf b = { 0 };
	size_t left = add_rows(&t, a->sweep);

	if (t.n > 0) {
		int code = cli_table_print(c, &t);

		if (code)
			return code;
		if (left > 0)
			buf_printf(&b, "and %zu more\n", left);
		buf_puts(&b, "\n");
	} else {
		cli_table_deinit(&t);
	}
	add_summary(&b, a);
	return cli_print_buf(c, &b, NETLAB_EXIT_OK);
}

/* --- JSON --- */

static json_t *json_of_record(const struct sweep_account *a, size_t place)
{
	_cleanup_free_ char *path = NULL;

	if (a->records->fd < 0 || a->sweep->results[place].verdict == SWEEP_UNTRUSTED)
		return json_null();
	path = sweep_record_path(a->records, sweep_seed(&a->sweep->seeds, place), false);
	return path ? cli_json_text(path, strlen(path)) : NULL;
}

static json_t *json_of_result(const struct sweep_account *a, size_t place)
{
	const struct sweep *s = a->sweep;
	const struct sweep_result *r = &s->results[place];

	return json_pack("{s:o, s:s, s:o, s:f, s:o, s:o, s:b}", "seed",
			 cli_json_u64(sweep_seed(&s->seeds, place)), "verdict",
			 sweep_verdict_name(r->verdict), "exit", json_integer(r->exit), "time_s",
			 r->time_s, "last_words",
			 r->last_words ? cli_json_text(r->last_words, strlen(r->last_words))
				       : json_null(),
			 "record", json_of_record(a, place), "resumed", r->resumed);
}

static int print_json(struct cli *c, const struct sweep_account *a)
{
	const struct sweep *s = a->sweep;
	json_t *failures = json_array(), *command = json_array(), *doc;

	for (size_t i = 0; i < s->seeds.n; i++) {
		if (s->results[i].verdict != SWEEP_NOT_RUN && s->results[i].verdict != SWEEP_PASSED)
			(void)json_array_append_new(failures, json_of_result(a, i));
	}
	for (const char *const *arg = a->what->command; *arg; arg++)
		(void)json_array_append_new(command, cli_json_text(*arg, strlen(*arg)));
	doc = json_pack("{s:s, s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:o, s:o}",
			"lab", a->lab, "command", command, "seeds", (int)s->seeds.n, "passed",
			(int)s->count[SWEEP_PASSED], "failed", (int)s->count[SWEEP_FAILED],
			"timed_out", (int)s->count[SWEEP_TIMED_OUT], "untrusted",
			(int)s->count[SWEEP_UNTRUSTED], "not_run", (int)s->count[SWEEP_NOT_RUN],
			"resumed", (int)s->n_resumed, "jobs", (int)a->jobs, "elapsed_s",
			a->elapsed_s, "labs_per_s", rate_of(a), "interrupted_by",
			a->signo ? json_integer(a->signo) : json_null(), "failures", failures);
	return cli_print_json(c, doc, NETLAB_EXIT_OK);
}

int sweep_print(struct cli *c, const struct sweep_account *a)
{
	return c->json                                     ? print_json(c, a)
	       : c->quiet && sweep_failures(a->sweep) == 0 ? NETLAB_EXIT_OK
							   : print_text(c, a);
}
