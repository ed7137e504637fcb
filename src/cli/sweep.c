/* SPDX-License-Identifier: MIT */
/*
 * netlab sweep: one command, many seeds.
 *
 * The topology is read once. Each seed is a child (sys/pool.h) that does what `run` does, forked from this process,
 * warm; its lab is bound to it and it dies with us, so that whatever ends the sweep ends all of it. What is done is in the
 * journal the moment it is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/units.h"
#include "cli/output.h"
#include "cli/sweep.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/journal.h"
#include "sys/pool.h"
#include "sys/proc.h"

enum { JOBS_MAX = 1000 };

#define JOURNAL           "journal" /* in the directory of --record */
#define JOURNAL_BYTES_MAX ((size_t)1 << 30)
#define PROGRESS_AFTER_NS UINT64_C(500000000)
#define PROGRESS_EVERY_NS UINT64_C(200000000)
/* For labs to go down in good order once a signal has come; then they are killed, which leaves nothing either. */
#define PATIENCE_NS UINT64_C(5000000000)

struct sweeping {
	struct cli *c;
	struct cli_bring_up up; /* for its topology and options */
	struct sweep sweep;
	struct sweep_what what;
	struct sys_pool pool;
	unsigned jobs;
	struct sweep_records records;
	char *journal;  /* path; owned; NULL = none */
	int journal_fd; /* -1 = none */
	FILE *junit;    /* NULL = none */
	size_t warned;
	uint64_t start_ns, drawn_ns;
	size_t last_failed; /* place; SIZE_MAX = none */
	bool line;          /* a progress line stands on the terminal */
	bool ending;        /* nothing is started any more, and what ends now does not count */
	bool stopped;       /* by --until-fail */
	int signo;
	uint64_t kill_ns; /* when patience ends */
	int code;         /* of what netlab could not do; 0 = all went well */
	const char *cut;
};

/* --- progress --- */

static void erase_line(struct sweeping *s)
{
	if (s->line)
		(void)fputs("\r\033[K", s->c->io->err);
	s->line = false;
}

static void draw_line(struct sweeping *s)
{
	uint64_t now = sys_monotonic_ns();
	size_t failed = sweep_failures(&s->sweep), done = sweep_done(&s->sweep);
	double elapsed = (double)(now - s->start_ns) / 1e9;
	FILE *err = s->c->io->err;

	if (s->c->quiet || !s->c->io->err_is_terminal || now - s->start_ns < PROGRESS_AFTER_NS ||
	    now - s->drawn_ns < PROGRESS_EVERY_NS)
		return;
	erase_line(s);
	s->drawn_ns = now;
	(void)fprintf(err, "netlab: %zu of %zu seeds done, %zu failed", done, s->sweep.seeds.n,
		      failed);
	if (s->last_failed != SIZE_MAX)
		(void)fprintf(err, " (last: %" PRIu64 ")",
			      sweep_seed(&s->sweep.seeds, s->last_failed));
	(void)fprintf(err, ", %.1f s, %.0f a second", elapsed,
		      (double)(done - s->sweep.n_resumed) / elapsed);
	(void)fflush(err);
	s->line = true;
}

/* --- before the first seed --- */

static int read_jobs(struct cli *c, unsigned *ret)
{
	const char *text = c->value[OPT_JOBS];
	uint64_t n;

	*ret = sys_cpus_allowed();
	if (!text)
		return 0;
	if (units_parse_u64(text, &n) < 0 || n < 1 || n > JOBS_MAX)
		return cli_fail_with(c, NETLAB_EXIT_USAGE, NULL,
				     "--jobs: '%s' is no whole number from 1 to %d", text,
				     JOBS_MAX);
	*ret = (unsigned)n;
	return 0;
}

static int read_seeds(struct sweeping *s)
{
	struct cli *c = s->c;
	struct sweep_seeds seeds;

	if (!cli_has(c, OPT_SEEDS))
		return cli_fail_with(c, NETLAB_EXIT_USAGE, "write --seeds 1..200",
				     "sweep: the seeds are missing");
	if (sweep_seeds_parse(c->value[OPT_SEEDS], &seeds, &c->err) < 0)
		return cli_fail(c, &c->err);
	if (sweep_init(&s->sweep, &seeds) < 0) {
		(void)err_errno(&c->err, ENOMEM, "room for %zu seeds", seeds.n);
		return cli_fail(c, &c->err);
	}
	return 0;
}

static int append(struct sweeping *s, const struct buf *line)
{
	struct cli *c = s->c;
	int r = line->failed ? -ENOMEM : sys_journal_append(s->journal_fd, line->data, line->len);

	if (r == 0)
		return 0;
	(void)err_errno(&c->err, r, "writing '%s'", s->journal);
	return cli_fail(c, &c->err);
}

/*
 * Where records and the journal are. --record DIR has its journal in it, and --resume DIR goes on with both; --resume FILE
 * is a journal by itself.
 */
static int open_records(struct sweeping *s)
{
	struct cli *c = s->c;
	const char *dir = c->value[OPT_RECORD], *resume = c->value[OPT_RESUME];
	int fd = resume ? sys_open_dir(AT_FDCWD, resume) : -1;
	bool is_dir = fd >= 0, is_sweep = is_dir && sys_dir_exists(fd, JOURNAL);

	if (is_dir)
		(void)close(fd);
	if (is_dir && !is_sweep)
		return cli_fail_with(c, NETLAB_EXIT_USAGE, "begin one with --record DIR",
				     "--resume: the directory '%s' has no sweep in it", resume);
	if (is_dir && dir)
		return cli_fail_with(c, NETLAB_EXIT_USAGE, "leave --record out",
				     "--resume: '%s' is a directory, which goes on as it is",
				     resume);
	if (is_dir)
		dir = resume;
	if (dir && sweep_records_open(&s->records, dir, resume != NULL, &c->err) < 0)
		return cli_fail(c, &c->err);
	if (resume && !is_dir)
		s->journal = strdup(resume);
	else if (dir && asprintf(&s->journal, "%s/" JOURNAL, dir) < 0)
		s->journal = NULL;
	s->what.recorded = dir != NULL;
	if (s->journal || (!dir && !resume))
		return 0;
	(void)err_errno(&c->err, ENOMEM, "the journal's path");
	return cli_fail(c, &c->err);
}

static int open_journal(struct sweeping *s)
{
	struct cli *c = s->c;
	const char *path = s->journal;
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct buf head = { 0 };
	size_t len, whole;
	int r;

	if (!path)
		return 0;
	s->journal_fd = sys_journal_open(path, JOURNAL_BYTES_MAX, &text, &len);
	if (s->journal_fd == -EAGAIN) {
		(void)err_set(&c->err, EAGAIN, "another sweep is writing '%s'", path);
		return cli_fail(c, &c->err);
	}
	if (s->journal_fd < 0) {
		(void)err_errno(&c->err, s->journal_fd, "opening '%s'", path);
		return cli_fail(c, &c->err);
	}
	if (sweep_journal_read(text, len, path, &s->what, &s->sweep, &whole, &c->err) < 0)
		return cli_fail(c, &c->err);
	r = whole < len ? sys_journal_cut(s->journal_fd, whole) : 0;
	if (r < 0) {
		(void)err_errno(&c->err, r, "writing '%s'", path);
		return cli_fail(c, &c->err);
	}
	if (sweep_records_clear(&s->records, &c->err) < 0)
		return cli_fail(c, &c->err);
	if (whole > 0)
		return 0;
	sweep_journal_head(&head, &s->what);
	return append(s, &head);
}

static int open_junit(struct sweeping *s)
{
	struct cli *c = s->c;
	const char *path = c->value[OPT_JUNIT];

	if (!path)
		return 0;
	s->junit = fopen(path, "we");
	if (s->junit)
		return 0;
	(void)err_errno(&c->err, errno, "--junit: opening '%s'", path);
	return cli_fail(c, &c->err);
}

static int prepare(struct sweeping *s)
{
	struct cli *c = s->c;
	int code = read_seeds(s);

	if (code == 0)
		code = read_jobs(c, &s->jobs);
	if (code == 0)
		code = cli_bring_up_prepare(c, &s->up);
	if (code == 0)
		code = cli_run_check(c, s->up.topology.topo);
	if (code)
		return code;
	sweep_what(c, &s->up.topology, &s->what);
	code = open_records(s);
	if (code == 0)
		code = open_journal(s);
	if (code == 0)
		code = open_junit(s);
	if (code == 0 && sys_pool_init(&s->pool, s->jobs, &c->err) < 0)
		code = cli_fail(c, &c->err);
	return code;
}

/* --- the sweep --- */

/* Nothing is started any more, and what runs is told to end. */
static void end(struct sweeping *s, int signo)
{
	if (!s->ending)
		s->kill_ns = sys_monotonic_ns() + PATIENCE_NS;
	s->ending = true;
	sys_pool_signal(&s->pool, signo);
}

/* netlab cannot go on: what it is was said. */
static void give_up(struct sweeping *s, int code, const char *why)
{
	if (s->code == 0) {
		s->code = code;
		s->cut = why;
	}
	end(s, SIGTERM);
}

static void start_one(struct sweeping *s)
{
	struct cli *c = s->c;
	size_t place = sweep_next(&s->sweep);
	struct sweep_job job = { .c = c, .topology = &s->up.topology };
	_cleanup_free_ char *record = NULL;

	if (place == SIZE_MAX)
		return;
	job.seed = sweep_seed(&s->sweep.seeds, place);
	if (s->records.fd >= 0) {
		job.record = record = sweep_record_path(&s->records, job.seed, true);
		if (!record) {
			(void)err_errno(&c->err, ENOMEM, "a record's path");
			give_up(s, cli_fail(c, &c->err), "out of memory");
			return;
		}
	}
	sweep_lab_name(s->up.topology.topo->name, job.seed, job.name);
	/* what the child inherits must not be written twice */
	(void)fflush(c->io->out);
	(void)fflush(c->io->err);
	if (sys_pool_start(&s->pool, sweep_worker, &job, &s->sweep.results[place], &c->err) == 0)
		return;
	erase_line(s);
	give_up(s, cli_fail(c, &c->err), "netlab could not start it");
}

static void tell(struct sweeping *s, size_t place, const struct sweep_result *r, const char *said,
		 size_t said_len)
{
	uint64_t seed = sweep_seed(&s->sweep.seeds, place);

	/* of one that took too long it says just that */
	if (said_len > 0 && r->verdict != SWEEP_TIMED_OUT)
		s->warned++;
	if (!s->c->verbose)
		return;
	erase_line(s);
	for (const char *p = said, *stop = said + said_len; p < stop;) {
		size_t n = strcspn(p, "\n");

		(void)fprintf(s->c->io->err, "seed %" PRIu64 ": %.*s\n", seed, (int)n, p);
		p += n + 1;
	}
	cli_note(s->c, "seed %" PRIu64 ": %s, exit code %d, %.3f s", seed,
		 sweep_verdict_name(r->verdict), r->exit, r->time_s);
}

/* A seed that counts. */
static void note(struct sweeping *s, size_t place, const struct sweep_result *r,
		 const struct sys_pool_end *e)
{
	struct cli *c = s->c;
	_cleanup_buf_ struct buf line = { 0 };
	bool failed = r->verdict == SWEEP_FAILED || r->verdict == SWEEP_TIMED_OUT;
	uint64_t seed = sweep_seed(&s->sweep.seeds, place);
	int code;

	if (sweep_note(&s->sweep, place, r, e->output.data, e->output.len) < 0) {
		(void)err_errno(&c->err, ENOMEM, "noting a result");
		give_up(s, cli_fail(c, &c->err), "out of memory");
	}
	if (failed)
		s->last_failed = place;
	/* first the record, then the journal: what that says failed has one */
	if ((failed ? sweep_record_keep(&s->records, seed, &e->output, &c->err)
		    : sweep_record_drop(&s->records, seed, &c->err)) < 0) {
		give_up(s, cli_fail(c, &c->err), "a record could not be kept");
		return;
	}
	if (s->journal_fd >= 0) {
		sweep_journal_line(&line, seed, &s->sweep.results[place]);
		code = append(s, &line);
		if (code)
			give_up(s, code, "the journal could not be written");
	}
	if (failed && cli_has(c, OPT_UNTIL_FAIL)) {
		s->stopped = true;
		end(s, SIGTERM);
	}
}

/* What a worker says of how its seed went. */
static int judge(const struct sweep_told *t, struct sweep_result *ret)
{
	ret->exit = t->exit;
	switch (t->end) {
	case CLI_RUN_ENDED:
		ret->verdict = t->exit ? SWEEP_FAILED : SWEEP_PASSED;
		return 0;
	case CLI_RUN_TIMED_OUT:
		ret->verdict = SWEEP_TIMED_OUT;
		return 0;
	case CLI_RUN_UNTRUSTED:
		ret->verdict = SWEEP_UNTRUSTED;
		return 0;
	case CLI_RUN_FAILED:
	case CLI_RUN_NO_COMMAND:
		break;
	}
	return -1;
}

static void take_end(struct sweeping *s, const struct sys_pool_end *e)
{
	struct cli *c = s->c;
	size_t place = (size_t)((struct sweep_result *)e->mark - s->sweep.results);
	struct sweep_result r = { .time_s = (double)e->elapsed_ns / 1e9 };
	struct sweep_told told = { .end = CLI_RUN_FAILED };
	bool complete = e->report.len >= sizeof(told);

	if (s->ending) {
		/* it was told to end, or ended with the rest: that is no verdict */
		(void)sweep_record_drop(&s->records, sweep_seed(&s->sweep.seeds, place), NULL);
		return;
	}
	if (complete)
		memcpy(&told, e->report.data, sizeof(told));
	else
		(void)err_set(&told.err, ECHILD,
			      e->killed ? "its process was killed by signal %d"
					: "its process ended with status %d",
			      e->killed ? e->status - 128 : e->status);
	if (judge(&told, &r) == 0) {
		tell(s, place, &r, e->report.data + sizeof(told), e->report.len - sizeof(told));
		note(s, place, &r, e);
		return;
	}
	erase_line(s);
	(void)sweep_record_drop(&s->records, sweep_seed(&s->sweep.seeds, place), NULL);
	if (told.end == CLI_RUN_NO_COMMAND) {
		(void)cli_fail(c, &told.err);
		give_up(s, told.exit, "the command cannot be run");
		return;
	}
	(void)err_wrap(&told.err, "seed %" PRIu64, sweep_seed(&s->sweep.seeds, place));
	give_up(s, cli_fail(c, &told.err), "netlab itself failed");
}

static void take_signal(struct sweeping *s, int signo)
{
	bool again = s->signo != 0;

	s->signo = signo;
	/* Ctrl-C has reached them as well; a second signal asks for no more patience */
	end(s, again ? SIGKILL : SIGTERM);
}

static void work(struct sweeping *s)
{
	struct cli *c = s->c;

	/* what the journal holds may be all that is asked for */
	s->stopped = s->ending = cli_has(c, OPT_UNTIL_FAIL) && sweep_failures(&s->sweep) > 0;
	for (;;) {
		struct sys_pool_end e;
		uint64_t now = sys_monotonic_ns();
		int signo, r;

		while (!s->ending && s->pool.n < s->jobs && s->sweep.next < s->sweep.seeds.n)
			start_one(s);
		if (s->pool.n == 0)
			return;
		if (s->ending && now >= s->kill_ns) {
			sys_pool_signal(&s->pool, SIGKILL);
			s->kill_ns = UINT64_MAX;
		}
		r = sys_pool_wait(&s->pool, now + PROGRESS_EVERY_NS, &e, &signo);
		if (r == SYS_POOL_END) {
			take_end(s, &e);
			sys_pool_end_deinit(&e);
		} else if (r == SYS_POOL_SIGNAL) {
			take_signal(s, signo);
		} else if (r < 0) {
			(void)err_errno(&c->err, r, "waiting for the labs");
			give_up(s, cli_fail(c, &c->err), "netlab itself failed");
			return;
		}
		draw_line(s);
	}
}

/* --- after the last --- */

static int write_junit(struct sweeping *s, const struct sweep_account *a)
{
	struct cli *c = s->c;
	_cleanup_buf_ struct buf b = { 0 };
	int e = 0;

	if (!s->junit)
		return 0;
	sweep_junit(&b, a);
	if (b.failed)
		e = ENOMEM;
	else if (fwrite(b.data, 1, b.len, s->junit) != b.len || fflush(s->junit) != 0)
		e = errno ? errno : EIO;
	if (e == 0)
		return 0;
	(void)err_errno(&c->err, e, "--junit: writing '%s'", c->value[OPT_JUNIT]);
	return cli_fail(c, &c->err);
}

static int finish(struct sweeping *s)
{
	const struct sweep_account a = {
		.sweep = &s->sweep,
		.what = &s->what,
		.lab = s->up.topology.topo->name,
		.records = &s->records,
		.jobs = s->jobs,
		.warned = s->warned,
		.elapsed_s = (double)(sys_monotonic_ns() - s->start_ns) / 1e9,
		.signo = s->signo,
		.stopped = s->stopped,
		.cut = s->cut,
	};
	int code = 0, junit;

	erase_line(s);
	/* a sweep of which nothing came says no more than why */
	if (s->code == 0 || sweep_done(&s->sweep) > 0)
		code = sweep_print(s->c, &a);
	junit = write_junit(s, &a);
	if (s->code)
		return s->code;
	if (s->signo)
		return 128 + s->signo;
	if (code || junit)
		return code ? code : junit;
	if (sweep_failures(&s->sweep) > 0)
		return NETLAB_EXIT_RUNTIME; /* 1: some failed */
	return s->sweep.count[SWEEP_UNTRUSTED] ? NETLAB_EXIT_UNTRUSTED : NETLAB_EXIT_OK;
}

int cmd_sweep(struct cli *c)
{
	struct sweeping s = {
		.c = c,
		.records = { .fd = -1 },
		.journal_fd = -1,
		.last_failed = SIZE_MAX,
		.start_ns = sys_monotonic_ns(),
		.pool = { .signal_fd = -1 },
		.up = { .handle = { .pidfd = -1 } },
	};
	int code = prepare(&s);

	if (code == 0) {
		work(&s);
		code = finish(&s);
	}
	sys_pool_deinit(&s.pool);
	sweep_records_deinit(&s.records);
	if (s.journal_fd >= 0)
		(void)close(s.journal_fd);
	free(s.journal);
	if (s.junit)
		(void)fclose(s.junit);
	cli_bring_up_deinit(c, &s.up);
	sweep_deinit(&s.sweep);
	return code;
}
