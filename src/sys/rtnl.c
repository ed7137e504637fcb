/* SPDX-License-Identifier: MIT */
/* rtnetlink in batches: collecting, sending, and telling which message failed and why. */
#include "sys/rtnl.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sys/gate.h"

enum {
	/* Messages of a dump come in buffers of at most this (NLMSG_GOODSIZE is 8 KiB, dumps grow to 32 KiB:
	   netlink_dump(), net/netlink/af_netlink.c). */
	RECEIVE_BYTES = 64 * 1024,
};

/* How dumps and questions are numbered: above what a batch gets to. */
#define SEQ_DUMP UINT32_MAX
#define SEQ_ASK  (UINT32_MAX - 1)

int rt_open(void)
{
	static const int on = 1;
	int fd, r = sys_gate("rtnl open");

	if (r < 0)
		return r;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	/* Both only make errors better; a kernel without them (before 4.12, 4.3) still works. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return fd;
}

void rt_batch_deinit(struct rt_batch *b)
{
	free(b->data);
	*b = (struct rt_batch){ 0 };
}

struct nl_msg *rt_message(int type, int flags, const void *header, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (msg && nlmsg_append(msg, (void *)header, size, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

struct nl_msg *rt_checked(struct nl_msg *msg, int failed)
{
	if (msg && failed) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/** The kernel's own text of an error, if it sent one. */
static const char *extended_ack(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = nlmsg_data(h);
	size_t skip = sizeof(*e);
	const struct nlattr *attr;

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	/* without NLM_F_CAPPED the failed message itself comes first */
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
	if (h->nlmsg_len < NLMSG_HDRLEN + skip)
		return NULL;
	attr = nla_find((const struct nlattr *)((const char *)e + skip),
			(int)(h->nlmsg_len - NLMSG_HDRLEN - skip), NLMSGERR_ATTR_MSG);
	return attr ? nla_data(attr) : NULL;
}

static int set_kernel_error(struct netlab_err *err, int errnum, const char *text)
{
	if (text)
		return err_set(err, errnum, "%s (%s)", text, strerror(-errnum));
	return err_set(err, errnum, "%s", strerror(-errnum));
}

static int send_batch(struct rt_batch *b)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	do
		n = sendto(b->fd, b->data, b->len, 0, (const struct sockaddr *)&kernel,
			   sizeof(kernel));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/** Reads until the answer to the last message; keeps the first error. */
static int receive_acks(struct rt_batch *b, uint32_t first_seq, struct netlab_err *err)
{
	static char buffer[RECEIVE_BYTES];
	uint32_t last_seq = b->seq - 1;
	int result = 0;

	for (;;) {
		ssize_t n = recv(b->fd, buffer, sizeof(buffer), 0);
		struct nlmsghdr *h = (struct nlmsghdr *)buffer;
		int left;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "receiving the kernel's answer");
		for (left = (int)n; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
			const struct nlmsgerr *e;
			uint32_t i = h->nlmsg_seq - first_seq;

			if (h->nlmsg_seq < first_seq || h->nlmsg_seq > last_seq)
				continue;
			if (h->nlmsg_type != NLMSG_ERROR)
				continue; /* an answer to RTM_GETLINK; its ACK follows */
			e = nlmsg_data(h);
			if (e->error < 0 && result == 0 &&
			    !(e->error == -EEXIST && b->may_exist[i])) {
				result = set_kernel_error(err, e->error, extended_ack(h));
				b->failed_cookie = b->cookies[i];
			}
			if (h->nlmsg_seq == last_seq)
				return result;
		}
	}
}

void rt_discard(struct rt_batch *b)
{
	b->n = 0;
	b->len = 0;
}

int rt_flush(struct rt_batch *b, struct netlab_err *err)
{
	uint32_t first_seq = b->seq - b->n;
	int r;

	if (b->n == 0)
		return 0;
	((struct nlmsghdr *)(b->data + b->last))->nlmsg_flags |= NLM_F_ACK;
	r = send_batch(b);
	if (r < 0) {
		b->failed_cookie = b->cookies[0];
		err_errno(err, r, "sending to the kernel");
	} else {
		r = receive_acks(b, first_seq, err);
	}
	rt_discard(b);
	return r;
}

int rt_add(struct rt_batch *b, const char *op, struct nl_msg *msg, struct netlab_err *err)
{
	struct nlmsghdr *h;
	size_t len;
	int r;

	r = sys_gate(op);
	if (r < 0) {
		nlmsg_free(msg);
		b->failed_cookie = b->cookie;
		return err_errno(err, r, "%s", op);
	}
	if (!b->data)
		b->data = malloc(RT_BATCH_BYTES);
	if (!msg || !b->data) {
		nlmsg_free(msg);
		b->failed_cookie = b->cookie;
		return err_set(err, ENOMEM, "out of memory");
	}
	h = nlmsg_hdr(msg);
	len = NLMSG_ALIGN(h->nlmsg_len);
	if (b->n == RT_BATCH_MESSAGES || b->len + len > RT_BATCH_BYTES) {
		r = rt_flush(b, err);
		if (r < 0 || len > RT_BATCH_BYTES) {
			nlmsg_free(msg);
			return r < 0 ? r
				     : err_set(err, EMSGSIZE, "message of %zu bytes is too long",
					       len);
		}
	}
	if (b->seq == 0)
		b->seq = 1;              /* 0 is what the kernel uses for its own notifications */
	h->nlmsg_flags |= NLM_F_REQUEST; /* libnl-route leaves that to libnl's own sending */
	h->nlmsg_seq = b->seq++;
	b->last = b->len;
	memcpy(b->data + b->len, h, h->nlmsg_len);
	memset(b->data + b->len + h->nlmsg_len, 0, len - h->nlmsg_len);
	b->len += len;
	b->cookies[b->n] = b->cookie;
	b->may_exist[b->n++] = false;
	nlmsg_free(msg);
	return 0;
}

/** Sends a request and frees it. @return 0; negative errno */
static int send_request(int fd, struct nl_msg *msg, uint32_t seq)
{
	ssize_t n;

	nlmsg_hdr(msg)->nlmsg_seq = seq;
	n = send(fd, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len, 0);
	if (n < 0)
		n = -errno;
	nlmsg_free(msg);
	return n < 0 ? (int)n : 0;
}

/**
 * Reads the answer to `seq`; what else this socket hears (notifications) is passed over.
 * @param[in] is_dump  the answer has many parts, the last one NLMSG_DONE; else it is one message
 * @param[out] ret_heard  set when something was passed over; may be NULL
 */
static int read_answer(int fd, uint32_t seq, bool is_dump, rt_dump_fn *fn, void *ctx,
		       bool *ret_heard)
{
	_cleanup_free_ char *buffer = malloc(RECEIVE_BYTES);
	int result = 0;

	if (!buffer)
		return -ENOMEM;
	for (;;) {
		struct nlmsghdr *h = (struct nlmsghdr *)buffer;
		ssize_t n = recv(fd, buffer, RECEIVE_BYTES, 0);
		int left;

		/* ENOBUFS: notifications were lost; a dump waits for room, and who hears asks for nothing else */
		if (n < 0 && errno == ENOBUFS && ret_heard)
			*ret_heard = true;
		if (n < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (n < 0)
			return -errno;
		for (left = (int)n; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
			if (h->nlmsg_seq != seq) {
				if (ret_heard)
					*ret_heard = true;
				continue;
			}
			if (h->nlmsg_type == NLMSG_DONE)
				return result;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)nlmsg_data(h))->error;
			if (result == 0)
				result = fn(ctx, h);
			if (!is_dump)
				return result;
		}
	}
}

int rt_dump(int fd, int type, const void *header, size_t size, rt_dump_fn *fn, void *ctx)
{
	return rt_dump_hearing(fd, type, header, size, fn, ctx, NULL);
}

int rt_dump_hearing(int fd, int type, const void *header, size_t size, rt_dump_fn *fn, void *ctx,
		    bool *ret_heard)
{
	struct nl_msg *msg = rt_message(type, NLM_F_DUMP, header, size);
	int r;

	if (!msg)
		return -ENOMEM;
	/* A dump that is interrupted by a change (NLM_F_DUMP_INTR) is taken as it is: the supervisor is the only
	   one who changes these namespaces' links and qdiscs, and it is here. */
	r = send_request(fd, msg, SEQ_DUMP);
	return r < 0 ? r : read_answer(fd, SEQ_DUMP, true, fn, ctx, ret_heard);
}

int rt_ask(int fd, struct nl_msg *msg, rt_dump_fn *fn, void *ctx)
{
	int r;

	if (!msg)
		return -ENOMEM;
	r = send_request(fd, msg, SEQ_ASK);
	return r < 0 ? r : read_answer(fd, SEQ_ASK, false, fn, ctx, NULL);
}
