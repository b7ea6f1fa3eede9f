// SPDX-License-Identifier: MIT
/*
 * Receiving.
 *
 * Overlapped: posted to the queue that overlapped.c chooses, completed by whoever
 * reaps.  Nonoverlapped: a call that blocks (call.c), unless a datagram waits, of which
 * direct.c has been asked before.
 *
 * No locks.
 */
#include <errno.h>
#include <stdlib.h>

#include "receive.h"
#include "thread.h"

/* capture_buffers - in @few, if that is enough */
static int capture_buffers(struct odgw_receive *r, struct odg_seg *few)
{
	DWORD i;

	r->segs = few;
	if (r->nr_buffers > ODGW_FEW_SEGS)
		r->segs = malloc(r->nr_buffers * sizeof(*r->segs));
	if (!r->segs)
		return WSAENOBUFS;
	for (i = 0; i < r->nr_buffers; i++)
		r->segs[i] = (struct odg_seg){
			.addr = (uintptr_t)r->buffers[i].buf,
			.len = r->buffers[i].len,
		};
	return 0;
}

/* post - 0: pending, 1: done at once, negative errno */
static int post(const struct odgw_receive *r, struct odg_port *port,
		struct odgw_ticket *ticket, uint32_t flags)
{
	struct odg_recv recv = {
		.user_data = ticket->user_data,
		.segs = (uintptr_t)r->segs,
		.nr_segs = r->nr_buffers,
		.flags = flags,
		.eventfd = ticket->eventfd,
		.result = (uintptr_t)ticket->done,
	};
	int ret = odg_post(port, r->sock.fd, &recv, 1);

	ticket->id = recv.id;
	return ret < 0 ? ret : recv.state == ODG_RECV_DONE;
}

static int start(struct odg_port *port, struct odgw_ticket *ticket, void *arg)
{
	return post(arg, port, ticket, 0);
}

static int start_no_wait(struct odg_port *port, struct odgw_ticket *ticket,
			 void *arg)
{
	return post(arg, port, ticket, ODG_RECV_NOWAIT);
}

/* may_wait - on Windows, an OVERLAPPED makes even a nonblocking socket wait */
static bool may_wait(const struct odgw_receive *r)
{
	return r->ov || !odgw_socket_is_nonblocking(r->sock.fd);
}

/* call - without a datagram, block if that is allowed */
static int call(struct odgw_receive *r, struct odg_cqe_wide *cqe)
{
	struct odgw_thread *self = odgw_thread_self();
	int err;

	if (!self)
		return WSAENOBUFS;
	/* Nothing waits, and what else there is to say the call that waits says, too. */
	if (!r->empty || odgw_socket_is_nonblocking(r->sock.fd)) {
		/* It has been said of this socket before that there was nothing else. */
		if (r->empty && r->sock.attributes & ODGW_PORTED)
			return WSAEWOULDBLOCK;
		err = odgw_queue_try(&self->calls, start_no_wait, r, cqe);
		if (err == WSAEWOULDBLOCK && r->empty)
			odgw_socket_mark(r->sock.fd, ODGW_PORTED, true);
		if (err != WSAEWOULDBLOCK || !may_wait(r))
			return err;
	}
	return odgw_call(r->sock.fd, SO_RCVTIMEO, start, r, cqe);
}

/* done_at_once - what only a call that did not pend writes */
static void done_at_once(const struct odgw_receive *r, const struct odgw_end *end)
{
	if (r->bytes)
		*r->bytes = end->bytes;
	if (r->flags)
		*r->flags = odgw_flags_from_status(end->status);
}

static int recv_overlapped(struct odgw_receive *r,
			   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct odgw_end end;
	int err;

	odgw_socket_not_direct(&r->sock);
	r->op.overlapped = r->ov;
	if ((r->sock.attributes & (ODGW_OURS | ODGW_BY_CALL)) == ODGW_OURS) {
		r->op.segs = r->segs;
		r->op.nr_segs = r->nr_buffers;
	}
	err = odgw_overlapped_start(&r->sock, &r->op, routine, start, r,
				    &end);
	if (!err)
		done_at_once(r, &end);
	return err;
}

/*
 * now - a datagram, or the error that is there instead; by blocking if that is
 * allowed
 */
static int now(struct odgw_receive *r, struct odgw_end *end)
{
	uint64_t errors = odgw_count_at(&odgw_errors_at);
	struct odg_cqe_wide cqe;
	int err;

	if (r->peek)
		err = odgw_peek(r, &cqe);
	else
		err = call(r, &cqe);
	if (err)
		return err;
	/* The call looked for an error first. */
	if (!r->peek)
		odgw_socket_told(r->sock.fd, errors);
	/* Closed under a blocked call. */
	if (cqe.cqe.status == -ECANCELED)
		return WSAEINTR;
	*end = (struct odgw_end){
		.bytes = cqe.cqe.len,
		.status = odgw_status_from_cqe(&cqe.cqe),
	};
	/* What is reported of a datagram is so also of one that was cut off. */
	if (!cqe.cqe.status || cqe.cqe.status == -EMSGSIZE) {
		r->op.store(&r->op, &cqe, end);
		done_at_once(r, end);
		odgw_netevents_received(r->sock.fd);
	}
	return odgw_wsa_from_status(end->status);
}

/* filling - nonoverlapped, and an OVERLAPPED to be filled all the same */
static int filling(struct odgw_receive *r)
{
	ULONG_PTR before = r->ov->Internal;
	struct odgw_event *ev;
	struct odgw_end end;
	int err;

	err = odgw_overlapped_event(r->ov, &ev);
	if (err)
		return err;
	if (ev)
		odgw_event_reset(ev);
	__atomic_store_n(&r->ov->Internal, STATUS_PENDING, __ATOMIC_RELAXED);
	err = now(r, &end);
	if (err && err != WSAEMSGSIZE) {
		r->ov->Internal = before;
	} else {
		odgw_overlapped_finish(r->ov, end.bytes, end.status);
		if (ev)
			odgw_event_set(ev);
	}
	if (ev)
		odgw_event_put(ev);
	return err;
}

int odgw_receive(struct odgw_receive *r,
		 LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct odg_seg few[ODGW_FEW_SEGS];
	struct odgw_end end;
	int err;

	r->op.family = r->sock.family;
	/* The caller may reuse the array when the call returns. */
	err = capture_buffers(r, few);
	if (err)
		return err;
	if (r->overlapped)
		err = recv_overlapped(r, routine);
	else if (r->ov)
		err = filling(r);
	else
		err = now(r, &end);
	if (r->segs != few)
		free(r->segs);
	return err;
}
