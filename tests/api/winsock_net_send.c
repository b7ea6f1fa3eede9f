// SPDX-License-Identifier: MIT
/* The Winsock face between two network namespaces: sends that wait for room. */
#define _GNU_SOURCE
#include "winsock_net.h"

#include <poll.h>
#include <signal.h>

#define SENDS		64
#define SIZE		1000

/* take_sends - all of them, whole, in order */
static void take_sends(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct pollfd p = { .events = POLLIN };
	unsigned char data[SIZE + 1];
	int i, k, s;
	WSADATA wsa;

	WSAStartup(MAKEWORD(2, 2), &wsa);
	s = (int)WSASocket(AF_INET, SOCK_DGRAM, 0, NULL, 0, 0);
	if (bind(s, (struct sockaddr *)&at, sizeof(at)))
		_exit(4);
	atomic_store(&shared->ready, 5);
	p.fd = s;
	for (i = 0; i < SENDS; i++) {
		if (poll(&p, 1, (int)(8000 * slow())) != 1)
			_exit(5);
		if (recv(s, data, sizeof(data), 0) != SIZE)
			_exit(6);
		for (k = 0; k < SIZE; k++)
			if (data[k] != (unsigned char)(i + k))
				_exit(7);
	}
}

static void pended_sends_go_out_whole_and_in_order(void **state)
{
	static unsigned char data[SENDS][SIZE];
	static WSAOVERLAPPED ov[SENDS];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int i, k, pended = 0;
	DWORD small = 1, n, flags;
	WSADATA wsa;
	SOCKET s;

	(void)state;
	two_namespaces(take_sends);
	shell("tc qdisc add dev oa root tbf rate 2mbit burst 2000 limit 1000000");
	start();
	wait_ready(5);
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
	s = WSASocket(AF_INET, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
	assert_int_equal(setsockopt(s, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	inet_pton(AF_INET, "10.77.0.2", &to.sin_addr);
	for (i = 0; i < SENDS; i++) {
		WSABUF buf = { SIZE, (char *)data[i] };

		for (k = 0; k < SIZE; k++)
			data[i][k] = (unsigned char)(i + k);
		ov[i].hEvent = WSACreateEvent();
		if (!WSASendTo(s, &buf, 1, NULL, 0, (SOCKADDR *)&to, sizeof(to), &ov[i], NULL))
			continue;
		assert_int_equal(WSAGetLastError(), WSA_IO_PENDING);
		pended++;
	}
	assert_true(pended > 0);
	for (i = 0; i < SENDS; i++) {
		assert_int_equal(WSAWaitForMultipleEvents(1, &ov[i].hEvent, TRUE,
							  8000 * slow(), FALSE), 0);
		/* In order: none before it is still waiting. */
		for (k = 0; k <= i; k++)
			assert_true(HasOverlappedIoCompleted(&ov[k]));
		assert_true(WSAGetOverlappedResult(s, &ov[i], &n, FALSE, &flags));
		assert_int_equal(n, SIZE);
	}
	b_ends_well();
	assert_int_equal(WSACleanup(), 0);
}

static void pended_sends_are_cancelled_by_close(void **state)
{
	static char data[SIZE];
	static WSAOVERLAPPED ov[SENDS];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	WSABUF buf = { SIZE, data };
	int i, done = 0, aborted = 0;
	DWORD small = 1, n, flags;
	SOCKET s, other;
	WSADATA wsa;

	(void)state;
	two_namespaces((void (*)(void))pause);
	shell("tc qdisc add dev oa root tbf rate 8kbit burst 2000 limit 1000000");
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
	s = WSASocket(AF_INET, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
	other = WSASocket(AF_INET, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
	assert_int_equal(setsockopt(s, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	inet_pton(AF_INET, "10.77.0.2", &to.sin_addr);
	for (i = 0; i < SENDS; i++) {
		ov[i].hEvent = WSACreateEvent();
		if (WSASendTo(s, &buf, 1, NULL, 0, (SOCKADDR *)&to, sizeof(to), &ov[i], NULL))
			assert_int_equal(WSAGetLastError(), WSA_IO_PENDING);
	}
	assert_int_equal(closesocket(s), 0);
	for (i = 0; i < SENDS; i++) {
		assert_int_equal(WSAWaitForMultipleEvents(1, &ov[i].hEvent, TRUE,
							  8000 * slow(), FALSE), 0);
		if (WSAGetOverlappedResult(other, &ov[i], &n, FALSE, &flags)) {
			done++;
			continue;
		}
		assert_int_equal(WSAGetLastError(), WSA_OPERATION_ABORTED);
		aborted++;
	}
	assert_true(aborted > 0);
	assert_int_equal(done + aborted, SENDS);
	assert_int_equal(kill(b, SIGKILL), 0);
	assert_int_equal(waitpid(b, &i, 0), b);
	assert_int_equal(WSACleanup(), 0);
}

/* Sends that block */

static atomic_uint apcs;

static void CALLBACK count_apc(ULONG_PTR arg)
{
	(void)arg;
	atomic_fetch_add(&apcs, 1);
}

static SOCKET blocking;

/* send_one - the error, 0 if it was sent */
static int send_one(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	static char data[SIZE];
	WSABUF buf = { SIZE, data };
	DWORD n = 0;

	inet_pton(AF_INET, "10.77.0.2", &to.sin_addr);
	if (WSASendTo(blocking, &buf, 1, &n, 0, (SOCKADDR *)&to, sizeof(to), NULL, NULL))
		return WSAGetLastError();
	return n == SIZE ? 0 : -1;
}

static void *send_until_cancelled(void *unused)
{
	while (!send_one())
		;
	return unused;
}

static void bp1_blocked_sends_wait_alertably(void **state)
{
	DWORD small = 1, ms = 1;
	pthread_t thread;
	WSADATA wsa;
	void *how;
	int err;

	(void)state;
	two_namespaces((void (*)(void))pause);
	shell("tc qdisc add dev oa root tbf rate 80kbit burst 2000 limit 1000000");
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
	blocking = WSASocket(AF_INET, SOCK_DGRAM, 0, NULL, 0, 0);
	assert_int_equal(setsockopt(blocking, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);

	/* Those that find room do not run it, one that does not runs it and goes on. */
	assert_true(QueueUserAPC(count_apc, GetCurrentThread(), 0));
	assert_int_equal(send_one(), 0);
	assert_int_equal(atomic_load(&apcs), 0);
	while (!atomic_load(&apcs))
		assert_int_equal(send_one(), 0);
	assert_int_equal(atomic_load(&apcs), 1);

	assert_int_equal(pthread_create(&thread, NULL, send_until_cancelled, NULL), 0);
	assert_int_equal(pthread_cancel(thread), 0);
	assert_int_equal(pthread_join(thread, &how), 0);
	assert_ptr_equal(how, PTHREAD_CANCELED);

	assert_int_equal(setsockopt(blocking, SOL_SOCKET, SO_SNDTIMEO, &ms, sizeof(ms)), 0);
	while (!(err = send_one()))
		;
	assert_int_equal(err, WSAETIMEDOUT);
	assert_int_equal(closesocket(blocking), 0);
	assert_int_equal(kill(b, SIGKILL), 0);
	assert_int_equal(waitpid(b, &err, 0), b);
	assert_int_equal(WSACleanup(), 0);
}

static DWORD WINAPI send_until_refused(void *begun)
{
	int err;

	atomic_store((atomic_bool *)begun, true);
	while (!(err = send_one()))
		;
	return (DWORD)err;
}

/* closed_when_blocked - the error of the send; WSAENOTSOCK: it had just gone out */
static DWORD closed_when_blocked(void)
{
	atomic_bool begun = false;
	DWORD small = 1, err;
	HANDLE thread;

	blocking = WSASocket(AF_INET, SOCK_DGRAM, 0, NULL, 0, 0);
	assert_int_equal(setsockopt(blocking, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	atomic_store(&apcs, 0);
	thread = CreateThread(NULL, 0, send_until_refused, &begun, 0, NULL);
	while (!atomic_load(&begun))
		usleep(1000);
	/* It runs where it blocks. */
	assert_true(QueueUserAPC(count_apc, thread, 0));
	while (!atomic_load(&apcs))
		usleep(1000);
	assert_int_equal(closesocket(blocking), 0);
	assert_int_equal(WaitForSingleObject(thread, 8000 * slow()), WAIT_OBJECT_0);
	assert_true(GetExitCodeThread(thread, &err));
	assert_true(CloseHandle(thread));
	return err;
}

static void bk18_closing_ends_a_blocked_send(void **state)
{
	int i, status;
	WSADATA wsa;
	DWORD err;

	(void)state;
	two_namespaces((void (*)(void))pause);
	/* Each takes 100 s, but for the first ones. */
	shell("tc qdisc add dev oa root tbf rate 80bit burst 2000 limit 1000000");
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
	for (i = 0, err = WSAENOTSOCK; err == WSAENOTSOCK && i < 20; i++)
		err = closed_when_blocked();
	assert_int_equal(err, WSAEINTR);
	assert_int_equal(kill(b, SIGKILL), 0);
	assert_int_equal(waitpid(b, &status, 0), b);
	assert_int_equal(WSACleanup(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pended_sends_go_out_whole_and_in_order),
		cmocka_unit_test(pended_sends_are_cancelled_by_close),
		cmocka_unit_test(bp1_blocked_sends_wait_alertably),
		cmocka_unit_test(bk18_closing_ends_a_blocked_send),
	};

	if (share())
		return 1;
	return cmocka_run_group_tests_name("winsock net send", tests, NULL, NULL);
}
