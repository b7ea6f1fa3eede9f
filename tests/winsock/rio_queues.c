// SPDX-License-Identifier: MIT
/* Registered I/O: its functions, buffers and queues. */
#include "harness.h"

#include "rio.h"

#ifndef _WIN32
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

TEST(bi15_the_table_of_functions)
{
	RIO_EXTENSION_FUNCTION_TABLE table;
	GUID id = WSAID_MULTIPLE_RIO;
	DWORD got = POISON;

	rio_start();
	memset(&table, 0, sizeof(table));
	EQ(WSAIoctl(udp(0), SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER, &id,
		    sizeof(id), &table, sizeof(table), &got, NULL, NULL), 0);
	EQ(got, sizeof(table));
	EQ(table.cbSize, sizeof(table));
	CHECK(table.RIOReceive && table.RIOReceiveEx);
	CHECK(table.RIOSend && table.RIOSendEx);
	CHECK(table.RIOCreateCompletionQueue && table.RIOCloseCompletionQueue);
	CHECK(table.RIOCreateRequestQueue && table.RIODequeueCompletion);
	CHECK(table.RIORegisterBuffer && table.RIODeregisterBuffer);
	CHECK(table.RIONotify && table.RIOResizeCompletionQueue);
	CHECK(table.RIOResizeRequestQueue);
	EQ(WSAIoctl(udp(0), SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER, &id,
		    sizeof(id), &table, sizeof(table) - 1, &got, NULL, NULL),
	   SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
}

/* Buffers */

TEST(br2_register_refuses)
{
	char *page = pages(1);

	rio_start();
	CHECK(rio.RIORegisterBuffer(page, 0) == RIO_INVALID_BUFFERID);
	EQ(WSAGetLastError(), WSAEINVAL);
	WSASetLastError(0);
	CHECK(rio.RIORegisterBuffer(NULL, 100) == RIO_INVALID_BUFFERID);
	EQ(WSAGetLastError(), WSAEFAULT);
	WSASetLastError(0);
	CHECK(rio.RIORegisterBuffer(no_access(), 100) == RIO_INVALID_BUFFERID);
	EQ(WSAGetLastError(), WSAEFAULT);
	CHECK(rio.RIORegisterBuffer(page, (DWORD)page_size()) !=
	      RIO_INVALID_BUFFERID);
}

#ifdef _WIN32
TEST(br2_over_the_limit_of_locked_memory)
{
	SKIP("Windows has no RLIMIT_MEMLOCK");
}
#else
static void limit_locked_memory(rlim_t bytes)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	struct rlimit limit = { bytes, bytes };

	EQ(syscall(SYS_capget, &head, data), 0);
	data[0].effective &= ~(1U << CAP_IPC_LOCK);
	EQ(syscall(SYS_capset, &head, data), 0);
	EQ(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
}

TEST(br2_over_the_limit_of_locked_memory)
{
	unsigned int many = 8 << 20;
	struct rig *rig;
	char *mem;

	limit_locked_memory(4 << 20);
	rig = rig_new(4, 4);
	mem = pages(many / (unsigned int)page_size());
	WSASetLastError(0);
	CHECK(rio.RIORegisterBuffer(mem, many) == RIO_INVALID_BUFFERID);
	EQ(WSAGetLastError(), WSAENOBUFS);
	CHECK(rio.RIORegisterBuffer(mem, 1 << 20) != RIO_INVALID_BUFFERID);
	rig_works(rig);
}
#endif

TEST(br3_deregister_ignores_what_is_no_buffer)
{
	struct rig *rig = rig_new(4, 4);
	RIO_BUFFERID id = rio.RIORegisterBuffer(pages(1), 100);

	CHECK(id != RIO_INVALID_BUFFERID);
	rio.RIODeregisterBuffer(RIO_INVALID_BUFFERID);
	rio.RIODeregisterBuffer(NULL);
	rio.RIODeregisterBuffer((RIO_BUFFERID)(ULONG_PTR)rig->mem);
	rio.RIODeregisterBuffer((RIO_BUFFERID)rig->rq);
	rio.RIODeregisterBuffer(id);
	rio.RIODeregisterBuffer(id);
	rig_works(rig);
}

TEST(br3_deregistered_under_a_pending_receive)
{
	struct rig *rig = rig_new(4, 4);
	RIORESULT res;

	CHECK(rig_post(rig, 0, 100, 0));
	rio.RIODeregisterBuffer(rig->id);
	memset(rig->mem, POISON_BYTE, rig->size);
	snd(5);
	/* Undefined on Windows; here the receive fails. */
	rig_wait(rig, &res);
	EQ(res.RequestContext, 0);
	if (!under_windows()) {
		EQ(res.Status, WSAEFAULT);
		EQ(res.BytesTransferred, 0);
		CHECK(filled(rig->mem, POISON_BYTE, 100));
	}
}

TEST(br9_a_buffer_that_was_deregistered)
{
	struct rig *rig = rig_new(4, 4);
	RIO_BUFFERID old = rig->id;
	char *mem = pages(1);

	rio.RIODeregisterBuffer(old);
	CHECK(!rig_post(rig, 0, 100, 0));
	EQ(WSAGetLastError(), WSAEFAULT);
	/* Nor does its name come back with the next one. */
	rig->id = rio.RIORegisterBuffer(mem, 100);
	CHECK(rig->id != RIO_INVALID_BUFFERID && rig->id != old);
	rig->mem = mem;
	rig->size = 100;
	rig_works(rig);
}

TEST(br2_buffers_before_and_after_the_queues)
{
	char *mem = pages(2);
	RIO_BUFFERID early;
	struct rig *rig;
	RIORESULT res;
	RIO_BUF piece;

	rio_start();
	early = rio.RIORegisterBuffer(mem + 100, 300);
	CHECK(early != RIO_INVALID_BUFFERID);
	rig = rig_new(4, 4);
	piece.BufferId = early;
	piece.Offset = 40;
	piece.Length = 60;
	CHECK(rio.RIOReceive(rig->rq, &piece, 1, 0, (PVOID)7));
	CHECK(rig_post(rig, 0, 100, 8));
	snd(6);
	snd(9);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 7);
	CHECK(letters(mem + 140, 6));
	rig_wait(rig, &res);
	EQ(res.RequestContext, 8);
	CHECK(letters(rig->mem, 9));
}

/* Queues */

TEST(br4_sizes_of_a_completion_queue)
{
	rio_start();
	refused_cq(0, NULL, WSAEINVAL);
	refused_cq(RIO_MAX_CQ_SIZE + 1, NULL, WSAEINVAL);
	CHECK(rio.RIOCreateCompletionQueue(1, NULL) != RIO_INVALID_CQ);
	CHECK(rio.RIOCreateCompletionQueue(1000, NULL) != RIO_INVALID_CQ);
	if (!under_windows())
		refused_cq(RIO_MAX_CQ_SIZE, NULL, WSAENOBUFS);
}

static void refused_rq(SOCKET s, RIO_CQ cq, ULONG receives, ULONG sends, int err)
{
	CHECK(make_rq(s, cq, receives, sends) == RIO_INVALID_RQ);
	EQ(WSAGetLastError(), err);
}

TEST(br5_request_queue_refused)
{
	struct sockaddr_in at;
	SOCKET tcp, s;
	RIO_CQ cq;

	rio_start();
	cq = rio.RIOCreateCompletionQueue(10, NULL);
	s = rio_udp();
	bind_lo(s, &at);

	refused_rq(s, cq, 0, 0, WSAEINVAL);
	refused_rq(s, RIO_INVALID_CQ, 1, 1, WSAEINVAL);
	refused_rq(INVALID_SOCKET, cq, 1, 1, WSAENOTSOCK);
	refused_rq((SOCKET)0x7ffffff0, cq, 1, 1, WSAENOTSOCK);
	refused_rq(s, cq, 11, 0, WSAENOBUFS);
	refused_rq(s, cq, 6, 5, WSAENOBUFS);
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	if (!under_windows())
		refused_rq(tcp, cq, 1, 1, WSAEOPNOTSUPP);
	CHECK(rio.RIOCreateRequestQueue(s, 1, 2, 1, 1, cq, cq, NULL) ==
	      RIO_INVALID_RQ);
	EQ(WSAGetLastError(), WSAEINVAL);
	CHECK(rio.RIOCreateRequestQueue(s, 1, 1, 1, 0, cq, cq, NULL) ==
	      RIO_INVALID_RQ);
	EQ(WSAGetLastError(), WSAEINVAL);
	/* None of that took anything: all the room is there. */
	CHECK(make_rq(s, cq, 5, 5) != RIO_INVALID_RQ);
	EQ(WSAGetLastError(), 0);
}

TEST(br5_one_request_queue_a_socket)
{
	struct rig *rig = rig_new(4, 10);

	refused_rq(R, rig->cq, 1, 1, WSAEINVAL);
	rig_works(rig);
}

TEST(br1_any_datagram_socket)
{
	struct rig *rig = rig_new(4, 40);
	SOCKET s;

	s = WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_REGISTERED_IO);
	CHECK(s != INVALID_SOCKET);
	CHECK(make_rq(s, rig->cq, 1, 1) != RIO_INVALID_RQ);
	s = WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0,
		       WSA_FLAG_REGISTERED_IO | WSA_FLAG_OVERLAPPED);
	CHECK(s != INVALID_SOCKET);
	CHECK(make_rq(s, rig->cq, 1, 1) != RIO_INVALID_RQ);
	rig_works(rig);
}

TEST(br1_bound_after_the_queue_was_made)
{
	struct rig *rig = rig_new(4, 10);
	SOCKET s = rio_udp();
	struct sockaddr_in at;
	RIO_BUF piece = { rig->id, 0, 100 };
	RIORESULT res;
	RIO_RQ rq;

	rq = make_rq(s, rig->cq, 2, 2);
	CHECK(rq != RIO_INVALID_RQ);
	bind_lo(s, &at);
	CHECK(rio.RIOReceive(rq, &piece, 1, 0, (PVOID)5));
	snd_from(S, &at, 20, 'k');
	rig_wait(rig, &res);
	EQ(res.Status, 0);
	EQ(res.BytesTransferred, 20);
	EQ(res.RequestContext, 5);
	CHECK(filled(rig->mem, 'k', 20));
}

TEST(br6_the_limits_add_up)
{
	RIO_CQ cq, other;
	struct sockaddr_in at;
	SOCKET a, b;

	rio_start();
	cq = rio.RIOCreateCompletionQueue(10, NULL);
	other = rio.RIOCreateCompletionQueue(3, NULL);
	a = rio_udp();
	b = rio_udp();
	bind_lo(a, &at);
	bind_lo(b, &at);
	CHECK(make_rq(a, cq, 4, 3) != RIO_INVALID_RQ);
	refused_rq(b, cq, 4, 0, WSAENOBUFS);
	/* Each side has its own queue. */
	WSASetLastError(0);
	CHECK(rio.RIOCreateRequestQueue(b, 3, 1, 4, 1, cq, other, NULL) ==
	      RIO_INVALID_RQ);
	EQ(WSAGetLastError(), WSAENOBUFS);
	CHECK(rio.RIOCreateRequestQueue(b, 3, 1, 3, 1, cq, other, NULL) !=
	      RIO_INVALID_RQ);
	/* Closing gives the room back. */
	EQ(closesocket(a), 0);
	a = rio_udp();
	bind_lo(a, &at);
	CHECK(make_rq(a, cq, 4, 3) != RIO_INVALID_RQ);
}

TEST(br6_room_of_a_closed_socket_comes_back_when_dequeued)
{
	struct rig *rig = rig_new(4, 4);
	struct sockaddr_in at;
	RIORESULT res;
	SOCKET s;
	int i;

	for (i = 0; i < 4; i++)
		CHECK(rig_post(rig, 0, 100, i));
	snd(5);
	UNTIL(filled(rig->mem + 4, 'e', 1));
	EQ(closesocket(R), 0);
	s = rio_udp();
	bind_lo(s, &at);
	refused_rq(s, rig->cq, 4, 0, WSAENOBUFS);
	for (i = 0; i < 4; i++) {
		rig_wait(rig, &res);
		EQ(res.RequestContext, i);
		EQ(res.Status, i ? WSA_OPERATION_ABORTED : 0);
	}
	CHECK(make_rq(s, rig->cq, 4, 0) != RIO_INVALID_RQ);
}

TEST(br20_resize_a_completion_queue)
{
	struct rig *rig = rig_new(4, 16);
	RIORESULT res;
	SOCKET s;

	CHECK(rig_post(rig, 0, 100, 1));
	CHECK(rig_post(rig, 0, 100, 2));
	snd(5);
	UNTIL(letters(rig->mem, 5));
	WSASetLastError(0);
	CHECK(!rio.RIOResizeCompletionQueue(RIO_INVALID_CQ, 5));
	EQ(WSAGetLastError(), WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOResizeCompletionQueue(rig->cq, RIO_MAX_CQ_SIZE + 1));
	EQ(WSAGetLastError(), WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOResizeCompletionQueue(rig->cq, 3));
	EQ(WSAGetLastError(), WSAETOOMANYREFS);

	CHECK(rio.RIOResizeCompletionQueue(rig->cq, 5));
	s = rio_udp();
	refused_rq(s, rig->cq, 2, 0, WSAENOBUFS);
	CHECK(rio.RIOResizeCompletionQueue(rig->cq, 16));
	CHECK(make_rq(s, rig->cq, 12, 0) != RIO_INVALID_RQ);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 1);
	snd(7);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 2);
	EQ(res.BytesTransferred, 7);
}

TEST(br20_grow_with_requests_pending)
{
	struct rig *rig = rig_new(2, 2);
	RIORESULT res;
	int i;

	CHECK(rig_post(rig, 0, 10, 0));
	CHECK(rig_post(rig, 0, 10, 1));
	CHECK(!rio.RIOResizeRequestQueue(rig->rq, 60, 0));
	EQ(WSAGetLastError(), WSAENOBUFS);
	CHECK(rio.RIOResizeCompletionQueue(rig->cq, 60));
	CHECK(rio.RIOResizeRequestQueue(rig->rq, 60, 0));
	for (i = 2; i < 60; i++)
		CHECK(rig_post(rig, 10 * i, 10, i));
	CHECK(!rig_post(rig, 0, 10, 60));
	for (i = 0; i < 60; i++)
		snd(1 + i % 10);
	for (i = 0; i < 60; i++) {
		rig_wait(rig, &res);
		EQ(res.Status, 0);
		EQ(res.RequestContext, i);
		EQ(res.BytesTransferred, 1 + i % 10);
	}
}

/* Each time with a result that was not dequeued, and others pending. */
TEST(br20_a_completion_queue_grows_again_and_again)
{
	static const DWORD sizes[] = { 5, 100, 1025, 1026, 3000, 10000 };
	struct rig *rig = rig_new(4, 4);
	unsigned int k;
	RIORESULT res;
	SOCKET s;
	int i;

	for (k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		memset(rig->mem, POISON_BYTE, rig->size);
		for (i = 0; i < 4; i++)
			CHECK(rig_post(rig, 100 * i, 100, i));
		snd(5);
		snd(6);
		UNTIL(letters(rig->mem + 100, 6));
		CHECK(rio.RIOResizeCompletionQueue(rig->cq, sizes[k]));
		snd(7);
		snd(8);
		for (i = 0; i < 4; i++) {
			rig_wait(rig, &res);
			EQ(res.Status, 0);
			EQ(res.RequestContext, i);
			EQ(res.BytesTransferred, 5 + i);
			CHECK(letters(rig->mem + 100 * i, 5 + i));
		}
		CHECK(rig_empty(rig));
	}
	s = rio_udp();
	refused_rq(s, rig->cq, 9997, 0, WSAENOBUFS);
	CHECK(make_rq(s, rig->cq, 9996, 0) != RIO_INVALID_RQ);
	if (!under_windows()) {
		WSASetLastError(0);
		CHECK(!rio.RIOResizeCompletionQueue(rig->cq, RIO_MAX_CQ_SIZE));
		EQ(WSAGetLastError(), WSAENOBUFS);
	}
	rig_works(rig);
}

#ifdef _WIN32
TEST(br20_a_completion_queue_over_the_limit_of_locked_memory)
{
	SKIP("Windows has no RLIMIT_MEMLOCK");
}
#else
TEST(br20_a_completion_queue_over_the_limit_of_locked_memory)
{
	struct rig *rig;
	RIORESULT res;

	limit_locked_memory(1 << 20);
	rig = rig_new(4, 4);
	CHECK(rig_post(rig, 0, 100, 1));
	WSASetLastError(0);
	CHECK(!rio.RIOResizeCompletionQueue(rig->cq, 8192));
	EQ(WSAGetLastError(), WSAENOBUFS);
	refused_rq(rio_udp(), rig->cq, 1, 0, WSAENOBUFS);
	CHECK(rio.RIOResizeCompletionQueue(rig->cq, 2048));
	snd(5);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 1);
	rig_works(rig);
}
#endif

TEST(br20_resize_a_request_queue)
{
	struct rig *rig = rig_new(4, 16);
	RIORESULT res;
	int i;

	WSASetLastError(0);
	CHECK(!rio.RIOResizeRequestQueue(RIO_INVALID_RQ, 1, 1));
	EQ(WSAGetLastError(), WSAEINVAL);
	CHECK(!rio.RIOResizeRequestQueue(rig->rq, 0, 0));
	EQ(WSAGetLastError(), WSAEINVAL);
	CHECK(!rio.RIOResizeRequestQueue(rig->rq, 17, 0));
	EQ(WSAGetLastError(), WSAENOBUFS);

	for (i = 0; i < 3; i++)
		CHECK(rig_post(rig, 100 * i, 100, i));
	WSASetLastError(0);
	CHECK(!rio.RIOResizeRequestQueue(rig->rq, 2, 0));
	EQ(WSAGetLastError(), WSAETOOMANYREFS);
	CHECK(rio.RIOResizeRequestQueue(rig->rq, 3, 0));
	CHECK(!rig_post(rig, 0, 100, 9));
	EQ(WSAGetLastError(), WSAENOBUFS);
	CHECK(rio.RIOResizeRequestQueue(rig->rq, 4, 0));
	CHECK(rig_post(rig, 300, 100, 3));
	/* Others' room is not to be had. */
	CHECK(!rio.RIOResizeRequestQueue(rig->rq, 4, 13));
	EQ(WSAGetLastError(), WSAENOBUFS);
	CHECK(rio.RIOResizeRequestQueue(rig->rq, 10, 6));
	CHECK(rio.RIOResizeRequestQueue(rig->rq, 16, 0));
	for (i = 0; i < 4; i++) {
		snd_tag(10 + i, 'p' + i);
		rig_wait(rig, &res);
		EQ(res.RequestContext, i);
		EQ(res.BytesTransferred, 10 + i);
		CHECK(filled(rig->mem + 100 * i, 'p' + i, 10 + i));
	}
}

TEST(br21_a_closed_completion_queue_tells_nothing_more)
{
	struct rig *rig = rig_new(4, 4);
	RIORESULT res;
	RIO_CQ cq = rig->cq;

	CHECK(rig_post(rig, 0, 100, 0));
	rio.RIOCloseCompletionQueue(cq);
	EQ(rio.RIODequeueCompletion(cq, &res, 1), RIO_CORRUPT_CQ);
	WSASetLastError(0);
	CHECK(!rig_post(rig, 0, 100, 0));
	EQ(WSAGetLastError(), WSAEINVAL);
	memset(rig->mem, POISON_BYTE, rig->size);
	snd(5);
	rio.RIOCloseCompletionQueue(cq);
	rio.RIOCloseCompletionQueue(RIO_INVALID_CQ);
	nap(QUIET);
	CHECK(filled(rig->mem, POISON_BYTE, rig->size));
	EQ(closesocket(R), 0);
}

TEST(br2_one_buffer_for_two_completion_queues)
{
	struct rig *rig = rig_new(4, 4);
	RIO_CQ other = rio.RIOCreateCompletionQueue(4, NULL);
	RIO_BUF piece = { rig->id, 1000, 100 };
	struct sockaddr_in at;
	SOCKET s = rio_udp();
	RIORESULT res;
	RIO_RQ rq;

	bind_lo(s, &at);
	rq = rio.RIOCreateRequestQueue(s, 2, 1, 0, 1, other, rig->cq, NULL);
	CHECK(rq != RIO_INVALID_RQ);
	CHECK(rig_post(rig, 0, 100, 1));
	CHECK(rio.RIOReceive(rq, &piece, 1, 0, (PVOID)2));
	CHECK(rio.RIOReceive(rq, &piece, 1, 0, (PVOID)3));
	snd(5);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 1);
	snd_from(S, &at, 9, 'y');
	UNTIL(rio.RIODequeueCompletion(other, &res, 1) == 1);
	EQ(res.RequestContext, 2);
	CHECK(filled(rig->mem + 1000, 'y', 9));
	/* One of them goes, the other does not care. */
	rio.RIOCloseCompletionQueue(rig->cq);
	snd_from(S, &at, 19, 'x');
	UNTIL(rio.RIODequeueCompletion(other, &res, 1) == 1);
	EQ(res.RequestContext, 3);
	EQ(res.Status, 0);
	CHECK(filled(rig->mem + 1000, 'x', 19));
	CHECK(rio.RIOReceive(rq, &piece, 1, 0, (PVOID)4));
}
