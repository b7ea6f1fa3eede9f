/* SPDX-License-Identifier: MIT */
/*
 * What the tests of registered I/O share: the functions, and a rig of a receiving
 * socket (R), its request queue, a completion queue and a registered buffer.
 */
#ifndef RIO_H
#define RIO_H

#include <mswsock.h>

/* mingw's <mswsock.h> has none of it: ours stands in. */
#ifndef RIO_MAX_CQ_SIZE
#include <mswsockdef.h>
#endif

#ifndef SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER
#define SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER 0xc8000024U
#endif
#ifndef WSA_FLAG_REGISTERED_IO
#define WSA_FLAG_REGISTERED_IO 0x100
#endif

#define RIG_CONTEXT	0x1234

struct rig {
	RIO_CQ cq;
	RIO_RQ rq;
	RIO_BUFFERID id;
	char *mem;
	size_t size;
	ULONGLONG context;	/* SocketContext */
	HANDLE event;		/* or completion port */
};

static RIO_EXTENSION_FUNCTION_TABLE rio;

static inline SOCKET rio_udp(void)
{
	return udp(WSA_FLAG_REGISTERED_IO | WSA_FLAG_OVERLAPPED);
}

/* rio_start - get the functions, or skip the test */
static inline void rio_start(void)
{
	GUID id = WSAID_MULTIPLE_RIO;
	DWORD got;

	if (rio.cbSize)
		return;
	if (!WSAIoctl(udp(0), SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER, &id,
		      sizeof(id), &rio, sizeof(rio), &got, NULL, NULL))
		return;
	if (under_wine())
		SKIP("Wine has no registered I/O");
	FAIL("no functions: error %d", WSAGetLastError());
}

static inline void refused_cq(DWORD size, PRIO_NOTIFICATION_COMPLETION how,
			      int err)
{
	WSASetLastError(0);
	CHECK(rio.RIOCreateCompletionQueue(size, how) == RIO_INVALID_CQ);
	EQ(WSAGetLastError(), err);
}

static inline RIO_RQ make_rq(SOCKET s, RIO_CQ cq, ULONG receives, ULONG sends)
{
	WSASetLastError(0);
	return rio.RIOCreateRequestQueue(s, receives, 1, sends, 1, cq, cq, NULL);
}

/* rig_on - R and S bound to the loopback; for @s, which is one of them, the queues */
static inline struct rig *rig_on(SOCKET s, ULONG receives, ULONG sends,
				 DWORD cq_size, RIO_NOTIFICATION_COMPLETION *how)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	bind_lo(R, &RA);
	bind_lo(S, &SA);
	rig->size = page_size();
	rig->mem = pages(1);
	memset(rig->mem, POISON_BYTE, rig->size);
	rig->id = rio.RIORegisterBuffer(rig->mem, (DWORD)rig->size);
	CHECK(rig->id != RIO_INVALID_BUFFERID);
	rig->cq = rio.RIOCreateCompletionQueue(cq_size, how);
	CHECK(rig->cq != RIO_INVALID_CQ);
	rig->rq = rio.RIOCreateRequestQueue(s, receives, 1, sends, 1, rig->cq,
					    rig->cq, (PVOID)RIG_CONTEXT);
	CHECK(rig->rq != RIO_INVALID_RQ);
	rig->context = RIG_CONTEXT;
	return rig;
}

/* rig_new - R with a request queue for receives */
static inline struct rig *
rig_new_notified(ULONG receives, DWORD cq_size, RIO_NOTIFICATION_COMPLETION *how)
{
	rio_start();
	R = rio_udp();
	S = udp(WSA_FLAG_OVERLAPPED);
	return rig_on(R, receives, 0, cq_size, how);
}

static inline struct rig *rig_new(ULONG receives, DWORD cq_size)
{
	return rig_new_notified(receives, cq_size, NULL);
}

static inline BOOL rig_post_flags(struct rig *rig, ULONG offset, ULONG len,
				  int context, DWORD flags)
{
	RIO_BUF piece = { rig->id, offset, len };

	return rio.RIOReceive(rig->rq, &piece, 1, flags,
			      (PVOID)(ULONG_PTR)context);
}

static inline BOOL rig_post(struct rig *rig, ULONG offset, ULONG len, int context)
{
	return rig_post_flags(rig, offset, len, context, 0);
}

/* rig_wait - for one completion */
static inline void rig_wait(struct rig *rig, RIORESULT *res)
{
	ULONG n = 0;

	memset(res, POISON_BYTE, sizeof(*res));
	UNTIL((n = rio.RIODequeueCompletion(rig->cq, res, 1)) != 0);
	EQ(n, 1);
}

static inline bool rig_empty(struct rig *rig)
{
	RIORESULT res;

	return rio.RIODequeueCompletion(rig->cq, &res, 1) == 0;
}

/* rig_works - with nothing pending: one datagram there and taken */
static inline void rig_works(struct rig *rig)
{
	RIORESULT res;

	memset(rig->mem, POISON_BYTE, rig->size);
	CHECK(rig_post(rig, 0, 50, 77));
	snd(33);
	rig_wait(rig, &res);
	EQ(res.Status, 0);
	EQ(res.BytesTransferred, 33);
	EQ(res.RequestContext, 77);
	EQ(res.SocketContext, rig->context);
	CHECK(letters(rig->mem, 33));
	CHECK(filled(rig->mem + 33, POISON_BYTE, rig->size - 33));
}

#endif /* RIO_H */
