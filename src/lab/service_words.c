/* SPDX-License-Identifier: MIT */
/* What is the matter with a service, in words. */
#include "lab/service_words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/units.h"
#include "node/service_log.h"
#include "sys/fs.h"

enum {
	LAST_LINES = 5,
	LAST_BYTES = 2048, /* of the log are looked at */
	WORDS_BYTES = 300, /* as much as a hint has room for */
};

/* --- its last lines --- */

/** Cuts the time off a line. */
static const char *text_of(const char *line)
{
	return strlen(line) >= SERVICE_STAMP_BYTES ? line + SERVICE_STAMP_BYTES : line;
}

/** Puts the last lines of a log into the hint, as many as fit. */
static void hint_last_lines(const struct supervisor *s, size_t node, size_t index,
			    struct netlab_err *err)
{
	const struct topo_node *n = &s->topo->nodes[node];
	char path[SERVICE_LOG_PATH_BYTES], data[LAST_BYTES + 1];
	const char *lines[LAST_LINES];
	size_t used = 0, n_lines = 0;
	_cleanup_buf_ struct buf words = { 0 };
	ssize_t got = 0;
	off_t size;
	int fd = sys_open(s->log_dir_fd, service_log_path(n->name, n->services[index].name, path),
			  O_RDONLY);

	if (fd >= 0) {
		size = lseek(fd, 0, SEEK_END);
		got = pread(fd, data, LAST_BYTES, size > LAST_BYTES ? size - LAST_BYTES : 0);
		close(fd);
	}
	if (got <= 0) {
		err_hint(err, "it wrote nothing");
		return;
	}
	data[got] = '\0';
	for (char *c = data; c < data + got; c++)
		*c = *c ? *c : ' ';
	if (data[got - 1] == '\n')
		data[got - 1] = '\0';
	for (char *end; n_lines < LAST_LINES; *end = '\0') {
		const char *text;

		end = strrchr(data, '\n');
		if (!end && size > LAST_BYTES)
			break; /* its beginning was not read */
		text = text_of(end ? end + 1 : data);
		if (n_lines > 0 && used + strlen(text) > WORDS_BYTES)
			break;
		used += strlen(text) + 4;
		lines[n_lines++] = text;
		if (!end)
			break;
	}
	buf_puts(&words, "it wrote last:");
	for (size_t i = n_lines; i > 0; i--)
		buf_printf(&words, "%s \"%.*s\"", i < n_lines ? "," : "", (int)WORDS_BYTES,
			   lines[i - 1]);
	err_hint(err, "%s", buf_text(&words) ? buf_text(&words) : "");
}

/* --- why --- */

static void put_end(struct buf *b, int status)
{
	if (WIFSIGNALED(status))
		buf_printf(b, "killed by signal %d", WTERMSIG(status));
	else
		buf_printf(b, "exit code %d", WEXITSTATUS(status));
}

static void put_missing(struct buf *b, const struct topo_ready *r, const struct node_service *is)
{
	if (is->cause == SERVICE_CANNOT_RUN) {
		buf_printf(b, ": it could not be started: %s", is->why);
		return;
	}
	switch (r->kind) {
	case TOPO_READY_STARTED:
		break;
	case TOPO_READY_TCP:
		buf_printf(b, ": nothing listens on TCP port %u", r->port);
		break;
	case TOPO_READY_LOG:
		buf_printf(b, ": it wrote no line that matches \"%s\"", r->regex);
		break;
	case TOPO_READY_EXEC:
		buf_printf(b, ": '%s' ", r->run[0]);
		if (is->check_code < 0)
			buf_puts(b, "has not ended");
		else
			buf_printf(b, "ended last with exit code %d", is->check_code);
		break;
	case TOPO_READY_FILE:
		buf_printf(b, ": it has not made '%s'", r->file);
		break;
	}
	if (is->ended && is->restarts > 0) {
		buf_printf(b, "; it was started again %u times, and ended last with ",
			   is->restarts);
		put_end(b, is->status);
	}
}

/** What is wrong, without the name of the service. */
static void put_why(struct buf *b, const struct topo_service *about, const struct node_service *is)
{
	switch (is->cause) {
	case SERVICE_NO_CAUSE:
		break;
	case SERVICE_CANNOT_RUN:
		buf_printf(b, "cannot be run: %s", is->why);
		break;
	case SERVICE_ENDED_EARLY:
		buf_puts(b, "ended before it was ready: ");
		put_end(b, is->status);
		break;
	case SERVICE_NOT_IN_TIME:
		buf_puts(b, "is not ready after ");
		units_format_time(b, about->ready.timeout_ns);
		put_missing(b, &about->ready, is);
		break;
	case SERVICE_TOO_OFTEN:
		buf_printf(b, "ended too often (%u times in a row), last with ",
			   about->restart.max + 1);
		put_end(b, is->status);
		break;
	}
}

static int say(const struct supervisor *s, size_t node, size_t index, int code,
	       const struct buf *why, struct netlab_err *err)
{
	const struct topo_node *n = &s->topo->nodes[node];

	(void)err_set(err, code, "service '%s/%s' %s", n->name, n->services[index].name,
		      buf_text(why) ? buf_text(why) : "");
	hint_last_lines(s, node, index, err);
	return err->code;
}

int service_words_failed(const struct supervisor *s, size_t node, size_t index,
			 struct netlab_err *err)
{
	const struct node_service *is = &s->nodes[node].services[index];
	_cleanup_buf_ struct buf why = { 0 };

	put_why(&why, &s->topo->nodes[node].services[index], is);
	return say(s, node, index, is->cause == SERVICE_NOT_IN_TIME ? ETIME : ECHILD, &why, err);
}

int service_words_late(const struct supervisor *s, size_t node, size_t index,
		       struct netlab_err *err)
{
	const struct node_service *is = &s->nodes[node].services[index];
	_cleanup_buf_ struct buf why = { 0 };

	if (is->state == SERVICE_WAITING) {
		return err_set(err, ETIME, "service '%s/%s' still waits for what it comes after",
			       s->topo->nodes[node].name,
			       s->topo->nodes[node].services[index].name);
	}
	buf_puts(&why, "is not ready, and time is up");
	put_missing(&why, &s->topo->nodes[node].services[index].ready, is);
	return say(s, node, index, ETIME, &why, err);
}

const char *service_words_cause(enum service_cause cause)
{
	switch (cause) {
	case SERVICE_NO_CAUSE:
		break;
	case SERVICE_CANNOT_RUN:
		return "cannot-run";
	case SERVICE_ENDED_EARLY:
		return "ended-early";
	case SERVICE_NOT_IN_TIME:
		return "not-in-time";
	case SERVICE_TOO_OFTEN:
		return "too-often";
	}
	return "none";
}

void service_words_log(const struct supervisor *s, size_t node, size_t index,
		       const struct node_service *before, const struct node_service *now)
{
	const struct topo_node *n = &s->topo->nodes[node];
	const char *name = n->services[index].name;
	_cleanup_buf_ struct buf why = { 0 };

	if (now->state == before->state)
		return;
	if (now->state == SERVICE_BACKING_OFF && now->cause == SERVICE_CANNOT_RUN) {
		supervisor_log("service '%s/%s' could not be started: %s; it will be tried again",
			       n->name, name, now->why);
	} else if (now->state == SERVICE_BACKING_OFF) {
		put_end(&why, now->status);
		supervisor_log("service '%s/%s' ended: %s; it will be started again", n->name, name,
			       buf_text(&why));
	} else if (now->state == SERVICE_FAILED) {
		put_why(&why, &n->services[index], now);
		supervisor_log("service '%s/%s' %s", n->name, name, buf_text(&why));
	}
}
