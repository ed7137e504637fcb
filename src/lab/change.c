/* SPDX-License-Identifier: MIT */
/* `link set|clear|down|up` on a running lab: what is asked is kept whole, so that only the keys named change; then the
   difference is carried out, or nothing. */
#include "lab/change.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "lab/shape.h"

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

/** What the link shall be like after the change. */
static int want(const struct supervisor *s, const struct link_change *c, struct wanted *w,
		struct netlab_err *err)
{
	const struct topo_link *topo = &s->topo->links[c->link];
	const struct lab_link *link = &s->links[c->link];
	int r = 0;

	w->link = c->link;
	w->carrier = c->carrier == LINK_CARRIER_KEEP ? link->carrier
						     : c->carrier == LINK_CARRIER_ON;
	for (unsigned d = 0; d < 2; d++) {
		w->dirs[d] = c->dirs[d];
		w->asked[d] = link->asked[d];
		if (!c->dirs[d])
			continue;
		if (c->basis != LINK_PRESENT)
			w->asked[d] = topo->dir[d];
		if (c->basis == LINK_NOTHING)
			w->asked[d].set &= IMPAIR_BIT(IMPAIR_SEED);
		impairment_merge(&w->asked[d], &c->keys[d]);
	}
	for (unsigned d = 0; d < 2 && r == 0; d++)
		r = impairment_check(&w->asked[d], err);
	return r < 0 ? err_wrap(err, "link '%s'", topo->name) : 0;
}

/* --- carrying it out --- */

static bool is_down(const struct impairment *m)
{
	return (m->set & IMPAIR_BIT(IMPAIR_DOWN)) && m->down;
}

/** Cuts or mends a direction: without the redirect, what comes in goes nowhere. */
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
	const struct plan_node *p = &s->plan->nodes[node];

	*ret_rtnl_fd = s->nodes[node].rtnl_fd;
	for (size_t i = 1; i < p->n_interfaces && *ret_rtnl_fd >= 0; i++) {
		if (p->interfaces[i].link == link && p->interfaces[i].end == end)
			return &p->interfaces[i];
	}
	return NULL;
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

static int carry_out(struct supervisor *s, const struct wanted *c, struct netlab_err *err)
{
	struct lab_link *link = &s->links[c->link];
	struct plan_qdisc qdisc[2];
	bool shaping = false;
	int r = 0;

	for (unsigned d = 0; d < 2 && r == 0; d++) {
		r = shape_build(s, c->link, d, &c->asked[d], &qdisc[d], err);
		shaping = shaping || impairment_is_shaping(&c->asked[d]);
	}
	if (r == 0)
		r = change_offloads(s, c->link, shaping && !s->topo->links[c->link].offload, err);
	for (unsigned d = 0; d < 2 && r == 0; d++) {
		if (c->dirs[d])
			r = shape_apply(s, c->link, d, &qdisc[d], err);
	}
	for (unsigned d = 0; d < 2 && r == 0; d++)
		r = set_redirect(s, c->link, d, !is_down(&c->asked[d]), err);
	if (r == 0)
		r = change_carrier(s, c->link, c->carrier, err);
	if (r == 0)
		memcpy(link->asked, c->asked, sizeof(link->asked));
	return r;
}

int link_apply(struct supervisor *s, const struct link_change *c, struct netlab_err *err)
{
	struct wanted w = { 0 }, before = { .link = c->link, .dirs = { true, true } };
	int r = want(s, c, &w, err);

	if (r < 0)
		return r;
	memcpy(before.asked, s->links[c->link].asked, sizeof(before.asked));
	before.carrier = s->links[c->link].carrier;
	r = carry_out(s, &w, err);
	if (r < 0) {
		struct netlab_err ignored = { 0 };

		rt_discard(&s->batch);
		/* half done is not done: what was asked before is put back as far as it goes */
		(void)carry_out(s, &before, &ignored);
	}
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
