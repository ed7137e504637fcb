/* SPDX-License-Identifier: MIT */
/* Statistics of links as a table, and rates. */
#include "cli/stats.h"

#include <errno.h>
#include <string.h>

#include "cli/counters.h"
#include "cli/describe.h"
#include "topo/model.h"

static const json_t *direction(const json_t *stats, const char *link, unsigned dir)
{
	return json_object_get(json_object_get(json_object_get(stats, "links"), link),
			       topo_arrow(dir));
}

static void add_count(struct cli_table *t, const struct counters *c, enum counter which)
{
	_cleanup_buf_ struct buf b = { 0 };

	if (counters_know(c, which))
		cli_describe_count(&b, c->n[which]);
	cli_table_add(t, b.len ? buf_text(&b) : NULL);
}

static void add_dropped(struct cli_table *t, const struct counters *c)
{
	_cleanup_buf_ struct buf count = { 0 }, causes = { 0 }, other = { 0 };

	cli_describe_count(&count, counters_dropped(c));
	counters_describe_drops(&causes, c);
	counters_describe_other(&other, c);
	cli_table_add(t, buf_text(&count));
	cli_table_add(t, causes.len ? buf_text(&causes) : NULL);
	cli_table_add(t, other.len ? buf_text(&other) : NULL);
}

/* What waits, of what may: "12/100", "3/64 kB"; without a limit "12". */
static void add_queued(struct cli_table *t, const struct counters *c, const json_t *dir)
{
	const json_t *packets = json_object_get(dir, "queue_limit_packets");
	const json_t *bytes = json_object_get(dir, "queue_limit_bytes");
	_cleanup_buf_ struct buf b = { 0 };

	if (counters_know(c, COUNT_QUEUED))
		cli_describe_count(&b, c->n[COUNT_QUEUED]);
	if (b.len && json_is_integer(packets)) {
		buf_puts(&b, "/");
		cli_describe_count(&b, (uint64_t)json_integer_value(packets));
	} else if (b.len && json_is_integer(bytes)) {
		buf_puts(&b, "/");
		cli_describe_bytes(&b, (uint64_t)json_integer_value(bytes));
	}
	cli_table_add(t, b.len ? buf_text(&b) : NULL);
}

static void add_bytes(struct cli_table *t, const struct counters *c)
{
	_cleanup_buf_ struct buf b = { 0 };

	if (counters_know(c, COUNT_BYTES_DELIVERED))
		cli_describe_bytes(&b, c->n[COUNT_BYTES_DELIVERED]);
	cli_table_add(t, b.len ? buf_text(&b) : NULL);
}

static void add_lateness(struct cli_table *t, const struct counters *c)
{
	if (c->has_lateness)
		cli_table_addf(t, "%.0f/%.0f/%.0f", c->late_p50_us, c->late_p99_us, c->late_max_us);
	else
		cli_table_add(t, NULL);
}

static void add_rates(struct cli_table *t, const struct counter_rates *r)
{
	_cleanup_buf_ struct buf packets = { 0 };

	if (!r) {
		for (int i = 0; i < 3; i++)
			cli_table_add(t, NULL);
		return;
	}
	cli_describe_count(&packets, (uint64_t)(r->packets_per_s + 0.5));
	cli_table_add(t, buf_text(&packets));
	cli_table_addf(t, "%.*f", r->bps < 1e6 ? 3 : 1, r->bps / 1e6);
	cli_table_addf(t, "%.0f", r->dropped_per_s);
}

static void add_counters(struct cli_table *t, const struct counters *c, const json_t *dir)
{
	add_count(t, c, COUNT_OFFERED);
	add_count(t, c, COUNT_DELIVERED);
	add_dropped(t, c);
	add_queued(t, c, dir);
	add_bytes(t, c);
	add_lateness(t, c);
}

static void add_names(struct cli_table *t, const struct stats_view *v, const char *name,
		      const json_t *link, unsigned dir)
{
	const json_t *ends = json_object_get(json_object_get(v->links, name), "endpoints");

	cli_table_add(t, dir == 0 ? name : "");
	cli_table_add(t, dir == 0 ? cli_json_string(link, "join", NULL) : "");
	cli_table_add_node(t, ends, dir);
	cli_table_add_node(t, ends, 1 - dir);
}

struct totals {
	struct counters now;
	struct counter_rates rates;
	bool has_rates;
};

static void add_direction(struct cli_table *t, const struct stats_view *v, const char *name,
			  unsigned dir, struct totals *sum)
{
	const json_t *now = direction(v->now, name, dir);
	struct counters c, before;
	struct counter_rates r;
	bool rates;

	counters_read(&c, now);
	counters_read(&before, direction(v->before, name, dir));
	rates = v->before && counters_rates(&c, &before, v->seconds, &r);
	if (v->with_rates)
		add_rates(t, rates ? &r : NULL);
	add_counters(t, &c, now);
	counters_add(&sum->now, &c);
	if (!rates)
		return;
	sum->has_rates = true;
	sum->rates.packets_per_s += r.packets_per_s;
	sum->rates.bps += r.bps;
	sum->rates.dropped_per_s += r.dropped_per_s;
}

void stats_view_table(struct cli_table *t, const struct stats_view *v)
{
	static const char *const headers[] = {
		"LINK",   "JOIN",   "FROM",    "TO",        "PKT/S",
		"MBIT/S", "DROP/S", "OFFERED", "DELIVERED", "DROPPED",
		"CAUSE",  "ALSO",   "QUEUED",  "BYTES",     "LATE US (P50/P99/MAX)",
	};
	static const char *const no_rates[] = {
		"LINK",    "JOIN",  "FROM", "TO",     "OFFERED", "DELIVERED",
		"DROPPED", "CAUSE", "ALSO", "QUEUED", "BYTES",   "LATE US (P50/P99/MAX)",
	};
	struct totals sum = { .has_rates = false };
	const json_t *links = json_object_get(v->now, "links");
	const char *name;
	json_t *link;

	*t = v->with_rates
		     ? (struct cli_table){ .headers = headers, .n_columns = 15, .right = 0x73f0 }
		     : (struct cli_table){ .headers = no_rates, .n_columns = 12, .right = 0xe70 };
	json_object_foreach((json_t *)links, name, link)
	{
		for (unsigned dir = 0; dir < 2; dir++) {
			add_names(t, v, name, link, dir);
			add_direction(t, v, name, dir, &sum);
		}
	}
	if (json_object_size(links) < 2)
		return;
	cli_table_add(t, "all links");
	for (int i = 0; i < 3; i++)
		cli_table_add(t, "");
	if (v->with_rates)
		add_rates(t, sum.has_rates ? &sum.rates : NULL);
	add_counters(t, &sum.now, NULL);
}

int stats_add_rates(json_t *now, const json_t *before, double seconds)
{
	const char *name;
	json_t *link;

	json_object_foreach(json_object_get(now, "links"), name, link)
	{
		for (unsigned dir = 0; dir < 2; dir++) {
			struct counters c, b;
			struct counter_rates r;
			json_t *o = NULL;

			if (!json_object_get(link, topo_arrow(dir)))
				continue;
			counters_read(&c, json_object_get(link, topo_arrow(dir)));
			counters_read(&b, direction(before, name, dir));
			o = before && counters_rates(&c, &b, seconds, &r)
				    ? json_pack("{s:f, s:f, s:f}", "delivered_per_s",
						r.packets_per_s, "delivered_bps", r.bps,
						"dropped_per_s", r.dropped_per_s)
				    : json_null();
			if (json_object_set_new(json_object_get(link, topo_arrow(dir)), "rates",
						o) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}
