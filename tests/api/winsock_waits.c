// SPDX-License-Identifier: MIT
/*
 * The Winsock face on the module: calls that block, events and results, and how
 * receives end with their socket, their thread, with Winsock.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "helpers_winsock.h"

/* until_asleep - a thread that is not until its call blocks */
static void until_asleep(pid_t tid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	while (state != 'S') {
		f = fopen(path, "r");
		if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 'S';
		if (f)
			fclose(f);
	}
}

static void *send_later(void *arg)
{
	until_asleep(getpid());
	snd(arg, strlen(arg));
	return NULL;
}

static void a11_brx8_nonoverlapped_socket_blocks(void **state)
{
	SOCKADDR_IN keep = r_addr;
	SOCKET plain = new_socket(0, &r_addr);
	pthread_t thread;
	struct op op;
	u_long on = 1;

	(void)state;
	/* Even a nonblocking one. */
	assert_int_equal(ioctlsocket(plain, FIONBIO, &on), 0);
	init(&op, true);
	WSASetEvent(op.ov.hEvent);
	pthread_create(&thread, NULL, send_later, "late");
	assert_int_equal(post(plain, &op, 32), 0);
	pthread_join(thread, NULL);
	expect(&op, "late", 4);
	assert_int_equal(op.ov.Internal, 0);
	assert_int_equal(op.ov.InternalHigh, 4);
	assert_int_equal(wait_event(op.ov.hEvent, 0), WSA_WAIT_EVENT_0);
	done(&op);
	closesocket(plain);
	r_addr = keep;
}

static void a31_a48_nonblocking(void **state)
{
	u_long on = 1, off = 0;
	struct op op;

	(void)state;
	init(&op, true);
	assert_int_equal(ioctlsocket(r, FIONBIO, &on), 0);
	assert_int_equal(receive(r, &op, 32), WSAEWOULDBLOCK);
	assert_int_equal(op.bytes, POISON);
	/* B-K3: overlapped calls do not care. */
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	snd("nb", 2);
	assert_int_equal(result(r, &op, TRUE), 0);
	expect(&op, "nb", 2);
	assert_int_equal(ioctlsocket(r, FIONBIO, &off), 0);
	done(&op);
}

static void a50_blocking_waits(void **state)
{
	pthread_t thread;
	struct op op;

	(void)state;
	init(&op, false);
	pthread_create(&thread, NULL, send_later, "blocked");
	assert_int_equal(receive(r, &op, 32), 0);
	pthread_join(thread, NULL);
	expect(&op, "blocked", 7);
}

static atomic_bool enough;

/* Takes whatever completions there are, as fast as it can. */
static void *take_all_the_time(void *arg)
{
	struct op *op = arg;

	while (!atomic_load(&enough))
		assert_false(HasOverlappedIoCompleted(&op->ov));
	return NULL;
}

static void *block_again_and_again(void *arg)
{
	atomic_uint *received = arg;
	struct op op;

	do {
		init(&op, false);
		if (receive(r, &op, 32))
			return "a receive failed";
		atomic_fetch_add(received, 1);
	} while (op.bytes);
	return NULL;
}

/* One that is blocked wakes up, whoever else takes completions meanwhile. */
static void a50_blocked_beside_one_that_takes_completions(void **state)
{
	time_t end = time(NULL) + (time_t)(LONG_MS / 1000);
	pthread_t taker, blocked;
	atomic_uint received = 0;
	SOCKADDR_IN addr;
	struct op other;
	unsigned int i;
	void *wrong;
	SOCKET sock;

	(void)state;
	sock = new_socket(WSA_FLAG_OVERLAPPED, &addr);
	init(&other, false);
	assert_int_equal(post(sock, &other, 32), WSA_IO_PENDING);
	atomic_store(&enough, false);
	pthread_create(&taker, NULL, take_all_the_time, &other);
	pthread_create(&blocked, NULL, block_again_and_again, &received);
	for (i = 1; i <= 500; i++) {
		snd("wake", i < 500 ? 4 : 0);
		while (atomic_load(&received) < i && time(NULL) < end)
			sched_yield();
		assert_int_equal(atomic_load(&received), i);
	}
	pthread_join(blocked, &wrong);
	assert_null(wrong);
	atomic_store(&enough, true);
	pthread_join(taker, NULL);
	closesocket(sock);
	while (!HasOverlappedIoCompleted(&other.ov))
		sched_yield();
}

static void on_signal(int sig)
{
	(void)sig;
}

static void *signal_then_send(void *arg)
{
	pthread_t *who = arg;
	int i;

	for (i = 0; i < 5; i++) {
		until_asleep(getpid());
		pthread_kill(*who, SIGUSR1);
	}
	snd("after", 5);
	return NULL;
}

static void a24_signals_do_not_end_a_receive(void **state)
{
	struct sigaction act = { .sa_handler = on_signal };
	pthread_t thread, me = pthread_self();
	struct op op;

	(void)state;
	sigaction(SIGUSR1, &act, NULL);
	init(&op, false);
	pthread_create(&thread, NULL, signal_then_send, &me);
	assert_int_equal(receive(r, &op, 32), 0);
	pthread_join(thread, NULL);
	expect(&op, "after", 5);
}

static void brx12_receive_timeout(void **state)
{
	struct timeval tv = { .tv_usec = 50000 }, none = { 0 };
	struct op op;

	(void)state;
	init(&op, false);
	setsockopt((int)r, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	assert_int_equal(receive(r, &op, 32), WSAETIMEDOUT);
	assert_int_equal(op.bytes, POISON);
	/* It takes nothing with it. */
	put("next", 4);
	assert_int_equal(receive(r, &op, 32), 0);
	expect(&op, "next", 4);
	setsockopt((int)r, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
}

static void *close_r(void *arg)
{
	(void)arg;
	until_asleep(getpid());
	closesocket(r);
	return NULL;
}

static void bk18_closing_ends_a_blocked_receive(void **state)
{
	pthread_t thread;
	struct op op;

	(void)state;
	init(&op, false);
	pthread_create(&thread, NULL, close_r, NULL);
	assert_int_equal(receive(r, &op, 32), WSAEINTR);
	pthread_join(thread, NULL);
	r = new_socket(WSA_FLAG_OVERLAPPED, &r_addr);
}

static void bv5_post_resets_its_event(void **state)
{
	struct op op;

	(void)state;
	init(&op, true);
	WSASetEvent(op.ov.hEvent);
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	assert_int_equal(wait_event(op.ov.hEvent, 0), WSA_WAIT_TIMEOUT);
	snd("v5", 2);
	assert_int_equal(wait_event(op.ov.hEvent, LONG_MS), WSA_WAIT_EVENT_0);
	done(&op);
}

static void bcp13_low_bit_of_hevent(void **state)
{
	struct op op;
	HANDLE ev = WSACreateEvent();

	(void)state;
	init(&op, false);
	op.ov.hEvent = (HANDLE)((uintptr_t)ev | 1);
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	snd("odd", 3);
	assert_int_equal(wait_event(ev, LONG_MS), WSA_WAIT_EVENT_0);
	assert_int_equal(result(r, &op, FALSE), 0);
	WSACloseEvent(ev);
}

static void bv2_bg11_auto_reset(void **state)
{
	struct op op;

	(void)state;
	init(&op, false);
	op.ov.hEvent = CreateEventW(NULL, FALSE, FALSE, NULL);
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	snd("auto", 4);
	assert_int_equal(wait_event(op.ov.hEvent, LONG_MS), WSA_WAIT_EVENT_0);
	assert_int_equal(wait_event(op.ov.hEvent, 0), WSA_WAIT_TIMEOUT);
	/* Consumed already, and yet it does not hang. */
	assert_int_equal(result(r, &op, TRUE), 0);
	expect(&op, "auto", 4);
	done(&op);
}

static void bg10_waiting_without_an_event(void **state)
{
	pthread_t thread;
	struct op op;

	(void)state;
	init(&op, false);
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	pthread_create(&thread, NULL, send_later, "noevent");
	assert_int_equal(result(r, &op, TRUE), 0);
	pthread_join(thread, NULL);
	expect(&op, "noevent", 7);
}

static void bs29_polling_sees_the_data(void **state)
{
	struct op op;
	int i;

	(void)state;
	for (i = 0; i < 200; i++) {
		init(&op, false);
		assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
		snd(&i, sizeof(i));
		while (!HasOverlappedIoCompleted(&op.ov))
			sched_yield();
		assert_memory_equal(op.data, &i, sizeof(i));
		assert_int_equal(op.ov.InternalHigh, sizeof(i));
	}
}

static void closing_an_event_under_an_op(void **state)
{
	struct op op;

	(void)state;
	init(&op, true);
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	WSACloseEvent(op.ov.hEvent);
	op.ov.hEvent = NULL;
	snd("still", 5);
	assert_int_equal(result(r, &op, TRUE), 0);
	expect(&op, "still", 5);
}

static void a75_one_overlapped_twice(void **state)
{
	struct op op;
	char other[32];
	WSABUF buf = { sizeof(other), other };
	DWORD flags = 0;

	(void)state;
	init(&op, true);
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	WSARecvFrom(r, &buf, 1, NULL, &flags, NULL, NULL, &op.ov, NULL);
	assert_int_equal(WSAGetLastError(), WSA_IO_PENDING);
	snd("one", 3);
	put("two", 3);
	assert_int_equal(wait_event(op.ov.hEvent, LONG_MS), WSA_WAIT_EVENT_0);
	while (!HasOverlappedIoCompleted(&op.ov))
		sched_yield();
	/* Others are not disturbed. */
	done(&op);
	init(&op, true);
	put("three", 5);
	assert_int_equal(post(r, &op, 32), 0);
	expect(&op, "three", 5);
	done(&op);
}

static void a34_bk13_closing_completes(void **state)
{
	struct op op[3];
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		init(&op[i], i != 2);
		assert_int_equal(post(r, &op[i], 32), WSA_IO_PENDING);
	}
	assert_int_equal(closesocket(r), 0);
	for (i = 0; i < 2; i++)
		assert_int_equal(wait_event(op[i].ov.hEvent, LONG_MS),
				 WSA_WAIT_EVENT_0);
	assert_true(HasOverlappedIoCompleted(&op[2].ov));
	for (i = 0; i < 3; i++) {
		assert_int_equal(op[i].ov.Internal, 0xC0000120);
		assert_int_equal(op[i].ov.InternalHigh, 0);
		/* The result is known by another socket; R is none any more. */
		assert_int_equal(result(s, &op[i], FALSE), WSA_OPERATION_ABORTED);
		assert_int_equal(result(r, &op[i], FALSE), WSAENOTSOCK);
		assert_int_equal(op[i].bytes, POISON);
		done(&op[i]);
	}
	r = new_socket(WSA_FLAG_OVERLAPPED, &r_addr);
}

static void *post_and_end(void *arg)
{
	struct op *op = arg;

	assert_int_equal(post(r, op, 32), WSA_IO_PENDING);
	return NULL;
}

static void a46_a47_thread_exit_cancels_its_own(void **state)
{
	struct op mine, theirs;
	pthread_t thread;

	(void)state;
	init(&theirs, true);
	init(&mine, true);
	pthread_create(&thread, NULL, post_and_end, &theirs);
	pthread_join(thread, NULL);
	assert_int_equal(post(r, &mine, 32), WSA_IO_PENDING);
	assert_int_equal(wait_event(theirs.ov.hEvent, LONG_MS), WSA_WAIT_EVENT_0);
	assert_int_equal(result(r, &theirs, FALSE), WSA_OPERATION_ABORTED);
	snd("mine", 4);
	assert_int_equal(result(r, &mine, TRUE), 0);
	expect(&mine, "mine", 4);
	done(&mine);
	done(&theirs);
}

#define STORM	2000

struct stormer {
	pthread_t thread;
	unsigned int received;
};

static unsigned int storm_left;

/* Each thread posts, waits and counts until all datagrams are taken. */
static void *storm(void *arg)
{
	struct stormer *me = arg;
	struct op op;

	for (;;) {
		init(&op, true);
		if (post(r, &op, 32) == WSA_IO_PENDING)
			wait_event(op.ov.hEvent, INFINITE);
		if (result(r, &op, FALSE)) {
			done(&op);
			return NULL;
		}
		me->received++;
		__atomic_sub_fetch(&storm_left, 1, __ATOMIC_RELAXED);
		done(&op);
	}
}

static void a18_each_post_completes_once_among_threads(void **state)
{
	struct stormer stormers[4] = { 0 };
	unsigned int i, total = 0;
	time_t end = time(NULL) + (time_t)(LONG_MS / 1000);

	(void)state;
	storm_left = STORM;
	for (i = 0; i < 4; i++)
		pthread_create(&stormers[i].thread, NULL, storm, &stormers[i]);
	for (i = 0; i < STORM; i++) {
		snd(&i, sizeof(i));
		/* No more on the way than the socket's queue holds. */
		while (__atomic_load_n(&storm_left, __ATOMIC_RELAXED) >
		       STORM - i + 64 && time(NULL) < end)
			sched_yield();
	}
	while (__atomic_load_n(&storm_left, __ATOMIC_RELAXED) &&
	       time(NULL) < end)
		usleep(1000);
	closesocket(r);
	for (i = 0; i < 4; i++) {
		pthread_join(stormers[i].thread, NULL);
		total += stormers[i].received;
	}
	assert_int_equal(total, STORM);
	r = new_socket(WSA_FLAG_OVERLAPPED, &r_addr);
}

static atomic_int receiver;

static void *receive_one(void *arg)
{
	struct op *op = arg;

	atomic_store(&receiver, gettid());
	op->ov.Internal = (ULONG_PTR)receive(r, op, 32);
	return NULL;
}

static void bw8_bk18_last_cleanup_ends_a_blocked_receive(void **state)
{
	pthread_t thread;
	WSADATA data;
	struct op op;

	(void)state;
	init(&op, false);
	pthread_create(&thread, NULL, receive_one, &op);
	while (!atomic_load(&receiver))
		sched_yield();
	until_asleep(atomic_load(&receiver));
	assert_int_equal(WSACleanup(), 0);
	pthread_join(thread, NULL);
	assert_int_equal(op.ov.Internal, WSAEINTR);
	assert_int_equal(op.bytes, POISON);
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
	r = new_socket(WSA_FLAG_OVERLAPPED, &r_addr);
	s = new_socket(WSA_FLAG_OVERLAPPED, &s_addr_in);
}

/* Last: it ends Winsock. */
static void bw8_last_cleanup_sets_no_events(void **state)
{
	HANDLE ev = CreateEventW(NULL, TRUE, FALSE, NULL);
	WSADATA data;
	struct op op;

	(void)state;
	init(&op, false);
	op.ov.hEvent = ev;
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	assert_int_equal(WSACleanup(), 0);
	assert_int_equal(op.ov.Internal, 0xC0000120);
	assert_int_equal(WaitForSingleObject(ev, 50), WAIT_TIMEOUT);
	assert_int_equal(receive(r, &op, 32), WSANOTINITIALISED);

	/* And it starts again. */
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
	assert_int_equal(receive(r, &op, 32), WSAENOTSOCK);
	r = new_socket(WSA_FLAG_OVERLAPPED, &r_addr);
	s = new_socket(WSA_FLAG_OVERLAPPED, &s_addr_in);
	init(&op, false);
	op.ov.hEvent = ev;
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	snd("again", 5);
	assert_int_equal(result(r, &op, TRUE), 0);
	expect(&op, "again", 5);
	done(&op);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a11_brx8_nonoverlapped_socket_blocks),
		cmocka_unit_test(a31_a48_nonblocking),
		cmocka_unit_test(a50_blocking_waits),
		cmocka_unit_test(a50_blocked_beside_one_that_takes_completions),
		cmocka_unit_test(a24_signals_do_not_end_a_receive),
		cmocka_unit_test(brx12_receive_timeout),
		cmocka_unit_test(bk18_closing_ends_a_blocked_receive),
		cmocka_unit_test(bv5_post_resets_its_event),
		cmocka_unit_test(bcp13_low_bit_of_hevent),
		cmocka_unit_test(bv2_bg11_auto_reset),
		cmocka_unit_test(bg10_waiting_without_an_event),
		cmocka_unit_test(bs29_polling_sees_the_data),
		cmocka_unit_test(closing_an_event_under_an_op),
		cmocka_unit_test(a75_one_overlapped_twice),
		cmocka_unit_test(a34_bk13_closing_completes),
		cmocka_unit_test(a46_a47_thread_exit_cancels_its_own),
		cmocka_unit_test(a18_each_post_completes_once_among_threads),
		cmocka_unit_test(bw8_bk18_last_cleanup_ends_a_blocked_receive),
		cmocka_unit_test(bw8_last_cleanup_sets_no_events),
	};

	return cmocka_run_group_tests_name("winsock waits", tests, open_both, close_both);
}
