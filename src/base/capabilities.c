/* SPDX-License-Identifier: MIT */
/* Names of the kernel's capabilities. */
#include "base/capabilities.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"

static const char *const names[CAPABILITIES] = {
	[CAPABILITY_CHOWN] = "chown",
	[CAPABILITY_DAC_OVERRIDE] = "dac_override",
	[CAPABILITY_DAC_READ_SEARCH] = "dac_read_search",
	[CAPABILITY_FOWNER] = "fowner",
	[CAPABILITY_FSETID] = "fsetid",
	[CAPABILITY_KILL] = "kill",
	[CAPABILITY_SETGID] = "setgid",
	[CAPABILITY_SETUID] = "setuid",
	[CAPABILITY_SETPCAP] = "setpcap",
	[CAPABILITY_LINUX_IMMUTABLE] = "linux_immutable",
	[CAPABILITY_NET_BIND_SERVICE] = "net_bind_service",
	[CAPABILITY_NET_BROADCAST] = "net_broadcast",
	[CAPABILITY_NET_ADMIN] = "net_admin",
	[CAPABILITY_NET_RAW] = "net_raw",
	[CAPABILITY_IPC_LOCK] = "ipc_lock",
	[CAPABILITY_IPC_OWNER] = "ipc_owner",
	[CAPABILITY_SYS_MODULE] = "sys_module",
	[CAPABILITY_SYS_RAWIO] = "sys_rawio",
	[CAPABILITY_SYS_CHROOT] = "sys_chroot",
	[CAPABILITY_SYS_PTRACE] = "sys_ptrace",
	[CAPABILITY_SYS_PACCT] = "sys_pacct",
	[CAPABILITY_SYS_ADMIN] = "sys_admin",
	[CAPABILITY_SYS_BOOT] = "sys_boot",
	[CAPABILITY_SYS_NICE] = "sys_nice",
	[CAPABILITY_SYS_RESOURCE] = "sys_resource",
	[CAPABILITY_SYS_TIME] = "sys_time",
	[CAPABILITY_SYS_TTY_CONFIG] = "sys_tty_config",
	[CAPABILITY_MKNOD] = "mknod",
	[CAPABILITY_LEASE] = "lease",
	[CAPABILITY_AUDIT_WRITE] = "audit_write",
	[CAPABILITY_AUDIT_CONTROL] = "audit_control",
	[CAPABILITY_SETFCAP] = "setfcap",
	[CAPABILITY_MAC_OVERRIDE] = "mac_override",
	[CAPABILITY_MAC_ADMIN] = "mac_admin",
	[CAPABILITY_SYSLOG] = "syslog",
	[CAPABILITY_WAKE_ALARM] = "wake_alarm",
	[CAPABILITY_BLOCK_SUSPEND] = "block_suspend",
	[CAPABILITY_AUDIT_READ] = "audit_read",
	[CAPABILITY_PERFMON] = "perfmon",
	[CAPABILITY_BPF] = "bpf",
	[CAPABILITY_CHECKPOINT_RESTORE] = "checkpoint_restore",
};

/*
 * sys_ptrace reaches the node's init, which keeps all its own; mknod makes the host's disks; audit, mac, wake and suspend
 * are about the host as a whole. The calls that the others are for are refused: sys/syscall_filter.c.
 */
static const uint64_t reserved =
	CAPABILITY_BIT(CAPABILITY_SYS_MODULE) | CAPABILITY_BIT(CAPABILITY_SYS_RAWIO) |
	CAPABILITY_BIT(CAPABILITY_SYS_PTRACE) | CAPABILITY_BIT(CAPABILITY_SYS_PACCT) |
	CAPABILITY_BIT(CAPABILITY_SYS_BOOT) | CAPABILITY_BIT(CAPABILITY_SYS_TIME) |
	CAPABILITY_BIT(CAPABILITY_SYS_TTY_CONFIG) | CAPABILITY_BIT(CAPABILITY_MKNOD) |
	CAPABILITY_BIT(CAPABILITY_AUDIT_CONTROL) | CAPABILITY_BIT(CAPABILITY_MAC_OVERRIDE) |
	CAPABILITY_BIT(CAPABILITY_MAC_ADMIN) | CAPABILITY_BIT(CAPABILITY_SYSLOG) |
	CAPABILITY_BIT(CAPABILITY_WAKE_ALARM) | CAPABILITY_BIT(CAPABILITY_BLOCK_SUSPEND) |
	CAPABILITY_BIT(CAPABILITY_AUDIT_READ) | CAPABILITY_BIT(CAPABILITY_PERFMON) |
	CAPABILITY_BIT(CAPABILITY_BPF) | CAPABILITY_BIT(CAPABILITY_CHECKPOINT_RESTORE);

const char *capability_name(unsigned number)
{
	return names[number];
}

int capability_number(const char *name)
{
	for (unsigned i = 0; i < CAPABILITIES; i++) {
		if (strcmp(names[i], name) == 0)
			return (int)i;
	}
	return -1;
}

const char *capability_nearest(const char *name)
{
	char lower[32];
	size_t n = 0;

	if (strncasecmp(name, "cap_", 4) == 0)
		name += 4;
	while (name[n] && n < sizeof(lower) - 1) {
		lower[n] = (char)tolower((unsigned char)name[n]);
		n++;
	}
	lower[n] = '\0';
	return name_nearest(lower, names, ARRAY_SIZE(names), sizeof(*names));
}

bool capability_is_reserved(unsigned number)
{
	return reserved >> number & 1;
}
