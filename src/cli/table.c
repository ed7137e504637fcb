/* SPDX-License-Identifier: MIT */
/* Tables for people: columns as wide as their widest cell. */
#include "cli/output.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

#define BOLD  "\033[1m"
#define RESET "\033[0m"

enum { COLUMNS_MAX = 16 };

void cli_table_add(struct cli_table *t, const char *text)
{
	_cleanup_buf_ struct buf b = { 0 };

	if (t->n == t->size) {
		size_t size = t->size ? t->size * 2 : 64;
		char **more = reallocarray(t->cells, size, sizeof(*more));

		if (!more) {
			t->failed = true;
			return;
		}
		t->cells = more;
		t->size = size;
	}
	cli_add_safe(&b, text ? text : "-");
	t->cells[t->n] = buf_text(&b) ? strdup(buf_text(&b)) : NULL;
	if (t->cells[t->n])
		t->n++;
	else
		t->failed = true;
}

void cli_table_addf(struct cli_table *t, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text)
		cli_table_add(t, text);
	else
		t->failed = true;
}

void cli_table_add_int(struct cli_table *t, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value))
		cli_table_addf(t, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else
		cli_table_add(t, NULL);
}

void cli_table_add_node(struct cli_table *t, const json_t *ends, size_t i)
{
	const char *end = json_string_value(json_array_get(ends, i));

	if (end)
		cli_table_addf(t, "%.*s", (int)strcspn(end, ":"), end);
	else
		cli_table_add(t, NULL);
}

static void add_row(struct buf *b, const struct cli_table *t, const char *const *row,
		    const size_t *width)
{
	for (size_t i = 0; i < t->n_columns; i++) {
		int pad = (int)(width[i] - strlen(row[i]));

		if (t->right & (1u << i))
			buf_printf(b, "%*s%s", pad, "", row[i]);
		else
			buf_printf(b, "%s%*s", row[i], i + 1 < t->n_columns ? pad : 0, "");
		buf_puts(b, i + 1 < t->n_columns ? "  " : "\n");
	}
}

void cli_table_render(struct buf *b, struct cli_table *t)
{
	size_t width[COLUMNS_MAX] = { 0 };

	assert(t->n_columns > 0 && t->n_columns <= COLUMNS_MAX);
	for (size_t i = 0; i < t->n_columns; i++)
		width[i] = strlen(t->headers[i]);
	for (size_t i = 0; i < t->n; i++) {
		size_t len = strlen(t->cells[i]);

		if (len > width[i % t->n_columns])
			width[i % t->n_columns] = len;
	}
	add_row(b, t, t->headers, width);
	for (size_t i = 0; i + t->n_columns <= t->n; i += t->n_columns)
		add_row(b, t, (const char *const *)&t->cells[i], width);
	b->failed = b->failed || t->failed;
	cli_table_deinit(t);
}

int cli_table_print(struct cli *c, struct cli_table *t)
{
	_cleanup_buf_ struct buf b = { 0 };
	const char *text;
	size_t header;

	cli_table_render(&b, t);
	text = buf_text(&b);
	if (!text || !c->color_out)
		return cli_print_buf(c, &b, NETLAB_EXIT_OK);
	header = strcspn(text, "\n") + 1;
	(void)fprintf(c->io->out, BOLD "%.*s" RESET "%s", (int)header, text, text + header);
	return NETLAB_EXIT_OK;
}

void cli_table_deinit(struct cli_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct cli_table){ 0 };
}
