/* SPDX-License-Identifier: MIT */
/**
 * @file screen.h
 * What is drawn again and again: waiting between two times for a key, a signal, or a reader who has gone; and on a
 * terminal a screen of its own, after which the terminal is as it was.
 */
#ifndef NETLAB_SYS_SCREEN_H
#define NETLAB_SYS_SCREEN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <termios.h>

struct sys_screen {
	FILE *out;              /**< borrowed */
	int in_fd, out_fd;      /**< in_fd: a terminal that keys come from; -1 = none */
	bool terminal;          /**< out is one: it shows a screen of ours */
	unsigned rows, columns; /**< of the terminal; 0 = unknown */
	int signo;              /**< that ended it, apart from SIGINT; 0 = none */
	/* private */
	int signal_fd;
	sigset_t old_mask;
	struct termios saved;
	bool began;
};

enum sys_screen_event {
	SYS_SCREEN_TIME,   /**< the time has come */
	SYS_SCREEN_REDRAW, /**< the terminal has another size, or is ours again: draw what is known */
	SYS_SCREEN_END,    /**< q, Ctrl-C, SIGTERM, SIGHUP, or nobody reads any more */
};

/**
 * Begins: signals are held, keys are read as they are typed, a terminal shows an empty screen. What out buffers is
 * flushed before.
 * @param[in] in   a terminal to read keys from; NULL = none
 * @param[in] out  where the caller draws
 * @param[in] terminal  out is a terminal
 * @return 0; negative errno
 */
int sys_screen_begin(struct sys_screen *s, FILE *in, FILE *out, bool terminal);
/** Moves to the top left of an empty screen; nothing where out is no terminal. */
void sys_screen_clear(struct sys_screen *s);
/** @param[in] deadline_ns  CLOCK_MONOTONIC. @return what ended the waiting */
enum sys_screen_event sys_screen_wait(struct sys_screen *s, uint64_t deadline_ns);
/** The terminal and the signals are as before. Idempotent. */
void sys_screen_end(struct sys_screen *s);

#endif
