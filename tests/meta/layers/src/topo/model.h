/* SPDX-License-Identifier: MIT */
/* Stands for a header of a higher layer. */
