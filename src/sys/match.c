/* SPDX-License-Identifier: MIT */
/* pcap expressions as socket filters. */
#include "sys/match.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/gate.h"
#include "sys/libpcap.h"
#include "sys/match_place.h"

/* Of a frame that matches, a byte is queued: only that it came counts. */
enum { SNAPLEN = 65535, KEPT_BYTES = 1 };
#define SEARCH_NS 1000000000u

static int out_of_memory(struct netlab_err *err)
{
	(void)err_set(err, ENOMEM, "out of memory");
	return -ENOMEM;
}

/** libpcap's program as the kernel wants it: the same instructions, keeping KEPT_BYTES of what matches. */
static int take_program(const struct bpf_program *p, struct sys_match *ret)
{
	struct sock_filter *insns = calloc(p->bf_len, sizeof(*insns));

	if (!insns)
		return -ENOMEM;
	for (unsigned i = 0; i < p->bf_len; i++) {
		const struct bpf_insn *from = &p->bf_insns[i];

		insns[i] = (struct sock_filter){ from->code, from->jt, from->jf, from->k };
		if (BPF_CLASS(from->code) == BPF_RET && BPF_RVAL(from->code) == BPF_K && from->k)
			insns[i].k = KEPT_BYTES;
	}
	ret->insns = insns;
	ret->n = (uint16_t)p->bf_len;
	return 0;
}

/** Looking for the place of an error: words may be taken for names, which a name server that is away makes take long. */
struct search {
	const struct libpcap *lib;
	pcap_t *pcap;
	uint64_t deadline_ns;
	bool late;
};

static bool compiles(void *ctx, const char *text)
{
	struct search *s = ctx;
	struct bpf_program program;

	s->late = s->late || sys_monotonic_ns() > s->deadline_ns;
	if (s->late)
		return true;
	if (s->lib->compile(s->pcap, &program, text, 0, PCAP_NETMASK_UNKNOWN) < 0)
		return false;
	s->lib->freecode(&program);
	return true;
}

static void explain(const struct libpcap *lib, pcap_t *pcap, const char *expression,
		    struct netlab_err *err)
{
	struct search search = { .lib = lib,
				 .pcap = pcap,
				 .deadline_ns = sys_monotonic_ns() + SEARCH_NS };
	char why[PCAP_ERRBUF_SIZE];
	size_t at, len;

	(void)snprintf(why, sizeof(why), "%s", lib->geterr(pcap));
	(void)err_set(err, EINVAL, "'%.200s' is no pcap expression that can be used: %s",
		      expression, why);
	(void)err_hint(err, "see pcap-filter(7); hosts are given by their addresses");
	/* of anything else libpcap says itself what it means */
	if (!strstr(why, "syntax error"))
		return;
	at = match_place(expression, compiles, &search, &len);
	if (search.late)
		return;
	if (len)
		(void)err_hint(err, "it goes wrong at '%.*s', character %zu; see pcap-filter(7)",
			       (int)(len < 40 ? len : 40), &expression[at], at + 1);
	else
		(void)err_hint(err, "something is missing at its end; see pcap-filter(7)");
}

/**
 * Whether it asks for what is no part of the frame, as the kernel's filters have it at negative places (SKF_AD_OFF): for libpcap
 * "inbound" means the way through a socket. Of a frame by itself neither that nor its contrary is ever true.
 */
static bool asks_beyond_frame(const struct bpf_program *p)
{
	for (unsigned i = 0; i < p->bf_len; i++) {
		const struct bpf_insn *in = &p->bf_insns[i];

		if (BPF_CLASS(in->code) == BPF_LD && BPF_MODE(in->code) == BPF_ABS &&
		    (int32_t)in->k < 0)
			return true;
	}
	return false;
}

int sys_match_compile(const char *expression, struct sys_match *ret, struct netlab_err *err)
{
	const struct libpcap *lib = libpcap_load(err);
	struct bpf_program program = { 0 };
	pcap_t *pcap;
	int r;

	if (!lib)
		return -ENOENT;
	pcap = lib->open_dead(DLT_EN10MB, SNAPLEN);
	if (!pcap)
		return out_of_memory(err);
	if (lib->compile(pcap, &program, expression, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		explain(lib, pcap, expression, err);
		(void)err_class(err, NETLAB_EXIT_INVALID);
		r = -EINVAL;
	} else if (program.bf_len > BPF_MAXINSNS) {
		(void)err_set(err, EINVAL, "'%.200s' becomes %u instructions; the kernel takes %d",
			      expression, program.bf_len, BPF_MAXINSNS);
		(void)err_class(err, NETLAB_EXIT_INVALID);
		r = -EINVAL;
	} else if (asks_beyond_frame(&program)) {
		(void)err_set(err, EINVAL,
			      "'%.200s' asks for what is not in a packet: which way it goes",
			      expression);
		(void)err_hint(err, "leave out 'inbound' and 'outbound': rules and events have "
				    "'from', captures an interface for each direction");
		(void)err_class(err, NETLAB_EXIT_INVALID);
		r = -EINVAL;
	} else {
		r = take_program(&program, ret);
		if (r < 0)
			(void)out_of_memory(err);
	}
	lib->freecode(&program);
	lib->close(pcap);
	return r;
}

_Static_assert(sizeof(struct bpf_insn) == sizeof(struct sock_filter), "one instruction for both");
_Static_assert(sizeof(struct sock_filter) == SYS_MATCH_INSN_BYTES, "as said");

int sys_match_prepare(void)
{
	return libpcap_load(NULL) ? 0 : -ENOENT;
}

bool sys_match_frame(const struct sys_match *m, const void *frame, size_t len)
{
	const unsigned n = len > UINT32_MAX ? UINT32_MAX : (unsigned)len;

	/* no program is one that matches everything, to bpf_filter() as well */
	return libpcap_load(NULL)->filter(m->n ? m->insns : NULL, frame, n, n) != 0;
}

void sys_match_deinit(struct sys_match *m)
{
	free(m->insns);
	*m = (struct sys_match){ 0 };
}

static int attach(int fd, struct sock_filter *insns, uint16_t n)
{
	const struct sock_fprog program = { .len = n, .filter = insns };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

int sys_match_listen(const struct sys_match *m, uint32_t ifindex)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)ifindex };
	const int on = 1;
	/* of no protocol: it hears nothing until it is bound, and by then it has its filter */
	int fd, r = sys_gate("packet socket");

	if (r < 0)
		return r;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0)
		r = -errno;
	if (r == 0)
		r = attach(fd, m->insns, m->n);
	if (r == 0 && bind(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		r = -errno;
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	return fd;
}

int64_t sys_match_count(int fd)
{
	struct tpacket_stats stats = { 0 };
	socklen_t size = sizeof(stats);
	char byte;

	while (recv(fd, &byte, 1, 0) >= 0 || errno == EINTR)
		;
	if (errno != EAGAIN && errno != ENETDOWN)
		return -errno;
	/* what passed the filter, with and without room in the socket; reading it sets it to 0 */
	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) < 0)
		return -errno;
	return stats.tp_packets;
}

int sys_match_mute(int fd)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);

	return attach(fd, &nothing, 1);
}
