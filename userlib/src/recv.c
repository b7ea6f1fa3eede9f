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

/* at_some_length - @empty: nothing waited a moment ago */
static inline __attribute__((always_inline)) int
at_some_length(SOCKET s, const WSABUF *buffers, DWORD nr_buffers, DWORD *bytes,
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

	return odgw_leave(recv_from(&r, s, routine)) ? SOCKET_ERROR : 0;
}

/*
 * What is not done at once goes on in functions of their own, to which at_once() only
 * jumps: it saves no more registers than it needs itself.
 */

/* at_length - whatever is asked for */
static __attribute__((noinline)) int
at_length(SOCKET s, const WSABUF *buffers, DWORD nr_buffers, DWORD *bytes,
	  DWORD *flags, struct sockaddr *from, int *fromlen, LPWSAOVERLAPPED ov,
	  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	return at_some_length(s, buffers, nr_buffers, bytes, flags, from, fromlen,
			      ov, routine, false);
}

/* not_at_once - into one buffer, without an OVERLAPPED */
static __attribute__((noinline)) int
not_at_once(SOCKET s, const WSABUF *buffer, DWORD *bytes, DWORD *flags,
	    struct sockaddr *from, int *fromlen)
{
	return at_some_length(s, buffer, 1, bytes, flags, from, fromlen, NULL, NULL,
			      false);
}

/* not_just_so - @ret: what recvfrom(2) returned, an error or more than there is room for */
static __attribute__((noinline)) int
not_just_so(SOCKET s, const WSABUF *buffer, int ret, DWORD *bytes, DWORD *flags,
	    struct sockaddr *from, int *fromlen)
{
	const struct odgw_place to = {
		.len = buffer->len,
		.bytes = bytes,
		.flags = flags,
	};
	int err = odgw_direct_done((int)s, ret, &to);

	if (err < 0)
		return at_some_length(s, buffer, 1, bytes, flags, from, fromlen,
				      NULL, NULL, err == ODGW_EMPTY);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

/* tell_selection - and be done */
static __attribute__((noinline)) int tell_selection(SOCKET s)
{
	odgw_netevents_taken((int)s);
	return odgw_leave(0);
}

typedef bool (*known_as)(const void *p, size_t n);

/* are_known - and have nothing unusual in them */
static inline __attribute__((always_inline)) bool
are_known(const WSABUF *buffer, const struct odgw_place *to,
	  unsigned int attributes, known_as writable, known_as readable)
{
	if (!writable(to->flags, sizeof(*to->flags)) || *to->flags ||
	    !writable(to->bytes, sizeof(*to->bytes)))
		return false;
	if (to->from &&
	    (!writable(to->fromlen, sizeof(*to->fromlen)) ||
	     *to->fromlen < (int)sizeof(struct sockaddr_in) ||
	     (attributes & ODGW_INET6 &&
	      *to->fromlen < (int)sizeof(struct sockaddr_in6)) ||
	     !writable(to->from, sizeof(struct sockaddr_in6))))
		return false;
	return readable(buffer, sizeof(*buffer)) &&
	       writable(buffer->buf, buffer->len);
}

/* is_direct - into that buffer, and nothing has to be asked about first */
static inline __attribute__((always_inline)) bool
is_direct(SOCKET s, const WSABUF *buffer, const struct odgw_place *to,
	  known_as writable, known_as readable)
{
	const struct odgw_entry *entry = odgw_socket_entry(s);
	struct odgw_probe probe;
	unsigned int attributes;

	if (!entry)
		return false;
	/* The last WSACleanup() closes the sockets: none is direct after it. */
	attributes = atomic_load_explicit(&entry->attributes, memory_order_acquire);
	return attributes & ODGW_DIRECT && odgw_direct_is_due(entry) &&
	       odgw_probe_remembers(&probe) &&
	       are_known(buffer, to, attributes, writable, readable);
}

/* at_once - or else by @otherwise */
static inline __attribute__((always_inline)) int
at_once(SOCKET s, const WSABUF *buffer, DWORD *bytes, DWORD *flags,
	struct sockaddr *from, int *fromlen, known_as writable, known_as readable,
	int (*otherwise)(SOCKET s, const WSABUF *buffer, DWORD *bytes,
			 DWORD *flags, struct sockaddr *from, int *fromlen))
{
	struct odgw_place to = {
		.bytes = bytes,
		.flags = flags,
		.from = from,
		.fromlen = fromlen,
	};
	long ret;

	if (!is_direct(s, buffer, &to, writable, readable))
		return otherwise(s, buffer, bytes, flags, from, fromlen);
	to.buf = buffer->buf;
	to.len = buffer->len;
	ret = odgw_recvfrom((int)s, &to);
	if ((size_t)ret > to.len)
		return not_just_so(s, buffer, (int)ret, bytes, flags, from, fromlen);
	*bytes = (DWORD)ret;
	*flags = 0;
	if (odgw_netevents_are_any())
		return tell_selection(s);
	return odgw_leave(0);
}

/*
 * at_second_look - pages may stand behind others that are used as well.  What is not
 * known at all is asked at length.
 */
static __attribute__((noinline)) int
at_second_look(SOCKET s, const WSABUF *buffer, DWORD *bytes, DWORD *flags,
	       struct sockaddr *from, int *fromlen)
{
	return at_once(s, buffer, bytes, flags, from, fromlen,
		       odgw_probe_may_write_too, odgw_probe_may_read_too, not_at_once);
}

/* Its last error replaces whatever a native call left in errno: no odgw_enter(). */
int WSAAPI WSARecvFrom(SOCKET s, LPWSABUF buffers, DWORD nr_buffers,
		       LPDWORD bytes, LPDWORD flags, struct sockaddr *from,
		       LPINT fromlen, LPWSAOVERLAPPED ov,
		       LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	if (ov || nr_buffers != 1)
		return at_length(s, buffers, nr_buffers, bytes, flags, from, fromlen,
				 ov, routine);
	return at_once(s, buffers, bytes, flags, from, fromlen,
		       odgw_probe_may_write, odgw_probe_may_read, at_second_look);
}

int WSAAPI WSARecv(SOCKET s, LPWSABUF buffers, DWORD nr_buffers, LPDWORD bytes,
		   LPDWORD flags, LPWSAOVERLAPPED ov,
		   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	return WSARecvFrom(s, buffers, nr_buffers, bytes, flags, NULL, NULL, ov,
			   routine);
}
