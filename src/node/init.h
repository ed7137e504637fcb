/* SPDX-License-Identifier: MIT */
/**
 * @file init.h
 * PID 1 of a node, and the messages between it and the supervisor.
 *
 * Theory of operation. The supervisor clones the init into new namespaces; the init puts its own house in order
 * (hostname, /proc, /sys, most sysctls, the file tree where the topology says something about it), opens an rtnetlink socket inside its network namespace and makes a socket pair,
 * and hands both to the supervisor in one NODE_HELLO. The supervisor configures the network through the first and
 * gives orders over the second. If the init dies, the kernel kills the node; if the supervisor dies, the kernel kills
 * the init.
 */
#ifndef NETLAB_NODE_INIT_H
#define NETLAB_NODE_INIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "netlab/err.h"
#include "node/privilege.h"
#include "node/service_life.h"
#include "plan/plan.h"
#include "sys/cgroup.h"
#include "sys/proc.h"

/** What ps calls an init. */
#define NODE_INIT_COMM "netlab-init"

/** Init -> supervisor on the shared hello socket, once. */
struct node_hello {
	uint32_t node;
	pid_t host_pid; /**< as the host's /proc numbers the init */
	bool unsettled; /**< sysctls are left for NODE_SETTLE */
	struct netlab_err
		err; /**< code 0: fine, and two descriptors come along: control, rtnetlink */
};

/** Maker of network namespaces -> inits, on a socket that they share: each takes one, with a descriptor of the namespace. */
struct node_net {
	int error; /**< 0, or negative errno, and no descriptor */
};

enum node_order_kind {
	/** start services[index], or the timeline's commands[index - n_services]; answered by NODE_DONE when it is executed */
	NODE_START,
	NODE_STOP_SERVICE, /**< stop services[index]; answered by NODE_DONE at once */
	NODE_RESTART,      /**< stop and start services[index]; answered by NODE_DONE at once */
	NODE_ROOT,         /**< make the file tree, if it is not there yet; answered by NODE_DONE */
	NODE_SETTLE,       /**< write the sysctls that contend for RTNL; answered by NODE_DONE */
	NODE_SYSCTL,       /**< write the topology node's sysctls[index]; answered by NODE_DONE */
	NODE_STOP, /**< stop all services, last started first; answered by NODE_STOPPED when none is left */
};

struct node_order {
	enum node_order_kind kind;
	uint32_t index;
};

enum node_event_kind {
	NODE_DONE,    /**< an order was carried out (err.code 0), or why not */
	NODE_SERVICE, /**< something has become of a service */
	NODE_STOPPED,
};

/** What is the matter with a service. No padding that is not zero: compared as bytes. */
struct node_service {
	enum service_state state;
	enum service_cause cause;
	uint32_t was_ready; /**< bool: since it was asked to start */
	uint32_t
		ended; /**< bool: at least once, and then `status` is of the last time, as waitpid() gave it */
	int32_t status;
	uint32_t restarts; /**< in all, without being asked */
	int32_t check_code; /**< how the program that checks whether it is ready ended last; -1 = it has not */
	pid_t pid;     /**< as the node numbers it; 0 = none */
	char why[160]; /**< cause CANNOT_RUN: the reason, cut when too long */
};

struct node_event {
	enum node_event_kind kind;
	uint32_t index; /**< SERVICE: which */
	struct node_service service;
	struct netlab_err err; /**< DONE */
};

enum { NODE_CGROUPS_MAX = SYS_CGROUP_USES };

/** What an init starts from; all of it lives in memory copied by fork. The init may read its own node of plan->nodes and
 *  of the topology's nodes: of links and operations it has no copy. */
struct node_boot {
	const struct plan *plan;
	uint32_t node;
	int hello_fd;     /**< supervisor's hello socket, write end */
	int host_proc_fd; /**< directory of the host's /proc */
	bool confined; /**< its network belongs to the nodes' user namespace, and so do its programs */
	int nets_fd; /**< CONFINED: where a struct node_net is to be had; else -1, and it was born in one */
	int log_dir_fd;      /**< directory for this lab's logs; -1 for a node that runs nothing */
	const char *lab_dir; /**< the lab's run directory */
	int cgroups[NODE_CGROUPS_MAX];   /**< to join first of all (sys_cgroup_join()); -1 = none */
	struct sys_nofile nofile;        /**< limits to give back to services */
	const struct sys_filter *filter; /**< for services; NULL where there are none */
	const char *caller_dir;          /**< where the caller of `up` was; NULL = not known */
	const char *state_dir;           /**< directory of all labs' run directories */
};

/** Runs as PID 1 of the node until killed. */
void node_init(const struct node_boot *boot) __attribute__((noreturn));

#endif
