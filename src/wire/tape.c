/* SPDX-License-Identifier: MIT */
/* Rings in shared memory, from the workers to a recorder. */
#include "wire/tape.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t align(size_t n, size_t to)
{
	return (n + to - 1) & ~(to - 1);
}

static size_t data_at(const struct tape *t, unsigned ring)
{
	size_t page = 4096;

	return align(sizeof(*t) + t->n_rings * sizeof(t->rings[0]), page) + ring * t->ring_bytes;
}

/** Where in a ring's memory a position is. The writer's order: `base` is set before the head that lies behind it. */
static size_t place_of(const struct tape_ring *r, uint64_t position, size_t size)
{
	return (position - atomic_load_explicit(&r->base, memory_order_relaxed)) % size;
}

static struct tape_record *record_at(struct tape *t, unsigned ring, uint64_t position)
{
	uint8_t *data = (uint8_t *)t + data_at(t, ring);

	return (struct tape_record *)(void *)(data +
					      place_of(&t->rings[ring], position, t->ring_bytes));
}

int tape_new(unsigned n_rings, size_t ring_bytes, struct tape **ret, int *ret_fd)
{
	struct tape head = { .n_rings = n_rings, .ring_bytes = ring_bytes }, *t;
	int fd, r = 0;

	head.bytes = data_at(&head, n_rings);
	fd = memfd_create("netlab-tape", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)head.bytes) < 0)
		r = -errno;
	t = r < 0 ? MAP_FAILED : mmap(NULL, head.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (t == MAP_FAILED) {
		r = r < 0 ? r : -errno;
		close(fd);
		return r;
	}
	t->bytes = head.bytes;
	t->n_rings = n_rings;
	t->ring_bytes = ring_bytes;
	*ret = t;
	*ret_fd = fd;
	return 0;
}

int tape_map(int fd, struct tape **ret)
{
	struct stat st;
	struct tape *t;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)sizeof(*t))
		return -EINVAL;
	t = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (t == MAP_FAILED)
		return -errno;
	*ret = t;
	return 0;
}

struct tape *tape_unmap(struct tape *t)
{
	if (t)
		(void)munmap(t, t->bytes);
	return NULL;
}

uint64_t tape_lost(const struct tape *t)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < t->n_rings; i++)
		n += atomic_load_explicit(&t->rings[i].n_lost, memory_order_relaxed);
	return n;
}

/* --- writing --- */

void tape_attach(struct tape_writer *w, struct tape *t, unsigned ring, int wake_fd)
{
	*w = (struct tape_writer){ .tape = t, .ring = ring, .wake_fd = wake_fd };
	if (t)
		w->end = atomic_load_explicit(&t->rings[ring].head, memory_order_relaxed);
}

/** Passes over the rest of the ring, where a record does not fit in one piece. */
static void skip(struct tape_writer *w, size_t rest)
{
	struct tape_record *r = record_at(w->tape, w->ring, w->end);

	/* the whole head may not fit there, but its first bytes do, for all is aligned */
	r->bytes = (uint32_t)rest;
	if (rest >= sizeof(*r))
		r->kind = TAPE_SKIP;
	w->end += rest;
}

struct tape_record *tape_begin(struct tape_writer *w, enum tape_kind kind, uint32_t len)
{
	struct tape_ring *ring = &w->tape->rings[w->ring];
	size_t size = w->tape->ring_bytes,
	       bytes = align(sizeof(struct tape_record) + len, TAPE_ALIGN);
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
	size_t rest, skipped;
	struct tape_record *r;

	/* All is read, so the reader looks nowhere: it goes on at the beginning of the memory, whose pages are there, and in the
	   processor's cache. With a reader that keeps up no more than that is ever used. */
	if (tail == w->end)
		atomic_store_explicit(&ring->base, w->end, memory_order_relaxed);
	rest = size - place_of(ring, w->end, size);
	skipped = rest < bytes ? rest : 0;
	if (bytes + skipped > size - (w->end - tail)) {
		atomic_store_explicit(&ring->n_lost,
				      atomic_load_explicit(&ring->n_lost, memory_order_relaxed) + 1,
				      memory_order_relaxed);
		return NULL;
	}
	if (skipped > 0)
		skip(w, rest);
	r = record_at(w->tape, w->ring, w->end);
	*r = (struct tape_record){ .bytes = (uint32_t)bytes, .kind = (uint8_t)kind, .len = len };
	w->end += bytes;
	return r;
}

void tape_commit(struct tape_writer *w)
{
	atomic_store_explicit(&w->tape->rings[w->ring].head, w->end, memory_order_release);
	w->has_news = true;
}

void tape_wake(struct tape_writer *w)
{
	const uint64_t one = 1;

	if (!w->has_news)
		return;
	w->has_news = false;
	/* the reader says that it sleeps, then looks once more: one of the two sees the other's word */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&w->tape->sleeps, memory_order_relaxed) &&
	    atomic_exchange_explicit(&w->tape->sleeps, false, memory_order_relaxed))
		(void)!write(w->wake_fd, &one, sizeof(one));
}

/* --- reading --- */

const struct tape_record *tape_peek(struct tape *t, unsigned ring)
{
	struct tape_ring *r = &t->rings[ring];

	for (;;) {
		uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
		const struct tape_record *rec;

		if (atomic_load_explicit(&r->head, memory_order_acquire) == tail)
			return NULL;
		rec = record_at(t, ring, tail);
		/* what is shorter than a record's head can only be a skip */
		if (rec->bytes >= sizeof(*rec) && rec->kind != TAPE_SKIP)
			return rec;
		atomic_store_explicit(&r->tail, tail + rec->bytes, memory_order_release);
	}
}

void tape_drop(struct tape *t, unsigned ring)
{
	struct tape_ring *r = &t->rings[ring];
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	atomic_store_explicit(&r->tail, tail + record_at(t, ring, tail)->bytes,
			      memory_order_release);
}
