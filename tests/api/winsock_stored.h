/* SPDX-License-Identifier: MIT */
/*
 * Receives of the Winsock face that are stored in a request queue
 * (userlib/src/chan_rqs.c).  Nothing but their cost may tell them from those posted by
 * call, so the tests look into the library to know that they are.
 */
#ifndef WINSOCK_STORED_H
#define WINSOCK_STORED_H

#include <stdio.h>
#include <unistd.h>

#include "helpers_winsock.h"
#include "stored.h"

/* Until a receive is stored, at most so many are posted by call. */
#define TRIES	64
#define MANY	48

static struct op ops[MANY];

static inline bool is_stored(const struct op *op)
{
	return has_stored(&odgw_process_queue, &op->ov);
}

static inline bool completed(struct op *op)
{
	return HasOverlappedIoCompleted(&op->ov);
}

/* Nothing that takes long is waited for so. */
#define until(cond) \
	do { \
		ULONGLONG tries_ = 0; \
		while (!(cond)) { \
			assert_true(++tries_ < LONG_MS * 10ULL); \
			usleep(100); \
		} \
	} while (0)

/* Post it again and again until it is stored, and pends. */
static inline void post_stored(SOCKET sock, struct op *op, bool event)
{
	int i;

	for (i = 0; i < TRIES; i++) {
		init(op, event);
		assert_int_equal(post(sock, op, 32), WSA_IO_PENDING);
		if (is_stored(op))
			return;
		snd("by call", 7);
		assert_int_equal(result(sock, op, TRUE), 0);
		done(op);
	}
	fail_msg("not stored after %d receives", TRIES);
}

static inline void comes(SOCKET sock, struct op *op, const char *data)
{
	assert_int_equal(result(sock, op, TRUE), 0);
	expect(op, data, (DWORD)strlen(data));
	assert_int_equal(op->ov.Internal, 0);
	assert_int_equal(op->ov.InternalHigh, strlen(data));
}

static inline void is_cancelled(SOCKET sock, struct op *op)
{
	assert_int_equal(result(sock, op, TRUE), WSA_OPERATION_ABORTED);
	assert_int_equal((unsigned char)op->data[0], 0xa5);
	assert_int_equal(op->ov.InternalHigh, 0);
}

/* All of them stored, with data of their own each. */
static inline void post_many(SOCKET sock, bool event)
{
	int i;

	for (i = 0; i < MANY; i++) {
		init(&ops[i], event);
		/* Learn where it is, alone. */
		post_stored(sock, &ops[i], event);
		assert_true(CancelIoEx((HANDLE)sock, &ops[i].ov));
		is_cancelled(sock, &ops[i]);
		done(&ops[i]);
	}
	for (i = 0; i < MANY; i++) {
		init(&ops[i], event);
		assert_int_equal(post(sock, &ops[i], 32), WSA_IO_PENDING);
		assert_true(is_stored(&ops[i]));
	}
}

static inline void done_many(void)
{
	int i;

	for (i = 0; i < MANY; i++)
		done(&ops[i]);
}

static inline void snd_nr(int i)
{
	char text[16];

	snprintf(text, sizeof(text), "nr %d", i);
	snd(text, strlen(text));
}

static inline void comes_nr(struct op *op, int i)
{
	char text[16];

	snprintf(text, sizeof(text), "nr %d", i);
	comes(r, op, text);
}

/* Of the ops one by one, each with four bytes. */
static unsigned int called;

static void CALLBACK routine(DWORD error, DWORD bytes, LPWSAOVERLAPPED ov,
			     DWORD flags)
{
	assert_int_equal(error, 0);
	assert_int_equal(flags, 0);
	assert_int_equal(bytes, 4);
	assert_ptr_equal(ov, &ops[called].ov);
	called++;
}

/* Each test has sockets of its own. */
static inline int setup(void **state)
{
	(void)state;
	r = new_socket(WSA_FLAG_OVERLAPPED, &r_addr);
	s = new_socket(WSA_FLAG_OVERLAPPED, &s_addr_in);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	closesocket(r);
	closesocket(s);
	return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static inline int run_stored(const char *name, const struct CMUnitTest *tests,
			     size_t n)
{
	WSADATA data;

	if (WSAStartup(MAKEWORD(2, 2), &data))
		return 1;
	return _cmocka_run_group_tests(name, tests, n, NULL, NULL);
}

#endif /* WINSOCK_STORED_H */
