// SPDX-License-Identifier: MIT
/* WSAIoctl(). */
#include "harness.h"

#include <mswsock.h>
#ifdef _WIN32
#include <iphlpapi.h>
#else
#include <sys/ioctl.h>
#endif

static int io(DWORD code, void *in, DWORD in_len, void *out, DWORD out_len, DWORD *bytes,
	      LPWSAOVERLAPPED ov)
{
	return WSAIoctl(R, code, in, in_len, out, out_len, bytes, ov, NULL) ?
	       WSAGetLastError() : 0;
}

TEST(bi1_the_count_is_mandatory)
{
	static const DWORD codes[] = {
		FIONREAD, (DWORD)FIONBIO, SIO_BASE_HANDLE, SIO_ADDRESS_LIST_QUERY, 0x12345678,
	};
	struct op *op = op_ev(1);
	DWORD v[64] = { 0 };
	size_t i;

	pair();
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		EQ(io(codes[i], v, sizeof(v), v, sizeof(v), NULL, NULL), WSAEFAULT);
		EQ(io(codes[i], v, sizeof(v), v, sizeof(v), NULL, &op->ov), WSAEFAULT);
	}
	CHECK(!is_set(op->ov.hEvent));
}

TEST(bi2_done_at_once)
{
	struct op *op = op_ev(1);
	DWORD n = POISON, v = POISON;

	pair();
	snd(5);
	EQ(io(FIONREAD, NULL, 0, &v, sizeof(v), &n, &op->ov), 0);
	EQ(n, 4);
	EQ(v, 5);
	EQ(done(op), 0);
	EQ(op->got_bytes, 0);
	EQ(op->ov.InternalHigh, 0);
}

TEST(bi3_bi2_routine)
{
	struct op *op = op_new(1);
	DWORD n = POISON, v = 0;

	pair();
	EQ(WSAIoctl(R, FIONREAD, NULL, 0, &v, sizeof(v), &n, &op->ov, record), 0);
	EQ(recorded.calls, 0);
	EQ(SleepEx(LIMIT, TRUE), WAIT_IO_COMPLETION);
	EQ(recorded.calls, 1);
	EQ(recorded.error, 0);
	EQ(recorded.transferred, 0);
}

TEST(bi4_nonblocking)
{
	DWORD n = POISON, on = 1;
	char c;

	pair();
	EQ(io((DWORD)FIONBIO, &on, sizeof(on), NULL, 0, &n, NULL), 0);
	EQ(n, 0);
	EQ(recv(R, &c, 1, 0), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEWOULDBLOCK);
	EQ(io((DWORD)FIONBIO, &on, 3, NULL, 0, &n, NULL), WSAEFAULT);
	EQ(io((DWORD)FIONBIO, NULL, 0, NULL, 0, &n, NULL), WSAEFAULT);
}

TEST(bi5_readable)
{
	DWORD n = POISON, v = POISON;
	u_long ul = POISON;

	pair();
	EQ(io(FIONREAD, NULL, 0, &v, sizeof(v), &n, NULL), 0);
	EQ(v, 0);
	EQ(n, 4);
	snd(7);
	EQ(io(FIONREAD, NULL, 0, &v, sizeof(v), &n, NULL), 0);
	EQ(v, 7);
	EQ(ioctlsocket(R, FIONREAD, &ul), 0);
	EQ(ul, 7);
	n = POISON;
	EQ(io(FIONREAD, NULL, 0, &v, 3, &n, NULL), WSAEFAULT);
	EQ(n, POISON);
	EQ(io(FIONREAD, NULL, 0, NULL, 0, &n, NULL), WSAEFAULT);
	EQ(n, POISON);
}

TEST(bi5_all_that_waits)
{
	DWORD n = POISON, v = POISON;
	struct op *op = op_new(10);
	u_long ul = POISON;

	pair();
	snd(7);
	snd(0);
	snd(5);
	EQ(io(FIONREAD, NULL, 0, &v, sizeof(v), &n, NULL), 0);
	EQ(v, 12);
	EQ(ioctlsocket(R, FIONREAD, &ul), 0);
	EQ(ul, 12);
	EQ(recv_now(op), 0);
	EQ(ioctlsocket(R, FIONREAD, &ul), 0);
	EQ(ul, 5);
}

TEST(bi6_brm1_extension_functions)
{
	GUID recv_id = WSAID_WSARECVMSG, send_id = WSAID_WSASENDMSG, none;
	struct op *op = op_ev(1);
	void *fn = NULL;
	DWORD n = POISON;

	pair();
	EQ(io(SIO_GET_EXTENSION_FUNCTION_POINTER, &send_id, sizeof(send_id), &fn, sizeof(fn),
	      &n, NULL), 0);
	CHECK(fn != NULL);
	EQ(n, sizeof(fn));
	fn = NULL;
	EQ(io(SIO_GET_EXTENSION_FUNCTION_POINTER, &recv_id, sizeof(recv_id), &fn, sizeof(fn),
	      &n, NULL), 0);
	CHECK(fn != NULL);
	memset(&none, POISON_BYTE, sizeof(none));
	EQ(io(SIO_GET_EXTENSION_FUNCTION_POINTER, &none, sizeof(none), &fn, sizeof(fn), &n,
	      NULL), WSAEINVAL);
	op->ov.Internal = POISON;
	EQ(io(SIO_GET_EXTENSION_FUNCTION_POINTER, &none, sizeof(none), &fn, sizeof(fn), &n,
	      &op->ov), WSAEINVAL);
	EQ(op->ov.Internal, POISON);
	CHECK(!is_set(op->ov.hEvent));
}

TEST(bi7_d10_unknown_code)
{
	DWORD n = POISON;

	pair();
	EQ(io(0x1234, NULL, 0, NULL, 0, &n, NULL), WSAEOPNOTSUPP);
	EQ(n, 0);
}

TEST(bi7_bs13_d10_unknown_code_overlapped)
{
	struct op *op = op_ev(1);
	DWORD n = POISON;

	pair();
	EQ(io(0x1234, NULL, 0, NULL, 0, &n, &op->ov), WSA_IO_PENDING);
	EQ(done(op), WSAEOPNOTSUPP);
	EQ((uint32_t)op->ov.Internal, 0xC00000BBU);
	EQ(WSAIoctl(R, 0x1234, NULL, 0, NULL, 0, &n, &op->ov, record), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSA_IO_PENDING);
	EQ(SleepEx(LIMIT, TRUE), WAIT_IO_COMPLETION);
	EQ(recorded.error, WSAEOPNOTSUPP);
}

TEST(bi8_base_handle)
{
	struct op *op = op_ev(1);
	SOCKET s = INVALID_SOCKET;
	DWORD n = POISON;

	pair();
	EQ(io(SIO_BASE_HANDLE, NULL, 0, &s, sizeof(s), &n, NULL), 0);
	EQ(s, R);
	EQ(n, sizeof(s));
	EQ(io(SIO_BASE_HANDLE, NULL, 0, &s, sizeof(s), &n, &op->ov), WSA_IO_PENDING);
	EQ(done(op), WSAEOPNOTSUPP);
}

#ifndef SIO_UDP_NETRESET
#define SIO_UDP_NETRESET 0x9800000f
#endif

static void provoke(void)
{
	struct sockaddr_in dead = dead_port();

	EQ(sendto(R, "x", 1, 0, (struct sockaddr *)&dead, sizeof(dead)), 1);
	settle();
}

TEST(bi10_reports_switched_off)
{
	struct op *op = op_ev(10);
	DWORD n = POISON;
	BOOL off = FALSE;

	pair();
	EQ(io(SIO_UDP_CONNRESET, &off, sizeof(off), NULL, 0, &n, NULL), 0);
	EQ(n, 0);
	EQ(post(op), WSA_IO_PENDING);
	provoke();
	CHECK(stays_quiet(op->ov.hEvent));
	snd(5);
	EQ(done(op), 0);
	EQ(io(SIO_UDP_NETRESET, &off, sizeof(off), NULL, 0, &n, NULL), 0);
	EQ(io(SIO_UDP_CONNRESET, &off, 1, NULL, 0, &n, NULL), WSAEFAULT);
}

TEST(bi10_a20_and_on_again)
{
	struct op *op = op_ev(10);
	BOOL off = FALSE, on = TRUE;
	DWORD n = POISON;

	pair();
	EQ(io(SIO_UDP_CONNRESET, &off, sizeof(off), NULL, 0, &n, NULL), 0);
	EQ(io(SIO_UDP_CONNRESET, &on, sizeof(on), NULL, 0, &n, NULL), 0);
	EQ(post(op), WSA_IO_PENDING);
	provoke();
	EQ(done(op), WSAECONNRESET);
}

TEST(bi11_loopback_and_scope)
{
	DWORD n = POISON;
	BOOL off = FALSE;
	int scope = 3, v = 77;
	socklen_t len = sizeof(v);

	pair();
	EQ(getsockopt(R, IPPROTO_IP, IP_MULTICAST_LOOP, (char *)&v, &len), 0);
	EQ(v & 0xff, 1);
	EQ(io(SIO_MULTIPOINT_LOOPBACK, &off, sizeof(off), NULL, 0, &n, NULL), 0);
	len = sizeof(v);
	EQ(getsockopt(R, IPPROTO_IP, IP_MULTICAST_LOOP, (char *)&v, &len), 0);
	EQ(v & 0xff, 0);
	len = sizeof(v);
	EQ(getsockopt(R, IPPROTO_IP, IP_MULTICAST_TTL, (char *)&v, &len), 0);
	EQ(v & 0xff, 1);
	EQ(io(SIO_MULTICAST_SCOPE, &scope, sizeof(scope), NULL, 0, &n, NULL), 0);
	len = sizeof(v);
	EQ(getsockopt(R, IPPROTO_IP, IP_MULTICAST_TTL, (char *)&v, &len), 0);
	EQ(v & 0xff, 3);
}

TEST(bi12_broadcast_address)
{
	struct sockaddr_in a;
	DWORD n = POISON;

	pair();
	memset(&a, POISON_BYTE, sizeof(a));
	EQ(io(SIO_GET_BROADCAST_ADDRESS, NULL, 0, &a, sizeof(a), &n, NULL), 0);
	EQ(n, sizeof(a));
	EQ(a.sin_family, AF_INET);
	EQ(a.sin_addr.s_addr, INADDR_BROADCAST);
	if (have_ipv6()) {
		R = WSASocketW(AF_INET6, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, 0);
		EQ(io(SIO_GET_BROADCAST_ADDRESS, NULL, 0, &a, sizeof(a), &n, NULL),
		   WSAENOPROTOOPT);
	}
}

TEST(bi13_address_list)
{
	union {
		SOCKET_ADDRESS_LIST list;
		char room[8192];
	} u;
	DWORD n = 0, need;
	int i;

	pair();
	EQ(io(SIO_ADDRESS_LIST_QUERY, NULL, 0, NULL, 0, &n, NULL), WSAEFAULT);
	need = n;
	CHECK(need >= sizeof(INT));
	n = POISON;
	EQ(io(SIO_ADDRESS_LIST_QUERY, NULL, 0, &u, 1, &n, NULL), WSAEINVAL);
	EQ(n, 0);
	EQ(io(SIO_ADDRESS_LIST_QUERY, NULL, 0, &u, sizeof(u), &n, NULL), 0);
	EQ(n, need);
	CHECK(u.list.iAddressCount > 0);
	for (i = 0; i < u.list.iAddressCount; i++) {
		EQ(u.list.Address[i].lpSockaddr->sa_family, AF_INET);
		EQ(u.list.Address[i].iSockaddrLength, sizeof(struct sockaddr_in));
	}
	EQ(io(SIO_ADDRESS_LIST_QUERY, NULL, 0, &u, need - 1, &n, NULL), WSAEFAULT);
	EQ(n, need);
}

TEST(bi13_interface_list)
{
	static INTERFACE_INFO list[32];
	bool loopback = false;
	DWORD n = 0, i;

	pair();
	EQ(io(SIO_GET_INTERFACE_LIST, NULL, 0, list, sizeof(list), &n, NULL), 0);
	EQ(n % sizeof(list[0]), 0);
	for (i = 0; i < n / sizeof(list[0]); i++)
		if (list[i].iiAddress.AddressIn.sin_addr.s_addr == htonl(INADDR_LOOPBACK)) {
			loopback = true;
			CHECK(list[i].iiFlags & IFF_LOOPBACK);
			EQ(list[i].iiNetmask.AddressIn.sin_addr.s_addr, htonl(0xff000000));
		}
	CHECK(loopback);
	EQ(io(SIO_GET_INTERFACE_LIST, NULL, 0, list, 4, &n, NULL), WSAEFAULT);
}

TEST(bi14_route_to_the_loopback)
{
	struct sockaddr_in to = { 0 }, from;
	DWORD n = POISON;

	pair();
	to.sin_family = AF_INET;
	to.sin_addr.s_addr = htonl(0x7f000005);
	memset(&from, POISON_BYTE, sizeof(from));
	EQ(io(SIO_ROUTING_INTERFACE_QUERY, &to, sizeof(to), &from, sizeof(from), &n, NULL), 0);
	EQ(n, sizeof(from));
	EQ(from.sin_family, AF_INET);
	EQ(from.sin_addr.s_addr >> 24 || from.sin_addr.s_addr, 1);
	EQ(io(SIO_ROUTING_INTERFACE_QUERY, &to, 4, &from, sizeof(from), &n, NULL), WSAEFAULT);
}

TEST(bi14_wrong_family_for_a_route)
{
	struct sockaddr_in to = { 0 }, from;
	DWORD n = POISON;

	pair();
	to.sin_family = 0xfff;
	EQ(io(SIO_ROUTING_INTERFACE_QUERY, &to, sizeof(to), &from, sizeof(from), &n, NULL),
	   WSAEAFNOSUPPORT);
}

TEST(bi14_change_of_addresses_would_block)
{
	DWORD n = POISON;

	pair();
	nonblocking(R, true);
	EQ(io(SIO_ADDRESS_LIST_CHANGE, NULL, 0, NULL, 0, &n, NULL), WSAEWOULDBLOCK);
}

TEST(bi14_change_of_addresses_pends)
{
	struct op *op = op_ev(1);
	DWORD n = POISON;

	pair();
	EQ(io(SIO_ADDRESS_LIST_CHANGE, NULL, 0, NULL, 0, &n, &op->ov), WSA_IO_PENDING);
	CHECK(stays_quiet(op->ov.hEvent));
	EQ(got(op), WSA_IO_INCOMPLETE);
	EQ(closesocket(R), 0);
	R = udp(WSA_FLAG_OVERLAPPED);
	EQ(done(op), WSA_OPERATION_ABORTED);
}

static BOOL cancel_io(struct op *op)
{
	(void)op;
	return CancelIo((HANDLE)R);
}

static BOOL cancel_one(struct op *op)
{
	return CancelIoEx((HANDLE)R, &op->ov);
}

static BOOL cancel_all(struct op *op)
{
	(void)op;
	return CancelIoEx((HANDLE)R, NULL);
}

static void changes_are_cancelled(BOOL (*cancel)(struct op *op))
{
	struct op *op = op_ev(1), *receive = op_ev(10);
	struct sockaddr_in to = { 0 };
	DWORD n = POISON;

	pair();
	to.sin_family = AF_INET;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EQ(io(SIO_ADDRESS_LIST_CHANGE, NULL, 0, NULL, 0, &n, &op->ov), WSA_IO_PENDING);
	CHECK(cancel(op));
	EQ(done(op), WSA_OPERATION_ABORTED);
	EQ(io(SIO_ROUTING_INTERFACE_CHANGE, &to, sizeof(to), NULL, 0, &n, &op->ov),
	   WSA_IO_PENDING);
	CHECK(cancel(op));
	EQ(done(op), WSA_OPERATION_ABORTED);
	CHECK(!CancelIoEx((HANDLE)R, NULL));
	EQ(GetLastError(), ERROR_NOT_FOUND);
	EQ(post(receive), WSA_IO_PENDING);
	snd(5);
	EQ(done(receive), 0);
}

TEST(bi14_bx1_changes_are_cancelled_by_their_thread)
{
	changes_are_cancelled(cancel_io);
}

TEST(bi14_bx2_changes_are_cancelled_one_by_one)
{
	changes_are_cancelled(cancel_one);
}

TEST(bi14_bx2_changes_are_cancelled_with_all)
{
	changes_are_cancelled(cancel_all);
}

TEST(bi14_change_of_a_route_is_told)
{
#ifdef _WIN32
	SKIP("routes are not the tests' to change there");
#else
	struct op *op = op_ev(1), *other = op_ev(1);
	struct sockaddr_in to = { 0 };
	DWORD n = POISON;

	pair();
	if (system("ip link add odg-change type dummy 2>/dev/null && "
		   "ip addr add 10.99.0.1/24 dev odg-change && "
		   "ip link set odg-change up"))
		SKIP("needs root, and a machine of its own");
	to.sin_family = AF_INET;
	to.sin_addr.s_addr = htonl(0x0a630005);
	EQ(io(SIO_ROUTING_INTERFACE_CHANGE, &to, sizeof(to), NULL, 0, &n, &op->ov),
	   WSA_IO_PENDING);
	EQ(io(SIO_ADDRESS_LIST_CHANGE, NULL, 0, NULL, 0, &n, &other->ov), WSA_IO_PENDING);
	EQ(got(op), WSA_IO_INCOMPLETE);
	EQ(system("ip link del odg-change"), 0);
	EQ(done(op), 0);
	EQ(op->got_bytes, 0);
	EQ(done(other), 0);
#endif
}

TEST(bi15_table_of_functions)
{
#ifdef RIO_MAX_CQ_SIZE
	GUID id = WSAID_MULTIPLE_RIO;
	RIO_EXTENSION_FUNCTION_TABLE table;
	DWORD n = POISON;

	if (under_windows())
		SKIP("Wine 8.0 has no registered I/O");
	pair();
	memset(&table, 0, sizeof(table));
	table.cbSize = sizeof(table);
	EQ(io(SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER, &id, sizeof(id), &table, 8, &n,
	      NULL), WSAEFAULT);
	EQ(io(SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER, &id, sizeof(id), &table,
	      sizeof(table), &n, NULL), 0);
	EQ(n, sizeof(table));
	EQ(table.cbSize, sizeof(table));
	CHECK(table.RIOReceive != NULL);
#else
	SKIP("these headers have no registered I/O");
#endif
}

/* Windows' manual has it, Windows is said not to. */
TEST(d12_nothing_to_flush)
{
	struct op *op = op_ev(10);
	DWORD n = POISON;

	pair();
	EQ(post(op), WSA_IO_PENDING);
	EQ(io(SIO_FLUSH, NULL, 0, NULL, 0, &n, NULL), WSAEOPNOTSUPP);
	EQ(n, 0);
	snd(5);
	EQ(done(op), 0);
}

TEST(bi9_circular_queueing)
{
	DWORD n = POISON, size = 20000;
	struct op *op = op_new(1000);
	int i, first, last = -1;

	pair();
	EQ(io(SIO_ENABLE_CIRCULAR_QUEUEING, NULL, 0, NULL, 0, &n, NULL), 0);
	EQ(n, 0);
	EQ(setsockopt(R, SOL_SOCKET, SO_RCVBUF, (char *)&size, sizeof(size)), 0);
	for (i = 0; i < 200; i++)
		snd_tag(1000, (char)i);
	EQ(recv_now(op), 0);
	first = (unsigned char)op->data[0];
	CHECK(first > 0);
	/* The rest, without a hole, up to the newest. */
	nonblocking(R, true);
	for (last = first; !recv_now(op); last++)
		EQ((unsigned char)op->data[0], last + 1);
	EQ(last, 199);
}

TEST(bi9_the_newest_is_dropped_otherwise)
{
	struct op *op = op_new(1000);
	DWORD size = 20000;
	int i;

	pair();
	EQ(setsockopt(R, SOL_SOCKET, SO_RCVBUF, (char *)&size, sizeof(size)), 0);
	for (i = 0; i < 200; i++)
		snd_tag(1000, (char)i);
	nonblocking(R, true);
	for (i = 0; !recv_now(op); i++)
		EQ((unsigned char)op->data[0], i);
	CHECK(i > 0);
	CHECK(i < 200);
}

TEST(bi7_bi14_flush_is_not_offered)
{
	DWORD n = POISON;

	pair();
	EQ(io(SIO_FLUSH, NULL, 0, NULL, 0, &n, NULL), WSAEOPNOTSUPP);
	EQ(n, 0);
}
