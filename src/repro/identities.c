/* SPDX-License-Identifier: MIT */
/* The file of identities. */
#include "repro/identities.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/fs.h"

struct identities_head identities_head(void)
{
	return (struct identities_head){ .magic = "netlab-identity",
					 .version = IDENTITIES_VERSION,
					 .entry_bytes = sizeof(struct identity_entry),
					 .byte_order = 1 };
}

/** @return bytes read, fewer at the end of the file; negative errno */
static ssize_t read_full(int fd, void *to, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)to + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int check_head(const struct identities_head *h, ssize_t n, struct netlab_err *err)
{
	const struct identities_head now = identities_head();

	if (n != (ssize_t)sizeof(*h) || memcmp(h->magic, now.magic, sizeof(h->magic)) != 0)
		return err_set(err, EINVAL, "this is no file of identities");
	if (memcmp(h, &now, sizeof(now)) == 0)
		return 0;
	(void)err_set(
		err, EPROTONOSUPPORT,
		"the identities are of another version of netlab, or of another kind of machine");
	return err_hint(err, "replay where it was recorded, with the netlab that did");
}

static bool is_family(uint8_t family)
{
	return family == 0 || family == IP_V4 || family == IP_V6;
}

/** What only the topology tells (whether there is such a link) is not looked at. */
static bool is_sound(const struct identity_entry *e)
{
	return e->dir < 2 && e->index > 0 && (unsigned)e->id.kind < IDENTITY_KINDS &&
	       is_family(e->id.from.family) && is_family(e->id.to.family);
}

static int read_open(int fd, struct identities *ret, struct netlab_err *err)
{
	struct identities_head h;
	struct identities t = { 0 };
	ssize_t n = read_full(fd, &h, sizeof(h));
	struct stat st;
	size_t count;
	int r = n < 0 ? err_errno(err, (int)n, "reading it") : check_head(&h, n, err);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "looking at it");
	count = ((size_t)st.st_size - sizeof(h)) / sizeof(*t.items);
	if (count > IDENTITIES_MAX)
		return err_set(err, EFBIG, "there are more than %d", IDENTITIES_MAX);
	t.items = calloc(count + 1, sizeof(*t.items));
	if (!t.items)
		return err_set(err, ENOMEM, "out of memory");
	n = read_full(fd, t.items, count * sizeof(*t.items));
	if (n < 0) {
		free(t.items);
		return err_errno(err, (int)n, "reading it");
	}
	t.n = (size_t)n / sizeof(*t.items);
	for (size_t i = 0; i < t.n; i++) {
		if (is_sound(&t.items[i]))
			continue;
		identities_deinit(&t);
		return err_set(err, EINVAL, "it is damaged: entry %zu is no packet", i + 1);
	}
	*ret = t;
	return 0;
}

int identities_read(int dir_fd, const char *name, struct identities *ret, struct netlab_err *err)
{
	int fd = sys_open(dir_fd, name, O_RDONLY | O_NONBLOCK), r; /* not for a FIFO's writer */

	if (fd < 0)
		return err_errno(err, fd, "opening '%s'", name);
	r = read_open(fd, ret, err);
	close(fd);
	if (r == -EINVAL || r == -EPROTONOSUPPORT)
		(void)err_class(err, NETLAB_EXIT_INVALID);
	return r < 0 ? err_wrap(err, "'%s'", name) : 0;
}

void identities_deinit(struct identities *t)
{
	free(t->items);
	*t = (struct identities){ 0 };
}
