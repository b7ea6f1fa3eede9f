// SPDX-License-Identifier: MIT
/*
 * Calls that block: an op with an OVERLAPPED on the stack, in a queue of the
 * thread's own, so it takes its turn among the receives posted to the socket.
 *
 * The wait is alertable.  A routine or APC that runs in it may block in turn; if it
 * forks, the op is the parent's, and the call ends in the child as if cancelled.
 */
#include <errno.h>
#include <sys/time.h>

#include "receive.h"
#include "thread.h"

static void keep(const struct odgw_op *op, const struct odg_cqe_wide *cqe,
		 struct odgw_end *end)
{
	(void)end;
	*op->cqe = *cqe;
}

struct pending {
	OVERLAPPED ov;
	struct odgw_queue *queue;
	struct odgw_chan *chan;
	int fd;				/* of the port */
};

static bool is_pending(const struct pending *p)
{
	return odgw_overlapped_status(&p->ov) == STATUS_PENDING;
}

/* cancel - false: it has completed in another way */
static bool cancel(struct pending *p)
{
	struct odgw_match match = { .fd = -1, .overlapped = &p->ov };

	return odgw_queue_cancel(p->queue, &match);
}

/* give_up - the thread is cancelled: nothing may be written to its stack later */
static void give_up(void *arg)
{
	struct pending *p = arg;
	struct pollfd fd = { .fd = p->fd, .events = POLLIN };

	if (is_pending(p))
		cancel(p);
	while (is_pending(p)) {
		odgw_poll(&fd, 1, ODGW_FOREVER);
		odgw_queue_reap(p->queue);
	}
	odgw_queue_unwatch(p->chan);
}

static int wait_for(struct pending *p, uint64_t deadline)
{
	struct pollfd fds[1 + ODGW_SLEEP_SPARE] = {
		{ .fd = p->fd, .events = POLLIN },
	};
	int slept, err = 0;

	odgw_queue_reap(p->queue);
	while (is_pending(p)) {
		if (odgw_apc_run()) {
			if (odgw_queue_has(p->queue, p->chan))
				odgw_queue_reap(p->queue);
			else
				p->ov.Internal = STATUS_CANCELLED;
			continue;
		}
		slept = odgw_sleep(fds, 1, deadline, true);
		odgw_queue_reap(p->queue);
		if (slept < 0)
			return -slept;
		if (slept != ODGW_TIMED_OUT || !is_pending(p))
			continue;
		/* Whoever wins, a completion comes now. */
		if (cancel(p))
			err = WSAETIMEDOUT;
		deadline = ODGW_FOREVER;
	}
	return err;
}

uint64_t odgw_call_deadline(int fd, int option)
{
	struct timeval tv = { 0 };
	socklen_t len = sizeof(tv);

	if (getsockopt(fd, SOL_SOCKET, option, &tv, &len) ||
	    (!tv.tv_sec && !tv.tv_usec))
		return ODGW_FOREVER;
	return odgw_deadline(0) + (uint64_t)tv.tv_sec * 1000000000U +
	       (uint64_t)tv.tv_usec * 1000U;
}

int odgw_call(int fd, int option, odgw_start start, void *arg,
	      struct odg_cqe_wide *cqe)
{
	struct pending p = { .ov.Internal = STATUS_PENDING };
	struct odgw_op op = {
		.overlapped = &p.ov,
		.store = keep,
		.cqe = cqe,
		.fd = fd,
	};
	struct odgw_thread *self = odgw_thread_self();
	struct odgw_end end;
	int err;

	if (!self)
		return WSAENOBUFS;
	/* Left behind or shut down while it blocks: then it is not told how it ended. */
	cqe->cqe.status = -ECANCELED;
	p.queue = &self->calls;
	err = odgw_queue_start(p.queue, &op, start, arg, &end);
	if (err != WSA_IO_PENDING)
		return err;
	p.fd = odgw_queue_watch(p.queue, false, &p.chan);
	pthread_cleanup_push(give_up, &p);
	err = wait_for(&p, odgw_call_deadline(fd, option));
	pthread_cleanup_pop(1);
	return err;
}
