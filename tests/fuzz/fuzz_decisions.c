/* SPDX-License-Identifier: MIT */
/* Any bytes as a file of decisions: what is refused has a reason with its line; what is accepted is what is written again. */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "repro/decisions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct decisions *d)
{
	struct buf b = { 0 }, words = { 0 };
	struct netlab_err err = { 0 };
	struct decisions again;

	decisions_format(&b, d->items, d->n);
	assert(buf_text(&b));
	assert(decisions_parse(b.data, b.len, "again", &again, &err) == 0);
	assert(again.is_complete && again.n == d->n);
	for (size_t i = 0; i < d->n; i++) {
		assert(strcmp(again.items[i].link, d->items[i].link) == 0);
		assert(identity_equal(&again.items[i].id, &d->items[i].id));
		assert(identity_key(&d->items[i].id) == identity_key(&again.items[i].id));
		identity_describe(&words, &d->items[i].id);
	}
	buf_deinit(&b);
	buf_deinit(&words);
	decisions_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netlab_err err = { 0 };
	struct decisions d;
	int r = decisions_parse((const char *)data, size, "file", &d, &err);

	if (r < 0) {
		assert(r == -EINVAL || r == -EPROTONOSUPPORT);
		assert(err.code == r && err.message[0] && strncmp(err.where, "file:", 5) == 0);
		assert(d.n == 0 && !d.items);
		return 0;
	}
	check_again(&d);
	decisions_deinit(&d);
	return 0;
}
