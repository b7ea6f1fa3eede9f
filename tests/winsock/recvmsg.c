// SPDX-License-Identifier: MIT
/* WSARecvMsg(). */
#include "harness.h"

#include <mswsock.h>
#include <time.h>

static LPFN_WSARECVMSG recv_msg;

static struct {
	WSAMSG msg;
	WSABUF buf;
	char data[100];
	char control[128];
	struct sockaddr_storage from;
	WSAOVERLAPPED ov;
} m;

static void get_it(void)
{
	GUID id = WSAID_WSARECVMSG;
	DWORD n = 0;

	EQ(WSAIoctl(R, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id), &recv_msg,
		    sizeof(recv_msg), &n, NULL, NULL), 0);
	EQ(n, sizeof(recv_msg));
	m.buf.len = sizeof(m.data);
	m.buf.buf = m.data;
	m.msg.lpBuffers = &m.buf;
	m.msg.dwBufferCount = 1;
	m.msg.name = (struct sockaddr *)&m.from;
	m.msg.namelen = sizeof(m.from);
	m.msg.Control.buf = m.control;
	m.msg.Control.len = sizeof(m.control);
	m.ov.hEvent = WSACreateEvent();
}

static int ask_for(int option)
{
	DWORD on = 1;

	return setsockopt(R, IPPROTO_IP, option, (char *)&on, sizeof(on));
}

TEST(brm1_got_by_ioctl)
{
	DWORD n = 0;

	pair();
	get_it();
	snd(5);
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(n, 5);
	CHECK(letters(m.data, 5));
	EQ(m.msg.namelen, 16);
	EQ(((struct sockaddr_in *)&m.from)->sin_port, SA.sin_port);
	EQ(m.msg.dwFlags, 0);
}

TEST(brm2_nulls)
{
	DWORD n = 0;

	pair();
	get_it();
	nonblocking(R, true);
	EQ(recv_msg(R, NULL, &n, NULL, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
	m.msg.Control.buf = NULL;
	m.msg.Control.len = 0;
	snd(5);
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(n, 5);
}

TEST(brm2_lengths_without_a_place)
{
	DWORD n = POISON;

	pair();
	get_it();
	snd(5);
	m.msg.name = NULL;
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
	m.msg.namelen = 0;
	m.msg.Control.buf = NULL;
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
	EQ(n, POISON);
	m.msg.Control.len = 0;
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(n, 5);
	CHECK(letters(m.data, 5));
}

TEST(brm3_other_flags)
{
	static const DWORD flags[] = { MSG_OOB, MSG_PARTIAL, 0x40000000 };
	DWORD n = POISON;
	int i;

	pair();
	get_it();
	snd(5);
	for (i = 0; i < 3; i++) {
		m.msg.dwFlags = flags[i];
		EQ(recv_msg(R, &m.msg, &n, NULL, NULL), SOCKET_ERROR);
		EQ(WSAGetLastError(), WSAEOPNOTSUPP);
	}
	m.msg.dwFlags = MSG_PEEK;
	EQ(recv_msg(R, &m.msg, NULL, &m.ov, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEOPNOTSUPP);
	m.msg.dwFlags = 0;
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(n, 5);
}

TEST(brm3_peek)
{
	DWORD n = 0;

	pair();
	get_it();
	snd(5);
	m.msg.dwFlags = MSG_PEEK;
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(n, 5);
	m.msg.dwFlags = 0;
	n = 0;
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(n, 5);
}

TEST(brm4_truncated)
{
	DWORD n = 0;

	pair();
	get_it();
	m.buf.len = 10;
	snd(50);
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEMSGSIZE);
	CHECK(m.msg.dwFlags & MSG_TRUNC);
	CHECK(letters(m.data, 10));
}

/* Where R, bound to any address, is reached from S. */
static struct sockaddr_in anywhere(ULONG to)
{
	struct sockaddr_in at;
	int len = sizeof(at);
	BOOL on = TRUE;

	R = udp(WSA_FLAG_OVERLAPPED);
	S = udp(0);
	memset(&at, 0, sizeof(at));
	at.sin_family = AF_INET;
	EQ(bind(R, (struct sockaddr *)&at, sizeof(at)), 0);
	EQ(getsockname(R, (struct sockaddr *)&at, &len), 0);
	at.sin_addr.s_addr = htonl(to);
	EQ(setsockopt(S, SOL_SOCKET, SO_BROADCAST, (char *)&on, sizeof(on)), 0);
	get_it();
	return at;
}

static void casts(ULONG to, DWORD flag)
{
	struct sockaddr_in at = anywhere(to);
	DWORD n = 0, flags = 0;

	/* One that waits, one that is waited for. */
	snd_from(S, &at, 5, 'x');
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(m.msg.dwFlags, flag);
	m.msg.dwFlags = 0;
	m.msg.Control.len = sizeof(m.control);
	EQ(recv_msg(R, &m.msg, NULL, &m.ov, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSA_IO_PENDING);
	snd_from(S, &at, 5, 'x');
	EQ(WSAWaitForMultipleEvents(1, &m.ov.hEvent, TRUE, LIMIT, FALSE), 0);
	CHECK(WSAGetOverlappedResult(R, &m.ov, &n, FALSE, &flags));
	EQ(n, 5);
	EQ(m.msg.dwFlags, flag);
}

TEST(brm4_one_address)
{
	casts(INADDR_LOOPBACK, 0);
}

TEST(brm4_broadcast_in_a_subnet)
{
	casts(0x7fffffff, MSG_BCAST);
}

TEST(brm4_broadcast_is_peeked_at)
{
	struct sockaddr_in at = anywhere(0x7fffffff);
	DWORD n = 0;

	EQ(ask_for(IP_PKTINFO), 0);
	snd_from(S, &at, 5, 'x');
	m.msg.dwFlags = MSG_PEEK;
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(m.msg.dwFlags, MSG_BCAST);
}

TEST(brm5_control_too_small)
{
	DWORD n = 0, flags = 0;

	pair();
	get_it();
	EQ(ask_for(IP_PKTINFO), 0);
	m.msg.Control.len = 1;
	EQ(recv_msg(R, &m.msg, NULL, &m.ov, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSA_IO_PENDING);
	snd(5);
	EQ(WSAWaitForMultipleEvents(1, &m.ov.hEvent, TRUE, LIMIT, FALSE), 0);
	CHECK(!WSAGetOverlappedResult(R, &m.ov, &n, FALSE, &flags));
	EQ(WSAGetLastError(), WSAEMSGSIZE);
	EQ((uint32_t)m.ov.Internal, 0x80000005U);
	EQ(m.ov.InternalHigh, 5);
	CHECK(m.msg.dwFlags & MSG_CTRUNC);
	CHECK(letters(m.data, 5));
}

TEST(brm6_brm8_destination_address)
{
	struct in_pktinfo_windows {
		struct in_addr addr;
		uint32_t ifindex;
	} info;
	WSACMSGHDR *c;
	DWORD n = 0;

	pair();
	get_it();
	EQ(ask_for(IP_PKTINFO), 0);
	snd(5);
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(m.msg.Control.len, 24);
	c = WSA_CMSG_FIRSTHDR(&m.msg);
	CHECK(c != NULL);
	EQ(c->cmsg_level, IPPROTO_IP);
	EQ(c->cmsg_type, IP_PKTINFO);
	EQ(c->cmsg_len, sizeof(*c) + 8);
	memcpy(&info, WSA_CMSG_DATA(c), sizeof(info));
	EQ(info.addr.s_addr, htonl(INADDR_LOOPBACK));
	CHECK(info.ifindex != 0);
}

/* told - one control message alone, with an INT */
static int told(int level, int type)
{
	WSACMSGHDR *c = WSA_CMSG_FIRSTHDR(&m.msg);
	int value;

	CHECK(c != NULL);
	EQ(c->cmsg_level, level);
	EQ(c->cmsg_type, type);
	EQ(c->cmsg_len, sizeof(*c) + sizeof(value));
	CHECK(!WSA_CMSG_NXTHDR(&m.msg, c));
	memcpy(&value, WSA_CMSG_DATA(c), sizeof(value));
	return value;
}

TEST(brm8_time_to_live)
{
	int ttl = 33;
	DWORD n = 0;

	pair();
	get_it();
	EQ(ask_for(IP_RECVTTL), 0);
	EQ(setsockopt(S, IPPROTO_IP, IP_TTL, (char *)&ttl, sizeof(ttl)), 0);
	snd(5);
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(told(IPPROTO_IP, IP_TTL), 33);
}

TEST(brm8_type_of_service)
{
	int tos = 0x12;
	DWORD n = 0;

	pair();
	get_it();
	EQ(ask_for(IP_RECVTOS), 0);
	EQ(setsockopt(S, IPPROTO_IP, IP_TOS, (char *)&tos, sizeof(tos)), 0);
	snd(5);
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(told(IPPROTO_IP, IP_TOS), 0x12);
}

static void pair6(void)
{
	struct sockaddr_in6 at, from;

	if (!have_ipv6())
		SKIP("no IPv6 here");
	R = WSASocketW(AF_INET6, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, WSA_FLAG_OVERLAPPED);
	S = WSASocketW(AF_INET6, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, 0);
	bind_lo6(R, &at);
	bind_lo6(S, &from);
	EQ(connect(S, (struct sockaddr *)&at, sizeof(at)), 0);
	get_it();
}

static void receive6(int option)
{
	DWORD n = 0, on = 1;

	pair6();
	EQ(setsockopt(R, IPPROTO_IPV6, option, (char *)&on, sizeof(on)), 0);
	on = 33;
	EQ(setsockopt(S, IPPROTO_IPV6, IPV6_UNICAST_HOPS, (char *)&on, sizeof(on)), 0);
	on = 0x12;
	if (option == IPV6_RECVTCLASS)
		EQ(setsockopt(S, IPPROTO_IPV6, IPV6_TCLASS, (char *)&on, sizeof(on)), 0);
	EQ(send(S, "abcde", 5, 0), 5);
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(n, 5);
	EQ(m.msg.namelen, sizeof(struct sockaddr_in6));
	EQ(m.msg.dwFlags, 0);
}

TEST(brm8_destination_address_v6)
{
	struct in6_pktinfo_windows {
		struct in6_addr addr;
		ULONG ifindex;
	} info;
	WSACMSGHDR *c;

	receive6(IPV6_PKTINFO);
	c = WSA_CMSG_FIRSTHDR(&m.msg);
	CHECK(c != NULL);
	EQ(c->cmsg_level, IPPROTO_IPV6);
	EQ(c->cmsg_type, IPV6_PKTINFO);
	EQ(c->cmsg_len, sizeof(*c) + sizeof(info));
	memcpy(&info, WSA_CMSG_DATA(c), sizeof(info));
	CHECK(!memcmp(&info.addr, &in6addr_loopback, sizeof(info.addr)));
	CHECK(info.ifindex != 0);
}

TEST(brm8_hop_limit)
{
	receive6(IPV6_HOPLIMIT);
	EQ(told(IPPROTO_IPV6, IPV6_HOPLIMIT), 33);
}

TEST(brm8_traffic_class)
{
	receive6(IPV6_RECVTCLASS);
	EQ(told(IPPROTO_IPV6, IPV6_TCLASS), 0x12);
}

#if defined(UDP_COALESCED_INFO) && defined(UDP_SEND_MSG_SIZE)
static void coalesce(DWORD up_to)
{
	DWORD size = 4;

	if (under_wine())
		SKIP("Wine has neither segmentation nor coalescing");
	pair();
	get_it();
	EQ(setsockopt(S, IPPROTO_UDP, UDP_SEND_MSG_SIZE, (char *)&size, sizeof(size)), 0);
	EQ(setsockopt(R, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, (char *)&up_to,
		      sizeof(up_to)), 0);
}
#endif

TEST(brm8_coalesced_datagrams)
{
#if defined(UDP_COALESCED_INFO) && defined(UDP_SEND_MSG_SIZE)
	DWORD n = 0, flags = 0;

	coalesce(8);
	EQ(recv_msg(R, &m.msg, NULL, &m.ov, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSA_IO_PENDING);
	snd(11);
	EQ(WSAWaitForMultipleEvents(1, &m.ov.hEvent, TRUE, LIMIT, FALSE), 0);
	CHECK(WSAGetOverlappedResult(R, &m.ov, &n, FALSE, &flags));
	EQ(n, 8);
	CHECK(letters(m.data, 8));
	EQ(m.msg.dwFlags, 0);
	EQ(told(IPPROTO_UDP, UDP_COALESCED_INFO), 4);
	m.msg.Control.len = sizeof(m.control);
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(n, 3);
	EQ(m.msg.Control.len, 0);
	CHECK(!memcmp(m.data, "ijk", 3));
#else
	SKIP("these headers have no coalescing");
#endif
}

TEST(brm5_brm8_coalesced_without_room_to_tell)
{
#if defined(UDP_COALESCED_INFO) && defined(UDP_SEND_MSG_SIZE)
	DWORD n = 0;

	coalesce(100);
	snd(8);
	m.msg.Control.len = 1;
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEMSGSIZE);
	EQ(n, 8);
	EQ(m.msg.dwFlags, MSG_CTRUNC);
	CHECK(letters(m.data, 8));
#else
	SKIP("these headers have no coalescing");
#endif
}

TEST(brm8_brm3_coalesced_datagrams_are_peeked_at)
{
#if defined(UDP_COALESCED_INFO) && defined(UDP_SEND_MSG_SIZE)
	DWORD n = 0;

	coalesce(100);
	snd(8);
	m.msg.dwFlags = MSG_PEEK;
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(n, 8);
	EQ(told(IPPROTO_UDP, UDP_COALESCED_INFO), 4);
	m.msg.dwFlags = 0;
	m.msg.Control.len = sizeof(m.control);
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(n, 8);
	EQ(told(IPPROTO_UDP, UDP_COALESCED_INFO), 4);
#else
	SKIP("these headers have no coalescing");
#endif
}

#ifdef SIO_TIMESTAMPING
static uint64_t wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
#endif

TEST(brm8_time_of_arrival)
{
#ifdef SIO_TIMESTAMPING
	TIMESTAMPING_CONFIG config = { .Flags = TIMESTAMPING_FLAG_RX };
	uint64_t before, stamp;
	WSACMSGHDR *c;
	DWORD n = 0;
	int i;

	if (under_windows())
		SKIP("it tells in other units there");
	pair();
	get_it();
	EQ(WSAIoctl(R, SIO_TIMESTAMPING, &config, sizeof(config) - 1, NULL, 0, &n, NULL,
		    NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
	EQ(WSAIoctl(R, SIO_TIMESTAMPING, &config, sizeof(config), NULL, 0, &n, NULL, NULL), 0);
	/* One that waits, one that is waited for. */
	for (i = 0; i < 2; i++) {
		before = wall_ns();
		m.msg.Control.len = sizeof(m.control);
		if (!i)
			snd(5);
		EQ(recv_msg(R, &m.msg, NULL, &m.ov, NULL) ? WSAGetLastError() : 0,
		   i ? WSA_IO_PENDING : 0);
		if (i)
			snd(5);
		EQ(WSAWaitForMultipleEvents(1, &m.ov.hEvent, TRUE, LIMIT, FALSE), 0);
		c = WSA_CMSG_FIRSTHDR(&m.msg);
		CHECK(c != NULL);
		EQ(c->cmsg_level, SOL_SOCKET);
		EQ(c->cmsg_type, SO_TIMESTAMP);
		EQ(c->cmsg_len, sizeof(*c) + sizeof(stamp));
		memcpy(&stamp, WSA_CMSG_DATA(c), sizeof(stamp));
		CHECK(stamp >= before);
		CHECK(stamp <= wall_ns());
	}
	config.Flags = 0;
	EQ(WSAIoctl(R, SIO_TIMESTAMPING, &config, sizeof(config), NULL, 0, &n, NULL, NULL), 0);
	m.msg.Control.len = sizeof(m.control);
	snd(5);
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(m.msg.Control.len, 0);
	config.Flags = TIMESTAMPING_FLAG_TX;
	EQ(WSAIoctl(R, SIO_TIMESTAMPING, &config, sizeof(config), NULL, 0, &n, NULL, NULL),
	   SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEOPNOTSUPP);
#else
	SKIP("these headers have no time stamps");
#endif
}

TEST(brm7_written_at_completion)
{
	DWORD n = 0, flags = 0;

	pair();
	get_it();
	EQ(ask_for(IP_PKTINFO), 0);
	m.msg.dwFlags = 0;
	EQ(recv_msg(R, &m.msg, NULL, &m.ov, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSA_IO_PENDING);
	memset(&m.buf, 0xcc, sizeof(m.buf));
	nap(QUIET);
	EQ(m.msg.namelen, sizeof(m.from));
	EQ(m.msg.Control.len, sizeof(m.control));
	snd(5);
	EQ(WSAWaitForMultipleEvents(1, &m.ov.hEvent, TRUE, LIMIT, FALSE), 0);
	CHECK(WSAGetOverlappedResult(R, &m.ov, &n, FALSE, &flags));
	EQ(n, 5);
	EQ(m.msg.namelen, 16);
	EQ(m.msg.Control.len, 24);
}

static void send_v4(USHORT port)
{
	struct sockaddr_in to;

	S = udp(0);
	memset(&to, 0, sizeof(to));
	to.sin_family = AF_INET;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = port;
	snd_from(S, &to, 5, '4');
}

/* What came by IPv4 tells its destination if IP_PKTINFO is set, too. */
TEST(brm9_dual_stack)
{
	struct sockaddr_in6 at;
	socklen_t len = sizeof(at);
	DWORD n = 0, on = 1, off = 0;
	WSACMSGHDR *c;

	if (!have_ipv6())
		SKIP("no IPv6 here");
	R = WSASocketW(AF_INET6, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, WSA_FLAG_OVERLAPPED);
	EQ(setsockopt(R, IPPROTO_IPV6, IPV6_V6ONLY, (char *)&off, sizeof(off)), 0);
	memset(&at, 0, sizeof(at));
	at.sin6_family = AF_INET6;
	EQ(bind(R, (struct sockaddr *)&at, sizeof(at)), 0);
	EQ(getsockname(R, (struct sockaddr *)&at, &len), 0);
	get_it();
	EQ(ask_for(IP_PKTINFO), 0);
	EQ(setsockopt(R, IPPROTO_IPV6, IPV6_PKTINFO, (char *)&on, sizeof(on)), 0);
	send_v4(at.sin6_port);
	EQ(recv_msg(R, &m.msg, &n, NULL, NULL), 0);
	EQ(n, 5);
	EQ(m.msg.namelen, sizeof(at));
	c = WSA_CMSG_FIRSTHDR(&m.msg);
	CHECK(c != NULL);
	EQ(c->cmsg_level, IPPROTO_IP);
	EQ(c->cmsg_type, IP_PKTINFO);
	EQ(c->cmsg_len, sizeof(*c) + 8);
}

TEST(brm10_routine_of_a_truncated_one)
{
	pair();
	get_it();
	EQ(ask_for(IP_PKTINFO), 0);
	m.msg.Control.len = 1;
	EQ(recv_msg(R, &m.msg, NULL, &m.ov, record), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSA_IO_PENDING);
	snd(5);
	EQ(SleepEx(LIMIT, TRUE), WAIT_IO_COMPLETION);
	EQ(recorded.calls, 1);
	EQ(recorded.error, WSAEMSGSIZE);
	EQ(recorded.transferred, 5);
	EQ(recorded.flags, 0);
}
