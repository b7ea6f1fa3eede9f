// SPDX-License-Identifier: MIT
/* Creating, binding, asking and closing sockets. */
#include "harness.h"

#include <mswsock.h>

#ifndef _WIN32
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

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

static int open_type(int *type, int len, bool set)
{
	int rc = set ? setsockopt(INVALID_SOCKET, SOL_SOCKET, SO_OPENTYPE, (char *)type, len) :
		       getsockopt(INVALID_SOCKET, SOL_SOCKET, SO_OPENTYPE, (char *)type, &len);

	return rc ? WSAGetLastError() : 0;
}

TEST(bk2_open_type)
{
	int type = -1;

	EQ(open_type(&type, sizeof(type), false), 0);
	EQ(type, 0);
	type = SO_SYNCHRONOUS_NONALERT;
	EQ(open_type(&type, sizeof(type), true), 0);
	type = -1;
	EQ(open_type(&type, sizeof(type), false), 0);
	EQ(type, SO_SYNCHRONOUS_NONALERT);
	EQ(open_type(&type, 2, true), WSAEFAULT);
	EQ(open_type(&type, 2, false), WSAEFAULT);
}

TEST(bk2_open_type_makes_sockets_not_overlapped)
{
	struct op *op = op_ev(10);
	int type = SO_SYNCHRONOUS_NONALERT;

	EQ(open_type(&type, sizeof(type), true), 0);
	R = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(R != INVALID_SOCKET);
	bind_lo(R, &RA);
	S = udp(0);
	snd(5);
	EQ(post(op), 0);
	EQ(op->bytes, 5);
}

static void other_threads_type(void *type)
{
	EQ(open_type(type, sizeof(int), false), 0);
}

TEST(bk2_open_type_is_the_threads_own)
{
	int type = SO_SYNCHRONOUS_NONALERT, other = -1;

	EQ(open_type(&type, sizeof(type), true), 0);
	thread_join(thread_start(other_threads_type, &other));
	EQ(other, 0);
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

TEST(bk5_the_arguments_win)
{
	WSAPROTOCOL_INFOA info;
	SOCKET s;

	memset(&info, 0, sizeof(info));
	info.iAddressFamily = 0xfff;
	info.iSocketType = SOCK_DGRAM;
	info.iProtocol = IPPROTO_UDP;
	s = WSASocketA(AF_INET, 0, 0, &info, 0, WSA_FLAG_OVERLAPPED);
	CHECK(s != INVALID_SOCKET);
	bind_lo(s, &RA);
}

TEST(bk7_bad_protocol_info)
{
	EQ(WSASocketA(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
		      no_access(), 0, 0), INVALID_SOCKET);
	EQ(WSAGetLastError(), WSAEFAULT);
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

	memset(&a, 0, sizeof(a));
	a.sin_family = AF_INET;
	EQ(bind_err(s, NULL, sizeof(a)), WSAEFAULT);
	EQ(bind_err(s, &a, 4), WSAEFAULT);
}

TEST(bk9_bind_wrong_family)
{
	struct sockaddr_in6 a;

	memset(&a, 0, sizeof(a));
	a.sin6_family = AF_INET6;
	EQ(bind_err(udp(0), &a, sizeof(a)), WSAEAFNOSUPPORT);
}

TEST(bk10_name_of_an_unbound_socket)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	EQ(getsockname(udp(0), (struct sockaddr *)&a, &len), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEINVAL);
}

TEST(bk10_short_buffer_for_the_name)
{
	struct sockaddr_in a;
	socklen_t len = 15;

	pair();
	memset(&a, POISON_BYTE, sizeof(a));
	EQ(getsockname(R, (struct sockaddr *)&a, &len), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
	EQ(len, 15);
	CHECK(filled(&a, POISON_BYTE, sizeof(a)));
}

TEST(bk10_bk11_no_buffer_for_the_name)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	pair();
	EQ(getsockname(R, NULL, &len), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
	EQ(getsockname(R, (struct sockaddr *)&a, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
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
	socklen_t len = sizeof(dead);

	pair();
	EQ(connect(R, (struct sockaddr *)&dead, sizeof(dead)), 0);
	EQ(connect(R, (struct sockaddr *)&SA, sizeof(SA)), 0);
	EQ(post(op), WSA_IO_PENDING);
	snd(5);
	EQ(done(op), 0);
	EQ(connect(R, &none, sizeof(none)), 0);
	EQ(getpeername(R, (struct sockaddr *)&dead, &len), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAENOTCONN);
}

TEST(bk12_connect_to_null)
{
	pair();
	EQ(connect(R, NULL, sizeof(RA)), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
}

TEST(bk12_connect_refusals)
{
	struct sockaddr_in a = dead_port();

	pair();
	EQ(connect(R, (struct sockaddr *)&a, 7), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
	a.sin_family = 0xfff;
	EQ(connect(R, (struct sockaddr *)&a, sizeof(a)), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEAFNOSUPPORT);
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_BROADCAST);
	EQ(connect(R, (struct sockaddr *)&a, sizeof(a)), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEACCES);
	a.sin_addr.s_addr = 0;
	EQ(connect(R, (struct sockaddr *)&a, sizeof(a)), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEADDRNOTAVAIL);
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
	struct op *now = op_new(10), *op = op_ev(10);
	char c;

	pair();
	EQ(shutdown(R, SD_RECEIVE), 0);
	EQ(recv(R, &c, 1, 0), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAESHUTDOWN);
	EQ(recv_now(now), WSAESHUTDOWN);
	EQ(post(op), WSAESHUTDOWN);
	CHECK(!is_set(op->ov.hEvent));
	EQ(shutdown(S, SD_SEND), 0);
	EQ(shutdown(S, SD_SEND), 0);
	EQ(sendto(S, "x", 1, 0, (struct sockaddr *)&RA, sizeof(RA)), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAESHUTDOWN);
}

TEST(bk19_shutdown_refusals)
{
	pair();
	EQ(shutdown(R, 7), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEINVAL);
	EQ(closesocket(S), 0);
	EQ(shutdown(S, SD_SEND), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAENOTSOCK);
}

static DWORD self(void)
{
#ifdef _WIN32
	return GetCurrentProcessId();
#else
	return getpid();
#endif
}

/* second - another handle of the same socket */
static SOCKET second(SOCKET s)
{
	WSAPROTOCOL_INFOW info;
	SOCKET ret;

	EQ(WSADuplicateSocketW(s, self(), &info), 0);
	ret = WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
			 &info, 0, WSA_FLAG_OVERLAPPED);
	CHECK(ret != INVALID_SOCKET);
	CHECK(ret != s);
	return ret;
}

TEST(bk20_wsaduplicatesocket)
{
	struct op *now = op_new(10);
	SOCKET other;

	pair();
	other = second(R);
	snd(5);
	EQ(recv_now_on(other, now), 0);
	EQ(now->bytes, 5);
	CHECK(letters(now->data, 5));
}

TEST(bk20_for_another_process)
{
#ifdef _WIN32
	SKIP("shown by the Linux half: the process is forked");
#else
	WSAPROTOCOL_INFOW info;
	int status;
	pid_t pid;

	pair();
	EQ(WSADuplicateSocketW(R, self(), &info), 0);
	snd(5);
	pid = fork();
	if (!pid) {
		SOCKET s = WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
				      FROM_PROTOCOL_INFO, &info, 0, 0);
		char data[10];

		_exit(s == INVALID_SOCKET ? 1 : recv(s, data, sizeof(data), 0) != 5);
	}
	EQ(waitpid(pid, &status, 0), pid);
	EQ(status, 0);
	still_works();
#endif
}

TEST(bk20_of_an_unbound_socket)
{
	EQ(recv_now_on(second(udp(WSA_FLAG_OVERLAPPED)), op_new(10)), WSAEINVAL);
}

TEST(bk20_refusals)
{
	WSAPROTOCOL_INFOW info;

	EQ(WSADuplicateSocketW(INVALID_SOCKET, self(), &info), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAENOTSOCK);
	EQ(WSADuplicateSocketW(udp(0), self(), NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
}

/* The first close leaves the socket, and what is pending on it. */
TEST(bk16_bk17_cancelled_with_the_last_handle)
{
	struct op *op = op_ev(10), *last = op_ev(10);
	SOCKET other;

	pair();
	other = second(R);
	EQ(post(op), WSA_IO_PENDING);
	EQ(closesocket(R), 0);
	CHECK(stays_quiet(op->ov.hEvent));
	R = udp(WSA_FLAG_OVERLAPPED);	/* for got(): no duplicate */
	snd(5);
	EQ(done(op), 0);
	EQ(post_on(other, last), WSA_IO_PENDING);
	EQ(closesocket(other), 0);
	EQ(done(last), WSA_OPERATION_ABORTED);
}
