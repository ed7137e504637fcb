/* SPDX-License-Identifier: MIT */
/* A file that is written in large pieces. */
#include "repro/output.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "sys/fs.h"

enum { MUCH = 256 * 1024 };

int output_open(struct output *o, int dir_fd, const char *name)
{
	*o = (struct output){ .name = name };
	o->fd = sys_open(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC);
	if (o->fd < 0)
		o->error = o->fd;
	return o->error;
}

void output_add(struct output *o, const void *data, size_t len)
{
	buf_add(&o->buf, data, len);
}

int output_flush(struct output *o, bool all)
{
	if (o->buf.failed && o->error == 0)
		o->error = -ENOMEM;
	if (o->error < 0 || o->buf.len == 0 || (!all && o->buf.len < MUCH))
		return o->error;
	o->error = sys_write_all(o->fd, o->buf.data, o->buf.len);
	if (o->error == 0)
		o->written += o->buf.len;
	o->buf.len = 0;
	return o->error;
}

void output_close(struct output *o)
{
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
	buf_deinit(&o->buf);
}
