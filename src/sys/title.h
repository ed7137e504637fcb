/* SPDX-License-Identifier: MIT */
/**
 * @file title.h
 * What ps shows of a process as its command line: netlab's own in a node shall not show, or be found by, the caller's.
 */
#ifndef NETLAB_SYS_TITLE_H
#define NETLAB_SYS_TITLE_H

/**
 * Remembers where the arguments of main() are, and copies them: what is used from then on has to be the copy.
 * @return the copy, which lives as long as the process; `argv` itself when there is no memory, and then nothing is remembered
 */
char **sys_title_begin(int argc, char **argv);

/**
 * Names the calling process in place of its arguments, for ps -f and pkill -f, and for top (cut to 15 bytes there, and
 * to the arguments' length here). Without sys_title_begin(), as in a program that uses the library, its command line stays.
 */
void sys_title_set(const char *name);

#endif
