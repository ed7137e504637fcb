/* SPDX-License-Identifier: MIT */
/* Finding out when a service is ready. */
#include "node/ready.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/listening.h"
#include "sys/proc.h"

/* --- a log --- */

bool ready_hear(struct ready *w, const char *data, size_t len)
{
	if (!w->about || w->about->kind != TOPO_READY_LOG)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool matches;

		if (data[i] != '\n') {
			if (w->len + 1 < READY_LINE_BYTES)
				w->line[w->len++] = data[i] ? data[i] : ' ';
			continue;
		}
		w->line[w->len] = '\0';
		w->len = 0;
		matches = regexec(&w->regex, w->line, 0, NULL, 0) == 0;
		if (matches)
			return true;
	}
	return false;
}

/* --- a file --- */

static struct ready_file read_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return (struct ready_file){ 0 };
	return (struct ready_file){
		.device = st.st_dev,
		.inode = st.st_ino,
		.changed_s = st.st_ctim.tv_sec,
		.changed_ns = st.st_ctim.tv_nsec,
	};
}

static bool file_is_new(const struct ready *w)
{
	const struct ready_file now = read_file(w->about->file), *before = &w->before;

	return now.inode != 0 &&
	       (now.device != before->device || now.inode != before->inode ||
		now.changed_s != before->changed_s || now.changed_ns != before->changed_ns);
}

/** Watches the nearest directory above the file that there is, and a file that was there before. @return whether it does */
static bool watch_file(struct ready *w)
{
	char path[4096];
	char *slash;
	bool watched = false;

	if (w->inotify_fd < 0)
		return false;
	(void)strncpy(path, w->about->file, sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	(void)inotify_add_watch(w->inotify_fd, path, IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE);
	while (!watched && (slash = strrchr(path, '/'))) {
		slash[slash == path] = '\0'; /* of "/x" remains "/" */
		watched = inotify_add_watch(w->inotify_fd, path,
					    IN_ONLYDIR | IN_CREATE | IN_MOVED_TO | IN_ATTRIB |
						    IN_MOVE_SELF | IN_DELETE_SELF) >= 0;
		if (slash == path)
			break;
	}
	return watched;
}

static bool look_file(struct ready *w, uint64_t now_ns)
{
	char ignored[4096];
	bool watched;

	while (w->inotify_fd >= 0 && read(w->inotify_fd, ignored, sizeof(ignored)) > 0)
		;
	/* watched first: what happens between the two is seen by one of them */
	watched = watch_file(w);
	if (file_is_new(w))
		return true;
	w->next_ns = watched ? UINT64_MAX : now_ns + READY_PAUSE_MAX_NS;
	return false;
}

/* --- a program --- */

bool ready_child(struct ready *w, pid_t pid, int status, uint64_t now_ns, bool *ret)
{
	if (w->checker == 0 || w->checker != pid)
		return false;
	w->checker = 0;
	w->last_code = sys_exit_code(status);
	*ret = w->last_code == 0;
	w->next_ns = now_ns + w->pause_ns;
	return true;
}

static void start_checker(struct ready *w, uint64_t now_ns, ready_exec_fn *exec, void *ctx)
{
	pid_t pid;

	if (w->checker)
		return;
	pid = exec(ctx, w->about->run);
	if (pid > 0) {
		w->checker = pid;
		w->next_ns = UINT64_MAX; /* its end is the next event */
	} else {
		w->last_code = pid == -ENOENT ? NETLAB_EXIT_NOTFOUND : NETLAB_EXIT_NOEXEC;
		w->next_ns = now_ns + READY_PAUSE_MAX_NS;
	}
}

/* --- all --- */

int ready_begin(struct ready *w, const struct topo_ready *about, uint64_t now_ns)
{
	ready_end(w);
	*w = (struct ready){
		.about = about,
		.inotify_fd = -1,
		.last_code = -1,
		.pause_ns = READY_PAUSE_MIN_NS,
		.next_ns = UINT64_MAX,
	};
	switch (about->kind) {
	case TOPO_READY_STARTED:
		w->about = NULL;
		break;
	case TOPO_READY_LOG:
		w->line = malloc(READY_LINE_BYTES);
		if (!w->line || regcomp(&w->regex, about->regex, REG_EXTENDED | REG_NOSUB) != 0) {
			ready_end(w);
			return -ENOMEM;
		}
		w->compiled = true;
		break;
	case TOPO_READY_FILE:
		w->before = read_file(about->file);
		/* there may be no more of them than a user may have: then it is looked at again and again */
		w->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		w->next_ns = now_ns;
		break;
	case TOPO_READY_TCP:
	case TOPO_READY_EXEC:
		w->next_ns = now_ns;
		break;
	}
	return 0;
}

bool ready_look(struct ready *w, uint64_t now_ns, ready_exec_fn *exec, void *ctx)
{
	if (!w->about)
		return false;
	if (now_ns < w->next_ns)
		return false;
	if (w->about->kind == TOPO_READY_FILE)
		return look_file(w, now_ns);
	w->pause_ns = w->pause_ns * 2 < READY_PAUSE_MAX_NS ? w->pause_ns * 2 : READY_PAUSE_MAX_NS;
	w->next_ns = now_ns + w->pause_ns;
	if (w->about->kind == TOPO_READY_EXEC)
		start_checker(w, now_ns, exec, ctx);
	return w->about->kind == TOPO_READY_TCP && sys_tcp_listening((uint16_t)w->about->port) > 0;
}

void ready_wake(struct ready *w)
{
	w->next_ns = 0;
}

uint64_t ready_next(const struct ready *w)
{
	return w->about ? w->next_ns : UINT64_MAX;
}

void ready_end(struct ready *w)
{
	if (!w->about)
		return;
	w->about = NULL;
	if (w->compiled)
		regfree(&w->regex);
	w->compiled = false;
	free(w->line);
	w->line = NULL;
	if (w->inotify_fd >= 0)
		(void)close(w->inotify_fd);
	w->inotify_fd = -1;
	if (w->checker >
	    0) { /* its group, unless it has not come to setsid() yet; reaped like any orphan */
		(void)kill(w->checker, SIGKILL);
		(void)kill(-w->checker, SIGKILL);
	}
	w->checker = 0;
}
