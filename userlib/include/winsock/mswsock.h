/* SPDX-License-Identifier: MIT */
/* Winsock's <mswsock.h>: functions got by SIO_GET_EXTENSION_FUNCTION_POINTER. */
#ifndef ODGRAM_MSWSOCK_H
#define ODGRAM_MSWSOCK_H

#include <mswsockdef.h>
#include <winsock2.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WSAID_WSARECVMSG \
	{ 0xf689d7c8, 0x6f1f, 0x436b, \
	  { 0x8a, 0x53, 0xe5, 0x4f, 0xe3, 0x51, 0xc3, 0x22 } }
#define WSAID_WSASENDMSG \
	{ 0xa441e712, 0x754f, 0x43ca, \
	  { 0x84, 0xa7, 0x0d, 0xee, 0x44, 0xcf, 0x60, 0x6d } }

typedef INT (PASCAL FAR *LPFN_WSARECVMSG)(SOCKET s, LPWSAMSG lpMsg,
	LPDWORD lpdwNumberOfBytesRecvd, LPWSAOVERLAPPED lpOverlapped,
	LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine);
typedef INT (PASCAL FAR *LPFN_WSASENDMSG)(SOCKET s, LPWSAMSG lpMsg,
	DWORD dwFlags, LPDWORD lpNumberOfBytesSent, LPWSAOVERLAPPED lpOverlapped,
	LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine);

#define SIO_UDP_CONNRESET	0x9800000cU	/* BOOL: report 10054 */
#define SIO_UDP_NETRESET	0x9800000fU	/* BOOL: report 10052 */
#define SIO_BASE_HANDLE		0x48000022U
#define SIO_TIMESTAMPING	0x980000ebU

/*
 * SIO_TIMESTAMPING: WSARecvMsg() tells when a datagram arrived, in a control
 * message of level SOL_SOCKET and type SO_TIMESTAMP.  A UINT64, as on Windows;
 * not QueryPerformanceCounter's units but nanoseconds of CLOCK_REALTIME.
 */
typedef struct _TIMESTAMPING_CONFIG {
	ULONG	Flags;
	USHORT	TxTimestampsBuffered;
} TIMESTAMPING_CONFIG, *PTIMESTAMPING_CONFIG;

#define TIMESTAMPING_FLAG_RX	0x1
#define TIMESTAMPING_FLAG_TX	0x2

#ifdef __cplusplus
}
#endif

#endif /* ODGRAM_MSWSOCK_H */
