/* SPDX-License-Identifier: MIT */
/* Users and groups by the files of /etc. */
#include "sys/user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/units.h"
#include "sys/gate.h"

/** (uid_t)-1 means "leave it" to the kernel's calls. @return whether it is a number that an id may have */
static bool parse_id(const char *text, unsigned *ret)
{
	uint64_t number;

	if (units_parse_u64(text, &number) < 0 || number >= UINT32_MAX)
		return false;
	*ret = (unsigned)number;
	return true;
}

static int out_of_memory(struct netlab_err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

/** The tables are a node's, whose programs may have put anything there: nothing but a file is read, for a pipe has no end.
 *  @return NULL: there is none */
static FILE *open_table(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	FILE *file = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fdopen(fd, "r") : NULL;

	if (!file && fd >= 0)
		(void)close(fd);
	return file;
}

/** @return 1 when found, 0 when not; negative errno */
static int find_in_passwd(const char *user, struct sys_user *u, struct netlab_err *err)
{
	FILE *file = open_table("/etc/passwd");
	bool is_number = parse_id(user, &u->uid);
	const struct passwd *pw;
	int r = 0;

	/* a name first: it may consist of digits */
	for (unsigned pass = 0; file && r == 0 && pass < (is_number ? 2u : 1u); pass++) {
		rewind(file);
		while (r == 0 && (pw = fgetpwent(file)))
			r = pass == 0 ? strcmp(pw->pw_name, user) == 0 : pw->pw_uid == u->uid;
	}
	if (r == 1) {
		u->uid = pw->pw_uid;
		u->gid = pw->pw_gid;
		u->name = strdup(pw->pw_name);
		u->home = strdup(pw->pw_dir && pw->pw_dir[0] ? pw->pw_dir : "/");
		if (!u->name || !u->home)
			r = out_of_memory(err);
	}
	if (file)
		(void)fclose(file);
	if (r != 0)
		return r;
	if (!is_number) {
		err_set(err, ENOENT, "user '%s': no such user in the node", user);
		return err_hint(err, "name a user of the node's /etc/passwd, or a number");
	}
	u->home = strdup("/");
	return u->home ? 0 : out_of_memory(err);
}

static int add_group(struct sys_user *u, gid_t gid, struct netlab_err *err)
{
	gid_t *more;

	for (size_t i = 0; i < u->n_groups; i++) {
		if (u->groups[i] == gid)
			return 0;
	}
	more = realloc(u->groups, (u->n_groups + 1) * sizeof(*more));
	if (!more)
		return out_of_memory(err);
	u->groups = more;
	u->groups[u->n_groups++] = gid;
	return 0;
}

static int add_memberships(struct sys_user *u, struct netlab_err *err)
{
	FILE *file = open_table("/etc/group");
	const struct group *gr;
	int r = 0;

	while (file && r == 0 && (gr = fgetgrent(file))) {
		for (char **member = gr->gr_mem; r == 0 && member && *member; member++) {
			if (strcmp(*member, u->name) == 0)
				r = add_group(u, gr->gr_gid, err);
		}
	}
	if (file)
		(void)fclose(file);
	return r;
}

static int find_group(const char *name, gid_t *ret, struct netlab_err *err)
{
	FILE *file = open_table("/etc/group");
	bool found = false;
	const struct group *gr;

	while (file && !found && (gr = fgetgrent(file))) {
		found = strcmp(gr->gr_name, name) == 0;
		if (found)
			*ret = gr->gr_gid;
	}
	if (file)
		(void)fclose(file);
	if (found || parse_id(name, ret))
		return 0;
	err_set(err, ENOENT, "group '%s': no such group in the node", name);
	return err_hint(err, "name a group of the node's /etc/group, or a number");
}

int sys_user_find(const char *spec, struct sys_user *ret, struct netlab_err *err)
{
	struct sys_user u = { 0 };
	const char *colon = strchr(spec, ':');
	char *user = strndup(spec, colon ? (size_t)(colon - spec) : strlen(spec));
	int r;

	if (!user)
		return out_of_memory(err);
	if (!user[0] || (colon && !colon[1])) {
		r = err_set(err, EINVAL, "user '%s' is not of the form USER or USER:GROUP", spec);
		goto out;
	}
	r = find_in_passwd(user, &u, err);
	if (r >= 0 && colon)
		r = find_group(colon + 1, &u.gid, err);
	if (r >= 0)
		r = add_group(&u, u.gid, err);
	if (r >= 0 && u.name && !colon)
		r = add_memberships(&u, err);
out:
	free(user);
	if (r < 0) {
		sys_user_deinit(&u);
		return r;
	}
	*ret = u;
	return 0;
}

void sys_user_deinit(struct sys_user *u)
{
	free(u->groups);
	free(u->name);
	free(u->home);
	*u = (struct sys_user){ 0 };
}

int sys_user_become(const struct sys_user *u, struct netlab_err *err)
{
	const char *who = u->name ? u->name : "";
	int r = sys_gate("setuid");

	if (r < 0)
		return err_errno(err, r, "becoming user %u", (unsigned)u->uid);
	/* In a user namespace with a single id setgroups is denied, and there is no other group to drop. */
	if (setgroups(u->n_groups, u->groups) < 0 && errno != EPERM)
		return err_errno(err, errno, "setting the groups of user %u '%s'", (unsigned)u->uid,
				 who);
	if (setresgid(u->gid, u->gid, u->gid) < 0)
		r = err_errno(err, errno, "becoming group %u", (unsigned)u->gid);
	else if (setresuid(u->uid, u->uid, u->uid) < 0)
		r = err_errno(err, errno, "becoming user %u '%s'", (unsigned)u->uid, who);
	if (r == -EINVAL) {
		err_class(err, NETLAB_EXIT_UNSUPPORTED);
		err_hint(err, "without root a lab has the ids that newuidmap grants: install it "
			      "(uidmap), and run `usermod --add-subuids 100000-165535 "
			      "--add-subgids 100000-165535 USER` as root");
	}
	return r;
}
