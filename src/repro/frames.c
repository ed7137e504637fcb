/* SPDX-License-Identifier: MIT */
/* The packets of a recording, read back. */
#include "repro/frames.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "repro/fates.h"
#include "repro/identities.h"
#include "sys/fs.h"

enum {
	/* draft-ietf-opsawg-pcapng; numbers in the byte order of the machine, as pcapng.c writes them */
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	BLOCK_MAX = 1 << 20,
	PACKET_HEAD = 20,
	OPTION_HEAD = 4,
	OPTION_COMMENT = 1,
};

struct block_head {
	uint32_t type, len;
};

struct packet_head {
	uint32_t interface, stamp[2], kept, len;
};

struct reading {
	FILE *file;
	uint8_t *block; /* BLOCK_MAX bytes */
	const struct identities *ids;
	struct frames *frames;
	bool in_section;
	size_t n_interfaces;
};

static int damaged(const struct record_dir *d, struct netlab_err *err)
{
	(void)err_set(
		err, EINVAL,
		"the packets of the recording are damaged, or not those that '" RECORD_IDENTITIES
		"' is of");
	(void)err_where(err, "%s/" RECORD_PACKETS, d->path);
	return err_class(err, NETLAB_EXIT_INVALID);
}

static int reserve(struct frames *f, size_t len)
{
	if (f->n == FRAMES_MAX)
		return -EFBIG;
	if (f->n == f->size) {
		size_t size = f->size ? 2 * f->size : 1024;
		struct frame_kept *more = realloc(f->items, size * sizeof(*more));

		if (!more)
			return -ENOMEM;
		f->items = more;
		f->size = size;
	}
	if (!f->bytes || f->n_bytes + len > f->bytes_size) { /* packets may be empty, all of them */
		size_t size = f->bytes_size ? 2 * f->bytes_size : 1 << 16;
		uint8_t *more = realloc(f->bytes, size);

		if (!more)
			return -ENOMEM;
		f->bytes = more;
		f->bytes_size = size;
	}
	return 0;
}

static size_t padded(size_t len)
{
	return (len + 3) / 4 * 4;
}

/** Whether the block tells the end of a packet that was told of before: it is none by itself. */
static bool is_late(const uint8_t *options, size_t len)
{
	static const char mark[] = FATE_LATE_COMMENT;
	const size_t n = sizeof(mark) - 1;

	while (len >= OPTION_HEAD) {
		uint16_t head[2]; /* code, length */

		memcpy(head, options, sizeof(head));
		if (head[1] > len - OPTION_HEAD)
			return false;
		if (head[0] == OPTION_COMMENT)
			return head[1] >= n &&
			       memcmp(options + OPTION_HEAD + head[1] - n, mark, n) == 0;
		if (padded(head[1]) > len - OPTION_HEAD)
			return false;
		options += OPTION_HEAD + padded(head[1]);
		len -= OPTION_HEAD + padded(head[1]);
	}
	return false;
}

static int take_packet(struct reading *r, const uint8_t *body, size_t len)
{
	struct frames *f = r->frames;
	const struct identity_entry *id = f->n < r->ids->n ? &r->ids->items[f->n] : NULL;
	struct packet_head head;
	uint32_t kept;
	int e;

	if (len < PACKET_HEAD)
		return -EINVAL;
	memcpy(&head, body, PACKET_HEAD);
	if (padded(head.kept) > len - PACKET_HEAD || head.interface >= r->n_interfaces)
		return -EINVAL;
	body += PACKET_HEAD;
	len -= PACKET_HEAD;
	if (is_late(body + padded(head.kept), len - padded(head.kept)))
		return 0;
	/* the interfaces are the directions of the links, in order; identities are in the order of packets */
	if (!id || id->link != head.interface / 2 || id->dir != head.interface % 2)
		return -EINVAL;
	kept = head.kept < FRAMES_KEPT_BYTES ? head.kept : FRAMES_KEPT_BYTES;
	e = reserve(f, kept);
	if (e < 0)
		return e;
	f->items[f->n] = (struct frame_kept){ .link = id->link,
					      .dir = id->dir,
					      .index = id->index,
					      .at = f->n_bytes,
					      .len = kept,
					      .wire_len = head.len };
	memcpy(&f->bytes[f->n_bytes], body, kept);
	f->n_bytes += kept;
	f->n++;
	return 0;
}

/** @return whether a section begins that is in the byte order of this machine */
static bool is_section(const uint8_t *body, size_t len)
{
	const uint32_t magic = BYTE_ORDER_MAGIC;

	return len >= sizeof(magic) && memcmp(body, &magic, sizeof(magic)) == 0;
}

/** @return 1; 0 at the end; negative errno */
static int read_block(struct reading *r)
{
	struct block_head head;
	uint32_t tail;
	size_t n = fread(&head, 1, sizeof(head), r->file), body;
	int e;

	if (n == 0)
		return ferror(r->file) ? -EIO : 0;
	if (n != sizeof(head) || head.len % 4 || head.len < sizeof(head) + 4 ||
	    head.len > BLOCK_MAX)
		return -EINVAL;
	body = head.len - sizeof(head);
	if (fread(r->block, 1, body, r->file) != body)
		return -EINVAL;
	body -= sizeof(tail);
	memcpy(&tail, r->block + body, sizeof(tail));
	if (tail != head.len)
		return -EINVAL;
	if (head.type == BLOCK_SECTION)
		r->in_section = is_section(r->block, body);
	if (!r->in_section)
		return -EINVAL;
	if (head.type != BLOCK_PACKET)
		return 1;
	e = take_packet(r, r->block, body);
	return e < 0 ? e : 1;
}

static int read_all(struct reading *r)
{
	int e;

	do
		e = read_block(r);
	while (e > 0);
	/* cut between two blocks: the identities know of more */
	return e == 0 && (!r->in_section || r->frames->n < r->ids->n) ? -EINVAL : e;
}

static int read_packets(const struct record_dir *d, const struct identities *ids, size_t n_links,
			struct frames *ret, struct netlab_err *err)
{
	struct reading r = { .ids = ids, .frames = ret, .n_interfaces = 2 * n_links };
	int fd = sys_open(d->fd, RECORD_PACKETS, O_RDONLY | O_NONBLOCK),
	    e = fd; /* not for a FIFO's writer */

	if (fd >= 0) {
		r.file = fdopen(fd, "r");
		if (!r.file) {
			e = -errno;
			(void)close(fd);
		}
	}
	if (!r.file) {
		(void)err_errno(err, e, "opening '%s/" RECORD_PACKETS "'", d->path);
		(void)err_class(err, NETLAB_EXIT_INVALID);
		return e;
	}
	r.block = malloc(BLOCK_MAX);
	e = r.block ? read_all(&r) : -ENOMEM;
	(void)fclose(r.file);
	free(r.block);
	if (e == -EINVAL)
		return damaged(d, err);
	return e < 0 ? err_errno(err, e, "reading '%s/" RECORD_PACKETS "'", d->path) : 0;
}

int frames_read(const struct record_dir *d, struct frames *ret, struct netlab_err *err)
{
	struct topo_diags diags = { 0 };
	struct identities ids = { 0 };
	struct topo *t = NULL;
	int r = record_dir_topology(d, NULL, &diags, &t, err);

	if (r == 0)
		r = identities_read(d->fd, RECORD_IDENTITIES, &ids, err);
	if (r == 0)
		r = read_packets(d, &ids, t->n_links, ret, err);
	if (r < 0)
		frames_deinit(ret);
	topo_free(t);
	topo_diags_deinit(&diags);
	identities_deinit(&ids);
	return r;
}

void frames_deinit(struct frames *f)
{
	free(f->items);
	free(f->bytes);
	*f = (struct frames){ 0 };
}
