/* SPDX-License-Identifier: MIT */
/* Errors, notes and JSON, in one form for every command. */
#include "cli/output.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/err.h"

#define RED   "\033[1;31m"
#define RESET "\033[0m"

int cli_exit_code(const struct cli *c, enum netlab_exit exit_class)
{
	/* where the exit code is the command's, only 125 is ours */
	if (c->command && c->command->tail != CLI_NO_TAIL && exit_class != NETLAB_EXIT_OK &&
	    (!c->command->own_codes || exit_class == NETLAB_EXIT_RUNTIME))
		return NETLAB_EXIT_NETLAB;
	return (int)exit_class;
}

static json_t *text_or_null(const char *text)
{
	return *text ? cli_json_text(text, strlen(text)) : json_null();
}

json_t *cli_error_json(const struct netlab_err *err)
{
	return json_pack("{s:i, s:o, s:o, s:o}", "code", (int)err->exit, "message",
			 cli_json_text(err->message, strlen(err->message)), "where",
			 text_or_null(err->where), "hint", text_or_null(err->hint));
}

int cli_fail(struct cli *c, const struct netlab_err *err)
{
	_cleanup_buf_ struct buf b = { 0 };
	const char *text;

	if (c->color_err)
		buf_puts(&b, RED);
	buf_puts(&b, "netlab:");
	if (c->color_err)
		buf_puts(&b, RESET);
	buf_puts(&b, " ");
	if (err->where[0]) {
		cli_add_safe(&b, err->where);
		buf_puts(&b, ": ");
	}
	cli_add_safe(&b, err->message);
	if (err->hint[0]) {
		buf_puts(&b, " (");
		cli_add_safe(&b, err->hint);
		buf_puts(&b, ")");
	}
	text = buf_text(&b);
	(void)fprintf(c->io->err, "%s\n", text ? text : err->message);
	if (c->json)
		(void)cli_print_json_line(c, json_pack("{s:o}", "error", cli_error_json(err)));
	return cli_exit_code(c, err->exit);
}

int cli_fail_with(struct cli *c, enum netlab_exit exit_class, const char *hint, const char *fmt,
		  ...)
{
	struct netlab_err err = { .code = -EINVAL, .exit = exit_class };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err.message, sizeof(err.message), fmt, ap);
	va_end(ap);
	if (hint)
		(void)snprintf(err.hint, sizeof(err.hint), "%s", hint);
	return cli_fail(c, &err);
}

void cli_note(struct cli *c, const char *fmt, ...)
{
	_cleanup_buf_ struct buf b = { 0 };
	char text[1024];
	va_list ap;

	if (c->quiet)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cli_add_safe(&b, text);
	(void)fprintf(c->io->err, "netlab: %s\n", buf_text(&b) ? buf_text(&b) : text);
}

static int out_of_memory(struct cli *c)
{
	(void)err_errno(&c->err, ENOMEM, "printing the answer");
	return cli_fail(c, &c->err);
}

int cli_print_json(struct cli *c, json_t *doc, int code)
{
	int r = doc ? json_dumpf(doc, c->io->out, JSON_INDENT(2) | JSON_ENCODE_ANY) : -1;

	json_decref(doc);
	if (r < 0 && !ferror(c->io->out)) {
		c->json = false; /* half a document is out already */
		return out_of_memory(c);
	}
	(void)fputc('\n', c->io->out);
	return code;
}

int cli_print_json_line(struct cli *c, json_t *object)
{
	int r = object ? json_dumpf(object, c->io->out, JSON_COMPACT) : -1;

	json_decref(object);
	(void)fputc('\n', c->io->out);
	return r < 0 ? -ENOMEM : 0;
}

int cli_print_buf(struct cli *c, const struct buf *b, int code)
{
	const char *text = buf_text(b);

	if (!text)
		return out_of_memory(c);
	(void)fwrite(text, 1, b->len, c->io->out);
	return code;
}

int cli_flush(struct cli *c)
{
	bool failed = ferror(c->io->out);

	if (fflush(c->io->out) != 0 || failed) {
		int e = errno;

		(void)err_errno(&c->err, e ? e : EIO, "writing to standard output");
		c->json = false; /* it would go the same way */
		return c->err.code;
	}
	return 0;
}

/* Length of the UTF-8 sequence at p (RFC 3629), 0 when it is none. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80                   ? 1
		   : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
		   : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
						 : 4;

	if (n == 1)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	/* overlong, surrogates, above U+10FFFF */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

json_t *cli_json_text(const char *text, size_t len)
{
	_cleanup_buf_ struct buf b = { 0 };

	for (size_t i = 0; i < len;) {
		size_t n = utf8_len((const unsigned char *)text + i, len - i);

		if (n)
			buf_add(&b, text + i, n);
		else
			buf_puts(&b, "\xef\xbf\xbd");
		i += n ? n : 1;
	}
	return buf_text(&b) ? json_stringn(buf_text(&b), b.len) : NULL;
}

json_t *cli_json_u64(uint64_t value)
{
	return value <= INT64_MAX ? json_integer((json_int_t)value)
				  : json_sprintf("%" PRIu64, value);
}

void cli_add_safe(struct buf *b, const char *text)
{
	for (const char *p = text; *p; p++) {
		unsigned char ch = (unsigned char)*p;

		if (ch < 0x20 || ch == 0x7f)
			buf_printf(b, "\\x%02x", ch);
		else if (ch == 0xc2 && (unsigned char)p[1] >= 0x80 && (unsigned char)p[1] < 0xa0)
			buf_printf(b, "\\x%02x", (unsigned char)*++p); /* U+0080 to U+009F */
		else
			buf_add(b, p, 1);
	}
}

void cli_add_word(struct buf *b, const char *word)
{
	const char *p = word;

	while (isalnum((unsigned char)*p) || (*p && strchr("@%+=:,./-_", *p)))
		p++;
	if (*word && !*p) {
		buf_puts(b, word);
		return;
	}
	buf_puts(b, "'");
	for (p = word; *p; p++) {
		if (*p == '\'')
			buf_puts(b, "'\\''");
		else
			buf_add(b, p, 1);
	}
	buf_puts(b, "'");
}

const char *cli_json_string(const json_t *object, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : otherwise;
}
