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

#ifdef _WIN32
#define DUPLICATE(h) \
	DuplicateHandle(GetCurrentProcess(), (HANDLE)R, GetCurrentProcess(), &(h), \
			0, FALSE, DUPLICATE_SAME_ACCESS)
#endif

TEST(bk16_duplicated_handle)
{
#ifdef _WIN32
	struct op *op = op_ev(10), *now = op_new(10);
	DWORD n, flags;
	HANDLE dup;

	pair();
	CHECK(DUPLICATE(dup));
	snd(5);
	EQ(recv_now_on((SOCKET)dup, now), 0);
	EQ(post_on((SOCKET)dup, op), WSA_IO_PENDING);
	snd(6);
	EQ(wait_op(op), 0);
	CHECK(!WSAGetOverlappedResult((SOCKET)dup, &op->ov, &n, FALSE, &flags));
	EQ(WSAGetLastError(), WSAENOTSOCK);
#else
	SKIP("no DuplicateHandle() here: dup() makes another socket handle");
#endif
}

TEST(bk17_bcp21_cancelled_with_the_last_handle)
{
#ifdef _WIN32
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	struct op *op = op_new(10);
	OVERLAPPED *ov;
	ULONG_PTR key;
	HANDLE dup;
	DWORD n;

	pair();
	CHECK(CreateIoCompletionPort((HANDLE)R, port, 7, 0) == port);
	CHECK(DUPLICATE(dup));
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
#else
	SKIP("no DuplicateHandle() here: dup() makes another socket handle");
#endif
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
	(void)error;
	(void)n;
	(void)ov;
	(void)flags;
	calls++;
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
	EQ(calls, 1);
}
