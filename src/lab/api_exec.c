/* SPDX-License-Identifier: MIT */
/*
 * libnetlab: commands in nodes, behind include/netlab/lab.h.
 *
 * A command's helper is a child of ours that lab_exec() runs in: it stands between the caller and the command, has the
 * command's stdin, stdout and stderr, passes signals on, and ends with the command's exit code.
 */
#include "netlab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "lab/api.h"
#include "sys/proc.h"
#include "sys/relay.h"

struct netlab_process {
	pid_t pid;     /* of the helper */
	int pidfd;     /* owned */
	int report_fd; /* owned; what the helper has to say when it ends */
	bool ended;
	int status, error; /* when ended */
	struct netlab_err err;
};

/* What a helper says when there is more to say than its exit code. */
struct report {
	int result;
	struct netlab_err err;
};

static void describe(struct lab_exec_options *e, struct netlab_lab *lab, const char *node,
		     const char *const *argv, const struct netlab_exec_options *o)
{
	*e = (struct lab_exec_options){
		.state_dir = lab->state_dir,
		.lab = lab->name,
		.node = node,
		.argv = argv,
	};
	if (!o)
		return;
	e->user = o->user;
	e->cwd = o->cwd;
	e->env = o->env;
}

static int check_command(const char *const *argv, struct netlab_err *err)
{
	if (argv && argv[0])
		return 0;
	(void)err_set(err, EINVAL, "there is no command to run: its argv is empty");
	(void)err_hint(err, "argv is the program and its arguments, and NULL");
	return err_class(err, NETLAB_EXIT_USAGE);
}

int netlab_exec(struct netlab_lab *lab, const char *node, const char *const *argv,
		const struct netlab_exec_options *options, int *ret_status, struct netlab_err *err)
{
	struct netlab_process *p = NULL;
	struct lab_exec_options e;
	int r;

	err = api_err(err);
	r = check_command(argv, err);
	if (r < 0)
		return r;
	if (!options || !options->redirect) {
		describe(&e, lab, node, argv, options);
		return lab_exec(&e, ret_status, err);
	}
	r = netlab_spawn(lab, node, argv, options, &p, err);
	if (r < 0 || !p)
		return r;
	r = netlab_process_wait(p, -1, ret_status, err);
	netlab_process_free(p);
	return r;
}

/* --- the helper --- */

/* Makes `fd` (negative: /dev/null) the descriptor `to`. Does not return on failure. */
static int redirect_one(int fd, int to)
{
	int null = -1, r;

	if (fd < 0)
		fd = null = open("/dev/null", O_RDWR | O_CLOEXEC);
	r = fd < 0 || dup2(fd, to) < 0 ? -errno : 0;
	if (null > 2)
		(void)close(null);
	return r;
}

/* The caller's descriptors may themselves be 0, 1 or 2, in any order: they are moved out of the way first. */
static int redirect(const struct netlab_exec_options *o)
{
	int fds[3] = { o->stdin_fd, o->stdout_fd, o->stderr_fd }, r = 0;

	for (int i = 0; i < 3; i++) {
		if (fds[i] >= 0 && fds[i] < 3)
			fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
	}
	for (int i = 0; i < 3 && r == 0; i++)
		r = redirect_one(fds[i], i);
	return r;
}

static void help(const struct lab_exec_options *e, const struct netlab_exec_options *o,
		 int report_fd, pid_t parent) __attribute__((noreturn));

static void help(const struct lab_exec_options *e, const struct netlab_exec_options *o,
		 int report_fd, pid_t parent)
{
	struct report report = { .result = 0 };
	int status = NETLAB_EXIT_NETLAB;

	(void)sys_die_with_parent(true);
	if (getppid() != parent)
		_exit(status); /* it died before it could have taken us along */
	if (o && o->redirect) {
		report.result = redirect(o);
		if (report.result < 0)
			(void)err_errno(&report.err, report.result, "redirecting");
	}
	if (report.result == 0)
		report.result = lab_exec(e, &status, &report.err);
	if (report.result < 0)
		status = NETLAB_EXIT_NETLAB;
	/* a command that could not be executed is a result, with an explanation */
	if (report.result < 0 || report.err.code < 0)
		(void)!write(report_fd, &report, sizeof(report));
	_exit(status);
}

int netlab_spawn(struct netlab_lab *lab, const char *node, const char *const *argv,
		 const struct netlab_exec_options *options, struct netlab_process **ret,
		 struct netlab_err *err)
{
	struct netlab_process *p;
	pid_t self = getpid();
	struct lab_exec_options e;
	sigset_t passed_on, before;
	int report[2], r;

	err = api_err(err);
	*ret = NULL;
	r = check_command(argv, err);
	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p) {
		(void)err_set(err, ENOMEM, "out of memory");
		return -ENOMEM;
	}
	if (pipe2(report, O_CLOEXEC) < 0) {
		r = err_errno(err, errno, "making a pipe");
		free(p);
		return r;
	}
	describe(&e, lab, node, argv, options);
	/* From the first instant on, what is sent to the helper waits until it can be passed on. */
	sys_relay_set(&passed_on);
	(void)sigprocmask(SIG_BLOCK, &passed_on, &before);
	p->pid = fork();
	if (p->pid == 0) {
		(void)close(report[0]);
		help(&e, options, report[1], self);
	}
	r = p->pid < 0 ? -errno : 0;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)close(report[1]);
	p->pidfd = r == 0 ? sys_pidfd_open(p->pid) : -1;
	if (r == 0 && p->pidfd < 0) {
		r = p->pidfd;
		(void)kill(p->pid, SIGKILL);
		(void)waitpid(p->pid, NULL, 0);
	}
	if (r < 0) {
		(void)close(report[0]);
		free(p);
		return err_errno(err, r, "starting a process");
	}
	p->report_fd = report[0];
	*ret = p;
	return 0;
}

/* --- its end --- */

int netlab_process_signal(struct netlab_process *p, int signo)
{
	sigset_t passed_on;

	/* of any other it is the helper that would die, and not the command */
	sys_relay_set(&passed_on);
	if (signo != SIGKILL && (signo == SIGWINCH || sigismember(&passed_on, signo) != 1))
		return -EINVAL;
	return p->ended ? -ESRCH : sys_pidfd_signal(p->pidfd, signo);
}

int netlab_process_fd(const struct netlab_process *p)
{
	return p->pidfd;
}

static void collect(struct netlab_process *p)
{
	struct report report;
	int status = 0;

	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		;
	p->ended = true;
	p->status = sys_exit_code(status);
	if (read(p->report_fd, &report, sizeof(report)) == (ssize_t)sizeof(report)) {
		p->error = report.result;
		p->err = report.err;
	}
}

int netlab_process_wait(struct netlab_process *p, int timeout_ms, int *ret_status,
			struct netlab_err *err)
{
	int r = 0;

	err = api_err(err);
	if (!p->ended) {
		r = sys_wait_readable(p->pidfd, timeout_ms);
		if (r == -ETIME)
			return err_set(err, ETIME, "the command still runs");
		if (r < 0)
			return err_errno(err, r, "waiting for the command");
		collect(p);
	}
	if (p->err.code < 0)
		*err = p->err;
	if (p->error < 0)
		return p->error;
	*ret_status = p->status;
	return 0;
}

void netlab_process_free(struct netlab_process *p)
{
	if (!p)
		return;
	if (!p->ended) {
		(void)sys_pidfd_signal(p->pidfd, SIGKILL);
		collect(p);
	}
	(void)close(p->pidfd);
	(void)close(p->report_fd);
	free(p);
}

/* --- with its output --- */

/* All that a file holds, as a text. */
static int read_text(int fd, char **ret, size_t *ret_len, struct netlab_err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t used = 0, size;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "reading the command's output");
	size = (size_t)st.st_size;
	text = malloc(size + 1);
	if (!text) {
		(void)err_set(err, ENOMEM, "out of memory");
		return -ENOMEM;
	}
	while (used < size) {
		ssize_t n = pread(fd, text + used, size - used, (off_t)used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "reading the command's output");
		if (n == 0)
			break;
		used += (size_t)n;
	}
	text[used] = '\0';
	if (ret_len)
		*ret_len = used;
	*ret = TAKE_PTR(text);
	return 0;
}

int netlab_exec_output(struct netlab_lab *lab, const char *node, const char *const *argv,
		       char **ret_output, size_t *ret_len, int *ret_status, struct netlab_err *err)
{
	struct netlab_exec_options o = { .redirect = true, .stdin_fd = -1 };
	/* A file and no pipe: a command that starts daemons ends when it ends, not when they do. Both streams append to
	   one file, so that what is written stays in order. */
	int fd = memfd_create("netlab-output", MFD_CLOEXEC), r;

	err = api_err(err);
	*ret_output = NULL;
	if (fd < 0)
		return err_errno(err, errno, "making a place for the command's output");
	o.stdout_fd = o.stderr_fd = fd;
	r = netlab_exec(lab, node, argv, &o, ret_status, err);
	if (r == 0)
		r = read_text(fd, ret_output, ret_len, err);
	(void)close(fd);
	return r;
}
