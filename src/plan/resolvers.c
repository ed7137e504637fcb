/* SPDX-License-Identifier: MIT */
/* What the resolv.conf of nodes with `dns` holds: names of nodes become addresses. */
#include <string.h>

#include "base/buf.h"
#include "plan/build.h"

static int add_server(struct build *b, struct buf *text, size_t node, const char *server)
{
	char addr[IP_TEXT_MAX];
	struct ip_addr given;
	size_t other;

	if (ip_parse_addr(server, &given) == 0) {
		buf_printf(text, "nameserver %s\n", ip_format_addr(&given, addr));
		return 0;
	}
	if (b->unaddressed)
		return 0;
	other = topo_find_node(b->topo, server);
	for (unsigned f = 0; other != SIZE_MAX && f < PLAN_FAMILIES; f++) {
		const struct ip_addr *a = &b->plan->nodes[other].address[f];

		if (!a->family)
			continue;
		buf_printf(text, "nameserver %s\n", ip_format_addr(a, addr));
		return 0;
	}
	return plan_invalid(b, "node '%s': its DNS server '%s' has no address",
			    b->topo->nodes[node].name, server);
}

static void add_words(struct buf *text, const char *key, const char *const *words, size_t n)
{
	if (n > 0)
		buf_puts(text, key);
	for (size_t i = 0; i < n; i++)
		buf_printf(text, " %s", words[i]);
	if (n > 0)
		buf_puts(text, "\n");
}

int plan_make_resolvers(struct build *b)
{
	for (size_t n = 0; n < b->topo->n_nodes; n++) {
		const struct topo_dns *dns = b->topo->nodes[n].dns;
		_cleanup_buf_ struct buf text = { 0 };
		int r = 0;

		if (!dns)
			continue;
		if (dns->text) {
			b->plan->nodes[n].resolv_conf = dns->text;
			continue;
		}
		buf_puts(&text, "# Made by netlab of the topology's \"dns\".\n");
		for (size_t i = 0; i < dns->n_servers && r == 0; i++)
			r = plan_note(b, add_server(b, &text, n, dns->servers[i]));
		if (r < 0)
			return r;
		add_words(&text, "search", dns->search, dns->n_search);
		add_words(&text, "options", dns->options, dns->n_options);
		if (!buf_text(&text))
			return plan_no_memory(b);
		b->plan->nodes[n].resolv_conf = arena_strdup(&b->plan->arena, buf_text(&text));
		if (!b->plan->nodes[n].resolv_conf)
			return plan_no_memory(b);
	}
	return 0;
}
