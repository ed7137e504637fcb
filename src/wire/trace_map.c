/* SPDX-License-Identifier: MIT */
/* Traces in memfds. */
#include "wire/trace_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/wire.h"

struct packed {
	uint64_t n;
	uint64_t loop;
	uint32_t at_ms[];
};

static int write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int wire_pack_trace(const struct trace *t)
{
	const struct packed head = { .n = t->n, .loop = t->loop };
	int fd = memfd_create("netlab-trace", MFD_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, &head, sizeof(head));
	if (r == 0)
		r = write_all(fd, t->at_ms, t->n * sizeof(*t->at_ms));
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int trace_map_new(int fd, struct trace_map **ret)
{
	struct trace_map *m;
	struct packed *p;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)sizeof(*p))
		return -EINVAL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->bytes = (size_t)st.st_size;
	/* private and writable only in name: struct trace is an owner elsewhere; here nobody writes */
	m->start = mmap(NULL, m->bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (m->start == MAP_FAILED) {
		int r = -errno;

		free(m);
		return r;
	}
	p = m->start;
	if (p->n == 0 || p->n > (m->bytes - sizeof(*p)) / sizeof(p->at_ms[0])) {
		trace_map_free(m);
		return -EINVAL;
	}
	m->trace = (struct trace){ .at_ms = p->at_ms, .n = p->n, .loop = p->loop };
	*ret = m;
	return 0;
}

struct trace_map *trace_map_free(struct trace_map *m)
{
	if (m)
		(void)munmap(m->start, m->bytes);
	free(m);
	return NULL;
}

bool trace_map_is_same(const struct trace_map *a, const struct trace_map *b)
{
	if (!a || !b)
		return a == b;
	return a->bytes == b->bytes && memcmp(a->start, b->start, a->bytes) == 0;
}
