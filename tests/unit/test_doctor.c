/* SPDX-License-Identifier: MIT */
/* The doctor's table: every entry says all that its reader needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <string.h>

#include "lab/doctor.h"
#include "lab/doctor_checks.h"

static void check_text(const char *key, const char *name, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (len < 10 || len > 330 || text[len - 1] == '.' || isspace((unsigned char)text[0]) ||
	    isspace((unsigned char)text[len - 1]))
		fail_msg("'%s': its '%s' is no text: '%s'", key, name, text ? text : "(null)");
	for (size_t i = 0; i < len; i++) {
		if (text[i] < ' ' || text[i] > '~')
			fail_msg("'%s': its '%s' has the byte 0x%02x", key, name,
				 (unsigned)(unsigned char)text[i]);
	}
}

static void every_entry_has_all_texts(void **state)
{
	(void)state;
	assert_true(doctor_n_checks() > 50);
	for (size_t i = 0; i < doctor_n_checks(); i++) {
		const struct doctor_check *c = doctor_check_at(i);

		assert_non_null(c->key);
		assert_int_equal(strspn(c->key, "abcdefghijklmnopqrstuvwxyz0123456789-"),
				 strlen(c->key));
		check_text(c->key, "purpose", c->purpose);
		check_text(c->key, "without", c->without);
		check_text(c->key, "remedy", c->remedy);
		if (!c->trial.fn)
			fail_msg("'%s' is never tried", c->key);
	}
}

static void keys_are_unique(void **state)
{
	(void)state;
	for (size_t i = 0; i < doctor_n_checks(); i++) {
		for (size_t j = 0; j < i; j++) {
			if (strcmp(doctor_check_at(i)->key, doctor_check_at(j)->key) == 0)
				fail_msg("'%s' stands in the table twice", doctor_check_at(i)->key);
		}
	}
}

/* The remedy is something to do, not a description. */
static void remedies_begin_with_a_verb(void **state)
{
	static const char *const verbs[] = {
		"run ",   "boot ",  "install ", "install it: ", "in a container, ",
		"start ", "mount ", "raise ",   "add "
	};

	(void)state;
	for (size_t i = 0; i < doctor_n_checks(); i++) {
		bool found = false;

		for (size_t v = 0; v < sizeof(verbs) / sizeof(verbs[0]); v++) {
			if (strncmp(doctor_check_at(i)->remedy, verbs[v], strlen(verbs[v])) == 0)
				found = true;
		}
		if (!found)
			fail_msg("'%s': '%s' does not say what to do", doctor_check_at(i)->key,
				 doctor_check_at(i)->remedy);
	}
}

/* What design and code name as needed by every lab is marked so. */
static void every_lab_needs_these(void **state)
{
	static const char *const keys[] = { "privilege",       "net-namespace", "pid-namespace",
					    "mount-namespace", "uts-namespace", "ipc-namespace",
					    "pidfd",           "veth",          "clsact",
					    "cls-u32",         "mirred",        "proc-mount" };

	(void)state;
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		size_t i = 0;

		while (i < doctor_n_checks() && strcmp(doctor_check_at(i)->key, keys[k]) != 0)
			i++;
		if (i == doctor_n_checks() || doctor_check_at(i)->need != DOCTOR_EVERY_LAB)
			fail_msg("'%s' is not marked as needed by every lab", keys[k]);
	}
}

static void names_are_stable(void **state)
{
	(void)state;
	assert_string_equal(doctor_status_name(DOCTOR_OK), "ok");
	assert_string_equal(doctor_status_name(DOCTOR_LIMITED), "limited");
	assert_string_equal(doctor_status_name(DOCTOR_MISSING), "missing");
	assert_string_equal(doctor_status_name(DOCTOR_UNTRIED), "untried");
	assert_string_equal(doctor_need_name(DOCTOR_EVERY_LAB), "every-lab");
	assert_string_equal(doctor_need_name(DOCTOR_SOME_LABS), "some-labs");
	assert_string_equal(doctor_need_name(DOCTOR_PROGRAMS), "programs");
	assert_string_equal(doctor_need_name(DOCTOR_PLANNED), "planned");
	assert_string_equal(doctor_kind_name(DOCTOR_KERNEL), "kernel");
	assert_string_equal(doctor_kind_name(DOCTOR_PROGRAM), "program");
	assert_string_equal(doctor_kind_name(DOCTOR_PRIVILEGE), "privilege");
	assert_string_equal(doctor_kind_name(DOCTOR_LIMIT), "limit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_entry_has_all_texts),
		cmocka_unit_test(keys_are_unique),
		cmocka_unit_test(remedies_begin_with_a_verb),
		cmocka_unit_test(every_lab_needs_these),
		cmocka_unit_test(names_are_stable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
