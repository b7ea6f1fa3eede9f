// SPDX-License-Identifier: MIT
/* Registered I/O: RIONotify(), with an event and with a completion port. */
#include "harness.h"

#include "rio.h"

/* rig_event - a rig whose completion queue sets an event */
static struct rig *rig_event(HANDLE event, BOOL reset)
{
	RIO_NOTIFICATION_COMPLETION how;

	memset(&how, 0, sizeof(how));
	how.Type = RIO_EVENT_COMPLETION;
	how.Event.EventHandle = event;
	how.Event.NotifyReset = reset;
	return rig_new_notified(4, 4, &how);
}

static HANDLE new_event(BOOL manual)
{
	HANDLE event = CreateEventW(NULL, manual, FALSE, NULL);

	CHECK(event);
	return event;
}

TEST(br4_notifications_refused)
{
	RIO_NOTIFICATION_COMPLETION how;

	rio_start();
	memset(&how, 0, sizeof(how));
	refused_cq(10, &how, WSAEINVAL);
	how.Type = (RIO_NOTIFICATION_COMPLETION_TYPE)3;
	refused_cq(10, &how, WSAEINVAL);
	if (!under_windows()) {
		how.Type = RIO_EVENT_COMPLETION;
		refused_cq(10, &how, WSAEINVAL);
		how.Event.EventHandle = (HANDLE)(ULONG_PTR)0x123450;
		refused_cq(10, &how, WSAEINVAL);
	}
}

TEST(br17_notify_refused)
{
	struct rig *rig = rig_new(4, 4);
	HANDLE event = new_event(TRUE);

	EQ(rio.RIONotify(RIO_INVALID_CQ), WSAEINVAL);
	/* One that is only polled. */
	if (!under_windows())
		EQ(rio.RIONotify(rig->cq), WSAEINVAL);
	rig = rig_event(event, FALSE);
	WSASetLastError(POISON);
	EQ(rio.RIONotify(rig->cq), 0);
	EQ(rio.RIONotify(rig->cq), WSAEALREADY);
	/* The code is the result alone. */
	EQ(WSAGetLastError(), (int)POISON);
	CHECK(!is_set(event));
	CHECK(rig_post(rig, 0, 100, 1));
	snd(5);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
}

TEST(br17_once_for_each_call)
{
	HANDLE event = new_event(TRUE);
	struct rig *rig = rig_event(event, FALSE);
	RIORESULT res;
	int i;

	for (i = 0; i < 3; i++)
		CHECK(rig_post(rig, 0, 100, i));
	/* Not asked for: not told. */
	snd(5);
	rig_wait(rig, &res);
	CHECK(!is_set(event));

	EQ(rio.RIONotify(rig->cq), 0);
	CHECK(stays_quiet(event));
	snd(5);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
	rig_wait(rig, &res);
	CHECK(ResetEvent(event));
	snd(5);
	rig_wait(rig, &res);
	CHECK(!is_set(event));
}

TEST(br17_at_once_if_not_empty)
{
	HANDLE event = new_event(FALSE);
	struct rig *rig = rig_event(event, FALSE);
	RIORESULT res;

	CHECK(rig_post(rig, 0, 100, 1));
	snd(5);
	UNTIL(letters(rig->mem, 5));
	CHECK(!is_set(event));
	EQ(rio.RIONotify(rig->cq), 0);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
	CHECK(!is_set(event));
	/* Again, for it is still there. */
	EQ(rio.RIONotify(rig->cq), 0);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
	rig_wait(rig, &res);
	EQ(rio.RIONotify(rig->cq), 0);
	CHECK(stays_quiet(event));
}

TEST(br18_notify_resets_the_event)
{
	HANDLE event = new_event(TRUE), kept = new_event(TRUE);
	struct rig *rig = rig_event(event, TRUE);

	CHECK(SetEvent(event));
	EQ(rio.RIONotify(rig->cq), 0);
	CHECK(!is_set(event));
	CHECK(rig_post(rig, 0, 100, 1));
	snd(5);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);

	rig = rig_event(kept, FALSE);
	CHECK(SetEvent(kept));
	EQ(rio.RIONotify(rig->cq), 0);
	CHECK(is_set(kept));
}

TEST(br12_quiet_ones_do_not_notify)
{
	HANDLE event = new_event(TRUE);
	struct rig *rig = rig_event(event, TRUE);
	RIORESULT res;

	CHECK(rig_post_flags(rig, 0, 100, 1, RIO_MSG_DONT_NOTIFY));
	CHECK(rig_post_flags(rig, 100, 100, 2, RIO_MSG_DONT_NOTIFY));
	CHECK(rig_post(rig, 200, 100, 3));
	EQ(rio.RIONotify(rig->cq), 0);
	snd(5);
	UNTIL(letters(rig->mem, 5));
	CHECK(stays_quiet(event));
	/* It is there for those who ask. */
	rig_wait(rig, &res);
	EQ(res.RequestContext, 1);
	snd(6);
	UNTIL(letters(rig->mem + 100, 6));
	CHECK(!is_set(event));
	snd(7);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 2);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 3);
}

TEST(br12_br17_quiet_ones_do_not_count_as_there)
{
	HANDLE event = new_event(TRUE);
	struct rig *rig = rig_event(event, TRUE);

	CHECK(rig_post_flags(rig, 0, 100, 1, RIO_MSG_DONT_NOTIFY));
	snd(5);
	UNTIL(letters(rig->mem, 5));
	EQ(rio.RIONotify(rig->cq), 0);
	CHECK(stays_quiet(event));
	EQ(rio.RIONotify(rig->cq), WSAEALREADY);
	CHECK(rig_post(rig, 100, 100, 2));
	snd(6);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
	/* Behind a loud one it does not hide that. */
	EQ(rio.RIONotify(rig->cq), 0);
	EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
}

TEST(br17_br20_armed_while_the_queue_grows)
{
	HANDLE event = new_event(FALSE);
	struct rig *rig = rig_event(event, FALSE);
	RIORESULT res;
	int i;

	for (i = 0; i < 3; i++) {
		EQ(rio.RIONotify(rig->cq), 0);
		CHECK(rio.RIOResizeCompletionQueue(rig->cq, 16 << 2 * i));
		CHECK(!is_set(event));
		EQ(rio.RIONotify(rig->cq), WSAEALREADY);
		CHECK(rig_post(rig, 0, 100, i));
		snd(5);
		EQ(WaitForSingleObject(event, LIMIT), WAIT_OBJECT_0);
		/* Told, and not dequeued: not told again by another one. */
		CHECK(rio.RIOResizeCompletionQueue(rig->cq, 32 << 2 * i));
		CHECK(stays_quiet(event));
		rig_wait(rig, &res);
		EQ(res.RequestContext, i);
	}
}

TEST(br18_bv6_what_is_done_at_once_sets_it_too)
{
	HANDLE event = new_event(TRUE);
	struct rig *rig = rig_event(event, FALSE);
	WSAOVERLAPPED ov = { 0 };
	DWORD got = POISON;
	u_long on = 1;
	char c;
	WSABUF buf = { 1, &c };

	ov.hEvent = event;
	EQ(WSAIoctl(S, FIONBIO, &on, sizeof(on), NULL, 0, &got, &ov, NULL), 0);
	CHECK(is_set(event));
	CHECK(ResetEvent(event));
	EQ(WSASendTo(S, &buf, 1, &got, 0, (struct sockaddr *)&RA, sizeof(RA), &ov,
		     NULL), 0);
	CHECK(is_set(event));
	CHECK(ResetEvent(event));
	EQ(rio.RIONotify(rig->cq), 0);
	CHECK(!is_set(event));
}

/* The same with a completion port */

static OVERLAPPED told;

#define RIG_KEY		0x77

static struct rig *rig_port(HANDLE port)
{
	RIO_NOTIFICATION_COMPLETION how;

	memset(&how, 0, sizeof(how));
	how.Type = RIO_IOCP_COMPLETION;
	how.Iocp.IocpHandle = port;
	how.Iocp.CompletionKey = (PVOID)RIG_KEY;
	how.Iocp.Overlapped = &told;
	return rig_new_notified(4, 4, &how);
}

static HANDLE new_port(void)
{
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);

	CHECK(port);
	return port;
}

/* packet - take one within @ms: whether there was one, and it was ours */
static bool packet(HANDLE port, DWORD ms)
{
	LPOVERLAPPED ov = (LPOVERLAPPED)&told + 1;
	ULONG_PTR key = POISON;
	DWORD bytes = POISON;

	if (!GetQueuedCompletionStatus(port, &bytes, &key, &ov, ms)) {
		EQ(GetLastError(), WAIT_TIMEOUT);
		CHECK(!ov);
		return false;
	}
	EQ(key, RIG_KEY);
	CHECK(ov == &told);
	EQ(bytes, 0);
	return true;
}

TEST(br4_notifications_by_port_refused)
{
	RIO_NOTIFICATION_COMPLETION how;

	rio_start();
	memset(&how, 0, sizeof(how));
	how.Type = RIO_IOCP_COMPLETION;
	how.Iocp.IocpHandle = new_port();
	refused_cq(10, &how, WSAEINVAL);
	if (!under_windows()) {
		how.Iocp.Overlapped = &told;
		how.Iocp.IocpHandle = new_event(TRUE);
		refused_cq(10, &how, WSAEINVAL);
	}
}

TEST(br19_one_packet_for_each_call)
{
	HANDLE port = new_port();
	struct rig *rig = rig_port(port);
	RIORESULT res;
	int i;

	for (i = 0; i < 4; i++)
		CHECK(rig_post(rig, 0, 100, i));
	EQ(rio.RIONotify(rig->cq), 0);
	EQ(rio.RIONotify(rig->cq), WSAEALREADY);
	CHECK(!packet(port, 0));
	snd(5);
	CHECK(packet(port, LIMIT));
	snd(6);
	CHECK(!packet(port, QUIET));
	rig_wait(rig, &res);
	rig_wait(rig, &res);
	EQ(rio.RIONotify(rig->cq), 0);
	snd(7);
	CHECK(packet(port, LIMIT));
	CHECK(!packet(port, 0));
}

TEST(br19_packet_at_once_if_not_empty)
{
	HANDLE port = new_port();
	struct rig *rig = rig_port(port);

	CHECK(rig_post(rig, 0, 100, 1));
	snd(5);
	UNTIL(letters(rig->mem, 5));
	EQ(rio.RIONotify(rig->cq), 0);
	/* It has completed, so the next may be asked for. */
	EQ(rio.RIONotify(rig->cq), 0);
	CHECK(packet(port, 0));
	CHECK(packet(port, 0));
	CHECK(!packet(port, 0));
}

TEST(br12_br19_quiet_ones_make_no_packet)
{
	HANDLE port = new_port();
	struct rig *rig = rig_port(port);

	CHECK(rig_post_flags(rig, 0, 100, 1, RIO_MSG_DONT_NOTIFY));
	CHECK(rig_post(rig, 100, 100, 2));
	EQ(rio.RIONotify(rig->cq), 0);
	snd(5);
	CHECK(!packet(port, QUIET));
	snd(6);
	CHECK(packet(port, LIMIT));
}

TEST(br19_among_packets_of_others)
{
	HANDLE port = new_port();
	struct rig *rig = rig_port(port);
	OVERLAPPED_ENTRY entries[4];
	OVERLAPPED mine;
	ULONG n = 0;

	CHECK(rig_post(rig, 0, 100, 1));
	EQ(rio.RIONotify(rig->cq), 0);
	snd(5);
	UNTIL(letters(rig->mem, 5));
	CHECK(PostQueuedCompletionStatus(port, 3, 4, &mine));
	CHECK(GetQueuedCompletionStatusEx(port, entries, 4, &n, LIMIT, FALSE));
	EQ(n, 2);
	CHECK(entries[0].lpOverlapped == &told);
	CHECK(entries[1].lpOverlapped == &mine);
}

TEST(br21_closed_while_armed)
{
	HANDLE port = new_port();
	struct rig *rig = rig_port(port);

	CHECK(rig_post(rig, 0, 100, 1));
	EQ(rio.RIONotify(rig->cq), 0);
	rio.RIOCloseCompletionQueue(rig->cq);
	snd(5);
	CHECK(!packet(port, QUIET));
	EQ(rio.RIONotify(rig->cq), WSAEINVAL);
}

enum { MANY = 500 };

static volatile LONG seen;

/* take_all - of what there is, and post as many again */
static void take_all(struct rig *rig)
{
	RIORESULT res[4];
	ULONG n;

	while ((n = rio.RIODequeueCompletion(rig->cq, res, 4))) {
		CHECK(n <= 4);
		seen += (LONG)n;
		while (n--)
			CHECK(rig_post(rig, 0, 100, 0));
	}
}

/* send_many - no more at a time than the socket's buffer holds */
static void send_many(void)
{
	LONG i;

	for (i = 0; i < MANY; i++) {
		UNTIL(i - seen < 100);
		snd(10);
	}
}

static void take_packets(void *arg)
{
	struct rig *rig = arg;

	while (seen < MANY) {
		EQ(rio.RIONotify(rig->cq), 0);
		CHECK(packet(rig->event, LIMIT));
		take_all(rig);
	}
}

TEST(br19_sleeping_taker)
{
	HANDLE port = new_port();
	struct rig *rig = rig_port(port);
	struct thread *t;
	int i;

	rig->event = port;
	for (i = 0; i < 4; i++)
		CHECK(rig_post(rig, 0, 100, 0));
	t = thread_start(take_packets, rig);
	send_many();
	thread_join(t);
}

static void take_one(void *port)
{
	CHECK(packet(port, LIMIT));
}

/* While somebody sleeps for the packet, which comes once, sooner or later. */
TEST(br19_br20_armed_while_the_queue_grows)
{
	HANDLE port = new_port();
	struct rig *rig = rig_port(port);
	struct thread *taker;
	RIORESULT res;
	int i;

	for (i = 0; i < 12; i++) {
		CHECK(rig_post(rig, 0, 100, i));
		EQ(rio.RIONotify(rig->cq), 0);
		taker = thread_start(take_one, port);
		if (i % 2)
			snd(5);
		CHECK(rio.RIOResizeCompletionQueue(rig->cq, 8 << i));
		if (i % 2 == 0) {
			EQ(rio.RIONotify(rig->cq), WSAEALREADY);
			snd(5);
		}
		thread_join(taker);
		CHECK(!packet(port, 0));
		rig_wait(rig, &res);
		EQ(res.RequestContext, i);
	}
}

/* The port's own handle tells of it, too. */
TEST(br19_bv16_waiting_for_the_port)
{
	HANDLE port = new_port(), ready[2];
	struct rig *rig = rig_port(port);
	RIORESULT res;
	int i;

	ready[0] = new_event(TRUE);
	ready[1] = port;
	CHECK(SetEvent(ready[0]));
	for (i = 0; i < 3; i++) {
		CHECK(rig_post(rig, 0, 100, i));
		EQ(rio.RIONotify(rig->cq), 0);
		CHECK(stays_quiet(port));
		snd(5);
		EQ(WaitForMultipleObjects(2, ready, TRUE, LIMIT), WAIT_OBJECT_0);
		/* Until it is taken. */
		CHECK(is_set(port));
		CHECK(packet(port, 0));
		CHECK(!is_set(port));
		rig_wait(rig, &res);
		EQ(res.RequestContext, i);
	}
}

static void wait_for_port(void *port)
{
	EQ(WaitForSingleObject(port, LIMIT), WAIT_OBJECT_0);
}

/* Who waits for the handle does not keep the packet from who sleeps for it. */
TEST(br19_bv16_waiting_beside_a_taker)
{
	HANDLE port = new_port();
	struct rig *rig = rig_port(port);
	struct thread *taker, *waiter;
	RIORESULT res;

	CHECK(rig_post(rig, 0, 100, 1));
	EQ(rio.RIONotify(rig->cq), 0);
	waiter = thread_start(wait_for_port, port);
	taker = thread_start(take_one, port);
	thread_waits(waiter);
	thread_waits(taker);
	snd(5);
	thread_join(taker);
	rig_wait(rig, &res);
	EQ(res.RequestContext, 1);
	/* If the first was gone before it looked. */
	CHECK(PostQueuedCompletionStatus(port, 0, 0, NULL));
	thread_join(waiter);
}

static void wait_and_take(void *arg)
{
	struct rig *rig = arg;

	while (seen < MANY) {
		EQ(rio.RIONotify(rig->cq), 0);
		EQ(WaitForSingleObject(rig->event, LIMIT), WAIT_OBJECT_0);
		take_all(rig);
	}
}

/* Nothing is lost between looking and arming. */
TEST(br17_sleeping_receiver)
{
	HANDLE event = new_event(TRUE);
	struct rig *rig = rig_event(event, TRUE);
	struct thread *t;
	int i;

	rig->event = event;
	for (i = 0; i < 4; i++)
		CHECK(rig_post(rig, 0, 100, 0));
	t = thread_start(wait_and_take, rig);
	send_many();
	thread_join(t);
}
