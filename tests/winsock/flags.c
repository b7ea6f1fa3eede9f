// SPDX-License-Identifier: MIT
/* lpFlags, in and out. */
#include "harness.h"

static int with_flags(struct op *op, DWORD flags, bool overlapped)
{
	op->flags = flags;
	return overlapped ? post(op) : recv_now(op);
}

static void refused_flags(DWORD flags)
{
	struct op *op = op_ev(10), *next = op_new(10);

	nonblocking(R, true);
	EQ(with_flags(op, flags, true), WSAEOPNOTSUPP);
	EQ(with_flags(op, flags, false), WSAEOPNOTSUPP);
	CHECK(stays_quiet(op->ov.hEvent));
	snd(4);
	EQ(with_flags(op, flags, true), WSAEOPNOTSUPP);
	EQ(with_flags(op, flags, false), WSAEOPNOTSUPP);
	CHECK(stays_quiet(op->ov.hEvent));
	EQ(recv_now(next), 0);
	EQ(next->bytes, 4);
}

TEST(a60_unknown_flags)
{
	pair();
	refused_flags(0x40000000);
}

TEST(a61_peek_does_not_consume)
{
	struct op *op = op_new(10), *next = op_new(10);

	pair();
	snd(5);
	EQ(with_flags(op, MSG_PEEK, false), 0);
	EQ(op->bytes, 5);
	CHECK(letters(op->data, 5));
	EQ(op->fromlen, 16);
	EQ(recv_now(next), 0);
	EQ(next->bytes, 5);
	nonblocking(R, true);
	EQ(recv_now(next), WSAEWOULDBLOCK);
}

static void send_later(void *unused)
{
	(void)unused;
	nap(QUIET);
	snd(6);
}

TEST(a61_peek_blocks)
{
	struct op *op = op_new(10), *next = op_new(10);
	struct thread *t;

	pair();
	t = thread_start(send_later, NULL);
	EQ(with_flags(op, MSG_PEEK, false), 0);
	EQ(op->bytes, 6);
	EQ(recv_now(next), 0);
	EQ(next->bytes, 6);
	thread_join(t);
}

TEST(a61_peek_at_a_larger_one)
{
	struct op *op = op_new(4), *next = op_new(10);

	pair();
	snd(6);
	EQ(with_flags(op, MSG_PEEK, false), WSAEMSGSIZE);
	CHECK(letters(op->data, 4));
	EQ(recv_now(next), 0);
	EQ(next->bytes, 6);
}

TEST(a61_brx16_peek_after_shutdown)
{
	struct op *op = op_new(10);

	pair();
	EQ(shutdown(R, SD_RECEIVE), 0);
	EQ(with_flags(op, MSG_PEEK, false), WSAESHUTDOWN);
	snd(5);
	EQ(with_flags(op, MSG_PEEK, false), WSAESHUTDOWN);
}

/* The page allows it for nonoverlapped sockets only: refused, not pending. */
TEST(a62_d2_peek_overlapped_is_refused)
{
	struct op *op = op_ev(10), *next = op_new(10);

	pair();
	EQ(with_flags(op, MSG_PEEK, true), WSAEOPNOTSUPP);
	CHECK(stays_quiet(op->ov.hEvent));
	snd(5);
	EQ(with_flags(op, MSG_PEEK, true), WSAEOPNOTSUPP);
	CHECK(stays_quiet(op->ov.hEvent));
	EQ(recv_now(next), 0);
	EQ(next->bytes, 5);
}

TEST(a62_peek_on_a_socket_without_the_attribute)
{
	struct op *op = op_ev(10), *next = op_new(10);

	pair_plain();
	snd(5);
	EQ(with_flags(op, MSG_PEEK, true), 0);
	EQ(op->bytes, 5);
	EQ(recv_now(next), 0);
	EQ(next->bytes, 5);
}

TEST(a63_brx17_oob)
{
	pair();
	refused_flags(MSG_OOB);
}

TEST(a64_partial_in_is_accepted)
{
	struct op *op = op_new(10);

	pair();
	snd(5);
	EQ(with_flags(op, MSG_PARTIAL, true), 0);
	EQ(op->bytes, 5);
	snd(6);
	EQ(with_flags(op, MSG_PARTIAL, false), 0);
	EQ(op->bytes, 6);
}

TEST(a65_partial_is_cleared_at_once)
{
	struct op *op = op_new(10);

	pair();
	snd(5);
	EQ(with_flags(op, MSG_PARTIAL, true), 0);
	EQ(op->flags, 0);
	snd(6);
	EQ(with_flags(op, MSG_PARTIAL, false), 0);
	EQ(op->flags, 0);
}

TEST(a64_a66_partial_pending)
{
	struct op *op = op_ev(10);

	pair();
	EQ(with_flags(op, MSG_PARTIAL, true), WSA_IO_PENDING);
	EQ(op->flags, MSG_PARTIAL);
	snd(5);
	EQ(done(op), 0);
	EQ(op->got_bytes, 5);
	EQ(op->got_flags, 0);
	EQ(op->flags, MSG_PARTIAL);
}

/* Its page is gone before the datagram comes. */
TEST(a66_brx19_flags_are_taken_by_value)
{
	struct op *op = op_ev(10);
	char *p = pages(1);
	DWORD *flags = (DWORD *)p;

	pair();
	*flags = 0;
	EQ(WSARecvFrom(R, &op->buf, 1, NULL, flags, NULL, NULL, &op->ov, NULL),
	   SOCKET_ERROR);
	EQ(WSAGetLastError(), WSA_IO_PENDING);
	*flags = POISON;
	protect(p, PAGE_NONE);
	snd(5);
	EQ(done(op), 0);
	EQ(op->got_bytes, 5);
	EQ(op->got_flags, 0);
	protect(p, PAGE_READ);
	EQ(*flags, POISON);
}

TEST(a67_flags_of_a_result)
{
	struct op *op = op_ev(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	snd(10);
	EQ(done(op), 0);
	EQ(op->got_flags, 0);
}

TEST(brx7_waitall)
{
	pair();
	refused_flags(MSG_WAITALL);
}
