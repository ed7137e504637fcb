/* SPDX-License-Identifier: MIT */
/* netlab service, kill, restart: services and nodes that are started and stopped while the lab runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/show.h"
#include "cli/target.h"
#include "cli/topology.h"

static int print(struct cli *c, const char *lab, json_t *answer)
{
	const char *node = cli_json_string(answer, "node", "?");
	json_t *nodes;
	int code;

	json_object_set_new(answer, "lab", json_string(lab));
	if (c->json)
		return cli_print_json(c, answer, NETLAB_EXIT_OK);
	nodes = json_pack("{s:{s:O}}", node, "services", json_object_get(answer, "services"));
	code = cli_print_services(c, nodes);
	json_decref(nodes);
	json_decref(answer);
	return code;
}

/** Says instead of "no such service" which is near. */
static void explain(struct cli *c, const char *lab, const struct lab_service_request *q)
{
	json_t *doc = NULL, *services;
	const char *names[64];
	const char *near;
	size_t n = 0;

	if (c->err.code != -ENOENT)
		return;
	cli_explain(c, lab, q->node, NULL);
	if (!q->service || cli_show(c, lab, &doc) < 0)
		return;
	services = json_object_get(json_object_get(json_object_get(doc, "nodes"), q->node),
				   "services");
	for (; services && n < json_array_size(services) && n < ARRAY_SIZE(names); n++)
		names[n] = cli_json_string(json_array_get(services, n), "name", "");
	near = n ? name_nearest(q->service, names, n, sizeof(names[0])) : NULL;
	if (services) {
		(void)err_set(&c->err, ENOENT, "node '%s' has no service '%s'", q->node,
			      q->service);
		if (near)
			(void)err_hint(&c->err, "did you mean '%s/%s'?", q->node, near);
		else
			(void)err_hint(&c->err, n ? "see 'netlab show'" : "it has none");
	}
	json_decref(doc);
}

static int ask(struct cli *c, enum lab_service_verb verb, const char *arg)
{
	struct lab_service_request q = { .verb = verb };
	_cleanup_free_ char *copy = strdup(arg);
	char *slash = copy ? strchr(copy, '/') : NULL;
	struct cli_target at;
	json_t *answer = NULL;

	if (!copy)
		(void)err_errno(&c->err, ENOMEM, "reading the command line");
	if (slash)
		*slash++ = '\0';
	if (!copy || cli_timeout(c, &q.timeout_ns, &c->err) < 0 || cli_target(c, copy, &at) < 0)
		return cli_fail(c, &c->err);
	q.node = at.name;
	q.service = slash;
	if (c->backend->service(c->state_dir, at.lab, &q, &answer, &c->err) < 0) {
		explain(c, at.lab, &q);
		return cli_fail(c, &c->err);
	}
	return print(c, at.lab, answer);
}

int cmd_service(struct cli *c)
{
	static const char *const verbs[] = {
		[LAB_SERVICE_START] = "start",
		[LAB_SERVICE_STOP] = "stop",
		[LAB_SERVICE_RESTART] = "restart",
		[LAB_SERVICE_STATUS] = "status",
	};
	enum lab_service_verb verb = LAB_SERVICE_START;

	while (strcmp(verbs[verb], c->args[0]) != 0) /* one of the table's: cli_parse() saw to it */
		verb++;
	return ask(c, verb, c->args[1]);
}

int cmd_kill(struct cli *c)
{
	struct cli_target at;

	if (cli_target(c, c->args[0], &at) < 0)
		return cli_fail(c, &c->err);
	if (c->backend->node_kill(c->state_dir, at.lab, at.name, &c->err) < 0) {
		cli_explain(c, at.lab, at.name, NULL);
		return cli_fail(c, &c->err);
	}
	if (c->json)
		return cli_print_json(c, json_pack("{s:s,s:s}", "lab", at.lab, "node", at.name),
				      NETLAB_EXIT_OK);
	return NETLAB_EXIT_OK;
}

int cmd_restart(struct cli *c)
{
	struct cli_target at;
	json_t *answer = NULL;
	uint64_t timeout_ns;

	if (cli_timeout(c, &timeout_ns, &c->err) < 0 || cli_target(c, c->args[0], &at) < 0)
		return cli_fail(c, &c->err);
	if (c->backend->node_restart(c->state_dir, at.lab, at.name, timeout_ns, &answer, &c->err) <
	    0) {
		cli_explain(c, at.lab, at.name, NULL);
		return cli_fail(c, &c->err);
	}
	json_object_set_new(answer, "lab", json_string(at.lab));
	if (c->json)
		return cli_print_json(c, answer, NETLAB_EXIT_OK);
	json_decref(answer);
	return NETLAB_EXIT_OK;
}
