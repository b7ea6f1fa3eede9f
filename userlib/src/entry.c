// SPDX-License-Identifier: MIT
/*
 * What is known of each socket.
 *
 * An entry per descriptor says what the library made; a descriptor of another origin is
 * asked each time and counts as overlapped, like those of Windows' socket().
 *
 * The entries stand in chunks that are never freed and are read and written
 * without a lock; the lock serves only to add a chunk.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "queue.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
_Atomic(struct odgw_entry *) odgw_chunks[ODGW_MAX_CHUNKS];

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

unsigned int odgw_socket_clear(int fd)
{
	struct odgw_entry *entry = entry_of(fd);
	unsigned int was;

	if (!entry)
		return 0;
	was = atomic_exchange(&entry->attributes, 0);
	atomic_store(&entry->asked[0], 0);
	atomic_store(&entry->asked[1], 0);
	atomic_store(&entry->coalesced, 0);
	atomic_store(&entry->errors, 0);
	return was;
}

int odgw_socket_ask(struct odgw_socket *sock)
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
		return odgw_socket_ask(sock);
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

int odgw_socket_another(int fd)
{
	int other = -1;

	do {
		other = odgw_socket_next(other, ODGW_DUPLICATED);
	} while (other >= 0 && (other == fd || !share_an_inode(fd, other)));
	return other;
}

int odgw_socket_next(int fd, unsigned int attribute)
{
	struct odgw_entry *chunk;

	for (fd++; fd / ODGW_CHUNK < ODGW_MAX_CHUNKS; fd++) {
		chunk = atomic_load(&odgw_chunks[fd / ODGW_CHUNK]);
		if (!chunk)
			fd |= ODGW_CHUNK - 1;
		else if (atomic_load(&chunk[fd % ODGW_CHUNK].attributes) & attribute)
			return fd;
	}
	return -1;
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

void odgw_entry_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_entry_unlock(void)
{
	pthread_mutex_unlock(&lock);
}
