/* SPDX-License-Identifier: MIT */
/* netlab check: every problem of a topology file. */
#include "cli/command.h"

#include "base/err.h"
#include "cli/output.h"
#include "cli/topology.h"
#include "plan/plan.h"

/* Problems with no place in the file (it cannot be read, planning fails): as a diagnostic of the file. */
static json_t *error_item(const struct cli_topology *t, const struct netlab_err *err)
{
	json_t *item = cli_error_json(err);

	(void)json_object_del(item, "code");
	if (err->where[0] == '\0')
		(void)json_object_set_new(item, "where", json_string(t->file));
	return item;
}

static int print_json(struct cli *c, const struct cli_topology *t, const struct netlab_err *err,
		      bool ok)
{
	json_t *errors = cli_diags_json(&t->diags, false);

	if (errors && err->code && json_array_append_new(errors, error_item(t, err)) < 0) {
		json_decref(errors);
		errors = NULL;
	}
	return cli_print_json(c,
			      json_pack("{s:b, s:o, s:o}", "ok", ok, "errors", errors, "warnings",
					cli_diags_json(&t->diags, true)),
			      ok ? NETLAB_EXIT_OK : NETLAB_EXIT_INVALID);
}

static int print_text(struct cli *c, const struct cli_topology *t, const struct netlab_err *err,
		      bool ok)
{
	FILE *out = c->io->out;

	for (size_t i = 0; i < t->diags.n; i++)
		cli_print_diag(out, &t->diags.items[i], c->color_out);
	if (err->code) {
		struct topo_diag d = { .where = err->where[0] ? err->where : t->file,
				       .message = err->message,
				       .hint = err->hint[0] ? err->hint : NULL };

		cli_print_diag(out, &d, c->color_out);
	}
	if (ok && !c->quiet)
		(void)fprintf(out, "%s: ok: lab '%s', %zu node%s, %zu link%s\n", t->file,
			      t->topo->name, t->topo->n_nodes, t->topo->n_nodes == 1 ? "" : "s",
			      t->topo->n_links, t->topo->n_links == 1 ? "" : "s");
	return ok ? NETLAB_EXIT_OK : NETLAB_EXIT_INVALID;
}

int cmd_check(struct cli *c)
{
	struct cli_topology t;
	struct netlab_err err = { 0 };
	struct plan *plan = NULL;
	int r = cli_topology_read(c, c->args[0], &t, &err), code;

	if (r == 0)
		r = cli_topology_parse(c, &t, &err);
	if (r == 0) {
		r = plan_build(t.topo, NULL, &plan, &err);
		plan_free(plan);
	}
	code = c->json ? print_json(c, &t, &err, r == 0) : print_text(c, &t, &err, r == 0);
	cli_topology_deinit(&t);
	return code;
}
