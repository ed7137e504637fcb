/* SPDX-License-Identifier: MIT */
/* netlab freeze, netlab thaw: the processes of a node stand still, and go on. */
#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"

static int change(struct cli *c, bool on)
{
	struct cli_target at;

	if (cli_target(c, c->args[0], &at) < 0)
		return cli_fail(c, &c->err);
	if (c->backend->freeze(c->state_dir, at.lab, at.name, on, &c->err) < 0) {
		cli_explain(c, at.lab, at.name, NULL);
		return cli_fail(c, &c->err);
	}
	return c->json ? cli_print_json(c,
					json_pack("{s:s, s:s, s:s}", "lab", at.lab, "node", at.name,
						  "state", on ? "frozen" : "running"),
					NETLAB_EXIT_OK)
		       : NETLAB_EXIT_OK;
}

int cmd_freeze(struct cli *c)
{
	return change(c, true);
}

int cmd_thaw(struct cli *c)
{
	return change(c, false);
}
