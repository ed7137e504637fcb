/* SPDX-License-Identifier: MIT */
/**
 * @file wire.h
 * The user-space link engine, as the supervisor holds it: one process, a child of the supervisor in the fabric's network
 * namespace, that moves frames between the two fabric ends of each of its links and does to them what is asked
 * (impair/pipe.h decides; docs/adr/0012 says why it is built as it is).
 *
 * Theory of operation. The process has up to one worker thread a core; a link belongs to one worker with both its
 * directions. A worker has ONE packet socket for all its links (closing a packet socket costs an RCU grace period, 12 ms
 * here: two a link would make `down` of a thousand links take 20 s), bound to no interface, with a classic BPF filter for
 * the ifindexes of its links. A frame is stamped by the kernel as it arrives; its deadline counts from that stamp.
 *
 * Orders go over a SEQPACKET socket, one at a time, each answered. What the workers count is in memory shared with the
 * supervisor, which outlives the process: its death loses the packets that it held, and they are counted.
 */
#ifndef NETLAB_WIRE_WIRE_H
#define NETLAB_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "netlab/err.h"
#include "impair/trace.h"
#include "topo/impairment.h"

struct wire_shared; /* wire/stats.h */
struct wire_rules;  /* wire/rule_map.c */
struct fault;
struct sys_match;

/** The supervisor's end. Zero-initialise with { .pid = 0, .fd = -1 }. */
struct wire {
	pid_t pid; /**< 0 = not running */
	int fd;    /**< to the process; readable (end-of-file) when it died; owned */
	struct wire_shared *shared;
	size_t n_links;    /**< of the lab: indexes below are links of the topology */
	unsigned restarts; /**< how often it had to be started again */
};

/** A link as the wire carries it. Direction d goes from fabric end d to fabric end !d. */
struct wire_link {
	uint32_t ifindex[2]; /**< of the fabric ends */
	uint32_t mtu;
	/** the node ends keep segmentation offloads: frames of up to 64 KiB with a GSO header come and go whole */
	bool offload;
	struct impairment asked[2];
	/** memfds with a trace each (wire_pack_trace()); -1 = none. Borrowed: the process gets its own. */
	int trace_fd[2];
	/** wire_rules_fd() of its fault rules; -1 = none. Borrowed likewise; rules that it had before keep their counts. */
	int rules_fd;
	/**
	 * The link is a patch now, with frames flowing: what comes is held back, and compared with what the redirect still
	 * sends, until wire_commit(). Nothing is lost or doubled by the change.
	 */
	bool from_patch;
};

/**
 * Starts the process; the caller is in the fabric's network namespace and has one thread.
 * @param[in] n_links  links of the lab, whether they are the wire's or not
 * @return 0; negative errno
 */
int wire_start(struct wire *w, size_t n_links, struct netlab_err *err);
/** Ends the process and frees the shared memory. Idempotent. */
void wire_deinit(struct wire *w);
/**
 * The process died (the supervisor reaped it): counts what it held as lost by this host, forgets it. The counters stay.
 * wire_start() and wire_add() for each link bring it back.
 */
void wire_died(struct wire *w);

/** Takes a link on. @return 0; -ENOMEM, -EMFILE... with *err */
int wire_add(struct wire *w, size_t link, const struct wire_link *l, struct netlab_err *err);
/** After from_patch: the redirects are gone; frames that no redirect took are the wire's from now on. */
int wire_commit(struct wire *w, size_t link, struct netlab_err *err);
/** Changes what is asked of both directions (and `offload`); packets in flight keep their delays, none is lost. */
int wire_change(struct wire *w, size_t link, const struct wire_link *l, struct netlab_err *err);
/**
 * Gives a link back that nothing is asked of any more, in two steps: prepare waits until nothing is in flight (at most
 * timeout_ns; -EBUSY) and then holds frames back; the supervisor puts the redirects in; wire_commit() ends it, and what no
 * redirect took is delivered.
 */
int wire_release(struct wire *w, size_t link, uint64_t timeout_ns, struct netlab_err *err);

/**
 * Tells a recorder about every packet of all links that it carries, now and later, until wire_record_end() or its death.
 * @param[in] tape_fd  of tape_new() (wire/tape.h), with a ring for each worker: wire_workers()
 * @param[in] wake_fd  eventfd of the recorder. Both borrowed: the process gets its own
 */
int wire_record(struct wire *w, int tape_fd, int wake_fd, struct netlab_err *err);
/** Tells no more; what was told is all in the tape when this returns. */
int wire_record_end(struct wire *w, struct netlab_err *err);
/**
 * Has all links that are added from now on carry out a script in place of dice and rules.
 * @param[in] script_fd  of script_new() (wire/script.h). Borrowed: the process gets its own
 */
int wire_replay(struct wire *w, int script_fd, struct netlab_err *err);
/** @return how many workers it has at most, for so many links */
unsigned wire_workers(size_t n_links);

/** What happened to packets of one direction. offered + duplicated = delivered + dropped_* + queued. */
struct wire_counters {
	uint64_t offered, offered_bytes;
	uint64_t delivered, delivered_bytes;
	uint64_t dropped_loss, dropped_queue, dropped_fault, dropped_down, dropped_host;
	uint64_t duplicated, corrupted, reordered, marked;
	uint64_t queued; /**< held: waiting for the rate or on the way */
	uint64_t
		queue_limit; /**< what may wait for the rate: packets, or bytes if queue_by_bytes; 0 = no rate */
	bool queue_by_bytes;
	/** how much later than its deadline a packet left, as quantiles of all so far */
	uint64_t late_p50_ns, late_p99_ns, late_max_ns;
	uint64_t late_n; /**< how many packets that counts */
};

/** Consistent within a direction, at any time, whether the process lives or not. */
void wire_read(const struct wire *w, size_t link, unsigned dir, struct wire_counters *ret);

/** A fault rule of a link, for wire_rules_new(), which copies it. */
struct wire_rule {
	uint32_t id; /**< not 0; one of a link's */
	const struct fault *fault;
	const struct sys_match *match;
	bool dirs[2];
	uint64_t
		since_ns; /**< CLOCK_MONOTONIC that its window counts from; UINT64_MAX: wire_rules_begin() will say */
	uint64_t matched[2], acted[2]; /**< counted so far */
};

/** The rules of a link, in the order in which they are tried, in memory shared with the wire. @return 0; negative errno */
int wire_rules_new(const struct wire_rule *rules, size_t n, struct wire_rules **ret);
/** NULL is nothing. The wire keeps its own. */
struct wire_rules *wire_rules_free(struct wire_rules *w);
/** @return for wire_link.rules_fd; borrowed; -1 for NULL */
int wire_rules_fd(const struct wire_rules *w);
/** Begins the windows of rules that have not begun. */
void wire_rules_begin(struct wire_rules *w, uint64_t since_ns);
/** What a rule has counted in a direction, at any time; 0 for one that is not there. */
void wire_rules_read(const struct wire_rules *w, uint32_t id, unsigned dir, uint64_t *ret_matched,
		     uint64_t *ret_acted);

/** Puts a parsed trace into a memfd for wire_link.trace_fd. @return descriptor; negative errno */
int wire_pack_trace(const struct trace *t);

#endif
