/* SPDX-License-Identifier: MIT */
/**
 * @file services.h
 * The services of a lab, as its supervisor sees them: what each comes after, whether it is ready, what to say when it will not
 * be. Private to src/lab. Each node's init keeps its own (node/services.h); what they tell is remembered here.
 */
#ifndef NETLAB_LAB_SERVICES_H
#define NETLAB_LAB_SERVICES_H

#include "lab/supervisor.h"

/** Starts all services, each when those it comes after are ready, and waits until all are. @return 0; negative errno */
int services_up(struct supervisor *s, struct netlab_err *err);

/** An init told of a service. */
void services_heard(struct supervisor *s, size_t node, uint32_t index,
		    const struct node_service *is);
/** A node is new: its services wait to be started, by services_run(). */
void services_begin(struct supervisor *s, size_t node);
/** A node is gone, and its services with it. */
void services_lost(struct supervisor *s, size_t node);
/** Starts those that wait and need not any more. Called when something has become of others. */
void services_run(struct supervisor *s);

enum services_verb {
	SERVICES_START,
	SERVICES_STOP,
	SERVICES_RESTART,
	SERVICES_STATUS,
};

/** What somebody who asked waits for. */
struct services_wait {
	bool active;
	enum services_verb verb;
	size_t node;
	size_t service; /**< index; SIZE_MAX = all of the node */
	uint64_t deadline_ns;
};

/**
 * Carries out {"op": "service", "verb", "node", "service", "timeout_ms"}.
 * @param[out] wait  active when there is no answer yet: services_answer() gives it
 * @return the answer; NULL with *wait active, or with *err
 */
json_t *services_request(struct supervisor *s, const json_t *request, struct services_wait *wait,
			 struct netlab_err *err);
/** What one waits for who has just brought a node back: that its services are ready. */
struct services_wait services_wait_for_node(size_t node, uint64_t timeout_ns);
/** The answer for one who waits. @return it; NULL with *err; NULL with *wait still active: not yet */
json_t *services_answer(struct supervisor *s, struct services_wait *wait, struct netlab_err *err);

/** {"name","state",...} of a service or a command of the timeline. */
json_t *services_report(const struct supervisor *s, size_t node, size_t index);

#endif
