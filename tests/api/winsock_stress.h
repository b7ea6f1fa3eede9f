/* SPDX-License-Identifier: MIT */
/* Receives of all models that account for themselves, and where datagrams come to. */
#ifndef WINSOCK_STRESS_H
#define WINSOCK_STRESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include "winsock_env.h"

enum { SOCKETS = 4 };

/* The last two sockets are bound to the port. */
enum { FIRST_BOUND = 2, KEY = 77 };

enum { UNTOUCHED = 0xa5a5a5a5U };

enum model { EVENT, ROUTINE, SILENT, PACKET, PACKET_AND_EVENT, BLOCKING };

struct op {
	WSAOVERLAPPED ov;		/* first */
	WSABUF buf;
	uint32_t data[4];
	enum model model;
	int sock;
	bool pending;			/* its owner has not seen it end */
	bool watched;			/* its event is taken by its owner */
	atomic_uint calls, packets;
	HANDLE event;			/* auto-reset */
	DWORD flags;
	struct op *next;		/* of orphans */
};

static struct {
	SOCKET s;
	struct sockaddr_in at;
	atomic_uint sent, got;
	atomic_uchar *seen;
} target[SOCKETS];

static HANDLE port;
static atomic_uint errors, cancelled;

/* In any thread: counted, the first are said, and the test fails at the end. */
#define want(cond) \
	do { \
		if (!(cond) && atomic_fetch_add(&errors, 1) < 20) \
			fprintf(stderr, "# %s:%d: not true: %s\n", __FILE__, __LINE__, #cond); \
	} while (0)

static DWORD limit(void)
{
	return 5000 * slow();
}

static uint32_t check_of(uint32_t sock, uint32_t nr)
{
	return (sock * 31 + nr) * 2654435761u;
}

/* A datagram came with a receive on target[sock]. */
static void received(int sock, const uint32_t *data, DWORD bytes)
{
	want(bytes == 12);
	want(data[0] == (uint32_t)sock && data[2] == check_of(data[0], data[1]));
	want(data[1] < atomic_load(&target[sock].sent));
	want(!atomic_exchange(&target[sock].seen[data[1]], 1));
	atomic_fetch_add(&target[sock].got, 1);
}

/* The op has ended, and all that it asked for has come. */
static void ended(struct op *op)
{
	uint32_t status = (uint32_t)op->ov.Internal;

	want(status != STATUS_PENDING);
	op->pending = false;
	if (status == 0xC0000120U) {
		want(!op->ov.InternalHigh);
		atomic_fetch_add(&cancelled, 1);
		return;
	}
	want(!status);
	received(op->sock, op->data, (DWORD)op->ov.InternalHigh);
}

static void CALLBACK routine(DWORD error, DWORD bytes, LPWSAOVERLAPPED ov,
			     DWORD flags)
{
	struct op *op = (struct op *)ov;

	want(op->model == ROUTINE && op->pending);
	want(!flags);
	want(error == 0 || error == WSA_OPERATION_ABORTED);
	want(bytes == ov->InternalHigh);
	want(!atomic_fetch_add(&op->calls, 1));
}

static struct op *op_new(void)
{
	struct op *op = calloc(1, sizeof(*op));

	if (!op)
		abort();
	op->event = CreateEventA(NULL, FALSE, FALSE, NULL);
	want(op->event != NULL);
	op->buf.buf = (char *)op->data;
	op->buf.len = 12;
	return op;
}

static bool has_event(const struct op *op)
{
	return op->model == EVENT || op->model == PACKET_AND_EVENT;
}

/* On success the op is pending until ended(). */
static bool post(SOCKET s, int sock, struct op *op, enum model model)
{
	int rc;

	op->model = model;
	op->sock = sock;
	op->watched = false;
	op->flags = 0;
	atomic_store(&op->calls, 0);
	atomic_store(&op->packets, 0);
	memset(op->data, UNTOUCHED & 0xff, sizeof(op->data));
	op->ov.hEvent = has_event(op) ? op->event : NULL;
	op->pending = true;
	rc = WSARecvFrom(s, &op->buf, 1, NULL, &op->flags, NULL, NULL, &op->ov,
			 model == ROUTINE ? routine : NULL);
	if (rc && WSAGetLastError() != WSA_IO_PENDING) {
		op->pending = false;
		return false;
	}
	return true;
}

static void take_packets(DWORD ms, BOOL alertable)
{
	OVERLAPPED_ENTRY e[8];
	ULONG i, n;

	if (!GetQueuedCompletionStatusEx(port, e, 8, &n, ms, alertable))
		return;
	for (i = 0; i < n; i++) {
		struct op *op = (struct op *)e[i].lpOverlapped;

		want(e[i].lpCompletionKey == KEY);
		want(op->model >= PACKET);
		want((uint32_t)e[i].Internal == (uint32_t)op->ov.Internal);
		want(!atomic_fetch_add(&op->packets, 1));
	}
}

/* Whether all came that the op asked for; then it is free. */
static bool collect(struct op *op)
{
	if (op->model == ROUTINE && !atomic_load(&op->calls))
		return false;
	if (op->model >= PACKET && !atomic_load(&op->packets))
		return false;
	if (!HasOverlappedIoCompleted(&op->ov))
		return false;
	/* Its event is set by now, or about to be, once. */
	if (has_event(op) && !op->watched)
		want(!WaitForSingleObject(op->event, limit()));
	want(!has_event(op) || WaitForSingleObject(op->event, 0) == WAIT_TIMEOUT);
	ended(op);
	return true;
}

#endif /* WINSOCK_STRESS_H */
