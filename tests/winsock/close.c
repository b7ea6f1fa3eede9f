// SPDX-License-Identifier: MIT
/* Operations that end because a socket, a thread or the process does. */
#include "harness.h"

#ifndef _WIN32
#include <pthread.h>
#include <unistd.h>
#endif

TEST(a34_bk13_closed_under_a_pending_one)
{
	struct op *op[3];
	SOCKET r;
	int i;

	pair();
	r = R;
	for (i = 0; i < 3; i++) {
		op[i] = op_ev(10);
		EQ(post(op[i]), WSA_IO_PENDING);
	}
	EQ(closesocket(r), 0);
	R = udp(WSA_FLAG_OVERLAPPED);	/* for got(): any socket will do */
	for (i = 0; i < 3; i++) {
		EQ(done(op[i]), WSA_OPERATION_ABORTED);
		EQ(op[i]->ov.InternalHigh, 0);
		EQ((uint32_t)op[i]->ov.Internal, 0xC0000120U);
		CHECK(filled(op[i]->data, POISON_BYTE, 10));
		CHECK(filled(&op[i]->from, POISON_BYTE, sizeof(op[i]->from)));
	}
}

TEST(a34_closed_without_an_event)
{
	struct op *op = op_new(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	EQ(closesocket(R), 0);
	R = udp(WSA_FLAG_OVERLAPPED);
	UNTIL(got(op) == WSA_OPERATION_ABORTED);
}

TEST(bk14_close_leaves_the_done_ones_alone)
{
	struct op *a = op_ev(10), *b = op_ev(10);

	pair();
	EQ(post(a), WSA_IO_PENDING);
	EQ(post(b), WSA_IO_PENDING);
	snd(5);
	EQ(wait_op(a), 0);
	EQ(closesocket(R), 0);
	R = udp(WSA_FLAG_OVERLAPPED);
	EQ(done(b), WSA_OPERATION_ABORTED);
	EQ(got(a), 0);
	EQ(a->got_bytes, 5);
}

TEST(bk14_closed_before_the_result_was_asked_for)
{
	struct op *op;
	int i, rc;

	/* On a busy machine the datagram may come after the close, now and then. */
	for (i = 0, rc = -1; rc && i < 20; i++) {
		op = op_ev(10);
		pair();
		EQ(post(op), WSA_IO_PENDING);
		snd(5);
		EQ(closesocket(R), 0);
		R = udp(WSA_FLAG_OVERLAPPED);
		rc = done(op);
		if (rc)
			EQ(rc, WSA_OPERATION_ABORTED);
	}
	EQ(rc, 0);
	EQ(op->got_bytes, 5);
	CHECK(letters(op->data, 5));
}

static void bind_port(SOCKET s, unsigned short port, int expect)
{
	struct sockaddr_in a;

	memset(&a, 0, sizeof(a));
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = port;
	EQ(bind(s, (struct sockaddr *)&a, sizeof(a)), expect);
}

static void blocking_recv(void *result)
{
	*(volatile int *)result = recv_now(op_new(10));
}

TEST(bk18_closed_under_a_blocking_call)
{
	volatile int result = -1;
	struct thread *t;

	pair();
	t = thread_start(blocking_recv, (void *)&result);
	thread_waits(t);
	EQ(closesocket(R), 0);
	UNTIL(result != -1);
	CHECK(result == WSAEINTR || result == WSAENOTSOCK ||
	      result == WSA_OPERATION_ABORTED);
	thread_join(t);
}

static void blocking_peek(void *result)
{
	struct op *op = op_new(10);

	op->flags = MSG_PEEK;
	*(volatile int *)result = recv_now(op);
}

TEST(a61_bk18_closed_under_a_blocking_peek)
{
	volatile int result = -1;
	struct thread *t;

	pair();
	t = thread_start(blocking_peek, (void *)&result);
	nap(QUIET);
	EQ(closesocket(R), 0);
	/* Nor does the peek keep the port. */
	bind_port(udp(0), RA.sin_port, 0);
	UNTIL(result != -1);
	CHECK(result == WSAEINTR || result == WSAENOTSOCK ||
	      result == WSA_OPERATION_ABORTED);
	thread_join(t);
}

/* Thread exit */

static void post_and_return(void *op)
{
	EQ(post(op), WSA_IO_PENDING);
}

static void post_and_exit(void *op)
{
	EQ(post(op), WSA_IO_PENDING);
	thread_exit();
}

static void ends(void (*fn)(void *))
{
	struct op *op = op_ev(10), *next = op_ev(10);

	pair();
	thread_join(thread_start(fn, op));
	EQ(done(op), WSA_OPERATION_ABORTED);
	EQ(op->ov.InternalHigh, 0);
	CHECK(filled(&op->from, POISON_BYTE, sizeof(op->from)));
	EQ(post(next), WSA_IO_PENDING);
	snd(5);
	EQ(done(next), 0);
	CHECK(filled(op->data, POISON_BYTE, 10));
}

TEST(a46_thread_returns)
{
	ends(post_and_return);
}

TEST(a46_thread_exits)
{
	ends(post_and_exit);
}

#ifndef _WIN32
static void *post_and_wait(void *op)
{
	EQ(post(op), WSA_IO_PENDING);
	for (;;)
		pause();
	return NULL;
}
#endif

TEST(a46_thread_is_cancelled)
{
#ifdef _WIN32
	SKIP("threads are not cancelled on Windows");
#else
	struct op *op = op_ev(10);
	pthread_t t;

	pair();
	EQ(pthread_create(&t, NULL, post_and_wait, op), 0);
	UNTIL(*(volatile ULONG_PTR *)&op->ov.Internal == STATUS_PENDING);
	nap(QUIET);
	EQ(pthread_cancel(t), 0);
	EQ(pthread_join(t, NULL), 0);
	EQ(done(op), WSA_OPERATION_ABORTED);
	still_works();
#endif
}

TEST(a47_other_threads_operations_survive)
{
	struct op *mine = op_ev(10), *theirs = op_ev(10), *last = op_ev(10);

	pair();
	EQ(post(mine), WSA_IO_PENDING);
	thread_join(thread_start(post_and_return, theirs));
	EQ(post(last), WSA_IO_PENDING);
	EQ(done(theirs), WSA_OPERATION_ABORTED);
	EQ(got(mine), WSA_IO_INCOMPLETE);
	snd_tag(3, '1');
	snd_tag(4, '2');
	EQ(done(mine), 0);
	EQ(done(last), 0);
	CHECK(filled(mine->data, '1', 3));
	CHECK(filled(last->data, '2', 4));
}

TEST(a47_completed_before_the_thread_ended)
{
	struct op *op = op_ev(10);

	pair();
	snd(5);
	/* It finds the datagram there, or takes it while it is pending. */
	EQ(post(op), 0);
	thread_join(thread_start(post_and_return, op_ev(10)));
	EQ(got(op), 0);
	EQ(op->got_bytes, 5);
}

/* What a process leaves behind when it is killed. */

#ifdef _WIN32
#define KILL_PROCESS()	TerminateProcess(GetCurrentProcess(), 9)
#else
#include <signal.h>
#include <sys/wait.h>
#define KILL_PROCESS()	kill(getpid(), SIGKILL)
#endif

TEST_NOT_STARTED(a100_killed_while_pending)
{
#ifdef _WIN32
	SKIP("shown by the Linux half: the process is forked");
#else
	unsigned short port;
	WSADATA wsa;
	int pipefd[2], status;
	pid_t pid;

	EQ(pipe(pipefd), 0);
	pid = fork();
	if (!pid) {
		EQ(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
		pair();
		EQ(post(op_ev(10)), WSA_IO_PENDING);
		EQ(post(op_ev(10)), WSA_IO_PENDING);
		EQ(write(pipefd[1], &RA.sin_port, 2), 2);
		KILL_PROCESS();
	}
	EQ(read(pipefd[0], &port, 2), 2);
	EQ(waitpid(pid, &status, 0), pid);
	EQ(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
	bind_port(udp(WSA_FLAG_OVERLAPPED), port, 0);
	pair();
	still_works();
#endif
}

TEST(a100_port_is_free_after_close)
{
	struct op *op = op_ev(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	bind_port(udp(0), RA.sin_port, SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEADDRINUSE);
	EQ(closesocket(R), 0);
	bind_port(udp(0), RA.sin_port, 0);
}
