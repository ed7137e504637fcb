/* SPDX-License-Identifier: MIT */
/* A sweep as JUnit's XML: a case per seed, with what a failing one wrote. */
#include <inttypes.h>
#include <string.h>

#include "cli/output.h"
#include "cli/sweep.h"

/* Text as XML 1.0 can hold it: valid UTF-8, none of the control characters that it forbids. */
static void add_text(struct buf *b, const char *text, size_t len)
{
	json_t *valid = cli_json_text(text, len);
	const char *p = valid ? json_string_value(valid) : "";
	size_t n = valid ? json_string_length(valid) : 0;

	b->failed = b->failed || !valid;
	for (size_t i = 0; i < n; i++) {
		unsigned char ch = (unsigned char)p[i];

		if (ch == '&')
			buf_puts(b, "&amp;");
		else if (ch == '<')
			buf_puts(b, "&lt;");
		else if (ch == '>')
			buf_puts(b, "&gt;");
		else if (ch == '"')
			buf_puts(b, "&quot;");
		else if (ch < 0x20 && ch != '\n' && ch != '\t' && ch != '\r')
			buf_puts(b, "\xef\xbf\xbd");
		else if (ch == 0xef && i + 2 < n && (unsigned char)p[i + 1] == 0xbf &&
			 (unsigned char)p[i + 2] >= 0xbe) {
			buf_puts(b, "\xef\xbf\xbd"); /* U+FFFE and U+FFFF */
			i += 2;
		} else {
			buf_add(b, p + i, 1);
		}
	}
	json_decref(valid);
}

static void add_string(struct buf *b, const char *text)
{
	add_text(b, text, strlen(text));
}

static void add_failure(struct buf *b, const struct sweep_result *r)
{
	buf_puts(b, "<failure type=\"");
	buf_puts(b, sweep_verdict_name(r->verdict));
	if (r->verdict == SWEEP_TIMED_OUT)
		buf_puts(b, "\" message=\"timeout");
	else
		buf_printf(b, "\" message=\"exit code %d", r->exit);
	if (r->last_words) {
		buf_puts(b, ": ");
		add_string(b, r->last_words);
	}
	buf_puts(b, "\">");
	add_text(b, r->output ? r->output : "", r->output_len);
	buf_puts(b, "</failure>");
}

static void add_case(struct buf *b, const struct sweep_account *a, size_t place)
{
	const struct sweep_result *r = &a->sweep->results[place];

	buf_puts(b, "    <testcase classname=\"");
	add_string(b, a->lab);
	buf_printf(b, "\" name=\"seed %" PRIu64 "\" time=\"%.3f\"",
		   sweep_seed(&a->sweep->seeds, place), r->time_s);
	switch (r->verdict) {
	case SWEEP_PASSED:
		buf_puts(b, "/>\n");
		return;
	case SWEEP_NOT_RUN:
		buf_puts(b, "><skipped/></testcase>\n");
		return;
	case SWEEP_UNTRUSTED:
		buf_puts(b, "><error type=\"untrusted\" message=\"the host was too slow to trust "
			    "the run\"/></testcase>\n");
		return;
	case SWEEP_FAILED:
	case SWEEP_TIMED_OUT:
	case SWEEP_VERDICTS:
		buf_puts(b, ">");
		add_failure(b, r);
		buf_puts(b, "</testcase>\n");
		return;
	}
}

void sweep_junit(struct buf *b, const struct sweep_account *a)
{
	const struct sweep *s = a->sweep;

	buf_puts(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
		    "  <testsuite name=\"netlab sweep ");
	add_string(b, a->lab);
	buf_printf(b,
		   "\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" "
		   "time=\"%.3f\">\n",
		   s->seeds.n, sweep_failures(s), s->count[SWEEP_UNTRUSTED],
		   s->count[SWEEP_NOT_RUN], a->elapsed_s);
	for (size_t i = 0; i < s->seeds.n; i++)
		add_case(b, a, i);
	buf_puts(b, "  </testsuite>\n</testsuites>\n");
}
