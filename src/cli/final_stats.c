/* SPDX-License-Identifier: MIT */
/* The statistics at the end of a run. */
#include "cli/final_stats.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "cli/describe.h"
#include "cli/faults.h"
#include "cli/stats.h"
#include "cli/target.h"

#define REMEDY                                                                                         \
	"give the lab a faster or less busy host, or ask for less: lower rates, fewer links at once; " \
	"'netlab doctor' measures what this host can move"

int cli_final_stats_open(struct cli *c, FILE **ret)
{
	const char *path = c->value[OPT_STATS];

	*ret = NULL;
	if (!path)
		return 0;
	*ret = strcmp(path, "-") == 0 ? c->io->out : fopen(path, "we");
	if (*ret)
		return 0;
	(void)err_errno(&c->err, errno, "--stats: opening '%s'", path);
	return cli_fail(c, &c->err);
}

/* Closes the file, or what stands for it. @return 0, or the exit code, reported */
static int write_stats(struct cli *c, const json_t *stats, FILE *out)
{
	bool own = out != c->io->out;
	int r = json_dumpf(stats, out, JSON_INDENT(2)), e;

	(void)fputc('\n', out);
	errno = 0;
	e = fflush(out) != 0 || ferror(out) ? errno : 0;
	if (own)
		(void)fclose(out);
	if (r == 0 && e == 0)
		return 0;
	(void)err_errno(&c->err, e ? e : ENOMEM, "--stats: writing '%s'", c->value[OPT_STATS]);
	return cli_fail(c, &c->err);
}

/* The table, for -v. */
static void print_table(struct cli *c, const json_t *stats, const json_t *shown)
{
	struct stats_view view = { .now = stats, .links = json_object_get(shown, "links") };
	_cleanup_buf_ struct buf b = { 0 };
	struct cli_table t;

	stats_view_table(&t, &view);
	cli_table_render(&b, &t);
	if (buf_text(&b))
		(void)fputs(buf_text(&b), c->io->err);
}

/* @return whether the run can be trusted; if not, why is said */
static bool is_trusted(struct cli *c, const char *lab, const json_t *stats, const json_t *shown)
{
	_cleanup_buf_ struct buf b = { 0 };
	size_t n = stats_judge(&b, stats, json_object_get(shown, "links"));
	const char *text = buf_text(&b);

	if (n == 0)
		return true;
	for (const char *p = text; p && *p; p += strcspn(p, "\n") + 1)
		(void)fprintf(c->io->err, "netlab: %.*s\n", (int)strcspn(p, "\n"), p);
	(void)err_set(&c->err, ETIME,
		      "lab '%s': this run cannot be trusted: the host was too slow to keep what "
		      "the links promise",
		      lab);
	(void)err_hint(&c->err, "%s", REMEDY);
	(void)err_class(&c->err, NETLAB_EXIT_UNTRUSTED);
	(void)cli_fail(c, &c->err);
	return false;
}

static void warn(struct cli *c, const json_t *stats)
{
	_cleanup_buf_ struct buf b = { 0 };
	const char *worst;
	uint64_t lost = stats_host_losses(stats, &worst);

	if (lost == 0)
		return;
	cli_describe_count(&b, lost);
	cli_note(c,
		 "warning: the host was too slow and lost %s packet%s, most of them of link '%s' "
		 "('netlab run --strict' makes that exit code 6)",
		 buf_text(&b) ? buf_text(&b) : "some", lost == 1 ? "" : "s", worst);
}

int cli_final_stats(struct cli *c, const char *lab, FILE *out, bool replayed, int status)
{
	bool strict = cli_has(c, OPT_STRICT), asked = strict || out;
	json_t *stats = NULL, *shown = NULL;
	int code = 0, r = c->backend->stats(c->state_dir, lab, &stats, &c->err);

	if (r == 0 && (strict || c->verbose))
		r = cli_show(c, lab, &shown);
	if (r < 0) {
		/* a lab that has gone is told of by who takes it down */
		if (asked && cli_lab_runs(c, lab))
			code = cli_fail(c, &c->err);
		if (out && out != c->io->out)
			(void)fclose(out);
		goto end;
	}
	if (!replayed)
		cli_note_idle_faults(c, json_object_get(stats, "faults"));
	if (c->verbose)
		print_table(c, stats, shown);
	if (out)
		code = write_stats(c, stats, out);
	if (!strict)
		warn(c, stats);
	else if (!is_trusted(c, lab, stats, shown) && code == 0)
		code = NETLAB_EXIT_UNTRUSTED;
end:
	json_decref(stats);
	json_decref(shown);
	return status ? status : code;
}
