// SPDX-License-Identifier: MIT
/*
 * How an overlapped op ended: a look at OVERLAPPED.Internal, after completions
 * have been taken out of the queue.  No locks.
 */
#include "queue.h"

/* is_pending - after everybody's completions have been written */
static bool is_pending(const OVERLAPPED *ov)
{
	if (odgw_overlapped_status(ov) != STATUS_PENDING)
		return false;
	odgw_queues_reap();
	return odgw_overlapped_status(ov) == STATUS_PENDING;
}

static bool in_flight(LPWSAOVERLAPPED ov)
{
	struct odgw_chan *chan = NULL;
	enum odgw_notify notify;
	bool found;
	int fd;

	found = odgw_queues_find(ov, &notify, &fd, &chan);
	odgw_queue_unwatch(chan);
	return found;
}

static int wait_pending(LPWSAOVERLAPPED ov)
{
	HANDLE h = (HANDLE)((uintptr_t)ov->hEvent & ~(uintptr_t)1);
	struct odgw_event *ev = NULL;
	int err;

	if (h) {
		ev = odgw_event_get(h);
		if (!ev)
			return WSA_INVALID_HANDLE;
	}
	err = odgw_wait_overlapped(ov, ev, ODGW_FOREVER, false);
	if (ev)
		odgw_event_put(ev);
	return err;
}

static int get_result(SOCKET s, LPWSAOVERLAPPED ov, DWORD *bytes, BOOL wait,
		      DWORD *flags)
{
	struct odgw_socket sock;
	uint32_t status;
	int err;

	if (!ov || !bytes)
		return WSAEFAULT;
	err = odgw_socket_lookup(s, &sock);
	if (err)
		return err;

	if (is_pending(ov)) {
		if (!wait)
			return odgw_is_fork_child() && !in_flight(ov) ?
				WSA_OPERATION_ABORTED : WSA_IO_INCOMPLETE;
		err = wait_pending(ov);
		if (err)
			return err;
	}

	/* Still pending: somebody else set the event, and it is believed. */
	status = odgw_overlapped_status(ov);
	err = status == STATUS_PENDING ? 0 : odgw_wsa_from_status(status);
	if (!err || err == WSAEMSGSIZE)
		*bytes = (DWORD)ov->InternalHigh;
	if (!err && flags)
		*flags = 0;
	return err;
}

BOOL WSAAPI WSAGetOverlappedResult(SOCKET s, LPWSAOVERLAPPED ov, LPDWORD bytes,
				   BOOL wait, LPDWORD flags)
{
	int err = odgw_enter();

	if (!err)
		err = get_result(s, ov, bytes, wait, flags);
	return !odgw_leave(err);
}

BOOL odg_has_overlapped_io_completed(const OVERLAPPED *ov)
{
	BOOL done;

	odgw_enter();
	done = !is_pending(ov);
	odgw_leave_failed(0);
	return done;
}
