/* SPDX-License-Identifier: MIT */
/**
 * @file err.h
 * Filling in struct netlab_err. Every function here accepts a NULL `err` and then only returns the code.
 */
#ifndef NETLAB_BASE_ERR_H
#define NETLAB_BASE_ERR_H

#include <stdarg.h>

#include "netlab/err.h"

/**
 * Starts an error: code, class NETLAB_EXIT_RUNTIME (unless the errno says "cannot": EPERM and EACCES stay run-time
 * too; use err_class()), message. An earlier content is replaced.
 * @param[out] err    may be NULL
 * @param[in]  errnum positive or negative errno; 0 is stored as EIO, for an error must not read as success
 * @return the negative errno, so that `return err_set(...)` forwards it
 */
int err_set(struct netlab_err *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** Like err_set() and appends ": " and the errno's text. */
int err_errno(struct netlab_err *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** Puts "context: " before the message. @return err->code (0 for NULL) */
int err_wrap(struct netlab_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Sets the remedy. @return err->code */
int err_hint(struct netlab_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Sets the place. @return err->code */
int err_where(struct netlab_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Sets the class. @return err->code */
int err_class(struct netlab_err *err, enum netlab_exit exit_class);

#endif
