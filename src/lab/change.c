/* SPDX-License-Identifier: MIT */
/* `link set|clear|down|up` on a running lab: what is asked is kept whole, so that only the keys named change; then the
   difference is carried out, or nothing. */
#include "lab/change.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "lab/faults.h"
#include "lab/shape.h"
#include "lab/trace_store.h"
#include "lab/wired.h"

#define CARRIER_KEY "carrier="

/* What a link shall be like. */
struct wanted {
	size_t link;
	bool dirs[2]; /* which directions are touched */
	struct impairment asked[2];
	bool carrier;
};

/* --- reading a request --- */

static int no_such(struct netlab_err *err, const char *kind, const char *name)
{
	return err_set(err, ENOENT, "%s '%s': no such %s in this lab", kind, name, kind);
}

static int choose_directions(struct supervisor *s, const char *from, struct link_change *c,
			     struct netlab_err *err)
{
	const struct topo_link *link = &s->topo->links[c->link];
	size_t node;

	c->dirs[0] = c->dirs[1] = true;
	if (!from)
		return 0;
	node = topo_find_node(s->topo, from);
	if (node == SIZE_MAX)
		return no_such(err, "node", from);
	for (unsigned d = 0; d < 2; d++)
		c->dirs[d] = link->ends[d].node == node;
	if (c->dirs[0] || c->dirs[1])
		return 0;
	err_set(err, ENOENT, "node '%s' is not an end of link '%s'", from, link->name);
	return err_hint(err, "its ends are '%s' and '%s'", s->topo->nodes[link->ends[0].node].name,
			s->topo->nodes[link->ends[1].node].name);
}

static int read_carrier(struct link_change *c, const char *value, bool one_way,
			struct netlab_err *err)
{
	if (one_way) {
		err_set(err, EINVAL, "'carrier' is the link's, not a direction's");
		return err_hint(err, "leave out --from, or cut one direction with `link down`");
	}
	if (strcmp(value, "true") == 0)
		c->carrier = LINK_CARRIER_ON;
	else if (strcmp(value, "false") == 0)
		c->carrier = LINK_CARRIER_OFF;
	else
		return err_set(err, EINVAL, "carrier '%s': write true or false", value);
	return 0;
}

static int read_settings(const json_t *request, struct link_change *c, struct arena *texts,
			 struct netlab_err *err)
{
	const json_t *settings = json_object_get(request, "settings"), *item;
	bool one_way = json_object_get(request, "from") != NULL;
	size_t i;

	json_array_foreach(settings, i, item)
	{
		const char *setting = json_string_value(item);
		int r = 0;

		if (!setting)
			return err_set(err, EPROTO, "malformed request");
		if (strncmp(setting, CARRIER_KEY, strlen(CARRIER_KEY)) == 0)
			r = read_carrier(c, setting + strlen(CARRIER_KEY), one_way, err);
		else
			for (unsigned d = 0; d < 2 && r == 0; d++)
				r = impairment_parse_setting(setting, d, &c->keys[d], texts, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void set_down(struct link_change *c, bool down)
{
	for (unsigned d = 0; d < 2; d++) {
		c->keys[d].set |= IMPAIR_BIT(IMPAIR_DOWN);
		c->keys[d].down = down;
	}
}

static void clear(const struct supervisor *s, bool none, struct link_change *c)
{
	c->basis = none ? LINK_NOTHING : LINK_FILE;
	if (c->dirs[0] && c->dirs[1])
		c->carrier = none || s->topo->links[c->link].carrier ? LINK_CARRIER_ON
								     : LINK_CARRIER_OFF;
}

static int read_request(struct supervisor *s, const json_t *request, struct link_change *c,
			struct arena *texts, struct netlab_err *err)
{
	const char *verb = json_string_value(json_object_get(request, "verb"));
	const char *name = json_string_value(json_object_get(request, "link"));
	int r;

	if (!verb || !name)
		return err_set(err, EPROTO, "malformed request");
	c->link = topo_find_link(s->topo, name);
	if (c->link == SIZE_MAX)
		return no_such(err, "link", name);
	r = choose_directions(s, json_string_value(json_object_get(request, "from")), c, err);
	if (r < 0)
		return r;
	if (strcmp(verb, "set") == 0)
		r = read_settings(request, c, texts, err);
	else if (strcmp(verb, "clear") == 0)
		clear(s, json_is_true(json_object_get(request, "none")), c);
	else if (strcmp(verb, "down") == 0)
		set_down(c, true);
	else if (strcmp(verb, "up") == 0)
		set_down(c, false);
	else
		return err_set(err, EPROTO, "malformed request");
	return r < 0 ? err_wrap(err, "link '%s'", name) : 0;
}

static bool same_trace(const struct impairment keys[2])
{
	return impair_asks(&keys[0], IMPAIR_RATE) && impair_asks(&keys[1], IMPAIR_RATE) &&
	       keys[0].rate_trace && keys[1].rate_trace &&
	       keys[0].rate_trace_loop == keys[1].rate_trace_loop &&
	       strcmp(keys[0].rate_trace, keys[1].rate_trace) == 0;
}

static int read_traces(struct supervisor *s, struct impairment keys[2], struct netlab_err *err)
{
	bool same = same_trace(keys);
	int r = trace_store_read(s, &keys[0], err);

	if (same)
		keys[1].rate_trace = keys[0].rate_trace;
	else if (r == 0)
		r = trace_store_read(s, &keys[1], err);
	return r;
}

/** What the link shall be like after the change. */
static int want(struct supervisor *s, const struct link_change *c, struct wanted *w,
		struct netlab_err *err)
{
	const struct topo_link *topo = &s->topo->links[c->link];
	const struct lab_link *link = &s->links[c->link];
	struct impairment keys[2] = { c->keys[0], c->keys[1] };
	int r = read_traces(s, keys, err);

	w->link = c->link;
	w->carrier = c->carrier == LINK_CARRIER_KEEP ? link->carrier
						     : c->carrier == LINK_CARRIER_ON;
	for (unsigned d = 0; d < 2; d++) {
		w->dirs[d] = c->dirs[d];
		w->asked[d] = link->asked[d];
		if (!c->dirs[d])
			continue;
		if (c->basis != LINK_PRESENT) {
			w->asked[d] = topo->dir[d];
			trace_store_find(s, &w->asked[d]);
		}
		if (c->basis == LINK_NOTHING)
			w->asked[d].set &= IMPAIR_BIT(IMPAIR_SEED);
		impairment_merge(&w->asked[d], &keys[d]);
	}
	for (unsigned d = 0; d < 2 && r == 0; d++)
		r = impairment_check(&w->asked[d], err);
	return r < 0 ? err_wrap(err, "link '%s'", topo->name) : 0;
}

/* --- carrying it out --- */

static bool is_down(const struct impairment *m)
{
	return impair_asks(m, IMPAIR_DOWN) && m->down;
}

static bool is_shaping(const struct impairment asked[2])
{
	return impairment_is_shaping(&asked[0]) || impairment_is_shaping(&asked[1]);
}

/** Puts in or takes out what lets frames of a direction pass; without it, what comes in goes nowhere. */
static int set_redirect(struct supervisor *s, size_t link, unsigned dir, bool on,
			struct netlab_err *err)
{
	const struct plan_fabric_end *ends = s->plan->links[link].ends;
	int r;

	if (s->links[link].redirected[dir] == on)
		return 0;
	s->batch.fd = s->fabric_fd;
	r = on ? rt_new_redirect(&s->batch, ends[dir].ifindex, ends[!dir].ifindex, err)
	       : rt_delete_redirect(&s->batch, ends[dir].ifindex, err);
	if (r == 0)
		r = rt_flush(&s->batch, err);
	if (r == 0)
		s->links[link].redirected[dir] = on;
	return r;
}

/** Interface of a node that an end of a link makes; NULL when the node is dead. */
static const struct plan_interface *node_end(const struct supervisor *s, size_t link, unsigned end,
					     int *ret_rtnl_fd)
{
	size_t node = s->topo->links[link].ends[end].node;

	*ret_rtnl_fd = s->nodes[node].rtnl_fd;
	if (*ret_rtnl_fd < 0)
		return NULL;
	return &s->plan->nodes[node].interfaces[s->plan->links[link].interface[end]];
}

/** Cuts or joins the cable: the fabric ends go down or up, and all four ends know it when this returns. */
static int change_carrier(struct supervisor *s, size_t link, bool on, struct netlab_err *err)
{
	const struct plan_fabric_end *ends = s->plan->links[link].ends;
	int r = 0;

	if (s->links[link].carrier == on)
		return 0;
	/* Noted first: should only a part succeed, undoing it must go over all of it again. */
	s->links[link].carrier = on;
	s->batch.fd = s->fabric_fd;
	for (unsigned e = 0; e < 2 && r == 0; e++)
		r = rt_set_up(&s->batch, ends[e].ifindex, on, err);
	for (unsigned e = 0; e < 2 && r == 0; e++)
		r = rt_sync_carrier(&s->batch, ends[e].ifindex, err);
	if (r == 0)
		r = rt_flush(&s->batch, err);
	for (unsigned e = 0; e < 2 && r == 0; e++) {
		const struct plan_interface *in = node_end(s, link, e, &s->batch.fd);

		if (!in)
			continue;
		r = rt_sync_carrier(&s->batch, in->ifindex, err);
		if (r == 0)
			r = rt_flush(&s->batch, err);
	}
	return r;
}

/** Offloads at the node ends follow the shaping: one decision per packet on the wire, not per 64 KiB. */
static int change_offloads(struct supervisor *s, size_t link, bool off, struct netlab_err *err)
{
	int r = 0;

	if (s->links[link].no_offload == off)
		return 0;
	s->links[link].no_offload = off; /* first, as in change_carrier() */
	for (unsigned e = 0; e < 2 && r == 0; e++) {
		const struct plan_interface *in = node_end(s, link, e, &s->batch.fd);

		if (!in)
			continue;
		r = rt_set_offloads(s->batch.fd, in->name, !off);
		if (r < 0)
			return err_errno(err, r, "setting offloads");
	}
	return r;
}

/** How the link shall be joined. A running link leaves the wire, but no other way of joining, for a patch only. */
static int choose_join(struct supervisor *s, const struct wanted *w, struct plan_choice *ret,
		       struct netlab_err *err)
{
	const struct topo_link *topo = &s->topo->links[w->link];
	const struct lab_link *link = &s->links[w->link];
	enum topo_join wish = topo->join == TOPO_JOIN_PATCH ? TOPO_JOIN_AUTO : topo->join;
	bool faulty = faults_on(s, w->link);
	int r = 0;

	if (is_shaping(w->asked) && !faulty && !s->host.recorded)
		r = supervisor_probe(s, err);
	if (r == 0)
		r = plan_choose_join(wish, s->topo->engine, w->asked,
				     faulty ? plan_fault_rules : NULL, &s->host, ret, err);
	if (r < 0)
		return err_wrap(err, "link '%s'", topo->name);
	if (ret->join == PLAN_JOIN_NETEM && link->join == PLAN_JOIN_PATCH &&
	    s->plan->links[w->link].needs_wire)
		*ret = (struct plan_choice){ PLAN_JOIN_WIRE, s->plan->links[w->link].needs_wire };
	if (link->join == PLAN_JOIN_NETEM && ret->join == PLAN_JOIN_PATCH) {
		/* a root qdisc that goes takes the packets that it holds with it */
		*ret = (struct plan_choice){
			PLAN_JOIN_NETEM,
			"it was shaped before; an idle netem keeps packets in flight"
		};
	} else if (link->join == PLAN_JOIN_NETEM && ret->join == PLAN_JOIN_WIRE) {
		err_set(err, EOPNOTSUPP, "link '%s': netem, which carries it, cannot do %s",
			topo->name, ret->reason);
		err_class(err, NETLAB_EXIT_UNSUPPORTED);
		return err_hint(err,
				"say \"join\": \"wire\" for this link in the topology, and bring "
				"the lab up again");
	} else if (link->join == PLAN_JOIN_PATCH && ret->join == PLAN_JOIN_NETEM &&
		   topo->join == TOPO_JOIN_AUTO && s->topo->engine == TOPO_ENGINE_AUTO) {
		/* a device loses packets while its first root qdisc is put in (dev_deactivate() in qdisc_graft()) */
		*ret = (struct plan_choice){
			PLAN_JOIN_WIRE,
			"it was a plain patch, which the wire takes over without losing a packet"
		};
	} else if (link->join == PLAN_JOIN_WIRE && ret->join == PLAN_JOIN_NETEM) {
		*ret = (struct plan_choice){ PLAN_JOIN_WIRE,
					     "it is on the wire since more was asked of it" };
	}
	return 0;
}

static enum lab_way way(enum plan_join join, bool cut)
{
	switch (join) {
	case PLAN_JOIN_WIRE:
		return LAB_WAY_WIRE;
	case PLAN_JOIN_NETEM:
		return cut ? LAB_WAY_CUT : LAB_WAY_NETEM;
	case PLAN_JOIN_PATCH:
		break;
	}
	return cut ? LAB_WAY_CUT : LAB_WAY_PATCH;
}

/** Redirects as the join needs them, and the directions' `down` says. */
static int set_redirects(struct supervisor *s, const struct wanted *w, enum plan_join join,
			 struct netlab_err *err)
{
	int r = 0;

	for (unsigned d = 0; d < 2 && r == 0; d++) {
		bool on = join != PLAN_JOIN_WIRE && !is_down(&w->asked[d]);

		r = stats_turn(s, w->link, d, way(join, !on), err);
		if (r == 0)
			r = set_redirect(s, w->link, d, on, err);
	}
	return r;
}

static int end_handover(struct supervisor *s, size_t link, struct netlab_err *err)
{
	int r = wired_commit(s, link, err);

	if (r == 0)
		s->links[link].handover = false;
	return r;
}

/** From a patch, or from halfway to one, to the wire. */
static int go_to_wire(struct supervisor *s, const struct wanted *w, struct netlab_err *err)
{
	int r = wired_take(s, w->link, w->asked, err);

	if (r < 0)
		return r;
	s->links[w->link].join = PLAN_JOIN_WIRE; /* what goes wrong now is undone from there */
	s->links[w->link].handover = true;
	r = set_redirects(s, w, PLAN_JOIN_WIRE, err);
	return r < 0 ? r : end_handover(s, w->link, err);
}

/** From the wire to a patch. It stays on the wire when packets are on their way for long. */
static int go_to_patch(struct supervisor *s, const struct wanted *w, struct plan_choice *choice,
		       struct netlab_err *err)
{
	int r = wired_change(s, w->link, w->asked, err);

	if (r == 0)
		r = wired_release(s, w->link, err);
	if (r == -EBUSY) {
		*choice = (struct plan_choice){
			PLAN_JOIN_WIRE,
			"it was shaped before, and packets were on their way when that ended"
		};
		return 0;
	}
	if (r < 0)
		return r;
	s->links[w->link].handover = true;
	r = set_redirects(s, w, PLAN_JOIN_PATCH, err);
	return r < 0 ? r : end_handover(s, w->link, err);
}

static int carry_out_join(struct supervisor *s, const struct wanted *w, struct plan_choice *choice,
			  struct netlab_err *err)
{
	struct lab_link *link = &s->links[w->link];
	struct plan_qdisc qdisc[2];
	int r = 0;

	if (choice->join == PLAN_JOIN_WIRE)
		return link->join == PLAN_JOIN_WIRE && !link->handover
			       ? wired_change(s, w->link, w->asked, err)
			       : go_to_wire(s, w, err);
	if (link->join == PLAN_JOIN_WIRE)
		return go_to_patch(s, w, choice, err);
	for (unsigned d = 0; d < 2 && r == 0; d++)
		r = shape_build(s, w->link, d, &w->asked[d], &qdisc[d], err);
	for (unsigned d = 0; d < 2 && r == 0; d++) {
		if (w->dirs[d])
			r = shape_apply(s, w->link, d, &qdisc[d], err);
	}
	return r < 0 ? r : set_redirects(s, w, choice->join, err);
}

static int carry_out(struct supervisor *s, const struct wanted *w, struct netlab_err *err)
{
	struct lab_link *link = &s->links[w->link];
	struct plan_choice choice = { 0 };
	int r = choose_join(s, w, &choice, err);

	if (r == 0)
		r = change_offloads(
			s, w->link,
			(is_shaping(w->asked) || faults_on(s, w->link) || s->host.recorded) &&
				!s->topo->links[w->link].offload,
			err);
	if (r == 0)
		r = carry_out_join(s, w, &choice, err);
	if (r == 0) {
		link->join = choice.join;
		link->reason = choice.reason;
		for (unsigned d = 0; d < 2 && link->join == PLAN_JOIN_NETEM; d++)
			link->counts[d].ever_asked |= w->asked[d].set;
		r = change_carrier(s, w->link, w->carrier, err);
	}
	if (r == 0)
		memcpy(link->asked, w->asked, sizeof(link->asked));
	return r;
}

static int check_ends(const struct supervisor *s, size_t link, struct netlab_err *err)
{
	for (unsigned e = 0; e < 2; e++) {
		size_t node = s->topo->links[link].ends[e].node;

		if (s->nodes[node].pid)
			continue;
		err_set(err, ESRCH, "link '%s': node '%s', one of its ends, is dead",
			s->topo->links[link].name, s->topo->nodes[node].name);
		return err_hint(err, "`netlab restart %s` brings it back",
				s->topo->nodes[node].name);
	}
	return 0;
}

int link_apply(struct supervisor *s, const struct link_change *c, struct netlab_err *err)
{
	struct wanted w = { 0 }, before = { .link = c->link, .dirs = { true, true } };
	int r = check_ends(s, c->link, err);

	if (r == 0)
		r = want(s, c, &w, err);
	if (r < 0) {
		trace_store_sweep(s);
		return r;
	}
	memcpy(before.asked, s->links[c->link].asked, sizeof(before.asked));
	before.carrier = s->links[c->link].carrier;
	r = carry_out(s, &w, err);
	if (r < 0) {
		struct netlab_err ignored = { 0 };

		rt_discard(&s->batch);
		/* half done is not done: what was asked before is put back as far as it goes */
		(void)carry_out(s, &before, &ignored);
	}
	trace_store_sweep(s);
	return r;
}

int link_change(struct supervisor *s, const json_t *request, struct netlab_err *err)
{
	struct link_change c = { .basis = LINK_PRESENT };
	struct arena texts = ARENA_INIT;
	int r = read_request(s, request, &c, &texts, err);

	if (r == 0)
		r = link_apply(s, &c, err);
	arena_deinit(&texts);
	return r;
}
