/* SPDX-License-Identifier: MIT */
/**
 * @file service_life.h
 * The life of a service: what it is in, and what has to be done next. Pure: it is told what happened and what time it is,
 * and says what to do.
 *
 * Theory of operation.
 *
 *     WAITING --start--> STARTING --ready--> READY
 *                          |  ^                |
 *                    ended |  | time is up     | ended
 *                          v  |                v
 *                       BACKING_OFF   or EXITED, FAILED
 *
 *     STARTING, READY --stop--> STOPPING --ended--> STOPPED; BACKING_OFF --stop--> STOPPED
 *
 * A service that ends is started again when its policy says so, after a pause that doubles with each time in a row. The time
 * that it has to become ready counts from when it was asked to start, over all restarts, until it was ready once: whoever
 * asked wants to know. From then on each restart has that time for itself, and not being ready in it is a failure like others.
 */
#ifndef NETLAB_NODE_SERVICE_LIFE_H
#define NETLAB_NODE_SERVICE_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "topo/model.h"

enum service_state {
	SERVICE_WAITING,     /**< for what it comes after */
	SERVICE_STARTING,    /**< runs, is not ready */
	SERVICE_READY,       /**< runs */
	SERVICE_BACKING_OFF, /**< has ended, or could not be started, and will be again */
	SERVICE_STOPPING,    /**< was asked to end, has not yet */
	SERVICE_STOPPED,     /**< because somebody asked */
	SERVICE_EXITED,      /**< by itself, and that is all */
	SERVICE_FAILED,      /**< could not be run, was not ready in time, or ended too often */
};

/** Why a service FAILED; of one that is BACKING_OFF without having ended, CANNOT_RUN. */
enum service_cause {
	SERVICE_NO_CAUSE,
	SERVICE_CANNOT_RUN,  /**< nothing was executed */
	SERVICE_ENDED_EARLY, /**< before it was ready */
	SERVICE_NOT_IN_TIME, /**< not ready in time */
	SERVICE_TOO_OFTEN,   /**< it ended more often in a row than `restart` allows */
};

enum service_act {
	SERVICE_DO_NOTHING,
	SERVICE_DO_START,
	SERVICE_DO_SIGNAL, /**< send the stop signal */
	SERVICE_DO_KILL,
};

#define SERVICE_NEVER UINT64_MAX

/** How long a service has between its stop signal and SIGKILL. */
#define SERVICE_GRACE_NS 2000000000ull

struct service_life {
	const struct topo_service *about; /**< borrowed */
	enum service_state state;
	enum service_cause cause;
	bool was_ready; /**< since it was asked to start */
	bool again;     /**< STOPPING: to be started when it has ended */
	bool timed_out; /**< killed because it was not ready in time */
	bool ended;     /**< at least once: `status` counts */
	int status;     /**< of its last end, as waitpid() gives it */
	unsigned restarts, in_a_row;
	uint64_t began_ns;       /**< when it was last started */
	uint64_t ready_until_ns; /**< STARTING, BACKING_OFF: when it is too late to be ready */
	uint64_t due_ns;         /**< BACKING_OFF: to start; STOPPING: to kill */
};

/** A state's name, as `show` and `service status` have it: "waiting", "starting", "backing-off", ... */
const char *service_state_name(enum service_state state);

void service_life_init(struct service_life *l, const struct topo_service *about);
/** It shall run: nothing to do when it does. */
enum service_act service_life_start(struct service_life *l, uint64_t now_ns);
/** It shall not run. */
enum service_act service_life_stop(struct service_life *l, uint64_t now_ns);
/** It shall end if it runs, and start. */
enum service_act service_life_restart(struct service_life *l, uint64_t now_ns);
/** It was started, as SERVICE_DO_START asked. */
void service_life_started(struct service_life *l, uint64_t now_ns);
/** It could not be started, and will not be later. */
void service_life_cannot_run(struct service_life *l);
/** It could not be started for want of what may be there later, a process or memory: it is tried again as if it had ended
 *  with a failure. */
void service_life_not_now(struct service_life *l, uint64_t now_ns);
/** It showed that it is ready. */
void service_life_ready(struct service_life *l);
/** Its process has ended. @param[in] status  as waitpid() gives it */
enum service_act service_life_ended(struct service_life *l, int status, uint64_t now_ns);
/** Time goes by. To be called until it says SERVICE_DO_NOTHING. */
enum service_act service_life_tick(struct service_life *l, uint64_t now_ns);
/** @return when service_life_tick() has something to say at the latest; SERVICE_NEVER */
uint64_t service_life_next(const struct service_life *l);

/** @return whether it has a process */
static inline bool service_life_runs(const struct service_life *l)
{
	return l->state == SERVICE_STARTING || l->state == SERVICE_READY ||
	       l->state == SERVICE_STOPPING;
}

#endif
