// SPDX-License-Identifier: MIT
/* What is kept of a socket: refused calls change none of it. */
#include "test.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "internal.h"

static SOCKET udp(void)
{
	SOCKET s = WSASocketW(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0,
			      WSA_FLAG_OVERLAPPED);

	assert_true(s != INVALID_SOCKET);
	return s;
}

static unsigned int attributes(SOCKET s)
{
	struct odgw_socket sock;

	assert_int_equal(odgw_socket_lookup(s, &sock), 0);
	return sock.attributes;
}

static void b_k19_a_refused_shutdown_changes_nothing(void **state)
{
	SOCKET s = udp();
	unsigned int before;

	(void)state;
	odgw_socket_mark((int)s, ODGW_DIRECT, true);
	before = attributes(s);
	fails(odg_ws_shutdown((int)s, 7), SOCKET_ERROR, WSAEINVAL);
	fails(odg_ws_shutdown((int)s, -1), SOCKET_ERROR, WSAEINVAL);
	assert_int_equal(attributes(s), before);
	assert_int_equal(odg_ws_shutdown((int)s, SD_SEND), 0);
	assert_int_equal(attributes(s), before);
	assert_int_equal(odg_ws_shutdown((int)s, SD_RECEIVE), 0);
	assert_int_equal(attributes(s),
			 (before & ~(unsigned int)ODGW_DIRECT) | ODGW_SHUT);
	assert_int_equal(closesocket(s), 0);
}

static void b_n10_sizes_at_both_ends(void **state)
{
	static const int sizes[] = { 0, 1, 4095, 4096, INT_MAX, INT_MIN };
	SOCKET s = udp();
	unsigned int i;
	socklen_t len;
	int got;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(setsockopt(s, SOL_SOCKET, SO_SNDBUF, &sizes[i],
					    sizeof(sizes[i])), 0);
		len = sizeof(got);
		assert_int_equal(getsockopt(s, SOL_SOCKET, SO_SNDBUF, &got, &len), 0);
		if (sizes[i] >= 0 && sizes[i] <= 4096)
			assert_int_equal(got, sizes[i]);
		else
			assert_true(got > 4096);
	}
	assert_int_equal(closesocket(s), 0);
}

/* Nor does it ask the module anything. */
static void b_n10_a_size_of_too_few_bytes_changes_nothing(void **state)
{
	SOCKET s = udp();
	int size = 8192;

	(void)state;
	odgw_socket_mark((int)s, ODGW_NO_QUEUE, true);
	fails(setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, 1), SOCKET_ERROR, WSAEFAULT);
	assert_true(attributes(s) & ODGW_NO_QUEUE);
	assert_int_equal(closesocket(s), 0);
}

static void b_k16_what_names_another_file_by_now_is_refused(void **state)
{
	WSAPROTOCOL_INFOW info;
	SOCKET s = udp();
	int other;

	(void)state;
	assert_int_equal(WSADuplicateSocketW(s, (DWORD)getpid(), &info), 0);
	assert_int_equal(closesocket(s), 0);
	fails(WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
			 &info, 0, WSA_FLAG_OVERLAPPED), INVALID_SOCKET, WSAEINVAL);
	other = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(other, s);
	fails(WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
			 &info, 0, WSA_FLAG_OVERLAPPED), INVALID_SOCKET, WSAEINVAL);
	close(other);
	other = open("/dev/null", O_RDONLY);
	assert_int_equal(other, s);
	fails(WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
			 &info, 0, WSA_FLAG_OVERLAPPED), INVALID_SOCKET, WSAEINVAL);
	close(other);
}

static void b_cp1_a_new_socket_has_no_port(void **state)
{
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	SOCKET s = udp();

	(void)state;
	assert_ptr_equal(CreateIoCompletionPort((HANDLE)s, port, 0, 0), port);
	close((int)s);
	assert_int_equal(udp(), s);
	assert_ptr_equal(CreateIoCompletionPort((HANDLE)s, port, 0, 0), port);
	fails(CreateIoCompletionPort((HANDLE)s, port, 0, 0), NULL, 87);
	assert_int_equal(closesocket(s), 0);
	assert_true(CloseHandle(port));
}

/* Nor is one of many bits taken for the descriptor in the low ones. */
static void wsapoll_of_what_is_no_socket(void **state)
{
	SOCKET s = udp();
	WSAPOLLFD fds[] = {
		{ .fd = s, .events = POLLOUT, .revents = (SHORT)POISON },
		{ .fd = s | (SOCKET)1 << 32, .events = POLLOUT, .revents = (SHORT)POISON },
		{ .fd = INVALID_SOCKET, .events = POLLOUT, .revents = (SHORT)POISON },
	};

	(void)state;
	assert_int_equal(WSAPoll(fds, 3, 0), 2);
	assert_int_equal(fds[0].revents, POLLOUT);
	assert_int_equal(fds[1].revents, POLLNVAL);
	assert_int_equal(fds[2].revents, 0);
	assert_int_equal(closesocket(s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b_k19_a_refused_shutdown_changes_nothing),
		cmocka_unit_test(b_n10_sizes_at_both_ends),
		cmocka_unit_test(b_n10_a_size_of_too_few_bytes_changes_nothing),
		cmocka_unit_test(b_k16_what_names_another_file_by_now_is_refused),
		cmocka_unit_test(b_cp1_a_new_socket_has_no_port),
		cmocka_unit_test(wsapoll_of_what_is_no_socket),
	};

	return cmocka_run_group_tests_name("socket", tests, wsa_setup, wsa_teardown);
}
