/* SPDX-License-Identifier: MIT */
/**
 * @file replay.h
 * A replay: decisions of an earlier run made into a script for the wire (wire/script.h), and what became of it.
 */
#ifndef NETLAB_REPRO_REPLAY_H
#define NETLAB_REPRO_REPLAY_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "netlab/err.h"
#include "repro/decisions.h"
#include "repro/identities.h"
#include "topo/model.h"

struct replay;

/**
 * Makes the script. Decisions about one packet act together; one that drops it drops it.
 * @param[in]  d    borrowed for as long as the replay lives; links that the topology has (record_dir_match())
 * @param[in]  all  the packets of the earlier run, so that what it knew is told from what is new; NULL = only those that
 *                  decisions are about. Borrowed for the call
 * @param[in]  t    borrowed for as long as the replay lives
 * @param[out] ret  free it with replay_free()
 * @return 0; -ENOMEM; -EFBIG; ...
 */
int replay_new(const struct decisions *d, const struct identities *all, const struct topo *t,
	       struct replay **ret, struct netlab_err *err);
/** @return NULL */
struct replay *replay_free(struct replay *r);
/** @return for lab_up_options.replay; borrowed */
int replay_fd(const struct replay *r);

/** How many decisions met their packet so far. */
size_t replay_met(const struct replay *r);
/**
 * {"decisions", "met", "missed": [{"link", "direction", "index", "identity", "verdict", "cause", "packet"}],
 *  "links": {NAME: {"->": {"recorded", "met", "seen", "new", "parted": {"index", "packet", "expected"} or null}}}}; "packet"
 * in words. New reference; NULL: no memory.
 */
json_t *replay_report(const struct replay *r);
/** The same for people, some lines. */
void replay_print(struct buf *b, const struct replay *r);

#endif
