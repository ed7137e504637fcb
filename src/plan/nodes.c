/* SPDX-License-Identifier: MIT */
/* What a node is given besides interfaces: kernel settings, a name that others resolve, their names. */
#include "plan/build.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

/* IPv4 settings of a new namespace are copies of the host's: what matters is said, whatever the default is. */
static const struct plan_sysctl of_host[] = {
	{ "net.ipv4.ip_forward", "0" },
	{ "net.ipv4.conf.all.rp_filter", "0" },
	{ "net.ipv4.conf.default.rp_filter", "0" },
};

static const struct plan_sysctl of_router[] = {
	{ "net.ipv4.ip_forward", "1" },
	{ "net.ipv4.conf.all.rp_filter", "0" },
	{ "net.ipv4.conf.default.rp_filter", "0" },
};

/* No duplicate address detection and no solicitations: an address is usable at once, and no packet that nobody asked
 * for shifts a seeded decision. Nor do the repetitions of multicast reports, which the kernel sends after a random part of an
 * interval (unsolicited_report_interval(), net/ipv6/mcast.c): of 20 days, nearly the longest that it takes at 1,000 Hz. */
static const struct plan_sysctl with_ipv6[] = {
	{ "net.ipv6.conf.default.mldv2_unsolicited_report_interval", "1728000000" },
	{ "net.ipv6.conf.all.accept_dad", "0" },
	{ "net.ipv6.conf.default.accept_dad", "0" },
	{ "net.ipv6.conf.default.router_solicitations", "0" },
	{ "net.ipv6.conf.all.accept_ra", "0" },
	{ "net.ipv6.conf.default.accept_ra", "0" },
};

static const struct plan_sysctl of_all[] = {
	{ "net.ipv4.ping_group_range", PLAN_PING_GROUPS },
};

static const struct plan_sysctl router_ipv6[] = {
	{ "net.ipv6.conf.all.forwarding", "1" },
};

static const struct plan_sysctl without_ipv6[] = {
	{ "net.ipv6.conf.all.disable_ipv6", "1" },
	{ "net.ipv6.conf.default.disable_ipv6", "1" },
};

/* Flows, not pairs of hosts, are spread over equal paths: ports are looked at too. */
static const struct plan_sysctl ecmp_ipv4[] = {
	{ "net.ipv4.fib_multipath_hash_policy", "1" },
};

static const struct plan_sysctl ecmp_ipv6[] = {
	{ "net.ipv6.fib_multipath_hash_policy", "1" },
};

/* The directories of /proc/sys/net that have one entry for each interface. */
static const char *const per_interface[] = {
	"net.ipv4.conf.", "net.ipv6.conf.", "net.ipv4.neigh.", "net.ipv6.neigh.", "net.mpls.conf.",
};

bool plan_sysctl_names_interface(const char *key, const char **ret_name, size_t *ret_len)
{
	for (size_t i = 0; i < sizeof(per_interface) / sizeof(per_interface[0]); i++) {
		size_t skip = strlen(per_interface[i]);
		const char *name = key + skip, *end;

		if (strncmp(key, per_interface[i], skip) != 0)
			continue;
		/* The name may have dots itself ("eth0.100"): the last one ends it. */
		end = strrchr(name, '.');
		if (!end || (end - name == 3 && strncmp(name, "all", 3) == 0) ||
		    (end - name == 7 && strncmp(name, "default", 7) == 0))
			return false;
		*ret_name = name;
		*ret_len = (size_t)(end - name);
		return true;
	}
	return false;
}

int plan_sysctl_path(const char *key, char *ret, size_t size)
{
	const char *name = "";
	size_t len = 0, i = 0;

	if (strlen(key) >= size)
		return -ENAMETOOLONG;
	plan_sysctl_names_interface(key, &name, &len);
	for (; key[i]; i++) {
		bool inside = len && key + i >= name && key + i < name + len;

		ret[i] = key[i];
		if (key[i] == '.' && !inside)
			ret[i] = '/';
		else if (key[i] == '/')
			ret[i] = '.';
	}
	ret[i] = '\0';
	return 0;
}

static void append(struct plan_node *n, const struct plan_sysctl *settings, size_t count)
{
	memcpy(&n->sysctls[n->n_sysctls], settings, count * sizeof(*settings));
	n->n_sysctls += count;
}

#define APPEND(node, table) append(node, table, sizeof(table) / sizeof((table)[0]))
#define COUNT(table)        (sizeof(table) / sizeof((table)[0]))

static bool has_interface(const struct build *b, size_t index, const char *name, size_t len)
{
	const struct plan_node *n = &b->plan->nodes[index];

	for (size_t j = 0; j < n->n_interfaces; j++) {
		if (strlen(n->interfaces[j].name) == len &&
		    strncmp(n->interfaces[j].name, name, len) == 0)
			return true;
	}
	return n->bridge_ifindex && strlen(PLAN_BRIDGE_NAME) == len &&
	       strncmp(PLAN_BRIDGE_NAME, name, len) == 0;
}

static int no_such_interface(struct build *b, size_t index, const char *key, const char *name,
			     size_t len)
{
	const struct plan_node *n = &b->plan->nodes[index];
	_cleanup_buf_ struct buf have = { 0 };

	for (size_t j = 0; j < n->n_interfaces; j++)
		buf_printf(&have, "%s%s", j ? ", " : "", n->interfaces[j].name);
	plan_invalid(b,
		     "sysctl '%s' of node '%s' is about interface '%.*s', which that node has not",
		     key, b->topo->nodes[index].name, (int)len, name);
	err_where(b->err, "/nodes/%s/sysctls/%s", b->topo->nodes[index].name, key);
	return err_hint(b->err, "its interfaces are %s", buf_text(&have) ? buf_text(&have) : "?");
}

static int add_sysctls(struct build *b, size_t index)
{
	const struct topo_node *about = &b->topo->nodes[index];
	struct plan_node *n = &b->plan->nodes[index];
	const size_t most = COUNT(of_all) + COUNT(of_router) + COUNT(with_ipv6) +
			    COUNT(router_ipv6) + COUNT(ecmp_ipv4) + COUNT(ecmp_ipv6);
	int r = 0;

	n->sysctls = arena_array(&b->plan->arena, most + about->n_sysctls, sizeof(*n->sysctls));
	if (!n->sysctls)
		return plan_no_memory(b);
	if (!topo_is_ip(about)) {
		APPEND(n,
		       without_ipv6); /* a bridge has no business with addresses or MLD of its own */
	} else {
		APPEND(n, of_all);
		if (topo_forwards(about))
			APPEND(n, of_router);
		else
			APPEND(n, of_host);
		if (!b->any_ipv6)
			APPEND(n, without_ipv6);
		else
			APPEND(n, with_ipv6);
		if (b->any_ipv6 && topo_forwards(about))
			APPEND(n, router_ipv6);
		if (b->topo->ecmp)
			APPEND(n, ecmp_ipv4);
		if (b->topo->ecmp && b->any_ipv6)
			APPEND(n, ecmp_ipv6);
	}
	for (size_t i = 0; i < about->n_sysctls; i++) {
		const struct topo_pair *s = &about->sysctls[i];
		const char *name;
		size_t len;

		if (!plan_sysctl_names_interface(s->key, &name, &len))
			n->sysctls[n->n_sysctls++] = (struct plan_sysctl){ s->key, s->value };
		else if (!has_interface(b, index, name, len))
			r = plan_note(b, no_such_interface(b, index, s->key, name, len));
		if (r < 0)
			return r;
	}
	return 0;
}

bool plan_is_loopback(const struct ip_addr *a)
{
	static const struct ip_addr v6 = { IP_V6, { [15] = 1 } };

	return a->family == IP_V4 ? a->bytes[0] == 127 : ip_equal(a, &v6);
}

/* The first of the first link; of lo only when no link has one. */
static void choose_address(struct plan_node *n, unsigned family)
{
	for (size_t k = 1; k <= n->n_interfaces; k++) {
		const struct plan_interface *i = &n->interfaces[k % n->n_interfaces];

		for (size_t a = 0; a < i->n_addresses; a++) {
			const struct ip_addr *addr = &i->addresses[a].addr;

			if (family_index(addr) != family || plan_is_loopback(addr) ||
			    ip_is_link_local(addr))
				continue;
			n->address[family] = *addr;
			return;
		}
	}
}

static int write_hosts(struct build *b)
{
	_cleanup_buf_ struct buf text = { 0 };
	char addr[IP_TEXT_MAX];

	buf_puts(&text, "127.0.0.1 localhost\n");
	if (b->any_ipv6)
		buf_puts(&text, "::1 localhost ip6-localhost ip6-loopback\n");
	for (size_t n = 0; n < b->topo->n_nodes; n++) {
		const struct topo_node *about = &b->topo->nodes[n];
		bool alias = strcmp(about->hostname, about->name) != 0;
		/* the first name is the canonical one (hosts(5)): what `hostname -f` tells, and daemons ask for */
		bool qualified = alias && strchr(about->hostname, '.');

		for (unsigned f = 0; f < PLAN_FAMILIES; f++) {
			const struct ip_addr *a = &b->plan->nodes[n].address[f];

			if (a->family)
				buf_printf(&text, "%s %s%s%s\n", ip_format_addr(a, addr),
					   qualified ? about->hostname : about->name,
					   alias ? " " : "",
					   qualified ? about->name
					   : alias   ? about->hostname
						     : "");
		}
	}
	b->plan->hosts = buf_text(&text) ? arena_strdup(&b->plan->arena, buf_text(&text)) : NULL;
	return b->plan->hosts ? 0 : plan_no_memory(b);
}

int plan_make_nodes(struct build *b)
{
	for (size_t n = 0; n < b->topo->n_nodes; n++) {
		int r = add_sysctls(b, n);

		if (r < 0)
			return r;
		for (unsigned family = 0; family < PLAN_FAMILIES; family++)
			choose_address(&b->plan->nodes[n], family);
	}
	return b->topo->hosts ? write_hosts(b) : 0;
}
