/* SPDX-License-Identifier: MIT */
/* Addresses, neighbours and routes, put together by libnl-route and sent with the batch. */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/addr.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "sys/rtnl.h"

static int af(const struct ip_addr *a)
{
	return a->family == IP_V4 ? AF_INET : AF_INET6;
}

static struct nl_addr *address(const struct ip_addr *a, unsigned prefix_len)
{
	struct nl_addr *n = nl_addr_build(af(a), a->bytes, ip_len_bytes(a));

	if (n)
		nl_addr_set_prefixlen(n, (int)prefix_len);
	return n;
}

/** The message that libnl built, or NULL; `failed` collects what went wrong before. */
static int set_broadcast(struct rtnl_addr *object, const struct ip_prefix *p)
{
	struct ip_addr last = p->addr;
	struct nl_addr *broadcast;
	int failed;

	for (unsigned i = p->len; i < 32; i++)
		last.bytes[i / 8] |= (uint8_t)(0x80u >> (i % 8));
	broadcast = address(&last, 32);
	failed = !broadcast || rtnl_addr_set_broadcast(object, broadcast) < 0;
	nl_addr_put(broadcast);
	return failed;
}

int rt_new_address(struct rt_batch *b, uint32_t ifindex, const struct ip_prefix *p,
		   struct netlab_err *err)
{
	struct rtnl_addr *object = rtnl_addr_alloc();
	struct nl_addr *local = address(&p->addr, p->len);
	struct nl_msg *msg = NULL;
	int failed = !object || !local;

	if (!failed) {
		rtnl_addr_set_ifindex(object, (int)ifindex);
		failed |= rtnl_addr_set_local(object, local) < 0;
		/* No duplicate address detection: the plan has no duplicates, and the address is valid at once. */
		if (p->addr.family == IP_V6)
			rtnl_addr_set_flags(object, IFA_F_NODAD);
		else if (p->len < 31)
			failed |= set_broadcast(object, p);
		failed |= rtnl_addr_build_add_request(object, NLM_F_EXCL, &msg) < 0;
	}
	nl_addr_put(local);
	rtnl_addr_put(object);
	return rt_add(b, "rtnl newaddr", rt_checked(msg, failed), err);
}

int rt_keep_network(struct rt_batch *b, uint32_t ifindex, const struct ip_prefix *p,
		    struct netlab_err *err)
{
	enum { METRIC = 256 }; /* IP6_RT_PRIO_ADDRCONF, include/net/ip6_route.h */
	const struct ip_prefix network = ip_network(p);
	const struct rtmsg header = {
		.rtm_family = AF_INET6,
		.rtm_dst_len = p->len,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_KERNEL,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};
	/* without NLM_F_EXCL, which would take the same network on another interface for this one */
	struct nl_msg *msg = rt_message(RTM_NEWROUTE, NLM_F_CREATE, &header, sizeof(header));
	int r;

	r = rt_add(b, "rtnl newroute",
		   rt_checked(msg, msg && (nla_put(msg, RTA_DST, (int)ip_len_bytes(&network.addr),
						   network.addr.bytes) < 0 ||
					   nla_put_u32(msg, RTA_OIF, ifindex) < 0 ||
					   nla_put_u32(msg, RTA_PRIORITY, METRIC) < 0)),
		   err);
	if (r == 0)
		b->may_exist[b->n - 1] = true;
	return r;
}

int rt_delete_address(int fd, uint32_t ifindex, const struct ip_prefix *p, struct netlab_err *err)
{
	struct rt_batch b = { .fd = fd };
	struct rtnl_addr *object = rtnl_addr_alloc();
	struct nl_addr *local = address(&p->addr, p->len);
	struct nl_msg *msg = NULL;
	int failed = !object || !local, r;

	if (!failed) {
		rtnl_addr_set_ifindex(object, (int)ifindex);
		failed |= rtnl_addr_set_local(object, local) < 0;
		failed |= rtnl_addr_build_delete_request(object, 0, &msg) < 0;
	}
	nl_addr_put(local);
	rtnl_addr_put(object);
	r = rt_add(&b, "rtnl deladdr", rt_checked(msg, failed), err);
	if (r == 0)
		r = rt_flush(&b, err);
	rt_batch_deinit(&b);
	return r;
}

struct route_count {
	const struct ip_prefix *prefix;
	uint32_t except;
	int n;
};

static int count_route(void *ctx, struct nlmsghdr *h)
{
	const struct rtmsg *header = nlmsg_data(h);
	const struct nlattr *oif = nlmsg_find_attr(h, sizeof(*header), RTA_OIF),
			    *dst = nlmsg_find_attr(h, sizeof(*header), RTA_DST);
	struct route_count *c = ctx;
	struct ip_prefix to = { .addr.family = c->prefix->addr.family, .len = header->rtm_dst_len };

	if (!dst || to.len == 0 || nla_len(dst) != (int)ip_len_bytes(&to.addr))
		return 0;
	memcpy(to.addr.bytes, nla_data(dst), (size_t)nla_len(dst));
	c->n += ip_overlaps(&to, c->prefix) && (!oif || nla_get_u32(oif) != c->except);
	return 0;
}

int rt_count_routes(int fd, const struct ip_prefix *p, uint32_t except)
{
	struct rtmsg header = { .rtm_family = (unsigned char)af(&p->addr) };
	struct route_count c = { .prefix = p, .except = except };
	int r = rt_dump(fd, RTM_GETROUTE, &header, sizeof(header), count_route, &c);

	return r < 0 ? r : c.n;
}

static int is_local_route(void *ctx, struct nlmsghdr *h)
{
	(void)ctx;
	return ((const struct rtmsg *)nlmsg_data(h))->rtm_type == RTN_LOCAL;
}

int rt_is_local(int fd, const struct ip_addr *a)
{
	struct rtmsg header = {
		.rtm_family = (unsigned char)af(a),
		.rtm_dst_len = (unsigned char)ip_bits(a),
	};
	struct nl_msg *msg = rt_message(RTM_GETROUTE, 0, &header, sizeof(header));
	int r;

	if (msg && nla_put(msg, RTA_DST, (int)ip_len_bytes(a), a->bytes) < 0) {
		nlmsg_free(msg);
		msg = NULL;
	}
	r = rt_ask(fd, msg, is_local_route, NULL);
	/* no route at all, or one to nowhere, is "not yet" as well */
	return r < 0 && r != -ENOMEM && r != -EBADF ? 0 : r;
}

struct route_search {
	const struct ip_addr *addr;
	bool found;
};

static int find_local_route(void *ctx, struct nlmsghdr *h)
{
	const struct rtmsg *header = nlmsg_data(h);
	const struct nlattr *dst = nlmsg_find_attr(h, sizeof(*header), RTA_DST);
	struct route_search *s = ctx;
	size_t len = ip_len_bytes(s->addr);

	if (header->rtm_type == RTN_LOCAL && header->rtm_dst_len == ip_bits(s->addr) && dst &&
	    nla_len(dst) == (int)len && memcmp(nla_data(dst), s->addr->bytes, len) == 0)
		s->found = true;
	return 0;
}

int rt_has_local_route(int fd, const struct ip_addr *a, bool *ret_heard)
{
	struct rtmsg header = {
		.rtm_family = (unsigned char)af(a),
		.rtm_table = RT_TABLE_LOCAL,
	};
	struct route_search s = { .addr = a };
	int on = 1, off = 0, r;

	/* only with it the kernel looks at the table's number; one that does not know it (before 4.20) shows all tables */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	r = rt_dump_hearing(fd, RTM_GETROUTE, &header, sizeof(header), find_local_route, &s,
			    ret_heard);
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &off, sizeof(off));
	return r < 0 ? r : s.found;
}

int rt_new_neighbour(struct rt_batch *b, uint32_t ifindex, const struct ip_addr *a,
		     const uint8_t mac[6], struct netlab_err *err)
{
	struct rtnl_neigh *object = rtnl_neigh_alloc();
	struct nl_addr *dst = address(a, ip_bits(a));
	struct nl_addr *lladdr = nl_addr_build(AF_LLC, mac, 6);
	struct nl_msg *msg = NULL;
	int failed = !object || !dst || !lladdr;

	if (!failed) {
		rtnl_neigh_set_ifindex(object, (int)ifindex);
		rtnl_neigh_set_state(object, NUD_PERMANENT);
		rtnl_neigh_set_lladdr(object, lladdr);
		failed |= rtnl_neigh_set_dst(object, dst) < 0;
		failed |= rtnl_neigh_build_add_request(object, NLM_F_CREATE | NLM_F_REPLACE, &msg) <
			  0;
	}
	nl_addr_put(dst);
	nl_addr_put(lladdr);
	rtnl_neigh_put(object);
	return rt_add(b, "rtnl newneigh", rt_checked(msg, failed), err);
}

static uint8_t kernel_route_type(enum rt_route_type type)
{
	switch (type) {
	case RT_ROUTE_UNICAST:
		return RTN_UNICAST;
	case RT_ROUTE_BLACKHOLE:
		return RTN_BLACKHOLE;
	case RT_ROUTE_UNREACHABLE:
		return RTN_UNREACHABLE;
	}
	return RTN_UNSPEC;
}

static int add_hop(struct rtnl_route *route, const struct rt_hop *hop)
{
	struct rtnl_nexthop *nh = rtnl_route_nh_alloc();
	struct nl_addr *via = NULL;

	if (!nh)
		return 1;
	rtnl_route_nh_set_ifindex(nh, (int)hop->ifindex);
	if (hop->via.family) {
		via = address(&hop->via, ip_bits(&hop->via));
		if (!via) {
			rtnl_route_nh_free(nh);
			return 1;
		}
		rtnl_route_nh_set_gateway(nh, via);
		nl_addr_put(via);
	}
	rtnl_route_add_nexthop(route, nh); /* owns it now */
	return 0;
}

int rt_new_route(struct rt_batch *b, const struct rt_route *r, struct netlab_err *err)
{
	struct rtnl_route *object = rtnl_route_alloc();
	struct nl_addr *to = address(&r->to.addr, r->to.len);
	struct nl_msg *msg = NULL;
	int failed = !object || !to;

	if (!failed) {
		rtnl_route_set_family(object, (uint8_t)af(&r->to.addr));
		failed |= rtnl_route_set_dst(object, to) < 0;
		rtnl_route_set_table(object, RT_TABLE_MAIN);
		rtnl_route_set_protocol(object, RTPROT_STATIC);
		rtnl_route_set_scope(object, r->n_hops > 0 && !r->hops[0].via.family
						     ? RT_SCOPE_LINK
						     : RT_SCOPE_UNIVERSE);
		failed |= rtnl_route_set_type(object, kernel_route_type(r->type)) < 0;
		if (r->metric)
			rtnl_route_set_priority(object, r->metric);
		for (unsigned i = 0; i < r->n_hops; i++)
			failed |= add_hop(object, &r->hops[i]);
		failed |= rtnl_route_build_add_request(object, NLM_F_EXCL, &msg) < 0;
	}
	nl_addr_put(to);
	rtnl_route_put(object);
	return rt_add(b, "rtnl newroute", rt_checked(msg, failed), err);
}
