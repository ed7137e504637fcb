/* SPDX-License-Identifier: MIT */
/* Links over rtnetlink: veth pairs, bridges and their ports, up and down, carrier. What ethtool's ioctls do: ethtool.c. */
#include "sys/rtnl.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/gate.h"

/* linux/if_link.h of Debian 12 has these; named here for what they are: the values that `ip` gives in seconds are in
   USER_HZ (1/100 s) in the bridge's attributes (net/bridge/br_netlink.c). */
enum { USER_HZ_PER_SECOND = 100 };

static int put_end(struct nl_msg *msg, const struct rt_end *end, uint32_t mtu)
{
	int r = 0;

	r |= nla_put_string(msg, IFLA_IFNAME, end->name);
	r |= nla_put(msg, IFLA_ADDRESS, sizeof(end->mac), end->mac);
	r |= nla_put_u32(msg, IFLA_MTU, mtu);
	r |= nla_put_u32(msg, IFLA_NUM_TX_QUEUES, 1);
	r |= nla_put_u32(msg, IFLA_NUM_RX_QUEUES, 1);
	if (end->netns_pid > 0)
		r |= nla_put_u32(msg, IFLA_NET_NS_PID, (uint32_t)end->netns_pid);
	return r;
}

/** nlmsg_free() and NULL when something did not fit; so rt_add() reports it. */
int rt_new_veth(struct rt_batch *b, const struct rt_end ends[2], uint32_t mtu,
		struct netlab_err *err)
{
	struct ifinfomsg main_header = { .ifi_index = (int)ends[0].ifindex };
	struct ifinfomsg peer_header = { .ifi_index = (int)ends[1].ifindex };
	struct nl_msg *msg = rt_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &main_header,
					sizeof(main_header));
	struct nlattr *info, *data, *peer;
	int r;

	if (!msg)
		return rt_add(b, "rtnl newlink veth", NULL, err);
	r = put_end(msg, &ends[0], mtu);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	r |= nla_put_string(msg, IFLA_INFO_KIND, "veth");
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	peer = nla_nest_start(msg, VETH_INFO_PEER);
	r |= nlmsg_append(msg, &peer_header, sizeof(peer_header), NLMSG_ALIGNTO);
	r |= put_end(msg, &ends[1], mtu);
	if (!info || !data || !peer)
		r = -1;
	else {
		nla_nest_end(msg, peer);
		nla_nest_end(msg, data);
		nla_nest_end(msg, info);
	}
	return rt_add(b, "rtnl newlink veth", rt_checked(msg, r), err);
}

int rt_delete_link(struct rt_batch *b, uint32_t ifindex, struct netlab_err *err)
{
	struct ifinfomsg header = { .ifi_index = (int)ifindex };

	return rt_add(b, "rtnl dellink", rt_message(RTM_DELLINK, 0, &header, sizeof(header)), err);
}

int rt_new_bridge(struct rt_batch *b, const struct rt_bridge *br, struct netlab_err *err)
{
	/* The smallest delays that 802.1D and the kernel allow (BR_MIN_FORWARD_DELAY, BR_MIN_HELLO_TIME,
	   BR_MIN_MAX_AGE: net/bridge/br_private_stp.h), so that a tree stands in about 4 s instead of 30. */
	const uint32_t forward_delay_s = br->stp ? 2 : 0, hello_s = 1, max_age_s = 6;
	/* What a change of the tree shortens it to. The kernel looks for old addresses once in the normal time only
	   (300 s), so that after a change stations would not be found where they are now. */
	const uint32_t tree_ageing_s = 2 * forward_delay_s;
	struct ifinfomsg header = { .ifi_index = (int)br->ifindex };
	struct nl_msg *msg = rt_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &header,
					sizeof(header));
	struct nlattr *info, *data;
	int r;

	if (!msg)
		return rt_add(b, "rtnl newlink bridge", NULL, err);
	r = nla_put_string(msg, IFLA_IFNAME, br->name);
	r |= nla_put(msg, IFLA_ADDRESS, sizeof(br->mac), br->mac);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	r |= nla_put_string(msg, IFLA_INFO_KIND, "bridge");
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	r |= nla_put_u32(msg, IFLA_BR_FORWARD_DELAY, forward_delay_s * USER_HZ_PER_SECOND);
	if (br->stp) {
		r |= nla_put_u32(msg, IFLA_BR_HELLO_TIME, hello_s * USER_HZ_PER_SECOND);
		r |= nla_put_u32(msg, IFLA_BR_MAX_AGE, max_age_s * USER_HZ_PER_SECOND);
		r |= nla_put_u32(msg, IFLA_BR_AGEING_TIME, tree_ageing_s * USER_HZ_PER_SECOND);
		r |= nla_put_u32(msg, IFLA_BR_STP_STATE, 1);
	}
	if (!br->learn) /* an entry that is old at once is never used: every frame is flooded */
		r |= nla_put_u32(msg, IFLA_BR_AGEING_TIME, 0);
	/* Snooping holds multicast back until a querier is heard; a plain switch floods it. */
	r |= nla_put_u8(msg, IFLA_BR_MCAST_SNOOPING, 0);
	if (!info || !data)
		r = -1;
	else {
		nla_nest_end(msg, data);
		nla_nest_end(msg, info);
	}
	return rt_add(b, "rtnl newlink bridge", rt_checked(msg, r), err);
}

int rt_set_master(struct rt_batch *b, uint32_t ifindex, uint32_t master, struct netlab_err *err)
{
	struct ifinfomsg header = { .ifi_index = (int)ifindex };
	struct nl_msg *msg = rt_message(RTM_NEWLINK, 0, &header, sizeof(header));

	return rt_add(b, "rtnl setlink master",
		      rt_checked(msg, msg && nla_put_u32(msg, IFLA_MASTER, master)), err);
}

int rt_set_up(struct rt_batch *b, uint32_t ifindex, bool up, struct netlab_err *err)
{
	struct ifinfomsg header = {
		.ifi_index = (int)ifindex,
		.ifi_flags = up ? IFF_UP : 0,
		.ifi_change = IFF_UP,
	};

	return rt_add(b, "rtnl setlink up", rt_message(RTM_NEWLINK, 0, &header, sizeof(header)),
		      err);
}

int rt_move_link(struct rt_batch *b, const struct rt_move *m, struct netlab_err *err)
{
	struct ifinfomsg header = { .ifi_index = (int)m->ifindex };
	struct nl_msg *msg = rt_message(RTM_NEWLINK, 0, &header, sizeof(header));
	int r;

	if (!msg)
		return rt_add(b, "rtnl setlink netns", NULL, err);
	r = nla_put_u32(msg, IFLA_NET_NS_PID, (uint32_t)m->netns_pid);
	r |= nla_put_string(msg, IFLA_IFNAME, m->name);
	r |= nla_put_u32(msg, IFLA_NEW_IFINDEX, m->new_ifindex);
	if (m->mac)
		r |= nla_put(msg, IFLA_ADDRESS, 6, m->mac);
	if (m->mtu)
		r |= nla_put_u32(msg, IFLA_MTU, m->mtu);
	return rt_add(b, "rtnl setlink netns", rt_checked(msg, r), err);
}

int rt_sync_carrier(struct rt_batch *b, uint32_t ifindex, struct netlab_err *err)
{
	struct ifinfomsg header = { .ifi_index = (int)ifindex };

	return rt_add(b, "rtnl getlink", rt_message(RTM_GETLINK, 0, &header, sizeof(header)), err);
}

struct each_link {
	rt_link_fn *fn;
	void *ctx;
};

static int on_link(void *ctx, struct nlmsghdr *h)
{
	struct each_link *each = ctx;
	const struct ifinfomsg *info = nlmsg_data(h);
	struct rt_link_state s = { .stp_state = -1 };
	struct nlattr *attr;

	if (h->nlmsg_type != RTM_NEWLINK)
		return 0;
	s.ifindex = (uint32_t)info->ifi_index;
	s.up = info->ifi_flags & IFF_UP;
	s.running = info->ifi_flags & IFF_RUNNING;
	attr = nlmsg_find_attr(h, sizeof(*info), IFLA_IFNAME);
	if (attr)
		nla_strlcpy(s.name, attr, sizeof(s.name));
	attr = nlmsg_find_attr(h, sizeof(*info), IFLA_ADDRESS);
	if (attr && nla_len(attr) == (int)sizeof(s.mac))
		memcpy(s.mac, nla_data(attr), sizeof(s.mac));
	attr = nlmsg_find_attr(h, sizeof(*info), IFLA_STATS64);
	if (attr) {
		struct rtnl_link_stats64 stats = { 0 };
		size_t len = (size_t)nla_len(attr);

		/* later kernels have more of it */
		memcpy(&stats, nla_data(attr), len < sizeof(stats) ? len : sizeof(stats));
		s.rx_packets = stats.rx_packets;
		s.rx_bytes = stats.rx_bytes;
	}
	attr = nlmsg_find_attr(h, sizeof(*info), IFLA_LINKINFO);
	if (attr) {
		struct nlattr *kind = nla_find(nla_data(attr), nla_len(attr), IFLA_INFO_SLAVE_KIND);
		struct nlattr *data = nla_find(nla_data(attr), nla_len(attr), IFLA_INFO_SLAVE_DATA);

		if (kind && data && nla_strcmp(kind, "bridge") == 0) {
			attr = nla_find(nla_data(data), nla_len(data), IFLA_BRPORT_STATE);
			if (attr)
				s.stp_state = nla_get_u8(attr);
		}
	}
	return each->fn(each->ctx, &s);
}

int rt_each_link(int fd, rt_link_fn *fn, void *ctx)
{
	return rt_each_link_hearing(fd, fn, ctx, NULL);
}

int rt_each_link_hearing(int fd, rt_link_fn *fn, void *ctx, bool *ret_heard)
{
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	struct each_link each = { fn, ctx };

	return rt_dump_hearing(fd, RTM_GETLINK, &header, sizeof(header), on_link, &each, ret_heard);
}

static int copy_link(void *ctx, const struct rt_link_state *state)
{
	struct rt_link_state *ret = ctx;

	*ret = *state;
	return 0;
}

int rt_get_link(int fd, uint32_t ifindex, struct rt_link_state *ret)
{
	struct ifinfomsg header = { .ifi_index = (int)ifindex };
	struct each_link each = { copy_link, ret };

	return rt_ask(fd, rt_message(RTM_GETLINK, 0, &header, sizeof(header)), on_link, &each);
}

static int hear(int fd, int group, bool on)
{
	char byte;

	if (setsockopt(fd, SOL_NETLINK, on ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP,
		       &group, sizeof(group)) < 0)
		return -errno;
	/* What was heard and not read, "some of it was lost" among it, is not to be met by the next request. */
	while (!on && (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC) >= 0 ||
		       errno == ENOBUFS || errno == EINTR))
		;
	return 0;
}

int rt_hear_links(int fd, bool on)
{
	return hear(fd, RTNLGRP_LINK, on);
}

int rt_hear_routes(int fd, bool on)
{
	return hear(fd, RTNLGRP_IPV6_ROUTE, on);
}
