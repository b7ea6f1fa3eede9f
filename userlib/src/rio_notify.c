// SPDX-License-Identifier: MIT
/*
 * RIONotify(): tell the program once that a completion queue is not empty.
 *
 * The port's armed notification does all of it.  The kernel signals the event
 * itself, so nobody stands between; a request posted with RIO_MSG_DONT_NOTIFY is
 * quiet for the kernel, too.
 *
 * No lock: the program calls RIONotify() of one queue from one thread at a time.
 */
#include "rio.h"

static int open_event(struct odgw_rio_cq *cq,
		      const RIO_NOTIFICATION_COMPLETION *how)
{
	int ret;

	cq->event = odgw_event_get(how->Event.EventHandle);
	if (!cq->event)
		return WSAEINVAL;
	cq->reset = how->Event.NotifyReset;
	ret = odg_port_notify(cq->port, cq->event->fd);
	if (!ret)
		return 0;
	odgw_rio_notify_close(cq);
	return odgw_wsa_from_errno(ret);
}

int odgw_rio_notify_open(struct odgw_rio_cq *cq,
			 const RIO_NOTIFICATION_COMPLETION *how)
{
	if (how->Type == RIO_EVENT_COMPLETION)
		return open_event(cq, how);
	return how->Type == RIO_IOCP_COMPLETION ? WSAEOPNOTSUPP : WSAEINVAL;
}

void odgw_rio_notify_close(struct odgw_rio_cq *cq)
{
	if (cq->event)
		odgw_event_put(cq->event);
	cq->event = NULL;
}

static int notify(struct odgw_rio_cq *cq)
{
	if (!cq || !cq->event)
		return WSAEINVAL;
	/* The kernel takes the 1 away when it tells. */
	if (__atomic_load_n(cq->ring.__arm, __ATOMIC_ACQUIRE))
		return WSAEALREADY;
	if (cq->reset)
		odgw_event_reset(cq->event);
	if (odg_cq_arm(&cq->ring))
		odgw_event_set(cq->event);
	return 0;
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
