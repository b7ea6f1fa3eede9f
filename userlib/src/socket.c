// SPDX-License-Identifier: MIT
/*
 * Sockets: creating, closing, and what is known of each.
 *
 * A SOCKET is a descriptor.  An entry per descriptor says what the library made;
 * a descriptor of another origin is asked each time and counts as overlapped,
 * like those of Windows' socket().
 *
 * The entries stand in chunks that are never freed and are read and written
 * without a lock; the lock serves only to add a chunk.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
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

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
_Atomic(struct odgw_entry *) odgw_chunks[ODGW_MAX_CHUNKS];
static _Thread_local int open_type;

static struct odgw_entry *entry_of(int fd)
{
	return odgw_socket_entry((SOCKET)fd);
}

/* make_entry - of a descriptor, if it has none; NULL: no memory */
static struct odgw_entry *make_entry(int fd)
{
	struct odgw_entry *chunk;

	if (fd / ODGW_CHUNK >= ODGW_MAX_CHUNKS)
		return NULL;
	pthread_mutex_lock(&lock);
	chunk = atomic_load(&odgw_chunks[fd / ODGW_CHUNK]);
	if (!chunk) {
		chunk = calloc(ODGW_CHUNK, sizeof(*chunk));
		atomic_store(&odgw_chunks[fd / ODGW_CHUNK], chunk);
	}
	pthread_mutex_unlock(&lock);
	return chunk ? &chunk[fd % ODGW_CHUNK] : NULL;
}

/* forget - what belongs to the descriptor; @was: its attributes */
static void forget(int fd, unsigned int was)
{
	if (was & ODGW_JOINED)
		odgw_leaf_forget(fd);
	odgw_netevents_closing(fd);
	odgw_change_closing(fd);
	odgw_queues_forget_socket(fd);
	odgw_assoc_forget(fd);
}

static bool remember(int fd, unsigned int attributes)
{
	struct odgw_entry *entry = make_entry(fd);

	if (!entry)
		return false;
	/* The socket that had the number before was closed by close(2). */
	forget(fd, atomic_exchange(&entry->attributes, 0));
	atomic_store(&entry->asked[0], 0);
	atomic_store(&entry->asked[1], 0);
	atomic_store(&entry->coalesced, 0);
	atomic_store(&entry->errors, 0);
	atomic_store(&entry->attributes, attributes);
	return true;
}

/* ask - about a descriptor that the library did not make */
static int ask(struct odgw_socket *sock)
{
	int protocol;
	socklen_t len = sizeof(sock->family);

	if (getsockopt(sock->fd, SOL_SOCKET, SO_DOMAIN, &sock->family, &len))
		return odgw_wsa_from_errno(errno);
	len = sizeof(protocol);
	sock->udp = !getsockopt(sock->fd, SOL_SOCKET, SO_PROTOCOL, &protocol,
				&len) &&
		    protocol == IPPROTO_UDP;
	sock->overlapped = true;
	return 0;
}

int odgw_socket_lookup(SOCKET s, struct odgw_socket *sock)
{
	struct odgw_entry *entry;

	if (s > INT_MAX)
		return WSAENOTSOCK;
	sock->fd = (int)s;
	entry = entry_of(sock->fd);
	sock->attributes = entry ? atomic_load(&entry->attributes) : 0;
	if (!(sock->attributes & ODGW_OURS))
		return ask(sock);
	sock->family = sock->attributes & ODGW_INET6 ? AF_INET6 : AF_INET;
	sock->overlapped = sock->attributes & ODGW_OVERLAPPED;
	sock->udp = true;
	return 0;
}

int odgw_socket_lookup_udp(SOCKET s, struct odgw_socket *sock)
{
	int err = odgw_socket_lookup(s, sock);

	return err || sock->udp ? err : WSAEOPNOTSUPP;
}

/* share_an_inode - as descriptors of one socket do */
static bool share_an_inode(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && x.st_ino == y.st_ino &&
	       x.st_dev == y.st_dev;
}

static bool is_duplicated(int fd)
{
	struct odgw_entry *entry = entry_of(fd);

	return entry && atomic_load(&entry->attributes) & ODGW_DUPLICATED;
}

bool odgw_socket_same(int a, int b)
{
	return a == b ||
	       (is_duplicated(a) && is_duplicated(b) && share_an_inode(a, b));
}

bool odgw_socket_mark(int fd, unsigned int attributes, bool on)
{
	struct odgw_entry *entry = make_entry(fd);

	if (!entry)
		return false;
	if (on)
		atomic_fetch_or(&entry->attributes, attributes);
	else
		atomic_fetch_and(&entry->attributes, ~attributes);
	return true;
}

void odgw_socket_not_direct(const struct odgw_socket *sock)
{
	if (sock->attributes & ODGW_DIRECT)
		odgw_socket_mark(sock->fd, ODGW_DIRECT, false);
}

void odgw_socket_told(int fd, uint64_t errors)
{
	struct odgw_entry *entry = entry_of(fd);

	if (entry)
		atomic_store_explicit(&entry->errors, errors, memory_order_relaxed);
}

int odgw_socket_asked_size(int fd, int which)
{
	struct odgw_entry *entry = entry_of(fd);

	return entry ? atomic_load(&entry->asked[which == SO_SNDBUF]) : 0;
}

void odgw_socket_ask_size(int fd, int which, int size)
{
	struct odgw_entry *entry = entry_of(fd);

	if (entry)
		atomic_store(&entry->asked[which == SO_SNDBUF], size);
}

bool odgw_socket_is_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && flags & O_NONBLOCK;
}

/* Whatever gave it to the socket: bind(2), connect(2) or a send. */
in_port_t odgw_socket_port(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	return getsockname(fd, (struct sockaddr *)&ss, &len) ? 0 :
	       odgw_address_port((struct sockaddr *)&ss);
}

int odgw_socket_bind_any(const struct odgw_socket *sock)
{
	struct sockaddr_storage any = { .ss_family = (sa_family_t)sock->family };

	if (odgw_socket_port(sock->fd))
		return 0;
	return bind(sock->fd, (struct sockaddr *)&any,
		    (socklen_t)odgw_address_size(sock->family)) ?
	       odgw_wsa_from_errno(errno) : 0;
}

int odgw_socket_attach(int fd)
{
	struct odgw_entry *entry = entry_of(fd);
	unsigned int attributes = entry ? atomic_load(&entry->attributes) : 0;

	return odgw_queue_attach(fd,
		(attributes & ODGW_NO_UNREACH ? ODG_BIND_NO_UNREACH : 0) |
		(attributes & ODGW_NO_NETRESET ? ODG_BIND_NO_NETRESET : 0) |
		(attributes & ODGW_KEEP_REST ? ODG_BIND_PARTIAL : 0) |
		(attributes & ODGW_DROP_OLDEST ? ODG_BIND_DROP_OLDEST : 0) |
		(attributes & ODGW_NO_QUEUE ? ODG_BIND_NO_QUEUE : 0),
		odgw_socket_coalesced(fd));
}

int odgw_socket_set(int fd, unsigned int attribute, bool on)
{
	struct odgw_entry *entry = make_entry(fd);
	unsigned int before;
	int err;

	if (!entry)
		return WSAENOBUFS;
	before = atomic_load(&entry->attributes) & attribute;
	if (attribute == ODGW_KEEP_REST)
		odgw_socket_mark(fd, ODGW_DIRECT, false);
	odgw_socket_mark(fd, attribute, on);
	err = odgw_socket_attach(fd);
	if (err)
		odgw_socket_mark(fd, attribute, before);
	return err;
}

DWORD odgw_socket_coalesced(int fd)
{
	struct odgw_entry *entry = entry_of(fd);

	return entry ? atomic_load(&entry->coalesced) : 0;
}

int odgw_socket_coalesce(int fd, DWORD max)
{
	struct odgw_entry *entry = make_entry(fd);
	DWORD before;
	int err;

	if (!entry)
		return WSAENOBUFS;
	odgw_socket_mark(fd, ODGW_DIRECT, false);
	before = atomic_exchange(&entry->coalesced, max);
	err = odgw_socket_attach(fd);
	if (err)
		atomic_store(&entry->coalesced, before);
	else
		odgw_socket_mark(fd, ODGW_COALESCES, max);
	return err;
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
		odgw_socket_mark(copy, ~0U, false);
		return false;
	}
	odgw_socket_ask_size(copy, SO_RCVBUF, odgw_socket_asked_size(fd, SO_RCVBUF));
	odgw_socket_ask_size(copy, SO_SNDBUF, odgw_socket_asked_size(fd, SO_SNDBUF));
	atomic_store(&entry_of(copy)->coalesced, odgw_socket_coalesced(fd));
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
	if (ask(&sock) || !sock.udp) {
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

/* another - descriptor that names the same socket; -1: there is none */
static int another(int fd)
{
	struct odgw_entry *chunk;
	int i, j;

	for (i = 0; i < ODGW_MAX_CHUNKS; i++) {
		chunk = atomic_load(&odgw_chunks[i]);
		for (j = 0; chunk && j < ODGW_CHUNK; j++)
			if (atomic_load(&chunk[j].attributes) & ODGW_DUPLICATED &&
			    i * ODGW_CHUNK + j != fd && share_an_inode(fd, i * ODGW_CHUNK + j))
				return i * ODGW_CHUNK + j;
	}
	return -1;
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
	struct odgw_entry *entry = entry_of(fd);
	unsigned int was = entry ? atomic_exchange(&entry->attributes, 0) : 0;
	int other = was & ODGW_DUPLICATED ? another(fd) : -1;

	/* What is pending belongs to the socket. */
	if (other < 0) {
		odgw_queues_cancel_socket(fd, true);
		odgw_rio_socket_closing(fd);
	} else {
		odgw_queues_rename(fd, other);
		odgw_rio_socket_renamed(fd, other);
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
	struct odgw_entry *chunk;
	int i, j;

	for (i = 0; i < ODGW_MAX_CHUNKS; i++) {
		chunk = atomic_load(&odgw_chunks[i]);
		for (j = 0; chunk && j < ODGW_CHUNK; j++)
			if (atomic_load(&chunk[j].attributes) & ODGW_OURS)
				forget_and_close(i * ODGW_CHUNK + j);
	}
}

void odgw_socket_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_socket_unlock(void)
{
	pthread_mutex_unlock(&lock);
}
