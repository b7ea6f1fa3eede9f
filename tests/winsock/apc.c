// SPDX-License-Identifier: MIT
/* APCs, threads, and waits for what is no event. */
#include "harness.h"

#ifndef _WIN32
#include <pthread.h>
#endif

static volatile LONG calls, depth, deepest;

static void CALLBACK count(ULONG_PTR unused)
{
	(void)unused;
	calls++;
}

static void CALLBACK routine(DWORD error, DWORD n, LPWSAOVERLAPPED ov, DWORD flags)
{
	(void)error;
	(void)n;
	(void)flags;
	op_of(ov)->calls++;
}

/* A routine that is due. */
static struct op *due(void)
{
	struct op *op = op_new(10);

	snd(5);
	EQ(post_cr(op, routine), 0);
	EQ(op->calls, 0);
	return op;
}

TEST(bp1_in_each_alertable_wait)
{
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	HANDLE e[2] = { WSACreateEvent(), WSACreateEvent() };
	OVERLAPPED_ENTRY entry;
	struct op *op;
	ULONG n;

	pair();
	op = due();
	EQ(SleepEx(LIMIT, TRUE), WAIT_IO_COMPLETION);
	EQ(op->calls, 1);
	op = due();
	EQ(WaitForSingleObjectEx(e[0], LIMIT, TRUE), WAIT_IO_COMPLETION);
	EQ(op->calls, 1);
	op = due();
	EQ(WaitForMultipleObjectsEx(2, e, FALSE, LIMIT, TRUE), WAIT_IO_COMPLETION);
	EQ(op->calls, 1);
	op = due();
	EQ(WaitForMultipleObjectsEx(2, e, TRUE, LIMIT, TRUE), WAIT_IO_COMPLETION);
	EQ(op->calls, 1);
	op = due();
	EQ(WSAWaitForMultipleEvents(2, e, TRUE, LIMIT, TRUE), WSA_WAIT_IO_COMPLETION);
	EQ(op->calls, 1);
	op = due();
	CHECK(!GetQueuedCompletionStatusEx(port, &entry, 1, &n, LIMIT, TRUE));
	EQ(GetLastError(), WAIT_IO_COMPLETION);
	EQ(op->calls, 1);
	/* And in none of the others */
	op = due();
	EQ(WaitForSingleObjectEx(e[0], 10, FALSE), WAIT_TIMEOUT);
	EQ(WaitForMultipleObjectsEx(2, e, TRUE, 10, FALSE), WAIT_TIMEOUT);
	CHECK(!GetQueuedCompletionStatusEx(port, &entry, 1, &n, 10, FALSE));
	EQ(GetLastError(), WAIT_TIMEOUT);
	EQ(op->calls, 0);
}

static void CALLBACK queues_another(ULONG_PTR left)
{
	calls++;
	if (left)
		CHECK(QueueUserAPC(queues_another, GetCurrentThread(), left - 1));
}

TEST(bp3_those_queued_meanwhile_run_too)
{
	CHECK(QueueUserAPC(queues_another, GetCurrentThread(), 4));
	EQ(SleepEx(LIMIT, TRUE), WAIT_IO_COMPLETION);
	EQ(calls, 5);
	EQ(SleepEx(0, TRUE), 0);
}

static void CALLBACK waits(ULONG_PTR left)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (left) {
		CHECK(QueueUserAPC(waits, GetCurrentThread(), left - 1));
		EQ(SleepEx(LIMIT, TRUE), WAIT_IO_COMPLETION);
	}
	depth--;
}

TEST(bp10_an_apc_may_wait_alertably)
{
	CHECK(QueueUserAPC(waits, GetCurrentThread(), 3));
	EQ(SleepEx(LIMIT, TRUE), WAIT_IO_COMPLETION);
	EQ(deepest, 4);
}

static DWORD WINAPI thread_body(void *event)
{
	if (event)
		WaitForSingleObject(event, INFINITE);
	return 42;
}

TEST(bp8_apc_to_a_thread_that_has_ended)
{
	HANDLE t = CreateThread(NULL, 0, thread_body, NULL, 0, NULL);
	DWORD code = POISON;

	CHECK(t != NULL);
	EQ(WaitForSingleObject(t, LIMIT), 0);
	CHECK(GetExitCodeThread(t, &code));
	EQ(code, 42);
	CHECK(!QueueUserAPC(count, t, 0));
	EQ(GetLastError(), ERROR_GEN_FAILURE);
	CHECK(CloseHandle(t));
	CHECK(!QueueUserAPC(count, t, 0));
	EQ(GetLastError(), ERROR_INVALID_HANDLE);
}

static DWORD WINAPI sleeper(void *unused)
{
	(void)unused;
	return SleepEx(INFINITE, TRUE);
}

TEST(bp4_apc_from_another_thread_wakes)
{
	HANDLE t = CreateThread(NULL, 0, sleeper, NULL, 0, NULL);
	DWORD code = POISON;

	nap(QUIET);
	CHECK(QueueUserAPC(count, t, 0));
	EQ(WaitForSingleObject(t, LIMIT), 0);
	CHECK(GetExitCodeThread(t, &code));
	EQ(code, WAIT_IO_COMPLETION);
	EQ(calls, 1);
}

TEST(bv12_events_threads_ports_and_sockets)
{
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	HANDLE go = WSACreateEvent();
	HANDLE h[4] = { WSACreateEvent(), CreateThread(NULL, 0, thread_body, go, 0, NULL),
			NULL, port };
	struct op *op = op_new(10);

	pair();
	h[2] = (HANDLE)R;
	EQ(post(op), WSA_IO_PENDING);
	EQ(WaitForMultipleObjects(3, h, FALSE, 0), WAIT_TIMEOUT);
	snd(5);
	EQ(WaitForMultipleObjects(3, h, FALSE, LIMIT), WAIT_OBJECT_0 + 2);
	EQ(got(op), 0);
	CHECK(SetEvent(go));
	EQ(WaitForSingleObject(h[1], LIMIT), WAIT_OBJECT_0);
	EQ(WaitForMultipleObjects(3, h, FALSE, LIMIT), WAIT_OBJECT_0 + 1);
	EQ(WaitForMultipleObjects(3, h, TRUE, 0), WAIT_TIMEOUT);
	CHECK(SetEvent(h[0]));
	EQ(WaitForMultipleObjects(3, h, TRUE, LIMIT), WAIT_OBJECT_0);
}

static void send_later(void *unused)
{
	(void)unused;
	nap(QUIET);
	snd(5);
}

TEST(bv16_signaled_by_what_has_no_event)
{
	struct op *op = op_new(10);
	struct thread *t;

	pair();
	EQ(post(op), WSA_IO_PENDING);
	t = thread_start(send_later, NULL);
	EQ(WaitForSingleObject((HANDLE)R, LIMIT), WAIT_OBJECT_0);
	thread_join(t);
	/* One with an event of its own resets the socket and signals the event. */
	op = op_ev(10);
	EQ(post(op), WSA_IO_PENDING);
	EQ(WaitForSingleObject((HANDLE)R, 0), WAIT_TIMEOUT);
	snd(5);
	EQ(done(op), 0);
	EQ(WaitForSingleObject((HANDLE)R, 0), WAIT_TIMEOUT);
}

TEST(bcp18_a_socket_that_is_not_to_be_signaled)
{
	struct op *op = op_new(10);

	pair();
	CHECK(SetFileCompletionNotificationModes((HANDLE)R,
						 FILE_SKIP_SET_EVENT_ON_HANDLE));
	EQ(post(op), WSA_IO_PENDING);
	snd(5);
	UNTIL(!got(op));
	EQ(WaitForSingleObject((HANDLE)R, 0), WAIT_TIMEOUT);
}

TEST(bcp12_who_takes_from_a_port_gets_packets_first)
{
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	OVERLAPPED_ENTRY e;
	ULONG n;

	/* The first time, the APC. */
	CHECK(PostQueuedCompletionStatus(port, 1, 0, NULL));
	CHECK(QueueUserAPC(count, GetCurrentThread(), 0));
	CHECK(!GetQueuedCompletionStatusEx(port, &e, 1, &n, LIMIT, TRUE));
	EQ(GetLastError(), WAIT_IO_COMPLETION);
	EQ(calls, 1);
	CHECK(GetQueuedCompletionStatusEx(port, &e, 1, &n, LIMIT, TRUE));
	EQ(e.dwNumberOfBytesTransferred, 1);
	/* Now the thread belongs to the port. */
	CHECK(PostQueuedCompletionStatus(port, 2, 0, NULL));
	CHECK(QueueUserAPC(count, GetCurrentThread(), 0));
	CHECK(GetQueuedCompletionStatusEx(port, &e, 1, &n, LIMIT, TRUE));
	EQ(e.dwNumberOfBytesTransferred, 2);
	EQ(calls, 1);
	EQ(SleepEx(0, TRUE), WAIT_IO_COMPLETION);
	EQ(calls, 2);
}

#ifndef _WIN32
static HANDLE pending_port;

static void *wait_for_event(void *event)
{
	WaitForSingleObject(event, INFINITE);
	return NULL;
}

static void *wait_for_packet(void *unused)
{
	OVERLAPPED *ov;
	ULONG_PTR key;
	DWORD n;

	GetQueuedCompletionStatus(pending_port, &n, &key, &ov, INFINITE);
	return unused;
}

static void *wait_for_datagram(void *op)
{
	recv_now(op);
	return NULL;
}

static void *wait_for_result(void *op)
{
	DWORD n, flags;

	WSAGetOverlappedResult(R, &((struct op *)op)->ov, &n, TRUE, &flags);
	return NULL;
}

static void *sleep_alertably(void *unused)
{
	SleepEx(INFINITE, TRUE);
	return unused;
}

static void cancel_in(void *(*fn)(void *), void *arg)
{
	pthread_t t;
	void *end;

	EQ(pthread_create(&t, NULL, fn, arg), 0);
	nap(QUIET);
	EQ(pthread_cancel(t), 0);
	EQ(pthread_join(t, &end), 0);
	CHECK(end == PTHREAD_CANCELED);
}
#endif

TEST(a46_thread_is_cancelled_in_each_wait)
{
#ifdef _WIN32
	SKIP("threads are not cancelled on Windows");
#else
	HANDLE event = WSACreateEvent();
	struct op *op = op_new(10);

	pair();
	pending_port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	EQ(post(op), WSA_IO_PENDING);
	cancel_in(wait_for_event, event);
	cancel_in(wait_for_packet, NULL);
	cancel_in(wait_for_result, op);
	cancel_in(sleep_alertably, NULL);
	cancel_in(wait_for_datagram, op_new(10));
	/* They have left nothing behind: the datagram is the first op's. */
	snd(5);
	UNTIL(!got(op));
	EQ(op->got_bytes, 5);
	CHECK(PostQueuedCompletionStatus(pending_port, 1, 0, NULL));
	CHECK(wait_for_packet(event) == event);
	CHECK(CloseHandle(event));
	still_works();
#endif
}
