// SPDX-License-Identifier: MIT
/* The harness: sockets, operations, events; see harness.h. */
#define __USE_MINGW_ANSI_STDIO 1
#include "harness.h"

#ifndef _WIN32
#include <unistd.h>
#endif

SOCKET R = INVALID_SOCKET, S = INVALID_SOCKET;
struct sockaddr_in RA, SA;

/* Sockets */

SOCKET udp(DWORD flags)
{
	SOCKET s = WSASocketW(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, flags);

	if (s == INVALID_SOCKET)
		FAIL("no socket: %d", WSAGetLastError());
	return s;
}

void bind_lo(SOCKET s, struct sockaddr_in *addr)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	memset(&a, 0, sizeof(a));
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EQ(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	EQ(getsockname(s, (struct sockaddr *)&a, &len), 0);
	CHECK(a.sin_port != 0);
	if (addr)
		*addr = a;
}

static void pair_with(DWORD flags)
{
	R = udp(flags);
	bind_lo(R, &RA);
	S = udp(WSA_FLAG_OVERLAPPED);
	bind_lo(S, &SA);
}

void pair(void)
{
	pair_with(WSA_FLAG_OVERLAPPED);
}

void pair_plain(void)
{
	pair_with(0);
}

void settle(void)
{
	SOCKET s = udp(0);
	struct sockaddr_in at;
	char c;
	int i;

	bind_lo(s, &at);
	/* the second comes behind the errors that were drawn before the first */
	for (i = 0; i < 2; i++) {
		EQ(sendto(s, "x", 1, 0, (struct sockaddr *)&at, sizeof(at)), 1);
#ifdef _WIN32
		EQ(recv(s, &c, 1, 0), 1);
#else
		EQ(read((int)s, &c, 1), 1);
#endif
	}
	EQ(closesocket(s), 0);
}

static void send_to_r(SOCKET from, const struct sockaddr_in *to,
		      const char *data, int n)
{
	int rc = (int)sendto(from, data, n, 0, (const struct sockaddr *)to,
			     sizeof(*to));

	if (rc != n)
		FAIL("sendto of %d: %d, error %d", n, rc, WSAGetLastError());
	settle();
}

void snd(int n)
{
	static char data[2048];
	int i;

	for (i = 0; i < n; i++)
		data[i] = (char)('a' + i % 26);
	send_to_r(S, &RA, data, n);
}

void snd_from(SOCKET from, const struct sockaddr_in *to, int n, char tag)
{
	char data[2048];

	memset(data, tag, sizeof(data));
	send_to_r(from, to, data, n);
}

void snd_tag(int n, char tag)
{
	snd_from(S, &RA, n, tag);
}

bool letters(const char *p, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (p[i] != 'a' + i % 26)
			return false;
	return true;
}

bool filled(const void *p, int byte, size_t n)
{
	const unsigned char *c = p;
	size_t i;

	for (i = 0; i < n; i++)
		if (c[i] != (unsigned char)byte)
			return false;
	return true;
}

struct sockaddr_in dead_port(void)
{
	struct sockaddr_in a;
	SOCKET s = udp(0);

	bind_lo(s, &a);
	EQ(closesocket(s), 0);
	return a;
}

void nonblocking(SOCKET s, bool on)
{
	u_long arg = on;

	EQ(ioctlsocket(s, FIONBIO, &arg), 0);
}

bool have_ipv6(void)
{
	struct sockaddr_in6 a;
	SOCKET s = WSASocketW(AF_INET6, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, 0);
	bool ok = false;

	if (s != INVALID_SOCKET) {
		memset(&a, 0, sizeof(a));
		a.sin6_family = AF_INET6;
		a.sin6_addr.s6_addr[15] = 1;
		ok = !bind(s, (struct sockaddr *)&a, sizeof(a));
		closesocket(s);
	}
	return ok;
}

void bind_lo6(SOCKET s, struct sockaddr_in6 *addr)
{
	socklen_t len = sizeof(*addr);

	memset(addr, 0, sizeof(*addr));
	addr->sin6_family = AF_INET6;
	addr->sin6_addr.s6_addr[15] = 1;
	EQ(bind(s, (struct sockaddr *)addr, sizeof(*addr)), 0);
	EQ(getsockname(s, (struct sockaddr *)addr, &len), 0);
}

/* Operations */

struct op *op_new(ULONG size)
{
	struct op *op = malloc(sizeof(*op));

	CHECK(op != NULL);
	CHECK(size <= sizeof(op->data));
	memset(op, POISON_BYTE, sizeof(*op));
	op->ov.Internal = 0;
	op->ov.InternalHigh = POISON;
	op->ov.Offset = op->ov.OffsetHigh = 0;
	op->ov.hEvent = NULL;
	op->buf.len = size;
	op->buf.buf = op->data;
	op->fromlen = sizeof(op->from);
	op->bytes = op->got_bytes = op->got_flags = POISON;
	op->flags = 0;
	op->calls = 0;
	op->error = op->transferred = op->routine_flags = POISON;
	return op;
}

struct op *op_ev(ULONG size)
{
	struct op *op = op_new(size);

	op->ov.hEvent = WSACreateEvent();
	CHECK(op->ov.hEvent != WSA_INVALID_EVENT);
	return op;
}

struct op *op_of(LPWSAOVERLAPPED ov)
{
	return (struct op *)ov;		/* its first member */
}

static int call(SOCKET s, struct op *op, LPWSAOVERLAPPED ov,
		LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	int err;

	WSASetLastError((int)POISON);
	op->rc = WSARecvFrom(s, &op->buf, 1, &op->bytes, &op->flags,
			     (struct sockaddr *)&op->from, &op->fromlen, ov,
			     routine);
	err = WSAGetLastError();
	if (!op->rc)
		return 0;
	EQ(op->rc, SOCKET_ERROR);
	if (!err || (unsigned int)err == POISON)
		FAIL("failed without an error code");
	return err;
}

int post_on(SOCKET s, struct op *op)
{
	return call(s, op, &op->ov, NULL);
}

int post(struct op *op)
{
	return post_on(R, op);
}

int post_cr(struct op *op, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	return call(R, op, &op->ov, routine);
}

int recv_now_on(SOCKET s, struct op *op)
{
	return call(s, op, NULL, NULL);
}

int recv_now(struct op *op)
{
	return recv_now_on(R, op);
}

struct recorded recorded = { 0, POISON, POISON, POISON };

void CALLBACK record(DWORD error, DWORD n, LPWSAOVERLAPPED ov, DWORD flags)
{
	(void)ov;
	recorded.error = error;
	recorded.transferred = n;
	recorded.flags = flags;
	recorded.calls++;
}

DWORD wait_op(struct op *op)
{
	return WSAWaitForMultipleEvents(1, &op->ov.hEvent, TRUE, LIMIT, FALSE);
}

int got(struct op *op)
{
	op->got_bytes = op->got_flags = POISON;
	WSASetLastError((int)POISON);
	if (WSAGetOverlappedResult(R, &op->ov, &op->got_bytes, FALSE,
				   &op->got_flags))
		return 0;
	return WSAGetLastError();
}

int done(struct op *op)
{
	EQ(wait_op(op), WSA_WAIT_EVENT_0);
	return got(op);
}

bool is_set(HANDLE event)
{
	DWORD rc = WaitForSingleObject(event, 0);

	if (rc != WAIT_OBJECT_0)
		EQ(rc, WAIT_TIMEOUT);
	return rc == WAIT_OBJECT_0;
}

bool stays_quiet(HANDLE event)
{
	DWORD rc = WaitForSingleObject(event, QUIET);

	if (rc != WAIT_OBJECT_0)
		EQ(rc, WAIT_TIMEOUT);
	return rc == WAIT_TIMEOUT;
}

void still_works(void)
{
	struct op *op = op_ev(100);

	EQ(post(op), WSA_IO_PENDING);
	snd_tag(42, '!');
	EQ(done(op), 0);
	EQ(op->got_bytes, 42);
	CHECK(filled(op->data, '!', 42));
}
