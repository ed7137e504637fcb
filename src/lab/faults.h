/* SPDX-License-Identifier: MIT */
/**
 * @file faults.h
 * The fault rules of a running lab: those of the topology, and those that `fault add` brought. Private to src/lab.
 *
 * Theory of operation. The supervisor keeps the rules; the wire carries them out (impair/rules.h), in memory that the two
 * share (wire_rules_new()), so that counts can be read at any time and outlive the wire. Rules are numbered in the order in
 * which they came, which is the order in which they are tried; a number is not used twice.
 */
#ifndef NETLAB_LAB_FAULTS_H
#define NETLAB_LAB_FAULTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "netlab/err.h"

struct supervisor;

/** Prepares the topology's rules; links come later. @return 0; -EINVAL (class INVALID) for an expression that is none */
int faults_load(struct supervisor *s, struct netlab_err *err);
/** The lab is ready: windows count from now on. */
void faults_begin(struct supervisor *s);
/** @return whether a link has rules */
bool faults_on(const struct supervisor *s, size_t link);
/** `fault add`: a rule as the topology has it, in request's "fault". @return {"id"}, new reference; NULL with *err */
json_t *fault_add(struct supervisor *s, const json_t *request, struct netlab_err *err);
/** `fault rm`: "id", or all without. @return {"removed"}, new reference; NULL with *err */
json_t *fault_remove(struct supervisor *s, const json_t *request, struct netlab_err *err);
/**
 * An object per rule, in order: that of the topology file, and "id", "source" ("file", "added"), "packets" and "action" in
 * words, and for each of its directions, "->" and "<-", {"matched", "acted"}. New reference.
 */
json_t *faults_report(const struct supervisor *s);

#endif
