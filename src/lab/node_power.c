/* SPDX-License-Identifier: MIT */
/* Nodes that are switched off and on while the lab runs. */
#include "lab/node_power.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/err.h"
#include "lab/limits.h"
#include "lab/netns_names.h"
#include "lab/services.h"
#include "lab/uplink.h"
#include "lab/wired.h"
#include "sys/clock.h"

enum {
	/* Ends that were put aside: above all that the plan numbers, and whatever the kernel numbers by itself. */
	ASIDE_IFINDEX = 0x40000000,
	DEATH_PATIENCE_MS = 10000,
	REBIRTH_PATIENCE_MS = 20000,
};

/** Calls fn for each of a node's ends of links. @return 0, or what fn returned first */
typedef int end_fn(struct supervisor *s, struct rt_batch *b, size_t link, unsigned end,
		   struct netlab_err *err);

static int each_end(struct supervisor *s, size_t node, struct rt_batch *b, end_fn *fn,
		    struct netlab_err *err)
{
	int r = 0;

	for (size_t i = 1; i < s->plan->nodes[node].n_interfaces && r == 0; i++) {
		size_t link = s->plan->nodes[node].interfaces[i].link;

		for (unsigned e = 0; e < 2 && r == 0; e++) {
			if (s->topo->links[link].ends[e].node == node &&
			    s->plan->links[link].interface[e] == i)
				r = fn(s, b, link, e, err);
		}
	}
	return r;
}

static const struct plan_interface *interface_of(const struct supervisor *s, size_t link,
						 unsigned end)
{
	return &s->plan->nodes[s->topo->links[link].ends[end].node]
			.interfaces[s->plan->links[link].interface[end]];
}

static uint32_t aside_ifindex(size_t link, unsigned end)
{
	return ASIDE_IFINDEX + 2 * (uint32_t)link + end;
}

static int put_aside(struct supervisor *s, struct rt_batch *b, size_t link, unsigned end,
		     struct netlab_err *err)
{
	struct netlab_err unwanted = { 0 };
	char name[16];

	(void)err;
	(void)snprintf(name, sizeof(name), "D%zu.%c", link % 1000000, end ? 'b' : 'a');
	/* each by itself: one that the node's root has removed or renamed is no reason to leave the others */
	if (rt_move_link(b,
			 &(struct rt_move){ .ifindex = interface_of(s, link, end)->ifindex,
					    .netns_pid = getpid(),
					    .name = name,
					    .new_ifindex = aside_ifindex(link, end) },
			 &unwanted) == 0)
		(void)rt_flush(b, &unwanted);
	return 0;
}

void node_links_aside(struct supervisor *s, size_t node)
{
	struct rt_batch b = { .fd = s->nodes[node].rtnl_fd };

	if (b.fd < 0)
		return;
	(void)each_end(s, node, &b, put_aside, NULL);
	rt_batch_deinit(&b);
}

static int give_back(struct supervisor *s, struct rt_batch *b, size_t link, unsigned end,
		     struct netlab_err *err)
{
	const struct plan_interface *in = interface_of(s, link, end);
	int r = rt_move_link(
		b,
		&(struct rt_move){ .ifindex = aside_ifindex(link, end),
				   .netns_pid = s->nodes[s->topo->links[link].ends[end].node].pid,
				   .name = in->name,
				   .new_ifindex = in->ifindex,
				   .mac = in->mac,
				   .mtu = in->mtu },
		err);

	if (r == 0)
		r = rt_flush(b, err);
	if (r < 0) {
		err_wrap(err, "giving it its end of link '%s'", s->topo->links[link].name);
		if (r == -ENODEV)
			err_hint(
				err,
				"something in the node removed the interface, and with it the link: "
				"`netlab down` and `up` make it anew");
	}
	return r;
}

/** What changes at run time, and where the plan may no longer be right. */
static int settle_end(struct supervisor *s, struct rt_batch *b, size_t link, unsigned end,
		      struct netlab_err *err)
{
	const struct plan_interface *in = interface_of(s, link, end);
	int fd = s->nodes[s->topo->links[link].ends[end].node].rtnl_fd;
	int r = rt_set_offloads(fd, in->name, !s->links[link].no_offload);

	(void)b;
	if (r == 0 && s->links[link].carrier)
		r = rt_sync_running(s->fabric_fd, s->plan->links[link].ends[end].name);
	if (r == 0 && s->links[link].carrier)
		r = rt_sync_running(fd, in->name);
	return r < 0 ? err_errno(err, r, "link '%s': its end '%s'", s->topo->links[link].name,
				 in->name)
		     : 0;
}

static int wait_for_death(struct supervisor *s, size_t node, struct netlab_err *err)
{
	uint64_t deadline_ns = sys_monotonic_ns() + DEATH_PATIENCE_MS * 1000000ull;

	(void)supervisor_reap(s);
	while (s->nodes[node].pid != 0) {
		struct signalfd_siginfo info;

		if (sys_monotonic_ns() >= deadline_ns)
			return err_set(err, ETIME, "its init outlives SIGKILL");
		if (sys_wait_readable(s->signal_fd, 100) == 0 &&
		    read(s->signal_fd, &info, sizeof(info)) == sizeof(info) &&
		    info.ssi_signo != SIGCHLD)
			supervisor_stop(s); /* that we read it is no reason not to */
		(void)supervisor_reap(s);
	}
	return 0;
}

static int kill_it(struct supervisor *s, size_t node, struct netlab_err *err)
{
	int r;

	node_links_aside(s, node);
	r = limits_is_frozen(s, node) ? limits_freeze(s, node, false, err) : 0;
	if (r < 0) /* v1 keeps even SIGKILL from what is frozen */
		return r;
	if (kill(s->nodes[node].pid, SIGKILL) < 0 && errno != ESRCH)
		return err_errno(err, errno, "killing its init");
	return wait_for_death(s, node, err);
}

int node_kill(struct supervisor *s, size_t node, struct netlab_err *err)
{
	const char *name = s->topo->nodes[node].name;
	int r;

	if (s->nodes[node].pid == 0) {
		err_set(err, ESRCH, "node '%s' is dead already", name);
		return err_hint(err, "`netlab restart %s` brings it back", name);
	}
	r = kill_it(s, node, err);
	wired_restore(s);
	if (r < 0)
		return err_wrap(err, "node '%s'", name);
	supervisor_log("node '%s' was killed, as asked", name);
	return 0;
}

static int bring_back(struct supervisor *s, size_t node, struct netlab_err *err)
{
	struct rt_batch b = { .fd = s->fabric_fd };
	int r = realise_spawn(s, node, err);

	if (r == 0)
		r = each_end(s, node, &b, give_back, err);
	if (r == 0)
		r = realise_configure(s, node, err);
	if (r == 0)
		r = each_end(s, node, &b, settle_end, err);
	rt_batch_deinit(&b);
	if (r == 0 && s->topo->nodes[node].kind == TOPO_UPLINK)
		r = uplink_make_again(s, err);
	if (r == 0)
		r = settle_addresses(s, node, err);
	if (r == 0)
		r = settle_trees(s, node, err);
	if (r == 0)
		r = netns_names_make(s, err);
	return r;
}

int node_restart(struct supervisor *s, size_t node, struct netlab_err *err)
{
	const char *name = s->topo->nodes[node].name;
	struct netlab_err unwanted = { 0 };
	int r;

	r = s->nodes[node].pid ? kill_it(s, node, err) : 0;
	if (r < 0)
		return err_wrap(err, "node '%s'", name);
	for (size_t i = 0; i < s->topo->n_nodes; i++)
		s->nodes[i].died = false; /* those that did long ago are no reason to fail */
	s->deadline_ns = sys_monotonic_ns() + REBIRTH_PATIENCE_MS * 1000000ull;
	r = bring_back(s, node, err);
	wired_restore(s);
	if (r < 0) {
		rt_discard(&s->batch); /* what was not sent is not for the next one */
		supervisor_log("node '%s' could not be brought back: %s", name, err->message);
		if (s->nodes[node].pid)
			(void)kill_it(s, node, &unwanted);
		return err_wrap(err, "node '%s'", name);
	}
	services_begin(s, node);
	s->node_returned = true;
	supervisor_log("node '%s' was started again", name);
	return 0;
}
