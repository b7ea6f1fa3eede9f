// SPDX-License-Identifier: MIT
/* CancelIo(), CancelIoEx(). */
#include "harness.h"

TEST(bx1_cancels_the_threads_own)
{
	struct op *a = op_ev(10), *b = op_ev(10);

	pair();
	EQ(post(a), WSA_IO_PENDING);
	EQ(post(b), WSA_IO_PENDING);
	CHECK(CancelIo((HANDLE)R));
	EQ(done(a), WSA_OPERATION_ABORTED);
	EQ(done(b), WSA_OPERATION_ABORTED);
	EQ(a->ov.InternalHigh, 0);
	EQ((uint32_t)a->ov.Internal, 0xC0000120U);
	CHECK(CancelIo((HANDLE)R));
}

static void cancel_mine(void *unused)
{
	(void)unused;
	CHECK(CancelIo((HANDLE)R));
}

TEST(bx1_not_those_of_others)
{
	struct op *op = op_ev(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	thread_join(thread_start(cancel_mine, NULL));
	CHECK(stays_quiet(op->ov.hEvent));
	snd(5);
	EQ(done(op), 0);
}

static void cancel_all(void *unused)
{
	(void)unused;
	CHECK(CancelIoEx((HANDLE)R, NULL));
}

TEST(bx2_of_all_threads)
{
	struct op *op = op_ev(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	thread_join(thread_start(cancel_all, NULL));
	EQ(done(op), WSA_OPERATION_ABORTED);
}

TEST(bx2_one_of_several)
{
	struct op *a = op_ev(10), *b = op_ev(10), *c = op_ev(10);

	pair();
	EQ(post(a), WSA_IO_PENDING);
	EQ(post(b), WSA_IO_PENDING);
	EQ(post(c), WSA_IO_PENDING);
	CHECK(CancelIoEx((HANDLE)R, &b->ov));
	EQ(done(b), WSA_OPERATION_ABORTED);
	snd_tag(1, '1');
	snd_tag(2, '2');
	EQ(done(a), 0);
	EQ(done(c), 0);
	EQ(a->got_bytes, 1);
	EQ(c->got_bytes, 2);
}

TEST(bx3_nothing_to_cancel)
{
	struct op *op = op_ev(10);

	pair();
	CHECK(!CancelIoEx((HANDLE)R, NULL));
	EQ(GetLastError(), ERROR_NOT_FOUND);
	CHECK(!CancelIoEx((HANDLE)R, &op->ov));
	EQ(GetLastError(), ERROR_NOT_FOUND);
	EQ(post(op), WSA_IO_PENDING);
	snd(5);
	EQ(done(op), 0);
	CHECK(!CancelIoEx((HANDLE)R, &op->ov));
	EQ(GetLastError(), ERROR_NOT_FOUND);
	EQ(got(op), 0);
}

TEST(bx5_socket_stays_usable)
{
	struct op *op = op_ev(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	CHECK(CancelIo((HANDLE)R));
	EQ(done(op), WSA_OPERATION_ABORTED);
	still_works();
	CHECK(filled(op->data, POISON_BYTE, 10));
}

enum { RACES = 300 };

static void send_many(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < RACES; i++) {
		snd(5);
		nap(i % 7 == 0);
	}
}

/* Who wins does not matter; a datagram is received once, by somebody. */
TEST(bx4_bx6_cancel_loses_no_datagram)
{
	HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
	struct op *op = op_new(10);
	int err, received = 0, cancelled = 0;
	struct thread *t;

	pair();
	op->ov.hEvent = event;
	t = thread_start(send_many, NULL);
	while (received < RACES) {
		err = post(op);
		if (err) {
			EQ(err, WSA_IO_PENDING);
			if (received % 2)
				CancelIo((HANDLE)R);
			EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
			err = got(op);
		} else {
			EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
		}
		if (err)
			EQ(err, WSA_OPERATION_ABORTED);
		received += !err;
		cancelled += !!err;
		EQ(WaitForSingleObject(event, 0), WAIT_TIMEOUT);
	}
	thread_join(t);
	printf("# cancelled %d times\n", cancelled);
}
