/* SPDX-License-Identifier: MIT */
/* Filling in struct netlab_err: fixed buffers, no allocation. */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int normalise(int errnum)
{
	if (errnum == 0)
		return -EIO;
	return errnum > 0 ? -errnum : errnum;
}

__attribute__((format(printf, 3, 0))) static void start(struct netlab_err *err, int code,
							const char *fmt, va_list ap)
{
	*err = (struct netlab_err){ .code = code, .exit = NETLAB_EXIT_RUNTIME };
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
}

int err_set(struct netlab_err *err, int errnum, const char *fmt, ...)
{
	int code = normalise(errnum);
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	start(err, code, fmt, ap);
	va_end(ap);
	return code;
}

int err_errno(struct netlab_err *err, int errnum, const char *fmt, ...)
{
	int code = normalise(errnum);
	size_t used;
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	start(err, code, fmt, ap);
	va_end(ap);
	used = strlen(err->message);
	snprintf(err->message + used, sizeof(err->message) - used, ": %s", strerror(-code));
	return code;
}

int err_wrap(struct netlab_err *err, const char *fmt, ...)
{
	char inner[sizeof(err->message)];
	size_t used;
	va_list ap;

	if (!err)
		return 0;
	memcpy(inner, err->message, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	used = strlen(err->message);
	snprintf(err->message + used, sizeof(err->message) - used, ": %s", inner);
	return err->code;
}

int err_hint(struct netlab_err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return 0;
	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
	return err->code;
}

int err_where(struct netlab_err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return 0;
	va_start(ap, fmt);
	vsnprintf(err->where, sizeof(err->where), fmt, ap);
	va_end(ap);
	return err->code;
}

int err_class(struct netlab_err *err, enum netlab_exit exit_class)
{
	if (!err)
		return 0;
	err->exit = exit_class;
	return err->code;
}
