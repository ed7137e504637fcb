/* SPDX-License-Identifier: MIT */
/* One seed of a sweep: what `run` does, in a child of the sweep. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "cli/sweep.h"
#include "sys/clock.h"

void sweep_lab_name(const char *base, uint64_t seed, char ret[static NAME_MAX_BYTES + 1])
{
	char unique[48];
	int n = snprintf(unique, sizeof(unique), ".%d.%" PRIu64, (int)getpid(), seed);

	(void)snprintf(ret, NAME_MAX_BYTES + 1, "%.*s%s", NAME_MAX_BYTES - n, base, unique);
}

/* What a worker's options are where they are not the sweep's. */
static void set_options(struct cli *c, const struct sweep_job *job, char seed[static 32])
{
	(void)snprintf(seed, 32, "%" PRIu64, job->seed);
	c->value[OPT_SEED] = seed;
	c->value[OPT_NAME] = job->name;
	c->value[OPT_RECORD] = job->record;
	c->json = false;
	c->verbose = 0;
}

/* In the process whose end it is: nothing is freed that the kernel frees. */
static int run(struct cli *c, const struct sweep_job *job, struct cli_run *run)
{
	struct cli_topology *t = &run->up.topology;
	int r;

	/* it was found good, and what is to be said of it was said, before the first seed */
	*t = (struct cli_topology){
		.file = job->topology->file,
		.text = job->topology->text,
		.len = job->topology->len,
	};
	run->up.replay = job->replay;
	r = cli_timeout(c, &run->up.timeout_ns, &c->err);
	if (r == 0)
		r = cli_topology_parse(c, t, &c->err);
	return r < 0 ? NETLAB_EXIT_NETLAB : cli_run(c, run);
}

int sweep_worker(void *ctx, int report_fd)
{
	const struct sweep_job *job = ctx;
	struct cli c = *job->c;
	struct cli_run how = { .start_ns = sys_monotonic_ns(),
			       .end = CLI_RUN_FAILED,
			       .one_of_many = true };
	struct sweep_told told = { .end = CLI_RUN_FAILED };
	char seed[32], *said = NULL;
	size_t said_len = 0;
	struct cli_io io = {
		.in = stdin,
		.out = stdout,
		.err = open_memstream(&said, &said_len),
		.backend = c.backend,
	};

	if (!io.err)
		return NETLAB_EXIT_NETLAB;
	c.io = &io;
	c.err = (struct netlab_err){ 0 };
	set_options(&c, job, seed);
	told.exit = run(&c, job, &how);
	told.end = how.end;
	if (how.end == CLI_RUN_FAILED || how.end == CLI_RUN_NO_COMMAND)
		told.err = c.err;
	(void)fflush(io.out);
	(void)fclose(io.err);
	(void)!write(report_fd, &told, sizeof(told));
	(void)!write(report_fd, said, said_len);
	return told.exit;
}
