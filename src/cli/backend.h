/* SPDX-License-Identifier: MIT */
/**
 * @file backend.h
 * Everything the commands do to the world, as one table of functions: tests of the command line replace it, so that
 * every verb is tested without a kernel. Each member is documented where the function of the same name is declared.
 */
#ifndef NETLAB_CLI_BACKEND_H
#define NETLAB_CLI_BACKEND_H

#include "lab/capture.h"
#include "lab/doctor.h"
#include "lab/doctor_wire.h"
#include "lab/lab.h"
#include "lab/verify.h"
#include "sys/command.h"
#include "sys/follow.h"
#include "sys/screen.h"

struct cli_backend {
	/* lab/lab.h */
	__typeof__(lab_state_dir) *state_dir;
	__typeof__(lab_up) *up;
	__typeof__(lab_handle_deinit) *handle_deinit;
	__typeof__(lab_down) *down;
	__typeof__(lab_names) *names;
	__typeof__(lab_names_free) *names_free;
	__typeof__(lab_summary) *summary;
	__typeof__(lab_show) *show;
	__typeof__(lab_processes) *processes;
	__typeof__(lab_stats) *stats;
	__typeof__(lab_link_change) *link_change;
	__typeof__(lab_fault_add) *fault_add;
	__typeof__(lab_fault_remove) *fault_remove;
	__typeof__(lab_faults) *faults;
	__typeof__(lab_capture_open) *capture_open; /* lab/capture.h */
	__typeof__(lab_record_start) *record_start;
	__typeof__(lab_record_stop) *record_stop;
	__typeof__(lab_freeze) *freeze;
	__typeof__(lab_service) *service;
	__typeof__(lab_node_kill) *node_kill;
	__typeof__(lab_node_restart) *node_restart;
	__typeof__(lab_exec) *exec;
	__typeof__(lab_copy) *copy;
	__typeof__(lab_log_path) *log_path;
	/* lab/verify.h */
	__typeof__(lab_verify) *verify;
	/* lab/doctor.h, lab/doctor_wire.h */
	__typeof__(doctor_run) *doctor;
	__typeof__(doctor_wire) *doctor_wire;
	__typeof__(doctor_moved_bps) *moved_bps;
	/* sys/command.h, sys/follow.h, sys/screen.h */
	__typeof__(sys_command_run) *command_run;
	__typeof__(sys_follow) *follow;
	__typeof__(sys_screen_wait) *screen_wait;
};

extern const struct cli_backend cli_backend_real;

#endif
