/* SPDX-License-Identifier: MIT */
/* What nodes with limits used: see usage.h. */
#include "cli/usage.h"

#include <inttypes.h>

#include "base/units.h"
#include "cli/output.h"

/* "3.2mib/64mib": two of three may not be known. */
static void add_memory(struct cli_table *t, const json_t *usage, const char *key,
		       const json_t *limit)
{
	const json_t *value = json_object_get(usage, key);
	_cleanup_buf_ struct buf b = { 0 };

	if (!json_is_integer(value)) {
		cli_table_add(t, NULL);
		return;
	}
	buf_printf(&b, "%.1fmib", (double)json_integer_value(value) / 1048576);
	if (json_is_integer(limit)) {
		buf_puts(&b, "/");
		units_format_size(&b, (uint64_t)json_integer_value(limit));
	}
	cli_table_add(t, buf_text(&b));
}

static void add_count(struct cli_table *t, const json_t *usage, const char *key,
		      const json_t *limit)
{
	const json_t *value = json_object_get(usage, key);

	if (json_is_integer(value) && json_is_integer(limit))
		cli_table_addf(t, "%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT,
			       json_integer_value(value), json_integer_value(limit));
	else
		cli_table_add_int(t, usage, key);
}

static void add_cpu(struct cli_table *t, const json_t *usage, const json_t *limit)
{
	const json_t *used = json_object_get(usage, "cpu_s");

	if (!json_is_number(used))
		cli_table_add(t, NULL);
	else
		cli_table_addf(t, "%.3fs", json_number_value(used));
	if (limit)
		cli_table_addf(t, "%g", json_number_value(limit));
	else
		cli_table_add(t, NULL);
}

int cli_print_usage(struct cli *c, const json_t *nodes)
{
	static const char *const headers[] = { "LIMITED", "MEMORY", "PEAK", "OOM KILLS", "CPU TIME",
					       "CPUS",    "PIDS",   "PEAK", "REFUSED" };
	struct cli_table t = { .headers = headers, .n_columns = 9, .right = 0x1fe };
	const char *name;
	json_t *node;

	json_object_foreach((json_t *)nodes, name, node)
	{
		const json_t *limits = json_object_get(node, "limits"),
			     *usage = json_object_get(node, "usage");

		if (!usage)
			continue;
		cli_table_add(&t, name);
		add_memory(&t, usage, "memory_bytes", json_object_get(limits, "memory_bytes"));
		add_memory(&t, usage, "memory_peak_bytes", NULL);
		cli_table_add_int(&t, usage, "oom_kills");
		add_cpu(&t, usage, json_object_get(limits, "cpu"));
		add_count(&t, usage, "pids", json_object_get(limits, "pids"));
		cli_table_add_int(&t, usage, "pids_peak");
		cli_table_add_int(&t, usage, "pids_refused");
	}
	if (t.n == 0 && !t.failed)
		return NETLAB_EXIT_OK;
	(void)fputc('\n', c->io->out);
	return cli_table_print(c, &t);
}

void cli_note_out_of_memory(struct cli *c, const struct topo *t)
{
	struct netlab_err err = { 0 };
	json_t *doc = NULL;
	bool any = false;

	for (size_t i = 0; i < t->n_nodes; i++)
		any = any || t->nodes[i].limits.memory_bytes;
	if (!any || c->backend->show(c->state_dir, t->name, &doc, &err) < 0)
		return;
	for (size_t i = 0; i < t->n_nodes; i++) {
		const json_t *node = json_object_get(json_object_get(doc, "nodes"),
						     t->nodes[i].name);
		json_int_t kills = json_integer_value(
			json_object_get(json_object_get(node, "usage"), "oom_kills"));
		_cleanup_buf_ struct buf limit = { 0 };

		if (kills <= 0)
			continue;
		units_format_size(&limit, t->nodes[i].limits.memory_bytes);
		cli_note(c,
			 "node '%s' ran out of memory (its limit is %s): %" JSON_INTEGER_FORMAT
			 " process%s killed",
			 t->nodes[i].name, buf_text(&limit) ? buf_text(&limit) : "?", kills,
			 kills == 1 ? " was" : "es were");
	}
	json_decref(doc);
}
