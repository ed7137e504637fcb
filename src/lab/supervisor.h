/* SPDX-License-Identifier: MIT */
/**
 * @file supervisor.h
 * The process that is a lab: PID 1 of the lab's PID namespace, in the fabric's network namespace. Private to src/lab.
 *
 * Theory of operation. lab_up() (up.c) clones the supervisor and listens to it over a SEQPACKET socket: phases,
 * warnings, then UP_READY or UP_FAILED; end-of-file means that it died. The supervisor plans, realises (realise.c), says
 * UP_READY, waits for the caller's go-ahead and serves the control socket (control.c) until it is told to stop. It owns
 * every reference to the lab's namespaces, so its death, however it comes, is the lab's.
 */
#ifndef NETLAB_LAB_SUPERVISOR_H
#define NETLAB_LAB_SUPERVISOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lab/lab.h"
#include "lab/node_nets.h"
#include "lab/recording.h"
#include "lab/rundir.h"
#include "lab/uplink.h"
#include "netlab/err.h"
#include "node/init.h"
#include "plan/plan.h"
#include "sys/proc.h"
#include "sys/rtnl.h"
#include "sys/syscall_filter.h"
#include "wire/wire.h"

enum up_message_kind { UP_WARNING, UP_READY, UP_FAILED };

/** Supervisor -> caller of lab_up(). */
struct up_message {
	enum up_message_kind kind;
	char text[512];        /**< WARNING */
	struct netlab_err err; /**< FAILED */
};

enum {
	UP_PHASES_MAX = 32,
	UP_PHASE_BYTES = 24,
};

/** Supervisor -> caller of lab_up(), in memory that they share: nobody is woken for a phase of which there are a dozen in as
 *  many milliseconds. */
struct up_progress {
	_Atomic unsigned
		n; /**< phases that have ended; what is below is written before it is counted */
	struct {
		char name[UP_PHASE_BYTES];
		double elapsed_ms;
	} phases[UP_PHASES_MAX];
};

/** Caller -> supervisor, one byte each. */
enum up_reply {
	UP_GO = 'g', /**< the user namespace's maps are written: go on (first thing, rootless only) */
	UP_KEEP = 'k', /**< after READY: the lab outlives the caller */
};

enum {
	/* A wire that dies so often within so long is not started again: the lab fails (docs/adr 12). */
	WIRE_DEATHS_MAX = 6,
	WIRE_DEATHS_S = 10,
};

struct limits; /* lab/limits.h */

struct lab_node {
	pid_t pid; /**< of its init, in the lab's PID namespace; 0 = dead */
	pid_t host_pid;
	int control_fd; /**< to its init */
	int rtnl_fd;    /**< opened inside its network namespace */
	bool unsettled; /**< sysctls are left for NODE_SETTLE */
	unsigned owed;  /**< answers that come too late for anybody to wait for */
	bool has_root;  /**< its file tree is made */
	bool died;
	bool told_why; /**< it said what it died of while it came up: that it died is no news */
	bool stopped;  /**< answered NODE_STOP */
	struct node_service *services; /**< owned; what its init told of each (node/services.h) */
};

/** Frames of one direction, as the fabric end counts them at which it comes in; bytes likewise. */
struct lab_tally {
	uint64_t packets, bytes;
};

/** What becomes of frames that come in at a fabric end. */
enum lab_way {
	LAB_WAY_PATCH, /**< passed on */
	LAB_WAY_NETEM, /**< to the qdisc of the other end */
	LAB_WAY_CUT,   /**< nowhere */
	LAB_WAY_WIRE,  /**< to the wire, which counts them itself */
	LAB_WAYS
};

/** Frames of one direction, by what became of them (stats.c). */
struct lab_counts {
	enum lab_way way;
	struct lab_tally since;        /**< what the end had counted when the present way began */
	struct lab_tally by[LAB_WAYS]; /**< in earlier times */
	uint64_t
		queue_drops; /**< NETEM: frames that found its queue full, of redirects that are gone */
	uint32_t ever_asked; /**< NETEM: keys that were asked of it at any time */
};

/** What a link does now; starts as planned, changed by `link set`. dir[0] is "->". */
struct lab_link {
	struct impairment asked[2];
	enum plan_join join;
	const char *reason;         /**< for it; static */
	struct plan_qdisc qdisc[2]; /**< netem: in force; kind NONE = no root qdisc of ours */
	bool redirected[2];         /**< patch, netem: frames of the direction pass */
	bool carrier;
	bool no_offload; /**< the node ends' segmentation offloads are off */
	bool handover;   /**< between the wire and a patch: the wire holds frames back */
	struct lab_counts counts[2];
	struct wire_rules *rules; /**< owned; NULL = it has no fault rules (faults.c) */
};

struct supervisor {
	const struct lab_up_options *options;
	const struct topo *topo;
	struct plan *plan; /**< owned */
	struct plan_host host;
	bool probed; /**< `host` is known: a lab that shapes nothing does not ask */
	struct rundir *dir;
	int up_fd; /**< to the caller of lab_up(); -1 once it is gone */
	struct up_progress
		*progress; /**< shared with the caller of lab_up(), for supervisor_phase() */
	int caller_fd;     /**< of a bound lab: pidfd of the caller; -1 otherwise */
	char *caller_dir; /**< owned; where the caller of lab_up() was; NULL = nowhere that could be named */
	char *state_dir; /**< owned; directory of all labs' run directories */
	int host_proc_fd, log_dir_fd, signal_fd, listen_fd;
	struct uplink_host
		uplink; /**< sockets on the host; the table there lives as long as they do */
	int fabric_fd;  /**< rtnetlink socket of the fabric */
	struct rt_batch batch;
	pid_t host_pid;        /**< our own, as the host's /proc numbers it */
	struct node_nets nets; /**< where the network namespaces of nodes come from */
	struct sys_nofile nofile;
	struct sys_filter filter; /**< owned; made when it is first needed (privileges.c) */
	struct lab_node *nodes;
	struct lab_link *links;
	bool node_returned;    /**< its control_fd is not waited on yet (control.c) */
	bool services_changed; /**< since services_run() */
	struct wire wire;
	pid_t wire_host_pid;
	bool wire_ended; /**< it was reaped; wired_restore() has not seen to it yet */
	int wire_status; /**< as waitpid() gave it */
	uint64_t wire_deaths_ns[WIRE_DEATHS_MAX]; /**< a ring of the latest; CLOCK_MONOTONIC */
	unsigned n_wire_deaths;
	char failure[256];        /**< why the lab is no good any more; "" = it is */
	struct lab_trace *traces; /**< owned; trace_store.c */
	uint64_t deadline_ns;     /**< CLOCK_MONOTONIC; for `up` */
	uint64_t phase_start_ns;
	uint64_t ready_ns; /**< CLOCK_MONOTONIC when it became usable */
	int64_t started_s; /**< CLOCK_REALTIME, seconds since the epoch */
	bool rootless;     /**< in a user namespace: our uid 0 is the owner */
	bool stopping;
	uint64_t stop_deadline_ns;
	struct lab_faults *faults; /**< owned; NULL = none; faults.c */
	struct timeline *timeline; /**< owned; NULL = none (lab/timeline.h) */
	struct lab_recording recording;
	struct limits *limits; /**< owned; NULL = no node has a cgroup (lab/limits.h) */
};

/** What lab_up() hands to its child. */
struct supervisor_boot {
	const struct lab_up_options *options;
	struct rundir *dir;
	int up_fd, caller_fd;
	struct up_progress *progress;
	bool rootless; /**< wait for UP_GO */
	struct uplink_host uplink;
};

/** Runs the lab; does not return. */
void supervisor_main(const struct supervisor_boot *boot) __attribute__((noreturn));

/** For what needs a node that lives. @return 0; -ESRCH with *err and the remedy */
int supervisor_refuse_dead(const struct supervisor *s, size_t node, struct netlab_err *err);
/** Finds out what this kernel can shape with, once. */
int supervisor_probe(struct supervisor *s, struct netlab_err *err);
/** Reports the end of a phase of `up` to the caller. For all that comes before UP_READY. */
void supervisor_phase(struct supervisor *s, const char *phase);
void supervisor_warn(struct supervisor *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** Writes a line into the lab's log. */
void supervisor_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** The lab is no good any more: says so in its log and from then on in every answer, and ends its nodes. */
void supervisor_fail(struct supervisor *s, const struct netlab_err *err);
/** Reaps children; a node that died loses its descriptors. @return whether any node died */
bool supervisor_reap(struct supervisor *s);
/** Reads what inits have to say when nothing is asked of them (services that end). */
void supervisor_node_event(struct supervisor *s, size_t node);
/** Asks an init to do something and waits for NODE_DONE. @return 0, negative errno with *err */
int supervisor_order(struct supervisor *s, size_t node, int kind, uint32_t index,
		     struct netlab_err *err);
/** Makes a node's file tree, if it is not there yet: before a program comes into the node. */
int supervisor_make_root(struct supervisor *s, size_t node, struct netlab_err *err);
/** Begins to stop: services get SIGTERM; the loop ends when they are gone or their time is over. */
void supervisor_stop(struct supervisor *s);

/** Makes everything that the plan says (realise.c). @return 0; negative errno with *err */
int realise(struct supervisor *s, struct netlab_err *err);
/** Clones a node anew, with nothing in it but lo. @return 0; negative errno with *err */
int realise_spawn(struct supervisor *s, size_t node, struct netlab_err *err);
/** Makes everything inside a node that the plan says, its ends of links being there. */
int realise_configure(struct supervisor *s, size_t node, struct netlab_err *err);
/** Waits for something to read on fd; fails when a node dies, the caller goes away or the time is up. */
int supervisor_wait(struct supervisor *s, int fd, struct netlab_err *err);

/* --- settle.c --- */
#define ALL_NODES SIZE_MAX
/** Waits until packets for a node's IPv6 addresses are taken by it. @param[in] node  index, or ALL_NODES */
int settle_addresses(struct supervisor *s, size_t node, struct netlab_err *err);
/** Waits until no port of a switch with STP is on its way to forwarding. @param[in] node  index, or ALL_NODES */
int settle_trees(struct supervisor *s, size_t node, struct netlab_err *err);

/* --- stats.c --- */
/** Sets the counters of all links to their beginning, as planned. */
void stats_begin(struct supervisor *s);
/** Notes that frames of a direction go another way from now on. @return 0; negative errno */
int stats_turn(struct supervisor *s, size_t link, unsigned dir, enum lab_way way,
	       struct netlab_err *err);
/** What lab_stats() answers; NULL with *err. */
json_t *stats_report(struct supervisor *s, struct netlab_err *err);

/* --- control.c --- */
/** Serves requests until it is time to stop. @return whether that is because the caller of a bound lab went away */
bool control_loop(struct supervisor *s);

/* --- report.c --- */
json_t *report_summary(struct supervisor *s);
json_t *report_lab(struct supervisor *s, struct netlab_err *err);
/** {"code","message","where","hint","exit"} */
json_t *report_error(const struct netlab_err *err);

#endif
