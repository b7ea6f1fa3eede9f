// SPDX-License-Identifier: MIT
/*
 * The Winsock face on the module, in a child process: it has no receives of its
 * parent's, and a call that blocks in the parent ends in a child that an APC made.
 */
#define _GNU_SOURCE
#include <sys/wait.h>
#include <unistd.h>

#include "helpers_winsock.h"

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

static pid_t child;

static void CALLBACK fork_it(ULONG_PTR unused)
{
	(void)unused;
	child = fork();
	if (child)
		snd("parent", 6);
}

static void fork_in_an_apc(void)
{
	assert_int_equal(QueueUserAPC(fork_it, GetCurrentThread(), 0), 1);
}

/* child_ends - it, if it is true; the parent sees that it was */
static void child_ends(bool well)
{
	int status;

	if (!child)
		_exit(!well);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void forked_in_a_blocked_receive(void **state)
{
	struct op op;
	int err;

	(void)state;
	init(&op, false);
	fork_in_an_apc();
	err = receive(r, &op, 32);
	child_ends(err == WSAEINTR);
	assert_int_equal(err, 0);
	expect(&op, "parent", 6);
}

static void forked_in_a_wait_for_a_result(void **state)
{
	struct op op;
	BOOL ok;
	DWORD n;

	(void)state;
	init(&op, false);
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	fork_in_an_apc();
	ok = GetOverlappedResultEx((HANDLE)r, &op.ov, &n, INFINITE, TRUE);
	child_ends(!ok && GetLastError() == WAIT_IO_COMPLETION);
	assert_false(ok);
	assert_int_equal(result(r, &op, TRUE), 0);
	expect(&op, "parent", 6);
}

static void forked_in_a_wait_for_a_socket(void **state)
{
	struct op op;
	DWORD ret;

	(void)state;
	init(&op, false);
	assert_int_equal(post(r, &op, 32), WSA_IO_PENDING);
	fork_in_an_apc();
	ret = WaitForSingleObjectEx((HANDLE)r, INFINITE, TRUE);
	child_ends(ret == WAIT_IO_COMPLETION);
	assert_int_equal(ret, WAIT_IO_COMPLETION);
	assert_int_equal(result(r, &op, TRUE), 0);
	expect(&op, "parent", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fork_child_has_no_ops_of_its_parent),
		cmocka_unit_test(forked_in_a_blocked_receive),
		cmocka_unit_test(forked_in_a_wait_for_a_result),
		cmocka_unit_test(forked_in_a_wait_for_a_socket),
	};

	return cmocka_run_group_tests_name("winsock fork", tests, open_both, close_both);
}
