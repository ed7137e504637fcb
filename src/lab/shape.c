/* SPDX-License-Identifier: MIT */
/* Qdiscs of the fabric: all of a lab's by one tc -batch, what tc cannot say by netlink, everything read back; and the
   changes of a running link. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "lab/shape.h"
#include "sys/tc.h"

/* Fabric end `end` of link `i` has ifindex PLAN_FABRIC_IFINDEX + 2 * i + end, and direction d's qdisc is on end !d. */
bool shape_locate(const struct supervisor *s, uint32_t ifindex, size_t *ret_link, unsigned *ret_dir)
{
	uint32_t number = ifindex - PLAN_FABRIC_IFINDEX;

	if (ifindex < PLAN_FABRIC_IFINDEX || number / 2 >= s->topo->n_links)
		return false;
	*ret_link = number / 2;
	*ret_dir = !(number % 2);
	return true;
}

static const char *device(const struct supervisor *s, size_t link, unsigned dir)
{
	return s->plan->links[link].ends[!dir].name;
}

static int wrap_direction(const struct supervisor *s, size_t link, unsigned dir,
			  struct netlab_err *err)
{
	return err_wrap(err, "link '%s' %s", s->topo->links[link].name, topo_arrow(dir));
}

/* --- what the kernel should hold --- */

static bool near32(uint32_t a, uint32_t b)
{
	enum { ROUNDING = 2 };

	return (a > b ? a - b : b - a) <= ROUNDING;
}

static bool same_loss(const struct impairment *m, const struct rt_netem *n)
{
	const struct impair_loss *l = &m->loss;

	if (!impair_asks(m, IMPAIR_LOSS))
		return n->loss_model == 0 && n->loss == 0;
	switch (l->model) {
	case IMPAIR_LOSS_RANDOM:
		return n->loss_model == 0 && near32(n->loss, impair_share_to_u32(l->random));
	case IMPAIR_LOSS_BURST:
	case IMPAIR_LOSS_GEMODEL:
		return n->loss_model == 2 && near32(n->ge[0], impair_share_to_u32(l->p)) &&
		       near32(n->ge[1], impair_share_to_u32(l->r)) &&
		       near32(n->ge[2], impair_share_to_u32(1 - l->one_minus_h)) &&
		       near32(n->ge[3], impair_share_to_u32(l->one_minus_k));
	case IMPAIR_LOSS_STATE:
		/* struct tc_netem_gimodel: p13 p31 p32 p14 p23 */
		return n->loss_model == 1 && near32(n->state[0], impair_share_to_u32(l->p13)) &&
		       near32(n->state[1], impair_share_to_u32(l->p31)) &&
		       near32(n->state[2], impair_share_to_u32(l->p32)) &&
		       near32(n->state[3], impair_share_to_u32(l->p14)) &&
		       near32(n->state[4], impair_share_to_u32(l->p23));
	}
	return false;
}

static double asked_share(const struct impairment *m, enum impair_key key, double value)
{
	return impair_asks(m, key) ? value : 0;
}

static bool same_slot(const struct impairment *m, const struct rt_netem *n)
{
	if (!impair_asks(m, IMPAIR_SLOT))
		return !n->has_slot ||
		       (n->slot_min_ns == 0 && n->slot_max_ns == 0 && n->slot_dist_delay_ns == 0);
	return n->has_slot && (uint32_t)n->slot_packets == m->slot.packets &&
	       (uint32_t)n->slot_bytes == m->slot.bytes;
}

/** Whether anything is left to chance. */
static bool is_random(const struct impairment *m)
{
	const uint32_t random = IMPAIR_BIT(IMPAIR_JITTER) | IMPAIR_BIT(IMPAIR_LOSS) |
				IMPAIR_BIT(IMPAIR_DUPLICATE) | IMPAIR_BIT(IMPAIR_CORRUPT) |
				IMPAIR_BIT(IMPAIR_REORDER) | IMPAIR_BIT(IMPAIR_SLOT);

	return m->set & random;
}

const char *shape_difference(const struct plan_qdisc *q, const struct rt_netem *n)
{
	/* tc rounds a delay to a microsecond's thousandth, and asks for 1 us where a table needs a delay */
	enum { DELAY_SLACK_NS = 1000 };
	const struct impairment *m = &q->impairment;
	uint64_t delay = impair_asks(m, IMPAIR_DELAY) ? m->delay_ns : 0;
	uint64_t jitter = impair_asks(m, IMPAIR_JITTER) ? m->jitter_ns : 0;
	uint64_t rate = impair_asks(m, IMPAIR_RATE) ? m->rate_bps / 8 : 0;

	if (n->limit != q->limit_packets)
		return "queue";
	if (n->latency_ns + DELAY_SLACK_NS < delay || n->latency_ns > delay + DELAY_SLACK_NS)
		return "delay";
	if (n->jitter_ns + DELAY_SLACK_NS < jitter || n->jitter_ns > jitter + DELAY_SLACK_NS)
		return "jitter";
	if (n->rate_bytes != rate)
		return "rate";
	if (!same_loss(m, n))
		return "loss";
	if (!near32(n->duplicate,
		    impair_share_to_u32(asked_share(m, IMPAIR_DUPLICATE, m->duplicate))))
		return "duplicate";
	if (!near32(n->corrupt, impair_share_to_u32(asked_share(m, IMPAIR_CORRUPT, m->corrupt))))
		return "corrupt";
	if (!near32(n->reorder, impair_share_to_u32(asked_share(m, IMPAIR_REORDER, m->reorder))))
		return "reorder";
	if (n->ecn != (impair_asks(m, IMPAIR_ECN) && m->ecn && impair_asks(m, IMPAIR_LOSS)))
		return "ecn";
	if (!same_slot(m, n))
		return "slot";
	if (impair_asks(m, IMPAIR_SEED) && (!n->has_seed || n->seed != m->seed))
		return "seed";
	return NULL;
}

/* --- writing and reading back --- */

struct pass {
	struct supervisor *s;
	struct rt_batch batch;
	struct netlab_err *err;
	uint32_t only_ifindex;                  /**< 0 = all */
	const struct rt_netem_amendment *extra; /**< for one change, NULL otherwise */
	unsigned seeds_ignored;
	size_t found;
};

/** What was asked, where it is something that tc can see at all; else what it made of it. */
static uint64_t exact(const struct impairment *m, enum impair_key key, uint64_t asked_ns,
		      uint64_t held_ns)
{
	enum { TC_SEES_NS = 1000 };

	return impair_asks(m, key) && asked_ns >= TC_SEES_NS ? asked_ns : held_ns;
}

static int amend_one(void *ctx, const struct rt_qdisc *q)
{
	struct pass *p = ctx;
	struct rt_netem_amendment a = { 0 };
	const struct impairment *m;
	unsigned dir;
	size_t link;

	if (strcmp(q->kind, "netem") != 0 || (p->only_ifindex && q->ifindex != p->only_ifindex) ||
	    !shape_locate(p->s, q->ifindex, &link, &dir))
		return 0;
	if (p->extra)
		a = *p->extra;
	m = &p->s->links[link].qdisc[dir].impairment;
	a.set_seed = impair_asks(m, IMPAIR_SEED);
	a.seed = m->seed;
	a.latency_ns = exact(m, IMPAIR_DELAY, m->delay_ns, q->netem.latency_ns);
	a.jitter_ns = exact(m, IMPAIR_JITTER, m->jitter_ns, q->netem.jitter_ns);
	a.set_times = a.latency_ns != q->netem.latency_ns || a.jitter_ns != q->netem.jitter_ns;
	if (!a.set_seed && !a.set_times && !a.clear_ecn && !a.uniform_delay)
		return 0;
	p->batch.cookie = link * 2 + dir;
	return rt_amend_netem(&p->batch, q, &a, p->err);
}

static int check_one(void *ctx, const struct rt_qdisc *q)
{
	struct pass *p = ctx;
	const struct plan_qdisc *want;
	const char *difference;
	unsigned dir;
	size_t link;

	if ((p->only_ifindex && q->ifindex != p->only_ifindex) ||
	    !shape_locate(p->s, q->ifindex, &link, &dir))
		return 0;
	want = &p->s->links[link].qdisc[dir];
	if (want->kind == PLAN_QDISC_NONE || strcmp(q->kind, "netem") != 0)
		return 0;
	p->found++;
	difference = shape_difference(want, &q->netem);
	if (!difference)
		return 0;
	if (strcmp(difference, "seed") == 0) {
		p->seeds_ignored += is_random(&want->impairment);
		return 0;
	}
	err_set(p->err, EIO, "the kernel holds another '%s' than was asked", difference);
	err_hint(p->err, "this kernel's netem may not know it; see `tc qdisc` by `netlab show`");
	return wrap_direction(p->s, link, dir, p->err);
}

/** Amends by a socket of its own: the dump that tells what to amend is still running on the fabric's. */
static int amend(struct pass *p)
{
	int r;

	p->batch.fd = rt_open();
	if (p->batch.fd < 0)
		return err_errno(p->err, p->batch.fd, "rtnetlink socket");
	r = rt_each_qdisc(p->s->fabric_fd, amend_one, p);
	if (r < 0 && !p->err->code)
		err_errno(p->err, r, "reading qdiscs");
	if (r == 0) {
		r = rt_flush(&p->batch, p->err);
		if (r < 0)
			wrap_direction(p->s, p->batch.failed_cookie / 2, p->batch.failed_cookie % 2,
				       p->err);
	}
	close(p->batch.fd);
	rt_batch_deinit(&p->batch);
	return r;
}

static int read_back(struct pass *p, size_t expected)
{
	int r = rt_each_qdisc(p->s->fabric_fd, check_one, p);

	if (r < 0)
		return p->err->code ? r : err_errno(p->err, r, "reading qdiscs back");
	if (p->found != expected)
		return err_set(p->err, EIO, "the kernel holds %zu of %zu qdiscs", p->found,
			       expected);
	if (p->seeds_ignored)
		supervisor_warn(
			p->s,
			"this kernel's netem takes no seed (Linux 6.6 does): losses on %u link "
			"directions will differ from run to run",
			p->seeds_ignored);
	return 0;
}

int shape_all(struct supervisor *s, struct netlab_err *err)
{
	struct pass pass = { .s = s, .err = err };
	_cleanup_buf_ struct buf lines = { 0 };
	size_t n = 0, last = 0;
	unsigned line;
	int r;

	for (size_t i = 0; i < s->plan->n_ops; i++) {
		const struct plan_op *op = &s->plan->ops[i];

		if (op->kind != PLAN_QDISC)
			continue;
		buf_printf(&lines, "qdisc add dev %s root ",
			   device(s, op->link.link, op->link.end));
		plan_qdisc_print(&lines, &s->links[op->link.link].qdisc[op->link.end]);
		buf_puts(&lines, "\n");
		n++;
	}
	if (n == 0)
		return 0;
	if (!buf_text(&lines))
		return err_set(err, ENOMEM, "out of memory");
	r = tc_batch(lines.data, lines.len, &line, err);
	if (r < 0) {
		for (size_t i = 0; i < s->plan->n_ops && line > 0; i++) {
			if (s->plan->ops[i].kind == PLAN_QDISC && line-- == 1)
				last = i + 1;
		}
		if (last)
			wrap_direction(s, s->plan->ops[last - 1].link.link,
				       s->plan->ops[last - 1].link.end, err);
		return r;
	}
	r = amend(&pass);
	return r < 0 ? r : read_back(&pass, n);
}

/* --- one direction of a running link --- */

int shape_build(struct supervisor *s, size_t link, unsigned dir, const struct impairment *m,
		struct plan_qdisc *ret, struct netlab_err *err)
{
	const struct plan_qdisc *old = &s->links[link].qdisc[dir];
	struct impairment nothing = *m;
	int r;

	if (impairment_is_shaping(m)) {
		r = plan_qdisc_build(m, s->plan->links[link].mtu, ret, err);
		return r < 0 ? wrap_direction(s, link, dir, err) : 0;
	}
	*ret = (struct plan_qdisc){ .kind = PLAN_QDISC_NONE, .impairment = *m };
	if (old->kind == PLAN_QDISC_NONE)
		return 0;
	/* A root qdisc that goes takes the packets that it holds with it: one that does nothing stays instead. */
	nothing.set &= IMPAIR_BIT(IMPAIR_SEED);
	return plan_qdisc_build(&nothing, s->plan->links[link].mtu, ret, err);
}

int shape_apply(struct supervisor *s, size_t link, unsigned dir, const struct plan_qdisc *q,
		struct netlab_err *err)
{
	struct plan_qdisc old = s->links[link].qdisc[dir];
	struct rt_netem_amendment extra = { 0 };
	_cleanup_buf_ struct buf line = { 0 };
	struct pass pass = { .s = s, .err = err, .extra = &extra };
	unsigned leftovers = 0;
	int r;

	if (q->kind == PLAN_QDISC_NONE)
		return 0;
	buf_printf(&line, "qdisc replace dev %s root ", device(s, link, dir));
	if (old.kind == q->kind)
		leftovers = plan_qdisc_print_change(&line, &old, q);
	else
		plan_qdisc_print(&line, q);
	buf_puts(&line, "\n");
	if (!buf_text(&line))
		return err_set(err, ENOMEM, "out of memory");
	extra.clear_ecn = leftovers & PLAN_LEFT_ECN;
	extra.uniform_delay = leftovers & PLAN_LEFT_TABLE;
	r = tc_batch(line.data, line.len, NULL, err);
	if (r < 0)
		return wrap_direction(s, link, dir, err);
	s->links[link].qdisc[dir] = *q;
	pass.only_ifindex = s->plan->links[link].ends[!dir].ifindex;
	r = amend(&pass);
	if (r == 0)
		r = read_back(&pass, 1);
	return r;
}
