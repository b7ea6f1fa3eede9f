/* SPDX-License-Identifier: MIT */
/*
 * Winsock's <ws2tcpip.h>: names are the C library's own; options and control
 * messages of IP and UDP.
 *
 * An option that Linux has under the same name keeps Linux's number, also where
 * its meaning differs: setsockopt() translates (IPV6_PKTINFO with four bytes asks
 * to be told, as on Windows).  Numbers of options that only Windows has would
 * collide with Linux's at the same level; they are moved up by 0x10000.
 */
#ifndef ODGRAM_WS2TCPIP_H
#define ODGRAM_WS2TCPIP_H

#include <net/if.h>
#include <netdb.h>
#include <netinet/udp.h>
#include <winsock2.h>

typedef struct addrinfo ADDRINFOA, *PADDRINFOA;

/* In a control message of type IP_PKTINFO.  The C library's in_pktinfo is another. */
typedef struct _IN_PKTINFO {
	IN_ADDR	ipi_addr;		/* where it was sent to; of a send: from */
	ULONG	ipi_ifindex;
} IN_PKTINFO, *PIN_PKTINFO;

typedef struct _IN6_PKTINFO {
	IN6_ADDR ipi6_addr;
	ULONG	ipi6_ifindex;
} IN6_PKTINFO, *PIN6_PKTINFO;

ODG_STATIC_ASSERT(sizeof(IN_PKTINFO) == 8, "B-L6");
ODG_STATIC_ASSERT(sizeof(IN6_PKTINFO) == 20, "B-L7");

typedef struct ip_mreq			IP_MREQ, *PIP_MREQ;
typedef struct ip_mreq_source		IP_MREQ_SOURCE, *PIP_MREQ_SOURCE;
typedef struct ipv6_mreq		IPV6_MREQ, *PIPV6_MREQ;
typedef struct group_req		GROUP_REQ, *PGROUP_REQ;
typedef struct group_source_req		GROUP_SOURCE_REQ, *PGROUP_SOURCE_REQ;

#define IP_DONTFRAGMENT		0x1000e		/* BOOL, default FALSE */
#define IP_RECEIVE_BROADCAST	0x10016		/* BOOL, always TRUE */
#define IP_HOPLIMIT		IP_RECVTTL
#ifndef IP_RECVTCLASS
#define IP_RECVTCLASS		IP_RECVTOS
#endif

/* IPPROTO_UDP; DWORD */
#define UDP_SEND_MSG_SIZE		2
#define UDP_RECV_MAX_COALESCED_SIZE	3
#define UDP_COALESCED_INFO		3	/* control message, DWORD */

/* SIO_GET_INTERFACE_LIST: flags are the IFF_ of <net/if.h> */
#define IFF_POINTTOPOINT	IFF_POINTOPOINT

typedef union sockaddr_gen {
	struct sockaddr		Address;
	struct sockaddr_in	AddressIn;
	char			AddressIn6[24];
} sockaddr_gen;

typedef struct _INTERFACE_INFO {
	ULONG		iiFlags;
	sockaddr_gen	iiAddress;
	sockaddr_gen	iiBroadcastAddress;
	sockaddr_gen	iiNetmask;
} INTERFACE_INFO, *LPINTERFACE_INFO;

ODG_STATIC_ASSERT(sizeof(INTERFACE_INFO) == 76, "INTERFACE_INFO");

#endif /* ODGRAM_WS2TCPIP_H */
