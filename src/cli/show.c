/* SPDX-License-Identifier: MIT */
/* netlab show: a lab, one of its nodes, or one of its links. */
#include "cli/show.h"

#include <errno.h>
#include <string.h>

#include "cli/describe.h"
#include "cli/faults.h"
#include "cli/output.h"
#include "cli/usage.h"
#include "cli/target.h"
#include "topo/model.h"

static bool touches(const json_t *link, const char *node)
{
	const json_t *ends = json_object_get(link, "endpoints");
	size_t len = strlen(node);

	for (size_t i = 0; i < json_array_size(ends); i++) {
		const char *end = json_string_value(json_array_get(ends, i));

		/* "node" or "node:interface" */
		if (end && strncmp(end, node, len) == 0 && (end[len] == '\0' || end[len] == ':'))
			return true;
	}
	return false;
}

/* Keeps one node and its links, or one link. Returns -ENOENT with c->err when the name is neither. */
static int keep_only(struct cli *c, json_t *doc, const struct cli_target *s)
{
	json_t *nodes = json_object_get(doc, "nodes"), *links = json_object_get(doc, "links");
	bool node = json_object_get(nodes, s->name), link = json_object_get(links, s->name);
	const char *key;
	json_t *value;
	void *next;

	if (!node && !link) {
		/* a link that has no name of its own is told by what joins its ends */
		if (strstr(s->name, "--"))
			return cli_find(c, doc, s->lab, "link", s->name);
		/* so that the nearest of both kinds is found: nothing but names is in it */
		if (json_object_update(nodes, links) == 0)
			(void)cli_find(c, doc, s->lab, "node", s->name);
		(void)snprintf(c->err.message, sizeof(c->err.message),
			       "lab '%s' has no node or link '%s'", s->lab, s->name);
		return -ENOENT;
	}
	json_object_foreach_safe(nodes, next, key, value)
	{
		if (strcmp(key, s->name) != 0)
			(void)json_object_del(nodes, key);
	}
	json_object_foreach_safe(links, next, key, value)
	{
		if (strcmp(key, s->name) != 0 && !(node && touches(value, s->name)))
			(void)json_object_del(links, key);
	}
	return 0;
}

static void print_heading(struct cli *c, const json_t *doc)
{
	const char *failure = cli_json_string(doc, "failure", NULL);
	const json_t *seed = json_object_get(doc, "seed");
	FILE *out = c->io->out;

	(void)fprintf(out, "lab '%s', engine %s, seed ", cli_json_string(doc, "name", "?"),
		      cli_json_string(doc, "engine", "?"));
	if (json_is_string(seed))
		(void)fprintf(out, "%s\n", json_string_value(seed));
	else
		(void)fprintf(out, "%" JSON_INTEGER_FORMAT "\n", json_integer_value(seed));
	if (failure)
		(void)fprintf(out, "failed: %s\n", failure);
}

static void add_node_start(struct cli_table *t, const char *name, const json_t *node, bool first)
{
	if (!first) {
		for (int i = 0; i < 4; i++)
			cli_table_add(t, "");
		return;
	}
	cli_table_add(t, name);
	cli_table_add(t, cli_json_string(node, "kind", NULL));
	cli_table_add(t, cli_json_string(node, "state", NULL));
	cli_table_add_int(t, node, "pid");
}

static int print_nodes(struct cli *c, const json_t *nodes)
{
	static const char *const headers[] = { "NODE",      "KIND", "STATE", "PID",
					       "INTERFACE", "MAC",  "LINK",  "ADDRESSES" };
	struct cli_table t = { .headers = headers, .n_columns = 8, .right = 0x08 };
	const char *name;
	json_t *node, *interface;

	json_object_foreach((json_t *)nodes, name, node)
	{
		const json_t *interfaces = json_object_get(node, "interfaces");
		size_t i;

		json_array_foreach(interfaces, i, interface)
		{
			_cleanup_buf_ struct buf addresses = { 0 };

			cli_describe_list(&addresses, json_object_get(interface, "addresses"), " ");
			add_node_start(&t, name, node, i == 0);
			cli_table_add(&t, cli_json_string(interface, "name", NULL));
			cli_table_add(&t, cli_json_string(interface, "mac", NULL));
			cli_table_add(&t, cli_json_string(interface, "link", NULL));
			cli_table_add(&t, addresses.len ? buf_text(&addresses) : NULL);
		}
		if (json_array_size(interfaces) == 0) {
			add_node_start(&t, name, node, true);
			for (int k = 0; k < 4; k++)
				cli_table_add(&t, NULL);
		}
	}
	return cli_table_print(c, &t);
}

/* Why it does not run: in words, or the cause's name. @return NULL when there is nothing to say */
static const char *why_of(const json_t *service)
{
	return cli_json_string(service, "why", cli_json_string(service, "cause", NULL));
}

static bool has_why(const json_t *nodes)
{
	const char *name;
	json_t *node, *service;

	json_object_foreach((json_t *)nodes, name, node)
	{
		size_t i;

		json_array_foreach(json_object_get(node, "services"), i, service)
		{
			if (why_of(service))
				return true;
		}
	}
	return false;
}

int cli_print_services(struct cli *c, const json_t *nodes)
{
	static const char *const headers[] = { "SERVICE",  "STATE",     "PID IN NODE",
					       "RESTARTS", "LAST EXIT", "WHY" };
	bool any_why = has_why(nodes);
	struct cli_table t = { .headers = headers, .n_columns = any_why ? 6 : 5, .right = 0x1c };
	const char *name;
	json_t *node, *service;

	json_object_foreach((json_t *)nodes, name, node)
	{
		size_t i;

		json_array_foreach(json_object_get(node, "services"), i, service)
		{
			cli_table_addf(&t, "%s/%s", name, cli_json_string(service, "name", "?"));
			cli_table_add(&t, cli_json_string(service, "state", NULL));
			cli_table_add_int(&t, service, "pid_in_node");
			cli_table_add_int(&t, service, "restarts");
			cli_table_add_int(&t, service, "exit_code");
			if (any_why)
				cli_table_add(&t, why_of(service));
		}
	}
	return t.n == 0 && !t.failed ? NETLAB_EXIT_OK : cli_table_print(c, &t);
}

/* Nothing where no node has a service. */
static int print_services(struct cli *c, const json_t *nodes)
{
	const char *name;
	json_t *node;

	json_object_foreach((json_t *)nodes, name, node)
	{
		if (json_array_size(json_object_get(node, "services")) == 0)
			continue;
		(void)fputc('\n', c->io->out);
		return cli_print_services(c, nodes);
	}
	return NETLAB_EXIT_OK;
}

/* Of one node: which namespaces are its own is told by their inodes. */
static int print_namespaces(struct cli *c, const json_t *nodes)
{
	static const char *const headers[] = { "NAMESPACE", "INODE" };
	struct cli_table t = { .headers = headers, .n_columns = 2, .right = 0x02 };
	const char *name, *kind;
	json_t *node, *inode;

	json_object_foreach((json_t *)nodes, name, node)
	{
		const json_t *namespaces = json_object_get(node, "namespaces");

		json_object_foreach((json_t *)namespaces, kind, inode)
		{
			cli_table_add(&t, kind);
			cli_table_addf(&t, "%" JSON_INTEGER_FORMAT, json_integer_value(inode));
		}
	}
	if (t.n == 0 && !t.failed)
		return NETLAB_EXIT_OK;
	(void)fputc('\n', c->io->out);
	return cli_table_print(c, &t);
}

/* Of one node: what its processes may do. */
static void print_capabilities(struct cli *c, const json_t *nodes)
{
	const char *name;
	json_t *node, *capability;
	size_t i;

	json_object_foreach((json_t *)nodes, name, node)
	{
		const json_t *list = json_object_get(node, "capabilities");

		(void)fputs("\ncapabilities:", c->io->out);
		json_array_foreach(list, i, capability)(void)
			fprintf(c->io->out, " %s", json_string_value(capability));
		if (json_is_true(json_object_get(node, "privileged")))
			(void)fputs(" all (privileged)", c->io->out);
		else if (json_array_size(list) == 0)
			(void)fputs(" none", c->io->out);
		(void)fputc('\n', c->io->out);
	}
}

/* What the kernel reports for a direction: an object like what was asked, or text. */
static void add_in_force(struct cli_table *t, const json_t *link, const char *arrow)
{
	_cleanup_buf_ struct buf b = { 0 };
	const json_t *value = json_object_get(json_object_get(link, "in_force"), arrow);

	if (json_is_string(value))
		buf_puts(&b, json_string_value(value));
	else
		cli_describe_impairment(&b, value);
	cli_table_add(t, buf_text(&b));
}

int cli_print_links(struct cli *c, const json_t *links)
{
	static const char *const headers[] = { "LINK", "JOIN",  "MTU",     "FROM",
					       "TO",   "ASKED", "IN FORCE" };
	struct cli_table t = { .headers = headers, .n_columns = 7, .right = 0x04 };
	const char *name, *reason = NULL;
	json_t *link;
	int code;

	json_object_foreach((json_t *)links, name, link)
	{
		const json_t *ends = json_object_get(link, "endpoints");

		reason = cli_json_string(link, "reason", NULL);
		for (size_t i = 0; i < 2; i++) {
			_cleanup_buf_ struct buf asked = { 0 };

			cli_describe_impairment(&asked, json_object_get(link, topo_arrow(i)));
			cli_table_add(&t, i == 0 ? name : "");
			cli_table_add(&t, i == 0 ? cli_json_string(link, "join", NULL) : "");
			if (i == 0)
				cli_table_add_int(&t, link, "mtu");
			else
				cli_table_add(&t, "");
			cli_table_add(&t, json_string_value(json_array_get(ends, i)));
			cli_table_add(&t, json_string_value(json_array_get(ends, 1 - i)));
			cli_table_add(&t, buf_text(&asked));
			add_in_force(&t, link, topo_arrow(i));
		}
	}
	code = cli_table_print(c, &t);
	/* one link: also why it is joined as it is */
	if (code == 0 && reason && json_object_size(links) == 1)
		(void)fprintf(c->io->out, "join: %s\n", reason);
	return code;
}

static void add_trigger(struct cli_table *t, const json_t *event)
{
	const json_t *when = json_object_get(event, "when"), *at = json_object_get(event, "at_ms");
	_cleanup_buf_ struct buf b = { 0 };
	const char *kind;
	json_t *list;

	if (at)
		cli_table_addf(t, "%.3fs", json_number_value(at) / 1e3);
	json_object_foreach((json_t *)when, kind, list)
	{
		json_t *item;
		size_t i;

		buf_puts(&b, kind);
		json_array_foreach(list, i, item)
		{
			if (json_is_integer(item))
				buf_printf(&b, " #%" JSON_INTEGER_FORMAT, json_integer_value(item));
			else
				buf_printf(&b, " %s", json_string_value(item));
		}
	}
	if (!at)
		cli_table_add(t, buf_text(&b));
}

static void add_action(struct cli_table *t, const json_t *event)
{
	const json_t *exec = json_object_get(event, "exec");
	const char *from = cli_json_string(event, "from", NULL);
	_cleanup_buf_ struct buf b = { 0 };

	if (exec) {
		buf_printf(&b, "exec in %s: ", cli_json_string(exec, "node", "?"));
		cli_describe_list(&b, json_object_get(exec, "run"), " ");
	} else {
		buf_printf(&b, "link %s%s%s", cli_json_string(event, "link", "?"),
			   from ? " from " : "", from ? from : "");
	}
	cli_table_add(t, buf_text(&b));
}

/* Nothing where the lab has no timeline. */
static int print_timeline(struct cli *c, const json_t *timeline)
{
	static const char *const headers[] = { "EVENT", "WHEN", "WHAT", "STATE", "BEGAN", "ERROR" };
	struct cli_table t = { .headers = headers, .n_columns = 6, .right = 0x01 };
	json_t *event;
	size_t i;

	if (json_array_size(timeline) == 0)
		return NETLAB_EXIT_OK;
	json_array_foreach(timeline, i, event)
	{
		const json_t *began = json_object_get(event, "began_ms");

		cli_table_addf(&t, "%zu", i + 1);
		add_trigger(&t, event);
		add_action(&t, event);
		cli_table_add(&t, cli_json_string(event, "state", NULL));
		if (began)
			cli_table_addf(&t, "%.3fs", json_number_value(began) / 1e3);
		else
			cli_table_add(&t, NULL);
		cli_table_add(&t, cli_json_string(event, "error", NULL));
	}
	(void)fputc('\n', c->io->out);
	return cli_table_print(c, &t);
}

int cmd_show(struct cli *c)
{
	struct cli_target s = { .name = NULL };
	json_t *doc = NULL;
	int code = 0;

	if (cli_subject(c, &s) < 0 || cli_show(c, s.lab, &doc) < 0)
		return cli_fail(c, &c->err);
	if (s.name && keep_only(c, doc, &s) < 0) {
		json_decref(doc);
		return cli_fail(c, &c->err);
	}
	if (c->json)
		return cli_print_json(c, doc, NETLAB_EXIT_OK);
	print_heading(c, doc);
	if (json_object_size(json_object_get(doc, "nodes")) > 0) {
		(void)fputc('\n', c->io->out);
		code = print_nodes(c, json_object_get(doc, "nodes"));
		if (code == 0)
			code = print_services(c, json_object_get(doc, "nodes"));
		if (code == 0)
			code = cli_print_usage(c, json_object_get(doc, "nodes"));
		if (code == 0 && s.name)
			code = print_namespaces(c, json_object_get(doc, "nodes"));
		if (code == 0 && s.name)
			print_capabilities(c, json_object_get(doc, "nodes"));
	}
	if (code == 0 && json_object_size(json_object_get(doc, "links")) > 0) {
		(void)fputc('\n', c->io->out);
		code = cli_print_links(c, json_object_get(doc, "links"));
	}
	if (code == 0 && !s.name)
		code = print_timeline(c, json_object_get(doc, "timeline"));
	if (code == 0 && !s.name && json_array_size(json_object_get(doc, "faults")) > 0) {
		(void)fputc('\n', c->io->out);
		code = cli_print_faults(c, json_object_get(doc, "faults"));
	}
	json_decref(doc);
	return code;
}
