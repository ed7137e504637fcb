/* SPDX-License-Identifier: MIT */
/* Planted: C, but not C++. */
int not_cxx(int class);
