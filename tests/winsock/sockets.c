// SPDX-License-Identifier: MIT
/* Creating, binding, asking and closing sockets. */
#include "harness.h"

/* SOCKET is a descriptor here, and these calls are not the library's. */
#define WINDOWS_ONLY() \
	do { \
		if (!under_windows()) \
			SKIP("the call is the C library's own here"); \
	} while (0)

static SOCKET made(int af, int type, int protocol)
{
	return WSASocketW(af, type, protocol, NULL, 0, WSA_FLAG_OVERLAPPED);
}

static void works(int af, int type, int protocol)
{
	SOCKET s = made(af, type, protocol);

	if (s == INVALID_SOCKET)
		FAIL("(%d, %d, %d): error %d", af, type, protocol, WSAGetLastError());
	EQ(closesocket(s), 0);
}

static void fails(int af, int type, int protocol, int err)
{
	SOCKET s = made(af, type, protocol);

	if (s != INVALID_SOCKET)
		FAIL("(%d, %d, %d) was created", af, type, protocol);
	if (WSAGetLastError() != err)
		FAIL("(%d, %d, %d): error %d, not %d", af, type, protocol,
		     WSAGetLastError(), err);
}

TEST(bk1_overlapped_only_with_the_flag)
{
	struct op *op = op_ev(10);

	pair_plain();
	snd(1);
	EQ(post(op), 0);
	pair();
	EQ(post(op), WSA_IO_PENDING);
}

TEST(bk1_socket_is_overlapped)
{
	struct op *op = op_ev(10);

	R = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(R != INVALID_SOCKET);
	bind_lo(R, &RA);
	S = udp(0);
	EQ(post(op), WSA_IO_PENDING);
	snd(5);
	EQ(done(op), 0);
}

TEST(bk3_nonblocking_overlapped_still_pends)
{
	struct op *op = op_ev(10);

	pair();
	nonblocking(R, true);
	EQ(post(op), WSA_IO_PENDING);
	snd(5);
	EQ(done(op), 0);
}

TEST(bk4_udp_in_its_spellings)
{
	works(AF_INET, SOCK_DGRAM, 0);
	works(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
	works(AF_INET, 0, IPPROTO_UDP);
}

TEST(bk4_mismatches)
{
	fails(AF_INET, SOCK_DGRAM, IPPROTO_TCP, WSAEPROTONOSUPPORT);
	fails(AF_INET, SOCK_STREAM, IPPROTO_UDP, WSAEPROTONOSUPPORT);
	fails(AF_INET, 0xfff, 0, WSAESOCKTNOSUPPORT);
	fails(AF_INET, SOCK_DGRAM, 0xfff, WSAEPROTONOSUPPORT);
	fails(0xfff, SOCK_DGRAM, 0, WSAEAFNOSUPPORT);
	fails(0xfff, 0xfff, 0, WSAESOCKTNOSUPPORT);
}

TEST(bk4_unspecified_family)
{
	works(AF_UNSPEC, 0, IPPROTO_UDP);
	fails(AF_UNSPEC, SOCK_DGRAM, 0, WSAEINVAL);
	fails(AF_UNSPEC, 0, 0, WSAEINVAL);
}

TEST(bk5_protocol_info)
{
	WSAPROTOCOL_INFOA info;
	struct op *op = op_ev(10);
	SOCKET s;

	memset(&info, 0, sizeof(info));
	info.iAddressFamily = AF_INET;
	info.iSocketType = SOCK_DGRAM;
	info.iProtocol = IPPROTO_UDP;
	s = WSASocketA(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
		       &info, 0, WSA_FLAG_OVERLAPPED);
	CHECK(s != INVALID_SOCKET);
	bind_lo(s, &RA);
	EQ(post_on(s, op), WSA_IO_PENDING);
}

TEST(bk6_two_multipoint_bits)
{
	EQ(WSASocketW(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0,
		      WSA_FLAG_MULTIPOINT_C_ROOT | WSA_FLAG_MULTIPOINT_C_LEAF |
		      WSA_FLAG_MULTIPOINT_D_LEAF), INVALID_SOCKET);
	EQ(WSAGetLastError(), WSAEINVAL);
}

TEST(bk6_not_inherited)
{
	CHECK(udp(WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT) != INVALID_SOCKET);
}

#ifndef _WIN32
#include <sys/resource.h>
#endif

TEST(bk7_no_descriptors)
{
#ifdef _WIN32
	SKIP("Windows has no such limit to lower");
#else
	struct rlimit none = { 0, 0 };

	EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	EQ(made(AF_INET, SOCK_DGRAM, 0), INVALID_SOCKET);
	EQ(WSAGetLastError(), WSAEMFILE);
#endif
}

static int bind_err(SOCKET s, const void *addr, int len)
{
	return bind(s, addr, len) ? WSAGetLastError() : 0;
}

TEST(bk9_bind_refusals)
{
	struct sockaddr_in a;
	SOCKET s = udp(0);

	memset(&a, 0, sizeof(a));
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(0x08080808);
	EQ(bind_err(s, &a, sizeof(a)), WSAEADDRNOTAVAIL);
	pair();
	EQ(bind_err(s, &RA, sizeof(RA)), WSAEADDRINUSE);
	EQ(bind_err(R, &SA, sizeof(SA)), WSAEINVAL);
}

TEST(bk9_bind_null_or_short)
{
	SOCKET s = udp(0);
	struct sockaddr_in a;

	WINDOWS_ONLY();
	memset(&a, 0, sizeof(a));
	a.sin_family = AF_INET;
	EQ(bind_err(s, NULL, sizeof(a)), WSAEFAULT);
	EQ(bind_err(s, &a, 4), WSAEFAULT);
}

TEST(bk10_name_of_an_unbound_socket)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	WINDOWS_ONLY();
	EQ(getsockname(udp(0), (struct sockaddr *)&a, &len), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEINVAL);
}

TEST(bk11_peer_of_an_unconnected_socket)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	pair();
	EQ(getpeername(R, (struct sockaddr *)&a, &len), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAENOTCONN);
}

TEST(bk12_connected_again_and_not_at_all)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_in dead = dead_port();
	struct op *op = op_ev(10);

	pair();
	EQ(connect(R, (struct sockaddr *)&dead, sizeof(dead)), 0);
	EQ(connect(R, (struct sockaddr *)&SA, sizeof(SA)), 0);
	EQ(post(op), WSA_IO_PENDING);
	snd(5);
	EQ(done(op), 0);
	EQ(connect(R, &none, sizeof(none)), 0);
}

TEST(bk15_close_of_something_else)
{
	HANDLE h = WSACreateEvent();

	EQ(closesocket((SOCKET)h), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAENOTSOCK);
	CHECK(SetEvent(h));
	EQ(closesocket(INVALID_SOCKET), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAENOTSOCK);
}

TEST(bk15_close_twice)
{
	SOCKET s = udp(0);

	EQ(closesocket(s), 0);
	EQ(closesocket(s), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAENOTSOCK);
}

TEST(bk19_shutdown_of_an_unconnected_socket)
{
	WINDOWS_ONLY();
	pair();
	EQ(shutdown(R, SD_RECEIVE), 0);
	EQ(shutdown(S, SD_SEND), 0);
	EQ(shutdown(S, SD_SEND), 0);
	EQ(sendto(S, "x", 1, 0, (struct sockaddr *)&RA, sizeof(RA)), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAESHUTDOWN);
}
