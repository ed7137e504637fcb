/* SPDX-License-Identifier: MIT */
/* Loading libpcap when it is needed. */
#include "sys/libpcap.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/cleanup.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct libpcap functions;
static char reason[256]; /* why there are none; "" when there are */

/** @param[out] ret  a pointer to a function; dlsym(3), NOTES, on why it is copied as bytes */
static bool find(void *library, const char *name, void *ret)
{
	void *symbol = dlsym(library, name);

	memcpy(ret, &symbol, sizeof(symbol));
	return symbol != NULL;
}

static void load(void)
{
	/* Debian kept the soname of 1996; everyone else has upstream's */
	static const char *const sonames[] = { "libpcap.so.0.8", "libpcap.so.1" };
	struct libpcap *f = &functions;
	void *library = NULL;

	for (size_t i = 0; !library && i < ARRAY_SIZE(sonames); i++) {
		library = dlopen(sonames[i], RTLD_NOW | RTLD_LOCAL);
		if (!library && !*reason)
			(void)snprintf(reason, sizeof(reason), "%s", dlerror());
	}
	if (!library)
		return;
	*reason = '\0';
	if (!find(library, "pcap_open_dead", &f->open_dead) ||
	    !find(library, "pcap_compile", &f->compile) ||
	    !find(library, "pcap_geterr", &f->geterr) ||
	    !find(library, "pcap_freecode", &f->freecode) ||
	    !find(library, "pcap_close", &f->close) || !find(library, "bpf_filter", &f->filter))
		(void)snprintf(reason, sizeof(reason), "%s", dlerror());
}

const struct libpcap *libpcap_load(struct netlab_err *err)
{
	(void)pthread_once(&once, load);
	if (!*reason)
		return &functions;
	(void)err_set(err, ENOENT, "pcap expressions need libpcap: %s", reason);
	(void)err_hint(err, "install it (Debian: libpcap0.8)");
	(void)err_class(err, NETLAB_EXIT_UNSUPPORTED);
	return NULL;
}
