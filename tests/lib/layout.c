// SPDX-License-Identifier: MIT
/* Layouts and numbers, which programs may have written down. */
#include "test.h"

static void b_l1_wsabuf(void **state)
{
	(void)state;
	assert_int_equal(sizeof(WSABUF), 16);
	assert_int_equal(offsetof(WSABUF, len), 0);
	assert_int_equal(offsetof(WSABUF, buf), 8);
}

static void b_l2_overlapped(void **state)
{
	(void)state;
	assert_int_equal(sizeof(WSAOVERLAPPED), 32);
	assert_int_equal(offsetof(WSAOVERLAPPED, Internal), 0);
	assert_int_equal(offsetof(WSAOVERLAPPED, InternalHigh), 8);
	assert_int_equal(offsetof(WSAOVERLAPPED, Offset), 16);
	assert_int_equal(offsetof(WSAOVERLAPPED, OffsetHigh), 20);
	assert_int_equal(offsetof(WSAOVERLAPPED, Pointer), 16);
	assert_int_equal(offsetof(WSAOVERLAPPED, hEvent), 24);
}

static void b_l8_wsadata(void **state)
{
	(void)state;
	assert_int_equal(sizeof(WSADATA), 408);
	assert_int_equal(offsetof(WSADATA, wHighVersion), 2);
	assert_int_equal(offsetof(WSADATA, iMaxSockets), 4);
	assert_int_equal(offsetof(WSADATA, iMaxUdpDg), 6);
	assert_int_equal(offsetof(WSADATA, lpVendorInfo), 8);
	assert_int_equal(offsetof(WSADATA, szDescription), 16);
	assert_int_equal(offsetof(WSADATA, szSystemStatus), 273);
}

static void b_l14_sockaddr_inet(void **state)
{
	(void)state;
	assert_int_equal(sizeof(SOCKADDR_INET), 28);
}

static void b_n1_widths(void **state)
{
	(void)state;
	assert_int_equal(sizeof(SOCKET), sizeof(void *));
	assert_true((SOCKET)-1 > 0);
	assert_true(INVALID_SOCKET == (SOCKET)-1);
	assert_int_equal(SOCKET_ERROR, -1);
	assert_int_equal(sizeof(DWORD), 4);
	assert_int_equal(sizeof(ULONG), 4);
	assert_int_equal(sizeof(LONG), 4);
	assert_int_equal(sizeof(WORD), 2);
	assert_int_equal(sizeof(BOOL), 4);
	/* The C library's, on purpose. */
	assert_int_equal(sizeof(u_long), sizeof(long));
}

static void b_n2_to_n8_numbers(void **state)
{
	static const struct {
		long long is, should;
	} rows[] = {
		{ WSA_INVALID_HANDLE, 6 },	{ WSA_NOT_ENOUGH_MEMORY, 8 },
		{ WSA_INVALID_PARAMETER, 87 },	{ WSA_OPERATION_ABORTED, 995 },
		{ WSA_IO_INCOMPLETE, 996 },	{ WSA_IO_PENDING, 997 },
		{ WSAEINTR, 10004 },		{ WSAEFAULT, 10014 },
		{ WSAEINVAL, 10022 },		{ WSAEWOULDBLOCK, 10035 },
		{ WSAENOTSOCK, 10038 },		{ WSAEMSGSIZE, 10040 },
		{ WSAEOPNOTSUPP, 10045 },	{ WSAENETDOWN, 10050 },
		{ WSAENETRESET, 10052 },	{ WSAECONNRESET, 10054 },
		{ WSAENOBUFS, 10055 },		{ WSAESHUTDOWN, 10058 },
		{ WSASYSNOTREADY, 10091 },	{ WSAVERNOTSUPPORTED, 10092 },
		{ WSANOTINITIALISED, 10093 },	{ WSA_WAIT_EVENT_0, 0 },
		{ WSA_WAIT_IO_COMPLETION, 192 }, { WSA_WAIT_TIMEOUT, 258 },
		{ WSA_WAIT_FAILED, 0xffffffff }, { WSA_INFINITE, 0xffffffff },
		{ WSA_MAXIMUM_WAIT_EVENTS, 64 }, { MSG_OOB, 1 },
		{ MSG_PEEK, 2 },		{ MSG_PARTIAL, 0x8000 },
		{ WSA_FLAG_OVERLAPPED, 1 },	{ WSA_FLAG_REGISTERED_IO, 256 },
		{ WSA_FLAG_NO_HANDLE_INHERIT, 128 }, { AF_INET, 2 },
		{ SOCK_DGRAM, 2 },		{ MAKEWORD(2, 1), 0x0102 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(rows[i].is, rows[i].should);
}

static void a98_wait_failed_compares_in_an_int(void **state)
{
	int rc = (int)WSA_WAIT_FAILED;

	(void)state;
	assert_true((DWORD)rc == WSA_WAIT_FAILED);
	assert_int_equal(rc, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b_l1_wsabuf),
		cmocka_unit_test(b_l2_overlapped),
		cmocka_unit_test(b_l8_wsadata),
		cmocka_unit_test(b_l14_sockaddr_inet),
		cmocka_unit_test(b_n1_widths),
		cmocka_unit_test(b_n2_to_n8_numbers),
		cmocka_unit_test(a98_wait_failed_compares_in_an_int),
	};

	return cmocka_run_group_tests_name("lib layout", tests, NULL, NULL);
}
