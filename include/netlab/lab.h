/* SPDX-License-Identifier: MIT */
/**
 * @file lab.h
 * Labs of libnetlab: bring a topology up, run commands in its nodes, change its links, count, damage and record what they
 * carry, take it down.
 *
 * A lab belongs to the process that brought it up and ends with it, however that ends, unless it was detached. See
 * topology.h for who owns strings, how errors are told and how options are initialised; and docs/library.md for an
 * example.
 *
 * Threads. netlab_up(), netlab_exec() and netlab_spawn() fork without exec: call them from a process with one thread. A
 * lab that is not detached ends with the thread that brought it up. One object is used by one thread at a time.
 *
 * Signals. netlab_up() blocks SIGINT, SIGTERM, SIGHUP and SIGQUIT until it is done, and raises the one that came after
 * having undone everything. netlab_exec() passes these and SIGUSR1 and SIGUSR2 on to the command. Supervisors and commands are
 * children of the caller: do not wait for them with wait() or waitpid(-1).
 */
#ifndef NETLAB_LAB_H
#define NETLAB_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlab/err.h"
#include "netlab/export.h"
#include "netlab/topology.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A running lab, as one process knows it. */
struct netlab_lab;
/** A command that runs in a node. */
struct netlab_process;

struct netlab_up_options {
	const char *
		name; /**< in place of the topology's; so one topology gives many labs. NULL = the topology's */
	bool seed_set; /**< false = the topology's seed (which a name that is given here changes, if made from it) */
	uint64_t seed;
	const char *
		state_dir; /**< run directories; NULL = /run/netlab as root, else $XDG_RUNTIME_DIR/netlab, else
				    /tmp/netlab-UID */
	uint64_t timeout_ns; /**< nanoseconds for all of `up`; 0 = 60 s */
	bool detached;       /**< the lab goes on when this process ends */
	/** A phase of `up` has ended, after so many milliseconds. NULL = do not tell. Called by the thread that is in
	 *  netlab_up(). */
	void (*on_phase)(void *ctx, const char *phase, double elapsed_ms);
	/** Something to know that stops nothing. NULL = do not tell */
	void (*on_warning)(void *ctx, const char *text);
	void *ctx; /**< for these two; not touched otherwise */
};

/**
 * Brings a lab up. When it returns, the lab is usable: links are up, addresses valid, routes in, services started. When
 * it fails, nothing remains.
 * @param[in]  t        the topology; may be freed afterwards
 * @param[in]  options  NULL = none
 * @param[out] ret      the lab; free with netlab_lab_free(). NULL on failure
 * @param[out] err      what failed; its class tells a wrong name (USAGE) from a host that cannot (UNSUPPORTED)
 * @return 0; -EEXIST when a lab of that name runs; -EOPNOTSUPP when a link needs what this kernel has not; -EPERM; -ETIME;
 *         -EINTR when a signal came (and is raised); other negative errno of what failed
 */
NETLAB_API int netlab_up(const struct netlab_topology *t, const struct netlab_up_options *options,
			 struct netlab_lab **ret, struct netlab_err *err);

/**
 * Opens a lab that runs already, brought up by whatever process of this user.
 * @param[in]  name       of the lab
 * @param[in]  state_dir  NULL = the default, see struct netlab_up_options
 * @param[out] ret        the lab; free with netlab_lab_free(), which leaves it running
 * @param[out] err        what failed
 * @return 0; -ENOENT when it does not run
 */
NETLAB_API int netlab_open(const char *name, const char *state_dir, struct netlab_lab **ret,
			   struct netlab_err *err);

/**
 * Stops the lab; returns when its processes, namespaces and interfaces are gone. One that does not run any more is 0.
 * @param[in]  lab  stays valid, but for netlab_lab_free() only
 * @param[out] err  what is left
 * @return 0; -ETIME when something is left (class NETLAB_EXIT_TEARDOWN)
 */
NETLAB_API int netlab_down(struct netlab_lab *lab, struct netlab_err *err);

/** Frees the object. A lab that netlab_up() brought up and that is not detached is stopped first. NULL is nothing. */
NETLAB_API void netlab_lab_free(struct netlab_lab *lab);

/** @return the lab's name */
NETLAB_API const char *netlab_lab_name(const struct netlab_lab *lab);
/** @return the state directory, for `netlab --state-dir` */
NETLAB_API const char *netlab_lab_state_dir(const struct netlab_lab *lab);

/**
 * The seed of everything that is random in the lab: what to print when a test fails, and to give to netlab_up() to have the
 * same packets lost again.
 * @param[in]  lab  the lab
 * @param[out] ret  untouched on failure
 * @param[out] err  what failed
 * @return 0; -ENOENT when it does not run any more; other negative errno
 */
NETLAB_API int netlab_lab_seed(struct netlab_lab *lab, uint64_t *ret, struct netlab_err *err);

/**
 * The labs that run.
 * @param[in]  state_dir  NULL = the default
 * @param[out] ret        a JSON array as `netlab ls --json` prints it; free with netlab_free()
 * @param[out] err        what failed
 * @return 0; negative errno
 */
NETLAB_API int netlab_list(const char *state_dir, char **ret, struct netlab_err *err);

/**
 * Everything about a lab: addresses, links, what was asked of them and what the kernel holds, processes, services.
 * @param[in]  lab  the lab
 * @param[out] ret  a JSON object as `netlab show LAB --json` prints it; free with netlab_free()
 * @param[out] err  what failed
 * @return 0; -ENOENT when it does not run any more; other negative errno
 */
NETLAB_API int netlab_show(struct netlab_lab *lab, char **ret, struct netlab_err *err);

/**
 * What this host can do for labs.
 * @param[out] ret  a JSON array as `netlab doctor --json` prints it, without what that measures; free with netlab_free()
 * @param[out] err  what failed
 * @return 0, also when much is missing; negative errno
 */
NETLAB_API int netlab_doctor(char **ret, struct netlab_err *err);

/* --- commands in nodes --- */

struct netlab_exec_options {
	const char *user;       /**< NULL = the node's */
	const char *cwd;        /**< NULL = the node's */
	const char *const *env; /**< "K=V", NULL-terminated, added to the node's; NULL = none */
	/** What the command gets as stdin, stdout and stderr, when `redirect` is true; a negative one is /dev/null. They
	 *  stay the caller's. */
	bool redirect;
	int stdin_fd, stdout_fd, stderr_fd;
};

/**
 * Runs a command in a node, in all its namespaces, and waits for it. Without `redirect` it shares the caller's stdin,
 * stdout and stderr.
 * @param[in]  lab         the lab
 * @param[in]  node        name of the node
 * @param[in]  argv        program (searched in PATH) and arguments, NULL-terminated
 * @param[in]  options     NULL = none
 * @param[out] ret_status  its exit code; 128 + N for signal N; 126 or 127 when it cannot be executed or is not found, and
 *                         then *err says why
 * @param[out] err         what failed
 * @return 0 when there is a status; -ENOENT when there is no such node or lab; other negative errno
 */
NETLAB_API int netlab_exec(struct netlab_lab *lab, const char *node, const char *const *argv,
			   const struct netlab_exec_options *options, int *ret_status,
			   struct netlab_err *err);

/**
 * The same, with stdin from /dev/null and what it writes to stdout and stderr, together, as a text.
 * @param[in]  lab         the lab
 * @param[in]  node        name of the node
 * @param[in]  argv        as above
 * @param[out] ret_output  NUL-terminated; free with netlab_free(). NULL unless 0 is returned
 * @param[out] ret_len     its length in bytes, for output that has NULs in it; NULL = unwanted
 * @param[out] ret_status  as above
 * @param[out] err         as above
 * @return as above
 */
NETLAB_API int netlab_exec_output(struct netlab_lab *lab, const char *node, const char *const *argv,
				  char **ret_output, size_t *ret_len, int *ret_status,
				  struct netlab_err *err);

/**
 * Starts a command in a node and does not wait. Whether it could be executed is told by netlab_process_wait(). It dies
 * with the lab, with the calling process, and with netlab_process_free().
 * @param[in]  lab      the lab; must outlive the process
 * @param[in]  node     name of the node
 * @param[in]  argv     as for netlab_exec()
 * @param[in]  options  NULL = none
 * @param[out] ret      free with netlab_process_free()
 * @param[out] err      what failed
 * @return 0; negative errno
 */
NETLAB_API int netlab_spawn(struct netlab_lab *lab, const char *node, const char *const *argv,
			    const struct netlab_exec_options *options, struct netlab_process **ret,
			    struct netlab_err *err);

/**
 * Sends it SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2 or SIGKILL.
 * @return 0; -ESRCH when it has ended; -EINVAL another signal
 */
NETLAB_API int netlab_process_signal(struct netlab_process *p, int signo);

/**
 * Waits for its end. May be called again.
 * @param[in]  p           the process
 * @param[in]  timeout_ms  milliseconds; -1 = for ever, 0 = only look
 * @param[out] ret_status  as for netlab_exec()
 * @param[out] err         as for netlab_exec()
 * @return 0 when it has ended and there is a status; -ETIME when it still runs; else as netlab_exec()
 */
NETLAB_API int netlab_process_wait(struct netlab_process *p, int timeout_ms, int *ret_status,
				   struct netlab_err *err);

/** A descriptor that is readable when it has ended, for poll(); of the process. */
NETLAB_API int netlab_process_fd(const struct netlab_process *p);

/** Kills it if it still runs, and frees it. NULL is nothing. */
NETLAB_API void netlab_process_free(struct netlab_process *p);

/* --- links --- */

/**
 * Changes what a link does to packets, from now on; keys that are not named stay as they are. All or nothing.
 * @param[in]  lab       the lab
 * @param[in]  link      name of the link
 * @param[in]  from      node whose outgoing direction is meant; NULL = both directions
 * @param[in]  settings  "delay=20ms", "loss=1%", ... (keys and units of the topology file), NULL-terminated
 * @param[out] err       what failed
 * @return 0; -ENOENT no such link, node or lab; -EINVAL a setting that is wrong; -EOPNOTSUPP what this kernel cannot do
 */
NETLAB_API int netlab_link_set(struct netlab_lab *lab, const char *link, const char *from,
			       const char *const *settings, struct netlab_err *err);
/** Back to what the topology says. Parameters and errors: netlab_link_set(). */
NETLAB_API int netlab_link_clear(struct netlab_lab *lab, const char *link, const char *from,
				 struct netlab_err *err);
/** To no impairment at all. Parameters and errors: netlab_link_set(). */
NETLAB_API int netlab_link_none(struct netlab_lab *lab, const char *link, const char *from,
				struct netlab_err *err);
/** Cuts it: everything is dropped, the ends see no change. Parameters and errors: netlab_link_set(). */
NETLAB_API int netlab_link_down(struct netlab_lab *lab, const char *link, const char *from,
				struct netlab_err *err);
/** Mends it. Parameters and errors: netlab_link_set(). */
NETLAB_API int netlab_link_up(struct netlab_lab *lab, const char *link, const char *from,
			      struct netlab_err *err);

/* --- statistics --- */

/**
 * What became of the packets of every link and direction.
 * @param[in]  lab  the lab
 * @param[out] ret  a JSON object as `netlab stats LAB --json` prints it; free with netlab_free()
 * @param[out] err  what failed
 * @return 0; -ENOENT when it does not run any more; other negative errno
 */
NETLAB_API int netlab_stats(struct netlab_lab *lab, char **ret, struct netlab_err *err);

/**
 * One of these figures.
 * @param[in]  lab      the lab
 * @param[in]  link     name of the link
 * @param[in]  from     node whose outgoing direction is meant; NULL = the sum of both
 * @param[in]  counter  "offered", "delivered", "dropped_loss", "dropped_queue", "dropped_fault", "dropped_down",
 *                      "dropped_host", "duplicated", "corrupted", "reordered", "queued", "bytes_offered", "bytes_delivered"
 * @param[out] ret      untouched on failure
 * @param[out] err      what failed
 * @return 0; -ENOENT no such link, node or lab; -EINVAL no such counter; -EOPNOTSUPP: what carries this link cannot tell
 */
NETLAB_API int netlab_stats_count(struct netlab_lab *lab, const char *link, const char *from,
				  const char *counter, uint64_t *ret, struct netlab_err *err);

/* --- faults --- */

/** What a rule does to the packets that it is for. */
enum netlab_fault_action {
	NETLAB_FAULT_DROP,
	NETLAB_FAULT_DUPLICATE,
	NETLAB_FAULT_CORRUPT,      /**< flips a bit that the seed chooses */
	NETLAB_FAULT_CORRUPT_BIT,  /**< flips bit `value`, from 0: that of the Ethernet header */
	NETLAB_FAULT_CORRUPT_BYTE, /**< damages byte `value`, from 0: that of the Ethernet header */
	NETLAB_FAULT_DELAY,        /**< `value` nanoseconds longer, beside what the link does */
	NETLAB_FAULT_HOLD, /**< until `value` more that match have come, 1 .. 1000: they overtake it */
};

/**
 * A rule: what is done to chosen packets of a link, before anything random. Initialise it with zeros; then the first two
 * members are enough to drop every packet.
 */
struct netlab_fault {
	const char *link; /**< name of the link */
	const char *
		from; /**< node whose outgoing direction is meant; NULL = both, each counted by itself */
	const char *
		match; /**< which packets: a pcap expression, see pcap-filter(7); NULL = every packet */
	/** Which of those that match, counted from 1: numbers and ranges, "1" or "2,5-7". NULL = all, or: */
	const char *nth;
	uint32_t every; /**< every so many-th in place of `nth`; 0 = not so */
	uint32_t first; /**< the first so many in place of `nth`; 0 = not so */
	/** Only packets that come so many nanoseconds after the rule was added match; `for_ns` 0 = for ever. */
	uint64_t after_ns, for_ns;
	enum netlab_fault_action action;
	uint64_t value; /**< of the action */
};

/**
 * Adds a rule to a running lab, from now on, after those that there are. The change itself loses no packet.
 * @param[in]  lab     the lab
 * @param[in]  fault   the rule
 * @param[out] ret_id  its number, never 0; untouched on failure. NULL = unwanted
 * @param[out] err     what failed
 * @return 0; -EINVAL a rule that is wrong, with libpcap's words where its expression is, or of a link or node that is not
 *         there; -ENOENT when the lab does not run; -EOPNOTSUPP netem carries the link; -ENOSPC too many rules
 */
NETLAB_API int netlab_fault_add(struct netlab_lab *lab, const struct netlab_fault *fault,
				uint32_t *ret_id, struct netlab_err *err);

/**
 * The same with a rule as a topology file has it, an entry of its `faults`: `netlab shrink` prints such.
 * @param[in]  lab     the lab
 * @param[in]  rule    a JSON object
 * @param[out] ret_id  as above
 * @param[out] err     as above
 * @return as above
 */
NETLAB_API int netlab_fault_add_json(struct netlab_lab *lab, const char *rule, uint32_t *ret_id,
				     struct netlab_err *err);

/**
 * Removes a rule; what it did stays in the statistics.
 * @param[in]  lab  the lab
 * @param[in]  id   its number; 0 = all rules, also those of the topology
 * @param[out] err  what failed
 * @return 0; -ENOENT no such rule or lab (that there are none to remove is no failure of "all")
 */
NETLAB_API int netlab_fault_remove(struct netlab_lab *lab, uint32_t id, struct netlab_err *err);

/**
 * How often a rule was for a packet, both directions together.
 * @param[in]  lab          the lab
 * @param[in]  id           its number
 * @param[out] ret_matched  packets that its expression and its times are for; NULL = unwanted
 * @param[out] ret_acted    those of them that something was done to; NULL = unwanted
 * @param[out] err          what failed; the numbers are untouched then
 * @return 0; -ENOENT no such rule or lab
 */
NETLAB_API int netlab_fault_count(struct netlab_lab *lab, uint32_t id, uint64_t *ret_matched,
				  uint64_t *ret_acted, struct netlab_err *err);

/**
 * All rules, in the order in which they are tried, with what they counted.
 * @param[in]  lab  the lab
 * @param[out] ret  a JSON array as `netlab fault ls --json` prints it; free with netlab_free()
 * @param[out] err  what failed
 * @return 0; -ENOENT when it does not run any more; other negative errno
 */
NETLAB_API int netlab_fault_list(struct netlab_lab *lab, char **ret, struct netlab_err *err);

/* --- recordings --- */

/**
 * Begins to record every packet of every link and what becomes of it, for Wireshark, `netlab replay` and `netlab shrink`.
 * Until it ends the wire carries all links; no packet is lost by that.
 * @param[in]  lab  the lab
 * @param[in]  dir  directory, which must not exist or be empty; one that was made is removed again on failure
 * @param[out] err  what failed
 * @return 0; -ENOENT when the lab does not run; -EBUSY it is being recorded; -ENOTEMPTY, -EACCES, ... of the directory;
 *         -EOPNOTSUPP netem carries a link
 */
NETLAB_API int netlab_record_start(struct netlab_lab *lab, const char *dir, struct netlab_err *err);

/**
 * Ends it, and waits until all of it is written. A recording also ends, in order, with its lab.
 * @param[in]  lab  the lab
 * @param[out] ret  a JSON object as `netlab record stop --json` prints it: "packets", "decisions", ...; free with
 *                  netlab_free(). NULL = unwanted. There also when -EIO is returned
 * @param[out] err  what failed
 * @return 0; -ENOENT when the lab does not run, or nothing was recorded; -EIO the recording is incomplete, and why
 */
NETLAB_API int netlab_record_stop(struct netlab_lab *lab, char **ret, struct netlab_err *err);

#ifdef __cplusplus
}
#endif
#endif
