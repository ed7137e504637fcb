/* SPDX-License-Identifier: MIT */
/**
 * @file services.h
 * The services of one node, kept by its init: started and stopped as the supervisor says, watched until they are ready, started
 * again when they end (service_life.h), their output taken into their logs (service_log.h). Of everything that becomes of
 * them the supervisor is told by NODE_SERVICE.
 *
 * An index counts what starts with the lab (topo_node.services) and then what the timeline starts (topo_node.commands).
 */
#ifndef NETLAB_NODE_SERVICES_H
#define NETLAB_NODE_SERVICES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "node/init.h"
#include "node/ready.h"
#include "node/service_log.h"

struct service {
	struct service_life life;
	struct service_log log;
	struct ready ready;
	pid_t pid;      /**< 0 = none */
	uint64_t order; /**< of the services of the node that were started, the how-manieth */
	bool heard;     /**< it wrote what it is ready by */
	char why[sizeof(((struct node_service *)0)->why)]; /**< it cannot be run */
	struct node_service told;                          /**< what the supervisor knows */
};

struct services {
	const struct node_boot *boot; /**< borrowed */
	const struct topo_node *topo; /**< borrowed */
	int control_fd;               /**< borrowed; to the supervisor */
	int epoll_fd;                 /**< owned; -1 while there are none */
	struct service *items;        /**< owned; by index */
	size_t n;
	uint64_t n_started;
	bool stopping;
};

/** @return 0; negative errno */
int services_init(struct services *s, const struct node_boot *boot, int control_fd);

/** What services_wake() is to be called for: readable when something has happened; -1 = there are no services. */
int services_fd(const struct services *s);
/** When it is to be called at the latest, CLOCK_MONOTONIC; UINT64_MAX. */
uint64_t services_next(const struct services *s);
void services_wake(struct services *s);

/** Carries out NODE_START, NODE_STOP_SERVICE or NODE_RESTART; *ret says why it cannot. */
void services_order(struct services *s, const struct node_order *order, struct netlab_err *ret);

/** Ends all: those of the timeline at once, then one service after the other, the last started first. */
void services_stop_all(struct services *s);
bool services_any_running(const struct services *s);

/** Passes a signal on to the process groups of all, last of the list first. */
void services_signal(struct services *s, int signo);

/** A process of the node has ended. */
void services_reaped(struct services *s, pid_t pid, int status);

#endif
