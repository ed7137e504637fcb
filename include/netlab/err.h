/* SPDX-License-Identifier: MIT */
/**
 * @file err.h
 * The error object that every fallible netlab call fills in: no allocation, so that reporting "out of memory"
 * cannot itself fail.
 */
#ifndef NETLAB_ERR_H
#define NETLAB_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

/** Exit codes of the command line; also the class of an error (docs: netlab(1), EXIT STATUS). */
enum netlab_exit {
	NETLAB_EXIT_OK = 0,          /**< done */
	NETLAB_EXIT_RUNTIME = 1,     /**< failed at run time */
	NETLAB_EXIT_USAGE = 2,       /**< wrong usage */
	NETLAB_EXIT_INVALID = 3,     /**< the topology is invalid */
	NETLAB_EXIT_UNSUPPORTED = 4, /**< this host or user cannot do it */
	NETLAB_EXIT_TEARDOWN = 5,    /**< teardown incomplete */
	NETLAB_EXIT_UNTRUSTED = 6,   /**< the host was too slow to keep what the links promise */
	NETLAB_EXIT_NETLAB = 125,    /**< run, exec: netlab itself failed */
	NETLAB_EXIT_NOEXEC = 126,    /**< run, exec: the command cannot be executed */
	NETLAB_EXIT_NOTFOUND = 127,  /**< run, exec: the command was not found */
};

/**
 * An error. Zero-initialise before the first use. `code` is 0 while nothing failed.
 * The texts are UTF-8, always NUL-terminated, and cut (never overrun) when too long.
 */
struct netlab_err {
	int code;              /**< negative errno of the root cause */
	enum netlab_exit exit; /**< class, which is also the exit code of the command line */
	char where[256];   /**< FILE:LINE:COLUMN, a JSON Pointer, or an operation; may be empty */
	char message[768]; /**< what failed, outermost context first: "outer: inner: cause" */
	char hint[384];    /**< what to do about it; may be empty */
};

#ifdef __cplusplus
}
#endif
#endif
