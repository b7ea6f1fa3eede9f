// SPDX-License-Identifier: MIT
/*
 * RIONotify(): tell the program once that a completion queue is not empty.
 *
 * The port's armed notification does all of it.  An event is signalled by the
 * kernel itself.  For a completion port, the kernel wakes one who sleeps there, and
 * whoever takes packets finds in the memory shared with the kernel that one is due:
 * nobody stands between.  A request posted with RIO_MSG_DONT_NOTIFY is quiet for
 * the kernel, too.
 *
 * No lock of its own: the program calls RIONotify() of one queue from one thread at
 * a time.
 */
#include <stdlib.h>

#include "rio.h"

static int open_event(struct odgw_rio_cq *cq,
		      const RIO_NOTIFICATION_COMPLETION *how)
{
	cq->event = odgw_event_get(how->Event.EventHandle);
	if (!cq->event)
		return WSAEINVAL;
	cq->reset = how->Event.NotifyReset;
	odgw_event_feed(cq->event);
	return odg_port_notify(cq->port, cq->event->fd) ? WSAENOBUFS : 0;
}

static int open_iocp(struct odgw_rio_cq *cq,
		     const RIO_NOTIFICATION_COMPLETION *how)
{
	if (!how->Iocp.Overlapped)
		return WSAEINVAL;
	cq->iocp = odgw_iocp_get(how->Iocp.IocpHandle);
	if (!cq->iocp)
		return WSAEINVAL;
	cq->trigger.arm = cq->ring.__arm;
	cq->key = (ULONG_PTR)how->Iocp.CompletionKey;
	cq->overlapped = how->Iocp.Overlapped;
	return odg_port_notify(cq->port, cq->iocp->wake_fd) ? WSAENOBUFS : 0;
}

int odgw_rio_notify_open(struct odgw_rio_cq *cq,
			 const RIO_NOTIFICATION_COMPLETION *how)
{
	if (how->Type == RIO_EVENT_COMPLETION)
		return open_event(cq, how);
	if (how->Type == RIO_IOCP_COMPLETION)
		return open_iocp(cq, how);
	return WSAEINVAL;
}

void odgw_rio_notify_close(struct odgw_rio_cq *cq)
{
	if (cq->event)
		odgw_event_put(cq->event);
	cq->event = NULL;
	if (cq->iocp) {
		odgw_iocp_forget(cq->iocp, &cq->trigger);
		odgw_object_put(&cq->iocp->obj);
	}
	cq->iocp = NULL;
}

void odgw_rio_notify_hold(struct odgw_rio_cq *cq)
{
	if (cq->iocp)
		pthread_mutex_lock(&cq->iocp->queue.lock);
}

void odgw_rio_notify_go_on(struct odgw_rio_cq *cq)
{
	if (!cq->iocp)
		return;
	cq->trigger.arm = cq->ring.__arm;
	pthread_mutex_unlock(&cq->iocp->queue.lock);
}

static int notify_event(struct odgw_rio_cq *cq)
{
	/* The kernel takes the 1 away when it tells. */
	if (__atomic_load_n(cq->ring.__arm, __ATOMIC_ACQUIRE))
		return WSAEALREADY;
	if (cq->reset)
		odgw_event_reset(cq->event);
	if (odg_cq_arm(&cq->ring))
		odgw_event_set(cq->event);
	return 0;
}

static int notify_iocp(struct odgw_rio_cq *cq)
{
	struct odgw_note *note;

	if (!odgw_iocp_fired(cq->iocp, &cq->trigger))
		return WSAEALREADY;
	note = malloc(sizeof(*note));
	if (!note)
		return WSAENOBUFS;
	*note = (struct odgw_note){
		.overlapped = cq->overlapped,
		.key = cq->key,
	};
	/* If it is not empty, it is not armed: that is a packet, too. */
	odg_cq_arm(&cq->ring);
	odgw_iocp_await(cq->iocp, &cq->trigger, note);
	return 0;
}

static int notify(struct odgw_rio_cq *cq)
{
	if (cq && cq->event)
		return notify_event(cq);
	if (cq && cq->iocp)
		return notify_iocp(cq);
	return WSAEINVAL;
}

/* The code is the result, and not the thread's last error. */
INT WINAPI odgw_rio_notify(RIO_CQ handle)
{
	int err = odgw_enter();

	if (!err)
		err = notify(odgw_slot_get(&odgw_rio_cqs, handle));
	odgw_leave_failed(0);
	return err;
}
