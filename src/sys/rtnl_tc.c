/* SPDX-License-Identifier: MIT */
/* Qdiscs and filters over rtnetlink: clsact, redirects, netem's seed and what the kernel holds. What tc can say is said
   by tc (tc.c); this is the rest. */
#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "sys/rtnl.h"

/* linux/pkt_sched.h, Linux 6.6; older headers lack it */
enum { NETEM_PRNG_SEED = 14 };

/* The redirect's place: one filter per device, first priority, all protocols. */
enum { REDIRECT_PRIORITY = 1, REDIRECT_HANDLE_INFO = (REDIRECT_PRIORITY << 16) };

int rt_new_clsact(struct rt_batch *b, uint32_t ifindex, struct netlab_err *err)
{
	struct tcmsg header = {
		.tcm_ifindex = (int)ifindex,
		.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
		.tcm_parent = TC_H_CLSACT,
	};
	struct nl_msg *msg = rt_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &header,
					sizeof(header));

	return rt_add(b, "rtnl newqdisc clsact",
		      rt_checked(msg, msg && nla_put_string(msg, TCA_KIND, "clsact")), err);
}

static struct tcmsg redirect_header(uint32_t from)
{
	return (struct tcmsg){
		.tcm_ifindex = (int)from,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		.tcm_info = REDIRECT_HANDLE_INFO | htons(ETH_P_ALL),
	};
}

int rt_new_redirect(struct rt_batch *b, uint32_t from, uint32_t to, struct netlab_err *err)
{
	struct tcmsg header = redirect_header(from);
	/* u32 with one key of mask 0 matches every frame; it is there where cls_matchall is not. */
	struct tc_u32_sel *all;
	struct tc_mirred mirred = {
		.action = TC_ACT_STOLEN,
		.eaction = TCA_EGRESS_REDIR,
		.ifindex = to,
	};
	struct nl_msg *msg = rt_message(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &header,
					sizeof(header));
	struct nlattr *options, *attr, *actions, *action, *parameters;
	int r;

	if (!msg)
		return rt_add(b, "rtnl newtfilter", NULL, err);
	r = nla_put_string(msg, TCA_KIND, "u32");
	options = nla_nest_start(msg, TCA_OPTIONS);
	attr = nla_reserve(msg, TCA_U32_SEL, sizeof(*all) + sizeof(struct tc_u32_key));
	if (!attr) {
		nlmsg_free(msg);
		return rt_add(b, "rtnl newtfilter", NULL, err);
	}
	all = nla_data(attr);
	memset(all, 0, sizeof(*all) + sizeof(struct tc_u32_key));
	all->flags = TC_U32_TERMINAL;
	all->nkeys = 1;
	actions = nla_nest_start(msg, TCA_U32_ACT);
	action = nla_nest_start(msg, 1); /* actions are numbered from 1: act_api.c */
	r |= nla_put_string(msg, TCA_ACT_KIND, "mirred");
	parameters = nla_nest_start(msg, TCA_ACT_OPTIONS);
	r |= nla_put(msg, TCA_MIRRED_PARMS, sizeof(mirred), &mirred);
	if (!options || !actions || !action || !parameters)
		r = -1;
	else {
		nla_nest_end(msg, parameters);
		nla_nest_end(msg, action);
		nla_nest_end(msg, actions);
		nla_nest_end(msg, options);
	}
	return rt_add(b, "rtnl newtfilter", rt_checked(msg, r), err);
}

int rt_delete_redirect(struct rt_batch *b, uint32_t from, struct netlab_err *err)
{
	struct tcmsg header = redirect_header(from);
	struct nl_msg *msg = rt_message(RTM_DELTFILTER, 0, &header, sizeof(header));

	return rt_add(b, "rtnl deltfilter",
		      rt_checked(msg, msg && nla_put_string(msg, TCA_KIND, "u32")), err);
}

/* --- reading back --- */

/** Copies an attribute into a struct that may be longer or shorter than what the kernel sent. */
static void copy_attr(void *into, size_t size, const struct nlattr *attr)
{
	size_t len = (size_t)nla_len(attr);

	memcpy(into, nla_data(attr), len < size ? len : size);
}

static const struct nlattr *inside(const struct nlattr *nest, int type)
{
	return nest ? nla_find(nla_data(nest), nla_len(nest), type) : NULL;
}

static int add_failures(void *ctx, struct nlmsghdr *h)
{
	const struct nlattr *options = nlmsg_find_attr(h, sizeof(struct tcmsg), TCA_OPTIONS);
	const struct nlattr *stats = inside(inside(inside(options, TCA_U32_ACT), 1), TCA_ACT_STATS);
	const struct nlattr *queue = inside(stats, TCA_STATS_QUEUE);
	struct gnet_stats_queue s = { 0 };
	uint64_t *sum = ctx;

	if (h->nlmsg_type == RTM_NEWTFILTER && queue) {
		copy_attr(&s, sizeof(s), queue);
		*sum += s.overlimits;
	}
	return 0;
}

int rt_redirect_failures(int fd, uint32_t from, uint64_t *ret)
{
	struct tcmsg header = redirect_header(from);
	uint64_t sum = 0;
	int r = rt_dump(fd, RTM_GETTFILTER, &header, sizeof(header), add_failures, &sum);

	if (r == 0)
		*ret = sum;
	return r;
}

static void read_loss_model(struct rt_netem *n, const struct nlattr *nest)
{
	const struct nlattr *gi = nla_find(nla_data(nest), nla_len(nest), NETEM_LOSS_GI);
	const struct nlattr *ge = nla_find(nla_data(nest), nla_len(nest), NETEM_LOSS_GE);

	if (gi) {
		n->loss_model = 1;
		copy_attr(n->state, sizeof(n->state), gi);
	} else if (ge) {
		n->loss_model = 2;
		copy_attr(n->ge, sizeof(n->ge), ge);
	}
}

static void read_slot(struct rt_netem *n, const struct nlattr *attr)
{
	struct tc_netem_slot slot = { 0 };

	copy_attr(&slot, sizeof(slot), attr);
	n->has_slot = true;
	n->slot_min_ns = slot.min_delay;
	n->slot_max_ns = slot.max_delay;
	n->slot_dist_delay_ns = slot.dist_delay;
	n->slot_dist_jitter_ns = slot.dist_jitter;
	n->slot_packets = slot.max_packets;
	n->slot_bytes = slot.max_bytes;
}

static void read_netem_attr(struct rt_netem *n, const struct nlattr *attr)
{
	struct tc_netem_corrupt corrupt = { 0 };
	struct tc_netem_reorder reorder = { 0 };
	struct tc_netem_rate rate = { 0 };

	switch (nla_type(attr)) {
	case TCA_NETEM_CORRUPT:
		copy_attr(&corrupt, sizeof(corrupt), attr);
		n->corrupt = corrupt.probability;
		break;
	case TCA_NETEM_REORDER:
		copy_attr(&reorder, sizeof(reorder), attr);
		n->reorder = reorder.probability;
		break;
	case TCA_NETEM_LOSS:
		read_loss_model(n, attr);
		break;
	case TCA_NETEM_RATE:
		copy_attr(&rate, sizeof(rate), attr);
		if (!n->rate_bytes)
			n->rate_bytes = rate.rate;
		n->overhead = rate.packet_overhead;
		n->cell = rate.cell_size;
		n->cell_overhead = rate.cell_overhead;
		break;
	case TCA_NETEM_RATE64:
		n->rate_bytes = nla_get_u64((struct nlattr *)attr);
		break;
	case TCA_NETEM_LATENCY64:
		n->latency_ns = nla_get_u64((struct nlattr *)attr);
		break;
	case TCA_NETEM_JITTER64:
		n->jitter_ns = nla_get_u64((struct nlattr *)attr);
		break;
	case TCA_NETEM_ECN:
		n->ecn = nla_get_u32((struct nlattr *)attr) != 0;
		break;
	case TCA_NETEM_SLOT:
		read_slot(n, attr);
		break;
	case NETEM_PRNG_SEED:
		n->seed = nla_get_u64((struct nlattr *)attr);
		n->has_seed = true;
		break;
	default:
		break;
	}
}

static void read_netem(struct rt_netem *n, const struct nlattr *options)
{
	struct tc_netem_qopt opt = { 0 };
	const struct nlattr *attr;
	int left = nla_len(options) - NLA_ALIGN((int)sizeof(opt));

	copy_attr(&opt, sizeof(opt), options);
	n->limit = opt.limit;
	n->gap = opt.gap;
	n->loss = opt.loss;
	n->duplicate = opt.duplicate;
	/* the attributes follow the struct without a nest header: research/netem.md 1.6 */
	nla_for_each_attr(attr,
			  (struct nlattr *)((char *)nla_data(options) + NLA_ALIGN(sizeof(opt))),
			  left, left) read_netem_attr(n, attr);
}

static void read_statistics(struct rt_qdisc *q, const struct nlattr *nest)
{
	const struct nlattr *basic = nla_find(nla_data(nest), nla_len(nest), TCA_STATS_BASIC);
	const struct nlattr *queue = nla_find(nla_data(nest), nla_len(nest), TCA_STATS_QUEUE);
	struct gnet_stats_basic b = { 0 };
	struct gnet_stats_queue s = { 0 };

	if (basic)
		copy_attr(&b, sizeof(b), basic);
	if (queue)
		copy_attr(&s, sizeof(s), queue);
	q->sent_bytes = b.bytes;
	q->sent_packets = b.packets;
	q->queued_packets = s.qlen;
	q->drops = s.drops;
	q->overlimits = s.overlimits;
}

struct each_qdisc {
	rt_qdisc_fn *fn;
	void *ctx;
};

static int on_qdisc(void *ctx, struct nlmsghdr *h)
{
	struct each_qdisc *each = ctx;
	const struct tcmsg *tc = nlmsg_data(h);
	struct rt_qdisc q = { 0 };
	const struct nlattr *kind, *stats;

	if (h->nlmsg_type != RTM_NEWQDISC || tc->tcm_parent != TC_H_ROOT)
		return 0;
	q.ifindex = (uint32_t)tc->tcm_ifindex;
	q.handle = tc->tcm_handle;
	kind = nlmsg_find_attr(h, sizeof(*tc), TCA_KIND);
	if (kind)
		nla_strlcpy(q.kind, kind, sizeof(q.kind));
	q.options = nlmsg_find_attr(h, sizeof(*tc), TCA_OPTIONS);
	stats = nlmsg_find_attr(h, sizeof(*tc), TCA_STATS2);
	if (stats)
		read_statistics(&q, stats);
	if (q.options && strcmp(q.kind, "netem") == 0)
		read_netem(&q.netem, q.options);
	return each->fn(each->ctx, &q);
}

int rt_each_qdisc(int fd, rt_qdisc_fn *fn, void *ctx)
{
	struct tcmsg header = { .tcm_family = AF_UNSPEC };
	struct each_qdisc each = { fn, ctx };

	return rt_dump(fd, RTM_GETQDISC, &header, sizeof(header), on_qdisc, &each);
}

/* --- writing what tc cannot --- */

/** netem scales a table's entries by jitter / NETEM_DIST_SCALE: one that runs evenly from -SCALE to SCALE is what netem does
 *  without a table. */
static int put_uniform_table(struct nl_msg *msg)
{
	enum { ENTRIES = 4096, STEP = 2 * NETEM_DIST_SCALE / ENTRIES };
	int16_t table[ENTRIES];

	for (int i = 0; i < ENTRIES; i++)
		table[i] = (int16_t)(-NETEM_DIST_SCALE + i * STEP);
	return nla_put(msg, TCA_NETEM_DELAY_DIST, sizeof(table), table);
}

static bool is_kept(const struct nlattr *attr, const struct rt_netem_amendment *a)
{
	switch (nla_type(attr)) {
	case TCA_NETEM_PAD:
		return false;
	case NETEM_PRNG_SEED:
		return !a->set_seed;
	case TCA_NETEM_LATENCY64:
	case TCA_NETEM_JITTER64:
		return !a->set_times;
	case TCA_NETEM_ECN:
		return !a->clear_ecn;
	default:
		return true;
	}
}

int rt_amend_netem(struct rt_batch *b, const struct rt_qdisc *q, const struct rt_netem_amendment *a,
		   struct netlab_err *err)
{
	enum { MESSAGE_BYTES = 16 * 1024 }; /* a table alone is 8 KiB */
	struct tcmsg header = {
		.tcm_ifindex = (int)q->ifindex,
		.tcm_handle = q->handle,
		.tcm_parent = TC_H_ROOT,
	};
	struct nl_msg *msg = nlmsg_alloc_size(MESSAGE_BYTES);
	struct tc_netem_qopt opt = { 0 };
	int left = nla_len(q->options) - NLA_ALIGN((int)sizeof(opt)), r;
	const struct nlattr *attr;
	struct nlattr *options;

	if (!msg || !nlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, RTM_NEWQDISC, 0, NLM_F_REQUEST))
		return rt_add(b, "rtnl newqdisc amend", rt_checked(msg, 1), err);
	copy_attr(&opt, sizeof(opt), q->options);
	r = nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO);
	r |= nla_put_string(msg, TCA_KIND, "netem");
	options = nla_nest_start(msg, TCA_OPTIONS);
	r |= nlmsg_append(msg, &opt, sizeof(opt), NLMSG_ALIGNTO);
	nla_for_each_attr(attr,
			  (struct nlattr *)((char *)nla_data(q->options) + NLA_ALIGN(sizeof(opt))),
			  left, left)
	{
		if (is_kept(attr, a))
			r |= nla_put(msg, nla_type(attr), nla_len(attr), nla_data(attr));
	}
	if (a->set_times) {
		r |= nla_put_u64(msg, TCA_NETEM_LATENCY64, a->latency_ns);
		r |= nla_put_u64(msg, TCA_NETEM_JITTER64, a->jitter_ns);
	}
	if (a->set_seed)
		r |= nla_put_u64(msg, NETEM_PRNG_SEED, a->seed);
	if (a->clear_ecn)
		r |= nla_put_u32(msg, TCA_NETEM_ECN, 0);
	if (a->uniform_delay)
		r |= put_uniform_table(msg);
	if (!options)
		r = -1;
	else
		nla_nest_end(msg, options);
	return rt_add(b, "rtnl newqdisc amend", rt_checked(msg, r), err);
}

int rt_probe_netem(int fd, struct netlab_err *err)
{
	enum { LO_IFINDEX = 1 };
	struct tcmsg header = { .tcm_ifindex = LO_IFINDEX, .tcm_parent = TC_H_ROOT };
	struct tc_netem_qopt opt = { .limit = 1 };
	struct rt_batch b = { .fd = fd };
	struct nl_msg *msg = rt_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &header,
					sizeof(header));
	int r;

	r = rt_add(&b, "rtnl probe netem",
		   rt_checked(msg, msg && (nla_put_string(msg, TCA_KIND, "netem") ||
					   nla_put(msg, TCA_OPTIONS, sizeof(opt), &opt))),
		   err);
	if (r == 0)
		r = rt_flush(&b, err);
	if (r == 0) {
		msg = rt_message(RTM_DELQDISC, 0, &header, sizeof(header));
		r = rt_add(&b, "rtnl probe netem",
			   rt_checked(msg, msg && nla_put_string(msg, TCA_KIND, "netem")), err);
		if (r == 0)
			r = rt_flush(&b, err);
	}
	rt_batch_deinit(&b);
	return r;
}
