/* SPDX-License-Identifier: MIT */
/* Waiting for a child while passing signals on. */
#include "sys/relay.h"

#include <errno.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "sys/proc.h"

void sys_relay_set(sigset_t *ret)
{
	static const int passed[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD };

	sigemptyset(ret);
	for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
		sigaddset(ret, passed[i]);
}

void sys_relay_begin(struct sys_relay *r)
{
	sigset_t set;

	sys_relay_set(&set);
	sigprocmask(SIG_BLOCK, &set, &r->old_mask);
	/* inherited as ignored, it would neither come nor leave an exit code */
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL }, &r->old_child);
}

void sys_relay_end(struct sys_relay *r)
{
	sigaction(SIGCHLD, &r->old_child, NULL);
	sigprocmask(SIG_SETMASK, &r->old_mask, NULL);
}

int sys_relay_wait(pid_t pid, unsigned flags)
{
	sigset_t set;

	sys_relay_set(&set);
	for (;;) {
		siginfo_t info;
		int status;

		if (waitpid(pid, &status, WNOHANG) == pid)
			return sys_exit_code(status);
		if (sigwaitinfo(&set, &info) < 0 || info.si_signo == SIGCHLD)
			continue;
		/* SI_KERNEL: from the terminal, to all of the foreground group, the child included */
		if ((flags & SYS_RELAY_SIGNALS) && info.si_code != SI_KERNEL)
			(void)kill(pid, info.si_signo);
	}
}
