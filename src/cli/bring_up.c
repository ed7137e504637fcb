/* SPDX-License-Identifier: MIT */
/* What `up` and `run` share. */
#include "cli/bring_up.h"

#include <string.h>

#include "base/err.h"
#include "cli/output.h"
#include "cli/target.h"
#include "lab/check.h"
#include "sys/clock.h"
#include "sys/fs.h"

/* A progress line is shown from here on. */
#define PROGRESS_AFTER_MS 500.0

struct phases {
	struct cli *c;
	double total_ms;
	unsigned n;
	bool line; /* a progress line stands on the terminal */
};

static double now_ms(void)
{
	return (double)sys_monotonic_ns() / 1e6;
}

static void erase_line(struct phases *p)
{
	if (p->line)
		(void)fputs("\r\033[K", p->c->io->err);
	p->line = false;
}

static void on_phase(void *ctx, const char *phase, double elapsed_ms)
{
	struct phases *p = ctx;
	FILE *err = p->c->io->err;

	p->total_ms += elapsed_ms;
	p->n++;
	if (p->c->verbose) {
		(void)fprintf(err, "netlab: %-12s %9.2f ms\n", phase, elapsed_ms);
		return;
	}
	if (p->c->quiet || !p->c->io->err_is_terminal || p->total_ms < PROGRESS_AFTER_MS)
		return;
	erase_line(p);
	(void)fprintf(err, "netlab: %u phases done, last '%s', %.1f s", p->n, phase,
		      p->total_ms / 1e3);
	(void)fflush(err);
	p->line = true;
}

static void on_warning(void *ctx, const char *text)
{
	struct phases *p = ctx;

	erase_line(p);
	cli_note(p->c, "warning: %s", text);
}

static void on_rate(void *ctx, bool warning, const char *pointer, const struct netlab_err *err)
{
	struct cli *c = ctx;

	(void)warning; /* it is one */
	(void)pointer;
	cli_note(c, "warning: %s (%s)", err->message, err->hint);
}

int cli_bring_up_prepare(struct cli *c, struct cli_bring_up *u)
{
	int code;

	*u = (struct cli_bring_up){ .handle = { .pidfd = -1 } };
	if (cli_timeout(c, &u->timeout_ns, &c->err) < 0)
		return cli_fail(c, &c->err);
	code = cli_topology_load(c, c->args[0], &u->topology);
	if (code)
		return code;
	lab_check_rates(u->topology.topo, cli_moved_bps(c, u->topology.topo), on_rate, c);
	return cli_state_dir(c) < 0 ? cli_fail(c, &c->err) : 0;
}

int cli_bring_up(struct cli *c, struct cli_bring_up *u, bool bound)
{
	struct phases p = { .c = c };
	char dir[4096];
	struct lab_up_options o = {
		.state_dir = c->state_dir,
		.topo = u->topology.topo,
		.timeout_ns = u->timeout_ns,
		.bound_to_caller = bound,
		.netns_names = cli_has(c, OPT_NETNS_NAMES),
		.source = u->topology.text,
		.source_len = u->topology.len,
		.source_dir = sys_dir_of(u->topology.file, dir, sizeof(dir)),
		.record = u->record,
		.replay = u->replay,
		.on_phase = on_phase,
		.on_warning = on_warning,
		.ctx = &p,
	};
	double start = now_ms();
	int r = c->backend->up(&o, &u->handle, &c->err);

	u->elapsed_ms = now_ms() - start;
	erase_line(&p);
	if (r < 0)
		return cli_topology_no_plan(c, &u->topology);
	u->is_up = true;
	if (c->verbose)
		(void)fprintf(c->io->err, "netlab: %-12s %9.2f ms\n", "up", u->elapsed_ms);
	return 0;
}

void cli_bring_up_deinit(struct cli *c, struct cli_bring_up *u)
{
	if (u->is_up)
		c->backend->handle_deinit(&u->handle);
	cli_topology_deinit(&u->topology);
}
