/* SPDX-License-Identifier: MIT */
/* netlab up: a topology file becomes a running lab. */
#include <inttypes.h>

#include "cli/bring_up.h"
#include "cli/output.h"

static int print(struct cli *c, const struct cli_bring_up *u)
{
	const struct topo *t = u->topology.topo;

	if (c->json)
		return cli_print_json(c,
				      json_pack("{s:s, s:o, s:I, s:I, s:i, s:f}", "name", t->name,
						"seed", cli_json_u64(t->seed), "nodes",
						(json_int_t)t->n_nodes, "links",
						(json_int_t)t->n_links, "pid", (int)u->handle.pid,
						"elapsed_ms", u->elapsed_ms),
				      NETLAB_EXIT_OK);
	if (!c->quiet)
		(void)fprintf(c->io->out,
			      "lab '%s' is up: %zu node%s, %zu link%s, seed %" PRIu64
			      " (%.1f ms)\n",
			      t->name, t->n_nodes, t->n_nodes == 1 ? "" : "s", t->n_links,
			      t->n_links == 1 ? "" : "s", t->seed, u->elapsed_ms);
	return NETLAB_EXIT_OK;
}

int cmd_up(struct cli *c)
{
	struct cli_bring_up u;
	int code = cli_bring_up_prepare(c, &u);

	if (code == 0)
		code = cli_bring_up(c, &u, false);
	if (code == 0)
		code = print(c, &u);
	cli_bring_up_deinit(c, &u);
	return code;
}
