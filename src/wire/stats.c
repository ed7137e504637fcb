/* SPDX-License-Identifier: MIT */
/* Counters in shared memory, and the histogram of lateness. */
#include "wire/stats.h"

#include <sys/mman.h>

struct wire_shared *stats_new(size_t n_links)
{
	size_t bytes = sizeof(struct wire_shared) + 2 * n_links * sizeof(struct wire_slot);
	struct wire_shared *s = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED)
		return NULL;
	s->n_links = n_links;
	s->bytes = bytes;
	return s;
}

struct wire_shared *stats_free(struct wire_shared *s)
{
	if (s)
		(void)munmap(s, s->bytes);
	return NULL;
}

void stats_publish(struct wire_slot *slot, const struct wire_counters *c)
{
	uint32_t next = atomic_load_explicit(&slot->generation, memory_order_relaxed) + 1;

	/* a reader of the copy that is about to be overwritten finds the generation changed: it began a round ago */
	atomic_thread_fence(memory_order_seq_cst);
	slot->copy[next % 2] = *c;
	atomic_store_explicit(&slot->generation, next, memory_order_release);
}

/* Values below 8 have a bucket each; above, an octave has 8 of equal width. */
unsigned stats_bucket(uint64_t late_ns)
{
	unsigned top, bucket;

	if (late_ns < STATS_SUBS)
		return (unsigned)late_ns;
	top = 63 - (unsigned)__builtin_clzll(late_ns);
	bucket = (top - STATS_SUB_BITS + 1) * STATS_SUBS +
		 (unsigned)(late_ns >> (top - STATS_SUB_BITS)) % STATS_SUBS;
	return bucket < STATS_BUCKETS ? bucket : STATS_BUCKETS - 1;
}

uint64_t stats_bucket_top(unsigned bucket)
{
	unsigned octave = bucket / STATS_SUBS, sub = bucket % STATS_SUBS;

	if (octave == 0)
		return sub;
	return ((uint64_t)(STATS_SUBS + sub + 1) << (octave - 1)) - 1;
}

static void add(_Atomic uint64_t *to, uint64_t n)
{
	/* one writer: no locked instruction needed */
	atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

void stats_late(struct wire_slot *slot, uint64_t late_ns, uint64_t n)
{
	add(&slot->late[stats_bucket(late_ns)], n);
	if (late_ns > atomic_load_explicit(&slot->late_max_ns, memory_order_relaxed))
		atomic_store_explicit(&slot->late_max_ns, late_ns, memory_order_relaxed);
}

static void read_copy(const struct wire_slot *slot, struct wire_counters *ret)
{
	for (;;) {
		uint32_t before = atomic_load_explicit(&slot->generation, memory_order_acquire);

		*ret = slot->copy[before % 2];
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&slot->generation, memory_order_relaxed) == before)
			return;
	}
}

static uint64_t quantile(const uint64_t *late, uint64_t n, double share, uint64_t max_ns)
{
	uint64_t rank = (uint64_t)(share * (double)n), seen = 0;

	for (unsigned i = 0; i < STATS_BUCKETS; i++) {
		seen += late[i];
		if (seen > rank) {
			uint64_t top = stats_bucket_top(i);

			return top < max_ns && i < STATS_BUCKETS - 1 ? top : max_ns;
		}
	}
	return max_ns;
}

void stats_read(const struct wire_slot *slot, struct wire_counters *ret)
{
	uint64_t late[STATS_BUCKETS], n = 0;

	read_copy(slot, ret);
	for (unsigned i = 0; i < STATS_BUCKETS; i++) {
		late[i] = atomic_load_explicit(&slot->late[i], memory_order_relaxed);
		n += late[i];
	}
	ret->late_n = n;
	ret->late_max_ns = atomic_load_explicit(&slot->late_max_ns, memory_order_relaxed);
	ret->late_p50_ns = n ? quantile(late, n, 0.5, ret->late_max_ns) : 0;
	ret->late_p99_ns = n ? quantile(late, n, 0.99, ret->late_max_ns) : 0;
}
