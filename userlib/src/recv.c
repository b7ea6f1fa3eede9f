// SPDX-License-Identifier: MIT
/*
 * WSARecvFrom().
 *
 * Overlapped: posted on the process's port (queue.c), completed by whoever
 * reaps.  Nonoverlapped: posted on the thread's own port and waited for, so it
 * takes its turn among the receives posted to the socket.
 *
 * No locks but the event's "posting" (internal.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/time.h>

#include "internal.h"

#define FEW_SEGS	8

/* One call: its arguments once they are found good. */
struct call {
	struct odgw_socket sock;
	const WSABUF *buffers;
	DWORD nr_buffers;
	DWORD *bytes;
	DWORD *flags;
	struct sockaddr *from;
	int *fromlen;
	LPWSAOVERLAPPED ov;
	bool overlapped;
	bool peek;

	struct odg_seg *segs;
	struct odg_seg few[FEW_SEGS];
};

/* check_pointers - WSAEFAULT for one that the library could not follow */
static int check_pointers(const struct call *c)
{
	struct odgw_probe probe;

	if (!c->buffers || !c->flags || (!c->bytes && !c->ov))
		return WSAEFAULT;
	if (c->from && !c->fromlen)
		return WSAEFAULT;

	odgw_probe_init(&probe);
	if (!odgw_probe_write(&probe, c->flags, sizeof(*c->flags)))
		return WSAEFAULT;
	if (c->bytes && !odgw_probe_write(&probe, c->bytes, sizeof(*c->bytes)))
		return WSAEFAULT;
	if (c->ov && !odgw_probe_write(&probe, c->ov, sizeof(*c->ov)))
		return WSAEFAULT;
	if (c->from) {
		int size = odgw_address_size(c->sock.family);

		if (!odgw_probe_write(&probe, c->fromlen, sizeof(*c->fromlen)))
			return WSAEFAULT;
		/* Before anything is taken off the socket. */
		if (*c->fromlen < size ||
		    !odgw_probe_write(&probe, c->from, (size_t)size))
			return WSAEFAULT;
	}
	if (!odgw_probe_read(&probe, c->buffers,
			     c->nr_buffers * sizeof(*c->buffers)))
		return WSAEFAULT;
	return 0;
}

/* check_flags - MSG_PARTIAL changes nothing: UDP has whole messages only */
static int check_flags(struct call *c)
{
	DWORD flags = *c->flags;

	c->peek = flags & MSG_PEEK;
	if (flags & ~(DWORD)(MSG_PEEK | MSG_PARTIAL))
		return WSAEOPNOTSUPP;
	return c->peek && c->overlapped ? WSAEOPNOTSUPP : 0;
}

/* capture_buffers - the caller may reuse the array when the call returns */
static int capture_buffers(struct call *c)
{
	DWORD i;

	c->segs = c->few;
	if (c->nr_buffers > FEW_SEGS)
		c->segs = malloc(c->nr_buffers * sizeof(*c->segs));
	if (!c->segs)
		return WSAENOBUFS;
	for (i = 0; i < c->nr_buffers; i++)
		c->segs[i] = (struct odg_seg){
			.addr = (uintptr_t)c->buffers[i].buf,
			.len = c->buffers[i].len,
		};
	return 0;
}

static struct odg_recv make_recv(const struct call *c)
{
	return (struct odg_recv){
		.segs = (uintptr_t)c->segs,
		.nr_segs = c->nr_buffers,
		.eventfd = -1,
	};
}

/* event_of - the hEvent of an OVERLAPPED, with a reference; NULL for none */
static int event_of(LPWSAOVERLAPPED ov, struct odgw_event **ev)
{
	/* The low bit asks for no packet at a completion port. */
	HANDLE h = (HANDLE)((uintptr_t)ov->hEvent & ~(uintptr_t)1);

	*ev = h ? odgw_handle_get(h) : NULL;
	return h && !*ev ? WSA_INVALID_HANDLE : 0;
}

static void start_overlapped(LPWSAOVERLAPPED ov, struct odgw_event *ev)
{
	if (ev)
		odgw_event_reset(ev);
	__atomic_store_n(&ov->Internal, STATUS_PENDING, __ATOMIC_RELAXED);
}

/* done_at_once - what only a call that did not pend writes */
static void done_at_once(const struct call *c, DWORD bytes)
{
	if (c->bytes)
		*c->bytes = bytes;
	*c->flags = 0;
}

/*
 * recv_overlapped - every end but success comes as a completion, also one that
 * is known at once: the caller gets exactly one answer.
 */
static int recv_overlapped(struct call *c)
{
	struct odgw_op op = {
		.overlapped = c->ov,
		.from = c->from,
		.fromlen = c->fromlen,
		.family = c->sock.family,
	};
	struct odg_recv recv = make_recv(c);
	ULONG_PTR before = c->ov->Internal;
	struct odg_cqe_wide wide;
	struct odgw_event *ev;
	bool done = false;
	int err;

	err = odgw_thread_posts();
	if (err)
		return err;
	err = event_of(c->ov, &ev);
	if (err)
		return err;
	if (ev) {
		pthread_mutex_lock(&ev->posting);
		recv.eventfd = ev->fd;
	}
	start_overlapped(c->ov, ev);
	err = odgw_queue_post(&op, c->sock.fd, &recv, &wide, &done);
	if (err)
		c->ov->Internal = before;
	if (ev) {
		pthread_mutex_unlock(&ev->posting);
		odgw_event_put(ev);
	}
	if (err)
		return err;
	if (!done || wide.cqe.status)
		return WSA_IO_PENDING;
	done_at_once(c, wide.cqe.len);
	return 0;
}

/* timeout_of - when SO_RCVTIMEO ends a blocking call */
static uint64_t timeout_of(int fd)
{
	struct timeval tv = { 0 };
	socklen_t len = sizeof(tv);

	if (getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len) ||
	    (!tv.tv_sec && !tv.tv_usec))
		return ODGW_FOREVER;
	return odgw_deadline(0) + (uint64_t)tv.tv_sec * 1000000000U +
	       (uint64_t)tv.tv_usec * 1000U;
}

/* wait_for - the completion of the one op on the thread's port */
static int wait_for(struct odg_port *port, uint64_t id, uint64_t deadline,
		    struct odg_cqe *cqe)
{
	bool timed_out = false;
	uint32_t idx;
	int ret;

	for (;;) {
		ret = odg_wait(port, 1, deadline);
		if (ret > 0)
			break;
		if (ret == -ETIME) {
			/* Whoever wins, a completion comes now. */
			timed_out = odg_cancel_id(port, id) > 0;
			deadline = ODGW_FOREVER;
		} else if (ret < 0 && ret != -EINTR) {
			return odgw_wsa_from_errno(ret);
		}
	}
	odg_cq_peek(odg_port_cq(port), &idx);
	*cqe = *odg_cq_read(odg_port_cq(port), idx);
	odg_cq_release(odg_port_cq(port), 1);
	return timed_out ? WSAETIMEDOUT : 0;
}

/* receive - one datagram, by blocking if that is allowed */
static int receive(const struct call *c, struct odg_cqe *cqe)
{
	/* On Windows, an OVERLAPPED makes even a nonblocking socket wait. */
	bool may_block = c->ov;
	struct odg_recv recv = make_recv(c);
	struct odg_port *port;
	int err, ret;

	err = odgw_thread_port(&port);
	if (err)
		return err;

	recv.result = (uintptr_t)cqe;
	recv.flags = ODG_RECV_NOWAIT;
	ret = odg_post(port, c->sock.fd, &recv, 1);
	if (ret == -EAGAIN) {
		may_block |= !odgw_socket_is_nonblocking(c->sock.fd);
		if (!may_block)
			return WSAEWOULDBLOCK;
		recv.flags = 0;
		ret = odg_post(port, c->sock.fd, &recv, 1);
	}
	if (ret < 0)
		return odgw_wsa_from_errno(ret);
	if (recv.state == ODG_RECV_DONE)
		return 0;
	return wait_for(port, recv.id, timeout_of(c->sock.fd), cqe);
}

/* recv_nonoverlapped - bytes are reported also for a datagram cut off */
static int recv_nonoverlapped(const struct call *c)
{
	struct odg_cqe cqe;
	int err;

	err = receive(c, &cqe);
	if (err)
		return err;
	/* Closed under a blocked call. */
	if (cqe.status == -ECANCELED)
		return WSAEINTR;
	if (!cqe.status || cqe.status == -EMSGSIZE) {
		odgw_address_store(&cqe, c->sock.family, c->from, c->fromlen);
		done_at_once(c, cqe.len);
	}
	return odgw_wsa_from_status(odgw_status_from_cqe(&cqe));
}

/* has_port - whether bind(2) or a send gave the socket a local port */
static bool has_port(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len))
		return false;
	/* The port stands at the same place in both families. */
	return ((struct sockaddr_in *)&ss)->sin_port;
}

/* peek - the kernel's own: what is queued stays queued */
static int peek(const struct call *c)
{
	struct msghdr msg = {
		.msg_name = c->from,
		.msg_namelen = c->from ? (socklen_t)*c->fromlen : 0,
		.msg_iovlen = c->nr_buffers,
	};
	struct iovec few[FEW_SEGS];
	int err = 0;
	ssize_t n;
	DWORD i;

	if (!has_port(c->sock.fd))
		return WSAEINVAL;
	msg.msg_iov = few;
	if (c->nr_buffers > FEW_SEGS)
		msg.msg_iov = malloc(c->nr_buffers * sizeof(*msg.msg_iov));
	if (!msg.msg_iov)
		return WSAENOBUFS;
	for (i = 0; i < c->nr_buffers; i++)
		msg.msg_iov[i] = (struct iovec){
			.iov_base = c->buffers[i].buf,
			.iov_len = c->buffers[i].len,
		};

	do {
		n = recvmsg(c->sock.fd, &msg, MSG_PEEK);
	} while (n < 0 && errno == EINTR);
	if (n >= 0) {
		if (c->from)
			*c->fromlen = (int)msg.msg_namelen;
		done_at_once(c, (DWORD)n);
		err = msg.msg_flags & MSG_TRUNC ? WSAEMSGSIZE : 0;
	} else if (errno == EAGAIN && !odgw_socket_is_nonblocking(c->sock.fd)) {
		err = WSAETIMEDOUT;
	} else {
		err = odgw_wsa_from_errno(errno);
	}
	if (msg.msg_iov != few)
		free(msg.msg_iov);
	return err;
}

/* recv_filling - nonoverlapped, and an OVERLAPPED to be filled all the same */
static int recv_filling(const struct call *c)
{
	ULONG_PTR before = c->ov->Internal;
	DWORD ignored, bytes = 0;
	struct odgw_event *ev;
	struct call inner = *c;
	int err;

	err = event_of(c->ov, &ev);
	if (err)
		return err;
	start_overlapped(c->ov, ev);
	inner.bytes = &bytes;
	inner.flags = &ignored;
	err = c->peek ? peek(&inner) : recv_nonoverlapped(&inner);
	if (err && err != WSAEMSGSIZE) {
		c->ov->Internal = before;
	} else {
		done_at_once(c, bytes);
		odgw_overlapped_finish(c->ov, bytes, odgw_status_from_wsa(err));
		if (ev)
			odgw_event_set(ev);
	}
	if (ev)
		odgw_event_put(ev);
	return err;
}

static int run(struct call *c)
{
	int err = capture_buffers(c);

	if (err)
		return err;
	if (c->overlapped)
		err = recv_overlapped(c);
	else if (c->ov)
		err = recv_filling(c);
	else
		err = c->peek ? peek(c) : recv_nonoverlapped(c);
	if (c->segs != c->few)
		free(c->segs);
	return err;
}

static int recv_from(struct call *c, SOCKET s,
		     LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	int err;

	err = odgw_socket_lookup(s, &c->sock);
	if (err)
		return err;
	if (!c->nr_buffers || c->nr_buffers > ODG_MAX_SEGS)
		return WSAEINVAL;
	err = check_pointers(c);
	if (err)
		return err;
	c->overlapped = c->ov && c->sock.overlapped;
	err = check_flags(c);
	if (err)
		return err;
	/* Not offered yet; ignored where Windows ignores it, too. */
	if (c->overlapped && routine)
		return WSAEOPNOTSUPP;
	return run(c);
}

int WSAAPI WSARecvFrom(SOCKET s, LPWSABUF buffers, DWORD nr_buffers,
		       LPDWORD bytes, LPDWORD flags, struct sockaddr *from,
		       LPINT fromlen, LPWSAOVERLAPPED ov,
		       LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct call c = {
		.buffers = buffers,
		.nr_buffers = nr_buffers,
		.bytes = bytes,
		.flags = flags,
		.from = from,
		.fromlen = fromlen,
		.ov = ov,
	};
	int err = odgw_enter();

	if (!err)
		err = recv_from(&c, s, routine);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}
