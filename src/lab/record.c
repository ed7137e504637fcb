/* SPDX-License-Identifier: MIT */
/* Recording a lab, as its users see it. */
#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "lab/client.h"
#include "sys/proc.h"

int lab_record_start(const char *state_dir, const char *name, int dir_fd, struct netlab_err *err)
{
	return lab_request_passing(state_dir, name, json_pack("{s:s}", "op", "record-start"),
				   dir_fd, NULL, err);
}

static int ask_stop(const char *state_dir, const char *name, json_t **ret, int *ret_fd,
		    struct netlab_err *err)
{
	return lab_request(state_dir, name, json_pack("{s:s}", "op", "record-stop"), ret, ret_fd,
			   err);
}

int lab_record_stop(const char *state_dir, const char *name, json_t **ret, struct netlab_err *err)
{
	json_t *doc = NULL;
	const char *error, *links_error;
	int pidfd = -1, r = ask_stop(state_dir, name, &doc, &pidfd, err);

	if (r < 0)
		return r;
	if (pidfd >= 0) {
		/* it writes for as long as its disk takes; then there is more to tell */
		r = sys_wait_readable(pidfd, -1);
		close(pidfd);
		json_decref(doc);
		doc = NULL;
		if (r == 0)
			r = ask_stop(state_dir, name, &doc, NULL, err);
		if (r < 0)
			return r;
	}
	error = json_string_value(json_object_get(doc, "error"));
	links_error = json_string_value(json_object_get(doc, "links_error"));
	if (error) {
		(void)err_set(err, EIO, "the recording is incomplete: %s", error);
		r = -EIO;
	} else if (links_error) {
		(void)err_set(err, EIO,
			      "what was recorded is whole, but links stay with the wire: %s",
			      links_error);
		(void)err_hint(err, "`netlab record stop` gives them back when asked again");
		r = -EIO;
	}
	if (ret)
		*ret = json_incref(doc);
	json_decref(doc);
	return r;
}
