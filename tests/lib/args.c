// SPDX-License-Identifier: MIT
/*
 * Sockets, and what WSARecvFrom() refuses before it asks the kernel.  One
 * argument of a call is bad, the others are good.
 */
#include "test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

#define PAGE	4096U

static SOCKET overlapped, plain;
static uint8_t *none, *readonly;	/* pages */

static int setup(void **state)
{
	none = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	readonly = none + PAGE;
	mprotect(readonly, PAGE, PROT_READ);
	if (wsa_setup(state))
		return -1;
	overlapped = WSASocketW(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0,
				WSA_FLAG_OVERLAPPED);
	plain = WSASocketW(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, 0);
	return overlapped == INVALID_SOCKET || plain == INVALID_SOCKET;
}

static int teardown(void **state)
{
	munmap(none, 2 * PAGE);
	return wsa_teardown(state);
}

static void b_k4_triples(void **state)
{
	static const struct {
		int af, type, protocol, err;
	} rows[] = {
		{ AF_INET, SOCK_DGRAM, IPPROTO_UDP, 0 },
		{ AF_INET, SOCK_DGRAM, 0, 0 },
		{ AF_INET, 0, IPPROTO_UDP, 0 },
		{ AF_INET6, SOCK_DGRAM, IPPROTO_UDP, 0 },
		{ AF_INET6, SOCK_DGRAM, 0, 0 },
		{ AF_UNSPEC, 0, IPPROTO_UDP, 0 },
		{ AF_UNSPEC, SOCK_DGRAM, 0, WSAEINVAL },
		{ AF_UNSPEC, 0, 0, WSAEINVAL },
		{ AF_INET, SOCK_DGRAM, IPPROTO_TCP, WSAEPROTONOSUPPORT },
		{ AF_INET, SOCK_STREAM, IPPROTO_UDP, WSAEPROTONOSUPPORT },
		{ AF_INET, SOCK_DGRAM, 0xbad, WSAEPROTONOSUPPORT },
		{ AF_INET, 0, 0xbad, WSAEPROTONOSUPPORT },
		{ AF_INET, 0xbad, IPPROTO_UDP, WSAESOCKTNOSUPPORT },
		{ 0xbad, SOCK_DGRAM, IPPROTO_UDP, WSAEAFNOSUPPORT },
		{ 0xbad, 0xbad, IPPROTO_UDP, WSAESOCKTNOSUPPORT },
		/* A58: byte streams are not offered. */
		{ AF_INET, SOCK_STREAM, 0, WSAESOCKTNOSUPPORT },
		{ AF_INET, SOCK_STREAM, IPPROTO_TCP, WSAESOCKTNOSUPPORT },
		{ AF_INET, SOCK_RAW, 0, WSAESOCKTNOSUPPORT },
	};
	size_t i;
	SOCKET s;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		WSASetLastError((int)POISON);
		s = WSASocketA(rows[i].af, rows[i].type, rows[i].protocol, NULL,
			       0, WSA_FLAG_OVERLAPPED);
		assert_int_equal(WSAGetLastError(), rows[i].err);
		if (rows[i].err)
			assert_true(s == INVALID_SOCKET);
		else
			assert_int_equal(closesocket(s), 0);
	}
}

static void b_k5_protocol_info_fills_in(void **state)
{
	WSAPROTOCOL_INFOW info = {
		.iAddressFamily = AF_INET6,
		.iSocketType = SOCK_DGRAM,
		.iProtocol = IPPROTO_UDP,
	};
	struct odgw_socket sock;
	SOCKET s;

	(void)state;
	s = WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, 0, &info, 0, 0);
	assert_int_equal(odgw_socket_lookup(s, &sock), 0);
	assert_int_equal(sock.family, AF_INET6);
	assert_false(sock.overlapped);
	closesocket(s);
	/* What is given explicitly wins. */
	s = WSASocketW(AF_INET, 0, 0, &info, 0, 0);
	assert_int_equal(odgw_socket_lookup(s, &sock), 0);
	assert_int_equal(sock.family, AF_INET);
	closesocket(s);
}

static void b_k6_flags(void **state)
{
	static const DWORD bad[] = {
		WSA_FLAG_MULTIPOINT_C_ROOT | WSA_FLAG_MULTIPOINT_C_LEAF,
		WSA_FLAG_MULTIPOINT_D_ROOT | WSA_FLAG_MULTIPOINT_D_LEAF,
		0x20, 0x8000000,
	};
	SOCKET s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		fails(WSASocketA(AF_INET, SOCK_DGRAM, 0, NULL, 0, bad[i]),
		      INVALID_SOCKET, WSAEINVAL);
	s = WSASocketA(AF_INET, SOCK_DGRAM, 0, NULL, 0,
		       WSA_FLAG_NO_HANDLE_INHERIT | WSA_FLAG_MULTIPOINT_C_LEAF |
		       WSA_FLAG_MULTIPOINT_D_LEAF);
	assert_int_equal(fcntl((int)s, F_GETFD), FD_CLOEXEC);
	closesocket(s);
}

static void b_k1_native_sockets_are_overlapped(void **state)
{
	struct odgw_socket sock;
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	(void)state;
	assert_int_equal(odgw_socket_lookup((SOCKET)fd, &sock), 0);
	assert_true(sock.overlapped);
	assert_int_equal(sock.family, AF_INET6);
	assert_int_equal(closesocket((SOCKET)fd), 0);
}

static void b_k15_closesocket_closes_sockets_only(void **state)
{
	WSAEVENT ev = WSACreateEvent();
	int fd = open("/dev/null", O_RDONLY);

	(void)state;
	fails(closesocket((SOCKET)fd), SOCKET_ERROR, WSAENOTSOCK);
	assert_int_not_equal(fcntl(fd, F_GETFD), -1);
	close(fd);
	fails(closesocket(INVALID_SOCKET), SOCKET_ERROR, WSAENOTSOCK);
	fails(closesocket((SOCKET)ev + 0x10000000), SOCKET_ERROR, WSAENOTSOCK);
	WSACloseEvent(ev);
}

static void ioctlsocket_sets_nonblocking(void **state)
{
	u_long on = 1, off = 0, n = POISON;

	(void)state;
	assert_int_equal(ioctlsocket(plain, FIONBIO, &on), 0);
	assert_true(fcntl((int)plain, F_GETFL) & O_NONBLOCK);
	assert_int_equal(ioctlsocket(plain, FIONBIO, &off), 0);
	assert_false(fcntl((int)plain, F_GETFL) & O_NONBLOCK);
	assert_int_equal(ioctlsocket(plain, FIONREAD, &n), 0);
	assert_int_equal(n, 0);
	fails(ioctlsocket(plain, FIONBIO, NULL), SOCKET_ERROR, WSAEFAULT);
	fails(ioctlsocket(plain, 0x1234, &n), SOCKET_ERROR, WSAEOPNOTSUPP);
}

static void CALLBACK routine(DWORD err, DWORD bytes, LPWSAOVERLAPPED ov,
			     DWORD flags)
{
	(void)err;
	(void)bytes;
	(void)ov;
	(void)flags;
}

/* The arguments of one call, good until a row spoils one of them. */
struct args {
	SOCKET s;
	WSABUF *buffers;
	DWORD count;
	DWORD *bytes;
	DWORD *flags;
	struct sockaddr *from;
	int *fromlen;
	WSAOVERLAPPED *ov;
	LPWSAOVERLAPPED_COMPLETION_ROUTINE routine;
};

struct memory {
	char data[16];
	WSABUF buf;
	DWORD bytes;
	DWORD flags;
	struct sockaddr_in from;
	int fromlen;
	WSAOVERLAPPED ov;
};

static struct args good(struct memory *m)
{
	memset(m, 0xa5, sizeof(*m));
	m->buf = (WSABUF){ sizeof(m->data), m->data };
	m->bytes = POISON;
	m->flags = 0;
	m->fromlen = sizeof(m->from);
	m->ov.hEvent = NULL;
	return (struct args){
		overlapped, &m->buf, 1, &m->bytes, &m->flags,
		(struct sockaddr *)&m->from, &m->fromlen, &m->ov, NULL,
	};
}

/* refused(args, code): nothing that the caller can see has changed */
static void refused_at(struct args *a, struct memory *m, int code, int line)
{
	struct memory before = *m;
	int rc, err;

	WSASetLastError((int)POISON);
	rc = WSARecvFrom(a->s, a->buffers, a->count, a->bytes, a->flags,
			 a->from, a->fromlen, a->ov, a->routine);
	err = WSAGetLastError();
	if (rc != SOCKET_ERROR || err != code)
		fail_msg("line %d: returned %d, error %d instead of %d", line,
			 rc, err, code);
	assert_memory_equal(m, &before, sizeof(before));
}
#define refused(a, m, code) refused_at(a, m, code, __LINE__)

static void a2_not_a_socket(void **state)
{
	int file = open("/dev/null", O_RDONLY);
	WSAEVENT ev = WSACreateEvent();
	SOCKET closed = WSASocketA(AF_INET, SOCK_DGRAM, 0, NULL, 0, 1);
	SOCKET bad[] = { INVALID_SOCKET, (SOCKET)file, closed, (SOCKET)1 << 40 };
	struct memory m;
	struct args a;
	size_t i;

	(void)state;
	closesocket(closed);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		a = good(&m);
		a.s = bad[i];
		refused(&a, &m, WSAENOTSOCK);
	}
	WSACloseEvent(ev);
	close(file);
}

static void a3_buffers(void **state)
{
	/* An array of two, whose second entry cannot be read. */
	WSABUF *straddling = (WSABUF *)(void *)none - 1;
	struct memory m;
	struct args a = good(&m);
	uint8_t *map;

	(void)state;
	a.buffers = NULL;
	refused(&a, &m, WSAEFAULT);
	a.buffers = (WSABUF *)(void *)none;
	refused(&a, &m, WSAEFAULT);

	map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(map + PAGE, PAGE, PROT_NONE);
	straddling = (WSABUF *)(void *)(map + PAGE) - 1;
	*straddling = m.buf;
	a.buffers = straddling;
	a.count = 2;
	refused(&a, &m, WSAEFAULT);
	munmap(map, 2 * PAGE);
}

static void b_rx2_a4_counts(void **state)
{
	struct memory m;
	struct args a = good(&m);

	(void)state;
	a.count = 0;
	refused(&a, &m, WSAEINVAL);
	a.buffers = NULL;
	refused(&a, &m, WSAEINVAL);
	a = good(&m);
	a.count = 1025;
	refused(&a, &m, WSAEINVAL);
}

static void a6_bytes(void **state)
{
	struct memory m;
	struct args a = good(&m);

	(void)state;
	a.bytes = NULL;
	a.ov = NULL;
	refused(&a, &m, WSAEFAULT);
	a = good(&m);
	a.bytes = (DWORD *)(void *)readonly;
	refused(&a, &m, WSAEFAULT);
	a.bytes = (DWORD *)(void *)none;
	refused(&a, &m, WSAEFAULT);
}

static void a8_flags_pointer(void **state)
{
	struct memory m;
	struct args a = good(&m);

	(void)state;
	a.flags = NULL;
	refused(&a, &m, WSAEFAULT);
	a.flags = (DWORD *)(void *)none;
	refused(&a, &m, WSAEFAULT);
	a.flags = (DWORD *)(void *)readonly;
	refused(&a, &m, WSAEFAULT);
}

static void a10_a21_address_pointers(void **state)
{
	struct memory m;
	struct args a = good(&m);

	(void)state;
	a.fromlen = NULL;
	refused(&a, &m, WSAEFAULT);
	a.fromlen = (int *)(void *)none;
	refused(&a, &m, WSAEFAULT);
	a = good(&m);
	a.from = (struct sockaddr *)(void *)none;
	refused(&a, &m, WSAEFAULT);
	a.from = (struct sockaddr *)(void *)readonly;
	refused(&a, &m, WSAEFAULT);
}

static void a22_b_rx5_short_address(void **state)
{
	SOCKET v6 = WSASocketA(AF_INET6, SOCK_DGRAM, 0, NULL, 0, 1);
	int native = socket(AF_INET6, SOCK_DGRAM, 0);
	struct memory m;
	struct args a = good(&m);

	(void)state;
	m.fromlen = 1;
	refused(&a, &m, WSAEFAULT);
	m.fromlen = 15;
	refused(&a, &m, WSAEFAULT);
	m.fromlen = -1;
	refused(&a, &m, WSAEFAULT);
	m.fromlen = 16;
	a.s = v6;
	refused(&a, &m, WSAEFAULT);
	a.s = (SOCKET)native;
	refused(&a, &m, WSAEFAULT);
	closesocket(v6);
	close(native);
}

static void a13_overlapped_pointer(void **state)
{
	struct memory m;
	struct args a = good(&m);

	(void)state;
	a.ov = (WSAOVERLAPPED *)(void *)none;
	refused(&a, &m, WSAEFAULT);
	a.ov = (WSAOVERLAPPED *)(void *)readonly;
	refused(&a, &m, WSAEFAULT);
	/* Across the border of a good page and a bad one. */
	a.ov = (WSAOVERLAPPED *)(void *)(readonly - 8);
	refused(&a, &m, WSAEFAULT);
}

static void a60_a62_a63_b_rx7_flags(void **state)
{
	static const DWORD never[] = {
		MSG_OOB, MSG_WAITALL, MSG_DONTROUTE, MSG_TRUNC, 0x40000000,
		MSG_PEEK | MSG_OOB,
	};
	struct memory m;
	struct args a;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(never); i++) {
		a = good(&m);
		m.flags = never[i];
		refused(&a, &m, WSAEOPNOTSUPP);
		a.ov = NULL;
		refused(&a, &m, WSAEOPNOTSUPP);
	}
	a = good(&m);
	m.flags = MSG_PEEK;
	refused(&a, &m, WSAEOPNOTSUPP);
}

static void hevent_must_be_an_event(void **state)
{
	struct memory m;
	struct args a = good(&m);

	(void)state;
	m.ov.hEvent = (HANDLE)(uintptr_t)0x12345678;
	refused(&a, &m, WSA_INVALID_HANDLE);
}

/* Where the module is loaded, these sockets are unbound. */
static int unready(void)
{
	return access("/dev/odgram", F_OK) ? WSASYSNOTREADY : WSAEINVAL;
}

/* A78: it may hold anything. */
static void a78_hevent_is_not_looked_at_with_a_routine(void **state)
{
	struct memory m;
	struct args a = good(&m);

	(void)state;
	m.ov.hEvent = (HANDLE)(uintptr_t)0x12345678;
	a.routine = routine;
	refused(&a, &m, unready());
}

static void without_the_module_it_says_so(void **state)
{
	struct memory m;
	struct args a = good(&m);

	(void)state;
	refused(&a, &m, unready());
	a.ov = NULL;
	refused(&a, &m, unready());
	a = good(&m);
	a.s = plain;
	refused(&a, &m, unready());
}

static void a25_peek_unbound(void **state)
{
	struct memory m;
	struct args a = good(&m);

	(void)state;
	m.flags = MSG_PEEK;
	a.ov = NULL;
	refused(&a, &m, WSAEINVAL);
}

static void b_g6_b_g7_result_arguments(void **state)
{
	WSAOVERLAPPED ov = { .InternalHigh = 7 };
	DWORD bytes = POISON, flags = POISON;

	(void)state;
	fails(WSAGetOverlappedResult(overlapped, NULL, &bytes, FALSE, &flags),
	      FALSE, WSAEFAULT);
	fails(WSAGetOverlappedResult(overlapped, &ov, NULL, FALSE, &flags),
	      FALSE, WSAEFAULT);
	fails(WSAGetOverlappedResult(INVALID_SOCKET, &ov, &bytes, FALSE, &flags),
	      FALSE, WSAENOTSOCK);
	assert_int_equal(bytes, POISON);
	assert_int_equal(flags, POISON);
	assert_true(WSAGetOverlappedResult(overlapped, &ov, &bytes, FALSE, NULL));
	assert_int_equal(bytes, 7);
}

static void b_g12_result_is_a_look_at_internal(void **state)
{
	static const struct {
		uint32_t status;
		int err;
	} rows[] = {
		{ 0, 0 },
		{ 0x103, 996 },
		{ 0x80000005, 10040 },
		{ 0xC0000120, 995 },
		{ 0xC000023F, 10054 },
		{ 0x00001234, 0 },
		{ 0xC0001234, 10022 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		WSAOVERLAPPED ov = {
			.Internal = rows[i].status,
			.InternalHigh = 5,
		};
		DWORD bytes = POISON, flags = POISON;
		BOOL ok;

		WSASetLastError((int)POISON);
		ok = WSAGetOverlappedResult(overlapped, &ov, &bytes, FALSE,
					    &flags);
		assert_int_equal(ok, !rows[i].err);
		assert_int_equal(WSAGetLastError(), rows[i].err);
		assert_int_equal(flags, rows[i].err ? POISON : 0);
		/* D5: bytes only where there are some. */
		assert_int_equal(bytes, !rows[i].err || rows[i].err == 10040 ?
				 5 : POISON);
		assert_int_equal(HasOverlappedIoCompleted(&ov),
				 rows[i].status != 0x103);
	}
}

static void b_g9_a_signaled_event_is_believed(void **state)
{
	WSAOVERLAPPED ov = { .Internal = 0x103, .InternalHigh = 3 };
	DWORD bytes = POISON, flags = POISON;

	(void)state;
	ov.hEvent = WSACreateEvent();
	WSASetEvent(ov.hEvent);
	assert_true(WSAGetOverlappedResult(overlapped, &ov, &bytes, TRUE, &flags));
	assert_int_equal(bytes, 3);
	WSACloseEvent(ov.hEvent);
	fails(WSAGetOverlappedResult(overlapped, &ov, &bytes, TRUE, &flags),
	      FALSE, WSA_INVALID_HANDLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b_k4_triples),
		cmocka_unit_test(b_k5_protocol_info_fills_in),
		cmocka_unit_test(b_k6_flags),
		cmocka_unit_test(b_k1_native_sockets_are_overlapped),
		cmocka_unit_test(b_k15_closesocket_closes_sockets_only),
		cmocka_unit_test(ioctlsocket_sets_nonblocking),
		cmocka_unit_test(a2_not_a_socket),
		cmocka_unit_test(a3_buffers),
		cmocka_unit_test(b_rx2_a4_counts),
		cmocka_unit_test(a6_bytes),
		cmocka_unit_test(a8_flags_pointer),
		cmocka_unit_test(a10_a21_address_pointers),
		cmocka_unit_test(a22_b_rx5_short_address),
		cmocka_unit_test(a13_overlapped_pointer),
		cmocka_unit_test(a60_a62_a63_b_rx7_flags),
		cmocka_unit_test(a78_hevent_is_not_looked_at_with_a_routine),
		cmocka_unit_test(hevent_must_be_an_event),
		cmocka_unit_test(without_the_module_it_says_so),
		cmocka_unit_test(a25_peek_unbound),
		cmocka_unit_test(b_g6_b_g7_result_arguments),
		cmocka_unit_test(b_g12_result_is_a_look_at_internal),
		cmocka_unit_test(b_g9_a_signaled_event_is_believed),
	};

	return cmocka_run_group_tests_name("lib args", tests, setup, teardown);
}
