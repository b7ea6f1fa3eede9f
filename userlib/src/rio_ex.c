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
#include <errno.h>

#include "rio.h"

#define KNOWN	(1U << 31)	/* in odgw_rio_rq.tells */

static bool named(const RIO_BUF *piece)
{
	return piece->BufferId;
}

int odgw_rio_ex_piece(const RIO_BUF *piece, size_t least)
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

/*
 * Which control messages the socket's options ask for is looked up once: the first
 * receive that names a place for them decides.
 */
int odgw_rio_ex_check(struct odgw_rio_rq *rq, const struct odgw_rio_ex *ex)
{
	int err = odgw_rio_ex_piece(&ex->local, sizeof(SOCKADDR_INET));

	if (!err)
		err = odgw_rio_ex_piece(&ex->remote, sizeof(SOCKADDR_INET));
	if (!err)
		err = odgw_rio_ex_piece(&ex->control, RIO_CMSG_BASE_SIZE);
	if (!err)
		err = odgw_rio_ex_piece(&ex->flags, sizeof(DWORD));
	if (!err && named(&ex->control) && !(rq->tells & KNOWN))
		rq->tells = odgw_control_wanted(&rq->sock) | KNOWN;
	return err;
}

/* store_v4 - most datagrams, so without a call */
static inline void store_v4(void *to, in_port_t port, const void *addr)
{
	SOCKADDR_INET sa = {
		.Ipv4 = {
			.sin_family = AF_INET,
			.sin_port = port,
		},
	};

	memcpy(&sa.Ipv4.sin_addr, addr, sizeof(sa.Ipv4.sin_addr));
	memcpy(to, &sa, sizeof(sa));
}

static void store_v6(void *to, const struct odg_cqe *cqe)
{
	SOCKADDR_INET sa = { 0 };
	int len = sizeof(sa);

	odgw_address_store(cqe, AF_INET6, (struct sockaddr *)&sa, &len);
	memcpy(to, &sa, sizeof(sa));
}

static void store_remote(const struct odgw_rio_rq *rq,
			 const struct odg_cqe_wide *wide, void *to)
{
	if (rq->sock.family == AF_INET)
		store_v4(to, wide->cqe.port, &wide->cqe.v4.addr);
	else
		store_v6(to, &wide->cqe);
}

static void store_local(const struct odgw_rio_rq *rq,
			const struct odg_cqe_wide *wide, void *to)
{
	struct odg_cqe cqe;

	if (rq->sock.family == AF_INET) {
		store_v4(to, rq->port, wide->local);
		return;
	}
	cqe = wide->cqe;
	cqe.port = rq->port;
	memcpy(cqe.addr, wide->local, sizeof(cqe.addr));
	store_v6(to, &cqe);
}

/* store_control - what there is; false if it did not all find room */
static bool store_control(const struct odgw_rio_rq *rq,
			  const struct odg_cqe_wide *wide, char *to, ULONG len)
{
	WSABUF messages = {
		.len = len - (ULONG)RIO_CMSG_BASE_SIZE,
		.buf = to + RIO_CMSG_BASE_SIZE,
	};
	bool whole = odgw_control_write(rq->tells, wide, &messages);
	RIO_CMSG_BUFFER head = {
		.TotalLength = (ULONG)RIO_CMSG_BASE_SIZE + messages.len,
	};

	memcpy(to, &head, sizeof(head));
	return whole;
}

/* where - the memory of a piece, or NULL if there is nothing to write to */
static void *where(const RIO_BUF *piece)
{
	return named(piece) ? odgw_rio_memory(piece) : NULL;
}

/* store_rest - what few ask for */
static void store_rest(const struct odgw_rio_rq *rq, const struct odgw_rio_ex *ex,
		       const struct odg_cqe_wide *wide)
{
	DWORD flags = odgw_control_flags(wide);
	void *to;

	if (wide->cqe.status == -EMSGSIZE)
		flags |= MSG_TRUNC;
	if (wide->cqe.flags & ODG_CQE_PARTIAL)
		flags |= MSG_PARTIAL;
	to = where(&ex->control);
	if (to && !store_control(rq, wide, to, ex->control.Length))
		flags |= MSG_CTRUNC;
	to = where(&ex->flags);
	if (to)
		memcpy(to, &flags, sizeof(flags));
}

/* Nothing is written for what was no datagram. */
void odgw_rio_ex_store(const struct odgw_rio_rq *rq,
		       const struct odgw_rio_ex *ex,
		       const struct odg_cqe_wide *wide)
{
	void *to;

	if (!(wide->cqe.flags & ODG_CQE_ADDR) || wide->cqe.flags & ODG_CQE_ICMP)
		return;
	to = where(&ex->remote);
	if (to)
		store_remote(rq, wide, to);
	to = where(&ex->local);
	if (to)
		store_local(rq, wide, to);
	if (named(&ex->control) || named(&ex->flags))
		store_rest(rq, ex, wide);
}
