// SPDX-License-Identifier: MIT
/* Registered I/O: RIOReceiveEx(). */
#include "harness.h"

#include "rio.h"

/* Pieces of the rig's memory, behind its data. */
#define LOCAL_AT	2048
#define REMOTE_AT	2112
#define CONTROL_AT	2176
#define FLAGS_AT	2432

static int post_ex(struct rig *rig, ULONG addr_len)
{
	RIO_BUF data = { rig->id, 0, 100 };
	RIO_BUF local = { rig->id, LOCAL_AT, addr_len };
	RIO_BUF remote = { rig->id, REMOTE_AT, addr_len };

	return rio.RIOReceiveEx(rig->rq, &data, 1, &local, &remote, NULL, NULL,
				0, (PVOID)1);
}

TEST(br14_addresses)
{
	struct rig *rig = rig_new(4, 4);
	SOCKADDR_INET *local = (SOCKADDR_INET *)(void *)(rig->mem + LOCAL_AT);
	SOCKADDR_INET *remote = (SOCKADDR_INET *)(void *)(rig->mem + REMOTE_AT);
	RIORESULT res;

	CHECK(post_ex(rig, sizeof(SOCKADDR_INET)));
	snd(5);
	rig_wait(rig, &res);
	EQ(res.Status, 0);
	EQ(res.BytesTransferred, 5);
	CHECK(letters(rig->mem, 5));
	EQ(remote->si_family, AF_INET);
	EQ(remote->Ipv4.sin_port, SA.sin_port);
	EQ(remote->Ipv4.sin_addr.s_addr, SA.sin_addr.s_addr);
	EQ(local->si_family, AF_INET);
	EQ(local->Ipv4.sin_port, RA.sin_port);
	EQ(local->Ipv4.sin_addr.s_addr, RA.sin_addr.s_addr);
	CHECK(filled(rig->mem + LOCAL_AT + sizeof(*local), POISON_BYTE, 16));
	CHECK(filled(rig->mem + REMOTE_AT + sizeof(*remote), POISON_BYTE, 16));
}

TEST(br14_addresses_v6)
{
	struct rig *rig = rig_new(4, 8);
	SOCKADDR_INET *local = (SOCKADDR_INET *)(void *)(rig->mem + LOCAL_AT);
	SOCKADDR_INET *remote = (SOCKADDR_INET *)(void *)(rig->mem + REMOTE_AT);
	struct sockaddr_in6 to, from;
	RIORESULT res;
	SOCKET r, s;

	if (!have_ipv6())
		SKIP("no IPv6 here");
	r = WSASocketW(AF_INET6, SOCK_DGRAM, 0, NULL, 0,
		       WSA_FLAG_REGISTERED_IO | WSA_FLAG_OVERLAPPED);
	s = WSASocketW(AF_INET6, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
	bind_lo6(r, &to);
	bind_lo6(s, &from);
	rig->rq = make_rq(r, rig->cq, 2, 0);
	CHECK(rig->rq != RIO_INVALID_RQ);
	CHECK(post_ex(rig, sizeof(SOCKADDR_INET)));
	EQ(sendto(s, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
	rig_wait(rig, &res);
	EQ(res.Status, 0);
	EQ(res.BytesTransferred, 5);
	EQ(remote->si_family, AF_INET6);
	EQ(remote->Ipv6.sin6_port, from.sin6_port);
	EQ(memcmp(&remote->Ipv6.sin6_addr, &from.sin6_addr, 16), 0);
	EQ(local->si_family, AF_INET6);
	EQ(local->Ipv6.sin6_port, to.sin6_port);
	EQ(memcmp(&local->Ipv6.sin6_addr, &to.sin6_addr, 16), 0);
}

TEST(br14_pieces_too_small_or_not_there)
{
	struct rig *rig = rig_new(4, 4);
	RIO_BUF data = { rig->id, 0, 100 };
	RIO_BUF bad = { RIO_INVALID_BUFFERID, 0, 100 };

	WSASetLastError(0);
	CHECK(!post_ex(rig, sizeof(SOCKADDR_INET) - 1));
	EQ(WSAGetLastError(), WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOReceiveEx(rig->rq, &data, 1, NULL, &bad, NULL, NULL, 0,
				NULL));
	EQ(WSAGetLastError(), WSAEFAULT);
	WSASetLastError(0);
	CHECK(!rio.RIOReceiveEx(rig->rq, &data, 1, NULL, NULL, NULL, &bad, 0,
				NULL));
	EQ(WSAGetLastError(), WSAEFAULT);
	rig_works(rig);
}

TEST(br14_only_what_was_asked_for)
{
	struct rig *rig = rig_new(4, 4);
	RIO_BUF remote = { rig->id, REMOTE_AT, sizeof(SOCKADDR_INET) };
	SOCKADDR_INET *addr = (SOCKADDR_INET *)(void *)(rig->mem + REMOTE_AT);
	RIORESULT res;

	CHECK(rio.RIOReceiveEx(rig->rq, NULL, 0, NULL, &remote, NULL, NULL, 0,
			       NULL));
	CHECK(rig_post(rig, 0, 100, 2));
	snd(5);
	rig_wait(rig, &res);
	EQ(res.BytesTransferred, 0);
	EQ(addr->Ipv4.sin_port, SA.sin_port);
	memset(rig->mem, POISON_BYTE, rig->size);
	snd(6);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 2);
	CHECK(filled(rig->mem + 6, POISON_BYTE, rig->size - 6));
}
