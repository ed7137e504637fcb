/* SPDX-License-Identifier: MIT */
/* The system calls that the programs of a node are refused. */
#include "sys/syscall_filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sys/gate.h"

#ifndef TIOCLINUX
#define TIOCLINUX 0x541C /* asm-generic/ioctls.h: glibc leaves it out */
#endif
#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN \
	_IOR('X', 125, uint32_t) /* linux/fs.h, Linux 6.12; ext4, xfs and others had it before */
#endif

const char *const sys_filter_refused[] = {
	/* the kernel's code */
	"init_module", "finit_module", "delete_module", "create_module", "kexec_load",
	"kexec_file_load", "bpf", "perf_event_open",
	/* the machine */
	"reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog", "iopl",
	"ioperm", "vhangup", "nfsservctl", "lookup_dcookie",
	/* its clock; adjtimex also reads, and needs CAP_SYS_TIME to do more */
	"settimeofday", "clock_settime", "clock_settime64", "stime",
	/* mounts and namespaces */
	"mount", "umount", "umount2", "pivot_root", "open_tree", "move_mount", "fsopen", "fsconfig",
	"fsmount", "fspick", "mount_setattr", "setns",
	/* files past their paths: by handle, and those that others open */
	"open_by_handle_at", "fanotify_init",
	/* what kernel exploits like best and no daemon wants; keyrings are no namespace's own */
	"userfaultfd", "keyctl", "add_key", "request_key", NULL
};

/* Refused for some values of an argument. The kernel looks at 32 bits of these: so must we, or a program fills the others
   with noise and passes. */
struct argument {
	const char *name;
	unsigned index;
	uint32_t mask, value;
};

static const struct argument arguments[] = {
	{ "clone", 0, CLONE_NEWUSER, CLONE_NEWUSER },
	{ "unshare", 0, CLONE_NEWUSER, CLONE_NEWUSER },
	/* typing into the terminal that an exec was called from */
	{ "ioctl", 1, UINT32_MAX, TIOCSTI },
	{ "ioctl", 1, UINT32_MAX, TIOCLINUX },
	/* stopping the host's file systems, which takes no more than CAP_SYS_ADMIN and a file of theirs */
	{ "ioctl", 1, UINT32_MAX, FIFREEZE },
	{ "ioctl", 1, UINT32_MAX, FS_IOC_SHUTDOWN },
	/* to the hypervisor and its other guests; belongs to no network namespace */
	{ "socket", 0, UINT32_MAX, AF_VSOCK },
};

/*
 * Calls that are younger than libseccomp, which has no names for them. Since Linux 5.1 a new call has the same number on all
 * architectures (but MIPS, where these numbers are none). What nobody here has heard of does not exist: programs know how to
 * do without, for older kernels lack it too.
 */
enum {
	OPEN_TREE_ATTR = 467, /* Linux 6.15: open_tree() that is mount_setattr(), too */
	UNKNOWN_FIRST = 470,  /* Linux 6.18 ends at 469 */
	UNKNOWN_END = 1000,   /* ARM has some of its own far above */
};

static const struct sock_filter young[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OPEN_TREE_ATTR, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, UNKNOWN_FIRST, 0, 2),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, UNKNOWN_END, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
};

/** The processor's other kind of programs, which call the same kernel: 0 = none that Linux runs beside. */
static uint32_t other_architecture(uint32_t native)
{
	switch (native) {
	case SCMP_ARCH_X86_64:
		return SCMP_ARCH_X86;
	case SCMP_ARCH_AARCH64:
		return SCMP_ARCH_ARM;
	default:
		return 0;
	}
}

static int refuse(scmp_filter_ctx ctx, const char *name, int error)
{
	int number = seccomp_syscall_resolve_name(name);

	/* what this libseccomp has not heard of, no kernel of its time had; for later ones see `young` */
	if (number == __NR_SCMP_ERROR)
		return 0;
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint16_t)error), number, 0);
}

static int add_rules(scmp_filter_ctx ctx)
{
	uint32_t other = other_architecture(seccomp_arch_native());
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */

	/* libseccomp would kill */
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	if (r == 0 && other)
		r = seccomp_arch_add(ctx, other);
	for (const char *const *name = sys_filter_refused; *name && r == 0; name++)
		r = refuse(ctx, *name, EPERM);
	for (size_t i = 0; i < ARRAY_SIZE(arguments) && r == 0; i++) {
		const struct argument *a = &arguments[i];

		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
				     seccomp_syscall_resolve_name(a->name), 1,
				     SCMP_CMP(a->index, SCMP_CMP_MASKED_EQ, a->mask, a->value));
	}
	/* its flags are in memory, where no filter sees them: C libraries then do it by clone */
	return r == 0 ? refuse(ctx, "clone3", ENOSYS) : r;
}

/** Puts what libseccomp wrote behind `young`; all jumps in it are relative. */
static int take_code(int fd, struct sys_filter *ret)
{
	struct stat st;
	char *code;

	if (fstat(fd, &st) < 0)
		return -errno;
	code = malloc(sizeof(young) + (size_t)st.st_size);
	if (!code)
		return -ENOMEM;
	memcpy(code, young, sizeof(young));
	if (pread(fd, code + sizeof(young), (size_t)st.st_size, 0) != st.st_size) {
		free(code);
		return -EIO;
	}
	*ret = (struct sys_filter){ .code = code, .bytes = sizeof(young) + (size_t)st.st_size };
	return 0;
}

int sys_filter_make(struct sys_filter *ret, struct netlab_err *err)
{
	scmp_filter_ctx ctx;
	int fd, r = sys_gate("filter");

	if (r < 0)
		return err_errno(err, r, "making the filter of system calls");
	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx)
		return err_set(err, ENOMEM, "out of memory");
	fd = memfd_create("netlab-filter", MFD_CLOEXEC);
	r = fd < 0 ? -errno : add_rules(ctx);
	if (r == 0)
		r = seccomp_export_bpf(ctx, fd);
	if (r == 0)
		r = take_code(fd, ret);
	if (fd >= 0)
		close(fd);
	seccomp_release(ctx);
	return r < 0 ? err_errno(err, r, "making the filter of system calls") : 0;
}

void sys_filter_deinit(struct sys_filter *f)
{
	free(f->code);
	*f = (struct sys_filter){ 0 };
}

int sys_load_filter(const struct sys_filter *f)
{
	const struct sock_fprog program = {
		.len = (unsigned short)(f->bytes / sizeof(struct sock_filter)),
		.filter = f->code,
	};
	int r = sys_gate("seccomp");

	if (r < 0)
		return r;
	/* SPEC_ALLOW: or else kernels before 5.16 turn on a mitigation that slows down all that the process does */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		       &program) < 0
		       ? -errno
		       : 0;
}
