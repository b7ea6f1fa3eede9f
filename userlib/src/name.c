// SPDX-License-Identifier: MIT
/*
 * A socket's names, and its ends: bind(), connect(), getsockname(),
 * getpeername(), shutdown(), with Windows' rules (odgram_calls.h).  A socket that
 * is not UDP is passed to the C library.  No locks.
 */
#include <errno.h>

#include "internal.h"

static int answer(int ret)
{
	return ret ? odgw_wsa_from_errno(errno) : 0;
}

static int bind_to(int s, const struct sockaddr *name, socklen_t len)
{
	struct odgw_socket sock;
	int err = odgw_socket_lookup((SOCKET)s, &sock);

	if (!err && sock.udp)
		err = odgw_address_check(&sock, name, (int)len);
	if (!err)
		err = answer(bind(s, name, len));
	if (!err)
		odgw_netevents_record(s, FD_WRITE_BIT);
	return err;
}

int odg_ws_bind(int s, const struct sockaddr *name, socklen_t len)
{
	int err = odgw_enter();

	if (!err)
		err = bind_to(s, name, len);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

/* dissolves - a name that stands for no peer: AF_UNSPEC, or all zeros */
static bool dissolves(const struct sockaddr *name, int len)
{
	struct odgw_probe probe;

	odgw_probe_init(&probe);
	if (!name || len < (int)sizeof(name->sa_family) ||
	    !odgw_probe_read(&probe, name, sizeof(name->sa_family)))
		return false;
	if (name->sa_family == AF_UNSPEC)
		return true;
	return len >= odgw_address_size(name->sa_family) &&
	       odgw_probe_read(&probe, name, (size_t)len) &&
	       odgw_address_is_any(name) && !odgw_address_port(name);
}

static int connect_to(int s, const struct sockaddr *name, socklen_t len)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	struct odgw_socket sock;
	int err = odgw_socket_lookup((SOCKET)s, &sock);

	if (err)
		return err;
	if (!sock.udp)
		return answer(connect(s, name, len));
	if (dissolves(name, (int)len)) {
		/* The port may go, too. */
		if (sock.attributes & ODGW_PORTED)
			odgw_socket_mark(s, ODGW_PORTED, false);
		return answer(connect(s, &nobody, sizeof(nobody)));
	}
	err = odgw_address_check(&sock, name, (int)len);
	if (err)
		return err;
	if (odgw_address_is_any(name) || !odgw_address_port(name))
		return WSAEADDRNOTAVAIL;
	return answer(connect(s, name, len));
}

int odg_ws_connect(int s, const struct sockaddr *name, socklen_t len)
{
	int err = odgw_enter();

	if (!err)
		err = connect_to(s, name, len);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

/* store_name - all of it or nothing */
static int store_name(const struct sockaddr_storage *ss, socklen_t size,
		      struct sockaddr *name, int *len)
{
	struct odgw_probe probe;

	odgw_probe_init(&probe);
	if (!name || !len || !odgw_probe_write(&probe, len, sizeof(*len)) ||
	    *len < (int)size || !odgw_probe_write(&probe, name, size))
		return WSAEFAULT;
	memcpy(name, ss, size);
	*len = (int)size;
	return 0;
}

static int own_name(SOCKET s, struct sockaddr *name, int *len)
{
	struct sockaddr_storage ss;
	socklen_t size = sizeof(ss);
	struct odgw_socket sock;
	int err = odgw_socket_lookup(s, &sock);

	if (!err)
		err = answer(getsockname(sock.fd, (struct sockaddr *)&ss, &size));
	if (err)
		return err;
	/* On Windows a socket has no name before it is bound. */
	if (sock.udp && !odgw_address_port((struct sockaddr *)&ss))
		return WSAEINVAL;
	return store_name(&ss, size, name, len);
}

int odg_ws_getsockname(SOCKET s, struct sockaddr *name, odg_length_ptr len)
{
	int err = odgw_enter();

	if (!err)
		err = own_name(s, name, len.windows);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

static int peers_name(SOCKET s, struct sockaddr *name, int *len)
{
	struct sockaddr_storage ss;
	socklen_t size = sizeof(ss);
	struct odgw_socket sock;
	int err = odgw_socket_lookup(s, &sock);

	if (!err)
		err = answer(getpeername(sock.fd, (struct sockaddr *)&ss, &size));
	return err ? err : store_name(&ss, size, name, len);
}

int odg_ws_getpeername(SOCKET s, struct sockaddr *name, odg_length_ptr len)
{
	int err = odgw_enter();

	if (!err)
		err = peers_name(s, name, len.windows);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

static int shut(int s, int how)
{
	struct odgw_socket sock;
	int err = odgw_socket_lookup((SOCKET)s, &sock);

	if (err)
		return err;
	err = answer(shutdown(s, how));
	/* Linux shuts an unconnected one as well, and says this all the same. */
	if (sock.udp && err == WSAENOTCONN)
		err = 0;
	/* What waits is not to be had any more. */
	if (!err && sock.udp && how != SHUT_WR) {
		odgw_socket_not_direct(&sock);
		odgw_socket_mark(s, ODGW_SHUT, true);
	}
	return err;
}

int odg_ws_shutdown(int s, int how)
{
	int err = odgw_enter();

	if (!err)
		err = shut(s, how);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}
