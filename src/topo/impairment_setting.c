/* SPDX-License-Identifier: MIT */
/* One `key=value` of `link set`. */
#include "topo/impairment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/names.h"
#include "base/units.h"
#include "topo/presets.h"
#include "topo/link.h"

enum { PARTS_MAX = 5 };

/** A value while it is parsed: what to say when it is no good. */
struct setting {
	const char *key, *value;
	unsigned dir;
	struct arena *texts; /**< may be NULL */
	struct netlab_err *err;
};

static int bad(const struct setting *s, const char *hint)
{
	err_set(s->err, EINVAL, "'%s' cannot be \"%.200s\"", s->key, s->value);
	err_class(s->err, NETLAB_EXIT_USAGE);
	if (hint)
		err_hint(s->err, "%s", hint);
	return -EINVAL;
}

static const char *negative_or(const struct setting *s, const char *why)
{
	return s->value[0] == '-' ? "it cannot be negative" : why;
}

typedef int units_fn(const char *text, uint64_t *ret, const char **ret_why);

static int parse_units(const struct setting *s, const char *text, units_fn *parse, uint64_t *ret)
{
	const char *why = NULL;

	return parse(text, ret, &why) < 0 ? bad(s, negative_or(s, why)) : 0;
}

static int parse_share(const struct setting *s, const char *text, double *ret)
{
	const char *why = NULL;

	if (units_parse_share(text, ret, &why) == 0)
		return 0;
	if (strpbrk(s->value, " ,") && text == s->value)
		why = "one share; netem's correlation is not offered, for it does not do what it says: for losses in "
		      "bursts write loss=burst:1%,4";
	return bad(s, negative_or(s, why));
}

static int parse_bool(const struct setting *s, bool *ret)
{
	if (strcmp(s->value, "true") == 0)
		*ret = true;
	else if (strcmp(s->value, "false") == 0)
		*ret = false;
	else
		return bad(s, "it is true or false");
	return 0;
}

static int parse_integer(const struct setting *s, int64_t min, int64_t max, int64_t *ret)
{
	const char *digits = s->value + (s->value[0] == '-');
	uint64_t n;

	if (units_parse_u64(digits, &n) < 0 || n > INT64_MAX)
		return bad(s, "it is a whole number");
	*ret = digits == s->value ? (int64_t)n : -(int64_t)n;
	if (*ret < min || *ret > max) {
		bad(s, NULL);
		(void)err_hint(s->err, "it is from %lld to %lld", (long long)min, (long long)max);
		return -EINVAL;
	}
	return 0;
}

static int parse_distribution(const struct setting *s, const char *text,
			      enum impair_distribution *ret)
{
	for (unsigned d = IMPAIR_UNIFORM; d <= IMPAIR_PARETONORMAL; d++) {
		if (strcmp(impair_distribution_name((enum impair_distribution)d), text) == 0) {
			*ret = (enum impair_distribution)d;
			return 0;
		}
	}
	return bad(s, "it is uniform, normal, pareto or paretonormal");
}

/** Cuts a copy at its commas. @return the number of parts; 0 when there are too many */
static size_t split(char *text, char *parts[PARTS_MAX])
{
	size_t n = 0;

	for (char *comma = text; text; text = comma) {
		if (n == PARTS_MAX)
			return 0;
		comma = strchr(text, ',');
		if (comma)
			*comma++ = '\0';
		parts[n++] = text;
	}
	return n;
}

static int parse_shares(const struct setting *s, char *text, double shares[PARTS_MAX],
			size_t *ret_n)
{
	char *parts[PARTS_MAX];

	*ret_n = split(text, parts);
	for (size_t i = 0; i < *ret_n; i++) {
		if (parse_share(s, parts[i], &shares[i]) < 0)
			return -EINVAL;
	}
	return 0;
}

static int parse_burst(const struct setting *s, char *text, struct impair_loss *ret)
{
	static const char hint[] = "write loss=burst:RATE,LENGTH, e.g. loss=burst:0.5%,4";
	struct impair_loss loss = { .model = IMPAIR_LOSS_BURST };
	char *parts[PARTS_MAX], *end;

	if (split(text, parts) != 2)
		return bad(s, hint);
	if (parse_share(s, parts[0], &loss.burst_rate) < 0)
		return -EINVAL;
	/* digits and a point only: strtod() would take "nan", "0x1p3" and blanks */
	if (strspn(parts[1], "0123456789.") != strlen(parts[1]) || parts[1][0] == '\0')
		return bad(s, hint);
	loss.burst_length = strtod(parts[1], &end);
	if (*end != '\0' || !(loss.burst_length >= 1 && loss.burst_length <= 1e9))
		return bad(s, "LENGTH is a number of packets, 1 or more");
	*ret = loss;
	return 0;
}

static int parse_loss(const struct setting *s, char *copy, struct impair_loss *ret)
{
	double v[PARTS_MAX];
	char *colon = strchr(copy, ':');
	size_t n;

	if (!colon) {
		struct impair_loss loss = { .model = IMPAIR_LOSS_RANDOM };

		if (parse_share(s, s->value, &loss.random) < 0)
			return -EINVAL;
		*ret = loss;
		return 0;
	}
	*colon++ = '\0';
	if (strcmp(copy, "burst") == 0)
		return parse_burst(s, colon, ret);
	if (strcmp(copy, "random") != 0 && strcmp(copy, "gemodel") != 0 &&
	    strcmp(copy, "state") != 0)
		return bad(
			s,
			"write 1%, burst:RATE,LENGTH, gemodel:P,R,1-H,1-K or state:P13,P31,P32,P23,P14");
	if (parse_shares(s, colon, v, &n) < 0)
		return -EINVAL;
	if (strcmp(copy, "random") == 0 && n == 1)
		*ret = (struct impair_loss){ .model = IMPAIR_LOSS_RANDOM, .random = v[0] };
	else if (strcmp(copy, "gemodel") == 0 && n >= 1 && n <= 4)
		*ret = impair_gemodel(v[0], n > 1 ? &v[1] : NULL, n > 2 ? &v[2] : NULL,
				      n > 3 ? &v[3] : NULL);
	else if (strcmp(copy, "state") == 0 && n >= 1)
		*ret = impair_state(v[0], n > 1 ? &v[1] : NULL, n > 2 ? &v[2] : NULL,
				    n > 3 ? &v[3] : NULL, n > 4 ? &v[4] : NULL);
	else
		return bad(
			s,
			"random has 1 number, gemodel 1 to 4 (P,R,1-H,1-K), state 1 to 5 (P13,P31,P32,P23,P14)");
	return 0;
}

static int parse_budget(const struct setting *s, const char *text, struct impair_slot *slot)
{
	uint64_t n;

	if (strncmp(text, "packets=", 8) == 0 && units_parse_u64(text + 8, &n) == 0 && n > 0 &&
	    n <= UINT32_MAX) {
		slot->packets = (uint32_t)n;
		return 0;
	}
	if (strncmp(text, "bytes=", 6) == 0 && units_parse_size(text + 6, &n, NULL) == 0 && n > 0 &&
	    n <= UINT32_MAX) {
		slot->bytes = (uint32_t)n;
		return 0;
	}
	return bad(s, "after the times come packets=N and bytes=SIZE only");
}

/* "20ms", "20ms,30ms", "normal:20ms,2ms", each with ",packets=N" and ",bytes=SIZE" */
static int parse_slot(const struct setting *s, char *copy, struct impair_slot *ret)
{
	struct impair_slot slot = { 0 };
	char *parts[PARTS_MAX], *colon = strchr(copy, ':');
	uint64_t times[2];
	size_t n, n_times;

	if (colon) {
		*colon++ = '\0';
		if (parse_distribution(s, copy, &slot.distribution) < 0)
			return -EINVAL;
		if (slot.distribution == IMPAIR_UNIFORM)
			return bad(s, "for a uniform slot write slot=MIN,MAX");
	}
	n = split(colon ? colon : copy, parts);
	for (n_times = 0; n_times < n && n_times < 2 && !strchr(parts[n_times], '='); n_times++) {
		if (parse_units(s, parts[n_times], units_parse_time, &times[n_times]) < 0)
			return -EINVAL;
	}
	for (size_t i = n_times; i < n; i++) {
		if (parse_budget(s, parts[i], &slot) < 0)
			return -EINVAL;
	}
	if (n_times == 0 || (colon && (n_times != 2 || times[0] == 0)))
		return bad(
			s,
			"write MIN, MIN,MAX or normal:DELAY,JITTER, e.g. slot=20ms,30ms or slot=20ms,packets=10");
	if (colon) {
		slot.dist_delay_ns = times[0];
		slot.dist_jitter_ns = times[1];
	} else {
		slot.min_ns = times[0];
		slot.max_ns = times[n_times - 1];
	}
	*ret = slot;
	return 0;
}

static int parse_aqm(const struct setting *s, enum impair_aqm *ret)
{
	for (int aqm = IMPAIR_DROPTAIL; aqm <= IMPAIR_CODEL; aqm++) {
		if (strcmp(s->value, impair_aqm_name((enum impair_aqm)aqm)) == 0) {
			*ret = (enum impair_aqm)aqm;
			return 0;
		}
	}
	return bad(s, "write droptail or codel");
}

/* "10mbit", "trace:FILE", "trace:FILE,once", "trace:FILE,loop" (for a FILE that ends in ",once") */
static int parse_rate(const struct setting *s, char *copy, struct impairment *m)
{
	static const char prefix[] = "trace:";
	char *file = copy + strlen(prefix);
	bool loop = true;
	size_t n;

	if (strncmp(copy, prefix, strlen(prefix)) != 0) {
		if (parse_units(s, s->value, units_parse_rate, &m->rate_bps) < 0)
			return -EINVAL;
		m->rate_trace = NULL;
		return 0;
	}
	for (unsigned once = 0; once < 2; once++) {
		const char *suffix = once ? IMPAIR_TRACE_ONCE : IMPAIR_TRACE_LOOP;

		n = strlen(file);
		if (n <= strlen(suffix) || strcmp(file + n - strlen(suffix), suffix) != 0)
			continue;
		file[n - strlen(suffix)] = '\0';
		loop = !once;
		break;
	}
	if (*file == '\0')
		return bad(s, "write rate=trace:FILE, or rate=trace:FILE,once to play it once");
	if (!s->texts)
		return bad(s, "a trace cannot be given here");
	file = arena_strdup(s->texts, file);
	if (!file)
		return err_set(s->err, ENOMEM, "out of memory");
	m->rate_trace = file;
	m->rate_trace_loop = loop;
	m->rate_bps = 0;
	return 0;
}

static int parse_value(const struct setting *s, enum impair_key key, char *copy,
		       struct impairment *m)
{
	const char *why = NULL;
	int64_t n = 0;
	int r = 0;

	switch (key) {
	case IMPAIR_DELAY:
		return parse_units(s, s->value, units_parse_time, &m->delay_ns);
	case IMPAIR_JITTER:
		return parse_units(s, s->value, units_parse_time, &m->jitter_ns);
	case IMPAIR_DISTRIBUTION:
		return parse_distribution(s, s->value, &m->distribution);
	case IMPAIR_JITTER_REORDERS:
		return parse_bool(s, &m->jitter_reorders);
	case IMPAIR_RATE:
		return parse_rate(s, copy, m);
	case IMPAIR_QUEUE:
		return impair_parse_queue(s->value, m, &why) < 0 ? bad(s, negative_or(s, why)) : 0;
	case IMPAIR_ECN:
		return parse_bool(s, &m->ecn);
	case IMPAIR_LOSS:
		return parse_loss(s, copy, &m->loss);
	case IMPAIR_DUPLICATE:
		return parse_share(s, s->value, &m->duplicate);
	case IMPAIR_CORRUPT:
		return parse_share(s, s->value, &m->corrupt);
	case IMPAIR_REORDER:
		return parse_share(s, s->value, &m->reorder);
	case IMPAIR_GAP:
		r = parse_integer(s, 1, UINT32_MAX, &n);
		m->gap = (uint32_t)n;
		return r;
	case IMPAIR_OVERHEAD:
		r = parse_integer(s, IMPAIR_OVERHEAD_MIN, IMPAIR_OVERHEAD_MAX, &n);
		m->overhead = (int32_t)n;
		return r;
	case IMPAIR_CELL:
		r = parse_integer(s, 1, IMPAIR_OVERHEAD_MAX, &n);
		m->cell = (uint32_t)n;
		return r;
	case IMPAIR_CELL_OVERHEAD:
		r = parse_integer(s, 0, IMPAIR_OVERHEAD_MAX, &n);
		m->cell_overhead = (int32_t)n;
		return r;
	case IMPAIR_SLOT:
		return parse_slot(s, copy, &m->slot);
	case IMPAIR_SEED:
		return units_parse_u64(s->value, &m->seed) < 0
			       ? bad(s, "it is a whole number from 0 to 18446744073709551615")
			       : 0;
	case IMPAIR_DOWN:
		return parse_bool(s, &m->down);
	case IMPAIR_AQM:
		return parse_aqm(s, &m->aqm);
	case IMPAIR_KEY_COUNT:
		break;
	}
	return -EINVAL;
}

static int apply_preset(const struct setting *s, struct impairment *m)
{
	_cleanup_buf_ struct buf names = { 0 };
	int preset = preset_find(s->value);

	if (preset >= 0) {
		impairment_merge(m, preset_get(preset, s->dir));
		return 0;
	}
	buf_puts(&names, "it is one of");
	for (const struct choice *c = preset_choices; c->name; c++)
		buf_printf(&names, "%s %s", c == preset_choices ? "" : ",", c->name);
	return bad(s, buf_text(&names));
}

static int unknown_key(const char *name, struct netlab_err *err)
{
	const char *names[IMPAIR_KEY_COUNT + 1], *nearest;

	for (unsigned k = 0; k < IMPAIR_KEY_COUNT; k++)
		names[k] = impair_key_name((enum impair_key)k);
	names[IMPAIR_KEY_COUNT] = "preset";
	nearest = name_nearest(name, names, ARRAY_SIZE(names), sizeof(names[0]));
	err_set(err, EINVAL, "a link has no setting '%.100s'", name);
	err_class(err, NETLAB_EXIT_USAGE);
	if (nearest)
		err_hint(err, "did you mean '%s'?", nearest);
	else
		err_hint(
			err,
			"delay, loss, rate... as in netlab-topology(5); what a link is made with, such as its mtu, stays");
	return -EINVAL;
}

int impairment_parse_setting(const char *setting, unsigned dir, struct impairment *into,
			     struct arena *texts, struct netlab_err *err)
{
	const char *equals = strchr(setting, '=');
	_cleanup_free_ char *name = NULL, *copy = NULL;
	struct impairment m = *into;
	struct setting s;
	int r;

	if (!equals || equals == setting) {
		err_set(err, EINVAL, "'%.100s' is no setting", setting);
		err_hint(err, "write key=value, e.g. delay=20ms or loss=1%%");
		err_class(err, NETLAB_EXIT_USAGE);
		return -EINVAL;
	}
	name = strndup(setting, (size_t)(equals - setting));
	copy = strdup(equals + 1);
	if (!name || !copy)
		return err_set(err, ENOMEM, "out of memory");
	s = (struct setting){
		.key = name, .value = equals + 1, .dir = dir, .texts = texts, .err = err
	};
	if (strcmp(name, "preset") == 0) {
		r = apply_preset(&s, &m);
		if (r == 0)
			*into = m;
		return r;
	}
	for (unsigned k = 0; k < IMPAIR_KEY_COUNT; k++) {
		if (strcmp(name, impair_key_name((enum impair_key)k)) != 0)
			continue;
		r = parse_value(&s, (enum impair_key)k, copy, &m);
		if (r < 0)
			return r;
		m.set |= IMPAIR_BIT(k);
		*into = m;
		return 0;
	}
	return unknown_key(name, err);
}
