/* SPDX-License-Identifier: MIT */
/**
 * @file service_run.h
 * The process of a service: its user, environment and directory, and where its output goes. Called by the node's init.
 */
#ifndef NETLAB_NODE_SERVICE_RUN_H
#define NETLAB_NODE_SERVICE_RUN_H

#include <sys/types.h>

#include "netlab/err.h"
#include "node/init.h"

struct service_run {
	const struct node_boot *boot;
	const struct topo_service *service;
	const char *const *argv; /**< the service's own, or what checks whether it is ready */
	int out_fd;              /**< standard output and error; -1 = /dev/null */
};

/**
 * Starts it in a session, and so a process group, of its own, and returns when it has been executed.
 * @return its pid; negative errno: nothing was executed, and *err says why
 */
pid_t service_run(const struct service_run *r, struct netlab_err *err);

/** The kernel's number of a signal. */
int service_signal_number(enum topo_signal signal);

#endif
