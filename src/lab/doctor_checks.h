/* SPDX-License-Identifier: MIT */
/**
 * @file doctor_checks.h
 * The table of every kernel feature, program, limit and privilege that netlab needs, with what it is for, which topologies
 * suffer without it, and the remedy; and what trying them all (sys/probe.h) found. Behind doctor.h.
 */
#ifndef NETLAB_LAB_DOCTOR_CHECKS_H
#define NETLAB_LAB_DOCTOR_CHECKS_H

#include <stdbool.h>
#include <stddef.h>

#include "netlab/err.h"
#include "sys/probe.h"

enum doctor_status {
	DOCTOR_OK,
	DOCTOR_LIMITED, /**< there, but less than it should be */
	DOCTOR_MISSING,
	DOCTOR_UNTRIED, /**< could not be tried; `detail` says why */
};

/** Who needs it. */
enum doctor_need {
	DOCTOR_EVERY_LAB, /**< without it `up` fails whatever the topology */
	DOCTOR_SOME_LABS, /**< topologies that ask for it fail without it, or behave worse: see `without` */
	DOCTOR_PROGRAMS, /**< what users' programs in nodes, or around them, often want; netlab itself does not */
	DOCTOR_PLANNED, /**< parts of netlab that are not in this version will want it */
};

enum doctor_kind {
	DOCTOR_KERNEL, /**< what most are: the table leaves it out */
	DOCTOR_PROGRAM,
	DOCTOR_PRIVILEGE,
	DOCTOR_LIMIT,
};

/** One thing that is looked at. All texts are set and static. */
struct doctor_check {
	const char *key; /**< short, stable, unique: "netem-seed" */
	enum doctor_kind kind;
	enum doctor_need need;
	const char *purpose; /**< what it is needed for */
	const char *without; /**< which topologies, or what, suffer without it */
	const char *remedy;  /**< what to do about it anywhere */
	struct probe_trial trial;
};

/** How many there are. */
size_t doctor_n_checks(void);
/** Static; NULL beyond the last. */
const struct doctor_check *doctor_check_at(size_t index);

struct doctor_finding {
	const struct doctor_check *check; /**< static */
	enum doctor_status status;
	char detail[192];   /**< a version, a value, or the kernel's reason; may be empty */
	const char *remedy; /**< for this host, should it be missing; of the report, or static */
};

struct doctor_report {
	struct doctor_finding *findings; /**< owned; one per check, in the table's order */
	size_t n;
	struct probe_result *results; /**< owned; what the remedies point into */
};

/**
 * Examines the host; about a tenth of a second. Changes nothing on it, and leaves nothing.
 * @param[out] ret  free with doctor_report_deinit()
 * @return 0 (also when everything is missing); negative errno when nothing could be tried at all
 */
int doctor_examine(struct doctor_report *ret, struct netlab_err *err);
/** Idempotent. */
void doctor_report_deinit(struct doctor_report *r);

/** "ok", "limited", "missing", "untried"; static. */
const char *doctor_status_name(enum doctor_status status);
/** "every-lab", "some-labs", "programs", "planned"; static. */
const char *doctor_need_name(enum doctor_need need);
/** "kernel", "program", "privilege", "limit"; static. */
const char *doctor_kind_name(enum doctor_kind kind);

#endif
