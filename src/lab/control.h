/* SPDX-License-Identifier: MIT */
/**
 * @file control.h
 * The control protocol between a lab's supervisor and those who ask it things: see control.c.
 */
#ifndef NETLAB_LAB_CONTROL_H
#define NETLAB_LAB_CONTROL_H

enum {
	CONTROL_MESSAGE_BYTES = 32 * 1024,
	CONTROL_MORE = '+', /**< the answer goes on in the next message */
	CONTROL_LAST = '.', /**< this is its end */
};

#endif
