// SPDX-License-Identifier: MIT
/*
 * The Winsock face on the module: what one receive reads and writes, and what it
 * refuses.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/mman.h>

#include "helpers_winsock.h"

#include <pthread.h>

static void a1_a41_a44_a71_bs27_bs28_pending_touches_nothing(void **state)
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

static void a15_a49_a70_bv6_at_once(void **state)
{
	struct op op;

	(void)state;
	init(&op, true);
	op.flags = MSG_PARTIAL;		/* A64, A65 */
	put("queued", 6);
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
			put("keep", 4);
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

static void *take_away(void *page)
{
	assert_int_equal(munmap(page, PAGE), 0);
	return NULL;
}

/* Memory that was good for the last call, and is gone or read-only for this one. */
static void a8_a21_memory_that_was_good_before(void **state)
{
	struct op op;
	struct {
		struct sockaddr_in from;
		int fromlen;
		DWORD flags;
	} *page;
	WSABUF buf = { 32, op.data };
	pthread_t thread;
	int i, rc;

	(void)state;
	for (i = 0; i < 6; i++) {
		page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_ptr_not_equal(page, MAP_FAILED);
		page->fromlen = sizeof(page->from);
		init(&op, false);
		put("good", 4);
		assert_int_equal(WSARecvFrom(r, &buf, 1, &op.bytes, &page->flags,
					     (SOCKADDR *)&page->from,
					     &page->fromlen, NULL, NULL), 0);
		assert_int_equal(op.bytes, 4);

		if (i % 3 == 0) {
			assert_int_equal(munmap(page, PAGE), 0);
		} else if (i % 3 == 1) {
			assert_int_equal(mprotect(page, PAGE, PROT_READ), 0);
		} else {
			assert_int_equal(pthread_create(&thread, NULL, take_away,
							page), 0);
			pthread_join(thread, NULL);
		}
		put("kept", 4);
		rc = WSARecvFrom(r, &buf, 1, &op.bytes, &op.flags,
				 (SOCKADDR *)&page->from, &op.fromlen,
				 i < 3 ? NULL : &op.ov, NULL);
		assert_int_equal(rc, SOCKET_ERROR);
		assert_int_equal(WSAGetLastError(), WSAEFAULT);
		assert_int_equal(receive(r, &op, 32), 0);
		assert_int_equal(op.bytes, 4);
		munmap(page, PAGE);
	}
}

static void a5_a7_a9_a10_optional_pointers(void **state)
{
	struct op op;
	WSABUF buf = { 32, op.data };

	(void)state;
	init(&op, true);
	put("one", 3);
	assert_int_equal(WSARecvFrom(r, &buf, 1, NULL, &op.flags, NULL, NULL,
				     &op.ov, NULL), 0);
	assert_memory_equal(op.data, "one", 3);
	/* lpFromlen without lpFrom is ignored. */
	op.fromlen = -7;
	put("two", 3);
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

static void a22_brx5_short_address_keeps_the_datagram(void **state)
{
	struct op op;

	(void)state;
	init(&op, true);
	put("kept", 4);
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

static void brx14_truncated_at_once_is_one_completion(void **state)
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

static void brx3_brx4_nothing_to_nothing(void **state)
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

static void a4_a51_a52_scattered(void **state)
{
	char a[4], b[4], c[8];
	WSABUF buf[4] = { { 2, a }, { 0, b }, { 4, c }, { 4, b } };
	DWORD bytes = POISON, flags = 0;

	(void)state;
	memset(a, 0xa5, sizeof(a));
	memset(b, 0xa5, sizeof(b));
	memset(c, 0xa5, sizeof(c));
	put("12345", 5);
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

static void a53_a66_brx19_captured_at_the_call(void **state)
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
	put("twice", 5);
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
	put("kept", 4);
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

static void a20_bu1_port_unreachable(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a1_a41_a44_a71_bs27_bs28_pending_touches_nothing),
		cmocka_unit_test(a15_a49_a70_bv6_at_once),
		cmocka_unit_test(a3_bad_buffers_take_nothing),
		cmocka_unit_test(a8_a21_memory_that_was_good_before),
		cmocka_unit_test(a5_a7_a9_a10_optional_pointers),
		cmocka_unit_test(a10_ipv6),
		cmocka_unit_test(a22_brx5_short_address_keeps_the_datagram),
		cmocka_unit_test(a25_a35_a37_unbound),
		cmocka_unit_test(a26_a55_a56_truncated),
		cmocka_unit_test(brx14_truncated_at_once_is_one_completion),
		cmocka_unit_test(brx3_brx4_nothing_to_nothing),
		cmocka_unit_test(a41_a54_a90_in_posting_order),
		cmocka_unit_test(a4_a51_a52_scattered),
		cmocka_unit_test(a53_a66_brx19_captured_at_the_call),
		cmocka_unit_test(a61_peek),
		cmocka_unit_test(a60_a62_a63_refused_flags_keep_the_datagram),
		cmocka_unit_test(a20_bu1_port_unreachable),
		cmocka_unit_test(a30_too_many_pending),
	};

	return cmocka_run_group_tests_name("winsock face", tests, open_both, close_both);
}
