/* SPDX-License-Identifier: MIT */
/* netlab doctor: what this host can do. */
#include "cli/command.h"

#include "cli/output.h"

int cmd_doctor(struct cli *c)
{
	static const char *const headers[] = { "", "KIND", "NAME", "NEEDED FOR", "DETAIL" };
	struct cli_table t = { .headers = headers, .n_columns = 5 };
	json_t *list = NULL, *item;
	size_t i, missing = 0;
	int code = NETLAB_EXIT_OK, printed;

	if (c->backend->doctor(&list, &c->err) < 0)
		return cli_fail(c, &c->err);
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
