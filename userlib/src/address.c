// SPDX-License-Identifier: MIT
/*
 * A completion's sender as a socket address.
 *
 * The family is the socket's, not the datagram's: an IPv6 socket that receives
 * IPv4 shows it mapped (::ffff:a.b.c.d), as Linux itself does.  No locks.
 */
#include <string.h>

#include "internal.h"

int odgw_address_size(int family)
{
	return family == AF_INET ? (int)sizeof(struct sockaddr_in) :
				   (int)sizeof(struct sockaddr_in6);
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
