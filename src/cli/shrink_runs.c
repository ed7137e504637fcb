/* SPDX-License-Identifier: MIT */
/* Runs of candidates: labs with some of what was decided as fault rules, several side by side. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/output.h"
#include "cli/shrink.h"
#include "cli/sweep.h"
#include "sys/clock.h"

#define PROGRESS_AFTER_NS UINT64_C(500000000)
#define PROGRESS_EVERY_NS UINT64_C(200000000)
/* For labs to go down in good order once a signal has come; then they are killed, which leaves nothing either. */
#define PATIENCE_NS UINT64_C(5000000000)

/** A run, or a row of runs of one candidate. */
struct shrink_slot {
	bool is_running;
	bool is_void; /* its answer is not wanted any more */
	struct ddmin_try candidate;
	unsigned done; /* runs of it that did not fail */
};

enum outcome { RUN_PASSED, RUN_FAILED, RUN_VOID };

/* --- progress --- */

void shrink_erase_line(struct shrinking *s)
{
	if (s->line)
		(void)fputs("\r\033[K", s->c->io->err);
	s->line = false;
}

static void draw_line(struct shrinking *s)
{
	uint64_t now = sys_monotonic_ns();
	FILE *err = s->c->io->err;

	if (s->c->quiet || !s->c->io->err_is_terminal || now - s->start_ns < PROGRESS_AFTER_NS ||
	    now - s->drawn_ns < PROGRESS_EVERY_NS)
		return;
	shrink_erase_line(s);
	s->drawn_ns = now;
	(void)fprintf(err, "netlab: %zu candidates tried, %zu of %zu decisions left, %.1f s",
		      s->n_candidates, s->ddmin.n_kept, s->ddmin.n,
		      (double)(now - s->start_ns) / 1e9);
	(void)fflush(err);
	s->line = true;
}

/* --- one run --- */

char *shrink_topology(const struct shrinking *s, const size_t *which, size_t n, size_t flags)
{
	_cleanup_buf_ struct buf b = { 0 };
	json_t *root = json_copy(s->base), *faults = NULL;
	char *text = NULL;

	atoms_print(&b, &s->atoms, which, n, s->topo);
	if (buf_text(&b))
		faults = json_loads(buf_text(&b), 0, NULL);
	if (root && faults && (n == 0 || json_object_set(root, "faults", faults) == 0))
		text = json_dumps(root, flags);
	json_decref(faults);
	json_decref(root);
	return text;
}

static int give_up(struct shrinking *s, int code)
{
	s->code = s->code ? s->code : code;
	s->is_ending = true;
	sys_pool_signal(&s->pool, SIGTERM);
	return s->code;
}

static int start(struct shrinking *s, struct shrink_slot *slot, const size_t *which, size_t n)
{
	struct cli *c = s->c;
	struct cli_topology t = { .file = s->record.path };
	struct sweep_job job = { .c = &s->runner, .topology = &t, .seed = s->record.seed };
	struct lab_replay of_lab;
	struct replay *replay = NULL;
	int r;

	if (s->by_replay) {
		if (shrink_replay_new(s, which, n, &replay, &c->err) < 0)
			return give_up(s, cli_fail(c, &c->err));
		of_lab.script_fd = replay_fd(replay);
		job.replay = &of_lab;
		t.file = s->record.source_dir ? s->record.source_dir : "";
		t.text = s->record.source;
		t.len = s->record.source_len;
	} else {
		t.text = shrink_topology(s, which, n, JSON_COMPACT);
		t.len = t.text ? strlen(t.text) : 0;
	}
	if (!t.text) {
		(void)err_set(&c->err, ENOMEM, "out of memory");
		return give_up(s, cli_fail(c, &c->err));
	}
	sweep_lab_name(s->topo->name, ++s->n_started, job.name);
	/* what the child inherits must not be written twice */
	(void)fflush(c->io->out);
	(void)fflush(c->io->err);
	r = sys_pool_start(&s->pool, sweep_worker, &job, slot, &c->err);
	(void)replay_free(replay); /* the run has it */
	if (!s->by_replay)
		free(t.text);
	if (r < 0) {
		shrink_erase_line(s);
		return give_up(s, cli_fail(c, &c->err));
	}
	slot->is_running = true;
	slot->is_void = false;
	return 0;
}

/** What a run's end means; what netlab could not do ends it all. */
static enum outcome judge(struct shrinking *s, const struct sys_pool_end *e)
{
	const struct shrink_slot *slot = e->mark;
	struct sweep_told told = { .end = CLI_RUN_FAILED };
	struct cli *c = s->c;

	if (slot->is_void || s->is_ending)
		return RUN_VOID;
	if (e->report.len >= sizeof(told))
		memcpy(&told, e->report.data, sizeof(told));
	else
		(void)err_set(&told.err, ECHILD, "the process of a run ended with status %d",
			      e->status);
	switch (told.end) {
	case CLI_RUN_ENDED:
		return told.exit ? RUN_FAILED : RUN_PASSED;
	case CLI_RUN_TIMED_OUT:
		return RUN_FAILED;
	case CLI_RUN_UNTRUSTED:
	case CLI_RUN_FAILED:
	case CLI_RUN_NO_COMMAND:
		break;
	}
	shrink_erase_line(s);
	(void)give_up(s, told.end == CLI_RUN_NO_COMMAND ? told.exit : NETLAB_EXIT_NETLAB);
	(void)cli_fail(c, &told.err);
	return RUN_VOID;
}

/** Waits for a run to end. @return its slot; NULL when none runs */
static struct shrink_slot *wait_one(struct shrinking *s, enum outcome *ret)
{
	uint64_t kill_ns = UINT64_MAX;

	while (s->pool.n > 0) {
		uint64_t now = sys_monotonic_ns();
		struct sys_pool_end e;
		int signo, r;

		if (s->is_ending && kill_ns == UINT64_MAX)
			kill_ns = now + PATIENCE_NS;
		if (s->is_ending && now >= kill_ns)
			sys_pool_signal(&s->pool, SIGKILL);
		r = sys_pool_wait(&s->pool, now + PROGRESS_EVERY_NS, &e, &signo);
		if (r == SYS_POOL_SIGNAL) {
			bool again = s->signo != 0;

			s->signo = signo;
			s->is_ending = true;
			sys_pool_signal(&s->pool, again ? SIGKILL : SIGTERM);
		} else if (r == SYS_POOL_END) {
			struct shrink_slot *slot = e.mark;

			*ret = judge(s, &e);
			slot->is_running = false;
			sys_pool_end_deinit(&e);
			draw_line(s);
			return slot;
		} else if (r < 0) {
			(void)err_errno(&s->c->err, r, "waiting for the labs");
			(void)give_up(s, cli_fail(s->c, &s->c->err));
			return NULL;
		}
		draw_line(s);
	}
	return NULL;
}

static void make_void(struct shrinking *s)
{
	bool any = false;

	for (unsigned i = 0; i < s->jobs; i++) {
		any = any || s->slots[i].is_running;
		s->slots[i].is_void = s->slots[i].is_running;
	}
	if (any)
		sys_pool_signal(&s->pool, SIGTERM);
}

static int reserve(struct shrinking *s)
{
	if (!s->slots)
		s->slots = calloc(s->jobs, sizeof(*s->slots));
	if (s->slots)
		return 0;
	(void)err_set(&s->c->err, ENOMEM, "out of memory");
	return cli_fail(s->c, &s->c->err);
}

static int outcome_of(const struct shrinking *s)
{
	return s->code ? s->code : s->signo ? 128 + s->signo : 0;
}

static struct shrink_slot *free_slot(struct shrinking *s)
{
	for (unsigned i = 0; i < s->jobs; i++) {
		if (!s->slots[i].is_running)
			return &s->slots[i];
	}
	return NULL;
}

int shrink_measure(struct shrinking *s, const size_t *which, size_t n, unsigned runs,
		   bool until_fails, struct shrink_rate *ret)
{
	unsigned started = 0;
	int r = reserve(s);

	*ret = (struct shrink_rate){ 0 };
	while (r == 0) {
		bool enough = s->is_ending || started == runs || (until_fails && ret->failed > 0);
		struct shrink_slot *slot = enough ? NULL : free_slot(s);
		enum outcome outcome;

		if (slot) {
			r = start(s, slot, which, n);
			started++;
			continue;
		}
		if (!wait_one(s, &outcome))
			break;
		if (outcome == RUN_VOID)
			continue;
		ret->of++;
		ret->failed += outcome == RUN_FAILED;
		if (until_fails && ret->failed > 0)
			make_void(s);
	}
	return outcome_of(s);
}

/* --- the search --- */

/** Gives a free slot the next candidate. @return whether it got one */
static bool take_candidate(struct shrinking *s, struct shrink_slot *slot)
{
	int r = ddmin_next(&s->ddmin, &slot->candidate);

	if (r < 0) {
		(void)err_set(&s->c->err, ENOMEM, "out of memory");
		(void)give_up(s, cli_fail(s->c, &s->c->err));
	}
	slot->done = 0;
	return r == 1 && start(s, slot, slot->candidate.kept, slot->candidate.n_kept) == 0;
}

static void take_outcome(struct shrinking *s, struct shrink_slot *slot, enum outcome outcome)
{
	struct ddmin_try *t = &slot->candidate;

	if (outcome == RUN_PASSED && ++slot->done < s->tries && !s->is_ending) {
		if (start(s, slot, t->kept, t->n_kept) == 0)
			return;
		outcome = RUN_VOID;
	}
	if (outcome != RUN_VOID) {
		s->n_candidates++;
		if (ddmin_tell(&s->ddmin, t, outcome == RUN_FAILED))
			make_void(s);
	}
	ddmin_try_deinit(t);
}

int shrink_minimise(struct shrinking *s)
{
	int r = reserve(s);

	if (r)
		return r;
	for (;;) {
		struct shrink_slot *slot;
		enum outcome outcome;

		while (!s->is_ending && (slot = free_slot(s)) && take_candidate(s, slot))
			;
		slot = wait_one(s, &outcome);
		if (!slot)
			break;
		take_outcome(s, slot, outcome);
	}
	return outcome_of(s);
}
