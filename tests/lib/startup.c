// SPDX-License-Identifier: MIT
/* WSAStartup(), WSACleanup() and the last error. */
/* It is about errors of native calls, too. */
#define ODGRAM_NATIVE_CALLS
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static void b_w7_a32_nothing_works_before_startup(void **state)
{
	WSAOVERLAPPED ov = { .Internal = 0 };
	WSAEVENT ev = NULL;
	char data[8];
	WSABUF buf = { sizeof(data), data };
	DWORD bytes = POISON, flags = 0;

	(void)state;
	fails(WSASocketA(AF_INET, SOCK_DGRAM, 0, NULL, 0, 1), INVALID_SOCKET,
	      10093);
	fails(WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0, 1), INVALID_SOCKET,
	      10093);
	fails(closesocket(0), SOCKET_ERROR, 10093);
	fails(WSACreateEvent(), WSA_INVALID_EVENT, 10093);
	fails(WSASetEvent(ev), FALSE, 10093);
	fails(WSAResetEvent(ev), FALSE, 10093);
	fails(WSACloseEvent(ev), FALSE, 10093);
	fails(WSAWaitForMultipleEvents(1, &ev, FALSE, 0, FALSE),
	      WSA_WAIT_FAILED, 10093);
	fails(WSARecvFrom(0, &buf, 1, &bytes, &flags, NULL, NULL, NULL, NULL),
	      SOCKET_ERROR, 10093);
	fails(WSAGetOverlappedResult(0, &ov, &bytes, FALSE, &flags), FALSE,
	      10093);
	fails(WSACleanup(), SOCKET_ERROR, 10093);
	assert_int_equal(bytes, POISON);
}

static void b_e5_last_error_works_before_startup(void **state)
{
	(void)state;
	WSASetLastError(4711);
	assert_int_equal(WSAGetLastError(), 4711);
}

static void b_w1_w2_startup_returns_its_error(void **state)
{
	WSADATA data;

	(void)state;
	WSASetLastError(4711);
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), NULL), 10014);
	assert_int_equal(WSAStartup(MAKEWORD(0, 9), &data), 10092);
	assert_int_equal(WSAGetLastError(), 4711);
	fails(WSACleanup(), SOCKET_ERROR, 10093);
}

static void b_w2_data_that_cannot_be_written(void **state)
{
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), (WSADATA *)page), WSAEFAULT);
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), (WSADATA *)16), WSAEFAULT);
	fails(WSACleanup(), SOCKET_ERROR, 10093);
	munmap(page, 4096);
}

static void b_w3_w4_a93_versions(void **state)
{
	static const struct {
		WORD wanted, got;
		unsigned short sockets, datagram;
	} rows[] = {
		{ MAKEWORD(1, 0), MAKEWORD(1, 0), 32767, 65467 },
		{ MAKEWORD(1, 1), MAKEWORD(1, 1), 32767, 65467 },
		{ MAKEWORD(1, 7), MAKEWORD(1, 1), 32767, 65467 },
		{ MAKEWORD(2, 0), MAKEWORD(2, 0), 0, 0 },
		{ MAKEWORD(2, 1), MAKEWORD(2, 1), 0, 0 },
		{ MAKEWORD(2, 2), MAKEWORD(2, 2), 0, 0 },
		{ MAKEWORD(2, 3), MAKEWORD(2, 2), 0, 0 },
		{ MAKEWORD(3, 0), MAKEWORD(2, 2), 0, 0 },
		{ MAKEWORD(3, 1), MAKEWORD(2, 2), 0, 0 },
	};
	WSADATA data;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(&data, 0xa5, sizeof(data));
		assert_int_equal(WSAStartup(rows[i].wanted, &data), 0);
		assert_int_equal(data.wVersion, rows[i].got);
		assert_int_equal(data.wHighVersion, MAKEWORD(2, 2));
		assert_int_equal(data.iMaxSockets, rows[i].sockets);
		assert_int_equal(data.iMaxUdpDg, rows[i].datagram);
		assert_int_not_equal(data.szDescription[0], 0);
		assert_int_not_equal(data.szSystemStatus[0], 0);
		assert_int_equal(WSACleanup(), 0);
	}
}

static void b_w5_w6_startups_are_counted(void **state)
{
	WSADATA data;
	WSAEVENT ev;

	(void)state;
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
	assert_int_equal(WSACleanup(), 0);
	ev = WSACreateEvent();
	assert_non_null(ev);
	assert_true(WSACloseEvent(ev));
	assert_int_equal(WSACleanup(), 0);
	fails(WSACreateEvent(), WSA_INVALID_EVENT, 10093);
	fails(WSACleanup(), SOCKET_ERROR, 10093);
}

static void b_w8_last_cleanup_closes_sockets(void **state)
{
	int native = socket(AF_INET, SOCK_DGRAM, 0);
	WSADATA data;
	SOCKET s;

	(void)state;
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
	s = WSASocketA(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, 1);
	assert_true(s != INVALID_SOCKET);
	assert_int_equal(WSACleanup(), 0);
	assert_int_equal(fcntl((int)s, F_GETFD), -1);
	/* Not ours, so not closed. */
	assert_int_not_equal(fcntl(native, F_GETFD), -1);
	close(native);

	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
	fails(closesocket(s), SOCKET_ERROR, 10038);
	assert_int_equal(WSACleanup(), 0);
}

static void *other_thread(void *arg)
{
	(void)arg;
	assert_int_equal(WSAGetLastError(), 0);
	WSASetLastError(1);
	return NULL;
}

static void b_e1_one_slot_per_thread(void **state)
{
	pthread_t thread;

	(void)state;
	WSASetLastError(10035);
	assert_int_equal(GetLastError(), 10035);
	SetLastError(87);
	assert_int_equal(WSAGetLastError(), 87);
	assert_int_equal(pthread_create(&thread, NULL, other_thread, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(WSAGetLastError(), 87);
}

static void b_e1_native_errors_show(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int a = socket(AF_INET, SOCK_DGRAM, 0);
	int b = socket(AF_INET, SOCK_DGRAM, 0);
	int i;

	(void)state;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(a, (SOCKADDR *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(a, (SOCKADDR *)&at, &len), 0);

	/* The same error again, with a call of ours between. */
	for (i = 0; i < 2; i++) {
		WSASetLastError(0);
		assert_int_equal(bind(b, (SOCKADDR *)&at, sizeof(at)), -1);
		assert_int_equal(WSAGetLastError(), WSAEADDRINUSE);
		assert_int_equal(errno, EADDRINUSE);
		assert_int_equal(WSAGetLastError(), WSAEADDRINUSE);
	}
	assert_int_equal(sendto(-1, "", 0, 0, (SOCKADDR *)&at, sizeof(at)), -1);
	assert_int_equal(GetLastError(), WSAENOTSOCK);
	/* An error of ours is newer again. */
	WSASetLastError(4711);
	assert_int_equal(WSAGetLastError(), 4711);
	close(a);
	close(b);
}

static void b_e1_what_stdio_leaves_is_no_error(void **state)
{
	(void)state;
	WSASetLastError(WSA_IO_PENDING);
	errno = ENOTTY;
	assert_int_equal(WSAGetLastError(), WSA_IO_PENDING);
	errno = ENOENT;
	assert_int_equal(WSAGetLastError(), WSA_IO_PENDING);
	WSASetLastError(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b_w7_a32_nothing_works_before_startup),
		cmocka_unit_test(b_e5_last_error_works_before_startup),
		cmocka_unit_test(b_w1_w2_startup_returns_its_error),
		cmocka_unit_test(b_w2_data_that_cannot_be_written),
		cmocka_unit_test(b_w3_w4_a93_versions),
		cmocka_unit_test(b_w5_w6_startups_are_counted),
		cmocka_unit_test(b_w8_last_cleanup_closes_sockets),
		cmocka_unit_test(b_e1_one_slot_per_thread),
		cmocka_unit_test(b_e1_native_errors_show),
		cmocka_unit_test(b_e1_what_stdio_leaves_is_no_error),
	};

	return cmocka_run_group_tests_name("lib startup", tests, NULL, NULL);
}
