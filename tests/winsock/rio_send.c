// SPDX-License-Identifier: MIT
/*
 * Registered I/O: sends, and control data both ways.  S has a request queue for
 * both; R is an ordinary socket unless a test makes it another.
 */
#include "harness.h"

#include "rio.h"

#ifndef _WIN32
#include <unistd.h>
#endif

#define TO_AT		2048	/* in the rig's memory: an address */
#define CONTROL_AT	2176	/* control data */
#define FLAGS_AT	2432

/* send_rig - S sends by registered I/O */
static struct rig *send_rig(ULONG sends, DWORD cq_size,
			    RIO_NOTIFICATION_COMPLETION *how)
{
	rio_start();
	R = udp(WSA_FLAG_OVERLAPPED);
	S = rio_udp();
	return rig_on(S, 2, sends, cq_size, how);
}

static void connect_it(void)
{
	EQ(connect(S, (struct sockaddr *)&RA, sizeof(RA)), 0);
}

/* put - @n bytes @tag at @offset */
static void put(struct rig *rig, ULONG offset, int n, char tag)
{
	memset(rig->mem + offset, tag, n);
}

static void put_address(struct rig *rig, const struct sockaddr_in *to)
{
	memset(rig->mem + TO_AT, 0, sizeof(SOCKADDR_INET));
	memcpy(rig->mem + TO_AT, to, sizeof(*to));
}

static BOOL send_it(struct rig *rig, ULONG offset, ULONG len, int context,
		    DWORD flags)
{
	RIO_BUF piece = { rig->id, offset, len };

	return rio.RIOSend(rig->rq, &piece, 1, flags, (PVOID)(ULONG_PTR)context);
}

static BOOL send_to(struct rig *rig, ULONG offset, ULONG len, int context,
		    DWORD flags)
{
	RIO_BUF piece = { rig->id, offset, len };
	RIO_BUF to = { rig->id, TO_AT, sizeof(SOCKADDR_INET) };

	return rio.RIOSendEx(rig->rq, &piece, 1, NULL, &to, NULL, NULL, flags,
			     (PVOID)(ULONG_PTR)context);
}

/* sent - the next result is of that send, and good */
static void sent(struct rig *rig, int context, ULONG bytes)
{
	RIORESULT res;

	rig_wait(rig, &res);
	EQ(res.Status, 0);
	EQ(res.RequestContext, context);
	EQ(res.BytesTransferred, bytes);
	EQ(res.SocketContext, RIG_CONTEXT);
}

/* arrived - R gets @n bytes @tag */
static void arrived(int n, char tag)
{
	struct op *op = op_ev(2000);

	EQ(recv_now(op), 0);
	EQ(op->bytes, n);
	CHECK(filled(op->data, tag, n));
}

TEST(br7_send_on_a_connected_socket)
{
	struct rig *rig = send_rig(4, 10, NULL);

	connect_it();
	put(rig, 10, 30, 'k');
	CHECK(send_it(rig, 10, 30, 7, 0));
	sent(rig, 7, 30);
	arrived(30, 'k');
	CHECK(rig_empty(rig));
}

TEST(br14_send_to_an_address)
{
	struct rig *rig = send_rig(4, 10, NULL);

	put_address(rig, &RA);
	put(rig, 0, 20, 'm');
	CHECK(send_to(rig, 0, 20, 3, 0));
	sent(rig, 3, 20);
	arrived(20, 'm');
}

TEST(br14_send_to_nobody)
{
	struct rig *rig = send_rig(4, 10, NULL);
	RIORESULT res;

	put(rig, 0, 20, 'm');
	WSASetLastError(0);
	if (send_it(rig, 0, 20, 3, 0)) {
		rig_wait(rig, &res);
		EQ(res.Status, WSAENOTCONN);
		EQ(res.BytesTransferred, 0);
		EQ(res.RequestContext, 3);
	} else {
		EQ(WSAGetLastError(), WSAENOTCONN);
	}
	put_address(rig, &RA);
	CHECK(send_to(rig, 0, 20, 4, 0));
	sent(rig, 4, 20);
}

static void refused_ex(struct rig *rig, RIO_BUF *local, RIO_BUF *remote,
		       RIO_BUF *control, RIO_BUF *flags, int err)
{
	RIO_BUF data = { rig->id, 0, 10 };

	WSASetLastError(0);
	CHECK(!rio.RIOSendEx(rig->rq, &data, 1, local, remote, control, flags,
			     0, NULL));
	EQ(WSAGetLastError(), err);
}

TEST(br14_send_refused)
{
	struct rig *rig = send_rig(4, 10, NULL);
	RIO_BUF bad = { RIO_INVALID_BUFFERID, 0, 100 };
	RIO_BUF small = { rig->id, TO_AT, sizeof(SOCKADDR_INET) - 1 };
	RIO_BUF good = { rig->id, TO_AT, sizeof(SOCKADDR_INET) };
	RIO_BUF tiny = { rig->id, CONTROL_AT, 3 };
	RIO_BUF control = { rig->id, CONTROL_AT, 64 };
	RIO_CMSG_BUFFER head = { 65 };

	put_address(rig, &RA);
	refused_ex(rig, &good, &good, NULL, NULL, WSAEINVAL);
	refused_ex(rig, NULL, &bad, NULL, NULL, WSAEFAULT);
	refused_ex(rig, NULL, &small, NULL, NULL, WSAEINVAL);
	refused_ex(rig, NULL, &good, &bad, NULL, WSAEFAULT);
	refused_ex(rig, NULL, &good, &tiny, NULL, WSAEINVAL);
	refused_ex(rig, NULL, &good, NULL, &bad, WSAEFAULT);
	refused_ex(rig, NULL, &good, NULL, &tiny, WSAEINVAL);
	memcpy(rig->mem + CONTROL_AT, &head, sizeof(head));
	refused_ex(rig, NULL, &good, &control, NULL, WSAEINVAL);
	head.TotalLength = 2;
	memcpy(rig->mem + CONTROL_AT, &head, sizeof(head));
	refused_ex(rig, NULL, &good, &control, NULL, WSAEINVAL);
	CHECK(rig_empty(rig));
	put(rig, 0, 20, 'm');
	CHECK(send_to(rig, 0, 20, 3, 0));
	sent(rig, 3, 20);
	arrived(20, 'm');
}

TEST(br8_send_nothing)
{
	struct rig *rig = send_rig(4, 10, NULL);

	connect_it();
	CHECK(rio.RIOSend(rig->rq, NULL, 0, 0, (PVOID)5));
	sent(rig, 5, 0);
	arrived(0, 'x');
	CHECK(send_it(rig, 0, 0, 6, 0));
	sent(rig, 6, 0);
	arrived(0, 'x');
}

static void refused(struct rig *rig, RIO_BUFFERID id, ULONG offset, ULONG len,
		    DWORD flags, int err)
{
	RIO_BUF piece = { id, offset, len };

	WSASetLastError(0);
	CHECK(!rio.RIOSend(rig->rq, &piece, 1, flags, NULL));
	EQ(WSAGetLastError(), err);
}

TEST(br9_sends_refused)
{
	struct rig *rig = send_rig(4, 10, NULL);
	ULONG size = (ULONG)rig->size;
	RIO_RQ rq = rig->rq;

	connect_it();
	refused(rig, RIO_INVALID_BUFFERID, 0, 10, 0, WSAEFAULT);
	refused(rig, NULL, 0, 10, 0, WSAEFAULT);
	refused(rig, rig->id, 0, size + 1, 0, WSAEINVAL);
	refused(rig, rig->id, size, 1, 0, WSAEINVAL);
	refused(rig, rig->id, 0, 10, RIO_MSG_WAITALL, WSAEINVAL);
	refused(rig, rig->id, 0, 10, 0x40, WSAEINVAL);
	refused(rig, rig->id, 0, 10, RIO_MSG_COMMIT_ONLY, WSAEINVAL);
	WSASetLastError(0);
	CHECK(!rio.RIOSend(rig->rq, NULL, 1, 0, NULL));
	EQ(WSAGetLastError(), WSAEINVAL);
	rig->rq = RIO_INVALID_RQ;
	refused(rig, rig->id, 0, 10, 0, WSAEINVAL);
	rig->rq = rq;
	CHECK(rig_empty(rig));
	put(rig, 0, 20, 'm');
	CHECK(send_it(rig, 0, 20, 3, 0));
	sent(rig, 3, 20);
	arrived(20, 'm');
}

TEST(br9_refused_with_the_batch)
{
#ifdef _WIN32
	SKIP("a descriptor is closed behind the library's back");
#else
	struct rig *rig = send_rig(2, 10, NULL);
	int kept, i;

	connect_it();
	put(rig, 0, 20, 'm');
	CHECK(send_it(rig, 0, 20, 3, RIO_MSG_DEFER));
	kept = dup((int)S);
	(close)((int)S);
	for (i = 0; i < 4; i++) {
		WSASetLastError(0);
		CHECK(!send_it(rig, 0, 20, 4, 0));
		EQ(WSAGetLastError(), WSAENOTSOCK);
	}
	EQ(dup2(kept, (int)S), (int)S);
	(close)(kept);
	/* The deferred one was promised, the others were not. */
	CHECK(send_it(rig, 0, 20, 5, 0));
	sent(rig, 3, 20);
	sent(rig, 5, 20);
	arrived(20, 'm');
	arrived(20, 'm');
	CHECK(rig_empty(rig));
#endif
}

TEST(br9_sends_over_the_limit)
{
	struct rig *rig = send_rig(3, 10, NULL);
	int i;

	connect_it();
	put(rig, 0, 20, 'm');
	for (i = 0; i < 3; i++)
		CHECK(send_it(rig, 0, 20, i, 0));
	/* Sent is not enough, the result has to be dequeued. */
	refused(rig, rig->id, 0, 10, 0, WSAENOBUFS);
	refused(rig, rig->id, 0, 10, RIO_MSG_DEFER, WSAENOBUFS);
	sent(rig, 0, 20);
	CHECK(send_it(rig, 0, 20, 3, 0));
	refused(rig, rig->id, 0, 10, 0, WSAENOBUFS);
	for (i = 1; i < 4; i++)
		sent(rig, i, 20);
}

TEST(br9_no_sends_on_a_queue_for_receives)
{
	struct rig *rig = send_rig(4, 10, NULL);
	struct sockaddr_in at;
	SOCKET s = rio_udp();

	bind_lo(s, &at);
	rig->rq = rio.RIOCreateRequestQueue(s, 1, 1, 0, 1, rig->cq, rig->cq, NULL);
	CHECK(rig->rq != RIO_INVALID_RQ);
	refused(rig, rig->id, 0, 10, 0, WSAENOBUFS);
	CHECK(rio.RIOSend(rig->rq, NULL, 0, RIO_MSG_COMMIT_ONLY, NULL));
}

TEST(br10_deferred_sends_go_with_the_next)
{
	struct rig *rig = send_rig(8, 10, NULL);
	int i;

	connect_it();
	for (i = 0; i < 4; i++) {
		put(rig, 100 * i, 50, 'a' + i);
		CHECK(send_it(rig, 100 * i, 50 + i, i, i < 3 ? RIO_MSG_DEFER : 0));
	}
	for (i = 0; i < 4; i++)
		sent(rig, i, 50 + i);
	for (i = 0; i < 4; i++) {
		struct op *op = op_ev(2000);

		EQ(recv_now(op), 0);
		EQ(op->bytes, 50 + i);
		CHECK(filled(op->data, 'a' + i, 50));
	}
}

TEST(br10_br11_commit_sends_the_deferred_ones)
{
	struct rig *rig = send_rig(4, 10, NULL);
	int i;

	connect_it();
	CHECK(rio.RIOSend(rig->rq, NULL, 0, RIO_MSG_COMMIT_ONLY, NULL));
	for (i = 0; i < 4; i++) {
		put(rig, 100 * i, 50, 'a' + i);
		CHECK(send_it(rig, 100 * i, 50, i, RIO_MSG_DEFER));
	}
	refused(rig, rig->id, 0, 10, 0, WSAENOBUFS);
	CHECK(rio.RIOSendEx(rig->rq, NULL, 0, NULL, NULL, NULL, NULL,
			    RIO_MSG_COMMIT_ONLY, NULL));
	for (i = 0; i < 4; i++) {
		sent(rig, i, 50);
		arrived(50, 'a' + i);
	}
}

TEST(br10_more_than_one_system_call_takes)
{
	struct rig *rig = send_rig(200, 210, NULL);
	int i, round;

	connect_it();
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 150; i++)
			CHECK(send_it(rig, i, 1, i, RIO_MSG_DEFER));
		CHECK(rio.RIOSend(rig->rq, NULL, 0, RIO_MSG_COMMIT_ONLY, NULL));
		for (i = 0; i < 150; i++)
			sent(rig, i, 1);
	}
	CHECK(rig_empty(rig));
}

/* What is accepted has a result, whatever comes of it. */
TEST(br7_br16_a_bad_one_among_deferred_sends)
{
	struct rig *rig = send_rig(4, 10, NULL);
	struct sockaddr_in everybody = RA;
	RIORESULT res;

	everybody.sin_addr.s_addr = INADDR_BROADCAST;
	put(rig, 0, 20, 'g');
	put_address(rig, &RA);
	CHECK(send_to(rig, 0, 20, 1, RIO_MSG_DEFER));
	put_address(rig, &everybody);
	RIO_BUF piece = { rig->id, 0, 20 };
	RIO_BUF to = { rig->id, TO_AT, sizeof(SOCKADDR_INET) };
	CHECK(rio.RIOSendEx(rig->rq, &piece, 1, NULL, &to, NULL, NULL,
			    RIO_MSG_DEFER, (PVOID)2));
	put_address(rig, &RA);
	CHECK(send_to(rig, 0, 20, 3, 0));
	sent(rig, 1, 20);
	rig_wait(rig, &res);
	EQ(res.Status, WSAEACCES);
	EQ(res.RequestContext, 2);
	EQ(res.BytesTransferred, 0);
	sent(rig, 3, 20);
	arrived(20, 'g');
	arrived(20, 'g');
}

TEST(br7_a_bad_one_alone)
{
	struct rig *rig = send_rig(1, 10, NULL);
	struct sockaddr_in everybody = RA;
	RIORESULT res;
	int i;

	everybody.sin_addr.s_addr = INADDR_BROADCAST;
	/* Its place is free again each time. */
	for (i = 0; i < 5; i++) {
		put_address(rig, &everybody);
		CHECK(send_to(rig, 0, 20, 40 + i, 0));
		rig_wait(rig, &res);
		EQ(res.Status, WSAEACCES);
		EQ(res.RequestContext, 40 + i);
	}
	put_address(rig, &RA);
	CHECK(send_to(rig, 0, 20, 3, 0));
	sent(rig, 3, 20);
}

TEST(br12_quiet_sends_do_not_notify)
{
	RIO_NOTIFICATION_COMPLETION how;
	struct rig *rig;
	HANDLE event;

	memset(&how, 0, sizeof(how));
	how.Type = RIO_EVENT_COMPLETION;
	how.Event.EventHandle = event = CreateEventW(NULL, TRUE, FALSE, NULL);
	rig = send_rig(4, 10, &how);
	connect_it();
	put(rig, 0, 20, 'q');
	EQ(rio.RIONotify(rig->cq), 0);
	CHECK(send_it(rig, 0, 20, 1, RIO_MSG_DONT_NOTIFY));
	CHECK(stays_quiet(event));
	sent(rig, 1, 20);
	CHECK(send_it(rig, 0, 20, 2, RIO_MSG_DONT_NOTIFY));
	CHECK(send_it(rig, 0, 20, 3, 0));
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
	sent(rig, 2, 20);
	sent(rig, 3, 20);
}

TEST(br5_sends_and_receives_on_one_queue)
{
	struct rig *rig = send_rig(4, 10, NULL);
	struct sockaddr_in self = SA;
	RIORESULT res;
	bool got = false, did = false;
	int i;

	put_address(rig, &self);
	put(rig, 0, 20, 'o');
	CHECK(rig_post(rig, 1000, 100, 1));
	CHECK(send_to(rig, 0, 20, 2, 0));
	for (i = 0; i < 2; i++) {
		rig_wait(rig, &res);
		EQ(res.Status, 0);
		EQ(res.BytesTransferred, 20);
		got |= res.RequestContext == 1;
		did |= res.RequestContext == 2;
	}
	CHECK(got && did);
	CHECK(filled(rig->mem + 1000, 'o', 20));
}

TEST(br5_a_queue_for_each_side)
{
	struct rig *rig = send_rig(4, 10, NULL);
	RIO_CQ other = rio.RIOCreateCompletionQueue(4, NULL);
	struct sockaddr_in at;
	RIORESULT res;

	S = rio_udp();
	bind_lo(S, &at);
	rig->rq = rio.RIOCreateRequestQueue(S, 2, 1, 2, 1, rig->cq, other,
					    (PVOID)RIG_CONTEXT);
	CHECK(rig->rq != RIO_INVALID_RQ);
	put_address(rig, &at);
	put(rig, 0, 20, 'o');
	CHECK(rig_post(rig, 1000, 100, 1));
	CHECK(send_to(rig, 0, 20, 2, 0));
	UNTIL(rio.RIODequeueCompletion(other, &res, 1) == 1);
	EQ(res.RequestContext, 2);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 1);
	/* Without its queue a side is of no use; the other is. */
	rio.RIOCloseCompletionQueue(other);
	WSASetLastError(0);
	CHECK(!send_to(rig, 0, 20, 2, 0));
	EQ(WSAGetLastError(), WSAEINVAL);
	CHECK(rig_post(rig, 1000, 100, 3));
	snd_from(R, &at, 10, 'r');
	rig_wait(rig, &res);
	EQ(res.RequestContext, 3);
}

TEST(br23_deferred_sends_end_with_the_socket)
{
	struct rig *rig = send_rig(4, 10, NULL);
	RIORESULT res;

	connect_it();
	CHECK(send_it(rig, 0, 20, 1, RIO_MSG_DEFER));
	EQ(closesocket(S), 0);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 1);
	CHECK(res.Status == 0 || res.Status == WSA_OPERATION_ABORTED);
	CHECK(rig_empty(rig));
}

/* Control data */

static void *next_message(char *control, ULONG at)
{
	return control + RIO_CMSG_BASE_SIZE + at;
}

TEST(br14_control_data_and_flags)
{
	struct rig *rig = send_rig(4, 10, NULL);
	RIO_BUF data = { rig->id, 0, 10 };
	RIO_BUF control = { rig->id, CONTROL_AT, 128 };
	RIO_BUF flags = { rig->id, FLAGS_AT, sizeof(DWORD) };
	RIO_CMSG_BUFFER head;
	DWORD got = POISON;
	WSACMSGHDR h;
	RIORESULT res;
	int on = 1;

	EQ(setsockopt(S, IPPROTO_IP, IP_PKTINFO, (char *)&on, sizeof(on)), 0);
	CHECK(rio.RIOReceiveEx(rig->rq, &data, 1, NULL, NULL, &control, &flags,
			       0, (PVOID)1));
	snd_from(R, &SA, 20, 'c');
	rig_wait(rig, &res);
	EQ(res.Status, WSAEMSGSIZE);
	memcpy(&got, rig->mem + FLAGS_AT, sizeof(got));
	EQ(got, MSG_TRUNC);
	memcpy(&head, rig->mem + CONTROL_AT, sizeof(head));
	CHECK(head.TotalLength >= RIO_CMSG_BASE_SIZE + sizeof(h));
	CHECK(head.TotalLength <= 128);
	memcpy(&h, next_message(rig->mem + CONTROL_AT, 0), sizeof(h));
	EQ(h.cmsg_level, IPPROTO_IP);
	EQ(h.cmsg_type, IP_PKTINFO);
	CHECK(!memcmp((char *)next_message(rig->mem + CONTROL_AT, sizeof(h)),
		      &SA.sin_addr, sizeof(SA.sin_addr)));
	CHECK(filled(rig->mem + CONTROL_AT + 128, POISON_BYTE, 64));
}

TEST(br14_control_data_without_room)
{
	struct rig *rig = send_rig(4, 10, NULL);
	RIO_BUF data = { rig->id, 0, 100 };
	RIO_BUF control = { rig->id, CONTROL_AT, RIO_CMSG_BASE_SIZE };
	RIO_BUF flags = { rig->id, FLAGS_AT, sizeof(DWORD) };
	RIO_CMSG_BUFFER head;
	DWORD got = POISON;
	RIORESULT res;
	int on = 1;

	EQ(setsockopt(S, IPPROTO_IP, IP_PKTINFO, (char *)&on, sizeof(on)), 0);
	CHECK(rio.RIOReceiveEx(rig->rq, &data, 1, NULL, NULL, &control, &flags,
			       0, (PVOID)1));
	snd_from(R, &SA, 20, 'c');
	rig_wait(rig, &res);
	EQ(res.Status, 0);
	memcpy(&got, rig->mem + FLAGS_AT, sizeof(got));
	EQ(got, MSG_CTRUNC);
	memcpy(&head, rig->mem + CONTROL_AT, sizeof(head));
	EQ(head.TotalLength, RIO_CMSG_BASE_SIZE);
	CHECK(filled(rig->mem + CONTROL_AT + RIO_CMSG_BASE_SIZE, POISON_BYTE, 64));
}

#ifdef IP_RECVTTL
TEST(br14_control_data_of_a_send)
{
	struct rig *rig = send_rig(4, 10, NULL);
	RIO_BUF data = { rig->id, 0, 10 };
	RIO_BUF into = { rig->id, 1000, 100 };
	RIO_BUF to = { rig->id, TO_AT, sizeof(SOCKADDR_INET) };
	RIO_BUF control = { rig->id, CONTROL_AT, 128 };
	RIO_BUF back = { rig->id, CONTROL_AT + 128, 128 };
	RIO_CMSG_BUFFER head = { RIO_CMSG_BASE_SIZE + WSA_CMSG_SPACE(sizeof(int)) };
	WSACMSGHDR h = { WSA_CMSG_LEN(sizeof(int)), IPPROTO_IP, IP_TTL };
	int ttl = 5, on = 1, got = 0, i;
	char *at = rig->mem + CONTROL_AT;
	RIORESULT res;

	EQ(setsockopt(S, IPPROTO_IP, IP_RECVTTL, (char *)&on, sizeof(on)), 0);
	put_address(rig, &SA);
	memset(at, 0, 128);
	memcpy(at, &head, sizeof(head));
	memcpy(next_message(at, 0), &h, sizeof(h));
	memcpy(next_message(at, sizeof(h)), &ttl, sizeof(ttl));
	CHECK(rio.RIOReceiveEx(rig->rq, &into, 1, NULL, NULL, &back, NULL, 0,
			       (PVOID)1));
	CHECK(rio.RIOSendEx(rig->rq, &data, 1, NULL, &to, &control, NULL, 0,
			    (PVOID)2));
	for (i = 0; i < 2; i++) {
		rig_wait(rig, &res);
		EQ(res.Status, 0);
	}
	memcpy(&h, next_message(at + 128, 0), sizeof(h));
	EQ(h.cmsg_level, IPPROTO_IP);
	EQ(h.cmsg_type, IP_TTL);
	memcpy(&got, next_message(at + 128, sizeof(h)), sizeof(got));
	EQ(got, 5);
}
#endif

struct committer {
	struct rig *rig;
	volatile bool stop;
};

static void commit_all_the_time(void *arg)
{
	struct committer *c = arg;

	while (!c->stop)
		CHECK(rio.RIOSend(c->rig->rq, NULL, 0, RIO_MSG_COMMIT_ONLY, NULL));
}

TEST(br11_commit_while_another_thread_sends)
{
	struct committer c = { send_rig(8, 10, NULL), false };
	struct thread *t;
	int i, j;

	connect_it();
	t = thread_start(commit_all_the_time, &c);
	for (i = 0; i < 200; i++) {
		for (j = 0; j < 4; j++)
			CHECK(send_it(c.rig, 0, 10 + j, 4 * i + j, RIO_MSG_DEFER));
		for (j = 0; j < 4; j++)
			sent(c.rig, 4 * i + j, 10 + j);
	}
	c.stop = true;
	thread_join(t);
}
