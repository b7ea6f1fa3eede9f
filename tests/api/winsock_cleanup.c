// SPDX-License-Identifier: MIT
/*
 * The last WSACleanup() while something of an op that has completed is still to be
 * told: the others are taken off the socket all the same.  The socket is none of the
 * library's, which does not close it.  And while a call waits for a change.
 */
#include <malloc.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "helpers_winsock.h"

static SOCKET native;
static SOCKADDR_IN at;

static void open_native(void)
{
	socklen_t len = sizeof(at);
	WSADATA data;

	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
	native = (SOCKET)syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);
	assert_true(native != INVALID_SOCKET);
	at = (SOCKADDR_IN){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	assert_int_equal(syscall(SYS_bind, native, &at, sizeof(at)), 0);
	assert_int_equal(syscall(SYS_getsockname, native, &at, &len), 0);
}

static void send_self(const char *text)
{
	assert_int_equal(syscall(SYS_sendto, native, text, strlen(text), 0, &at,
				 sizeof(at)), strlen(text));
}

static void CALLBACK never(DWORD err, DWORD n, LPWSAOVERLAPPED ov, DWORD flags)
{
	(void)err, (void)n, (void)ov, (void)flags;
	fail();
}

static void start(struct op *op, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	WSABUF buf = { 32, op->data };

	init(op, false);
	assert_int_equal(WSARecv(native, &buf, 1, &op->bytes, &op->flags, &op->ov,
				 routine), SOCKET_ERROR);
	assert_int_equal(WSAGetLastError(), WSA_IO_PENDING);
}

/* ends_two - one of which has completed, and is still to be told */
static void ends_two(LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct pollfd arrives = { .fd = (int)native, .events = POLLIN };
	struct op first, second;
	char got[32];

	start(&first, routine);
	start(&second, routine);
	send_self("first");
	while (!HasOverlappedIoCompleted(&first.ov))
		usleep(1000);
	assert_int_equal(WSACleanup(), 0);
	assert_int_equal(second.ov.Internal, 0xC0000120);

	send_self("second");
	assert_int_equal(syscall(SYS_poll, &arrives, 1, LONG_MS), 1);
	assert_int_equal(syscall(SYS_recvfrom, native, got, sizeof(got), MSG_DONTWAIT,
				 NULL, NULL), 6);
	assert_memory_equal(got, "second", 6);
	assert_int_equal((unsigned char)second.data[0], 0xa5);
	close((int)native);
}

static void bw8_beside_a_routine_that_is_due(void **state)
{
	(void)state;
	open_native();
	ends_two(never);
}

static void bw8_beside_a_packet_that_is_not_taken(void **state)
{
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);

	(void)state;
	open_native();
	assert_ptr_equal(CreateIoCompletionPort((HANDLE)native, port, 0, 0), port);
	ends_two(NULL);
	assert_true(CloseHandle(port));
}

static void clean_up_a_change(void)
{
	WSAOVERLAPPED ov = { .Internal = 0 };
	WSADATA data;
	DWORD n;
	SOCKET s;

	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
	s = WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
	assert_int_equal(WSAIoctl(s, SIO_ADDRESS_LIST_CHANGE, NULL, 0, NULL, 0, &n, &ov, NULL),
			 SOCKET_ERROR);
	assert_int_equal(WSAGetLastError(), WSA_IO_PENDING);
	assert_int_equal(WSACleanup(), 0);
	assert_int_equal(ov.Internal, 0xC0000120);
}

static void bw8_a_change_that_does_not_come(void **state)
{
	enum { TIMES = 25 };
	size_t before = 0;
	int i;

	(void)state;
	for (i = 0; i < 2 * TIMES; i++) {
		if (i == TIMES)
			before = mallinfo2().uordblks;
		clean_up_a_change();
	}
	/* What it waits for are two addresses. */
	assert_in_range(mallinfo2().uordblks, 0,
			before + TIMES * sizeof(struct sockaddr_storage));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bw8_beside_a_routine_that_is_due),
		cmocka_unit_test(bw8_beside_a_packet_that_is_not_taken),
		cmocka_unit_test(bw8_a_change_that_does_not_come),
	};

	return cmocka_run_group_tests_name("winsock cleanup", tests, NULL, NULL);
}
