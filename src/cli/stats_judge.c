/* SPDX-License-Identifier: MIT */
/* Whether what a lab counted shows that the host was too slow for its links. */
#include "cli/stats.h"

#include <inttypes.h>
#include <string.h>

#include "cli/counters.h"
#include "cli/describe.h"
#include "topo/model.h"

#define LATENESS_SHARE  0.05
#define LATENESS_MIN_US 1000.0

/* The slowest hundredth of fewer packets is one packet, whose bad luck says nothing about the host. */
enum { QUANTILE_PACKETS = 100 };

double stats_lateness_bound_us(double delay_us)
{
	double share = delay_us * LATENESS_SHARE;

	return share > LATENESS_MIN_US ? share : LATENESS_MIN_US;
}

static const char *node_of(const json_t *links, const char *link, unsigned dir,
			   char ret[static 128])
{
	const json_t *ends = json_object_get(json_object_get(links, link), "endpoints");
	const char *end = json_string_value(json_array_get(ends, dir));

	(void)snprintf(ret, 128, "%.*s", end ? (int)strcspn(end, ":") : 1, end ? end : "?");
	return ret;
}

static void begin(struct buf *b, const json_t *links, const char *name, unsigned dir)
{
	char from[128], to[128];

	buf_printf(b, "link '%s' from '%s' to '%s': ", name, node_of(links, name, dir, from),
		   node_of(links, name, 1 - dir, to));
}

static size_t judge_losses(struct buf *b, const json_t *links, const char *name, unsigned dir,
			   const struct counters *c)
{
	if (c->n[COUNT_HOST] == 0)
		return 0;
	begin(b, links, name, dir);
	buf_printf(b, "the host lost ");
	cli_describe_count(b, c->n[COUNT_HOST]);
	buf_printf(b, " of ");
	cli_describe_count(b, c->n[COUNT_OFFERED]);
	buf_printf(b, " packets\n");
	return 1;
}

static size_t judge_lateness(struct buf *b, const json_t *links, const char *name, unsigned dir,
			     const struct counters *c)
{
	const json_t *asked = json_object_get(json_object_get(links, name), topo_arrow(dir));
	double delay_us = json_number_value(json_object_get(asked, "delay_ns")) / 1000;
	double bound = stats_lateness_bound_us(delay_us);
	bool few = c->n[COUNT_DELIVERED] < QUANTILE_PACKETS;
	double late = few ? c->late_p50_us : c->late_p99_us;

	if (!c->has_lateness || late <= bound)
		return 0;
	begin(b, links, name, dir);
	buf_printf(b, "the slowest %s of the packets left %.2f ms late or more; %.2f ms %s\n",
		   few ? "half" : "hundredth", late / 1000, bound / 1000,
		   delay_us * LATENESS_SHARE > LATENESS_MIN_US ? "(5 % of the delay) is the bound"
							       : "is the bound");
	return 1;
}

size_t stats_judge(struct buf *b, const json_t *stats, const json_t *links)
{
	json_int_t restarts = json_integer_value(
		json_object_get(json_object_get(stats, "wire"), "restarts"));
	const char *name;
	json_t *link;
	size_t n = 0;

	if (restarts > 0) {
		buf_printf(b,
			   "the wire died and was started again %" JSON_INTEGER_FORMAT
			   " time%s: the packets that it held are lost\n",
			   restarts, restarts == 1 ? "" : "s");
		n++;
	}
	json_object_foreach(json_object_get(stats, "links"), name, link)
	{
		for (unsigned dir = 0; dir < 2; dir++) {
			struct counters c;

			counters_read(&c, json_object_get(link, topo_arrow(dir)));
			n += judge_losses(b, links, name, dir, &c);
			n += judge_lateness(b, links, name, dir, &c);
		}
	}
	return n;
}

uint64_t stats_host_losses(const json_t *stats, const char **ret_worst)
{
	uint64_t sum = 0, most = 0;
	const char *name;
	json_t *link;

	*ret_worst = NULL;
	json_object_foreach(json_object_get(stats, "links"), name, link)
	{
		struct counters c[2];
		uint64_t lost;

		counters_read(&c[0], json_object_get(link, "->"));
		counters_read(&c[1], json_object_get(link, "<-"));
		lost = c[0].n[COUNT_HOST] + c[1].n[COUNT_HOST];
		sum += lost;
		if (lost > most) {
			most = lost;
			*ret_worst = name;
		}
	}
	return sum;
}
