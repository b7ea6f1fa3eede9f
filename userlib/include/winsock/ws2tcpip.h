/* SPDX-License-Identifier: MIT */
/* Winsock's <ws2tcpip.h>: addresses and names are the C library's own. */
#ifndef ODGRAM_WS2TCPIP_H
#define ODGRAM_WS2TCPIP_H

#include <netdb.h>
#include <winsock2.h>

typedef struct addrinfo ADDRINFOA, *PADDRINFOA;

#endif /* ODGRAM_WS2TCPIP_H */
