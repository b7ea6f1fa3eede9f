// SPDX-License-Identifier: MIT
/* Stored receives: in which order they fill, and how their ends are told. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "winsock_stored.h"

#include "iocp.h"
#include "thread.h"

/* --- what is told, and in which order ---------------------------------- */

static void a41_a90_stored_receives_fill_in_order(void **state)
{
	int i, round;

	(void)state;
	for (round = 0; round < 10; round++) {
		post_many(r, true);
		for (i = 0; i < MANY; i++)
			snd_nr(i);
		for (i = 0; i < MANY; i++) {
			assert_int_equal(wait_event(ops[i].ov.hEvent, LONG_MS), 0);
			assert_int_equal(result(r, &ops[i], FALSE), 0);
			comes_nr(&ops[i], i);
		}
		done_many();
	}
}

/* One of each, by turns: pages that are not known make the call. */
static void a41_order_with_receives_by_call(void **state)
{
	char *fresh = mmap(NULL, MANY * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct op *op;
	int i;

	(void)state;
	assert_true(fresh != MAP_FAILED);
	post_stored(r, &ops[0], false);
	snd("first", 5);
	comes(r, &ops[0], "first");
	for (i = 0; i < MANY; i++) {
		op = i % 2 ? (struct op *)(fresh + i * (int)PAGE) : &ops[0] + i;
		init(op, false);
		assert_int_equal(post(r, op, 32), WSA_IO_PENDING);
		assert_true(!(i % 2) || !is_stored(op));
	}
	for (i = 0; i < MANY; i++)
		snd_nr(i);
	for (i = 0; i < MANY; i++)
		comes_nr(i % 2 ? (struct op *)(fresh + i * (int)PAGE) : &ops[i], i);
	munmap(fresh, MANY * PAGE);
}

static void bv6_data_that_waits_is_taken_at_once(void **state)
{
	struct op op;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		post_stored(r, &op, true);
		snd("one", 3);
		comes(r, &op, "one");
		done(&op);

		put("two", 3);
		put("three", 5);
		init(&op, true);
		assert_int_equal(post(r, &op, 32), 0);
		expect(&op, "two", 3);
		assert_int_equal(wait_event(op.ov.hEvent, 0), WSA_WAIT_EVENT_0);
		done(&op);
		init(&op, true);
		assert_int_equal(post(r, &op, 32), 0);
		expect(&op, "three", 5);
		done(&op);
	}
}

static void a51_several_buffers(void **state)
{
	WSABUF bufs[3] = { { 2, ops[0].data }, { 0, NULL }, { 30, ops[1].data } };
	struct op *op = &ops[2];
	int i;

	(void)state;
	post_stored(r, &ops[0], false);
	snd("x", 1);
	comes(r, &ops[0], "x");
	for (i = 0; i < 4; i++) {
		init(&ops[0], false);
		init(&ops[1], false);
		init(op, true);
		assert_int_equal(WSARecvFrom(r, bufs, 3, NULL, &op->flags,
					     (SOCKADDR *)&op->from, &op->fromlen,
					     &op->ov, NULL), SOCKET_ERROR);
		assert_int_equal(WSAGetLastError(), WSA_IO_PENDING);
		assert_true(!i || is_stored(op));
		snd("scatter", 7);
		assert_int_equal(result(r, op, TRUE), 0);
		assert_int_equal(op->bytes, 7);
		assert_memory_equal(ops[0].data, "sc", 2);
		assert_int_equal((unsigned char)ops[0].data[2], 0xa5);
		assert_memory_equal(ops[1].data, "atter", 5);
		done(op);
	}
}

static void a26_a55_truncated(void **state)
{
	struct op op;

	(void)state;
	post_stored(r, &op, true);
	snd("0123456789012345678901234567890123456789", 40);
	assert_int_equal(result(r, &op, TRUE), WSAEMSGSIZE);
	assert_int_equal(op.bytes, 32);
	assert_int_equal((unsigned char)op.data[32], 0xa5);
	done(&op);
}

/* --- who waits --------------------------------------------------------- */

struct sleeper {
	pthread_t thread;
	struct op *op;
	bool for_result;
	atomic_int tid;
	DWORD ret;
};

static void *sleep_for_it(void *arg)
{
	struct sleeper *me = arg;
	DWORD bytes, flags;

	atomic_store(&me->tid, gettid());
	if (me->for_result)
		me->ret = !WSAGetOverlappedResult(r, &me->op->ov, &bytes, TRUE,
						  &flags);
	else
		me->ret = wait_event(me->op->ov.hEvent, LONG_MS);
	return NULL;
}

static void until_asleep(struct sleeper *me)
{
	char path[64], is = 0;
	FILE *f;

	until(atomic_load(&me->tid));
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat",
		 atomic_load(&me->tid));
	while (is != 'S') {
		f = fopen(path, "r");
		assert_non_null(f);
		assert_int_equal(fscanf(f, "%*d (%*[^)]) %c", &is), 1);
		fclose(f);
	}
}

static void start(struct sleeper *me, struct op *op, bool for_result)
{
	*me = (struct sleeper){ .op = op, .for_result = for_result };
	assert_int_equal(pthread_create(&me->thread, NULL, sleep_for_it, me), 0);
	until_asleep(me);
}

/* Nobody rings for what was stored before: the sleeper looks after it. */
static void a77_who_sleeps_for_one_that_is_stored(void **state)
{
	struct sleeper sleeper;
	struct op op;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		post_stored(r, &op, true);
		start(&sleeper, &op, i % 2);
		snd("wake", 4);
		assert_int_equal(pthread_join(sleeper.thread, NULL), 0);
		assert_int_equal(sleeper.ret, 0);
		comes(r, &op, "wake");
		done(&op);
	}
}

static void bg10_who_sleeps_without_an_event(void **state)
{
	struct sleeper sleeper;
	struct op op;

	(void)state;
	post_stored(r, &op, false);
	start(&sleeper, &op, true);
	snd("wake", 4);
	assert_int_equal(pthread_join(sleeper.thread, NULL), 0);
	assert_int_equal(sleeper.ret, 0);
	comes(r, &op, "wake");
}

/* Who sleeps already relies on the bell. */
static void a77_one_posted_while_its_event_is_slept_on(void **state)
{
	struct sleeper sleeper;
	struct op op, later;

	(void)state;
	post_stored(r, &later, true);
	snd("one", 3);
	comes(r, &later, "one");
	done(&later);
	init(&op, true);
	start(&sleeper, &op, false);
	/* With an event of its own it is stored, with that of the sleeper not. */
	post_stored(r, &later, true);
	snd("two", 3);
	comes(r, &later, "two");
	done(&later);
	init(&later, false);
	later.ov.hEvent = op.ov.hEvent;
	assert_int_equal(post(r, &later, 32), WSA_IO_PENDING);
	assert_false(is_stored(&later));
	snd("three", 5);
	assert_int_equal(pthread_join(sleeper.thread, NULL), 0);
	assert_int_equal(sleeper.ret, 0);
	comes(r, &later, "three");
	done(&op);
}

/* All of several, and what others of them is not looked at. */
static void bv10_wait_for_all_that_are_stored(void **state)
{
	WSAEVENT events[2];
	struct op *a = &ops[0], *b = &ops[1];

	(void)state;
	post_many(r, true);
	events[0] = a->ov.hEvent;
	events[1] = b->ov.hEvent;
	snd_nr(0);
	assert_int_equal(WSAWaitForMultipleEvents(2, events, TRUE, 20, FALSE),
			 WSA_WAIT_TIMEOUT);
	snd_nr(1);
	assert_int_equal(WSAWaitForMultipleEvents(2, events, TRUE, LONG_MS, FALSE),
			 WSA_WAIT_EVENT_0);
	comes_nr(a, 0);
	comes_nr(b, 1);
	assert_int_equal(WSAWaitForMultipleEvents(1, &ops[2].ov.hEvent, TRUE, 20,
						  FALSE), WSA_WAIT_TIMEOUT);
	assert_true(CancelIo((HANDLE)r));
	done_many();
}

static void the_socket_itself_is_waited_for(void **state)
{
	struct op op;

	(void)state;
	post_stored(r, &op, false);
	assert_int_equal(WaitForSingleObject((HANDLE)r, 0), WAIT_TIMEOUT);
	snd("socket", 6);
	assert_int_equal(WaitForSingleObject((HANDLE)r, LONG_MS), WAIT_OBJECT_0);
	comes(r, &op, "socket");
}

enum { THREADS = 4, EACH = 200 };

static void *ping_itself(void *arg)
{
	unsigned int *stored = arg;
	SOCKADDR_IN at;
	SOCKET own = new_socket(WSA_FLAG_OVERLAPPED, &at);
	struct op op;
	int i;

	for (i = 0; i < EACH; i++) {
		init(&op, true);
		if (post(own, &op, 32) != WSA_IO_PENDING)
			return "a receive did not pend";
		*stored += is_stored(&op);
		sendto((int)own, "ping", 4, 0, (SOCKADDR *)&at, sizeof(at));
		if (wait_event(op.ov.hEvent, LONG_MS) || result(own, &op, FALSE))
			return "one did not come";
		done(&op);
	}
	closesocket(own);
	return NULL;
}

static void a18_threads_that_each_wait_for_their_own(void **state)
{
	unsigned int stored[THREADS] = { 0 }, all = 0;
	pthread_t thread[THREADS];
	void *wrong;
	int i;

	(void)state;
	for (i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, ping_itself, &stored[i]);
	for (i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &wrong);
		assert_null(wrong);
		all += stored[i];
	}
	assert_true(all);
}

/* --- routines and ports ------------------------------------------------ */

static void a87_routines(void **state)
{
	WSABUF buf = { .len = 32 };
	int i, round, nr_stored = 0;

	(void)state;
	for (round = 0; round < 4; round++) {
		for (i = 0; i < MANY; i++) {
			init(&ops[i], false);
			buf.buf = ops[i].data;
			assert_int_equal(WSARecvFrom(r, &buf, 1, NULL, &ops[i].flags,
						     NULL, NULL, &ops[i].ov,
						     routine), SOCKET_ERROR);
			assert_int_equal(WSAGetLastError(), WSA_IO_PENDING);
			nr_stored += has_stored(&odgw_thread_self()->routines,
					     &ops[i].ov);
		}
		for (i = 0; i < MANY; i++)
			snd("call", 4);
		for (called = 0; called < MANY;)
			assert_int_equal(SleepEx(LONG_MS, TRUE), WAIT_IO_COMPLETION);
	}
	assert_true(nr_stored >= 2 * MANY);
}

static void a83_packets(void **state)
{
	HANDLE port = CreateIoCompletionPort((HANDLE)r, NULL, 77, 0);
	struct odgw_iocp *p = odgw_iocp_get(port);
	OVERLAPPED_ENTRY e[MANY];
	int i, round, nr_stored = 0;
	ULONG n, k, got;

	(void)state;
	for (round = 0; round < 4; round++) {
		for (i = 0; i < MANY; i++) {
			init(&ops[i], false);
			assert_int_equal(post(r, &ops[i], 32), WSA_IO_PENDING);
			nr_stored += has_stored(&p->queue, &ops[i].ov);
		}
		for (i = 0; i < MANY; i++)
			snd_nr(i);
		for (got = 0; got < MANY; got += n) {
			assert_true(GetQueuedCompletionStatusEx(port, e, MANY, &n,
								LONG_MS, FALSE));
			for (k = 0; k < n; k++) {
				assert_int_equal(e[k].lpCompletionKey, 77);
				assert_ptr_equal(e[k].lpOverlapped,
						 &ops[got + k].ov);
				comes_nr(&ops[got + k], (int)(got + k));
			}
		}
	}
	assert_true(nr_stored >= 2 * MANY);
	odgw_object_put(&p->obj);
	CloseHandle(port);
}

/* With an event, it is rung: its receives are posted by call. */
static void packet_and_event(void **state)
{
	HANDLE port = CreateIoCompletionPort((HANDLE)r, NULL, 77, 0);
	ULONG_PTR key;
	LPOVERLAPPED ov;
	struct op op;
	DWORD n;
	int i;

	(void)state;
	for (i = 0; i < 10; i++) {
		init(&op, true);
		assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
		snd("both", 4);
		assert_int_equal(wait_event(op.ov.hEvent, LONG_MS), 0);
		assert_true(GetQueuedCompletionStatus(port, &n, &key, &ov, LONG_MS));
		assert_ptr_equal(ov, &op.ov);
		done(&op);
	}
	CloseHandle(port);
}

/* Its packet goes to the port that the socket was bound to after it was stored. */
static void bcp3_bound_to_a_port_meanwhile(void **state)
{
	LPOVERLAPPED ov;
	struct op op;
	ULONG_PTR key;
	HANDLE port;
	DWORD n;

	(void)state;
	post_stored(r, &op, false);
	port = CreateIoCompletionPort((HANDLE)r, NULL, 5, 0);
	assert_non_null(port);
	snd("late", 4);
	assert_true(GetQueuedCompletionStatus(port, &n, &key, &ov, LONG_MS));
	assert_ptr_equal(ov, &op.ov);
	assert_int_equal(key, 5);
	comes(r, &op, "late");
	CloseHandle(port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a41_a90_stored_receives_fill_in_order),
		TEST(a41_order_with_receives_by_call),
		TEST(bv6_data_that_waits_is_taken_at_once),
		TEST(a51_several_buffers),
		TEST(a26_a55_truncated),
		TEST(a77_who_sleeps_for_one_that_is_stored),
		TEST(bg10_who_sleeps_without_an_event),
		TEST(a77_one_posted_while_its_event_is_slept_on),
		TEST(bv10_wait_for_all_that_are_stored),
		TEST(the_socket_itself_is_waited_for),
		TEST(a18_threads_that_each_wait_for_their_own),
		TEST(a87_routines),
		TEST(a83_packets),
		TEST(packet_and_event),
		TEST(bcp3_bound_to_a_port_meanwhile),
	};

	return run_stored("winsock stored", tests, sizeof(tests) / sizeof(tests[0]));
}
