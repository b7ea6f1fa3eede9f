// SPDX-License-Identifier: MIT
/*
 * A look that blocks, while its socket is closed.  That it does block is known when its
 * thread runs an APC.
 */
#include "test.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static SOCKET s;
static struct sockaddr_in at;

static int setup(void **state)
{
	int len = sizeof(at);

	if (wsa_setup(state))
		return -1;
	s = WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
	at = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	return bind(s, (SOCKADDR *)&at, sizeof(at)) ||
	       getsockname(s, (SOCKADDR *)&at, &len);
}

static DWORD peeked;

/* peek - the error */
static DWORD peek(void)
{
	DWORD flags = MSG_PEEK;
	char data[10];
	WSABUF buf = { sizeof(data), data };

	return WSARecv(s, &buf, 1, &peeked, &flags, NULL, NULL) ?
	       (DWORD)WSAGetLastError() : 0;
}

static DWORD WINAPI peek_apart(void *begins)
{
	SetEvent(begins);
	return peek();
}

static void CALLBACK signal_it(ULONG_PTR event)
{
	SetEvent((HANDLE)event);
}

/* start - a thread that looks, and does so when this returns */
static HANDLE start(void)
{
	HANDLE begins = WSACreateEvent(), runs = WSACreateEvent();
	HANDLE t = CreateThread(NULL, 0, peek_apart, begins, 0, NULL);

	/* One that is queued before runs before. */
	assert_int_equal(WaitForSingleObject(begins, INFINITE), WAIT_OBJECT_0);
	assert_int_equal(QueueUserAPC(signal_it, t, (ULONG_PTR)runs), 1);
	assert_int_equal(WaitForSingleObject(runs, INFINITE), WAIT_OBJECT_0);
	CloseHandle(begins);
	CloseHandle(runs);
	return t;
}

static void ends(HANDLE t, DWORD with)
{
	DWORD code;

	assert_int_equal(WaitForSingleObject(t, INFINITE), WAIT_OBJECT_0);
	assert_true(GetExitCodeThread(t, &code));
	assert_int_equal(code, with);
	CloseHandle(t);
}

static void b_k18_closed(void **state)
{
	HANDLE a = start(), b = start();

	(void)state;
	assert_int_equal(closesocket(s), 0);
	ends(a, WSAEINTR);
	ends(b, WSAEINTR);
}

static void b_w8_closed_by_the_last_cleanup(void **state)
{
	HANDLE t = start();

	(void)state;
	assert_int_equal(WSACleanup(), 0);
	ends(t, WSAEINTR);
	wsa_setup(state);
}

static void b_k17_goes_on_while_there_is_a_copy(void **state)
{
	HANDLE copy, t;

	(void)state;
	assert_true(DuplicateHandle(GetCurrentProcess(), (HANDLE)s, GetCurrentProcess(),
				    &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
	t = start();
	assert_int_equal(closesocket(s), 0);
	/* Its number is another's now. */
	assert_int_equal(open("/dev/null", O_RDONLY), s);
	assert_int_equal(WaitForSingleObject(t, 0), WAIT_TIMEOUT);
	assert_int_equal(sendto((SOCKET)copy, "hello", 5, 0, (SOCKADDR *)&at, sizeof(at)), 5);
	ends(t, 0);
	assert_int_equal(peeked, 5);
	close((int)s);
	assert_true(CloseHandle(copy));
}

static pid_t child;

static void CALLBACK fork_it(ULONG_PTR unused)
{
	(void)unused;
	child = fork();
}

/* The child's call ends, the parent's does not. */
static void forked_by_an_apc(void **state)
{
	int status;
	HANDLE t;

	(void)state;
	assert_int_equal(QueueUserAPC(fork_it, GetCurrentThread(), 0), 1);
	t = start();
	assert_int_equal(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &(DWORD){ 1 }, 4), 0);
	status = (int)peek();
	if (!child)
		_exit(status != WSAEINTR);
	assert_int_equal(status, WSAETIMEDOUT);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(sendto(s, "hello", 5, 0, (SOCKADDR *)&at, sizeof(at)), 5);
	ends(t, 0);
	assert_int_equal(peeked, 5);
	assert_int_equal(closesocket(s), 0);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup, wsa_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(b_k18_closed),
		TEST(b_w8_closed_by_the_last_cleanup),
		TEST(b_k17_goes_on_while_there_is_a_copy),
		TEST(forked_by_an_apc),
	};

	return cmocka_run_group_tests_name("peek", tests, NULL, NULL);
}
