// SPDX-License-Identifier: MIT
/*
 * Sends: WSASendTo(), WSASend(), WSASendMsg(), sendto(), send().
 *
 * One way for all: the call's arguments become a struct call, are checked, and
 * turned into a native message.  One that blocks waits for room in the socket's
 * buffer, in ready.c.  No locks.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "receive.h"

#define FEW_BUFFERS	8
#define MAX_BUFFERS	1024		/* of Linux' sendmsg(2) */
#define MAX_CONTROL	256		/* holds every type that a send may carry */

#define STATUS_INVALID_BUFFER_SIZE	0xC0000206U

struct call {
	struct odgw_socket sock;
	const WSABUF *buffers;
	DWORD nr_buffers;
	DWORD flags;
	DWORD *bytes;
	const struct sockaddr *to;
	int tolen;
	const WSABUF *control;
	LPWSAOVERLAPPED ov;
	LPWSAOVERLAPPED_COMPLETION_ROUTINE routine;
	int no_peer;			/* the code for "sent to whom?" */
	struct sockaddr_storage group;	/* that WSAJoinLeaf() joined */

	struct odgw_event *ev;		/* of one that only fills the OVERLAPPED */
	struct odg_seg *segs;		/* of an overlapped one */
	struct odg_seg few_segs[FEW_BUFFERS];
	struct msghdr msg;
	struct iovec few[FEW_BUFFERS];
	char control_out[MAX_CONTROL];
	DWORD total;
};

static int check_pointers(const struct call *c)
{
	struct odgw_probe probe;

	odgw_probe_init(&probe);
	if (!c->bytes && !c->ov)
		return WSAEFAULT;
	if (!c->nr_buffers || c->nr_buffers > MAX_BUFFERS)
		return WSAEINVAL;
	if (c->bytes && !odgw_probe_write(&probe, c->bytes, sizeof(*c->bytes)))
		return WSAEFAULT;
	if (c->ov && !odgw_probe_write(&probe, c->ov, sizeof(*c->ov)))
		return WSAEFAULT;
	if (!c->buffers ||
	    !odgw_probe_read(&probe, c->buffers,
			     c->nr_buffers * sizeof(*c->buffers)))
		return WSAEFAULT;
	if (c->control && c->control->len &&
	    (!c->control->buf ||
	     !odgw_probe_read(&probe, c->control->buf, c->control->len)))
		return WSAEFAULT;
	return 0;
}

/* MSG_PARTIAL and MSG_OOB are of other transports. */
static int check_flags(const struct call *c)
{
	return c->flags & ~(DWORD)MSG_DONTROUTE ? WSAEOPNOTSUPP : 0;
}

static int check_destination(struct call *c)
{
	int err;

	if (!c->to && c->sock.attributes & ODGW_JOINED &&
	    odgw_leaf_group(c->sock.fd, &c->group)) {
		c->to = (struct sockaddr *)&c->group;
		c->tolen = sizeof(c->group);
	}
	if (!c->to)
		return 0;
	err = odgw_address_check(&c->sock, c->to, c->tolen);
	if (err)
		return err;
	return odgw_address_is_any(c->to) ? WSAEADDRNOTAVAIL : 0;
}

/* make_message - its arrays are ours: the caller may reuse his */
static int make_message(struct call *c)
{
	uint64_t total = 0;
	DWORD i;

	c->msg.msg_iov = c->few;
	if (c->nr_buffers > FEW_BUFFERS)
		c->msg.msg_iov = malloc(c->nr_buffers * sizeof(*c->msg.msg_iov));
	if (!c->msg.msg_iov)
		return WSAENOBUFS;
	for (i = 0; i < c->nr_buffers; i++) {
		c->msg.msg_iov[i] = (struct iovec){
			.iov_base = c->buffers[i].buf,
			.iov_len = c->buffers[i].len,
		};
		total += c->buffers[i].len;
	}
	c->msg.msg_iovlen = c->nr_buffers;
	if (total > (uint64_t)odgw_max_message(c->sock.family))
		return WSAEMSGSIZE;
	c->total = (DWORD)total;
	if (c->to) {
		c->msg.msg_name = (void *)c->to;
		c->msg.msg_namelen = (socklen_t)odgw_address_size(c->sock.family);
	}
	if (c->control && c->control->len) {
		c->msg.msg_control = c->control_out;
		c->msg.msg_controllen = sizeof(c->control_out);
		return odgw_control_read(c->control, c->control_out,
					 &c->msg.msg_controllen);
	}
	return 0;
}

/*
 * may_be_an_old_one - an ICMP error that an earlier send drew, which Linux tells
 * to the next call; it is gone when that has told.
 */
static bool may_be_an_old_one(int err)
{
	return err == ECONNREFUSED || err == EHOSTUNREACH ||
	       err == ENOPROTOOPT || err == EPROTO;
}

/* vanishes - to port 0: Windows sends it, and it is never seen again */
static bool vanishes(const struct call *c)
{
	return c->to && !odgw_address_port(c->to);
}

/*
 * transmit - without waiting: 0 or a negative errno.  By syscall(2), which is no
 * cancellation point.
 */
static int transmit(int fd, const struct call *c)
{
	int flags = (int)c->flags | MSG_DONTWAIT | MSG_NOSIGNAL;
	bool retried = false;

	for (;;) {
		if (syscall(SYS_sendmsg, fd, &c->msg, flags) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (retried || !may_be_an_old_one(errno))
			return -errno;
		retried = true;
	}
}

/* release - what the call holds; also when the thread is cancelled asleep */
static void release(void *arg)
{
	struct call *c = arg;

	if (c->msg.msg_iov != c->few)
		free(c->msg.msg_iov);
	if (c->ev)
		odgw_event_put(c->ev);
}

static int attempt(int fd, void *arg)
{
	int ret = transmit(fd, arg);

	return ret ? odgw_wsa_from_errno(ret) : 0;
}

/* block - the socket's buffer is full */
static int block(struct call *c)
{
	int err;

	pthread_cleanup_push(release, c);
	err = odgw_call_ready(c->sock.fd, SO_SNDTIMEO, EPOLLOUT, attempt, c);
	pthread_cleanup_pop(0);
	return err;
}

static int send_now(struct call *c)
{
	int ret;

	if (vanishes(c))
		return odgw_socket_bind_any(&c->sock);
	ret = transmit(c->sock.fd, c);
	if (ret != -EAGAIN)
		return ret ? odgw_wsa_from_errno(ret) : 0;
	if (!odgw_socket_is_nonblocking(c->sock.fd))
		return block(c);
	odgw_netevents_no_room(c->sock.fd);
	return WSAEWOULDBLOCK;
}

/* vanish - in the way of odgw_start(): done at once */
static int vanish(struct odg_port *port, struct odgw_ticket *ticket, void *arg)
{
	const struct call *c = arg;

	(void)port;
	if (odgw_socket_bind_any(&c->sock))
		return -EADDRINUSE;
	*ticket->done = (struct odg_cqe_wide){ .cqe.len = (uint16_t)c->total };
	if (ticket->eventfd >= 0)
		odgw_eventfd_set(ticket->eventfd);
	return 1;
}

/* start - in the way of odgw_start(); without room it waits for it */
static int start(struct odg_port *port, struct odgw_ticket *ticket, void *arg)
{
	struct call *c = arg;
	struct odg_send send = {
		.user_data = ticket->user_data,
		.segs = (uintptr_t)c->segs,
		.nr_segs = c->nr_buffers,
		.flags = c->flags & MSG_DONTROUTE ? ODG_SEND_DONTROUTE : 0,
		.eventfd = ticket->eventfd,
		.result = (uintptr_t)ticket->done,
		.name = (uintptr_t)c->msg.msg_name,
		.namelen = c->msg.msg_namelen,
		.control = (uintptr_t)c->msg.msg_control,
		.controllen = (uint32_t)c->msg.msg_controllen,
	};
	int ret = odg_send(port, c->sock.fd, &send, 1);

	if (may_be_an_old_one(-ret))
		ret = odg_send(port, c->sock.fd, &send, 1);
	ticket->id = send.id;
	return ret < 0 ? ret : send.state == ODG_SEND_DONE;
}

/* ended - one that was too large for its way shares no code with receives */
static void ended(const struct odgw_op *op, const struct odg_cqe_wide *cqe,
		  struct odgw_end *end)
{
	(void)op;
	if (cqe->cqe.status == -EMSGSIZE)
		end->status = STATUS_INVALID_BUFFER_SIZE;
}

static int send_overlapped(struct call *c)
{
	struct odgw_op op = {
		.overlapped = c->ov,
		.store = ended,
		.family = c->sock.family,
	};
	struct odgw_end end;
	int err;
	DWORD i;

	c->segs = c->few_segs;
	if (c->nr_buffers > FEW_BUFFERS)
		c->segs = malloc(c->nr_buffers * sizeof(*c->segs));
	if (!c->segs)
		return WSAENOBUFS;
	for (i = 0; i < c->nr_buffers; i++)
		c->segs[i] = (struct odg_seg){
			.addr = (uintptr_t)c->buffers[i].buf,
			.len = c->buffers[i].len,
		};
	err = odgw_overlapped_start(&c->sock, &op, c->routine,
				    vanishes(c) ? vanish : start, c, &end);
	if (!err && c->bytes)
		*c->bytes = end.bytes;
	if (c->segs != c->few_segs)
		free(c->segs);
	return err;
}

/* filling - on a socket that is not overlapped, the OVERLAPPED all the same */
static int filling(struct call *c)
{
	ULONG_PTR before = c->ov->Internal;
	int err;

	err = odgw_overlapped_event(c->ov, &c->ev);
	if (err)
		return err;
	if (c->ev)
		odgw_event_reset(c->ev);
	__atomic_store_n(&c->ov->Internal, STATUS_PENDING, __ATOMIC_RELAXED);
	err = send_now(c);
	if (err) {
		c->ov->Internal = before;
	} else {
		odgw_overlapped_finish(c->ov, c->total, STATUS_SUCCESS);
		if (c->ev)
			odgw_event_set(c->ev);
	}
	return err;
}

static int run(struct call *c)
{
	int err = make_message(c);

	if (!err && c->ov && c->sock.overlapped) {
		err = send_overlapped(c);
	} else if (!err) {
		err = c->ov ? filling(c) : send_now(c);
		if (!err && c->bytes)
			*c->bytes = c->total;
	}
	release(c);
	return err == WSAEDESTADDRREQ ? c->no_peer : err;
}

static int send_to(struct call *c, SOCKET s)
{
	int err = odgw_socket_lookup_udp(s, &c->sock);

	if (!err)
		err = check_pointers(c);
	if (!err)
		err = check_flags(c);
	if (!err)
		err = check_destination(c);
	if (!err)
		err = run(c);
	return err;
}

/* send_buffers - @no_peer: the code if there is neither @to nor a peer */
static int send_buffers(SOCKET s, LPWSABUF buffers, DWORD nr_buffers, LPDWORD bytes,
			DWORD flags, const struct sockaddr *to, int tolen,
			LPWSAOVERLAPPED ov,
			LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, int no_peer)
{
	struct call c = {
		.buffers = buffers,
		.nr_buffers = nr_buffers,
		.bytes = bytes,
		.flags = flags,
		.to = to,
		.tolen = tolen,
		.ov = ov,
		.routine = routine,
		.no_peer = no_peer,
	};
	int err = odgw_enter();

	if (!err)
		err = send_to(&c, s);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

int WSAAPI WSASendTo(SOCKET s, LPWSABUF buffers, DWORD nr_buffers, LPDWORD bytes,
		     DWORD flags, const struct sockaddr *to, int tolen,
		     LPWSAOVERLAPPED ov,
		     LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	return send_buffers(s, buffers, nr_buffers, bytes, flags, to, tolen, ov,
			    routine, WSAEDESTADDRREQ);
}

int WSAAPI WSASend(SOCKET s, LPWSABUF buffers, DWORD nr_buffers, LPDWORD bytes,
		   DWORD flags, LPWSAOVERLAPPED ov,
		   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	return send_buffers(s, buffers, nr_buffers, bytes, flags, NULL, 0, ov,
			    routine, WSAENOTCONN);
}

/* take_message - the parts of a WSAMSG; its dwFlags are not for sends */
static int take_message(struct call *c, SOCKET s, const WSAMSG *msg)
{
	struct odgw_probe probe;
	int err = odgw_socket_lookup_udp(s, &c->sock);

	if (err)
		return err;
	odgw_probe_init(&probe);
	if (!msg || !odgw_probe_read(&probe, msg, sizeof(*msg)))
		return WSAEFAULT;
	if (!msg->name && msg->namelen)
		return WSAEFAULT;
	c->buffers = msg->lpBuffers;
	c->nr_buffers = msg->dwBufferCount;
	c->to = msg->name;
	c->tolen = msg->namelen;
	c->control = &msg->Control;
	/* On Windows it is bound even if the call fails for this. */
	if (!c->bytes && !c->ov)
		return odgw_socket_bind_any(&c->sock);
	return 0;
}

int WSAAPI WSASendMsg(SOCKET s, LPWSAMSG msg, DWORD flags, LPDWORD bytes,
		      LPWSAOVERLAPPED ov,
		      LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct call c = {
		.bytes = bytes,
		.flags = flags,
		.ov = ov,
		.routine = routine,
		.no_peer = WSAENOTCONN,
	};
	int err = odgw_enter();

	if (!err)
		err = take_message(&c, s, msg);
	if (!err)
		err = send_to(&c, s);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

/* What is no UDP socket is the C library's. */
static ssize_t send_plain(int s, const void *buf, size_t len, int flags,
			  const struct sockaddr *to, socklen_t tolen,
			  int no_peer)
{
	WSABUF buffer = { .len = (ULONG)len, .buf = (CHAR *)buf };
	DWORD sent = 0;
	struct call c = {
		.buffers = &buffer,
		.nr_buffers = 1,
		.bytes = &sent,
		.flags = (DWORD)flags & ~(DWORD)MSG_NOSIGNAL,
		.to = to,
		.tolen = (int)tolen,
		.no_peer = no_peer,
	};
	struct odgw_socket sock;
	ssize_t ret;
	int err = odgw_enter();

	if (!err)
		err = odgw_socket_lookup((SOCKET)s, &sock);
	if (!err && !sock.udp) {
		ret = sendto(s, buf, len, flags, to, tolen);
		err = ret < 0 ? odgw_wsa_from_errno(errno) : 0;
		return odgw_leave(err) ? SOCKET_ERROR : ret;
	}
	if (!err && len > UINT32_MAX)
		err = WSAEMSGSIZE;
	if (!err)
		err = send_to(&c, (SOCKET)s);
	return odgw_leave(err) ? SOCKET_ERROR : (ssize_t)sent;
}

ssize_t odg_ws_sendto(int s, const void *buf, size_t len, int flags,
		      const struct sockaddr *to, socklen_t tolen)
{
	return send_plain(s, buf, len, flags, to, tolen, WSAEDESTADDRREQ);
}

ssize_t odg_ws_send(int s, const void *buf, size_t len, int flags)
{
	return send_plain(s, buf, len, flags, NULL, 0, WSAENOTCONN);
}
