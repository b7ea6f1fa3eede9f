// SPDX-License-Identifier: MIT
/*
 * WSARecvFrom() and WSARecv(): their arguments, and the sender's address.
 * receive.c does the rest.  No locks.
 */
#include "receive.h"

static void store(const struct odgw_op *op, const struct odg_cqe_wide *wide,
		  struct odgw_end *end)
{
	(void)end;
	odgw_address_store(&wide->cqe, op->family, op->from, op->fromlen);
	odgw_observe(op->overlapped, wide);
}

/* check_pointers - WSAEFAULT for one that the library could not follow */
static int check_pointers(const struct odgw_receive *r)
{
	struct odgw_probe probe;

	if (!r->buffers || !r->flags || (!r->bytes && !r->ov))
		return WSAEFAULT;
	if (r->op.from && !r->op.fromlen)
		return WSAEFAULT;

	odgw_probe_init(&probe);
	if (!odgw_probe_write(&probe, r->flags, sizeof(*r->flags)))
		return WSAEFAULT;
	if (r->bytes && !odgw_probe_write(&probe, r->bytes, sizeof(*r->bytes)))
		return WSAEFAULT;
	if (r->ov && !odgw_probe_write(&probe, r->ov, sizeof(*r->ov)))
		return WSAEFAULT;
	if (r->op.from) {
		int size = odgw_address_size(r->sock.family);

		if (!odgw_probe_write(&probe, r->op.fromlen, sizeof(*r->op.fromlen)))
			return WSAEFAULT;
		/* Before anything is taken off the socket. */
		if (*r->op.fromlen < size ||
		    !odgw_probe_write(&probe, r->op.from, (size_t)size))
			return WSAEFAULT;
	}
	if (!odgw_probe_read(&probe, r->buffers,
			     r->nr_buffers * sizeof(*r->buffers)))
		return WSAEFAULT;
	return 0;
}

/* check_flags - MSG_PARTIAL changes nothing: UDP waits for no more of a message */
static int check_flags(struct odgw_receive *r)
{
	DWORD flags = *r->flags;

	r->peek = flags & MSG_PEEK;
	if (flags & ~(DWORD)(MSG_PEEK | MSG_PARTIAL))
		return WSAEOPNOTSUPP;
	return r->peek && r->overlapped ? WSAEOPNOTSUPP : 0;
}

static int recv_from(struct odgw_receive *r, SOCKET s,
		     LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	int err;

	err = odgw_socket_lookup(s, &r->sock);
	if (err)
		return err;
	if (!r->nr_buffers || r->nr_buffers > ODG_MAX_SEGS)
		return WSAEINVAL;
	err = check_pointers(r);
	if (err)
		return err;
	r->overlapped = r->ov && r->sock.overlapped;
	err = check_flags(r);
	if (err)
		return err;
	return odgw_receive(r, routine);
}

int WSAAPI WSARecvFrom(SOCKET s, LPWSABUF buffers, DWORD nr_buffers,
		       LPDWORD bytes, LPDWORD flags, struct sockaddr *from,
		       LPINT fromlen, LPWSAOVERLAPPED ov,
		       LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct odgw_receive r;
	int err = odgw_enter();

	r.buffers = buffers;
	r.nr_buffers = nr_buffers;
	r.bytes = bytes;
	r.flags = flags;
	r.ov = ov;
	r.op = (struct odgw_op){
		.store = store,
		.from = from,
		.fromlen = fromlen,
	};

	if (!err)
		err = recv_from(&r, s, routine);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

int WSAAPI WSARecv(SOCKET s, LPWSABUF buffers, DWORD nr_buffers, LPDWORD bytes,
		   LPDWORD flags, LPWSAOVERLAPPED ov,
		   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	return WSARecvFrom(s, buffers, nr_buffers, bytes, flags, NULL, NULL, ov,
			   routine);
}
