/* SPDX-License-Identifier: MIT */
/**
 * @file program.h
 * Runs the built program (environment variable NETLAB) and other programs, and keeps what they write.
 */
#ifndef NETLAB_TESTS_SUPPORT_PROGRAM_H
#define NETLAB_TESTS_SUPPORT_PROGRAM_H

#include <sys/types.h>

struct program_run {
	pid_t pid;
	int status;                  /**< as a shell says it: exit code, or 128 + signal */
	char out[16384], err[16384]; /**< cut when longer */
	int out_fd, err_fd;
};

/** Starts a program; argv[0] "netlab" is the built one. NULL ends argv. */
void program_start(struct program_run *r, const char *const *argv);
/** Waits for it, at most so long (then it is killed and the test ends), and reads what it wrote. */
void program_wait(struct program_run *r, int timeout_ms);
/** Starts, and waits a minute. @return r->status */
int program_run(struct program_run *r, const char *const *argv);

/** program_run() with the arguments written out. */
#define RUN(r, ...) program_run((r), (const char *const[]){ __VA_ARGS__, NULL })

/** Writes a file; ends the test when it cannot. */
void program_write_file(const char *path, const char *text);
/** @return the pid of a process of that name (/proc/PID/comm), 0 when there is none now */
pid_t program_find(const char *comm);
/** Pids of a process's children, as /proc knows them now. @return how many (at most max) */
unsigned program_children(pid_t pid, pid_t *ret, unsigned max);

#endif
