// SPDX-License-Identifier: MIT
/* Sending. */
#include "harness.h"

#include <mswsock.h>

static WSABUF one(const char *text)
{
	WSABUF b = { (ULONG)strlen(text), (char *)text };

	return b;
}

static int send_to(SOCKET s, WSABUF *bufs, DWORD count, DWORD *bytes, DWORD flags,
		   const struct sockaddr_in *to, int tolen, LPWSAOVERLAPPED ov)
{
	return WSASendTo(s, bufs, count, bytes, flags, (struct sockaddr *)to, tolen, ov,
			 NULL) ? WSAGetLastError() : 0;
}

/* to_r - S sends R a text */
static int to_r(const char *text, DWORD *bytes, LPWSAOVERLAPPED ov)
{
	WSABUF b = one(text);

	return send_to(S, &b, 1, bytes, 0, &RA, sizeof(RA), ov);
}

/* r_has - the next datagram is this */
static void r_has(const char *text)
{
	struct op *op = op_new(2048);

	EQ(recv_now(op), 0);
	EQ(op->bytes, strlen(text));
	CHECK(!memcmp(op->data, text, op->bytes));
}

TEST(btx1_bad_handle_before_a_missing_count)
{
	WSABUF b = one("x");

	pair();
	EQ(send_to(INVALID_SOCKET, &b, 1, NULL, 0, &RA, sizeof(RA), NULL), WSAENOTSOCK);
	EQ(send_to(S, &b, 1, NULL, 0, &RA, sizeof(RA), NULL), WSAEFAULT);
}

TEST(btx2_gathered_in_order)
{
	WSABUF b[3] = { one("ab"), one(""), one("cde") };
	DWORD n = POISON;

	pair();
	EQ(send_to(S, b, 3, &n, 0, &RA, sizeof(RA), NULL), 0);
	EQ(n, 5);
	r_has("abcde");
}

TEST(btx2_empty_datagram)
{
	DWORD n = POISON;

	pair();
	EQ(to_r("", &n, NULL), 0);
	EQ(n, 0);
	r_has("");
}

TEST(btx3_a37_bound_by_sending)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	SOCKET s;
	DWORD n;
	WSABUF b = one("x");

	pair();
	s = udp(0);
	EQ(send_to(s, &b, 1, &n, 0, &RA, sizeof(RA), NULL), 0);
	EQ(getsockname(s, (struct sockaddr *)&a, &len), 0);
	EQ(a.sin_addr.s_addr, 0);
	CHECK(a.sin_port != 0);
}

static LPFN_WSASENDMSG send_msg;

static void get_send_msg(SOCKET s)
{
	GUID id = WSAID_WSASENDMSG;
	DWORD n = 0;

	EQ(WSAIoctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id), &send_msg,
		    sizeof(send_msg), &n, NULL, NULL), 0);
	EQ(n, sizeof(send_msg));
}

static WSAMSG message(WSABUF *b)
{
	WSAMSG msg;

	memset(&msg, 0, sizeof(msg));
	msg.name = (struct sockaddr *)&RA;
	msg.namelen = sizeof(RA);
	msg.lpBuffers = b;
	msg.dwBufferCount = 1;
	return msg;
}

static bool is_bound(SOCKET s)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	return !getsockname(s, (struct sockaddr *)&a, &len);
}

TEST(btx4_failing_sendmsg_binds)
{
	WSABUF b = one("x");
	WSAMSG msg;
	SOCKET s;
	DWORD n;

	pair();
	s = udp(0);
	get_send_msg(s);
	msg = message(&b);
	EQ(send_msg(s, NULL, 0, &n, NULL, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
	CHECK(!is_bound(s));
	EQ(send_msg(s, &msg, 0, NULL, NULL, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
	CHECK(is_bound(s));
}

TEST(btx5_another_destination_when_connected)
{
	struct sockaddr_in dead = dead_port();
	DWORD n;

	pair();
	EQ(connect(S, (struct sockaddr *)&dead, sizeof(dead)), 0);
	EQ(to_r("there", &n, NULL), 0);
	r_has("there");
	EQ(connect(S, (struct sockaddr *)&RA, sizeof(RA)), 0);
	EQ(send(S, "here", 4, 0), 4);
	r_has("here");
}

TEST(btx6_d6_to_whom)
{
	WSABUF b = one("x");
	DWORD n;

	pair();
	EQ(send_to(S, &b, 1, &n, 0, NULL, 0, NULL), WSAEDESTADDRREQ);
	EQ(sendto(S, "x", 1, 0, NULL, 0), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEDESTADDRREQ);
}

TEST(btx6_d6_send_to_whom)
{
	WSABUF b = one("x");
	DWORD n;

	pair();
	EQ(send(S, "x", 1, 0), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAENOTCONN);
	EQ(WSASend(S, &b, 1, &n, 0, NULL, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAENOTCONN);
}

TEST(btx7_broadcast_has_to_be_allowed)
{
	struct sockaddr_in a = { 0 };
	WSABUF b = one("x");
	DWORD n;

	pair();
	a.sin_family = AF_INET;
	a.sin_port = htons(9);
	a.sin_addr.s_addr = htonl(INADDR_BROADCAST);
	EQ(send_to(S, &b, 1, &n, 0, &a, sizeof(a), NULL), WSAEACCES);
}

TEST(btx8_bad_destinations)
{
	struct sockaddr_in a = { 0 };
	WSABUF b = one("x");
	DWORD n;

	pair();
	a.sin_family = AF_INET;
	a.sin_port = htons(9);
	EQ(send_to(S, &b, 1, &n, 0, &a, sizeof(a), NULL), WSAEADDRNOTAVAIL);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_family = 0xfff;
	EQ(send_to(S, &b, 1, &n, 0, &a, sizeof(a), NULL), WSAEAFNOSUPPORT);
}

TEST(btx8_short_destination)
{
	WSABUF b = one("x");
	DWORD n;

	pair();
	EQ(send_to(S, &b, 1, &n, 0, &RA, 15, NULL), WSAEFAULT);
}

TEST(btx9_too_large)
{
	static char big[65536];
	WSABUF b = { 65508, big };
	DWORD n = POISON;

	pair();
	EQ(send_to(S, &b, 1, &n, 0, &RA, sizeof(RA), NULL), WSAEMSGSIZE);
	EQ(to_r("next", &n, NULL), 0);
	r_has("next");
}

TEST(btx9_largest)
{
	static char big[65507], got[65508];
	WSABUF b = { sizeof(big), big };
	DWORD n = POISON;
	int rc;

	pair();
	memset(big, 'z', sizeof(big));
	EQ(send_to(S, &b, 1, &n, 0, &RA, sizeof(RA), NULL), 0);
	EQ(n, sizeof(big));
	rc = (int)recv(R, got, sizeof(got), 0);
	EQ(rc, sizeof(big));
	CHECK(filled(got, 'z', sizeof(big)));
}

TEST(btx10_flags)
{
	WSABUF b = one("x");
	DWORD n;

	pair();
	EQ(send_to(S, &b, 1, &n, MSG_PARTIAL, &RA, sizeof(RA), NULL), WSAEOPNOTSUPP);
	EQ(send_to(S, &b, 1, &n, MSG_OOB, &RA, sizeof(RA), NULL), WSAEOPNOTSUPP);
	EQ(send_to(S, &b, 1, &n, MSG_DONTROUTE, &RA, sizeof(RA), NULL), 0);
	r_has("x");
}

TEST(btx11_to_port_zero)
{
	struct sockaddr_in a;
	WSABUF b = one("gone");
	struct op *op = op_ev(1);
	SOCKET s;
	DWORD n = POISON;

	pair();
	a = RA;
	a.sin_port = 0;
	s = udp(WSA_FLAG_OVERLAPPED);
	EQ(send_to(s, &b, 1, &n, 0, &a, sizeof(a), NULL), 0);
	EQ(n, 4);
	CHECK(is_bound(s));
	if (send_to(s, &b, 1, NULL, 0, &a, sizeof(a), &op->ov))
		EQ(WSAGetLastError(), WSA_IO_PENDING);
	EQ(done(op), 0);
	EQ(op->got_bytes, 4);
}

TEST(btx12_bu4_an_old_report_fails_no_send)
{
	struct sockaddr_in dead = dead_port();
	WSABUF b = one("x");
	DWORD n;
	int i;

	pair();
	for (i = 0; i < 10; i++)
		EQ(send_to(S, &b, 1, &n, 0, &dead, sizeof(dead), NULL), 0);
	EQ(connect(S, (struct sockaddr *)&dead, sizeof(dead)), 0);
	for (i = 0; i < 10; i++)
		EQ(send(S, "x", 1, 0), 1);
}

TEST(btx13_array_captured)
{
	struct op *op = op_ev(1);
	WSABUF b = one("captured");

	pair();
	if (send_to(S, &b, 1, NULL, 0, &RA, sizeof(RA), &op->ov))
		EQ(WSAGetLastError(), WSA_IO_PENDING);
	memset(&b, 0xcc, sizeof(b));
	EQ(done(op), 0);
	EQ(op->got_bytes, 8);
	EQ(op->ov.InternalHigh, 8);
	EQ(op->got_flags, 0);
	r_has("captured");
}

TEST(btx14_a73_routine)
{
	struct op *op = op_new(1);
	WSABUF b = one("routine");
	int rc;

	pair();
	rc = WSASendTo(S, &b, 1, NULL, 0, (struct sockaddr *)&RA, sizeof(RA), &op->ov,
		       record);
	if (rc)
		EQ(WSAGetLastError(), WSA_IO_PENDING);
	EQ(recorded.calls, 0);
	EQ(SleepEx(LIMIT, TRUE), WAIT_IO_COMPLETION);
	EQ(recorded.calls, 1);
	EQ(recorded.error, 0);
	EQ(recorded.transferred, 7);
	EQ(recorded.flags, 0);
}

TEST(btx14_completion_port)
{
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	struct op *op = op_new(1);
	OVERLAPPED *ov = NULL;
	ULONG_PTR key = 0;
	DWORD n = POISON;

	pair();
	CHECK(CreateIoCompletionPort((HANDLE)S, port, 7, 0) == port);
	if (to_r("packet", NULL, &op->ov))
		EQ(WSAGetLastError(), WSA_IO_PENDING);
	CHECK(GetQueuedCompletionStatus(port, &n, &key, &ov, LIMIT));
	CHECK(ov == &op->ov);
	EQ(n, 6);
	EQ(key, 7);
	CHECK(!GetQueuedCompletionStatus(port, &n, &key, &ov, QUIET));
}

TEST(btx15_after_shutdown)
{
	struct op *op = op_ev(1);
	WSABUF b = one("x");
	DWORD n;

	pair();
	EQ(shutdown(S, SD_SEND), 0);
	EQ(send_to(S, &b, 1, &n, 0, &RA, sizeof(RA), NULL), WSAESHUTDOWN);
	EQ(send_to(S, &b, 1, NULL, 0, &RA, sizeof(RA), &op->ov), WSAESHUTDOWN);
	CHECK(!is_set(op->ov.hEvent));
}

TEST(btx16_overlapped_in_order)
{
	static char tags[64];
	struct op *op[64];
	WSABUF b;
	int i;

	pair();
	for (i = 0; i < 64; i++) {
		op[i] = op_ev(1);
		tags[i] = (char)('0' + i);
		b.len = 1;
		b.buf = &tags[i];
		if (send_to(S, &b, 1, NULL, 0, &RA, sizeof(RA), &op[i]->ov))
			EQ(WSAGetLastError(), WSA_IO_PENDING);
	}
	for (i = 0; i < 64; i++) {
		struct op *now = op_new(10);

		EQ(done(op[i]), 0);
		EQ(recv_now(now), 0);
		EQ(now->data[0], '0' + i);
	}
}

TEST(btx17_without_the_overlapped_attribute)
{
	struct op *op = op_ev(1);
	WSABUF b = one("plain");
	DWORD n = POISON;
	SOCKET s;

	pair();
	s = udp(0);
	EQ(send_to(s, &b, 1, &n, 0, &RA, sizeof(RA), &op->ov), 0);
	EQ(n, 5);
	EQ(op->ov.Internal, 0);
	EQ(op->ov.InternalHigh, 5);
	r_has("plain");
}

TEST(btx18_close_after_sends)
{
	struct op *op = op_ev(1);

	pair();
	if (to_r("last", NULL, &op->ov))
		EQ(WSAGetLastError(), WSA_IO_PENDING);
	EQ(closesocket(S), 0);
	EQ(wait_op(op), WSA_WAIT_EVENT_0);
	CHECK(op->ov.Internal != STATUS_PENDING);
}

TEST(btx19_source_address)
{
	char control[WSA_CMSG_SPACE(sizeof(IN_PKTINFO))] = { 0 };
	WSABUF b = one("from two");
	WSACMSGHDR *c;
	IN_PKTINFO info = { .ipi_ifindex = 0 };
	struct op *op = op_new(100);
	WSAMSG msg;
	DWORD n = POISON;
	SOCKET s;

	pair();
	s = udp(0);
	get_send_msg(s);
	msg = message(&b);
	info.ipi_addr.s_addr = htonl(0x7f000002);
	msg.Control.buf = control;
	msg.Control.len = sizeof(control);
	c = WSA_CMSG_FIRSTHDR(&msg);
	c->cmsg_len = WSA_CMSG_LEN(sizeof(info));
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	memcpy(WSA_CMSG_DATA(c), &info, sizeof(info));
	msg.dwFlags = 0x40000000;	/* not for sends */
	EQ(send_msg(s, &msg, 0, &n, NULL, NULL), 0);
	EQ(n, 8);
	EQ(recv_now(op), 0);
	EQ(((struct sockaddr_in *)&op->from)->sin_addr.s_addr, htonl(0x7f000002));
}

TEST(btx19_bad_control)
{
	char control[64];
	WSABUF b = one("x");
	WSAMSG msg;
	DWORD n;

	pair();
	get_send_msg(S);
	msg = message(&b);
	memset(control, 0xff, sizeof(control));
	msg.Control.buf = control;
	msg.Control.len = sizeof(control);
	EQ(send_msg(S, &msg, 0, &n, NULL, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEINVAL);
	msg.Control.buf = NULL;
	EQ(send_msg(S, &msg, 0, &n, NULL, NULL), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSAEFAULT);
}

static volatile LONG would_block;

static void burst(void *unused)
{
	static char data[256];
	WSABUF b = { sizeof(data), data };
	DWORD n;
	int i;

	(void)unused;
	for (i = 0; i < 256; i++)
		if (send_to(S, &b, 1, &n, 0, &RA, sizeof(RA), NULL) == WSAEWOULDBLOCK)
			would_block++;
}

TEST(btx20_bursts_on_a_nonblocking_socket)
{
	struct thread *a, *b;

	if (under_wine())
		SKIP("Wine gives up when its host's buffer is full, if it gets there");
	pair();
	nonblocking(S, true);
	a = thread_start(burst, NULL);
	b = thread_start(burst, NULL);
	thread_join(a);
	thread_join(b);
	EQ(would_block, 0);
}

TEST(btx19_segments)
{
#ifdef UDP_SEND_MSG_SIZE
	char control[WSA_CMSG_SPACE(sizeof(DWORD))] = { 0 };
	WSABUF b = one("aaaabbbbcc");
	DWORD n = POISON, size = 4;
	WSACMSGHDR *c;
	WSAMSG msg;

	if (under_wine())
		SKIP("Wine has no segmentation");
	pair();
	get_send_msg(S);
	msg = message(&b);
	msg.Control.buf = control;
	msg.Control.len = sizeof(control);
	c = WSA_CMSG_FIRSTHDR(&msg);
	c->cmsg_len = WSA_CMSG_LEN(sizeof(size));
	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEND_MSG_SIZE;
	memcpy(WSA_CMSG_DATA(c), &size, sizeof(size));
	EQ(send_msg(S, &msg, 0, &n, NULL, NULL), 0);
	EQ(n, 10);
	r_has("aaaa");
	r_has("bbbb");
	r_has("cc");
	EQ(setsockopt(S, IPPROTO_UDP, UDP_SEND_MSG_SIZE, (char *)&size, sizeof(size)), 0);
	EQ(to_r("ddddee", &n, NULL), 0);
	r_has("dddd");
	r_has("ee");
#else
	SKIP("these headers have no segmentation");
#endif
}
