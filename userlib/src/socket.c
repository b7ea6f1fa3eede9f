// SPDX-License-Identifier: MIT
/*
 * Sockets: their beginning and their end.
 *
 * A SOCKET is a descriptor; what is known of it stands in its entry (entry.c).  No
 * locks.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "iocp.h"

#define MULTIPOINT_C	(WSA_FLAG_MULTIPOINT_C_ROOT | WSA_FLAG_MULTIPOINT_C_LEAF)
#define MULTIPOINT_D	(WSA_FLAG_MULTIPOINT_D_ROOT | WSA_FLAG_MULTIPOINT_D_LEAF)
#define LEAF		(WSA_FLAG_MULTIPOINT_C_LEAF | WSA_FLAG_MULTIPOINT_D_LEAF)
#define ALL_FLAGS	(WSA_FLAG_OVERLAPPED | MULTIPOINT_C | MULTIPOINT_D | \
			 WSA_FLAG_ACCESS_SYSTEM_SECURITY | \
			 WSA_FLAG_NO_HANDLE_INHERIT | WSA_FLAG_REGISTERED_IO)

/* What is the socket's, not the descriptor's. */
#define OF_THE_SOCKET	(ODGW_EXCLUSIVE | ODGW_TIMESTAMPS | ODGW_NO_UNREACH | \
			 ODGW_NO_NETRESET | ODGW_KEEP_REST | ODGW_DROP_OLDEST | \
			 ODGW_NO_QUEUE | ODGW_COALESCES | ODGW_REGISTERED | \
			 ODGW_SHUT)

static _Thread_local int open_type;

/* forget - what belongs to the descriptor; @was: its attributes */
static void forget(int fd, unsigned int was)
{
	if (was & ODGW_JOINED)
		odgw_leaf_forget(fd);
	odgw_netevents_closing(fd);
	odgw_change_closing(fd);
	odgw_ready_closing(fd);
	odgw_queues_forget_socket(fd);
	odgw_assoc_forget(fd);
}

/* remember - false: no memory to do so */
static bool remember(int fd, unsigned int attributes)
{
	/* The socket that had the number before was closed by close(2). */
	forget(fd, odgw_socket_clear(fd));
	return odgw_socket_mark(fd, attributes, true);
}

int *odgw_socket_open_type(void)
{
	return &open_type;
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

static void fill_in(struct triple *want, const WSAPROTOCOL_INFOW *info)
{
	if (want->family == FROM_PROTOCOL_INFO || !want->family)
		want->family = info->iAddressFamily;
	if (want->type == FROM_PROTOCOL_INFO || !want->type)
		want->type = info->iSocketType;
	if (want->protocol == FROM_PROTOCOL_INFO || !want->protocol)
		want->protocol = info->iProtocol;
}

static int check_flags(DWORD flags)
{
	return flags & ~(DWORD)ALL_FLAGS ||
	       (flags & MULTIPOINT_C) == MULTIPOINT_C ||
	       (flags & MULTIPOINT_D) == MULTIPOINT_D ? WSAEINVAL : 0;
}

static unsigned int attributes_for(int family, DWORD flags)
{
	return ODGW_OURS |
	       (flags & WSA_FLAG_OVERLAPPED ? ODGW_OVERLAPPED : 0) |
	       (flags & LEAF ? ODGW_MULTIPOINT : 0) |
	       (flags & WSA_FLAG_REGISTERED_IO ? ODGW_REGISTERED : 0) |
	       (family == AF_INET6 ? ODGW_INET6 : 0);
}

/* create - @extra: bits for socket(2)'s type */
static int create(struct triple want, DWORD flags, int extra, int *fd)
{
	const int on = 1;
	uint64_t errors;
	int err;

	err = check_flags(flags);
	if (err)
		return err;
	err = check_triple(&want.family, &want.type, &want.protocol);
	if (err)
		return err;

	if (flags & WSA_FLAG_NO_HANDLE_INHERIT)
		extra |= SOCK_CLOEXEC;
	*fd = socket(want.family, want.type | extra, want.protocol);
	if (*fd < 0)
		return odgw_wsa_from_errno(errno);
	/* Windows' default. */
	if (want.family == AF_INET6)
		setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (!remember(*fd, attributes_for(want.family, flags))) {
		odgw_close(*fd);
		return WSAENOBUFS;
	}
	errors = odgw_count_at(&odgw_errors_at);
	/* If it cannot be done, the first receive says why. */
	if (!odgw_socket_attach(*fd) && odgw_watch_port()) {
		/* The first socket: there was no port that could have counted. */
		odgw_socket_told(*fd, errors == ODGW_UNKNOWN ? 0 : errors);
		odgw_socket_mark(*fd, ODGW_DIRECT, true);
	}
	return 0;
}

/*
 * duplicated - @copy names the same socket as @fd, of this process: what is the
 * socket's is shared, and closing one does not cancel what is pending.
 */
static bool duplicated(int fd, int copy, unsigned int attributes)
{
	odgw_socket_mark(fd, ODGW_DIRECT, false);
	if (!remember(copy, (attributes & ~(unsigned int)ODGW_DIRECT) |
			    ODGW_DUPLICATED) ||
	    !odgw_assoc_share(fd, copy) ||
	    !odgw_socket_mark(fd, ODGW_DUPLICATED, true)) {
		odgw_assoc_forget(copy);
		odgw_socket_clear(copy);
		return false;
	}
	odgw_socket_ask_size(copy, SO_RCVBUF, odgw_socket_asked_size(fd, SO_RCVBUF));
	odgw_socket_ask_size(copy, SO_SNDBUF, odgw_socket_asked_size(fd, SO_SNDBUF));
	atomic_store(&odgw_socket_entry((SOCKET)copy)->coalesced,
		     odgw_socket_coalesced(fd));
	return true;
}

int odgw_socket_adopt(pid_t pid, int fd, DWORD flags, int *copy)
{
	int err = check_flags(flags), pidfd;
	struct odgw_socket original, sock;
	unsigned int attributes;
	bool ok;

	if (err)
		return err;
	if (pid == getpid()) {
		*copy = fcntl(fd, F_DUPFD, 0);
	} else {
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pidfd < 0)
			return WSAEINVAL;
		*copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
		err = errno;
		odgw_close(pidfd);
		errno = err;
	}
	if (*copy < 0)
		return errno == EBADF ? WSAEINVAL : odgw_wsa_from_errno(errno);
	/* pidfd_getfd(2) sets it, F_DUPFD does not. */
	fcntl(*copy, F_SETFD,
	      flags & WSA_FLAG_NO_HANDLE_INHERIT ? FD_CLOEXEC : 0);
	/* The number may have become another file's since. */
	sock.fd = *copy;
	if (odgw_socket_ask(&sock) || !sock.udp) {
		odgw_close(*copy);
		return WSAEINVAL;
	}
	attributes = attributes_for(sock.family, flags);
	if (pid != getpid())
		ok = remember(*copy, attributes | ODGW_DUPLICATED);
	else
		ok = !odgw_socket_lookup((SOCKET)fd, &original) &&
		     duplicated(fd, *copy, attributes |
				(original.attributes & OF_THE_SOCKET));
	if (!ok) {
		odgw_close(*copy);
		return WSAENOBUFS;
	}
	return 0;
}

int odgw_socket_duplicate(HANDLE h, bool inherit, HANDLE *copy)
{
	struct odgw_socket sock;
	int fd;

	if (odgw_socket_lookup((SOCKET)h, &sock))
		return ERROR_INVALID_HANDLE;
	fd = fcntl(sock.fd, inherit ? F_DUPFD : F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return ERROR_TOO_MANY_OPEN_FILES;
	if (!duplicated(sock.fd, fd, ODGW_COPY |
			(sock.attributes & ~(unsigned int)ODGW_JOINED))) {
		odgw_close(fd);
		return ERROR_NOT_ENOUGH_MEMORY;
	}
	*copy = (HANDLE)(LONG_PTR)fd;
	return 0;
}

static int create_from(struct triple want, const WSAPROTOCOL_INFOW *info,
		       DWORD flags, int *fd)
{
	pid_t pid;
	int other;

	if (info && odgw_info_names(info, &pid, &other))
		return odgw_socket_adopt(pid, other, flags, fd);
	if (info)
		fill_in(&want, info);
	return create(want, flags, 0, fd);
}

/* in_protocol_info - the fields that matter of either form, in the wide one */
static int in_protocol_info(const void *info, size_t size, WSAPROTOCOL_INFOW *w)
{
	struct odgw_probe probe;

	odgw_probe_init(&probe);
	if (!odgw_probe_read(&probe, info, size))
		return WSAEFAULT;
	/* The two differ in their last member only. */
	memcpy(w, info, offsetof(WSAPROTOCOL_INFOW, szProtocol));
	return 0;
}

/* create_socket - @info: NULL, or of either form and @size bytes */
static SOCKET create_socket(struct triple want, const void *info, size_t size,
			    DWORD flags)
{
	int fd = -1, err = odgw_enter();
	WSAPROTOCOL_INFOW wide;

	if (!err && info)
		err = in_protocol_info(info, size, &wide);
	if (!err)
		err = create_from(want, info ? &wide : NULL, flags, &fd);
	return odgw_leave(err) ? INVALID_SOCKET : (SOCKET)fd;
}

SOCKET WSAAPI WSASocketA(int af, int type, int protocol,
			 LPWSAPROTOCOL_INFOA info, GROUP g, DWORD flags)
{
	struct triple want = { af, type, protocol };

	(void)g;
	return create_socket(want, info, sizeof(*info), flags);
}

SOCKET WSAAPI WSASocketW(int af, int type, int protocol,
			 LPWSAPROTOCOL_INFOW info, GROUP g, DWORD flags)
{
	struct triple want = { af, type, protocol };

	(void)g;
	return create_socket(want, info, sizeof(*info), flags);
}

static bool asks_for_udp(int af, int type, int protocol)
{
	return (af == AF_INET || af == AF_INET6 || af == AF_UNSPEC) &&
	       (!type || type == SOCK_DGRAM) &&
	       (!protocol || protocol == IPPROTO_UDP);
}

/* What is not UDP is the C library's. */
int odg_ws_socket(int af, int type, int protocol)
{
	const int bits = SOCK_CLOEXEC | SOCK_NONBLOCK;
	struct triple want = { af, type & ~bits, protocol };
	DWORD flags = open_type ? 0 : WSA_FLAG_OVERLAPPED;
	int fd = -1, err = odgw_enter();

	if (!err && asks_for_udp(af, want.type, protocol)) {
		err = create(want, flags, type & bits, &fd);
	} else if (!err) {
		fd = socket(af, type, protocol);
		err = fd < 0 ? odgw_wsa_from_errno(errno) : 0;
	}
	return odgw_leave(err) ? -1 : fd;
}

/*
 * forget_and_close - the entry is cleared first: once the descriptor is closed,
 * its number may be another thread's new socket.
 *
 * The ops are cancelled although the kernel does so at the last close: a child
 * process may hold the socket open.
 */
static int forget_and_close(int fd)
{
	unsigned int was = odgw_socket_clear(fd);
	int other = was & ODGW_DUPLICATED ? odgw_socket_another(fd) : -1;

	/* What is pending belongs to the socket. */
	if (other < 0) {
		odgw_queues_cancel_socket(fd, true);
		odgw_rio_socket_closing(fd);
	} else {
		odgw_queues_rename(fd, other);
		odgw_rio_socket_renamed(fd, other);
		odgw_ready_renamed(fd, other);
	}
	forget(fd, was);
	return odgw_close(fd) ? odgw_wsa_from_errno(errno) : 0;
}

/* Of sockets the library made: another descriptor is not its to close. */
int odgw_socket_close_handle(HANDLE h)
{
	struct odgw_socket sock;

	if (odgw_socket_lookup((SOCKET)h, &sock) ||
	    !(sock.attributes & (ODGW_OURS | ODGW_COPY)))
		return ERROR_INVALID_HANDLE;
	return forget_and_close(sock.fd);
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
	int fd = -1;

	while ((fd = odgw_socket_next(fd, ODGW_OURS)) >= 0)
		forget_and_close(fd);
}
