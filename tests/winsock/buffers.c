// SPDX-License-Identifier: MIT
/* The socket's state, blocking, buffers and addresses of WSARecvFrom(). */
#include "harness.h"

TEST(a36_bound_explicitly)
{
	pair();
	still_works();
}

TEST(a37_bound_by_sendto)
{
	struct op *op = op_ev(10);
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);

	pair();
	closesocket(R);
	R = udp(WSA_FLAG_OVERLAPPED);
	EQ(sendto(R, "x", 1, 0, (struct sockaddr *)&SA, sizeof(SA)), 1);
	EQ(post(op), WSA_IO_PENDING);
	EQ(getsockname(R, (struct sockaddr *)&addr, &len), 0);
	CHECK(addr.sin_port != 0);
	RA.sin_port = addr.sin_port;
	snd(4);
	EQ(done(op), 0);
	EQ(op->got_bytes, 4);
}

TEST(a40_connected_takes_its_peer_only)
{
	struct op *op = op_ev(10);
	SOCKET third = udp(0);

	pair();
	bind_lo(third, NULL);
	EQ(connect(R, (struct sockaddr *)&SA, sizeof(SA)), 0);
	EQ(post(op), WSA_IO_PENDING);
	snd_from(third, &RA, 3, '3');
	CHECK(stays_quiet(op->ov.hEvent));
	snd(5);
	EQ(done(op), 0);
	EQ(op->got_bytes, 5);
	EQ(op->fromlen, 16);
	EQ(((struct sockaddr_in *)&op->from)->sin_port, SA.sin_port);
}

TEST(a41_posts_fill_in_order)
{
	struct op *op[3];
	int i;

	pair();
	for (i = 0; i < 3; i++) {
		op[i] = op_ev(10);
		EQ(post(op[i]), WSA_IO_PENDING);
	}
	for (i = 0; i < 3; i++)
		snd_tag(i + 1, (char)('0' + i));
	for (i = 0; i < 3; i++) {
		EQ(done(op[i]), 0);
		EQ(op[i]->got_bytes, i + 1);
		CHECK(filled(op[i]->data, '0' + i, i + 1));
		CHECK(filled(op[i]->data + i + 1, POISON_BYTE, 9 - i));
	}
}

TEST(a90_many_posts_fill_in_order)
{
	enum { N = 64 };
	struct op *op[N];
	int i;

	pair();
	for (i = 0; i < N; i++) {
		op[i] = op_ev(10);
		EQ(post(op[i]), WSA_IO_PENDING);
	}
	/* One at a time: a sender that changes its CPU may overtake itself. */
	for (i = 0; i < N; i++) {
		snd_tag(1 + i % 10, (char)i);
		EQ(done(op[i]), 0);
		EQ(op[i]->got_bytes, 1 + i % 10);
		CHECK(filled(op[i]->data, i, 1 + i % 10));
	}
}

static volatile bool posted;

static void post_it(void *op)
{
	post(op);
	posted = true;
	/* A thread's operations end with it. */
	EQ(WSAWaitForMultipleEvents(1, &((struct op *)op)->ov.hEvent, TRUE,
				    2 * LIMIT, FALSE), 0);
}

TEST(a90_posts_of_two_threads_fill_in_order)
{
	struct op *first = op_ev(10), *second = op_ev(10), *third = op_ev(10);
	struct thread *t;

	pair();
	EQ(post(first), WSA_IO_PENDING);
	t = thread_start(post_it, second);
	UNTIL(posted);
	EQ(post(third), WSA_IO_PENDING);
	snd_tag(4, '1');
	snd_tag(5, '2');
	snd_tag(6, '3');
	EQ(done(first), 0);
	EQ(done(third), 0);
	thread_join(t);
	EQ(got(second), 0);
	CHECK(filled(first->data, '1', 4));
	CHECK(filled(second->data, '2', 5));
	CHECK(filled(third->data, '3', 6));
}

TEST(a42_a43_event_then_result)
{
	struct op *op = op_ev(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	CHECK(!is_set(op->ov.hEvent));
	snd(5);
	EQ(wait_op(op), 0);
	EQ(got(op), 0);
	EQ(op->got_bytes, 5);
	EQ(op->got_flags, 0);
	/* The answer stays. */
	CHECK(is_set(op->ov.hEvent));
	EQ(got(op), 0);
	EQ(op->got_bytes, 5);
}

TEST(a44_from_is_not_written_before)
{
	struct op *op = op_ev(10);

	pair();
	op->fromlen = 100;
	EQ(post(op), WSA_IO_PENDING);
	nap(QUIET);
	EQ(op->fromlen, 100);
	CHECK(filled(&op->from, POISON_BYTE, sizeof(op->from)));
	snd(5);
	EQ(done(op), 0);
	EQ(op->fromlen, 16);
	EQ(((struct sockaddr_in *)&op->from)->sin_port, SA.sin_port);
}

TEST(a45_nothing_is_written_after)
{
	struct op *op = op_ev(10);
	int i, j;

	pair();
	for (i = 0; i < 50; i++) {
		EQ(post(op), WSA_IO_PENDING);
		snd(5);
		EQ(done(op), 0);
		memset(&op->from, 0x11, sizeof(op->from));
		memset(op->data, 0x22, sizeof(op->data));
		op->fromlen = 128;
		op->flags = 0;
		for (j = 0; j < 3; j++) {
			CHECK(filled(&op->from, 0x11, sizeof(op->from)));
			CHECK(filled(op->data, 0x22, sizeof(op->data)));
			EQ(op->fromlen, 128);
			nap(0);
		}
	}
}

TEST(a48_without_overlapped_it_is_synchronous)
{
	struct op *op = op_new(10);

	pair();
	nonblocking(R, true);
	EQ(recv_now(op), WSAEWOULDBLOCK);
	nonblocking(R, false);
	snd(3);
	EQ(recv_now(op), 0);
	EQ(op->bytes, 3);
}

TEST(a49_queued_data_is_copied_at_once)
{
	struct op *op = op_new(10);

	pair_plain();
	snd(3);
	EQ(recv_now(op), 0);
	EQ(op->bytes, 3);
	CHECK(letters(op->data, 3));
}

static volatile bool sent;

static void send_later(void *unused)
{
	(void)unused;
	nap(QUIET);
	sent = true;
	snd(6);
}

static void blocks(void)
{
	struct op *op = op_new(10);
	struct thread *t = thread_start(send_later, NULL);

	EQ(recv_now(op), 0);
	CHECK(sent);
	EQ(op->bytes, 6);
	CHECK(letters(op->data, 6));
	thread_join(t);
}

TEST(a50_blocks_until_a_datagram_comes)
{
	pair_plain();
	blocks();
}

TEST(a48_a50_blocks_on_an_overlapped_socket)
{
	pair();
	blocks();
}

/* Receive n bytes into three parts of one array with marks between them. */
static char parts[64];

static int scatter(struct op *op, const ULONG len[3], int n, bool pending)
{
	WSABUF bufs[3] = {
		{ len[0], parts }, { len[1], parts + 16 }, { len[2], parts + 32 },
	};
	int err = 0;

	memset(parts, '#', sizeof(parts));
	if (!pending)
		snd(n);
	if (WSARecvFrom(R, bufs, 3, &op->bytes, &op->flags, NULL, NULL, &op->ov, NULL))
		err = WSAGetLastError();
	memset(bufs, 0xcc, sizeof(bufs));
	if (pending) {
		EQ(err, WSA_IO_PENDING);
		snd(n);
	} else {
		CHECK(!err || err == WSA_IO_PENDING);
	}
	return done(op);
}

static bool part(int at, const char *want, size_t room)
{
	size_t n = strlen(want);

	return !memcmp(parts + at, want, n) &&
	       filled(parts + at + n, '#', room - n);
}

TEST(a51_filled_in_array_order)
{
	static const ULONG len[3] = { 2, 4, 8 };
	int pending;

	pair();
	for (pending = 0; pending < 2; pending++) {
		struct op *op = op_ev(0);

		EQ(scatter(op, len, 9, pending), 0);
		EQ(op->got_bytes, 9);
		CHECK(part(0, "ab", 16));
		CHECK(part(16, "cdef", 16));
		CHECK(part(32, "ghi", 32));
	}
}

TEST(a52_packed_and_empty_ones_skipped)
{
	static const ULONG len[3] = { 2, 0, 4 };
	int pending;

	pair();
	for (pending = 0; pending < 2; pending++) {
		struct op *op = op_ev(0);

		EQ(scatter(op, len, 5, pending), 0);
		EQ(op->got_bytes, 5);
		CHECK(part(0, "ab", 16));
		CHECK(part(16, "", 16));
		CHECK(part(32, "cde", 32));
	}
}

static int __attribute__((noinline)) post_from_a_frame(struct op *op)
{
	WSABUF bufs[2] = { { 4, op->data }, { 6, op->data + 4 } };
	DWORD flags = 0, bytes = 0;
	int rc = WSARecvFrom(R, bufs, 2, &bytes, &flags, NULL, NULL, &op->ov, NULL);

	memset(bufs, 0xcc, sizeof(bufs));
	return rc ? WSAGetLastError() : 0;
}

static void __attribute__((noinline)) scribble(void)
{
	volatile char junk[4096];
	size_t i;

	for (i = 0; i < sizeof(junk); i++)
		junk[i] = (char)0xcc;
}

TEST(a53_brx19_array_is_captured)
{
	struct op *op = op_ev(0);

	pair();
	EQ(post_from_a_frame(op), WSA_IO_PENDING);
	scribble();
	snd(10);
	EQ(done(op), 0);
	EQ(op->got_bytes, 10);
	CHECK(letters(op->data, 10));
}

TEST(a54_indicated_although_not_full)
{
	struct op *op = op_ev(1500);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	snd(5);
	EQ(done(op), 0);
	EQ(op->got_bytes, 5);
	CHECK(letters(op->data, 5));
	CHECK(filled(op->data + 5, POISON_BYTE, 1495));
}

TEST(a55_a57_first_part_of_a_larger_one)
{
	static const ULONG len[3] = { 4, 0, 6 };
	struct op *op = op_ev(0);

	pair();
	EQ(scatter(op, len, 100, true), WSAEMSGSIZE);
	EQ(op->ov.InternalHigh, 10);
	CHECK(part(0, "abcd", 16));
	CHECK(part(32, "efghij", 32));
	EQ(op->flags & 0x8000, 0);
}

TEST(a55_a57_larger_one_sync_flags)
{
	struct op *op = op_new(10);

	pair();
	snd(100);
	EQ(recv_now(op), WSAEMSGSIZE);
	CHECK(letters(op->data, 10));
	EQ(op->flags & 0x8000, 0);
}

TEST(a56_excess_is_lost_sync)
{
	struct op *op = op_new(10);

	pair();
	snd(100);
	snd_tag(3, 'n');
	EQ(recv_now(op), WSAEMSGSIZE);
	EQ(recv_now(op), 0);
	EQ(op->bytes, 3);
	CHECK(filled(op->data, 'n', 3));
}

TEST(a56_excess_is_lost_pending)
{
	struct op *first = op_ev(10), *second = op_ev(10);

	pair();
	EQ(post(first), WSA_IO_PENDING);
	EQ(post(second), WSA_IO_PENDING);
	snd(100);
	snd_tag(3, 'n');
	EQ(done(first), WSAEMSGSIZE);
	EQ(done(second), 0);
	EQ(second->got_bytes, 3);
	CHECK(filled(second->data, 'n', 3));
}

TEST(a58_a59_stream_sockets)
{
	SOCKET s = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0,
			      WSA_FLAG_OVERLAPPED);
	struct op *op = op_ev(10);

	if (under_windows())
		SKIP("Windows has stream sockets; here they are refused");
	if (s == INVALID_SOCKET) {
		CHECK(WSAGetLastError() == WSAESOCKTNOSUPPORT ||
		      WSAGetLastError() == WSAEPROTONOSUPPORT);
		return;
	}
	EQ(post_on(s, op), WSAEOPNOTSUPP);
	CHECK(stays_quiet(op->ov.hEvent));
}
