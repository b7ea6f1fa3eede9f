// SPDX-License-Identifier: MIT
/* Event objects and the waits for them. */
#include "harness.h"

static HANDLE event_new(bool manual, bool signaled)
{
	HANDLE h = CreateEventA(NULL, manual, signaled, NULL);

	CHECK(h != NULL);
	return h;
}

static DWORD wait_for(HANDLE h, DWORD ms)
{
	return WSAWaitForMultipleEvents(1, &h, FALSE, ms, FALSE);
}

TEST(bv1_wsa_event_is_manual_and_not_signaled)
{
	WSAEVENT h = WSACreateEvent();

	CHECK(h != WSA_INVALID_EVENT);
	EQ(wait_for(h, 0), WSA_WAIT_TIMEOUT);
	CHECK(WSASetEvent(h));
	EQ(wait_for(h, 0), 0);
	EQ(wait_for(h, LIMIT), 0);
	CHECK(WSAResetEvent(h));
	EQ(wait_for(h, 0), WSA_WAIT_TIMEOUT);
	CHECK(WSACloseEvent(h));
}

TEST(bv2_auto_reset_event)
{
	HANDLE h = event_new(false, true);
	struct op *op = op_new(10);

	EQ(wait_for(h, 0), 0);
	EQ(wait_for(h, 0), WSA_WAIT_TIMEOUT);
	CHECK(SetEvent(h));
	CHECK(SetEvent(h));
	EQ(wait_for(h, 0), 0);
	EQ(wait_for(h, 0), WSA_WAIT_TIMEOUT);

	pair();
	op->ov.hEvent = h;
	EQ(post(op), WSA_IO_PENDING);
	snd(3);
	EQ(wait_for(h, LIMIT), 0);
	EQ(wait_for(h, 0), WSA_WAIT_TIMEOUT);
	EQ(got(op), 0);
}

static volatile LONG released;

static void wait_once(void *h)
{
	if (!WaitForSingleObject(h, 2 * LIMIT))
		__atomic_add_fetch(&released, 1, __ATOMIC_SEQ_CST);
}

TEST(bv2_auto_reset_releases_one_waiter)
{
	HANDLE h = event_new(false, false);
	struct thread *a = thread_start(wait_once, h);
	struct thread *b = thread_start(wait_once, h);

	thread_waits(a);
	thread_waits(b);
	CHECK(SetEvent(h));
	UNTIL(released == 1);
	nap(QUIET);
	EQ(released, 1);
	CHECK(SetEvent(h));
	UNTIL(released == 2);
	thread_join(a);
	thread_join(b);
}

TEST(bv3_event_functions_on_bad_handles)
{
	WSAEVENT h = WSACreateEvent();

	CHECK(WSACloseEvent(h));
	CHECK(!WSASetEvent(h));
	EQ(WSAGetLastError(), WSA_INVALID_HANDLE);
	CHECK(!WSAResetEvent(h));
	EQ(WSAGetLastError(), WSA_INVALID_HANDLE);
	CHECK(!WSACloseEvent(h));
	EQ(WSAGetLastError(), WSA_INVALID_HANDLE);
	CHECK(!WSASetEvent((WSAEVENT)(uintptr_t)0xabacacacULL));
	EQ(WSAGetLastError(), WSA_INVALID_HANDLE);
	CHECK(!WSASetEvent(NULL));
	EQ(WSAGetLastError(), WSA_INVALID_HANDLE);
}

TEST_NOT_STARTED(bv4_events_need_startup)
{
	WSAEVENT h = WSACreateEvent();

	EQ(h, NULL);
	EQ(WSAGetLastError(), WSANOTINITIALISED);
}

TEST(bv5_posting_resets_the_event)
{
	struct op *op = op_ev(10);

	pair();
	CHECK(WSASetEvent(op->ov.hEvent));
	EQ(post(op), WSA_IO_PENDING);
	CHECK(!is_set(op->ov.hEvent));
	snd(3);
	EQ(done(op), 0);
}

TEST(bv6_immediate_success_sets_the_event)
{
	struct op *op = op_ev(10);

	pair();
	snd(3);
	EQ(post(op), 0);
	CHECK(is_set(op->ov.hEvent));
}

TEST(bv7_count_out_of_range)
{
	HANDLE h[65];
	int i;

	for (i = 0; i < 65; i++)
		h[i] = event_new(true, true);
	EQ(WSAWaitForMultipleEvents(0, h, FALSE, 0, FALSE), WSA_WAIT_FAILED);
	EQ(WSAGetLastError(), WSA_INVALID_PARAMETER);
	EQ(WSAWaitForMultipleEvents(65, h, FALSE, 0, FALSE), WSA_WAIT_FAILED);
	EQ(WSAGetLastError(), WSA_INVALID_PARAMETER);
	EQ(WSAWaitForMultipleEvents(64, h, FALSE, 0, FALSE), 0);
	EQ(WSAWaitForMultipleEvents(64, h, TRUE, 0, FALSE), 0);
}

TEST(bv8_bad_handle_in_the_array)
{
	HANDLE h[2] = { event_new(true, false), event_new(true, false) };

	CHECK(CloseHandle(h[1]));
	EQ(WSAWaitForMultipleEvents(2, h, FALSE, 0, FALSE), WSA_WAIT_FAILED);
	EQ(WSAGetLastError(), WSA_INVALID_HANDLE);
	h[1] = NULL;
	EQ(WSAWaitForMultipleEvents(2, h, TRUE, 0, FALSE), WSA_WAIT_FAILED);
	EQ(WSAGetLastError(), WSA_INVALID_HANDLE);
	EQ(WaitForMultipleObjects(2, h, FALSE, 0), WAIT_FAILED);
	EQ(GetLastError(), ERROR_INVALID_HANDLE);
}

TEST(bv9_lowest_index_and_it_alone)
{
	HANDLE h[64];
	int i;

	for (i = 0; i < 64; i++)
		h[i] = event_new(false, true);
	for (i = 0; i < 64; i++)
		EQ(WSAWaitForMultipleEvents(64, h, FALSE, 0, FALSE), i);
	EQ(WSAWaitForMultipleEvents(64, h, FALSE, 0, FALSE), WSA_WAIT_TIMEOUT);
	CHECK(SetEvent(h[63]));
	CHECK(SetEvent(h[7]));
	EQ(WSAWaitForMultipleEvents(64, h, FALSE, 0, FALSE), 7);
	EQ(WSAWaitForMultipleEvents(64, h, FALSE, 0, FALSE), 63);
}

TEST(bv10_all_or_nothing)
{
	HANDLE h[2] = { event_new(false, true), event_new(false, false) };

	EQ(WSAWaitForMultipleEvents(2, h, TRUE, 0, FALSE), WSA_WAIT_TIMEOUT);
	EQ(WSAWaitForMultipleEvents(2, h, TRUE, QUIET / 2, FALSE), WSA_WAIT_TIMEOUT);
	CHECK(is_set(h[0]));		/* and takes it */
	CHECK(SetEvent(h[0]));
	CHECK(SetEvent(h[1]));
	EQ(WSAWaitForMultipleEvents(2, h, TRUE, LIMIT, FALSE), 0);
	CHECK(!is_set(h[0]));
	CHECK(!is_set(h[1]));
}

static HANDLE both[2];

static void wait_for_both(void *result)
{
	*(DWORD *)result = WSAWaitForMultipleEvents(2, both, TRUE, 2 * LIMIT, FALSE);
}

/* A waiter for two does not hold on to the one that comes first. */
TEST(bv10_others_may_take_one_meanwhile)
{
	DWORD result = POISON;
	struct thread *t;

	both[0] = event_new(false, false);
	both[1] = event_new(false, false);
	t = thread_start(wait_for_both, &result);
	thread_waits(t);
	CHECK(SetEvent(both[0]));
	nap(QUIET / 2);
	EQ(wait_for(both[0], 0), 0);
	CHECK(SetEvent(both[1]));
	nap(QUIET / 2);
	EQ(result, POISON);
	CHECK(SetEvent(both[0]));
	thread_join(t);
	EQ(result, 0);
}

TEST(bv10_duplicates_in_wait_all)
{
	HANDLE h = event_new(true, true), twice[2] = { h, h };
	DWORD rc = WSAWaitForMultipleEvents(2, twice, TRUE, 0, FALSE);

	/* Not allowed; refused, or harmless. */
	CHECK(rc == WSA_WAIT_FAILED || rc == 0);
}

TEST(bv11_time_out)
{
	HANDLE h = event_new(true, false);
	long long start = now_ms();

	EQ(wait_for(h, 0), WSA_WAIT_TIMEOUT);
	CHECK(now_ms() - start < LIMIT);
	start = now_ms();
	EQ(wait_for(h, 50), WSA_WAIT_TIMEOUT);
	CHECK(now_ms() - start >= 40);
	CHECK(SetEvent(h));
	EQ(wait_for(h, WSA_INFINITE), 0);
}

static void set_later(void *h)
{
	nap(QUIET);
	SetEvent(h);
}

TEST(bv11_woken_from_an_infinite_wait)
{
	HANDLE h = event_new(true, false);
	struct thread *t = thread_start(set_later, h);

	EQ(wait_for(h, WSA_INFINITE), 0);
	thread_join(t);
}

TEST(bv16_the_socket_is_waitable)
{
	struct op *op = op_new(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	EQ(WaitForSingleObject((HANDLE)R, 0), WAIT_TIMEOUT);
	snd(3);
	EQ(WaitForSingleObject((HANDLE)R, LIMIT), 0);
	EQ(got(op), 0);
	EQ(post(op), WSA_IO_PENDING);
	EQ(WaitForSingleObject((HANDLE)R, 0), WAIT_TIMEOUT);
}

static void close_later(void *h)
{
	nap(QUIET);
	CloseHandle(h);
}

TEST(bv17_closed_during_a_wait)
{
	HANDLE h = event_new(true, false);
	struct thread *t = thread_start(close_later, h);
	DWORD rc = wait_for(h, 4 * QUIET);

	/* Undefined; it only has to end. */
	CHECK(rc == WSA_WAIT_TIMEOUT || rc == WSA_WAIT_FAILED || rc == 0);
	thread_join(t);
}

TEST(bv12_events_of_both_kinds_together)
{
	HANDLE h[3] = { WSACreateEvent(), event_new(false, false), WSACreateEvent() };
	struct op *op = op_new(10);

	pair();
	op->ov.hEvent = h[1];
	EQ(post(op), WSA_IO_PENDING);
	EQ(WSAWaitForMultipleEvents(3, h, FALSE, 0, FALSE), WSA_WAIT_TIMEOUT);
	snd(1);
	EQ(WSAWaitForMultipleEvents(3, h, FALSE, LIMIT, FALSE), 1);
	EQ(WSAWaitForMultipleEvents(3, h, FALSE, 0, FALSE), WSA_WAIT_TIMEOUT);
}
