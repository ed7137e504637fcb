/* SPDX-License-Identifier: MIT */
/**
 * @file descendants.h
 * All processes that descend from the caller. With sys_adopt_orphans() that is all it ever started, by whatever way, that
 * still runs: who has lost its parent is the caller's child then, whatever process group or session it is in.
 */
#ifndef NETLAB_SYS_DESCENDANTS_H
#define NETLAB_SYS_DESCENDANTS_H

#include <sys/types.h>

/** In place of a session: whatever session they are in. */
#define SYS_ANY_SESSION ((pid_t)-1)

struct sys_descendants {
	unsigned n;      /**< that live: zombies do nothing any more */
	unsigned denied; /**< of them: that the caller may not signal */
	pid_t one;       /**< one of them; 0 = there is none */
};

/**
 * Signals descendants. One that is born meanwhile may be missed: who wants all gone asks until there is none.
 * @param[in]  session  only those in this session, as getsid() numbers it; or SYS_ANY_SESSION
 * @param[in]  signo    0 only counts (`denied` stays 0)
 * @return 0; negative errno: /proc cannot be read, or is that of another PID namespace (-ENXIO)
 */
int sys_descendants_signal(pid_t session, int signo, struct sys_descendants *ret);

#endif
