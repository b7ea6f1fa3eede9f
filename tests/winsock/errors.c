// SPDX-License-Identifier: MIT
/* What WSARecvFrom() returns, and its list of errors. */
#include "harness.h"

TEST(a15_immediate_success_returns_0)
{
	struct op *op = op_new(10);

	pair();
	snd(5);
	EQ(post(op), 0);
	EQ(op->bytes, 5);
	CHECK(letters(op->data, 5));
}

static void fail_elsewhere(void *code)
{
	WSASetLastError(12345);
	*(int *)code = WSARecvFrom(INVALID_SOCKET, NULL, 0, NULL, NULL, NULL, NULL,
				   NULL, NULL);
	if (!WSAGetLastError() || WSAGetLastError() == 12345)
		*(int *)code = 0;
}

TEST(a17_failure_is_socket_error_and_a_code_per_thread)
{
	struct op *op = op_new(10);
	int other = 0;

	pair();
	EQ(post(op), WSA_IO_PENDING);
	EQ(op->rc, SOCKET_ERROR);
	thread_join(thread_start(fail_elsewhere, &other));
	EQ(other, SOCKET_ERROR);
	EQ(WSAGetLastError(), WSA_IO_PENDING);
}

/* Counted by an auto-reset event: a second indication would set it again. */
TEST(a18_a33_pending_means_one_indication)
{
	enum { ROUNDS = 200 };
	HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
	struct op *op = op_new(10);
	int i;

	pair();
	op->ov.hEvent = event;
	for (i = 0; i < ROUNDS; i++) {
		EQ(post(op), WSA_IO_PENDING);
		CHECK(!is_set(event));
		snd(1 + i % 10);
		EQ(WSAWaitForMultipleEvents(1, &event, FALSE, LIMIT, FALSE), 0);
		EQ(got(op), 0);
		EQ(op->got_bytes, 1 + i % 10);
	}
	CHECK(stays_quiet(event));
}

TEST(a19_refused_means_no_indication)
{
	struct op *op = op_ev(10);
	DWORD *no_flags = NULL;

	pair();
	EQ(post_on(INVALID_SOCKET, op), WSAENOTSOCK);
	CHECK(stays_quiet(op->ov.hEvent));
	op->buf.buf = NULL;
	EQ(post(op), WSAEFAULT);
	CHECK(stays_quiet(op->ov.hEvent));
	op->buf.buf = op->data;
	EQ(WSARecvFrom(R, &op->buf, 1, NULL, no_flags, NULL, NULL, &op->ov, NULL),
	   SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
	CHECK(stays_quiet(op->ov.hEvent));
	/* The datagram is not for one of those. */
	snd(5);
	CHECK(stays_quiet(op->ov.hEvent));
	CHECK(filled(op->data, POISON_BYTE, 10));
}

static void provoke(const struct sockaddr_in *dead)
{
	EQ(sendto(R, "x", 1, 0, (const struct sockaddr *)dead, sizeof(*dead)), 1);
	settle();
}

TEST(a20_bu1_bs5_port_unreachable_completes_pending)
{
	struct sockaddr_in dead = dead_port();
	struct op *op = op_ev(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	provoke(&dead);
	EQ(done(op), WSAECONNRESET);
	EQ(op->ov.InternalHigh, 0);
	EQ((uint32_t)op->ov.Internal, 0xC000023FU);
}

TEST(a20_bu2_port_unreachable_is_remembered)
{
	struct sockaddr_in dead = dead_port();
	struct op *op = op_new(10);

	pair();
	nonblocking(R, true);
	provoke(&dead);
	nap(QUIET);
	EQ(recv_now(op), WSAECONNRESET);
	EQ(recv_now(op), WSAEWOULDBLOCK);
}

TEST(a20_connected_sync)
{
	struct sockaddr_in dead = dead_port();
	struct op *op = op_new(10);

	pair();
	EQ(connect(R, (struct sockaddr *)&dead, sizeof(dead)), 0);
	nonblocking(R, true);
	EQ(send(R, "x", 1, 0), 1);
	nap(QUIET);
	EQ(recv_now(op), WSAECONNRESET);
}

TEST(a20_connected_pending)
{
	struct sockaddr_in dead = dead_port();
	struct op *op = op_ev(10);

	pair();
	EQ(connect(R, (struct sockaddr *)&dead, sizeof(dead)), 0);
	EQ(post(op), WSA_IO_PENDING);
	EQ(send(R, "x", 1, 0), 1);
	EQ(done(op), WSAECONNRESET);
	EQ(op->ov.InternalHigh, 0);
}

TEST(a20_bu1_one_report_takes_one_receive)
{
	struct sockaddr_in dead = dead_port();
	struct op *first = op_ev(10), *second = op_ev(10);

	pair();
	EQ(post(first), WSA_IO_PENDING);
	EQ(post(second), WSA_IO_PENDING);
	provoke(&dead);
	EQ(done(first), WSAECONNRESET);
	CHECK(stays_quiet(second->ov.hEvent));
	snd(3);
	EQ(done(second), 0);
}

TEST(bu3_usable_after_a_report)
{
	struct sockaddr_in dead = dead_port();
	struct op *op = op_ev(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	provoke(&dead);
	EQ(done(op), WSAECONNRESET);
	still_works();
	still_works();
}

TEST(bu4_a_report_does_not_fail_sends)
{
	struct sockaddr_in dead = dead_port();
	int i;

	pair();
	for (i = 0; i < 10; i++) {
		provoke(&dead);
		nap(2);
	}
}

TEST(bu4_a_report_does_not_fail_sends_connected)
{
	struct sockaddr_in dead = dead_port();
	struct op *op = op_ev(10);
	int i;

	pair();
	EQ(connect(R, (struct sockaddr *)&dead, sizeof(dead)), 0);
	EQ(post(op), WSA_IO_PENDING);
	for (i = 0; i < 10; i++) {
		EQ(send(R, "x", 1, 0), 1);
		nap(2);
	}
	EQ(done(op), WSAECONNRESET);
}

/* A22 and what is observed: known before anything is taken off the queue. */
static void from_too_small(int family, int size)
{
	struct op *op = op_ev(10), *next = op_new(10);
	SOCKET s = S;

	nonblocking(R, true);
	op->fromlen = size;
	if (family == AF_INET)
		snd(5);
	else
		EQ(send(s, "abcde", 5, 0), 5);
	EQ(post(op), WSAEFAULT);
	CHECK(stays_quiet(op->ov.hEvent));
	op->fromlen = size;
	EQ(recv_now(op), WSAEFAULT);
	CHECK(filled(&op->from, POISON_BYTE, sizeof(op->from)));
	EQ(recv_now(next), 0);
	EQ(next->bytes, 5);
}

TEST(a22_brx5_from_too_small)
{
	pair();
	from_too_small(AF_INET, 1);
	from_too_small(AF_INET, 15);
}

TEST(a22_from_too_small_v6)
{
	struct sockaddr_in6 ra, sa;

	if (!have_ipv6())
		SKIP("no IPv6 here");
	R = WSASocketW(AF_INET6, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, WSA_FLAG_OVERLAPPED);
	S = WSASocketW(AF_INET6, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, WSA_FLAG_OVERLAPPED);
	bind_lo6(R, &ra);
	bind_lo6(S, &sa);
	EQ(connect(S, (struct sockaddr *)&ra, sizeof(ra)), 0);
	from_too_small(AF_INET6, 16);
	from_too_small(AF_INET6, 27);
}

TEST(a22_from_too_small_while_nothing_is_queued)
{
	struct op *op = op_ev(10);
	int err;

	/* Refused at once, or known when the datagram comes: never written. */
	pair();
	op->fromlen = 15;
	err = post(op);
	if (err == WSA_IO_PENDING) {
		snd(5);
		EQ(done(op), WSAEFAULT);
	} else {
		EQ(err, WSAEFAULT);
		CHECK(stays_quiet(op->ov.hEvent));
	}
	CHECK(filled(&op->from, POISON_BYTE, sizeof(op->from)));
}

#ifndef _WIN32
#include <pthread.h>
#include <signal.h>

static volatile int signals;

static void on_signal(int nr)
{
	(void)nr;
	signals++;
}

static void signal_then_send(void *main_thread)
{
	int i;

	for (i = 0; i < 3; i++) {
		nap(QUIET / 2);
		pthread_kill(*(pthread_t *)main_thread, SIGUSR1);
		UNTIL(signals > i);
	}
	nap(QUIET / 2);
	snd(5);
}
#endif

TEST(a24_a_signal_does_not_end_a_blocking_call)
{
#ifdef _WIN32
	SKIP("Windows has no signals");
#else
	struct sigaction sa = { .sa_handler = on_signal };	/* no SA_RESTART */
	pthread_t self = pthread_self();
	struct op *op = op_new(10);
	struct thread *t;

	pair();
	EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	t = thread_start(signal_then_send, &self);
	EQ(recv_now(op), 0);
	EQ(op->bytes, 5);
	EQ(signals, 3);
	thread_join(t);
#endif
}

TEST(a25_a35_not_bound)
{
	struct op *op = op_ev(10);
	SOCKET s = udp(WSA_FLAG_OVERLAPPED);

	EQ(post_on(s, op), WSAEINVAL);
	EQ(recv_now_on(s, op), WSAEINVAL);
	CHECK(stays_quiet(op->ov.hEvent));
	bind_lo(s, NULL);
	EQ(post_on(s, op), WSA_IO_PENDING);
}

TEST(a26_larger_than_the_buffer_pending)
{
	struct op *op = op_ev(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	snd(100);
	EQ(done(op), WSAEMSGSIZE);
	CHECK(letters(op->data, 10));
	CHECK(filled(op->data + 10, POISON_BYTE, 90));
	EQ(op->fromlen, 16);
}

TEST(brx13_larger_than_the_buffer_sync_says_how_much)
{
	struct op *op = op_new(10);

	pair();
	snd(100);
	EQ(recv_now(op), WSAEMSGSIZE);
	EQ(op->bytes, 10);
}

TEST(a26_larger_than_the_buffer_sync)
{
	struct op *op = op_new(10);

	pair();
	snd(100);
	EQ(recv_now(op), WSAEMSGSIZE);
	CHECK(letters(op->data, 10));
	CHECK(filled(op->data + 10, POISON_BYTE, 90));
	EQ(op->fromlen, 16);
}

/* One answer, whichever way: see the stance D1 in the manual. */
TEST(a26_brx14_d1_larger_than_the_buffer_and_queued)
{
	struct op *op = op_ev(10);

	pair();
	snd(100);
	EQ(post(op), WSA_IO_PENDING);
	EQ(done(op), WSAEMSGSIZE);
	EQ(op->ov.InternalHigh, 10);
	CHECK(letters(op->data, 10));
}

TEST(a29_unconnected_receives)
{
	struct op *op = op_new(10);

	pair();
	snd(5);
	EQ(recv_now(op), 0);
	snd(6);
	EQ(post(op), 0);
}

TEST(a30_d9_too_many_outstanding)
{
	enum { MANY = 300000 };
	struct op **ops;
	int i, err = 0;

	if (under_windows())
		SKIP("no limit to be reached in reasonable time");
	pair();
	ops = calloc(MANY, sizeof(*ops));
	CHECK(ops != NULL);
	for (i = 0; i < MANY; i++) {
		ops[i] = op_new(8);
		err = post(ops[i]);
		if (err != WSA_IO_PENDING)
			break;
	}
	CHECK(i < MANY);
	printf("# refused after %d\n", i);
	/* Memory locked or our own limit: either is documented. */
	CHECK(err == WSAEWOULDBLOCK || err == WSAENOBUFS);
	/* The refused one gets nothing; the first is intact. */
	snd(5);
	UNTIL(!got(ops[0]));
	CHECK(letters(ops[0]->data, 5));
	CHECK(filled(ops[i]->data, POISON_BYTE, 8));
}

TEST(a31_nonblocking_and_nothing_queued)
{
	struct op *op = op_new(10);

	pair();
	nonblocking(R, true);
	EQ(recv_now(op), WSAEWOULDBLOCK);
	snd(5);
	EQ(recv_now(op), 0);
	EQ(recv_now(op), WSAEWOULDBLOCK);
}

TEST(a27_network_down)
{
	SKIP("needs a device of its own to take down: tests/api has it");
}

TEST(a28_time_to_live_expired)
{
	SKIP("needs a router hop: tests/api has it");
}
