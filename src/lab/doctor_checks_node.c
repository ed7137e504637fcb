/* SPDX-License-Identifier: MIT */
/* What the doctor looks at: what nodes are made of. When a part of netlab lands, its entries move from DOCTOR_PLANNED to where they belong. */
#include "lab/doctor_table.h"

#include "base/cleanup.h"

static const struct doctor_check checks[] = {
	{
		.key = "privilege",
		.kind = DOCTOR_PRIVILEGE,
		.need = DOCTOR_EVERY_LAB,
		.purpose = "making namespaces and what is in them",
		.without = "no lab comes up",
		.remedy = "run netlab as root, or allow user namespaces",
		.trial = SCRATCH(probe_privilege, NULL),
	},
	{
		.key = "user-namespace",
		.need = DOCTOR_SOME_LABS,
		.purpose = "labs without root; keeping root in a node from the lab's links",
		.without = "only root can bring labs up, and root in a node can take links away",
		.remedy = KERNEL("CONFIG_USER_NS", "3.8"),
		.trial = HERE(probe_namespace, "user"),
	},
	{
		.key = "newuidmap",
		.kind = DOCTOR_PROGRAM,
		.need = DOCTOR_PLANNED,
		.purpose = "more than one user id in labs without root",
		.without =
			"without root, only user 0 exists in a node: daemons that change user fail",
		.remedy = APT("uidmap"),
		.trial = HERE(probe_program, "newuidmap"),
	},
	{
		.key = "newgidmap",
		.kind = DOCTOR_PROGRAM,
		.need = DOCTOR_PLANNED,
		.purpose = "more than one group id in labs without root",
		.without = "without root, only group 0 exists in a node",
		.remedy = APT("uidmap"),
		.trial = HERE(probe_program, "newgidmap"),
	},
	{
		.key = "subordinate-ids",
		.kind = DOCTOR_PRIVILEGE,
		.need = DOCTOR_PLANNED,
		.purpose = "the ids that newuidmap may give to a node",
		.without = "without root, only user 0 exists in a node",
		.remedy =
			"add a line for this user to /etc/subuid and /etc/subgid (`usermod --add-subuids`)",
		.trial = HERE(probe_subordinate_ids, NULL),
	},

	{
		.key = "net-namespace",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "a network stack for each node, and the fabric between them",
		.without = "no lab comes up",
		.remedy = KERNEL("CONFIG_NET_NS", "2.6.29"),
		.trial = HERE(probe_namespace, "net"),
	},
	{
		.key = "pid-namespace",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "a lab's processes end with it, however it ends",
		.without = "no lab comes up",
		.remedy = KERNEL("CONFIG_PID_NS", "3.8"),
		.trial = HERE(probe_namespace, "pid"),
	},
	{
		.key = "mount-namespace",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "a node's own /proc, /sys and /etc/hosts",
		.without = "no lab comes up",
		.remedy = KERNEL("mount namespaces", "2.4.19"),
		.trial = HERE(probe_namespace, "mnt"),
	},
	{
		.key = "uts-namespace",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "a node's own host name",
		.without = "no lab comes up",
		.remedy = KERNEL("CONFIG_UTS_NS", "2.6.19"),
		.trial = HERE(probe_namespace, "uts"),
	},
	{
		.key = "ipc-namespace",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "a node's own shared memory and message queues",
		.without = "no lab comes up",
		.remedy = KERNEL("CONFIG_IPC_NS", "2.6.19"),
		.trial = HERE(probe_namespace, "ipc"),
	},
	{
		.key = "cgroup-namespace",
		.need = DOCTOR_PLANNED,
		.purpose = "a node sees its own cgroup as the root",
		.without = "nodes that ask for limits see the host's cgroup paths",
		.remedy = KERNEL("CONFIG_CGROUPS", "4.6"),
		.trial = HERE(probe_namespace, "cgroup"),
	},
	{
		.key = "empty-namespace",
		.need = DOCTOR_SOME_LABS,
		.purpose = "a new network namespace with nothing but lo in it",
		.without =
			"every node shows interfaces that no topology asked for, and takes longer to make and "
			"to remove",
		.remedy = "run `sysctl -w net.core.fb_tunnels_only_for_init_net=1` as root",
		.trial = SCRATCH(probe_empty_namespace, NULL),
	},

	{
		.key = "pidfd",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "holding and signalling processes without mistaking one for another",
		.without = "no lab comes up",
		.remedy = KERNEL("clone3 and pidfds", "5.4"),
		.trial = SCRATCH(probe_pidfd, NULL),
	},
	{
		.key = "setns-pidfd",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "joining all namespaces of a node at once (exec, shell, run --in)",
		.without = "labs come up, but no command gets into a node",
		.remedy = KERNEL("setns() by pidfd", "5.8"),
		.trial = SCRATCH(probe_setns, NULL),
	},
	{
		.key = "close-range",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "leaving the caller's open files behind",
		.without = "a lab keeps files of the shell that started it open",
		.remedy = KERNEL("close_range()", "5.9"),
		.trial = HERE(probe_syscall, "close_range"),
	},
	{
		.key = "memfd",
		.need = DOCTOR_SOME_LABS,
		.purpose = "handing tc its lines, and the wire its traces",
		.without = "topologies with shaped links fail",
		.remedy = KERNEL("CONFIG_MEMFD_CREATE", "3.17"),
		.trial = HERE(probe_syscall, "memfd_create"),
	},
	{
		.key = "openat2",
		.need = DOCTOR_PLANNED,
		.purpose = "opening a node's files so that no symlink leads out of it",
		.without = "topologies with 'files', 'mounts' or 'rootfs' are refused",
		.remedy = KERNEL("openat2()", "5.6"),
		.trial = HERE(probe_syscall, "openat2"),
	},
	{
		.key = "mount-setattr",
		.need = DOCTOR_PLANNED,
		.purpose = "making a tree of mounts read-only at once",
		.without = "read-only binds stay writable where other mounts lie below them",
		.remedy = KERNEL("mount_setattr()", "5.12"),
		.trial = HERE(probe_syscall, "mount_setattr"),
	},
	{
		.key = "seccomp",
		.need = DOCTOR_PLANNED,
		.purpose = "refusing system calls that no network node needs",
		.without = "root in a node can do more than it should",
		.remedy = KERNEL("CONFIG_SECCOMP_FILTER", "4.14"),
		.trial = HERE(probe_syscall, "seccomp"),
	},
	{
		.key = "timers",
		.need = DOCTOR_SOME_LABS,
		.purpose = "delays finer than the kernel's tick",
		.without = "delays on links are rounded to milliseconds",
		.remedy = KERNEL("CONFIG_HIGH_RES_TIMERS", "2.6.16"),
		.trial = HERE(probe_timers, NULL),
	},

	{
		.key = "proc-mount",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "a node's /proc shows its own processes and sysctls",
		.without = "no lab comes up",
		.remedy = "in a container, start it with an unmasked /proc (docker: --security-opt "
			  "systempaths=unconfined; podman: --security-opt unmask=ALL)",
		.trial = SCRATCH(probe_mount, "proc"),
	},
	{
		.key = "sysfs-mount",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "a node's /sys shows its own interfaces",
		.without = "no lab comes up",
		.remedy = "in a container, start it privileged or with an unmasked /sys (podman: "
			  "--security-opt unmask=ALL)",
		.trial = SCRATCH(probe_mount, "sysfs"),
	},
	{
		.key = "bind-mount",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "a node's own /etc/hosts",
		.without = "nodes do not know each other's names",
		.remedy =
			"in a container, allow mounts (docker: --cap-add SYS_ADMIN --security-opt "
			"apparmor=unconfined)",
		.trial = SCRATCH(probe_mount, "bind"),
	},
	{
		.key = "sysctl",
		.need = DOCTOR_EVERY_LAB,
		.purpose = "setting a node's forwarding and its topology's 'sysctls'",
		.without = "routers do not forward, and topologies with 'sysctls' fail",
		.remedy = KERNEL("CONFIG_SYSCTL", "2.6"),
		.trial = SCRATCH(probe_sysctl, "net/ipv4/ip_forward"),
	},
	{
		.key = "tmpfs-mount",
		.need = DOCTOR_PLANNED,
		.purpose = "private /run and /tmp in nodes",
		.without = "two nodes that run the same daemon meet in /run",
		.remedy = KERNEL("CONFIG_TMPFS", "2.6"),
		.trial = SCRATCH(probe_mount, "tmpfs"),
	},
	{
		.key = "overlay-mount",
		.need = DOCTOR_PLANNED,
		.purpose = "a node's own writable view of the host's files",
		.without = "nodes write to the host's files, or not at all",
		.remedy = MODULE("CONFIG_OVERLAY_FS (without root: Linux 5.11 or later)",
				 "overlay"),
		.trial = SCRATCH(probe_mount, "overlay"),
	},
	{
		.key = "devpts-mount",
		.need = DOCTOR_PLANNED,
		.purpose = "terminals of a node's own",
		.without = "nodes share the host's /dev/pts",
		.remedy = KERNEL("CONFIG_UNIX98_PTYS", "4.7"),
		.trial = SCRATCH(probe_mount, "devpts"),
	},
	{
		.key = "pivot-root",
		.need = DOCTOR_PLANNED,
		.purpose = "nodes with a root file system of their own ('rootfs')",
		.without = "topologies with 'rootfs' are refused",
		.remedy =
			"in a container, allow pivot_root (docker: --security-opt seccomp=unconfined "
			"--security-opt apparmor=unconfined)",
		.trial = SCRATCH(probe_pivot_root, NULL),
	},
};

const struct doctor_table doctor_node_checks = { checks, ARRAY_SIZE(checks) };
