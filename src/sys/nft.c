/* SPDX-License-Identifier: MIT */
/* Masquerading by nftables, in one transaction. */
#include "sys/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "sys/gate.h"
#include "sys/rtnl.h"

#ifndef NFT_TABLE_F_OWNER
#define NFT_TABLE_F_OWNER 0x2 /* Linux 5.12 */
#endif

enum {
	BATCH_BYTES = 2048,
	PATIENCE_S = 10,
	SOURCE_NAT_PRIORITY = 100, /* NF_IP_PRI_NAT_SRC */
	IPV4_SOURCE_OFFSET = 12,   /* RFC 791, 3.1 */
};

struct transaction {
	char data[BATCH_BYTES];
	size_t len;
	uint32_t seq;
	bool failed;
};

/** Takes a message into the transaction and frees it. NULL: it could not be put together. */
static void take(struct transaction *t, struct nl_msg *msg)
{
	struct nlmsghdr *h = msg ? nlmsg_hdr(msg) : NULL;

	if (!h || t->len + NLMSG_ALIGN(h->nlmsg_len) > sizeof(t->data)) {
		t->failed = true;
	} else {
		h->nlmsg_seq = t->seq++;
		memcpy(t->data + t->len, h, h->nlmsg_len);
		t->len += NLMSG_ALIGN(h->nlmsg_len);
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

	return rt_message(NFNL_SUBSYS_NFTABLES << 8 | type, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
			  &header, sizeof(header));
}

static struct nl_msg *no_table(const char *name)
{
	struct nl_msg *msg = message(NFT_MSG_DELTABLE);

	if (!msg)
		return NULL;
	nlmsg_hdr(msg)->nlmsg_flags &= (uint16_t) ~(NLM_F_CREATE | NLM_F_EXCL);
	return rt_checked(msg, nla_put_string(msg, NFTA_TABLE_NAME, name));
}

static struct nl_msg *table(const struct nft_masquerade *m)
{
	struct nl_msg *msg = message(NFT_MSG_NEWTABLE);
	int r;

	if (!msg)
		return NULL;
	r = nla_put_string(msg, NFTA_TABLE_NAME, m->table);
	if (m->owned)
		r |= nla_put_u32(msg, NFTA_TABLE_FLAGS, htonl(NFT_TABLE_F_OWNER));
	return rt_checked(msg, r);
}

static struct nl_msg *chain(const struct nft_masquerade *m)
{
	struct nl_msg *msg = message(NFT_MSG_NEWCHAIN);
	struct nlattr *hook;
	int r;

	if (!msg)
		return NULL;
	r = nla_put_string(msg, NFTA_CHAIN_TABLE, m->table);
	r |= nla_put_string(msg, NFTA_CHAIN_NAME, "postrouting");
	r |= nla_put_string(msg, NFTA_CHAIN_TYPE, "nat");
	hook = nla_nest_start(msg, NFTA_CHAIN_HOOK);
	r |= nla_put_u32(msg, NFTA_HOOK_HOOKNUM, htonl(NF_INET_POST_ROUTING));
	r |= nla_put_u32(msg, NFTA_HOOK_PRIORITY, htonl(SOURCE_NAT_PRIORITY));
	if (hook)
		nla_nest_end(msg, hook);
	return rt_checked(msg, !hook || r);
}

/** Begins an expression in the list. @param[out] ret_data  its attributes; NULL = failed */
static struct nlattr *begin(struct nl_msg *msg, const char *name, struct nlattr **ret_data)
{
	struct nlattr *element = nla_nest_start(msg, NFTA_LIST_ELEM);

	*ret_data = NULL;
	if (element && nla_put_string(msg, NFTA_EXPR_NAME, name) == 0)
		*ret_data = nla_nest_start(msg, NFTA_EXPR_DATA);
	return element;
}

static int end(struct nl_msg *msg, struct nlattr *element, struct nlattr *data, int r)
{
	if (!element || !data || r)
		return -1;
	nla_nest_end(msg, data);
	nla_nest_end(msg, element);
	return 0;
}

/** Register 1 has to hold (or not) these bytes. */
static int compare(struct nl_msg *msg, bool equal, const void *bytes, int len)
{
	struct nlattr *data, *value, *element = begin(msg, "cmp", &data);
	int r = nla_put_u32(msg, NFTA_CMP_SREG, htonl(NFT_REG_1));

	r |= nla_put_u32(msg, NFTA_CMP_OP, htonl(equal ? NFT_CMP_EQ : NFT_CMP_NEQ));
	value = nla_nest_start(msg, NFTA_CMP_DATA);
	r |= nla_put(msg, NFTA_DATA_VALUE, len, bytes);
	if (value)
		nla_nest_end(msg, value);
	return end(msg, element, data, !value || r);
}

static int match_source(struct nl_msg *msg, const struct ip_addr *from)
{
	struct nlattr *data, *element = begin(msg, "payload", &data);
	int r = nla_put_u32(msg, NFTA_PAYLOAD_DREG, htonl(NFT_REG_1));

	r |= nla_put_u32(msg, NFTA_PAYLOAD_BASE, htonl(NFT_PAYLOAD_NETWORK_HEADER));
	r |= nla_put_u32(msg, NFTA_PAYLOAD_OFFSET, htonl(IPV4_SOURCE_OFFSET));
	r |= nla_put_u32(msg, NFTA_PAYLOAD_LEN, htonl(sizeof(struct in_addr)));
	r = end(msg, element, data, r);
	return r < 0 ? r : compare(msg, true, from->bytes, sizeof(struct in_addr));
}

static int match_out(struct nl_msg *msg, const char *name, bool equal)
{
	struct nlattr *data, *element = begin(msg, "meta", &data);
	int r = nla_put_u32(msg, NFTA_META_DREG, htonl(NFT_REG_1));
	char padded[IFNAMSIZ] = { 0 };

	strncpy(padded, name, sizeof(padded) - 1);
	r |= nla_put_u32(msg, NFTA_META_KEY, htonl(NFT_META_OIFNAME));
	r = end(msg, element, data, r);
	return r < 0 ? r : compare(msg, equal, padded, sizeof(padded));
}

static struct nl_msg *rule(const struct nft_masquerade *m)
{
	struct nl_msg *msg = message(NFT_MSG_NEWRULE);
	struct nlattr *expressions, *element;
	int r;

	if (!msg)
		return NULL;
	nlmsg_hdr(msg)->nlmsg_flags &= (uint16_t)~NLM_F_EXCL;
	r = nla_put_string(msg, NFTA_RULE_TABLE, m->table);
	r |= nla_put_string(msg, NFTA_RULE_CHAIN, "postrouting");
	expressions = nla_nest_start(msg, NFTA_RULE_EXPRESSIONS);
	if (m->from.family)
		r |= match_source(msg, &m->from);
	if (m->out)
		r |= match_out(msg, m->out, true);
	if (m->not_out)
		r |= match_out(msg, m->not_out, false);
	element = nla_nest_start(msg, NFTA_LIST_ELEM);
	r |= nla_put_string(msg, NFTA_EXPR_NAME, "masq");
	if (element)
		nla_nest_end(msg, element);
	if (expressions)
		nla_nest_end(msg, expressions);
	return rt_checked(msg, !expressions || !element || r);
}

/** Reads answers until that to the last operation, or the first error. */
static int hear(int fd, uint32_t last_seq)
{
	char buffer[4096];

	for (;;) {
		struct nlmsghdr *h = (struct nlmsghdr *)buffer;
		ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
		int left;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIME : -errno;
		for (left = (int)n; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
			const struct nlmsgerr *e = nlmsg_data(h);

			if (h->nlmsg_type != NLMSG_ERROR)
				continue;
			if (e->error < 0 || h->nlmsg_seq == last_seq)
				return e->error;
		}
	}
}

int nft_open(void)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	int r = sys_gate("nftables socket"), fd;

	if (r < 0)
		return r;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

/** Sends it all, to be done whole or not at all. */
static int commit(int fd, struct transaction *t)
{
	uint32_t last_seq = t->seq - 1;

	take(t, boundary(NFNL_MSG_BATCH_END));
	if (t->failed)
		return -ENOMEM;
	return send(fd, t->data, t->len, 0) < 0 ? -errno : hear(fd, last_seq);
}

int nft_masquerade(int fd, const struct nft_masquerade *m)
{
	struct transaction t = { .len = 0 };
	int r = sys_gate("nftables masquerade");

	if (r < 0)
		return r;
	take(&t, boundary(NFNL_MSG_BATCH_BEGIN));
	take(&t, table(m));
	take(&t, chain(m));
	take(&t, rule(m));
	return commit(fd, &t);
}

int nft_remove(int fd, const char *name)
{
	struct transaction t = { .len = 0 };
	int r = sys_gate("nftables remove");

	if (r < 0)
		return r;
	take(&t, boundary(NFNL_MSG_BATCH_BEGIN));
	take(&t, no_table(name));
	return commit(fd, &t);
}
