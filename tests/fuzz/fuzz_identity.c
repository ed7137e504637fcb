/* SPDX-License-Identifier: MIT */
/* Any bytes as frames: each has an identity, its text reads back to it, and the same again is the next of its kind. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "impair/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const struct identity *id)
{
	struct identity again;
	const char *why = NULL;
	struct buf b = { 0 };

	identity_format(&b, id);
	assert(buf_text(&b) && b.len < IDENTITY_TEXT_MAX);
	assert(identity_parse(b.data, &again, &why) == 0);
	assert(identity_equal(id, &again));
	identity_describe(&b, id);
	assert(buf_text(&b));
	buf_deinit(&b);
}

/* A frame a piece: its length in the first byte, then so many. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct identity_table *t = identity_table_new();

	assert(t);
	while (size > 1) {
		size_t len = data[0] < size - 1 ? data[0] : size - 1;
		uint8_t *frame = malloc(len ? len : 1); /* ASan knows how far it may go */
		struct identity first, second;

		assert(frame);
		memcpy(frame, data + 1, len);
		assert(identify(t, frame, len, &first) == 0);
		assert(identify(t, frame, len, &second) == 0);
		check_text(&first);
		assert(second.nth == first.nth + 1);
		assert((first.data == 0) == (first.nth_data == 0) && first.data == second.data);
		assert(identity_key(&first) != identity_key(&second));
		free(frame);
		data += 1 + len;
		size -= 1 + len;
	}
	identity_table_free(t);
	return 0;
}
