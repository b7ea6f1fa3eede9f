// SPDX-License-Identifier: MIT
/* What is kept of a socket: refused calls change none of it. */
#include "test.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b_k19_a_refused_shutdown_changes_nothing),
	};

	return cmocka_run_group_tests_name("socket", tests, wsa_setup, wsa_teardown);
}
