/* SPDX-License-Identifier: MIT */
/**
 * @file doctor.h
 * What this host and user can do for netlab: each kernel feature, program and privilege, found out by trying it in a
 * scratch namespace.
 */
#ifndef NETLAB_LAB_DOCTOR_H
#define NETLAB_LAB_DOCTOR_H

#include <jansson.h>

#include "netlab/err.h"

/**
 * Examines the host. Leaves nothing behind.
 * @param[out] ret  an array, most needed first, of {"name", "kind": "kernel"|"program"|"privilege"|"limit", "present":
 *                  bool, "required": bool (without it no lab comes up), "status": "ok"|"limited" (there, but less than
 *                  it should be)|"missing"|"untried", "need": "every-lab"|"some-labs"|"programs" (what users run in
 *                  nodes)|"planned" (parts of netlab that are not in this version), "needed_for", "without" (which
 *                  topologies suffer), "remedy" (what to do when it is missing), "detail" (version or value found, or
 *                  why the trial failed; may be "")}. New reference.
 * @return 0 (also when things are missing); negative errno when the examination itself failed
 */
int doctor_run(json_t **ret, struct netlab_err *err);

#endif
