/* SPDX-License-Identifier: MIT */
/* Bytes that end where the mapped memory ends. */
#include "support/guarded.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guarded guarded_copy(const void *data, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (len + page - 1) / page * page;
	struct guarded g = { .bytes = room + page };
	char *map = mmap(NULL, g.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + room, page, PROT_NONE) < 0)
		abort();
	g.map = map;
	g.text = map + room - len;
	if (len > 0)
		memcpy(g.text, data, len);
	return g;
}

void guarded_deinit(struct guarded *g)
{
	munmap(g->map, g->bytes);
	*g = (struct guarded){ 0 };
}
