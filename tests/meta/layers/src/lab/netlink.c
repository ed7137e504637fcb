/* SPDX-License-Identifier: MIT */
/* Planted: a kernel header outside src/sys. */

#include <linux/if_link.h>
