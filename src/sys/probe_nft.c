/* SPDX-License-Identifier: MIT */
/* The trial of nftables: one transaction with a table, a NAT chain and a rule that masquerades. */
#include "sys/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/gate.h"

enum {
	BATCH_BYTES = 1024,
	LAST_SEQ =
		3, /* of the rule: the last that is acknowledged (older kernels say nothing to the end) */
	PATIENCE_S = 2,
	SOURCE_NAT_PRIORITY = 100,
};

struct batch {
	char data[BATCH_BYTES];
	size_t len;
	uint32_t seq;
	bool failed;
};

/* Takes a message into the batch and frees it. NULL: something did not fit. */
static void take(struct batch *b, struct nl_msg *msg)
{
	struct nlmsghdr *h = msg ? nlmsg_hdr(msg) : NULL;

	if (!h || b->len + NLMSG_ALIGN(h->nlmsg_len) > sizeof(b->data)) {
		b->failed = true;
	} else {
		h->nlmsg_seq = b->seq++;
		memcpy(b->data + b->len, h, h->nlmsg_len);
		b->len += NLMSG_ALIGN(h->nlmsg_len);
	}
	nlmsg_free(msg);
}

static struct nl_msg *boundary(int type)
{
	struct nfgenmsg header = { .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	return rt_message(type, 0, &header, sizeof(header));
}

static struct nl_msg *message(int type)
{
	struct nfgenmsg header = { .nfgen_family = NFPROTO_IPV4 };

	return rt_message(NFNL_SUBSYS_NFTABLES << 8 | type, NLM_F_CREATE | NLM_F_ACK, &header,
			  sizeof(header));
}

static struct nl_msg *table(void)
{
	struct nl_msg *msg = message(NFT_MSG_NEWTABLE);

	return rt_checked(msg, msg && nla_put_string(msg, NFTA_TABLE_NAME, "probe") < 0);
}

static struct nl_msg *chain(void)
{
	struct nl_msg *msg = message(NFT_MSG_NEWCHAIN);
	struct nlattr *hook;
	int r;

	if (!msg)
		return NULL;
	r = nla_put_string(msg, NFTA_CHAIN_TABLE, "probe");
	r |= nla_put_string(msg, NFTA_CHAIN_NAME, "post");
	r |= nla_put_string(msg, NFTA_CHAIN_TYPE, "nat");
	hook = nla_nest_start(msg, NFTA_CHAIN_HOOK);
	r |= nla_put_u32(msg, NFTA_HOOK_HOOKNUM, htonl(NF_INET_POST_ROUTING));
	r |= nla_put_u32(msg, NFTA_HOOK_PRIORITY, htonl(SOURCE_NAT_PRIORITY));
	if (hook)
		nla_nest_end(msg, hook);
	return rt_checked(msg, !hook || r);
}

static struct nl_msg *rule(void)
{
	struct nl_msg *msg = message(NFT_MSG_NEWRULE);
	struct nlattr *expressions, *element;
	int r;

	if (!msg)
		return NULL;
	r = nla_put_string(msg, NFTA_RULE_TABLE, "probe");
	r |= nla_put_string(msg, NFTA_RULE_CHAIN, "post");
	expressions = nla_nest_start(msg, NFTA_RULE_EXPRESSIONS);
	element = nla_nest_start(msg, NFTA_LIST_ELEM);
	r |= nla_put_string(msg, NFTA_EXPR_NAME, "masq");
	if (element)
		nla_nest_end(msg, element);
	if (expressions)
		nla_nest_end(msg, expressions);
	return rt_checked(msg, !expressions || !element || r);
}

/* Reads answers until the rule's, or the first error. */
static int hear(int fd)
{
	char buffer[4096];

	for (;;) {
		struct nlmsghdr *h = (struct nlmsghdr *)buffer;
		ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
		int left;

		if (n < 0)
			return errno == EAGAIN ? -ETIME : -errno;
		for (left = (int)n; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
			const struct nlmsgerr *e = nlmsg_data(h);

			if (h->nlmsg_type != NLMSG_ERROR)
				continue;
			if (e->error < 0 || h->nlmsg_seq == LAST_SEQ)
				return e->error;
		}
	}
}

static int try_nat(int fd)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct batch b = { .len = 0 };

	take(&b, boundary(NFNL_MSG_BATCH_BEGIN));
	take(&b, table());
	take(&b, chain());
	take(&b, rule());
	take(&b, boundary(NFNL_MSG_BATCH_END));
	if (b.failed)
		return -ENOMEM;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    send(fd, b.data, b.len, 0) < 0)
		return -errno;
	return hear(fd);
}

void probe_nftables(struct probe *p, const char *arg, struct probe_result *r)
{
	int e = sys_gate("nftables"), fd = -1;

	(void)p;
	(void)arg;
	if (e == 0) {
		fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
		e = fd < 0 ? -errno : try_nat(fd);
	}
	probe_fail(r, e, NULL);
	if (fd >= 0)
		(void)close(fd);
}
