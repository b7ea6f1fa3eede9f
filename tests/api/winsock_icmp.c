// SPDX-License-Identifier: MIT
/*
 * What the network says of a socket, as the Winsock face tells it: a time to live
 * that ran out at a router, and a device that goes down.
 *
 *	here  veth "ha", 10.78.1.1  <->  "hb", 10.78.1.2, a router to 10.78.2.0/24
 *
 * The router is a namespace held by a child process.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <mswsock.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include "winsock_env.h"

static pid_t router;
static SOCKET s;

static DWORD limit(void)
{
	return 8000 * slow();
}

static void start_router(void)
{
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	router = fork();
	if (!router) {
		if (unshare(CLONE_NEWNET) || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
}

/* in_router - a command there */
#define in_router(cmd)	shell("nsenter -t %d -n sh -c '%s'", (int)router, cmd)

static int setup(void **state)
{
	WSADATA data;

	(void)state;
	if (unshare(CLONE_NEWNET) || WSAStartup(MAKEWORD(2, 2), &data))
		return -1;
	start_router();
	shell("ip link set lo up && ip link add ha type veth peer name hb netns %d",
	      (int)router);
	shell("ip addr add 10.78.1.1/24 dev ha && ip link set ha up");
	in_router("ip link set lo up; ip addr add 10.78.1.2/24 dev hb; ip link set hb up;"
		  "ip link add ra type veth peer name rb; ip addr add 10.78.2.1/24 dev ra;"
		  "ip link set ra up; ip link set rb up; echo 1 >/proc/sys/net/ipv4/ip_forward");
	shell("ip route add 10.78.2.0/24 via 10.78.1.2");
	shell("for i in $(seq 500); do ip link show ha | grep -q 'state UP' && exit 0;"
	      " sleep 0.02; done; exit 1");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kill(router, SIGKILL);
	waitpid(router, NULL, 0);
	return WSACleanup();
}

static int open_socket(void **state)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = inet_addr("10.78.1.1"),
	};

	(void)state;
	s = WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
	assert_true(s != INVALID_SOCKET);
	return bind(s, (struct sockaddr *)&at, sizeof(at));
}

static int close_socket(void **state)
{
	(void)state;
	return closesocket(s);
}

static void send_with_ttl(DWORD ttl)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = inet_addr("10.78.2.77"),
	};

	assert_int_equal(setsockopt(s, IPPROTO_IP, IP_TTL, (char *)&ttl, sizeof(ttl)), 0);
	assert_int_equal(sendto(s, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
}

static char data[100];

/* receive - post if @ov, else block; the call's error */
static int receive(WSAOVERLAPPED *ov)
{
	WSABUF buf = { sizeof(data), data };
	DWORD n, flags = 0;

	return WSARecvFrom(s, &buf, 1, &n, &flags, NULL, NULL, ov, NULL) ?
	       WSAGetLastError() : 0;
}

static int outcome(WSAOVERLAPPED *ov)
{
	DWORD n, flags;

	assert_int_equal(WSAWaitForMultipleEvents(1, &ov->hEvent, TRUE, limit(), FALSE),
			 WSA_WAIT_EVENT_0);
	return WSAGetOverlappedResult(s, ov, &n, FALSE, &flags) ? 0 : WSAGetLastError();
}

static void a28_bs7_time_to_live_ends_a_pending_receive(void **state)
{
	WSAOVERLAPPED ov = { .hEvent = WSACreateEvent() };
	DWORD n;

	(void)state;
	assert_int_equal(receive(&ov), WSA_IO_PENDING);
	send_with_ttl(1);
	assert_int_equal(outcome(&ov), WSAENETRESET);
	assert_int_equal(ov.Internal, 0xC000A012U);
	assert_int_equal(ov.InternalHigh, 0);
	assert_false(GetOverlappedResult((HANDLE)s, &ov, &n, FALSE));
	assert_int_equal(GetLastError(), ERROR_HOST_UNREACHABLE);
	WSACloseEvent(ov.hEvent);
}

static void a28_time_to_live_ends_a_blocking_receive(void **state)
{
	(void)state;
	send_with_ttl(1);
	assert_int_equal(receive(NULL), WSAENETRESET);
	/* One that got through draws none. */
	send_with_ttl(1);
	assert_int_equal(receive(NULL), WSAENETRESET);
}

static void a27_bs19_device_goes_down(void **state)
{
	WSAOVERLAPPED ov = { .hEvent = WSACreateEvent() };
	DWORD n;

	(void)state;
	assert_int_equal(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "ha", 3), 0);
	assert_int_equal(receive(&ov), WSA_IO_PENDING);
	shell("ip link set ha down");
	assert_int_equal(outcome(&ov), WSAENETDOWN);
	assert_int_equal(ov.Internal, 0xC00000BFU);
	assert_int_equal(ov.InternalHigh, 0);
	assert_false(GetOverlappedResult((HANDLE)s, &ov, &n, FALSE));
	assert_int_equal(GetLastError(), ERROR_NETWORK_BUSY);
	WSACloseEvent(ov.hEvent);
}

#define T(fn)	cmocka_unit_test_setup_teardown(fn, open_socket, close_socket)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a28_bs7_time_to_live_ends_a_pending_receive),
		T(a28_time_to_live_ends_a_blocking_receive),
		T(a27_bs19_device_goes_down),
	};

	return cmocka_run_group_tests_name("winsock icmp", tests, setup, teardown);
}
