/* SPDX-License-Identifier: MIT */
/* Where a pcap expression stops making sense: its beginnings are tried, each with what might follow. */
#include "sys/match_place.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

enum { TEXT_BYTES = 8192, OPEN_MAX = 32 };

/* What may make a whole of a beginning, after what was opened has been closed, or before. */
static const char *const endings[] = {
	"",
	" 1",
	" 1.2.3.4",
	" ::1",
	" 1.2.3.4/24",
	" tcp",
	" port 1",
	" host 1",
	" 1 = 1",
	" = 1",
	"0] = 1",
	"] = 1",
	" 00:00:00:00:00:00",
	" proto 1",
	" net 1",
	"0:1] = 1",
	":1] = 1",
	" broadcast",
	" src port 1",
	" or dst port 1",
	" and dst host 1",
	" port 1-2",
	" type mgt",
	" multicast",
};

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || strchr("_.:-/\\", c) != NULL;
}

static size_t word_at(const char *p)
{
	size_t n = 0;

	while (p[n] && is_word(p[n]))
		n++;
	if (n == 0)
		n = strspn(p, "!=<>&|");
	return n ? n : 1;
}

/** What closes the brackets that are open after `len` bytes. */
static void close_brackets(const char *text, size_t len, char ret[static OPEN_MAX])
{
	char open[OPEN_MAX];
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if ((text[i] == '(' || text[i] == '[') && n + 1 < OPEN_MAX)
			open[n++] = text[i] == '(' ? ')' : ']';
		else if ((text[i] == ')' || text[i] == ']') && n > 0)
			n--;
	}
	for (size_t i = 0; i < n; i++)
		ret[i] = open[n - 1 - i];
	ret[n] = '\0';
}

static bool can_be_completed(const char *expression, size_t len, match_place_compiles *compiles,
			     void *ctx)
{
	char text[TEXT_BYTES], closing[OPEN_MAX];

	close_brackets(expression, len, closing);
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		/* "(tcp" ")", "tcp[" "0] = 1", "tcp[0" "]" " = 1", "(tcp[0" "])"... */
		(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)len, expression, endings[i],
			       closing);
		if (compiles(ctx, text))
			return true;
		(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)len, expression, closing,
			       endings[i]);
		if (compiles(ctx, text))
			return true;
	}
	(void)snprintf(text, sizeof(text), "%.*s 1%s = 0", (int)len, expression, closing);
	if (compiles(ctx, text))
		return true;
	if (closing[0] != ']')
		return false;
	for (int digit = 0; digit < 2; digit++) {
		(void)snprintf(text, sizeof(text), "%.*s%s] = 0%s", (int)len, expression,
			       digit ? " 0" : "", closing + 1);
		if (compiles(ctx, text))
			return true;
	}
	return false;
}

size_t match_place(const char *expression, match_place_compiles *compiles, void *ctx,
		   size_t *ret_len)
{
	size_t at = 0, len = strlen(expression);

	while (at < len && len < TEXT_BYTES / 2) {
		size_t word;

		if (isspace((unsigned char)expression[at])) {
			at++;
			continue;
		}
		word = word_at(&expression[at]);
		if (!can_be_completed(expression, at + word, compiles, ctx)) {
			*ret_len = word;
			return at;
		}
		at += word;
	}
	*ret_len = 0;
	return len;
}
