/* SPDX-License-Identifier: MIT */
/*
 * What the library's tests share.  They need no module; each output is poisoned
 * before the call that may fill it, and a test waits for a condition, never for
 * a guessed time.  Names begin with the row of the conformance list they check.
 */
#ifndef ODG_TESTS_LIB_TEST_H
#define ODG_TESTS_LIB_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#define POISON		0xdeadbeefU
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* fails(call, code): it failed, with this last error. */
#define fails(call, failure, code) do {					\
	WSASetLastError((int)POISON);					\
	assert_true((call) == (failure));				\
	assert_int_equal(WSAGetLastError(), (code));			\
} while (0)

static inline uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static inline int wsa_setup(void **state)
{
	WSADATA data;

	(void)state;
	return WSAStartup(MAKEWORD(2, 2), &data);
}

static inline int wsa_teardown(void **state)
{
	(void)state;
	return WSACleanup();
}

#endif /* ODG_TESTS_LIB_TEST_H */
