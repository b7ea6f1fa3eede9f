// SPDX-License-Identifier: MIT
/*
 * Sockets: creating, closing, and what is known of each.
 *
 * A SOCKET is a descriptor.  A byte per descriptor says what WSASocket() made;
 * a descriptor of another origin is asked each time and counts as overlapped,
 * like those of Windows' socket().
 *
 * The bytes stand in chunks that are never freed and are read and written
 * without a lock; the lock serves only to add a chunk.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "queue.h"

#define OURS		0x1
#define OVERLAPPED_ATTR	0x2
#define INET6		0x4

#define CHUNK		4096
#define MAX_CHUNKS	256		/* a million descriptors; beyond, we ask */

#define MULTIPOINT_C	(WSA_FLAG_MULTIPOINT_C_ROOT | WSA_FLAG_MULTIPOINT_C_LEAF)
#define MULTIPOINT_D	(WSA_FLAG_MULTIPOINT_D_ROOT | WSA_FLAG_MULTIPOINT_D_LEAF)
#define ALL_FLAGS	(WSA_FLAG_OVERLAPPED | MULTIPOINT_C | MULTIPOINT_D | \
			 WSA_FLAG_ACCESS_SYSTEM_SECURITY | \
			 WSA_FLAG_NO_HANDLE_INHERIT | WSA_FLAG_REGISTERED_IO)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(atomic_uchar *) chunks[MAX_CHUNKS];

/* attributes_of - the byte of a descriptor; NULL if it has none */
static atomic_uchar *attributes_of(int fd)
{
	atomic_uchar *chunk;

	if (fd < 0 || fd / CHUNK >= MAX_CHUNKS)
		return NULL;
	chunk = atomic_load(&chunks[fd / CHUNK]);
	return chunk ? &chunk[fd % CHUNK] : NULL;
}

static bool remember(int fd, unsigned char attributes)
{
	atomic_uchar *chunk;

	if (fd / CHUNK >= MAX_CHUNKS)
		return false;
	pthread_mutex_lock(&lock);
	chunk = atomic_load(&chunks[fd / CHUNK]);
	if (!chunk) {
		chunk = calloc(CHUNK, sizeof(*chunk));
		atomic_store(&chunks[fd / CHUNK], chunk);
	}
	pthread_mutex_unlock(&lock);
	if (!chunk)
		return false;
	atomic_store(&chunk[fd % CHUNK], attributes);
	return true;
}

/* ask - about a descriptor that WSASocket() did not make */
static int ask(struct odgw_socket *sock)
{
	socklen_t len = sizeof(sock->family);

	if (getsockopt(sock->fd, SOL_SOCKET, SO_DOMAIN, &sock->family, &len))
		return odgw_wsa_from_errno(errno);
	sock->overlapped = true;
	return 0;
}

int odgw_socket_lookup(SOCKET s, struct odgw_socket *sock)
{
	atomic_uchar *attributes;
	unsigned char a;

	if (s > INT_MAX)
		return WSAENOTSOCK;
	sock->fd = (int)s;
	attributes = attributes_of(sock->fd);
	a = attributes ? atomic_load(attributes) : 0;
	if (!(a & OURS))
		return ask(sock);
	sock->family = a & INET6 ? AF_INET6 : AF_INET;
	sock->overlapped = a & OVERLAPPED_ATTR;
	return 0;
}

bool odgw_socket_is_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && flags & O_NONBLOCK;
}

/* check_triple - what to ask socket(2) for; only UDP is offered */
static int check_triple(int *family, int *type, int *protocol)
{
	if (*type < 0 || *type > SOCK_SEQPACKET)
		return WSAESOCKTNOSUPPORT;
	if (*family != AF_UNSPEC && *family != AF_INET && *family != AF_INET6)
		return WSAEAFNOSUPPORT;
	if (*family == AF_UNSPEC && !*protocol)
		return WSAEINVAL;
	/* A known type or protocol that does not go with the other. */
	if (*type == SOCK_DGRAM && *protocol && *protocol != IPPROTO_UDP)
		return WSAEPROTONOSUPPORT;
	if (*type == SOCK_STREAM && *protocol && *protocol != IPPROTO_TCP)
		return WSAEPROTONOSUPPORT;
	if (!*type && *protocol && *protocol != IPPROTO_UDP)
		return WSAEPROTONOSUPPORT;
	if (*type != SOCK_DGRAM && *protocol != IPPROTO_UDP)
		return WSAESOCKTNOSUPPORT;
	if (*type && *type != SOCK_DGRAM)
		return WSAEPROTONOSUPPORT;

	*family = *family == AF_UNSPEC ? AF_INET : *family;
	*type = SOCK_DGRAM;
	*protocol = IPPROTO_UDP;
	return 0;
}

/* Given by the caller, or else by the protocol information. */
struct triple {
	int family;
	int type;
	int protocol;
};

static void fill_in(struct triple *want, int family, int type, int protocol)
{
	if (want->family == FROM_PROTOCOL_INFO || !want->family)
		want->family = family;
	if (want->type == FROM_PROTOCOL_INFO || !want->type)
		want->type = type;
	if (want->protocol == FROM_PROTOCOL_INFO || !want->protocol)
		want->protocol = protocol;
}

static int create(struct triple want, DWORD flags, int *fd)
{
	unsigned char attributes;
	int err, type;

	if (flags & ~(DWORD)ALL_FLAGS ||
	    (flags & MULTIPOINT_C) == MULTIPOINT_C ||
	    (flags & MULTIPOINT_D) == MULTIPOINT_D)
		return WSAEINVAL;
	err = check_triple(&want.family, &want.type, &want.protocol);
	if (err)
		return err;

	type = want.type;
	if (flags & WSA_FLAG_NO_HANDLE_INHERIT)
		type |= SOCK_CLOEXEC;
	*fd = socket(want.family, type, want.protocol);
	if (*fd < 0)
		return odgw_wsa_from_errno(errno);

	attributes = OURS;
	if (flags & WSA_FLAG_OVERLAPPED)
		attributes |= OVERLAPPED_ATTR;
	if (want.family == AF_INET6)
		attributes |= INET6;
	if (!remember(*fd, attributes)) {
		close(*fd);
		return WSAENOBUFS;
	}
	odgw_queue_attach(*fd);
	return 0;
}

static SOCKET create_socket(struct triple want, DWORD flags)
{
	int err = odgw_enter();
	int fd = -1;

	if (!err)
		err = create(want, flags, &fd);
	return odgw_leave(err) ? INVALID_SOCKET : (SOCKET)fd;
}

SOCKET WSAAPI WSASocketA(int af, int type, int protocol,
			 LPWSAPROTOCOL_INFOA info, GROUP g, DWORD flags)
{
	struct triple want = { af, type, protocol };

	(void)g;
	if (info)
		fill_in(&want, info->iAddressFamily, info->iSocketType,
			info->iProtocol);
	return create_socket(want, flags);
}

SOCKET WSAAPI WSASocketW(int af, int type, int protocol,
			 LPWSAPROTOCOL_INFOW info, GROUP g, DWORD flags)
{
	struct triple want = { af, type, protocol };

	(void)g;
	if (info)
		fill_in(&want, info->iAddressFamily, info->iSocketType,
			info->iProtocol);
	return create_socket(want, flags);
}

/*
 * forget_and_close - the byte is cleared first: once the descriptor is closed,
 * its number may be another thread's new socket.
 *
 * The ops are cancelled although the kernel does so at the last close: a child
 * process may hold the socket open.
 */
static int forget_and_close(int fd)
{
	atomic_uchar *attributes = attributes_of(fd);

	if (attributes)
		atomic_store(attributes, 0);
	odgw_queues_cancel_socket(fd, true);
	odgw_rio_socket_closing(fd);
	return close(fd) ? odgw_wsa_from_errno(errno) : 0;
}

int WSAAPI closesocket(SOCKET s)
{
	struct odgw_socket sock;
	int err = odgw_enter();

	if (!err)
		err = odgw_socket_lookup(s, &sock);
	if (!err)
		err = forget_and_close(sock.fd);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

void odgw_socket_close_all(void)
{
	atomic_uchar *chunk;
	int i, j;

	for (i = 0; i < MAX_CHUNKS; i++) {
		chunk = atomic_load(&chunks[i]);
		for (j = 0; chunk && j < CHUNK; j++)
			if (atomic_load(&chunk[j]) & OURS)
				forget_and_close(i * CHUNK + j);
	}
}

static int control(int fd, long cmd, u_long *argp)
{
	int value;

	if (!argp)
		return WSAEFAULT;
	if (cmd != FIONBIO && cmd != FIONREAD)
		return WSAEOPNOTSUPP;
	value = *argp != 0;
	if (ioctl(fd, (unsigned long)cmd, &value))
		return odgw_wsa_from_errno(errno);
	if (cmd == FIONREAD)
		*argp = (u_long)value;
	return 0;
}

int WSAAPI ioctlsocket(SOCKET s, long cmd, u_long *argp)
{
	struct odgw_socket sock;
	int err = odgw_enter();

	if (!err)
		err = odgw_socket_lookup(s, &sock);
	if (!err)
		err = control(sock.fd, cmd, argp);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

void odgw_socket_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_socket_unlock(void)
{
	pthread_mutex_unlock(&lock);
}
