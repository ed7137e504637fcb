/* SPDX-License-Identifier: MIT */
/*
 * netlab shrink: a recorded run that failed, down to what it takes to fail.
 *
 * What was decided about packets is taken apart into single things that happen to single packets, each said as a fault rule
 * (repro/atoms.h), in the recorded topology without dice. All of them together have to fail; then delta debugging
 * (repro/ddmin.h) leaves out what is not needed. Each candidate is a lab of its own, as sweep has them. What does not fail by
 * rules is replayed, with fewer and fewer of its decisions (shrink_replay.c).
 */
#include "cli/shrink.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/units.h"
#include "cli/output.h"
#include "cli/recording.h"
#include "cli/run.h"
#include "cli/target.h"
#include "repro/without_dice.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/proc.h"

enum {
	JOBS_MAX = 1000,
	TRIES_MAX = 1000,
	/* How often the whole is run to see how reliably it fails, and the result. */
	WHOLE_RUNS = 4,
	RESULT_RUNS = 10,
	AUTO_TRIES_MAX = 12,
};

/** Says why there is no answer. @return 1, as the answer to a question would be "no" */
__attribute__((format(printf, 3, 4))) static int give_up(struct shrinking *s, const char *hint,
							 const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	shrink_erase_line(s);
	(void)cli_fail_with(s->c, NETLAB_EXIT_RUNTIME, hint, "shrink: %s", why);
	return NETLAB_EXIT_RUNTIME; /* by itself it would be netlab that failed */
}

static int read_number(struct cli *c, enum cli_option_id id, unsigned max, unsigned *ret)
{
	const char *text = c->value[id];
	uint64_t n;

	if (!text)
		return 0;
	if (units_parse_u64(text, &n) < 0 || n < 1 || n > max)
		return cli_fail_with(c, NETLAB_EXIT_USAGE, NULL,
				     "--%s: '%s' is no whole number from 1 to %u",
				     cli_options[id].name, text, max);
	*ret = (unsigned)n;
	return 0;
}

/** The command as it was recorded, where none is given. */
static int choose_command(struct shrinking *s)
{
	s->runner = *s->c;
	if (s->c->tail)
		return 0;
	return cli_recorded_command(&s->runner, &s->record, &s->recorded) < 0
		       ? cli_fail(s->c, &s->runner.err)
		       : 0;
}

static int open_record(struct shrinking *s)
{
	struct cli *c = s->c;
	struct topo_diags diags = { 0 };
	int r = record_dir_open(c->args[0], &s->record, &c->err);

	if (r == 0)
		r = record_dir_topology(&s->record, NULL, &diags, &s->topo, &c->err);
	topo_diags_deinit(&diags);
	if (r == 0)
		r = record_dir_decisions(&s->record, &s->decisions, &c->err);
	if (r == 0)
		r = record_dir_match(&s->decisions, s->topo, &c->err);
	if (r == 0)
		r = frames_read(&s->record, &s->frames, &c->err);
	if (r == 0)
		r = plan_build(s->topo, NULL, &s->plan, &c->err);
	if (r == 0) {
		s->base = without_dice(s->record.source, s->record.source_len, s->topo,
				       s->record.source_dir);
		if (!s->base)
			r = err_set(&c->err, ENOMEM, "out of memory");
	}
	return r < 0 ? cli_fail(c, &c->err) : 0;
}

/** Says the atoms as rules. */
static int take_apart(struct shrinking *s, bool with_data)
{
	struct cli *c = s->c;

	atoms_deinit(&s->atoms);
	if (atoms_make(&s->decisions, &s->frames, s->topo, with_data, &s->atoms, &c->err) < 0)
		return cli_fail(c, &c->err);
	ddmin_deinit(&s->ddmin);
	if (ddmin_init(&s->ddmin, s->atoms.n) < 0) {
		(void)err_set(&c->err, ENOMEM, "out of memory");
		return cli_fail(c, &c->err);
	}
	return 0;
}

/** The whole as one topology: what is wrong with it is said once, and not by each run. */
static int check_whole(struct shrinking *s)
{
	struct cli *c = s->c;
	struct cli_topology t = { .file = s->record.path };
	int code = 0;

	t.text = shrink_topology(s, s->ddmin.kept, s->ddmin.n_kept, JSON_COMPACT);
	t.len = t.text ? strlen(t.text) : 0;
	if (!t.text || cli_topology_parse(&s->runner, &t, &c->err) < 0)
		code = cli_fail_with(c, NETLAB_EXIT_RUNTIME, NULL,
				     "shrink: the topology with rules cannot be read: %s",
				     t.diags.n ? t.diags.items[0].message : "out of memory");
	cli_topology_deinit(&t);
	return code;
}

/** That the result can be written is known before it is looked for. */
static int check_output(struct shrinking *s)
{
	struct cli *c = s->c;
	char path[4096], dir[4096];

	shrink_file_name(s, path);
	if (access(path, W_OK) == 0)
		return 0;
	if (errno == ENOENT && access(sys_dir_of(path, dir, sizeof(dir)) ? dir : ".", W_OK) == 0)
		return 0;
	(void)err_errno(&c->err, errno, "writing '%s'", path);
	(void)err_hint(&c->err, "name another file with --output");
	return cli_fail(c, &c->err);
}

static int prepare(struct shrinking *s)
{
	struct cli *c = s->c;
	uint64_t timeout_ns;
	int code = 0;

	s->jobs = sys_cpus_allowed();
	code = read_number(c, OPT_JOBS, JOBS_MAX, &s->jobs);
	if (code == 0)
		code = read_number(c, OPT_TRIES, TRIES_MAX, &s->tries);
	if (code == 0 && cli_timeout(c, &timeout_ns, &c->err) < 0)
		code = cli_fail(c, &c->err);
	if (code == 0)
		code = open_record(s);
	if (code == 0 && s->decisions.n == 0)
		code = give_up(s, "what happened to packets is not why it failed",
			       "in this recording every packet passed untouched");
	if (code == 0)
		code = choose_command(s);
	if (code == 0)
		code = cli_run_check(&s->runner, s->topo);
	if (code == 0)
		code = check_output(s);
	if (code == 0 && cli_state_dir(c) < 0)
		code = cli_fail(c, &c->err);
	if (code == 0) {
		(void)snprintf(s->runner.state_dir, sizeof(s->runner.state_dir), "%s",
			       c->state_dir);
		code = take_apart(s, true);
	}
	if (code == 0 && s->atoms.n <= ATOMS_MAX)
		code = check_whole(s);
	if (code == 0 && sys_pool_init(&s->pool, s->jobs, &c->err) < 0)
		code = cli_fail(c, &c->err);
	return code;
}

/** Whether all of it fails: if it does not with packets known by their data, by their kind alone it may. */
static int try_rules(struct shrinking *s, unsigned runs, struct shrink_rate *ret)
{
	int code = shrink_measure(s, s->ddmin.kept, s->ddmin.n_kept, runs, false, ret);

	if (code || ret->failed > 0)
		return code;
	code = take_apart(s, false);
	if (code == 0)
		code = check_whole(s);
	return code ? code : shrink_measure(s, s->ddmin.kept, s->ddmin.n_kept, runs, false, ret);
}

/** Whether it fails as rules, or else replayed. */
static int try_whole(struct shrinking *s, struct shrink_rate *ret)
{
	unsigned runs = s->tries > WHOLE_RUNS ? s->tries : WHOLE_RUNS;
	bool too_many = s->atoms.n > ATOMS_MAX;
	int code = 0;

	*ret = (struct shrink_rate){ 0 };
	if (!too_many && s->atoms.n > 0)
		code = try_rules(s, runs, ret);
	if (code || ret->failed > 0)
		return code;
	shrink_erase_line(s);
	cli_note(s->c, "%s; going on with replays of the decisions",
		 too_many  ? "it takes more rules than a lab may have"
		 : ret->of ? "it does not fail by what rules can say"
			   : "no rule can say what happened");
	code = shrink_replay_begin(s);
	if (code == 0)
		code = shrink_measure(s, s->ddmin.kept, s->ddmin.n_kept, runs, false, ret);
	if (code || ret->failed > 0)
		return code;
	return give_up(
		s,
		"it may fail seldom (--tries), or by something else than what happened to packets",
		"with %s it did not fail in %u runs, said as rules or replayed",
		s->decisions.n == 1 ? "the one recorded decision" : "all recorded decisions",
		ret->of);
}

static unsigned choose_tries(const struct shrink_rate *whole)
{
	double passes = 1 - (double)whole->failed / whole->of, missed = passes;
	unsigned tries = 1;

	for (; missed > SHRINK_CHANCE_MAX && tries < AUTO_TRIES_MAX; tries++)
		missed *= passes;
	return tries;
}

/** Runs it without anything, so often; that it fails is the end. @param[in,out] ret  with those before */
static int measure_none(struct shrinking *s, unsigned runs, struct shrink_rate *ret)
{
	struct shrink_rate more;
	int code = shrink_measure(s, NULL, 0, runs, true, &more);

	ret->failed += more.failed;
	ret->of += more.of;
	if (code || ret->failed == 0)
		return code;
	return give_up(
		s,
		ret->failed == ret->of
			? "what happened to packets is not its cause; is the command right?"
			: "it fails by itself now and then: where that is a matter of time, give it more, or take fewer --jobs",
		"it fails without any of the recorded decisions as well, in %u of %u runs",
		ret->failed, ret->of);
}

/** How often what is left fails, and whether that is more than without it. */
static int measure_result(struct shrinking *s, struct shrink_rates *rates)
{
	unsigned runs = s->tries > RESULT_RUNS ? s->tries : RESULT_RUNS;
	int code = shrink_measure(s, s->ddmin.kept, s->ddmin.n_kept, runs, false, &rates->result);

	if (code)
		return code;
	if (rates->result.failed == 0)
		return give_up(
			s, "it fails seldom: give it more --tries",
			"with the %zu of %zu decisions that were left it failed once, and then in none of %u runs",
			s->ddmin.n_kept, s->ddmin.n, rates->result.of);
	return shrink_chance(&rates->result, &rates->none) > SHRINK_CHANCE_MAX
		       ? measure_none(s, runs, &rates->none)
		       : 0;
}

static int shrink(struct shrinking *s)
{
	struct shrink_rates rates = { 0 };
	int code = try_whole(s, &rates.whole), written;

	if (code)
		return code;
	if (s->tries == 0)
		s->tries = choose_tries(&rates.whole);
	code = measure_none(s, s->tries + 1, &rates.none);
	if (code)
		return code;
	code = shrink_minimise(s);
	if (code == 0)
		code = measure_result(s, &rates);
	shrink_erase_line(s);
	/* what was found until a signal came was paid for */
	if (code && !(s->signo && !s->code && s->ddmin.n_kept < s->ddmin.n))
		return code;
	if (code)
		rates.result = (struct shrink_rate){ 0 };
	written = shrink_report(s, &rates);
	return code ? code : written;
}

int cmd_shrink(struct cli *c)
{
	struct shrinking s = { .c = c,
			       .record = { .fd = -1 },
			       .pool = { .signal_fd = -1 },
			       .start_ns = sys_monotonic_ns() };
	int code = prepare(&s);

	if (code == 0)
		code = shrink(&s);
	sys_pool_deinit(&s.pool);
	free(s.slots);
	free(s.recorded);
	ddmin_deinit(&s.ddmin);
	atoms_deinit(&s.atoms);
	frames_deinit(&s.frames);
	decisions_deinit(&s.decisions);
	identities_deinit(&s.all);
	json_decref(s.base);
	plan_free(s.plan);
	topo_free(s.topo);
	record_dir_deinit(&s.record);
	return code;
}
