/* SPDX-License-Identifier: MIT */
/* route.c: what rtnetlink knows; change.c: when it changes. */
#ifndef ODGRAM_ROUTE_H
#define ODGRAM_ROUTE_H

#include "queue.h"

/* An address of this machine. */
struct odgw_local {
	struct sockaddr_storage address;
	struct sockaddr_storage broadcast;	/* ss_family 0: none */
	unsigned int prefix;			/* bits of the network */
	unsigned int flags;			/* IFF_* of its interface */
};

typedef void (*odgw_address_fn)(const struct odgw_local *local, void *arg);

int odgw_route_addresses(int family, odgw_address_fn fn, void *arg);
/* The address from which the system would send to @to; its port is 0. */
int odgw_route_source(const struct sockaddr *to, struct sockaddr_storage *from);

/*
 * A call that waits for a change: of the machine's addresses, or, with @to, of the
 * address from which that is reached.  As odgw_overlapped_start() without an
 * OVERLAPPED of its own: @ov NULL blocks.
 */
int odgw_change_wait(const struct odgw_socket *sock, const struct sockaddr *to,
		     LPWSAOVERLAPPED ov,
		     LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);

#endif /* ODGRAM_ROUTE_H */
