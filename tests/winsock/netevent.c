// SPDX-License-Identifier: MIT
/* WSAEventSelect() and WSAEnumNetworkEvents(). */
#include "harness.h"

static WSAEVENT e;

static void selected(SOCKET s, long events)
{
	e = WSACreateEvent();
	CHECK(e != WSA_INVALID_EVENT);
	EQ(WSAEventSelect(s, e, events), 0);
}

/* happened - what was recorded since the last time */
static long happened(SOCKET s)
{
	WSANETWORKEVENTS out;

	memset(&out, POISON_BYTE, sizeof(out));
	EQ(WSAEnumNetworkEvents(s, e, &out), 0);
	if (out.lNetworkEvents & FD_READ)
		EQ(out.iErrorCode[FD_READ_BIT], 0);
	return out.lNetworkEvents;
}

static bool told(void)
{
	return WaitForSingleObject(e, LIMIT) == WAIT_OBJECT_0;
}

TEST(bn14_a_datagram_waits)
{
	char c[10];

	pair();
	selected(R, FD_READ);
	CHECK(!is_set(e));
	snd(5);
	CHECK(told());
	EQ(happened(R), FD_READ);
	CHECK(!is_set(e));
	EQ(happened(R), 0);
	EQ(recv(R, c, sizeof(c), 0), 5);
}

TEST(bn14_told_again_while_more_wait)
{
	char c[10];

	pair();
	selected(R, FD_READ);
	snd(5);
	snd(6);
	CHECK(told());
	happened(R);
	EQ(recv(R, c, sizeof(c), 0), 5);
	CHECK(told());
	EQ(happened(R), FD_READ);
	EQ(recv(R, c, sizeof(c), 0), 6);
	nap(QUIET);
	EQ(happened(R), 0);
}

TEST(bn14_waiting_already)
{
	pair();
	snd(5);
	selected(R, FD_READ);
	CHECK(told());
	EQ(happened(R), FD_READ);
}

TEST(bu9_writable_is_told_once)
{
	pair();
	selected(R, FD_WRITE);
	CHECK(told());
	EQ(happened(R), FD_WRITE);
	EQ(sendto(R, "x", 1, 0, (struct sockaddr *)&SA, sizeof(SA)), 1);
	CHECK(stays_quiet(e));
	EQ(happened(R), 0);
}

TEST(bi4_selected_stays_nonblocking)
{
	u_long off = 0;
	char c;

	pair();
	selected(R, FD_READ);
	EQ(recv(R, &c, 1, 0), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEWOULDBLOCK);
	EQ(ioctlsocket(R, FIONBIO, &off), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEINVAL);
	EQ(WSAEventSelect(R, NULL, 0), 0);
	EQ(ioctlsocket(R, FIONBIO, &off), 0);
	snd(5);
	CHECK(stays_quiet(e));
}

TEST(bn14_a_posted_receive_takes_it_unseen)
{
	struct op *op = op_ev(10);

	pair();
	selected(R, FD_READ);
	EQ(post(op), WSA_IO_PENDING);
	snd(5);
	EQ(done(op), 0);
	CHECK(stays_quiet(e));
}

TEST(bn14_refusals)
{
	WSANETWORKEVENTS out;

	pair();
	selected(R, FD_READ);
	EQ(WSAEventSelect(INVALID_SOCKET, e, FD_READ), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAENOTSOCK);
	EQ(WSAEnumNetworkEvents(INVALID_SOCKET, e, &out), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAENOTSOCK);
	EQ(WSAEventSelect(R, (WSAEVENT)(uintptr_t)0x7ffffff0, FD_READ), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEINVAL);
}

TEST(bn14_no_place_for_the_answer)
{
	pair();
	selected(R, FD_READ);
	EQ(WSAEnumNetworkEvents(R, e, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
}

TEST(bj8_joined_is_told)
{
	struct sockaddr_in group;

#ifndef _WIN32
	if (system("ip link set lo up multicast on && "
		   "ip route replace 224.0.0.0/4 dev lo") != 0)
		SKIP("needs root, and a machine of its own");
#endif
	R = udp(WSA_FLAG_MULTIPOINT_C_LEAF | WSA_FLAG_MULTIPOINT_D_LEAF);
	memset(&group, 0, sizeof(group));
	group.sin_family = AF_INET;
	group.sin_addr.s_addr = htonl(0xefff0164);
	group.sin_port = htons(27018);
	selected(R, FD_CONNECT);
	CHECK(WSAJoinLeaf(R, (struct sockaddr *)&group, sizeof(group), NULL, NULL, NULL,
			  NULL, JL_BOTH) == R);
	CHECK(told());
	EQ(happened(R), FD_CONNECT);
}
