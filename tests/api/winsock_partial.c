// SPDX-License-Identifier: MIT
/*
 * ODG_KEEP_REST: what is longer than the buffers comes in parts, with MSG_PARTIAL,
 * in each model there is.  R is the receiver under test, S sends.
 */
#include "helpers_winsock.h"

#include <mswsock.h>
#include <odgram_options.h>
#include <unistd.h>

#define RECEIVE_PARTIAL	0x4000000FU	/* an NTSTATUS, of success */

static const char twenty[] = "abcdefghijklmnopqrst";

/* keep_rest - set or clear it, and see that it is */
static void keep_rest(SOCKET sock, BOOL on)
{
	BOOL is = -1;
	int len = sizeof(is);

	assert_int_equal(setsockopt(sock, SOL_ODGRAM, ODG_KEEP_REST, &on,
				    sizeof(on)), 0);
	assert_int_equal(getsockopt(sock, SOL_ODGRAM, ODG_KEEP_REST, &is, &len),
			 0);
	assert_int_equal(is, on);
	assert_int_equal(len, sizeof(is));
}

static int setup_with(DWORD flags)
{
	WSADATA data;

	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
	r = new_socket(flags, &r_addr);
	s = new_socket(WSA_FLAG_OVERLAPPED, &s_addr_in);
	keep_rest(r, TRUE);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_with(WSA_FLAG_OVERLAPPED | WSA_FLAG_REGISTERED_IO);
}

static int setup_plain(void **state)
{
	(void)state;
	return setup_with(0);
}

static void say(const char *text)
{
	put(text, strlen(text));
}

static void init_with(struct op *op, HANDLE event)
{
	init(op, false);
	op->ov.hEvent = event;
}

static int post_with(struct op *op, ULONG len,
		     LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	WSABUF buf = { len, op->data };

	WSARecvFrom(r, &buf, 1, &op->bytes, &op->flags, (SOCKADDR *)&op->from,
		    &op->fromlen, &op->ov, routine);
	return WSAGetLastError();
}

static int receive_anew(struct op *op, ULONG len)
{
	init(op, false);
	return receive(r, op, len);
}

/* expect_part - op has this, and more follows or not */
static void expect_part(struct op *op, const char *text, DWORD flags)
{
	assert_int_equal(op->flags, flags);
	op->flags = 0;
	expect(op, text, (DWORD)strlen(text));
}

/* expect_result - the same, asked of WSAGetOverlappedResult() */
static void expect_result(struct op *op, const char *text, DWORD flags)
{
	op->bytes = op->flags = POISON;
	assert_true(WSAGetOverlappedResult(r, &op->ov, &op->bytes, TRUE,
					   &op->flags));
	assert_int_equal(op->ov.Internal, flags ? RECEIVE_PARTIAL : 0);
	assert_int_equal(op->ov.InternalHigh, strlen(text));
	expect_part(op, text, flags);
}

static void a57_option(void **state)
{
	static const struct {
		int name, len;
	} bad[] = { { ODG_KEEP_REST + 1, 4 }, { 0, 4 } };
	SOCKET tcp = (SOCKET)socket(AF_INET, SOCK_STREAM, 0);
	SOCKET fresh = new_socket(WSA_FLAG_OVERLAPPED, &(SOCKADDR_IN){ 0 });
	int len = sizeof(int), value = (int)POISON;
	unsigned char byte = 1;
	size_t i;

	(void)state;
	assert_int_equal(getsockopt(fresh, SOL_ODGRAM, ODG_KEEP_REST, &value,
				    &len), 0);
	assert_int_equal(value, 0);
	assert_int_equal(len, 4);

	/* One byte will do, and any value that is not 0. */
	value = 77;
	assert_int_equal(setsockopt(fresh, SOL_ODGRAM, ODG_KEEP_REST, &value, 4),
			 0);
	assert_int_equal(getsockopt(fresh, SOL_ODGRAM, ODG_KEEP_REST, &value,
				    &len), 0);
	assert_int_equal(value, 1);
	byte = 0;
	assert_int_equal(setsockopt(fresh, SOL_ODGRAM, ODG_KEEP_REST, &byte, 1),
			 0);
	len = 1;
	byte = 77;
	assert_int_equal(getsockopt(fresh, SOL_ODGRAM, ODG_KEEP_REST, &byte,
				    &len), 0);
	assert_int_equal(byte, 0);
	assert_int_equal(len, 1);

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(setsockopt(fresh, SOL_ODGRAM, bad[i].name, &value,
					    (socklen_t)bad[i].len), SOCKET_ERROR);
		assert_int_equal(WSAGetLastError(), WSAENOPROTOOPT);
	}
	assert_int_equal(setsockopt(fresh, SOL_ODGRAM, ODG_KEEP_REST, NULL, 4),
			 SOCKET_ERROR);
	assert_int_equal(WSAGetLastError(), WSAEFAULT);
	assert_int_equal(setsockopt(fresh, SOL_ODGRAM, ODG_KEEP_REST, &value, 0),
			 SOCKET_ERROR);
	assert_int_equal(WSAGetLastError(), WSAEFAULT);
	assert_int_equal(setsockopt(tcp, SOL_ODGRAM, ODG_KEEP_REST, &value, 4),
			 SOCKET_ERROR);
	assert_int_equal(WSAGetLastError(), WSAENOPROTOOPT);
	assert_int_equal(setsockopt(INVALID_SOCKET, SOL_ODGRAM, ODG_KEEP_REST,
				    &value, 4), SOCKET_ERROR);
	assert_int_equal(WSAGetLastError(), WSAENOTSOCK);
	closesocket(tcp);
	closesocket(fresh);
}

static void a57_b_n7_event(void **state)
{
	HANDLE event[3];
	struct op op[3];
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		event[i] = WSACreateEvent();
		init_with(&op[i], event[i]);
		assert_int_equal(post_with(&op[i], 8, NULL), WSA_IO_PENDING);
	}
	say(twenty);
	assert_int_equal(WSAWaitForMultipleEvents(3, event, TRUE, LONG_MS,
						  FALSE), WSA_WAIT_EVENT_0);
	expect_result(&op[0], "abcdefgh", MSG_PARTIAL);
	expect_result(&op[1], "ijklmnop", MSG_PARTIAL);
	expect_result(&op[2], "qrst", 0);
	for (i = 0; i < 3; i++)
		WSACloseEvent(event[i]);
}

/* A55 with the option: 0 and lpFlags instead of 10040, also at once. */
static void a57_a65_at_once(void **state)
{
	struct op op;

	(void)state;
	say(twenty);
	init_with(&op, NULL);
	assert_int_equal(post_with(&op, 8, NULL), 0);
	expect_part(&op, "abcdefgh", MSG_PARTIAL);
	expect_result(&op, "abcdefgh", MSG_PARTIAL);
	init_with(&op, NULL);
	op.flags = MSG_PARTIAL;
	assert_int_equal(post_with(&op, 60, NULL), 0);
	expect_part(&op, "ijklmnopqrst", 0);
}

static void a57_nonoverlapped(void **state)
{
	struct op op;

	(void)state;
	say(twenty);
	assert_int_equal(receive_anew(&op, 8), 0);
	expect_part(&op, "abcdefgh", MSG_PARTIAL);
	say("next");
	assert_int_equal(receive_anew(&op, 5), 0);
	expect_part(&op, "ijklm", MSG_PARTIAL);
	assert_int_equal(receive_anew(&op, 50), 0);
	expect_part(&op, "nopqrst", 0);
	assert_int_equal(receive_anew(&op, 50), 0);
	expect_part(&op, "next", 0);
}

/* recv() tells no flags: it comes as a stream would. */
static void a57_recv_in_parts(void **state)
{
	char data[20];
	size_t got = 0;

	(void)state;
	say(twenty);
	while (got < 20) {
		ssize_t n = recv(r, data + got, 7, 0);

		assert_int_equal(n, got < 14 ? 7 : 6);
		got += (size_t)n;
	}
	assert_memory_equal(data, twenty, 20);
}

/* The kernel's own: the datagram as it stands in the queue. */
static void peeks_see_it_whole(void **state)
{
	struct op op;
	char data[32];

	(void)state;
	say(twenty);
	assert_int_equal(receive_anew(&op, 8), 0);
	expect_part(&op, "abcdefgh", MSG_PARTIAL);
	assert_int_equal(recv(r, data, sizeof(data), MSG_PEEK), 20);
	assert_memory_equal(data, twenty, 20);
	assert_int_equal(recv(r, data, 10, MSG_PEEK), SOCKET_ERROR);
	assert_int_equal(WSAGetLastError(), WSAEMSGSIZE);
	assert_int_equal(receive_anew(&op, 30), 0);
	expect_part(&op, "ijklmnopqrst", 0);
}

static int routines;

static void CALLBACK routine(DWORD err, DWORD bytes, LPWSAOVERLAPPED ov,
			     DWORD flags)
{
	struct op *op = (struct op *)ov;

	assert_int_equal(err, 0);
	op->bytes = bytes;
	op->flags = flags;
	routines++;
}

static void a57_a86_routine(void **state)
{
	struct op op[3];
	int i;

	(void)state;
	routines = 0;
	for (i = 0; i < 3; i++) {
		init_with(&op[i], NULL);
		assert_int_equal(post_with(&op[i], 8, routine), WSA_IO_PENDING);
	}
	say(twenty);
	while (routines < 3)
		assert_int_equal(SleepEx(LONG_MS, TRUE), WAIT_IO_COMPLETION);
	expect_part(&op[0], "abcdefgh", MSG_PARTIAL);
	expect_part(&op[1], "ijklmnop", MSG_PARTIAL);
	expect_part(&op[2], "qrst", 0);
	expect_result(&op[0], "abcdefgh", MSG_PARTIAL);
}

/* A packet has no flags either: WSAGetOverlappedResult() has them. */
static void a57_completion_port(void **state)
{
	HANDLE port = CreateIoCompletionPort((HANDLE)r, NULL, 7, 0);
	OVERLAPPED_ENTRY entry[4];
	struct op op[3];
	OVERLAPPED *ov;
	ULONG_PTR key;
	DWORD bytes;
	ULONG n, got;
	int i;

	(void)state;
	assert_non_null(port);
	for (i = 0; i < 3; i++) {
		init_with(&op[i], NULL);
		assert_int_equal(post_with(&op[i], 8, NULL), WSA_IO_PENDING);
	}
	say(twenty);
	/* A success: TRUE, where a datagram that is cut off gives FALSE. */
	assert_true(GetQueuedCompletionStatus(port, &bytes, &key, &ov, LONG_MS));
	assert_ptr_equal(ov, &op[0].ov);
	assert_int_equal(bytes, 8);
	for (got = 0; got < 2; got += n)
		assert_true(GetQueuedCompletionStatusEx(port, entry + got,
							4 - got, &n, LONG_MS,
							FALSE));
	assert_int_equal(got, 2);
	assert_ptr_equal(entry[0].lpOverlapped, &op[1].ov);
	assert_int_equal(entry[0].Internal, RECEIVE_PARTIAL);
	assert_ptr_equal(entry[1].lpOverlapped, &op[2].ov);
	assert_int_equal(entry[1].Internal, 0);
	assert_int_equal(entry[1].dwNumberOfBytesTransferred, 4);
	expect_result(&op[0], "abcdefgh", MSG_PARTIAL);
	expect_result(&op[1], "ijklmnop", MSG_PARTIAL);
	expect_result(&op[2], "qrst", 0);
	CloseHandle(port);
}

static void a57_win32_result(void **state)
{
	struct op op;
	DWORD bytes = POISON;

	(void)state;
	init_with(&op, NULL);
	assert_int_equal(post_with(&op, 8, NULL), WSA_IO_PENDING);
	say(twenty);
	assert_true(GetOverlappedResult((HANDLE)r, &op.ov, &bytes, TRUE));
	assert_int_equal(bytes, 8);
	assert_int_equal(receive_anew(&op, 30), 0);
}

static void a57_recv_msg(void **state)
{
	LPFN_WSARECVMSG recv_msg;
	GUID id = WSAID_WSARECVMSG;
	SOCKADDR_IN from;
	char data[64];
	WSABUF buf = { 8, data };
	WSAMSG msg = {
		.name = (SOCKADDR *)&from, .namelen = sizeof(from),
		.lpBuffers = &buf, .dwBufferCount = 1,
	};
	DWORD bytes = POISON;

	(void)state;
	assert_int_equal(WSAIoctl(r, SIO_GET_EXTENSION_FUNCTION_POINTER, &id,
				  sizeof(id), &recv_msg, sizeof(recv_msg), &bytes,
				  NULL, NULL), 0);
	say(twenty);
	assert_int_equal(recv_msg(r, &msg, &bytes, NULL, NULL), 0);
	assert_int_equal(bytes, 8);
	assert_int_equal(msg.dwFlags, MSG_PARTIAL);
	buf.len = 64;
	msg.dwFlags = 0;
	msg.namelen = sizeof(from);
	assert_int_equal(recv_msg(r, &msg, &bytes, NULL, NULL), 0);
	assert_int_equal(bytes, 12);
	assert_int_equal(msg.dwFlags, 0);
	assert_memory_equal(data, "ijklmnopqrst", 12);
}

/* On a socket that is not overlapped the OVERLAPPED is filled as well. */
static void a57_not_overlapped(void **state)
{
	struct op op;

	(void)state;
	say(twenty);
	init_with(&op, NULL);
	assert_int_equal(post_with(&op, 8, NULL), 0);
	expect_part(&op, "abcdefgh", MSG_PARTIAL);
	assert_int_equal(op.ov.Internal, RECEIVE_PARTIAL);
	assert_int_equal(op.ov.InternalHigh, 8);
	init_with(&op, NULL);
	assert_int_equal(post_with(&op, 60, NULL), 0);
	expect_part(&op, "ijklmnopqrst", 0);
}

static RIO_EXTENSION_FUNCTION_TABLE rio;

static void dequeue(RIO_CQ cq, RIORESULT *result, ULONG n)
{
	ULONG got = 0;
	DWORD i;

	for (i = 0; got < n && i < LONG_MS; i++) {
		got += rio.RIODequeueCompletion(cq, result + got, n - got);
		Sleep(1);
	}
	assert_int_equal(got, n);
}

/* A RIORESULT has no flags: its status says that more follows. */
static void a57_registered_io(void **state)
{
	GUID id = WSAID_MULTIPLE_RIO;
	static char mem[4096];
	RIORESULT result[3];
	RIO_BUFFERID buffer;
	DWORD bytes, i;
	RIO_BUF whole;
	RIO_CQ cq;
	RIO_RQ rq;
	int flags = -1;

	(void)state;
	assert_int_equal(WSAIoctl(r, SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER,
				  &id, sizeof(id), &rio, sizeof(rio), &bytes, NULL,
				  NULL), 0);
	cq = rio.RIOCreateCompletionQueue(16, NULL);
	assert_true(cq != RIO_INVALID_CQ);
	rq = rio.RIOCreateRequestQueue(r, 4, 1, 1, 1, cq, cq, NULL);
	assert_true(rq != RIO_INVALID_RQ);
	buffer = rio.RIORegisterBuffer(mem, sizeof(mem));
	assert_true(buffer != RIO_INVALID_BUFFERID);
	for (i = 0; i < 3; i++) {
		RIO_BUF buf = { buffer, 100 * i, 8 };
		RIO_BUF told = { buffer, 2048, sizeof(flags) };

		if (i == 1)
			assert_true(rio.RIOReceiveEx(rq, &buf, 1, NULL, NULL, NULL,
						     &told, 0, NULL));
		else
			assert_true(rio.RIOReceive(rq, &buf, 1, 0, NULL));
	}
	say(twenty);
	dequeue(cq, result, 3);
	for (i = 0; i < 3; i++) {
		assert_int_equal(result[i].Status, i < 2 ? WSAEMSGSIZE : 0);
		assert_int_equal(result[i].BytesTransferred, i < 2 ? 8 : 4);
		assert_memory_equal(mem + 100 * i, twenty + 8 * i,
				    result[i].BytesTransferred);
	}
	memcpy(&flags, mem + 2048, sizeof(flags));
	assert_int_equal(flags, MSG_PARTIAL);

	/* Without a buffer: nothing is taken. */
	whole = (RIO_BUF){ buffer, 1000, 100 };
	assert_true(rio.RIOReceive(rq, NULL, 0, 0, NULL));
	assert_true(rio.RIOReceive(rq, &whole, 1, 0, NULL));
	say(twenty);
	dequeue(cq, result, 2);
	assert_int_equal(result[0].Status, WSAEMSGSIZE);
	assert_int_equal(result[0].BytesTransferred, 0);
	assert_int_equal(result[1].Status, 0);
	assert_int_equal(result[1].BytesTransferred, 20);
	assert_memory_equal(mem + 1000, twenty, 20);
	rio.RIOCloseCompletionQueue(cq);
	rio.RIODeregisterBuffer(buffer);
}

static void a56_switched_off_again(void **state)
{
	struct op op;

	(void)state;
	say(twenty);
	assert_int_equal(receive_anew(&op, 8), 0);
	expect_part(&op, "abcdefgh", MSG_PARTIAL);
	say("next");
	keep_rest(r, FALSE);
	/* The rest is there, but what it is too long for is cut off. */
	assert_int_equal(receive_anew(&op, 8), WSAEMSGSIZE);
	expect_part(&op, "ijklmnop", 0);
	assert_int_equal(receive_anew(&op, 8), 0);
	expect_part(&op, "next", 0);
}

/* SIO_UDP_CONNRESET and the option leave each other alone. */
static void other_attributes_stay(void **state)
{
	BOOL off = FALSE, is = -1;
	int len = sizeof(is);
	struct op op;
	DWORD bytes;

	(void)state;
	assert_int_equal(WSAIoctl(r, SIO_UDP_CONNRESET, &off, sizeof(off), NULL, 0,
				  &bytes, NULL, NULL), 0);
	assert_int_equal(getsockopt(r, SOL_ODGRAM, ODG_KEEP_REST, &is, &len), 0);
	assert_int_equal(is, TRUE);
	say(twenty);
	assert_int_equal(receive_anew(&op, 8), 0);
	expect_part(&op, "abcdefgh", MSG_PARTIAL);
}

/* The socket's, whoever made it and by whichever handle. */
static void of_another_handle_and_a_native_socket(void **state)
{
	WSAPROTOCOL_INFOW info;
	BOOL on = TRUE, is = -1;
	int len = sizeof(is);
	SOCKET copy, native;
	struct op op;

	(void)state;
	assert_int_equal(WSADuplicateSocketW(r, (DWORD)getpid(), &info), 0);
	copy = WSASocketW(AF_INET, SOCK_DGRAM, IPPROTO_UDP, &info, 0,
			  WSA_FLAG_OVERLAPPED);
	assert_true(copy != INVALID_SOCKET);
	assert_int_equal(getsockopt(copy, SOL_ODGRAM, ODG_KEEP_REST, &is, &len), 0);
	assert_int_equal(is, TRUE);
	closesocket(copy);
	say(twenty);
	assert_int_equal(receive_anew(&op, 8), 0);
	expect_part(&op, "abcdefgh", MSG_PARTIAL);

	/* One so high that the library has nothing of it yet. */
	native = (SOCKET)dup2((int)s, 9999);
	if (native == INVALID_SOCKET)
		return;		/* more than RLIMIT_NOFILE allows */
	assert_int_equal(setsockopt(native, SOL_ODGRAM, ODG_KEEP_REST, &on,
				    sizeof(on)), 0);
	is = -1;
	assert_int_equal(getsockopt(native, SOL_ODGRAM, ODG_KEEP_REST, &is, &len),
			 0);
	assert_int_equal(is, TRUE);
	closesocket(native);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, close_both)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a57_option),
		TEST(a57_b_n7_event),
		TEST(a57_a65_at_once),
		TEST(a57_nonoverlapped),
		TEST(a57_recv_in_parts),
		TEST(peeks_see_it_whole),
		TEST(a57_a86_routine),
		TEST(a57_completion_port),
		TEST(a57_win32_result),
		TEST(a57_recv_msg),
		cmocka_unit_test_setup_teardown(a57_not_overlapped, setup_plain,
						close_both),
		TEST(a57_registered_io),
		TEST(a56_switched_off_again),
		TEST(other_attributes_stay),
		TEST(of_another_handle_and_a_native_socket),
	};
	return cmocka_run_group_tests_name("winsock_partial", tests, NULL, NULL);
}
