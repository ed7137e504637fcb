/* SPDX-License-Identifier: MIT */
/* Names of nodes that will not lead to their nodes: what /etc/hosts cannot say, or says of another node first. */
#include "topo/parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

/** As resolvers compare names (RFC 4343): without case. @return NULL when there is no memory */
static const char *folded(struct parser *p, const char *name)
{
	size_t i = 0;
	char *copy;

	while (name[i] && !isupper((unsigned char)name[i]))
		i++;
	if (!name[i])
		return name;
	copy = parser_strdup(p, name);
	for (; copy && copy[i]; i++)
		copy[i] = (char)tolower((unsigned char)copy[i]);
	return copy;
}

static bool is_for_loopback(const char *name)
{
	return strcmp(name, "localhost") == 0 || strcmp(name, "ip6-localhost") == 0 ||
	       strcmp(name, "ip6-loopback") == 0;
}

/** @return false when there is no memory */
static bool check_name(struct document *d, struct map *names, size_t node, const char *name,
		       const struct path *at)
{
	const char *key = folded(&d->p, name);
	struct in_addr addr;
	size_t other = node;

	if (!key || map_add(names, key, node, &other) < 0)
		return false;
	/* as the C library does before it asks anybody: 1 and 0x7f.1 are addresses, too */
	if (inet_aton(name, &addr))
		diag_warning(&d->p.diags, at, "give it a letter",
			     "programs will take the name '%s' for an address", name);
	else if (is_for_loopback(key))
		diag_warning(&d->p.diags, at, "give it another name",
			     "the name '%s' leads every node to itself", name);
	else if (other != node)
		diag_warning(&d->p.diags, at, "give one of the two another name",
			     "the name '%s' leads to node '%s', which comes first%s", name,
			     d->p.topo->nodes[other].name,
			     strcmp(key, name) == 0 ? "" : " (names have no case)");
	return true;
}

void check_names(struct document *d)
{
	const struct topo *t = d->p.topo;
	struct map names = MAP_INIT;
	bool more = t->hosts;

	for (size_t i = 0; i < t->n_nodes && more; i++) {
		const struct topo_node *n = &t->nodes[i];
		const struct path at = node_path(d, i);
		const struct path hostname = { .up = &at, .key = "hostname" };

		if (!topo_is_ip(n))
			continue;
		more = check_name(d, &names, i, n->name, &at);
		if (more && n->hostname && strcmp(n->hostname, n->name) != 0)
			more = check_name(d, &names, i, n->hostname, &hostname);
	}
	if (!more && t->hosts)
		d->p.oom = true;
	map_deinit(&names);
}
