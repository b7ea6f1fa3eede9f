// SPDX-License-Identifier: MIT
/* Completion routines, APCs and alertable waits. */
#include "harness.h"

static WSAEVENT never;

/* An alertable wait for nothing else. */
static DWORD alert(DWORD ms)
{
	if (!never)
		never = WSACreateEvent();
	return WSAWaitForMultipleEvents(1, &never, FALSE, ms, TRUE);
}

static volatile LONG calls, depth, deepest;
static struct op *again;
static int again_rc;

static void note(DWORD error, DWORD n, LPWSAOVERLAPPED ov, DWORD flags)
{
	struct op *op = op_of(ov);

	op->error = error;
	op->transferred = n;
	op->routine_flags = flags;
	op->thread = thread_id();
	op->calls++;
	calls++;
}

static void CALLBACK routine(DWORD error, DWORD n, LPWSAOVERLAPPED ov, DWORD flags)
{
	note(error, n, ov, flags);
}

static struct op *earlier;

static void CALLBACK after_earlier(DWORD error, DWORD n, LPWSAOVERLAPPED ov, DWORD flags)
{
	EQ(earlier->calls, 1);
	note(error, n, ov, flags);
}

static struct op *posted(ULONG size)
{
	struct op *op = op_new(size);

	EQ(post_cr(op, routine), WSA_IO_PENDING);
	return op;
}

TEST(a16_immediate_success_queues_the_routine)
{
	struct op *op = op_new(10);

	pair();
	snd(5);
	EQ(post_cr(op, routine), 0);
	EQ(op->bytes, 5);
	EQ(op->calls, 0);
	EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(op->calls, 1);
	EQ(op->error, 0);
	EQ(op->transferred, 5);
	EQ(alert(0), WSA_WAIT_TIMEOUT);
	EQ(op->calls, 1);
}

TEST(a42_a43_a85_routine_has_the_result)
{
	struct op *op;

	pair();
	op = posted(10);
	snd(5);
	EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(op->calls, 1);
	EQ(op->error, 0);
	EQ(op->transferred, 5);
	EQ(op->fromlen, 16);
	CHECK(letters(op->data, 5));
	/* The same as the other way of asking */
	EQ(got(op), 0);
	EQ(op->got_bytes, op->transferred);
}

TEST(a67_a86_flags_given_to_the_routine)
{
	struct op *op;

	pair();
	op = posted(10);
	snd(5);
	EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(op->routine_flags, 0);
}

TEST(a86_bs3_d8_truncated)
{
	struct op *op;

	pair();
	op = posted(10);
	snd(100);
	EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(op->error, WSAEMSGSIZE);
	EQ(op->transferred, 10);
	CHECK(letters(op->data, 10));
}

TEST(a86_a34_bp6_d8_closed)
{
	struct op *op;

	pair();
	op = posted(10);
	EQ(closesocket(R), 0);
	EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(op->calls, 1);
	EQ(op->error, WSA_OPERATION_ABORTED);
	EQ(op->transferred, 0);
	EQ(alert(QUIET), WSA_WAIT_TIMEOUT);
	EQ(op->calls, 1);
}

static void CALLBACK repost(DWORD error, DWORD n, LPWSAOVERLAPPED ov, DWORD flags)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	note(error, n, ov, flags);
	if (again)
		again_rc = post_cr(again, routine);
	depth--;
}

TEST(a23_a73_posting_in_a_routine)
{
	struct op *op = op_new(10);

	pair();
	again = op_new(10);
	EQ(post_cr(op, repost), WSA_IO_PENDING);
	snd(5);
	EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(again_rc, WSA_IO_PENDING);
	EQ(again->calls, 0);
	snd(6);
	EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(again->calls, 1);
	EQ(again->transferred, 6);
}

enum { MANY = 200 };

static int left = MANY;

static void CALLBACK chain(DWORD error, DWORD n, LPWSAOVERLAPPED ov, DWORD flags)
{
	int err;

	depth++;
	if (depth > deepest)
		deepest = depth;
	note(error, n, ov, flags);
	if (--left) {
		err = post_cr(op_of(ov), chain);
		CHECK(!err || err == WSA_IO_PENDING);
	}
	depth--;
}

TEST(a74_bp10_routines_never_nest)
{
	struct op *op = op_new(10);
	int i;

	pair();
	for (i = 0; i < MANY; i++)
		snd(1);
	EQ(post_cr(op, chain), 0);
	while (left)
		EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(calls, MANY);
	EQ(deepest, 1);
}

TEST(a78_bp13_event_is_ignored)
{
	struct op *op = op_ev(10);

	pair();
	EQ(post_cr(op, routine), WSA_IO_PENDING);
	snd(5);
	CHECK(stays_quiet(op->ov.hEvent));
	EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(op->calls, 1);
	CHECK(!is_set(op->ov.hEvent));
}

TEST(a78_a79_event_is_the_programs_own)
{
	struct op *op = op_new(10);

	pair();
	op->ov.hEvent = (HANDLE)(uintptr_t)0x1234;
	EQ(post_cr(op, routine), WSA_IO_PENDING);
	snd(5);
	EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ((uintptr_t)op->ov.hEvent, 0x1234);
}

TEST(a80_a81_d11_waiting_for_the_result_is_refused)
{
	struct op *op;
	DWORD n, flags;

	if (under_windows())
		SKIP("undefined there: may wait for ever");
	pair();
	op = posted(10);
	CHECK(!WSAGetOverlappedResult(R, &op->ov, &n, TRUE, &flags));
	EQ(WSAGetLastError(), WSA_INVALID_PARAMETER);
	EQ(got(op), WSA_IO_INCOMPLETE);
	snd(5);
	EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(op->calls, 1);
}

TEST(a80_polling_the_result_is_legal)
{
	struct op *op;

	pair();
	op = posted(10);
	EQ(got(op), WSA_IO_INCOMPLETE);
	snd(5);
	EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(got(op), 0);
	EQ(op->got_bytes, 5);
}

TEST(a82_bv14_not_in_plain_waits)
{
	struct op *op;
	WSAEVENT e = WSACreateEvent();

	pair();
	op = posted(10);
	snd(5);
	EQ(WSAWaitForMultipleEvents(1, &e, FALSE, QUIET, FALSE), WSA_WAIT_TIMEOUT);
	EQ(op->calls, 0);
	EQ(WaitForSingleObject(e, 10), WAIT_TIMEOUT);
	EQ(op->calls, 0);
	Sleep(10);
	EQ(op->calls, 0);
	got(op);
	EQ(op->calls, 0);
	EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(op->calls, 1);
	EQ(op->thread, thread_id());
}

static void alert_elsewhere(void *result)
{
	WSAEVENT e = WSACreateEvent();

	*(DWORD *)result = WSAWaitForMultipleEvents(1, &e, FALSE, QUIET, TRUE);
}

TEST(a82_bp1_not_on_other_threads)
{
	struct op *op;
	DWORD result = POISON;

	pair();
	op = posted(10);
	snd(5);
	thread_join(thread_start(alert_elsewhere, &result));
	EQ(result, WSA_WAIT_TIMEOUT);
	EQ(op->calls, 0);
	EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(op->thread, thread_id());
}

TEST(a87_a88_a89_bp3_all_queued_ones_run_in_one_wait)
{
	struct op *op[5];
	int i;

	pair();
	for (i = 0; i < 5; i++)
		op[i] = posted(10);
	for (i = 0; i < 5; i++)
		snd_tag(i + 1, (char)('0' + i));
	for (i = 0; i < 5; i++)
		UNTIL(!got(op[i]));
	EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(calls, 5);
	for (i = 0; i < 5; i++) {
		EQ(op[i]->calls, 1);
		EQ(op[i]->transferred, i + 1);
		CHECK(filled(op[i]->data, '0' + i, i + 1));
	}
	EQ(alert(0), WSA_WAIT_TIMEOUT);
}

TEST(bp3_done_at_once_runs_behind_what_came_before)
{
	struct op *op = op_new(10);
	int rc;

	pair();
	earlier = posted(10);
	snd(3);
	snd(4);
	rc = post_cr(op, after_earlier);
	CHECK(!rc || rc == WSA_IO_PENDING);
	while (!op->calls)
		EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(earlier->transferred, 3);
	EQ(op->transferred, 4);
}

TEST(bp2_sleep_ex)
{
	struct op *op;
	long long start;

	pair();
	start = now_ms();
	EQ(SleepEx(50, TRUE), 0);
	CHECK(now_ms() - start >= 40);
	op = posted(10);
	snd(5);
	EQ(SleepEx(LIMIT, TRUE), WAIT_IO_COMPLETION);
	EQ(op->calls, 1);
	EQ(SleepEx(0, TRUE), 0);
	op = posted(10);
	snd(5);
	EQ(SleepEx(QUIET, FALSE), 0);
	UNTIL(!got(op));
	EQ(op->calls, 0);
	EQ(SleepEx(0, TRUE), WAIT_IO_COMPLETION);
	EQ(op->calls, 1);
}

static void CALLBACK apc(ULONG_PTR tag)
{
	static ULONG_PTR order;

	if (tag != order)
		FAIL("APC %d came as number %d", (int)tag, (int)order);
	order++;
	calls++;
}

TEST(bp3_apcs_run_in_order)
{
	int i;

	for (i = 0; i < 10; i++)
		CHECK(QueueUserAPC(apc, GetCurrentThread(), i));
	EQ(SleepEx(0, TRUE), WAIT_IO_COMPLETION);
	EQ(calls, 10);
}

static void send_later(void *unused)
{
	(void)unused;
	nap(QUIET);
	snd(6);
}

TEST(bp4_wakes_a_wait_in_progress)
{
	struct op *op;
	struct thread *t;

	pair();
	op = posted(10);
	t = thread_start(send_later, NULL);
	EQ(alert(WSA_INFINITE), WSA_WAIT_IO_COMPLETION);
	EQ(op->transferred, 6);
	thread_join(t);
}

static void CALLBACK frees(DWORD error, DWORD n, LPWSAOVERLAPPED ov, DWORD flags)
{
	(void)error;
	(void)n;
	(void)flags;
	memset(ov, 0xcc, sizeof(struct op));
	free(ov);
	calls++;
}

TEST(bp5_routine_may_free_it)
{
	int i;

	pair();
	for (i = 0; i < 20; i++)
		EQ(post_cr(op_new(10), frees), WSA_IO_PENDING);
	for (i = 0; i < 20; i++)
		snd(5);
	while (calls < 20)
		EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
}

static void post_and_go(void *op)
{
	EQ(post_cr(op, routine), WSA_IO_PENDING);
	snd(5);
	UNTIL(((struct op *)op)->data[4] == 'e');
}

TEST(bp7_thread_exit_discards_routines)
{
	struct op *op = op_new(10);

	pair();
	thread_join(thread_start(post_and_go, op));
	EQ(alert(QUIET), WSA_WAIT_TIMEOUT);
	EQ(op->calls, 0);
}

TEST(bp8_apc_to_a_bad_thread)
{
	CHECK(!QueueUserAPC(apc, NULL, 0));
	EQ(GetLastError(), ERROR_INVALID_HANDLE);
}

static void CALLBACK sets_event(DWORD error, DWORD n, LPWSAOVERLAPPED ov, DWORD flags)
{
	note(error, n, ov, flags);
	WSASetEvent(never);
}

TEST(bv13_routine_first_then_the_event)
{
	struct op *op = op_new(10);

	pair();
	never = WSACreateEvent();
	EQ(post_cr(op, sets_event), WSA_IO_PENDING);
	snd(5);
	EQ(alert(LIMIT), WSA_WAIT_IO_COMPLETION);
	EQ(alert(LIMIT), 0);
}

TEST(bv15_signaled_and_a_routine_neither_is_lost)
{
	DWORD first, second;
	struct op *op;

	pair();
	never = CreateEventA(NULL, FALSE, TRUE, NULL);
	op = posted(10);
	snd(5);
	UNTIL(!got(op));
	first = alert(LIMIT);
	second = alert(LIMIT);
	CHECK((first == 0 && second == WSA_WAIT_IO_COMPLETION) ||
	      (first == WSA_WAIT_IO_COMPLETION && second == 0));
	EQ(op->calls, 1);
}

static void CALLBACK send_apc(ULONG_PTR n)
{
	calls++;
	snd((int)n);
}

TEST(a68_blocking_receive_is_alertable)
{
	struct op *op = op_new(10);

	pair();
	CHECK(QueueUserAPC(send_apc, GetCurrentThread(), 7));
	EQ(recv_now(op), 0);
	EQ(op->bytes, 7);
	EQ(calls, 1);
}

static void CALLBACK receive_apc(ULONG_PTR n)
{
	struct op *op = op_new(10);

	calls++;
	/* Whichever of the two takes which */
	snd((int)n);
	snd((int)n);
	recv_now(op);
}

TEST(a69_nested_blocking_receive_does_not_hang)
{
	struct op *op = op_new(10);

	pair();
	CHECK(QueueUserAPC(receive_apc, GetCurrentThread(), 7));
	EQ(recv_now(op), 0);
	EQ(calls, 1);
}

TEST(brx11_sync_success_runs_no_apc)
{
	struct op *op = op_new(10);

	pair();
	snd(3);
	CHECK(QueueUserAPC(apc, GetCurrentThread(), 0));
	EQ(recv_now(op), 0);
	EQ(calls, 0);
	EQ(SleepEx(0, TRUE), WAIT_IO_COMPLETION);
	EQ(calls, 1);
}

TEST(bg8_result_waits_not_alertably)
{
	struct op *op = op_ev(10);
	DWORD n, flags;
	struct thread *t;

	pair();
	EQ(post(op), WSA_IO_PENDING);
	CHECK(QueueUserAPC(apc, GetCurrentThread(), 0));
	t = thread_start(send_later, NULL);
	CHECK(WSAGetOverlappedResult(R, &op->ov, &n, TRUE, &flags));
	EQ(calls, 0);
	thread_join(t);
}

TEST(be3_sleep_keeps_the_last_error)
{
	WSASetLastError((int)POISON);
	SleepEx(1, TRUE);
	EQ((DWORD)WSAGetLastError(), POISON);
	Sleep(1);
	EQ((DWORD)WSAGetLastError(), POISON);
}

TEST(a46_thread_exit_cancels_without_calling)
{
	struct op *op = op_new(10), *next = op_ev(10);

	pair();
	thread_join(thread_start((void (*)(void *))alert_elsewhere, &op->got_bytes));
	EQ(post(next), WSA_IO_PENDING);
	snd(5);
	EQ(done(next), 0);
	EQ(op->calls, 0);
}
