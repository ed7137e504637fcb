/* SPDX-License-Identifier: MIT */
/* A world of its own for a test. */
#include "support/world.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char place[] = "/tmp/netlab-world-XXXXXX";
const char *world_dir = place;

int world_skip(const char *why)
{
	const char *must = getenv("NETLAB_MUST_WORK");

	printf("%s: %s\n", must && *must ? "must work, but" : "skipped", why);
	fflush(stdout);
	return must && *must ? 1 : 77;
}

bool world_reap(void)
{
	bool any = false;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		any = true;
	return any;
}

static int loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -1;
	r = ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return r;
}

/* The first process of the world. */
static int live(int (*test)(void))
{
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
	    mount("world", place, "tmpfs", MS_NOSUID | MS_NODEV, "size=64m,mode=0711") < 0 ||
	    loopback_up() < 0) {
		perror("world: setting it up");
		return 1;
	}
	/* should a test forget --state-dir, it must not meet the labs of the real host */
	setenv("NETLAB_STATE_DIR", place, 1);
	return test();
}

int world_run(int (*test)(void))
{
	int status;
	pid_t pid;

	if (!mkdtemp(place)) {
		perror("world: mkdtemp");
		return 1;
	}
	if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC) < 0) {
		char why[128];

		snprintf(why, sizeof(why),
			 "no namespaces of its own for this test: %s; run it as root",
			 strerror(errno));
		rmdir(place);
		return world_skip(why);
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		status = live(test);
		fflush(NULL);
		_exit(status);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("world: fork");
		status = 1 << 8;
	}
	/* its tmpfs is in our mount namespace, too */
	(void)umount2(place, MNT_DETACH);
	rmdir(place);
	if (WIFSIGNALED(status)) {
		fprintf(stderr, "world: its first process was killed by signal %d\n",
			WTERMSIG(status));
		return 1;
	}
	return WEXITSTATUS(status);
}
