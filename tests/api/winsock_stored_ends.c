// SPDX-License-Identifier: MIT
/*
 * Stored receives whose socket, thread, process or memory ends or changes, or that are
 * cancelled; and more of them than there is room for.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "winsock_stored.h"

#include "thread.h"

/* --- cancelling -------------------------------------------------------- */

static void bx6_cancel_first_middle_and_last(void **state)
{
	const int which[] = { 0, MANY / 2, MANY - 1 };
	unsigned int k;
	int i, nr = 0;

	(void)state;
	post_many(r, true);
	for (k = 0; k < 3; k++) {
		assert_true(CancelIoEx((HANDLE)r, &ops[which[k]].ov));
		is_cancelled(r, &ops[which[k]]);
		assert_int_equal(wait_event(ops[which[k]].ov.hEvent, 0), 0);
		assert_false(CancelIoEx((HANDLE)r, &ops[which[k]].ov));
		assert_int_equal(GetLastError(), ERROR_NOT_FOUND);
	}
	for (i = 0; i < MANY - 3; i++)
		snd_nr(i);
	for (i = 0; i < MANY; i++)
		if (i != which[0] && i != which[1] && i != which[2])
			comes_nr(&ops[i], nr++);
	done_many();
}

static void cancel_all_of_a_socket(void **state)
{
	int i;

	(void)state;
	post_many(r, true);
	assert_true(CancelIo((HANDLE)r));
	for (i = 0; i < MANY; i++)
		is_cancelled(r, &ops[i]);
	done_many();
	post_many(r, false);
	assert_true(CancelIoEx((HANDLE)r, NULL));
	for (i = 0; i < MANY; i++)
		is_cancelled(r, &ops[i]);
	post_stored(r, &ops[0], false);
	snd("goes on", 7);
	comes(r, &ops[0], "goes on");
}

static void a34_bk13_closing_ends_what_is_stored(void **state)
{
	SOCKET old = r;
	int i;

	(void)state;
	post_many(r, true);
	assert_int_equal(closesocket(r), 0);
	r = new_socket(WSA_FLAG_OVERLAPPED, &r_addr);
	assert_int_equal(r, old);
	for (i = 0; i < MANY; i++) {
		assert_int_equal(wait_event(ops[i].ov.hEvent, LONG_MS), 0);
		is_cancelled(r, &ops[i]);
	}
	done_many();
	post_stored(r, &ops[0], true);
	snd("new", 3);
	comes(r, &ops[0], "new");
	done(&ops[0]);
}

/* By the system's own call, and by somebody who knows nothing of the library. */
static void a34_close_2_and_the_number_is_used_again(void **state)
{
	struct op old, op;
	SOCKET was = r;
	int i, copy;

	(void)state;
	for (i = 0; i < 2; i++) {
		post_stored(r, &old, true);
		/* The old socket lives on, and what is stored there. */
		copy = i ? dup((int)r) : -1;
		(close)((int)r);
		r = new_socket(WSA_FLAG_OVERLAPPED, &r_addr);
		assert_int_equal(r, was);
		init(&op, true);
		assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
		snd("new", 3);
		comes(r, &op, "new");
		done(&op);
		assert_int_equal(completed(&old), !i);
		if (i)
			(close)(copy);
		until(completed(&old));
		is_cancelled(r, &old);
		done(&old);
		post_stored(r, &op, true);
		assert_true(CancelIo((HANDLE)r));
		is_cancelled(r, &op);
		done(&op);
	}
}

static atomic_bool one_is_stored, others_are_posted;

static void *store_and_exit(void *arg)
{
	post_stored(r, arg, true);
	atomic_store(&one_is_stored, true);
	while (!atomic_load(&others_are_posted))
		sched_yield();
	return NULL;
}

static void a46_thread_exit_cancels_what_it_stored(void **state)
{
	pthread_t thread;
	struct op mine;

	(void)state;
	pthread_create(&thread, NULL, store_and_exit, &ops[0]);
	until(atomic_load(&one_is_stored));
	init(&mine, true);
	assert_int_equal(post(r, &mine, 32), WSA_IO_PENDING);
	atomic_store(&others_are_posted, true);
	pthread_join(thread, NULL);
	assert_int_equal(wait_event(ops[0].ov.hEvent, LONG_MS), 0);
	is_cancelled(r, &ops[0]);
	done(&ops[0]);
	assert_false(completed(&mine));
	snd("mine", 4);
	comes(r, &mine, "mine");
	done(&mine);
}

static void *store_with_routine_and_exit(void *arg)
{
	WSABUF buf = { .len = 32 };
	int i;

	(void)arg;
	for (i = 0; i < MANY; i++) {
		init(&ops[i], false);
		buf.buf = ops[i].data;
		WSARecvFrom(r, &buf, 1, NULL, &ops[i].flags, NULL, NULL, &ops[i].ov,
			    routine);
		if (i > 8)
			continue;
		called = (unsigned int)i;
		snd("call", 4);
		SleepEx(LONG_MS, TRUE);
	}
	return has_stored(&odgw_thread_self()->routines, &ops[MANY - 1].ov) ?
	       NULL : "not stored";
}

static void a46_thread_exit_drops_its_routines(void **state)
{
	pthread_t thread;
	void *wrong;
	int i;

	(void)state;
	pthread_create(&thread, NULL, store_with_routine_and_exit, NULL);
	pthread_join(thread, &wrong);
	assert_int_equal(called, 9);
	assert_null(wrong);
	for (i = 9; i < MANY; i++)
		is_cancelled(r, &ops[i]);
	put("other's", 7);
	init(&ops[0], false);
	assert_int_equal(post(r, &ops[0], 32), 0);
	expect(&ops[0], "other's", 7);
}

/* --- the socket changes ------------------------------------------------ */

static void brx16_after_shutdown(void **state)
{
	struct op op;

	(void)state;
	post_stored(r, &op, true);
	snd("x", 1);
	comes(r, &op, "x");
	shutdown((int)r, SD_RECEIVE);
	assert_int_equal(post(r, &op, 32), WSAESHUTDOWN);
	done(&op);
}

static void bk17_a_copy_goes_on_when_the_first_is_closed(void **state)
{
	HANDLE copy;
	struct op op;

	(void)state;
	post_stored(r, &op, true);
	assert_true(DuplicateHandle(GetCurrentProcess(), (HANDLE)r,
				    GetCurrentProcess(), &copy, 0, FALSE,
				    DUPLICATE_SAME_ACCESS));
	assert_int_equal(closesocket(r), 0);
	r = (SOCKET)copy;
	assert_false(completed(&op));
	assert_true(CancelIoEx(copy, &op.ov));
	until(completed(&op));
	assert_int_equal(op.ov.Internal, 0xC0000120);
	init(&ops[0], false);
	assert_int_equal(post(r, &ops[0], 32), WSA_IO_PENDING);
	snd("copy", 4);
	until(completed(&ops[0]));
	assert_int_equal(ops[0].ov.InternalHigh, 4);
	done(&op);
}

/* --- the memory changes ------------------------------------------------ */

static struct op *map_at(void *at, int prot)
{
	struct op *op = mmap(at, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0),
			     -1, 0);

	assert_true(op != MAP_FAILED);
	memset(op, 0x5a, PAGE);
	if (prot != (PROT_READ | PROT_WRITE))
		assert_int_equal(mprotect(op, PAGE, prot), 0);
	return op;
}

/* Into memory at @at, told by ops[0]. */
static int post_at(void *at)
{
	WSABUF buf = { 32, at };

	init(&ops[0], false);
	WSASetLastError(0);
	WSARecvFrom(r, &buf, 1, NULL, &ops[0].flags, NULL, NULL, &ops[0].ov, NULL);
	return WSAGetLastError();
}

static void a3_what_cannot_be_written_is_refused_at_once(void **state)
{
	struct op *at = map_at(NULL, PROT_READ | PROT_WRITE);
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		post_stored(r, at, false);
		snd("there", 5);
		comes(r, at, "there");
		if (i == 0)
			assert_int_equal(munmap(at, PAGE), 0);
		else if (i == 1)
			map_at(at, PROT_READ);
		else
			map_at(at, PROT_NONE);
		assert_int_equal(post_at(at), WSAEFAULT);
		assert_int_equal(ops[0].ov.Internal, 0xa5a5a5a5a5a5a5a5);
		map_at(at, PROT_READ | PROT_WRITE);
		assert_int_equal(post_at(at), WSA_IO_PENDING);
		snd("new", 3);
		until(completed(&ops[0]));
		assert_memory_equal(at, "new", 3);
	}
	munmap(at, PAGE);
}

/* The page is learnt, and then ops[0] stored in it. */
static void store_at(struct op *at)
{
	post_stored(r, at, false);
	snd("x", 1);
	comes(r, at, "x");
	assert_int_equal(post_at(at), WSA_IO_PENDING);
	assert_true(is_stored(&ops[0]));
}

/* Other memory at the same address: that gets the data. */
static void remapped_while_it_pends(void **state)
{
	struct op *at = map_at(NULL, PROT_READ | PROT_WRITE);

	(void)state;
	store_at(at);
	map_at(at, PROT_READ | PROT_WRITE);
	snd("new", 3);
	until(completed(&ops[0]));
	assert_int_equal(ops[0].ov.InternalHigh, 3);
	assert_memory_equal(at, "new\x5a", 4);
	munmap(at, PAGE);
}

static void unmapped_while_it_pends(void **state)
{
	struct op *at = map_at(NULL, PROT_READ | PROT_WRITE);

	(void)state;
	store_at(at);
	munmap(at, PAGE);
	snd("lost?", 5);
	until(completed(&ops[0]));
	assert_int_equal(result(r, &ops[0], FALSE), WSAEFAULT);
	/* The datagram is the next one's. */
	init(&ops[1], false);
	assert_int_equal(post(r, &ops[1], 32), 0);
	expect(&ops[1], "lost?", 5);
}

static void fork_child_has_none_of_the_stored(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	post_many(r, true);
	pid = fork();
	if (!pid) {
		struct op own;

		/* The parent's mapping is not there to be written to. */
		init(&own, false);
		if (post(r, &own, 32) != WSA_IO_PENDING)
			_exit(1);
		if (is_stored(&own) || !CancelIo((HANDLE)r) || result(r, &own, TRUE) !=
		    WSA_OPERATION_ABORTED)
			_exit(2);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	for (int i = 0; i < MANY; i++)
		snd_nr(i);
	for (int i = 0; i < MANY; i++)
		comes_nr(&ops[i], i);
	done_many();
}

/* --- how many ---------------------------------------------------------- */

/* More than a request queue holds: the rest is posted by call, in order. */
static void a41_more_than_fit(void **state)
{
	enum { N = 600 };
	static struct op many[N];
	int i, round, nr_stored = 0;

	(void)state;
	for (round = 0; round < 2; round++) {
		for (i = 0; i < N; i++) {
			init(&many[i], false);
			assert_int_equal(post(r, &many[i], 32), WSA_IO_PENDING);
			nr_stored += is_stored(&many[i]);
		}
		for (i = 0; i < N; i++) {
			snd_nr(i);
			if (i % 100 == 99)
				until(completed(&many[i]));
		}
		for (i = 0; i < N; i++)
			comes_nr(&many[i], i);
	}
	assert_true(nr_stored >= 128 && nr_stored <= 256 + N);
}

/* Sockets that come and go give theirs back; those without one work as well. */
static void a41_more_sockets_than_request_queues(void **state)
{
	enum { N = 100 };
	SOCKET sock[N];
	SOCKADDR_IN at[N];
	int i, k, round, nr_stored;

	(void)state;
	for (round = 0; round < 2; round++) {
		nr_stored = 0;
		for (i = 0; i < N; i++)
			sock[i] = new_socket(WSA_FLAG_OVERLAPPED, &at[i]);
		for (k = 0; k < 10; k++)
			for (i = 0; i < N; i++) {
				init(&ops[0], false);
				assert_int_equal(post(sock[i], &ops[0], 32),
						 WSA_IO_PENDING);
				nr_stored += is_stored(&ops[0]);
				sendto((int)s, "one", 3, 0, (SOCKADDR *)&at[i],
				       sizeof(at[i]));
				comes(sock[i], &ops[0], "one");
			}
		assert_in_range(nr_stored, 1, 64 * 10);
		for (i = 0; i < N; i++)
			closesocket(sock[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bx6_cancel_first_middle_and_last),
		TEST(cancel_all_of_a_socket),
		TEST(a34_bk13_closing_ends_what_is_stored),
		TEST(a34_close_2_and_the_number_is_used_again),
		TEST(a46_thread_exit_cancels_what_it_stored),
		TEST(a46_thread_exit_drops_its_routines),
		TEST(brx16_after_shutdown),
		TEST(bk17_a_copy_goes_on_when_the_first_is_closed),
		TEST(a3_what_cannot_be_written_is_refused_at_once),
		TEST(remapped_while_it_pends),
		TEST(unmapped_while_it_pends),
		TEST(fork_child_has_none_of_the_stored),
		TEST(a41_more_than_fit),
		TEST(a41_more_sockets_than_request_queues),
	};

	return run_stored("winsock stored ends", tests, sizeof(tests) / sizeof(tests[0]));
}
