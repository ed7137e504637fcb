/* SPDX-License-Identifier: MIT */
/*
 * The keeper of a user's command.
 *
 * Theory of operation.
 *
 *     netlab --fork--> keeper --fork--> command --> whatever it starts
 *
 * The keeper adopts orphans, so that all the command ever started descends from it, daemons as well, until the last one has
 * ended. It is in a process group of its own: what a terminal sends, and what kills netlab's group, does not reach it, and
 * it outlives a SIGKILL of netlab by the time that killing the rest takes. The command is in netlab's group and session as
 * if nobody were between them, so job control is as it would be without.
 */
#include "sys/command_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/clock.h"
#include "sys/descendants.h"
#include "sys/gate.h"
#include "sys/proc.h"
#include "sys/program.h"

/* Between SIGTERM and SIGKILL, at each of both: the command, and what it leaves. */
#define KILL_AFTER_NS (2 * UINT64_C(1000000000))
/* For what was killed to be gone; what then is not is stuck in the kernel, on a dead file server say. */
#define GONE_AFTER_NS (5 * UINT64_C(1000000000))
/* How often what has no parent here to tell of its end is looked for. */
#define LOOK_EVERY_NS (20 * UINT64_C(1000000))

enum {
	OWNER_GONE = SIGPWR, /* sent by the kernel; nobody passes it on */
};

static const int passed_on[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2 };

struct keeper {
	const struct sys_command *command;
	const struct keeper_signals *signals;
	pid_t owner;
	pid_t pid;       /* of the command; 0 = has been reaped */
	bool alone;      /* nobody descends from us */
	bool owner_gone; /* nobody waits for anything */
	bool hurry;      /* asked for more than once */
	bool forced;     /* the command did not end of its own accord */
	int status;
	bool timed_out;
};

/* --- signals --- */

void keeper_signals_begin(struct keeper_signals *s)
{
	(void)sigemptyset(&s->set);
	(void)sigaddset(&s->set, SIGCHLD);
	(void)sigaddset(&s->set, OWNER_GONE);
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
		(void)sigaddset(&s->set, passed_on[i]);
	(void)sigprocmask(SIG_BLOCK, &s->set, &s->before);
}

int keeper_next_signal(const struct keeper_signals *s, uint64_t deadline_ns)
{
	for (;;) {
		uint64_t now = sys_monotonic_ns(), left = deadline_ns > now ? deadline_ns - now : 0;
		struct timespec t = { .tv_sec = (time_t)(left / 1000000000u),
				      .tv_nsec = (long)(left % 1000000000u) };
		siginfo_t info;
		int signo = sigtimedwait(&s->set, &info, deadline_ns == UINT64_MAX ? NULL : &t);

		if (signo > 0 && (signo == SIGINT || signo == SIGQUIT) && info.si_code == SI_KERNEL)
			continue; /* Ctrl-C */
		if (signo > 0)
			return signo;
		if (errno != EINTR) /* EAGAIN; a wrong set would be our own fault */
			return 0;
	}
}

static bool asks_for_end(int signo)
{
	return signo != SIGUSR1 && signo != SIGUSR2;
}

/* --- the command --- */

/* Runs in the process of a command that is a function; writes to `report` what it says. */
static int child_main(const struct sys_command *c, pid_t keeper, const sigset_t *mask, int report)
{
	struct netlab_err err = { 0 };
	int status;

	if (sys_die_with_parent(true) < 0 || getppid() != keeper)
		return NETLAB_EXIT_NETLAB; /* nobody waits for an answer */
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	for (size_t i = 0; c->env && c->env[i]; i++)
		(void)putenv(
			(char *)c->env[i]); /* putenv() keeps the pointer and changes nothing */
	status = c->child(c->ctx, &err);
	if (err.code)
		(void)!write(report, &err, sizeof(err));
	return status;
}

/* @return the end of a pipe that tells what child_main() writes; negative errno */
static int start_child(struct keeper *k)
{
	pid_t self = getpid(), pid;
	int report[2] = { -1, -1 }, r = sys_gate("pipe");

	if (r < 0 || pipe2(report, O_CLOEXEC) < 0)
		return r < 0 ? r : -errno;
	r = sys_gate("fork");
	pid = r < 0 ? -1 : fork();
	if (pid == 0)
		_exit(child_main(k->command, self, &k->signals->before, report[1]));
	r = r < 0 ? r : -errno;
	(void)close(report[1]);
	if (pid < 0) {
		(void)close(report[0]);
		return r;
	}
	k->pid = pid;
	return report[0];
}

static int start_program(struct keeper *k, int *ret_error)
{
	pid_t pid = sys_program_start(k->command, &k->signals->before, ret_error);

	if (pid < 0)
		return pid;
	k->pid = pid;
	return 0;
}

/* What c->child left, if anything. Whoever else has the other end open is not waited for. */
static void take_child_error(int report, struct netlab_err *ret)
{
	struct netlab_err told;

	(void)fcntl(report, F_SETFL, O_NONBLOCK);
	if (read(report, &told, sizeof(told)) == (ssize_t)sizeof(told))
		*ret = told;
}

/* --- waiting, and ending --- */

static void reap(struct keeper *k)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != k->pid)
			continue;
		k->pid = 0;
		k->status = status;
	}
	k->alone = pid < 0;
}

static void signal_command(const struct keeper *k, int signo)
{
	if (k->pid > 0)
		(void)kill(k->command->own_group && !k->command->child ? -k->pid : k->pid, signo);
}

/* The time is up: unlike who sends a signal to netlab, which could be meant for the command alone, this means all. */
static void signal_all(const struct keeper *k, int signo)
{
	struct sys_descendants d;

	if (sys_descendants_signal(SYS_ANY_SESSION, signo, &d) < 0)
		signal_command(k, signo);
	/* who is stopped could not hear it */
	if (signo != SIGKILL)
		(void)sys_descendants_signal(SYS_ANY_SESSION, SIGCONT, &d);
}

static void wait_for_command(struct keeper *k)
{
	const uint64_t timeout_ns = k->command->timeout_ns, begin = sys_monotonic_ns();
	uint64_t deadline = timeout_ns && timeout_ns < UINT64_MAX - begin ? begin + timeout_ns
									  : UINT64_MAX;

	while (k->pid > 0 && !k->owner_gone) {
		int signo = keeper_next_signal(k->signals, deadline);

		if (signo == SIGCHLD) {
			reap(k);
		} else if (signo == OWNER_GONE) {
			k->owner_gone = getppid() != k->owner;
		} else if (signo) {
			k->forced = k->forced || asks_for_end(signo);
			signal_command(k, signo);
		} else {
			signal_all(k, k->timed_out ? SIGKILL : SIGTERM);
			deadline = k->timed_out ? UINT64_MAX : sys_monotonic_ns() + KILL_AFTER_NS;
			k->timed_out = k->forced = true;
		}
	}
}

/* Waits until nobody is left, or it is time to look. */
static void wait_a_little(struct keeper *k)
{
	uint64_t until = sys_monotonic_ns() + LOOK_EVERY_NS;

	while (!k->alone) {
		int signo = keeper_next_signal(k->signals, until);

		if (signo == 0)
			return;
		if (signo == SIGCHLD)
			reap(k);
		else if (signo == OWNER_GONE)
			k->owner_gone = getppid() != k->owner;
		else
			k->hurry = k->hurry || asks_for_end(signo);
	}
}

/*
 * Ends what the command has left. What ended by itself may have left a daemon on purpose: that is one with a session of
 * its own.
 */
static struct sys_descendants end_rest(struct keeper *k)
{
	bool all = k->owner_gone || k->forced || WIFSIGNALED(k->status);
	pid_t session = all ? SYS_ANY_SESSION : getsid(0);
	uint64_t begin = sys_monotonic_ns();
	struct sys_descendants d = { 0 };
	bool killing = false;

	reap(k);
	if (!k->alone && !k->owner_gone && sys_descendants_signal(session, SIGTERM, &d) == 0)
		(void)sys_descendants_signal(session, SIGCONT, &d);
	while (!k->alone) {
		uint64_t now = sys_monotonic_ns();
		bool kill_now = k->owner_gone || k->hurry || now - begin >= KILL_AFTER_NS;

		if (kill_now && !killing)
			begin = now;
		killing = killing || kill_now;
		if (sys_descendants_signal(session, killing ? SIGKILL : 0, &d) < 0)
			return (struct sys_descendants){ 0 };
		if (d.n == 0 || (killing && d.n == d.denied) ||
		    (killing && now - begin >= GONE_AFTER_NS))
			return d;
		wait_a_little(k);
	}
	return (struct sys_descendants){ 0 };
}

void keeper_main(const struct sys_command *c, pid_t owner, const struct keeper_signals *s, int fd)
{
	struct keeper k = { .command = c, .signals = s, .owner = owner };
	struct keeper_report report = { 0 };
	struct sys_descendants left;
	int told = -1, r;

	sys_adopt_orphans();
	if (sys_signal_with_parent(OWNER_GONE) < 0 || getppid() != owner)
		_exit(NETLAB_EXIT_NETLAB);
	r = c->child ? (told = start_child(&k)) : start_program(&k, &report.exec);
	report.error = r < 0 ? r : 0;
	if (r >= 0) {
		(void)setpgid(0, 0);
		sys_set_comm("netlab-keeper");
		/* locks and sockets of netlab's shall end with netlab */
		sys_close_all_but(STDERR_FILENO + 1, (int[]){ told, fd }, 2);
		wait_for_command(&k);
		left = end_rest(&k);
		if (c->child)
			take_child_error(told, &report.err);
		report.end = (struct sys_command_end){
			.status = sys_exit_code(k.status),
			.timed_out = k.timed_out,
			.left = left.n,
			.left_pid = left.one,
		};
	}
	if (!k.owner_gone)
		(void)!write(fd, &report, sizeof(report));
	_exit(0);
}
