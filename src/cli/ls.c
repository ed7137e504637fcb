/* SPDX-License-Identifier: MIT */
/* netlab ls, netlab ps: labs, and their processes. */
#include "cli/command.h"

#include "cli/describe.h"
#include "cli/output.h"
#include "cli/target.h"
#include "cli/usage.h"

/* The rows of `ls`, as a new array; NULL with c->err. */
static json_t *summaries(struct cli *c)
{
	json_t *list = json_array();
	char **names = NULL;
	size_t n = 0;
	int r = cli_state_dir(c);

	if (r == 0)
		r = c->backend->names(c->state_dir, &names, &n, &c->err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct netlab_err err = { 0 };
		json_t *row = NULL;

		/* one that ended since it was listed is no longer a lab that runs */
		if (c->backend->summary(c->state_dir, names[i], &row, &err) == 0)
			(void)json_array_append_new(list, row);
	}
	if (names)
		c->backend->names_free(names, n);
	if (r == 0)
		return list;
	json_decref(list);
	return NULL;
}

int cmd_ls(struct cli *c)
{
	static const char *const headers[] = { "NAME",  "NODES", "LINKS", "ENGINE",
					       "STATE", "PID",   "UPTIME" };
	struct cli_table t = { .headers = headers, .n_columns = 7, .right = 0x26 };
	json_t *list = summaries(c), *row;
	size_t i;
	int code;

	if (!list)
		return cli_fail(c, &c->err);
	if (c->json)
		return cli_print_json(c, list, NETLAB_EXIT_OK);
	json_array_foreach(list, i, row)
	{
		_cleanup_buf_ struct buf uptime = { 0 };

		cli_describe_uptime(&uptime, json_number_value(json_object_get(row, "uptime_s")));
		cli_table_add(&t, cli_json_string(row, "name", NULL));
		cli_table_add_int(&t, row, "nodes");
		cli_table_add_int(&t, row, "links");
		cli_table_add(&t, cli_json_string(row, "engine", NULL));
		cli_table_add(&t, cli_json_string(row, "state", NULL));
		cli_table_add_int(&t, row, "pid");
		cli_table_add(&t, buf_text(&uptime));
	}
	code = cli_table_print(c, &t);
	json_decref(list);
	return code;
}

int cmd_ps(struct cli *c)
{
	static const char *const headers[] = { "NODE", "PID", "PPID", "USER", "STATE", "COMMAND" };
	struct cli_table t = { .headers = headers, .n_columns = 6, .right = 0x06 };
	char lab[NAME_MAX_BYTES + 1];
	json_t *list = NULL, *doc = NULL, *row;
	size_t i;
	int code;

	if (cli_lab(c, cli_arg(c, 0), lab) < 0 ||
	    c->backend->processes(c->state_dir, lab, &list, &c->err) < 0)
		return cli_fail(c, &c->err);
	if (c->json)
		return cli_print_json(c, list, NETLAB_EXIT_OK);
	json_array_foreach(list, i, row)
	{
		cli_table_add(&t, cli_json_string(row, "node", NULL));
		cli_table_add_int(&t, row, "pid");
		cli_table_add_int(&t, row, "ppid");
		cli_table_add(&t, cli_json_string(row, "user", NULL));
		cli_table_add(&t, json_is_true(json_object_get(row, "frozen"))
					  ? "frozen"
					  : cli_json_string(row, "state", NULL));
		cli_table_add(&t, cli_json_string(row, "command", NULL));
	}
	code = cli_table_print(c, &t);
	json_decref(list);
	if (code != 0 || cli_show(c, lab, &doc) < 0) /* it may have ended since */
		return code;
	code = cli_print_usage(c, json_object_get(doc, "nodes"));
	json_decref(doc);
	return code;
}
