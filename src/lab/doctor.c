/* SPDX-License-Identifier: MIT */
/* Examining a host: the trials of the table, and what their results mean. The table: doctor_checks.c. */
#include "lab/doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "lab/doctor_checks.h"

/* An idle host needs a tenth of a second; one may be busy with another's labs. */
enum { SCRATCH_PATIENCE_MS = 10000 };

static const char untried_remedy[] =
	"mend what is missing above first: without it this cannot be tried";

static enum doctor_status status_of(const struct probe_result *r)
{
	if (r->untried)
		return DOCTOR_UNTRIED;
	if (r->error < 0)
		return DOCTOR_MISSING;
	return r->limited ? DOCTOR_LIMITED : DOCTOR_OK;
}

static void conclude(const struct doctor_check *check, const struct probe_result *result,
		     struct doctor_finding *f)
{
	f->check = check;
	f->status = status_of(result);
	/* a path is any bytes; what is printed and put into JSON is not */
	for (size_t i = 0; i + 1 < sizeof(f->detail) && result->detail[i]; i++)
		f->detail[i] = result->detail[i] < ' ' || result->detail[i] > '~'
				       ? '?'
				       : result->detail[i];
	if (f->status == DOCTOR_UNTRIED)
		f->remedy = untried_remedy;
	else
		f->remedy = result->remedy[0] ? result->remedy : check->remedy;
}

int doctor_examine(struct doctor_report *ret, struct netlab_err *err)
{
	size_t n = doctor_n_checks();
	struct probe_trial *trials = calloc(n, sizeof(*trials));
	struct doctor_report report = {
		.findings = calloc(n, sizeof(*report.findings)),
		.results = calloc(n, sizeof(*report.results)),
		.n = n,
	};
	int r;

	if (!trials || !report.findings || !report.results) {
		free(trials);
		doctor_report_deinit(&report);
		(void)err_set(err, ENOMEM, "out of memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		trials[i] = doctor_check_at(i)->trial;
	r = probe_run(trials, n, report.results, SCRATCH_PATIENCE_MS, err);
	free(trials);
	if (r < 0) {
		doctor_report_deinit(&report);
		return r;
	}
	for (size_t i = 0; i < n; i++)
		conclude(doctor_check_at(i), &report.results[i], &report.findings[i]);
	*ret = report;
	return 0;
}

void doctor_report_deinit(struct doctor_report *r)
{
	free(r->findings);
	free(r->results);
	*r = (struct doctor_report){ .n = 0 };
}

const char *doctor_status_name(enum doctor_status status)
{
	switch (status) {
	case DOCTOR_OK:
		return "ok";
	case DOCTOR_LIMITED:
		return "limited";
	case DOCTOR_MISSING:
		return "missing";
	case DOCTOR_UNTRIED:
		return "untried";
	}
	return "?";
}

const char *doctor_need_name(enum doctor_need need)
{
	switch (need) {
	case DOCTOR_EVERY_LAB:
		return "every-lab";
	case DOCTOR_SOME_LABS:
		return "some-labs";
	case DOCTOR_PROGRAMS:
		return "programs";
	case DOCTOR_PLANNED:
		return "planned";
	}
	return "?";
}

const char *doctor_kind_name(enum doctor_kind kind)
{
	switch (kind) {
	case DOCTOR_KERNEL:
		return "kernel";
	case DOCTOR_PROGRAM:
		return "program";
	case DOCTOR_PRIVILEGE:
		return "privilege";
	case DOCTOR_LIMIT:
		return "limit";
	}
	return "?";
}

static json_t *finding_json(const struct doctor_finding *f)
{
	const struct doctor_check *c = f->check;
	bool present = f->status == DOCTOR_OK || f->status == DOCTOR_LIMITED;

	return json_pack("{s:s, s:s, s:b, s:b, s:s, s:s, s:s, s:s, s:s, s:s}", "name", c->key,
			 "kind", doctor_kind_name(c->kind), "present", present, "required",
			 c->need == DOCTOR_EVERY_LAB, "status", doctor_status_name(f->status),
			 "need", doctor_need_name(c->need), "needed_for", c->purpose, "without",
			 c->without, "remedy", f->remedy, "detail", f->detail);
}

int doctor_run(json_t **ret, struct netlab_err *err)
{
	struct doctor_report report;
	json_t *list = json_array();
	int r = doctor_examine(&report, err);

	if (r < 0) {
		json_decref(list);
		return r;
	}
	/* the most needed first; within a need as in the table */
	for (int need = DOCTOR_EVERY_LAB; need <= DOCTOR_PLANNED; need++) {
		for (size_t i = 0; i < report.n && r == 0; i++) {
			if ((int)report.findings[i].check->need == need &&
			    json_array_append_new(list, finding_json(&report.findings[i])) < 0)
				r = err_set(err, ENOMEM, "out of memory");
		}
	}
	doctor_report_deinit(&report);
	if (r < 0)
		json_decref(list);
	else
		*ret = list;
	return r;
}
