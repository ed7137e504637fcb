/* SPDX-License-Identifier: MIT */
/*
 * Trials of links, qdiscs and filters, by rtnetlink, and of nftables.
 *
 * Two veth pairs serve them all. One has its other end in a namespace of its own, as a link of a lab has; the other is
 * never brought up, so that qdiscs come and go on it without waiting for packets in flight.
 */
#include "sys/probe.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sys/gate.h"
#include "sys/nft.h"

enum {
	/* Above what the kernel gives out on its own (tunl0, sit0, ...). */
	NEAR_IFINDEX = 1001, /* here; its peer is in the peer's namespace */
	QUIET_IFINDEX = 1002,
	QUIET_PEER_IFINDEX = 1003,
	BRIDGE_IFINDEX = 1004,
	FILTER_PRIORITY_STEP = 1 << 16,
	NETEM_SEED_ATTR = 14, /* TCA_NETEM_PRNG_SEED, Linux 6.6; older headers lack it */
	TEST_SEED = 42424242,
	TEST_RATE_BYTES = 125000,
};

#define NEAR_NAME  "probe0"
#define QUIET_NAME "probe1"

/* Sends what the batch holds; the kernel's words go into *r. */
static int finish(struct probe *p, int r_add, struct netlab_err *err, struct probe_result *r)
{
	int e = r_add;

	if (e == 0)
		e = rt_flush(&p->batch, err);
	probe_fail(r, e, err->message);
	return e;
}

/* --- links --- */

/* Both pairs. */
static int make_links(struct probe *p, struct netlab_err *err)
{
	struct rt_end near[2] = {
		{ .name = NEAR_NAME, .ifindex = NEAR_IFINDEX, .mac = { 2, 0, 0, 0, 0, 1 } },
		{ .name = NEAR_NAME, .ifindex = NEAR_IFINDEX, .mac = { 2, 0, 0, 0, 0, 2 } },
	};
	const struct rt_end quiet[2] = {
		{ .name = QUIET_NAME, .ifindex = QUIET_IFINDEX, .mac = { 2, 0, 0, 0, 0, 3 } },
		{ .name = "probe2", .ifindex = QUIET_PEER_IFINDEX, .mac = { 2, 0, 0, 0, 0, 4 } },
	};
	const uint32_t mtu = 1500;
	int r;

	if (p->links_error <= 0)
		return p->links_error;
	r = probe_start_peer(p);
	near[1].netns_pid = p->peer_pid;
	if (r == 0)
		r = rt_new_veth(&p->batch, near, mtu, err);
	if (r == 0)
		r = rt_new_veth(&p->batch, quiet, mtu, err);
	if (r == 0)
		r = rt_flush(&p->batch, err);
	p->links_error = r;
	return r;
}

void probe_veth(struct probe *p, const char *arg, struct probe_result *r)
{
	struct netlab_err err = { 0 };
	int e = make_links(p, &err);

	(void)arg;
	probe_fail(r, e, err.message);
}

/* Without the pair nothing else here can be tried. */
static bool have_links(struct probe *p, struct probe_result *r)
{
	struct netlab_err err = { 0 };
	int e = make_links(p, &err);

	if (e == 0)
		return true;
	probe_fail(r, e, "not tried: there is no veth");
	r->untried = true;
	return false;
}

struct carrier {
	bool running;
};

static int on_link_state(void *ctx, const struct rt_link_state *state)
{
	struct carrier *c = ctx;

	if (state->ifindex == QUIET_IFINDEX)
		c->running = state->running;
	return 0;
}

void probe_carrier(struct probe *p, const char *arg, struct probe_result *r)
{
	struct netlab_err err = { 0 };
	struct carrier c = { 0 };
	int e;

	(void)arg;
	if (!have_links(p, r))
		return;
	e = rt_set_up(&p->batch, QUIET_IFINDEX, true, &err);
	if (e == 0)
		e = rt_set_up(&p->batch, QUIET_PEER_IFINDEX, true, &err);
	if (finish(p, e, &err, r) < 0)
		return;
	e = rt_sync_running(p->rtnl_fd, QUIET_NAME);
	if (e == 0)
		e = rt_each_link(p->rtnl_fd, on_link_state, &c);
	probe_fail(r, e, NULL);
	if (e == 0 && !c.running) {
		r->limited = true;
		(void)snprintf(r->detail, sizeof(r->detail),
			       "the link is up but not yet running when the kernel answers");
	}
}

void probe_offload(struct probe *p, const char *arg, struct probe_result *r)
{
	(void)arg;
	if (have_links(p, r))
		probe_fail(r, rt_set_offloads(p->rtnl_fd, NEAR_NAME, false), NULL);
}

void probe_bridge(struct probe *p, const char *arg, struct probe_result *r)
{
	bool stp = arg && strcmp(arg, "stp") == 0;
	struct rt_bridge bridge = {
		.name = stp ? "probebr1" : "probebr0",
		.ifindex = BRIDGE_IFINDEX + stp,
		.mac = { 2, 0, 0, 0, 0, (uint8_t)(5 + stp) },
		.stp = stp,
		.learn = true,
	};
	struct netlab_err err = { 0 };

	(void)finish(p, rt_new_bridge(&p->batch, &bridge, &err), &err, r);
}

/* What some kinds cannot do without. */
static int put_kind_data(struct nl_msg *msg, const char *kind)
{
	enum { SOME_ID = 7 };
	struct nlattr *data;
	int r = 0;

	data = nla_nest_start(msg, IFLA_INFO_DATA);
	if (!data)
		return -1;
	if (strcmp(kind, "vlan") == 0)
		r = nla_put_u16(msg, IFLA_VLAN_ID, SOME_ID);
	else if (strcmp(kind, "vxlan") == 0)
		r = nla_put_u32(msg, IFLA_VXLAN_ID, SOME_ID);
	else if (strcmp(kind, "vrf") == 0)
		r = nla_put_u32(msg, IFLA_VRF_TABLE, SOME_ID);
	else if (strcmp(kind, "macvlan") == 0)
		r = nla_put_u32(msg, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
	nla_nest_end(msg, data);
	return r;
}

void probe_link_kind(struct probe *p, const char *arg, struct probe_result *r)
{
	bool on_top = strcmp(arg, "vlan") == 0 || strcmp(arg, "macvlan") == 0;
	struct ifinfomsg header = { 0 };
	struct netlab_err err = { 0 };
	struct nl_msg *msg;
	struct nlattr *info;
	char name[16];
	int failed = 0;

	if (on_top && !have_links(p, r))
		return;
	msg = rt_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
	(void)snprintf(name, sizeof(name), "p-%.9s", arg);
	if (msg) {
		failed |= nla_put_string(msg, IFLA_IFNAME, name);
		if (on_top)
			failed |= nla_put_u32(msg, IFLA_LINK, QUIET_IFINDEX);
		info = nla_nest_start(msg, IFLA_LINKINFO);
		failed |= nla_put_string(msg, IFLA_INFO_KIND, arg);
		failed |= put_kind_data(msg, arg);
		if (info)
			nla_nest_end(msg, info);
		if (!info || failed) {
			nlmsg_free(msg);
			msg = NULL;
		}
	}
	(void)finish(p, rt_add(&p->batch, "rtnl newlink probe", msg, &err), &err, r);
	if (r->error == -EOPNOTSUPP)
		(void)snprintf(r->detail, sizeof(r->detail),
			       "this kernel has no links of kind '%s'", arg);
}

/* --- qdiscs --- */

static int put_htb(struct nl_msg *msg)
{
	/* TC_HTB_PROTOVER */
	struct tc_htb_glob opt = { .version = 3, .rate2quantum = 10 };

	return nla_put(msg, TCA_HTB_INIT, sizeof(opt), &opt);
}

/* netem with every key that a link can ask for. */
static int put_netem(struct nl_msg *msg)
{
	struct tc_netem_qopt opt = { .limit = 1000 };
	struct tc_netem_rate rate = { .rate = TEST_RATE_BYTES, .packet_overhead = 4 };
	struct tc_netem_slot slot = { .min_delay = 1000000, .max_delay = 2000000 };
	struct tc_netem_gemodel ge = {
		.p = 1u << 28, .r = 1u << 30, .h = 1u << 30, .k1 = 1u << 20
	};
	struct nlattr *loss;
	int r;

	r = nlmsg_append(msg, &opt, sizeof(opt), NLMSG_ALIGNTO);
	r |= nla_put_u64(msg, TCA_NETEM_LATENCY64, 1000000);
	r |= nla_put_u64(msg, TCA_NETEM_JITTER64, 100000);
	r |= nla_put(msg, TCA_NETEM_RATE, sizeof(rate), &rate);
	r |= nla_put(msg, TCA_NETEM_SLOT, sizeof(slot), &slot);
	r |= nla_put_u32(msg, TCA_NETEM_ECN, 1);
	loss = nla_nest_start(msg, TCA_NETEM_LOSS);
	r |= nla_put(msg, NETEM_LOSS_GE, sizeof(ge), &ge);
	if (loss)
		nla_nest_end(msg, loss);
	r |= nla_put_u64(msg, NETEM_SEED_ATTR, TEST_SEED);
	return loss ? r : -1;
}

/* Adds a qdisc: at the root, or clsact. Without options where `put` is NULL. */
static int add_qdisc(struct probe *p, const char *kind, int (*put)(struct nl_msg *msg),
		     struct netlab_err *err)
{
	struct tcmsg header = { .tcm_ifindex = QUIET_IFINDEX, .tcm_parent = TC_H_ROOT };
	struct nl_msg *msg = rt_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, &header,
					sizeof(header));
	struct nlattr *options;
	int failed = 0, r;

	if (msg) {
		failed |= nla_put_string(msg, TCA_KIND, kind);
		if (put) {
			options = nla_nest_start(msg, TCA_OPTIONS);
			failed |= put(msg);
			if (options)
				nla_nest_end(msg, options);
			else
				failed = -1;
		}
		if (failed) {
			nlmsg_free(msg);
			msg = NULL;
		}
	}
	r = rt_add(&p->batch, "rtnl newqdisc probe", msg, err);
	return r < 0 ? r : rt_flush(&p->batch, err);
}

void probe_qdisc(struct probe *p, const char *arg, struct probe_result *r)
{
	struct netlab_err err = { 0 };
	int e;

	if (!have_links(p, r))
		return;
	if (strcmp(arg, "clsact") == 0) {
		(void)finish(p, rt_new_clsact(&p->batch, NEAR_IFINDEX, &err), &err, r);
		return;
	}
	e = add_qdisc(p, arg, strcmp(arg, "htb") == 0 ? put_htb : NULL, &err);
	probe_fail(r, e, err.message);
}

static int take_netem(void *ctx, const struct rt_qdisc *q)
{
	struct probe *p = ctx;

	if (q->ifindex == QUIET_IFINDEX && strcmp(q->kind, "netem") == 0)
		p->netem = q->netem;
	return 0;
}

static void try_netem(struct probe *p)
{
	struct netlab_err err = { 0 };

	if (p->netem_error <= 0)
		return;
	p->netem_error = add_qdisc(p, "netem", put_netem, &err);
	if (p->netem_error == 0)
		p->netem_error = rt_each_qdisc(p->rtnl_fd, take_netem, p);
	if (p->netem_error == -ENOENT)
		(void)snprintf(p->netem_reason, sizeof(p->netem_reason),
			       "this kernel has no sch_netem");
	else
		(void)snprintf(p->netem_reason, sizeof(p->netem_reason), "%.120s", err.message);
}

void probe_netem(struct probe *p, const char *arg, struct probe_result *r)
{
	const struct rt_netem *n = &p->netem;
	bool there = true;

	if (!have_links(p, r))
		return;
	try_netem(p);
	if (p->netem_error < 0) {
		probe_fail(r, p->netem_error, p->netem_reason);
		r->untried = arg != NULL;
		return;
	}
	if (!arg)
		there = n->latency_ns == 1000000 && n->loss_model == 2;
	else if (strcmp(arg, "seed") == 0)
		there = n->has_seed && n->seed == TEST_SEED;
	else if (strcmp(arg, "rate") == 0)
		there = n->rate_bytes == TEST_RATE_BYTES && n->overhead == 4;
	else if (strcmp(arg, "slot") == 0)
		there = n->has_slot && n->slot_max_ns == 2000000;
	else if (strcmp(arg, "ecn") == 0)
		there = n->ecn;
	if (!there)
		probe_fail(r, -EOPNOTSUPP,
			   "taken without complaint, but the kernel does not hold it");
}

/* --- filters --- */

/* Priority: each filter its own, so that one does not need another gone. */
static struct nl_msg *filter_message(const char *kind, unsigned priority)
{
	struct tcmsg header = {
		.tcm_ifindex = NEAR_IFINDEX,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		.tcm_info = priority * FILTER_PRIORITY_STEP | htons(ETH_P_ALL),
	};
	struct nl_msg *msg = rt_message(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &header,
					sizeof(header));

	if (msg && nla_put_string(msg, TCA_KIND, kind) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* u32 that matches everything and does nothing. */
static struct nl_msg *u32_message(void)
{
	char selector[sizeof(struct tc_u32_sel) + sizeof(struct tc_u32_key)] = { 0 };
	struct nl_msg *msg = filter_message("u32", 2);
	struct tc_u32_sel *all = (struct tc_u32_sel *)selector;
	struct nlattr *options;

	if (!msg)
		return NULL;
	all->flags = TC_U32_TERMINAL;
	all->nkeys = 1;
	options = nla_nest_start(msg, TCA_OPTIONS);
	if (!options || nla_put(msg, TCA_U32_SEL, sizeof(selector), selector) < 0 ||
	    nla_put_u32(msg, TCA_U32_CLASSID, TC_H_MAKE(1 << 16, 1)) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	nla_nest_end(msg, options);
	return msg;
}

/* A classic BPF program that matches everything. */
static struct nl_msg *bpf_message(void)
{
	const struct sock_filter all = { .code = BPF_RET | BPF_K, .k = UINT32_MAX };
	struct nl_msg *msg = filter_message("bpf", 3);
	struct nlattr *options;

	if (!msg)
		return NULL;
	options = nla_nest_start(msg, TCA_OPTIONS);
	if (!options || nla_put_u16(msg, TCA_BPF_OPS_LEN, 1) < 0 ||
	    nla_put(msg, TCA_BPF_OPS, sizeof(all), &all) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	nla_nest_end(msg, options);
	return msg;
}

void probe_filter(struct probe *p, const char *arg, struct probe_result *r)
{
	struct netlab_err err = { 0 };
	int e;

	if (!have_links(p, r))
		return;
	e = rt_new_clsact(&p->batch, NEAR_IFINDEX, &err);
	if (e == 0)
		e = rt_flush(&p->batch, &err);
	if (e < 0 && e != -EEXIST) {
		probe_fail(r, e, "not tried: there is no clsact");
		r->untried = true;
		return;
	}
	if (strcmp(arg, "mirred") == 0)
		e = rt_new_redirect(&p->batch, NEAR_IFINDEX, QUIET_IFINDEX, &err);
	else
		e = rt_add(&p->batch, "rtnl newtfilter probe",
			   strcmp(arg, "bpf") == 0 ? bpf_message() : u32_message(), &err);
	(void)finish(p, e, &err, r);
}

/* --- addresses --- */

void probe_ipv6(struct probe *p, const char *arg, struct probe_result *r)
{
	const struct ip_prefix address = {
		.addr = { .family = IP_V6, .bytes = { 0xfd, [15] = 1 } },
		.len = 127,
	};
	struct netlab_err err = { 0 };

	(void)arg;
	if (have_links(p, r))
		(void)finish(p, rt_new_address(&p->batch, NEAR_IFINDEX, &address, &err), &err, r);
}

/* --- nftables --- */

void probe_nftables(struct probe *p, const char *arg, struct probe_result *r)
{
	const struct nft_masquerade all = { .table = "probe" };
	int e = sys_gate("nftables"), fd = -1;

	(void)p;
	(void)arg;
	if (e == 0)
		e = fd = nft_open();
	if (fd >= 0) {
		e = nft_masquerade(fd, &all);
		(void)close(fd);
	}
	probe_fail(r, e, NULL);
}
