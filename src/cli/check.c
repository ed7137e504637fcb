/* SPDX-License-Identifier: MIT */
/* netlab check: every problem of a topology file. */
#include "cli/command.h"

#include <stdlib.h>

#include "base/err.h"
#include "cli/output.h"
#include "cli/topology.h"
#include "lab/check.h"
#include "plan/plan.h"

/* What the parser could not know: of the plan, of files that are named, of this host. */
struct problems {
	const char *file;
	struct netlab_err *errors, *warnings; /* owned */
	size_t n_errors, n_warnings;
	bool oom;
};

static void add(void *ctx, bool warning, const char *pointer, const struct netlab_err *err)
{
	struct problems *p = ctx;
	struct netlab_err **list = warning ? &p->warnings : &p->errors, *more;
	size_t *n = warning ? &p->n_warnings : &p->n_errors;

	more = realloc(*list, (*n + 1) * sizeof(*more));
	if (!more) {
		p->oom = true;
		return;
	}
	*list = more;
	more[*n] = *err;
	if (pointer)
		(void)err_where(&more[*n], "%s: %s", p->file, pointer);
	(*n)++;
}

static void on_plan(void *ctx, const struct netlab_err *problem)
{
	add(ctx, false, problem->where[0] ? problem->where : NULL, problem);
}

/* Problems with no place in the file (it cannot be read, planning fails): as a diagnostic of the file. */
static json_t *error_item(const struct cli_topology *t, const struct netlab_err *err)
{
	json_t *item = cli_error_json(err);

	(void)json_object_del(item, "code");
	if (err->where[0] == '\0')
		(void)json_object_set_new(item, "where", json_string(t->file));
	return item;
}

static bool append(json_t *list, const struct cli_topology *t, const struct netlab_err *items,
		   size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (json_array_append_new(list, error_item(t, &items[i])) < 0)
			return false;
	}
	return true;
}

static int print_json(struct cli *c, const struct cli_topology *t, const struct problems *p,
		      bool ok)
{
	json_t *errors = cli_diags_json(&t->diags, false),
	       *warnings = cli_diags_json(&t->diags, true), *doc = NULL;

	if (errors && warnings && append(errors, t, p->errors, p->n_errors) &&
	    append(warnings, t, p->warnings, p->n_warnings))
		doc = json_pack("{s:b, s:O, s:O}", "ok", ok, "errors", errors, "warnings",
				warnings);
	json_decref(errors);
	json_decref(warnings);
	return cli_print_json(c, doc, ok ? NETLAB_EXIT_OK : NETLAB_EXIT_INVALID);
}

static void print_problems(struct cli *c, const struct cli_topology *t, bool warning,
			   const struct netlab_err *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct topo_diag d = { .warning = warning,
				       .where = items[i].where[0] ? items[i].where : t->file,
				       .message = items[i].message,
				       .hint = items[i].hint[0] ? items[i].hint : NULL };

		cli_print_diag(c->io->out, &d, c->color_out);
	}
}

static int print_text(struct cli *c, const struct cli_topology *t, const struct problems *p,
		      bool ok)
{
	FILE *out = c->io->out;

	for (size_t i = 0; i < t->diags.n; i++)
		cli_print_diag(out, &t->diags.items[i], c->color_out);
	print_problems(c, t, false, p->errors, p->n_errors);
	print_problems(c, t, true, p->warnings, p->n_warnings);
	if (ok && !c->quiet)
		(void)fprintf(out, "%s: ok: lab '%s', %zu node%s, %zu link%s\n", t->file,
			      t->topo->name, t->topo->n_nodes, t->topo->n_nodes == 1 ? "" : "s",
			      t->topo->n_links, t->topo->n_links == 1 ? "" : "s");
	return ok ? NETLAB_EXIT_OK : NETLAB_EXIT_INVALID;
}

int cmd_check(struct cli *c)
{
	struct cli_topology t;
	struct problems p = { .oom = false };
	struct netlab_err err = { 0 };
	int r = cli_topology_read(c, c->args[0], &t, &err), code;

	if (r == 0)
		r = cli_topology_parse(c, &t, &err);
	if (r == 0) {
		p.file = t.file;
		r = lab_check(t.topo, cli_moved_bps(c, t.topo), add, &p);
		if (plan_check(t.topo, NULL, on_plan, &p, &err) < 0) {
			r = err.code;
			/* all that is the topology's was told */
			if (err.exit != NETLAB_EXIT_INVALID)
				add(&p, false, NULL, &err);
		}
	} else if (err.code) {
		add(&p, false, NULL, &err);
	}
	if (p.oom)
		code = cli_fail_with(c, NETLAB_EXIT_RUNTIME, NULL, "out of memory");
	else
		code = c->json ? print_json(c, &t, &p, r == 0) : print_text(c, &t, &p, r == 0);
	free(p.errors);
	free(p.warnings);
	cli_topology_deinit(&t);
	return code;
}
