// SPDX-License-Identifier: MIT
/*
 * WSARecvFrom() and WSARecv(): their arguments, and the sender's address.
 * direct.c does the rest, or receive.c.  No locks.
 */
#include "direct.h"

static void store(const struct odgw_op *op, const struct odg_cqe_wide *wide,
		  struct odgw_end *end)
{
	(void)end;
	odgw_address_store(&wide->cqe, op->family, op->from, op->fromlen);
	odgw_observe(op->overlapped, wide);
}

/* check_pointers - WSAEFAULT for one that the library could not follow */
static int check_pointers(const struct odgw_receive *r, struct odgw_probe *probe)
{
	if (!r->buffers || !r->flags || (!r->bytes && !r->ov))
		return WSAEFAULT;
	if (r->op.from && !r->op.fromlen)
		return WSAEFAULT;

	odgw_probe_init(probe);
	if (!odgw_probe_write(probe, r->flags, sizeof(*r->flags)))
		return WSAEFAULT;
	if (r->bytes && !odgw_probe_write(probe, r->bytes, sizeof(*r->bytes)))
		return WSAEFAULT;
	if (r->ov && !odgw_probe_write(probe, r->ov, sizeof(*r->ov)))
		return WSAEFAULT;
	if (r->op.from) {
		int size = odgw_address_size(r->sock.family);

		if (!odgw_probe_write(probe, r->op.fromlen, sizeof(*r->op.fromlen)))
			return WSAEFAULT;
		/* Before anything is taken off the socket. */
		if (*r->op.fromlen < size ||
		    !odgw_probe_write(probe, r->op.from, (size_t)size))
			return WSAEFAULT;
	}
	if (!odgw_probe_read(probe, r->buffers,
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
	struct odgw_probe probe;
	int err;

	err = odgw_started() ? odgw_socket_lookup(s, &r->sock) :
			       WSANOTINITIALISED;
	if (err)
		return err;
	if (!r->nr_buffers || r->nr_buffers > ODG_MAX_SEGS)
		return WSAEINVAL;
	err = check_pointers(r, &probe);
	if (err)
		return err;
	r->overlapped = r->ov && r->sock.overlapped;
	err = check_flags(r);
	if (err)
		return err;
	if (!r->ov && !r->peek && !r->empty) {
		err = odgw_direct(r, &probe);
		if (err >= 0)
			return err;
		r->empty = err == ODGW_EMPTY;
	}
	return odgw_receive(r, routine);
}

/* at_length - whatever is asked for; @empty: nothing waited a moment ago */
static __attribute__((noinline)) int
at_length(SOCKET s, const WSABUF *buffers, DWORD nr_buffers, DWORD *bytes,
	  DWORD *flags, struct sockaddr *from, int *fromlen, LPWSAOVERLAPPED ov,
	  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, bool empty)
{
	struct odgw_receive r = {
		.buffers = buffers,
		.nr_buffers = nr_buffers,
		.bytes = bytes,
		.flags = flags,
		.ov = ov,
		.empty = empty,
		.op.store = store,
		.op.from = from,
		.op.fromlen = fromlen,
	};

	return recv_from(&r, s, routine);
}

/* size_of_name - arithmetic rather than a branch */
static inline int size_of_name(unsigned int attributes)
{
	return (int)(sizeof(struct sockaddr_in) +
		     (attributes & ODGW_INET6) / ODGW_INET6 *
		     (sizeof(struct sockaddr_in6) - sizeof(struct sockaddr_in)));
}

/* are_known - and have nothing unusual in them; what is not known is asked at length */
static inline __attribute__((always_inline)) bool
are_known(const WSABUF *buffer, const struct odgw_place *to,
			     int size)
{
	if (!odgw_probe_may_write(to->flags, sizeof(*to->flags)) || *to->flags ||
	    !odgw_probe_may_write(to->bytes, sizeof(*to->bytes)))
		return false;
	if (to->from &&
	    (!odgw_probe_may_write(to->fromlen, sizeof(*to->fromlen)) ||
	     *to->fromlen < size ||
	     !odgw_probe_may_write(to->from, sizeof(struct sockaddr_in6))))
		return false;
	return odgw_probe_may_read(buffer, sizeof(*buffer)) &&
	       odgw_probe_may_write(buffer->buf, buffer->len);
}

/*
 * at_once - into one buffer, where nothing has to be asked about first.  ODGW_EMPTY and
 * ODGW_NOT_DIRECT leave it to at_length().
 */
static inline __attribute__((always_inline)) int
at_once(SOCKET s, const WSABUF *buffer, struct odgw_place *to)
{
	const struct odgw_entry *entry = odgw_socket_entry(s);
	struct odgw_probe probe;
	unsigned int attributes;

	if (!entry)
		return ODGW_NOT_DIRECT;
	/* The last WSACleanup() closes the sockets: none is direct after it. */
	attributes = atomic_load_explicit(&entry->attributes, memory_order_acquire);
	if (!(attributes & ODGW_DIRECT) || !odgw_direct_is_due(entry) ||
	    !odgw_probe_remembers(&probe) ||
	    !are_known(buffer, to, size_of_name(attributes)))
		return ODGW_NOT_DIRECT;
	to->buf = buffer->buf;
	to->len = buffer->len;
	return odgw_direct_done((int)s, odgw_recvfrom((int)s, to), to);
}

/* Its last error replaces whatever a native call left in errno: no odgw_enter(). */
int WSAAPI WSARecvFrom(SOCKET s, LPWSABUF buffers, DWORD nr_buffers,
		       LPDWORD bytes, LPDWORD flags, struct sockaddr *from,
		       LPINT fromlen, LPWSAOVERLAPPED ov,
		       LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct odgw_place to = {
		.bytes = bytes,
		.flags = flags,
		.from = from,
		.fromlen = fromlen,
	};
	int err;

	if (ov || nr_buffers != 1)
		err = ODGW_NOT_DIRECT;
	else
		err = at_once(s, buffers, &to);
	if (err < 0)
		err = at_length(s, buffers, nr_buffers, bytes, flags, from, fromlen,
				ov, routine, err == ODGW_EMPTY);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

int WSAAPI WSARecv(SOCKET s, LPWSABUF buffers, DWORD nr_buffers, LPDWORD bytes,
		   LPDWORD flags, LPWSAOVERLAPPED ov,
		   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	return WSARecvFrom(s, buffers, nr_buffers, bytes, flags, NULL, NULL, ov,
			   routine);
}
