/* SPDX-License-Identifier: MIT */
/* netlab verify: what links do, measured, against what is asked of them. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/units.h"
#include "cli/bring_up.h"
#include "cli/output.h"
#include "cli/plot_svg.h"
#include "cli/target.h"
#include "topo/model.h"

#define DURATION_MIN_NS UINT64_C(100000000)
#define DURATION_MAX_NS UINT64_C(600000000000)

struct progress {
	struct cli *c;
	time_t start;
	bool line; /* stands on the terminal */
};

static void erase_line(struct progress *p)
{
	if (p->line)
		(void)fputs("\r\033[K", p->c->io->err);
	p->line = false;
}

static void on_progress(void *ctx, size_t done, size_t of)
{
	struct progress *p = ctx;
	FILE *err = p->c->io->err;

	if (p->c->quiet || !p->c->io->err_is_terminal || done >= of)
		return;
	erase_line(p);
	(void)fprintf(err, "netlab: measuring, %zu of %zu links done, %ld s", done, of,
		      (long)(time(NULL) - p->start));
	(void)fflush(err);
	p->line = true;
}

static int read_duration(struct cli *c, uint64_t *ret_ns)
{
	const char *text = c->value[OPT_DURATION], *why = NULL;

	*ret_ns = 0;
	if (!text)
		return 0;
	if (units_parse_time(text, ret_ns, &why) < 0)
		(void)err_set(&c->err, EINVAL, "verify: --duration '%s' is no time: %s", text,
			      why ? why : "write 3s");
	else if (*ret_ns < DURATION_MIN_NS || *ret_ns > DURATION_MAX_NS)
		(void)err_set(&c->err, EINVAL,
			      "verify: --duration '%s' is not within 100ms and 10m", text);
	else
		return 0;
	return err_class(&c->err, NETLAB_EXIT_USAGE);
}

/* --- the table --- */

struct unit {
	const char *suffix;
	void (*format)(struct buf *b, double value);
};

static void format_us(struct buf *b, double us)
{
	buf_printf(b, "%.3f ms", us / 1000);
}

static void format_bps(struct buf *b, double bps)
{
	if (bps < 999.5e3)
		buf_printf(b, "%.4g kb/s", bps / 1e3);
	else if (bps >= 9999.5e6)
		buf_printf(b, "%.5g Gb/s", bps / 1e9);
	else
		buf_printf(b, "%.5g Mb/s", bps / 1e6);
}

static void format_share(struct buf *b, double share)
{
	buf_printf(b, "%.3g %%", share * 100);
}

static void format_packets(struct buf *b, double n)
{
	buf_printf(b, "%.0f packets", n);
}

static const struct unit units[] = {
	{ "_us", format_us },
	{ "_bps", format_bps },
	{ "", format_share },
	{ "_packets", format_packets },
};

static const struct unit *unit_of(const json_t *check)
{
	char key[32];

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		(void)snprintf(key, sizeof(key), "achieved%s", units[i].suffix);
		if (json_object_get(check, key))
			return &units[i];
	}
	return NULL;
}

static double figure(const json_t *check, const struct unit *u, const char *name)
{
	char key[32];

	(void)snprintf(key, sizeof(key), "%s%s", name, u->suffix);
	return json_number_value(json_object_get(check, key));
}

static void add_figure(struct cli_table *t, const json_t *check, const struct unit *u,
		       const char *name, const char *to)
{
	_cleanup_buf_ struct buf b = { 0 };

	u->format(&b, figure(check, u, name));
	if (to) {
		buf_puts(&b, " .. ");
		u->format(&b, figure(check, u, to));
	}
	cli_table_add(t, buf_text(&b));
}

/* Nothing was asked, and nothing happened. */
static bool is_dull(const json_t *check, const struct unit *u)
{
	return strcmp(cli_json_string(check, "verdict", ""), "ok") == 0 &&
	       figure(check, u, "asked") == 0 && figure(check, u, "achieved") == 0;
}

static void add_start(struct cli_table *t, const char *name, const json_t *link, unsigned dir,
		      bool first)
{
	const json_t *ends = json_object_get(link, "endpoints");

	cli_table_add(t, first && dir == 0 ? name : "");
	if (!first) {
		cli_table_add(t, "");
		cli_table_add(t, "");
		return;
	}
	cli_table_add_node(t, ends, dir);
	cli_table_add_node(t, ends, 1 - dir);
}

static void add_way(struct cli *c, struct cli_table *t, const char *name, const json_t *link,
		    unsigned dir)
{
	const json_t *checks = json_object_get(json_object_get(link, topo_arrow(dir)), "checks");
	bool first = true;
	const char *key;
	json_t *check;

	json_object_foreach((json_t *)checks, key, check)
	{
		const struct unit *u = unit_of(check);

		if (!u || (!c->verbose && is_dull(check, u)))
			continue;
		add_start(t, name, link, dir, first);
		first = false;
		cli_table_add(t, key);
		/* nobody asks for a quantile: it follows from the rest */
		if (strcmp(key, "delay_p99") == 0)
			cli_table_add(t, NULL);
		else
			add_figure(t, check, u, "asked", NULL);
		add_figure(t, check, u, "expected", NULL);
		add_figure(t, check, u, "achieved", NULL);
		add_figure(t, check, u, "low", "high");
		cli_table_add(t, cli_json_string(check, "verdict", NULL));
		cli_table_add(t, cli_json_string(check, "why", ""));
	}
}

/* A link that could not be measured: why, in the last column. */
static void add_unmeasured(struct cli_table *t, const char *name, const json_t *link)
{
	const char *error = cli_json_string(link, "error", NULL);

	add_start(t, name, link, 0, true);
	for (int i = 0; i < 5; i++)
		cli_table_add(t, "");
	cli_table_add(t, error ? "differs" : "ok");
	cli_table_add(t, error ? error : cli_json_string(link, "note", ""));
}

static int print_table(struct cli *c, const json_t *doc)
{
	static const char *const headers[] = { "LINK",    "FROM",     "TO",       "WHAT",
					       "ASKED",   "EXPECTED", "ACHIEVED", "95 % BOUNDS",
					       "VERDICT", "" };
	struct cli_table t = { .headers = headers, .n_columns = 10, .right = 0x70 };
	const char *name;
	json_t *link;

	json_object_foreach(json_object_get(doc, "links"), name, link)
	{
		if (!json_object_get(link, "->")) {
			add_unmeasured(&t, name, link);
			continue;
		}
		for (unsigned dir = 0; dir < 2; dir++)
			add_way(c, &t, name, link, dir);
	}
	return cli_table_print(c, &t);
}

/* --- the picture --- */

static int write_plot(struct cli *c, const json_t *doc, FILE *out)
{
	_cleanup_buf_ struct buf b = { 0 };
	const char *text;
	int e;

	plot_svg(&b, doc);
	text = buf_text(&b);
	errno = ENOMEM;
	e = !text || fwrite(text, 1, b.len, out) != b.len || fflush(out) != 0 ? errno : 0;
	if (e == 0)
		return 0;
	(void)err_errno(&c->err, e, "--plot: writing '%s'", c->value[OPT_PLOT]);
	return cli_fail(c, &c->err);
}

static int open_plot(struct cli *c, FILE **ret)
{
	const char *path = c->value[OPT_PLOT];

	*ret = path ? fopen(path, "we") : NULL;
	if (*ret || !path)
		return 0;
	(void)err_errno(&c->err, errno, "--plot: opening '%s'", path);
	return cli_fail(c, &c->err);
}

/* --- all --- */

static int judge(struct cli *c, const json_t *doc, const char *lab)
{
	const char *name;
	json_t *link;
	size_t bad = 0, n = json_object_size(json_object_get(doc, "links"));

	if (json_is_true(json_object_get(doc, "ok")))
		return NETLAB_EXIT_OK;
	if (c->json)
		return NETLAB_EXIT_UNTRUSTED;
	json_object_foreach(json_object_get(doc, "links"), name, link)
		bad += !json_is_true(json_object_get(link, "ok"));
	return cli_fail_with(
		c, NETLAB_EXIT_UNTRUSTED,
		"'netlab stats' and 'netlab show' may say why; on a busy host try again",
		"lab '%s': %zu of %zu link%s not as asked", lab, bad, n, n == 1 ? " is" : "s are");
}

/* Measures links of a lab that runs; returns the exit code. */
static int verify(struct cli *c, const char *lab, const char *const *links, size_t n_links,
		  uint64_t duration_ns, FILE *plot)
{
	struct progress p = { .c = c, .start = time(NULL) };
	const struct lab_verify_options o = {
		.state_dir = c->state_dir,
		.lab = lab,
		.links = n_links ? links : NULL,
		.n_links = n_links,
		.duration_ns = duration_ns,
		.on_progress = on_progress,
		.ctx = &p,
	};
	json_t *doc = NULL;
	int code = 0, verdict, r = c->backend->verify(&o, &doc, &c->err);

	erase_line(&p);
	if (r < 0)
		return cli_fail(c, &c->err);
	if (plot)
		code = write_plot(c, doc, plot);
	if (code == 0)
		code = c->json ? cli_print_json(c, json_incref(doc), 0) : print_table(c, doc);
	(void)fflush(c->io->out); /* the table comes before what is said of it */
	verdict = judge(c, doc, lab);
	json_decref(doc);
	return code ? code : verdict;
}

/* Looks all names up before anything is measured. */
static int check_links(struct cli *c, const char *lab, const char *const *links, size_t n)
{
	json_t *doc = NULL;
	int r = n ? cli_show(c, lab, &doc) : 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = cli_find(c, doc, lab, "link", links[i]);
	json_decref(doc);
	return r;
}

/* LAB, LAB:LINK, or the links of the only lab. @param[out] ret_first  index of the first argument that is a link */
static int find_lab(struct cli *c, char lab[static NAME_MAX_BYTES + 1], size_t *ret_first)
{
	const char *first = cli_arg(c, 0);
	struct cli_target at;
	int r = cli_state_dir(c);

	*ret_first = 0;
	if (r < 0)
		return r;
	if (!first)
		return cli_lab(c, NULL, lab);
	if (strchr(first, ':')) {
		r = cli_target(c, first, &at);
		if (r == 0) {
			(void)snprintf(lab, NAME_MAX_BYTES + 1, "%s", at.lab);
			c->args[0] = at.name;
		}
		return r;
	}
	if (!cli_lab_runs(c, first) && cli_lab(c, NULL, lab) == 0)
		return 0;
	*ret_first = 1;
	return cli_lab(c, first, lab); /* which also says best what is wrong */
}

static int verify_lab(struct cli *c, uint64_t duration_ns, FILE *plot)
{
	char lab[NAME_MAX_BYTES + 1];
	size_t first;

	if (find_lab(c, lab, &first) < 0 ||
	    check_links(c, lab, &c->args[first], c->n_args - first) < 0)
		return cli_fail(c, &c->err);
	return verify(c, lab, &c->args[first], c->n_args - first, duration_ns, plot);
}

/* Up, measured, down. The lab ends with this process, whatever ends that. */
static int verify_topology(struct cli *c, uint64_t duration_ns, FILE *plot)
{
	struct cli_bring_up u;
	struct netlab_err err = { 0 };
	bool was_running;
	const char *name;
	int code = cli_bring_up_prepare(c, &u);

	if (code == 0)
		code = cli_bring_up(c, &u, true);
	if (code == 0) {
		name = u.topology.topo->name;
		if (check_links(c, name, &c->args[1], c->n_args - 1) < 0)
			code = cli_fail(c, &c->err);
		else
			code = verify(c, name, &c->args[1], c->n_args - 1, duration_ns, plot);
		if (c->backend->down(c->state_dir, name, &was_running, &err) < 0)
			code = cli_fail(c, &err);
	}
	cli_bring_up_deinit(c, &u);
	return code;
}

int cmd_verify(struct cli *c)
{
	uint64_t duration_ns;
	FILE *plot = NULL;
	int code;

	if (read_duration(c, &duration_ns) < 0)
		return cli_fail(c, &c->err);
	code = open_plot(c, &plot);
	if (code)
		return code;
	code = c->n_args > 0 && cli_topology_is_file(c, c->args[0])
		       ? verify_topology(c, duration_ns, plot)
		       : verify_lab(c, duration_ns, plot);
	if (plot)
		(void)fclose(plot);
	return code;
}
