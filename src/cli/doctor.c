/* SPDX-License-Identifier: MIT */
/* netlab doctor: what this host can do. */
#include "cli/command.h"

#include "cli/output.h"
#include "cli/target.h"

/* Adds what the wire moves; its figures are kept for `check` and `up`, where that can be. */
static int add_wire(struct cli *c, json_t *list)
{
	json_t *item = NULL;
	bool keep = cli_state_dir(c) == 0;

	if (!keep)
		cli_note(c, "what is measured is not kept: %s", c->err.message);
	if (c->backend->doctor_wire(keep ? c->state_dir : NULL, &item, &c->err) < 0)
		return c->err.code;
	return json_array_append_new(list, item);
}

int cmd_doctor(struct cli *c)
{
	static const char *const headers[] = { "", "KIND", "NAME", "NEEDED FOR", "DETAIL" };
	struct cli_table t = { .headers = headers, .n_columns = 5 };
	json_t *list = NULL, *item;
	size_t i, missing = 0;
	int code = NETLAB_EXIT_OK, printed;

	if (c->backend->doctor(&list, &c->err) < 0)
		return cli_fail(c, &c->err);
	if (add_wire(c, list) < 0) {
		json_decref(list);
		return cli_fail(c, &c->err);
	}
	json_array_foreach(list, i, item)
	{
		bool present = json_is_true(json_object_get(item, "present"));
		bool required = json_is_true(json_object_get(item, "required"));

		if (!present && required)
			code = NETLAB_EXIT_UNSUPPORTED;
		missing += !present;
		cli_table_add(&t, present ? "ok" : required ? "MISSING" : "missing");
		cli_table_add(&t, cli_json_string(item, "kind", NULL));
		cli_table_add(&t, cli_json_string(item, "name", NULL));
		cli_table_add(&t, cli_json_string(item, "needed_for", NULL));
		cli_table_add(&t, cli_json_string(item, "detail", ""));
	}
	if (c->json) {
		cli_table_deinit(&t);
		return cli_print_json(c, list, code);
	}
	printed = cli_table_print(c, &t);
	if (missing)
		(void)fputs("\nRemedies:\n", c->io->out);
	json_array_foreach(list, i, item)
	{
		if (!json_is_true(json_object_get(item, "present")))
			(void)fprintf(c->io->out, "  %s: %s\n", cli_json_string(item, "name", "?"),
				      cli_json_string(item, "remedy", "none known"));
	}
	json_decref(list);
	return printed ? printed : code;
}
