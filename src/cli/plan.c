/* SPDX-License-Identifier: MIT */
/* netlab plan: what `up` would do. */
#include "plan/plan.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/topology.h"

int cmd_plan(struct cli *c)
{
	_cleanup_buf_ struct buf b = { 0 };
	const char *format = c->value[OPT_FORMAT] ? c->value[OPT_FORMAT]
			     : c->json            ? "json"
						  : "text";
	struct cli_topology t;
	struct plan *plan = NULL;
	int code = cli_topology_load(c, c->args[0], &t);

	if (code == 0 && plan_build(t.topo, NULL, &plan, &c->err) < 0) {
		(void)err_wrap(&c->err, "planning '%s'", t.topo->name);
		code = cli_topology_no_plan(c, &t);
	}
	if (code == 0) {
		if (strcmp(format, "json") == 0)
			plan_print_json(&b, plan);
		else if (strcmp(format, "sh") == 0)
			plan_print_sh(&b, plan);
		else
			plan_print_text(&b, plan);
		code = cli_print_buf(c, &b, NETLAB_EXIT_OK);
	}
	plan_free(plan);
	cli_topology_deinit(&t);
	return code;
}
