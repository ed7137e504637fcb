/* SPDX-License-Identifier: MIT */
/**
 * @file lab.h
 * Labs as their users see them: bring one up, ask it something, run a command in a node, take it down. What the command
 * line and libnetlab stand on. The processes behind it: supervisor.c; what they create: realise.c.
 *
 * `state_dir` is a directory made by lab_state_dir(); a lab's run directory is state_dir/NAME.
 */
#ifndef NETLAB_LAB_LAB_H
#define NETLAB_LAB_LAB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "netlab/err.h"
#include "topo/model.h"

/**
 * Finds and makes the state directory: `given`, else /run/netlab as root, else $XDG_RUNTIME_DIR/netlab, else
 * /tmp/netlab-UID. It must be a directory (no symlink) of this user, closed to writing by others.
 * @param[in] given  --state-dir, or NULL
 * @return 0 and the path in ret; negative errno (class UNSUPPORTED where it is someone else's or a symlink)
 */
int lab_state_dir(const char *given, char ret[static 4096], struct netlab_err *err);

/** The path that lab_state_dir() finds, without making or checking it. @return 0; -ENAMETOOLONG */
int lab_state_dir_name(const char *given, char ret[static 4096]);

/** A phase of `up` has ended. Called in the process that called lab_up(). */
typedef void lab_phase_fn(void *ctx, const char *phase, double elapsed_ms);
/** Something the user should know but that stops nothing. */
typedef void lab_warning_fn(void *ctx, const char *text);

/** `run --record`: the lab is recorded from its first packet on. */
struct lab_record {
	int dir_fd; /**< of record_dir_create() (repro/record_dir.h); borrowed for the call */
};

/** `replay`: decisions of an earlier run are carried out in place of dice and fault rules; every link is the wire's. */
struct lab_replay {
	int script_fd; /**< of replay_new() (repro/replay.h); borrowed for the call */
};

struct lab_up_options {
	const char *state_dir;
	const struct topo *topo; /**< borrowed for the call */
	uint64_t timeout_ns;     /**< 0 = 60 s; counts the whole of up */
	/** `run`: the lab dies with the calling process, whatever ends that */
	bool bound_to_caller;
	bool netns_names; /**< names in /run/netns; root only */
	/** The topology's text, for a recording to keep; borrowed for the call. NULL = unknown: it cannot be recorded */
	const char *source;
	size_t source_len;
	const char *
		source_dir; /**< what relative paths in it count from, ending in '/'; may be NULL */
	const struct lab_record *record; /**< NULL = not recorded */
	const struct lab_replay *replay; /**< NULL = dice and rules as the topology asks */
	lab_phase_fn *on_phase;          /**< may be NULL */
	lab_warning_fn *on_warning;      /**< may be NULL */
	void *ctx;                       /**< for the two */
};

/** A lab that this process brought up. */
struct lab_handle {
	pid_t pid; /**< of the supervisor, this process's child */
	int pidfd; /**< owned */
	int up_fd; /**< owned; of a bound lab: its end is the lab's. -1 otherwise */
};

/**
 * Brings a lab up and returns when it is usable; on failure nothing remains. A live lab of the same name: -EEXIST, with
 * its holder named. Sweeps what dead labs left in the state directory.
 */
int lab_up(const struct lab_up_options *o, struct lab_handle *ret, struct netlab_err *err);
/** Closes the handle; the lab goes on (unless it is bound to the caller). */
void lab_handle_deinit(struct lab_handle *h);

/**
 * Stops a lab and returns when its processes, namespaces, interfaces and run directory are gone. Not running: 0, and
 * *ret_was_running (may be NULL) is false.
 * @return 0; -ETIME (class TEARDOWN; the message lists what is left)
 */
int lab_down(const char *state_dir, const char *name, bool *ret_was_running,
	     struct netlab_err *err);

/** Names of the labs that are running, sorted; sweeps dead ones. Free each and the array with lab_names_free(). */
int lab_names(const char *state_dir, char ***ret, size_t *ret_n, struct netlab_err *err);
void lab_names_free(char **names, size_t n);

/** What a `netlab ls` row says: {"name","nodes","links","engine","pid","started","uptime_s","state"} (cli.md). New ref. */
int lab_summary(const char *state_dir, const char *name, json_t **ret, struct netlab_err *err);
/** Everything about a lab (cli.md's `show LAB` shape and more: per link "mtu", "reason", "in_force" per direction as the
 *  kernel reports it; per node "state"). New ref. */
int lab_show(const char *state_dir, const char *name, json_t **ret, struct netlab_err *err);
/**
 * What happened to the packets of every link (cli.md's `stats` shape): {"name", "wire": {"restarts"} (where the wire was
 * needed), "links": {NAME: {"join", "->": {COUNTERS}, "<-": {COUNTERS}}}}. A counter that this kernel cannot tell is null.
 * New ref.
 */
int lab_stats(const char *state_dir, const char *name, json_t **ret, struct netlab_err *err);
/** Processes of a lab: [{"node","pid" (host),"ppid","user","state","frozen","command"}]. New ref. */
int lab_processes(const char *state_dir, const char *name, json_t **ret, struct netlab_err *err);

enum lab_link_verb { LAB_LINK_SET, LAB_LINK_CLEAR, LAB_LINK_DOWN, LAB_LINK_UP };

struct lab_link_change {
	enum lab_link_verb verb;
	const char *link;
	const char *from;            /**< node name; NULL = both directions */
	const char *const *settings; /**< SET: "delay=20ms", ... */
	size_t n_settings;
	bool none; /**< CLEAR: to no impairment instead of the topology's values */
};
/** Changes a link of a running lab; all or nothing. @return 0; -ENOENT no such link/node; -EINVAL bad setting; ... */
int lab_link_change(const char *state_dir, const char *name, const struct lab_link_change *c,
		    struct netlab_err *err);

/** "1,3-5" as a rule's `nth` has it, a list of texts, not checked. New reference; NULL: it is not UTF-8. */
json_t *lab_fault_nth(const char *text);
/**
 * Adds a fault rule to a running lab: nothing is lost by the change itself.
 * @param[in]  rule    an entry of the topology's `faults`; its windows count from now
 * @param[out] ret_id  may be NULL
 * @return 0; -EINVAL (class USAGE) a rule that is none, or of a link or node that is not there; -EOPNOTSUPP netem carries
 *         the link
 */
int lab_fault_add(const char *state_dir, const char *name, const json_t *rule, uint32_t *ret_id,
		  struct netlab_err *err);
/** Removes a rule, or with id 0 all. @param[out] ret_removed  how many; may be NULL. @return 0; -ENOENT */
int lab_fault_remove(const char *state_dir, const char *name, uint32_t id, size_t *ret_removed,
		     struct netlab_err *err);
/** The rules with what they counted, as lab/faults.h says. New reference. */
int lab_faults(const char *state_dir, const char *name, json_t **ret, struct netlab_err *err);

/**
 * Begins to record a running lab (docs/reproducing.md). All its links go to the wire, without loss, until the recording ends.
 * @param[in] dir_fd  empty directory (record_dir_make()); the caller's
 * @return 0; -EBUSY: it is being recorded; -EOPNOTSUPP: netem carries a link; ...
 */
int lab_record_start(const char *state_dir, const char *name, int dir_fd, struct netlab_err *err);
/**
 * Ends it, and waits until all of it is written. What was recorded stays readable also when this fails.
 * @param[out] ret  {"state", "packets", "bytes", "decisions", "lost_records", "error"}, a new reference; may be NULL
 * @return 0; -ENOENT: the lab does not run, or nothing was recorded; -EIO: the recording is incomplete, or links stay with the
 *         wire (once more gives them back), *err says why
 */
int lab_record_stop(const char *state_dir, const char *name, json_t **ret, struct netlab_err *err);

/** Freezes all processes of a node, or thaws them. @return 0; -ENOENT no such node; -ESRCH it is dead; ... */
int lab_freeze(const char *state_dir, const char *name, const char *node, bool on,
	       struct netlab_err *err);
enum lab_service_verb {
	LAB_SERVICE_START,
	LAB_SERVICE_STOP,
	LAB_SERVICE_RESTART,
	LAB_SERVICE_STATUS,
};

struct lab_service_request {
	enum lab_service_verb verb;
	const char *node;
	const char *service; /**< NULL = all of the node */
	uint64_t timeout_ns; /**< 0 = 60 s */
};
/**
 * Starts, stops or restarts a service, and returns when it is ready or has ended; or tells what it is in.
 * @param[out] ret  {"node", "services": [{"name","state","pid_in_node","restarts","exit_code","signal","cause","why"}]}; new ref
 * @return 0; -ENOENT no such node or service; -ESRCH the node is dead; -ETIME; -ECHILD: it will not be ready, and why
 */
int lab_service(const char *state_dir, const char *name, const struct lab_service_request *q,
		json_t **ret, struct netlab_err *err);
/** Cuts a node's power: all of it dies, silently. @return 0; -ENOENT; -ESRCH when it is dead already */
int lab_node_kill(const char *state_dir, const char *name, const char *node,
		  struct netlab_err *err);
/**
 * Brings a node back, dead or alive, with its links as they are now, and returns when its services are ready.
 * @param[in]  timeout_ns  for the services; 0 = 60 s
 * @param[out] ret         as lab_service()'s; new ref; may be NULL
 */
int lab_node_restart(const char *state_dir, const char *name, const char *node, uint64_t timeout_ns,
		     json_t **ret, struct netlab_err *err);

struct lab_exec_options {
	const char *state_dir, *lab, *node;
	/** NULL-terminated, at least one; PATH of the node's env is searched */
	const char *const *argv;
	const char *user;       /**< NULL = the node's */
	const char *cwd;        /**< NULL = the node's */
	const char *const *env; /**< K=V, NULL-terminated; added to the node's; may be NULL */
	bool terminal;          /**< -t: a new pseudo-terminal, relayed to ours */
};
/**
 * Runs a command in a node, all its namespaces, stdin/stdout/stderr inherited, and waits for it. SIGTERM, SIGHUP, SIGINT,
 * SIGQUIT, SIGUSR1/2 that this process gets meanwhile are passed on.
 * @param[out] ret_status  exit code of the command, 128 + N for signal N, 126/127 as a shell would
 * @return 0 when the command ran (or could not be executed: 126, 127, with *err saying why); negative errno when netlab
 *         itself failed
 */
int lab_exec(const struct lab_exec_options *o, int *ret_status, struct netlab_err *err);

/** One end of a copy. */
struct lab_copy_end {
	const char *lab, *node; /**< NULL = a path of the host's */
	const char *
		path; /**< relative ones count from the node's cwd; "-" of the host's: standard input or output */
	const char *shown; /**< what messages call it: as it was typed */
};

struct lab_copy {
	const char *state_dir;
	const struct lab_copy_end *from;
	size_t n_from; /**< at least one; only one when either end is "-" */
	struct lab_copy_end to;
};
/** Copies files and directories into nodes, out of them, between them: sys/copy.h says how. */
int lab_copy(const struct lab_copy *c, struct netlab_err *err);

/** Path of the log of a service; only checked for form. @return 0; -EINVAL */
int lab_log_path(const char *state_dir, const char *lab, const char *node, const char *service,
		 char ret[static 4096], struct netlab_err *err);

#endif
