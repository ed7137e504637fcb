/* SPDX-License-Identifier: MIT */
/*
 * What happened to the packets of each link, as far as anybody counted it.
 *
 * The wire counts everything itself. Of a patch the kernel counts what comes in at each end in the fabric; all of it comes
 * out at the other, but for what was cut. Of netem there is besides what its qdisc says, and, since the kernel does not tell
 * lost packets from those that found no room, what the redirect says that feeds it: a full queue is the only thing that
 * sch_netem's enqueue reports to its caller. What cannot be told at all is null.
 *
 * The counters come from several places at slightly different moments. One of each equation is therefore not counted but
 * computed, so that offered + duplicated = delivered + dropped + queued holds in every answer.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "lab/faults.h"
#include "lab/shape.h"

/* What is known of a direction: the wire's counters, with those of the kernel added, and what is not known. */
struct known {
	struct wire_counters c;
	bool loss, duplicated, corrupted, reordered, marked;
	bool wired; /**< lateness counts */
};

/* What the kernel says at the moment, by link * 2 + direction. */
struct heard {
	const struct supervisor *s;
	struct lab_tally *came; /**< at the fabric end from which the direction starts */
	struct rt_qdisc *qdisc; /**< kind "" = no netem */
};

void stats_begin(struct supervisor *s)
{
	for (size_t i = 0; i < s->topo->n_links * 2; i++) {
		const struct lab_link *l = &s->links[i / 2];
		const struct impairment *m = &l->asked[i % 2];
		struct lab_counts *c = &s->links[i / 2].counts[i % 2];

		c->way = l->join == PLAN_JOIN_WIRE                ? LAB_WAY_WIRE
			 : impair_asks(m, IMPAIR_DOWN) && m->down ? LAB_WAY_CUT
			 : l->join == PLAN_JOIN_NETEM             ? LAB_WAY_NETEM
								  : LAB_WAY_PATCH;
		c->ever_asked = l->join == PLAN_JOIN_NETEM ? m->set : 0;
	}
}

int stats_turn(struct supervisor *s, size_t link, unsigned dir, enum lab_way way,
	       struct netlab_err *err)
{
	struct lab_counts *c = &s->links[link].counts[dir];
	uint32_t ifindex = s->plan->links[link].ends[dir].ifindex;
	struct rt_link_state now;
	uint64_t full = 0;
	int r;

	if (way == c->way)
		return 0;
	r = rt_get_link(s->fabric_fd, ifindex, &now);
	/* the redirect is about to go, and its counter with it */
	if (r == 0 && c->way == LAB_WAY_NETEM)
		r = rt_redirect_failures(s->fabric_fd, ifindex, &full);
	if (r < 0)
		return err_errno(err, r, "link '%s': reading its counters",
				 s->topo->links[link].name);
	c->by[c->way].packets += now.rx_packets - c->since.packets;
	c->by[c->way].bytes += now.rx_bytes - c->since.bytes;
	c->since = (struct lab_tally){ now.rx_packets, now.rx_bytes };
	c->queue_drops += full;
	c->way = way;
	return 0;
}

/* --- what the kernel says --- */

static int hear_link(void *ctx, const struct rt_link_state *l)
{
	struct heard *h = ctx;
	unsigned dir;
	size_t link;

	/* shape_locate() tells the direction whose qdisc an end has: it is the other that starts there */
	if (shape_locate(h->s, l->ifindex, &link, &dir))
		h->came[link * 2 + !dir] = (struct lab_tally){ l->rx_packets, l->rx_bytes };
	return 0;
}

static int hear_qdisc(void *ctx, const struct rt_qdisc *q)
{
	struct heard *h = ctx;
	unsigned dir;
	size_t link;

	if (strcmp(q->kind, "netem") == 0 && shape_locate(h->s, q->ifindex, &link, &dir))
		h->qdisc[link * 2 + dir] = *q;
	return 0;
}

static bool any_netem(const struct supervisor *s)
{
	for (size_t i = 0; i < s->topo->n_links; i++) {
		if (s->links[i].join == PLAN_JOIN_NETEM)
			return true;
	}
	return false;
}

static int hear(struct heard *h, struct netlab_err *err)
{
	size_t n = h->s->topo->n_links * 2 + 1;
	int r;

	h->came = calloc(n, sizeof(*h->came));
	h->qdisc = any_netem(h->s) ? calloc(n, sizeof(*h->qdisc)) : NULL;
	if (!h->came || (any_netem(h->s) && !h->qdisc))
		return err_set(err, ENOMEM, "out of memory");
	/* in this order: what has come by the first may still be in the second */
	r = h->qdisc ? rt_each_qdisc(h->s->fabric_fd, hear_qdisc, h) : 0;
	if (r == 0)
		r = rt_each_link(h->s->fabric_fd, hear_link, h);
	return r < 0 ? err_errno(err, r, "reading counters") : 0;
}

/* --- one direction --- */

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/** Adds what a netem did. `entered` is what was given to it. */
static int add_netem(const struct heard *h, size_t link, unsigned dir, struct lab_tally entered,
		     struct known *k)
{
	const struct supervisor *s = h->s;
	const struct lab_counts *counts = &s->links[link].counts[dir];
	const struct rt_qdisc *q = &h->qdisc[link * 2 + dir];
	bool duplicates = counts->ever_asked & IMPAIR_BIT(IMPAIR_DUPLICATE),
	     marks = counts->ever_asked & IMPAIR_BIT(IMPAIR_ECN);
	uint64_t full = 0, more, lost;
	int r = 0;

	k->corrupted = !(counts->ever_asked & IMPAIR_BIT(IMPAIR_CORRUPT));
	k->reordered = !(counts->ever_asked &
			 (IMPAIR_BIT(IMPAIR_REORDER) | IMPAIR_BIT(IMPAIR_JITTER_REORDERS)));
	if (!q->kind[0]) { /* the other direction is shaped, this one is not */
		k->c.offered += entered.packets;
		k->c.delivered += entered.packets;
		k->c.delivered_bytes += entered.bytes;
		return 0;
	}
	if (counts->way == LAB_WAY_NETEM)
		r = rt_redirect_failures(s->fabric_fd, s->plan->links[link].ends[dir].ifindex,
					 &full);
	full += counts->queue_drops;
	if (full > q->drops)
		full = q->drops;
	/* what came out, was dropped or waits, beyond what went in: duplicates, or, since netem counts those as dropped,
	   packets that got a mark instead */
	more = minus(q->sent_packets + q->drops + q->queued_packets, entered.packets);
	lost = q->drops - full;
	if (!duplicates && !marks)
		more = 0;
	if (duplicates && marks)
		k->loss = k->duplicated = k->marked = false;
	if (duplicates)
		k->c.duplicated += more;
	if (marks && !duplicates) {
		more = more < lost ? more : lost;
		k->c.marked += more;
		lost -= more;
	}
	k->c.delivered += q->sent_packets;
	k->c.delivered_bytes += q->sent_bytes;
	k->c.queued += q->queued_packets;
	k->c.dropped_loss += lost;
	k->c.dropped_queue += full;
	k->c.offered += q->sent_packets + q->queued_packets + q->drops - more;
	k->c.queue_limit = q->netem.limit;
	k->c.queue_by_bytes = false;
	return r;
}

static int know(const struct heard *h, size_t link, unsigned dir, struct known *k)
{
	const struct supervisor *s = h->s;
	const struct lab_link *l = &s->links[link];
	const struct lab_counts *counts = &l->counts[dir];
	struct lab_tally by[LAB_WAYS], came = h->came[link * 2 + dir];
	int r = 0;

	*k = (struct known){ .loss = true,
			     .duplicated = true,
			     .corrupted = true,
			     .reordered = true,
			     .marked = true };
	if (s->wire.shared)
		wire_read(&s->wire, link, dir, &k->c);
	k->wired = k->c.late_n > 0;
	if (l->join != PLAN_JOIN_WIRE)
		k->c.queue_limit = 0;
	memcpy(by, counts->by, sizeof(by));
	by[counts->way].packets += minus(came.packets, counts->since.packets);
	by[counts->way].bytes += minus(came.bytes, counts->since.bytes);
	k->c.offered += by[LAB_WAY_PATCH].packets + by[LAB_WAY_CUT].packets;
	k->c.offered_bytes += by[LAB_WAY_PATCH].bytes + by[LAB_WAY_CUT].bytes +
			      by[LAB_WAY_NETEM].bytes;
	k->c.delivered += by[LAB_WAY_PATCH].packets;
	k->c.delivered_bytes += by[LAB_WAY_PATCH].bytes;
	k->c.dropped_down += by[LAB_WAY_CUT].packets;
	if (l->join == PLAN_JOIN_NETEM)
		r = add_netem(h, link, dir, by[LAB_WAY_NETEM], k);
	return r;
}

static void put(json_t *o, const char *key, bool known, uint64_t value)
{
	json_object_set_new(o, key, known ? json_integer((json_int_t)value) : json_null());
}

static double microseconds(uint64_t ns)
{
	return (double)ns / 1000;
}

static json_t *direction_json(const struct known *k)
{
	const struct wire_counters *c = &k->c;
	json_t *o = json_object();

	put(o, "offered", true, c->offered);
	put(o, "delivered", true, c->delivered);
	put(o, "dropped_loss", k->loss, c->dropped_loss);
	put(o, "dropped_queue", true, c->dropped_queue);
	put(o, "dropped_fault", true, c->dropped_fault);
	put(o, "dropped_down", true, c->dropped_down);
	put(o, "dropped_host", true, c->dropped_host);
	put(o, "duplicated", k->duplicated, c->duplicated);
	put(o, "corrupted", k->corrupted, c->corrupted);
	put(o, "reordered", k->reordered, c->reordered);
	put(o, "marked", k->marked, c->marked);
	put(o, "bytes_offered", true, c->offered_bytes);
	put(o, "bytes_delivered", true, c->delivered_bytes);
	put(o, "queued", true, c->queued);
	put(o, c->queue_by_bytes ? "queue_limit_bytes" : "queue_limit_packets", c->queue_limit > 0,
	    c->queue_limit);
	json_object_set_new(o, "lateness_us",
			    k->wired ? json_pack("{s:f,s:f,s:f}", "p50",
						 microseconds(c->late_p50_ns), "p99",
						 microseconds(c->late_p99_ns), "max",
						 microseconds(c->late_max_ns))
				     : json_null());
	return o;
}

static json_t *links_json(const struct heard *h, struct netlab_err *err)
{
	const struct supervisor *s = h->s;
	json_t *links = json_object();

	for (size_t i = 0; i < s->topo->n_links; i++) {
		json_t *o = json_pack("{s:s}", "join", plan_join_name(s->links[i].join));

		for (unsigned d = 0; d < 2; d++) {
			struct known k;
			int r = know(h, i, d, &k);

			if (r < 0) {
				err_errno(err, r, "link '%s': reading its counters",
					  s->topo->links[i].name);
				json_decref(o);
				json_decref(links);
				return NULL;
			}
			json_object_set_new(o, topo_arrow(d), direction_json(&k));
		}
		json_object_set_new(links, s->topo->links[i].name, o);
	}
	return links;
}

json_t *stats_report(struct supervisor *s, struct netlab_err *err)
{
	struct heard h = { .s = s };
	json_t *links = NULL, *o;

	if (hear(&h, err) == 0)
		links = links_json(&h, err);
	free(h.came);
	free(h.qdisc);
	if (!links)
		return NULL;
	o = json_pack("{s:s}", "name", s->topo->name);
	if (s->wire.shared)
		json_object_set_new(o, "wire",
				    json_pack("{s:I}", "restarts", (json_int_t)s->wire.restarts));
	json_object_set_new(o, "links", links);
	if (s->faults)
		json_object_set_new(o, "faults", faults_report(s));
	return o;
}
