/* SPDX-License-Identifier: MIT */
/* Files of traces. */
#include "lab/traces.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sys/fs.h"

int lab_trace_read(const char *path, struct trace *ret, struct netlab_err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r = sys_read_file(path, LAB_TRACE_MAX_BYTES, &text, &len);

	if (r == 0) {
		r = trace_parse(text, len, path, ret, err);
		if (r < 0 && err && err->where[0] == '\0')
			(void)err_where(err, "%s", path);
		return r;
	}
	if (r == -EFBIG)
		(void)err_set(err, r, "trace: the file is larger than %d MiB",
			      LAB_TRACE_MAX_BYTES >> 20);
	else if (r == -EISDIR)
		(void)err_set(err, r, "trace: this is a directory, not a file");
	else
		(void)err_errno(err, r, "trace");
	if (r == -ENOENT)
		(void)err_hint(
			err,
			"a relative path counts from the directory of the topology file, or in `link set` from here");
	(void)err_where(err, "%s", path);
	(void)err_class(err, NETLAB_EXIT_INVALID);
	return r;
}
