// SPDX-License-Identifier: MIT
/*
 * recv() and recvfrom(): nonoverlapped receives into one buffer, by the rules of
 * WSARecvFrom() (odgram_calls.h).  They wait in line with the receives posted to
 * the socket.  No locks.
 */
#include <errno.h>

#include "internal.h"

/* What is no UDP socket is the C library's. */
static ssize_t recv_native(int s, void *buf, size_t len, int flags,
			   struct sockaddr *from, int *fromlen)
{
	ssize_t n = recvfrom(s, buf, len, flags, from, (socklen_t *)fromlen);
	int err = n < 0 ? odgw_wsa_from_errno(errno) : 0;

	return odgw_leave(err) ? SOCKET_ERROR : n;
}

static ssize_t recv_plain(SOCKET s, void *buf, size_t len, int flags,
			  struct sockaddr *from, int *fromlen)
{
	WSABUF buffer = {
		.len = len < UINT32_MAX ? (ULONG)len : UINT32_MAX,
		.buf = buf,
	};
	DWORD bytes = 0, in_flags = (DWORD)flags;
	struct odgw_socket sock;
	int err = odgw_enter();

	if (!err)
		err = odgw_socket_lookup(s, &sock);
	if (!err && !sock.udp)
		return recv_native(sock.fd, buf, len, flags, from, fromlen);
	if (err)
		return odgw_leave(err), SOCKET_ERROR;
	return WSARecvFrom(s, &buffer, 1, &bytes, &in_flags, from,
			   fromlen, NULL, NULL) ? SOCKET_ERROR : (ssize_t)bytes;
}

ssize_t odg_ws_recvfrom(SOCKET s, void *buf, size_t len, int flags,
			struct sockaddr *from, odg_length_ptr fromlen)
{
	return recv_plain(s, buf, len, flags, from, fromlen.windows);
}

ssize_t odg_ws_recv(SOCKET s, void *buf, size_t len, int flags)
{
	return recv_plain(s, buf, len, flags, NULL, NULL);
}
