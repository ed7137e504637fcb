/* SPDX-License-Identifier: MIT */
/* Runs programs and keeps what they write. */
#include "support/program.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	abort();
}

void program_start(struct program_run *r, const char *const *argv)
{
	const char *program = argv[0];

	if (strcmp(program, "netlab") == 0)
		program = getenv("NETLAB");
	if (!program) {
		fputs("NETLAB is not set: it names the program under test\n", stderr);
		abort();
	}
	*r = (struct program_run){ 0 };
	/* files, not pipes: nothing that a lab keeps open can hold the test up */
	r->out_fd = memfd_create("out", MFD_CLOEXEC);
	r->err_fd = memfd_create("err", MFD_CLOEXEC);
	if (r->out_fd < 0 || r->err_fd < 0)
		die("memfd_create");
	fflush(NULL);
	r->pid = fork();
	if (r->pid == 0) {
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		dup2(null, 0);
		dup2(r->out_fd, 1);
		dup2(r->err_fd, 2);
		execvp(program, (char *const *)argv);
		perror(program);
		_exit(127);
	}
	if (r->pid < 0)
		die("fork");
}

static void read_back(int fd, char *ret, size_t size)
{
	ssize_t n = pread(fd, ret, size - 1, 0);

	ret[n > 0 ? n : 0] = '\0';
	close(fd);
}

void program_wait(struct program_run *r, int timeout_ms)
{
	int pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0), status;
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	bool late;

	if (pidfd < 0)
		die("pidfd_open");
	late = poll(&p, 1, timeout_ms) == 0;
	if (late) {
		struct program_run ps;

		(void)program_run(&ps, (const char *const[]){
					       "ps", "-eHo", "pid,ppid,stat,wchan:20,args", NULL });
		fprintf(stderr, "process %d is not done after %d ms:\n%s", (int)r->pid, timeout_ms,
			ps.out);
		kill(r->pid, SIGKILL);
	}
	close(pidfd);
	if (waitpid(r->pid, &status, 0) != r->pid)
		die("waitpid");
	r->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	read_back(r->out_fd, r->out, sizeof(r->out));
	read_back(r->err_fd, r->err, sizeof(r->err));
	if (late) {
		fprintf(stderr, "it wrote:\n%s%s", r->out, r->err);
		abort();
	}
}

int program_run(struct program_run *r, const char *const *argv)
{
	program_start(r, argv);
	program_wait(r, 60000);
	return r->status;
}

void program_write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		die(path);
}

pid_t program_find(const char *comm)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	if (!proc)
		die("/proc");
	while (!found && (e = readdir(proc))) {
		char path[300], text[64] = "";
		FILE *f;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(text, sizeof(text), f)) {
			text[strcspn(text, "\n")] = '\0';
			if (strcmp(text, comm) == 0)
				found = atoi(e->d_name);
		}
		fclose(f);
	}
	closedir(proc);
	return found;
}

unsigned program_children(pid_t pid, pid_t *ret, unsigned max)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	unsigned n = 0;

	if (!proc)
		die("/proc");
	while (n < max && (e = readdir(proc))) {
		char path[300], text[512] = "", *end;
		int parent;
		FILE *f;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(text, sizeof(text), f) && (end = strrchr(text, ')')) &&
		    sscanf(end + 1, " %*c %d", &parent) == 1 && parent == pid)
			ret[n++] = atoi(e->d_name);
		fclose(f);
	}
	closedir(proc);
	return n;
}
