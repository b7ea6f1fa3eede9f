// SPDX-License-Identifier: MIT
/* Socket options, as Windows has them. */
#include "harness.h"

static int option(int name, DWORD value)
{
	return setsockopt(R, SOL_SOCKET, name, (char *)&value, sizeof(value)) ?
	       WSAGetLastError() : 0;
}

TEST(bu5_buffer_size_reads_back)
{
	int got_size = 0;
	socklen_t len = sizeof(got_size);

	pair();
	EQ(option(SO_RCVBUF, 20000), 0);
	EQ(getsockopt(R, SOL_SOCKET, SO_RCVBUF, (char *)&got_size, &len), 0);
	EQ(got_size, 20000);
	EQ(option(SO_SNDBUF, 30000), 0);
	EQ(getsockopt(R, SOL_SOCKET, SO_SNDBUF, (char *)&got_size, &len), 0);
	EQ(got_size, 30000);
	EQ(option(SO_RCVBUF, 0), 0);
	EQ(getsockopt(R, SOL_SOCKET, SO_RCVBUF, (char *)&got_size, &len), 0);
	EQ(got_size, 0);
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

TEST(bu5_no_buffer_nothing_waits)
{
	struct op *op = op_ev(10);

	pair();
	EQ(option(SO_RCVBUF, 0), 0);
	snd(5);
	EQ(post(op), WSA_IO_PENDING);
	snd(7);
	EQ(done(op), 0);
	EQ(op->got_bytes, 7);
	EQ(option(SO_RCVBUF, 20000), 0);
	snd(3);
	EQ(recv_now(op), 0);
	EQ(op->bytes, 3);
}

TEST(bu6_timeouts_are_milliseconds)
{
	WORD small = 1;
	DWORD ms = 0;
	socklen_t len = sizeof(ms);

	pair();
	EQ(option(SO_RCVTIMEO, 1500), 0);
	EQ(getsockopt(R, SOL_SOCKET, SO_RCVTIMEO, (char *)&ms, &len), 0);
	EQ(ms, 1500);
	EQ(len, sizeof(ms));
	EQ(setsockopt(R, SOL_SOCKET, SO_RCVTIMEO, (char *)&small, sizeof(small)),
	   SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
}

TEST(bu6_a_receive_times_out)
{
	long long start;
	char c;

	pair();
	EQ(option(SO_RCVTIMEO, 50), 0);
	start = now_ms();
	EQ(recv(R, &c, 1, 0), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAETIMEDOUT);
	CHECK(now_ms() - start >= 40);
}

TEST(bu7_unknown_level)
{
	DWORD v = 1;

	pair();
	EQ(setsockopt(R, 0x7654, 1, (char *)&v, sizeof(v)), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEINVAL);
}

TEST(bu7_null_or_short)
{
	socklen_t len = sizeof(int);
	char c = 1;

	pair();
	EQ(setsockopt(R, SOL_SOCKET, SO_BROADCAST, NULL, 4), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
	EQ(setsockopt(R, SOL_SOCKET, SO_RCVBUF, &c, 1), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
	EQ(getsockopt(R, SOL_SOCKET, SO_RCVBUF, NULL, &len), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
	len = 1;
	EQ(getsockopt(R, SOL_SOCKET, SO_RCVBUF, &c, &len), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
	EQ(getsockopt(R, SOL_SOCKET, SO_RCVBUF, &c, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
}

TEST(bu7_not_a_socket)
{
	DWORD v = 1;

	EQ(setsockopt(INVALID_SOCKET, SOL_SOCKET, SO_BROADCAST, (char *)&v, sizeof(v)),
	   SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAENOTSOCK);
}

TEST(bu7_unknown_option)
{
	pair();
	EQ(option(0x7fff, 1), WSAENOPROTOOPT);
}

TEST(bu7_one_byte_booleans)
{
	char on = 1;
	int v = 0;
	socklen_t len = sizeof(v);

	pair();
	EQ(setsockopt(R, SOL_SOCKET, SO_BROADCAST, &on, 1), 0);
	EQ(getsockopt(R, SOL_SOCKET, SO_BROADCAST, (char *)&v, &len), 0);
	EQ(v, 1);
	EQ(option(SO_BROADCAST, 0), 0);
	EQ(option(SO_BROADCAST, 77), 0);
	len = sizeof(v);
	EQ(getsockopt(R, SOL_SOCKET, SO_BROADCAST, (char *)&v, &len), 0);
	EQ(v, 1);
}

TEST(bu8_linger_on_udp)
{
	struct linger l = { 1, 1 };

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

TEST(bu9_no_sets)
{
	struct timeval now = { 0, 0 };

	EQ(select(0, NULL, NULL, NULL, &now), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEINVAL);
}

TEST(bu9_the_count_does_not_matter)
{
	struct timeval now = { 0, 0 };
	fd_set r;

	pair();
	FD_ZERO(&r);
	FD_SET(R, &r);
	EQ(select(0, &r, NULL, NULL, &now), 0);
	CHECK(!FD_ISSET(R, &r));
	snd(5);
	FD_SET(R, &r);
	EQ(select(0, &r, NULL, NULL, &now), 1);
	CHECK(FD_ISSET(R, &r));
}

TEST(bu9_wsapoll)
{
	WSAPOLLFD fds[2];

	pair();
	memset(fds, 0, sizeof(fds));
	fds[0].fd = R;
	fds[0].events = POLLRDNORM;
	fds[1].fd = S;
	fds[1].events = POLLWRNORM;
	EQ(WSAPoll(fds, 2, 0), 1);
	EQ(fds[0].revents, 0);
	EQ(fds[1].revents, POLLWRNORM);
	snd(5);
	EQ(WSAPoll(fds, 2, (INT)LIMIT), 2);
	EQ(fds[0].revents, POLLRDNORM);
	EQ(WSAPoll(NULL, 1, 0), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
}

TEST(bu10_header_included)
{
	int on = 1;

	pair();
	EQ(setsockopt(R, IPPROTO_IP, IP_HDRINCL, (char *)&on, sizeof(on)), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEINVAL);
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
}

TEST(bu7_exclusive_or_reused)
{
	int v = -1;
	socklen_t len = sizeof(v);

	R = udp(0);
	EQ(option(SO_EXCLUSIVEADDRUSE, 1), 0);
	EQ(option(SO_REUSEADDR, 1), WSAEINVAL);
	EQ(getsockopt(R, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (char *)&v, &len), 0);
	EQ(v, 1);
	R = udp(0);
	EQ(option(SO_REUSEADDR, 1), 0);
	EQ(option(SO_EXCLUSIVEADDRUSE, 1), WSAEINVAL);
}

TEST(bu7_two_on_one_port)
{
	SOCKET other = udp(0);
	DWORD on = 1;

	R = udp(0);
	EQ(option(SO_REUSEADDR, 1), 0);
	bind_lo(R, &RA);
	EQ(setsockopt(other, SOL_SOCKET, SO_REUSEADDR, (char *)&on, sizeof(on)), 0);
	EQ(bind(other, (struct sockaddr *)&RA, sizeof(RA)), 0);
}

TEST(bk8_protocol_info_of_a_socket)
{
	WSAPROTOCOL_INFOW info;
	socklen_t len = sizeof(info);

	pair();
	EQ(getsockopt(R, SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &len), 0);
	EQ(len, sizeof(info));
	EQ(info.iAddressFamily, AF_INET);
	EQ(info.iSocketType, SOCK_DGRAM);
	EQ(info.iProtocol, IPPROTO_UDP);
	CHECK(info.dwServiceFlags1 & XP1_CONNECTIONLESS);
	CHECK(info.dwServiceFlags1 & XP1_MESSAGE_ORIENTED);
	CHECK(info.dwServiceFlags1 & XP1_IFS_HANDLES);
	len = sizeof(info) - 1;
	EQ(getsockopt(R, SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &len), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
	EQ(len, sizeof(info));
}

TEST(btx9_largest_message)
{
	int v = 0;
	socklen_t len = sizeof(v);

	pair();
	EQ(getsockopt(R, SOL_SOCKET, SO_MAX_MSG_SIZE, (char *)&v, &len), 0);
	CHECK(v >= 65467 && v <= 65527);
}

TEST(be5_so_error)
{
	int v = -1;
	socklen_t len = sizeof(v);

	pair();
	EQ(getsockopt(R, SOL_SOCKET, SO_ERROR, (char *)&v, &len), 0);
	EQ(v, 0);
}

TEST(brm9_only_ipv6_unless_said)
{
	DWORD v = 77;
	socklen_t len = sizeof(v);
	SOCKET s;

	if (!have_ipv6())
		SKIP("no IPv6 here");
	s = WSASocketW(AF_INET6, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, 0);
	EQ(getsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, (char *)&v, &len), 0);
	EQ(v, 1);
	v = 0;
	EQ(setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, (char *)&v, sizeof(v)), 0);
}
