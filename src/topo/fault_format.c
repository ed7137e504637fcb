/* SPDX-License-Identifier: MIT */
/* Fault rules as text: as the file has them, and for people. */
#include "topo/fault.h"

#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "topo/model.h"

static void print_time(struct buf *b, uint64_t ns)
{
	units_format_time(b, ns);
}

static void print_range(struct buf *b, const struct fault_range *r)
{
	if (r->first == r->last)
		buf_printf(b, "%" PRIu64, r->first);
	else
		buf_printf(b, "%" PRIu64 "-%" PRIu64, r->first, r->last);
}

void fault_print_which(struct buf *b, const struct fault *f)
{
	switch (f->which) {
	case FAULT_ALL:
		buf_puts(b, "all");
		return;
	case FAULT_NTH:
		for (uint32_t i = 0; i < f->n_nth; i++) {
			buf_puts(b, i ? "," : "");
			print_range(b, &f->nth[i]);
		}
		return;
	case FAULT_EVERY:
		buf_printf(b, "every %" PRIu64, f->count);
		return;
	case FAULT_FIRST:
		buf_printf(b, "first %" PRIu64, f->count);
		return;
	}
}

void fault_print_action(struct buf *b, const struct fault *f)
{
	switch (f->action) {
	case FAULT_DROP:
		buf_puts(b, "drop");
		return;
	case FAULT_DUPLICATE:
		buf_puts(b, "duplicate");
		return;
	case FAULT_CORRUPT:
		buf_puts(b, "corrupt");
		if (f->place != FAULT_ANYWHERE)
			buf_printf(b, " %s %" PRIu64, f->place == FAULT_BIT ? "bit" : "byte",
				   f->at);
		return;
	case FAULT_DELAY:
		buf_puts(b, "delay ");
		print_time(b, f->delay_ns);
		return;
	case FAULT_HOLD:
		buf_printf(b, "hold until %" PRIu64, f->hold);
		return;
	}
}

/* --- as the file has them --- */

/** A string of JSON, with what it needs escaped. */
static void print_string(struct buf *b, const char *text)
{
	json_t *v = json_string(text);
	_cleanup_free_ char *out = v ? json_dumps(v, JSON_ENCODE_ANY) : NULL;

	json_decref(v);
	if (out)
		buf_puts(b, out);
	else
		b->failed = true;
}

static void print_key(struct buf *b, const char *key, const char *value)
{
	buf_printf(b, ", \"%s\": ", key);
	print_string(b, value);
}

static void print_nth(struct buf *b, const struct fault *f)
{
	buf_puts(b, ", \"nth\": [");
	for (uint32_t i = 0; i < f->n_nth; i++) {
		bool one = f->nth[i].first == f->nth[i].last;

		buf_puts(b, i ? ", " : "");
		buf_puts(b, one ? "" : "\"");
		print_range(b, &f->nth[i]);
		buf_puts(b, one ? "" : "\"");
	}
	buf_puts(b, "]");
}

static void print_do(struct buf *b, const struct fault *f)
{
	buf_puts(b, ", \"do\": ");
	switch (f->action) {
	case FAULT_DROP:
	case FAULT_DUPLICATE:
		buf_printf(b, "\"%s\"", f->action == FAULT_DROP ? "drop" : "duplicate");
		return;
	case FAULT_CORRUPT:
		if (f->place == FAULT_ANYWHERE)
			buf_puts(b, "\"corrupt\"");
		else
			buf_printf(b, "{\"corrupt\": {\"%s\": %" PRIu64 "}}",
				   f->place == FAULT_BIT ? "bit" : "byte", f->at);
		return;
	case FAULT_DELAY:
		buf_puts(b, "{\"delay\": \"");
		print_time(b, f->delay_ns);
		buf_puts(b, "\"}");
		return;
	case FAULT_HOLD:
		buf_printf(b, "{\"hold_until\": %" PRIu64 "}", f->hold);
		return;
	}
}

static void print_window(struct buf *b, const struct fault *f)
{
	if (!f->windowed)
		return;
	if (f->after_ns || f->for_ns == UINT64_MAX) {
		buf_puts(b, ", \"after\": \"");
		print_time(b, f->after_ns);
		buf_puts(b, "\"");
	}
	if (f->for_ns != UINT64_MAX) {
		buf_puts(b, ", \"for\": \"");
		print_time(b, f->for_ns);
		buf_puts(b, "\"");
	}
}

void topo_print_fault(struct buf *b, const struct topo *t, const struct topo_fault *f)
{
	const struct topo_link *link = &t->links[f->link];
	const struct fault *rule = &f->rule;

	buf_puts(b, "{\"link\": ");
	print_string(b, link->name);
	if (!f->dirs[0] || !f->dirs[1])
		print_key(b, "from", t->nodes[link->ends[f->dirs[1]].node].name);
	if (f->match[0])
		print_key(b, "match", f->match);
	if (rule->which == FAULT_NTH)
		print_nth(b, rule);
	else if (rule->which != FAULT_ALL)
		buf_printf(b, ", \"%s\": %" PRIu64, rule->which == FAULT_EVERY ? "every" : "first",
			   rule->count);
	print_window(b, rule);
	print_do(b, rule);
	buf_puts(b, "}");
}
