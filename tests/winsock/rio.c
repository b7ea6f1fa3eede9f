// SPDX-License-Identifier: MIT
/*
 * Registered I/O: receives.
 *
 * Wine has none of it, and neither have the headers of some Windows compilers;
 * ours stand in for those.
 */
#include "harness.h"

#include "rio.h"

TEST(br7_always_through_the_queue)
{
	struct rig *rig = rig_new(4, 4);
	RIORESULT res;

	/* Waiting already, or coming later: the same. */
	snd(5);
	CHECK(rig_post(rig, 0, 100, 11));
	rig_wait(rig, &res);
	EQ(res.Status, 0);
	EQ(res.BytesTransferred, 5);
	EQ(res.RequestContext, 11);
	EQ(res.SocketContext, RIG_CONTEXT);
	CHECK(letters(rig->mem, 5));
	CHECK(rig_post(rig, 200, 100, 12));
	CHECK(rig_empty(rig));
	snd(6);
	rig_wait(rig, &res);
	EQ(res.BytesTransferred, 6);
	EQ(res.RequestContext, 12);
	CHECK(letters(rig->mem + 200, 6));
	CHECK(filled(rig->mem + 206, POISON_BYTE, 100));
	CHECK(rig_empty(rig));
}

TEST(br7_empty_datagram)
{
	struct rig *rig = rig_new(4, 4);
	RIORESULT res;

	CHECK(rig_post(rig, 0, 100, 1));
	snd(0);
	rig_wait(rig, &res);
	EQ(res.Status, 0);
	EQ(res.BytesTransferred, 0);
	CHECK(filled(rig->mem, POISON_BYTE, 100));
}

TEST(br8_no_buffer)
{
	struct rig *rig = rig_new(4, 4);
	RIORESULT res;

	CHECK(rio.RIOReceive(rig->rq, NULL, 0, 0, (PVOID)1));
	CHECK(rig_post(rig, 0, 100, 2));
	snd(5);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 1);
	EQ(res.BytesTransferred, 0);
	if (!under_windows())
		EQ(res.Status, 0);
	CHECK(filled(rig->mem, POISON_BYTE, rig->size));
	snd(6);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 2);
	EQ(res.BytesTransferred, 6);
}

TEST(br8_count_and_pointer_disagree)
{
	struct rig *rig = rig_new(4, 4);
	RIO_BUF piece[2] = { { rig->id, 0, 10 }, { rig->id, 10, 10 } };

	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, NULL, 1, 0, NULL));
	EQ(WSAGetLastError(), WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, piece, 0, 0, NULL));
	EQ(WSAGetLastError(), WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, piece, 2, 0, NULL));
	EQ(WSAGetLastError(), WSAEINVAL);
	rig_works(rig);
}

static void refused(struct rig *rig, RIO_BUFFERID id, ULONG offset, ULONG len,
		    DWORD flags, int err)
{
	RIO_BUF piece = { id, offset, len };

	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, &piece, 1, flags, NULL));
	EQ(WSAGetLastError(), err);
}

TEST(br9_bad_pieces)
{
	struct rig *rig = rig_new(4, 4);
	ULONG size = (ULONG)rig->size;

	refused(rig, RIO_INVALID_BUFFERID, 0, 10, 0, WSAEFAULT);
	refused(rig, NULL, 0, 10, 0, WSAEFAULT);
	refused(rig, (RIO_BUFFERID)(ULONG_PTR)rig->mem, 0, 10, 0, WSAEFAULT);
	refused(rig, (RIO_BUFFERID)((ULONG_PTR)rig->id + 1), 0, 10, 0, WSAEFAULT);
	refused(rig, rig->id, 0, size + 1, 0, WSAEINVAL);
	refused(rig, rig->id, size, 1, 0, WSAEINVAL);
	refused(rig, rig->id, 1, 0xffffffff, 0, WSAEINVAL);
	refused(rig, rig->id, 0xffffffff, 0xffffffff, 0, WSAEINVAL);
	rig_works(rig);
}

TEST(br9_bad_flags_and_queues)
{
	struct rig *rig = rig_new(4, 4);
	RIO_RQ rq = rig->rq;

	refused(rig, rig->id, 0, 10, 0x10, WSAEINVAL);
	refused(rig, rig->id, 0, 10, 0x80000000, WSAEINVAL);
	rig->rq = RIO_INVALID_RQ;
	refused(rig, rig->id, 0, 10, 0, WSAEINVAL);
	if (!under_windows()) {
		rig->rq = (RIO_RQ)rig->mem;
		refused(rig, rig->id, 0, 10, 0, WSAEINVAL);
		rig->rq = (RIO_RQ)((char *)rq + 8);
		refused(rig, rig->id, 0, 10, 0, WSAEINVAL);
		rig->rq = (RIO_RQ)rig->cq;
		refused(rig, rig->id, 0, 10, 0, WSAEINVAL);
	}
	rig->rq = rq;
	rig_works(rig);
}

TEST(br9_over_the_limit)
{
	struct rig *rig = rig_new(3, 4);
	RIORESULT res[4];
	int i;

	for (i = 0; i < 3; i++)
		CHECK(rig_post(rig, 100 * i, 100, i));
	refused(rig, rig->id, 0, 10, 0, WSAENOBUFS);
	refused(rig, rig->id, 0, 10, RIO_MSG_DEFER, WSAENOBUFS);
	snd(5);
	snd(6);
	UNTIL(letters(rig->mem + 100, 6));
	/* Completed is not enough, it has to be dequeued. */
	refused(rig, rig->id, 0, 10, 0, WSAENOBUFS);
	EQ(rio.RIODequeueCompletion(rig->cq, res, 4), 2);
	CHECK(rig_post(rig, 0, 100, 3));
	CHECK(rig_post(rig, 0, 100, 4));
	refused(rig, rig->id, 0, 10, 0, WSAENOBUFS);
}

TEST(br9_no_receives_on_a_queue_for_sends)
{
	struct rig *rig = rig_new(4, 10);
	RIO_BUF piece = { rig->id, 0, 100 };
	struct sockaddr_in at;
	SOCKET s = rio_udp();
	RIO_RQ rq;

	bind_lo(s, &at);
	rq = make_rq(s, rig->cq, 0, 1);
	CHECK(rq != RIO_INVALID_RQ);
	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rq, &piece, 1, 0, NULL));
	EQ(WSAGetLastError(), WSAENOBUFS);
}

TEST(br10_deferred_ones_start_with_the_next)
{
	struct rig *rig = rig_new(8, 8);
	RIORESULT res;
	int i;

	for (i = 0; i < 3; i++)
		CHECK(rig_post_flags(rig, 100 * i, 100, i, RIO_MSG_DEFER));
	CHECK(rig_post(rig, 300, 100, 3));
	for (i = 0; i < 4; i++) {
		snd_tag(10 + i, 'a' + i);
		rig_wait(rig, &res);
		EQ(res.RequestContext, i);
		CHECK(filled(rig->mem + 100 * i, 'a' + i, 10 + i));
	}
}

TEST(br10_br11_commit_starts_the_deferred_ones)
{
	struct rig *rig = rig_new(3, 4);
	RIORESULT res;
	int i;

	/* Nothing to start is fine, too. */
	CHECK(rio.RIOReceive(rig->rq, NULL, 0, RIO_MSG_COMMIT_ONLY, NULL));
	for (i = 0; i < 3; i++)
		CHECK(rig_post_flags(rig, 100 * i, 100, i, RIO_MSG_DEFER));
	/* They count. */
	refused(rig, rig->id, 0, 10, 0, WSAENOBUFS);
	snd(5);
	CHECK(rio.RIOReceive(rig->rq, NULL, 0, RIO_MSG_COMMIT_ONLY, NULL));
	rig_wait(rig, &res);
	EQ(res.RequestContext, 0);
	CHECK(letters(rig->mem, 5));
	snd(6);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 1);
	CHECK(letters(rig->mem + 100, 6));
}

TEST(br11_commit_takes_nothing_else)
{
	struct rig *rig = rig_new(4, 4);
	RIO_BUF piece = { rig->id, 0, 100 };

	refused(rig, rig->id, 0, 100, RIO_MSG_COMMIT_ONLY, WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, NULL, 0,
			      RIO_MSG_COMMIT_ONLY | RIO_MSG_DEFER, NULL));
	EQ(WSAGetLastError(), WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, NULL, 1, RIO_MSG_COMMIT_ONLY, NULL));
	EQ(WSAGetLastError(), WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, NULL, 0, RIO_MSG_COMMIT_ONLY, rig));
	EQ(WSAGetLastError(), WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOReceiveEx(rig->rq, NULL, 0, NULL, &piece, NULL, NULL,
				RIO_MSG_COMMIT_ONLY, NULL));
	EQ(WSAGetLastError(), WSAEINVAL);
	CHECK(rio.RIOReceiveEx(rig->rq, NULL, 0, NULL, NULL, NULL, NULL,
			       RIO_MSG_COMMIT_ONLY, NULL));
	rig_works(rig);
}

struct committer {
	struct rig *rig;
	volatile bool stop;
};

static void commit_all_the_time(void *arg)
{
	struct committer *c = arg;

	while (!c->stop)
		CHECK(rio.RIOReceive(c->rig->rq, NULL, 0, RIO_MSG_COMMIT_ONLY,
				     NULL));
}

TEST(br11_commit_while_another_thread_posts)
{
	struct committer c = { rig_new(8, 8), false };
	struct thread *t = thread_start(commit_all_the_time, &c);
	RIORESULT res;
	int i, j;

	for (i = 0; i < 200; i++) {
		for (j = 0; j < 4; j++)
			CHECK(rig_post_flags(c.rig, 100 * j, 100, 4 * i + j,
					     RIO_MSG_DEFER));
		for (j = 0; j < 4; j++) {
			snd_tag(10 + j, 'a' + (i + j) % 26);
			rig_wait(c.rig, &res);
			EQ(res.Status, 0);
			EQ(res.RequestContext, 4 * i + j);
			EQ(res.BytesTransferred, 10 + j);
			CHECK(filled(c.rig->mem + 100 * j, 'a' + (i + j) % 26,
				     10 + j));
		}
	}
	c.stop = true;
	thread_join(t);
}

TEST(br13_wait_all_is_not_for_datagrams)
{
	struct rig *rig = rig_new(4, 4);
	RIO_BUF piece = { rig->id, 0, 100 };

	WSASetLastError(0);
	CHECK(!rio.RIOReceive(rig->rq, &piece, 1, RIO_MSG_WAITALL, NULL));
	CHECK(WSAGetLastError() == WSAEOPNOTSUPP ||
	      WSAGetLastError() == WSAEINVAL);
	rig_works(rig);
}

TEST(br15_dequeue_some_and_none)
{
	struct rig *rig = rig_new(8, 8);
	RIORESULT res[8];
	int i;

	EQ(rio.RIODequeueCompletion(rig->cq, res, 8), 0);
	for (i = 0; i < 5; i++)
		CHECK(rig_post(rig, 100 * i, 100, i));
	for (i = 0; i < 5; i++)
		snd_tag(10 + i, 'a' + i);
	UNTIL(filled(rig->mem + 400, 'e', 14));
	memset(res, POISON_BYTE, sizeof(res));
	EQ(rio.RIODequeueCompletion(rig->cq, res, 2), 2);
	CHECK(filled(&res[2], POISON_BYTE, sizeof(res[2])));
	EQ(res[1].RequestContext, 1);
	EQ(rio.RIODequeueCompletion(rig->cq, res, 8), 3);
	for (i = 0; i < 3; i++) {
		EQ(res[i].Status, 0);
		EQ(res[i].BytesTransferred, 12 + i);
		EQ(res[i].SocketContext, RIG_CONTEXT);
		EQ(res[i].RequestContext, 2 + i);
	}
	EQ(rio.RIODequeueCompletion(rig->cq, res, 8), 0);
}

TEST(br15_dequeue_from_what_is_no_queue)
{
	struct rig *rig = rig_new(4, 4);
	RIORESULT res;

	EQ(rio.RIODequeueCompletion(RIO_INVALID_CQ, &res, 1), RIO_CORRUPT_CQ);
	if (!under_windows()) {
		EQ(rio.RIODequeueCompletion((RIO_CQ)rig->mem, &res, 1),
		   RIO_CORRUPT_CQ);
		EQ(rio.RIODequeueCompletion((RIO_CQ)rig->rq, &res, 1),
		   RIO_CORRUPT_CQ);
	}
	rig_works(rig);
}

TEST(br16_longer_than_the_buffer)
{
	struct rig *rig = rig_new(4, 4);
	RIORESULT res;

	CHECK(rig_post(rig, 0, 10, 1));
	CHECK(rig_post(rig, 100, 100, 2));
	snd(20);
	snd(5);
	rig_wait(rig, &res);
	EQ(res.Status, WSAEMSGSIZE);
	EQ(res.BytesTransferred, 10);
	EQ(res.RequestContext, 1);
	CHECK(letters(rig->mem, 10));
	CHECK(filled(rig->mem + 10, POISON_BYTE, 90));
	rig_wait(rig, &res);
	EQ(res.Status, 0);
	EQ(res.BytesTransferred, 5);
}

/* As for any receive: B-U1, B-U3. */
TEST(br16_port_unreachable)
{
	struct rig *rig = rig_new(4, 4);
	struct sockaddr_in dead;
	RIORESULT res;

	CHECK(rig_post(rig, 0, 100, 1));
	CHECK(rig_post(rig, 100, 100, 2));
	dead = dead_port();
	snd_from(R, &dead, 5, 'd');
	rig_wait(rig, &res);
	EQ(res.Status, WSAECONNRESET);
	EQ(res.BytesTransferred, 0);
	EQ(res.RequestContext, 1);
	snd(6);
	rig_wait(rig, &res);
	EQ(res.Status, 0);
	EQ(res.BytesTransferred, 6);
	EQ(res.RequestContext, 2);
}

TEST(br16_contexts_of_all_kinds)
{
	struct rig *rig = rig_new(4, 4);
	PVOID context[3] = { NULL, (PVOID)(ULONG_PTR)-1,
			     (PVOID)(ULONG_PTR)0x123456789abcdef0 };
	RIO_BUF piece = { rig->id, 0, 100 };
	RIORESULT res;
	int i;

	for (i = 0; i < 3; i++) {
		CHECK(rio.RIOReceive(rig->rq, &piece, 1, 0, context[i]));
		snd(i);
		rig_wait(rig, &res);
		CHECK(res.RequestContext == (ULONG_PTR)context[i]);
	}
}

TEST(br16_many_rounds)
{
	struct rig *rig = rig_new(3, 4);
	RIORESULT res;
	int i;

	/* More than any ring has entries, and none of them a power of two. */
	for (i = 0; i < 3; i++)
		CHECK(rig_post(rig, 100 * i, 100, i));
	for (i = 0; i < 1000; i++) {
		snd_tag(1 + i % 90, 'a' + i % 26);
		rig_wait(rig, &res);
		EQ(res.Status, 0);
		EQ(res.RequestContext, i);
		EQ(res.BytesTransferred, 1 + i % 90);
		CHECK(filled(rig->mem + 100 * (i % 3), 'a' + i % 26, 1 + i % 90));
		CHECK(rig_post(rig, 100 * (i % 3), 100, i + 3));
	}
}

TEST(br23_closing_the_socket_ends_the_pending_ones)
{
	struct rig *rig = rig_new(4, 4);
	RIORESULT res;
	int i;

	for (i = 0; i < 3; i++)
		CHECK(rig_post(rig, 0, 100, i));
	CHECK(rig_post_flags(rig, 0, 100, 3, RIO_MSG_DEFER));
	EQ(closesocket(R), 0);
	for (i = 0; i < 4; i++) {
		rig_wait(rig, &res);
		EQ(res.Status, WSA_OPERATION_ABORTED);
		EQ(res.BytesTransferred, 0);
		EQ(res.RequestContext, i);
		EQ(res.SocketContext, RIG_CONTEXT);
	}
	CHECK(rig_empty(rig));
	CHECK(filled(rig->mem, POISON_BYTE, rig->size));
	WSASetLastError(0);
	CHECK(!rig_post(rig, 0, 100, 9));
	EQ(WSAGetLastError(), WSAEINVAL);
}

TEST(br6_br15_two_sockets_on_one_queue)
{
	struct rig *rig = rig_new(4, 8);
	RIO_BUF piece = { rig->id, 1000, 100 };
	struct sockaddr_in at;
	SOCKET s = rio_udp();
	RIORESULT res;
	RIO_RQ rq;
	int i;

	bind_lo(s, &at);
	rq = rio.RIOCreateRequestQueue(s, 4, 1, 0, 1, rig->cq, rig->cq,
				       (PVOID)0x22);
	CHECK(rq != RIO_INVALID_RQ);
	for (i = 0; i < 4; i++) {
		CHECK(rig_post(rig, 100 * i, 100, i));
		CHECK(rio.RIOReceive(rq, &piece, 1, 0, (PVOID)(ULONG_PTR)(40 + i)));
	}
	for (i = 0; i < 4; i++) {
		snd_from(S, &at, 30 + i, 'z');
		rig_wait(rig, &res);
		EQ(res.SocketContext, 0x22);
		EQ(res.RequestContext, 40 + i);
		EQ(res.BytesTransferred, 30 + i);
		snd_tag(10 + i, 'a' + i);
		rig_wait(rig, &res);
		EQ(res.SocketContext, RIG_CONTEXT);
		EQ(res.RequestContext, i);
		EQ(res.BytesTransferred, 10 + i);
		CHECK(filled(rig->mem + 100 * i, 'a' + i, 10 + i));
	}
}

/* Both members of a group get each datagram, and one queue tells of both. */
TEST(br15_two_members_of_a_group)
{
	struct rig *rig = rig_new(4, 8);
	RIO_BUF piece = { rig->id, 1000, 100 };
	struct sockaddr_in group;
	struct in_addr lo;
	struct ip_mreq join;
	RIORESULT res;
	unsigned int seen = 0;
	int on = 1, i;
	SOCKET s[2];
	RIO_RQ rq[2];

	memset(&group, 0, sizeof(group));
	group.sin_family = AF_INET;
	group.sin_addr.s_addr = htonl(0xefff0a01);
	lo.s_addr = htonl(INADDR_LOOPBACK);
	join.imr_multiaddr = group.sin_addr;
	join.imr_interface = lo;
	for (i = 0; i < 2; i++) {
		socklen_t len = sizeof(group);
		struct sockaddr_in at = group;

		s[i] = rio_udp();
		EQ(setsockopt(s[i], SOL_SOCKET, SO_REUSEADDR, (char *)&on,
			      sizeof(on)), 0);
		at.sin_addr.s_addr = htonl(INADDR_ANY);
		EQ(bind(s[i], (struct sockaddr *)&at, sizeof(at)), 0);
		EQ(getsockname(s[i], (struct sockaddr *)&at, &len), 0);
		group.sin_port = at.sin_port;
		EQ(setsockopt(s[i], IPPROTO_IP, IP_ADD_MEMBERSHIP, (char *)&join,
			      sizeof(join)), 0);
		rq[i] = rio.RIOCreateRequestQueue(s[i], 2, 1, 0, 1, rig->cq,
						  rig->cq, (PVOID)(ULONG_PTR)(i + 1));
		CHECK(rq[i] != RIO_INVALID_RQ);
		CHECK(rio.RIOReceive(rq[i], &piece, 1, 0, NULL));
		piece.Offset += 100;
	}
	EQ(setsockopt(S, IPPROTO_IP, IP_MULTICAST_IF, (char *)&lo, sizeof(lo)), 0);
	snd_from(S, &group, 30, 'g');
	for (i = 0; i < 2; i++) {
		rig_wait(rig, &res);
		EQ(res.Status, 0);
		EQ(res.BytesTransferred, 30);
		seen |= 1U << res.SocketContext;
	}
	EQ(seen, 6);
	CHECK(filled(rig->mem + 1000, 'g', 30));
	CHECK(filled(rig->mem + 1100, 'g', 30));
}

/* Misuse */

struct poster {
	struct rig *rig;
	volatile bool stop;
};

static void post_all_the_time(void *arg)
{
	struct poster *p = arg;

	while (!p->stop)
		rig_post(p->rig, 0, 100, 0);
}

/* Windows leaves open what happens; the kernel and other queues must not mind. */
TEST(br22_two_threads_post_to_one_queue)
{
	struct poster p = { rig_new(8, 16), false };
	struct thread *a = thread_start(post_all_the_time, &p);
	struct thread *b = thread_start(post_all_the_time, &p);
	struct rig other;
	RIORESULT res[8];
	ULONG n = 0;
	int i;

	for (i = 0; i < 300 && n != RIO_CORRUPT_CQ; i++) {
		snd(10);
		n = rio.RIODequeueCompletion(p.rig->cq, res, 8);
	}
	p.stop = true;
	thread_join(a);
	thread_join(b);
	rio.RIOCloseCompletionQueue(p.rig->cq);
	EQ(closesocket(R), 0);

	R = rio_udp();
	bind_lo(R, &RA);
	other = *p.rig;
	other.cq = rio.RIOCreateCompletionQueue(4, NULL);
	other.rq = make_rq(R, other.cq, 4, 0);
	CHECK(other.rq != RIO_INVALID_RQ);
	other.context = 0;
	rig_works(&other);
}
