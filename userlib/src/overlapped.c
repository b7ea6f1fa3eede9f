// SPDX-License-Identifier: MIT
/*
 * What overlapped calls have in common: where an op completes, its event, and what
 * OVERLAPPED shows meanwhile.
 *
 * No locks.
 */
#include "iocp.h"
#include "thread.h"

int odgw_overlapped_event(LPWSAOVERLAPPED ov, struct odgw_event **ev)
{
	/* The low bit asks for no packet at a completion port. */
	HANDLE h = (HANDLE)((uintptr_t)ov->hEvent & ~(uintptr_t)1);

	*ev = h ? odgw_event_get(h) : NULL;
	return h && !*ev ? WSA_INVALID_HANDLE : 0;
}

/* What an op needs until it has started. */
struct begun {
	struct odgw_queue *queue;
	struct odgw_assoc assoc;
	ULONG_PTR before;		/* Internal */
};

static int choose_routine(struct begun *b, struct odgw_op *op,
			  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct odgw_thread *self = odgw_thread_self();

	if (b->assoc.port)
		return WSAEINVAL;
	if (!self)
		return WSAENOBUFS;
	/* hEvent is the program's own. */
	b->queue = &self->routines;
	op->notify = ODGW_NOTIFY_ROUTINE;
	op->routine = routine;
	return 0;
}

/* choose - the queue, and how the op is told */
static int choose(struct begun *b, struct odgw_op *op,
		  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	if (routine)
		return choose_routine(b, op, routine);
	op->no_packet = (uintptr_t)op->overlapped->hEvent & 1;
	if (b->assoc.port && !op->no_packet) {
		b->queue = &b->assoc.port->queue;
		op->notify = ODGW_NOTIFY_PACKET;
		op->key = b->assoc.key;
		op->quiet = b->assoc.modes & FILE_SKIP_COMPLETION_PORT_ON_SUCCESS;
	} else {
		b->queue = &odgw_process_queue;
		op->notify = ODGW_NOTIFY_NONE;
	}
	return odgw_overlapped_event(op->overlapped, &op->ev);
}

static int begin(struct begun *b, const struct odgw_socket *sock,
		 struct odgw_op *op, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	int err;

	*b = (struct begun){
		.assoc = odgw_assoc_get(sock->fd),
		.before = op->overlapped->Internal,
	};
	op->fd = sock->fd;
	err = odgw_thread_posts();
	if (!err)
		err = choose(b, op, routine);
	if (err) {
		if (b->assoc.port)
			odgw_object_put(&b->assoc.port->obj);
		return err;
	}
	if (op->ev)
		odgw_event_reset(op->ev);
	odgw_assoc_signal(sock->fd, false);
	__atomic_store_n(&op->overlapped->Internal, STATUS_PENDING,
			 __ATOMIC_RELAXED);
	return 0;
}

/* begun - @err: there is no op, it is all as it was */
static int begun(struct begun *b, const struct odgw_op *op, int err)
{
	if (err && err != WSA_IO_PENDING) {
		op->overlapped->Internal = b->before;
		if (op->ev)
			odgw_event_put(op->ev);
		else
			odgw_assoc_signal(op->fd, true);
	}
	if (b->assoc.port)
		odgw_object_put(&b->assoc.port->obj);
	return err;
}

int odgw_overlapped_start(const struct odgw_socket *sock, struct odgw_op *op,
			  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			  odgw_start start, void *arg, struct odgw_end *end)
{
	struct begun b;
	int err;

	err = begin(&b, sock, op, routine);
	if (err)
		return err;
	err = odgw_queue_start(b.queue, op, start, arg, end);
	begun(&b, op, err);
	return !err && odgw_status_is_error(end->status) ? WSA_IO_PENDING : err;
}

int odgw_overlapped_end(const struct odgw_socket *sock, struct odgw_op *op,
			LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			const struct odgw_end *end)
{
	struct begun b;
	int err;

	err = begin(&b, sock, op, routine);
	if (err)
		return err;
	err = odgw_queue_tell(b.queue, op, end);
	return begun(&b, op, err);
}
