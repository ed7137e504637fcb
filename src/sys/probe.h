/* SPDX-License-Identifier: MIT */
/**
 * @file probe.h
 * What this kernel, this user and this host can do, found by trying it. Trials that change something do so in scratch
 * namespaces of a child process, which ends with them; what can only be looked at (limits, cgroups, programs) is looked
 * at in the calling process. The kernel may load modules on its own while it is tried, as it would for a lab.
 */
#ifndef NETLAB_SYS_PROBE_H
#define NETLAB_SYS_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "netlab/err.h"
#include "sys/rtnl.h"

/** What one trial found. */
struct probe_result {
	int error;        /**< 0 = it is there; negative errno: it is not, or could not be tried */
	bool limited;     /**< there, but less than it should be */
	bool untried;     /**< there was no way to try; error says why */
	char detail[192]; /**< a version, a value, or the kernel's reason; may be empty */
	char remedy
		[384]; /**< what to do on exactly this host; empty = nothing better than the general advice */
};

/** The scratch that trials work in. Only for src/sys/probe*.c. */
struct probe {
	bool rootless; /**< in a user namespace of its own */
	int rtnl_fd;
	struct rt_batch batch;
	int peer_pidfd; /**< see probe_start_peer(); -1 = not started */
	pid_t peer_pid;
	char strangers[96]; /**< interfaces that were there from the start, lo apart */
	int links_error;    /**< of the veth pair that others stand on: 1 = not made yet */
	int base_error;     /**< of the tmpfs that mounts go to: 1 = not mounted yet */
	int netem_error;    /**< of netem with all its keys: 1 = not tried yet */
	char netem_reason[128];
	struct rt_netem netem; /**< as the kernel holds it */
};

typedef void probe_fn(struct probe *p, const char *arg, struct probe_result *r);

enum probe_place {
	PROBE_HERE,    /**< in the calling process: looks, or starts children that end at once */
	PROBE_SCRATCH, /**< in the scratch namespaces */
};

struct probe_trial {
	probe_fn *fn;
	const char *arg; /**< what `fn` makes of it is said at its declaration; NULL = nothing */
	enum probe_place place;
};

/**
 * Makes all trials, those of the scratch in the given order. A scratch that cannot be made, or does not answer in time,
 * leaves the rest `untried`.
 * @param[out] results     one per trial
 * @param[in]  timeout_ms  for the whole scratch
 * @return 0; negative errno when nothing could be tried at all
 */
int probe_run(const struct probe_trial *trials, size_t n, struct probe_result *results,
	      int timeout_ms, struct netlab_err *err);

/** Fills in *r from a negative errno and, where there are any, the kernel's own words. 0 leaves it as it is. */
void probe_fail(struct probe_result *r, int error, const char *words);

/** Fills in the remedy for namespaces that this user may not make: what stands in the way here, else general words. */
void probe_explain_user_namespaces(struct probe_result *r);

/* --- probe.c --- */
/** Starts, once, a process in net, mnt, uts, ipc and pid namespaces of its own that waits for the end.
 *  @return 0, negative errno */
int probe_start_peer(struct probe *p);
/** Being allowed to do all this: the scratch itself. In the scratch. */
probe_fn probe_privilege;
/** No interfaces but lo in a new network namespace. In the scratch. */
probe_fn probe_empty_namespace;

/* --- probe_kernel.c: processes, namespaces, mounts, sockets --- */
/** A new namespace. Here. arg: "net", "pid", "mnt", "uts", "ipc", "cgroup" or "user". */
probe_fn probe_namespace;
/** pidfds: open, signal 0, wait. Scratch. */
probe_fn probe_pidfd;
/** setns() by pidfd into all namespaces of a process at once. Scratch. */
probe_fn probe_setns;
/** A system call of later kernels. Here. arg: "close_range", "openat2", "mount_setattr", "memfd_create", "seccomp". */
probe_fn probe_syscall;
/** A mount. Scratch. arg: "proc", "sysfs", "tmpfs", "devpts", "overlay", "bind" (read-only). */
probe_fn probe_mount;
/** pivot_root() into a tmpfs. Scratch. */
probe_fn probe_pivot_root;
/** A sysctl of the network namespace that can be written. Scratch. arg: its path below /proc/sys. */
probe_fn probe_sysctl;
/** A socket. Scratch. arg: "packet", "xdp". */
probe_fn probe_socket;
/** An option of packet sockets. Scratch. arg: "vnet-hdr", "auxdata", "ignore-outgoing", "qdisc-bypass", "timestamps". */
probe_fn probe_packet_option;
/** /dev/net/tun makes an interface. Scratch. */
probe_fn probe_tun;
/** Timers with a resolution of nanoseconds. Here. */
probe_fn probe_timers;

/* --- probe_net.c: links, qdiscs, filters, nftables --- */
/** A veth pair, each end born in its namespace. Scratch. */
probe_fn probe_veth;
/** A carrier that is there when the kernel has answered. Scratch. */
probe_fn probe_carrier;
/** Offloads of a veth end can be turned off. Scratch. */
probe_fn probe_offload;
/** A bridge. Scratch. arg: "stp" or NULL. */
probe_fn probe_bridge;
/** A link of another kind. Scratch. arg: the kind ("ifb", "dummy", "vlan", "vxlan", "vrf", "macvlan", "wireguard"). */
probe_fn probe_link_kind;
/** A qdisc. Scratch. arg: "clsact", "htb", "fq_codel". */
probe_fn probe_qdisc;
/** A filter at clsact. Scratch. arg: "u32", "bpf", "mirred" (u32 with a redirect). */
probe_fn probe_filter;
/** netem, and one of its keys as the kernel reports it back. Scratch. arg: NULL, "seed", "rate", "slot", "ecn". */
probe_fn probe_netem;
/** An IPv6 address, at once usable. Scratch. */
probe_fn probe_ipv6;
/** nftables: a chain that masquerades. Scratch. */
probe_fn probe_nftables;

/* --- probe_host.c: what is looked at --- */
/** A program. Here. arg: its name, and after a space the option that prints its version. */
probe_fn probe_program;
/** A cgroup controller, v2 or v1, that a lab could use (sys/cgroup.h). Here. arg: "memory", "cpu", "pids", "freezer". */
probe_fn probe_cgroup;
/** Open files that a supervisor may have. Here. */
probe_fn probe_open_files;
/** Process ids and processes. Here. */
probe_fn probe_processes;
/** user.max_*_namespaces. Here. */
probe_fn probe_namespace_limits;
/** The neighbour tables' common limit. Here. */
probe_fn probe_neighbours;
/** Subordinate ids of this user, for newuidmap. Here. */
probe_fn probe_subordinate_ids;

#endif
