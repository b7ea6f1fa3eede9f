// SPDX-License-Identifier: MIT
/*
 * MSG_PEEK: the kernel's own, what is queued stays queued.  The datagram is shown
 * as a completion, so that it is reported like one.  It sleeps, if it has to, in
 * ready.c.  No locks.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "receive.h"

static void show_sender(struct odg_cqe *cqe, const struct sockaddr_storage *ss)
{
	const struct sockaddr_in6 *sin6 = (const void *)ss;
	const struct sockaddr_in *sin = (const void *)ss;

	cqe->flags |= ODG_CQE_ADDR;
	cqe->port = sin->sin_port;
	if (ss->ss_family == AF_INET) {
		cqe->v4.addr = sin->sin_addr.s_addr;
	} else {
		cqe->flags |= ODG_CQE_IPV6;
		memcpy(cqe->addr, &sin6->sin6_addr, sizeof(cqe->addr));
		cqe->ifindex = sin6->sin6_scope_id;
	}
}

/* show_control - what the socket's options have the kernel tell */
static void show_control(struct odg_cqe_wide *wide, struct msghdr *msg)
{
	struct cmsghdr *c;
	int value;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		const void *data = CMSG_DATA(c);

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			const struct in_pktinfo *info = data;

			wide->cqe.ifindex = (uint32_t)info->ipi_ifindex;
			memcpy(wide->local, &info->ipi_addr, 4);
			/* answered from another address, so it is not our own */
			wide->broadcast = info->ipi_spec_dst.s_addr !=
					  info->ipi_addr.s_addr &&
					  !IN_MULTICAST(ntohl(info->ipi_addr.s_addr));
		} else if (c->cmsg_level == IPPROTO_IPV6 &&
			   c->cmsg_type == IPV6_PKTINFO) {
			const struct in6_pktinfo *info = data;

			wide->cqe.ifindex = info->ipi6_ifindex;
			memcpy(wide->local, &info->ipi6_addr, 16);
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
			memcpy(&wide->tos, data, 1);
		} else if (c->cmsg_len >= CMSG_LEN(sizeof(value))) {
			memcpy(&value, data, sizeof(value));
			if (c->cmsg_level == IPPROTO_UDP)
				wide->cqe.seg_len = (uint16_t)value;
			else if (c->cmsg_type == IP_TTL || c->cmsg_type == IPV6_HOPLIMIT)
				wide->ttl = (uint8_t)value;
			else if (c->cmsg_type == IPV6_TCLASS)
				wide->tos = (uint8_t)value;
		}
	}
}

/* What is asked, and where the answer goes. */
struct look {
	const struct odgw_receive *r;
	struct iovec *iov;
	struct odg_cqe_wide *wide;
};

/* is_shut - for receiving: what waits is not to be had any more */
static bool is_shut(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };
	struct timespec at_once = { 0 };

	return syscall(SYS_ppoll, &p, 1, &at_once, NULL, 0) == 1 &&
	       p.revents & POLLRDHUP;
}

/* look - by syscall(2), which is no cancellation point */
static int look(int fd, void *arg)
{
	const struct look *l = arg;
	union {
		struct cmsghdr align;
		char bytes[256];
	} control;
	struct sockaddr_storage from;
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = l->iov,
		.msg_iovlen = l->r->nr_buffers,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	long n = syscall(SYS_recvmsg, fd, &msg, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0)
		return odgw_wsa_from_errno(errno);
	*l->wide = (struct odg_cqe_wide){
		.cqe.len = (uint16_t)n,
		.cqe.status = msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : 0,
	};
	show_sender(&l->wide->cqe, &from);
	show_control(l->wide, &msg);
	return 0;
}

/* await - @allocated is freed if the thread is cancelled */
static int await(struct look *l, void *allocated)
{
	int err;

	pthread_cleanup_push(free, allocated);
	err = odgw_call_ready(l->r->sock.fd, SO_RCVTIMEO, EPOLLIN, look, l);
	pthread_cleanup_pop(0);
	return err;
}

int odgw_peek(const struct odgw_receive *r, struct odg_cqe_wide *wide)
{
	struct iovec few[ODGW_FEW_SEGS], *many = NULL;
	struct look l = { .r = r, .iov = few, .wide = wide };
	int err;
	DWORD i;

	if (!odgw_socket_port(r->sock.fd))
		return WSAEINVAL;
	if (is_shut(r->sock.fd))
		return WSAESHUTDOWN;
	if (r->nr_buffers > ODGW_FEW_SEGS) {
		l.iov = many = malloc(r->nr_buffers * sizeof(*many));
		if (!many)
			return WSAENOBUFS;
	}
	for (i = 0; i < r->nr_buffers; i++)
		l.iov[i] = (struct iovec){
			.iov_base = r->buffers[i].buf,
			.iov_len = r->buffers[i].len,
		};

	err = look(r->sock.fd, &l);
	if (err == WSAEWOULDBLOCK && !odgw_socket_is_nonblocking(r->sock.fd))
		err = await(&l, many);
	free(many);
	return err;
}
