// SPDX-License-Identifier: MIT
/*
 * WSARecvMsg(), which programs get by SIO_GET_EXTENSION_FUNCTION_POINTER: a receive
 * that also tells of control data (control.c) and how it was.  The WSAMSG is written
 * when it completes; the array of buffers is the caller's at return.  No locks.
 */
#include <errno.h>

#include "receive.h"

static void store(const struct odgw_op *op, const struct odg_cqe_wide *wide,
		  struct odgw_end *end)
{
	struct _WSAMSG *msg = op->msg;
	bool datagram = !wide->cqe.status || wide->cqe.status == -EMSGSIZE;

	odgw_observe(op->overlapped, wide);
	if (!datagram)
		return;
	odgw_address_store(&wide->cqe, op->family, msg->name, &msg->namelen);
	msg->dwFlags = odgw_control_flags(wide) |
		       odgw_flags_from_status(end->status);
	if (wide->cqe.status)
		msg->dwFlags |= MSG_TRUNC;
	if (!odgw_control_write(op->wanted, wide, &msg->Control)) {
		msg->dwFlags |= MSG_CTRUNC;
		end->status = STATUS_BUFFER_OVERFLOW;
	}
}

static int check_pointers(const struct odgw_receive *r)
{
	struct _WSAMSG *msg = r->op.msg;
	struct odgw_probe probe;

	odgw_probe_init(&probe);
	if (!msg || !odgw_probe_write(&probe, msg, sizeof(*msg)) ||
	    (!r->bytes && !r->ov))
		return WSAEFAULT;
	if (r->bytes && !odgw_probe_write(&probe, r->bytes, sizeof(*r->bytes)))
		return WSAEFAULT;
	if (r->ov && !odgw_probe_write(&probe, r->ov, sizeof(*r->ov)))
		return WSAEFAULT;
	if (!msg->name && msg->namelen)
		return WSAEFAULT;
	if (msg->name) {
		int size = odgw_address_size(r->sock.family);

		if (msg->namelen < size ||
		    !odgw_probe_write(&probe, msg->name, (size_t)size))
			return WSAEFAULT;
	}
	if (msg->Control.len &&
	    (!msg->Control.buf ||
	     !odgw_probe_write(&probe, msg->Control.buf, msg->Control.len)))
		return WSAEFAULT;
	if (!msg->lpBuffers ||
	    !odgw_probe_read(&probe, msg->lpBuffers,
			     msg->dwBufferCount * sizeof(*msg->lpBuffers)))
		return WSAEFAULT;
	return 0;
}

static int receive(struct odgw_receive *r, SOCKET s,
		   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct _WSAMSG *msg = r->op.msg;
	int err;

	err = odgw_socket_lookup_udp(s, &r->sock);
	if (!err)
		err = check_pointers(r);
	if (err)
		return err;
	r->buffers = msg->lpBuffers;
	r->nr_buffers = msg->dwBufferCount;
	if (!r->nr_buffers || r->nr_buffers > ODG_MAX_SEGS)
		return WSAEINVAL;
	r->overlapped = r->ov && r->sock.overlapped;
	r->peek = msg->dwFlags & MSG_PEEK;
	if (msg->dwFlags & ~(DWORD)MSG_PEEK || (r->peek && r->overlapped))
		return WSAEOPNOTSUPP;
	r->op.store = store;
	r->op.wanted = odgw_control_wanted(&r->sock);
	return odgw_receive(r, routine);
}

INT odgw_recv_msg(SOCKET s, LPWSAMSG msg, LPDWORD bytes, LPWSAOVERLAPPED ov,
		  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct odgw_receive r = {
		.bytes = bytes,
		.ov = ov,
		.op.msg = msg,
	};
	int err = odgw_enter();

	if (!err)
		err = receive(&r, s, routine);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}
