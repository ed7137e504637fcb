/* SPDX-License-Identifier: MIT */
/* The way out of a lab. */
#include "lab/uplink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "lab/supervisor.h"
#include "sys/fs.h"
#include "sys/nft.h"
#include "sys/proc.h"
#include "sys/rtnl.h"

enum {
	MTU = 1500,
	PLACES = 1 << 20, /* /30s in the pool below */
	TABLE_BYTES = 32,
	PLACES_TRIED = 4096, /* a host that uses so many in a row has no room for us */
};

static const char forward_key[] = "/proc/sys/net/ipv4/ip_forward";

/** RFC 6598: for networks between a host's own and the world, which no lab's or host's address plan has. */
static const struct ip_prefix pool = { .addr = { .family = IP_V4, .bytes = { 100, 64 } },
				       .len = 10 };

size_t uplink_node(const struct topo *t)
{
	for (size_t i = 0; i < t->n_nodes; i++) {
		if (t->nodes[i].kind == TOPO_UPLINK)
			return i;
	}
	return SIZE_MAX;
}

static int check_host(struct netlab_err *err)
{
	char text[16];
	ssize_t n = sys_read_value(AT_FDCWD, forward_key, text, sizeof(text));

	if (n < 0)
		return err_errno(err, (int)n, "reading '%s'", forward_key);
	if (strcmp(text, "0") != 0)
		return 0;
	err_set(err, EOPNOTSUPP, "this host does not forward packets, which an uplink needs");
	err_hint(err, "allow it: sysctl -w net.ipv4.ip_forward=1");
	return err_class(err, NETLAB_EXIT_UNSUPPORTED);
}

int uplink_prepare(const struct topo *t, struct uplink_host *ret, struct netlab_err *err)
{
	struct uplink_host h = UPLINK_HOST_INIT;
	size_t node = uplink_node(t);
	int r;

	if (node == SIZE_MAX)
		return 0;
	if (geteuid() != 0) {
		err_set(err, EPERM,
			"node '%s': an uplink changes the host's network, which needs root",
			t->nodes[node].name);
		err_hint(err, "run as root, or make it a \"router\": then the lab is on its own");
		return err_class(err, NETLAB_EXIT_UNSUPPORTED);
	}
	r = check_host(err);
	if (r < 0)
		return err_wrap(err, "node '%s'", t->nodes[node].name);
	h.rtnl_fd = rt_open();
	h.nft_fd = nft_open();
	if (h.rtnl_fd < 0 || h.nft_fd < 0) {
		r = err_errno(err, h.rtnl_fd < 0 ? h.rtnl_fd : h.nft_fd,
			      "opening the host's network for node '%s'", t->nodes[node].name);
		uplink_host_deinit(&h);
		return r;
	}
	*ret = h;
	return 0;
}

void uplink_host_deinit(struct uplink_host *h)
{
	if (h->rtnl_fd >= 0)
		close(h->rtnl_fd);
	if (h->nft_fd >= 0)
		close(h->nft_fd);
	h->rtnl_fd = h->nft_fd = -1;
}

/* --- the address --- */

static uint32_t hash(const char *text)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 16777619u;
	return h;
}

static bool lab_uses(const struct supervisor *s, const struct ip_prefix *p)
{
	for (size_t n = 0; n < s->topo->n_nodes; n++) {
		const struct plan_node *node = &s->plan->nodes[n];

		for (size_t i = 0; i < node->n_interfaces; i++) {
			for (size_t a = 0; a < node->interfaces[i].n_addresses; a++) {
				struct ip_prefix used = ip_network(
					&node->interfaces[i].addresses[a]);

				if (ip_overlaps(&used, p))
					return true;
			}
		}
	}
	return false;
}

/** The `at`th /30 of the pool. */
static struct ip_prefix place(uint32_t at)
{
	struct ip_prefix p = { .addr = pool.addr, .len = 30 };

	(void)ip_add(&p.addr, at % PLACES, 2);
	return p;
}

static struct ip_prefix host_of(const struct ip_prefix *net, unsigned n)
{
	struct ip_prefix p = *net;

	(void)ip_add(&p.addr, n, 0);
	return p;
}

/* --- the pair --- */

struct names {
	char host[16];
	uint8_t mac[2][6];
};

static void name_ends(const struct supervisor *s, uint32_t salt, struct names *ret)
{
	uint32_t h = hash(s->topo->name) + hash(s->dir->path) * 31 + salt;

	snprintf(ret->host, sizeof(ret->host), "nl%08x", (unsigned)h);
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t mac[6] = { 0x02,
					 0x6e,
					 (uint8_t)(h >> 24),
					 (uint8_t)(h >> 16),
					 (uint8_t)(h >> 8),
					 (uint8_t)((h & 0xfe) | i) };

		memcpy(ret->mac[i], mac, sizeof(mac));
	}
}

struct wanted {
	const char *name;
	uint32_t ifindex;
	uint8_t mac[6];
};

static int take_index(void *ctx, const struct rt_link_state *state)
{
	struct wanted *w = ctx;

	if (strcmp(state->name, w->name) != 0)
		return 0;
	w->ifindex = state->ifindex;
	memcpy(w->mac, state->mac, sizeof(w->mac));
	return 0;
}

static int index_of(int fd, const char *name, uint32_t *ret)
{
	struct wanted w = { .name = name };
	int r = rt_each_link(fd, take_index, &w);

	*ret = w.ifindex;
	return r < 0 ? r : w.ifindex ? 0 : -ENODEV;
}

/**
 * A lab of this name that was killed has left its interface to the kernel, which removes it with its node, but takes its time.
 * We do it now; that it is ours its MAC says.
 * @return 0; -EEXIST: it is somebody else's; ...
 */
static int clear_name(struct supervisor *s, const struct names *names)
{
	struct rt_batch b = { .fd = s->uplink.rtnl_fd };
	struct wanted w = { .name = names->host };
	int r = rt_each_link(s->uplink.rtnl_fd, take_index, &w);

	if (r < 0 || w.ifindex == 0)
		return r;
	if (memcmp(w.mac, names->mac[0], sizeof(w.mac)) != 0)
		return -EEXIST;
	r = rt_delete_link(&b, w.ifindex, NULL);
	if (r == 0)
		r = rt_flush(&b, NULL);
	rt_batch_deinit(&b);
	return r == -ENODEV ? 0 : r;
}

static int try_pair(struct supervisor *s, size_t node, const struct names *names,
		    struct netlab_err *err)
{
	struct rt_batch b = { .fd = s->uplink.rtnl_fd };
	struct rt_end ends[2] = { { .name = names->host },
				  { .name = PLAN_UPLINK_NAME, .netns_pid = s->nodes[node].pid } };
	int r;

	for (unsigned i = 0; i < 2; i++)
		memcpy(ends[i].mac, names->mac[i], sizeof(ends[i].mac));
	r = rt_new_veth(&b, ends, MTU, err);
	if (r == 0)
		r = rt_flush(&b, err);
	rt_batch_deinit(&b);
	return r;
}

static int make_pair(struct supervisor *s, size_t node, const struct names *names,
		     struct netlab_err *err)
{
	struct netlab_err first = { 0 };
	int r = try_pair(s, node, names, &first);

	if (r == -EEXIST && clear_name(s, names) == 0)
		r = try_pair(s, node, names, err);
	else if (r < 0 && err)
		*err = first;
	return r < 0 ? err_wrap(err, "making its interface '%s' on the host", names->host) : 0;
}

/** Gives one end its address, and brings it up. @param[in] via  the other end, for a default route; NULL = none */
static int set_end(int fd, uint32_t ifindex, const struct ip_prefix *address,
		   const struct ip_prefix *via, struct netlab_err *err)
{
	struct rt_batch b = { .fd = fd };
	int r = rt_new_address(&b, ifindex, address, err);

	if (r == 0)
		r = rt_set_up(&b, ifindex, true, err);
	if (r == 0 && via) {
		struct rt_hop hop = { .via = via->addr, .ifindex = ifindex };

		r = rt_new_route(&b,
				 &(struct rt_route){ .type = RT_ROUTE_UNICAST,
						     .to.addr.family = IP_V4,
						     .hops = &hop,
						     .n_hops = 1 },
				 err);
	}
	if (r == 0)
		r = rt_flush(&b, err);
	rt_batch_deinit(&b);
	return r;
}

/* --- masquerading --- */

static int explain_nat(int r, const char *where, struct netlab_err *err)
{
	err_errno(err, r, "masquerading %s by nftables", where);
	if (r == -ENOENT || r == -EOPNOTSUPP || r == -EINVAL || r == -EPROTONOSUPPORT) {
		err_class(err, NETLAB_EXIT_UNSUPPORTED);
		err_hint(err,
			 "see `netlab doctor`: it needs CONFIG_NFT_MASQ, and Linux 5.12 or later");
	}
	return r;
}

/** A socket of the node's own network namespace is needed: a child goes there. */
static int masquerade_in_node(struct supervisor *s, size_t node, struct netlab_err *err)
{
	int pidfd = sys_pidfd_open(s->nodes[node].pid), status = 0;
	pid_t pid;

	if (pidfd < 0)
		return err_errno(err, pidfd, "joining it");
	pid = sys_clone(0, NULL);
	if (pid == 0) {
		int r = sys_setns(pidfd, SYS_NS_NET), fd = r < 0 ? r : nft_open();

		r = fd < 0 ? fd
			   : nft_masquerade(fd,
					    &(struct nft_masquerade){ .table = "netlab",
								      .out = PLAN_UPLINK_NAME });
		_exit(-r);
	}
	close(pidfd);
	if (pid < 0)
		return err_errno(err, pid, "fork");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status))
		return err_set(err, ECHILD, "the process that masquerades in it died");
	return WEXITSTATUS(status) ? explain_nat(-WEXITSTATUS(status), "in the node", err) : 0;
}

static void name_table(const struct names *names, char ret[static TABLE_BYTES])
{
	snprintf(ret, TABLE_BYTES, "netlab-%s", names->host);
}

static int masquerade_on_host(struct supervisor *s, const struct names *names,
			      const struct ip_prefix *node, struct netlab_err *err)
{
	char table[TABLE_BYTES];
	int r;

	name_table(names, table);
	r = nft_masquerade(s->uplink.nft_fd, &(struct nft_masquerade){ .table = table,
								       .owned = true,
								       .from = node->addr,
								       .not_out = names->host });
	return r < 0 ? explain_nat(r, "on the host", err) : 0;
}

/* --- all of it --- */

/** Finds a place that nobody has, gives it to the host's end, and makes sure that it was not given twice meanwhile. */
static int settle_place(struct supervisor *s, uint32_t ifindex, uint32_t seed,
			struct ip_prefix *ret, struct netlab_err *err)
{
	for (uint32_t i = 0; i < PLACES_TRIED; i++) {
		struct ip_prefix net = place(seed + i * 7), ours = host_of(&net, 1);
		int r, others;

		if (lab_uses(s, &net))
			continue;
		others = rt_count_routes(s->uplink.rtnl_fd, &net, ifindex);
		if (others < 0)
			return err_errno(err, others, "reading the host's routes");
		if (others > 0)
			continue;
		r = set_end(s->uplink.rtnl_fd, ifindex, &ours, NULL, err);
		if (r < 0)
			return err_wrap(err, "its address on the host");
		others = rt_count_routes(s->uplink.rtnl_fd, &net, ifindex);
		if (others < 0)
			return err_errno(err, others, "reading the host's routes");
		*ret = net;
		if (others == 0)
			return 0;
		/* another lab took it in the same moment */
		r = rt_delete_address(s->uplink.rtnl_fd, ifindex, &ours, err);
		if (r < 0)
			return err_wrap(err, "giving an address back");
		seed = seed * 31 + (uint32_t)s->host_pid;
	}
	err_set(err, EADDRNOTAVAIL, "the host uses all of 100.64.0.0/10 that was tried");
	return -EADDRNOTAVAIL;
}

int uplink_make(struct supervisor *s, struct netlab_err *err)
{
	size_t node = uplink_node(s->topo);
	uint32_t ifindex[2] = { 0 };
	struct names names;
	struct ip_prefix net = { 0 }, ours[2] = { 0 };
	int r;

	if (node == SIZE_MAX)
		return 0;
	name_ends(s, 0, &names);
	r = make_pair(s, node, &names, err);
	if (r == 0 && ((r = index_of(s->uplink.rtnl_fd, names.host, &ifindex[0])) < 0 ||
		       (r = index_of(s->nodes[node].rtnl_fd, PLAN_UPLINK_NAME, &ifindex[1])) < 0))
		(void)err_errno(err, r, "finding its interfaces");
	s->uplink.ifindex = ifindex[0];
	if (r == 0)
		r = settle_place(s, ifindex[0], hash(names.host), &net, err);
	if (r == 0) {
		ours[0] = host_of(&net, 1);
		ours[1] = host_of(&net, 2);
		r = set_end(s->nodes[node].rtnl_fd, ifindex[1], &ours[1], &ours[0], err);
		s->uplink.address = ours[1];
	}
	if (r == 0)
		r = masquerade_in_node(s, node, err);
	if (r == 0)
		r = masquerade_on_host(s, &names, &ours[1], err);
	return r < 0 ? err_wrap(err, "uplink '%s'", s->topo->nodes[node].name) : 0;
}

int uplink_make_again(struct supervisor *s, struct netlab_err *err)
{
	char table[TABLE_BYTES];
	struct names names;
	uint32_t ifindex;
	int r;

	name_ends(s, 0, &names);
	name_table(&names, table);
	/* the kernel removes the old interface with its node, but takes its time; by then its number may be another's */
	r = index_of(s->uplink.rtnl_fd, names.host, &ifindex);
	if (r == 0 && ifindex == s->uplink.ifindex)
		uplink_remove(s);
	s->uplink.ifindex = 0;
	r = nft_remove(s->uplink.nft_fd, table);
	if (r < 0 && r != -ENOENT)
		return explain_nat(r, "on the host anew", err);
	return uplink_make(s, err);
}

json_t *uplink_report(const struct supervisor *s)
{
	char address[IP_TEXT_MAX], mac[MAC_TEXT_SIZE];
	struct names names;

	name_ends(s, 0, &names);
	return json_pack("{s:s, s:s, s:[s], s:i, s:n, s:s}", "name", PLAN_UPLINK_NAME, "mac",
			 mac_format(names.mac[1], mac), "addresses",
			 ip_format_prefix(&s->uplink.address, address), "mtu", (int)MTU, "link",
			 "host_interface", names.host);
}

void uplink_remove(struct supervisor *s)
{
	struct rt_batch b = { .fd = s->uplink.rtnl_fd };

	if (s->uplink.ifindex == 0)
		return;
	if (rt_delete_link(&b, s->uplink.ifindex, NULL) == 0)
		(void)rt_flush(&b, NULL);
	rt_batch_deinit(&b);
	s->uplink.ifindex = 0;
}
