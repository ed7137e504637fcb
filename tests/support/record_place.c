/* SPDX-License-Identifier: MIT */
/* A directory that looks like a recording. */
#include "support/record_place.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repro/record_dir.h"

static const char *const files[] = { RECORD_ABOUT,     RECORD_TOPOLOGY,   RECORD_PACKETS,
				     RECORD_DECISIONS, RECORD_IDENTITIES, RECORD_SUMMARY };

static void must(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

void record_place_make(struct record_place *p)
{
	(void)snprintf(p->path, sizeof(p->path), "/tmp/netlab-record-XXXXXX");
	must(mkdtemp(p->path) != NULL, "mkdtemp");
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(p->fd >= 0, p->path);
}

void record_place_put(const struct record_place *p, const char *name, const void *data, size_t len)
{
	int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && write(fd, data, len) == (ssize_t)len, name);
	must(close(fd) == 0, name);
}

void record_place_clear(const struct record_place *p)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)unlinkat(p->fd, files[i], 0);
}

void record_place_remove(struct record_place *p)
{
	record_place_clear(p);
	must(close(p->fd) == 0 && rmdir(p->path) == 0, p->path);
}
