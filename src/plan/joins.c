/* SPDX-License-Identifier: MIT */
/* How the two ends of each link meet: a plain patch, or qdiscs that carry out what the file asks of packets. */
#include "plan/build.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

const char *plan_join_name(enum plan_join join)
{
	switch (join) {
	case PLAN_JOIN_PATCH:
		return "patch";
	case PLAN_JOIN_NETEM:
		return "netem";
	case PLAN_JOIN_WIRE:
		return "wire";
	}
	return "?";
}

static int no_wire(struct build *b, const struct topo_link *link)
{
	err_set(b->err, EOPNOTSUPP, "link '%s': the engine 'wire' is not in this version",
		link->name);
	err_class(b->err, NETLAB_EXIT_UNSUPPORTED);
	err_hint(b->err,
		 "leave out \"engine\" and \"join\": links that shape are carried by netem");
	return -EOPNOTSUPP;
}

static int make_direction(struct build *b, size_t l, unsigned dir)
{
	const struct topo_link *link = &b->topo->links[l];
	struct plan_link *p = &b->plan->links[l];
	int r = plan_qdisc_build(&link->dir[dir], p->mtu, b->host, &p->dir[dir], b->err);

	if (r < 0)
		err_wrap(b->err, "link '%s' from '%s' to '%s'", link->name,
			 b->topo->nodes[link->ends[dir].node].name,
			 b->topo->nodes[link->ends[!dir].node].name);
	return r;
}

static int make_join(struct build *b, size_t l)
{
	const struct topo_link *link = &b->topo->links[l];
	struct plan_link *p = &b->plan->links[l];
	bool shapes[2] = { impairment_is_shaping(&link->dir[0]),
			   impairment_is_shaping(&link->dir[1]) };
	bool forced = link->join == TOPO_JOIN_NETEM;

	if (link->join == TOPO_JOIN_WIRE || b->topo->engine == TOPO_ENGINE_WIRE)
		return no_wire(b, link);
	if (!shapes[0] && !shapes[1] && !forced)
		return 0; /* PLAN_JOIN_PATCH */
	if (link->join == TOPO_JOIN_PATCH) {
		plan_invalid(b, "link '%s' is to be a plain patch, and to shape", link->name);
		return err_hint(b->err, "leave out \"join\": \"patch\", or the impairments");
	}
	p->join = PLAN_JOIN_NETEM;
	for (unsigned dir = 0; dir < 2; dir++) {
		int r = shapes[dir] || forced ? make_direction(b, l, dir) : 0;

		if (r < 0)
			return r;
	}
	/* One loss decision for each packet on the wire, not for 64 KB that the sender had not cut up yet. */
	for (end_id end = (end_id)l * 2; end < l * 2 + 2; end++)
		interface_of(b, end)->no_offload = !link->offload;
	return 0;
}

int plan_make_joins(struct build *b)
{
	for (size_t l = 0; l < b->topo->n_links; l++) {
		int r = make_join(b, l);

		if (r < 0)
			return r;
	}
	return 0;
}
