/* SPDX-License-Identifier: MIT */
/* libnetlab: recording a running lab, behind include/netlab/lab.h. */
#include "netlab/lab.h"

#include <unistd.h>

#include "base/err.h"
#include "lab/api.h"
#include "repro/record_dir.h"

int netlab_record_start(struct netlab_lab *lab, const char *dir, struct netlab_err *err)
{
	bool made = false;
	int fd = -1, r;

	err = api_err(err);
	r = record_dir_make(dir, &fd, &made, err);
	if (r < 0)
		return r;
	r = lab_record_start(lab->state_dir, lab->name, fd, err);
	if (r < 0) {
		record_dir_discard(made ? dir : NULL, fd);
		return err_wrap(err, "recording to '%s'", dir);
	}
	(void)close(fd);
	return 0;
}

int netlab_record_stop(struct netlab_lab *lab, char **ret, struct netlab_err *err)
{
	json_t *doc = NULL;
	int r, text;

	err = api_err(err);
	if (ret)
		*ret = NULL;
	r = lab_record_stop(lab->state_dir, lab->name, &doc, err);
	if (ret && doc) {
		/* why the recording is incomplete matters more than that there is no memory to tell its counts */
		text = api_take_json(json_incref(doc), ret, r < 0 ? api_err(NULL) : err);
		r = r < 0 ? r : text;
	}
	json_decref(doc);
	return r;
}
