// SPDX-License-Identifier: MIT
/*
 * Receives by registered I/O, until a datagram says "end".  Written for Windows,
 * and compiled here as it stands:
 *
 *	cc rio.c $(pkg-config --cflags --libs odgram-winsock)
 *	x86_64-w64-mingw32-gcc rio.c -lws2_32
 *
 * One registered buffer holds all slots: the data, and behind it the address of the
 * sender.  Each receive is posted again as soon as it was looked at.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winsock2.h>
#include <ws2tcpip.h>
#include <mswsock.h>
#ifndef RIO_MAX_CQ_SIZE
#include <mswsockdef.h>		/* where <mswsock.h> does not know it yet */
#endif

#ifndef SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER
#define SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER _WSAIORW(IOC_WS2, 36)
#endif
#ifndef WSA_FLAG_REGISTERED_IO
#define WSA_FLAG_REGISTERED_IO	0x100
#endif

#define SLOTS		64
#define DATA		2048
#define SLOT		(DATA + sizeof(SOCKADDR_INET))

static RIO_EXTENSION_FUNCTION_TABLE rio;
static char memory[SLOTS * SLOT];
static RIO_BUFFERID buffer;
static RIO_RQ requests;

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: error %d\n", what, WSAGetLastError());
	exit(1);
}

static void post(size_t slot, DWORD flags)
{
	RIO_BUF data = { buffer, (ULONG)(slot * SLOT), DATA };
	RIO_BUF from = { buffer, (ULONG)(slot * SLOT + DATA), sizeof(SOCKADDR_INET) };

	must(rio.RIOReceiveEx(requests, &data, 1, NULL, &from, NULL, NULL, flags,
			      (PVOID)slot), "RIOReceiveEx");
}

/* Returns whether it said "end". */
static int show(const RIORESULT *result)
{
	const char *data = memory + result->RequestContext * SLOT;
	struct sockaddr_in from;

	memcpy(&from, data + DATA, sizeof(from));
	if (result->Status)
		printf("error %d\n", (int)result->Status);
	else
		printf("%u bytes from port %u: %.*s\n",
		       (unsigned int)result->BytesTransferred,
		       ntohs(from.sin_port), (int)result->BytesTransferred, data);
	return result->BytesTransferred == 3 && !memcmp(data, "end", 3);
}

int main(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(27015) };
	RIO_NOTIFICATION_COMPLETION how = { .Type = RIO_EVENT_COMPLETION };
	GUID id = WSAID_MULTIPLE_RIO;
	RIORESULT results[16];
	int end = 0;
	ULONG i, n;
	size_t slot;
	WSADATA wsa;
	RIO_CQ done;
	DWORD got;
	SOCKET s;

	must(!WSAStartup(MAKEWORD(2, 2), &wsa), "WSAStartup");
	s = WSASocketW(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0,
		       WSA_FLAG_REGISTERED_IO);
	must(s != INVALID_SOCKET, "WSASocket");
	must(!bind(s, (struct sockaddr *)&at, sizeof(at)), "bind");
	must(!WSAIoctl(s, SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER, &id,
		       sizeof(id), &rio, sizeof(rio), &got, NULL, NULL),
	     "WSAIoctl");

	how.Event.EventHandle = CreateEventW(NULL, FALSE, FALSE, NULL);
	done = rio.RIOCreateCompletionQueue(SLOTS, &how);
	must(done != RIO_INVALID_CQ, "RIOCreateCompletionQueue");
	requests = rio.RIOCreateRequestQueue(s, SLOTS, 1, 0, 1, done, done, NULL);
	must(requests != RIO_INVALID_RQ, "RIOCreateRequestQueue");
	buffer = rio.RIORegisterBuffer(memory, sizeof(memory));
	must(buffer != RIO_INVALID_BUFFERID, "RIORegisterBuffer");

	/* All but the last are deferred: it starts them all. */
	for (slot = 0; slot < SLOTS; slot++)
		post(slot, slot < SLOTS - 1 ? RIO_MSG_DEFER : 0);

	while (!end) {
		rio.RIONotify(done);
		WaitForSingleObject(how.Event.EventHandle, INFINITE);
		while ((n = rio.RIODequeueCompletion(done, results, 16))) {
			must(n != RIO_CORRUPT_CQ, "RIODequeueCompletion");
			for (i = 0; i < n; i++) {
				end |= show(&results[i]);
				post(results[i].RequestContext, 0);
			}
		}
	}
	closesocket(s);
	rio.RIOCloseCompletionQueue(done);
	rio.RIODeregisterBuffer(buffer);
	WSACleanup();
	return 0;
}
