// SPDX-License-Identifier: MIT
/*
 * What RIOReceiveEx() delivers besides the data: addresses, control data, flags.
 *
 * All of it stands in the completion.  It is written into the program's buffers by
 * the thread that dequeues that, before RIODequeueCompletion() returns; a buffer
 * that was deregistered in the meantime is left alone.
 *
 * No locks of its own.
 */
#include "rio.h"

static bool named(const RIO_BUF *piece)
{
	return piece->BufferId;
}

/* check - 0 if a piece is not wanted, or is there and has @least bytes */
static int check(const RIO_BUF *piece, size_t least)
{
	struct odgw_rio_buffer *buf;

	if (!named(piece))
		return 0;
	buf = odgw_slot_get(&odgw_rio_buffers, piece->BufferId);
	if (!buf)
		return WSAEFAULT;
	return odgw_rio_holds(buf, piece) && piece->Length >= least ?
	       0 : WSAEINVAL;
}

int odgw_rio_ex_check(const struct odgw_rio_ex *ex)
{
	int err = check(&ex->local, sizeof(SOCKADDR_INET));

	if (!err)
		err = check(&ex->remote, sizeof(SOCKADDR_INET));
	if (!err)
		err = check(&ex->control, sizeof(RIO_CMSG_BUFFER));
	if (!err)
		err = check(&ex->flags, sizeof(DWORD));
	return err;
}

static void store_local(const struct odgw_rio_rq *rq,
			const struct odg_cqe_wide *wide, void *to)
{
	SOCKADDR_INET addr = { 0 };

	if (rq->family == AF_INET6) {
		addr.Ipv6.sin6_family = AF_INET6;
		addr.Ipv6.sin6_port = rq->port;
		memcpy(&addr.Ipv6.sin6_addr, wide->local, 16);
	} else {
		addr.Ipv4.sin_family = AF_INET;
		addr.Ipv4.sin_port = rq->port;
		memcpy(&addr.Ipv4.sin_addr, wide->local, 4);
	}
	memcpy(to, &addr, sizeof(addr));
}

static void store_remote(const struct odgw_rio_rq *rq,
			 const struct odg_cqe_wide *wide, void *to)
{
	SOCKADDR_INET addr = { 0 };
	int len = sizeof(addr);

	odgw_address_store(&wide->cqe, rq->family, (struct sockaddr *)&addr,
			   &len);
	memcpy(to, &addr, sizeof(addr));
}

/* where - the memory of a piece, or NULL if there is nothing to write to */
static void *where(const RIO_BUF *piece)
{
	return named(piece) ? odgw_rio_memory(piece) : NULL;
}

void odgw_rio_ex_store(const struct odgw_rio_rq *rq,
		       const struct odgw_rio_ex *ex,
		       const struct odg_cqe_wide *wide)
{
	bool datagram = wide->cqe.flags & ODG_CQE_ADDR &&
			!(wide->cqe.flags & ODG_CQE_ICMP);
	void *to;

	to = where(&ex->local);
	if (to && datagram)
		store_local(rq, wide, to);
	to = where(&ex->remote);
	if (to && wide->cqe.flags & ODG_CQE_ADDR)
		store_remote(rq, wide, to);
}
