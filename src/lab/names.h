/* SPDX-License-Identifier: MIT */
/**
 * @file names.h
 * Who is called what, in nodes: the files that all nodes share, made before they are. Private to src/lab.
 *
 * /etc/hosts holds the lab's names; /etc/resolv.conf names no server; /etc/nsswitch.conf has names looked up in these two
 * alone, not in what the host offers besides (resolved, mDNS, LDAP); the socket of the host's nscd is covered. They are
 * bound over the host's in the supervisor's mount namespace, of which each node gets a copy, so that they cost a node
 * nothing. What is a node's own comes after: node/names.h.
 */
#ifndef NETLAB_LAB_NAMES_H
#define NETLAB_LAB_NAMES_H

#include "netlab/err.h"

struct supervisor;

/** A phase of realise(). @return 0; negative errno with *err */
int names_make(struct supervisor *s, struct netlab_err *err);

#endif
