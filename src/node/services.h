/* SPDX-License-Identifier: MIT */
/**
 * @file services.h
 * The services of one node: starting them, signalling them, knowing which of them runs. Used by its init.
 *
 * An index counts what starts with the lab (topo_node.services) and then what the timeline starts (topo_node.commands).
 */
#ifndef NETLAB_NODE_SERVICES_H
#define NETLAB_NODE_SERVICES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "node/init.h"

struct services {
	const struct node_boot *boot; /**< borrowed */
	const struct topo_node *topo; /**< borrowed */
	pid_t *pids;                  /**< owned; by index; 0 = not running */
};

/** @return 0; -ENOMEM */
int services_init(struct services *s, const struct node_boot *boot);

/** Starts one. Puts its process id into the event, or why it could not be started. */
void services_start(struct services *s, uint32_t index, struct node_event *event);

bool services_any_running(const struct services *s);

/** Sends a signal to the process groups of all, last started first. */
void services_signal(struct services *s, int signo);

/** A process of the node has ended. @return whether it was a service: *ret says which, and how */
bool services_ended(struct services *s, pid_t pid, int status, struct node_event *ret);

#endif
