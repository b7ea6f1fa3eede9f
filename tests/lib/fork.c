// SPDX-License-Identifier: MIT
/* fork(): what the child sleeps on is its own, and none of the parent's threads is there. */
#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iocp.h"
#include "thread.h"

/* is_true - in the child, which has no other way to say so */
#define is_true(cond) do { \
	if (!(cond)) { \
		print_error("not true in the child, line %d: %s\n", __LINE__, #cond); \
		_exit(1); \
	} \
} while (0)

static pid_t child(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	return pid;
}

static void ended_well(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void an_event_has_a_bell_in_each(void **state)
{
	HANDLE set = CreateEventW(NULL, TRUE, TRUE, NULL);
	HANDLE h = CreateEventW(NULL, TRUE, FALSE, NULL);
	struct odgw_event *ev = odgw_event_get(h);
	pid_t pid;

	(void)state;
	odgw_eventfd_set(ev->fd);
	pid = child();
	if (!pid) {
		is_true(!readable(ev->fd));
		is_true(WaitForSingleObject(h, 0) == WAIT_TIMEOUT);
		is_true(WaitForSingleObject(set, 0) == WAIT_OBJECT_0);
		is_true(SetEvent(h));
		is_true(WaitForSingleObject(h, 0) == WAIT_OBJECT_0);
		odgw_eventfd_set(ev->fd);
		is_true(odgw_eventfd_drain(ev->fd));
		_exit(0);
	}
	ended_well(pid);
	assert_true(readable(ev->fd));
	assert_int_equal(WaitForSingleObject(h, 0), WAIT_TIMEOUT);
	odgw_event_put(ev);
	assert_true(CloseHandle(h));
	assert_true(CloseHandle(set));
}

static void an_event_of_a_socket_too(void **state)
{
	SOCKET s = WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
	struct odgw_event *ev;
	pid_t pid;
	int err;

	(void)state;
	ev = odgw_assoc_event((int)s, &err);
	assert_non_null(ev);
	odgw_eventfd_set(ev->fd);
	pid = child();
	if (!pid) {
		is_true(!readable(ev->fd));
		_exit(0);
	}
	ended_well(pid);
	odgw_event_put(ev);
	closesocket(s);
}

static HANDLE port;

static void *take(void *arg)
{
	OVERLAPPED *ov;
	ULONG_PTR key;
	DWORD bytes;

	GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE);
	return arg;
}

static unsigned int sleepers(struct odgw_iocp *p)
{
	unsigned int n;

	pthread_mutex_lock(&p->queue.lock);
	n = p->sleepers;
	pthread_mutex_unlock(&p->queue.lock);
	return n;
}

static void a_port_has_its_own_takers(void **state)
{
	struct odgw_iocp *p;
	pthread_t taker;
	OVERLAPPED *ov;
	ULONG_PTR key;
	DWORD bytes;
	pid_t pid;

	(void)state;
	port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	p = odgw_iocp_get(port);
	pthread_create(&taker, NULL, take, NULL);
	while (!sleepers(p))
		sched_yield();
	pid = child();
	if (!pid) {
		is_true(!p->sleepers);
		odgw_eventfd_set(p->wake_fd);
		is_true(readable(p->epfd));
		odgw_eventfd_drain(p->wake_fd);
		is_true(PostQueuedCompletionStatus(port, 1, 2, NULL));
		is_true(GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
		is_true(bytes == 1 && key == 2);
		_exit(0);
	}
	ended_well(pid);
	assert_false(readable(p->wake_fd));
	assert_int_equal(sleepers(p), 1);
	assert_true(PostQueuedCompletionStatus(port, 3, 4, NULL));
	pthread_join(taker, NULL);
	odgw_object_put(&p->obj);
	assert_true(CloseHandle(port));
}

static DWORD WINAPI sleep_alertably(void *begins)
{
	SetEvent(begins);
	return SleepEx(INFINITE, TRUE);
}

static void CALLBACK nothing(ULONG_PTR arg)
{
	(void)arg;
}

static void threads_are_left_behind(void **state)
{
	HANDLE begins = CreateEventW(NULL, TRUE, FALSE, NULL);
	HANDLE other = CreateThread(NULL, 0, sleep_alertably, begins, 0, NULL);
	struct odgw_thread *self = odgw_thread_self();
	int before;
	pid_t pid;

	(void)state;
	/* An APC that comes before it begins would run before, too. */
	assert_int_equal(WaitForSingleObject(begins, INFINITE), WAIT_OBJECT_0);
	assert_int_equal(WaitForSingleObject(other, 0), WAIT_TIMEOUT);
	assert_int_equal(QueueUserAPC(nothing, GetCurrentThread(), 0), 1);
	assert_int_equal(SleepEx(0, TRUE), WAIT_IO_COMPLETION);
	assert_int_equal(SleepEx(0, TRUE), 0);
	before = self->wake_fd;
	assert_true(before >= 0);
	odgw_eventfd_set(before);
	pid = child();
	if (!pid) {
		is_true(SleepEx(0, TRUE) == 0);
		is_true(WaitForSingleObject(other, 0) == WAIT_OBJECT_0);
		_exit(0);
	}
	ended_well(pid);
	/* It is still to be heard here. */
	assert_true(readable(before));
	odgw_eventfd_drain(before);
	assert_int_equal(QueueUserAPC(nothing, other, 0), 1);
	assert_int_equal(WaitForSingleObject(other, INFINITE), WAIT_OBJECT_0);
	assert_true(CloseHandle(other));
	assert_true(CloseHandle(begins));
}

static pid_t forked;

static void CALLBACK fork_it(ULONG_PTR arg)
{
	(void)arg;
	forked = child();
}

/* The call in which the APC is run returns in both. */
static void an_apc_may_fork(void **state)
{
	HANDLE h = CreateEventW(NULL, TRUE, FALSE, NULL);
	OVERLAPPED ov = { .Internal = STATUS_PENDING, .hEvent = h };
	OVERLAPPED_ENTRY entry;
	struct odgw_iocp *p;
	ULONG n;

	(void)state;
	port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	p = odgw_iocp_get(port);
	/* Who has taken from a port before looks for packets first. */
	assert_false(GetQueuedCompletionStatusEx(port, &entry, 1, &n, 0, TRUE));
	assert_int_equal(QueueUserAPC(fork_it, GetCurrentThread(), 0), 1);
	is_true(!GetQueuedCompletionStatusEx(port, &entry, 1, &n, INFINITE, TRUE));
	is_true(GetLastError() == WAIT_IO_COMPLETION);
	is_true(!sleepers(p));
	if (!forked)
		_exit(0);
	ended_well(forked);
	odgw_object_put(&p->obj);
	assert_true(CloseHandle(port));

	assert_int_equal(QueueUserAPC(fork_it, GetCurrentThread(), 0), 1);
	is_true(!GetOverlappedResultEx(NULL, &ov, &n, INFINITE, TRUE));
	is_true(GetLastError() == WAIT_IO_COMPLETION);
	is_true(!odgw_nr_waiters);
	if (!forked)
		_exit(0);
	ended_well(forked);
	assert_true(CloseHandle(h));
}

/* Events, ports and threads need no WSAStartup(). */
static void before_startup_too(void **state)
{
	an_event_has_a_bell_in_each(state);
	a_port_has_its_own_takers(state);
	threads_are_left_behind(state);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, wsa_setup, wsa_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_startup_too),
		TEST(an_event_has_a_bell_in_each),
		TEST(an_event_of_a_socket_too),
		TEST(a_port_has_its_own_takers),
		TEST(threads_are_left_behind),
		TEST(an_apc_may_fork),
	};

	return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
