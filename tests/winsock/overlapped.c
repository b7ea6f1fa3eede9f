// SPDX-License-Identifier: MIT
/* Overlapped receives and their OVERLAPPED, completed by event or silently. */
#include "harness.h"

TEST(a70_at_once_everything_is_written)
{
	struct op *op = op_ev(10);

	pair();
	snd(5);
	EQ(post(op), 0);
	EQ(op->bytes, 5);
	EQ(op->flags, 0);
	EQ(op->fromlen, 16);
	CHECK(letters(op->data, 5));
	EQ(op->ov.Internal, 0);
	EQ(op->ov.InternalHigh, 5);
	EQ(got(op), 0);
	EQ(op->got_bytes, 5);
	EQ(op->got_flags, 0);
}

TEST(a71_bs27_deferred_nothing_is_written)
{
	struct op *op = op_ev(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	nap(QUIET);
	EQ(op->bytes, POISON);
	EQ(op->flags, 0);
	EQ(op->ov.Internal, STATUS_PENDING);
	EQ(op->ov.InternalHigh, POISON);
	CHECK(filled(op->data, POISON_BYTE, 10));
	CHECK(!HasOverlappedIoCompleted(&op->ov));
}

TEST(a72_bg1_byte_count_from_the_result)
{
	struct op *op = op_ev(500);
	int n;

	pair();
	for (n = 0; n <= 500; n += 100) {
		EQ(post(op), WSA_IO_PENDING);
		snd(n);
		EQ(done(op), 0);
		EQ(op->got_bytes, n);
		EQ(op->ov.InternalHigh, n);
	}
}

/* An error of the program's: nothing worse than a clean refusal or two ends. */
TEST(a75_one_overlapped_twice)
{
	struct op *op = op_ev(10);
	int err;

	pair();
	EQ(post(op), WSA_IO_PENDING);
	err = post(op);
	if (err != WSA_IO_PENDING)
		CHECK(err == WSAEINVAL || err == WSAEALREADY || err == WSAEFAULT);
	snd(5);
	snd(5);
	EQ(wait_op(op), 0);
	UNTIL(HasOverlappedIoCompleted(&op->ov));
	still_works();
}

TEST(a75_own_overlapped_each)
{
	struct op *a = op_ev(10), *b = op_ev(10);

	pair();
	EQ(post(a), WSA_IO_PENDING);
	EQ(post(b), WSA_IO_PENDING);
	snd(3);
	EQ(done(a), 0);
	EQ(got(b), WSA_IO_INCOMPLETE);
	snd(4);
	EQ(done(b), 0);
	EQ(a->got_bytes, 3);
	EQ(b->got_bytes, 4);
}

TEST(a76_event_is_set_when_data_is_there)
{
	struct op *op = op_ev(10);
	int i;

	pair();
	for (i = 0; i < 100; i++) {
		op->data[0] = 0;
		EQ(post(op), WSA_IO_PENDING);
		snd_tag(10, (char)(i + 1));
		EQ(wait_op(op), 0);
		CHECK(filled(op->data, i + 1, 10));
	}
}

TEST(a77_event_or_polling)
{
	struct op *op = op_ev(10);
	DWORD n = POISON, flags = POISON;

	pair();
	EQ(post(op), WSA_IO_PENDING);
	EQ(got(op), WSA_IO_INCOMPLETE);
	snd(5);
	UNTIL(!got(op));
	EQ(op->got_bytes, 5);
	CHECK(is_set(op->ov.hEvent));

	EQ(post(op), WSA_IO_PENDING);
	CHECK(!is_set(op->ov.hEvent));
	snd(6);
	CHECK(WSAGetOverlappedResult(R, &op->ov, &n, TRUE, &flags));
	EQ(n, 6);
	EQ(flags, 0);
}

TEST(brx2_no_buffers)
{
	struct op *op = op_ev(10), *next = op_new(10);

	pair();
	EQ(WSARecvFrom(R, &op->buf, 0, &op->bytes, &op->flags, NULL, NULL, &op->ov,
		       NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEINVAL);
	CHECK(stays_quiet(op->ov.hEvent));
	EQ(WSARecvFrom(R, NULL, 0, &op->bytes, &op->flags, NULL, NULL, &op->ov,
		       NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEINVAL);
	CHECK(stays_quiet(op->ov.hEvent));
	snd(5);
	EQ(WSARecvFrom(R, &op->buf, 0, &op->bytes, &op->flags, NULL, NULL, NULL,
		       NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEINVAL);
	EQ(recv_now(next), 0);
	EQ(next->bytes, 5);
}

TEST(brx3_buffer_of_length_0_sync)
{
	struct op *op = op_new(0), *next = op_new(10);

	pair();
	snd(5);
	snd_tag(6, 'n');
	EQ(recv_now(op), WSAEMSGSIZE);
	EQ(recv_now(next), 0);
	EQ(next->bytes, 6);
	snd(0);
	EQ(recv_now(op), 0);
	EQ(op->bytes, 0);
}

TEST(brx3_buffer_of_length_0_pending)
{
	struct op *op = op_ev(0), *next = op_new(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	snd(5);
	EQ(done(op), WSAEMSGSIZE);
	EQ(op->ov.InternalHigh, 0);
	snd_tag(6, 'n');
	EQ(recv_now(next), 0);
	EQ(next->bytes, 6);
	EQ(post(op), WSA_IO_PENDING);
	snd(0);
	EQ(done(op), 0);
	EQ(op->got_bytes, 0);
}

TEST(brx4_empty_datagram)
{
	struct op *now = op_new(10), *later = op_ev(10);

	pair();
	snd(0);
	EQ(recv_now(now), 0);
	EQ(now->bytes, 0);
	EQ(now->fromlen, 16);
	EQ(((struct sockaddr_in *)&now->from)->sin_port, SA.sin_port);
	EQ(post(later), WSA_IO_PENDING);
	snd(0);
	EQ(done(later), 0);
	EQ(later->got_bytes, 0);
	EQ(later->fromlen, 16);
	CHECK(filled(later->data, POISON_BYTE, 10));
}

TEST(brx6_nothing_written_past_the_address)
{
	struct op *now = op_new(10), *later = op_ev(10);

	pair();
	snd(4);
	EQ(recv_now(now), 0);
	CHECK(filled((char *)&now->from + 16, POISON_BYTE, sizeof(now->from) - 16));
	EQ(post(later), WSA_IO_PENDING);
	snd(4);
	EQ(done(later), 0);
	CHECK(filled((char *)&later->from + 16, POISON_BYTE, sizeof(later->from) - 16));
}

static void send_later(void *unused)
{
	(void)unused;
	nap(QUIET);
	snd(6);
}

TEST(brx8_d3_no_overlapped_attribute_fills_overlapped)
{
	struct op *op = op_ev(10);
	struct thread *t;

	pair_plain();
	t = thread_start(send_later, NULL);
	EQ(post(op), 0);
	EQ(op->bytes, 6);
	EQ(op->ov.Internal, 0);
	EQ(op->ov.InternalHigh, 6);
	CHECK(is_set(op->ov.hEvent));
	thread_join(t);
}

TEST(brx8_d3_no_overlapped_attribute_blocks_though_nonblocking)
{
	struct op *op = op_ev(10), *now = op_new(10);
	struct thread *t;

	pair_plain();
	nonblocking(R, true);
	EQ(recv_now(now), WSAEWOULDBLOCK);
	t = thread_start(send_later, NULL);
	EQ(post(op), 0);
	EQ(op->bytes, 6);
	thread_join(t);
}

TEST(brx9_routine_without_overlapped_is_ignored)
{
	struct op *op = op_new(10);
	WSAEVENT never = WSACreateEvent();

	pair();
	snd(3);
	EQ(WSARecvFrom(R, &op->buf, 1, &op->bytes, &op->flags, NULL, NULL, NULL,
		       record), 0);
	EQ(op->bytes, 3);
	EQ(WSAWaitForMultipleEvents(1, &never, FALSE, QUIET, TRUE), WSA_WAIT_TIMEOUT);
	EQ(recorded.calls, 0);
}

TEST(brx10_no_event_completes_silently)
{
	struct op *op = op_new(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	CHECK(!HasOverlappedIoCompleted(&op->ov));
	snd(5);
	UNTIL(HasOverlappedIoCompleted(&op->ov));
	CHECK(letters(op->data, 5));
	EQ(got(op), 0);
	EQ(op->got_bytes, 5);
}

static void set_timeout(SOCKET s, DWORD ms)
{
#ifdef _WIN32
	EQ(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, (char *)&ms, sizeof(ms)), 0);
#else
	/* An option of the C library's keeps its own form here. */
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	EQ(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
#endif
}

TEST(brx12_bs12_receive_timeout_sync)
{
	struct op *op = op_new(10);
	long long start;

	pair();
	set_timeout(R, 50);
	start = now_ms();
	EQ(recv_now(op), WSAETIMEDOUT);
	CHECK(now_ms() - start >= 40);
	EQ(op->bytes, POISON);
	snd(4);
	EQ(recv_now(op), 0);
}

TEST(brx12_receive_timeout_not_overlapped)
{
	struct op *op = op_ev(10);

	pair();
	set_timeout(R, 20);
	EQ(post(op), WSA_IO_PENDING);
	CHECK(stays_quiet(op->ov.hEvent));
	snd(4);
	EQ(done(op), 0);
}

TEST(brx15_oldest_post_takes_the_first)
{
	struct op *a = op_new(10), *b = op_new(10);

	pair();
	EQ(post(a), WSA_IO_PENDING);
	EQ(post(b), WSA_IO_PENDING);
	snd_tag(1, '1');
	snd_tag(2, '2');
	UNTIL(!got(a) && !got(b));
	EQ(a->got_bytes, 1);
	EQ(b->got_bytes, 2);
	EQ(a->data[0], '1');
	EQ(b->data[0], '2');
}

TEST(brx18_sync_takes_its_turn)
{
	struct op *op = op_ev(10), *now = op_new(10);

	pair();
	nonblocking(R, true);
	EQ(post(op), WSA_IO_PENDING);
	EQ(recv_now(now), WSAEWOULDBLOCK);
	snd(3);
	EQ(done(op), 0);
	EQ(recv_now(now), WSAEWOULDBLOCK);
}

TEST(brx16_after_shutdown)
{
	struct op *op = op_ev(10);

	pair();
	shutdown(R, SD_RECEIVE);	/* bk19 looks at its answer */
	nonblocking(R, true);
	EQ(recv_now(op), WSAESHUTDOWN);
	EQ(post(op), WSAESHUTDOWN);
	CHECK(stays_quiet(op->ov.hEvent));
}

/* By value when posted; by pointer until it completes. */
TEST(brx19_what_is_captured)
{
	struct op *op = op_ev(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	memset(&op->buf, 0xcc, sizeof(op->buf));
	op->flags = POISON;
	op->bytes = 77;
	memset(op->data, 0x33, 10);
	memset(&op->from, 0x44, sizeof(op->from));
	snd(5);
	EQ(done(op), 0);
	EQ(op->got_bytes, 5);
	CHECK(letters(op->data, 5));
	CHECK(filled(op->data + 5, 0x33, 5));
	EQ(op->fromlen, 16);
	EQ(((struct sockaddr_in *)&op->from)->sin_port, SA.sin_port);
	EQ(op->flags, POISON);
	EQ(op->bytes, 77);
}

TEST(bs1_bs2_status_of_a_receive)
{
	struct op *op = op_ev(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	EQ(op->ov.Internal, STATUS_PENDING);
	CHECK(!HasOverlappedIoCompleted(&op->ov));
	snd(4);
	EQ(wait_op(op), 0);
	EQ(op->ov.Internal, 0);
	CHECK(HasOverlappedIoCompleted(&op->ov));
}

TEST(bs28_offsets_are_not_touched)
{
	struct op *op = op_ev(10);

	pair();
	op->ov.Offset = op->ov.OffsetHigh = POISON;
	EQ(post(op), WSA_IO_PENDING);
	snd(100);
	EQ(wait_op(op), 0);
	EQ(op->ov.Offset, POISON);
	EQ(op->ov.OffsetHigh, POISON);
}

static volatile bool seen_bad;

static void spin(void *arg)
{
	struct op *op = arg;

	/* It may be a plain look at memory: look anew each time. */
	while (!HasOverlappedIoCompleted(&op->ov))
		__asm__ __volatile__("" : : : "memory");
	seen_bad = !letters(op->data, 10) || op->ov.InternalHigh != 10 ||
		   op->fromlen != 16;
}

TEST(bs29_status_is_written_last)
{
	struct op *op = op_ev(10);
	struct thread *t;
	int i;

	pair();
	for (i = 0; i < 20; i++) {
		memset(op->data, POISON_BYTE, 10);
		op->ov.InternalHigh = POISON;
		op->fromlen = sizeof(op->from);
		EQ(post(op), WSA_IO_PENDING);
		t = thread_start(spin, op);
		nap(1);
		snd(10);
		EQ(wait_op(op), 0);
		thread_join(t);
		CHECK(!seen_bad);
	}
}

TEST(bs3_bs31_status_of_a_truncated_one)
{
	struct op *op = op_ev(6);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	snd(9);
	EQ(wait_op(op), 0);
	EQ((uint32_t)op->ov.Internal, 0x80000005U);
	EQ(op->ov.InternalHigh, 6);
	EQ(got(op), WSAEMSGSIZE);
}
