/* SPDX-License-Identifier: MIT */
/* Asking running labs: who there is, what they are, changing links, taking them down. */
#include "lab/client.h"

#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/names.h"
#include "base/units.h"
#include "lab/control.h"
#include "lab/rundir.h"
#include "sys/fs.h"
#include "sys/proc.h"
#include "sys/sock.h"

enum {
	DOWN_PATIENCE_MS =
		15000, /* services have 2 s, and a thousand nodes take the kernel a second */
	KILL_PATIENCE_MS = 15000,
	ANSWER_PATIENCE_MS =
		30000, /* a supervisor does nothing that takes long; a stopped one never answers */
	RETRY_MS = 20,
	LOOKS_MAX = 50,
};

/* --- the state directory --- */

static int default_state_dir(char ret[static 4096])
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0)
		return snprintf(ret, 4096, "/run/netlab");
	if (runtime && runtime[0] == '/')
		return snprintf(ret, 4096, "%s/netlab", runtime);
	return snprintf(ret, 4096, "/tmp/netlab-%u", (unsigned)geteuid());
}

int lab_state_dir_name(const char *given, char ret[static 4096])
{
	int n = given ? snprintf(ret, 4096, "%s", given) : default_state_dir(ret);

	return n < 4096 ? 0 : -ENAMETOOLONG;
}

static int refuse_state_dir(const char *path, const char *why, struct netlab_err *err)
{
	err_set(err, EACCES, "state directory '%s' %s", path, why);
	err_class(err, NETLAB_EXIT_UNSUPPORTED);
	return err_hint(err, "name another with --state-dir");
}

int lab_state_dir(const char *given, char ret[static 4096], struct netlab_err *err)
{
	char why[64];
	uid_t owner;
	int r;

	if (lab_state_dir_name(given, ret) < 0)
		return err_set(err, ENAMETOOLONG, "state directory: path too long");
	r = sys_dir_check(ret, &owner);
	if (r == SYS_DIR_MISSING) {
		r = sys_mkdir(AT_FDCWD, ret);
		if (r < 0 && r != -EEXIST) {
			err_errno(err, r, "making the state directory '%s'", ret);
			if (r == -EACCES || r == -EPERM || r == -EROFS)
				err_class(err, NETLAB_EXIT_UNSUPPORTED);
			return err_hint(err, "name another with --state-dir");
		}
		r = sys_dir_check(ret, &owner);
	}
	if (r < 0)
		return err_errno(err, r, "state directory '%s'", ret);
	switch ((enum sys_dir_state)r) {
	case SYS_DIR_GOOD:
		return 0;
	case SYS_DIR_NOT_A_DIR:
		return refuse_state_dir(ret, "is not a directory (symlinks are not followed)", err);
	case SYS_DIR_FOREIGN:
		snprintf(why, sizeof(why), "belongs to another user (uid %u)", (unsigned)owner);
		return refuse_state_dir(ret, why, err);
	case SYS_DIR_OPEN:
		return refuse_state_dir(ret, "can be written by others", err);
	case SYS_DIR_MISSING:
		break;
	}
	return err_set(err, ENOENT, "state directory '%s' went away", ret);
}

/* --- who there is --- */

/** An error that says nothing about the lab that was looked at: it may well be running. */
static bool is_shortage(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

int lab_names(const char *state_dir, char ***ret, size_t *ret_n, struct netlab_err *err)
{
	int fd = sys_open_dir(AT_FDCWD, state_dir), r;
	size_t n, kept = 0;
	char **names;

	if (fd < 0)
		return err_errno(err, fd, "opening the state directory '%s'", state_dir);
	r = sys_list_dir(fd, &names, &n);
	close(fd);
	if (r < 0)
		return err_errno(err, r, "reading the state directory '%s'", state_dir);
	for (size_t i = 0; i < n; i++) {
		int state = r < 0 ? r : rundir_check(state_dir, names[i]);

		if (r == 0 && is_shortage(state))
			r = err_errno(err, state, "looking at lab '%s'", names[i]);
		if (state == RUNDIR_LIVE && names[i][0] != '.')
			names[kept++] = names[i];
		else
			free(names[i]);
	}
	if (r < 0) {
		lab_names_free(names, kept);
		return r;
	}
	*ret = names;
	*ret_n = kept;
	return 0;
}

void lab_sweep(const char *state_dir)
{
	char **names = NULL;
	size_t n = 0;

	/* looking for the living finds the dead */
	if (lab_names(state_dir, &names, &n, NULL) == 0)
		lab_names_free(names, n);
}

void lab_names_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

/* --- requests --- */

static int not_running(const char *name, struct netlab_err *err)
{
	err_set(err, ENOENT, "lab '%s' is not running", name);
	return err_hint(err, "`netlab ls` lists the labs that are");
}

/** Connects; sweeps and explains where nobody answers. */
static int connect_lab(const char *state_dir, const char *name, struct netlab_err *err)
{
	int fd = rundir_connect(state_dir, name), r;

	if (fd >= 0)
		return fd;
	r = rundir_check(state_dir, name);
	if (r == RUNDIR_LIVE) {
		err_set(err, EAGAIN, "lab '%s' is only just starting or stopping", name);
		return err_hint(err, "try again in a moment");
	}
	return r < 0 && r != -ENOENT ? err_errno(err, r, "lab '%s'", name) : not_running(name, err);
}

/** How long an answer may take: as long as the lab was told to wait for something, and then some. */
static int patience_ms(const json_t *request)
{
	json_int_t told = json_integer_value(json_object_get(request, "timeout_ms"));

	return told < INT_MAX - ANSWER_PATIENCE_MS ? (int)told + ANSWER_PATIENCE_MS : INT_MAX;
}

static int receive_answer(int fd, int patience, struct buf *answer, int *ret_fd,
			  struct netlab_err *err)
{
	char message[CONTROL_MESSAGE_BYTES];

	for (;;) {
		int fds[1];
		unsigned n_fds = 1;
		ssize_t n = sys_wait_readable(fd, patience);

		if (n == 0)
			n = sys_sock_recv(fd, message, sizeof(message), fds, &n_fds);
		if (n <= 0)
			return err_errno(err, n < 0 ? (int)n : ECONNRESET,
					 "the lab did not answer");
		if (n_fds == 1) {
			if (ret_fd && *ret_fd < 0)
				*ret_fd = fds[0];
			else
				close(fds[0]);
		}
		buf_add(answer, message + 1, (size_t)n - 1);
		if (message[0] == CONTROL_LAST)
			return buf_text(answer) ? 0 : err_set(err, ENOMEM, "out of memory");
	}
}

static int copy_error(const json_t *e, struct netlab_err *err)
{
	int code = (int)json_integer_value(json_object_get(e, "code"));
	const char *where = json_string_value(json_object_get(e, "where"));
	const char *hint = json_string_value(json_object_get(e, "hint"));
	const char *message = json_string_value(json_object_get(e, "message"));
	int r = err_set(err, code, "%s", message ? message : "the lab gave no reason");

	err_where(err, "%s", where ? where : "");
	err_hint(err, "%s", hint ? hint : "");
	err_class(err, (enum netlab_exit)json_integer_value(json_object_get(e, "exit")));
	return r;
}

/** @param[in] pass_fd  goes with the request; -1 = none */
static int request_fd(int fd, json_t *request, int pass_fd, json_t **ret, int *ret_fd,
		      struct netlab_err *err)
{
	_cleanup_free_ char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	_cleanup_buf_ struct buf answer = { 0 };
	int patience = patience_ms(request), r;
	json_t *reply, *error;

	if (!request) /* jansson makes nothing of it */
		return err_set(err, EINVAL, "what was given as a name is not valid UTF-8");
	json_decref(request);
	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	r = sys_sock_send(fd, text, strlen(text), &pass_fd, pass_fd >= 0);
	if (r < 0)
		return err_errno(err, r, "asking the lab");
	r = receive_answer(fd, patience, &answer, ret_fd, err);
	if (r < 0)
		return r;
	reply = json_loads(buf_text(&answer), 0, NULL);
	error = json_object_get(reply, "error");
	if (error)
		r = copy_error(error, err);
	else if (!reply)
		r = err_set(err, EPROTO, "the lab's answer makes no sense");
	else if (ret)
		*ret = json_incref(json_object_get(reply, "result"));
	json_decref(reply);
	return r;
}

int lab_request_fd(int fd, json_t *request, json_t **ret, int *ret_fd, struct netlab_err *err)
{
	return request_fd(fd, request, -1, ret, ret_fd, err);
}

int lab_request_passing(const char *state_dir, const char *name, json_t *request, int pass_fd,
			json_t **ret, struct netlab_err *err)
{
	int fd = connect_lab(state_dir, name, err), r;

	if (fd < 0) {
		json_decref(request);
		return fd;
	}
	r = request_fd(fd, request, pass_fd, ret, NULL, err);
	close(fd);
	return r < 0 ? r : 0;
}

int lab_request(const char *state_dir, const char *name, json_t *request, json_t **ret, int *ret_fd,
		struct netlab_err *err)
{
	int fd = connect_lab(state_dir, name, err), r;

	if (fd < 0) {
		json_decref(request);
		return fd;
	}
	r = lab_request_fd(fd, request, ret, ret_fd, err);
	close(fd);
	return r < 0 ? r : 0;
}

int lab_summary(const char *state_dir, const char *name, json_t **ret, struct netlab_err *err)
{
	return lab_request(state_dir, name, json_pack("{s:s}", "op", "summary"), ret, NULL, err);
}

int lab_show(const char *state_dir, const char *name, json_t **ret, struct netlab_err *err)
{
	return lab_request(state_dir, name, json_pack("{s:s}", "op", "show"), ret, NULL, err);
}

/** A trace's file is the caller's: from its directory, not from where the lab's supervisor is. @return NULL: no memory */
static json_t *absolute_setting(const char *setting)
{
	static const char trace[] = "rate=trace:";
	const char *file = setting + strlen(trace);
	char here[4096];

	if (strncmp(setting, trace, strlen(trace)) != 0 || *file == '\0' || *file == '/' ||
	    !sys_dir_of("", here, sizeof(here)))
		return json_string(setting);
	return json_sprintf("%s%s%s", trace, here, file);
}

int lab_stats(const char *state_dir, const char *name, json_t **ret, struct netlab_err *err)
{
	return lab_request(state_dir, name, json_pack("{s:s}", "op", "stats"), ret, NULL, err);
}

int lab_link_change(const char *state_dir, const char *name, const struct lab_link_change *c,
		    struct netlab_err *err)
{
	static const char *const verbs[] = {
		[LAB_LINK_SET] = "set",
		[LAB_LINK_CLEAR] = "clear",
		[LAB_LINK_DOWN] = "down",
		[LAB_LINK_UP] = "up",
	};
	json_t *settings = json_array(), *request;

	for (size_t i = 0; i < c->n_settings; i++) {
		json_t *one = absolute_setting(c->settings[i]);

		if (!one) {
			json_decref(settings);
			return err_set(err, EINVAL, "setting %zu is not valid UTF-8", i + 1);
		}
		json_array_append_new(settings, one);
	}
	/* all of it or nothing: without "from" it would be for both directions */
	request = json_pack("{s:s,s:s,s:s,s:o,s:b,s:s*}", "op", "link", "verb", verbs[c->verb],
			    "link", c->link, "settings", settings, "none", c->none, "from",
			    c->from);
	return lab_request(state_dir, name, request, NULL, NULL, err);
}

int lab_freeze(const char *state_dir, const char *name, const char *node, bool on,
	       struct netlab_err *err)
{
	return lab_request(state_dir, name,
			   json_pack("{s:s,s:s,s:b}", "op", "freeze", "node", node, "on", on), NULL,
			   NULL, err);
}

/* --- nodes and their services --- */

enum {
	SERVICE_TIMEOUT_S = 60,
	LONGEST_TIMEOUT_S = 7 * 24 * 3600,
};

static json_int_t timeout_ms(uint64_t ns)
{
	const uint64_t longest = LONGEST_TIMEOUT_S * 1000000000ull;

	if (ns == 0)
		ns = SERVICE_TIMEOUT_S * 1000000000ull;
	return (json_int_t)((ns < longest ? ns : longest) / 1000000 + 1);
}

int lab_service(const char *state_dir, const char *name, const struct lab_service_request *q,
		json_t **ret, struct netlab_err *err)
{
	static const char *const verbs[] = { "start", "stop", "restart", "status" };
	json_t *request = json_pack("{s:s,s:s,s:s,s:s*,s:I}", "op", "service", "verb",
				    verbs[q->verb], "node", q->node, "service", q->service,
				    "timeout_ms", timeout_ms(q->timeout_ns));

	return lab_request(state_dir, name, request, ret, NULL, err);
}

int lab_node_kill(const char *state_dir, const char *name, const char *node, struct netlab_err *err)
{
	return lab_request(state_dir, name, json_pack("{s:s,s:s}", "op", "node-kill", "node", node),
			   NULL, NULL, err);
}

int lab_node_restart(const char *state_dir, const char *name, const char *node, uint64_t timeout_ns,
		     json_t **ret, struct netlab_err *err)
{
	return lab_request(state_dir, name,
			   json_pack("{s:s,s:s,s:I}", "op", "node-restart", "node", node,
				     "timeout_ms", timeout_ms(timeout_ns)),
			   ret, NULL, err);
}

/* --- down --- */

/** Waits for what is behind a descriptor to end; a pidfd is helped along. @return 0; -ETIME */
static int wait_for_end(int fd, bool is_pidfd, const char *state_dir, const char *name)
{
	int r = sys_wait_readable(fd, DOWN_PATIENCE_MS);

	if (r != -ETIME || !is_pidfd)
		return r;
	(void)sys_pidfd_signal(fd, SIGKILL);
	rundir_thaw(state_dir, name);
	return sys_wait_readable(fd, KILL_PATIENCE_MS);
}

/** Asks a lab that listens to stop, and waits until it has. */
static int stop_by_request(int fd, const char *state_dir, const char *name)
{
	/* the pid cannot be another's: the supervisor lives at least until it has answered */
	pid_t pid = sys_sock_peer_pid(fd);
	int pidfd = pid > 0 ? sys_pidfd_open(pid) : -ESRCH, r;

	(void)lab_request_fd(fd, json_pack("{s:s}", "op", "down"), NULL, NULL, NULL);
	/* Seen from another PID namespace, a node's for one, it has no pid; then its end of the socket tells. */
	r = wait_for_end(pidfd >= 0 ? pidfd : fd, pidfd >= 0, state_dir, name);
	if (pidfd >= 0)
		close(pidfd);
	return r;
}

/** Ends whoever holds a lab that does not listen: it is being started, or its supervisor is ending, or hangs. */
static int stop_by_signal(const char *state_dir, const char *name)
{
	int pidfd = rundir_open_holder(state_dir, name), r;

	if (pidfd == -ESRCH) {
		/* it ended between the two looks, or is starting; but it may also be out of our sight for good */
		(void)sys_wait_readable(-1, RETRY_MS);
		return -EAGAIN;
	}
	if (pidfd < 0)
		return pidfd;
	(void)sys_pidfd_signal(pidfd, SIGTERM);
	r = wait_for_end(pidfd, true, state_dir, name);
	close(pidfd);
	return r;
}

/** The lock is free, but the kernel is not through with its processes. */
static int wait_for_kernel(const char *state_dir, const char *name)
{
	int pidfd = rundir_open_holder(state_dir, name), r;

	if (pidfd < 0)
		return pidfd == -ESRCH ? 0 : pidfd;
	r = sys_wait_readable(pidfd, KILL_PATIENCE_MS);
	close(pidfd);
	return r;
}

static int explain_down(int r, const char *name, struct netlab_err *err)
{
	if (r == -ETIME) {
		err_set(err, ETIME, "lab '%s' does not end: its supervisor outlives SIGKILL", name);
		err_class(err, NETLAB_EXIT_TEARDOWN);
		return err_hint(err, "left: its processes (`netlab ps %s`) and the run directory",
				name);
	}
	if (r == -EAGAIN) {
		err_set(err, ETIME, "lab '%s' is held by a process that cannot be reached", name);
		err_class(err, NETLAB_EXIT_TEARDOWN);
		return err_hint(err, "left: all of it; was it started in another container?");
	}
	return err_errno(err, r, "lab '%s'", name);
}

int lab_down(const char *state_dir, const char *name, bool *ret_was_running, struct netlab_err *err)
{
	bool was_running = false;
	unsigned looks = 0;
	int r;

	for (;;) {
		int fd;

		r = rundir_check(state_dir, name);
		if (r == RUNDIR_ENDING) {
			r = wait_for_kernel(state_dir, name);
		} else if (r == RUNDIR_LIVE) {
			was_running = true;
			fd = rundir_connect(state_dir, name);
			r = fd < 0 ? stop_by_signal(state_dir, name)
				   : stop_by_request(fd, state_dir, name);
			if (fd >= 0)
				close(fd);
		} else {
			break;
		}
		if (r < 0 && (r != -EAGAIN || ++looks >= LOOKS_MAX))
			return explain_down(r, name, err);
	}
	lab_sweep(state_dir);
	if (ret_was_running)
		*ret_was_running = was_running;
	return r < 0 ? explain_down(r, name, err) : 0;
}

int lab_log_path(const char *state_dir, const char *lab, const char *node, const char *service,
		 char ret[static 4096], struct netlab_err *err)
{
	const char *why = name_check(lab);

	if (!why)
		why = name_check(node);
	if (!why)
		why = name_check_link(service); /* "timeline--3" among them */
	if (why)
		return err_set(err, EINVAL, "'%s/%s/%s': %s", lab, node, service, why);
	if (snprintf(ret, 4096, "%s/%s/" RUNDIR_LOGS "/%s/%s.log", state_dir, lab, node, service) >=
	    4096)
		return err_set(err, ENAMETOOLONG, "path of the log is too long");
	return 0;
}
