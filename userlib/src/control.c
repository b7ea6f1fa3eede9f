// SPDX-License-Identifier: MIT
/*
 * Control messages: Windows' shape on the program's side, Linux' on the kernel's.
 *
 * The headers are alike and the names are the same; what differs is the data.
 * IP_PKTINFO has an address and an index in 8 bytes, on Linux an index and two
 * addresses in 12; a type of service is an int, on Linux a byte.
 *
 * A receive's control data is made from its completion, which carries all that
 * Windows can ask for.  What the program asked for is read from the socket, so
 * that options set natively count, too.  No locks.
 */
#include <errno.h>

#include "internal.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif

static bool is_on(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return !getsockopt(fd, level, name, &value, &len) && value;
}

unsigned int odgw_control_wanted(const struct odgw_socket *sock)
{
	static const struct {
		unsigned int bit;
		int level, name;
		bool v6_only;
	} tells[] = {
		{ ODGW_TELL_PKTINFO,	IPPROTO_IP,	IP_PKTINFO,	false },
		{ ODGW_TELL_TTL,	IPPROTO_IP,	IP_RECVTTL,	false },
		{ ODGW_TELL_TOS,	IPPROTO_IP,	IP_RECVTOS,	false },
		{ ODGW_TELL_PKTINFO6,	IPPROTO_IPV6,	IPV6_RECVPKTINFO, true },
		{ ODGW_TELL_HOPLIMIT,	IPPROTO_IPV6,	IPV6_RECVHOPLIMIT, true },
		{ ODGW_TELL_TCLASS,	IPPROTO_IPV6,	IPV6_RECVTCLASS, true },
		{ ODGW_TELL_TIME,	SOL_SOCKET,	SO_TIMESTAMP,	false },
	};
	unsigned int wanted = 0;
	size_t i;

	for (i = 0; i < sizeof(tells) / sizeof(tells[0]); i++)
		if ((sock->family == AF_INET6 || !tells[i].v6_only) &&
		    is_on(sock->fd, tells[i].level, tells[i].name))
			wanted |= tells[i].bit;
	if (sock->attributes & ODGW_TIMESTAMPS)
		wanted |= ODGW_TELL_TIME;
	return wanted;
}

/* Where messages are put: none is cut, one that does not fit is left out. */
struct writer {
	char *at;
	size_t room;
	size_t used;
	bool fits;
};

static void put(struct writer *w, int level, int type, const void *data,
		size_t len)
{
	WSACMSGHDR h = {
		.cmsg_len = WSA_CMSG_LEN(len),
		.cmsg_level = level,
		.cmsg_type = type,
	};

	if (w->room - w->used < WSA_CMSG_SPACE(len)) {
		w->fits = false;
		return;
	}
	memset(w->at + w->used, 0, WSA_CMSG_SPACE(len));
	memcpy(w->at + w->used, &h, sizeof(h));
	memcpy(w->at + w->used + WSA_CMSG_LEN(0), data, len);
	w->used += WSA_CMSG_SPACE(len);
}

static void put_int(struct writer *w, int level, int type, int value)
{
	put(w, level, type, &value, sizeof(value));
}

/* v4_of - the destination, if the datagram came by IPv4, to whatever socket; or NULL */
static const uint8_t *v4_of(const struct odg_cqe_wide *wide)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (!(wide->cqe.flags & ODG_CQE_IPV6))
		return wide->local;
	return memcmp(wide->local, mapped, sizeof(mapped)) ? NULL :
							     wide->local + 12;
}

static void put_v4(struct writer *w, unsigned int wanted,
		   const struct odg_cqe_wide *wide)
{
	IN_PKTINFO info = { .ipi_ifindex = wide->cqe.ifindex };

	memcpy(&info.ipi_addr, v4_of(wide), sizeof(info.ipi_addr));
	if (wanted & ODGW_TELL_PKTINFO)
		put(w, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	if (wanted & ODGW_TELL_TTL)
		put_int(w, IPPROTO_IP, IP_TTL, wide->ttl);
	if (wanted & ODGW_TELL_TOS)
		put_int(w, IPPROTO_IP, IP_TOS, wide->tos);
}

static void put_v6(struct writer *w, unsigned int wanted,
		   const struct odg_cqe_wide *wide)
{
	IN6_PKTINFO info = { .ipi6_ifindex = wide->cqe.ifindex };

	memcpy(&info.ipi6_addr, wide->local, sizeof(info.ipi6_addr));
	if (wanted & ODGW_TELL_PKTINFO6)
		put(w, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	if (wanted & ODGW_TELL_HOPLIMIT)
		put_int(w, IPPROTO_IPV6, IPV6_HOPLIMIT, wide->ttl);
	if (wanted & ODGW_TELL_TCLASS)
		put_int(w, IPPROTO_IPV6, IPV6_TCLASS, wide->tos);
}

bool odgw_control_write(unsigned int wanted, const struct odg_cqe_wide *wide,
			WSABUF *control)
{
	struct writer w = {
		.at = control->buf,
		.room = control->len,
		.fits = true,
	};

	if (v4_of(wide))
		put_v4(&w, wanted, wide);
	else
		put_v6(&w, wanted, wide);
	if (wanted & ODGW_TELL_TIME) {
		uint64_t ns = wide->cqe.hw_ns ? wide->cqe.hw_ns : wide->cqe.rx_ns;

		put(&w, SOL_SOCKET, SO_TIMESTAMP, &ns, sizeof(ns));
	}
	if (wide->cqe.seg_len) {
		DWORD size = wide->cqe.seg_len;

		put(&w, IPPROTO_UDP, UDP_COALESCED_INFO, &size, sizeof(size));
	}
	control->len = (ULONG)w.used;
	return w.fits;
}

DWORD odgw_control_flags(const struct odg_cqe_wide *wide)
{
	in_addr_t v4;

	if (!(wide->cqe.flags & ODG_CQE_ADDR) || wide->cqe.flags & ODG_CQE_ICMP)
		return 0;
	if (!v4_of(wide))
		return wide->local[0] == 0xff ? MSG_MCAST : 0;
	if (wide->broadcast)
		return MSG_BCAST;
	memcpy(&v4, v4_of(wide), sizeof(v4));
	return IN_MULTICAST(ntohl(v4)) ? MSG_MCAST : 0;
}

/* The types a send may carry, and the size of their data on Windows. */
static const struct sendable {
	int level, type;
	size_t len;
} sendables[] = {
	{ IPPROTO_IP,	IP_PKTINFO,	sizeof(IN_PKTINFO) },
	{ IPPROTO_IP,	IP_TTL,		sizeof(int) },
	{ IPPROTO_IP,	IP_TOS,		sizeof(int) },
	{ IPPROTO_IPV6,	IPV6_PKTINFO,	sizeof(IN6_PKTINFO) },
	{ IPPROTO_IPV6,	IPV6_HOPLIMIT,	sizeof(int) },
	{ IPPROTO_IPV6,	IPV6_TCLASS,	sizeof(int) },
	{ IPPROTO_UDP,	UDP_SEND_MSG_SIZE, sizeof(DWORD) },
};

static const struct sendable *find_sendable(const WSACMSGHDR *h)
{
	size_t i;

	for (i = 0; i < sizeof(sendables) / sizeof(sendables[0]); i++)
		if (sendables[i].level == h->cmsg_level &&
		    sendables[i].type == h->cmsg_type)
			return &sendables[i];
	return NULL;
}

/* convert - one message's data into what Linux takes; false: it is out of range */
static bool convert(struct writer *w, const WSACMSGHDR *h, const char *data,
		    size_t len)
{
	if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo out = { 0 };
		IN_PKTINFO in;

		memcpy(&in, data, sizeof(in));
		out.ipi_ifindex = (int)in.ipi_ifindex;
		out.ipi_spec_dst = in.ipi_addr;
		put(w, IPPROTO_IP, IP_PKTINFO, &out, sizeof(out));
	} else if (h->cmsg_level == IPPROTO_UDP) {
		uint16_t out;
		DWORD in;

		memcpy(&in, data, sizeof(in));
		if (in > UINT16_MAX)
			return false;
		out = (uint16_t)in;
		put(w, IPPROTO_UDP, UDP_SEGMENT, &out, sizeof(out));
	} else {
		put(w, h->cmsg_level, h->cmsg_type, data, len);
	}
	return w->fits;
}

int odgw_control_read(const WSABUF *control, void *out, size_t *len)
{
	struct writer w = { .at = out, .room = *len, .fits = true };
	const struct sendable *kind;
	size_t at, end = control->len;
	WSACMSGHDR h;

	for (at = 0; end - at >= sizeof(h); at += WSA_CMSGHDR_ALIGN(h.cmsg_len)) {
		memcpy(&h, control->buf + at, sizeof(h));
		if (h.cmsg_len < WSA_CMSG_LEN(0) || h.cmsg_len > end - at)
			return WSAEINVAL;
		kind = find_sendable(&h);
		if (!kind || h.cmsg_len != WSA_CMSG_LEN(kind->len))
			return WSAEINVAL;
		if (!convert(&w, &h, control->buf + at + WSA_CMSG_LEN(0), kind->len))
			return WSAEINVAL;
		if (WSA_CMSGHDR_ALIGN(h.cmsg_len) > end - at)
			break;
	}
	*len = w.used;
	return 0;
}
