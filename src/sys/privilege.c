/* SPDX-License-Identifier: MIT */
/* Capabilities, no_new_privs. */
#include "sys/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/capabilities.h"
#include "base/cleanup.h"
#include "sys/fs.h"
#include "sys/gate.h"

enum { MASK_BITS = 64 };

uint64_t sys_bounding_set(void)
{
	uint64_t set = 0;

	/* -1: this kernel has no more */
	for (int c = 0, has; c < MASK_BITS && (has = cap_get_bound(c)) >= 0; c++)
		set |= has ? CAPABILITY_BIT(c) : 0;
	return set;
}

int sys_bound(uint64_t keep)
{
	int r = sys_gate("bounding set");

	if (r < 0)
		return r;
	for (int c = 0, has; c < MASK_BITS && (has = cap_get_bound(c)) >= 0; c++) {
		if (has && !(keep & CAPABILITY_BIT(c)) && cap_drop_bound(c) < 0)
			return -errno;
	}
	return 0;
}

/** A set of libcap's with those of `keep` that `now` permits. */
static int kept_of(cap_t now, uint64_t keep, cap_t kept)
{
	for (cap_value_t c = 0; c < CAPABILITIES; c++) {
		cap_flag_value_t permitted = CAP_CLEAR;

		if (!(keep & CAPABILITY_BIT(c)) ||
		    cap_get_flag(now, c, CAP_PERMITTED, &permitted) < 0 || permitted == CAP_CLEAR)
			continue;
		if (cap_set_flag(kept, CAP_PERMITTED, 1, &c, CAP_SET) < 0 ||
		    cap_set_flag(kept, CAP_EFFECTIVE, 1, &c, CAP_SET) < 0)
			return -errno;
	}
	return 0;
}

int sys_keep_capabilities(uint64_t keep)
{
	int r = sys_gate("capset");
	cap_t now, kept;

	if (r < 0)
		return r;
	now = cap_get_proc();
	kept = cap_init(); /* nothing */
	r = now && kept ? kept_of(now, keep, kept) : -errno;
	if (r == 0 && (cap_set_proc(kept) < 0 || cap_reset_ambient() < 0))
		r = -errno;
	(void)cap_free(now);
	(void)cap_free(kept);
	return r;
}

int sys_no_new_privileges(void)
{
	int r = sys_gate("no_new_privs");

	if (r < 0)
		return r;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

bool sys_in_user_namespace(void)
{
	const unsigned all_ids = UINT32_MAX; /* user_namespaces(7): from 0 on; 4294967295 is none */
	unsigned inside, outside, count;
	char map[4096];

	return sys_read_value(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map)) > 0 &&
	       !(sscanf(map, "%u %u %u", &inside, &outside, &count) == 3 && count == all_ids);
}
