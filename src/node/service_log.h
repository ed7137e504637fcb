/* SPDX-License-Identifier: MIT */
/**
 * @file service_log.h
 * What a service writes: standard output and standard error, in one pipe so that their order is kept, on their way into its log,
 * with the time before each line.
 *
 * Theory of operation. The init holds both ends of the pipe for good, so nothing is lost when the service ends or is started
 * again: what the pipe holds then is read before its end is told. Bytes go to the file as they come, also of a line that is
 * not complete; nothing is kept here. A line begins with the time when its first byte was read.
 *
 * A log that has SERVICE_LOG_MAX_BYTES loses its front, down to the last SERVICE_LOG_KEEP_BYTES: a hole, so that offsets stay
 * and nobody who reads meanwhile is led astray (sys_follow()). Where the file system makes no holes, the log ends there.
 */
#ifndef NETLAB_NODE_SERVICE_LOG_H
#define NETLAB_NODE_SERVICE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* "2026-11-22T05:13:44.123Z " */
	SERVICE_STAMP_BYTES = 25,
	SERVICE_LOG_PATH_BYTES = 160, /* two names, '/', ".log" */
	SERVICE_LOG_MAX_BYTES = 8 << 20,
	SERVICE_LOG_KEEP_BYTES = 4 << 20,
};

struct service_log {
	int file_fd;     /**< owned; -1 = closed */
	int pipe_fds[2]; /**< owned; what we read, what the service writes to */
	bool in_line;    /**< the service is in the middle of a line */
	bool torn;       /**< the file does not end with a newline */
	uint64_t
		lost; /**< bytes that could not be written, and of which the log does not tell yet */
	int lost_why;           /**< negative errno */
	uint64_t size, dropped; /**< of the file; of that so many bytes at its front are gone */
	bool full;              /**< it is as large as it may be, and nothing can be dropped */
};

/** Hears the bytes that were read, before they are in the file. */
typedef void service_log_fn(void *ctx, const char *data, size_t len);

/** The log's path in the directory of all logs. @return ret */
const char *service_log_path(const char *node, const char *service,
			     char ret[static SERVICE_LOG_PATH_BYTES]);
/** Writes a time, CLOCK_REALTIME, as logs have it. */
void service_log_stamp(uint64_t realtime_ns, char ret[static SERVICE_STAMP_BYTES + 1]);

/** Opens the log of a service, for appending, and the pipe. @return 0; negative errno, and nothing is open */
int service_log_open(struct service_log *l, int log_dir_fd, const char *node, const char *service);
/**
 * Takes what the pipe holds, at most some 256 KiB of it.
 * @param[in] fn  may be NULL
 * @return whether the pipe was found empty
 */
bool service_log_read(struct service_log *l, service_log_fn *fn, void *ctx);
/** Before the service is started once more: a line that its last run left unfinished ends here. */
void service_log_new_run(struct service_log *l);
/** Idempotent. */
void service_log_close(struct service_log *l);

#endif
