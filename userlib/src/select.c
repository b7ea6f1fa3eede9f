// SPDX-License-Identifier: MIT
/*
 * select() and WSAPoll(): the kernel's own, with Windows' arguments and errors.
 * A datagram that a posted receive took makes nothing readable.  No locks.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/time.h>

#include "internal.h"

static bool any_set(const fd_set *set)
{
	static const fd_set none;

	return set && memcmp(set, &none, sizeof(none));
}

/* Windows ignores the number of descriptors; programs give 0. */
int odg_ws_select(int nfds, fd_set *reads, fd_set *writes, fd_set *excepts,
		  struct timeval *timeout)
{
	struct timeval left;
	int n = 0, err = odgw_enter();

	(void)nfds;
	if (!err && !any_set(reads) && !any_set(writes) && !any_set(excepts))
		err = WSAEINVAL;
	if (!err && timeout)
		left = *timeout;	/* Linux counts it down, Windows does not */
	if (!err) {
		n = select(FD_SETSIZE, reads, writes, excepts,
			   timeout ? &left : NULL);
		err = n < 0 ? odgw_wsa_from_errno(errno) : 0;
	}
	return odgw_leave(err) ? SOCKET_ERROR : n;
}

/* descriptor_of - what is none is told of as closed; INVALID_SOCKET is passed over */
static int descriptor_of(SOCKET s)
{
	return s > INT_MAX && s != INVALID_SOCKET ? INT_MAX : (int)s;
}

static int poll_them(LPWSAPOLLFD fds, ULONG nr, INT timeout, int *ready)
{
	struct odgw_probe probe;
	struct pollfd *native;
	DWORD ms = timeout < 0 ? INFINITE : (DWORD)timeout;
	ULONG i;

	if (!nr)
		return WSAEINVAL;
	odgw_probe_init(&probe);
	if (!fds || !odgw_probe_write(&probe, fds, nr * sizeof(*fds)))
		return WSAEFAULT;
	native = malloc(nr * sizeof(*native));
	if (!native)
		return WSAENOBUFS;
	for (i = 0; i < nr; i++)
		native[i] = (struct pollfd){
			.fd = descriptor_of(fds[i].fd),
			.events = fds[i].events,
		};
	pthread_cleanup_push(free, native);
	*ready = odgw_poll(native, nr, odgw_deadline(ms));
	pthread_cleanup_pop(0);
	for (i = 0; *ready >= 0 && i < nr; i++)
		fds[i].revents = native[i].revents;
	free(native);
	return *ready < 0 ? odgw_wsa_from_errno(errno) : 0;
}

int WSAAPI WSAPoll(LPWSAPOLLFD fds, ULONG nr, INT timeout)
{
	int ready = 0, err = odgw_enter();

	if (!err)
		err = poll_them(fds, nr, timeout, &ready);
	return odgw_leave(err) ? SOCKET_ERROR : ready;
}
