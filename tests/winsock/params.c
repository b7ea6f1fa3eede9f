// SPDX-License-Identifier: MIT
/* WSARecvFrom()'s parameters, one by one. */
#include "harness.h"

/* The call with everything of op's, but for what a test replaces. */
struct args {
	LPWSABUF buffers;
	DWORD count;
	LPDWORD bytes, flags;
	struct sockaddr *from;
	LPINT fromlen;
	LPWSAOVERLAPPED ov;
};

static struct args args_of(struct op *op)
{
	return (struct args){
		.buffers = &op->buf, .count = 1,
		.bytes = &op->bytes, .flags = &op->flags,
		.from = (struct sockaddr *)&op->from, .fromlen = &op->fromlen,
		.ov = &op->ov,
	};
}

static int recv_with(const struct args *a)
{
	WSASetLastError(0);
	if (!WSARecvFrom(R, a->buffers, a->count, a->bytes, a->flags, a->from,
			 a->fromlen, a->ov, NULL))
		return 0;
	return WSAGetLastError();
}

TEST(a1_one_datagram_per_call_with_its_sender)
{
	struct sockaddr_in *from;
	struct op *op = op_new(100);

	pair();
	snd_tag(5, '1');
	snd_tag(6, '2');
	EQ(recv_now(op), 0);
	EQ(op->bytes, 5);
	CHECK(filled(op->data, '1', 5));
	CHECK(filled(op->data + 5, POISON_BYTE, 95));
	from = (struct sockaddr_in *)&op->from;
	EQ(op->fromlen, sizeof(*from));
	EQ(from->sin_family, AF_INET);
	EQ(from->sin_port, SA.sin_port);
	EQ(from->sin_addr.s_addr, SA.sin_addr.s_addr);
}

TEST(a2_not_a_socket)
{
	struct op *op = op_ev(10);
	SOCKET closed = udp(WSA_FLAG_OVERLAPPED);

	pair();
	EQ(closesocket(closed), 0);
	EQ(post_on(INVALID_SOCKET, op), WSAENOTSOCK);
	EQ(post_on(closed, op), WSAENOTSOCK);
	EQ(post_on((SOCKET)op->ov.hEvent, op), WSAENOTSOCK);
	EQ(recv_now_on(INVALID_SOCKET, op), WSAENOTSOCK);
	EQ(recv_now_on(closed, op), WSAENOTSOCK);
	CHECK(!is_set(op->ov.hEvent));
}

TEST(a2_a_file_is_not_a_socket)
{
	struct op *op = op_ev(10);
#ifdef _WIN32
	char name[MAX_PATH];
	SOCKET file;

	CHECK(GetModuleFileNameA(NULL, name, sizeof(name)));
	file = (SOCKET)CreateFileA(name, GENERIC_READ, FILE_SHARE_READ, NULL,
				   OPEN_EXISTING, 0, NULL);
	CHECK(file != INVALID_SOCKET);
#else
	FILE *f = fopen("/proc/self/exe", "r");
	SOCKET file;

	CHECK(f != NULL);
	file = fileno(f);
#endif
	EQ(post_on(file, op), WSAENOTSOCK);
	EQ(recv_now_on(file, op), WSAENOTSOCK);
	CHECK(!is_set(op->ov.hEvent));
}

/* Refused, sync and overlapped; the datagram that waits is not lost. */
static void refused_with(struct args *a, struct op *op)
{
	struct op *next = op_new(100);

	nonblocking(R, true);
	snd_tag(7, 'k');
	EQ(recv_with(a), WSAEFAULT);
	CHECK(stays_quiet(op->ov.hEvent));
	if (a->ov == &op->ov) {
		a->ov = NULL;
		EQ(recv_with(a), WSAEFAULT);
	}
	EQ(recv_now(next), 0);
	EQ(next->bytes, 7);
}

TEST(a3_a21_buffer_array_null)
{
	struct op *op = op_ev(10);
	struct args a = args_of(op);

	pair();
	a.buffers = NULL;
	refused_with(&a, op);
}

TEST(a3_a21_buffer_array_not_readable)
{
	struct op *op = op_ev(10);
	struct args a = args_of(op);

	pair();
	a.buffers = no_access();
	refused_with(&a, op);
}

TEST(a3_a21_buffer_array_partly_readable)
{
	struct op *op = op_ev(10);
	struct args a = args_of(op);
	char *p = pages(2);

	pair();
	protect(p + page_size(), PAGE_NONE);
	a.buffers = (WSABUF *)(p + page_size() - sizeof(WSABUF));
	a.buffers[0] = op->buf;
	a.count = 2;
	refused_with(&a, op);
}

TEST(a3_buffer_not_writable)
{
	struct op *op = op_ev(10);
	struct args a = args_of(op);
	char *p = pages(1);

	pair();
	protect(p, PAGE_READ);
	op->buf.buf = p;
	refused_with(&a, op);
}

TEST(a3_buffer_no_access)
{
	struct op *op = op_ev(10);
	struct args a = args_of(op);

	pair();
	op->buf.buf = no_access();
	refused_with(&a, op);
}

TEST(a3_buffer_no_access_without_data)
{
	struct op *op = op_ev(10);

	pair();
	op->buf.buf = no_access();
	EQ(post(op), WSAEFAULT);
	CHECK(stays_quiet(op->ov.hEvent));
	still_works();
}

TEST(a4_entries_beyond_the_count_are_not_used)
{
	char one[2], two[2], three[4] = "###";
	WSABUF bufs[3] = { { 2, one }, { 2, two }, { 3, three } };
	struct op *op = op_ev(10);
	struct args a = args_of(op);

	pair();
	a.buffers = bufs;
	a.count = 2;
	snd(4);
	EQ(recv_with(&a), 0);
	EQ(op->bytes, 4);
	CHECK(!memcmp(one, "ab", 2) && !memcmp(two, "cd", 2));
	CHECK(!strcmp(three, "###"));
}

TEST(a4_many_entries)
{
	enum { N = 64 };
	WSABUF bufs[N];
	char data[N];
	struct op *op = op_ev(10);
	struct args a = args_of(op);
	int i;

	pair();
	for (i = 0; i < N; i++)
		bufs[i] = (WSABUF){ 1, &data[N - 1 - i] };
	a.buffers = bufs;
	a.count = N;
	EQ(recv_with(&a), WSA_IO_PENDING);
	snd(N);
	EQ(done(op), 0);
	EQ(op->got_bytes, N);
	for (i = 0; i < N; i++)
		EQ(data[N - 1 - i], 'a' + i % 26);
}

/* More than the C library's limit of 1024: all of them, or a clear refusal. */
TEST(a4_very_many_entries)
{
	enum { N = 2000 };
	static WSABUF bufs[N];
	static char data[N];
	struct op *op = op_ev(10);
	struct args a = args_of(op);
	int i, err;

	pair();
	for (i = 0; i < N; i++)
		bufs[i] = (WSABUF){ 1, &data[i] };
	a.buffers = bufs;
	a.count = N;
	err = recv_with(&a);
	if (err == WSA_IO_PENDING) {
		snd(N);
		EQ(done(op), 0);
		EQ(op->got_bytes, N);
		CHECK(letters(data, N));
	} else {
		CHECK(err == WSAEINVAL || err == WSAENOBUFS || err == WSAEMSGSIZE);
		CHECK(stays_quiet(op->ov.hEvent));
	}
	still_works();
}

TEST(a5_a7_byte_count_written_at_once_only)
{
	struct op *first = op_ev(10), *second = op_ev(10);

	pair();
	EQ(post(first), WSA_IO_PENDING);
	EQ(first->bytes, POISON);
	snd(4);
	EQ(done(first), 0);
	EQ(first->bytes, POISON);
	EQ(first->got_bytes, 4);
	snd(3);
	EQ(post(second), 0);
	EQ(second->bytes, 3);
}

TEST(a6_a21_byte_count_null_needs_overlapped)
{
	struct op *op = op_ev(10), *next = op_new(10);
	struct args a = args_of(op);

	pair();
	a.bytes = NULL;
	a.ov = NULL;
	snd(4);
	EQ(recv_with(&a), WSAEFAULT);
	EQ(recv_now(next), 0);
	EQ(next->bytes, 4);
}

TEST(a6_a7_byte_count_null_with_overlapped)
{
	struct op *op = op_ev(10), *now = op_ev(10);
	struct args a = args_of(op);

	pair();
	a.bytes = NULL;
	EQ(recv_with(&a), WSA_IO_PENDING);
	snd(4);
	EQ(done(op), 0);
	EQ(op->got_bytes, 4);

	a = args_of(now);
	a.bytes = NULL;
	snd(5);
	EQ(recv_with(&a), 0);
	EQ(done(now), 0);
	EQ(now->got_bytes, 5);
}

TEST(a21_byte_count_no_access)
{
	struct op *op = op_ev(10);
	struct args a = args_of(op);

	pair();
	a.bytes = no_access();
	refused_with(&a, op);
}

TEST(a8_a21_flags_null)
{
	struct op *op = op_ev(10);
	struct args a = args_of(op);

	pair();
	a.flags = NULL;
	refused_with(&a, op);
}

TEST(a8_a21_flags_no_access)
{
	struct op *op = op_ev(10);
	struct args a = args_of(op);

	pair();
	a.flags = no_access();
	refused_with(&a, op);
}

TEST(a8_a21_flags_read_only)
{
	struct op *op = op_ev(10);
	struct args a = args_of(op);
	char *p = pages(1);

	pair();
	protect(p, PAGE_READ);
	a.flags = (DWORD *)p;
	refused_with(&a, op);
}

TEST(a9_from_is_optional)
{
	struct op *now = op_ev(10), *later = op_ev(10);
	struct args a = args_of(now);

	pair();
	a.from = NULL;
	a.fromlen = NULL;
	snd(4);
	EQ(recv_with(&a), 0);
	EQ(now->bytes, 4);
	a = args_of(later);
	a.from = NULL;
	a.fromlen = NULL;
	EQ(recv_with(&a), WSA_IO_PENDING);
	snd(5);
	EQ(done(later), 0);
	EQ(later->got_bytes, 5);
}

TEST(a10_fromlen_says_the_size)
{
	struct op *now = op_ev(10), *later = op_ev(10);

	pair();
	snd(4);
	EQ(post(now), 0);
	EQ(now->fromlen, 16);
	EQ(post(later), WSA_IO_PENDING);
	EQ(later->fromlen, sizeof(later->from));
	snd(4);
	EQ(done(later), 0);
	EQ(later->fromlen, 16);
}

TEST(a10_fromlen_says_the_size_v6)
{
	struct op *now = op_ev(10), *later = op_ev(10);
	struct sockaddr_in6 ra, sa, *from;
	SOCKET r, s;

	if (!have_ipv6())
		SKIP("no IPv6 here");
	r = WSASocketW(AF_INET6, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, WSA_FLAG_OVERLAPPED);
	s = WSASocketW(AF_INET6, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, WSA_FLAG_OVERLAPPED);
	bind_lo6(r, &ra);
	bind_lo6(s, &sa);
	R = r;
	EQ(sendto(s, "abc", 3, 0, (struct sockaddr *)&ra, sizeof(ra)), 3);
	settle();
	EQ(post_on(r, now), 0);
	EQ(now->fromlen, 28);
	EQ(post_on(r, later), WSA_IO_PENDING);
	EQ(sendto(s, "abc", 3, 0, (struct sockaddr *)&ra, sizeof(ra)), 3);
	EQ(done(later), 0);
	EQ(later->fromlen, 28);
	from = (struct sockaddr_in6 *)&later->from;
	EQ(from->sin6_family, AF_INET6);
	EQ(from->sin6_port, sa.sin6_port);
	CHECK(!memcmp(&from->sin6_addr, &sa.sin6_addr, 16));
}

TEST(a10_a21_from_without_fromlen)
{
	struct op *op = op_ev(10);
	struct args a = args_of(op);

	pair();
	a.fromlen = NULL;
	refused_with(&a, op);
}

TEST(a10_fromlen_without_from_is_ignored)
{
	struct op *op = op_ev(10);
	struct args a = args_of(op);

	pair();
	a.from = NULL;
	op->fromlen = 1;
	snd(4);
	EQ(recv_with(&a), 0);
	EQ(op->fromlen, 1);
}

TEST(a21_fromlen_no_access)
{
	struct op *op = op_ev(10);
	struct args a = args_of(op);

	pair();
	a.fromlen = no_access();
	refused_with(&a, op);
}

TEST(a21_from_no_access)
{
	struct op *op = op_ev(10);
	struct args a = args_of(op);

	pair();
	a.from = no_access();
	op->fromlen = 16;
	refused_with(&a, op);
}

static void send_later(void *unused)
{
	(void)unused;
	nap(QUIET);
	snd(6);
}

TEST(a11_no_overlapped_attribute_blocks)
{
	struct op *op = op_ev(10);
	struct thread *t;

	pair_plain();
	t = thread_start(send_later, NULL);
	EQ(post(op), 0);
	EQ(op->bytes, 6);
	EQ(op->fromlen, 16);
	CHECK(letters(op->data, 6));
	thread_join(t);
}

TEST(a12_no_overlapped_attribute_no_routine)
{
	struct op *op = op_new(10);
	WSAEVENT never = WSACreateEvent();

	pair_plain();
	snd(3);
	EQ(post_cr(op, record), 0);
	EQ(op->bytes, 3);
	EQ(WSAWaitForMultipleEvents(1, &never, FALSE, QUIET, TRUE), WSA_WAIT_TIMEOUT);
	EQ(recorded.calls, 0);
}

TEST(a13_a21_overlapped_no_access)
{
	struct op *op = op_ev(10);
	struct args a = args_of(op);

	pair();
	a.ov = no_access();
	refused_with(&a, op);
}

TEST(a14_routine_is_rubbish)
{
	struct op *op = op_new(10);
	int err;

	/*
	 * A pointer to no code can only be recognised when it is called.  It is
	 * refused, or taken and then never called without an alertable wait.
	 */
	pair();
	err = post_cr(op, (LPWSAOVERLAPPED_COMPLETION_ROUTINE)(uintptr_t)1);
	CHECK(err == WSAEFAULT || err == WSAEOPNOTSUPP || err == WSA_IO_PENDING);
	if (err == WSA_IO_PENDING) {
		snd(3);
		UNTIL(op->data[2] == 'c');
	}
}
