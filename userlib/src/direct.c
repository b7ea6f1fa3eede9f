// SPDX-License-Identifier: MIT
/*
 * Nonoverlapped receives by the kernel's own call (direct.h): into several buffers,
 * or into one of which it is not known whether it is good.
 *
 * Only some pages are asked about in a call, since to receive in the other way needs no
 * question; those of the next buffer, or the rest of this one, are left to the next
 * calls.  No locks.
 */
#include "direct.h"

/* What of the buffers a datagram can reach. */
#define LONGEST		((size_t)65535)

/* Pages asked about in one call. */
#define QUESTIONS	2

/* are_good - the buffers, as far as a datagram can reach */
static bool are_good(const struct odgw_receive *r, struct odgw_probe *probe)
{
	unsigned int budget = QUESTIONS;
	size_t n, left = LONGEST;
	DWORD i;

	for (i = 0; left && i < r->nr_buffers; i++) {
		n = r->buffers[i].len < left ? r->buffers[i].len : left;
		if (!odgw_probe_may_write(r->buffers[i].buf, n) &&
		    !odgw_probe_ask_some(probe, r->buffers[i].buf, n, &budget))
			return false;
		left -= n;
	}
	return true;
}

/* scatter - into several buffers */
static long scatter(const struct odgw_receive *r, struct odgw_place *to)
{
	struct iovec iov[ODGW_FEW_SEGS];
	struct msghdr msg = {
		.msg_name = to->from,
		.msg_namelen = to->from ? (socklen_t)*to->fromlen : 0,
		.msg_iov = iov,
		.msg_iovlen = r->nr_buffers,
	};
	long ret;
	DWORD i;

	for (i = 0; i < r->nr_buffers; i++) {
		iov[i] = (struct iovec){
			.iov_base = r->buffers[i].buf,
			.iov_len = r->buffers[i].len,
		};
		to->len += iov[i].iov_len;
	}
	ret = syscall(SYS_recvmsg, r->sock.fd, &msg, ODGW_DIRECT_FLAGS);
	if (ret < 0)
		return -errno;
	if (to->from)
		*to->fromlen = (int)msg.msg_namelen;
	return ret;
}

/* What recvfrom(2) says of the socket is said as a completion says it. */
int odgw_direct_failed(int err)
{
	const struct odg_cqe cqe = { .status = -err, .flags = ODG_CQE_ICMP };

	if (err == EAGAIN)
		return ODGW_EMPTY;
	/* No socket, any more. */
	if (err == EBADF || err == ENOTSOCK)
		return ODGW_NOT_DIRECT;
	return odgw_wsa_from_status(odgw_status_from_cqe(&cqe));
}

int odgw_direct(const struct odgw_receive *r, struct odgw_probe *probe)
{
	struct odgw_place to = {
		.bytes = r->bytes,
		.flags = r->flags,
		.from = r->op.from,
		.fromlen = r->op.fromlen,
	};
	long ret;

	if (!(r->sock.attributes & ODGW_DIRECT) ||
	    !odgw_direct_is_due(odgw_socket_entry((SOCKET)r->sock.fd)))
		return ODGW_NOT_DIRECT;
	if (r->nr_buffers > ODGW_FEW_SEGS || !are_good(r, probe))
		return ODGW_NOT_DIRECT;
	if (r->nr_buffers == 1) {
		to.buf = r->buffers->buf;
		to.len = r->buffers->len;
		ret = odgw_recvfrom(r->sock.fd, &to);
	} else {
		ret = scatter(r, &to);
	}
	return odgw_direct_done(r->sock.fd, ret, &to);
}
