/* SPDX-License-Identifier: MIT */
/* Good topologies: what the file says is what the model holds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "support/guarded.h"
#include "topo/model.h"

/** Parses text that has to be good; warnings are allowed. */
static struct topo *parse_as(const char *text, const char *file, const struct topo_overrides *o,
			     size_t *ret_warnings)
{
	struct guarded g = guarded_copy(text, strlen(text));
	struct topo_diags diags = { 0 };
	struct topo *t = NULL;
	int r = topo_parse(g.text, strlen(text), file, o, &diags, &t);

	for (size_t i = 0; i < diags.n && r < 0; i++)
		print_message("%s: %s\n", diags.items[i].where, diags.items[i].message);
	assert_int_equal(r, 0);
	assert_non_null(t);
	assert_int_equal(diags.n_errors, 0);
	if (ret_warnings)
		*ret_warnings = diags.n;
	topo_diags_deinit(&diags);
	guarded_deinit(&g);
	return t;
}

static struct topo *parse(const char *text)
{
	return parse_as(text, "dir/test.json", NULL, NULL);
}

static void assert_impairment(const struct topo_link *link, unsigned dir, const char *text)
{
	_cleanup_buf_ struct buf b = { 0 };
	struct impairment m = link->dir[dir];

	assert_true(m.set & IMPAIR_BIT(IMPAIR_SEED));
	m.set &= ~IMPAIR_BIT(IMPAIR_SEED);
	impairment_format_text(&b, &m);
	assert_string_equal(buf_text(&b), text);
}

static void assert_prefixes(const struct ip_prefix *p, size_t n, const char *const *texts)
{
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		assert_non_null(texts[i]);
		assert_string_equal(ip_format_prefix(&p[i], text), texts[i]);
	}
	assert_null(texts[n]);
}

static void test_smallest(void **state)
{
	struct topo *t = parse(
		"{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"]}]}");
	char text[IP_TEXT_MAX];

	(void)state;
	assert_string_equal(t->name, "test");
	assert_true(t->seed == hash_seed(hash_mix(name_hash(NAME_HASH_INIT, "test"))));
	assert_int_equal(t->engine, TOPO_ENGINE_AUTO);
	assert_int_equal(t->routing, TOPO_ROUTING_AUTO);
	assert_true(t->hosts && t->ipv4 && t->ipv6 && !t->ecmp);
	assert_string_equal(ip_format_prefix(&t->ipv4_pool, text), "10.0.0.0/8");
	assert_string_equal(ip_format_prefix(&t->ipv6_pool, text), "fd00:6e6c::/32");
	assert_int_equal(t->n_nodes, 2);
	assert_string_equal(t->nodes[0].name, "a");
	assert_string_equal(t->nodes[0].hostname, "a");
	assert_int_equal(t->nodes[0].kind, TOPO_HOST);
	assert_null(t->nodes[0].cwd);
	assert_null(t->nodes[0].user);
	assert_int_equal(t->n_links, 1);
	assert_string_equal(t->links[0].name, "a--b");
	assert_int_equal(t->links[0].ends[0].node, 0);
	assert_int_equal(t->links[0].ends[1].node, 1);
	assert_string_equal(t->links[0].ends[0].ifname, "eth0");
	assert_int_equal(t->links[0].mtu, 0);
	assert_int_equal(t->links[0].cost, 1);
	assert_true(t->links[0].carrier);
	assert_false(t->links[0].offload);
	assert_int_equal(t->links[0].join, TOPO_JOIN_AUTO);
	assert_impairment(&t->links[0], 0, "");
	assert_impairment(&t->links[0], 1, "");
	topo_free(t);
	topo_free(NULL);
}

static void test_top(void **state)
{
	struct topo *t = parse(
		"{\"netlab\": 1, \"name\": \"lab-1\", \"seed\": \"0xffffffffffffffff\", \"engine\": \"netem\","
		" \"routing\": \"none\", \"ecmp\": false, \"hosts\": false, \"// x\": [1],"
		" \"addressing\": {\"ipv4\": false, \"ipv6\": \"2001:db8::/48\"}, \"nodes\": {\"a\": {}}}");
	char text[IP_TEXT_MAX];

	(void)state;
	assert_string_equal(t->name, "lab-1");
	assert_true(t->seed == UINT64_MAX);
	assert_int_equal(t->engine, TOPO_ENGINE_NETEM);
	assert_int_equal(t->routing, TOPO_ROUTING_NONE);
	assert_false(t->hosts);
	assert_false(t->ipv4);
	assert_true(t->ipv6);
	assert_string_equal(ip_format_prefix(&t->ipv6_pool, text), "2001:db8::/48");
	assert_int_equal(t->n_links, 0);
	topo_free(t);
}

static void test_overrides(void **state)
{
	static const char text[] = "{\"name\": \"a b\", \"seed\": 5, \"nodes\": {\"a\": {}}}";
	static const char good[] = "{\"name\": \"x\", \"seed\": 5, \"nodes\": {\"a\": {}}}";
	struct topo_overrides o = { .name = "other" };
	struct topo_diags diags = { 0 };
	struct topo *t;

	(void)state;
	/* a name in the file stays checked */
	assert_int_equal(topo_parse(text, strlen(text), "f.json", &o, &diags, &t), -EINVAL);
	topo_diags_deinit(&diags);
	t = parse_as(good, "f.json", &o, NULL);
	assert_string_equal(t->name, "other");
	assert_int_equal(t->seed, 5);
	topo_free(t);
	o = (struct topo_overrides){
		.seed_set = true, .seed = 9, .engine_set = true, .engine = TOPO_ENGINE_NETEM
	};
	t = parse_as(good, "f.json", &o, NULL);
	assert_string_equal(t->name, "x");
	assert_int_equal(t->seed, 9);
	assert_int_equal(t->engine, TOPO_ENGINE_NETEM);
	topo_free(t);
	o = (struct topo_overrides){ .engine_set = true, .engine = TOPO_ENGINE_WIRE };
	t = parse_as(good, "f.json", &o, NULL);
	assert_int_equal(t->engine, TOPO_ENGINE_WIRE);
	topo_free(t);
	o = (struct topo_overrides){ .name = "../x" };
	assert_int_equal(topo_parse(good, strlen(good), "f.json", &o, &diags, &t), -EINVAL);
	assert_int_equal(diags.n, 1);
	assert_string_equal(diags.items[0].where, "--name");
	topo_diags_deinit(&diags);
}

/* Later levels win, and in an object its keys over its preset, wherever they stand in it. */
static void test_presets(void **state)
{
	static const char dsl_up[] = "delay 25ms jitter 0ms rate 384kbit loss 0%",
			  dsl_down[] = "delay 25ms jitter 0ms rate 1.5mbit loss 0%";
	struct topo *t = parse(
		"{\"defaults\": {\"link\": {\"preset\": \"bad-wifi\", \"delay\": \"1ms\", \"jitter\": \"1ms\"}},"
		" \"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"]},"
		" {\"endpoints\": [\"a\", \"b\"], \"preset\": \"dsl\"},"
		" {\"endpoints\": [\"a\", \"b\"], \"rate\": \"1gbit\", \"preset\": \"dsl\", \"<-\": {\"loss\": \"2%\"}},"
		" {\"endpoints\": [\"a\", \"b\"], \"preset\": \"geo\", \"<-\": {\"preset\": \"dsl\"}}]}");

	(void)state;
	assert_impairment(&t->links[0], 0,
			  "delay 1ms jitter 1ms distribution pareto rate 6.5mbit loss 1%");
	t->links[1].dir[0].set &= ~IMPAIR_BIT(IMPAIR_DISTRIBUTION);
	assert_impairment(&t->links[1], 0, dsl_up);
	assert_impairment(&t->links[1], 1,
			  "delay 25ms jitter 0ms distribution pareto rate 1.5mbit loss 0%");
	assert_impairment(&t->links[2], 1,
			  "delay 25ms jitter 0ms distribution pareto rate 1gbit loss 2%");
	t->links[3].dir[1].set &= ~IMPAIR_BIT(IMPAIR_DISTRIBUTION);
	assert_impairment(&t->links[3], 0,
			  "delay 315ms jitter 0ms distribution pareto rate 3.38mbit loss 0%");
	assert_impairment(&t->links[3], 1, dsl_down);
	topo_free(t);
}

static void test_timeline(void **state)
{
	struct topo *t = parse(
		"{\"nodes\": {\"a\": {\"services\": [{\"name\": \"web\", \"run\": [\"true\"]}]}, \"b\": {}},"
		" \"links\": [{\"endpoints\": [\"a\", \"b\"], \"name\": \"up\"}, {\"endpoints\": [\"b\", \"a\"]}],"
		" \"timeline\": [{\"at\": \"2s\", \"link\": \"up\", \"from\": \"b\", \"delay\": \"50ms\", \"ramp\": \"500ms\"},"
		"  {\"at\": \"1s\", \"link\": \"b--a\", \"preset\": \"dsl\", \"clear\": true, \"carrier\": false},"
		"  {\"at\": \"0s\", \"exec\": {\"node\": \"b\", \"run\": [\"ls\", \"-l\"]}},"
		"  {\"when\": {\"log\": [\"a/web\", \"^up$\"]}, \"link\": \"up\", \"down\": true},"
		"  {\"when\": {\"packet\": [\"up\", null, 3]}, \"link\": \"up\", \"up\": true},"
		"  {\"when\": {\"packet\": [\"b--a\", \"icmp\"]}, \"exec\": {\"node\": \"b\", \"run\": [\"true\"]}}]}");
	const struct topo_event *e = t->timeline;

	(void)state;
	assert_int_equal(t->n_events, 6);
	assert_int_equal(e[0].trigger, TOPO_AT);
	assert_int_equal(e[0].at_ns, 2000000000);
	assert_int_equal(e[0].ramp_ns, 500000000);
	assert_int_equal(e[0].action, TOPO_CHANGE);
	assert_false(e[0].dirs[0]);
	assert_true(e[0].dirs[1]);
	assert_int_equal(e[0].keys[1].set, IMPAIR_BIT(IMPAIR_DELAY));
	assert_int_equal(e[0].keys[1].delay_ns, 50000000);
	assert_int_equal(e[1].link, 1);
	assert_int_equal(e[1].basis, TOPO_BASIS_FILE);
	assert_int_equal(e[1].carrier, TOPO_CARRIER_OFF);
	assert_true(e[1].dirs[0] && e[1].dirs[1]);
	assert_int_equal(e[1].keys[0].rate_bps, 384000);
	assert_int_equal(e[1].keys[1].rate_bps, 1500000);
	assert_int_equal(e[2].action, TOPO_EXEC);
	assert_int_equal(e[2].node, 1);
	assert_int_equal(e[2].command, 0);
	assert_int_equal(e[3].trigger, TOPO_ON_LOG);
	assert_int_equal(e[3].log_node, 0);
	assert_int_equal(e[3].log_service, 0);
	assert_string_equal(e[3].regex, "^up$");
	assert_true(e[3].keys[0].down);
	assert_int_equal(e[4].trigger, TOPO_ON_PACKET);
	assert_int_equal(e[4].packet_link, 0);
	assert_string_equal(e[4].match, "");
	assert_int_equal(e[4].nth, 3);
	assert_true(impair_asks(&e[4].keys[1], IMPAIR_DOWN) && !e[4].keys[1].down);
	assert_string_equal(e[5].match, "icmp");
	assert_int_equal(e[5].nth, 1);
	assert_int_equal(e[5].command, 1);
	assert_int_equal(t->nodes[0].n_commands, 0);
	assert_int_equal(t->nodes[1].n_commands, 2);
	assert_string_equal(t->nodes[1].commands[0].name, "timeline--3");
	assert_string_equal(t->nodes[1].commands[0].run[1], "-l");
	assert_string_equal(t->nodes[1].commands[1].name, "timeline--6");
	topo_free(t);
}

/* Where a trace is looked for: beside the topology file, whatever the working directory is then. */
static void test_trace_paths(void **state)
{
	static const char text[] =
		"{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"],"
		"\"->\": {\"rate\": {\"trace\": \"up.trace\"}},"
		"\"<-\": {\"rate\": {\"trace\": \"/abs/down.trace\", \"loop\": false}}}]}";
	static const struct {
		const char *file, *dir, *path;
	} cases[] = {
		{ "f.json", NULL, "up.trace" },
		{ "labs/f.json", NULL, "labs/up.trace" },
		{ "/f.json", NULL, "/up.trace" },
		{ "labs/f.json", "/home/me/labs/", "/home/me/labs/up.trace" },
		{ "f.json", "/", "/up.trace" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct topo_overrides o = { .dir = cases[i].dir };
		struct topo *t = parse_as(text, cases[i].file, &o, NULL);
		const struct impairment *up = &t->links[0].dir[0], *down = &t->links[0].dir[1];

		assert_true(impair_asks(up, IMPAIR_RATE) && impair_asks(down, IMPAIR_RATE));
		assert_string_equal(up->rate_trace, cases[i].path);
		assert_true(up->rate_trace_loop);
		assert_string_equal(down->rate_trace, "/abs/down.trace");
		assert_false(down->rate_trace_loop);
		topo_free(t);
	}
}

static void test_file_names(void **state)
{
	static const struct {
		const char *file, *name;
	} cases[] = { { "ring.json", "ring" }, { "/a/b.c/ring.json", "ring" },
		      { "ring", "ring" },      { "a.b.json", "a.b" },
		      { "dir.d/x", "x" },      { "two-nodes.topo", "two-nodes" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct topo *t = parse_as("{\"nodes\": {\"a\": {}}}", cases[i].file, NULL, NULL);

		assert_string_equal(t->name, cases[i].name);
		topo_free(t);
	}
}

static void test_node(void **state)
{
	struct topo *t = parse(
		"{\"defaults\": {\"node\": {\"kind\": \"router\", \"stp\": true, \"env\": {\"A\": \"1\", \"B\": \"2\"},"
		"   \"sysctls\": {\"net.ipv4.tcp_ecn\": 1}, \"cwd\": \"/tmp\", \"user\": \"nobody\","
		"   \"interfaces\": {\"eth0\": {\"mtu\": 1400}},"
		"   \"routes\": [{\"to\": \"10.9.0.0/16\", \"blackhole\": true}],"
		"   \"services\": [{\"name\": \"s\", \"run\": [\"true\"]}]}},"
		" \"nodes\": {"
		"  \"n\": {\"env\": {\"B\": \"3\", \"C\": \"\"}, \"hostname\": \"host.example\", \"kind\": \"host\","
		"    \"routes\": [{\"to\": \"default\", \"via\": \"10.0.0.1\", \"metric\": 5},"
		"               {\"to\": \"2001:db8::/32\", \"dev\": \"eth0\"}, {\"to\": \"::/0\", \"unreachable\": true},"
		"               {\"to\": \"default\", \"via\": \"fe80::1\", \"dev\": \"eth0\"}],"
		"    \"sysctls\": {\"net.ipv4.tcp_ecn\": \"0\", \"net.ipv4.conf.eth0.rp_filter\": 2},"
		"    \"services\": [{\"name\": \"web\", \"run\": [\"httpd\", \"-p\", \"80\"], \"env\": {\"X\": \"y\"}}]},"
		"  \"//\": \"a comment\","
		"  \"d\": {}, \"sw\": {\"kind\": \"switch\"}, \"hub\": {\"kind\": \"hub\"}, \"sw2\": {\"kind\": \"switch\", "
		"\"stp\": false}},"
		" \"links\": [{\"endpoints\": [\"n\", \"d\"]}, {\"endpoints\": [\"sw\", \"hub\"]}, {\"endpoints\": "
		"[\"sw2\", \"hub\"]}]}");
	const struct topo_node *n = &t->nodes[0], *d = &t->nodes[1];
	char text[IP_TEXT_MAX];

	(void)state;
	assert_int_equal(t->n_nodes, 5);
	assert_int_equal(n->kind, TOPO_HOST);
	assert_string_equal(n->hostname, "host.example");
	assert_string_equal(n->cwd, "/tmp");
	assert_string_equal(n->user, "nobody");
	assert_false(n->stp);
	/* defaults first, those that the node has itself replaced */
	assert_int_equal(n->n_env, 3);
	assert_string_equal(n->env[0].key, "A");
	assert_string_equal(n->env[1].key, "B");
	assert_string_equal(n->env[1].value, "3");
	assert_string_equal(n->env[2].key, "C");
	assert_string_equal(n->env[2].value, "");
	assert_int_equal(n->n_sysctls, 2);
	assert_string_equal(n->sysctls[0].key, "net.ipv4.tcp_ecn");
	assert_string_equal(n->sysctls[0].value, "0");
	assert_string_equal(n->sysctls[1].value, "2");
	assert_int_equal(n->n_routes, 4);
	assert_string_equal(ip_format_prefix(&n->routes[0].to, text), "0.0.0.0/0");
	assert_string_equal(ip_format_addr(&n->routes[0].via, text), "10.0.0.1");
	assert_int_equal(n->routes[0].metric, 5);
	assert_int_equal(n->routes[0].type, TOPO_ROUTE_UNICAST);
	assert_null(n->routes[0].dev);
	assert_string_equal(n->routes[1].dev, "eth0");
	assert_int_equal(n->routes[1].via.family, 0);
	assert_int_equal(n->routes[2].type, TOPO_ROUTE_UNREACHABLE);
	assert_string_equal(ip_format_prefix(&n->routes[2].to, text), "::/0");
	assert_string_equal(ip_format_prefix(&n->routes[3].to, text), "::/0");
	assert_int_equal(n->n_services, 1);
	assert_string_equal(n->services[0].run[2], "80");
	assert_null(n->services[0].run[3]);
	assert_string_equal(n->services[0].env[0].value, "y");
	/* everything by default */
	assert_int_equal(d->kind, TOPO_ROUTER);
	assert_string_equal(d->hostname, "d");
	assert_int_equal(d->n_env, 2);
	assert_int_equal(d->n_routes, 1);
	assert_int_equal(d->routes[0].type, TOPO_ROUTE_BLACKHOLE);
	assert_string_equal(d->services[0].name, "s");
	assert_int_equal(t->links[0].ends[1].mtu, 1400);
	/* what makes no sense on a switch does not reach it */
	assert_true(t->nodes[2].stp);
	assert_false(t->nodes[4].stp);
	assert_int_equal(t->nodes[3].kind, TOPO_HUB);
	assert_false(t->nodes[3].stp);
	for (size_t i = 2; i < 5; i++) {
		assert_int_equal(t->nodes[i].n_env + t->nodes[i].n_routes + t->nodes[i].n_services +
					 t->nodes[i].n_sysctls + t->nodes[i].n_interfaces,
				 0);
		assert_null(t->nodes[i].cwd);
	}
	assert_string_equal(topo_kind_name(TOPO_ROUTER), "router");
	assert_string_equal(topo_kind_name(TOPO_HUB), "hub");
	topo_free(t);
}

static void test_precedence(void **state)
{
	struct topo *t = parse(
		"{\"defaults\": {\"link\": {\"delay\": \"1ms\", \"loss\": \"1%\", \"rate\": \"1mbit\", \"mtu\": 1400, \"cost\": 7,"
		"   \"offload\": true, \"carrier\": false, \"join\": \"netem\","
		"   \"->\": {\"loss\": \"2%\", \"rate\": \"2mbit\", \"jitter\": \"1us\"}}},"
		" \"nodes\": {\"a\": {}, \"b\": {}},"
		" \"links\": [{\"endpoints\": [\"a\", \"b\"]},"
		"  {\"endpoints\": [\"a\", \"b\"], \"rate\": \"3mbit\", \"mtu\": 9000, \"cost\": 1, \"carrier\": true,"
		"   \"offload\": false, \"join\": \"auto\", \"->\": {\"delay\": \"4ms\"}, \"<-\": {\"rate\": \"5mbit\", \"down\": "
		"true}}]}");

	(void)state;
	assert_impairment(&t->links[0], 0, "delay 1ms jitter 1us rate 2mbit loss 2%");
	assert_impairment(&t->links[0], 1, "delay 1ms rate 1mbit loss 1%");
	assert_int_equal(t->links[0].mtu, 1400);
	assert_int_equal(t->links[0].cost, 7);
	assert_true(t->links[0].offload);
	assert_false(t->links[0].carrier);
	assert_int_equal(t->links[0].join, TOPO_JOIN_NETEM);
	assert_impairment(&t->links[1], 0, "delay 4ms jitter 1us rate 3mbit loss 2%");
	assert_impairment(&t->links[1], 1, "delay 1ms rate 5mbit loss 1% down true");
	assert_int_equal(t->links[1].mtu, 9000);
	assert_int_equal(t->links[1].cost, 1);
	assert_false(t->links[1].offload);
	assert_true(t->links[1].carrier);
	assert_int_equal(t->links[1].join, TOPO_JOIN_AUTO);
	topo_free(t);
}

/* Every key of an impairment, in every form. */
static void test_impairments(void **state)
{
	static const struct {
		const char *json, *text;
	} cases[] = {
		{ "\"delay\": \"20ms\"", "delay 20ms" },
		{ "\"delay\": \"20ms\", \"jitter\": \"5ms\", \"distribution\": \"pareto\", \"jitter_reorders\": true",
		  "delay 20ms jitter 5ms distribution pareto jitter_reorders true" },
		{ "\"rate\": \"1mbit\", \"queue\": \"50packets\", \"overhead\": -14, \"cell\": 53, \"cell_overhead\": 5, "
		  "\"aqm\": \"droptail\"",
		  "rate 1mbit queue 50packets overhead -14 cell 53 cell_overhead 5 aqm droptail" },
		{ "\"rate\": \"1mbit\", \"aqm\": \"codel\"", "rate 1mbit aqm codel" },
		{ "\"rate\": {\"trace\": \"/t\"}, \"queue\": \"100ms\"",
		  "rate trace:/t queue 100ms" },
		{ "\"rate\": {\"trace\": \"/t\", \"loop\": false, \"// why\": 0}",
		  "rate trace:/t,once" },
		{ "\"rate\": \"1mbit\", \"aqm\": \"codel\", \"ecn\": true",
		  "rate 1mbit ecn true aqm codel" },
		{ "\"rate\": \"1mbit\", \"queue\": \"64kib\"", "rate 1mbit queue 65536b" },
		{ "\"rate\": \"1mbit\", \"queue\": \"100ms\"", "rate 1mbit queue 100ms" },
		{ "\"loss\": \"1%\", \"ecn\": true", "ecn true loss 1%" },
		{ "\"loss\": 0.01", "loss 1%" },
		{ "\"loss\": 1", "loss 100%" },
		{ "\"loss\": {\"random\": 0.5}", "loss 50%" },
		{ "\"loss\": {\"burst\": {\"rate\": \"0.5%\", \"length\": 4}}",
		  "loss burst:0.5%,4" },
		{ "\"loss\": {\"// why\": 0, \"burst\": {\"rate\": 0.005, \"length\": 2.5}}",
		  "loss burst:0.5%,2.5" },
		{ "\"loss\": {\"gemodel\": {\"p\": \"1%\"}}", "loss gemodel:1%,99%,100%,0%" },
		{ "\"loss\": {\"gemodel\": {\"p\": \"1%\", \"r\": \"10%\", \"1-h\": \"70%\", \"1-k\": \"0.1%\"}}",
		  "loss gemodel:1%,10%,70%,0.1%" },
		{ "\"loss\": {\"state\": {\"p13\": \"5%\"}}", "loss state:5%,95%,0%,100%,0%" },
		{ "\"loss\": {\"state\": {\"p13\": \"5%\", \"p31\": \"30%\", \"p32\": \"20%\", \"p23\": \"50%\", \"p14\": \"1%\"}}",
		  "loss state:5%,30%,20%,50%,1%" },
		{ "\"duplicate\": \"1%\", \"corrupt\": 0.02", "duplicate 1% corrupt 2%" },
		{ "\"delay\": \"1ms\", \"reorder\": \"25%\", \"gap\": 5",
		  "delay 1ms reorder 25% gap 5" },
		{ "\"slot\": {\"min\": \"10ms\"}", "slot 10ms,10ms" },
		{ "\"slot\": {\"min\": \"10ms\", \"max\": \"20ms\", \"packets\": 3, \"bytes\": \"3kb\"}",
		  "slot 10ms,20ms,packets=3,bytes=3000b" },
		{ "\"slot\": {\"distribution\": \"normal\", \"delay\": \"10ms\", \"jitter\": \"1ms\"}",
		  "slot normal:10ms,1ms" },
		{ "\"down\": true", "down true" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf b = { 0 };
		struct topo *t;

		print_message("%s\n", cases[i].json);
		buf_printf(
			&b,
			"{\"nodes\":{\"a\":{},\"b\":{}},\"links\":[{\"endpoints\":[\"a\",\"b\"],%s},"
			"{\"endpoints\":[\"a\",\"b\"],\"<-\":{%s}}]}",
			cases[i].json, cases[i].json);
		t = parse(buf_text(&b));
		assert_impairment(&t->links[0], 0, cases[i].text);
		assert_impairment(&t->links[0], 1, cases[i].text);
		assert_impairment(&t->links[1], 0, "");
		assert_impairment(&t->links[1], 1, cases[i].text);
		topo_free(t);
	}
}

static void test_interfaces(void **state)
{
	static const char *const both[] = { "192.0.2.1/24", "2001:db8::1/64", "198.51.100.1/24",
					    NULL };
	static const char *const lo[] = { "203.0.113.1/32", "2001:db8:1::1/128", NULL };
	struct topo *t = parse(
		"{\"nodes\": {\"a\": {\"interfaces\": {\"up0\": {\"addresses\": \"198.51.100.1/24\", \"mac\": \"02:00:00:00:0A:01\","
		"   \"mtu\": 1400}, \"lo\": {\"addresses\": [\"203.0.113.1\", \"2001:db8:1::1/128\"]}}}, \"b\": {}},"
		" \"links\": [{\"endpoints\": [\"a\", \"b\"]},"
		"  {\"endpoints\": [\"a:up0\", \"b:eth0\"], \"addresses\": [[\"192.0.2.1/24\", \"2001:db8::1/64\"], null]},"
		"  {\"endpoints\": [\"b\", \"a\"], \"name\": \"third\"}, {\"endpoints\": [\"a:eth1\", \"b\"]}]}");
	const struct topo_end *up = &t->links[1].ends[0];

	(void)state;
	assert_string_equal(t->links[0].ends[0].ifname, "eth0");
	/* b:eth0 is given, so the others go round it */
	assert_string_equal(t->links[0].ends[1].ifname, "eth1");
	assert_string_equal(t->links[2].ends[0].ifname, "eth2");
	assert_string_equal(t->links[2].ends[1].ifname, "eth2");
	assert_string_equal(t->links[3].ends[1].ifname, "eth3");
	assert_string_equal(up->ifname, "up0");
	assert_prefixes(up->addresses, up->n_addresses, both);
	assert_true(up->mac_set);
	assert_int_equal(up->mac[4], 10);
	assert_int_equal(up->mtu, 1400);
	assert_int_equal(t->links[1].ends[1].n_addresses, 0);
	assert_int_equal(t->nodes[0].n_interfaces, 2);
	assert_string_equal(t->nodes[0].interfaces[1].name, "lo");
	assert_prefixes(t->nodes[0].interfaces[1].addresses, t->nodes[0].interfaces[1].n_addresses,
			lo);
	topo_free(t);
}

static void test_link_names(void **state)
{
	static const char *const names[] = { "a--b", "a--b.2", "x",   "b--a.3",
					     "s--s", "s--s.2", "a--c" };
	struct topo *t = parse(
		"{\"nodes\": {\"a\": {}, \"b\": {}, \"c\": {}, \"s\": {\"kind\": \"switch\"}}, \"links\": ["
		"{\"endpoints\": [\"a\", \"b\"]}, {\"endpoints\": [\"a\", \"b\"]},"
		"{\"endpoints\": [\"a\", \"b\"], \"name\": \"x\"}, {\"endpoints\": [\"b\", \"a\"]},"
		"{\"endpoints\": [\"s\", \"s\"]}, {\"endpoints\": [\"s\", \"s\"]}, {\"endpoints\": [\"a\", "
		"\"c\"]}]}");

	(void)state;
	assert_int_equal(t->n_links, ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_string_equal(t->links[i].name, names[i]);
		assert_null(name_check_link(names[i]));
		assert_int_equal(topo_find_link(t, names[i]), i);
	}
	assert_true(topo_find_link(t, "a--d") == SIZE_MAX);
	assert_int_equal(topo_find_node(t, "s"), 3);
	assert_true(topo_find_node(t, "d") == SIZE_MAX);
	topo_free(t);
}

/* Without the index (a topology made in C) the search is the slow one. */
static void test_find_without_index(void **state)
{
	struct topo_node nodes[] = { { .name = "a" }, { .name = "b" } };
	struct topo_link links[] = { { .name = "l" } };
	struct topo t = { .nodes = nodes, .n_nodes = 2, .links = links, .n_links = 1 };

	(void)state;
	assert_int_equal(topo_find_node(&t, "b"), 1);
	assert_true(topo_find_node(&t, "c") == SIZE_MAX);
	assert_int_equal(topo_find_link(&t, "l"), 0);
	assert_true(topo_find_link(&t, "m") == SIZE_MAX);
}

static void test_seeds(void **state)
{
	static const char one[] =
		"{\"seed\": 1, \"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"]}]}";
	static const char more[] =
		"{\"seed\": 1, \"nodes\": {\"z\": {}, \"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"z\", \"b\"]},"
		"{\"endpoints\": [\"a\", \"b\"], \"delay\": \"1ms\"}, {\"endpoints\": [\"a\", \"b\"], \"->\": {\"seed\": 42}}]}";
	static const char other[] =
		"{\"seed\": 2, \"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"]}]}";
	struct topo *t = parse(one), *u = parse(more), *v = parse(other);

	(void)state;
	/* pinned: a seed that moved would make every recorded experiment another one */
	assert_true(t->links[0].dir[0].seed == 1306202959707687ull);
	assert_true(t->links[0].dir[1].seed == 7638328066432643ull);
	/* of the link's name, not of its place or of its keys */
	assert_true(u->links[1].dir[0].seed == t->links[0].dir[0].seed);
	assert_true(u->links[1].dir[1].seed == t->links[0].dir[1].seed);
	assert_true(u->links[0].dir[0].seed != u->links[1].dir[0].seed);
	assert_int_equal(u->links[2].dir[0].seed, 42);
	assert_true(u->links[2].dir[1].seed != 42);
	assert_true(v->links[0].dir[0].seed != t->links[0].dir[0].seed);
	topo_free(t);
	topo_free(u);
	topo_free(v);
}

/* The example of the design, less what is not in this version. */
static void test_dumbbell(void **state)
{
	size_t warnings;
	struct topo *t = parse_as(
		"{\"name\": \"dumbbell\", \"seed\": 42,\n"
		"  \"defaults\": { \"link\": {\"mtu\": 1500}, \"node\": {} },\n"
		"  \"nodes\": { \"c1\": {}, \"c2\": {}, \"r1\": {\"kind\": \"router\"}, \"r2\": {\"kind\": \"router\"},\n"
		"    \"web\": {\"services\": [{\"name\": \"http\", \"run\": [\"python3\", \"-m\", \"http.server\", \"80\"]}]}},\n"
		"  \"links\": [ {\"endpoints\": [\"c1\", \"r1\"]}, {\"endpoints\": [\"c2\", \"r1\"]},\n"
		"    {\"name\": \"bottleneck\", \"endpoints\": [\"r1:up0\", \"r2:up0\"],\n"
		"     \"delay\": \"20ms\", \"rate\": \"10mbit\", \"queue\": \"50packets\",\n"
		"     \"->\": {\"loss\": \"1%\"}, \"<-\": {\"loss\": {\"burst\": {\"rate\": \"0.5%\", \"length\": 4}}}},\n"
		"    {\"endpoints\": [\"r2\", \"web\"]} ] }",
		"dumbbell.json", NULL, &warnings);

	(void)state;
	assert_int_equal(warnings, 0);
	assert_int_equal(t->n_links, 4);
	assert_impairment(&t->links[2], 0, "delay 20ms rate 10mbit queue 50packets loss 1%");
	assert_impairment(&t->links[2], 1,
			  "delay 20ms rate 10mbit queue 50packets loss burst:0.5%,4");
	assert_string_equal(t->links[3].ends[0].ifname, "eth0");
	assert_int_equal(t->links[3].mtu, 1500);
	topo_free(t);
}

static void test_tree(void **state)
{
	struct topo *t = parse(
		"{\"defaults\": {\"node\": {\"share\": [\"pid\"], \"files\": {\"/etc/a\": \"1\", \"/etc/b\": \"2\"},"
		"   \"mounts\": [{\"tmpfs\": \"/data\"}]}},"
		" \"nodes\": {\"n\": {\"share\": [\"uts\", \"ipc\"], \"rootfs\": {\"path\": \"/srv/tree\", \"writable\": true},"
		"   \"mounts\": [{\"bind\": \"/x\", \"at\": \"/y/\", \"rw\": true}, {\"overlay\": \"/usr/lib\"},"
		"     {\"tmpfs\": \"/t\", \"size\": \"1mib\", \"mode\": \"1777\"}],"
		"   \"files\": {\"//\": \"a comment\", \"/etc/b\": {\"from\": \"/c\", \"mode\": \"600\", \"owner\": \"u:g\"},"
		"     \"/run/d/\": {}, \"/etc/empty\": {}}},"
		"  \"d\": {}, \"sw\": {\"kind\": \"switch\"}}, \"links\": []}");
	const struct topo_node *n = &t->nodes[0], *d = &t->nodes[1];
	const struct topo_mount *m = n->tree.mounts;
	const struct topo_file *f = n->tree.files;

	(void)state;
	assert_int_equal(n->share, TOPO_NS_UTS | TOPO_NS_IPC);
	assert_string_equal(n->tree.rootfs, "/srv/tree");
	assert_true(n->tree.writable);
	assert_int_equal(n->tree.n_mounts, 3);
	assert_int_equal(m[0].kind, TOPO_MOUNT_BIND);
	assert_string_equal(m[0].source, "/x");
	assert_string_equal(m[0].at, "/y");
	assert_true(m[0].rw);
	assert_int_equal(m[1].kind, TOPO_MOUNT_OVERLAY);
	assert_string_equal(m[1].at, "/usr/lib");
	assert_int_equal(m[2].kind, TOPO_MOUNT_TMPFS);
	assert_string_equal(m[2].at, "/t");
	assert_int_equal(m[2].size_bytes, 1048576);
	assert_int_equal(m[2].mode, 01777);
	/* those of the defaults first, but for what the node has itself */
	assert_int_equal(n->tree.n_files, 4);
	assert_string_equal(f[0].path, "/etc/a");
	assert_string_equal(f[0].content, "1");
	assert_int_equal(f[0].mode, 0644);
	assert_string_equal(f[1].path, "/etc/b");
	assert_string_equal(f[1].from, "/c");
	assert_null(f[1].content);
	assert_int_equal(f[1].mode, 0600);
	assert_string_equal(f[1].owner, "u:g");
	assert_string_equal(f[2].path, "/run/d");
	assert_true(f[2].directory);
	assert_int_equal(f[2].mode, 0755);
	assert_string_equal(f[3].content, "");
	assert_int_equal(d->share, TOPO_NS_PID);
	assert_string_equal(d->tree.mounts[0].at, "/data");
	assert_int_equal(d->tree.n_files, 2);
	assert_int_equal(t->nodes[2].share + t->nodes[2].tree.n_mounts + t->nodes[2].tree.n_files,
			 0);
	topo_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smallest),
		cmocka_unit_test(test_top),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_file_names),
		cmocka_unit_test(test_node),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_impairments),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_link_names),
		cmocka_unit_test(test_find_without_index),
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_dumbbell),
		cmocka_unit_test(test_trace_paths),
		cmocka_unit_test(test_presets),
		cmocka_unit_test(test_timeline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
