/* SPDX-License-Identifier: MIT */
/* Bringing a lab up, seen from the process that asks for it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "lab/client.h"
#include "lab/lab.h"
#include "lab/supervisor.h"
#include "lab/uplink.h"
#include "sys/fs.h"
#include "sys/netns.h"
#include "sys/sock.h"
#include "sys/userns.h"
#include "sys/clock.h"

enum {
	DEFAULT_TIMEOUT_S = 60,
	LONGEST_TIMEOUT_S = 7 * 24 * 3600, /* poll() counts milliseconds in an int */
	LAST_WORDS_S = 1,
	LOOK_MS = 100, /* how often we look which phases have ended, when nothing wakes us */
};

/** What lab_up() holds while the lab comes up. */
struct coming_up {
	const struct lab_up_options *options;
	struct rundir dir;
	int up_fd; /**< to the supervisor */
	pid_t pid;
	int pidfd;
	int signal_fd;
	struct uplink_host uplink;
	sigset_t old_mask;
	int got_signal; /**< the user wants to stop */
	struct up_progress *progress;
	unsigned n_phases;          /**< so many have been told of */
	char phase[UP_PHASE_BYTES]; /**< the last that ended */
};

static void name_privilege(int error, struct netlab_err *err)
{
	char remedy[320];

	/* so says a filter of system calls, as a node of netlab's has one */
	if (error == -ENOSYS) {
		err_class(err, NETLAB_EXIT_UNSUPPORTED);
		err_hint(
			err,
			"no new namespaces are allowed here: in a node of netlab's, make that \"privileged\"; in a "
			"container, let its seccomp filter allow clone3");
		return;
	}
	/* EACCES: so says AppArmor where it lets users make namespaces, and gives them no power there */
	if (error != -EPERM && error != -EACCES && error != -ENOSPC && error != -EUSERS)
		return;
	err_class(err, NETLAB_EXIT_UNSUPPORTED);
	if (geteuid() == 0) {
		err_hint(
			err,
			"this root lacks CAP_SYS_ADMIN (a container?), or user.max_*_namespaces is too low");
		return;
	}
	sys_userns_remedy("/proc/sys", remedy, sizeof(remedy));
	err_hint(err, "%s", remedy);
}

/** Signals that end us must not leave a run directory behind: they are read, acted upon, and then raised again. */
static int catch_signals(struct coming_up *c, struct netlab_err *err)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++) {
		struct sigaction now;

		/* nohup(1) and a shell's background jobs ignore some, and mean it */
		if (sigaction(ending[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(&set, ending[i]);
	}
	sigprocmask(SIG_BLOCK, &set, &c->old_mask);
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return c->signal_fd < 0 ? err_errno(err, errno, "signalfd") : 0;
}

/** @return 0; -EINTR when a signal has come that ends us */
static int check_signals(struct coming_up *c, struct netlab_err *err)
{
	struct signalfd_siginfo info;

	if (read(c->signal_fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	c->got_signal = (int)info.ssi_signo;
	return err_set(err, EINTR, "interrupted by signal %d", c->got_signal);
}

static void release_signals(struct coming_up *c)
{
	if (c->signal_fd >= 0)
		close(c->signal_fd);
	sigprocmask(SIG_SETMASK, &c->old_mask, NULL);
	if (c->got_signal)
		(void)raise(c->got_signal);
}

/** Without root: the caller becomes root of the lab's user namespace. */
static int write_maps(struct coming_up *c, struct netlab_err *err)
{
	char why[256], text[512];
	int r = sys_userns_map(c->pid, why, sizeof(why), err);

	if (r == 0 && why[0] && c->options->on_warning) {
		snprintf(text, sizeof(text), "the lab has no users but root: %s", why);
		c->options->on_warning(c->options->ctx, text);
	}
	return r;
}

static int start_supervisor(struct coming_up *c, bool rootless, struct netlab_err *err)
{
	/* the network namespace takes longest: the supervisor makes it, beside those of the nodes */
	unsigned namespaces = SYS_NS_PID | SYS_NS_MNT | SYS_NS_UTS | SYS_NS_IPC;
	int pair[2], caller_fd = -1, r = sys_sock_pair(pair);
	const char go = UP_GO;

	if (r < 0)
		return err_errno(err, r, "socket for the supervisor");
	if (c->options->bound_to_caller) {
		caller_fd = sys_pidfd_open(getpid());
		if (caller_fd < 0) {
			close(pair[0]);
			close(pair[1]);
			return err_errno(err, caller_fd, "pidfd of this process");
		}
	}
	c->pid = sys_clone(namespaces | (rootless ? SYS_NS_USER : 0), &c->pidfd);
	if (c->pid == 0) {
		struct supervisor_boot boot = {
			.options = c->options,
			.dir = &c->dir,
			.up_fd = pair[1],
			.progress = c->progress,
			.caller_fd = caller_fd,
			.rootless = rootless,
			.uplink = c->uplink,
		};

		close(pair[0]);
		supervisor_main(&boot);
	}
	close(pair[1]);
	uplink_host_deinit(&c->uplink); /* the supervisor's alone: with it they go */
	if (caller_fd >= 0)
		close(caller_fd);
	c->up_fd = pair[0];
	if (c->pid < 0) {
		err_errno(err, c->pid, "creating the lab's namespaces");
		name_privilege(c->pid, err);
		return c->pid;
	}
	if (!rootless)
		return 0;
	r = write_maps(c, err);
	return r < 0 ? r : sys_sock_send(c->up_fd, &go, sizeof(go), NULL, 0);
}

static int share_progress(struct coming_up *c, struct netlab_err *err)
{
	c->progress = mmap(NULL, sizeof(*c->progress), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c->progress != MAP_FAILED)
		return 0;
	c->progress = NULL;
	return err_errno(err, errno, "sharing memory with the supervisor");
}

static void unshare_progress(struct coming_up *c)
{
	if (c->progress)
		(void)munmap(c->progress, sizeof(*c->progress));
}

static void take_phases(struct coming_up *c)
{
	const struct lab_up_options *o = c->options;
	unsigned n = atomic_load_explicit(&c->progress->n, memory_order_acquire);

	for (; c->n_phases < n; c->n_phases++) {
		const char *name = c->progress->phases[c->n_phases].name;

		memcpy(c->phase, name, sizeof(c->phase));
		if (o->on_phase)
			o->on_phase(o->ctx, name, c->progress->phases[c->n_phases].elapsed_ms);
	}
}

/** Time is up. Where a service is what was waited for, its last words are said instead. */
static int explain_time(const struct coming_up *c, struct netlab_err *err)
{
	err_set(err, ETIME, "not up after %.3g s (last phase done: '%s')",
		(double)c->options->timeout_ns / 1e9, c->phase[0] ? c->phase : "none");
	return err_hint(err, "give it more with --timeout; -v shows the time of each phase");
}

static int on_message(struct coming_up *c, const struct up_message *m, struct netlab_err *err)
{
	const struct lab_up_options *o = c->options;

	switch (m->kind) {
	case UP_WARNING:
		if (o->on_warning)
			o->on_warning(o->ctx, m->text);
		return 0;
	case UP_READY:
		return 1;
	case UP_FAILED:
		*err = m->err;
		if ((err->code == -EPERM || (err->code == -EACCES && geteuid() != 0)) &&
		    !err->hint[0])
			name_privilege(err->code, err);
		if (err->code == -ETIME && !err->hint[0])
			explain_time(c, err);
		return m->err.code < 0 ? m->err.code : -EPROTO;
	}
	return err_set(err, EPROTO, "the supervisor said something unknown");
}

/** How the supervisor ended without a word. */
static int report_death(struct coming_up *c, struct netlab_err *err)
{
	siginfo_t info = { 0 };

	while (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	if (info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED)
		err_set(err, ECHILD, "the lab's supervisor was killed by signal %d",
			info.si_status);
	else
		err_set(err, ECHILD, "the lab's supervisor ended with status %d", info.si_status);
	if (c->phase[0])
		err_wrap(err, "after phase '%s'", c->phase);
	return err->code;
}

/** Listens until the supervisor is ready, or is not to be. */
static int follow(struct coming_up *c, struct netlab_err *err)
{
	/* The supervisor, which has the same time, knows for what it waited in vain. */
	uint64_t deadline_ns = sys_monotonic_ns() + c->options->timeout_ns +
			       LAST_WORDS_S * 1000000000ull;

	for (;;) {
		struct pollfd p[] = { { .fd = c->up_fd, .events = POLLIN },
				      { .fd = c->signal_fd, .events = POLLIN } };
		uint64_t now = sys_monotonic_ns();
		struct up_message m;
		ssize_t n;
		int r;

		if (now >= deadline_ns)
			return explain_time(c, err);
		if (poll(p, ARRAY_SIZE(p), LOOK_MS) < 0 && errno != EINTR)
			return err_errno(err, errno, "poll");
		take_phases(c);
		r = p[1].revents ? check_signals(c, err) : 0;
		if (r < 0)
			return r;
		if (!p[0].revents)
			continue;
		n = sys_sock_recv(c->up_fd, &m, sizeof(m), NULL, NULL);
		if (n == 0)
			return report_death(c, err);
		if (n != (ssize_t)sizeof(m))
			return err_errno(err, n < 0 ? (int)n : EPROTO,
					 "hearing from the supervisor");
		r = on_message(c, &m, err);
		if (r != 0)
			return r < 0 ? r : 0;
	}
}

/** Lets the lab live on after us, and makes sure that it has understood. */
static int let_go(struct coming_up *c, struct netlab_err *err)
{
	const char keep = UP_KEEP;
	char nothing;

	if (c->options->bound_to_caller)
		return check_signals(c, err);
	if (sys_sock_send(c->up_fd, &keep, sizeof(keep), NULL, 0) < 0 ||
	    sys_sock_recv(c->up_fd, &nothing, sizeof(nothing), NULL, NULL) != 0)
		return report_death(c, err);
	close(c->up_fd);
	c->up_fd = -1;
	/* who interrupts us until here has not seen it come up */
	return check_signals(c, err);
}

static void undo(struct coming_up *c)
{
	uplink_host_deinit(&c->uplink);
	if (c->up_fd >= 0)
		close(c->up_fd);
	if (c->pid > 0) {
		(void)sys_pidfd_signal(c->pidfd, SIGKILL);
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
		close(c->pidfd);
	}
	rundir_remove(&c->dir, c->options->topo->name);
}

/** Before there is anything that would have to be undone. */
static int refuse_names(struct netlab_err *err)
{
	err_set(err, EPERM, "names in " SYS_NETNS_DIR " (--netns-names) need root");
	err_hint(err,
		 "run as root, or do without: `netlab exec NODE`, or `nsenter -t PID -a` with a "
		 "pid of `netlab show`");
	return err_class(err, NETLAB_EXIT_UNSUPPORTED);
}

int lab_up(const struct lab_up_options *given, struct lab_handle *ret, struct netlab_err *err)
{
	struct lab_up_options o = *given;
	struct coming_up c = {
		.options = &o, .up_fd = -1, .pidfd = -1, .signal_fd = -1, .uplink = UPLINK_HOST_INIT
	};
	struct netlab_err unwanted = { 0 };
	int r;

	if (!err)
		err = &unwanted;
	if (o.timeout_ns == 0)
		o.timeout_ns = DEFAULT_TIMEOUT_S * 1000000000ull;
	if (o.timeout_ns > LONGEST_TIMEOUT_S * 1000000000ull)
		o.timeout_ns = LONGEST_TIMEOUT_S * 1000000000ull;
	if (o.netns_names && geteuid() != 0)
		return refuse_names(err);
	lab_sweep(o.state_dir);
	r = catch_signals(&c, err);
	if (r == 0)
		r = uplink_prepare(o.topo, &c.uplink, err);
	if (r == 0)
		r = share_progress(&c, err);
	if (r == 0)
		r = rundir_create(o.state_dir, o.topo->name, &c.dir, err);
	if (r < 0) {
		uplink_host_deinit(&c.uplink);
		unshare_progress(&c);
		release_signals(&c);
		return r;
	}
	r = start_supervisor(&c, geteuid() != 0, err);
	if (r == 0)
		r = follow(&c, err);
	if (r == 0)
		r = let_go(&c, err);
	if (r < 0) {
		undo(&c);
		err_wrap(err, "lab '%s'", o.topo->name);
	} else {
		/* a bound lab hears by this socket that we are gone */
		*ret = (struct lab_handle){ .pid = c.pid, .pidfd = c.pidfd, .up_fd = c.up_fd };
	}
	rundir_deinit(&c.dir);
	unshare_progress(&c);
	release_signals(&c);
	return r;
}

void lab_handle_deinit(struct lab_handle *h)
{
	if (h->pidfd >= 0)
		close(h->pidfd);
	if (h->up_fd >= 0)
		close(h->up_fd);
	*h = (struct lab_handle){ .pid = 0, .pidfd = -1, .up_fd = -1 };
}
