/* SPDX-License-Identifier: MIT */
/* Planted: compiles only after <stdint.h>. */
uint8_t needs_stdint(void);
