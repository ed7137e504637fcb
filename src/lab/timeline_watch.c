/* SPDX-License-Identifier: MIT */
/* Logs and links that events wait for. */
#include "lab/timeline_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/err.h"
#include "lab/supervisor.h"
#include "node/service_log.h"
#include "sys/fs.h"
#include "sys/match.h"

/* --- logs --- */

int log_watch_open(struct log_watch *w, const struct supervisor *s, const struct topo_event *e,
		   int inotify_fd, struct netlab_err *err)
{
	const struct topo_node *node = &s->topo->nodes[e->log_node];
	const char *service = node->services[e->log_service].name;
	char name[160], path[200];
	int r = sys_mkdir(s->log_dir_fd, node->name);

	/* one that could not be started has no log yet */
	(void)snprintf(name, sizeof(name), "%s/%s.log", node->name, service);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", s->log_dir_fd, name);
	w->fd = r < 0 && r != -EEXIST ? r
				      : sys_open(s->log_dir_fd, name, O_RDWR | O_CREAT | O_APPEND);
	if (w->fd < 0)
		return err_errno(err, w->fd, "opening the log of '%s/%s'", node->name, service);
	/* watched before it is first read, so that nothing falls between the two */
	if (inotify_add_watch(inotify_fd, path, IN_MODIFY) < 0)
		return err_errno(err, errno, "watching the log of '%s/%s'", node->name, service);
	if (regcomp(&w->regex, e->regex, REG_EXTENDED | REG_NOSUB) != 0)
		return err_set(err, ENOMEM, "out of memory");
	w->compiled = true;
	return 0;
}

/** @return whether the line is complete and matches */
static bool take_byte(struct log_watch *w, char c)
{
	const char *text = w->line;
	bool matches;

	if (c != '\n') {
		if (w->len + 1 < sizeof(w->line))
			w->line[w->len++] = c ? c : ' ';
		return false;
	}
	w->line[w->len] = '\0';
	if (w->len >= SERVICE_STAMP_BYTES) /* the time is netlab's, not the service's */
		text += SERVICE_STAMP_BYTES;
	w->len = 0;
	matches = regexec(&w->regex, text, 0, NULL, 0) == 0;
	return matches;
}

bool log_watch_read(struct log_watch *w)
{
	char data[4096];
	ssize_t n;

	while (w->fd >= 0 && (n = read(w->fd, data, sizeof(data))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (take_byte(w, data[i]))
				return true;
		}
	}
	return false;
}

void log_watch_close(struct log_watch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	if (w->compiled)
		regfree(&w->regex);
	w->fd = -1;
	w->compiled = false;
}

/* --- packets --- */

int packet_watch_open(struct packet_watch *w, const struct supervisor *s,
		      const struct topo_event *e, struct netlab_err *err)
{
	const struct topo_link *link = &s->topo->links[e->packet_link];
	struct sys_match match = { 0 };
	int r = sys_match_compile(e->match, &match, err);

	w->left = e->nth;
	for (unsigned end = 0; end < 2 && r == 0; end++) {
		w->fd[end] = sys_match_listen(&match,
					      s->plan->links[e->packet_link].ends[end].ifindex);
		if (w->fd[end] < 0)
			r = err_errno(err, w->fd[end], "listening to link '%s'", link->name);
	}
	sys_match_deinit(&match);
	return r;
}

bool packet_watch_read(struct packet_watch *w)
{
	for (unsigned end = 0; end < 2 && w->left > 0; end++) {
		int64_t n = w->fd[end] >= 0 ? sys_match_count(w->fd[end]) : 0;

		if (n > 0)
			w->left -= (uint64_t)n < w->left ? (uint64_t)n : w->left;
	}
	return w->left == 0;
}

void packet_watch_mute(struct packet_watch *w)
{
	for (unsigned end = 0; end < 2; end++) {
		if (w->fd[end] >= 0)
			(void)sys_match_mute(w->fd[end]);
	}
}

void packet_watch_close(struct packet_watch *w)
{
	for (unsigned end = 0; end < 2; end++) {
		if (w->fd[end] >= 0)
			close(w->fd[end]);
		w->fd[end] = -1;
	}
}
