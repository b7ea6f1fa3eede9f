/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the Winsock face share.  R is the receiver under test, S sends;
 * both on the loopback.  Outputs are poisoned, and a test waits for conditions only.
 */
#ifndef HELPERS_WINSOCK_H
#define HELPERS_WINSOCK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include "winsock_env.h"

#define POISON		0xdeadbeefU
#define PAGE		4096U
#define LONG_MS		(8000 * slow())	/* nothing takes so long */

extern SOCKET r, s;
extern SOCKADDR_IN r_addr, s_addr_in;

/* cmocka's group fixtures: WSAStartup(), R and S. */
int open_both(void **state);
int close_both(void **state);

/* Overlapped or not as @flags say, bound to the loopback. */
SOCKET new_socket(DWORD flags, SOCKADDR_IN *addr);
void snd(const void *data, size_t n);	/* from S to R */
/* Waits until what was sent over lo has been dealt with; see settle() in helpers.h. */
void settle(void);
/* Both: it is with R when that returns. */
void put(const void *data, size_t n);

/* One receive and all it writes to. */
struct op {
	WSAOVERLAPPED ov;
	SOCKADDR_STORAGE from;
	int fromlen;
	DWORD bytes;
	DWORD flags;
	char data[64];
};

void init(struct op *op, bool event);
void done(struct op *op);
/* Into the first @len bytes of op->data.  The error, 0 if done at once. */
int post(SOCKET sock, struct op *op, ULONG len);
int receive(SOCKET sock, struct op *op, ULONG len);	/* lpOverlapped NULL */
DWORD wait_event(HANDLE ev, DWORD ms);
/* Of WSAGetOverlappedResult(), its outputs in @op. */
int result(SOCKET sock, struct op *op, BOOL wait);
/* @op holds these, from S, and nothing else was written. */
void expect(struct op *op, const char *data, DWORD n);

#endif /* HELPERS_WINSOCK_H */
