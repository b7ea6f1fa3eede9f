// SPDX-License-Identifier: MIT
/*
 * CancelIo() and CancelIoEx().  What is cancelled completes like any other op;
 * calls that block are no overlapped ops and stay.  No locks.
 */
#include "queue.h"

/* cancel - *found: how many */
static int cancel(HANDLE file, struct odgw_match *match, unsigned int *found)
{
	struct odgw_socket sock;

	if (odgw_socket_lookup((SOCKET)file, &sock))
		return ERROR_INVALID_HANDLE;
	match->fd = sock.fd;
	*found = odgw_queues_cancel(match);
	/* Of the whole socket: what was started by another descriptor of it, too. */
	if (!match->tid && !match->overlapped)
		*found += odgw_queues_cancel_socket(sock.fd, false);
	return 0;
}

BOOL WINAPI CancelIo(HANDLE file)
{
	struct odgw_match match = { .tid = odgw_thread_id() };
	unsigned int found;

	odgw_enter();
	return !odgw_leave_failed(cancel(file, &match, &found));
}

BOOL WINAPI CancelIoEx(HANDLE file, LPOVERLAPPED ov)
{
	struct odgw_match match = { .overlapped = ov };
	unsigned int found = 0;
	int err;

	odgw_enter();
	err = cancel(file, &match, &found);
	if (!err && !found)
		err = ERROR_NOT_FOUND;
	return !odgw_leave_failed(err);
}
