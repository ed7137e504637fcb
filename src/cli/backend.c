/* SPDX-License-Identifier: MIT */
/* The backend that acts on the real kernel. */
#include "cli/backend.h"

const struct cli_backend cli_backend_real = {
	.state_dir = lab_state_dir,
	.up = lab_up,
	.handle_deinit = lab_handle_deinit,
	.down = lab_down,
	.names = lab_names,
	.names_free = lab_names_free,
	.summary = lab_summary,
	.show = lab_show,
	.processes = lab_processes,
	.stats = lab_stats,
	.link_change = lab_link_change,
	.fault_add = lab_fault_add,
	.fault_remove = lab_fault_remove,
	.faults = lab_faults,
	.record_start = lab_record_start,
	.record_stop = lab_record_stop,
	.freeze = lab_freeze,
	.exec = lab_exec,
	.copy = lab_copy,
	.log_path = lab_log_path,
	.verify = lab_verify,
	.doctor = doctor_run,
	.doctor_wire = doctor_wire,
	.moved_bps = doctor_moved_bps,
	.command_run = sys_command_run,
	.follow = sys_follow,
	.screen_wait = sys_screen_wait,
};
