/* SPDX-License-Identifier: MIT */
/**
 * @file shape.h
 * Qdiscs of a running lab's fabric. Private to src/lab.
 */
#ifndef NETLAB_LAB_SHAPE_H
#define NETLAB_LAB_SHAPE_H

#include "lab/supervisor.h"

/** Puts all planned qdiscs in by one tc -batch, gives netem its seeds, reads everything back. */
int shape_all(struct supervisor *s, struct netlab_err *err);
/** Decides the qdisc that a direction of a running link gets for an impairment (never less than an idle one where there
 *  is one now). */
int shape_build(struct supervisor *s, size_t link, unsigned dir, const struct impairment *m,
		struct plan_qdisc *ret, struct netlab_err *err);
/** Puts it in and reads it back. No packet is lost by it, but where the device had no qdisc yet (docs/adr 11). */
int shape_apply(struct supervisor *s, size_t link, unsigned dir, const struct plan_qdisc *q,
		struct netlab_err *err);
/** @return whether a fabric ifindex belongs to a link, and the direction whose root qdisc it carries */
bool shape_locate(const struct supervisor *s, uint32_t ifindex, size_t *ret_link,
		  unsigned *ret_dir);
/** @return the key in which the kernel's netem differs from what was asked; NULL = none */
const char *shape_difference(const struct plan_qdisc *q, const struct rt_netem *n);

#endif
