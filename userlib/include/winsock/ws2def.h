/* SPDX-License-Identifier: MIT */
/*
 * Types and constants of Winsock's <ws2def.h>.
 *
 * A constant that the C library defines keeps the C library's value (AF_INET6,
 * SOL_SOCKET, MSG_PEEK), so that Winsock calls and native calls mix.  Only what
 * Windows alone has gets Windows' value.
 */
#ifndef ODGRAM_WS2DEF_H
#define ODGRAM_WS2DEF_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <windows.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The C library has these, except in its strict ISO mode.  u_long is its own. */
#ifndef __u_char_defined
typedef unsigned char	u_char;
typedef unsigned short	u_short;
typedef unsigned int	u_int;
typedef unsigned long	u_long;
#define __u_char_defined
#endif

typedef USHORT				ADDRESS_FAMILY;
typedef struct in_addr			IN_ADDR, *PIN_ADDR, *LPIN_ADDR;
typedef struct in6_addr			IN6_ADDR, *PIN6_ADDR, *LPIN6_ADDR;
typedef struct sockaddr			SOCKADDR, *PSOCKADDR, *LPSOCKADDR;
typedef struct sockaddr_in		SOCKADDR_IN, *PSOCKADDR_IN, *LPSOCKADDR_IN;
typedef struct sockaddr_in6		SOCKADDR_IN6, *PSOCKADDR_IN6, *LPSOCKADDR_IN6;
typedef struct sockaddr_storage		SOCKADDR_STORAGE, *PSOCKADDR_STORAGE,
					*LPSOCKADDR_STORAGE;

typedef union _SOCKADDR_INET {
	SOCKADDR_IN	Ipv4;
	SOCKADDR_IN6	Ipv6;
	ADDRESS_FAMILY	si_family;
} SOCKADDR_INET, *PSOCKADDR_INET;

typedef struct _WSABUF {
	ULONG	len;
	CHAR	*buf;
} WSABUF, *LPWSABUF;

ODG_STATIC_ASSERT(sizeof(WSABUF) == 16 || sizeof(void *) != 8, "B-L1");
ODG_STATIC_ASSERT(offsetof(WSABUF, buf) == 8 || sizeof(void *) != 8, "B-L1");

/* In lpFlags.  Linux has another meaning for the same bit: MSG_MORE, of sends. */
#define MSG_PARTIAL	0x8000

/* In WSAMSG.dwFlags after a receive.  MSG_TRUNC and MSG_CTRUNC are Linux's. */
#define MSG_BCAST	0x0400
#define MSG_MCAST	0x0800

typedef struct _WSAMSG {
	LPSOCKADDR	name;
	INT		namelen;
	LPWSABUF	lpBuffers;
	ULONG		dwBufferCount;
	WSABUF		Control;
	ULONG		dwFlags;
} WSAMSG, *PWSAMSG, *LPWSAMSG;

ODG_STATIC_ASSERT(sizeof(WSAMSG) == 56 || sizeof(void *) != 8, "B-L4");

/* The same shape as the C library's struct cmsghdr. */
typedef struct _WSACMSGHDR {
	SIZE_T	cmsg_len;
	INT	cmsg_level;
	INT	cmsg_type;
} WSACMSGHDR, *PWSACMSGHDR, *LPWSACMSGHDR;

typedef WSACMSGHDR CMSGHDR, *PCMSGHDR;

ODG_STATIC_ASSERT(sizeof(WSACMSGHDR) == 16 || sizeof(void *) != 8, "B-L5");

#define WSA_CMSGDATA_ALIGN(n)	(((n) + sizeof(SIZE_T) - 1) & ~(sizeof(SIZE_T) - 1))
#define WSA_CMSGHDR_ALIGN(n)	WSA_CMSGDATA_ALIGN(n)
#define WSA_CMSG_DATA(c) \
	((PUCHAR)(c) + WSA_CMSGDATA_ALIGN(sizeof(WSACMSGHDR)))
#define WSA_CMSG_LEN(n)		(WSA_CMSGDATA_ALIGN(sizeof(WSACMSGHDR)) + (n))
#define WSA_CMSG_SPACE(n) \
	(WSA_CMSGDATA_ALIGN(sizeof(WSACMSGHDR)) + WSA_CMSGHDR_ALIGN(n))
#define WSA_CMSG_FIRSTHDR(msg) \
	((msg)->Control.len >= sizeof(WSACMSGHDR) ? \
	 (LPWSACMSGHDR)(void *)(msg)->Control.buf : (LPWSACMSGHDR)NULL)
#define WSA_CMSG_NXTHDR(msg, c) \
	(!(c) ? WSA_CMSG_FIRSTHDR(msg) : \
	 (PUCHAR)(c) + WSA_CMSGHDR_ALIGN((c)->cmsg_len) + sizeof(WSACMSGHDR) > \
	 (PUCHAR)(msg)->Control.buf + (msg)->Control.len ? (LPWSACMSGHDR)NULL : \
	 (LPWSACMSGHDR)(void *)((PUCHAR)(c) + WSA_CMSGHDR_ALIGN((c)->cmsg_len)))

/*
 * Socket options that only Windows has.  SO_RCVTIMEO and SO_SNDTIMEO take four
 * bytes of milliseconds, or the C library's struct timeval.
 */
#define SO_EXCLUSIVEADDRUSE	((int)(~SO_REUSEADDR))
#define SO_MAX_MSG_SIZE		0x2003
#define SO_PROTOCOL_INFOA	0x2004
#define SO_PROTOCOL_INFOW	0x2005
#define SO_OPENTYPE		0x7008		/* of the thread, not of a socket */
#define SO_SYNCHRONOUS_ALERT	0x10
#define SO_SYNCHRONOUS_NONALERT	0x20

/* WSAIoctl().  FIONBIO and FIONREAD are the C library's. */
#define SIO_ENABLE_CIRCULAR_QUEUEING	0x28000002U
#define SIO_FLUSH			0x28000004U
#define SIO_GET_BROADCAST_ADDRESS	0x48000005U
#define SIO_GET_EXTENSION_FUNCTION_POINTER 0xc8000006U
#define SIO_MULTIPOINT_LOOPBACK		0x88000009U	/* BOOL */
#define SIO_MULTICAST_SCOPE		0x8800000aU	/* int */
#define SIO_ROUTING_INTERFACE_QUERY	0xc8000014U
#define SIO_ROUTING_INTERFACE_CHANGE	0x88000015U
#define SIO_ADDRESS_LIST_QUERY		0x48000016U
#define SIO_ADDRESS_LIST_CHANGE		0x28000017U
#define SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER 0xc8000024U
#define SIO_GET_INTERFACE_LIST		0x4004747fU

typedef struct _SOCKET_ADDRESS {
	LPSOCKADDR	lpSockaddr;
	INT		iSockaddrLength;
} SOCKET_ADDRESS, *PSOCKET_ADDRESS, *LPSOCKET_ADDRESS;

typedef struct _SOCKET_ADDRESS_LIST {
	INT		iAddressCount;
	SOCKET_ADDRESS	Address[1];
} SOCKET_ADDRESS_LIST, *PSOCKET_ADDRESS_LIST, *LPSOCKET_ADDRESS_LIST;

#ifdef __cplusplus
}
#endif

#endif /* ODGRAM_WS2DEF_H */
