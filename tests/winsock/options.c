// SPDX-License-Identifier: MIT
/*
 * Socket options.  Here setsockopt() is the C library's own, and takes what the
 * C library takes; rows about Windows' forms of an option are shown there only.
 */
#include "harness.h"

#define WINDOWS_ONLY() \
	do { \
		if (!under_windows()) \
			SKIP("options are the C library's own here"); \
	} while (0)

static int option(int name, DWORD value)
{
	return setsockopt(R, SOL_SOCKET, name, (char *)&value, sizeof(value)) ?
	       WSAGetLastError() : 0;
}

TEST(bu5_buffer_size_reads_back)
{
	int got_size = 0;
	socklen_t len = sizeof(got_size);

	WINDOWS_ONLY();
	pair();
	EQ(option(SO_RCVBUF, 20000), 0);
	EQ(getsockopt(R, SOL_SOCKET, SO_RCVBUF, (char *)&got_size, &len), 0);
	EQ(got_size, 20000);
}

TEST(bu5_no_buffer_posted_receives_still_work)
{
	struct op *op = op_ev(10);

	pair();
	EQ(option(SO_RCVBUF, 0), 0);
	EQ(post(op), WSA_IO_PENDING);
	snd(5);
	EQ(done(op), 0);
	EQ(op->got_bytes, 5);
}

TEST(bu6_timeouts_are_milliseconds)
{
	WORD small = 1;

	WINDOWS_ONLY();
	pair();
	EQ(option(SO_RCVTIMEO, 1500), 0);
	EQ(setsockopt(R, SOL_SOCKET, SO_RCVTIMEO, (char *)&small, sizeof(small)),
	   SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
}

TEST(bu7_unknown_option)
{
	pair();
	EQ(option(0x7fff, 1), WSAENOPROTOOPT);
}

TEST(bu7_one_byte_booleans)
{
	char on = 1;

	WINDOWS_ONLY();
	pair();
	EQ(setsockopt(R, SOL_SOCKET, SO_BROADCAST, &on, 1), 0);
}

TEST(bu8_linger_on_udp)
{
	struct linger l = { 1, 1 };

	WINDOWS_ONLY();
	pair();
	EQ(setsockopt(R, SOL_SOCKET, SO_LINGER, (char *)&l, sizeof(l)), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAENOPROTOOPT);
}

TEST(bu9_always_writable)
{
	struct timeval now = { 0, 0 };
	SOCKET s = udp(0);
	fd_set w;

	FD_ZERO(&w);
	FD_SET(s, &w);
	EQ(select((int)s + 1, NULL, &w, NULL, &now), 1);
}

TEST(bu10_multicast_ttl_above_255)
{
	int ttl = 256;

	pair();
	EQ(setsockopt(R, IPPROTO_IP, IP_MULTICAST_TTL, (char *)&ttl, sizeof(ttl)),
	   SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEINVAL);
}

TEST(bu11_dont_fragment)
{
#ifdef _WIN32
	int v = -1, on = 7;
	socklen_t len = sizeof(v);

	pair();
	EQ(getsockopt(R, IPPROTO_IP, IP_DONTFRAGMENT, (char *)&v, &len), 0);
	EQ(v & 0xff, 0);
	EQ(setsockopt(R, IPPROTO_IP, IP_DONTFRAGMENT, (char *)&on, sizeof(on)), 0);
	len = sizeof(v);
	v = 0;
	EQ(getsockopt(R, IPPROTO_IP, IP_DONTFRAGMENT, (char *)&v, &len), 0);
	EQ(v & 0xff, 1);
#else
	SKIP("options are the C library's own here");
#endif
}
