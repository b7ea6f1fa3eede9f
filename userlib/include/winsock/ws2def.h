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

#ifdef __cplusplus
}
#endif

#endif /* ODGRAM_WS2DEF_H */
