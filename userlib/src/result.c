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
	/* On Windows, the call has a list of sockets, and a copy is not in it. */
	if (sock.attributes & ODGW_COPY)
		return WSAENOTSOCK;

	if (is_pending(ov)) {
		if (!wait)
			return odgw_is_fork_child() && !in_flight(ov) ?
				WSA_OPERATION_ABORTED : WSA_IO_INCOMPLETE;
		err = odgw_wait_overlapped(ov, ODGW_FOREVER, false);
		if (err)
			return err;
	}

	/* Still pending: somebody else set the event, and it is believed. */
	status = odgw_overlapped_status(ov);
	err = status == STATUS_PENDING ? 0 : odgw_wsa_from_status(status);
	if (!err || err == WSAEMSGSIZE)
		*bytes = (DWORD)ov->InternalHigh;
	if (!err && flags)
		*flags = odgw_flags_from_status(status);
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

/* get_result_win32 - the same in Win32's terms, and with a time limit */
static int get_result_win32(LPOVERLAPPED ov, DWORD *bytes, DWORD ms,
			    bool alertable)
{
	uint32_t status;
	int err;

	if (!ov || !bytes)
		return ERROR_INVALID_PARAMETER;
	if (is_pending(ov)) {
		if (!ms)
			return ERROR_IO_INCOMPLETE;
		err = odgw_wait_overlapped(ov, odgw_deadline(ms), alertable);
		if (err)
			return err;
	}
	status = odgw_overlapped_status(ov);
	*bytes = (DWORD)ov->InternalHigh;
	return status == STATUS_PENDING ? 0 : odgw_win32_from_status(status);
}

BOOL WINAPI GetOverlappedResultEx(HANDLE file, LPOVERLAPPED ov, LPDWORD bytes,
				  DWORD ms, BOOL alertable)
{
	(void)file;
	odgw_enter();
	return !odgw_leave_failed(get_result_win32(ov, bytes, ms, alertable));
}

BOOL WINAPI GetOverlappedResult(HANDLE file, LPOVERLAPPED ov, LPDWORD bytes,
				BOOL wait)
{
	return GetOverlappedResultEx(file, ov, bytes, wait ? INFINITE : 0, FALSE);
}

BOOL odg_has_overlapped_io_completed(const OVERLAPPED *ov)
{
	BOOL done;

	odgw_enter();
	done = !is_pending(ov);
	odgw_leave_failed(0);
	return done;
}
