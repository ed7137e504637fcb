/* SPDX-License-Identifier: MIT */
/* Planted: tools/format --check must complain about this file. */
int  badly_formatted( void ) {
  return 0 ; }
