/* SPDX-License-Identifier: MIT */
/**
 * @file doctor_table.h
 * The parts of the doctor's table, and what their entries are written with. Private to src/lab/doctor_checks*.c.
 */
#ifndef NETLAB_LAB_DOCTOR_TABLE_H
#define NETLAB_LAB_DOCTOR_TABLE_H

#include "lab/doctor_checks.h"

struct doctor_table {
	const struct doctor_check *checks;
	size_t n;
};

/** Processes, namespaces, mounts: what nodes are made of. */
extern const struct doctor_table doctor_node_checks;
/** Links, qdiscs, sockets: what joins nodes. */
extern const struct doctor_table doctor_link_checks;
/** What users' programs in nodes want of the kernel; limits; programs. */
extern const struct doctor_table doctor_host_checks;

#define HERE(function, argument)                                         \
	{                                                                \
		.fn = (function), .arg = (argument), .place = PROBE_HERE \
	}
#define SCRATCH(function, argument)                                         \
	{                                                                   \
		.fn = (function), .arg = (argument), .place = PROBE_SCRATCH \
	}

#define KERNEL(what, version) "boot a kernel with " what " (Linux " version " or later)"
#define MODULE(option, module)                                                       \
	"run `modprobe " module                                                      \
	"` as root; if there is no such module, install the package with the "       \
	"rest of your kernel's modules (linux-modules-extra-$(uname -r) on Ubuntu, " \
	"kernel-modules-extra on Fedora) or boot a kernel with " option
#define APT(package) "install it: `apt-get install " package "` on Debian and Ubuntu"

#endif
