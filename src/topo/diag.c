/* SPDX-License-Identifier: MIT */
/* Collecting what is wrong with a file. */
#include "topo/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* RFC 6901: '~' and '/' inside a key are escaped. Control characters and the rest stay out of messages. */
static void print_pointer(struct buf *b, const struct path *at)
{
	if (!at || !at->up)
		return; /* the root's pointer is empty */
	print_pointer(b, at->up);
	buf_puts(b, "/");
	if (!at->key) {
		buf_printf(b, "%zu", at->index);
		return;
	}
	for (const char *c = at->key; *c; c++) {
		/* a key of megabytes, with problems below it, would be repeated in each of them */
		if (c - at->key >= POINTER_KEY_MAX && ((unsigned char)*c & 0xc0) != 0x80) {
			buf_puts(b, "...");
			return;
		}
		if (*c == '~')
			buf_puts(b, "~0");
		else if (*c == '/')
			buf_puts(b, "~1");
		else if ((unsigned char)*c < ' ' || *c == 0x7f)
			buf_printf(b, "\\u%04x", (unsigned)(unsigned char)*c);
		else
			buf_add(b, c, 1);
	}
}

static void fill_order(struct diag_order *order, const struct path *at)
{
	unsigned depth = 0;

	for (const struct path *p = at; p && p->up; p = p->up)
		depth++;
	for (const struct path *p = at; p && p->up; p = p->up) {
		/* + 1: an object comes before its members */
		if (--depth < DIAG_DEPTH_MAX)
			order->at[depth] = (uint32_t)p->index + 1;
	}
}

/** Makes room for one more. @return false when the list is full or memory is out (remembered) */
static bool reserve(struct diag_sink *s)
{
	struct topo_diags *d = s->out;
	struct topo_diag *items;
	struct diag_order *orders;
	size_t size;

	if (d->failed)
		return false;
	if (d->n < d->size)
		return true;
	size = d->size ? d->size * 2 : 16;
	items = realloc(d->items, size * sizeof(*items));
	if (items)
		d->items = items;
	orders = realloc(s->orders, size * sizeof(*orders));
	if (orders)
		s->orders = orders;
	if (!items || !orders) {
		d->failed = true;
		return false;
	}
	d->size = size;
	return true;
}

static void add(struct diag_sink *s, struct topo_diag diag, struct diag_order order)
{
	struct topo_diags *d = s->out;

	if (!diag.where || !diag.message) {
		d->failed = true;
		return;
	}
	order.seq = (uint32_t)d->n;
	s->orders[d->n] = order;
	d->items[d->n++] = diag;
	d->n_errors += !diag.warning;
}

/** Says whether the list has room for one more of the kind; it ends with a word about what is not in it. */
static bool has_room(struct diag_sink *s, bool warning)
{
	struct topo_diags *d = s->out;
	size_t n = warning ? d->n - d->n_errors : d->n_errors;
	bool *full = warning ? &s->warnings_full : &s->full;
	struct diag_order last;

	if (*full || !reserve(s))
		return false;
	if (n < (warning ? (size_t)DIAG_WARNINGS_MAX : (size_t)DIAG_ERRORS_MAX))
		return true;
	memset(&last, 0xff, sizeof(last));
	add(s,
	    (struct topo_diag){
		    .warning = warning,
		    .where = arena_strdup(&d->arena, s->file),
		    .message = arena_printf(&d->arena, "there are more %s than these %zu",
					    warning ? "warnings" : "errors", n),
		    .hint = "mend these and check again",
	    },
	    last);
	*full = true;
	return false;
}

__attribute__((format(printf, 5, 0))) static void vadd(struct diag_sink *s, bool warning,
						       const struct path *at, const char *hint,
						       const char *fmt, va_list ap)
{
	_cleanup_buf_ struct buf where = { 0 };
	struct diag_order order = { 0 };
	struct arena *arena = &s->out->arena;
	char message[1024];

	if (!has_room(s, warning))
		return;
	buf_puts(&where, s->file);
	if (at && at->up)
		buf_puts(&where, ": ");
	print_pointer(&where, at);
	fill_order(&order, at);
	vsnprintf(message, sizeof(message), fmt, ap);
	add(s,
	    (struct topo_diag){
		    .warning = warning,
		    .where = buf_text(&where) ? arena_strdup(arena, buf_text(&where)) : NULL,
		    .message = arena_strdup(arena, message),
		    .hint = hint ? arena_strdup(arena, hint) : NULL,
	    },
	    order);
}

void diag_error(struct diag_sink *s, const struct path *at, const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vadd(s, false, at, hint, fmt, ap);
	va_end(ap);
}

void diag_warning(struct diag_sink *s, const struct path *at, const char *hint, const char *fmt,
		  ...)
{
	va_list ap;

	va_start(ap, fmt);
	vadd(s, true, at, hint, fmt, ap);
	va_end(ap);
}

void diag_error_at(struct diag_sink *s, const char *option, unsigned line, unsigned column,
		   const char *hint, const char *fmt, ...)
{
	struct arena *arena = &s->out->arena;
	char message[1024], position[32] = "";
	va_list ap;

	if (!has_room(s, false))
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (line != 0)
		snprintf(position, sizeof(position), ":%u:%u", line, column);
	add(s,
	    (struct topo_diag){
		    .where = option ? arena_strdup(arena, option)
				    : arena_printf(arena, "%s%s", s->file, position),
		    .message = arena_strdup(arena, message),
		    .hint = hint ? arena_strdup(arena, hint) : NULL,
	    },
	    (struct diag_order){ 0 });
}

const char *diag_hint(struct diag_sink *s, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (s->full)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return arena_strdup(&s->out->arena, text);
}

const char *diag_quote(struct diag_sink *s, const char *text)
{
	_cleanup_buf_ struct buf b = { 0 };
	const char *quoted;

	if (s->full)
		return "";
	for (const char *c = text; *c; c++) {
		unsigned char byte = (unsigned char)*c;

		/* cut between characters, not inside one */
		if (b.len >= QUOTE_MAX && (byte & 0xc0) != 0x80) {
			buf_puts(&b, "...");
			break;
		}
		if (byte < ' ' || byte == 0x7f)
			buf_printf(&b, "\\u%04x", byte);
		else
			buf_add(&b, c, 1);
	}
	quoted = buf_text(&b) ? arena_strdup(&s->out->arena, buf_text(&b)) : NULL;
	if (!quoted) {
		s->out->failed = true;
		return "";
	}
	return quoted;
}

static int compare_orders(const void *a, const void *b)
{
	const struct diag_order *x = a, *y = b;

	for (unsigned i = 0; i < DIAG_DEPTH_MAX; i++) {
		if (x->at[i] != y->at[i])
			return x->at[i] < y->at[i] ? -1 : 1;
	}
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

void diag_finish(struct diag_sink *s)
{
	struct topo_diags *d = s->out;
	struct topo_diag *sorted = NULL;

	if (d->n > 1 && !d->failed) {
		sorted = malloc(d->size * sizeof(*sorted));
		if (!sorted)
			d->failed = true;
	}
	if (sorted) {
		qsort(s->orders, d->n, sizeof(*s->orders), compare_orders);
		for (size_t i = 0; i < d->n; i++)
			sorted[i] = d->items[s->orders[i].seq];
		free(d->items);
		d->items = sorted;
	}
	free(s->orders);
	s->orders = NULL;
}

void topo_diags_deinit(struct topo_diags *d)
{
	free(d->items);
	arena_deinit(&d->arena);
	*d = (struct topo_diags){ 0 };
}
