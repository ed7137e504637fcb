/* SPDX-License-Identifier: MIT */
/**
 * @file capabilities.h
 * The kernel's capabilities (capabilities(7)) by name, and those that a node has. Sets are bit masks: bit N is
 * capability number N.
 */
#ifndef NETLAB_BASE_CAPABILITIES_H
#define NETLAB_BASE_CAPABILITIES_H

#include <stdbool.h>
#include <stdint.h>

/** Numbers are the kernel's: include/uapi/linux/capability.h, where they never change. */
enum capability {
	CAPABILITY_CHOWN,
	CAPABILITY_DAC_OVERRIDE,
	CAPABILITY_DAC_READ_SEARCH,
	CAPABILITY_FOWNER,
	CAPABILITY_FSETID,
	CAPABILITY_KILL,
	CAPABILITY_SETGID,
	CAPABILITY_SETUID,
	CAPABILITY_SETPCAP,
	CAPABILITY_LINUX_IMMUTABLE,
	CAPABILITY_NET_BIND_SERVICE,
	CAPABILITY_NET_BROADCAST,
	CAPABILITY_NET_ADMIN,
	CAPABILITY_NET_RAW,
	CAPABILITY_IPC_LOCK,
	CAPABILITY_IPC_OWNER,
	CAPABILITY_SYS_MODULE,
	CAPABILITY_SYS_RAWIO,
	CAPABILITY_SYS_CHROOT,
	CAPABILITY_SYS_PTRACE,
	CAPABILITY_SYS_PACCT,
	CAPABILITY_SYS_ADMIN,
	CAPABILITY_SYS_BOOT,
	CAPABILITY_SYS_NICE,
	CAPABILITY_SYS_RESOURCE,
	CAPABILITY_SYS_TIME,
	CAPABILITY_SYS_TTY_CONFIG,
	CAPABILITY_MKNOD,
	CAPABILITY_LEASE,
	CAPABILITY_AUDIT_WRITE,
	CAPABILITY_AUDIT_CONTROL,
	CAPABILITY_SETFCAP,
	CAPABILITY_MAC_OVERRIDE,
	CAPABILITY_MAC_ADMIN,
	CAPABILITY_SYSLOG,
	CAPABILITY_WAKE_ALARM,
	CAPABILITY_BLOCK_SUSPEND,
	CAPABILITY_AUDIT_READ,
	CAPABILITY_PERFMON,
	CAPABILITY_BPF,
	CAPABILITY_CHECKPOINT_RESTORE,
	CAPABILITIES
};

#define CAPABILITY_BIT(c) (UINT64_C(1) << (c))

/**
 * What the programs of a node have when the file says nothing: what network daemons ask for (FRR but for zebra, BIRD,
 * dnsmasq, nginx, keepalived, sshd, tcpdump, iperf3), and none by which a process gets at the host.
 */
#define CAPABILITIES_DEFAULT                                                                      \
	(CAPABILITY_BIT(CAPABILITY_CHOWN) | CAPABILITY_BIT(CAPABILITY_DAC_OVERRIDE) |             \
	 CAPABILITY_BIT(CAPABILITY_FOWNER) | CAPABILITY_BIT(CAPABILITY_FSETID) |                  \
	 CAPABILITY_BIT(CAPABILITY_KILL) | CAPABILITY_BIT(CAPABILITY_SETGID) |                    \
	 CAPABILITY_BIT(CAPABILITY_SETUID) | CAPABILITY_BIT(CAPABILITY_SETPCAP) |                 \
	 CAPABILITY_BIT(CAPABILITY_NET_BIND_SERVICE) | CAPABILITY_BIT(CAPABILITY_NET_BROADCAST) | \
	 CAPABILITY_BIT(CAPABILITY_NET_ADMIN) | CAPABILITY_BIT(CAPABILITY_NET_RAW) |              \
	 CAPABILITY_BIT(CAPABILITY_SYS_CHROOT) | CAPABILITY_BIT(CAPABILITY_AUDIT_WRITE))

/** Lower case, without "cap_". @param[in] number  below CAPABILITIES */
const char *capability_name(unsigned number);
/** @return its number; -1 when there is none of that name */
int capability_number(const char *name);
/** @return the name meant by one that is misspelt, or spelt "CAP_NET_RAW"; NULL = none is near */
const char *capability_nearest(const char *name);
/**
 * Whether a node gets it only together with all others ("privileged"): it would be of no use alone, because the system
 * calls that it is for are refused, or it is as good as all of them.
 */
bool capability_is_reserved(unsigned number);

#endif
