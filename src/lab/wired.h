/* SPDX-License-Identifier: MIT */
/**
 * @file wired.h
 * Links that the wire carries: given to it, changed, taken back, and brought back when the process dies. Private to
 * src/lab.
 */
#ifndef NETLAB_LAB_WIRED_H
#define NETLAB_LAB_WIRED_H

#include "lab/supervisor.h"

/** Starts the wire if it does not run. @return 0; negative errno */
int wired_start(struct supervisor *s, struct netlab_err *err);
/** Starts the wire if the plan has a link for it, with all of those. @return 0; negative errno */
int wired_all(struct supervisor *s, struct netlab_err *err);
/**
 * Gives the wire a link that is a patch, with frames flowing; starts it if need be. The redirects are the caller's to
 * remove, then comes wired_commit(). Until then links[].join is what it was.
 */
int wired_take(struct supervisor *s, size_t link, const struct impairment asked[2],
	       struct netlab_err *err);
/** Frames that no redirect takes are the wire's, or, after wired_release(), nobody's, from now on. */
int wired_commit(struct supervisor *s, size_t link, struct netlab_err *err);
int wired_change(struct supervisor *s, size_t link, const struct impairment asked[2],
		 struct netlab_err *err);
/**
 * Makes the wire hold frames back, so that redirects can be put in; then comes wired_commit().
 * @return 0; -EBUSY: packets are on their way for longer than the lab waits for
 */
int wired_release(struct supervisor *s, size_t link, struct netlab_err *err);
/** After s->wire_ended: starts the wire again with every link as it is asked to be; too often, and the lab fails. */
void wired_restore(struct supervisor *s);
/** Fills in *err with how the wire ended. @return -ECHILD */
int wired_explain_end(const struct supervisor *s, struct netlab_err *err);

#endif
