// SPDX-License-Identifier: MIT
/* What the tests of the Winsock face share; see helpers_winsock.h. */
#include "helpers_winsock.h"

#include <stdio.h>
#include <unistd.h>

SOCKET r, s;
SOCKADDR_IN r_addr, s_addr_in;

unsigned int slow(void)
{
	const char *factor = getenv("ODG_SLOW");

	return factor && atoi(factor) > 0 ? (unsigned int)atoi(factor) : 1;
}

void shell(const char *fmt, ...)
{
	char line[500];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (system(line))
		fail_msg("failed: %s", line);
}

void init(struct op *op, bool event)
{
	memset(op, 0xa5, sizeof(*op));
	op->fromlen = sizeof(op->from);
	op->bytes = POISON;
	op->flags = 0;
	op->ov.hEvent = event ? WSACreateEvent() : NULL;
}

void done(struct op *op)
{
	if (op->ov.hEvent)
		WSACloseEvent(op->ov.hEvent);
}

/* post - into the first len bytes of op->data; the error, 0 if done at once */
int post(SOCKET sock, struct op *op, ULONG len)
{
	WSABUF buf = { len, op->data };
	int rc;

	WSASetLastError((int)POISON);
	rc = WSARecvFrom(sock, &buf, 1, &op->bytes, &op->flags,
			 (SOCKADDR *)&op->from, &op->fromlen, &op->ov, NULL);
	assert_true(rc == 0 || rc == SOCKET_ERROR);
	assert_int_equal(rc == 0, WSAGetLastError() == 0);
	return WSAGetLastError();
}

int receive(SOCKET sock, struct op *op, ULONG len)
{
	WSABUF buf = { len, op->data };

	WSASetLastError((int)POISON);
	WSARecvFrom(sock, &buf, 1, &op->bytes, &op->flags,
		    (SOCKADDR *)&op->from, &op->fromlen, NULL, NULL);
	return WSAGetLastError();
}

void snd(const void *data, size_t n)
{
	assert_int_equal(sendto((int)s, data, n, 0, (SOCKADDR *)&r_addr,
				sizeof(r_addr)), n);
}

void settle(void)
{
	SOCKADDR_IN at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int i, sock = (socket)(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(at);
	char c;

	assert_int_equal(bind(sock, (SOCKADDR *)&at, len), 0);
	assert_int_equal(getsockname(sock, (SOCKADDR *)&at, &len), 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(sendto(sock, "x", 1, 0, (SOCKADDR *)&at, len), 1);
		assert_int_equal(read(sock, &c, 1), 1);
	}
	(close)(sock);
}

void put(const void *data, size_t n)
{
	snd(data, n);
	settle();
}

DWORD wait_event(HANDLE ev, DWORD ms)
{
	return WSAWaitForMultipleEvents(1, &ev, TRUE, ms, FALSE);
}

/* result - of WSAGetOverlappedResult(), its outputs in op */
int result(SOCKET sock, struct op *op, BOOL wait)
{
	BOOL ok;

	WSASetLastError((int)POISON);
	op->bytes = op->flags = POISON;
	ok = WSAGetOverlappedResult(sock, &op->ov, &op->bytes, wait, &op->flags);
	assert_int_equal(ok, WSAGetLastError() == 0);
	return WSAGetLastError();
}

void expect(struct op *op, const char *data, DWORD n)
{
	assert_int_equal(op->bytes, n);
	assert_int_equal(op->flags, 0);
	assert_memory_equal(op->data, data, n);
	assert_int_equal((unsigned char)op->data[n], 0xa5);
	assert_int_equal(op->fromlen, sizeof(SOCKADDR_IN));
	assert_memory_equal(&op->from, &s_addr_in, sizeof(s_addr_in));
	/* B-RX6: nothing behind the address. */
	assert_int_equal(((unsigned char *)&op->from)[sizeof(SOCKADDR_IN)], 0xa5);
}

SOCKET new_socket(DWORD flags, SOCKADDR_IN *addr)
{
	SOCKET sock = WSASocketW(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, flags);
	socklen_t len = sizeof(*addr);

	assert_true(sock != INVALID_SOCKET);
	*addr = (SOCKADDR_IN){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	assert_int_equal(bind((int)sock, (SOCKADDR *)addr, sizeof(*addr)), 0);
	getsockname((int)sock, (SOCKADDR *)addr, &len);
	return sock;
}

int open_both(void **state)
{
	WSADATA data;

	(void)state;
	if (WSAStartup(MAKEWORD(2, 2), &data))
		return -1;
	r = new_socket(WSA_FLAG_OVERLAPPED, &r_addr);
	s = new_socket(WSA_FLAG_OVERLAPPED, &s_addr_in);
	return 0;
}

int close_both(void **state)
{
	(void)state;
	closesocket(r);
	closesocket(s);
	return WSACleanup();
}
