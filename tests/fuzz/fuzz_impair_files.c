/* SPDX-License-Identifier: MIT */
/* Any bytes as the files that an impairment may bring: a trace, a delay table. */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "impair/delay.h"
#include "impair/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(int r, const struct netlab_err *err)
{
	assert(r == -EINVAL || r == -EFBIG);
	assert(err->code == r && err->message[0]);
	assert(r != -EINVAL || strncmp(err->where, "file:", 5) == 0);
}

static void check_trace(struct trace *t)
{
	struct trace_cursor c = { .left = TRACE_OPPORTUNITY_BYTES };
	uint64_t at = 0;

	assert(t->n > 0 && t->at_ms[t->n - 1] > 0);
	for (size_t i = 1; i < t->n; i++)
		assert(t->at_ms[i] >= t->at_ms[i - 1]);
	assert(trace_mean_bps(t) > 0);
	for (int round = 0; round < 2; round++) {
		t->loop = round;
		for (size_t i = 0; i < t->n + 3; i++) {
			uint64_t ready = at + (i % 3) * 500000;
			uint64_t first = trace_ready(t, &c, ready);
			uint64_t sent = trace_send(t, &c, ready, 100 + i % 4000);

			assert(t->loop || sent == TRACE_NEVER ||
			       sent <= t->at_ms[t->n - 1] * 1000000ull);
			assert(sent == TRACE_NEVER || (first <= sent && first >= ready));
			if (sent == TRACE_NEVER)
				break;
			at = sent;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netlab_err err = { 0 };
	struct delay_table table;
	struct trace trace;
	int r = trace_parse((const char *)data, size, "file", &trace, &err);

	if (r == 0) {
		check_trace(&trace);
		trace_deinit(&trace);
	} else {
		check_refusal(r, &err);
	}
	/* who does not want to know why */
	if (trace_parse((const char *)data, size, "file", &trace, NULL) == 0)
		trace_deinit(&trace);
	if (delay_table_parse((const char *)data, size, "file", &table, NULL) == 0)
		delay_table_deinit(&table);
	memset(&err, 0, sizeof(err));
	r = delay_table_parse((const char *)data, size, "file", &table, &err);
	if (r < 0) {
		check_refusal(r, &err);
		return 0;
	}
	assert(table.n > 0 && table.n <= DELAY_TABLE_ENTRIES_MAX);
	delay_table_deinit(&table);
	return 0;
}
