/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the packets of a recording (pcapng): all of it is read, or it is refused. Who the packets are comes first: a byte
 * that counts them, and for each a byte that says its link and direction.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repro/frames.h"
#include "repro/identities.h"
#include "support/record_place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const char topology[] =
	"{\"nodes\": {\"a\": {}, \"b\": {}, \"c\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"]}, "
	"{\"endpoints\": [\"b\", \"c\"]}]}";

enum { LINKS = 2, KNOWN_MAX = UINT8_MAX, FIRST_INDEX = 1000 };

static struct record_place place;
static struct record_dir dir;

static void clean(void)
{
	record_dir_deinit(&dir);
	record_place_remove(&place);
}

static void put_identities(const uint8_t *ways, size_t n)
{
	struct {
		struct identities_head head;
		struct identity_entry items[KNOWN_MAX];
	} file = { .head = identities_head() };

	for (size_t i = 0; i < n; i++)
		file.items[i] = (struct identity_entry){ .link = ways[i] / 2 % LINKS,
							 .dir = ways[i] % 2,
							 .index = FIRST_INDEX + i,
							 .id = { .kind = IDENTITY_FRAME } };
	record_place_put(&place, RECORD_IDENTITIES, &file,
			 sizeof(file.head) + n * sizeof(file.items[0]));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char summary[] = "{\"complete\": true}";
	const struct record_about about = { .lab = "fuzz",
					    .engine = "wire",
					    .source = topology,
					    .source_len = sizeof(topology) - 1 };
	struct netlab_err err = { 0 };
	int r;

	(void)argc;
	(void)argv;
	record_place_make(&place);
	r = record_dir_describe(place.fd, &about, &err);
	assert(r == 0);
	record_place_put(&place, RECORD_SUMMARY, summary, sizeof(summary) - 1);
	r = record_dir_open(place.path, &dir, &err);
	assert(r == 0);
	(void)atexit(clean);
	return r;
}

static void check_frames(const struct frames *f, const uint8_t *ways, size_t n)
{
	size_t at = 0;

	assert(f->n == n);
	for (size_t i = 0; i < f->n; i++) {
		const struct frame_kept *k = &f->items[i];

		assert(k->link == ways[i] / 2 % LINKS && k->dir == ways[i] % 2);
		assert(k->index == FIRST_INDEX + i);
		assert(k->len <= FRAMES_KEPT_BYTES && k->at == at);
		at += k->len;
	}
	assert(at == f->n_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netlab_err err = { 0 };
	struct frames f = { 0 };
	size_t n;
	int r;

	if (size == 0 || data[0] > size - 1)
		return 0;
	n = data[0];
	put_identities(data + 1, n);
	record_place_put(&place, RECORD_PACKETS, data + 1 + n, size - 1 - n);
	r = frames_read(&dir, &f, &err);
	if (r == 0) {
		check_frames(&f, data + 1, n);
		frames_deinit(&f);
		return 0;
	}
	assert(r == -EINVAL && err.code == r && err.exit == NETLAB_EXIT_INVALID);
	assert(strstr(err.message, "damaged") && strstr(err.where, "/" RECORD_PACKETS));
	assert(f.n == 0 && !f.items && !f.bytes);
	return 0;
}
