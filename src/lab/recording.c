/* SPDX-License-Identifier: MIT */
/* The recording of a lab, as the supervisor sees it. */
#include "lab/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "lab/change.h"
#include "lab/supervisor.h"
#include "lab/wired.h"
#include "repro/record_dir.h"
#include "repro/recorder.h"
#include "sys/proc.h"
#include "wire/tape.h"

enum {
	/* What the recorder may be held up for, by a disk or a busy machine: 1.7 seconds of 100,000 full frames. Memory is taken
	   when it is. */
	RING_BYTES = 256 << 20,
	RING_BYTES_MIN = 1 << 20, /* frames of 64 KiB have to fit, and some of them */
	/* ... but all rings together no more than that part of the machine's memory. */
	MEMORY_SHARE = 16,
	/* For files of some hundred bytes: nobody else is heard meanwhile. */
	FILES_PATIENCE_MS = 10000,
};

static size_t ring_bytes(unsigned n_rings)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	size_t bytes = RING_BYTES, most;

	if (pages <= 0 || page <= 0)
		return RING_BYTES_MIN;
	most = (size_t)pages * (size_t)page / MEMORY_SHARE / n_rings;
	while (bytes > most && bytes > RING_BYTES_MIN)
		bytes /= 2;
	return bytes;
}

static void forget(struct lab_recording *r)
{
	if (r->tape_fd >= 0)
		close(r->tape_fd);
	if (r->wake_fd >= 0)
		close(r->wake_fd);
	r->tape = tape_unmap(r->tape);
	*r = (struct lab_recording){ .tape_fd = -1, .wake_fd = -1 };
}

static void wake(const struct lab_recording *r)
{
	const uint64_t one = 1;

	(void)!write(r->wake_fd, &one, sizeof(one));
}

static int make_tape(struct supervisor *s, struct netlab_err *err)
{
	struct lab_recording *r = &s->recording;
	unsigned n_rings = wire_workers(s->topo->n_links);
	int e = tape_new(n_rings, ring_bytes(n_rings), &r->tape, &r->tape_fd);

	if (e < 0)
		return err_errno(err, e, "memory of the recorder");
	r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->wake_fd < 0)
		return err_errno(err, errno, "eventfd of the recorder");
	return 0;
}

/** Of a recording that is not to be: its recorder ends, and writes nothing any more when this returns. */
static void give_up(struct lab_recording *r)
{
	int pidfd = sys_pidfd_open(r->pid);

	atomic_store(&r->tape->stops, true);
	wake(r);
	if (pidfd < 0 || sys_wait_readable(pidfd, FILES_PATIENCE_MS) < 0)
		(void)kill(r->pid, SIGKILL);
	if (pidfd >= 0)
		close(pidfd);
	while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
		;
	r->pid = 0;
}

/** Waits until the recorder has its files. */
static int wait_for_files(struct lab_recording *r, int began_fd, struct netlab_err *err)
{
	int e = sys_wait_readable(began_fd, FILES_PATIENCE_MS);
	char byte;

	if (e == 0 && read(began_fd, &byte, sizeof(byte)) == sizeof(byte))
		return 0;
	give_up(r);
	if (e < 0)
		return err_errno(err, e, "making the files of the recording");
	(void)err_set(err, EIO, "the recorder could not begin: %s",
		      r->tape->reason[0] ? r->tape->reason : "it was killed");
	return -EIO;
}

static int start_process(struct supervisor *s, int dir_fd, struct netlab_err *err)
{
	struct lab_recording *r = &s->recording;
	struct recorder setup = {
		.tape = r->tape,
		.wake_fd = r->wake_fd,
		.dir_fd = dir_fd,
		.topo = s->topo,
		.replayed = s->options->replay != NULL,
		.parent = getpid(),
	};
	int began[2], pidfd = -1, e;
	pid_t pid;

	if (pipe2(began, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe of the recorder");
	setup.began_fd = began[1];
	pid = sys_clone(0, &pidfd);
	if (pid == 0)
		recorder_main(&setup);
	close(began[1]);
	if (pid < 0) {
		close(began[0]);
		return err_errno(err, pid, "starting the recorder");
	}
	r->pid = pid;
	r->host_pid = sys_pidfd_seen_from(s->host_proc_fd, pidfd);
	close(pidfd);
	e = wait_for_files(r, began[0], err);
	close(began[0]);
	return e;
}

static int begin(struct supervisor *s, int dir_fd, struct netlab_err *err)
{
	int e;

	forget(&s->recording);
	e = make_tape(s, err);
	if (e == 0)
		e = start_process(s, dir_fd, err);
	if (e < 0)
		forget(&s->recording);
	return e;
}

int recording_begin(struct supervisor *s, int dir_fd, struct netlab_err *err)
{
	int e = begin(s, dir_fd, err);

	s->recording.from_start = e == 0;
	return e;
}

static bool runs(const struct lab_recording *r)
{
	return r->pid > 0 && !r->is_stopping;
}

int recording_attach(struct supervisor *s, struct netlab_err *err)
{
	struct lab_recording *r = &s->recording;
	int e;

	if (!runs(r) || r->is_told || s->wire.pid <= 0)
		return 0;
	e = wire_record(&s->wire, r->tape_fd, r->wake_fd, err);
	r->is_told = e == 0;
	return e;
}

static void detach(struct supervisor *s)
{
	struct lab_recording *r = &s->recording;
	struct netlab_err err = { 0 };

	if (r->is_told && s->wire.pid > 0 && !s->wire_ended && wire_record_end(&s->wire, &err) < 0)
		supervisor_log("recording: %s", err.message);
	r->is_told = false;
}

/** Tells the recorder to write what there is, and end. @param[in] flaw  what is missing; NULL = nothing */
static void stop(struct supervisor *s, const char *flaw)
{
	struct lab_recording *r = &s->recording;

	if (!runs(r))
		return;
	detach(s);
	r->is_stopping = true;
	if (flaw)
		(void)snprintf(r->tape->flaw, sizeof(r->tape->flaw), "%s", flaw);
	atomic_store(&r->tape->stops, true);
	wake(r);
}

/* --- links --- */

/** Has every link joined as it has to be now. @return the first that could not be; all are tried when `all` */
static int join_links(struct supervisor *s, bool all, struct netlab_err *err)
{
	int result = 0;

	for (size_t i = 0; i < s->topo->n_links && (all || result == 0); i++) {
		const struct link_change same = { .link = i, .basis = LINK_PRESENT };
		struct netlab_err why = { 0 };
		int e = link_apply(s, &same, &why);

		if (e < 0 && result == 0) {
			result = e;
			*err = why;
		}
	}
	return result;
}

/** Those that could not be given back earlier are tried again. */
static void give_links_back(struct supervisor *s)
{
	struct lab_recording *r = &s->recording;
	struct netlab_err err = { 0 };

	if ((!s->host.recorded && !r->links_error[0]) || r->from_start || s->options->replay)
		return;
	s->host.recorded = false;
	r->links_error[0] = '\0';
	if (s->stopping || join_links(s, true, &err) == 0)
		return;
	supervisor_log("recording: giving links back: %s", err.message);
	(void)snprintf(r->links_error, sizeof(r->links_error), "%.255s", err.message);
}

/** A link that netem carries cannot be listened to, nor leave it: see choose_join() in change.c. */
static int check_joins(const struct supervisor *s, struct netlab_err *err)
{
	for (size_t i = 0; i < s->topo->n_links; i++) {
		if (s->links[i].join != PLAN_JOIN_NETEM)
			continue;
		(void)err_set(
			err, EOPNOTSUPP,
			"link '%s' is carried by netem, in the kernel, where it cannot be recorded",
			s->topo->links[i].name);
		(void)err_hint(err,
			       "bring the lab up with --engine wire, or use `netlab run --record`");
		(void)err_class(err, NETLAB_EXIT_UNSUPPORTED);
		return -EOPNOTSUPP;
	}
	return 0;
}

/* --- requests --- */

static int describe(const struct supervisor *s, int dir_fd, struct netlab_err *err)
{
	const struct lab_up_options *o = s->options;
	const struct record_about about = {
		.lab = s->topo->name,
		.seed = s->topo->seed,
		.engine = "wire",
		.source = o->source,
		.source_len = o->source_len,
		.source_dir = o->source_dir,
	};

	if (!o->source)
		return err_set(
			err, EOPNOTSUPP,
			"this lab was brought up by a program that did not give its topology's text");
	return record_dir_describe(dir_fd, &about, err);
}

json_t *recording_start(struct supervisor *s, const json_t *request, int dir_fd,
			struct netlab_err *err)
{
	struct lab_recording *r = &s->recording;
	struct netlab_err why = { 0 };
	int e = 0;

	(void)request;
	if (dir_fd < 0)
		e = err_set(err, EPROTO, "malformed request");
	else if (r->pid > 0) {
		(void)err_set(err, EBUSY, "this lab is being recorded already");
		(void)err_hint(err, "`netlab record stop` ends that");
		e = -EBUSY;
	}
	if (e == 0)
		e = check_joins(s, err);
	if (e == 0)
		e = describe(s, dir_fd, err);
	if (e == 0)
		e = begin(s, dir_fd, err);
	if (e < 0)
		return NULL;
	s->host.recorded = true;
	e = wired_start(s, err);
	if (e == 0)
		e = recording_attach(s, err);
	if (e == 0)
		e = join_links(s, false, &why);
	if (e < 0) {
		if (why.code)
			*err = why;
		detach(s);
		give_links_back(s);
		give_up(r);
		forget(r);
		return NULL;
	}
	return recording_report(s);
}

json_t *recording_stop(struct supervisor *s, int *ret_fd, struct netlab_err *err)
{
	struct lab_recording *r = &s->recording;

	if (!r->tape) {
		(void)err_set(err, ENOENT, "this lab is not being recorded");
		(void)err_hint(err, "`netlab record start DIR` begins that");
		return NULL;
	}
	if (r->pid > 0)
		*ret_fd = sys_pidfd_open(r->pid);
	stop(s, NULL);
	give_links_back(s);
	return recording_report(s);
}

json_t *recording_report(const struct supervisor *s)
{
	const struct lab_recording *r = &s->recording;
	const char *state = r->error[0]      ? "failed"
			    : r->pid == 0    ? "ended"
			    : r->is_stopping ? "stopping"
					     : "recording";

	if (!r->tape)
		return NULL;
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:s?, s:s*}", "state", state, "pid",
			 (json_int_t)(r->pid > 0 ? r->host_pid : 0), "packets",
			 (json_int_t)atomic_load(&r->tape->n_packets), "bytes",
			 (json_int_t)atomic_load(&r->tape->n_bytes), "decisions",
			 (json_int_t)atomic_load(&r->tape->n_decisions), "lost_records",
			 (json_int_t)tape_lost(r->tape), "error", r->error[0] ? r->error : NULL,
			 "links_error", r->links_error[0] ? r->links_error : NULL);
}

/* --- ends --- */

void recording_end(struct supervisor *s)
{
	stop(s, NULL);
}

void recording_reaped(struct supervisor *s, int status)
{
	struct lab_recording *r = &s->recording;

	r->pid = 0;
	if (WIFSIGNALED(status))
		(void)snprintf(r->error, sizeof(r->error), "the recorder was killed by signal %d",
			       WTERMSIG(status));
	else if (atomic_load(&r->tape->state) == TAPE_FAILED)
		(void)snprintf(r->error, sizeof(r->error), "%.255s", r->tape->reason);
	else if (r->tape->flaw[0])
		(void)snprintf(r->error, sizeof(r->error), "%.255s", r->tape->flaw);
	else if (WEXITSTATUS(status) != 0)
		(void)snprintf(r->error, sizeof(r->error), "the recorder ended with status %d",
			       WEXITSTATUS(status));
	if (r->error[0])
		supervisor_log("the recording is incomplete: %s", r->error);
}

void recording_settle(struct supervisor *s)
{
	struct lab_recording *r = &s->recording;

	if (r->pid > 0 || !r->tape)
		return;
	detach(s);
	give_links_back(s);
}

void recording_wire_died(struct supervisor *s)
{
	s->recording.is_told = false;
	stop(s, "the wire was killed, and packets with it");
}
