/* SPDX-License-Identifier: MIT */
/* Fault rules as people read them. */
#include "cli/faults.h"

#include "cli/output.h"

enum { COLUMNS = 7, RIGHT = 1 << 0 | 1 << 5 | 1 << 6 };

static json_int_t count(const json_t *fault, const char *arrow, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(fault, arrow), key));
}

/* "3", or "3 + 1" for the two directions of a rule for both. */
static void add_counts(struct cli_table *t, const json_t *fault, const char *key)
{
	if (!json_object_get(fault, "->"))
		cli_table_addf(t, "%lld", (long long)count(fault, "<-", key));
	else if (!json_object_get(fault, "<-"))
		cli_table_addf(t, "%lld", (long long)count(fault, "->", key));
	else
		cli_table_addf(t, "%lld + %lld", (long long)count(fault, "->", key),
			       (long long)count(fault, "<-", key));
}

/* "first 2 after 1s for 2s" */
static void add_packets(struct cli_table *t, const json_t *fault)
{
	const char *after = cli_json_string(fault, "after", NULL),
		   *within = cli_json_string(fault, "for", NULL);

	cli_table_addf(t, "%s%s%s%s%s", cli_json_string(fault, "packets", "?"),
		       after ? " after " : "", after ? after : "", within ? " for " : "",
		       within ? within : "");
}

int cli_print_faults(struct cli *c, const json_t *faults)
{
	static const char *const headers[] = { "ID", "LINK",    "MATCH", "PACKETS",
					       "DO", "MATCHED", "ACTED" };
	struct cli_table t = { .headers = headers, .n_columns = COLUMNS, .right = RIGHT };
	const json_t *fault;
	size_t i;

	json_array_foreach(faults, i, fault)
	{
		const char *from = cli_json_string(fault, "from", NULL);

		cli_table_add_int(&t, fault, "id");
		if (from)
			cli_table_addf(&t, "%s from %s", cli_json_string(fault, "link", "?"), from);
		else
			cli_table_add(&t, cli_json_string(fault, "link", NULL));
		cli_table_add(&t, cli_json_string(fault, "match", "every packet"));
		add_packets(&t, fault);
		cli_table_add(&t, cli_json_string(fault, "action", NULL));
		add_counts(&t, fault, "matched");
		add_counts(&t, fault, "acted");
	}
	return cli_table_print(c, &t);
}

void cli_note_idle_faults(struct cli *c, const json_t *faults)
{
	const json_t *fault;
	size_t i;

	json_array_foreach(faults, i, fault)
	{
		if (count(fault, "->", "matched") + count(fault, "<-", "matched") > 0)
			continue;
		cli_note(c, "warning: fault %lld (link '%s', %s) has matched no packet",
			 (long long)json_integer_value(json_object_get(fault, "id")),
			 cli_json_string(fault, "link", "?"),
			 cli_json_string(fault, "match", "every packet"));
	}
}
