/* SPDX-License-Identifier: MIT */
/* JSON in words. */
#include "cli/describe.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "cli/output.h"

/* Cuts `suffix` off the key. Returns its new length, 0 when it does not end so. */
static size_t stem(const char *key, const char *suffix)
{
	size_t len = strlen(key), n = strlen(suffix);

	return len > n && strcmp(key + len - n, suffix) == 0 ? len - n : 0;
}

static void add_members(struct buf *b, const json_t *object);

static bool is_share(const char *key)
{
	static const char *const shares[] = { "random", "duplicate", "corrupt", "reorder", "rate",
					      "p",      "r",         "1-h",     "1-k",     "p13",
					      "p31",    "p32",       "p23",     "p14" };

	for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
		if (strcmp(key, shares[i]) == 0)
			return true;
	}
	return false;
}

/* A value with the unit that its key names. */
static void add_value(struct buf *b, const char *key, const json_t *value)
{
	uint64_t number = (uint64_t)json_integer_value(value);

	if (json_is_object(value)) {
		buf_puts(b, "(");
		add_members(b, value);
		buf_puts(b, ")");
	} else if (json_is_string(value)) {
		buf_puts(b, json_string_value(value));
	} else if (json_is_boolean(value)) {
		buf_puts(b, json_is_true(value) ? "yes" : "no");
	} else if (stem(key, "_ns")) {
		units_format_time(b, number);
	} else if (stem(key, "_bps")) {
		units_format_rate(b, number);
	} else if (stem(key, "_packets")) {
		buf_printf(b, "%" JSON_INTEGER_FORMAT " packets", json_integer_value(value));
	} else if (stem(key, "_bytes")) {
		buf_printf(b, "%" JSON_INTEGER_FORMAT " bytes", json_integer_value(value));
	} else if (json_is_number(value) && is_share(key)) {
		units_format_share(b, json_number_value(value)); /* none and all are integers */
	} else if (json_is_integer(value)) {
		buf_printf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	} else {
		buf_printf(b, "%g", json_real_value(value));
	}
}

static void add_members(struct buf *b, const json_t *object)
{
	static const char *const suffixes[] = { "_ns", "_bps", "_packets", "_bytes" };
	const char *key;
	json_t *value;
	bool first = true;

	json_object_foreach((json_t *)object, key, value)
	{
		size_t len = 0;

		for (size_t i = 0; i < 4 && !len; i++)
			len = stem(key, suffixes[i]);
		if (!len)
			len = strlen(key);
		buf_puts(b, first ? "" : " ");
		first = false;
		/* as `link set` takes it */
		if (strcmp(key, "rate_trace") == 0) {
			buf_printf(b, "rate trace:%s%s", cli_json_string(value, "trace", "?"),
				   json_is_false(json_object_get(value, "loop")) ? ",once" : "");
			continue;
		}
		/* these say enough without their keys: "netem ...", "loss 1%" */
		if (strcmp(key, "random") == 0 || strcmp(key, "qdisc") == 0) {
			add_value(b, key, value);
			continue;
		}
		buf_add(b, key, len);
		if (json_is_true(value))
			continue;
		buf_puts(b, " ");
		if (json_is_object(value) && json_object_size(value) == 1)
			add_members(b, value);
		else
			add_value(b, key, value);
	}
}

void cli_describe_impairment(struct buf *b, const json_t *impairment)
{
	size_t n = json_object_size(impairment);

	/* a seed alone, which every direction has, does nothing */
	if (n == 0 || (n == 1 && json_object_get(impairment, "seed")))
		buf_puts(b, "-");
	else
		add_members(b, impairment);
}

void cli_describe_uptime(struct buf *b, double seconds)
{
	uint64_t s = seconds > 0 ? (uint64_t)seconds : 0;

	if (s < 60)
		buf_printf(b, "%d s", (int)s);
	else if (s < 3600)
		buf_printf(b, "%d min %d s", (int)(s / 60), (int)(s % 60));
	else if (s < 86400)
		buf_printf(b, "%d h %d min", (int)(s / 3600), (int)(s % 3600 / 60));
	else
		buf_printf(b, "%llu d %d h", (unsigned long long)(s / 86400),
			   (int)(s % 86400 / 3600));
}

void cli_describe_list(struct buf *b, const json_t *strings, const char *separator)
{
	for (size_t i = 0; i < json_array_size(strings); i++) {
		const char *text = json_string_value(json_array_get(strings, i));

		buf_printf(b, "%s%s", i ? separator : "", text ? text : "?");
	}
}

void cli_describe_count(struct buf *b, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf_puts(b, ",");
		buf_add(b, &digits[i], 1);
	}
}

void cli_describe_bytes(struct buf *b, uint64_t bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes / 1000;
	size_t unit = 0;

	if (bytes < 1000) {
		buf_printf(b, "%u B", (unsigned)bytes);
		return;
	}
	/* 999.95 would be printed as 1000 */
	for (; value >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		value /= 1000;
	buf_printf(b, "%.*f %s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[unit]);
}
