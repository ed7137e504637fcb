/* SPDX-License-Identifier: MIT */
/* What users ask of a running lab's fault rules. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "lab/client.h"

json_t *lab_fault_nth(const char *text)
{
	json_t *list = json_array();

	for (const char *p = text;;) {
		size_t len = strcspn(p, ",");

		if (json_array_append_new(list, json_stringn(p, len)) < 0) {
			json_decref(list);
			return NULL;
		}
		if (!p[len])
			return list;
		p += len + 1;
	}
}

int lab_fault_add(const char *state_dir, const char *name, const json_t *rule, uint32_t *ret_id,
		  struct netlab_err *err)
{
	json_t *answer = NULL;
	int r = lab_request(state_dir, name,
			    json_pack("{s:s,s:O}", "op", "fault add", "fault", rule), &answer, NULL,
			    err);

	if (r == 0 && ret_id)
		*ret_id = (uint32_t)json_integer_value(json_object_get(answer, "id"));
	json_decref(answer);
	return r;
}

int lab_fault_remove(const char *state_dir, const char *name, uint32_t id, size_t *ret_removed,
		     struct netlab_err *err)
{
	json_t *request = json_pack("{s:s}", "op", "fault rm"), *answer = NULL;
	int r;

	if (id)
		json_object_set_new(request, "id", json_integer(id));
	r = lab_request(state_dir, name, request, &answer, NULL, err);
	if (r == 0 && ret_removed)
		*ret_removed = (size_t)json_integer_value(json_object_get(answer, "removed"));
	json_decref(answer);
	return r;
}

int lab_faults(const char *state_dir, const char *name, json_t **ret, struct netlab_err *err)
{
	json_t *answer = NULL;
	int r = lab_request(state_dir, name, json_pack("{s:s}", "op", "faults"), &answer, NULL,
			    err);

	if (r == 0)
		*ret = json_incref(json_object_get(answer, "faults"));
	json_decref(answer);
	return r;
}
