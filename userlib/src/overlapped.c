// SPDX-License-Identifier: MIT
/*
 * What overlapped calls have in common: where an op completes, its event, and what
 * OVERLAPPED shows meanwhile.
 *
 * No locks but the event's "posting" (internal.h).
 */
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
	struct odgw_event *ev;
	ULONG_PTR before;		/* Internal */
};

/* choose - the queue, and how the op is told */
static int choose(struct begun *b, struct odgw_op *op,
		  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct odgw_thread *self;

	b->queue = &odgw_process_queue;
	op->notify = ODGW_NOTIFY_NONE;
	if (routine) {
		/* hEvent is the program's own. */
		self = odgw_thread_self();
		if (!self)
			return WSAENOBUFS;
		b->queue = &self->routines;
		op->notify = ODGW_NOTIFY_ROUTINE;
		op->routine = routine;
		return 0;
	}
	return odgw_overlapped_event(op->overlapped, &b->ev);
}

static int begin(struct begun *b, const struct odgw_socket *sock,
		 struct odgw_op *op, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	int err;

	*b = (struct begun){ .before = op->overlapped->Internal };
	err = odgw_thread_posts();
	if (!err)
		err = choose(b, op, routine);
	if (err)
		return err;
	op->fd = sock->fd;
	op->has_event = b->ev;
	if (b->ev) {
		pthread_mutex_lock(&b->ev->posting);
		odgw_event_reset(b->ev);
	}
	__atomic_store_n(&op->overlapped->Internal, STATUS_PENDING,
			 __ATOMIC_RELAXED);
	return 0;
}

static void begun(struct begun *b)
{
	if (b->ev) {
		pthread_mutex_unlock(&b->ev->posting);
		odgw_event_put(b->ev);
	}
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
	err = odgw_queue_start(b.queue, op, b.ev ? b.ev->fd : -1, start, arg,
			       end);
	if (err && err != WSA_IO_PENDING)
		op->overlapped->Internal = b.before;
	begun(&b);
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
	if (err)
		op->overlapped->Internal = b.before;
	else if (b.ev)
		odgw_event_set(b.ev);
	begun(&b);
	return err;
}
