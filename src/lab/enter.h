/* SPDX-License-Identifier: MIT */
/**
 * @file enter.h
 * The way of a command into a node. Private to src/lab.
 *
 * Theory of operation. lab_exec() forks a child that joins the node's PID namespace; that takes effect for the child's
 * children. The first of them joins the other namespaces, forks the monitor and ends, so that the monitor becomes the
 * child of the node's init: from then on all that happens inside the node, the monitor's death too, is cleaned up
 * inside the node. (A process that ends with a parent outside would stay a zombie until that parent reaps it, and the
 * kernel does not end a PID namespace before: with a lazy PID 1, a container's, no lab would ever go down.) The monitor
 * forks the command, passes signals on and tells how it ended. When lab_exec()'s process dies, the socket between them
 * ends, and the monitor kills the command; when the monitor dies, the command does.
 *   lab_exec() --> joins pid --> joins the rest --> monitor --> command
 *       ^             ends           ends             |
 *       +-------- enter_report, int signal -----------+
 */
#ifndef NETLAB_LAB_ENTER_H
#define NETLAB_LAB_ENTER_H

#include <stdbool.h>

#include "netlab/err.h"
#include "node/command.h"
#include "node/init.h"
#include "sys/pty.h"

/** All that the processes between us and the command need; memory is copied by fork. */
struct enter_job {
	const char *node; /**< its name */
	struct node_command command;
	int node_fd; /**< pidfd of the node's init */
	bool rootless;
	int cgroups[NODE_CGROUPS_MAX]; /**< to join (sys_cgroup_join()); -1 = none */
	bool memory_limit;             /**< of the node */
	int link_fd;                   /**< socket to lab_exec() */
	bool terminal;                 /**< give it one, opened in the node */
	struct sys_pty pty;
};

/** Towards lab_exec(). With a terminal the first of them brings its master. In the other direction go signals, an int each. */
struct enter_report {
	struct netlab_err err; /**< code 0: nothing went wrong */
	bool last;             /**< the command ended (or there will be none), with `status` */
	int status;            /**< in a shell's convention */
};

/** What the monitor is called in ps. */
#define ENTER_MONITOR_COMM "netlab-exec"
/** ... and of the process that makes it, which is there for a moment. */
#define ENTER_COMM "netlab-enter"

/** Runs in a child of lab_exec(): ends with 0 as soon as the monitor is on its own way. */
void enter_node(struct enter_job *j) __attribute__((noreturn));

#endif
