/* SPDX-License-Identifier: MIT */
/* Decisions as a text file. The words of a verdict: verdict.c. */
#include "repro/decisions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/names.h"
#include "base/units.h"

enum { WORDS = 6, FIRST_SIZE = 64 };

static const char *const causes[DECISION_CAUSES] = {
	[DECISION_LOSS] = "loss", [DECISION_QUEUE] = "queue",   [DECISION_CODEL] = "codel",
	[DECISION_DOWN] = "down", [DECISION_HOST] = "host",     [DECISION_FAULT] = "fault",
	[DECISION_DICE] = "dice", [DECISION_REPLAY] = "replay",
};

const char *decision_cause_name(enum decision_cause cause)
{
	return causes[cause];
}

/* --- writing --- */

void decisions_format_head(struct buf *b)
{
	buf_puts(b, DECISIONS_HEAD "\n");
}

void decisions_format_end(struct buf *b, size_t n)
{
	buf_printf(b, "end %zu\n", n);
}

void decision_format(struct buf *b, const struct decision *d)
{
	buf_printf(b, "%s %s %" PRIu64 " ", d->link, d->dir == 0 ? "->" : "<-", d->index);
	identity_format(b, &d->id);
	buf_puts(b, " ");
	verdict_format(b, &d->verdict);
	buf_printf(b, " %s\n", causes[d->cause]);
}

void decisions_format(struct buf *b, const struct decision *items, size_t n)
{
	decisions_format_head(b);
	for (size_t i = 0; i < n; i++)
		decision_format(b, &items[i]);
	decisions_format_end(b, n);
}

/* --- reading --- */

struct reader {
	const char *file;
	unsigned line;
	struct decisions *out;
	struct netlab_err *err;
};

static int bad(struct reader *r, const char *what, const char *value, const char *why)
{
	(void)err_set(r->err, EINVAL, "decisions: %s '%.60s': %s", what, value, why);
	return err_where(r->err, "%s:%u", r->file, r->line), -EINVAL;
}

/** The name as all decisions of its link have it. */
static const char *link_name(struct decisions *d, const char *name)
{
	/* a file mostly goes on with the link that it was at, or one that it has had of late */
	for (size_t i = d->n; i > 0 && d->n - i < 8; i--) {
		if (strcmp(d->items[i - 1].link, name) == 0)
			return d->items[i - 1].link;
	}
	for (size_t i = 0; i < d->n; i++) {
		if (strcmp(d->items[i].link, name) == 0)
			return d->items[i].link;
	}
	return arena_strdup(&d->names, name);
}

static int make_room(struct reader *r)
{
	struct decisions *d = r->out;
	size_t size = d->size ? 2 * d->size : FIRST_SIZE;
	struct decision *items;

	if (d->n < d->size)
		return 0;
	if (d->n >= DECISIONS_MAX) {
		(void)err_set(r->err, EFBIG, "decisions: there are more than %d", DECISIONS_MAX);
		(void)err_where(r->err, "%s:%u", r->file, r->line);
		return -EFBIG;
	}
	items = reallocarray(d->items, size, sizeof(*items));
	if (!items)
		return err_set(r->err, ENOMEM, "decisions: out of memory");
	d->items = items;
	d->size = size;
	return 0;
}

static int read_decision(struct reader *r, char *const words[WORDS])
{
	struct decision d = { 0 };
	const char *why = name_check_link(words[0]);
	int cause = 0, result;

	if (why)
		return bad(r, "link", words[0], why);
	if (strcmp(words[1], "->") != 0 && strcmp(words[1], "<-") != 0)
		return bad(r, "direction", words[1], "it is '->' or '<-'");
	d.dir = words[1][0] == '<';
	if (words[2][0] == '0' || units_parse_u64(words[2], &d.index) < 0)
		return bad(r, "index", words[2], "it is a whole number from 1");
	if (identity_parse(words[3], &d.id, &why) < 0)
		return bad(r, "identity", words[3], why);
	if (verdict_parse(words[4], &d.verdict, &why) < 0)
		return bad(r, "verdict", words[4], why);
	while (cause < DECISION_CAUSES && strcmp(causes[cause], words[5]) != 0)
		cause++;
	if (cause == DECISION_CAUSES)
		return bad(r, "cause", words[5],
			   "it is loss, queue, codel, down, host, fault, dice or replay");
	d.cause = (enum decision_cause)cause;
	result = make_room(r);
	if (result < 0)
		return result;
	d.link = link_name(r->out, words[0]);
	if (!d.link)
		return err_set(r->err, ENOMEM, "decisions: out of memory");
	r->out->items[r->out->n++] = d;
	return 0;
}

static int read_end(struct reader *r, const char *count)
{
	uint64_t n;

	if (units_parse_u64(count, &n) < 0)
		return bad(r, "end", count, "it is the number of decisions");
	if (n != r->out->n) {
		(void)err_set(r->err, EINVAL,
			      "decisions: the last line counts %" PRIu64 ", but there are %zu", n,
			      r->out->n);
		(void)err_hint(r->err, "lines were added or taken out: put their number there");
		(void)err_where(r->err, "%s:%u", r->file, r->line);
		return -EINVAL;
	}
	r->out->is_complete = true;
	return 0;
}

/** @param[in,out] line  NUL-terminated; is cut into its words */
static int read_line(struct reader *r, char *line)
{
	char *words[WORDS], *rest = line;
	unsigned n = 0;

	if (line[0] == '\0' || line[0] == '#')
		return 0;
	if (r->out->is_complete)
		return bad(r, "line", line, "nothing may come after the line with 'end'");
	while (rest && n < WORDS)
		words[n++] = strsep(&rest, " ");
	if (n == 2 && !rest && strcmp(words[0], "end") == 0)
		return read_end(r, words[1]);
	if (n < WORDS || rest)
		return bad(r, "line", words[0],
			   "a line has six words: LINK DIRECTION INDEX IDENTITY VERDICT CAUSE");
	return read_decision(r, words);
}

static int read_head(struct reader *r, const char *text, size_t len)
{
	static const char any[] = "netlab-decisions ";
	size_t n = sizeof(DECISIONS_HEAD) - 1;

	if (len > n && memcmp(text, DECISIONS_HEAD "\n", n + 1) == 0)
		return 0;
	(void)err_where(r->err, "%s:1", r->file);
	if (len >= sizeof(any) - 1 && memcmp(text, any, sizeof(any) - 1) == 0 && len > n) {
		(void)err_set(r->err, EPROTONOSUPPORT,
			      "decisions: this file is of another version than this netlab's, "
			      "'" DECISIONS_HEAD "'");
		(void)err_hint(r->err, "use the netlab that wrote it");
		(void)err_where(r->err, "%s:1", r->file);
		return -EPROTONOSUPPORT;
	}
	(void)err_set(r->err, EINVAL,
		      len == 0 ? "decisions: the file is empty"
			       : "decisions: this is no file of decisions: its first line is not "
				 "'" DECISIONS_HEAD "'");
	(void)err_where(r->err, "%s:1", r->file);
	return -EINVAL;
}

static int read_all(struct reader *r, const char *text, size_t len)
{
	const char *end = text + len;
	int result = read_head(r, text, len);

	for (const char *at = text; result == 0 && at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		char line[DECISIONS_LINE_MAX];
		size_t n;

		r->line++;
		if (!stop)
			return 0; /* cut off in the middle of a line: is_complete stays false */
		n = (size_t)(stop - at);
		if (n >= sizeof(line))
			return bad(r, "line", "", "it is too long");
		if (memchr(at, '\0', n))
			return bad(r, "line", "", "it has a NUL byte in it");
		memcpy(line, at, n);
		line[n] = '\0';
		if (r->line > 1)
			result = read_line(r, line);
		at = stop + 1;
	}
	return result;
}

int decisions_parse(const char *text, size_t len, const char *file, struct decisions *ret,
		    struct netlab_err *err)
{
	struct reader r = { .file = file, .out = ret, .err = err };
	int result;

	*ret = (struct decisions){ 0 };
	result = read_all(&r, text, len);
	/* a file whose "end" lost its newline was cut as well, by one byte */
	if (result < 0)
		decisions_deinit(ret);
	return result;
}

void decisions_deinit(struct decisions *d)
{
	free(d->items);
	arena_deinit(&d->names);
	*d = (struct decisions){ 0 };
}
