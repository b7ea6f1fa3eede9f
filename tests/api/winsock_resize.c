// SPDX-License-Identifier: MIT
/*
 * RIOResizeRequestQueue() beyond what the queue was made with.  (Wine has no registered
 * I/O: nothing portable to compare with.)
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <mswsock.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include "winsock_env.h"

#define PIECE	16			/* bytes of a receive */
#define CQ_SIZE	4096

static RIO_EXTENSION_FUNCTION_TABLE rio;
static SOCKET r, s;
static SOCKADDR_IN r_addr;
static RIO_CQ cq;
static RIO_RQ rq;
static RIO_BUFFERID buffer;
static char mem[PIECE * CQ_SIZE];

static DWORD long_ms(void)
{
	return 8000 * slow();
}

static SOCKET new_socket(SOCKADDR_IN *addr)
{
	SOCKET sock = WSASocketW(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0,
				 WSA_FLAG_REGISTERED_IO | WSA_FLAG_OVERLAPPED);
	socklen_t len = sizeof(*addr);

	assert_true(sock != INVALID_SOCKET);
	if (!addr)
		return sock;
	*addr = (SOCKADDR_IN){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	assert_int_equal(bind((int)sock, (SOCKADDR *)addr, sizeof(*addr)), 0);
	getsockname(sock, (SOCKADDR *)addr, &len);
	return sock;
}

static int setup(void **state)
{
	GUID id = WSAID_MULTIPLE_RIO;
	SOCKADDR_IN any;
	WSADATA data;
	DWORD got;

	(void)state;
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
	r = new_socket(&r_addr);
	s = new_socket(&any);
	assert_int_equal(WSAIoctl(r, SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER,
				  &id, sizeof(id), &rio, sizeof(rio), &got, NULL,
				  NULL), 0);
	memset(mem, 0xa5, sizeof(mem));
	buffer = rio.RIORegisterBuffer(mem, sizeof(mem));
	assert_true(buffer != RIO_INVALID_BUFFERID);
	cq = rio.RIOCreateCompletionQueue(CQ_SIZE, NULL);
	assert_true(cq != RIO_INVALID_CQ);
	rq = RIO_INVALID_RQ;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	closesocket(r);
	closesocket(s);
	rio.RIOCloseCompletionQueue(cq);
	rio.RIODeregisterBuffer(buffer);
	return WSACleanup();
}

static void make_rq(ULONG receives, ULONG sends)
{
	rq = rio.RIOCreateRequestQueue(r, receives, 1, sends, 1, cq, cq,
				       (PVOID)0x1234);
	assert_true(rq != RIO_INVALID_RQ);
}

static BOOL post(uintptr_t i, DWORD flags)
{
	RIO_BUF buf = { buffer, (ULONG)(PIECE * i), PIECE };

	return rio.RIOReceive(rq, &buf, 1, flags, (PVOID)i);
}

static void resized(DWORD receives, DWORD sends)
{
	WSASetLastError(0);
	if (!rio.RIOResizeRequestQueue(rq, receives, sends))
		fail_msg("to %u and %u: error %d", receives, sends,
			 WSAGetLastError());
}

static void refused(DWORD receives, DWORD sends, int err)
{
	WSASetLastError(0);
	assert_false(rio.RIOResizeRequestQueue(rq, receives, sends));
	assert_int_equal(WSAGetLastError(), err);
}

static void snd(uint32_t number)
{
	assert_int_equal(sendto((int)s, &number, sizeof(number), 0,
				(SOCKADDR *)&r_addr, sizeof(r_addr)),
			 sizeof(number));
}

static RIORESULT dequeue(void)
{
	RIORESULT result;
	DWORD i;

	for (i = 0; i < long_ms(); i++) {
		if (rio.RIODequeueCompletion(cq, &result, 1) == 1)
			return result;
		Sleep(1);
	}
	fail_msg("nothing completed");
	return result;
}

/* expect - the receive of this number has the datagram of this number */
static void expect(uint32_t i)
{
	RIORESULT result = dequeue();

	assert_int_equal(result.Status, 0);
	assert_int_equal(result.BytesTransferred, sizeof(i));
	assert_int_equal(result.SocketContext, 0x1234);
	assert_int_equal(result.RequestContext, i);
	assert_memory_equal(mem + PIECE * i, &i, sizeof(i));
}

/* Past 64, which is what the smallest has, with receives pending. */
static void b_r20_receives_grow(void **state)
{
	static const DWORD sizes[] = { 3, 64, 65, 200, 1025, 4000 };
	uint32_t posted = 0, i, k;

	(void)state;
	make_rq(2, 0);
	for (; posted < 2; posted++)
		assert_true(post(posted, 0));
	for (k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		assert_false(post(posted, 0));
		resized(sizes[k], 0);
		for (; posted < sizes[k]; posted++)
			assert_true(post(posted, 0));
	}
	assert_false(post(posted, 0));
	assert_int_equal(WSAGetLastError(), WSAENOBUFS);
	for (i = 0; i < posted; i++) {
		snd(i);
		expect(i);
	}
	refused(CQ_SIZE + 1, 0, WSAENOBUFS);
	resized(CQ_SIZE, 0);
}

/* In the middle of the ring, with results that were not dequeued yet. */
static void b_r20_grow_in_the_middle(void **state)
{
	uint32_t i, done = 0;

	(void)state;
	make_rq(64, 0);
	for (i = 0; i < 50; i++) {
		assert_true(post(i, 0));
		snd(i);
		expect(done++);
	}
	for (; i < 110; i++)
		assert_true(post(i, 0));
	for (i = 50; i < 80; i++)
		snd(i);
	resized(256, 0);
	for (i = 110; i < 300; i++)
		assert_true(post(i, 0));
	while (done < 80)
		expect(done++);
	for (; done < 300; done++) {
		snd(done);
		expect(done);
	}
}

/* RIO_MSG_DEFER keeps a request back no longer than until then. */
static void deferred_receives_are_started(void **state)
{
	uint32_t i;

	(void)state;
	make_rq(64, 0);
	for (i = 0; i < 10; i++)
		assert_true(post(i, RIO_MSG_DEFER));
	resized(65, 0);
	for (i = 0; i < 10; i++) {
		snd(i);
		expect(i);
	}
}

/* A socket without a port has no ring yet. */
static void grow_before_the_socket_is_bound(void **state)
{
	socklen_t len = sizeof(r_addr);
	uint32_t i;

	(void)state;
	closesocket(r);
	r = new_socket(NULL);
	make_rq(4, 0);
	resized(100, 0);
	r_addr.sin_port = 0;
	assert_int_equal(bind((int)r, (SOCKADDR *)&r_addr, sizeof(r_addr)), 0);
	getsockname(r, (SOCKADDR *)&r_addr, &len);
	for (i = 0; i < 100; i++)
		assert_true(post(i, 0));
	assert_false(post(i, 0));
	for (i = 0; i < 100; i++) {
		snd(i);
		expect(i);
	}
}

/* What a receive asked for besides its data is still known. */
static void who_sent_is_still_told(void **state)
{
	static SOCKADDR_INET from[200];
	RIO_BUFFERID addresses = rio.RIORegisterBuffer((PCHAR)from, sizeof(from));
	SOCKADDR_IN self;
	socklen_t len = sizeof(self);
	uint32_t i;

	(void)state;
	getsockname(s, (SOCKADDR *)&self, &len);
	make_rq(64, 0);
	for (i = 0; i < 200; i++) {
		RIO_BUF data = { buffer, PIECE * i, PIECE };
		RIO_BUF remote = { addresses, (ULONG)(i * sizeof(from[0])),
				   sizeof(from[0]) };

		if (i == 64)
			resized(200, 0);
		assert_true(rio.RIOReceiveEx(rq, &data, 1, NULL, &remote, NULL,
					     NULL, 0, (PVOID)(uintptr_t)i));
	}
	for (i = 0; i < 200; i++) {
		snd(i);
		expect(i);
		assert_int_equal(from[i].Ipv4.sin_port, self.sin_port);
	}
	rio.RIODeregisterBuffer(addresses);
}

/* Deferred ones stay, and each has its own context, whatever place it has. */
static void b_r20_sends_grow(void **state)
{
	static const DWORD sizes[] = { 64, 65, 300, 2000 };
	RIO_BUF data = { buffer, 0, 4 }, to = { buffer, 64, sizeof(SOCKADDR_INET) };
	static unsigned char seen[2000];
	SOCKADDR_IN at;
	socklen_t len = sizeof(at);
	uintptr_t posted = 0, i;
	RIORESULT result;
	uint32_t k;

	(void)state;
	getsockname(s, (SOCKADDR *)&at, &len);
	memcpy(mem + 64, &at, sizeof(at));
	memset(seen, 0, sizeof(seen));
	make_rq(0, 10);
	/* Some places have been used before. */
	for (i = 0; i < 7; i++) {
		assert_true(rio.RIOSendEx(rq, &data, 1, NULL, &to, NULL, NULL, 0,
					  (PVOID)i));
		assert_int_equal(dequeue().RequestContext, i);
	}
	for (k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		resized(0, sizes[k]);
		for (; posted < sizes[k]; posted++)
			assert_true(rio.RIOSendEx(rq, &data, 1, NULL, &to, NULL,
						  NULL, posted % 3 ? RIO_MSG_DEFER : 0,
						  (PVOID)posted));
		assert_false(rio.RIOSendEx(rq, &data, 1, NULL, &to, NULL, NULL, 0,
					   NULL));
	}
	assert_true(rio.RIOSend(rq, NULL, 0, RIO_MSG_COMMIT_ONLY, NULL));
	for (i = 0; i < posted; i++) {
		result = dequeue();
		assert_int_equal(result.Status, 0);
		assert_true(result.RequestContext < posted);
		assert_int_equal(seen[result.RequestContext]++, 0);
	}
	/* All places are free again. */
	for (i = 0; i < 2000; i++)
		assert_true(rio.RIOSendEx(rq, &data, 1, NULL, &to, NULL, NULL,
					  RIO_MSG_DEFER, (PVOID)i));
	assert_true(rio.RIOSend(rq, NULL, 0, RIO_MSG_COMMIT_ONLY, NULL));
	for (i = 0; i < 2000; i++)
		assert_int_equal(dequeue().Status, 0);
}

static void b_r20_what_is_refused_changes_nothing(void **state)
{
	uint32_t i;

	(void)state;
	make_rq(64, 0);
	for (i = 0; i < 64; i++)
		assert_true(post(i, 0));
	refused(63, 0, WSAETOOMANYREFS);
	refused(CQ_SIZE + 1, 0, WSAENOBUFS);
	refused(1U << 30, 0, WSAENOBUFS);
	refused(64, 1U << 30, WSAENOBUFS);
	refused(0, 0, WSAEINVAL);
	assert_false(post(64, 0));
	for (i = 0; i < 64; i++) {
		snd(i);
		expect(i);
	}
	/* The room in the completion queue was given back. */
	resized(CQ_SIZE - 64, 64);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(b_r20_receives_grow),
		TEST(b_r20_grow_in_the_middle),
		TEST(deferred_receives_are_started),
		TEST(grow_before_the_socket_is_bound),
		TEST(who_sent_is_still_told),
		TEST(b_r20_sends_grow),
		TEST(b_r20_what_is_refused_changes_nothing),
	};
	return cmocka_run_group_tests_name("winsock_resize", tests, NULL, NULL);
}
