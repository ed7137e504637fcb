/* SPDX-License-Identifier: MIT */
/* Impairments as text: JSON for programs, one line for people. */
#include "topo/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

/* The shortest digits that read back to the same double. */
static void add_double(struct buf *b, double value)
{
	char text[40];

	for (int precision = 15; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*g", precision, value);
		if (strtod(text, NULL) == value)
			break;
	}
	for (char *c = text; *c; c++) {
		if (*c == ',') /* some locales' point */
			*c = '.';
	}
	buf_puts(b, text);
}

/** Starts a member: a comma unless it is the first, the quoted name, a colon. */
static void key(struct buf *b, bool *first, const char *name)
{
	buf_printf(b, "%s\"%s\":", *first ? "" : ",", name);
	*first = false;
}

static void add_u64(struct buf *b, bool *first, const char *name, uint64_t value)
{
	key(b, first, name);
	buf_printf(b, "%llu", (unsigned long long)value);
}

static void add_share(struct buf *b, bool *first, const char *name, double value)
{
	key(b, first, name);
	add_double(b, value);
}

static void add_bool(struct buf *b, bool *first, const char *name, bool value)
{
	key(b, first, name);
	buf_puts(b, value ? "true" : "false");
}

static void add_word(struct buf *b, bool *first, const char *name, const char *value)
{
	key(b, first, name);
	buf_printf(b, "\"%s\"", value);
}

/* A file's name may hold anything but NUL. */
static void add_text(struct buf *b, bool *first, const char *name, const char *value)
{
	key(b, first, name);
	buf_puts(b, "\"");
	for (const char *c = value; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_printf(b, "\\%c", *c);
		else if ((unsigned char)*c < ' ')
			buf_printf(b, "\\u%04x", (unsigned)(unsigned char)*c);
		else
			buf_printf(b, "%c", *c);
	}
	buf_puts(b, "\"");
}

static void trace_json(struct buf *b, const struct impairment *m)
{
	bool first = true;

	buf_puts(b, "{");
	add_text(b, &first, "trace", m->rate_trace);
	add_bool(b, &first, "loop", m->rate_trace_loop);
	buf_puts(b, "}");
}

static void loss_json(struct buf *b, const struct impair_loss *loss)
{
	bool first = true;

	switch (loss->model) {
	case IMPAIR_LOSS_RANDOM:
		buf_puts(b, "{");
		add_share(b, &first, "random", loss->random);
		buf_puts(b, "}");
		return;
	case IMPAIR_LOSS_BURST:
		buf_puts(b, "{\"burst\":{");
		add_share(b, &first, "rate", loss->burst_rate);
		add_share(b, &first, "length", loss->burst_length);
		break;
	case IMPAIR_LOSS_GEMODEL:
		buf_puts(b, "{\"gemodel\":{");
		add_share(b, &first, "p", loss->p);
		add_share(b, &first, "r", loss->r);
		add_share(b, &first, "1-h", loss->one_minus_h);
		add_share(b, &first, "1-k", loss->one_minus_k);
		break;
	case IMPAIR_LOSS_STATE:
		buf_puts(b, "{\"state\":{");
		add_share(b, &first, "p13", loss->p13);
		add_share(b, &first, "p31", loss->p31);
		add_share(b, &first, "p32", loss->p32);
		add_share(b, &first, "p23", loss->p23);
		add_share(b, &first, "p14", loss->p14);
		break;
	}
	buf_puts(b, "}}");
}

static void slot_json(struct buf *b, const struct impair_slot *s)
{
	bool first = true;

	buf_puts(b, "{");
	if (s->dist_delay_ns > 0) {
		add_word(b, &first, "distribution", impair_distribution_name(s->distribution));
		add_u64(b, &first, "delay_ns", s->dist_delay_ns);
		add_u64(b, &first, "jitter_ns", s->dist_jitter_ns);
	} else {
		add_u64(b, &first, "min_ns", s->min_ns);
		add_u64(b, &first, "max_ns", s->max_ns);
	}
	if (s->packets > 0)
		add_u64(b, &first, "packets", s->packets);
	if (s->bytes > 0)
		add_u64(b, &first, "bytes", s->bytes);
	buf_puts(b, "}");
}

static const char *queue_key(enum impair_queue_unit unit)
{
	switch (unit) {
	case IMPAIR_QUEUE_PACKETS:
		return "queue_packets";
	case IMPAIR_QUEUE_BYTES:
		return "queue_bytes";
	case IMPAIR_QUEUE_TIME:
		return "queue_ns";
	}
	return "queue";
}

static void key_json(struct buf *b, bool *first, const struct impairment *m, enum impair_key k)
{
	switch (k) {
	case IMPAIR_DELAY:
		add_u64(b, first, "delay_ns", m->delay_ns);
		break;
	case IMPAIR_JITTER:
		add_u64(b, first, "jitter_ns", m->jitter_ns);
		break;
	case IMPAIR_DISTRIBUTION:
		add_word(b, first, "distribution", impair_distribution_name(m->distribution));
		break;
	case IMPAIR_JITTER_REORDERS:
		add_bool(b, first, "jitter_reorders", m->jitter_reorders);
		break;
	case IMPAIR_RATE:
		if (m->rate_trace) {
			key(b, first, "rate_trace");
			trace_json(b, m);
			break;
		}
		add_u64(b, first, "rate_bps", m->rate_bps);
		break;
	case IMPAIR_QUEUE:
		add_u64(b, first, queue_key(m->queue_unit), m->queue);
		break;
	case IMPAIR_ECN:
		add_bool(b, first, "ecn", m->ecn);
		break;
	case IMPAIR_LOSS:
		key(b, first, "loss");
		loss_json(b, &m->loss);
		break;
	case IMPAIR_DUPLICATE:
		add_share(b, first, "duplicate", m->duplicate);
		break;
	case IMPAIR_CORRUPT:
		add_share(b, first, "corrupt", m->corrupt);
		break;
	case IMPAIR_REORDER:
		add_share(b, first, "reorder", m->reorder);
		break;
	case IMPAIR_GAP:
		add_u64(b, first, "gap", m->gap);
		break;
	case IMPAIR_OVERHEAD:
		key(b, first, "overhead_bytes");
		buf_printf(b, "%d", (int)m->overhead);
		break;
	case IMPAIR_CELL:
		add_u64(b, first, "cell_bytes", m->cell);
		break;
	case IMPAIR_CELL_OVERHEAD:
		key(b, first, "cell_overhead_bytes");
		buf_printf(b, "%d", (int)m->cell_overhead);
		break;
	case IMPAIR_SLOT:
		key(b, first, "slot");
		slot_json(b, &m->slot);
		break;
	case IMPAIR_SEED:
		add_u64(b, first, "seed", m->seed);
		break;
	case IMPAIR_DOWN:
		add_bool(b, first, "down", m->down);
		break;
	case IMPAIR_AQM:
		add_word(b, first, "aqm", impair_aqm_name(m->aqm));
		break;
	case IMPAIR_KEY_COUNT:
		break;
	}
}

void impairment_format_json(struct buf *b, const struct impairment *m)
{
	bool first = true;

	buf_puts(b, "{");
	for (unsigned k = 0; k < IMPAIR_KEY_COUNT; k++) {
		if (impair_asks(m, (enum impair_key)k))
			key_json(b, &first, m, (enum impair_key)k);
	}
	buf_puts(b, "}");
}

static void loss_text(struct buf *b, const struct impair_loss *loss)
{
	const double ge[] = { loss->p, loss->r, loss->one_minus_h, loss->one_minus_k };
	const double state[] = { loss->p13, loss->p31, loss->p32, loss->p23, loss->p14 };

	switch (loss->model) {
	case IMPAIR_LOSS_RANDOM:
		units_format_share(b, loss->random);
		break;
	case IMPAIR_LOSS_BURST:
		buf_puts(b, "burst:");
		units_format_share(b, loss->burst_rate);
		buf_puts(b, ",");
		add_double(b, loss->burst_length);
		break;
	case IMPAIR_LOSS_GEMODEL:
		buf_puts(b, "gemodel:");
		for (size_t i = 0; i < 4; i++) {
			buf_puts(b, i ? "," : "");
			units_format_share(b, ge[i]);
		}
		break;
	case IMPAIR_LOSS_STATE:
		buf_puts(b, "state:");
		for (size_t i = 0; i < 5; i++) {
			buf_puts(b, i ? "," : "");
			units_format_share(b, state[i]);
		}
		break;
	}
}

static void slot_text(struct buf *b, const struct impair_slot *s)
{
	if (s->dist_delay_ns > 0) {
		buf_printf(b, "%s:", impair_distribution_name(s->distribution));
		units_format_time(b, s->dist_delay_ns);
		buf_puts(b, ",");
		units_format_time(b, s->dist_jitter_ns);
	} else {
		units_format_time(b, s->min_ns);
		buf_puts(b, ",");
		units_format_time(b, s->max_ns);
	}
	if (s->packets > 0)
		buf_printf(b, ",packets=%u", s->packets);
	if (s->bytes > 0)
		buf_printf(b, ",bytes=%ub", s->bytes);
}

static void queue_text(struct buf *b, const struct impairment *m)
{
	switch (m->queue_unit) {
	case IMPAIR_QUEUE_PACKETS:
		buf_printf(b, "%llupackets", (unsigned long long)m->queue);
		break;
	case IMPAIR_QUEUE_BYTES:
		buf_printf(b, "%llub", (unsigned long long)m->queue);
		break;
	case IMPAIR_QUEUE_TIME:
		units_format_time(b, m->queue);
		break;
	}
}

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && strcmp(text + n - m, end) == 0;
}

static void trace_text(struct buf *b, const struct impairment *m)
{
	const char *file = m->rate_trace;

	buf_printf(b, "trace:%s", file);
	if (!m->rate_trace_loop)
		buf_puts(b, IMPAIR_TRACE_ONCE);
	else if (ends_in(file, IMPAIR_TRACE_ONCE) || ends_in(file, IMPAIR_TRACE_LOOP))
		buf_puts(b, IMPAIR_TRACE_LOOP); /* said, lest the name be taken for it */
}

static void value_text(struct buf *b, const struct impairment *m, enum impair_key k)
{
	switch (k) {
	case IMPAIR_DELAY:
		units_format_time(b, m->delay_ns);
		break;
	case IMPAIR_JITTER:
		units_format_time(b, m->jitter_ns);
		break;
	case IMPAIR_DISTRIBUTION:
		buf_puts(b, impair_distribution_name(m->distribution));
		break;
	case IMPAIR_JITTER_REORDERS:
		buf_puts(b, m->jitter_reorders ? "true" : "false");
		break;
	case IMPAIR_RATE:
		if (m->rate_trace)
			trace_text(b, m);
		else
			units_format_rate(b, m->rate_bps);
		break;
	case IMPAIR_QUEUE:
		queue_text(b, m);
		break;
	case IMPAIR_ECN:
		buf_puts(b, m->ecn ? "true" : "false");
		break;
	case IMPAIR_LOSS:
		loss_text(b, &m->loss);
		break;
	case IMPAIR_DUPLICATE:
		units_format_share(b, m->duplicate);
		break;
	case IMPAIR_CORRUPT:
		units_format_share(b, m->corrupt);
		break;
	case IMPAIR_REORDER:
		units_format_share(b, m->reorder);
		break;
	case IMPAIR_GAP:
		buf_printf(b, "%u", m->gap);
		break;
	case IMPAIR_OVERHEAD:
		buf_printf(b, "%d", (int)m->overhead);
		break;
	case IMPAIR_CELL:
		buf_printf(b, "%u", m->cell);
		break;
	case IMPAIR_CELL_OVERHEAD:
		buf_printf(b, "%d", (int)m->cell_overhead);
		break;
	case IMPAIR_SLOT:
		slot_text(b, &m->slot);
		break;
	case IMPAIR_SEED:
		buf_printf(b, "%llu", (unsigned long long)m->seed);
		break;
	case IMPAIR_DOWN:
		buf_puts(b, m->down ? "true" : "false");
		break;
	case IMPAIR_AQM:
		buf_puts(b, impair_aqm_name(m->aqm));
		break;
	case IMPAIR_KEY_COUNT:
		break;
	}
}

void impairment_format_text(struct buf *b, const struct impairment *m)
{
	bool first = true;

	/* the values as `link set` takes them, so that what is shown can be typed again */
	for (unsigned k = 0; k < IMPAIR_KEY_COUNT; k++) {
		if (!impair_asks(m, (enum impair_key)k))
			continue;
		buf_printf(b, "%s%s ", first ? "" : " ", impair_key_name((enum impair_key)k));
		value_text(b, m, (enum impair_key)k);
		first = false;
	}
}
