// SPDX-License-Identifier: MIT
/* Handles, events and waits, with real eventfds and no module. */
#include "test.h"

#include <pthread.h>
#include <unistd.h>

#define MAX	WSA_MAXIMUM_WAIT_EVENTS

static DWORD wait_any(DWORD n, const WSAEVENT *ev, DWORD ms)
{
	return WSAWaitForMultipleEvents(n, ev, FALSE, ms, FALSE);
}

static DWORD wait_all(DWORD n, const WSAEVENT *ev, DWORD ms)
{
	return WSAWaitForMultipleEvents(n, ev, TRUE, ms, FALSE);
}

static void b_cp13_handles_are_multiples_of_4(void **state)
{
	WSAEVENT ev[1000];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(ev); i++) {
		ev[i] = WSACreateEvent();
		assert_non_null(ev[i]);
		assert_int_equal((uintptr_t)ev[i] % 4, 0);
	}
	for (i = 0; i < ARRAY_SIZE(ev); i++)
		assert_true(WSACloseEvent(ev[i]));
}

static void b_v3_stale_handles_are_refused(void **state)
{
	WSAEVENT old = WSACreateEvent(), young;

	(void)state;
	assert_true(WSACloseEvent(old));
	/* It takes the free slot, and must not answer to the old name. */
	young = WSACreateEvent();
	assert_true(young != old);
	fails(WSASetEvent(old), FALSE, 6);
	fails(WSAResetEvent(old), FALSE, 6);
	fails(WSACloseEvent(old), FALSE, 6);
	fails(wait_any(1, &old, 0), WSA_WAIT_FAILED, 6);
	assert_int_equal(wait_any(1, &young, 0), WSA_WAIT_TIMEOUT);
	assert_true(WSACloseEvent(young));
}

static void b_v3_what_is_no_handle_is_refused(void **state)
{
	static const uintptr_t values[] = {
		0, 1, 2, 3, 4, 5, 0x1234, 0xdeadbeef, UINTPTR_MAX,
		UINTPTR_MAX - 3,
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		fails(WSASetEvent((WSAEVENT)values[i]), FALSE, 6);
		fails(CloseHandle((HANDLE)values[i]), FALSE, 6);
	}
}

static void b_v1_a95_created_manual_and_unsignaled(void **state)
{
	WSAEVENT ev = WSACreateEvent();

	(void)state;
	assert_non_null(ev);
	assert_int_equal(wait_any(1, &ev, 0), WSA_WAIT_TIMEOUT);
	assert_true(WSASetEvent(ev));
	assert_true(WSASetEvent(ev));
	assert_int_equal(wait_any(1, &ev, 0), WSA_WAIT_EVENT_0);
	assert_int_equal(wait_any(1, &ev, INFINITE), WSA_WAIT_EVENT_0);
	assert_true(WSAResetEvent(ev));
	assert_int_equal(wait_any(1, &ev, 0), WSA_WAIT_TIMEOUT);
	assert_true(WSACloseEvent(ev));
}

static void b_v2_auto_reset_releases_one(void **state)
{
	HANDLE ev = CreateEventW(NULL, FALSE, TRUE, NULL);

	(void)state;
	assert_non_null(ev);
	assert_int_equal(wait_any(1, &ev, 0), WSA_WAIT_EVENT_0);
	assert_int_equal(wait_any(1, &ev, 0), WSA_WAIT_TIMEOUT);
	/* However often it was set. */
	assert_true(SetEvent(ev));
	assert_true(SetEvent(ev));
	assert_int_equal(WaitForSingleObject(ev, INFINITE), WAIT_OBJECT_0);
	assert_int_equal(WaitForSingleObject(ev, 0), WAIT_TIMEOUT);
	assert_true(SetEvent(ev));
	assert_true(ResetEvent(ev));
	assert_int_equal(WaitForSingleObject(ev, 0), WAIT_TIMEOUT);
	assert_true(CloseHandle(ev));
}

static void names_are_not_supported(void **state)
{
	(void)state;
	fails(CreateEventA(NULL, TRUE, FALSE, "a"), NULL, 50);
	fails(CreateEventW(NULL, TRUE, FALSE, L"a"), NULL, 50);
}

static void b_v7_counts(void **state)
{
	WSAEVENT ev[MAX + 1];
	int i;

	(void)state;
	for (i = 0; i <= MAX; i++)
		ev[i] = WSACreateEvent();
	fails(wait_any(0, ev, 0), WSA_WAIT_FAILED, 87);
	fails(wait_any(MAX + 1, ev, 0), WSA_WAIT_FAILED, 87);
	fails(wait_all(MAX + 1, ev, 0), WSA_WAIT_FAILED, 87);
	fails(wait_any(1, NULL, 0), WSA_WAIT_FAILED, 87);
	assert_int_equal(wait_any(MAX, ev, 0), WSA_WAIT_TIMEOUT);
	for (i = 0; i <= MAX; i++)
		assert_true(WSACloseEvent(ev[i]));
}

static void b_v8_one_bad_handle(void **state)
{
	WSAEVENT ev[3] = { WSACreateEvent(), NULL, WSACreateEvent() };

	(void)state;
	assert_true(WSASetEvent(ev[0]));
	fails(wait_any(3, ev, 0), WSA_WAIT_FAILED, 6);
	fails(wait_all(3, ev, 0), WSA_WAIT_FAILED, 6);
	WSACloseEvent(ev[0]);
	WSACloseEvent(ev[2]);
}

static void b_v9_lowest_index_wins(void **state)
{
	HANDLE ev[MAX];
	DWORD i;

	(void)state;
	for (i = 0; i < MAX; i++)
		ev[i] = CreateEventA(NULL, FALSE, TRUE, NULL);
	/* Each wait takes one and leaves the others set. */
	for (i = 0; i < MAX; i++)
		assert_int_equal(wait_any(MAX, ev, 0), WSA_WAIT_EVENT_0 + i);
	assert_int_equal(wait_any(MAX, ev, 0), WSA_WAIT_TIMEOUT);
	for (i = 0; i < MAX; i++)
		CloseHandle(ev[i]);
}

static void b_v10_all_or_nothing(void **state)
{
	HANDLE ev[2] = {
		CreateEventA(NULL, FALSE, TRUE, NULL),
		CreateEventA(NULL, FALSE, FALSE, NULL),
	};
	HANDLE twice[2] = { ev[0], ev[0] };

	(void)state;
	assert_int_equal(wait_all(2, ev, 0), WSA_WAIT_TIMEOUT);
	assert_int_equal(wait_all(2, ev, 20), WSA_WAIT_TIMEOUT);
	/* Not consumed by the wait that failed. */
	assert_true(SetEvent(ev[1]));
	assert_int_equal(wait_all(2, ev, 0), WSA_WAIT_EVENT_0);
	assert_int_equal(wait_any(2, ev, 0), WSA_WAIT_TIMEOUT);
	fails(wait_all(2, twice, 0), WSA_WAIT_FAILED, 87);
	CloseHandle(ev[0]);
	CloseHandle(ev[1]);
}

static void b_v11_timeouts(void **state)
{
	WSAEVENT ev = WSACreateEvent();
	uint64_t start = now_ms();

	(void)state;
	WSASetLastError((int)POISON);
	assert_int_equal(wait_any(1, &ev, 50), WSA_WAIT_TIMEOUT);
	assert_true(now_ms() - start >= 49);
	assert_int_equal(WSAGetLastError(), (int)POISON);
	WSACloseEvent(ev);
}

struct helper {
	HANDLE ev[2];
	pthread_t thread;
	DWORD result;
	int error;
	bool all;
};

static void *waiting(void *arg)
{
	struct helper *h = arg;

	h->result = WSAWaitForMultipleEvents(2, h->ev, h->all, INFINITE, TRUE);
	h->error = WSAGetLastError();
	return NULL;
}

static void start(struct helper *h, bool all)
{
	h->all = all;
	h->ev[0] = CreateEventA(NULL, FALSE, FALSE, NULL);
	h->ev[1] = CreateEventA(NULL, TRUE, FALSE, NULL);
	assert_int_equal(pthread_create(&h->thread, NULL, waiting, h), 0);
}

static void finish(struct helper *h)
{
	pthread_join(h->thread, NULL);
	CloseHandle(h->ev[0]);
	CloseHandle(h->ev[1]);
}

static void b_v11_infinite_wakes(void **state)
{
	struct helper h;

	(void)state;
	start(&h, false);
	SetEvent(h.ev[1]);
	finish(&h);
	assert_int_equal(h.result, WSA_WAIT_EVENT_0 + 1);
}

static void b_v10_all_wakes_when_the_last_comes(void **state)
{
	struct helper h;

	(void)state;
	start(&h, true);
	SetEvent(h.ev[1]);
	SetEvent(h.ev[0]);
	pthread_join(h.thread, NULL);
	assert_int_equal(h.result, WSA_WAIT_EVENT_0);
	assert_int_equal(WaitForSingleObject(h.ev[0], 0), WAIT_TIMEOUT);
	CloseHandle(h.ev[0]);
	CloseHandle(h.ev[1]);
}

static void b_v17_closing_ends_the_wait(void **state)
{
	struct helper h;

	(void)state;
	start(&h, true);
	/* Before or within the wait: both ends are this one. */
	CloseHandle(h.ev[1]);
	pthread_join(h.thread, NULL);
	assert_int_equal(h.result, WSA_WAIT_FAILED);
	assert_int_equal(h.error, 6);
	CloseHandle(h.ev[0]);
}

#define ROUNDS	2000

/* Others do that; no machine is so slow. */
#define until(cond) do {						\
	uint64_t end_ = now_ms() + 30000;				\
	while (!(cond)) {						\
		assert_true(now_ms() < end_);				\
		sched_yield();						\
	}								\
} while (0)

static HANDLE pair[2];
static unsigned int taken;

static void *taker(void *arg)
{
	(void)arg;
	while (__atomic_load_n(&taken, __ATOMIC_ACQUIRE) < ROUNDS)
		/* The setter sets both again only after this. */
		if (wait_all(2, pair, 100) == WSA_WAIT_EVENT_0)
			__atomic_add_fetch(&taken, 1, __ATOMIC_ACQ_REL);
	return NULL;
}

static void b_v10_one_of_many_waiters_takes_the_pair(void **state)
{
	pthread_t threads[4];
	unsigned int i;

	(void)state;
	pair[0] = CreateEventA(NULL, FALSE, FALSE, NULL);
	pair[1] = CreateEventA(NULL, FALSE, FALSE, NULL);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_create(&threads[i], NULL, taker, NULL);
	for (i = 0; i < ROUNDS; i++) {
		SetEvent(pair[i % 2]);
		SetEvent(pair[!(i % 2)]);
		until(__atomic_load_n(&taken, __ATOMIC_ACQUIRE) > i);
	}
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(taken, ROUNDS);
	CloseHandle(pair[0]);
	CloseHandle(pair[1]);
}

/* Of the threads that sleep on one event, each has to hear of it, or one of them. */
struct crowd {
	HANDLE ev;
	bool manual;
	unsigned int woken, failed;
	pthread_barrier_t round;
};

static void *one_of_a_crowd(void *arg)
{
	struct crowd *c = arg;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (wait_any(1, &c->ev, INFINITE) != WSA_WAIT_EVENT_0)
			__atomic_add_fetch(&c->failed, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&c->woken, 1, __ATOMIC_ACQ_REL);
		if (c->manual) {
			pthread_barrier_wait(&c->round);
			pthread_barrier_wait(&c->round);
		}
	}
	return NULL;
}

static void b_v1_set_wakes_all_of_many(void **state)
{
	struct crowd c = { .ev = WSACreateEvent(), .manual = true };
	pthread_t threads[4];
	unsigned int i;

	(void)state;
	pthread_barrier_init(&c.round, NULL, ARRAY_SIZE(threads) + 1);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_create(&threads[i], NULL, one_of_a_crowd, &c);
	for (i = 0; i < ROUNDS; i++) {
		/* Now before, now while they sleep. */
		if (i % 2)
			usleep(50);
		WSASetEvent(c.ev);
		pthread_barrier_wait(&c.round);
		WSAResetEvent(c.ev);
		pthread_barrier_wait(&c.round);
	}
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(c.failed, 0);
	pthread_barrier_destroy(&c.round);
	WSACloseEvent(c.ev);
}

static void b_v2_each_set_releases_one_of_many(void **state)
{
	struct crowd c = { .ev = CreateEventA(NULL, FALSE, FALSE, NULL) };
	pthread_t threads[4];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_create(&threads[i], NULL, one_of_a_crowd, &c);
	for (i = 0; i < ROUNDS * ARRAY_SIZE(threads); i++) {
		SetEvent(c.ev);
		until(__atomic_load_n(&c.woken, __ATOMIC_ACQUIRE) > i);
		assert_int_equal(c.woken, i + 1);
	}
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(c.failed, 0);
	CloseHandle(c.ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b_cp13_handles_are_multiples_of_4),
		cmocka_unit_test(b_v3_stale_handles_are_refused),
		cmocka_unit_test(b_v3_what_is_no_handle_is_refused),
		cmocka_unit_test(b_v1_a95_created_manual_and_unsignaled),
		cmocka_unit_test(b_v2_auto_reset_releases_one),
		cmocka_unit_test(names_are_not_supported),
		cmocka_unit_test(b_v7_counts),
		cmocka_unit_test(b_v8_one_bad_handle),
		cmocka_unit_test(b_v9_lowest_index_wins),
		cmocka_unit_test(b_v10_all_or_nothing),
		cmocka_unit_test(b_v11_timeouts),
		cmocka_unit_test(b_v11_infinite_wakes),
		cmocka_unit_test(b_v10_all_wakes_when_the_last_comes),
		cmocka_unit_test(b_v17_closing_ends_the_wait),
		cmocka_unit_test(b_v10_one_of_many_waiters_takes_the_pair),
		cmocka_unit_test(b_v1_set_wakes_all_of_many),
		cmocka_unit_test(b_v2_each_set_releases_one_of_many),
	};

	return cmocka_run_group_tests_name("lib event", tests, wsa_setup,
					   wsa_teardown);
}
