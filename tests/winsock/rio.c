// SPDX-License-Identifier: MIT
/*
 * Registered I/O: receives.
 *
 * Wine has none of it, and neither have the headers of some Windows compilers;
 * ours stand in for those.
 */
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

static void refused_cq(DWORD size, PRIO_NOTIFICATION_COMPLETION how, int err)
{
	WSASetLastError(0);
	CHECK(rio.RIOCreateCompletionQueue(size, how) == RIO_INVALID_CQ);
	EQ(WSAGetLastError(), err);
}

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

static RIO_RQ make_rq(SOCKET s, RIO_CQ cq, ULONG receives, ULONG sends)
{
	WSASetLastError(0);
	return rio.RIOCreateRequestQueue(s, receives, 1, sends, 1, cq, cq, NULL);
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

/* Receives */

TEST(br7_always_through_the_queue)
{
	struct rig *rig = rig_new(4, 4);
	RIORESULT res;

	/* Waiting already, or coming later: the same. */
	snd(5);
	CHECK(rig_post(rig, 0, 100, 11));
	rig_wait(rig, &res);
	EQ(res.Status, 0);
	EQ(res.BytesTransferred, 5);
	EQ(res.RequestContext, 11);
	EQ(res.SocketContext, RIG_CONTEXT);
	CHECK(letters(rig->mem, 5));
	CHECK(rig_post(rig, 200, 100, 12));
	CHECK(rig_empty(rig));
	snd(6);
	rig_wait(rig, &res);
	EQ(res.BytesTransferred, 6);
	EQ(res.RequestContext, 12);
	CHECK(letters(rig->mem + 200, 6));
	CHECK(filled(rig->mem + 206, POISON_BYTE, 100));
	CHECK(rig_empty(rig));
}

TEST(br7_empty_datagram)
{
	struct rig *rig = rig_new(4, 4);
	RIORESULT res;

	CHECK(rig_post(rig, 0, 100, 1));
	snd(0);
	rig_wait(rig, &res);
	EQ(res.Status, 0);
	EQ(res.BytesTransferred, 0);
	CHECK(filled(rig->mem, POISON_BYTE, 100));
}

TEST(br8_no_buffer)
{
	struct rig *rig = rig_new(4, 4);
	RIORESULT res;

	CHECK(rio.RIOReceive(rig->rq, NULL, 0, 0, (PVOID)1));
	CHECK(rig_post(rig, 0, 100, 2));
	snd(5);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 1);
	EQ(res.BytesTransferred, 0);
	if (!under_windows())
		EQ(res.Status, 0);
	CHECK(filled(rig->mem, POISON_BYTE, rig->size));
	snd(6);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 2);
	EQ(res.BytesTransferred, 6);
}

TEST(br8_count_and_pointer_disagree)
{
	struct rig *rig = rig_new(4, 4);
	RIO_BUF piece[2] = { { rig->id, 0, 10 }, { rig->id, 10, 10 } };

	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, NULL, 1, 0, NULL));
	EQ(WSAGetLastError(), WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, piece, 0, 0, NULL));
	EQ(WSAGetLastError(), WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, piece, 2, 0, NULL));
	EQ(WSAGetLastError(), WSAEINVAL);
	rig_works(rig);
}

static void refused(struct rig *rig, RIO_BUFFERID id, ULONG offset, ULONG len,
		    DWORD flags, int err)
{
	RIO_BUF piece = { id, offset, len };

	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, &piece, 1, flags, NULL));
	EQ(WSAGetLastError(), err);
}

TEST(br9_bad_pieces)
{
	struct rig *rig = rig_new(4, 4);
	ULONG size = (ULONG)rig->size;

	refused(rig, RIO_INVALID_BUFFERID, 0, 10, 0, WSAEFAULT);
	refused(rig, NULL, 0, 10, 0, WSAEFAULT);
	refused(rig, (RIO_BUFFERID)(ULONG_PTR)rig->mem, 0, 10, 0, WSAEFAULT);
	refused(rig, (RIO_BUFFERID)((ULONG_PTR)rig->id + 1), 0, 10, 0, WSAEFAULT);
	refused(rig, rig->id, 0, size + 1, 0, WSAEINVAL);
	refused(rig, rig->id, size, 1, 0, WSAEINVAL);
	refused(rig, rig->id, 1, 0xffffffff, 0, WSAEINVAL);
	refused(rig, rig->id, 0xffffffff, 0xffffffff, 0, WSAEINVAL);
	rig_works(rig);
}

TEST(br9_bad_flags_and_queues)
{
	struct rig *rig = rig_new(4, 4);
	RIO_RQ rq = rig->rq;

	refused(rig, rig->id, 0, 10, 0x10, WSAEINVAL);
	refused(rig, rig->id, 0, 10, 0x80000000, WSAEINVAL);
	rig->rq = RIO_INVALID_RQ;
	refused(rig, rig->id, 0, 10, 0, WSAEINVAL);
	if (!under_windows()) {
		rig->rq = (RIO_RQ)rig->mem;
		refused(rig, rig->id, 0, 10, 0, WSAEINVAL);
		rig->rq = (RIO_RQ)((char *)rq + 8);
		refused(rig, rig->id, 0, 10, 0, WSAEINVAL);
		rig->rq = (RIO_RQ)rig->cq;
		refused(rig, rig->id, 0, 10, 0, WSAEINVAL);
	}
	rig->rq = rq;
	rig_works(rig);
}

TEST(br9_over_the_limit)
{
	struct rig *rig = rig_new(3, 4);
	RIORESULT res[4];
	int i;

	for (i = 0; i < 3; i++)
		CHECK(rig_post(rig, 100 * i, 100, i));
	refused(rig, rig->id, 0, 10, 0, WSAENOBUFS);
	refused(rig, rig->id, 0, 10, RIO_MSG_DEFER, WSAENOBUFS);
	snd(5);
	snd(6);
	UNTIL(letters(rig->mem + 100, 6));
	/* Completed is not enough, it has to be dequeued. */
	refused(rig, rig->id, 0, 10, 0, WSAENOBUFS);
	EQ(rio.RIODequeueCompletion(rig->cq, res, 4), 2);
	CHECK(rig_post(rig, 0, 100, 3));
	CHECK(rig_post(rig, 0, 100, 4));
	refused(rig, rig->id, 0, 10, 0, WSAENOBUFS);
}

TEST(br9_no_receives_on_a_queue_for_sends)
{
	struct rig *rig = rig_new(4, 10);
	RIO_BUF piece = { rig->id, 0, 100 };
	struct sockaddr_in at;
	SOCKET s = rio_udp();
	RIO_RQ rq;

	bind_lo(s, &at);
	rq = make_rq(s, rig->cq, 0, 1);
	CHECK(rq != RIO_INVALID_RQ);
	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rq, &piece, 1, 0, NULL));
	EQ(WSAGetLastError(), WSAENOBUFS);
}

TEST(br10_deferred_ones_start_with_the_next)
{
	struct rig *rig = rig_new(8, 8);
	RIORESULT res;
	int i;

	for (i = 0; i < 3; i++)
		CHECK(rig_post_flags(rig, 100 * i, 100, i, RIO_MSG_DEFER));
	CHECK(rig_post(rig, 300, 100, 3));
	for (i = 0; i < 4; i++) {
		snd_tag(10 + i, 'a' + i);
		rig_wait(rig, &res);
		EQ(res.RequestContext, i);
		CHECK(filled(rig->mem + 100 * i, 'a' + i, 10 + i));
	}
}

TEST(br10_br11_commit_starts_the_deferred_ones)
{
	struct rig *rig = rig_new(3, 4);
	RIORESULT res;
	int i;

	/* Nothing to start is fine, too. */
	CHECK(rio.RIOReceive(rig->rq, NULL, 0, RIO_MSG_COMMIT_ONLY, NULL));
	for (i = 0; i < 3; i++)
		CHECK(rig_post_flags(rig, 100 * i, 100, i, RIO_MSG_DEFER));
	/* They count. */
	refused(rig, rig->id, 0, 10, 0, WSAENOBUFS);
	snd(5);
	CHECK(rio.RIOReceive(rig->rq, NULL, 0, RIO_MSG_COMMIT_ONLY, NULL));
	rig_wait(rig, &res);
	EQ(res.RequestContext, 0);
	CHECK(letters(rig->mem, 5));
	snd(6);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 1);
	CHECK(letters(rig->mem + 100, 6));
}

TEST(br11_commit_takes_nothing_else)
{
	struct rig *rig = rig_new(4, 4);
	RIO_BUF piece = { rig->id, 0, 100 };

	refused(rig, rig->id, 0, 100, RIO_MSG_COMMIT_ONLY, WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, NULL, 0,
			      RIO_MSG_COMMIT_ONLY | RIO_MSG_DEFER, NULL));
	EQ(WSAGetLastError(), WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, NULL, 1, RIO_MSG_COMMIT_ONLY, NULL));
	EQ(WSAGetLastError(), WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, NULL, 0, RIO_MSG_COMMIT_ONLY, rig));
	EQ(WSAGetLastError(), WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOReceiveEx(rig->rq, NULL, 0, NULL, &piece, NULL, NULL,
				RIO_MSG_COMMIT_ONLY, NULL));
	EQ(WSAGetLastError(), WSAEINVAL);
	CHECK(rio.RIOReceiveEx(rig->rq, NULL, 0, NULL, NULL, NULL, NULL,
			       RIO_MSG_COMMIT_ONLY, NULL));
	rig_works(rig);
}

struct committer {
	struct rig *rig;
	volatile bool stop;
};

static void commit_all_the_time(void *arg)
{
	struct committer *c = arg;

	while (!c->stop)
		CHECK(rio.RIOReceive(c->rig->rq, NULL, 0, RIO_MSG_COMMIT_ONLY,
				     NULL));
}

TEST(br11_commit_while_another_thread_posts)
{
	struct committer c = { rig_new(8, 8), false };
	struct thread *t = thread_start(commit_all_the_time, &c);
	RIORESULT res;
	int i, j;

	for (i = 0; i < 200; i++) {
		for (j = 0; j < 4; j++)
			CHECK(rig_post_flags(c.rig, 100 * j, 100, 4 * i + j,
					     RIO_MSG_DEFER));
		for (j = 0; j < 4; j++) {
			snd_tag(10 + j, 'a' + (i + j) % 26);
			rig_wait(c.rig, &res);
			EQ(res.Status, 0);
			EQ(res.RequestContext, 4 * i + j);
			EQ(res.BytesTransferred, 10 + j);
			CHECK(filled(c.rig->mem + 100 * j, 'a' + (i + j) % 26,
				     10 + j));
		}
	}
	c.stop = true;
	thread_join(t);
}

TEST(br13_wait_all_is_not_for_datagrams)
{
	struct rig *rig = rig_new(4, 4);
	RIO_BUF piece = { rig->id, 0, 100 };

	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, &piece, 1, RIO_MSG_WAITALL, NULL));
	CHECK(WSAGetLastError() == WSAEOPNOTSUPP ||
	      WSAGetLastError() == WSAEINVAL);
	rig_works(rig);
}

TEST(br15_dequeue_some_and_none)
{
	struct rig *rig = rig_new(8, 8);
	RIORESULT res[8];
	int i;

	EQ(rio.RIODequeueCompletion(rig->cq, res, 8), 0);
	for (i = 0; i < 5; i++)
		CHECK(rig_post(rig, 100 * i, 100, i));
	for (i = 0; i < 5; i++)
		snd_tag(10 + i, 'a' + i);
	UNTIL(filled(rig->mem + 400, 'e', 14));
	memset(res, POISON_BYTE, sizeof(res));
	EQ(rio.RIODequeueCompletion(rig->cq, res, 2), 2);
	CHECK(filled(&res[2], POISON_BYTE, sizeof(res[2])));
	EQ(res[1].RequestContext, 1);
	EQ(rio.RIODequeueCompletion(rig->cq, res, 8), 3);
	for (i = 0; i < 3; i++) {
		EQ(res[i].Status, 0);
		EQ(res[i].BytesTransferred, 12 + i);
		EQ(res[i].SocketContext, RIG_CONTEXT);
		EQ(res[i].RequestContext, 2 + i);
	}
	EQ(rio.RIODequeueCompletion(rig->cq, res, 8), 0);
}

TEST(br15_dequeue_from_what_is_no_queue)
{
	struct rig *rig = rig_new(4, 4);
	RIORESULT res;

	EQ(rio.RIODequeueCompletion(RIO_INVALID_CQ, &res, 1), RIO_CORRUPT_CQ);
	if (!under_windows()) {
		EQ(rio.RIODequeueCompletion((RIO_CQ)rig->mem, &res, 1),
		   RIO_CORRUPT_CQ);
		EQ(rio.RIODequeueCompletion((RIO_CQ)rig->rq, &res, 1),
		   RIO_CORRUPT_CQ);
	}
	rig_works(rig);
}

TEST(br16_longer_than_the_buffer)
{
	struct rig *rig = rig_new(4, 4);
	RIORESULT res;

	CHECK(rig_post(rig, 0, 10, 1));
	CHECK(rig_post(rig, 100, 100, 2));
	snd(20);
	snd(5);
	rig_wait(rig, &res);
	EQ(res.Status, WSAEMSGSIZE);
	EQ(res.BytesTransferred, 10);
	EQ(res.RequestContext, 1);
	CHECK(letters(rig->mem, 10));
	CHECK(filled(rig->mem + 10, POISON_BYTE, 90));
	rig_wait(rig, &res);
	EQ(res.Status, 0);
	EQ(res.BytesTransferred, 5);
}

/* As for any receive: B-U1, B-U3. */
TEST(br16_port_unreachable)
{
	struct rig *rig = rig_new(4, 4);
	struct sockaddr_in dead;
	RIORESULT res;

	CHECK(rig_post(rig, 0, 100, 1));
	CHECK(rig_post(rig, 100, 100, 2));
	dead = dead_port();
	snd_from(R, &dead, 5, 'd');
	rig_wait(rig, &res);
	EQ(res.Status, WSAECONNRESET);
	EQ(res.BytesTransferred, 0);
	EQ(res.RequestContext, 1);
	snd(6);
	rig_wait(rig, &res);
	EQ(res.Status, 0);
	EQ(res.BytesTransferred, 6);
	EQ(res.RequestContext, 2);
}

TEST(br16_contexts_of_all_kinds)
{
	struct rig *rig = rig_new(4, 4);
	PVOID context[3] = { NULL, (PVOID)(ULONG_PTR)-1,
			     (PVOID)(ULONG_PTR)0x123456789abcdef0 };
	RIO_BUF piece = { rig->id, 0, 100 };
	RIORESULT res;
	int i;

	for (i = 0; i < 3; i++) {
		CHECK(rio.RIOReceive(rig->rq, &piece, 1, 0, context[i]));
		snd(i);
		rig_wait(rig, &res);
		CHECK(res.RequestContext == (ULONG_PTR)context[i]);
	}
}

TEST(br16_many_rounds)
{
	struct rig *rig = rig_new(3, 4);
	RIORESULT res;
	int i;

	/* More than any ring has entries, and none of them a power of two. */
	for (i = 0; i < 3; i++)
		CHECK(rig_post(rig, 100 * i, 100, i));
	for (i = 0; i < 1000; i++) {
		snd_tag(1 + i % 90, 'a' + i % 26);
		rig_wait(rig, &res);
		EQ(res.Status, 0);
		EQ(res.RequestContext, i);
		EQ(res.BytesTransferred, 1 + i % 90);
		CHECK(filled(rig->mem + 100 * (i % 3), 'a' + i % 26, 1 + i % 90));
		CHECK(rig_post(rig, 100 * (i % 3), 100, i + 3));
	}
}

TEST(br23_closing_the_socket_ends_the_pending_ones)
{
	struct rig *rig = rig_new(4, 4);
	RIORESULT res;
	int i;

	for (i = 0; i < 3; i++)
		CHECK(rig_post(rig, 0, 100, i));
	CHECK(rig_post_flags(rig, 0, 100, 3, RIO_MSG_DEFER));
	EQ(closesocket(R), 0);
	for (i = 0; i < 4; i++) {
		rig_wait(rig, &res);
		EQ(res.Status, WSA_OPERATION_ABORTED);
		EQ(res.BytesTransferred, 0);
		EQ(res.RequestContext, i);
		EQ(res.SocketContext, RIG_CONTEXT);
	}
	CHECK(rig_empty(rig));
	CHECK(filled(rig->mem, POISON_BYTE, rig->size));
	WSASetLastError(0);
	CHECK(!rig_post(rig, 0, 100, 9));
	EQ(WSAGetLastError(), WSAEINVAL);
}

TEST(br6_br15_two_sockets_on_one_queue)
{
	struct rig *rig = rig_new(4, 8);
	RIO_BUF piece = { rig->id, 1000, 100 };
	struct sockaddr_in at;
	SOCKET s = rio_udp();
	RIORESULT res;
	RIO_RQ rq;
	int i;

	bind_lo(s, &at);
	rq = rio.RIOCreateRequestQueue(s, 4, 1, 0, 1, rig->cq, rig->cq,
				       (PVOID)0x22);
	CHECK(rq != RIO_INVALID_RQ);
	for (i = 0; i < 4; i++) {
		CHECK(rig_post(rig, 100 * i, 100, i));
		CHECK(rio.RIOReceive(rq, &piece, 1, 0, (PVOID)(ULONG_PTR)(40 + i)));
	}
	for (i = 0; i < 4; i++) {
		snd_from(S, &at, 30 + i, 'z');
		rig_wait(rig, &res);
		EQ(res.SocketContext, 0x22);
		EQ(res.RequestContext, 40 + i);
		EQ(res.BytesTransferred, 30 + i);
		snd_tag(10 + i, 'a' + i);
		rig_wait(rig, &res);
		EQ(res.SocketContext, RIG_CONTEXT);
		EQ(res.RequestContext, i);
		EQ(res.BytesTransferred, 10 + i);
		CHECK(filled(rig->mem + 100 * i, 'a' + i, 10 + i));
	}
}

/* Both members of a group get each datagram, and one queue tells of both. */
TEST(br15_two_members_of_a_group)
{
	struct rig *rig = rig_new(4, 8);
	RIO_BUF piece = { rig->id, 1000, 100 };
	struct sockaddr_in group;
	struct in_addr lo;
	struct ip_mreq join;
	RIORESULT res;
	unsigned int seen = 0;
	int on = 1, i;
	SOCKET s[2];
	RIO_RQ rq[2];

	memset(&group, 0, sizeof(group));
	group.sin_family = AF_INET;
	group.sin_addr.s_addr = htonl(0xefff0a01);
	lo.s_addr = htonl(INADDR_LOOPBACK);
	join.imr_multiaddr = group.sin_addr;
	join.imr_interface = lo;
	for (i = 0; i < 2; i++) {
		socklen_t len = sizeof(group);
		struct sockaddr_in at = group;

		s[i] = rio_udp();
		EQ(setsockopt(s[i], SOL_SOCKET, SO_REUSEADDR, (char *)&on,
			      sizeof(on)), 0);
		at.sin_addr.s_addr = htonl(INADDR_ANY);
		EQ(bind(s[i], (struct sockaddr *)&at, sizeof(at)), 0);
		EQ(getsockname(s[i], (struct sockaddr *)&at, &len), 0);
		group.sin_port = at.sin_port;
		EQ(setsockopt(s[i], IPPROTO_IP, IP_ADD_MEMBERSHIP, (char *)&join,
			      sizeof(join)), 0);
		rq[i] = rio.RIOCreateRequestQueue(s[i], 2, 1, 0, 1, rig->cq,
						  rig->cq, (PVOID)(ULONG_PTR)(i + 1));
		CHECK(rq[i] != RIO_INVALID_RQ);
		CHECK(rio.RIOReceive(rq[i], &piece, 1, 0, NULL));
		piece.Offset += 100;
	}
	EQ(setsockopt(S, IPPROTO_IP, IP_MULTICAST_IF, (char *)&lo, sizeof(lo)), 0);
	snd_from(S, &group, 30, 'g');
	for (i = 0; i < 2; i++) {
		rig_wait(rig, &res);
		EQ(res.Status, 0);
		EQ(res.BytesTransferred, 30);
		seen |= 1U << res.SocketContext;
	}
	EQ(seen, 6);
	CHECK(filled(rig->mem + 1000, 'g', 30));
	CHECK(filled(rig->mem + 1100, 'g', 30));
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

/* RIONotify() */

/* rig_event - a rig whose completion queue sets an event */
static struct rig *rig_event(HANDLE event, BOOL reset)
{
	RIO_NOTIFICATION_COMPLETION how;

	memset(&how, 0, sizeof(how));
	how.Type = RIO_EVENT_COMPLETION;
	how.Event.EventHandle = event;
	how.Event.NotifyReset = reset;
	return rig_new_notified(4, 4, &how);
}

static HANDLE new_event(BOOL manual)
{
	HANDLE event = CreateEventW(NULL, manual, FALSE, NULL);

	CHECK(event);
	return event;
}

TEST(br4_notifications_refused)
{
	RIO_NOTIFICATION_COMPLETION how;

	rio_start();
	memset(&how, 0, sizeof(how));
	refused_cq(10, &how, WSAEINVAL);
	how.Type = (RIO_NOTIFICATION_COMPLETION_TYPE)3;
	refused_cq(10, &how, WSAEINVAL);
	if (!under_windows()) {
		how.Type = RIO_EVENT_COMPLETION;
		refused_cq(10, &how, WSAEINVAL);
		how.Event.EventHandle = (HANDLE)(ULONG_PTR)0x123450;
		refused_cq(10, &how, WSAEINVAL);
	}
}

TEST(br17_notify_refused)
{
	struct rig *rig = rig_new(4, 4);
	HANDLE event = new_event(TRUE);

	EQ(rio.RIONotify(RIO_INVALID_CQ), WSAEINVAL);
	/* One that is only polled. */
	if (!under_windows())
		EQ(rio.RIONotify(rig->cq), WSAEINVAL);
	rig = rig_event(event, FALSE);
	WSASetLastError(POISON);
	EQ(rio.RIONotify(rig->cq), 0);
	EQ(rio.RIONotify(rig->cq), WSAEALREADY);
	/* The code is the result alone. */
	EQ(WSAGetLastError(), (int)POISON);
	CHECK(!is_set(event));
	CHECK(rig_post(rig, 0, 100, 1));
	snd(5);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
}

TEST(br17_once_for_each_call)
{
	HANDLE event = new_event(TRUE);
	struct rig *rig = rig_event(event, FALSE);
	RIORESULT res;
	int i;

	for (i = 0; i < 3; i++)
		CHECK(rig_post(rig, 0, 100, i));
	/* Not asked for: not told. */
	snd(5);
	rig_wait(rig, &res);
	CHECK(!is_set(event));

	EQ(rio.RIONotify(rig->cq), 0);
	CHECK(stays_quiet(event));
	snd(5);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
	rig_wait(rig, &res);
	CHECK(ResetEvent(event));
	snd(5);
	rig_wait(rig, &res);
	CHECK(!is_set(event));
}

TEST(br17_at_once_if_not_empty)
{
	HANDLE event = new_event(FALSE);
	struct rig *rig = rig_event(event, FALSE);
	RIORESULT res;

	CHECK(rig_post(rig, 0, 100, 1));
	snd(5);
	UNTIL(letters(rig->mem, 5));
	CHECK(!is_set(event));
	EQ(rio.RIONotify(rig->cq), 0);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
	CHECK(!is_set(event));
	/* Again, for it is still there. */
	EQ(rio.RIONotify(rig->cq), 0);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
	rig_wait(rig, &res);
	EQ(rio.RIONotify(rig->cq), 0);
	CHECK(stays_quiet(event));
}

TEST(br18_notify_resets_the_event)
{
	HANDLE event = new_event(TRUE), kept = new_event(TRUE);
	struct rig *rig = rig_event(event, TRUE);

	CHECK(SetEvent(event));
	EQ(rio.RIONotify(rig->cq), 0);
	CHECK(!is_set(event));
	CHECK(rig_post(rig, 0, 100, 1));
	snd(5);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);

	rig = rig_event(kept, FALSE);
	CHECK(SetEvent(kept));
	EQ(rio.RIONotify(rig->cq), 0);
	CHECK(is_set(kept));
}

TEST(br12_quiet_ones_do_not_notify)
{
	HANDLE event = new_event(TRUE);
	struct rig *rig = rig_event(event, TRUE);
	RIORESULT res;

	CHECK(rig_post_flags(rig, 0, 100, 1, RIO_MSG_DONT_NOTIFY));
	CHECK(rig_post_flags(rig, 100, 100, 2, RIO_MSG_DONT_NOTIFY));
	CHECK(rig_post(rig, 200, 100, 3));
	EQ(rio.RIONotify(rig->cq), 0);
	snd(5);
	UNTIL(letters(rig->mem, 5));
	CHECK(stays_quiet(event));
	/* It is there for those who ask. */
	rig_wait(rig, &res);
	EQ(res.RequestContext, 1);
	snd(6);
	UNTIL(letters(rig->mem + 100, 6));
	CHECK(!is_set(event));
	snd(7);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 2);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 3);
}

TEST(br12_br17_quiet_ones_do_not_count_as_there)
{
	HANDLE event = new_event(TRUE);
	struct rig *rig = rig_event(event, TRUE);

	CHECK(rig_post_flags(rig, 0, 100, 1, RIO_MSG_DONT_NOTIFY));
	snd(5);
	UNTIL(letters(rig->mem, 5));
	EQ(rio.RIONotify(rig->cq), 0);
	CHECK(stays_quiet(event));
	EQ(rio.RIONotify(rig->cq), WSAEALREADY);
	CHECK(rig_post(rig, 100, 100, 2));
	snd(6);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
	/* Behind a loud one it does not hide that. */
	EQ(rio.RIONotify(rig->cq), 0);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
}

/* The same with a completion port */

static OVERLAPPED told;

#define RIG_KEY		0x77

static struct rig *rig_port(HANDLE port)
{
	RIO_NOTIFICATION_COMPLETION how;

	memset(&how, 0, sizeof(how));
	how.Type = RIO_IOCP_COMPLETION;
	how.Iocp.IocpHandle = port;
	how.Iocp.CompletionKey = (PVOID)RIG_KEY;
	how.Iocp.Overlapped = &told;
	return rig_new_notified(4, 4, &how);
}

static HANDLE new_port(void)
{
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);

	CHECK(port);
	return port;
}

/* packet - take one within @ms: whether there was one, and it was ours */
static bool packet(HANDLE port, DWORD ms)
{
	LPOVERLAPPED ov = (LPOVERLAPPED)&told + 1;
	ULONG_PTR key = POISON;
	DWORD bytes = POISON;

	if (!GetQueuedCompletionStatus(port, &bytes, &key, &ov, ms)) {
		EQ(GetLastError(), WAIT_TIMEOUT);
		CHECK(!ov);
		return false;
	}
	EQ(key, RIG_KEY);
	CHECK(ov == &told);
	EQ(bytes, 0);
	return true;
}

TEST(br4_notifications_by_port_refused)
{
	RIO_NOTIFICATION_COMPLETION how;

	rio_start();
	memset(&how, 0, sizeof(how));
	how.Type = RIO_IOCP_COMPLETION;
	how.Iocp.IocpHandle = new_port();
	refused_cq(10, &how, WSAEINVAL);
	if (!under_windows()) {
		how.Iocp.Overlapped = &told;
		how.Iocp.IocpHandle = new_event(TRUE);
		refused_cq(10, &how, WSAEINVAL);
	}
}

TEST(br19_one_packet_for_each_call)
{
	HANDLE port = new_port();
	struct rig *rig = rig_port(port);
	RIORESULT res;
	int i;

	for (i = 0; i < 4; i++)
		CHECK(rig_post(rig, 0, 100, i));
	EQ(rio.RIONotify(rig->cq), 0);
	EQ(rio.RIONotify(rig->cq), WSAEALREADY);
	CHECK(!packet(port, 0));
	snd(5);
	CHECK(packet(port, LIMIT));
	snd(6);
	CHECK(!packet(port, QUIET));
	rig_wait(rig, &res);
	rig_wait(rig, &res);
	EQ(rio.RIONotify(rig->cq), 0);
	snd(7);
	CHECK(packet(port, LIMIT));
	CHECK(!packet(port, 0));
}

TEST(br19_packet_at_once_if_not_empty)
{
	HANDLE port = new_port();
	struct rig *rig = rig_port(port);

	CHECK(rig_post(rig, 0, 100, 1));
	snd(5);
	UNTIL(letters(rig->mem, 5));
	EQ(rio.RIONotify(rig->cq), 0);
	/* It has completed, so the next may be asked for. */
	EQ(rio.RIONotify(rig->cq), 0);
	CHECK(packet(port, 0));
	CHECK(packet(port, 0));
	CHECK(!packet(port, 0));
}

TEST(br12_br19_quiet_ones_make_no_packet)
{
	HANDLE port = new_port();
	struct rig *rig = rig_port(port);

	CHECK(rig_post_flags(rig, 0, 100, 1, RIO_MSG_DONT_NOTIFY));
	CHECK(rig_post(rig, 100, 100, 2));
	EQ(rio.RIONotify(rig->cq), 0);
	snd(5);
	CHECK(!packet(port, QUIET));
	snd(6);
	CHECK(packet(port, LIMIT));
}

TEST(br19_among_packets_of_others)
{
	HANDLE port = new_port();
	struct rig *rig = rig_port(port);
	OVERLAPPED_ENTRY entries[4];
	OVERLAPPED mine;
	ULONG n = 0;

	CHECK(rig_post(rig, 0, 100, 1));
	EQ(rio.RIONotify(rig->cq), 0);
	snd(5);
	UNTIL(letters(rig->mem, 5));
	CHECK(PostQueuedCompletionStatus(port, 3, 4, &mine));
	CHECK(GetQueuedCompletionStatusEx(port, entries, 4, &n, LIMIT, FALSE));
	EQ(n, 2);
	CHECK(entries[0].lpOverlapped == &told);
	CHECK(entries[1].lpOverlapped == &mine);
}

TEST(br21_closed_while_armed)
{
	HANDLE port = new_port();
	struct rig *rig = rig_port(port);

	CHECK(rig_post(rig, 0, 100, 1));
	EQ(rio.RIONotify(rig->cq), 0);
	rio.RIOCloseCompletionQueue(rig->cq);
	snd(5);
	CHECK(!packet(port, QUIET));
	EQ(rio.RIONotify(rig->cq), WSAEINVAL);
}

static void take_packets(void *arg)
{
	struct rig *rig = arg;
	RIORESULT res[4];
	ULONG n, seen = 0;

	while (seen < 500) {
		EQ(rio.RIONotify(rig->cq), 0);
		CHECK(packet(rig->event, LIMIT));
		while ((n = rio.RIODequeueCompletion(rig->cq, res, 4))) {
			CHECK(n <= 4);
			seen += n;
			while (n--)
				CHECK(rig_post(rig, 0, 100, 0));
		}
	}
}

TEST(br19_sleeping_taker)
{
	HANDLE port = new_port();
	struct rig *rig = rig_port(port);
	struct thread *t;
	int i;

	rig->event = port;
	for (i = 0; i < 4; i++)
		CHECK(rig_post(rig, 0, 100, 0));
	t = thread_start(take_packets, rig);
	for (i = 0; i < 500; i++)
		snd(10);
	thread_join(t);
}

static void wait_and_take(void *arg)
{
	struct rig *rig = arg;
	RIORESULT res[4];
	ULONG n, seen = 0;

	while (seen < 500) {
		EQ(rio.RIONotify(rig->cq), 0);
		EQ(WaitForSingleObject(rig->event, LIMIT), WAIT_OBJECT_0);
		while ((n = rio.RIODequeueCompletion(rig->cq, res, 4))) {
			CHECK(n <= 4);
			seen += n;
			while (n--)
				CHECK(rig_post(rig, 0, 100, 0));
		}
	}
}

/* Nothing is lost between looking and arming. */
TEST(br17_sleeping_receiver)
{
	HANDLE event = new_event(TRUE);
	struct rig *rig = rig_event(event, TRUE);
	struct thread *t;
	int i;

	rig->event = event;
	for (i = 0; i < 4; i++)
		CHECK(rig_post(rig, 0, 100, 0));
	t = thread_start(wait_and_take, rig);
	for (i = 0; i < 500; i++)
		snd(10);
	thread_join(t);
}

/* RIOReceiveEx() */

/* Pieces of the rig's memory, behind its data. */
#define LOCAL_AT	2048
#define REMOTE_AT	2112
#define CONTROL_AT	2176
#define FLAGS_AT	2432

static int post_ex(struct rig *rig, ULONG addr_len)
{
	RIO_BUF data = { rig->id, 0, 100 };
	RIO_BUF local = { rig->id, LOCAL_AT, addr_len };
	RIO_BUF remote = { rig->id, REMOTE_AT, addr_len };

	return rio.RIOReceiveEx(rig->rq, &data, 1, &local, &remote, NULL, NULL,
				0, (PVOID)1);
}

TEST(br14_addresses)
{
	struct rig *rig = rig_new(4, 4);
	SOCKADDR_INET *local = (SOCKADDR_INET *)(void *)(rig->mem + LOCAL_AT);
	SOCKADDR_INET *remote = (SOCKADDR_INET *)(void *)(rig->mem + REMOTE_AT);
	RIORESULT res;

	CHECK(post_ex(rig, sizeof(SOCKADDR_INET)));
	snd(5);
	rig_wait(rig, &res);
	EQ(res.Status, 0);
	EQ(res.BytesTransferred, 5);
	CHECK(letters(rig->mem, 5));
	EQ(remote->si_family, AF_INET);
	EQ(remote->Ipv4.sin_port, SA.sin_port);
	EQ(remote->Ipv4.sin_addr.s_addr, SA.sin_addr.s_addr);
	EQ(local->si_family, AF_INET);
	EQ(local->Ipv4.sin_port, RA.sin_port);
	EQ(local->Ipv4.sin_addr.s_addr, RA.sin_addr.s_addr);
	CHECK(filled(rig->mem + LOCAL_AT + sizeof(*local), POISON_BYTE, 16));
	CHECK(filled(rig->mem + REMOTE_AT + sizeof(*remote), POISON_BYTE, 16));
}

TEST(br14_addresses_v6)
{
	struct rig *rig = rig_new(4, 8);
	SOCKADDR_INET *local = (SOCKADDR_INET *)(void *)(rig->mem + LOCAL_AT);
	SOCKADDR_INET *remote = (SOCKADDR_INET *)(void *)(rig->mem + REMOTE_AT);
	struct sockaddr_in6 to, from;
	RIORESULT res;
	SOCKET r, s;

	if (!have_ipv6())
		SKIP("no IPv6 here");
	r = WSASocketW(AF_INET6, SOCK_DGRAM, 0, NULL, 0,
		       WSA_FLAG_REGISTERED_IO | WSA_FLAG_OVERLAPPED);
	s = WSASocketW(AF_INET6, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
	bind_lo6(r, &to);
	bind_lo6(s, &from);
	rig->rq = make_rq(r, rig->cq, 2, 0);
	CHECK(rig->rq != RIO_INVALID_RQ);
	CHECK(post_ex(rig, sizeof(SOCKADDR_INET)));
	EQ(sendto(s, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
	rig_wait(rig, &res);
	EQ(res.Status, 0);
	EQ(res.BytesTransferred, 5);
	EQ(remote->si_family, AF_INET6);
	EQ(remote->Ipv6.sin6_port, from.sin6_port);
	EQ(memcmp(&remote->Ipv6.sin6_addr, &from.sin6_addr, 16), 0);
	EQ(local->si_family, AF_INET6);
	EQ(local->Ipv6.sin6_port, to.sin6_port);
	EQ(memcmp(&local->Ipv6.sin6_addr, &to.sin6_addr, 16), 0);
}

TEST(br14_pieces_too_small_or_not_there)
{
	struct rig *rig = rig_new(4, 4);
	RIO_BUF data = { rig->id, 0, 100 };
	RIO_BUF bad = { RIO_INVALID_BUFFERID, 0, 100 };

	WSASetLastError(0);
	CHECK(!post_ex(rig, sizeof(SOCKADDR_INET) - 1));
	EQ(WSAGetLastError(), WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOReceiveEx(rig->rq, &data, 1, NULL, &bad, NULL, NULL, 0,
				NULL));
	EQ(WSAGetLastError(), WSAEFAULT);
	WSASetLastError(0);
	CHECK(!rio.RIOReceiveEx(rig->rq, &data, 1, NULL, NULL, NULL, &bad, 0,
				NULL));
	EQ(WSAGetLastError(), WSAEFAULT);
	rig_works(rig);
}

TEST(br14_only_what_was_asked_for)
{
	struct rig *rig = rig_new(4, 4);
	RIO_BUF remote = { rig->id, REMOTE_AT, sizeof(SOCKADDR_INET) };
	SOCKADDR_INET *addr = (SOCKADDR_INET *)(void *)(rig->mem + REMOTE_AT);
	RIORESULT res;

	CHECK(rio.RIOReceiveEx(rig->rq, NULL, 0, NULL, &remote, NULL, NULL, 0,
			       NULL));
	CHECK(rig_post(rig, 0, 100, 2));
	snd(5);
	rig_wait(rig, &res);
	EQ(res.BytesTransferred, 0);
	EQ(addr->Ipv4.sin_port, SA.sin_port);
	memset(rig->mem, POISON_BYTE, rig->size);
	snd(6);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 2);
	CHECK(filled(rig->mem + 6, POISON_BYTE, rig->size - 6));
}

/* Misuse */

struct poster {
	struct rig *rig;
	volatile bool stop;
};

static void post_all_the_time(void *arg)
{
	struct poster *p = arg;

	while (!p->stop)
		rig_post(p->rig, 0, 100, 0);
}

/* Windows leaves open what happens; the kernel and other queues must not mind. */
TEST(br22_two_threads_post_to_one_queue)
{
	struct poster p = { rig_new(8, 16), false };
	struct thread *a = thread_start(post_all_the_time, &p);
	struct thread *b = thread_start(post_all_the_time, &p);
	struct rig other;
	RIORESULT res[8];
	ULONG n = 0;
	int i;

	for (i = 0; i < 300 && n != RIO_CORRUPT_CQ; i++) {
		snd(10);
		n = rio.RIODequeueCompletion(p.rig->cq, res, 8);
	}
	p.stop = true;
	thread_join(a);
	thread_join(b);
	rio.RIOCloseCompletionQueue(p.rig->cq);
	EQ(closesocket(R), 0);

	R = rio_udp();
	bind_lo(R, &RA);
	other = *p.rig;
	other.cq = rio.RIOCreateCompletionQueue(4, NULL);
	other.rq = make_rq(R, other.cq, 4, 0);
	CHECK(other.rq != RIO_INVALID_RQ);
	other.context = 0;
	rig_works(&other);
}
