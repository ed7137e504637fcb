/* SPDX-License-Identifier: MIT */
/* The nodes of a document. */
#include "topo/parse.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"

struct path node_path(const struct document *d, size_t node)
{
	return (struct path){
		.up = &d->top.nodes.at,
		.key = d->node_origins[node].key,
		.index = d->node_origins[node].index,
	};
}

/* A switch is a bridge in a namespace of its own: it has no addresses and runs nothing. */
static void check_switch(struct document *d, const struct path *at, const struct node_draft *draft,
			 const struct topo_node *node)
{
	static const struct {
		unsigned bit;
		const char *key;
	} keys[] = {
		{ NODE_ROUTES, "routes" },
		{ NODE_SYSCTLS, "sysctls" },
		{ NODE_ENV, "env" },
		{ NODE_CWD, "cwd" },
		{ NODE_USER, "user" },
		{ NODE_SERVICES, "services" },
		{ NODE_DNS, "dns" },
		{ NODE_CAPABILITIES, "capabilities" },
		{ NODE_PRIVILEGED, "privileged" },
		{ NODE_LIMITS, "limits" },
		{ NODE_SHARE, "share" },
		{ NODE_ROOTFS, "rootfs" },
		{ NODE_MOUNTS, "mounts" },
		{ NODE_FILES, "files" },
	};
	const struct path interfaces = { .up = at, .key = "interfaces" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct path key = { .up = at, .key = keys[i].key };

		if (draft->set & 1u << keys[i].bit)
			diag_error(&d->p.diags, &key,
				   "a host or router can; join it to the switch by a link",
				   "a %s cannot have '%s': it forwards frames, and has no IP stack",
				   topo_kind_name(node->kind), keys[i].key);
	}
	for (size_t i = 0; i < node->n_interfaces; i++) {
		const struct path interface = { .up = &interfaces,
						.key = node->interfaces[i].name,
						.index = i };

		if (strcmp(node->interfaces[i].name, "lo") == 0 ||
		    node->interfaces[i].n_addresses > 0)
			diag_error(
				&d->p.diags, &interface, NULL,
				"interface '%s' of a %s cannot have addresses: it forwards frames, and has no IP stack",
				node->interfaces[i].name, topo_kind_name(node->kind));
	}
}

static void parse_node(struct document *d, const struct path *at, const json_t *v,
		       struct topo_node *ret, struct origin *origin)
{
	const char *wrong = name_check(at->key);
	struct node_draft draft = { 0 };
	struct topo_node node = { 0 };

	if (wrong)
		diag_error(&d->p.diags, at, wrong, "'%s' is no name that can be used for a node",
			   diag_quote(&d->p.diags, at->key));
	(void)object_parse(&d->p, at, v, &node_spec, &draft);
	(void)node_check_privileges(&d->p, at, &draft);
	if (d->p.oom || !node_merge(&d->p, &draft, &d->defaults.node, &node))
		return;
	/* a name that is no good still stands in messages about the node: made fit for those */
	node.name = wrong ? diag_quote(&d->p.diags, at->key) : parser_strdup(&d->p, at->key);
	if (!node.hostname)
		node.hostname = node.name;
	if (!topo_is_ip(&node))
		check_switch(d, at, &draft, &node);
	else
		node_check_tree(&d->p, at, &draft, &node);
	if (draft.set & 1u << NODE_STP && node.kind != TOPO_SWITCH) {
		const struct path stp = { .up = at, .key = "stp" };

		diag_error(&d->p.diags, &stp, "only a node of kind \"switch\" has a spanning tree",
			   "a %s cannot have 'stp'", topo_kind_name(node.kind));
	}
	*origin = (struct origin){ .key = at->key, .index = (uint32_t)at->index, .set = draft.set };
	*ret = node;
}

void parse_nodes(struct document *d)
{
	const json_t *nodes = d->top.nodes.value;
	struct topo *t = d->p.topo;
	size_t index = 0, n = 0;
	const char *key;
	json_t *value;

	if (!nodes)
		return; /* said already: the key is required */
	if (!json_is_object(nodes)) {
		wrong_kind(&d->p, &d->top.nodes.at, nodes, "an object of nodes by name",
			   "e.g. {\"a\": {}, \"b\": {}}");
		return;
	}
	json_object_foreach((json_t *)nodes, key, value)
	{
		n += !is_comment(key);
	}
	if (n > TOPO_NODES_MAX) { /* a key written with escapes is not seen by scan_limits() */
		diag_error(&d->p.diags, &d->top.nodes.at, "split the lab into several",
			   "there are more nodes than the limit of %d", (int)TOPO_NODES_MAX);
		return;
	}
	if (n == 0) {
		diag_error(&d->p.diags, &d->top.nodes.at, "e.g. {\"a\": {}, \"b\": {}}",
			   "a topology needs at least one node");
		return;
	}
	t->nodes = parser_array(&d->p, n, sizeof(*t->nodes));
	d->node_origins = parser_array(&d->p, n, sizeof(*d->node_origins));
	if (d->p.oom)
		return;
	json_object_foreach((json_t *)nodes, key, value)
	{
		const struct path at = { .up = &d->top.nodes.at, .key = key, .index = index++ };
		const char *name;

		if (is_comment(key))
			continue;
		parse_node(d, &at, value, &t->nodes[t->n_nodes], &d->node_origins[t->n_nodes]);
		if (d->p.oom)
			return;
		/* links find it by the name that the file has, lest each of them seem wrong too */
		name = t->nodes[t->n_nodes].name;
		if (map_add(&d->nodes, strcmp(name, key) == 0 ? name : key, t->n_nodes, NULL) < 0) {
			d->p.oom = true;
			return;
		}
		t->n_nodes++;
	}
}
