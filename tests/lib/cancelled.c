// SPDX-License-Identifier: MIT
/*
 * Threads that are cancelled (pthread_cancel) in calls that hold something: they are not
 * cancelled there.  The cancel is pending before the call, so it would be at once.
 */
#define ODGRAM_NATIVE_CALLS
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <mswsock.h>
#include <pthread.h>

/* outlives - whether a thread with a cancel pending gets through @call */
static bool outlives(void *(*call)(void *), void *arg)
{
	pthread_t thread;
	void *end;

	assert_int_equal(pthread_create(&thread, NULL, call, arg), 0);
	pthread_join(thread, &end);
	return end != PTHREAD_CANCELED;
}

static unsigned int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static SOCKET udp(void)
{
	SOCKET s = WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);

	assert_true(s != INVALID_SOCKET);
	return s;
}

static void *close_it(void *s)
{
	pthread_cancel(pthread_self());
	assert_int_equal(closesocket(*(SOCKET *)s), 0);
	return NULL;
}

static void a_closed_socket_is_closed(void **state)
{
	SOCKET s = udp();

	(void)state;
	assert_true(outlives(close_it, &s));
	assert_int_equal(fcntl((int)s, F_GETFD), -1);
}

static void *make_it(void *s)
{
	pthread_cancel(pthread_self());
	*(SOCKET *)s = udp();
	return NULL;
}

static void a_new_socket_is_returned(void **state)
{
	SOCKET s;

	(void)state;
	assert_true(outlives(make_it, &s));
	assert_int_equal(closesocket(s), 0);
}

static void *ask_it(void *s)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	}, from;
	DWORD n;

	pthread_cancel(pthread_self());
	assert_int_equal(WSAIoctl(*(SOCKET *)s, SIO_ROUTING_INTERFACE_QUERY, &to,
				  sizeof(to), &from, sizeof(from), &n, NULL, NULL), 0);
	return NULL;
}

static void a_question_leaves_no_descriptor(void **state)
{
	SOCKET s = udp();
	unsigned int before = descriptors();

	(void)state;
	assert_true(outlives(ask_it, &s));
	assert_int_equal(descriptors(), before);
	closesocket(s);
}

static DWORD WINAPI nothing(void *arg)
{
	(void)arg;
	return 0;
}

static void *start_one(void *h)
{
	pthread_cancel(pthread_self());
	*(HANDLE *)h = CreateThread(NULL, 0, nothing, NULL, 0, NULL);
	return NULL;
}

static void a_new_thread_is_returned(void **state)
{
	HANDLE h = NULL;

	(void)state;
	assert_true(outlives(start_one, &h));
	assert_int_equal(WaitForSingleObject(h, INFINITE), WAIT_OBJECT_0);
	assert_true(CloseHandle(h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_closed_socket_is_closed),
		cmocka_unit_test(a_new_socket_is_returned),
		cmocka_unit_test(a_question_leaves_no_descriptor),
		cmocka_unit_test(a_new_thread_is_returned),
	};

	return cmocka_run_group_tests_name("cancelled", tests, wsa_setup, wsa_teardown);
}
