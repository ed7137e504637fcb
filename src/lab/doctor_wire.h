/* SPDX-License-Identifier: MIT */
/**
 * @file doctor_wire.h
 * What this host can move through the wire: measured in scratch namespaces, kept in the state directory, so that rates
 * that it does not move can be warned of.
 */
#ifndef NETLAB_LAB_DOCTOR_WIRE_H
#define NETLAB_LAB_DOCTOR_WIRE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "netlab/err.h"

struct doctor_wire {
	double packets_per_s;            /**< of short frames, one link, one direction */
	double bits_per_s;               /**< of frames of MTU 1500 */
	double late_p50_us, late_p99_us; /**< at 10 ms of delay and 1,000 packets/s */
	bool has_netem;                  /**< this kernel has sch_netem */
};

/** Measures; about a second, with all processors that the wire would use. @return 0; negative errno with *err */
int doctor_measure_wire(struct doctor_wire *ret, struct netlab_err *err);

/** Keeps the figures for doctor_moved_bps(); the most that was moved since boot counts. @return 0; negative errno with *err */
int doctor_store_wire(const char *state_dir, const struct doctor_wire *w, struct netlab_err *err);

/**
 * Measures, keeps the figures, and tells about it.
 * @param[in]  state_dir  NULL = the figures are not kept
 * @param[out] ret        an entry like those of doctor_run(), of kind "measurement", with "wire": {"packets_per_s",
 *                        "gbit_per_s", "lateness_us": {"p50", "p99"}} (null when it could not be measured). New reference
 * @return 0, also when there is no wire here; -ENOMEM
 */
int doctor_wire(const char *state_dir, json_t **ret, struct netlab_err *err);

/**
 * What was measured in this state directory since the host booted; makes nothing.
 * @param[in] given       --state-dir, or NULL
 * @param[in] only_wire   every link is the wire's; else, where there is netem, links that only ask for a rate are netem's
 * @return the bits per second that the wire moved; 0 = unknown, or nothing to warn of
 */
uint64_t doctor_moved_bps(const char *given, bool only_wire);

#endif
