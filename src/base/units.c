/* SPDX-License-Identifier: MIT */
/* Quantities as people write them: exact decimal arithmetic, no floating point but for shares. */
#include "base/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

__extension__ typedef unsigned __int128 u128;

enum {
	/* More digits after the point than this say nothing: the largest multiplier is 3.6e12. */
	FRACTION_DIGITS_MAX = 18,
	/* A double as plain decimal digits, shortest form, and some room for zeros that a person typed. */
	SHARE_TEXT_MAX = 512,
};

struct unit {
	const char *name;
	uint64_t multiplier;
};

static const struct unit time_units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", 1000000 },
	{ "s", 1000000000ull },
	{ "m", 60 * 1000000000ull },
	{ "h", 3600 * 1000000000ull },
};

static const struct unit rate_units[] = {
	{ "bit", 1 },
	{ "kbit", 1000 },
	{ "mbit", 1000000 },
	{ "gbit", 1000000000ull },
	{ "byte", 8 },
	{ "kbyte", 8 * 1000ull },
	{ "mbyte", 8 * 1000000ull },
	{ "gbyte", 8 * 1000000000ull },
};

static const struct unit size_units[] = {
	{ "b", 1 },
	{ "kb", 1000 },
	{ "mb", 1000000 },
	{ "gb", 1000000000ull },
	{ "kib", 1024 },
	{ "mib", 1024 * 1024 },
	{ "gib", 1024 * 1024 * 1024 },
};

/** One kind of quantity: its units and the sentences that say how it is written. */
struct quantity {
	const struct unit *units;
	size_t n_units;
	const char *form;     /**< no number, or rubbish around it */
	const char *no_unit;  /**< a bare number */
	const char *bad_unit; /**< a unit that is none */
	const char *too_large;
	const char *too_small; /**< not zero, but rounds to it */
};

static const struct quantity time_quantity = {
	.units = time_units,
	.n_units = ARRAY_SIZE(time_units),
	.form = "a time is a number and a unit, e.g. \"20ms\" or \"1.5s\"",
	.no_unit = "a time needs a unit: write \"20ms\" for milliseconds (or ns, us, s, m, h)",
	.bad_unit = "the units of time are ns, us, ms, s, m and h, in lower case",
	.too_large = "the largest time is 292 years",
	.too_small = "the smallest time is 1ns",
};

static const struct quantity rate_quantity = {
	.units = rate_units,
	.n_units = ARRAY_SIZE(rate_units),
	.form = "a rate is a number and a unit, e.g. \"10mbit\" or \"1.5gbit\"",
	.no_unit =
		"a rate needs a unit: write \"10mbit\" for megabits a second (or bit, kbit, gbit, mbyte...)",
	.bad_unit = "the units of rate are bit, kbit, mbit, gbit, byte, kbyte, mbyte and gbyte "
		    "(per second, steps of 1000), in lower case",
	.too_large = "the largest rate is 9 * 10^18 bit/s",
	.too_small = "the smallest rate is 1bit",
};

static const struct quantity size_quantity = {
	.units = size_units,
	.n_units = ARRAY_SIZE(size_units),
	.form = "a size is a number and a unit, e.g. \"64kib\" or \"1500b\"",
	.no_unit = "a size needs a unit: write \"1500b\" for bytes (or kb, mb, gb, kib, mib, gib)",
	.bad_unit =
		"the units of size are b, kb, mb, gb (steps of 1000) and kib, mib, gib (steps of 1024), "
		"in lower case",
	.too_large = "the largest size is 8 * 1024^6 bytes",
	.too_small = "the smallest size is 1b",
};

/* tc reads "mbps" as megabytes, everybody else as megabits: refused with a sentence of its own. */
static const char bps_why[] =
	"\"bps\" is bits to some and bytes to others (tc): write \"mbit\" for "
	"megabits or \"mbyte\" for megabytes a second";

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int fail(const char **ret_why, const char *why, int code)
{
	if (ret_why)
		*ret_why = why;
	return code;
}

/** A decimal number without sign or exponent: whole + fraction / 10^digits. */
struct decimal {
	uint64_t whole;
	uint64_t fraction;
	uint64_t scale; /**< 10^digits kept */
	bool overflow;
	bool not_zero;
};

/** @return the first character after the number; NULL when there is none */
static const char *read_decimal(const char *text, struct decimal *d)
{
	unsigned kept = 0;

	*d = (struct decimal){ .scale = 1 };
	if (!is_digit(*text))
		return NULL;
	for (; is_digit(*text); text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (__builtin_mul_overflow(d->whole, 10u, &d->whole) ||
		    __builtin_add_overflow(d->whole, digit, &d->whole))
			d->overflow = true;
		d->not_zero |= digit != 0;
	}
	if (*text != '.')
		return text;
	if (!is_digit(*++text))
		return NULL;
	for (; is_digit(*text); text++) {
		unsigned digit = (unsigned)(*text - '0');

		d->not_zero |= digit != 0;
		if (kept++ >= FRACTION_DIGITS_MAX)
			continue;
		d->fraction = d->fraction * 10 + digit;
		d->scale *= 10;
	}
	return text;
}

static const struct unit *find_unit(const struct quantity *q, const char *name)
{
	for (size_t i = 0; i < q->n_units; i++) {
		if (strcmp(q->units[i].name, name) == 0)
			return &q->units[i];
	}
	return NULL;
}

static bool ends_in_bps(const char *unit)
{
	size_t n = strlen(unit);

	return n >= 3 && n <= 5 && strcasecmp(unit + n - 3, "bps") == 0;
}

static int parse_quantity(const struct quantity *q, const char *text, uint64_t *ret,
			  const char **ret_why)
{
	const struct unit *unit;
	struct decimal d;
	const char *rest = read_decimal(text, &d);
	u128 value;

	if (!rest)
		return fail(ret_why, q->form, -EINVAL);
	if (*rest == '\0')
		return fail(ret_why, q->no_unit, -EINVAL);
	unit = find_unit(q, rest);
	if (!unit && *rest == ' ')
		return fail(ret_why, q->form, -EINVAL); /* its example has no blank */
	if (!unit) {
		if (q == &rate_quantity && ends_in_bps(rest))
			return fail(ret_why, bps_why, -EINVAL);
		return fail(ret_why, q->bad_unit, -EINVAL);
	}
	if (d.overflow)
		return fail(ret_why, q->too_large, -ERANGE);
	/* rounded to the nearest; both products fit: 2^64 * 3.6e12, 1e18 * 3.6e12 */
	value = (u128)d.whole * unit->multiplier +
		((u128)d.fraction * unit->multiplier + d.scale / 2) / d.scale;
	if (value > INT64_MAX)
		return fail(ret_why, q->too_large, -ERANGE);
	if (value == 0 && d.not_zero)
		return fail(ret_why, q->too_small, -ERANGE);
	*ret = (uint64_t)value;
	return 0;
}

int units_parse_time(const char *text, uint64_t *ret_ns, const char **ret_why)
{
	return parse_quantity(&time_quantity, text, ret_ns, ret_why);
}

int units_parse_rate(const char *text, uint64_t *ret_bps, const char **ret_why)
{
	return parse_quantity(&rate_quantity, text, ret_bps, ret_why);
}

int units_parse_size(const char *text, uint64_t *ret_bytes, const char **ret_why)
{
	return parse_quantity(&size_quantity, text, ret_bytes, ret_why);
}

int units_parse_share(const char *text, double *ret_share, const char **ret_why)
{
	static const char form[] =
		"a share is a percentage or a number from 0 to 1, e.g. \"1%\" or 0.01";
	static const char range[] =
		"a share lies between 0 and 100 % (as a number between 0 and 1)";
	/* The digits without the point and a decimal exponent: strtod() rounds once and correctly, and no
	 * locale can turn the point into a comma. */
	char digits[SHARE_TEXT_MAX];
	size_t n = 0, fraction = 0;
	double value;

	if (!is_digit(*text))
		return fail(ret_why, form, -EINVAL);
	for (; is_digit(*text) || (*text == '.' && fraction == 0); text++) {
		if (*text == '.') {
			if (!is_digit(text[1]))
				return fail(ret_why, form, -EINVAL);
			fraction = 1; /* one more than the digits after the point */
			continue;
		}
		if (n >= sizeof(digits) - 16)
			return fail(ret_why, form, -EINVAL);
		digits[n++] = *text;
		fraction += fraction != 0;
	}
	if (fraction != 0)
		fraction--;
	if (strcmp(text, "%") == 0)
		fraction += 2;
	else if (*text != '\0')
		return fail(ret_why, form, -EINVAL);
	snprintf(digits + n, sizeof(digits) - n, "e-%zu", fraction);
	value = strtod(digits, NULL);
	if (!(value >= 0 && value <= 1))
		return fail(ret_why, range, -ERANGE);
	*ret_share = value;
	return 0;
}

int units_parse_u64(const char *text, uint64_t *ret)
{
	unsigned base = 10;
	uint64_t value = 0;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	if (*text == '\0')
		return -EINVAL;
	for (; *text; text++) {
		unsigned digit;

		if (is_digit(*text))
			digit = (unsigned)(*text - '0');
		else if (base == 16 && *text >= 'a' && *text <= 'f')
			digit = (unsigned)(*text - 'a') + 10;
		else if (base == 16 && *text >= 'A' && *text <= 'F')
			digit = (unsigned)(*text - 'A') + 10;
		else
			return -EINVAL;
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return -ERANGE;
	}
	*ret = value;
	return 0;
}

/* The largest of the units in which the value is at least 1, with as many decimals as it has. */
static void format_quantity(struct buf *b, uint64_t value, const struct unit *units, size_t n)
{
	const struct unit *u = &units[0];
	char fraction[24];
	uint64_t rest, width = 0;

	for (size_t i = 1; i < n; i++) {
		if (value >= units[i].multiplier)
			u = &units[i];
	}
	rest = value % u->multiplier;
	buf_printf(b, "%llu", (unsigned long long)(value / u->multiplier));
	if (rest != 0) {
		for (uint64_t m = u->multiplier; m > 1; m /= 10)
			width++;
		snprintf(fraction, sizeof(fraction), "%0*llu", (int)width,
			 (unsigned long long)rest);
		for (size_t i = strlen(fraction); i > 0 && fraction[i - 1] == '0'; i--)
			fraction[i - 1] = '\0';
		buf_printf(b, ".%s", fraction);
	}
	buf_puts(b, u->name);
}

void units_format_time(struct buf *b, uint64_t ns)
{
	/* not in minutes and hours: those are no powers of ten */
	if (ns == 0)
		buf_puts(b, "0ms");
	else
		format_quantity(b, ns, time_units, 4);
}

void units_format_rate(struct buf *b, uint64_t bps)
{
	format_quantity(b, bps, rate_units, 4);
}

void units_format_size(struct buf *b, uint64_t bytes)
{
	const struct unit *u = &size_units[0];

	for (size_t i = 1; i < sizeof(size_units) / sizeof(size_units[0]); i++) {
		if (bytes && bytes % size_units[i].multiplier == 0 &&
		    size_units[i].multiplier > u->multiplier)
			u = &size_units[i];
	}
	buf_printf(b, "%llu%s", (unsigned long long)(bytes / u->multiplier), u->name);
}

void units_format_share(struct buf *b, double share)
{
	char text[64], digits[32];
	size_t n = 0;
	int exponent = 0;

	if (!(share > 0)) {
		buf_puts(b, "0%");
		return;
	}
	/* the fewest digits that read back to the same double */
	for (int precision = 0; precision <= 16; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision, share);
		if (strtod(text, NULL) == share)
			break;
	}
	for (const char *c = text; *c; c++) {
		if (*c == 'e') {
			exponent = atoi(c + 1);
			break;
		}
		if (is_digit(*c))
			digits[n++] = *c;
	}
	exponent += 3; /* percent; and the point stands after the first digit */
	while (n > 1 && digits[n - 1] == '0')
		n--;
	if (exponent <= 0) {
		buf_puts(b, "0.");
		for (; exponent < 0; exponent++)
			buf_puts(b, "0");
		buf_add(b, digits, n);
	} else {
		for (size_t i = 0; i < n || (int)i < exponent; i++) {
			if ((int)i == exponent)
				buf_puts(b, ".");
			buf_add(b, i < n ? &digits[i] : "0", 1);
		}
	}
	buf_puts(b, "%");
}
