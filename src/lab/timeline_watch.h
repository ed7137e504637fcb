/* SPDX-License-Identifier: MIT */
/**
 * @file timeline_watch.h
 * What events of the timeline wait for apart from a time: lines of logs, packets. Private to timeline.c.
 */
#ifndef NETLAB_LAB_TIMELINE_WATCH_H
#define NETLAB_LAB_TIMELINE_WATCH_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlab/err.h"

struct supervisor;
struct topo_event;

enum {
	WATCH_LINE_BYTES =
		4096 /* of a longer line, with its time, only the beginning is looked at */
};

/** A log that is followed from its beginning: a service may have said it before the lab was ready. */
struct log_watch {
	int fd; /**< owned; -1 = not open */
	regex_t regex;
	bool compiled;
	size_t len;
	char line[WATCH_LINE_BYTES];
};

int log_watch_open(struct log_watch *w, const struct supervisor *s, const struct topo_event *e,
		   int inotify_fd, struct netlab_err *err);
/** Reads on. @return whether a line matched */
bool log_watch_read(struct log_watch *w);
/** Idempotent, also for one that never was opened (all zero but fd -1). */
void log_watch_close(struct log_watch *w);

/** Packets that come into a link from its ends. */
struct packet_watch {
	int fd[2]; /**< owned; -1 = none */
	uint64_t left;
};

int packet_watch_open(struct packet_watch *w, const struct supervisor *s,
		      const struct topo_event *e, struct netlab_err *err);
/** Counts. @return whether the one waited for has come */
bool packet_watch_read(struct packet_watch *w);
/** Listens no more; the sockets stay open, for closing one takes 12 ms that packets would wait. */
void packet_watch_mute(struct packet_watch *w);
void packet_watch_close(struct packet_watch *w);

#endif
