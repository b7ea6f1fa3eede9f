// SPDX-License-Identifier: MIT
/*
 * Socket addresses: those the caller gives, and a completion's sender.
 *
 * The family of a sender is the socket's, not the datagram's: an IPv6 socket that receives
 * IPv4 shows it mapped (::ffff:a.b.c.d), as Linux itself does.  No locks.
 */
#include <string.h>

#include "internal.h"

int odgw_address_size(int family)
{
	return family == AF_INET ? (int)sizeof(struct sockaddr_in) :
				   (int)sizeof(struct sockaddr_in6);
}

int odgw_address_check(const struct odgw_socket *sock,
		       const struct sockaddr *name, int len)
{
	int size = odgw_address_size(sock->family);
	struct odgw_probe probe;

	odgw_probe_init(&probe);
	if (!name || len < size || !odgw_probe_read(&probe, name, (size_t)size))
		return WSAEFAULT;
	return name->sa_family == sock->family ? 0 : WSAEAFNOSUPPORT;
}

bool odgw_address_is_any(const struct sockaddr *name)
{
	struct sockaddr_in6 in6;

	if (name->sa_family == AF_INET)
		return !((const struct sockaddr_in *)name)->sin_addr.s_addr;
	memcpy(&in6, name, sizeof(in6));
	return IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr);
}

/* The port stands at the same place in both families. */
in_port_t odgw_address_port(const struct sockaddr *name)
{
	return ((const struct sockaddr_in *)name)->sin_port;
}

static void store_v4(const struct odg_cqe *cqe, struct sockaddr *from)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = cqe->port,
		.sin_addr.s_addr = cqe->v4.addr,
	};

	memcpy(from, &sin, sizeof(sin));
}

static void store_v6(const struct odg_cqe *cqe, struct sockaddr *from)
{
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6,
		.sin6_port = cqe->port,
	};

	if (cqe->flags & ODG_CQE_IPV6) {
		memcpy(&sin6.sin6_addr, cqe->addr, sizeof(sin6.sin6_addr));
		if (IN6_IS_ADDR_LINKLOCAL(&sin6.sin6_addr))
			sin6.sin6_scope_id = cqe->ifindex;
	} else {
		sin6.sin6_addr.s6_addr[10] = 0xff;
		sin6.sin6_addr.s6_addr[11] = 0xff;
		memcpy(&sin6.sin6_addr.s6_addr[12], &cqe->v4.addr, 4);
	}
	memcpy(from, &sin6, sizeof(sin6));
}

void odgw_address_store(const struct odg_cqe *cqe, int family,
			struct sockaddr *from, int *fromlen)
{
	/* With ODG_CQE_ICMP it is the address an earlier send went to. */
	if (!from || !(cqe->flags & ODG_CQE_ADDR) || cqe->flags & ODG_CQE_ICMP)
		return;
	if (family == AF_INET)
		store_v4(cqe, from);
	else
		store_v6(cqe, from);
	*fromlen = odgw_address_size(family);
}
