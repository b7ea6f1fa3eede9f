// SPDX-License-Identifier: MIT
/* Completion ports, APCs and threads, from many threads, with no module. */
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "iocp.h"

enum { THREADS = 8, PACKETS = 2000 };

static HANDLE port;
static atomic_uint taken, sum, apcs;

static HANDLE port_new(void)
{
	HANDLE h = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);

	assert_non_null(h);
	return h;
}

static void *give(void *arg)
{
	unsigned int i;

	for (i = 0; i < PACKETS; i++)
		if (!PostQueuedCompletionStatus(port, i, 1, arg))
			abort();
	return NULL;
}

/* One at a time, or several, until the port is closed. */
static void *take(void *several)
{
	OVERLAPPED_ENTRY e[16];
	OVERLAPPED *ov;
	ULONG_PTR key;
	ULONG i, n;
	DWORD bytes;

	for (;;) {
		if (several) {
			if (!GetQueuedCompletionStatusEx(port, e, 16, &n, INFINITE,
							 FALSE))
				break;
			for (i = 0; i < n; i++)
				atomic_fetch_add(&sum, e[i].dwNumberOfBytesTransferred);
			atomic_fetch_add(&taken, n);
		} else {
			if (!GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE))
				break;
			atomic_fetch_add(&sum, bytes);
			atomic_fetch_add(&taken, 1);
		}
	}
	return (void *)(uintptr_t)GetLastError();
}

/* Those that were not asleep yet when the handle is closed may find it bad. */
static void wait_until_asleep(unsigned int takers)
{
	struct odgw_iocp *p = odgw_iocp_get(port);
	unsigned int n;

	do {
		pthread_mutex_lock(&p->queue.lock);
		n = p->sleepers;
		pthread_mutex_unlock(&p->queue.lock);
		sched_yield();
	} while (n < takers);
	odgw_object_put(&p->obj);
}

static void b_cp7_b_cp8_each_packet_is_taken_once(void **state)
{
	pthread_t t[THREADS];
	uintptr_t i;
	void *end;

	(void)state;
	port = port_new();
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, i % 2 ? give : take,
						(void *)(i & 2)), 0);
	for (i = 1; i < THREADS; i += 2)
		pthread_join(t[i], NULL);
	while (atomic_load(&taken) < THREADS / 2 * PACKETS)
		Sleep(1);
	assert_int_equal(atomic_load(&sum),
			 THREADS / 2 * (PACKETS * (PACKETS - 1) / 2));
	wait_until_asleep(THREADS / 2);
	assert_true(CloseHandle(port));
	/* All are woken. */
	for (i = 0; i < THREADS; i += 2) {
		pthread_join(t[i], &end);
		assert_int_equal((uintptr_t)end, ERROR_ABANDONED_WAIT_0);
	}
	fails(PostQueuedCompletionStatus(port, 0, 0, NULL), FALSE, 6);
}

static void b_v12_a_port_is_signaled_while_not_empty(void **state)
{
	OVERLAPPED *ov;
	ULONG_PTR key;
	DWORD bytes;

	(void)state;
	port = port_new();
	assert_int_equal(WaitForSingleObject(port, 0), WAIT_TIMEOUT);
	assert_true(PostQueuedCompletionStatus(port, 1, 2, NULL));
	assert_int_equal(WaitForSingleObject(port, INFINITE), WAIT_OBJECT_0);
	assert_true(GetQueuedCompletionStatus(port, &bytes, &key, &ov, 0));
	assert_int_equal(WaitForSingleObject(port, 0), WAIT_TIMEOUT);
	assert_true(CloseHandle(port));
}

static void b_cp1_nulls_and_wrong_handles(void **state)
{
	HANDLE event = WSACreateEvent();
	OVERLAPPED_ENTRY e;
	OVERLAPPED *ov;
	ULONG_PTR key;
	DWORD bytes;
	ULONG n;

	(void)state;
	port = port_new();
	fails(GetQueuedCompletionStatus(event, &bytes, &key, &ov, 0), FALSE, 6);
	fails(GetQueuedCompletionStatus(NULL, &bytes, &key, &ov, 0), FALSE, 6);
	fails(GetQueuedCompletionStatus(port, NULL, &key, &ov, 0), FALSE, 87);
	fails(GetQueuedCompletionStatus(port, &bytes, NULL, &ov, 0), FALSE, 87);
	fails(GetQueuedCompletionStatus(port, &bytes, &key, NULL, 0), FALSE, 87);
	fails(GetQueuedCompletionStatusEx(port, NULL, 1, &n, 0, FALSE), FALSE, 87);
	fails(GetQueuedCompletionStatusEx(port, &e, 0, &n, 0, FALSE), FALSE, 87);
	fails(GetQueuedCompletionStatusEx(port, &e, 1, NULL, 0, FALSE), FALSE, 87);
	fails(CreateIoCompletionPort(event, port, 0, 0), NULL, 6);
	fails(CreateIoCompletionPort(event, event, 0, 0), NULL, 6);
	fails(SetFileCompletionNotificationModes(event, 1), FALSE, 6);
	fails(CancelIo(event), FALSE, 6);
	fails(CancelIoEx(port, NULL), FALSE, 6);
	fails(QueueUserAPC(NULL, GetCurrentThread(), 0), 0, 87);
	fails(QueueUserAPC((PAPCFUNC)abort, port, 0), 0, 6);
	fails(SetEvent(port), FALSE, 6);
	fails(GetOverlappedResult(port, NULL, &bytes, FALSE), FALSE, 87);
	assert_true(CloseHandle(port));
	assert_true(CloseHandle(event));
}

static void CALLBACK count(ULONG_PTR last)
{
	atomic_fetch_add(&apcs, 1);
	if (last)
		ExitThread(7);
}

static DWORD WINAPI sleeper(LPVOID unused)
{
	(void)unused;
	for (;;)
		SleepEx(INFINITE, TRUE);
	return 0;
}

static void *queue_some(void *thread)
{
	unsigned int i;

	for (i = 0; i < PACKETS; i++)
		if (!QueueUserAPC(count, thread, 0))
			abort();
	return NULL;
}

static void b_p3_b_p4_each_apc_runs_once(void **state)
{
	HANDLE thread = CreateThread(NULL, 0, sleeper, NULL, 0, NULL);
	pthread_t t[THREADS];
	DWORD code = POISON;
	int i;

	(void)state;
	assert_non_null(thread);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, queue_some, thread), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_true(QueueUserAPC(count, thread, 1));
	assert_int_equal(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
	assert_int_equal(atomic_load(&apcs), THREADS * PACKETS + 1);
	assert_true(GetExitCodeThread(thread, &code));
	assert_int_equal(code, 7);
	fails(QueueUserAPC(count, thread, 0), 0, ERROR_GEN_FAILURE);
	assert_true(CloseHandle(thread));
}

static void *duplicate_self(void *to)
{
	HANDLE h = NULL;

	if (!DuplicateHandle(GetCurrentProcess(), GetCurrentThread(),
			     GetCurrentProcess(), &h, 0, FALSE,
			     DUPLICATE_SAME_ACCESS))
		abort();
	__atomic_store_n((HANDLE *)to, h, __ATOMIC_RELEASE);
	SleepEx(INFINITE, TRUE);
	return NULL;
}

static void a_pthread_gives_itself_a_handle(void **state)
{
	HANDLE h = NULL, second = NULL;
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, duplicate_self, &h), 0);
	while (!__atomic_load_n(&h, __ATOMIC_ACQUIRE))
		Sleep(1);
	assert_true(DuplicateHandle(GetCurrentProcess(), h, GetCurrentProcess(),
				    &second, 0, FALSE, DUPLICATE_CLOSE_SOURCE));
	fails(QueueUserAPC(count, h, 0), 0, 6);
	assert_int_equal(WaitForSingleObject(second, 0), WAIT_TIMEOUT);
	assert_true(QueueUserAPC(count, second, 0));
	assert_int_equal(WaitForSingleObject(second, INFINITE), WAIT_OBJECT_0);
	pthread_join(t, NULL);
	assert_true(CloseHandle(second));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b_cp7_b_cp8_each_packet_is_taken_once),
		cmocka_unit_test(b_v12_a_port_is_signaled_while_not_empty),
		cmocka_unit_test(b_cp1_nulls_and_wrong_handles),
		cmocka_unit_test(b_p3_b_p4_each_apc_runs_once),
		cmocka_unit_test(a_pthread_gives_itself_a_handle),
	};

	return cmocka_run_group_tests_name("iocp", tests, wsa_setup, wsa_teardown);
}
