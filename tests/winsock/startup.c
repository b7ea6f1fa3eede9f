// SPDX-License-Identifier: MIT
/* WSAStartup(), WSACleanup() and the last error. */
#include "harness.h"

TEST(be1_one_slot_for_both_names)
{
	WSASetLastError(123);
	EQ(GetLastError(), 123);
	SetLastError(456);
	EQ(WSAGetLastError(), 456);
}

static void set_789(void *unused)
{
	(void)unused;
	WSASetLastError(789);
}

TEST(be1_a_slot_per_thread)
{
	WSASetLastError(123);
	thread_join(thread_start(set_789, NULL));
	EQ(WSAGetLastError(), 123);
}

TEST(be2_success_clears_it)
{
	struct op *op = op_ev(10);

	pair();
	snd(5);
	WSASetLastError((int)POISON);
	EQ(WSARecvFrom(R, &op->buf, 1, &op->bytes, &op->flags, NULL, NULL, NULL, NULL), 0);
	EQ(WSAGetLastError(), 0);
}

TEST(be2_socket_clears_it)
{
	WSASetLastError((int)POISON);
	udp(WSA_FLAG_OVERLAPPED);
	EQ(WSAGetLastError(), 0);
}

TEST(be4_result_clears_it)
{
	struct op *op = op_ev(10);

	pair();
	EQ(post(op), WSA_IO_PENDING);
	snd(5);
	EQ(done(op), 0);
	EQ(WSAGetLastError(), 0);
}

TEST(be5_getsockopt_error_resets)
{
	int error = -1;
	socklen_t len = sizeof(error);

	pair();
	EQ(getsockopt(R, SOL_SOCKET, SO_ERROR, (char *)&error, &len), 0);
	EQ(error, 0);
}

TEST_NOT_STARTED(be5_last_error_before_startup)
{
	WSASetLastError(77);
	EQ(WSAGetLastError(), 77);
}

TEST_NOT_STARTED(bw1_startup_returns_its_error)
{
	WSADATA wsa;

	WSASetLastError(77);
	EQ(WSAStartup(MAKEWORD(0, 0), &wsa), WSAVERNOTSUPPORTED);
	EQ(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
}

TEST_NOT_STARTED(a93_startup)
{
	WSADATA wsa;

	memset(&wsa, POISON_BYTE, sizeof(wsa));
	EQ(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
	EQ(wsa.wVersion, 0x202);
	EQ(wsa.wHighVersion, 0x202);
	CHECK(memchr(wsa.szDescription, 0, sizeof(wsa.szDescription)));
	CHECK(wsa.szDescription[0]);
	CHECK(memchr(wsa.szSystemStatus, 0, sizeof(wsa.szSystemStatus)));
}

TEST_NOT_STARTED(bw2_no_data)
{
	EQ(WSAStartup(MAKEWORD(2, 2), NULL), WSAEFAULT);
}

TEST_NOT_STARTED(bw3_versions)
{
	static const struct {
		WORD asked, given;
	} v[] = {
		{ MAKEWORD(1, 0), MAKEWORD(1, 0) }, { MAKEWORD(1, 1), MAKEWORD(1, 1) },
		{ MAKEWORD(2, 0), MAKEWORD(2, 0) }, { MAKEWORD(2, 1), MAKEWORD(2, 1) },
		{ MAKEWORD(2, 2), MAKEWORD(2, 2) }, { MAKEWORD(2, 3), MAKEWORD(2, 2) },
		{ MAKEWORD(3, 0), MAKEWORD(2, 2) }, { MAKEWORD(1, 7), MAKEWORD(1, 1) },
	};
	WSADATA wsa;
	size_t i;

	EQ(WSAStartup(MAKEWORD(1, 7) & 0xff00, &wsa), WSAVERNOTSUPPORTED);
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		EQ(WSAStartup(v[i].asked, &wsa), 0);
		EQ(wsa.wVersion, v[i].given);
		EQ(wsa.wHighVersion, 0x202);
	}
}

TEST_NOT_STARTED(bw4_old_limits)
{
	WSADATA wsa;

	EQ(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
	EQ(wsa.iMaxSockets, 0);
	EQ(wsa.iMaxUdpDg, 0);
	EQ(WSAStartup(MAKEWORD(1, 1), &wsa), 0);
	EQ(wsa.iMaxSockets, 32767);
	EQ(wsa.iMaxUdpDg, 65467);
}

TEST_NOT_STARTED(bw5_bw6_counted)
{
	WSADATA wsa;

	EQ(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
	EQ(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
	EQ(WSACleanup(), 0);
	pair();
	still_works();
	EQ(WSACleanup(), 0);
	EQ(WSACleanup(), SOCKET_ERROR);
	EQ(WSAGetLastError(), WSANOTINITIALISED);
}

TEST_NOT_STARTED(a32_bw7_not_started)
{
	struct op *op = op_new(10);

	EQ(WSASocketW(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, 0), INVALID_SOCKET);
	EQ(WSAGetLastError(), WSANOTINITIALISED);
	EQ(post_on(0, op), WSANOTINITIALISED);
	EQ(recv_now_on(0, op), WSANOTINITIALISED);
}

TEST_NOT_STARTED(bw7_waits_and_results_not_started)
{
	struct op *op = op_new(10);
	DWORD n, flags;

	CHECK(!WSAGetOverlappedResult(0, &op->ov, &n, FALSE, &flags));
	EQ(WSAGetLastError(), WSANOTINITIALISED);
}

TEST(a32_after_cleanup)
{
	struct op *op = op_new(10);

	pair();
	snd(5);
	EQ(WSACleanup(), 0);
	EQ(post(op), WSANOTINITIALISED);
	EQ(recv_now(op), WSANOTINITIALISED);
}

TEST(bw8_cleanup_closes_sockets)
{
	struct op *op = op_new(10);
	WSADATA wsa;

	pair();
	EQ(WSACleanup(), 0);
	EQ(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
	EQ(recv_now(op), WSAENOTSOCK);
	EQ(post(op), WSAENOTSOCK);
	pair();
	still_works();
}

TEST(bw8_cleanup_cancels_silently)
{
	HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
	struct op *op = op_new(10);

	pair();
	op->ov.hEvent = event;
	EQ(post(op), WSA_IO_PENDING);
	EQ(WSACleanup(), 0);
	CHECK(stays_quiet(event));
	EQ((uint32_t)op->ov.Internal, 0xC0000120U);
	EQ(op->ov.InternalHigh, 0);
}
