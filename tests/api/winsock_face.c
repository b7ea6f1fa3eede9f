// SPDX-License-Identifier: MIT
/*
 * The Winsock face on the module: receives with events, and nonoverlapped ones.
 *
 * Names begin with the row of the conformance list they check.  R is the
 * receiver under test, S sends; both on the loopback.  Outputs are poisoned,
 * and a test waits for conditions only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#define POISON		0xdeadbeefU
#define PAGE		4096U
#define LONG_MS		(8000 * slow())	/* nothing takes so long */

static SOCKET r, s;
static SOCKADDR_IN r_addr, s_addr_in;

static DWORD slow(void)
{
	const char *factor = getenv("ODG_SLOW");

	return factor && atoi(factor) > 0 ? (DWORD)atoi(factor) : 1;
}

/* One receive and all it writes to. */
struct op {
	WSAOVERLAPPED ov;
	SOCKADDR_STORAGE from;
	int fromlen;
	DWORD bytes;
	DWORD flags;
	char data[64];
};

static void init(struct op *op, bool event)
{
	memset(op, 0xa5, sizeof(*op));
	op->fromlen = sizeof(op->from);
	op->bytes = POISON;
	op->flags = 0;
	op->ov.hEvent = event ? WSACreateEvent() : NULL;
}

static void done(struct op *op)
{
	if (op->ov.hEvent)
		WSACloseEvent(op->ov.hEvent);
}

/* post - into the first len bytes of op->data; the error, 0 if done at once */
static int post(SOCKET sock, struct op *op, ULONG len)
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

static int receive(SOCKET sock, struct op *op, ULONG len)
{
	WSABUF buf = { len, op->data };

	WSASetLastError((int)POISON);
	WSARecvFrom(sock, &buf, 1, &op->bytes, &op->flags,
		    (SOCKADDR *)&op->from, &op->fromlen, NULL, NULL);
	return WSAGetLastError();
}

static void snd(const void *data, size_t n)
{
	assert_int_equal(sendto((int)s, data, n, 0, (SOCKADDR *)&r_addr,
				sizeof(r_addr)), n);
}

static DWORD wait_event(HANDLE ev, DWORD ms)
{
	return WSAWaitForMultipleEvents(1, &ev, TRUE, ms, FALSE);
}

/* result - of WSAGetOverlappedResult(), its outputs in op */
static int result(SOCKET sock, struct op *op, BOOL wait)
{
	BOOL ok;

	WSASetLastError((int)POISON);
	op->bytes = op->flags = POISON;
	ok = WSAGetOverlappedResult(sock, &op->ov, &op->bytes, wait, &op->flags);
	assert_int_equal(ok, WSAGetLastError() == 0);
	return WSAGetLastError();
}

static void expect(struct op *op, const char *data, DWORD n)
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

static SOCKET new_socket(DWORD flags, SOCKADDR_IN *addr)
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

static int setup(void **state)
{
	WSADATA data;

	(void)state;
	if (WSAStartup(MAKEWORD(2, 2), &data))
		return -1;
	r = new_socket(WSA_FLAG_OVERLAPPED, &r_addr);
	s = new_socket(WSA_FLAG_OVERLAPPED, &s_addr_in);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	closesocket(r);
	closesocket(s);
	return WSACleanup();
}

static void a1_a41_a44_a71_b_s27_s28_pending_touches_nothing(void **state)
{
	struct op op, before;

	(void)state;
	init(&op, true);
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	before = op;
	assert_int_equal(op.ov.Internal, 0x103);
	assert_int_equal(wait_event(op.ov.hEvent, 0), WSA_WAIT_TIMEOUT);
	assert_int_equal(result(r, &op, FALSE), WSA_IO_INCOMPLETE);
	assert_int_equal(op.bytes, POISON);
	assert_int_equal(op.flags, POISON);
	op.bytes = before.bytes;
	op.flags = before.flags;
	assert_memory_equal(&op, &before, sizeof(op));
	assert_false(HasOverlappedIoCompleted(&op.ov));

	snd("hello", 5);
	assert_int_equal(wait_event(op.ov.hEvent, LONG_MS), WSA_WAIT_EVENT_0);
	/* A76: all is written before the event is set. */
	assert_int_equal(op.ov.Internal, 0);
	assert_int_equal(op.ov.InternalHigh, 5);
	assert_int_equal(op.ov.Offset, before.ov.Offset);
	assert_int_equal(op.ov.OffsetHigh, before.ov.OffsetHigh);
	assert_int_equal(op.bytes, POISON);
	assert_true(HasOverlappedIoCompleted(&op.ov));
	assert_int_equal(result(r, &op, FALSE), 0);
	expect(&op, "hello", 5);
	done(&op);
}

static void a15_a49_a70_b_v6_at_once(void **state)
{
	struct op op;

	(void)state;
	init(&op, true);
	op.flags = MSG_PARTIAL;		/* A64, A65 */
	snd("queued", 6);
	assert_int_equal(post(r, &op, 32), 0);
	expect(&op, "queued", 6);
	assert_int_equal(op.ov.Internal, 0);
	assert_int_equal(op.ov.InternalHigh, 6);
	assert_int_equal(wait_event(op.ov.hEvent, 0), WSA_WAIT_EVENT_0);
	assert_int_equal(result(r, &op, TRUE), 0);
	expect(&op, "queued", 6);
	done(&op);
}

static void a3_bad_buffers_take_nothing(void **state)
{
	char *bad = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	WSABUF buf[2] = { { 0, NULL }, { 32, bad } };
	struct op op;
	int i, rc;

	(void)state;
	mprotect(bad + PAGE, PAGE, PROT_READ);
	for (i = 0; i < 8; i++) {
		init(&op, true);
		buf[0] = (WSABUF){ 2, op.data };
		buf[1].buf = i & 1 ? bad + PAGE : bad;
		if (i & 4)
			snd("keep", 4);
		rc = WSARecvFrom(r, buf, 2, &op.bytes, &op.flags, NULL, NULL,
				 i & 2 ? &op.ov : NULL, NULL);
		assert_int_equal(rc, SOCKET_ERROR);
		assert_int_equal(WSAGetLastError(), WSAEFAULT);
		assert_int_equal(wait_event(op.ov.hEvent, 0), WSA_WAIT_TIMEOUT);
		assert_int_equal(op.bytes, POISON);
		done(&op);
		if (!(i & 4))
			continue;
		init(&op, true);
		assert_int_equal(post(r, &op, 32), 0);
		expect(&op, "keep", 4);
		done(&op);
		init(&op, false);
	}
	munmap(bad, 2 * PAGE);
}

static void a5_a7_a9_a10_optional_pointers(void **state)
{
	struct op op;
	WSABUF buf = { 32, op.data };

	(void)state;
	init(&op, true);
	snd("one", 3);
	assert_int_equal(WSARecvFrom(r, &buf, 1, NULL, &op.flags, NULL, NULL,
				     &op.ov, NULL), 0);
	assert_memory_equal(op.data, "one", 3);
	/* lpFromlen without lpFrom is ignored. */
	op.fromlen = -7;
	snd("two", 3);
	assert_int_equal(WSARecvFrom(r, &buf, 1, &op.bytes, &op.flags, NULL,
				     &op.fromlen, NULL, NULL), 0);
	assert_int_equal(op.bytes, 3);
	assert_int_equal(op.fromlen, -7);
	done(&op);
}

static void a10_ipv6(void **state)
{
	SOCKADDR_IN6 at = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	SOCKET v6 = WSASocketW(AF_INET6, SOCK_DGRAM, 0, NULL, 0,
			       WSA_FLAG_OVERLAPPED);
	socklen_t len = sizeof(at);
	SOCKADDR_IN6 *from;
	struct op op;

	(void)state;
	assert_int_equal(bind((int)v6, (SOCKADDR *)&at, sizeof(at)), 0);
	getsockname((int)v6, (SOCKADDR *)&at, &len);
	init(&op, true);
	assert_int_equal(post(v6, &op, 32), WSA_IO_PENDING);
	assert_int_equal(sendto((int)v6, "six", 3, 0, (SOCKADDR *)&at, len), 3);
	assert_int_equal(result(v6, &op, TRUE), 0);
	from = (SOCKADDR_IN6 *)&op.from;
	assert_int_equal(op.fromlen, 28);
	assert_int_equal(from->sin6_family, AF_INET6);
	assert_int_equal(from->sin6_port, at.sin6_port);
	assert_memory_equal(&from->sin6_addr, &in6addr_loopback, 16);
	closesocket(v6);
	done(&op);
}

static void *send_later(void *arg)
{
	usleep(50000);
	snd(arg, strlen(arg));
	return NULL;
}

static void a11_b_rx8_nonoverlapped_socket_blocks(void **state)
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

static void a22_b_rx5_short_address_keeps_the_datagram(void **state)
{
	struct op op;

	(void)state;
	init(&op, true);
	snd("kept", 4);
	op.fromlen = 15;
	assert_int_equal(post(r, &op, 32), WSAEFAULT);
	assert_int_equal(receive(r, &op, 32), WSAEFAULT);
	assert_int_equal(op.fromlen, 15);
	op.fromlen = 16;
	assert_int_equal(post(r, &op, 32), 0);
	assert_int_equal(op.bytes, 4);
	done(&op);
}

static void a25_a35_a37_unbound(void **state)
{
	SOCKET fresh = WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0,
				  WSA_FLAG_OVERLAPPED);
	struct op op;

	(void)state;
	init(&op, true);
	assert_int_equal(post(fresh, &op, 32), WSAEINVAL);
	assert_int_equal(wait_event(op.ov.hEvent, 0), WSA_WAIT_TIMEOUT);
	assert_int_equal(receive(fresh, &op, 32), WSAEINVAL);
	/* A send binds it. */
	sendto((int)fresh, "", 0, 0, (SOCKADDR *)&s_addr_in, sizeof(s_addr_in));
	assert_int_equal(post(fresh, &op, 32), WSA_IO_PENDING);
	closesocket(fresh);
	assert_int_equal(wait_event(op.ov.hEvent, LONG_MS), WSA_WAIT_EVENT_0);
	done(&op);
	/* Take what was sent. */
	init(&op, false);
	assert_int_equal(receive(s, &op, 32), 0);
}

static void a26_a55_a56_truncated(void **state)
{
	struct op op;

	(void)state;
	/* Pending, then too long. */
	init(&op, true);
	assert_int_equal(post(r, &op, 6), WSA_IO_PENDING);
	snd("ninebytes", 9);
	assert_int_equal(result(r, &op, TRUE), WSAEMSGSIZE);
	assert_int_equal(op.ov.Internal, 0x80000005);
	assert_int_equal(op.ov.InternalHigh, 6);	/* B-S31 */
	assert_int_equal(op.bytes, 6);			/* D5 */
	assert_int_equal(op.flags, POISON);		/* B-G5 */
	assert_memory_equal(op.data, "ninebyXX", 6);
	assert_int_equal((unsigned char)op.data[6], 0xa5);
	done(&op);

	/* Nonoverlapped; the rest is gone, the next datagram comes next. */
	init(&op, false);
	snd("ninebytes", 9);
	snd("abc", 3);
	assert_int_equal(receive(r, &op, 6), WSAEMSGSIZE);
	assert_int_equal(op.bytes, 6);
	assert_int_equal(op.flags & MSG_PARTIAL, 0);	/* A57 */
	assert_int_equal(receive(r, &op, 6), 0);
	assert_int_equal(op.bytes, 3);
}

static void b_rx14_truncated_at_once_is_one_completion(void **state)
{
	struct op op;

	(void)state;
	init(&op, true);
	snd("ninebytes", 9);
	assert_int_equal(post(r, &op, 6), WSA_IO_PENDING);
	assert_int_equal(op.bytes, POISON);
	assert_int_equal(wait_event(op.ov.hEvent, LONG_MS), WSA_WAIT_EVENT_0);
	assert_int_equal(result(r, &op, FALSE), WSAEMSGSIZE);
	assert_int_equal(op.bytes, 6);
	/* No second one. */
	WSAResetEvent(op.ov.hEvent);
	assert_int_equal(wait_event(op.ov.hEvent, 50), WSA_WAIT_TIMEOUT);
	done(&op);
}

static void b_rx3_b_rx4_nothing_to_nothing(void **state)
{
	struct op op;

	(void)state;
	init(&op, false);
	snd("x", 1);
	assert_int_equal(receive(r, &op, 0), WSAEMSGSIZE);
	assert_int_equal(op.bytes, 0);
	init(&op, false);
	snd("", 0);
	assert_int_equal(receive(r, &op, 0), 0);
	expect(&op, "", 0);
}

static void a30_too_many_pending(void **state)
{
	enum { MAX = 4097 };
	struct op *ops = calloc(MAX, sizeof(*ops));
	int i, err = 0;

	(void)state;
	for (i = 0; i < MAX; i++) {
		init(&ops[i], false);
		err = post(r, &ops[i], 32);
		if (err != WSA_IO_PENDING)
			break;
	}
	assert_int_equal(err, WSAEWOULDBLOCK);
	assert_int_equal(i, 4096);
	/* The refused one says nothing, the others live. */
	assert_int_equal(ops[i].ov.Internal, 0xa5a5a5a5a5a5a5a5ULL);
	snd("first", 5);
	assert_int_equal(result(r, &ops[0], TRUE), 0);
	expect(&ops[0], "first", 5);
	/* There is room for one again. */
	init(&ops[0], false);
	assert_int_equal(post(r, &ops[0], 32), WSA_IO_PENDING);

	closesocket(r);
	for (i = 0; i < 4096; i++) {
		while (!HasOverlappedIoCompleted(&ops[i].ov))
			sched_yield();
		assert_int_equal(ops[i].ov.Internal, 0xC0000120);
	}
	r = new_socket(WSA_FLAG_OVERLAPPED, &r_addr);
	free(ops);
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

static void a34_b_k13_closing_completes(void **state)
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

static void a41_a54_a90_in_posting_order(void **state)
{
	struct op op[64];
	unsigned int i;
	char n;

	(void)state;
	for (i = 0; i < 64; i++) {
		init(&op[i], i % 2);
		assert_int_equal(post(r, &op[i], 64), WSA_IO_PENDING);
	}
	for (i = 0; i < 64; i++) {
		n = (char)i;
		snd(&n, 1);
	}
	/* The last is done, so all are. */
	assert_int_equal(result(r, &op[63], TRUE), 0);
	for (i = 0; i < 64; i++) {
		n = (char)i;
		assert_int_equal(result(r, &op[i], FALSE), 0);
		expect(&op[i], &n, 1);
		done(&op[i]);
	}
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

static void on_signal(int sig)
{
	(void)sig;
}

static void *signal_then_send(void *arg)
{
	pthread_t *who = arg;
	int i;

	for (i = 0; i < 5; i++) {
		usleep(20000);
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

static void b_rx12_receive_timeout(void **state)
{
	struct timeval tv = { .tv_usec = 50000 }, none = { 0 };
	struct op op;

	(void)state;
	init(&op, false);
	setsockopt((int)r, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	assert_int_equal(receive(r, &op, 32), WSAETIMEDOUT);
	assert_int_equal(op.bytes, POISON);
	/* It takes nothing with it. */
	snd("next", 4);
	assert_int_equal(receive(r, &op, 32), 0);
	expect(&op, "next", 4);
	setsockopt((int)r, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
}

static void *close_r(void *arg)
{
	(void)arg;
	usleep(50000);
	closesocket(r);
	return NULL;
}

static void b_k18_closing_ends_a_blocked_receive(void **state)
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

static void a4_a51_a52_scattered(void **state)
{
	char a[4], b[4], c[8];
	WSABUF buf[4] = { { 2, a }, { 0, b }, { 4, c }, { 4, b } };
	DWORD bytes = POISON, flags = 0;

	(void)state;
	memset(a, 0xa5, sizeof(a));
	memset(b, 0xa5, sizeof(b));
	memset(c, 0xa5, sizeof(c));
	snd("12345", 5);
	/* The fourth is not part of the call. */
	assert_int_equal(WSARecvFrom(r, buf, 3, &bytes, &flags, NULL, NULL,
				     NULL, NULL), 0);
	assert_int_equal(bytes, 5);
	assert_memory_equal(a, "12\xa5\xa5", 4);
	assert_memory_equal(b, "\xa5\xa5\xa5\xa5", 4);
	assert_memory_equal(c, "345\xa5\xa5\xa5\xa5\xa5", 8);
}

static void post_from_a_dead_frame(struct op *op, char *a, char *b)
{
	WSABUF buf[2] = { { 3, a }, { 3, b } };
	DWORD flags = 0;

	assert_int_equal(WSARecvFrom(r, buf, 2, NULL, &flags, NULL, NULL,
				     &op->ov, NULL), SOCKET_ERROR);
	assert_int_equal(WSAGetLastError(), WSA_IO_PENDING);
	memset(buf, 0xcc, sizeof(buf));
	flags = POISON;
}

static void a53_a66_b_rx19_captured_at_the_call(void **state)
{
	struct op op;

	(void)state;
	init(&op, true);
	post_from_a_dead_frame(&op, op.data, op.data + 8);
	snd("abcdef", 6);
	assert_int_equal(result(r, &op, TRUE), 0);
	assert_memory_equal(op.data, "abc\xa5\xa5\xa5\xa5\xa5" "def\xa5", 12);
	done(&op);
}

static void a61_peek(void **state)
{
	struct op op;
	int i;

	(void)state;
	snd("twice", 5);
	for (i = 0; i < 2; i++) {
		init(&op, false);
		op.flags = MSG_PEEK;
		assert_int_equal(receive(r, &op, 32), 0);
		expect(&op, "twice", 5);
	}
	init(&op, false);
	op.flags = MSG_PEEK;
	assert_int_equal(receive(r, &op, 2), WSAEMSGSIZE);
	assert_int_equal(op.bytes, 2);
	op.flags = 0;
	op.fromlen = sizeof(op.from);
	assert_int_equal(receive(r, &op, 32), 0);
	assert_int_equal(op.bytes, 5);
}

static void a60_a62_a63_refused_flags_keep_the_datagram(void **state)
{
	static const DWORD bad[] = { MSG_OOB, MSG_WAITALL, 0x40000000, MSG_PEEK };
	struct op op;
	size_t i;

	(void)state;
	snd("kept", 4);
	init(&op, true);
	for (i = 0; i < 4; i++) {
		op.flags = bad[i];
		assert_int_equal(post(r, &op, 32), WSAEOPNOTSUPP);
		assert_int_equal(op.flags, bad[i]);
		assert_int_equal(wait_event(op.ov.hEvent, 0), WSA_WAIT_TIMEOUT);
	}
	op.flags = 0;
	assert_int_equal(post(r, &op, 32), 0);
	expect(&op, "kept", 4);
	done(&op);
}

static void b_v5_post_resets_its_event(void **state)
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

static void b_cp13_low_bit_of_hevent(void **state)
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

static void b_v2_b_g11_auto_reset(void **state)
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

static void b_g10_waiting_without_an_event(void **state)
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

static void b_s29_polling_sees_the_data(void **state)
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

static void a20_b_u1_port_unreachable(void **state)
{
	SOCKADDR_IN dead;
	SOCKET gone = new_socket(0, &dead);
	struct op op;

	(void)state;
	closesocket(gone);
	init(&op, true);
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	sendto((int)r, "x", 1, 0, (SOCKADDR *)&dead, sizeof(dead));
	assert_int_equal(wait_event(op.ov.hEvent, LONG_MS), WSA_WAIT_EVENT_0);
	assert_int_equal(result(r, &op, FALSE), WSAECONNRESET);
	assert_int_equal(op.ov.Internal, 0xC000023F);
	assert_int_equal(op.bytes, POISON);
	assert_int_equal(op.fromlen, sizeof(op.from));
	/* B-U3: the socket goes on. */
	op.flags = 0;
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	snd("on", 2);
	assert_int_equal(result(r, &op, TRUE), 0);
	done(&op);
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

static void fork_child_has_no_ops_of_its_parent(void **state)
{
	int status = -1;
	struct op op;
	pid_t pid;

	(void)state;
	init(&op, true);
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	pid = fork();
	if (pid == 0) {
		SOCKADDR_IN addr;
		SOCKET own;
		DWORD n, f = 0;
		WSABUF buf = { 32, op.data };

		if (WSAGetOverlappedResult(r, &op.ov, &n, TRUE, &f) ||
		    WSAGetLastError() != WSA_OPERATION_ABORTED)
			_exit(1);
		own = new_socket(WSA_FLAG_OVERLAPPED, &addr);
		op.ov.hEvent = NULL;
		if (!WSARecvFrom(own, &buf, 1, &n, &f, NULL, NULL, &op.ov, NULL) ||
		    WSAGetLastError() != WSA_IO_PENDING)
			_exit(2);
		sendto((int)own, "child", 5, 0, (SOCKADDR *)&addr, sizeof(addr));
		if (!WSAGetOverlappedResult(own, &op.ov, &n, TRUE, &f) || n != 5)
			_exit(3);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* The parent's is as it was. */
	assert_int_equal(result(r, &op, FALSE), WSA_IO_INCOMPLETE);
	snd("parent", 6);
	assert_int_equal(result(r, &op, TRUE), 0);
	expect(&op, "parent", 6);
	done(&op);
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
	snd("two", 3);
	assert_int_equal(wait_event(op.ov.hEvent, LONG_MS), WSA_WAIT_EVENT_0);
	while (!HasOverlappedIoCompleted(&op.ov))
		sched_yield();
	/* Others are not disturbed. */
	done(&op);
	init(&op, true);
	snd("three", 5);
	assert_int_equal(post(r, &op, 32), 0);
	expect(&op, "three", 5);
	done(&op);
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

/* Last: it ends Winsock. */
static void b_w8_last_cleanup_sets_no_events(void **state)
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
		cmocka_unit_test(a1_a41_a44_a71_b_s27_s28_pending_touches_nothing),
		cmocka_unit_test(a15_a49_a70_b_v6_at_once),
		cmocka_unit_test(a3_bad_buffers_take_nothing),
		cmocka_unit_test(a5_a7_a9_a10_optional_pointers),
		cmocka_unit_test(a10_ipv6),
		cmocka_unit_test(a11_b_rx8_nonoverlapped_socket_blocks),
		cmocka_unit_test(a22_b_rx5_short_address_keeps_the_datagram),
		cmocka_unit_test(a25_a35_a37_unbound),
		cmocka_unit_test(a26_a55_a56_truncated),
		cmocka_unit_test(b_rx14_truncated_at_once_is_one_completion),
		cmocka_unit_test(b_rx3_b_rx4_nothing_to_nothing),
		cmocka_unit_test(a30_too_many_pending),
		cmocka_unit_test(a31_a48_nonblocking),
		cmocka_unit_test(a34_b_k13_closing_completes),
		cmocka_unit_test(a41_a54_a90_in_posting_order),
		cmocka_unit_test(a50_blocking_waits),
		cmocka_unit_test(a24_signals_do_not_end_a_receive),
		cmocka_unit_test(b_rx12_receive_timeout),
		cmocka_unit_test(b_k18_closing_ends_a_blocked_receive),
		cmocka_unit_test(a4_a51_a52_scattered),
		cmocka_unit_test(a53_a66_b_rx19_captured_at_the_call),
		cmocka_unit_test(a61_peek),
		cmocka_unit_test(a60_a62_a63_refused_flags_keep_the_datagram),
		cmocka_unit_test(b_v5_post_resets_its_event),
		cmocka_unit_test(b_cp13_low_bit_of_hevent),
		cmocka_unit_test(b_v2_b_g11_auto_reset),
		cmocka_unit_test(b_g10_waiting_without_an_event),
		cmocka_unit_test(b_s29_polling_sees_the_data),
		cmocka_unit_test(a20_b_u1_port_unreachable),
		cmocka_unit_test(a46_a47_thread_exit_cancels_its_own),
		cmocka_unit_test(fork_child_has_no_ops_of_its_parent),
		cmocka_unit_test(closing_an_event_under_an_op),
		cmocka_unit_test(a75_one_overlapped_twice),
		cmocka_unit_test(a18_each_post_completes_once_among_threads),
		cmocka_unit_test(b_w8_last_cleanup_sets_no_events),
	};

	return cmocka_run_group_tests_name("winsock face", tests, setup, teardown);
}
