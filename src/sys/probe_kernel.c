/* SPDX-License-Identifier: MIT */
/* Trials of processes, namespaces, mounts and sockets. */
#include "sys/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/fs.h"
#include "sys/gate.h"
#include "sys/proc.h"

/* Everything is mounted below this, in the scratch's own mount namespace. */
#define BASE "/tmp"

static int wait_for_exit(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	/* a child of ours exits with the errno that it met */
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* --- namespaces --- */

void probe_namespace(struct probe *p, const char *arg, struct probe_result *r)
{
	static const struct {
		const char *name;
		unsigned ns;
	} kinds[] = {
		{ "mnt", SYS_NS_MNT },   { "uts", SYS_NS_UTS }, { "ipc", SYS_NS_IPC },
		{ "pid", SYS_NS_PID },   { "net", SYS_NS_NET }, { "cgroup", SYS_NS_CGROUP },
		{ "user", SYS_NS_USER },
	};
	unsigned ns = 0;
	pid_t pid;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(arg, kinds[i].name) == 0)
			ns = kinds[i].ns;
	}
	pid = sys_clone(ns | (p->rootless ? SYS_NS_USER : 0), NULL);
	if (pid == 0)
		_exit(0);
	probe_fail(r, pid < 0 ? (int)pid : wait_for_exit(pid), NULL);
	switch (r->error) {
	case -ENOSPC:
	case -EUSERS:
		(void)snprintf(
			r->remedy, sizeof(r->remedy),
			"too many are in use: run `sysctl -w user.max_%s_namespaces=100000` as root",
			arg);
		break;
	case -EINVAL:
		(void)snprintf(r->detail, sizeof(r->detail), "the kernel was built without them");
		break;
	case -EPERM:
		/* says nothing about the kernel, unless nobody needs a privilege for it */
		if (ns == SYS_NS_USER)
			probe_explain_user_namespaces(r);
		else
			r->untried = true;
		break;
	default:
		break;
	}
}

void probe_pidfd(struct probe *p, const char *arg, struct probe_result *r)
{
	int e = probe_start_peer(p), fd;

	(void)arg;
	if (e == 0) {
		fd = sys_pidfd_open(p->peer_pid);
		e = fd < 0 ? fd : sys_pidfd_signal(fd, 0);
		if (e == 0 && sys_wait_readable(fd, 0) != -ETIME)
			e = -EPROTO; /* it lives: a pidfd that reads as ended is of no use */
		if (fd >= 0)
			(void)close(fd);
	}
	probe_fail(r, e, NULL);
}

void probe_setns(struct probe *p, const char *arg, struct probe_result *r)
{
	int e = probe_start_peer(p);
	pid_t pid;

	(void)arg;
	if (e == 0) {
		pid = sys_clone(0, NULL);
		if (pid == 0)
			_exit(-sys_setns(p->peer_pidfd, SYS_NS_NET | SYS_NS_MNT | SYS_NS_UTS |
								SYS_NS_IPC | SYS_NS_PID));
		e = pid < 0 ? (int)pid : wait_for_exit(pid);
	}
	probe_fail(r, e, NULL);
}

/* --- system calls --- */

static int try_close_range(void)
{
	int fd = memfd_create("netlab-probe", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	return syscall(SYS_close_range, fd, fd, 0) < 0 ? -errno : 0;
}

static int try_openat2(void)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	long fd = syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

	if (fd < 0)
		return -errno;
	(void)close((int)fd);
	return 0;
}

static int try_mount_setattr(void)
{
	struct mount_attr nothing = { 0 };

	/* changes nothing and needs no privilege; a kernel without it says ENOSYS */
	if (syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &nothing, sizeof(nothing)) == 0)
		return 0;
	return errno == EPERM ? 0 : -errno;
}

static int try_memfd(void)
{
	int fd = memfd_create("netlab-probe", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	(void)close(fd);
	return 0;
}

static int try_seccomp(void)
{
	uint32_t action = SECCOMP_RET_ERRNO;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 ? -errno : 0;
}

void probe_syscall(struct probe *p, const char *arg, struct probe_result *r)
{
	static const struct {
		const char *name;
		int (*fn)(void);
	} calls[] = {
		{ "close_range", try_close_range },
		{ "openat2", try_openat2 },
		{ "mount_setattr", try_mount_setattr },
		{ "memfd_create", try_memfd },
		{ "seccomp", try_seccomp },
	};
	int e = sys_gate(arg);

	(void)p;
	for (size_t i = 0; i < ARRAY_SIZE(calls) && e == 0; i++) {
		if (strcmp(arg, calls[i].name) == 0)
			e = calls[i].fn();
	}
	probe_fail(r, e, NULL);
}

void probe_timers(struct probe *p, const char *arg, struct probe_result *r)
{
	struct timespec t = { 0 };

	(void)p;
	(void)arg;
	if (clock_getres(CLOCK_MONOTONIC, &t) < 0) {
		probe_fail(r, -errno, NULL);
		return;
	}
	(void)snprintf(r->detail, sizeof(r->detail), "resolution %ld ns", t.tv_nsec);
	r->limited = t.tv_sec > 0 || t.tv_nsec > 1000;
}

/* --- mounts --- */

static int mount_at(const char *type, const char *target, unsigned long flags, const char *data)
{
	int r = sys_gate("mount");

	if (r < 0)
		return r;
	return mount(type, target, type, flags, data) < 0 ? -errno : 0;
}

/* A tmpfs over BASE, with directories to mount at. */
static int make_base(struct probe *p)
{
	static const char *const dirs[] = { "proc",  "sysfs", "tmpfs", "devpts", "overlay", "lower",
					    "upper", "work",  "bind",  "root",   "old" };
	int r;

	if (p->base_error <= 0)
		return p->base_error;
	r = mount_at("tmpfs", BASE, MS_NOSUID | MS_NODEV, "mode=0700");
	for (size_t i = 0; i < ARRAY_SIZE(dirs) && r == 0; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), BASE "/%s", dirs[i]);
		r = sys_mkdir(AT_FDCWD, path);
	}
	p->base_error = r;
	return r;
}

static int mount_overlay(void)
{
	static const char plain[] = "lowerdir=" BASE "/lower,upperdir=" BASE "/upper,workdir=" BASE
				    "/work";
	static const char in_userns[] = "lowerdir=" BASE "/lower,upperdir=" BASE
					"/upper,workdir=" BASE "/work,userxattr";
	int r = mount_at("overlay", BASE "/overlay", 0, plain);

	return r == -EPERM ? mount_at("overlay", BASE "/overlay", 0, in_userns) : r;
}

void probe_mount(struct probe *p, const char *arg, struct probe_result *r)
{
	int e = make_base(p);
	char path[64];

	(void)snprintf(path, sizeof(path), BASE "/%s", arg);
	if (e < 0 || strcmp(arg, "tmpfs") == 0)
		; /* the base is one */
	else if (strcmp(arg, "overlay") == 0)
		e = mount_overlay();
	else if (strcmp(arg, "bind") == 0)
		e = sys_bind_ro(BASE "/lower", path);
	else if (strcmp(arg, "devpts") == 0)
		e = mount_at("devpts", path, MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666");
	else
		e = sys_mount(arg, path);
	probe_fail(r, e, NULL);
}

static int pivot(void)
{
	if (mount("tmpfs", BASE "/root", "tmpfs", 0, NULL) < 0)
		return -errno;
	if (chdir(BASE "/root") < 0)
		return -errno;
	/* the old root lands on the new one, and is detached from there: pivot_root(2) */
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		return -errno;
	return 0;
}

void probe_pivot_root(struct probe *p, const char *arg, struct probe_result *r)
{
	int e = make_base(p);
	pid_t pid;

	(void)arg;
	if (e == 0) {
		pid = sys_clone(SYS_NS_MNT, NULL);
		if (pid == 0)
			_exit(-pivot());
		e = pid < 0 ? (int)pid : wait_for_exit(pid);
	}
	probe_fail(r, e, NULL);
}

void probe_sysctl(struct probe *p, const char *arg, struct probe_result *r)
{
	char path[128], value[32];
	int e = make_base(p);

	/* A proc of its own, as in a node: the host's may be read-only in a container. */
	if (e == 0 && access(BASE "/proc/sys", F_OK) < 0)
		e = sys_mount("proc", BASE "/proc");
	(void)snprintf(path, sizeof(path), BASE "/proc/sys/%s", arg);
	if (e == 0 && sys_read_value(AT_FDCWD, path, value, sizeof(value)) < 0)
		e = -ENOENT;
	if (e == 0)
		e = sys_write_value(path, value);
	probe_fail(r, e, NULL);
}

/* --- sockets --- */

static int try_packet(int fd)
{
	struct sockaddr_ll lo = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = 1 };

	return bind(fd, (struct sockaddr *)&lo, sizeof(lo)) < 0 ? -errno : 0;
}

void probe_socket(struct probe *p, const char *arg, struct probe_result *r)
{
	bool packet = strcmp(arg, "packet") == 0;
	int fd, e = sys_gate("socket");

	(void)p;
	if (e == 0) {
		fd = packet ? socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)
			    : socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
		e = fd < 0 ? -errno : packet ? try_packet(fd) : 0;
		if (fd >= 0)
			(void)close(fd);
	}
	probe_fail(r, e, NULL);
}

void probe_packet_option(struct probe *p, const char *arg, struct probe_result *r)
{
	static const struct {
		const char *name;
		int level, option;
	} options[] = {
		{ "vnet-hdr", SOL_PACKET, PACKET_VNET_HDR },
		{ "auxdata", SOL_PACKET, PACKET_AUXDATA },
		{ "ignore-outgoing", SOL_PACKET, PACKET_IGNORE_OUTGOING },
		{ "qdisc-bypass", SOL_PACKET, PACKET_QDISC_BYPASS },
		{ "timestamps", SOL_SOCKET, SO_TIMESTAMPNS },
	};
	const int on = 1;
	int e = sys_gate("packet option"), fd;

	(void)p;
	fd = e < 0 ? -1 : socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (e == 0 && fd < 0)
		e = -errno;
	for (size_t i = 0; i < ARRAY_SIZE(options) && e == 0; i++) {
		if (strcmp(arg, options[i].name) == 0 &&
		    setsockopt(fd, options[i].level, options[i].option, &on, sizeof(on)) < 0)
			e = -errno;
	}
	if (fd >= 0)
		(void)close(fd);
	probe_fail(r, e, NULL);
}

void probe_tun(struct probe *p, const char *arg, struct probe_result *r)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd, e = sys_gate("tun");

	(void)p;
	(void)arg;
	if (e == 0) {
		fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
		e = fd < 0 ? -errno : ioctl(fd, TUNSETIFF, &request) < 0 ? -errno : 0;
		if (fd >= 0)
			(void)close(fd);
	}
	probe_fail(r, e, NULL);
	if (e == -EACCES)
		(void)snprintf(
			r->remedy, sizeof(r->remedy),
			"run `chmod 0666 /dev/net/tun` as root (whoever opens it still needs power over "
			"a network namespace)");
}
