/* SPDX-License-Identifier: MIT */
/* iproute2's tc: lines in by a memfd, words out by another; no pipes, so nothing can block or be lost. */
#include "sys/tc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/gate.h"
#include "sys/proc.h"

enum { EXIT_NO_TC = 127, WORDS_BYTES = 600 };

/** Runs in the child: never returns. The search path is fixed: a node's admin tools live in sbin, and root's PATH in a
 *  lab should not decide which tc runs. */
static void exec_tc(int in_fd, int out_fd)
{
	static const char *const places[] = { "/usr/sbin/tc", "/sbin/tc", "/usr/bin/tc", "/bin/tc",
					      "/usr/local/sbin/tc" };
	char *const argv[] = { "tc", "-batch", "-", NULL };
	char *const env[] = { NULL };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in_fd, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(out_fd, 2) < 0)
		_exit(1);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		execve(places[i], argv, env);
	_exit(EXIT_NO_TC);
}

static int memfd_with(const char *name, const char *data, size_t len)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (len > 0 && (write(fd, data, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) < 0)) {
		int r = errno ? -errno : -EIO;

		close(fd);
		return r;
	}
	return fd;
}

/** tc's words on one line: "Error: Exclusivity flag on...\nCommand failed -:3" becomes the text before "Command". */
static void report(int out_fd, unsigned *ret_line, struct netlab_err *err)
{
	char words[WORDS_BYTES];
	ssize_t n = pread(out_fd, words, sizeof(words) - 1, 0);
	char *failed;
	size_t end;

	words[n > 0 ? n : 0] = '\0';
	failed = strstr(words, "Command failed");
	if (failed) {
		const char *colon = strchr(failed, ':');

		if (ret_line && colon)
			*ret_line = (unsigned)strtoul(colon + 1, NULL, 10);
		*failed = '\0';
	}
	for (end = strlen(words); end > 0 && strchr(" \n", words[end - 1]); end--)
		words[end - 1] = '\0';
	for (char *c = words; *c; c++) {
		if (*c == '\n')
			*c = ' ';
	}
	err_set(err, EIO, "tc: %s", words[0] ? words : "failed without a word");
}

int tc_batch(const char *lines, size_t len, unsigned *ret_line, struct netlab_err *err)
{
	int in_fd, out_fd, status = 0, r;
	pid_t pid, got;

	if (ret_line)
		*ret_line = 0;
	r = sys_gate("tc batch");
	if (r < 0)
		return err_errno(err, r, "tc -batch");
	in_fd = memfd_with("netlab-tc-in", lines, len);
	out_fd = memfd_with("netlab-tc-out", NULL, 0);
	if (in_fd < 0 || out_fd < 0) {
		r = err_errno(err, in_fd < 0 ? in_fd : out_fd, "preparing tc -batch");
		goto out;
	}
	pid = sys_clone(0, NULL);
	if (pid == 0)
		exec_tc(in_fd, out_fd);
	if (pid < 0) {
		r = err_errno(err, pid, "starting tc");
		goto out;
	}
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		r = err_errno(err, errno, "waiting for tc");
	else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_TC) {
		r = err_set(err, ENOENT, "program 'tc' not found");
		err_hint(err, "install iproute2");
		err_class(err, NETLAB_EXIT_UNSUPPORTED);
	} else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		if (WIFSIGNALED(status))
			err_set(err, EIO, "tc was killed by signal %d", WTERMSIG(status));
		else
			report(out_fd, ret_line, err);
		r = -EIO;
	}
out:
	if (in_fd >= 0)
		close(in_fd);
	if (out_fd >= 0)
		close(out_fd);
	return r;
}
