/* SPDX-License-Identifier: MIT */
/* Nodes, links and directions that a document names. */
#include "topo/parse.h"

#include "base/names.h"

/** With the nearest that there is. */
static void missing_node(struct document *d, const struct path *at, const char *name)
{
	const struct topo *t = d->p.topo;
	const char *nearest = NULL;

	/* a search through all the nodes: not for every one of many misspelt ones */
	if (d->p.diags.out->n_errors < 20 && t->n_nodes > 0)
		nearest = name_nearest(name, &t->nodes[0].name, t->n_nodes, sizeof(t->nodes[0]));
	diag_error(&d->p.diags, at,
		   nearest ? diag_hint(&d->p.diags, "did you mean '%s'?", nearest)
			   : "add it under 'nodes'",
		   "there is no node '%s'", diag_quote(&d->p.diags, name));
}

bool find_node(struct document *d, const struct path *at, const char *name, size_t *ret)
{
	*ret = map_get(&d->nodes, name);
	if (*ret == MAP_NONE)
		missing_node(d, at, name);
	return *ret != MAP_NONE;
}

bool find_link(struct document *d, const struct path *at, const char *name, size_t *ret)
{
	const struct topo *t = d->p.topo;
	const char *nearest = NULL;

	*ret = map_get(&d->links, name);
	if (*ret != MAP_NONE)
		return true;
	if (d->p.diags.out->n_errors < 20 && t->n_links > 0)
		nearest = name_nearest(name, &t->links[0].name, t->n_links, sizeof(t->links[0]));
	diag_error(&d->p.diags, at,
		   nearest ? diag_hint(&d->p.diags, "did you mean '%s'?", nearest)
			   : "a link without a name is called by its ends: a--b",
		   "there is no link '%s'", diag_quote(&d->p.diags, name));
	return false;
}

bool find_directions(struct document *d, const struct path *at, const char *from, size_t link,
		     bool ret[2])
{
	const struct topo *t = d->p.topo;
	const struct topo_end *ends = t->links[link].ends;
	size_t node;

	ret[0] = ret[1] = true;
	if (!from)
		return true;
	if (!find_node(d, at, from, &node))
		return false;
	for (unsigned i = 0; i < 2; i++)
		ret[i] = ends[i].node == node;
	if (ret[0] || ret[1] || ends[0].node == MAP_NONE || ends[1].node == MAP_NONE)
		return true;
	diag_error(&d->p.diags, at,
		   diag_hint(&d->p.diags, "its ends are '%s' and '%s'", t->nodes[ends[0].node].name,
			     t->nodes[ends[1].node].name),
		   "node '%s' is not an end of link '%s'", diag_quote(&d->p.diags, from),
		   t->links[link].name);
	return false;
}
