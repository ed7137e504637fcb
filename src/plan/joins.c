/* SPDX-License-Identifier: MIT */
/* How the two ends of each link meet: a plain patch, qdiscs of the kernel, or the wire. */
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

const char plan_fault_rules[] = "fault rules: netem has none";

static const char no_sch_netem[] = "this kernel has no sch_netem";

static int no_netem(const char *why, enum topo_join wish, struct netlab_err *err)
{
	err_set(err, EOPNOTSUPP, "%s%s", why == no_sch_netem ? "" : "netem cannot do ", why);
	err_class(err, NETLAB_EXIT_UNSUPPORTED);
	err_hint(err,
		 "leave out \"%s\": \"netem\": netlab's own wire, which any kernel has, can do it",
		 wish == TOPO_JOIN_NETEM ? "join" : "engine");
	return -EOPNOTSUPP;
}

/** Only the wire can be recorded, and replay decisions. */
static int choose_recorded(enum topo_join wish, enum topo_engine engine, struct plan_choice *ret,
			   struct netlab_err *err)
{
	bool by_link = wish == TOPO_JOIN_NETEM;

	if (!by_link && (engine != TOPO_ENGINE_NETEM || wish == TOPO_JOIN_WIRE)) {
		*ret = (struct plan_choice){ PLAN_JOIN_WIRE, "the lab is recorded, or replayed" };
		return 0;
	}
	(void)err_set(
		err, EOPNOTSUPP,
		"%s asks for netem, in the kernel, where packets cannot be recorded or replayed",
		by_link ? "its \"join\"" : "the lab's engine");
	(void)err_class(err, NETLAB_EXIT_UNSUPPORTED);
	(void)err_hint(err, "leave out \"%s\": \"netem\"%s", by_link ? "join" : "engine",
		       by_link ? "" : " (--engine netem)");
	return -EOPNOTSUPP;
}

int plan_choose_join(enum topo_join wish, enum topo_engine engine, const struct impairment asked[2],
		     const char *needs_wire, const struct plan_host *host, struct plan_choice *ret,
		     struct netlab_err *err)
{
	const char *beyond = needs_wire, *why;

	if (!beyond)
		beyond = impairment_beyond_netem(&asked[0]);
	if (!beyond)
		beyond = impairment_beyond_netem(&asked[1]);
	if (host && host->recorded)
		return choose_recorded(wish, engine, ret, err);
	why = host && host->no_netem && !needs_wire ? no_sch_netem : beyond;
	if (wish == TOPO_JOIN_WIRE) {
		*ret = (struct plan_choice){ PLAN_JOIN_WIRE, "the file says \"join\": \"wire\"" };
		return 0;
	}
	if (wish != TOPO_JOIN_NETEM) {
		if (!needs_wire && !impairment_is_shaping(&asked[0]) &&
		    !impairment_is_shaping(&asked[1])) {
			*ret = (struct plan_choice){ PLAN_JOIN_PATCH, "nothing is asked of it" };
			return 0;
		}
		if (engine == TOPO_ENGINE_WIRE) {
			*ret = (struct plan_choice){ PLAN_JOIN_WIRE, "the lab's engine is 'wire'" };
			return 0;
		}
		if (why && engine == TOPO_ENGINE_AUTO) {
			*ret = (struct plan_choice){ PLAN_JOIN_WIRE, why };
			return 0;
		}
	}
	if (why)
		return no_netem(why, wish, err);
	*ret = (struct plan_choice){
		PLAN_JOIN_NETEM,
		wish == TOPO_JOIN_NETEM       ? "the file says \"join\": \"netem\""
		: engine == TOPO_ENGINE_NETEM ? "the lab's engine is 'netem'"
					      : "this kernel has sch_netem",
	};
	return 0;
}

static int make_direction(struct build *b, size_t l, unsigned dir)
{
	const struct topo_link *link = &b->topo->links[l];
	struct plan_link *p = &b->plan->links[l];
	int r = plan_qdisc_build(&link->dir[dir], p->mtu, &p->dir[dir], b->err);

	if (r < 0)
		err_wrap(b->err, "link '%s' from '%s' to '%s'", link->name,
			 b->topo->nodes[link->ends[dir].node].name,
			 b->topo->nodes[link->ends[!dir].node].name);
	return r;
}

/** Whether an event of the timeline asks a link for what netem cannot do: a netem cannot become a wire while it runs. */
static bool timeline_beyond_netem(const struct topo *t, size_t l)
{
	struct impairment asked[2] = { t->links[l].dir[0], t->links[l].dir[1] };

	for (size_t i = 0; i < t->n_events; i++) {
		const struct topo_event *e = &t->timeline[i];

		if (e->action != TOPO_CHANGE || e->link != l)
			continue;
		for (unsigned dir = 0; dir < 2; dir++) {
			if (!e->dirs[dir])
				continue;
			if (e->basis == TOPO_BASIS_FILE)
				asked[dir] = t->links[l].dir[dir];
			impairment_merge(&asked[dir], &e->keys[dir]);
			if (impairment_beyond_netem(&asked[dir]))
				return true;
		}
	}
	return false;
}

/** @return per link whether the timeline changes it, so that not all events are looked at for all links; NULL: no memory */
static bool *find_changed(struct build *b)
{
	bool *changed = arena_array(&b->scratch, b->topo->n_links + 1, sizeof(*changed));

	for (size_t i = 0; changed && i < b->topo->n_events; i++) {
		if (b->topo->timeline[i].action == TOPO_CHANGE)
			changed[b->topo->timeline[i].link] = true;
	}
	return changed;
}

/** @return per link whether it has fault rules; NULL: no memory */
static bool *find_faulty(struct build *b)
{
	bool *faulty = arena_array(&b->scratch, b->topo->n_links + 1, sizeof(*faulty));

	for (size_t i = 0; faulty && i < b->topo->n_faults; i++)
		faulty[b->topo->faults[i].link] = true;
	return faulty;
}

static int make_join(struct build *b, size_t l, bool changes, bool faulty)
{
	const struct topo_link *link = &b->topo->links[l];
	struct plan_link *p = &b->plan->links[l];
	bool shapes[2] = { impairment_is_shaping(&link->dir[0]),
			   impairment_is_shaping(&link->dir[1]) };
	bool forced = link->join == TOPO_JOIN_NETEM;
	struct plan_choice choice;
	int r;

	if (link->join == TOPO_JOIN_PATCH && (shapes[0] || shapes[1])) {
		plan_invalid(b, "link '%s' is to be a plain patch, and to shape", link->name);
		return err_hint(b->err, "leave out \"join\": \"patch\", or the impairments");
	}
	if (link->join == TOPO_JOIN_PATCH && faulty) {
		plan_invalid(b, "link '%s' is to be a plain patch, and has fault rules",
			     link->name);
		return err_hint(b->err, "leave out \"join\": \"patch\", or the rules");
	}
	r = plan_choose_join(link->join, b->topo->engine, link->dir,
			     faulty ? plan_fault_rules : NULL, b->host, &choice, b->err);
	if (r < 0)
		return err_wrap(b->err, "link '%s'", link->name);
	if (link->join != TOPO_JOIN_NETEM && link->join != TOPO_JOIN_WIRE &&
	    b->topo->engine == TOPO_ENGINE_AUTO && changes && timeline_beyond_netem(b->topo, l))
		p->needs_wire = "its timeline asks for what netem cannot do";
	if (choice.join == PLAN_JOIN_NETEM && p->needs_wire)
		choice = (struct plan_choice){ PLAN_JOIN_WIRE, p->needs_wire };
	p->join = choice.join;
	p->reason = choice.reason;
	for (unsigned dir = 0; dir < 2 && p->join == PLAN_JOIN_NETEM; dir++) {
		r = shapes[dir] || forced ? make_direction(b, l, dir) : 0;
		if (r < 0)
			return r;
	}
	/* One loss decision for each packet on the wire, not for 64 KB that the sender had not cut up yet. */
	p->no_offload = !link->offload && (shapes[0] || shapes[1] || forced || faulty ||
					   (b->host && b->host->recorded));
	for (end_id end = (end_id)l * 2; end < l * 2 + 2; end++)
		interface_of(b, end)->no_offload = p->no_offload;
	return 0;
}

int plan_make_joins(struct build *b)
{
	const bool *changed = find_changed(b), *faulty = find_faulty(b);

	if (!changed || !faulty)
		return err_set(b->err, ENOMEM, "out of memory");
	for (size_t l = 0; l < b->topo->n_links; l++) {
		int r = make_join(b, l, changed[l], faulty[l]);

		if (r < 0)
			r = plan_note(b, err_where(b->err, "/links/%zu", l));
		if (r < 0)
			return r;
	}
	return 0;
}
