/* SPDX-License-Identifier: MIT */
/**
 * @file buf.h
 * A growing text buffer. Out of memory is remembered (`failed`) instead of returned by each call, so that printing
 * code reads straight; check once at the end.
 */
#ifndef NETLAB_BASE_BUF_H
#define NETLAB_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /**< NUL-terminated once anything was added; owned */
	size_t len; /**< bytes without the NUL */
	size_t size;
	bool failed; /**< an allocation failed: the content is incomplete */
};

/** Appends `len` bytes. */
void buf_add(struct buf *b, const void *data, size_t len);
/** Appends a string. */
void buf_puts(struct buf *b, const char *text);
/** Appends formatted text. */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** @return the text ("" when empty), still owned by the buffer; NULL when an allocation failed */
const char *buf_text(const struct buf *b);
/** Frees the content and makes the buffer empty again. Idempotent. */
void buf_deinit(struct buf *b);

#define _cleanup_buf_ __attribute__((cleanup(buf_deinit)))

#endif
