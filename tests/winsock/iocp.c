// SPDX-License-Identifier: MIT
/* I/O completion ports. */
#include "harness.h"

#ifdef _WIN32
#include <winbase.h>
#endif

enum { KEY = 0x77 };

static HANDLE port;

static HANDLE port_new(void)
{
	HANDLE h = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);

	CHECK(h != NULL);
	return h;
}

/* R's completions go to port with KEY. */
static void pair_with_port(void)
{
	pair();
	port = port_new();
	CHECK(CreateIoCompletionPort((HANDLE)R, port, KEY, 0) == port);
}

struct packet {
	BOOL ok;
	DWORD bytes, error;
	ULONG_PTR key;
	OVERLAPPED *ov;
};

static struct packet take(DWORD ms)
{
	struct packet p = { .bytes = POISON, .key = POISON };

	p.ov = (OVERLAPPED *)(uintptr_t)POISON;
	SetLastError(POISON);
	p.ok = GetQueuedCompletionStatus(port, &p.bytes, &p.key, &p.ov, ms);
	p.error = GetLastError();
	return p;
}

static void expect_packet(struct op *op, DWORD bytes)
{
	struct packet p = take(LIMIT);

	CHECK(p.ok);
	EQ(p.bytes, bytes);
	EQ(p.key, KEY);
	CHECK(p.ov == &op->ov);
}

static void expect_nothing(DWORD ms)
{
	struct packet p = take(ms);

	CHECK(!p.ok);
	EQ(p.error, WAIT_TIMEOUT);
	CHECK(p.ov == NULL);
}

TEST(a83_bcp4_deferred_goes_to_the_port)
{
	struct op *op = op_new(10);

	pair_with_port();
	EQ(post(op), WSA_IO_PENDING);
	expect_nothing(0);
	snd(5);
	expect_packet(op, 5);
	CHECK(letters(op->data, 5));
	EQ(op->fromlen, 16);
	EQ(got(op), 0);
	EQ(op->got_bytes, 5);
	expect_nothing(QUIET);
}

TEST(a84_immediate_goes_to_the_port)
{
	struct op *op = op_new(10);

	pair_with_port();
	snd(5);
	EQ(post(op), 0);
	EQ(op->bytes, 5);
	expect_packet(op, 5);
	expect_nothing(QUIET);
}

static volatile LONG taken;

static void take_some(void *unused)
{
	(void)unused;
	while (taken < 64) {
		struct packet p = take(QUIET);

		if (p.ok)
			__atomic_add_fetch(&taken, 1, __ATOMIC_SEQ_CST);
	}
}

TEST(a91_posts_decide_the_order_of_filling)
{
	struct op *op[64];
	struct thread *t[3];
	int i;

	pair_with_port();
	for (i = 0; i < 64; i++) {
		op[i] = op_new(10);
		EQ(post(op[i]), WSA_IO_PENDING);
	}
	for (i = 0; i < 3; i++)
		t[i] = thread_start(take_some, NULL);
	for (i = 0; i < 64; i++)
		snd_tag(1 + i % 10, (char)i);
	for (i = 0; i < 3; i++)
		thread_join(t[i]);
	EQ(taken, 64);
	for (i = 0; i < 64; i++) {
		EQ(op[i]->ov.InternalHigh, 1 + i % 10);
		CHECK(filled(op[i]->data, i, 1 + i % 10));
	}
}

TEST(bcp1_creating)
{
	HANDLE a = port_new(), b;

	pair();
	CHECK(CreateIoCompletionPort((HANDLE)R, a, 1, 0) == a);
	b = CreateIoCompletionPort((HANDLE)S, NULL, 2, 0);
	CHECK(b != NULL && b != a);
	CHECK(CreateIoCompletionPort(INVALID_HANDLE_VALUE, a, 1, 0) == NULL);
	EQ(GetLastError(), ERROR_INVALID_PARAMETER);
}

TEST(bcp2_one_port_per_socket)
{
	HANDLE other = port_new();

	pair_with_port();
	CHECK(CreateIoCompletionPort((HANDLE)R, other, 1, 0) == NULL);
	EQ(GetLastError(), ERROR_INVALID_PARAMETER);
}

TEST(bcp2_needs_the_overlapped_attribute)
{
	pair_plain();
	CHECK(CreateIoCompletionPort((HANDLE)R, port_new(), 1, 0) == NULL);
	EQ(GetLastError(), ERROR_INVALID_PARAMETER);
}

TEST(bcp3_pending_before_the_association)
{
	struct op *op = op_new(10);

	pair();
	port = port_new();
	EQ(post(op), WSA_IO_PENDING);
	CHECK(CreateIoCompletionPort((HANDLE)R, port, KEY, 0) == port);
	snd(5);
	expect_packet(op, 5);
}

TEST(bcp5_bs3_failed_one)
{
	struct op *op = op_new(10);
	struct packet p;

	pair_with_port();
	EQ(post(op), WSA_IO_PENDING);
	snd(100);
	p = take(LIMIT);
	CHECK(!p.ok);
	CHECK(p.ov == &op->ov);
	EQ(p.key, KEY);
	EQ(p.bytes, 10);
	EQ(p.error, ERROR_MORE_DATA);
}

TEST(bcp5_a34_bk13_closed)
{
	struct op *op = op_new(10);
	struct packet p;

	pair_with_port();
	EQ(post(op), WSA_IO_PENDING);
	EQ(closesocket(R), 0);
	p = take(LIMIT);
	CHECK(!p.ok);
	CHECK(p.ov == &op->ov);
	EQ(p.key, KEY);
	EQ(p.bytes, 0);
	EQ(p.error, ERROR_OPERATION_ABORTED);
	expect_nothing(QUIET);
}

TEST(bcp6_nothing_there)
{
	struct packet p;

	port = port_new();
	p = take(0);
	CHECK(!p.ok);
	EQ(p.error, WAIT_TIMEOUT);
	CHECK(p.ov == NULL);
	EQ(p.bytes, POISON);
	EQ(p.key, POISON);
}

static void take_what_comes(void *p)
{
	*(struct packet *)p = take(LIMIT);
}

TEST(bcp7_port_closed_while_waiting)
{
	struct thread *t;
	struct packet p;

	port = port_new();
	t = thread_start(take_what_comes, &p);
	thread_waits(t);
	CHECK(CloseHandle(port));
	thread_join(t);
	CHECK(!p.ok);
	EQ(p.error, ERROR_ABANDONED_WAIT_0);
	CHECK(p.ov == NULL);
}

TEST(bcp8_posted_packets)
{
	struct packet p;

	port = port_new();
	CHECK(PostQueuedCompletionStatus(port, 123, 456, (OVERLAPPED *)(uintptr_t)0x789));
	CHECK(PostQueuedCompletionStatus(port, 1, 2, NULL));
	p = take(0);
	CHECK(p.ok);
	EQ(p.bytes, 123);
	EQ(p.key, 456);
	EQ((uintptr_t)p.ov, 0x789);
	p = take(0);
	CHECK(p.ok);
	CHECK(p.ov == NULL);
	EQ(p.bytes, 1);
	EQ(p.key, 2);
}

TEST(bcp9_first_in_first_out)
{
	int i;

	port = port_new();
	for (i = 0; i < 100; i++)
		CHECK(PostQueuedCompletionStatus(port, i, i, NULL));
	for (i = 0; i < 100; i++)
		EQ(take(0).bytes, i);
}

TEST(bcp9_done_at_once_is_behind_what_came_before)
{
	struct op *first = op_new(10), *second = op_new(10);
	int rc;

	pair_with_port();
	EQ(post(first), WSA_IO_PENDING);
	snd(3);
	snd(4);
	rc = post(second);
	CHECK(!rc || rc == WSA_IO_PENDING);
	expect_packet(first, 3);
	expect_packet(second, 4);
}

static volatile DWORD order[2];

static void take_one(void *n)
{
	struct packet p = take(2 * LIMIT);

	order[(uintptr_t)n] = p.bytes;
}

TEST(bcp9_last_waiter_wakes_first)
{
	struct thread *a, *b;

	port = port_new();
	a = thread_start(take_one, (void *)0);
	thread_waits(a);
	b = thread_start(take_one, (void *)1);
	thread_waits(b);
	CHECK(PostQueuedCompletionStatus(port, 1, 0, NULL));
	UNTIL(order[0] || order[1]);
	CHECK(PostQueuedCompletionStatus(port, 2, 0, NULL));
	thread_join(a);
	thread_join(b);
	EQ(order[1], 1);
	EQ(order[0], 2);
}

TEST(bcp10_concurrency_is_accepted)
{
	port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
	CHECK(port != NULL);
	CHECK(PostQueuedCompletionStatus(port, 1, 0, NULL));
	CHECK(take(LIMIT).ok);
}

TEST(bcp11_several_at_once)
{
	OVERLAPPED_ENTRY e[4];
	struct op *op[3];
	ULONG n = 0;
	int i;

	pair_with_port();
	for (i = 0; i < 3; i++) {
		op[i] = op_new(10);
		EQ(post(op[i]), WSA_IO_PENDING);
	}
	CHECK(!GetQueuedCompletionStatusEx(port, e, 4, &n, 0, FALSE));
	EQ(GetLastError(), WAIT_TIMEOUT);
	CHECK(!GetQueuedCompletionStatusEx(port, e, 0, &n, 0, FALSE));
	EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	snd(1);
	snd(100);
	snd(3);
	for (i = 0; i < 3; i += (int)n) {
		ULONG j;

		CHECK(GetQueuedCompletionStatusEx(port, e, 4, &n, LIMIT, FALSE));
		CHECK(n >= 1 && n <= 3);
		for (j = 0; j < n; j++) {
			int k = i + (int)j;

			CHECK(e[j].lpOverlapped == &op[k]->ov);
			EQ(e[j].lpCompletionKey, KEY);
			EQ(e[j].dwNumberOfBytesTransferred, k == 1 ? 10 : k + 1);
			EQ((uint32_t)e[j].Internal, k == 1 ? 0x80000005U : 0);
		}
	}
}

static void CALLBACK apc(ULONG_PTR arg)
{
	(void)arg;
	taken++;
}

TEST(bcp12_alertable)
{
	OVERLAPPED_ENTRY e;
	ULONG n;

	port = port_new();
	CHECK(QueueUserAPC(apc, GetCurrentThread(), 0));
	CHECK(!GetQueuedCompletionStatusEx(port, &e, 1, &n, LIMIT, TRUE));
	EQ(GetLastError(), WAIT_IO_COMPLETION);
	EQ(taken, 1);
}

TEST(bcp13_low_bit_of_the_event_no_packet)
{
	struct op *op = op_ev(10);
	HANDLE event = op->ov.hEvent;

	pair_with_port();
	op->ov.hEvent = (HANDLE)((uintptr_t)event | 1);
	EQ(post(op), WSA_IO_PENDING);
	snd(5);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
	expect_nothing(QUIET);
	EQ(got(op), 0);
}

TEST(bcp13_handles_are_multiples_of_4)
{
	int i;

	for (i = 0; i < 10; i++) {
		EQ((uintptr_t)WSACreateEvent() % 4, 0);
		EQ((uintptr_t)CreateEventA(NULL, FALSE, FALSE, NULL) % 4, 0);
		EQ((uintptr_t)port_new() % 4, 0);
	}
}

static void post_and_return(void *op)
{
	EQ(post(op), WSA_IO_PENDING);
}

TEST(bcp14_d4_thread_exit_leaves_it_without_event)
{
	struct op *op = op_new(10);

	pair_with_port();
	thread_join(thread_start(post_and_return, op));
	expect_nothing(QUIET);
	snd(5);
	expect_packet(op, 5);
}

TEST(bcp14_d4_thread_exit_cancels_it_with_event)
{
	struct op *op = op_ev(10);
	struct packet p;

	pair_with_port();
	thread_join(thread_start(post_and_return, op));
	p = take(LIMIT);
	CHECK(!p.ok);
	CHECK(p.ov == &op->ov);
	EQ(p.error, ERROR_OPERATION_ABORTED);
}

TEST(bcp15_d7_event_and_packet)
{
	struct op *op = op_ev(10);

	pair_with_port();
	EQ(post(op), WSA_IO_PENDING);
	snd(5);
	EQ(wait_op(op), 0);
	expect_packet(op, 5);
}

TEST(bcp16_refused_means_no_packet)
{
	struct op *op = op_new(10);

	pair_with_port();
	op->buf.buf = NULL;
	EQ(post(op), WSAEFAULT);
	expect_nothing(QUIET);
}

TEST(bcp17_no_packet_on_immediate_success)
{
	struct op *op = op_new(10);

	pair_with_port();
	CHECK(SetFileCompletionNotificationModes((HANDLE)R,
						 FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
	snd(5);
	EQ(post(op), 0);
	expect_nothing(QUIET);
	EQ(post(op), WSA_IO_PENDING);
	snd(6);
	expect_packet(op, 6);
	/* It cannot be taken back. */
	CHECK(SetFileCompletionNotificationModes((HANDLE)R, 0));
	snd(5);
	EQ(post(op), 0);
	expect_nothing(QUIET);
}

TEST(bcp18_explicit_event_still_set)
{
	struct op *op = op_ev(10);

	pair_with_port();
	CHECK(SetFileCompletionNotificationModes((HANDLE)R,
						 FILE_SKIP_SET_EVENT_ON_HANDLE));
	EQ(post(op), WSA_IO_PENDING);
	snd(5);
	EQ(wait_op(op), 0);
	expect_packet(op, 5);
}

TEST(bcp20_closing_an_idle_socket)
{
	pair_with_port();
	EQ(closesocket(R), 0);
	expect_nothing(QUIET);
}

TEST(bp11_routine_and_port_exclude_each_other)
{
	struct op *op = op_new(10);

	pair_with_port();
	EQ(post_cr(op, record), WSAEINVAL);
	snd(5);
	EQ(SleepEx(QUIET, TRUE), 0);
	EQ(recorded.calls, 0);
	expect_nothing(0);
}

TEST(bp12_routine_posted_before_the_association)
{
	struct op *op = op_new(10);

	pair();
	port = port_new();
	EQ(post_cr(op, record), WSA_IO_PENDING);
	CHECK(CreateIoCompletionPort((HANDLE)R, port, KEY, 0) == port);
	snd(5);
	EQ(SleepEx(LIMIT, TRUE), WAIT_IO_COMPLETION);
	EQ(recorded.calls, 1);
	expect_nothing(QUIET);
}

TEST(be3_dequeuing_keeps_the_last_error)
{
	port = port_new();
	CHECK(PostQueuedCompletionStatus(port, 1, 0, NULL));
	EQ(take(0).error, POISON);
}

TEST(bs30_cancelled_while_bound)
{
	struct op *op = op_new(10);

	pair_with_port();
	EQ(post(op), WSA_IO_PENDING);
	EQ(op->ov.Internal, STATUS_PENDING);
	EQ(closesocket(R), 0);
	CHECK(!take(LIMIT).ok);
	EQ((uint32_t)op->ov.Internal, 0xC0000120U);
}
