/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a topology. What is refused has to say why; what is accepted has to hold what model.h promises, and goes
 * on to the plan in all its forms, and to every text that an impairment has.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "plan/plan.h"
#include "topo/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	/* Plans grow with the square of a LAN, routes with that of the lab: larger ones only slow the fuzzer down. */
	PLAN_NODES_MAX = 40,
	PLAN_LINKS_MAX = 80,
};

static void check_diags(const struct topo_diags *d, int r)
{
	size_t errors = 0;

	assert(!d->failed);
	for (size_t i = 0; i < d->n; i++) {
		assert(d->items[i].where[0] && d->items[i].message[0]);
		assert(!d->items[i].hint || d->items[i].hint[0]);
		errors += !d->items[i].warning;
		/* nothing that a terminal would obey, nothing that breaks a line */
		for (const char *c = d->items[i].message; *c; c++)
			assert((unsigned char)*c >= ' ' && *c != 0x7f);
		for (const char *c = d->items[i].where; *c; c++)
			assert((unsigned char)*c >= ' ' && *c != 0x7f);
	}
	assert(errors == d->n_errors);
	assert((r == 0 && errors == 0) || (r == -EINVAL && errors > 0));
}

static void check_impairment(const struct impairment *m)
{
	struct buf text = { 0 }, json = { 0 }, again = { 0 };
	struct impairment back = { 0 };
	struct arena texts = ARENA_INIT;
	char *rest;

	assert(m->set & IMPAIR_BIT(IMPAIR_SEED));
	assert(impairment_check(m, NULL) == 0);
	impairment_format_text(&text, m);
	impairment_format_json(&json, m);
	assert(buf_text(&text) && buf_text(&json));
	/* "key value key value": as settings they make the same impairment; a file's name may have blanks in it */
	rest = m->rate_trace && strchr(m->rate_trace, ' ') ? NULL : text.data;
	for (char *key = strsep(&rest, " "); key; key = strsep(&rest, " ")) {
		char *value = strsep(&rest, " ");

		assert(value);
		value[-1] = '=';
		assert(impairment_parse_setting(key, 0, &back, &texts, NULL) == 0);
	}
	if (back.set)
		impairment_format_json(&again, &back);
	else
		impairment_format_json(&again, m);
	assert(buf_text(&again) && strcmp(buf_text(&json), buf_text(&again)) == 0);
	buf_deinit(&text);
	buf_deinit(&json);
	buf_deinit(&again);
	arena_deinit(&texts);
}

static void check_node(const struct topo *t, size_t i)
{
	const struct topo_node *n = &t->nodes[i];

	assert(!name_check(n->name) && n->hostname);
	assert(topo_find_node(t, n->name) == i);
	assert(!n->stp || n->kind == TOPO_SWITCH);
	assert(topo_is_ip(n) || n->n_routes + n->n_services + n->n_sysctls + n->n_env == 0);
	for (size_t j = 0; j < n->n_interfaces; j++)
		assert(!name_check_interface(n->interfaces[j].name));
	for (size_t j = 0; j < n->n_routes; j++)
		assert(n->routes[j].to.addr.family);
	for (size_t j = 0; j < n->n_services; j++)
		assert(!name_check(n->services[j].name) && n->services[j].run[0][0]);
	for (size_t j = 0; j < n->n_sysctls; j++)
		assert(n->sysctls[j].key && n->sysctls[j].value);
	for (size_t j = 0; j < n->n_env; j++)
		assert(n->env[j].key && n->env[j].value);
}

static void check_event(const struct topo *t, size_t i)
{
	const struct topo_event *e = &t->timeline[i];

	switch (e->trigger) {
	case TOPO_AT:
		break;
	case TOPO_ON_LOG:
		assert(e->log_node < t->n_nodes &&
		       e->log_service < t->nodes[e->log_node].n_services);
		assert(e->regex && strlen(e->regex) <= TOPO_REGEX_MAX);
		break;
	case TOPO_ON_PACKET:
		assert(e->packet_link < t->n_links && e->match && e->nth > 0);
		break;
	}
	if (e->action == TOPO_EXEC) {
		assert(e->node < t->n_nodes && e->command < t->nodes[e->node].n_commands);
		assert(t->nodes[e->node].commands[e->command].run[0]);
		return;
	}
	assert(e->link < t->n_links && (e->dirs[0] || e->dirs[1]));
	assert(e->keys[0].set < IMPAIR_BIT(IMPAIR_KEY_COUNT));
	assert(e->keys[0].set || e->basis == TOPO_BASIS_FILE || e->carrier != TOPO_CARRIER_KEEP);
}

static void check_link(const struct topo *t, size_t i)
{
	const struct topo_link *l = &t->links[i];

	assert(!name_check_link(l->name));
	assert(topo_find_link(t, l->name) == i);
	assert(l->mtu == 0 || (l->mtu >= TOPO_MTU_MIN && l->mtu <= TOPO_MTU_MAX));
	assert(l->cost >= 1 && l->cost <= TOPO_COST_MAX);
	for (unsigned e = 0; e < 2; e++) {
		assert(l->ends[e].node < t->n_nodes);
		assert(!name_check_interface(l->ends[e].ifname));
		assert(topo_is_ip(&t->nodes[l->ends[e].node]) || l->ends[e].n_addresses == 0);
		for (size_t j = 0; j < l->ends[e].n_addresses; j++)
			assert(l->ends[e].addresses[j].addr.family);
		check_impairment(&l->dir[e]);
	}
}

static void print_plan(const struct topo *t, const struct plan_host *host)
{
	struct netlab_err err = { 0 };
	struct plan *p = NULL;
	struct buf b = { 0 };
	int r = plan_build(t, host, &p, &err);

	assert(r == 0 || r == -EINVAL || r == -EOPNOTSUPP);
	if (r < 0) {
		assert(err.code == r && err.message[0]);
		return;
	}
	plan_print_text(&b, p);
	plan_print_json(&b, p);
	plan_print_sh(&b, p);
	assert(buf_text(&b));
	buf_deinit(&b);
	plan_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct plan_host no_netem = { .no_netem = true };
	struct topo_diags diags = { 0 };
	struct topo *t = NULL;
	int r = topo_parse((const char *)data, size, "fuzz.json", NULL, &diags, &t);

	check_diags(&diags, r);
	assert((t != NULL) == (r == 0));
	for (size_t i = 0; t && i < t->n_nodes; i++)
		check_node(t, i);
	for (size_t i = 0; t && i < t->n_links; i++)
		check_link(t, i);
	for (size_t i = 0; t && i < t->n_events; i++)
		check_event(t, i);
	if (t && t->n_nodes <= PLAN_NODES_MAX && t->n_links <= PLAN_LINKS_MAX) {
		print_plan(t, NULL);
		print_plan(t, &no_netem);
	}
	topo_free(t);
	topo_diags_deinit(&diags);
	return 0;
}
