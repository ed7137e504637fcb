/* SPDX-License-Identifier: MIT */
/**
 * @file service_words.h
 * Saying what is the matter with a service: for whoever waits for it, and for the lab's log. Private to src/lab.
 */
#ifndef NETLAB_LAB_SERVICE_WORDS_H
#define NETLAB_LAB_SERVICE_WORDS_H

#include "lab/supervisor.h"

/** Why a service FAILED; the hint has the last lines that it wrote. @return err->code */
int service_words_failed(const struct supervisor *s, size_t node, size_t index,
			 struct netlab_err *err);
/** Why a service is not ready although time is up. @return err->code, -ETIME */
int service_words_late(const struct supervisor *s, size_t node, size_t index,
		       struct netlab_err *err);
/** One word for `show`. */
const char *service_words_cause(enum service_cause cause);
/** Notes in the lab's log what is worth it: restarts and failures. */
void service_words_log(const struct supervisor *s, size_t node, size_t index,
		       const struct node_service *before, const struct node_service *now);

#endif
