/* SPDX-License-Identifier: MIT */
/* The TOPO argument. */
#include "cli/topology.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/units.h"
#include "cli/output.h"
#include "cli/target.h"
#include "plan/plan.h"
#include "sys/fs.h"
#include "topo/diag.h"

#define RED    "\033[1;31m"
#define YELLOW "\033[1;33m"
#define RESET  "\033[0m"

/* Standard input whole; at most TOPO_FILE_MAX_BYTES. */
static int read_stream(FILE *in, char **ret, size_t *ret_len)
{
	_cleanup_buf_ struct buf b = { 0 };
	char data[16384];
	size_t n;

	while ((n = fread(data, 1, sizeof(data), in)) > 0) {
		buf_add(&b, data, n);
		if (b.failed)
			return -ENOMEM;
		if (b.len > TOPO_FILE_MAX_BYTES)
			return -EFBIG;
	}
	if (ferror(in))
		return errno ? -errno : -EIO;
	if (!b.data) {
		buf_puts(&b, "");
		if (!b.data && !(b.data = calloc(1, 1)))
			return -ENOMEM;
	}
	*ret_len = b.len;
	*ret = TAKE_PTR(b.data);
	return 0;
}

bool cli_topology_reads_as_file(const char *arg)
{
	size_t len = strlen(arg);

	return strchr(arg, '/') || (len > 5 && strcmp(arg + len - 5, ".json") == 0);
}

bool cli_topology_is_file(struct cli *c, const char *arg)
{
	if (strcmp(arg, "-") == 0 || strchr(arg, '/'))
		return true;
	if (!cli_topology_reads_as_file(arg))
		return false;
	return access(arg, F_OK) == 0 || cli_state_dir(c) < 0 || !cli_lab_runs(c, arg);
}

int cli_topology_read(struct cli *c, const char *arg, struct cli_topology *ret,
		      struct netlab_err *err)
{
	bool from_stdin = strcmp(arg, "-") == 0;
	int r;

	*ret = (struct cli_topology){ .file = from_stdin ? "stdin" : arg };
	r = from_stdin ? read_stream(c->io->in, &ret->text, &ret->len)
		       : sys_read_file(arg, TOPO_FILE_MAX_BYTES, &ret->text, &ret->len);
	if (r == 0)
		return 0;
	if (r == -EFBIG) {
		(void)err_set(err, r, "the file is larger than %d MiB", TOPO_FILE_MAX_BYTES >> 20);
	} else if (r == -EISDIR) {
		(void)err_set(err, r, "this is a directory, not a topology file");
	} else {
		(void)err_errno(err, r, "reading the topology");
	}
	(void)err_where(err, "%s", ret->file);
	return err_class(err, NETLAB_EXIT_INVALID);
}

static int overrides(const struct cli *c, struct topo_overrides *ret, struct netlab_err *err)
{
	const char *engine = c->value[OPT_ENGINE];
	const char *why;

	*ret = (struct topo_overrides){ .name = c->value[OPT_NAME] };
	if (ret->name && (why = name_check(ret->name)) != NULL) {
		(void)err_set(err, EINVAL, "--name: '%s' is no name for a lab: %s", ret->name, why);
		return err_class(err, NETLAB_EXIT_USAGE);
	}
	if (cli_has(c, OPT_SEED)) {
		ret->seed_set = true;
		if (units_parse_u64(c->value[OPT_SEED], &ret->seed) < 0) {
			(void)err_set(
				err, EINVAL,
				"--seed: '%s' is no whole number from 0 to 18446744073709551615",
				c->value[OPT_SEED]);
			return err_class(err, NETLAB_EXIT_USAGE);
		}
	}
	if (engine) {
		ret->engine_set = true;
		ret->engine = strcmp(engine, "netem") == 0  ? TOPO_ENGINE_NETEM
			      : strcmp(engine, "wire") == 0 ? TOPO_ENGINE_WIRE
							    : TOPO_ENGINE_AUTO;
	}
	return 0;
}

int cli_topology_parse(struct cli *c, struct cli_topology *t, struct netlab_err *err)
{
	struct topo_overrides o;
	char dir[4096];
	int r = overrides(c, &o, err);

	if (r < 0)
		return r;
	o.dir = sys_dir_of(t->file, dir, sizeof(dir));
	r = topo_parse(t->text, t->len, t->file, &o, &t->diags, &t->topo);
	if (r < 0 && t->diags.n_errors == 0) {
		(void)err_errno(err, r, "checking the topology");
		return err_where(err, "%s", t->file);
	}
	return r;
}

static int print_invalid(struct cli *c, const struct cli_topology *t)
{
	struct netlab_err err = { 0 };
	const struct topo_diag *first = NULL;
	json_t *doc;

	for (size_t i = 0; i < t->diags.n; i++) {
		cli_print_diag(c->io->err, &t->diags.items[i], c->color_err);
		if (!first && !t->diags.items[i].warning)
			first = &t->diags.items[i];
	}
	(void)err_set(&err, EINVAL, "the topology is invalid: %zu error%s", t->diags.n_errors,
		      t->diags.n_errors == 1 ? "" : "s");
	(void)err_class(&err, NETLAB_EXIT_INVALID);
	(void)fprintf(c->io->err, "netlab: %s: %s\n", t->file, err.message);
	if (c->json) {
		(void)err_where(&err, "%s", first ? first->where : t->file);
		if (first && first->hint)
			(void)err_hint(&err, "%s", first->hint);
		doc = json_pack("{s:o, s:o, s:o}", "error", cli_error_json(&err), "errors",
				cli_diags_json(&t->diags, false), "warnings",
				cli_diags_json(&t->diags, true));
		(void)cli_print_json(c, doc, 0);
	}
	return cli_exit_code(c, NETLAB_EXIT_INVALID);
}

/* A problem that planning found, as one of the parser's. */
static void keep_problem(void *ctx, const struct netlab_err *problem)
{
	struct diag_sink *sink = ctx;
	char where[sizeof(problem->where) + 4096];

	(void)snprintf(where, sizeof(where), "%s%s%s", sink->file, problem->where[0] ? ": " : "",
		       problem->where);
	diag_error_at(sink, where, 0, 0, problem->hint[0] ? problem->hint : NULL, "%s",
		      problem->message);
}

int cli_topology_no_plan(struct cli *c, const struct cli_topology *t)
{
	struct cli_topology problems = { .file = t->file };
	struct diag_sink sink = { .out = &problems.diags, .file = t->file };
	int code;

	if (c->err.exit == NETLAB_EXIT_INVALID)
		(void)plan_check(t->topo, NULL, keep_problem, &sink, NULL);
	diag_finish(&sink);
	code = problems.diags.n_errors > 1 ? print_invalid(c, &problems) : cli_fail(c, &c->err);
	cli_topology_deinit(&problems);
	return code;
}

int cli_topology_load(struct cli *c, const char *arg, struct cli_topology *t)
{
	int r = cli_topology_read(c, arg, t, &c->err);

	if (r == 0)
		r = cli_topology_parse(c, t, &c->err);
	if (r < 0 && t->diags.n_errors > 0)
		return print_invalid(c, t);
	if (r < 0)
		return cli_fail(c, &c->err);
	for (size_t i = 0; i < t->diags.n && !c->quiet; i++)
		cli_print_diag(c->io->err, &t->diags.items[i], c->color_err);
	return 0;
}

uint64_t cli_moved_bps(const struct cli *c, const struct topo *t)
{
	const char *given = cli_state_dir_given(c);

	return c->backend->moved_bps(given, t->engine == TOPO_ENGINE_WIRE);
}

void cli_topology_deinit(struct cli_topology *t)
{
	free(t->text);
	if (t->topo)
		topo_free(t->topo);
	topo_diags_deinit(&t->diags);
	*t = (struct cli_topology){ 0 };
}

void cli_print_diag(FILE *out, const struct topo_diag *d, bool color)
{
	_cleanup_buf_ struct buf b = { 0 };

	cli_add_safe(&b, d->where);
	buf_printf(&b, ": %s%s:%s ", color ? (d->warning ? YELLOW : RED) : "",
		   d->warning ? "warning" : "error", color ? RESET : "");
	cli_add_safe(&b, d->message);
	if (d->hint) {
		buf_puts(&b, " (");
		cli_add_safe(&b, d->hint);
		buf_puts(&b, ")");
	}
	(void)fprintf(out, "%s\n", buf_text(&b) ? buf_text(&b) : d->message);
}

json_t *cli_diags_json(const struct topo_diags *diags, bool warnings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < diags->n && list; i++) {
		const struct topo_diag *d = &diags->items[i];

		if (d->warning != warnings)
			continue;
		if (json_array_append_new(
			    list, json_pack("{s:o, s:o, s:o}", "where",
					    cli_json_text(d->where, strlen(d->where)), "message",
					    cli_json_text(d->message, strlen(d->message)), "hint",
					    d->hint ? cli_json_text(d->hint, strlen(d->hint))
						    : json_null())) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* FILE's last part without its extension. */
static void base_name(const char *path, char *ret, size_t size)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');

	(void)snprintf(ret, size, "%.*s",
		       (int)(dot && dot != base ? (size_t)(dot - base) : strlen(base)), base);
}

int cli_topology_lab_name(struct cli *c, const char *arg, char ret[static NAME_MAX_BYTES + 1],
			  struct netlab_err *err)
{
	struct cli_topology t;
	json_error_t where;
	json_t *doc;
	const char *name;
	char base[NAME_MAX_BYTES + 2];
	int r = cli_topology_read(c, arg, &t, err);

	if (r < 0) {
		(void)err_hint(err, "name the lab instead, see 'netlab ls'");
		return r;
	}
	doc = json_loadb(t.text, t.len, 0, &where);
	if (doc) {
		base_name(t.file, base, sizeof(base));
		name = cli_json_string(doc, "name", base);
		if (name_check(name)) {
			r = err_set(err, EINVAL,
				    "the topology's name '%s' is no name for a lab: %s", name,
				    name_check(name));
			(void)err_class(err, NETLAB_EXIT_INVALID);
		} else {
			(void)snprintf(ret, NAME_MAX_BYTES + 1, "%s", name);
		}
		json_decref(doc);
	} else {
		r = err_set(err, EINVAL, "its lab's name cannot be read: %s", where.text);
		(void)err_where(err, "%s:%d:%d", t.file, where.line, where.column);
		(void)err_hint(err, "name the lab instead, see 'netlab ls'");
		(void)err_class(err, NETLAB_EXIT_INVALID);
	}
	cli_topology_deinit(&t);
	return r;
}

int cli_timeout(const struct cli *c, uint64_t *ret_ns, struct netlab_err *err)
{
	const char *text = c->value[OPT_TIMEOUT], *why = NULL;

	*ret_ns = 0;
	if (!text)
		return 0;
	if (units_parse_time(text, ret_ns, &why) < 0)
		(void)err_set(err, EINVAL, "--timeout: '%s' is no time: %s", text,
			      why ? why : "write 30s");
	else if (*ret_ns == 0)
		(void)err_set(err, EINVAL, "--timeout: '%s' leaves no time at all", text);
	else
		return 0;
	return err_class(err, NETLAB_EXIT_USAGE);
}
