// SPDX-License-Identifier: MIT
/*
 * WSAJoinLeaf(): joining a group of IP multicast, where every member is a leaf.
 *
 * A joined socket that sends without a destination sends to its group, like a
 * connected one.  It cannot be connected: then it would receive what the group
 * sent, and a group sends nothing.  So the group is kept here.
 *
 * The lock protects the list of groups.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

struct leaf {
	int fd;
	struct sockaddr_storage group;
	struct leaf *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct leaf *leaves;

bool odgw_leaf_group(int fd, struct sockaddr_storage *group)
{
	struct leaf *leaf;

	pthread_mutex_lock(&lock);
	for (leaf = leaves; leaf && leaf->fd != fd; leaf = leaf->next)
		;
	if (leaf)
		*group = leaf->group;
	pthread_mutex_unlock(&lock);
	return leaf;
}

void odgw_leaf_forget(int fd)
{
	struct leaf **p, *leaf;

	pthread_mutex_lock(&lock);
	for (p = &leaves; *p && (*p)->fd != fd; p = &(*p)->next)
		;
	leaf = *p;
	if (leaf)
		*p = leaf->next;
	pthread_mutex_unlock(&lock);
	free(leaf);
}

static int remember(int fd, const struct sockaddr *group, size_t size)
{
	struct leaf *leaf = calloc(1, sizeof(*leaf));

	if (!leaf)
		return WSAENOBUFS;
	leaf->fd = fd;
	memcpy(&leaf->group, group, size);
	pthread_mutex_lock(&lock);
	leaf->next = leaves;
	leaves = leaf;
	pthread_mutex_unlock(&lock);
	return 0;
}

static bool is_group(const struct sockaddr *name)
{
	struct sockaddr_in6 in6;

	if (name->sa_family == AF_INET)
		return IN_MULTICAST(ntohl(((const struct sockaddr_in *)name)
					  ->sin_addr.s_addr));
	memcpy(&in6, name, sizeof(in6));
	return IN6_IS_ADDR_MULTICAST(&in6.sin6_addr);
}

/* become_member - on the system's interface for it, or IPv6's scope */
static int become_member(int fd, const struct sockaddr *name)
{
	struct group_req req = { 0 };
	struct sockaddr_in6 in6;
	int level = IPPROTO_IP;
	size_t size = sizeof(struct sockaddr_in);

	if (name->sa_family == AF_INET6) {
		level = IPPROTO_IPV6;
		size = sizeof(in6);
		memcpy(&in6, name, sizeof(in6));
		req.gr_interface = in6.sin6_scope_id;
	}
	memcpy(&req.gr_group, name, size);
	if (!setsockopt(fd, level, MCAST_JOIN_GROUP, &req, sizeof(req)))
		return 0;
	/* No interface for it. */
	return errno == ENODEV ? WSAEADDRNOTAVAIL : odgw_wsa_from_errno(errno);
}

struct call {
	const struct sockaddr *name;
	int namelen;
	LPWSABUF caller, callee;
	LPQOS qos, group_qos;
	DWORD flags;
};

static int check(const struct call *c, const struct odgw_socket *sock)
{
	struct odgw_probe probe;
	int err;

	if (!(sock->attributes & ODGW_MULTIPOINT))
		return WSAEINVAL;
	if (c->flags != JL_SENDER_ONLY && c->flags != JL_RECEIVER_ONLY &&
	    c->flags != JL_BOTH)
		return WSAEINVAL;
	err = odgw_address_check(sock, c->name, c->namelen);
	if (err)
		return err;
	if (!is_group(c->name))
		return WSAEADDRNOTAVAIL;
	odgw_probe_init(&probe);
	if (c->callee && !odgw_probe_write(&probe, c->callee, sizeof(*c->callee)))
		return WSAEFAULT;
	/* There is nobody to give it to, and nobody who would promise anything. */
	if (c->caller)
		return WSAEPROTONOSUPPORT;
	if (c->qos || c->group_qos)
		return WSAEOPNOTSUPP;
	return sock->attributes & ODGW_JOINED ? WSAEISCONN : 0;
}

static int join(const struct call *c, SOCKET s)
{
	struct odgw_socket sock;
	int err = odgw_socket_lookup_udp(s, &sock);

	if (!err)
		err = check(c, &sock);
	if (!err)
		err = odgw_socket_bind_any(&sock);
	if (!err && c->flags != JL_SENDER_ONLY)
		err = become_member(sock.fd, c->name);
	if (!err && c->flags != JL_RECEIVER_ONLY)
		err = remember(sock.fd, c->name,
			       (size_t)odgw_address_size(sock.family));
	if (err)
		return err;
	odgw_socket_mark(sock.fd, ODGW_JOINED, true);
	odgw_netevents_record(sock.fd, FD_CONNECT_BIT);
	if (c->callee)
		c->callee->len = 0;
	return 0;
}

SOCKET WSAAPI WSAJoinLeaf(SOCKET s, const struct sockaddr *name, int namelen,
			  LPWSABUF caller, LPWSABUF callee, LPQOS qos,
			  LPQOS group_qos, DWORD flags)
{
	struct call c = {
		.name = name,
		.namelen = namelen,
		.caller = caller,
		.callee = callee,
		.qos = qos,
		.group_qos = group_qos,
		.flags = flags,
	};
	int err = odgw_enter();

	if (!err)
		err = join(&c, s);
	return odgw_leave(err) ? INVALID_SOCKET : s;
}

void odgw_leaf_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_leaf_unlock(void)
{
	pthread_mutex_unlock(&lock);
}
