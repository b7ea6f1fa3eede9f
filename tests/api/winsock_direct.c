// SPDX-License-Identifier: MIT
/*
 * Nonoverlapped receives of what waits already, which the library leaves to
 * recvfrom(2) where it can: they say and do what those say and do that it does not.
 * Which way one went, the module's counters tell: "native", or "from_queue".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helpers_winsock.h"

#include <odgram.h>
#include <pthread.h>
#include <semaphore.h>

static struct odg_port *port;

static int setup(void **state)
{
	return odg_port_open(&port, 1, 0) || open_both(state);
}

static int teardown(void **state)
{
	odg_port_close(port);
	return close_both(state);
}

/* Datagrams of R that were read natively, and by the module. */
static void want_taken(uint64_t native, uint64_t from_queue)
{
	struct odg_sock_stats stats = { .size = sizeof(stats) };

	assert_int_equal(odg_sock_read_stats(port, (int)r, &stats), 0);
	assert_int_equal(stats.native, native);
	assert_int_equal(stats.from_queue, from_queue);
	assert_int_equal(stats.queued, 0);
}

/* Draws a port unreachable, which is here when it returns. */
static void send_away(void)
{
	SOCKADDR_IN gone;
	SOCKET sock = new_socket(0, &gone);

	closesocket(sock);
	assert_int_equal(sendto((int)r, "x", 1, 0, (SOCKADDR *)&gone, sizeof(gone)), 1);
	settle();
}

static void want_received(const char *data)
{
	struct op op;

	init(&op, false);
	assert_int_equal(receive(r, &op, 32), 0);
	expect(&op, data, (DWORD)strlen(data));
}

static void want_error(int err)
{
	struct op op, before;

	init(&op, false);
	before = op;
	assert_int_equal(receive(r, &op, 32), err);
	assert_memory_equal(&op, &before, sizeof(op));
}

static void a15_a49_what_waits_is_taken_directly(void **state)
{
	(void)state;
	put("one", 3);
	put("two", 3);
	put("", 0);
	want_received("one");
	want_received("two");
	want_received("");
	want_taken(3, 0);
}

static void a20_bu2_bu3_error_comes_in_its_place(void **state)
{
	int i;

	(void)state;
	put("before", 6);
	want_received("before");
	for (i = 0; i < 3; i++) {
		send_away();
		put("after", 5);
		want_error(WSAECONNRESET);
		want_received("after");
		put("direct again", 12);
		want_received("direct again");
	}
	want_taken(7, 0);
}

static SOCKET idle;

/* receive_unserved - in a thread that may not ask the module anything */
static void *receive_unserved(void *arg)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };
	struct op *op = arg;

	/* What is the thread's own is made first. */
	op->ov.Internal = (ULONG_PTR)receive(idle, op, 32);
	if (op->ov.Internal == WSAEWOULDBLOCK &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	     prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)))
		return "no seccomp(2) here";
	op->ov.Internal = (ULONG_PTR)receive(idle, op, 32);
	return NULL;
}

static void a31_nonblocking_asks_once_what_else_there_is(void **state)
{
	pthread_t thread;
	u_long on = 1;
	struct op op;
	void *why;

	(void)state;
	idle = WSASocketW(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, 0);
	assert_int_equal(ioctlsocket(idle, FIONBIO, &on), 0);
	init(&op, false);
	assert_int_equal(receive(idle, &op, 32), WSAEINVAL);
	assert_int_equal(connect((int)idle, (SOCKADDR *)&s_addr_in, sizeof(s_addr_in)), 0);
	assert_int_equal(receive(idle, &op, 32), WSAEWOULDBLOCK);
	pthread_create(&thread, NULL, receive_unserved, &op);
	pthread_join(thread, &why);
	if (why)
		print_message("# %s\n", (char *)why);
	assert_int_equal(op.ov.Internal, WSAEWOULDBLOCK);

	/* The port goes with the peer. */
	memset(&op.from, 0, sizeof(op.from));
	assert_int_equal(connect((int)idle, (SOCKADDR *)&op.from, sizeof(SOCKADDR_IN)), 0);
	assert_int_equal(receive(idle, &op, 32), WSAEINVAL);
	assert_int_equal(receive(idle, &op, 32), WSAEINVAL);
	assert_int_equal(bind((int)idle, (SOCKADDR *)&(SOCKADDR_IN){ .sin_family = AF_INET },
			      sizeof(SOCKADDR_IN)), 0);
	assert_int_equal(receive(idle, &op, 32), WSAEWOULDBLOCK);
	closesocket(idle);
}

static void bu4_sends_do_not_tell_of_it(void **state)
{
	(void)state;
	put("first", 5);
	want_received("first");
	send_away();
	assert_int_equal(sendto((int)r, "fine", 4, 0, (SOCKADDR *)&s_addr_in,
				sizeof(s_addr_in)), 4);
	want_error(WSAECONNRESET);
}

/* Another socket's error makes this one look, and no more. */
static void a20_errors_of_other_sockets_are_theirs(void **state)
{
	SOCKADDR_IN addr;
	SOCKET other = new_socket(WSA_FLAG_OVERLAPPED, &addr), mine = r;

	(void)state;
	r = other;
	send_away();
	r = mine;
	put("looked for", 10);
	put("direct", 6);
	want_received("looked for");
	want_received("direct");
	want_taken(1, 1);
	r = other;
	want_error(WSAECONNRESET);
	r = mine;
	closesocket(other);
}

static void a25_a52_cut_off(void **state)
{
	char a[2] = { 'p', 'p' }, b[2] = { 'q', 'q' };
	WSABUF bufs[] = { { 1, a }, { 0, NULL }, { 1, b } };
	struct op op;

	(void)state;
	put("long", 4);
	init(&op, false);
	assert_int_equal(receive(r, &op, 3), WSAEMSGSIZE);
	expect(&op, "lon", 3);
	put("long", 4);
	init(&op, false);
	assert_int_equal(WSARecvFrom(r, bufs, 3, &op.bytes, &op.flags,
				     (SOCKADDR *)&op.from, &op.fromlen, NULL, NULL),
			 SOCKET_ERROR);
	assert_int_equal(WSAGetLastError(), WSAEMSGSIZE);
	assert_int_equal(op.bytes, 2);
	assert_int_equal(op.fromlen, sizeof(SOCKADDR_IN));
	assert_memory_equal(&op.from, &s_addr_in, sizeof(s_addr_in));
	assert_memory_equal(a, "lp", 2);
	assert_memory_equal(b, "oq", 2);
	/* nothing of a datagram is left */
	put("next", 4);
	want_received("next");
	want_taken(3, 0);
}

static void a46_scattered_without_an_address(void **state)
{
	char a[3], b[8];
	WSABUF bufs[] = { { 2, a }, { 7, b } };
	DWORD n = POISON, flags = 0;

	(void)state;
	memset(a, 0xa5, sizeof(a));
	memset(b, 0xa5, sizeof(b));
	put("scatter", 7);
	assert_int_equal(WSARecv(r, bufs, 2, &n, &flags, NULL, NULL), 0);
	assert_int_equal(n, 7);
	assert_memory_equal(a, "sc\xa5", 3);
	assert_memory_equal(b, "atter\xa5\xa5\xa5", 8);
	want_taken(1, 0);
}

/* Also one that was good a moment ago, and a long one of which a part is bad. */
static void a3_a21_bad_buffer_costs_no_datagram(void **state)
{
	char *m = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	WSABUF buf = { 2 * PAGE, m + 8 };
	DWORD n = POISON, flags = 0;
	int i;

	(void)state;
	assert_true(m != MAP_FAILED);
	for (i = 0; i < 4; i++) {	/* until its pages are known */
		put("good", 4);
		assert_int_equal(WSARecv(r, &buf, 1, &n, &flags, NULL, NULL), 0);
		assert_int_equal(n, 4);
	}
	assert_int_equal(mprotect(m, 3 * PAGE, PROT_READ), 0);
	put("kept", 4);
	for (i = 0; i < 2; i++) {
		n = POISON;
		assert_int_equal(WSARecv(r, &buf, 1, &n, &flags, NULL, NULL),
				 SOCKET_ERROR);
		assert_int_equal(WSAGetLastError(), WSAEFAULT);
		assert_int_equal(n, POISON);
	}
	/* what is bad is not reached */
	assert_int_equal(mprotect(m, PAGE, PROT_READ | PROT_WRITE), 0);
	assert_int_equal(WSARecv(r, &buf, 1, &n, &flags, NULL, NULL), 0);
	assert_int_equal(n, 4);
	assert_memory_equal(m + 8, "kept", 4);
	munmap(m, 3 * PAGE);
}

/* Longer than what is asked about in one call. */
static void a46_large_buffer(void **state)
{
	const size_t size = 64 * PAGE;
	char *m = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static char sent[60000];
	WSABUF buf = { (ULONG)size, m };
	DWORD n, flags = 0;
	int i;

	(void)state;
	assert_true(m != MAP_FAILED);
	for (i = 0; i < 20; i++) {
		memset(sent, 'a' + i, sizeof(sent));
		put(sent, sizeof(sent));
		n = POISON;
		assert_int_equal(WSARecv(r, &buf, 1, &n, &flags, NULL, NULL), 0);
		assert_int_equal(n, sizeof(sent));
		assert_memory_equal(m, sent, sizeof(sent));
	}
	munmap(m, size);
}

/* What is refused is so before the datagram is taken. */
static void a8_a10_refused_and_it_waits_on(void **state)
{
	WSABUF buf;
	struct op op;

	(void)state;
	init(&op, false);
	buf = (WSABUF){ 32, op.data };
	put("first", 5);
	want_received("first");
	put("waits", 5);
#define REFUSED(err, ...) do {						\
	assert_int_equal(WSARecvFrom(r, __VA_ARGS__, NULL, NULL),	\
			 SOCKET_ERROR);					\
	assert_int_equal(WSAGetLastError(), err);			\
} while (0)
	REFUSED(WSAEFAULT, &buf, 1, &op.bytes, NULL, NULL, NULL);
	REFUSED(WSAEFAULT, &buf, 1, NULL, &op.flags, NULL, NULL);
	REFUSED(WSAEFAULT, NULL, 1, &op.bytes, &op.flags, NULL, NULL);
	REFUSED(WSAEFAULT, &buf, 1, &op.bytes, &op.flags, (SOCKADDR *)&op.from, NULL);
	op.fromlen = sizeof(SOCKADDR_IN) - 1;
	REFUSED(WSAEFAULT, &buf, 1, &op.bytes, &op.flags, (SOCKADDR *)&op.from,
		&op.fromlen);
	op.fromlen = -1;
	REFUSED(WSAEFAULT, &buf, 1, &op.bytes, &op.flags, (SOCKADDR *)&op.from,
		&op.fromlen);
	op.flags = MSG_OOB;
	REFUSED(WSAEOPNOTSUPP, &buf, 1, &op.bytes, &op.flags, NULL, NULL);
#undef REFUSED
	assert_int_equal(op.bytes, POISON);
	want_received("waits");
}

static void a22_a29_unbound_shut_down_or_closed(void **state)
{
	SOCKET unbound = WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0, 0);
	struct op op;

	(void)state;
	init(&op, false);
	assert_int_equal(receive(unbound, &op, 32), WSAEINVAL);
	closesocket(unbound);
	assert_int_equal(receive(unbound, &op, 32), WSAENOTSOCK);
	put("first", 5);
	want_received("first");
	put("lost", 4);
	assert_int_equal(shutdown((int)r, SD_RECEIVE), 0);
	want_error(WSAESHUTDOWN);
}

/* Told only by what waits, not by recvfrom(2)'s error. */
static void a30_nothing_waits(void **state)
{
	u_long on = 1;
	DWORD ms = 20;

	(void)state;
	assert_int_equal(setsockopt((int)r, SOL_SOCKET, SO_RCVTIMEO, &ms, sizeof(ms)), 0);
	put("first", 5);
	want_received("first");
	want_error(WSAETIMEDOUT);
	assert_int_equal(ioctlsocket((int)r, FIONBIO, &on), 0);
	want_error(WSAEWOULDBLOCK);
	put("second", 6);
	want_received("second");
	want_error(WSAEWOULDBLOCK);
	send_away();
	want_error(WSAECONNRESET);
	want_error(WSAEWOULDBLOCK);
}

/* What is posted is before it, and then all go the module's way. */
static void a41_not_where_receives_are_posted(void **state)
{
	struct op op;

	(void)state;
	put("direct", 6);
	want_received("direct");
	want_taken(1, 0);
	init(&op, true);
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	put("pending", 7);
	assert_int_equal(wait_event(op.ov.hEvent, LONG_MS), WSA_WAIT_EVENT_0);
	assert_int_equal(result(r, &op, FALSE), 0);
	expect(&op, "pending", 7);
	put("late", 4);
	want_received("late");
	want_taken(1, 1);
	done(&op);
}

static void bk16_not_where_there_is_a_duplicate(void **state)
{
	HANDLE copy;

	(void)state;
	assert_true(DuplicateHandle(GetCurrentProcess(), (HANDLE)r, GetCurrentProcess(),
				    &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
	put("by either", 9);
	want_received("by either");
	want_taken(0, 1);
	assert_true(CloseHandle(copy));
}

/* Each datagram has a receive of its own, joined or not. */
static void not_where_datagrams_are_joined(void **state)
{
	int on = 1, size = 4;

	(void)state;
	assert_int_equal(setsockopt((int)r, IPPROTO_UDP, 104 /* UDP_GRO */, &on,
				    sizeof(on)), 0);
	assert_int_equal(setsockopt((int)s, IPPROTO_UDP, UDP_SEND_MSG_SIZE, &size,
				    sizeof(size)), 0);
	put("one.two.", 8);
	want_received("one.");
	want_received("two.");
}

static void the_childs_are_not(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	put("parent's", 8);
	want_received("parent's");
	put("there", 5);
	pid = fork();
	if (!pid) {
		struct op op;

		init(&op, false);
		_exit(receive(r, &op, 32) || op.bytes != 5);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	want_taken(1, 1);
	put("last", 4);
	want_received("last");
	want_taken(2, 1);
}

#define ROUNDS	2000

static sem_t go;

static void *send_rounds(void *arg)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		char c = (char)i;

		while (sem_wait(&go))
			;
		sendto((int)s, &c, 1, 0, (SOCKADDR *)&r_addr, sizeof(r_addr));
	}
	return arg;
}

/* The sender races with "nothing waits" and the post: none is lost or late. */
static void inv1_blocking_and_direct_by_turns(void **state)
{
	DWORD ms = LONG_MS;
	pthread_t thread;
	struct op op;
	int i;

	(void)state;
	assert_int_equal(setsockopt((int)r, SOL_SOCKET, SO_RCVTIMEO, &ms, sizeof(ms)), 0);
	assert_int_equal(sem_init(&go, 0, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, send_rounds, NULL), 0);
	for (i = 0; i < ROUNDS; i++) {
		init(&op, false);
		sem_post(&go);
		assert_int_equal(receive(r, &op, 1), 0);
		assert_int_equal(op.bytes, 1);
		assert_int_equal((unsigned char)op.data[0], i % 256);
	}
	pthread_join(thread, NULL);
}

#define T(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a15_a49_what_waits_is_taken_directly),
		T(a20_bu2_bu3_error_comes_in_its_place),
		T(a31_nonblocking_asks_once_what_else_there_is),
		T(bu4_sends_do_not_tell_of_it),
		T(a20_errors_of_other_sockets_are_theirs),
		T(a25_a52_cut_off),
		T(a46_scattered_without_an_address),
		T(a3_a21_bad_buffer_costs_no_datagram),
		T(a46_large_buffer),
		T(a8_a10_refused_and_it_waits_on),
		T(a22_a29_unbound_shut_down_or_closed),
		T(a30_nothing_waits),
		T(a41_not_where_receives_are_posted),
		T(bk16_not_where_there_is_a_duplicate),
		T(not_where_datagrams_are_joined),
		T(the_childs_are_not),
		T(inv1_blocking_and_direct_by_turns),
	};

	return cmocka_run_group_tests_name("winsock direct", tests, NULL, NULL);
}
