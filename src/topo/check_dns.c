/* SPDX-License-Identifier: MIT */
/* Servers of `dns` that are given as names: whether there are such nodes, and whether they can have an address. */
#include "topo/parse.h"

static void check_server(struct document *d, const struct path *at, const char *server)
{
	struct ip_addr addr;
	size_t node;

	if (ip_parse_addr(server, &addr) == 0)
		return;
	if (find_node(d, at, server, &node) && !topo_is_ip(&d->p.topo->nodes[node]))
		diag_error(&d->p.diags, at, "name a host or router",
			   "'%s' is a %s, which has no address", server,
			   topo_kind_name(d->p.topo->nodes[node].kind));
}

void check_dns(struct document *d)
{
	const struct topo *t = d->p.topo;

	for (size_t i = 0; i < t->n_nodes; i++) {
		const struct topo_dns *dns = t->nodes[i].dns;
		const struct path at = node_path(d, i);
		const struct path key = { .up = &at, .key = "dns" };
		const struct path servers = { .up = &key, .key = "servers" };

		for (size_t j = 0; dns && j < dns->n_servers; j++) {
			const struct path server = { .up = &servers, .index = j };

			check_server(d, &server, dns->servers[j]);
		}
	}
}
