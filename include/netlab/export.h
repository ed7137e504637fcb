/* SPDX-License-Identifier: MIT */
/**
 * @file export.h
 * Marks what libnetlab.so offers. The library is built with hidden symbols: a public function
 * carries NETLAB_API and a name that starts with netlab_ (src/netlab.map lets nothing else out).
 */
#ifndef NETLAB_EXPORT_H
#define NETLAB_EXPORT_H

#if defined(__GNUC__)
#define NETLAB_API __attribute__((visibility("default")))
#else
#define NETLAB_API
#endif

#endif
