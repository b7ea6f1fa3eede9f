/* SPDX-License-Identifier: MIT */
/*
 * Windows' registered I/O (RIO) over odgram: types, constants and the table of
 * functions.  odgram-rio(7) tells how they behave here.
 *
 * The functions have no names to link with, as on Windows: WSAIoctl() with
 * SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER and WSAID_MULTIPLE_RIO fills in
 * RIO_EXTENSION_FUNCTION_TABLE.
 *
 * Nothing here is odgram's own, so the header also serves a Windows compiler
 * whose <mswsock.h> has no registered I/O.
 */
#ifndef ODGRAM_MSWSOCKDEF_H
#define ODGRAM_MSWSOCKDEF_H

#include <winsock2.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque.  A value that is not, or no longer, valid is refused. */
typedef struct RIO_BUFFERID_t	*RIO_BUFFERID, **PRIO_BUFFERID;
typedef struct RIO_CQ_t		*RIO_CQ, **PRIO_CQ;
typedef struct RIO_RQ_t		*RIO_RQ, **PRIO_RQ;

#define RIO_INVALID_BUFFERID	((RIO_BUFFERID)(ULONG_PTR)0xFFFFFFFF)
#define RIO_INVALID_CQ		((RIO_CQ)0)
#define RIO_INVALID_RQ		((RIO_RQ)0)
#define RIO_MAX_CQ_SIZE		0x8000000
#define RIO_CORRUPT_CQ		0xFFFFFFFF

/* Flags of a request */
#define RIO_MSG_DONT_NOTIFY	0x00000001
#define RIO_MSG_DEFER		0x00000002
#define RIO_MSG_WAITALL		0x00000004	/* not on datagram sockets */
#define RIO_MSG_COMMIT_ONLY	0x00000008

/* A request's result */
typedef struct _RIORESULT {
	LONG		Status;		/* 0 or an error code */
	ULONG		BytesTransferred;
	ULONGLONG	SocketContext;
	ULONGLONG	RequestContext;
} RIORESULT, *PRIORESULT;

/* A piece of a registered buffer */
typedef struct _RIO_BUF {
	RIO_BUFFERID	BufferId;
	ULONG		Offset;		/* bytes from its beginning */
	ULONG		Length;		/* bytes */
} RIO_BUF, *PRIO_BUF;

/* In front of control data; TotalLength counts this header, too */
typedef struct _RIO_CMSG_BUFFER {
	ULONG		TotalLength;
} RIO_CMSG_BUFFER, *PRIO_CMSG_BUFFER;

#define RIO_CMSG_BASE_SIZE \
	((sizeof(RIO_CMSG_BUFFER) + sizeof(SIZE_T) - 1) & ~(sizeof(SIZE_T) - 1))

typedef enum _RIO_NOTIFICATION_COMPLETION_TYPE {
	RIO_EVENT_COMPLETION = 1,
	RIO_IOCP_COMPLETION = 2
} RIO_NOTIFICATION_COMPLETION_TYPE, *PRIO_NOTIFICATION_COMPLETION_TYPE;

typedef struct _RIO_NOTIFICATION_COMPLETION {
	RIO_NOTIFICATION_COMPLETION_TYPE Type;
	__extension__ union {
		struct {
			HANDLE	EventHandle;
			BOOL	NotifyReset;
		} Event;
		struct {
			HANDLE	IocpHandle;
			PVOID	CompletionKey;
			PVOID	Overlapped;
		} Iocp;
	};
} RIO_NOTIFICATION_COMPLETION, *PRIO_NOTIFICATION_COMPLETION;

typedef BOOL (WINAPI *LPFN_RIORECEIVE)(RIO_RQ SocketQueue, PRIO_BUF pData,
	ULONG DataBufferCount, DWORD Flags, PVOID RequestContext);

typedef int (WINAPI *LPFN_RIORECEIVEEX)(RIO_RQ SocketQueue, PRIO_BUF pData,
	ULONG DataBufferCount, PRIO_BUF pLocalAddress, PRIO_BUF pRemoteAddress,
	PRIO_BUF pControlContext, PRIO_BUF pFlags, DWORD Flags,
	PVOID RequestContext);

typedef BOOL (WINAPI *LPFN_RIOSEND)(RIO_RQ SocketQueue, PRIO_BUF pData,
	ULONG DataBufferCount, DWORD Flags, PVOID RequestContext);

typedef BOOL (WINAPI *LPFN_RIOSENDEX)(RIO_RQ SocketQueue, PRIO_BUF pData,
	ULONG DataBufferCount, PRIO_BUF pLocalAddress, PRIO_BUF pRemoteAddress,
	PRIO_BUF pControlContext, PRIO_BUF pFlags, DWORD Flags,
	PVOID RequestContext);

typedef VOID (WINAPI *LPFN_RIOCLOSECOMPLETIONQUEUE)(RIO_CQ CQ);

typedef RIO_CQ (WINAPI *LPFN_RIOCREATECOMPLETIONQUEUE)(DWORD QueueSize,
	PRIO_NOTIFICATION_COMPLETION NotificationCompletion);

typedef RIO_RQ (WINAPI *LPFN_RIOCREATEREQUESTQUEUE)(SOCKET Socket,
	ULONG MaxOutstandingReceive, ULONG MaxReceiveDataBuffers,
	ULONG MaxOutstandingSend, ULONG MaxSendDataBuffers, RIO_CQ ReceiveCQ,
	RIO_CQ SendCQ, PVOID SocketContext);

typedef ULONG (WINAPI *LPFN_RIODEQUEUECOMPLETION)(RIO_CQ CQ, PRIORESULT Array,
	ULONG ArraySize);

typedef VOID (WINAPI *LPFN_RIODEREGISTERBUFFER)(RIO_BUFFERID BufferId);

typedef INT (WINAPI *LPFN_RIONOTIFY)(RIO_CQ CQ);

typedef RIO_BUFFERID (WINAPI *LPFN_RIOREGISTERBUFFER)(PCHAR DataBuffer,
	DWORD DataLength);

typedef BOOL (WINAPI *LPFN_RIORESIZECOMPLETIONQUEUE)(RIO_CQ CQ, DWORD QueueSize);

typedef BOOL (WINAPI *LPFN_RIORESIZEREQUESTQUEUE)(RIO_RQ RQ,
	DWORD MaxOutstandingReceive, DWORD MaxOutstandingSend);

typedef struct _RIO_EXTENSION_FUNCTION_TABLE {
	DWORD				cbSize;
	LPFN_RIORECEIVE			RIOReceive;
	LPFN_RIORECEIVEEX		RIOReceiveEx;
	LPFN_RIOSEND			RIOSend;
	LPFN_RIOSENDEX			RIOSendEx;
	LPFN_RIOCLOSECOMPLETIONQUEUE	RIOCloseCompletionQueue;
	LPFN_RIOCREATECOMPLETIONQUEUE	RIOCreateCompletionQueue;
	LPFN_RIOCREATEREQUESTQUEUE	RIOCreateRequestQueue;
	LPFN_RIODEQUEUECOMPLETION	RIODequeueCompletion;
	LPFN_RIODEREGISTERBUFFER	RIODeregisterBuffer;
	LPFN_RIONOTIFY			RIONotify;
	LPFN_RIOREGISTERBUFFER		RIORegisterBuffer;
	LPFN_RIORESIZECOMPLETIONQUEUE	RIOResizeCompletionQueue;
	LPFN_RIORESIZEREQUESTQUEUE	RIOResizeRequestQueue;
} RIO_EXTENSION_FUNCTION_TABLE, *PRIO_EXTENSION_FUNCTION_TABLE;

#define WSAID_MULTIPLE_RIO \
	{ 0x8509e081, 0x96dd, 0x4005, \
	  { 0xb1, 0x65, 0x9e, 0x2e, 0xe8, 0xc7, 0x9e, 0x3f } }

#ifdef ODG_STATIC_ASSERT
ODG_STATIC_ASSERT(sizeof(RIO_BUF) == 16 || sizeof(void *) != 8, "B-L9");
ODG_STATIC_ASSERT(sizeof(RIORESULT) == 24, "B-L10");
ODG_STATIC_ASSERT(sizeof(RIO_NOTIFICATION_COMPLETION) == 32 ||
		  sizeof(void *) != 8, "B-L11");
ODG_STATIC_ASSERT(sizeof(RIO_EXTENSION_FUNCTION_TABLE) == 112 ||
		  sizeof(void *) != 8, "B-L12");
ODG_STATIC_ASSERT(sizeof(RIO_CMSG_BUFFER) == 4, "B-L13");
#endif

#ifdef __cplusplus
}
#endif

#endif /* ODGRAM_MSWSOCKDEF_H */
