// SPDX-License-Identifier: MIT
/*
 * What stands beside WSARecvFrom(): sends that bind a socket, WSARecv(), and
 * the results' Win32 face.
 */
#include "harness.h"

#ifdef _WIN32
#include <mswsock.h>
#endif

static void received_after_binding(void)
{
	struct op *op = op_ev(10);
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);

	EQ(post(op), WSA_IO_PENDING);
	EQ(getsockname(R, (struct sockaddr *)&addr, &len), 0);
	CHECK(addr.sin_port != 0);
	RA.sin_family = AF_INET;
	RA.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	RA.sin_port = addr.sin_port;
	snd(4);
	EQ(done(op), 0);
	EQ(op->got_bytes, 4);
}

static void fresh_r(void)
{
	pair();
	closesocket(R);
	R = udp(WSA_FLAG_OVERLAPPED);
}

TEST(a38_bound_by_wsasendto)
{
	char x[1] = "";
	WSABUF b = { 1, x };
	DWORD n;

	fresh_r();
	EQ(WSASendTo(R, &b, 1, &n, 0, (struct sockaddr *)&SA, sizeof(SA), NULL, NULL), 0);
	EQ(n, 1);
	received_after_binding();
}

TEST(a38_bound_by_wsasendto_overlapped)
{
	char x[1] = "";
	WSABUF b = { 1, x };
	struct op *op = op_ev(1);
	DWORD n;

	fresh_r();
	if (WSASendTo(R, &b, 1, &n, 0, (struct sockaddr *)&SA, sizeof(SA), &op->ov, NULL))
		EQ(WSAGetLastError(), WSA_IO_PENDING);
	EQ(done(op), 0);
	EQ(op->got_bytes, 1);
	received_after_binding();
}

static int recv_plain(struct op *op, bool overlapped)
{
	return WSARecv(R, &op->buf, 1, &op->bytes, &op->flags,
		       overlapped ? &op->ov : NULL, NULL) ? WSAGetLastError() : 0;
}

TEST(brx1_without_an_address)
{
	struct op *op = op_ev(10);

	pair();
	snd(5);
	EQ(recv_plain(op, false), 0);
	EQ(op->bytes, 5);
	EQ(recv_plain(op, true), WSA_IO_PENDING);
	snd(100);
	EQ(done(op), WSAEMSGSIZE);
	CHECK(letters(op->data, 10));
}

TEST(brx1_others_are_dropped_when_connected)
{
	SOCKET third = udp(0);
	struct op *op = op_ev(10);

	pair();
	bind_lo(third, NULL);
	EQ(connect(R, (struct sockaddr *)&SA, sizeof(SA)), 0);
	EQ(recv_plain(op, true), WSA_IO_PENDING);
	snd_from(third, &RA, 3, '3');
	CHECK(stays_quiet(op->ov.hEvent));
	snd(5);
	EQ(done(op), 0);
}

static int got32(struct op *op)
{
	DWORD n = POISON;

	if (GetOverlappedResult((HANDLE)R, &op->ov, &n, FALSE)) {
		op->got_bytes = n;
		return 0;
	}
	return (int)GetLastError();
}

TEST(bg13_win32_codes)
{
	struct op *op = op_ev(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	EQ(got32(op), ERROR_IO_INCOMPLETE);
	snd(5);
	EQ(wait_op(op), 0);
	EQ(got32(op), 0);
	EQ(op->got_bytes, 5);
	EQ(post(op), WSA_IO_PENDING);
	snd(100);
	EQ(wait_op(op), 0);
	EQ(got32(op), ERROR_MORE_DATA);
	EQ(post(op), WSA_IO_PENDING);
	CHECK(CancelIo((HANDLE)R));
	EQ(wait_op(op), 0);
	EQ(got32(op), ERROR_OPERATION_ABORTED);
}

static volatile LONG calls;

static void CALLBACK apc(ULONG_PTR arg)
{
	(void)arg;
	calls++;
}

TEST(bg14_with_a_time_limit)
{
	struct op *op = op_ev(10);
	DWORD n = POISON;

	pair();
	EQ(post(op), WSA_IO_PENDING);
	CHECK(!GetOverlappedResultEx((HANDLE)R, &op->ov, &n, 0, FALSE));
	EQ(GetLastError(), ERROR_IO_INCOMPLETE);
	CHECK(!GetOverlappedResultEx((HANDLE)R, &op->ov, &n, 20, FALSE));
	EQ(GetLastError(), WAIT_TIMEOUT);
	CHECK(QueueUserAPC(apc, GetCurrentThread(), 0));
	CHECK(!GetOverlappedResultEx((HANDLE)R, &op->ov, &n, LIMIT, TRUE));
	EQ(GetLastError(), WAIT_IO_COMPLETION);
	EQ(calls, 1);
	snd(5);
	CHECK(GetOverlappedResultEx((HANDLE)R, &op->ov, &n, LIMIT, FALSE));
	EQ(n, 5);
}

static HANDLE duplicate(HANDLE h, DWORD options)
{
	HANDLE copy = NULL;

	CHECK(DuplicateHandle(GetCurrentProcess(), h, GetCurrentProcess(), &copy, 0,
			      FALSE, options));
	CHECK(copy != NULL);
	return copy;
}

TEST(bk16_duplicated_handle)
{
	struct op *op = op_ev(10), *now = op_new(10);
	DWORD n, flags;
	HANDLE dup;

	pair();
	dup = duplicate((HANDLE)R, DUPLICATE_SAME_ACCESS);
	snd(5);
	EQ(recv_now_on((SOCKET)dup, now), 0);
	EQ(post_on((SOCKET)dup, op), WSA_IO_PENDING);
	snd(6);
	EQ(wait_op(op), 0);
	CHECK(!WSAGetOverlappedResult((SOCKET)dup, &op->ov, &n, FALSE, &flags));
	EQ(WSAGetLastError(), WSAENOTSOCK);
	EQ(got(op), 0);
	EQ(op->got_bytes, 6);
	CHECK(CloseHandle(dup));
	still_works();
}

TEST(bk16_duplicate_closed_as_a_socket)
{
	pair();
	EQ(closesocket((SOCKET)duplicate((HANDLE)R, DUPLICATE_SAME_ACCESS)), 0);
	still_works();
}

TEST(bk16_bad_duplicates)
{
	HANDLE copy = NULL;

	pair();
	CHECK(!DuplicateHandle(GetCurrentProcess(), INVALID_HANDLE_VALUE - 4,
			       GetCurrentProcess(), &copy, 0, FALSE,
			       DUPLICATE_SAME_ACCESS));
	EQ(GetLastError(), ERROR_INVALID_HANDLE);
	copy = duplicate((HANDLE)R, DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE);
	/* Its number may be free for the copy. */
	CHECK(copy == (HANDLE)R || !CloseHandle((HANDLE)R));
	R = (SOCKET)copy;
	snd(5);
	EQ(recv_now(op_new(10)), 0);
}

TEST(bk17_bcp21_cancelled_with_the_last_handle)
{
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	struct op *op = op_new(10);
	OVERLAPPED *ov;
	ULONG_PTR key;
	HANDLE dup;
	DWORD n;

	pair();
	CHECK(CreateIoCompletionPort((HANDLE)R, port, 7, 0) == port);
	dup = duplicate((HANDLE)R, DUPLICATE_SAME_ACCESS);
	EQ(post_on((SOCKET)dup, op), WSA_IO_PENDING);
	EQ(closesocket(R), 0);
	CHECK(!GetQueuedCompletionStatus(port, &n, &key, &ov, QUIET));
	CHECK(ov == NULL);
	CHECK(CloseHandle(dup));
	CHECK(!GetQueuedCompletionStatus(port, &n, &key, &ov, LIMIT));
	CHECK(ov == &op->ov);
	EQ(key, 7);
	EQ(n, 0);
	EQ(GetLastError(), ERROR_OPERATION_ABORTED);
}

/* They are one socket: bound to the port whichever was, and so are their calls. */
TEST(bcp21_bk17_duplicates_share_a_port)
{
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	HANDLE other = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	struct op *op[3] = { op_new(10), op_new(10), op_new(10) };
	OVERLAPPED *ov;
	ULONG_PTR key;
	HANDLE dup;
	DWORD n, i;

	pair();
	dup = duplicate((HANDLE)R, DUPLICATE_SAME_ACCESS);
	/* Pending before the port, by the handle that is not bound. */
	EQ(post_on((SOCKET)dup, op[0]), WSA_IO_PENDING);
	CHECK(CreateIoCompletionPort((HANDLE)R, port, 7, 0) == port);
	CHECK(!CreateIoCompletionPort(dup, other, 8, 0));
	EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	EQ(post_on((SOCKET)dup, op[1]), WSA_IO_PENDING);
	EQ(post_on(R, op[2]), WSA_IO_PENDING);
	EQ(closesocket(R), 0);
	for (i = 0; i < 3; i++) {
		snd(5);
		CHECK(GetQueuedCompletionStatus(port, &n, &key, &ov, LIMIT));
		CHECK(ov == &op[i]->ov);
		EQ(key, 7);
		EQ(n, 5);
	}
	CHECK(CloseHandle(dup));
}

TEST(bx1_bx2_cancel_by_a_duplicate)
{
	struct op *op[2] = { op_ev(10), op_ev(10) };
	HANDLE dup;

	pair();
	dup = duplicate((HANDLE)R, DUPLICATE_SAME_ACCESS);
	EQ(post(op[0]), WSA_IO_PENDING);
	EQ(post(op[1]), WSA_IO_PENDING);
	CHECK(CancelIoEx(dup, &op[1]->ov));
	EQ(done(op[1]), WSA_OPERATION_ABORTED);
	CHECK(!is_set(op[0]->ov.hEvent));
	CHECK(CancelIo(dup));
	EQ(done(op[0]), WSA_OPERATION_ABORTED);
	still_works();
}

TEST(bv16_bk17_duplicates_are_signaled_together)
{
	struct op *op = op_new(10);
	HANDLE dup;

	pair();
	dup = duplicate((HANDLE)R, DUPLICATE_SAME_ACCESS);
	EQ(post(op), WSA_IO_PENDING);
	CHECK(!is_set(dup));
	EQ(closesocket(R), 0);
	CHECK(!is_set(dup));
	snd(5);
	EQ(WaitForSingleObject(dup, LIMIT), WAIT_OBJECT_0);
	UNTIL(HasOverlappedIoCompleted(&op->ov));
	EQ(op->ov.InternalHigh, 5);
}

TEST(bv3_bcp19_duplicates_of_events_and_ports)
{
	HANDLE event = WSACreateEvent(), port;
	HANDLE event2 = duplicate(event, DUPLICATE_SAME_ACCESS), port2;
	OVERLAPPED *ov;
	ULONG_PTR key;
	DWORD n;

	CHECK(WSASetEvent(event));
	CHECK(WSACloseEvent(event));
	CHECK(is_set(event2));
	CHECK(ResetEvent(event2));
	CHECK(!is_set(event2));

	port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	port2 = duplicate(port, DUPLICATE_SAME_ACCESS);
	CHECK(PostQueuedCompletionStatus(port, 1, 2, NULL));
	CHECK(CloseHandle(port));
	CHECK(GetQueuedCompletionStatus(port2, &n, &key, &ov, LIMIT));
	EQ(n, 1);
	EQ(key, 2);
}

TEST(bcp19_port_lives_with_its_sockets)
{
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	struct op *op = op_ev(10);

	pair();
	CHECK(CreateIoCompletionPort((HANDLE)R, port, 7, 0) == port);
	CHECK(CloseHandle(port));
	EQ(post(op), WSA_IO_PENDING);
	snd(5);
	EQ(done(op), 0);
}

static HANDLE started;

static DWORD WINAPI thread_body(void *unused)
{
	(void)unused;
	return calls ? 1 : 2;
}

TEST(bp9_apc_before_the_thread_starts)
{
	DWORD code = 0;

	started = CreateThread(NULL, 0, thread_body, NULL, CREATE_SUSPENDED, NULL);
	CHECK(QueueUserAPC(apc, started, 0));
	ResumeThread(started);
	EQ(WaitForSingleObject(started, LIMIT), 0);
	CHECK(GetExitCodeThread(started, &code));
	EQ(code, 1);
}

static void CALLBACK spoils(DWORD error, DWORD n, LPWSAOVERLAPPED ov, DWORD flags)
{
	record(error, n, ov, flags);
	WSASetLastError(4711);
}

TEST(be6_a_routine_may_change_the_last_error)
{
	struct op *op = op_new(10);

	pair();
	EQ(post_cr(op, spoils), WSA_IO_PENDING);
	snd(5);
	/* The wait's own answer is right whatever the routine did. */
	EQ(SleepEx(LIMIT, TRUE), WAIT_IO_COMPLETION);
	EQ(recorded.calls, 1);
}
