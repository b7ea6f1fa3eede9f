/* SPDX-License-Identifier: MIT */
/*
 * Winsock's <winsock2.h> over odgram: overlapped receives on Linux UDP sockets.
 *
 * SOCKET is an ordinary descriptor.  bind(), setsockopt(), sendto() and the like
 * follow Windows' rules in a source that includes this (odgram_calls.h); others
 * in the same program may use the C library's on the same socket, and
 * WSAGetLastError() knows their errors, too.  odgram-winsock(7) lists what differs
 * from Windows.
 */
#ifndef ODGRAM_WINSOCK2_H
#define ODGRAM_WINSOCK2_H

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <windows.h>
#include <ws2def.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WSAAPI

typedef UINT_PTR	SOCKET;
typedef HANDLE		WSAEVENT, *LPWSAEVENT;
typedef OVERLAPPED	WSAOVERLAPPED, *LPWSAOVERLAPPED;
typedef unsigned int	GROUP;

#define INVALID_SOCKET		((SOCKET)~0)
#define SOCKET_ERROR		(-1)
#define FROM_PROTOCOL_INFO	(-1)

#ifndef SD_RECEIVE
#define SD_RECEIVE		SHUT_RD
#define SD_SEND			SHUT_WR
#define SD_BOTH			SHUT_RDWR
#endif

#define WSADESCRIPTION_LEN	256
#define WSASYS_STATUS_LEN	128

typedef struct WSAData {
	WORD		wVersion;
	WORD		wHighVersion;
	unsigned short	iMaxSockets;
	unsigned short	iMaxUdpDg;
	char		*lpVendorInfo;
	char		szDescription[WSADESCRIPTION_LEN + 1];
	char		szSystemStatus[WSASYS_STATUS_LEN + 1];
} WSADATA, *LPWSADATA;

ODG_STATIC_ASSERT(sizeof(WSADATA) == 408 || sizeof(void *) != 8, "B-L8");
ODG_STATIC_ASSERT(offsetof(WSADATA, szSystemStatus) == 273 ||
		  sizeof(void *) != 8, "B-L8");

#define MAX_PROTOCOL_CHAIN	7
#define WSAPROTOCOL_LEN		255

typedef struct _WSAPROTOCOLCHAIN {
	int	ChainLen;
	DWORD	ChainEntries[MAX_PROTOCOL_CHAIN];
} WSAPROTOCOLCHAIN, *LPWSAPROTOCOLCHAIN;

typedef struct _WSAPROTOCOL_INFOA {
	DWORD	dwServiceFlags1;
	DWORD	dwServiceFlags2;
	DWORD	dwServiceFlags3;
	DWORD	dwServiceFlags4;
	DWORD	dwProviderFlags;
	GUID	ProviderId;
	DWORD	dwCatalogEntryId;
	WSAPROTOCOLCHAIN ProtocolChain;
	int	iVersion;
	int	iAddressFamily;
	int	iMaxSockAddr;
	int	iMinSockAddr;
	int	iSocketType;
	int	iProtocol;
	int	iProtocolMaxOffset;
	int	iNetworkByteOrder;
	int	iSecurityScheme;
	DWORD	dwMessageSize;
	DWORD	dwProviderReserved;
	CHAR	szProtocol[WSAPROTOCOL_LEN + 1];
} WSAPROTOCOL_INFOA, *LPWSAPROTOCOL_INFOA;

typedef struct _WSAPROTOCOL_INFOW {
	DWORD	dwServiceFlags1;
	DWORD	dwServiceFlags2;
	DWORD	dwServiceFlags3;
	DWORD	dwServiceFlags4;
	DWORD	dwProviderFlags;
	GUID	ProviderId;
	DWORD	dwCatalogEntryId;
	WSAPROTOCOLCHAIN ProtocolChain;
	int	iVersion;
	int	iAddressFamily;
	int	iMaxSockAddr;
	int	iMinSockAddr;
	int	iSocketType;
	int	iProtocol;
	int	iProtocolMaxOffset;
	int	iNetworkByteOrder;
	int	iSecurityScheme;
	DWORD	dwMessageSize;
	DWORD	dwProviderReserved;
	WCHAR	szProtocol[WSAPROTOCOL_LEN + 1];
} WSAPROTOCOL_INFOW, *LPWSAPROTOCOL_INFOW;

#define XP1_CONNECTIONLESS		0x00000001
#define XP1_GUARANTEED_DELIVERY		0x00000002
#define XP1_GUARANTEED_ORDER		0x00000004
#define XP1_MESSAGE_ORIENTED		0x00000008
#define XP1_SUPPORT_BROADCAST		0x00000200
#define XP1_SUPPORT_MULTIPOINT		0x00000400
#define XP1_IFS_HANDLES			0x00020000
#define PFL_MATCHES_PROTOCOL_ZERO	0x00000008
#define BIGENDIAN			0x0000
#define SECURITY_PROTOCOL_NONE		0x0000

/* Accepted where a call has it, and not looked into. */
typedef struct _QualityOfService *LPQOS;

#define JL_SENDER_ONLY		0x01
#define JL_RECEIVER_ONLY	0x02
#define JL_BOTH			0x04

#define FD_READ		0x01
#define FD_WRITE	0x02
#define FD_OOB		0x04
#define FD_ACCEPT	0x08
#define FD_CONNECT	0x10
#define FD_CLOSE	0x20
#define FD_READ_BIT	0
#define FD_WRITE_BIT	1
#define FD_OOB_BIT	2
#define FD_ACCEPT_BIT	3
#define FD_CONNECT_BIT	4
#define FD_CLOSE_BIT	5
#define FD_MAX_EVENTS	10

typedef struct _WSANETWORKEVENTS {
	LONG	lNetworkEvents;
	int	iErrorCode[FD_MAX_EVENTS];
} WSANETWORKEVENTS, *LPWSANETWORKEVENTS;

/* Events are those of poll(2). */
typedef struct pollfd_windows {
	SOCKET	fd;
	SHORT	events;
	SHORT	revents;
} WSAPOLLFD, *PWSAPOLLFD, *LPWSAPOLLFD;

typedef void (CALLBACK *LPWSAOVERLAPPED_COMPLETION_ROUTINE)(DWORD dwError,
	DWORD cbTransferred, LPWSAOVERLAPPED lpOverlapped, DWORD dwFlags);

#define WSA_FLAG_OVERLAPPED		0x01
#define WSA_FLAG_MULTIPOINT_C_ROOT	0x02
#define WSA_FLAG_MULTIPOINT_C_LEAF	0x04
#define WSA_FLAG_MULTIPOINT_D_ROOT	0x08
#define WSA_FLAG_MULTIPOINT_D_LEAF	0x10
#define WSA_FLAG_ACCESS_SYSTEM_SECURITY	0x40
#define WSA_FLAG_NO_HANDLE_INHERIT	0x80
#define WSA_FLAG_REGISTERED_IO		0x100

#define WSA_INVALID_EVENT		((WSAEVENT)NULL)
#define WSA_MAXIMUM_WAIT_EVENTS		MAXIMUM_WAIT_OBJECTS
#define WSA_INFINITE			INFINITE
#define WSA_WAIT_EVENT_0		WAIT_OBJECT_0
#define WSA_WAIT_IO_COMPLETION		WAIT_IO_COMPLETION
#define WSA_WAIT_TIMEOUT		WAIT_TIMEOUT
#define WSA_WAIT_FAILED			WAIT_FAILED

#define WSA_INVALID_HANDLE	ERROR_INVALID_HANDLE
#define WSA_NOT_ENOUGH_MEMORY	ERROR_NOT_ENOUGH_MEMORY
#define WSA_INVALID_PARAMETER	ERROR_INVALID_PARAMETER
#define WSA_OPERATION_ABORTED	ERROR_OPERATION_ABORTED
#define WSA_IO_INCOMPLETE	ERROR_IO_INCOMPLETE
#define WSA_IO_PENDING		ERROR_IO_PENDING

#define WSAEINTR		10004
#define WSAEBADF		10009
#define WSAEACCES		10013
#define WSAEFAULT		10014
#define WSAEINVAL		10022
#define WSAEMFILE		10024
#define WSAEWOULDBLOCK		10035
#define WSAEINPROGRESS		10036
#define WSAEALREADY		10037
#define WSAENOTSOCK		10038
#define WSAEDESTADDRREQ		10039
#define WSAEMSGSIZE		10040
#define WSAEPROTOTYPE		10041
#define WSAENOPROTOOPT		10042
#define WSAEPROTONOSUPPORT	10043
#define WSAESOCKTNOSUPPORT	10044
#define WSAEOPNOTSUPP		10045
#define WSAEPFNOSUPPORT		10046
#define WSAEAFNOSUPPORT		10047
#define WSAEADDRINUSE		10048
#define WSAEADDRNOTAVAIL	10049
#define WSAENETDOWN		10050
#define WSAENETUNREACH		10051
#define WSAENETRESET		10052
#define WSAECONNABORTED		10053
#define WSAECONNRESET		10054
#define WSAENOBUFS		10055
#define WSAEISCONN		10056
#define WSAENOTCONN		10057
#define WSAESHUTDOWN		10058
#define WSAETOOMANYREFS		10059
#define WSAETIMEDOUT		10060
#define WSAECONNREFUSED		10061
#define WSAELOOP		10062
#define WSAENAMETOOLONG		10063
#define WSAEHOSTDOWN		10064
#define WSAEHOSTUNREACH		10065
#define WSAENOTEMPTY		10066
#define WSAEPROCLIM		10067
#define WSAEUSERS		10068
#define WSAEDQUOT		10069
#define WSAESTALE		10070
#define WSAEREMOTE		10071
#define WSASYSNOTREADY		10091
#define WSAVERNOTSUPPORTED	10092
#define WSANOTINITIALISED	10093
#define WSAEDISCON		10101
#define WSAENOMORE		10102
#define WSAECANCELLED		10103
#define WSAEINVALIDPROCTABLE	10104
#define WSAEINVALIDPROVIDER	10105
#define WSAEPROVIDERFAILEDINIT	10106
#define WSASYSCALLFAILURE	10107
#define WSA_E_NO_MORE		10110
#define WSA_E_CANCELLED		10111
#define WSAEREFUSED		10112

int WSAAPI WSAStartup(WORD wVersionRequested, LPWSADATA lpWSAData);
int WSAAPI WSACleanup(void);
int WSAAPI WSAGetLastError(void);
void WSAAPI WSASetLastError(int iError);

SOCKET WSAAPI WSASocketA(int af, int type, int protocol,
			 LPWSAPROTOCOL_INFOA lpProtocolInfo, GROUP g,
			 DWORD dwFlags);
SOCKET WSAAPI WSASocketW(int af, int type, int protocol,
			 LPWSAPROTOCOL_INFOW lpProtocolInfo, GROUP g,
			 DWORD dwFlags);
int WSAAPI closesocket(SOCKET s);
int WSAAPI WSADuplicateSocketA(SOCKET s, DWORD dwProcessId,
			       LPWSAPROTOCOL_INFOA lpProtocolInfo);
int WSAAPI WSADuplicateSocketW(SOCKET s, DWORD dwProcessId,
			       LPWSAPROTOCOL_INFOW lpProtocolInfo);

/* argp points to the C library's u_long.  FIONBIO and FIONREAD. */
int WSAAPI ioctlsocket(SOCKET s, long cmd, u_long *argp);

int WSAAPI WSARecvFrom(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
		       LPDWORD lpNumberOfBytesRecvd, LPDWORD lpFlags,
		       struct sockaddr *lpFrom, LPINT lpFromlen,
		       LPWSAOVERLAPPED lpOverlapped,
		       LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine);
int WSAAPI WSARecv(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
		   LPDWORD lpNumberOfBytesRecvd, LPDWORD lpFlags,
		   LPWSAOVERLAPPED lpOverlapped,
		   LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine);
int WSAAPI WSASendTo(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
		     LPDWORD lpNumberOfBytesSent, DWORD dwFlags,
		     const struct sockaddr *lpTo, int iTolen,
		     LPWSAOVERLAPPED lpOverlapped,
		     LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine);
int WSAAPI WSASend(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
		   LPDWORD lpNumberOfBytesSent, DWORD dwFlags,
		   LPWSAOVERLAPPED lpOverlapped,
		   LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine);
int WSAAPI WSASendMsg(SOCKET s, LPWSAMSG lpMsg, DWORD dwFlags,
		      LPDWORD lpNumberOfBytesSent, LPWSAOVERLAPPED lpOverlapped,
		      LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine);
SOCKET WSAAPI WSAJoinLeaf(SOCKET s, const struct sockaddr *name, int namelen,
			  LPWSABUF lpCallerData, LPWSABUF lpCalleeData,
			  LPQOS lpSQOS, LPQOS lpGQOS, DWORD dwFlags);
int WSAAPI WSAEventSelect(SOCKET s, WSAEVENT hEventObject, LONG lNetworkEvents);
int WSAAPI WSAEnumNetworkEvents(SOCKET s, WSAEVENT hEventObject,
				LPWSANETWORKEVENTS lpNetworkEvents);
int WSAAPI WSAPoll(LPWSAPOLLFD fdArray, ULONG fds, INT timeout);
int WSAAPI WSAIoctl(SOCKET s, DWORD dwIoControlCode, LPVOID lpvInBuffer,
		    DWORD cbInBuffer, LPVOID lpvOutBuffer, DWORD cbOutBuffer,
		    LPDWORD lpcbBytesReturned, LPWSAOVERLAPPED lpOverlapped,
		    LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine);
BOOL WSAAPI WSAGetOverlappedResult(SOCKET s, LPWSAOVERLAPPED lpOverlapped,
				   LPDWORD lpcbTransfer, BOOL fWait,
				   LPDWORD lpdwFlags);

WSAEVENT WSAAPI WSACreateEvent(void);
BOOL WSAAPI WSASetEvent(WSAEVENT hEvent);
BOOL WSAAPI WSAResetEvent(WSAEVENT hEvent);
BOOL WSAAPI WSACloseEvent(WSAEVENT hEvent);
DWORD WSAAPI WSAWaitForMultipleEvents(DWORD cEvents, const WSAEVENT *lphEvents,
				      BOOL fWaitAll, DWORD dwTimeout,
				      BOOL fAlertable);

#ifdef UNICODE
#define WSASocket		WSASocketW
#define WSADuplicateSocket	WSADuplicateSocketW
#define WSAPROTOCOL_INFO	WSAPROTOCOL_INFOW
#define LPWSAPROTOCOL_INFO	LPWSAPROTOCOL_INFOW
#else
#define WSASocket		WSASocketA
#define WSADuplicateSocket	WSADuplicateSocketA
#define WSAPROTOCOL_INFO	WSAPROTOCOL_INFOA
#define LPWSAPROTOCOL_INFO	LPWSAPROTOCOL_INFOA
#endif

#include <odgram_calls.h>

#ifdef __cplusplus
}
#endif

#endif /* ODGRAM_WINSOCK2_H */
