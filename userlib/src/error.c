// SPDX-License-Identifier: MIT
/*
 * The last error of each thread.
 *
 * One slot for WSAGetLastError() and GetLastError().  Programs ask it after
 * native calls, too (bind, sendto), which know only errno.  So every call of
 * this library leaves errno 0; a value there later comes from a native call and
 * is newer than the slot.  Only errors that socket calls return count: stdio
 * leaves ENOTTY and the like behind when it succeeds.
 *
 * No locks: the slot is the thread's own.
 */
#include <errno.h>

#include "internal.h"

_Thread_local int odgw_last_error;

/* absorb - move a native call's error from errno to the slot */
static void absorb(void)
{
	int err = errno ? odgw_wsa_from_native(errno) : 0;

	if (err)
		odgw_last_error = err;
	errno = 0;
}

int odgw_enter(void)
{
	absorb();
	return odgw_started() ? 0 : WSANOTINITIALISED;
}

int odgw_leave_failed(int err)
{
	if (err)
		odgw_last_error = err;
	errno = 0;
	return err;
}

int WSAAPI WSAGetLastError(void)
{
	int saved = errno;

	absorb();
	/* Taken, yet the program may want to see it as well. */
	errno = saved;
	return odgw_last_error;
}

void WSAAPI WSASetLastError(int err)
{
	odgw_leave(err);
}

DWORD WINAPI GetLastError(VOID)
{
	return (DWORD)WSAGetLastError();
}

VOID WINAPI SetLastError(DWORD err)
{
	odgw_leave((int)err);
}
