/* SPDX-License-Identifier: MIT */
/* What the kernel does a little after it has said yes: waited for, so that a lab is usable when `up` returns. */
#include "base/err.h"
#include "lab/supervisor.h"
#include "sys/gate.h"

/** Waits until a node takes packets for an address of its own. */
static int wait_for_address(struct supervisor *s, int fd, const struct ip_addr *a,
			    struct netlab_err *err)
{
	int r = sys_gate("rtnl getroute"); /* once, however often it is asked */

	if (r == 0)
		r = rt_is_local(fd, a);
	if (r != 0)
		return r < 0 ? err_errno(err, r, "reading routes") : 0;
	r = rt_hear_routes(fd, true);
	if (r < 0)
		return err_errno(err, r, "hearing of routes");
	for (;;) {
		bool heard = false;

		r = rt_has_local_route(fd, a, &heard);
		if (r != 0)
			break;
		r = heard ? 0 : supervisor_wait(s, fd, err);
		if (r < 0)
			return r;
	}
	(void)rt_hear_routes(fd, false);
	return r < 0 ? err_errno(err, r, "reading routes") : 0;
}

int settle_addresses(struct supervisor *s, size_t node, struct netlab_err *err)
{
	for (size_t i = 0; i < s->plan->n_ops; i++) {
		const struct plan_op *op = &s->plan->ops[i];
		const struct ip_addr *a = &op->address.prefix.addr;
		int r;

		if (op->kind != PLAN_ADDRESS || a->family != IP_V6 ||
		    (node != ALL_NODES && op->node != node))
			continue;
		r = wait_for_address(s, s->nodes[op->node].rtnl_fd, a, err);
		if (r < 0)
			return err_wrap(err, "node '%s': waiting for its addresses",
					s->topo->nodes[op->node].name);
	}
	return 0;
}

static int count_unsettled(void *ctx, const struct rt_link_state *l)
{
	enum { LISTENING = 1, LEARNING = 2 }; /* linux/if_bridge.h BR_STATE_* */
	unsigned *n = ctx;

	if (l->running && (l->stp_state == LISTENING || l->stp_state == LEARNING))
		(*n)++;
	return 0;
}

/** Waits until every port of a switch with STP forwards or blocks. */
static int wait_for_tree(struct supervisor *s, size_t node, struct netlab_err *err)
{
	int fd = s->nodes[node].rtnl_fd, r = rt_hear_links(fd, true);

	if (r < 0)
		return err_errno(err, r, "hearing of port states");
	for (;;) {
		unsigned unsettled = 0;
		bool heard = false;

		r = rt_each_link_hearing(fd, count_unsettled, &unsettled, &heard);
		if (r < 0)
			return err_errno(err, r, "reading port states");
		if (unsettled == 0)
			break;
		r = heard ? 0 : supervisor_wait(s, fd, err);
		if (r < 0)
			return r;
	}
	(void)rt_hear_links(fd, false);
	return 0;
}

int settle_trees(struct supervisor *s, size_t node, struct netlab_err *err)
{
	for (size_t i = 0; i < s->topo->n_nodes; i++) {
		int r;

		if (!s->topo->nodes[i].stp || (node != ALL_NODES && i != node))
			continue;
		r = wait_for_tree(s, i, err);
		if (r < 0)
			return err_wrap(err, "switch '%s': waiting for its spanning tree",
					s->topo->nodes[i].name);
	}
	return 0;
}
