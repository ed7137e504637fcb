/* SPDX-License-Identifier: MIT */
/*
 * netem's delay tables: computed from the definitions by which iproute2 makes its .dist files (netem/normal.c, pareto.c
 * and paretonormal.c, "taken from the uncopyrighted NISTnet code"), value for value, and read from such files.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "impair/delay.h"

enum {
	ENTRIES = 4096,
	/* iproute2 computes four times as many values and keeps each fourth */
	FINE = 4 * ENTRIES,
	/* it walks along x from -10 to 10.05 in steps of 0.00005 and keeps the last x of each value */
	GRID_POINTS = 401000,
};

static int16_t normal[ENTRIES], pareto[ENTRIES], paretonormal[ENTRIES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static double grid_x(int k)
{
	return -10.0 + k * .00005;
}

/** The last x of the grid whose share of the normal distribution rounds to i of FINE. */
static double normal_quantile(int i)
{
	int low = 0, high = GRID_POINTS; /* low rounds to at most i, high to more */

	while (high - low > 1) {
		int middle = low + (high - low) / 2;
		double share = .5 + .5 * erf(grid_x(middle) / sqrt(2.0));

		if (rint(FINE * share) <= i)
			low = middle;
		else
			high = middle;
	}
	return grid_x(low);
}

/** Shape 3, moved to a mean of 0 and scaled to a deviation of 1; cut at the last entry's value, not beyond 16 bits. */
static int pareto_quantile(int i)
{
	double x = (1.0 / pow(1.0 - (double)i / FINE, 1.0 / 3.0) - 1.5) * (4.0 / 3.0) *
		   DELAY_TABLE_SCALE;

	return (int)rint(fmin(x, INT16_MAX));
}

static int16_t to_16_bits(int value)
{
	if (value < INT16_MIN)
		return INT16_MIN;
	return value > INT16_MAX ? INT16_MAX : (int16_t)value;
}

static void compute(void)
{
	for (int i = 0; i < ENTRIES; i++) {
		int n = (int)rint(normal_quantile(4 * i) * DELAY_TABLE_SCALE);
		int p = pareto_quantile(4 * i);

		normal[i] = to_16_bits(n);
		pareto[i] = to_16_bits(p);
		paretonormal[i] = to_16_bits((n + 3 * p) / 4);
	}
}

const struct delay_table *delay_table_builtin(enum impair_distribution d)
{
	static const struct delay_table normal_table = { normal, ENTRIES };
	static const struct delay_table pareto_table = { pareto, ENTRIES };
	static const struct delay_table paretonormal_table = { paretonormal, ENTRIES };

	if (d != IMPAIR_UNIFORM)
		pthread_once(&once, compute);
	switch (d) {
	case IMPAIR_UNIFORM:
		return NULL;
	case IMPAIR_NORMAL:
		return &normal_table;
	case IMPAIR_PARETO:
		return &pareto_table;
	case IMPAIR_PARETONORMAL:
		return &paretonormal_table;
	}
	return NULL;
}

/* --- files --- */

static int bad_line(struct netlab_err *err, const char *file, size_t line, const char *why)
{
	err_set(err, EINVAL, "delay table: %s", why);
	err_class(err, NETLAB_EXIT_INVALID);
	err_where(err, "%s:%zu", file, line);
	err_hint(err, "a table is whole numbers from -32768 to 32767, as in iproute2's .dist "
		      "files");
	return -EINVAL;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/** Reads the number at *p and moves behind it. @return whether it is one of 16 bits, and ends with white space */
static bool read_number(const char **p, const char *end, int16_t *ret)
{
	const char *c = *p;
	bool negative = c < end && *c == '-';
	int value = 0;

	c += negative;
	if (c == end || *c < '0' || *c > '9')
		return false;
	for (; c < end && *c >= '0' && *c <= '9' && value <= -INT16_MIN; c++)
		value = value * 10 + (*c - '0');
	if ((c < end && !is_space(*c)) || value > (negative ? -INT16_MIN : INT16_MAX))
		return false;
	*ret = (int16_t)(negative ? -value : value);
	*p = c;
	return true;
}

int delay_table_parse(const char *text, size_t len, const char *file, struct delay_table *ret,
		      struct netlab_err *err)
{
	int16_t *entries = calloc(DELAY_TABLE_ENTRIES_MAX, sizeof(*entries));
	const char *p = text, *end = text + len;
	size_t n = 0, line = 1;
	int r = 0;

	if (!entries)
		return err_set(err, ENOMEM, "out of memory");
	while (r == 0 && p < end) {
		if (*p == '#' && (p == text || p[-1] == '\n')) {
			while (p < end && *p != '\n')
				p++;
		} else if (is_space(*p)) {
			line += *p++ == '\n';
		} else if (n == DELAY_TABLE_ENTRIES_MAX) {
			r = err_set(err, EFBIG, "delay table '%s' has more than %d entries", file,
				    DELAY_TABLE_ENTRIES_MAX);
		} else if (!read_number(&p, end, &entries[n])) {
			r = bad_line(err, file, line, "not a whole number of 16 bits");
		} else {
			n++;
		}
	}
	if (r == 0 && n == 0)
		r = bad_line(err, file, line, "it has no entries");
	if (r < 0) {
		free(entries);
		return r;
	}
	*ret = (struct delay_table){ entries, n };
	return 0;
}

void delay_table_deinit(struct delay_table *t)
{
	free((void *)t->entries);
	*t = (struct delay_table){ 0 };
}
