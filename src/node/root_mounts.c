/* SPDX-License-Identifier: MIT */
/* The mounts that the topology asks for. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "node/root_build.h"
#include "sys/inside.h"

static int make_bind(struct root_build *b, const struct topo_mount *m)
{
	int fd = sys_mount_copy(AT_FDCWD, m->source, true), r;

	if (fd < 0)
		return err_errno(b->err, fd, "bind of '%s'", m->source);
	r = m->rw ? 0 : sys_mount_set(fd, "", true, SYS_MOUNT_RDONLY, 0);
	if (r < 0) {
		close(fd);
		return err_errno(b->err, r, "making the bind of '%s' read-only", m->source);
	}
	return fd;
}

static int make_tmpfs(struct root_build *b, const struct topo_mount *m)
{
	char mode[16], size[24];
	const struct sys_mount_option options[] = { { "mode", mode }, { "size", size } };

	snprintf(mode, sizeof(mode), "%04o", m->mode);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)m->size_bytes);
	return sys_mount_new("tmpfs", options, m->size_bytes ? 2 : 1,
			     SYS_MOUNT_NOSUID | SYS_MOUNT_NODEV, b->err);
}

static int make_overlay(struct root_build *b, const struct topo_mount *m)
{
	int lower = open(m->source, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	if (lower < 0)
		return err_errno(b->err, errno, "overlay of '%s'", m->source);
	fd = root_overlay(b, lower, m->at);
	close(lower);
	if (fd < 0)
		return err_wrap(b->err, "overlay of '%s'", m->source);
	return fd;
}

int root_mounts_gather(struct root_build *b)
{
	for (size_t i = 0; i < b->tree->n_mounts; i++) {
		const struct topo_mount *m = &b->tree->mounts[i];
		int fd = -1;

		switch (m->kind) {
		case TOPO_MOUNT_BIND:
			fd = make_bind(b, m);
			break;
		case TOPO_MOUNT_TMPFS:
			fd = make_tmpfs(b, m);
			break;
		case TOPO_MOUNT_OVERLAY:
			fd = make_overlay(b, m);
			break;
		}
		if (fd < 0)
			return err_wrap(b->err, "mount at '%s'", m->at);
		b->mount_fds[i] = fd;
	}
	return 0;
}

int root_mounts_attach(struct root_build *b)
{
	for (size_t i = 0; i < b->tree->n_mounts; i++) {
		const struct topo_mount *m = &b->tree->mounts[i];
		struct stat st;
		int fd = b->mount_fds[i], r;

		b->mount_fds[i] = -1;
		if (fstat(fd, &st) < 0) {
			r = err_errno(b->err, errno, "mount at '%s'", m->at);
			close(fd);
			return r;
		}
		r = root_attach(b, fd, m->at, S_ISDIR(st.st_mode) ? ROOT_DIRECTORY : ROOT_FILE,
				m->kind != TOPO_MOUNT_BIND);
		if (r < 0)
			return r;
	}
	return 0;
}
