/* SPDX-License-Identifier: MIT */
/* Counters of a direction: read, added, compared, described. */
#include "cli/counters.h"

#include "cli/describe.h"

/* As in the JSON; the words for people are the keys without "dropped_". */
static const struct {
	const char *key, *word;
} names[COUNT_N] = {
	[COUNT_OFFERED] = { "offered", "offered" },
	[COUNT_DELIVERED] = { "delivered", "delivered" },
	[COUNT_LOSS] = { "dropped_loss", "loss" },
	[COUNT_QUEUE] = { "dropped_queue", "queue" },
	[COUNT_FAULT] = { "dropped_fault", "fault" },
	[COUNT_DOWN] = { "dropped_down", "down" },
	[COUNT_HOST] = { "dropped_host", "host" },
	[COUNT_DUPLICATED] = { "duplicated", "duplicated" },
	[COUNT_CORRUPTED] = { "corrupted", "corrupted" },
	[COUNT_REORDERED] = { "reordered", "reordered" },
	[COUNT_MARKED] = { "marked", "marked" },
	[COUNT_BYTES_OFFERED] = { "bytes_offered", "bytes offered" },
	[COUNT_BYTES_DELIVERED] = { "bytes_delivered", "bytes delivered" },
	[COUNT_QUEUED] = { "queued", "queued" },
};

void counters_read(struct counters *ret, const json_t *direction)
{
	const json_t *late = json_object_get(direction, "lateness_us");

	*ret = (struct counters){ .known = 0 };
	for (unsigned i = 0; i < COUNT_N; i++) {
		const json_t *value = json_object_get(direction, names[i].key);

		if (!json_is_integer(value) || json_integer_value(value) < 0)
			continue;
		ret->n[i] = (uint64_t)json_integer_value(value);
		ret->known |= 1u << i;
	}
	if (!json_is_number(json_object_get(late, "p99")))
		return;
	ret->has_lateness = true;
	ret->late_p50_us = json_number_value(json_object_get(late, "p50"));
	ret->late_p99_us = json_number_value(json_object_get(late, "p99"));
	ret->late_max_us = json_number_value(json_object_get(late, "max"));
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

void counters_add(struct counters *into, const struct counters *from)
{
	for (unsigned i = 0; i < COUNT_N; i++)
		into->n[i] += from->n[i];
	into->known |= from->known;
	into->has_lateness = into->has_lateness || from->has_lateness;
	into->late_p50_us = larger(into->late_p50_us, from->late_p50_us);
	into->late_p99_us = larger(into->late_p99_us, from->late_p99_us);
	into->late_max_us = larger(into->late_max_us, from->late_max_us);
}

uint64_t counters_dropped(const struct counters *c)
{
	uint64_t sum = 0;

	for (unsigned i = COUNT_DROP_FIRST; i <= COUNT_DROP_LAST; i++)
		sum += c->n[i];
	return sum;
}

static void describe(struct buf *b, const struct counters *c, enum counter first, enum counter last)
{
	size_t start = b->len;

	for (unsigned i = first; i <= last; i++) {
		if (c->n[i] == 0)
			continue;
		buf_printf(b, "%s%s ", b->len > start ? ", " : "", names[i].word);
		cli_describe_count(b, c->n[i]);
	}
}

void counters_describe_drops(struct buf *b, const struct counters *c)
{
	describe(b, c, COUNT_DROP_FIRST, COUNT_DROP_LAST);
}

void counters_describe_other(struct buf *b, const struct counters *c)
{
	describe(b, c, COUNT_DUPLICATED, COUNT_MARKED);
}

bool counters_rates(const struct counters *now, const struct counters *before, double seconds,
		    struct counter_rates *ret)
{
	uint64_t dropped[2] = { counters_dropped(before), counters_dropped(now) };

	if (!(seconds > 0) || !counters_know(now, COUNT_DELIVERED) ||
	    now->n[COUNT_DELIVERED] < before->n[COUNT_DELIVERED] || dropped[1] < dropped[0] ||
	    now->n[COUNT_BYTES_DELIVERED] < before->n[COUNT_BYTES_DELIVERED])
		return false;
	*ret = (struct counter_rates){
		.packets_per_s = (double)(now->n[COUNT_DELIVERED] - before->n[COUNT_DELIVERED]) /
				 seconds,
		.bps = 8.0 *
		       (double)(now->n[COUNT_BYTES_DELIVERED] - before->n[COUNT_BYTES_DELIVERED]) /
		       seconds,
		.dropped_per_s = (double)(dropped[1] - dropped[0]) / seconds,
	};
	return true;
}
